"""What lies on the shelves: items, levels, batches, moves."""

from datetime import date, datetime
from uuid import UUID

import strawberry
from sqlalchemy import BigInteger, ColumnElement, FromClause, Integer, Text, case, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.orm import InstrumentedAttribute

from salonos.accounting.graph import in_reach
from salonos.catalog import tables as catalog
from salonos.catalog.graph import PREFIX, Product, begins_with
from salonos.graph.fields import (
    Order,
    Within,
    by_id,
    column,
    connection,
    enum_of,
    extend,
    key,
    many,
    node,
    now_value,
    one,
    row,
    where,
)
from salonos.graph.roots import Connection, Node, Query
from salonos.inventory import tables
from salonos.inventory.graph.suppliers import Supplier
from salonos.inventory.rules import StockMoveKind, StockUnit, StockUse
from salonos.kernel.actor import Access
from salonos.kernel.database import Paise
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.quantity import Quantity
from salonos.salon.graph import Branch

STOCK_READ = Permission.STOCK_READ
COST_READ = Permission.COST_READ

enum_of(
    StockUse,
    "What an item is kept for.",
    RETAIL="To be sold: worth what it cost without the GST that is credited.",
    PROFESSIONAL="To be used up at work: worth what it cost with GST.",
)
enum_of(
    StockUnit,
    "What an item is counted in.",
    PIECE="Pieces.",
    ML="Millilitres.",
    L="Litres.",
    G="Grams.",
    KG="Kilograms.",
    BOX="Boxes.",
    BOTTLE="Bottles.",
)
enum_of(
    StockMoveKind,
    "Why a quantity changed.",
    RECEIVE="Goods came in.",
    SALE="Sold on a bill.",
    CONSUMPTION="Used up for a service.",
    ADJUSTMENT="Corrected, wasted or stolen.",
    COUNT_VARIANCE="Counted otherwise than expected.",
    TRANSFER_OUT="Sent to another branch.",
    TRANSFER_IN="Came from another branch.",
    SUPPLIER_RETURN="Went back to the supplier.",
    CUSTOMER_RETURN="A customer brought it back.",
)


# --- who sees which


def every_item(_: Access) -> ColumnElement[bool] | None:
    """Items are the whole business's."""
    return None


def levels_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Of the reader's branches."""
    return in_reach(tables.StockLevel.branch_id, access)


def batches_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Of the reader's branches."""
    return in_reach(tables.StockBatch.branch_id, access)


def moves_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Of the reader's branches."""
    return in_reach(tables.StockMove.branch_id, access)


# --- types


