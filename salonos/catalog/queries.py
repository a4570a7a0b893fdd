"""Named reads that commands need."""

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Date,
    Select,
    String,
    Uuid,
    any_,
    bindparam,
    literal,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from salonos.catalog import tables
from salonos.kernel.database import Paise
from salonos.kernel.work import Work


class ItemKind(enum.Enum):
    """What a line sells."""

    SERVICE = "SERVICE"
    PRODUCT = "PRODUCT"


@dataclass(frozen=True)
class ItemForSale:
    """An item as it is sold on a date. `rate_hundredths` is None while its tax class has no rate on that date."""

    id: UUID
    kind: ItemKind
    description: str
    code: str
    price_paise: int
    tax_included: bool
    rate_hundredths: int | None
    unit_cost_paise: int | None
    is_sellable: bool
    takes_stock: bool
    """Whether selling it takes goods off the shelves: a product that is stocked, a service with a recipe."""


def rate_on(tax_class_id: ColumnElement[UUID], on: ColumnElement[date]) -> Select[int]:
    """The rate of a class on a date, as a correlated select of one column."""
    rate = tables.TaxRate
    return (
        select(rate.rate_hundredths)
        .where(rate.tax_class_id == tax_class_id, rate.valid_from <= on)
        .order_by(rate.valid_from.desc())
        .limit(1)
    )


def _items_for_sale() -> CompoundSelect[Any]:
    """Services and products by `service_ids` and `product_ids` as they are sold on the date `on`."""
    service, product, day = tables.Service, tables.Product, bindparam("on", type_=Date())
    services = select(
        service.id,
        literal(ItemKind.SERVICE.name, String()).label("kind"),
        service.name.label("description"),
        service.sac_code.label("code"),
        service.price_paise,
        service.price_includes_tax.label("tax_included"),
        rate_on(service.tax_class_id.expression, day).scalar_subquery().label("rate_hundredths"),
        null().cast(Paise).label("unit_cost_paise"),
        service.is_active.label("is_sellable"),
        service.has_recipe.label("takes_stock"),
    ).where(service.id == any_(bindparam("service_ids", type_=ARRAY(Uuid()))))
    products = select(
        product.id,
        literal(ItemKind.PRODUCT.name, String()),
        product.name,
        product.hsn_code,
        product.price_paise,
        product.price_includes_tax,
        rate_on(product.tax_class_id.expression, day).scalar_subquery(),
        product.unit_cost_paise,
        product.is_active & product.is_retail,
        product.is_stocked,
    ).where(product.id == any_(bindparam("product_ids", type_=ARRAY(Uuid()))))
    return union_all(services, products)


_ITEMS_FOR_SALE = _items_for_sale()


async def items_for_sale(
    work: Work, *, service_ids: Collection[UUID], product_ids: Collection[UUID], on: date
) -> Mapping[UUID, ItemForSale]:
    """Services and products by id as they are sold on a date, in one statement; unknown ids are missing."""
    given = {"service_ids": list(service_ids), "product_ids": list(product_ids), "on": on}
    rows = await work.session.execute(_ITEMS_FOR_SALE, given)
    return {row.id: ItemForSale(row.id, ItemKind[row.kind], *row[2:]) for row in rows}


@dataclass(frozen=True)
class PurchaseTax:
    """The tax on goods bought on a date, and whether it may be credited when they are sold."""

    rate_hundredths: int
    allows_input_credit: bool
    hsn_code: str


async def purchase_taxes(work: Work, product_ids: Collection[UUID], *, on: date) -> Mapping[UUID, PurchaseTax]:
    """Products' rates on a date, 0 without credit where a class has none yet; unknown ids are missing."""
    rate, product = tables.TaxRate, tables.Product
    newest = (
        select(rate.rate_hundredths, rate.allows_input_credit)
        .where(rate.tax_class_id == product.tax_class_id, rate.valid_from <= on)
        .order_by(rate.valid_from.desc())
        .limit(1)
        .lateral()
    )
    found = (
        select(product.id, newest.c.rate_hundredths, newest.c.allows_input_credit, product.hsn_code)
        .outerjoin(newest, true())
        .where(product.id.in_(product_ids))
    )
    rows = await work.session.execute(found)
    return {row[0]: PurchaseTax(row[1] or 0, bool(row[2]), row[3]) for row in rows}


async def service_for_update(work: Work, service_id: UUID) -> tables.Service | None:
    """A service, locked so that two changes of it follow one another."""
    found = select(tables.Service).where(tables.Service.id == service_id).with_for_update()
    return (await work.session.execute(found)).scalar_one_or_none()


async def product_for_update(work: Work, product_id: UUID) -> tables.Product | None:
    """A product, locked so that two changes of it follow one another."""
    found = select(tables.Product).where(tables.Product.id == product_id).with_for_update()
    return (await work.session.execute(found)).scalar_one_or_none()


async def product_by_code(work: Work, *, sku: str, barcode: str | None, but: UUID) -> tables.Product | None:
    """Another product that has a SKU or a barcode, that with the SKU first."""
    is_same = tables.Product.sku == sku
    if barcode is not None:
        is_same |= tables.Product.barcode == barcode
    found = select(tables.Product).where(is_same, tables.Product.id != but).order_by(tables.Product.sku != sku).limit(1)
    return (await work.session.execute(found)).scalar_one_or_none()


async def tax_class_exists(work: Work, tax_class_id: UUID) -> bool:
    """Whether an id names a tax class."""
    return await work.session.get(tables.TaxClass, tax_class_id) is not None
