"""What has to be ordered: what a branch has and awaits, held against the pace of the last 60 days."""

from typing import Any

import strawberry
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Integer,
    Select,
    Subquery,
    Uuid,
    cast,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import INTERVAL

from salonos.accounting.graph import in_reach
from salonos.catalog import tables as catalog
from salonos.catalog.graph import Product
from salonos.graph.fields import Computed, argument, argument_value, column, extend, listing, now_value, one, row
from salonos.graph.roots import Query
from salonos.inventory import tables
from salonos.inventory.graph.shelves import STOCK_READ, StockItem, StockLevel
from salonos.inventory.rules import AWAITED, PACE_DAYS, StockUnit
from salonos.kernel.actor import Access
from salonos.kernel.database import Milli
from salonos.kernel.quantity import Quantity
from salonos.salon import tables as salon

SUGGESTIONS_MAX = 200


def whole(number: int) -> ColumnElement[int]:
    """A number of the statement's text: a plan's parameters are those of the request alone."""
    return literal_column(str(number), BigInteger())


LEAD_DAYS, COVER_DAYS, DAYS_MAX = whole(14), whole(30), whole(365)
PACE, ONE, NONE, UNIT = whole(PACE_DAYS), whole(1), whole(0), whole(1000)
NEVER = whole(100_000)
"""Days of cover of what nobody uses, behind all that is used."""


def here() -> ColumnElement[Any]:
    """The branch asked for."""
    return argument_value("branch_id", Uuid())


def days(name: str, usual: ColumnElement[int]) -> ColumnElement[int]:
    """An argument in days, 1 to a year."""
    given = func.coalesce(argument_value(name, Integer()), usual)
    return cast(func.least(func.greatest(given, ONE), DAYS_MAX), BigInteger())


def used() -> Subquery:
    """What the branch sold and used up of each item in the last 60 days."""
    move = tables.StockMove
    since = now_value() - cast(literal_column(f"'{PACE_DAYS} days'"), INTERVAL())
    return (
        select(move.product_id, (-func.sum(move.quantity_milli)).label("milli"))
        .where(
            move.branch_id == here(),
            move.occurred_at >= since,
            move.kind.in_([literal_column("'SALE'"), literal_column("'CONSUMPTION'")]),
        )
        .group_by(move.product_id)
        .subquery("used")
    )


def awaited() -> Subquery:
    """What is ordered for the branch and did not come yet."""
    line, purchase = tables.PurchaseLine, tables.Purchase
    return (
        select(
            line.product_id,
            func.sum(func.greatest(line.stock_quantity_milli - line.received_milli, NONE)).label("milli"),
        )
        .join(purchase, purchase.id == line.purchase_id)
        .where(
            purchase.branch_id == here(),
            purchase.status.in_([literal_column(f"'{each.name}'") for each in sorted(AWAITED, key=str)]),
        )
        .group_by(line.product_id)
        .subquery("awaited")
    )


def expired() -> Subquery:
    """What lies there and may no longer be sold or used."""
    batch = tables.StockBatch
    zone = select(salon.Branch.time_zone).where(salon.Branch.id == here()).scalar_subquery()
    return (
        select(batch.product_id, func.sum(batch.quantity_milli).label("milli"))
        .where(
            batch.branch_id == here(),
            batch.expires_key < cast(func.timezone(zone, now_value()), Date),
            batch.quantity_milli > NONE,
        )
        .group_by(batch.product_id)
        .subquery("expired")
    )


def total(summed: Subquery) -> ColumnElement[int]:
    """An item's part of a sum, 0 where it has none. PostgreSQL sums integers to numerics, which don't divide as they do."""
    return cast(func.coalesce(summed.c.milli, NONE), BigInteger())


def up(size: ColumnElement[int], part: ColumnElement[int]) -> ColumnElement[int]:
    """How many parts a size takes, the last one not full."""
    return (size + part - ONE) // part