def average_cost(value: InstrumentedAttribute[int], quantity: InstrumentedAttribute[int]) -> ColumnElement[int]:
    """What one is worth, half up to the paisa; null of nothing."""
    size = func.nullif(func.abs(quantity), literal_column("0"))
    worth = func.abs(value) * literal_column("2000") + size
    return cast(worth // (size * literal_column("2")), Paise())


def days_of_cover() -> ColumnElement[int]:
    """How long the quantity lasts at the pace of the last 60 days' sales and consumption; null without any."""
    level, move = tables.StockLevel, tables.StockMove
    since = now_value() - cast(literal_column("'60 days'"), INTERVAL())
    out = (
        select(func.nullif(-func.sum(move.quantity_milli), literal_column("0")))
        .where(
            move.product_id == level.product_id,
            move.branch_id == level.branch_id,
            move.occurred_at >= since,
            move.kind.in_([literal_column("'SALE'"), literal_column("'CONSUMPTION'")]),
        )
        .correlate(level)
        .scalar_subquery()
    )
    held = func.greatest(level.quantity_milli, literal_column("0"))
    days = held * literal_column("60") / out
    return cast(case((days > literal_column("3650"), literal_column("3650")), else_=days), Integer())


@row(tables.StockUnitHeld, scope=Within(tables.StockUnitHeld.item_id, "StockItem"), requires=STOCK_READ)
class StockUnitConversion:
    """Another unit in which an item comes."""

    unit: StockUnit = column(tables.StockUnitHeld.unit, "The other unit.")
    holds: Quantity = column(tables.StockUnitHeld.holds_milli, "How much of the item's own unit one of it holds.")


@node(tables.StockMove, scope=moves_in_reach, requires=STOCK_READ)
class StockMove(Node):
    """Goods that came or went. It never changes."""

    product: Product | None = one(tables.StockMove.product_id, "Of what.")
    branch: Branch = one(tables.StockMove.branch_id, "Where.", within=True)
    batch: "StockBatch | None" = one(tables.StockMove.batch_id, "Out of which batch, or into which.")
    kind: StockMoveKind = column(tables.StockMove.kind, "Why.")
    quantity: Quantity = column(
        tables.StockMove.quantity_milli, "In the item's unit: above 0 what came, below 0 what went."
    )
    reason: str | None = column(tables.StockMove.reason, "The delivery note's number, or why; null without.")
    business_date: date = column(tables.StockMove.business_date, "On which date of the branch.")
    occurred_at: datetime = column(tables.StockMove.occurred_at, "When.")
    unit_cost: Money | None = column(
        average_cost(tables.StockMove.value_paise, tables.StockMove.quantity_milli),
        "What one of it was worth, half up.",
        requires=COST_READ,
    )
    value: Money | None = column(
        tables.StockMove.value_paise, "By how much it changed the stock's value; below 0 what went.", requires=COST_READ
    )


@node(tables.StockBatch, scope=batches_in_reach, requires=STOCK_READ)
class StockBatch(Node):
    """What came together and expires together, in one branch."""

    product: Product | None = one(tables.StockBatch.product_id, "Of what.")
    branch: Branch = one(tables.StockBatch.branch_id, "Where.", within=True)
    code: str | None = column(tables.StockBatch.code, "As printed on it; null where nobody wrote one down.")
    expires_on: date | None = column(
        tables.StockBatch.expires_on, "The last date on which it may be sold or used; null when it keeps."
    )
    quantity: Quantity = column(tables.StockBatch.quantity_milli, "How much of it is left, in the item's unit.")


@node(tables.StockLevel, scope=levels_in_reach, requires=STOCK_READ)
class StockLevel(Node):
    """What a branch has of an item: the sum of its moves."""

    product: Product | None = one(tables.StockLevel.product_id, "Of what.")
    item: "StockItem | None" = one(tables.StockLevel.product_id, "How it is kept.")
    branch: Branch = one(tables.StockLevel.branch_id, "Where.", within=True)
    quantity: Quantity = column(
        tables.StockLevel.quantity_milli, "In the item's unit. Below 0 only where the branch allows it."
    )
    reorder_point: Quantity | None = column(
        tables.StockLevel.reorder_point_milli, "At this quantity or below it is low; null when nobody watches it."
    )
    is_low: bool = column(tables.StockLevel.is_low, "Whether it is at its reorder point or below.")
    value: Money | None = column(
        tables.StockLevel.value_paise, "What all of it is worth, at moving average.", requires=COST_READ
    )
    unit_cost: Money | None = column(
        average_cost(tables.StockLevel.value_paise, tables.StockLevel.quantity_milli),
        "What one is worth, half up; null of nothing.",
        requires=COST_READ,
    )
    days_of_cover: int | None = column(
        days_of_cover(),
        "How many days it lasts at the pace of the last 60, at most 3650; null when nothing left in them.",
    )


BY_NAME = Order(tables.StockLevel.search_name, "By the product's name, without case.")
BY_EXPIRY = Order(tables.StockBatch.expires_key, "What expires first, first.")
NEWEST = Order(tables.StockMove.occurred_at, "The newest first.", descending=True)


def holds_something(batch: FromClause) -> ColumnElement[bool]:
    """Not the batches that were used up."""
    return batch.c.quantity_milli != literal_column("0", BigInteger())


def expires_by(on: ColumnElement[date], value: ColumnElement[date]) -> ColumnElement[bool]:
    """On a date or before."""
    return on <= value


def since(on: ColumnElement[date], value: ColumnElement[date]) -> ColumnElement[bool]:
    """From a date on."""
    return on >= value


def has_barcode(product_id: InstrumentedAttribute[UUID], value: ColumnElement[str]) -> ColumnElement[bool]:
    """The product that a scanner read."""
    product = catalog.Product
    return product_id.in_(select(product.id).where(product.barcode == value))


@strawberry.input(description="Which levels; all conditions hold.")
class StockFilter:
    """Which levels."""

    search: str | None = where(
        tables.StockLevel.search_name,
        "The product's name begins with this, without case.",
        parts=PREFIX,
        condition=begins_with,
    )
    is_low: bool | None = where(tables.StockLevel.is_low, "Only those at their reorder point or below, or only others.")
    product_id: strawberry.ID | None = where(tables.StockLevel.product_id, "Of this product.", prefix="product")
    barcode: str | None = where(
        tables.StockLevel.product_id,
        "Of the product with this barcode, as scanned.",
        condition=has_barcode,
        kind=Text(),
    )


@strawberry.input(description="Which moves; all conditions hold.")
class StockMoveFilter:
    """Which moves."""

    product_id: strawberry.ID | None = where(tables.StockMove.product_id, "Of this product.", prefix="product")
    kind: StockMoveKind | None = where(tables.StockMove.kind, "Of this kind.")
    since: date | None = where(tables.StockMove.business_date, "Of this business date or later.", condition=since)


@strawberry.input(description="Which batches; all conditions hold.")
class StockBatchFilter:
    """Which batches."""

    product_id: strawberry.ID | None = where(tables.StockBatch.product_id, "Of this product.", prefix="product")
    expires_by: date | None = where(
        tables.StockBatch.expires_key, "That expire on this date or before.", condition=expires_by
    )


@node(tables.StockItem, scope=every_item, requires=STOCK_READ)
class StockItem(Node):
    """How a product is kept in stock: the item card."""

    product: Product | None = one(tables.StockItem.id, "The product.")
    use: StockUse = column(tables.StockItem.use, "What it is kept for.")
    unit: StockUnit = column(tables.StockItem.unit, "What it is counted in.")
    units: list[StockUnitConversion] = many(
        tables.StockUnitHeld.item_id, "Further units, at most 6.", order_by=tables.StockUnitHeld.unit, limit=6
    )
    supplier: Supplier | None = one(tables.StockItem.supplier_id, "Who delivers it; null when nobody said.")
    supplier_name: str | None = column(
        tables.StockItem.supplier_name, "A note of who delivers it, for whom the records don't know; null without."
    )
    reorder_point: Quantity | None = column(
        tables.StockItem.reorder_point_milli, "At this quantity or below a branch is low; null when nobody watches it."
    )
    reorder_quantity: Quantity | None = column(
        tables.StockItem.reorder_quantity_milli, "How much is ordered at once; null when nobody said."
    )
    version: int = column(tables.StockItem.version, "Rises with each change.")
    levels: Connection[StockLevel] | None = connection(
        tables.StockLevel.product_id, "What the branches within reach have of it.", order=BY_NAME
    )
    batches: Connection[StockBatch] | None = connection(
        tables.StockBatch.product_id,
        "What is left of it, by expiry, at the branches within reach.",
        order=BY_EXPIRY,
        filter=StockBatchFilter,
        only=holds_something,
    )
    moves: Connection[StockMove] | None = connection(
        tables.StockMove.product_id,
        "What came and went at the branches within reach.",
        order=NEWEST,
        filter=StockMoveFilter,
    )


@extend(Product)
class ProductStock:
    """What stock tells of a product."""

    stock: StockItem | None = one(catalog.Product.id, "How it is kept; null when it is not stocked.")


@extend(Query)
class StockReads:
    """The roots."""

    stock_item: StockItem | None = by_id("An item card by its id.")
    stock_levels: Connection[StockLevel] | None = connection(
        None,
        "What a branch has, an entry for each item; with `isLow` what has to be ordered.",
        order=BY_NAME,
        filter=StockFilter,
        branch_id=key(tables.StockLevel.branch_id, "Where.", prefix="branch"),
    )
    stock_batches: Connection[StockBatch] | None = connection(
        None,
        "What is left at a branch by expiry; with `expiresBy` what has to be used first.",
        order=BY_EXPIRY,
        filter=StockBatchFilter,
        only=holds_something,
        branch_id=key(tables.StockBatch.branch_id, "Where.", prefix="branch"),
    )
    stock_moves: Connection[StockMove] | None = connection(
        None,
        "What came and went at a branch.",
        order=NEWEST,
        filter=StockMoveFilter,
        branch_id=key(tables.StockMove.branch_id, "Where.", prefix="branch"),
    )
