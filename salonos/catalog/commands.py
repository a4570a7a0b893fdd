"""Writes of the catalogue: tax classes and their rates, services, products."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from salonos.catalog import problems, queries, rules, tables
from salonos.kernel import clock
from salonos.kernel.checks import Checks
from salonos.kernel.database import constraint_of
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import StaleVersion, invalid, not_found
from salonos.kernel.text import search_key
from salonos.kernel.work import Work
from salonos.salon import queries as salon_queries
from salonos.salon import rules as salon_rules


@dataclass(frozen=True)
class NewService:
    """A service to be offered; the price in paise."""

    name: str
    sac_code: str
    duration_minutes: int
    price_paise: int
    tax_class_id: UUID
    price_includes_tax: bool = False
    category: str = ""


@dataclass(frozen=True)
class ServiceChanges:
    """What becomes of a service; None stays as it is, an empty category takes it out of its group."""

    name: str | None = None
    sac_code: str | None = None
    duration_minutes: int | None = None
    price_paise: int | None = None
    tax_class_id: UUID | None = None
    price_includes_tax: bool | None = None
    category: str | None = None


@dataclass(frozen=True)
class NewProduct:
    """A product to be sold or used up; amounts in paise."""

    name: str
    sku: str
    hsn_code: str
    price_paise: int
    tax_class_id: UUID
    price_includes_tax: bool = True
    is_retail: bool = True
    barcode: str | None = None
    unit_cost_paise: int | None = None
    category: str = ""


@dataclass(frozen=True)
class ProductChanges:
    """What becomes of a product; None stays as it is, an empty barcode or category is taken away."""

    name: str | None = None
    sku: str | None = None
    hsn_code: str | None = None
    price_paise: int | None = None
    tax_class_id: UUID | None = None
    price_includes_tax: bool | None = None
    is_retail: bool | None = None
    barcode: str | None = None
    unit_cost_paise: int | None = None
    category: str | None = None


async def create_tax_class(work: Work, *, name: str, rate: rules.DatedRate) -> UUID:
    """Creates a tax class with its first rate, which has begun: an item's rate is known from the first day.

    Raises: InvalidInput; NameTaken.
    """
    work.actor.require(Permission.CATALOG_MANAGE)
    checks = Checks()
    row = tables.TaxClass(id=new_id(), name=checks.text(name, ("name",), rules.NAME_MAX), created_at=work.now)
    _check_rate(checks, rate)
    has_begun = rate.valid_from <= await _today(work)
    checks.require(has_begun, ("validFrom",), "NOT_BEGUN", "A tax class begins with a rate that counts today.")
    checks.finish()
    work.session.add(row)
    await _flush(work, uq_tax_classes_name=problems.NameTaken())
    work.session.add(_rate_row(row.id, rate))
    await work.session.flush()
    return row.id


async def add_tax_rate(work: Work, tax_class_id: UUID, rate: rules.DatedRate) -> UUID:
    """Adds a class's rate from a date on. Bills that are final keep the rate they were written with.

    Raises: InvalidInput.
    """
    work.actor.require(Permission.CATALOG_MANAGE)
    if not await queries.tax_class_exists(work, tax_class_id):
        raise not_found(("taxClassId",), "tax class")
    checks = Checks()
    _check_rate(checks, rate)
    checks.finish()
    work.session.add(_rate_row(tax_class_id, rate))
    taken = invalid(("validFrom",), "TAKEN", "This class has a rate from this date already.")
    await _flush(work, pk_tax_rates=taken)
    return tax_class_id


async def create_service(work: Work, new: NewService) -> UUID:
    """Offers a new service.

    Raises: InvalidInput with every issue.
    """
    work.actor.require(Permission.CATALOG_MANAGE)
    row = tables.Service(
        id=new_id(),
        name=new.name,
        category=new.category,
        sac_code=new.sac_code,
        duration_minutes=new.duration_minutes,
        price_paise=new.price_paise,
        price_includes_tax=new.price_includes_tax,
        tax_class_id=new.tax_class_id,
        is_active=True,
        version=1,
        created_at=work.now,
    )
    await _check_service(work, row)
    work.session.add(row)
    await work.session.flush()
    return row.id


async def update_service(work: Work, service_id: UUID, changes: ServiceChanges, *, expected_version: int) -> UUID:
    """Changes a service from now on; bills that are final keep what they say.

    Raises: InvalidInput; StaleVersion.
    """
    work.actor.require(Permission.CATALOG_MANAGE)
    row = await queries.service_for_update(work, service_id)
    if row is None:
        raise not_found(("serviceId",), "service")
    _take(row, changes, expected_version)
    await _check_service(work, row)
    return row.id


async def retire_service(work: Work, service_id: UUID, expected_version: int, *, is_back: bool = False) -> UUID:
    """Takes a service off the menu, or puts it back; it stays on the bills that name it.

    Raises: InvalidInput; StaleVersion.
    """
    work.actor.require(Permission.CATALOG_MANAGE)
    row = await queries.service_for_update(work, service_id)
    if row is None:
        raise not_found(("serviceId",), "service")
    _take(row, ServiceChanges(), expected_version)
    row.is_active = is_back
    return row.id


async def create_product(work: Work, new: NewProduct) -> UUID:
    """Takes a new product into the catalogue.

    Raises: InvalidInput with every issue; SkuTaken; BarcodeTaken.
    """
    work.actor.require(Permission.CATALOG_MANAGE)
    row = tables.Product(
        id=new_id(),
        name=new.name,
        category=new.category,
        sku=new.sku,
        barcode=new.barcode,
        hsn_code=new.hsn_code,
        price_paise=new.price_paise,
        price_includes_tax=new.price_includes_tax,
        unit_cost_paise=new.unit_cost_paise,
        tax_class_id=new.tax_class_id,
        is_retail=new.is_retail,
        is_active=True,
        version=1,
        created_at=work.now,
    )
    await _check_product(work, row)
    work.session.add(row)
    await _flush_product(work, row)
    return row.id


async def update_product(work: Work, product_id: UUID, changes: ProductChanges, *, expected_version: int) -> UUID:
    """Changes a product from now on; bills that are final keep what they say.

    Raises: InvalidInput; StaleVersion; SkuTaken; BarcodeTaken.
    """
    work.actor.require(Permission.CATALOG_MANAGE)
    row = await queries.product_for_update(work, product_id)
    if row is None:
        raise not_found(("productId",), "product")
    _take(row, changes, expected_version)
    await _check_product(work, row)
    await _flush_product(work, row)
    return row.id


async def retire_product(work: Work, product_id: UUID, expected_version: int, *, is_back: bool = False) -> UUID:
    """Takes a product out of the catalogue, or back into it; it stays on the bills that name it.

    Raises: InvalidInput; StaleVersion.
    """
    work.actor.require(Permission.CATALOG_MANAGE)
    row = await queries.product_for_update(work, product_id)
    if row is None:
        raise not_found(("productId",), "product")
    _take(row, ProductChanges(), expected_version)
    row.is_active = is_back
    return row.id


def _take(row: tables.Service | tables.Product, changes: ServiceChanges | ProductChanges, expected: int) -> None:
    """Puts the changes into the row.

    Raises: StaleVersion.
    """
    if row.version != expected:
        raise StaleVersion(current_version=row.version)
    for name, value in vars(changes).items():
        if value is not None:
            setattr(row, name, value)
    row.version += 1


async def _check_service(work: Work, row: tables.Service) -> None:
    """Brings a service's texts into their form, and finds every fault."""
    checks = Checks()
    row.sac_code = checks.form(row.sac_code, rules.SAC, ("sacCode",), "A SAC has six digits and begins with 99.")
    has_duration = 1 <= row.duration_minutes <= rules.DURATION_MINUTES_MAX
    bound = f"A service takes 1 to {rules.DURATION_MINUTES_MAX} minutes."
    checks.require(has_duration, ("durationMinutes",), "OUT_OF_RANGE", bound)
    await _check_item(work, row, checks)
    checks.finish()