def suggestions_of(access: Access) -> Select[*tuple[Any, ...]]:
    """The items of a branch that do not cover the days until a delivery, or are at their reorder point."""
    level, item, product, held = tables.StockLevel, tables.StockItem, catalog.Product, tables.StockUnitHeld
    out, coming, bad = used(), awaited(), expired()
    pace = total(out)
    on_order = total(coming)
    usable = level.quantity_milli - total(bad)
    there = usable + on_order
    pack = (
        select(held.unit, held.holds_milli)
        .where(held.item_id == level.product_id)
        .order_by(held.holds_milli.desc(), held.unit)
        .limit(1)
        .lateral("pack")
    )
    size = func.coalesce(pack.c.holds_milli, UNIT)
    wanted = func.greatest(up(pace * days("cover_days", COVER_DAYS), PACE), level.reorder_point_milli)
    missing = func.greatest(wanted - there, item.reorder_quantity_milli, ONE)
    packs = up(missing, size)
    scope = in_reach(level.branch_id, access)
    return (
        select(
            level.id.label("level_id"),
            level.product_id.label("product_id"),
            level.search_name.label("search_name"),
            cast(usable, Milli()).label("usable_milli"),
            cast(on_order, Milli()).label("on_order_milli"),
            cast(pace, Milli()).label("used_milli"),
            cast(packs * size, Milli()).label("quantity_milli"),
            func.coalesce(pack.c.unit, item.unit, type_=item.unit.type).label("order_unit"),
            cast(packs * UNIT, Milli()).label("order_milli"),
            func.coalesce(func.greatest(there, NONE) * PACE // func.nullif(pace, NONE), NEVER).label("days"),
        )
        .join(item, item.id == level.product_id)
        .join(product, product.id == level.product_id)
        .outerjoin(out, out.c.product_id == level.product_id)
        .outerjoin(coming, coming.c.product_id == level.product_id)
        .outerjoin(bad, bad.c.product_id == level.product_id)
        .outerjoin(pack, true())
        .where(
            level.branch_id == here(),
            product.is_active,
            or_(there * PACE < pace * days("lead_days", LEAD_DAYS), there <= level.reorder_point_milli),
            *([] if scope is None else [scope]),
        )
    )


suggestions = Computed("reorder_suggestions", suggestions_of)


@row(suggestions, requires=STOCK_READ)
class ReorderSuggestion:
    """An item that has to be ordered, and how much of it."""

    product: Product | None = one(suggestions.c.product_id, "Which.")
    item: StockItem | None = one(suggestions.c.product_id, "How it is kept.")
    level: StockLevel | None = one(suggestions.c.level_id, "What the branch has.")
    usable: Quantity = column(suggestions.c.usable_milli, "What is there and has not expired.", certain=True)
    on_order: Quantity = column(suggestions.c.on_order_milli, "What was ordered and did not come yet.", certain=True)
    used: Quantity = column(suggestions.c.used_milli, "What was sold and used up in the last 60 days.", certain=True)
    quantity: Quantity = column(
        suggestions.c.quantity_milli,
        "How much to order, in the item's unit: the reorder quantity or what is missing for `coverDays`, the larger, in "
        "whole order units.",
        certain=True,
    )
    order_unit: StockUnit = column(suggestions.c.order_unit, "The largest unit in which it comes.", certain=True)
    order_quantity: Quantity = column(suggestions.c.order_milli, "The same in that unit.", certain=True)


@extend(Query)
class ReorderReads:
    """The root."""

    reorder_suggestions: list[ReorderSuggestion] | None = listing(
        "What a branch has to order: items that, with what is on order, don't last `leadDays` at the pace of the last 60 "
        "days, or are at their reorder point or below. What runs out first, first; at most 200.",
        order_by=(suggestions.c.days, suggestions.c.search_name, suggestions.c.level_id),
        limit=SUGGESTIONS_MAX,
        branch_id=argument(strawberry.ID, "Where.", prefix="branch"),
        lead_days=argument(int | None, "How many days a delivery takes: 14 when left out, 1 to 365."),
        cover_days=argument(int | None, "For how many days to order: 30 when left out, 1 to 365."),
    )
