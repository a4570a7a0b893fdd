"""Counts as they are read: blind while they are open."""

from datetime import date, datetime

import strawberry
from sqlalchemy import Boolean, ColumnElement, case, cast, literal_column
from sqlalchemy.orm import InstrumentedAttribute

from salonos.accounting.graph import Entry, in_reach
from salonos.catalog.graph import Product
from salonos.graph.fields import Order, Within, by_id, column, connection, enum_of, extend, field, node, one, where
from salonos.graph.problem import Problem, problem
from salonos.graph.roots import Connection, Node, Query
from salonos.identity.graph import StaffMember
from salonos.inventory import problems, tables
from salonos.inventory.graph.shelves import COST_READ, STOCK_READ, StockBatch
from salonos.inventory.rules import StockCountState
from salonos.kernel.actor import Access
from salonos.kernel.database import Milli
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.quantity import Quantity
from salonos.salon.graph import Branch

enum_of(
    StockCountState,
    "Where a count stands.",
    OPEN="Figures are entered; nobody who counts sees what is expected.",
    SUBMITTED="It was counted; somebody else has to post the variance.",
    POSTED="Stock and books have moved by the variance.",
    CANCELLED="It was given up; nothing moved.",
)


def counts_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Of the reader's branches."""
    return in_reach(tables.StockCount.branch_id, access)


def unless_blind() -> ColumnElement[int]:
    """What was expected, once nobody counts any more."""
    line = tables.StockCountLine
    return cast(case((line.is_blind, literal_column("null")), else_=line.expected_milli), Milli())


@node(tables.StockCountLine, scope=Within(tables.StockCountLine.count_id, "StockCount"), requires=STOCK_READ)
class StockCountLine(Node):
    """An item of a count, or one batch of it."""

    position: int = column(tables.StockCountLine.position, "From 1, by the product's name.")
    product: Product | None = one(tables.StockCountLine.product_id, "Of what.")
    batch: StockBatch | None = one(
        tables.StockCountLine.batch_id, "Of which batch; null for a whole item, and for what belongs to no batch."
    )
    is_whole: bool = column(
        tables.StockCountLine.is_whole, "Whether the item is counted as a whole, whatever its batches."
    )
    counted: Quantity | None = column(
        tables.StockCountLine.counted_milli, "What was found, in the item's unit; null until somebody entered it."
    )
    counted_by: StaffMember | None = one(
        tables.StockCountLine.counted_by_id, "Who entered it; null until then and out of reach."
    )
    counted_at: datetime | None = column(tables.StockCountLine.counted_at, "When it was entered; null until then.")
    expected: Quantity | None = column(
        unless_blind(), "What was expected when the count began; null while the count is open."
    )
    frozen: Quantity | None = column(
        tables.StockCountLine.expected_milli,
        "The same, also while the count is open: for those who do not count.",
        requires=Permission.STOCK_APPROVE,
    )
    variance: Quantity | None = column(
        tables.StockCountLine.variance_milli,
        "What was counted less what was expected; null while the count is open, and where nothing was entered.",
    )


IN_ORDER = Order(tables.StockCountLine.position, "By position.")


def differs(variance: InstrumentedAttribute[int], value: ColumnElement[bool]) -> ColumnElement[bool]:
    """Those that differ, or only others."""
    return (variance != literal_column("0")) == value


def is_entered(counted: InstrumentedAttribute[int], value: ColumnElement[bool]) -> ColumnElement[bool]:
    """Those with a figure, or only others."""
    return counted.is_not(None) == value


@strawberry.input(description="Which lines of a count; all conditions hold.")
class StockCountLineFilter:
    """Which lines of a count."""

    product_id: strawberry.ID | None = where(tables.StockCountLine.product_id, "Of this product.", prefix="product")
    is_entered: bool | None = where(
        tables.StockCountLine.counted_milli,
        "Only those that were counted, or only those that still have to be.",
        condition=is_entered,
        kind=Boolean(),
    )
    differs: bool | None = where(
        tables.StockCountLine.variance_milli,
        "Only those that differ from what was expected, or only others; none while the count is open.",
        condition=differs,
        kind=Boolean(),
    )


@node(tables.StockCount, scope=counts_in_reach, requires=STOCK_READ)
class StockCount(Node):
    """A count of some items in a branch: what is expected is frozen when it begins."""

    branch: Branch = one(tables.StockCount.branch_id, "Where.", within=True)
    state: StockCountState = column(tables.StockCount.state, "Where it stands.")
    words: str | None = column(tables.StockCount.words, "What is counted and why; null when nobody said.")
    version: int = column(tables.StockCount.version, "Rises with each change; submitting names the one you saw.")
    opened_by: StaffMember | None = one(tables.StockCount.opened_by_id, "Who began it; null out of reach.")
    opened_at: datetime = column(tables.StockCount.opened_at, "When it began: what is expected is as of then.")
    submitted_by: StaffMember | None = one(
        tables.StockCount.submitted_by_id, "Who ended the counting; null until then and out of reach."
    )
    submitted_at: datetime | None = column(tables.StockCount.submitted_at, "When that was; null until then.")
    closed_by: StaffMember | None = one(
        tables.StockCount.closed_by_id, "Who posted or cancelled it; null until then and out of reach."
    )
    closed_at: datetime | None = column(tables.StockCount.closed_at, "When that was; null until then.")
    business_date: date | None = column(
        tables.StockCount.business_date, "On which date of the branch it was posted; null unless it was."
    )
    value: Money | None = column(
        tables.StockCount.value_paise,
        "By how much it changed the stock's value; below 0 a loss. Null unless it was posted.",
        requires=COST_READ,
    )
    tax_reversed: Money | None = column(
        tables.StockCount.tax_paise,
        "The input credit that was lost with what is not there. Null unless it was posted.",
        requires=COST_READ,
    )
    lines: Connection[StockCountLine] | None = connection(
        tables.StockCountLine.count_id, "What is counted, by position.", order=IN_ORDER, filter=StockCountLineFilter
    )
    entry: Entry | None = one(
        tables.StockCount.entry_id,
        "Its entry in the books; null until it is posted, and where nothing of worth differed.",
    )


NEWEST = Order(tables.StockCount.opened_at, "The last begun first.", descending=True)


@strawberry.input(description="Which counts; all conditions hold.")
class StockCountFilter:
    """Which counts."""

    branch_id: strawberry.ID | None = where(tables.StockCount.branch_id, "Of this branch.", prefix="branch")
    state: StockCountState | None = where(tables.StockCount.state, "That stand here: SUBMITTED are those to post.")


@extend(Query)
class StockCountReads:
    """The roots."""

    stock_count: StockCount | None = by_id("A count by its id; null out of reach.")
    stock_counts: Connection[StockCount] | None = connection(
        None, "The counts within reach.", order=NEWEST, filter=StockCountFilter
    )


@problem(problems.StockCountUnderWay)
class StockCountUnderWay(Problem):
    """An item is part of one count at a time, until that is posted or cancelled."""

    product: Product | None = field("One that is being counted.")
    count: StockCount | None = field("The count that it is part of.")


@problem(problems.StockCountMovedOn)
class StockCountMovedOn(Problem):
    """The count is no longer, or not yet, where this can be done with it."""

    count: StockCount | None = field("The count as it is; null out of reach.")