async def _check_product(work: Work, row: tables.Product) -> None:
    """Brings a product's texts into their form, and finds every fault."""
    checks = Checks()
    sku_form = "A SKU has 1 to 32 of A-Z 0-9 . _ - and begins with a letter or digit."
    row.sku = checks.form(rules.sku_text(row.sku), rules.SKU, ("sku",), sku_form)
    row.hsn_code = checks.form(
        row.hsn_code, rules.HSN, ("hsnCode",), "An HSN has 4, 6 or 8 digits and does not begin with 99."
    )
    if row.barcode is not None:
        row.barcode = row.barcode.strip() or None
    if row.barcode is not None:
        checks.form(row.barcode, rules.BARCODE, ("barcode",), "A barcode has 4 to 32 digits, letters or hyphens.")
    if row.unit_cost_paise is not None:
        _check_amount(checks, row.unit_cost_paise, "unitCost")
    has_fitting_price = row.is_retail or row.price_paise == 0
    checks.require(has_fitting_price, ("price",), "NOT_RETAIL", "A product that is not sold has the price 0.00.")
    await _check_item(work, row, checks)
    checks.finish()


async def _check_item(work: Work, row: tables.Service | tables.Product, checks: Checks) -> None:
    """What services and products have in common."""
    row.name = checks.text(row.name, ("name",), rules.NAME_MAX)
    row.search_name = search_key(row.name)
    row.category = checks.optional_text(row.category, ("category",), rules.CATEGORY_MAX) or ""
    _check_amount(checks, row.price_paise, "price")
    with work.session.no_autoflush:
        is_class = await queries.tax_class_exists(work, row.tax_class_id)
    checks.require(is_class, ("taxClassId",), "NOT_FOUND", "There is no such tax class.")


def _check_amount(checks: Checks, paise: int, name: str) -> None:
    is_within = 0 <= paise <= rules.PRICE_PAISE_MAX
    checks.require(is_within, (name,), "OUT_OF_RANGE", "An amount is 0.00 to 10000000.00.")


def _check_rate(checks: Checks, rate: rules.DatedRate) -> None:
    is_within = 0 <= rate.rate_hundredths <= rules.RATE_HUNDREDTHS_MAX
    checks.require(is_within, ("rate",), "OUT_OF_RANGE", "A tax rate is 0 to 40 percent.")
    is_near = rules.YEAR_MIN <= rate.valid_from.year < rules.YEAR_MAX
    checks.require(is_near, ("validFrom",), "OUT_OF_RANGE", "A rate begins between the years 2000 and 2100.")


def _rate_row(tax_class_id: UUID, rate: rules.DatedRate) -> tables.TaxRate:
    return tables.TaxRate(
        tax_class_id=tax_class_id,
        valid_from=rate.valid_from,
        rate_hundredths=rate.rate_hundredths,
        allows_input_credit=rate.allows_input_credit,
    )


async def _today(work: Work) -> date:
    """The salon's date."""
    salon = await salon_queries.salon(work)
    return clock.business_date(work.now, salon.time_zone if salon else salon_rules.INDIA)


async def _flush(work: Work, **problem_by_constraint: Exception) -> None:
    """Sends what was changed; a violated constraint is the business rule's Problem."""
    try:
        await work.session.flush()
    except IntegrityError as error:
        problem = problem_by_constraint.get(constraint_of(error) or "")
        if problem is None:
            raise
        raise problem from error


async def _flush_product(work: Work, row: tables.Product) -> None:
    """Sends a product. The constraints decide a race; the question before them finds whom to name.

    Raises: SkuTaken; BarcodeTaken.
    """
    with work.session.no_autoflush:
        found = await queries.product_by_code(work, sku=row.sku, barcode=row.barcode, but=row.id)
    if found is not None and found.sku == row.sku:
        raise problems.SkuTaken(sku=row.sku, product_id=found.id)
    if found is not None:
        raise problems.BarcodeTaken(barcode=row.barcode or "", product_id=found.id)
    await _flush(
        work,
        uq_products_sku=problems.SkuTaken(sku=row.sku),
        uq_products_barcode=problems.BarcodeTaken(barcode=row.barcode or ""),
    )
