"""Corrections of stock: requests, and somebody else's decision."""

from datetime import date, datetime
from typing import Annotated

import strawberry
from sqlalchemy import ColumnElement

from salonos.accounting.graph import Entry, PeriodClosed, in_reach
from salonos.catalog.graph import Product
from salonos.graph.fields import Order, by_id, column, connection, enum_of, extend, field, node, one, ref, where
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.problem import InvalidInput, Problem, problem
from salonos.graph.roots import Connection, Mutation, Node, Query
from salonos.identity.graph import StaffMember
from salonos.inventory import commands, problems, tables
from salonos.inventory.graph.problems import OwnRequest, StockTooLow
from salonos.inventory.graph.shelves import COST_READ, STOCK_READ, StockBatch, since
from salonos.inventory.graph.transfers import StockTransferLine
from salonos.inventory.rules import StockAdjustmentReason, StockAdjustmentState, StockUnit
from salonos.kernel.actor import Access
from salonos.kernel.ids import id_value
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.quantity import Quantity
from salonos.kernel.work import Work
from salonos.salon.graph import Branch

enum_of(
    StockAdjustmentReason,
    "Why stock is corrected by hand.",
    WASTAGE="Spilled, spoiled or used up without a service.",
    DAMAGE="Broken.",
    EXPIRY="No longer to be sold or used: expired batches go first.",
    THEFT="Stolen.",
    GIVEN_AWAY="A gift or a free sample.",
    CORRECTION="It was written down wrongly, in either direction.",
    FOUND="It is there, though nobody knew.",
)
enum_of(
    StockAdjustmentState,
    "Where a request to correct stock stands.",
    PENDING="Somebody else has to decide.",
    APPROVED="Stock and books have moved.",
    REJECTED="Nothing moved, and nothing will.",
)


def adjustments_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Of the reader's branches."""
    return in_reach(tables.StockAdjustment.branch_id, access)


@node(tables.StockAdjustment, scope=adjustments_in_reach, requires=STOCK_READ)
class StockAdjustment(Node):
    """A request to correct stock, and what was decided. Once decided it never changes."""

    product: Product | None = one(tables.StockAdjustment.product_id, "Of what.")
    branch: Branch = one(tables.StockAdjustment.branch_id, "Where.", within=True)
    batch: StockBatch | None = one(
        tables.StockAdjustment.batch_id, "Of which batch; null when that is left to what expires first."
    )
    transfer_line: StockTransferLine | None = one(
        tables.StockAdjustment.transfer_line_id, "What was on its way when it got lost; null of what lay on a shelf."
    )
    quantity: Quantity = column(
        tables.StockAdjustment.quantity_milli, "In the item's unit: above 0 what is there, below 0 what is gone."
    )
    reason: StockAdjustmentReason = column(tables.StockAdjustment.reason, "Why.")
    words: str | None = column(tables.StockAdjustment.words, "What more there is to say; null without.")
    state: StockAdjustmentState = column(tables.StockAdjustment.state, "Where it stands.")
    requested_by: StaffMember | None = one(
        tables.StockAdjustment.requested_by_id, "Who asks; null out of reach, and of the system's own."
    )
    requested_at: datetime = column(tables.StockAdjustment.requested_at, "When it was asked.")
    decided_by: StaffMember | None = one(
        tables.StockAdjustment.decided_by_id,
        "Who decided, never who asked; null while it is pending, and where it was worth nothing.",
    )
    decided_at: datetime | None = column(
        tables.StockAdjustment.decided_at, "When it was decided; null while it is pending."
    )
    decision_words: str | None = column(tables.StockAdjustment.decision_words, "Why it was rejected; null otherwise.")
    business_date: date | None = column(
        tables.StockAdjustment.business_date, "On which date of the branch it was posted; null unless it was approved."
    )
    value: Money | None = column(
        tables.StockAdjustment.value_paise,
        "By how much it changed the stock's value; below 0 a loss. Null unless it was approved.",
        requires=COST_READ,
    )
    tax_reversed: Money | None = column(
        tables.StockAdjustment.tax_paise,
        "The input credit that was lost with the goods. Null unless it was approved.",
        requires=COST_READ,
    )
    entry: Entry | None = one(
        tables.StockAdjustment.entry_id,
        "Its entry in the books; null until it is approved, and of what is worth nothing.",
    )


NEWEST = Order(tables.StockAdjustment.requested_at, "The newest request first.", descending=True)


@strawberry.input(description="Which requests; all conditions hold.")
class StockAdjustmentFilter:
    """Which requests."""

    branch_id: strawberry.ID | None = where(tables.StockAdjustment.branch_id, "Of this branch.", prefix="branch")
    product_id: strawberry.ID | None = where(tables.StockAdjustment.product_id, "Of this product.", prefix="product")
    state: StockAdjustmentState | None = where(
        tables.StockAdjustment.state, "That stand here: PENDING are those to decide."
    )
    reason: StockAdjustmentReason | None = where(
        tables.StockAdjustment.reason, "For this reason: wastage, theft and the like by themselves."
    )
    since: date | None = where(
        tables.StockAdjustment.business_date, "Posted on this business date or later.", condition=since
    )


@extend(Query)
class StockAdjustmentReads:
    """The roots."""

    stock_adjustment: StockAdjustment | None = by_id("A request to correct stock by its id; null out of reach.")
    stock_adjustments: Connection[StockAdjustment] | None = connection(
        None, "Requests to correct stock, within reach.", order=NEWEST, filter=StockAdjustmentFilter
    )


@problem(problems.AlreadyDecided)
class AlreadyDecided(Problem):
    """A request is decided once."""

    adjustment: StockAdjustment | None = field("What became of it; null out of reach.")


# --- writes


@strawberry.input(description="What is to be corrected.")
class RequestStockAdjustmentInput:
    """What is to be corrected."""

    branch_id: strawberry.ID = field("Where.")
    product_id: strawberry.ID = field("Of what.")
    quantity: Quantity = field("How many of `unit`: above 0 what is there, below 0 what is gone; at most a million.")
    unit: StockUnit | None = field("In which of the item's units; its own when left out.")
    reason: StockAdjustmentReason = field("Why. Above 0 only FOUND and CORRECTION, below 0 all but FOUND.")
    words: str | None = field("What more there is to say, at most 200 characters.")
    batch_id: strawberry.ID | None = field("Of which batch; what expires first when left out.")
    transfer_line_id: strawberry.ID | None = field(
        "Of which transfer's line, for goods that were lost on their way; the branch is the sender's then."
    )


@strawberry.type(description="The request is kept. What is worth nothing is done already: its state says so.")
class RequestStockAdjustmentSuccess:
    """The request is kept."""

    adjustment: StockAdjustment | None = field("The request.")


RequestStockAdjustmentResult = Annotated[
    RequestStockAdjustmentSuccess | InvalidInput | StockTooLow,
    strawberry.union("RequestStockAdjustmentResult", description="What became of it."),
]


@strawberry.input(description="The request that may happen.")
class ApproveStockAdjustmentInput:
    """The request that may happen."""

    adjustment_id: strawberry.ID = field("Which: another person's.")


@strawberry.type(description="Stock and books have moved.")
class ApproveStockAdjustmentSuccess:
    """Stock and books have moved."""

    adjustment: StockAdjustment | None = field("The request as it is now.")


ApproveStockAdjustmentResult = Annotated[
    ApproveStockAdjustmentSuccess | InvalidInput | AlreadyDecided | OwnRequest | StockTooLow | PeriodClosed,
    strawberry.union("ApproveStockAdjustmentResult", description="What became of it."),
]


@strawberry.input(description="The request that is turned down.")
class RejectStockAdjustmentInput:
    """The request that is turned down."""

    adjustment_id: strawberry.ID = field("Which: another person's.")
    reason: str = field("Why, at most 200 characters.")


@strawberry.type(description="Nothing moved, and nothing will.")
class RejectStockAdjustmentSuccess:
    """Nothing moved, and nothing will."""

    adjustment: StockAdjustment | None = field("The request as it is now.")


RejectStockAdjustmentResult = Annotated[
    RejectStockAdjustmentSuccess | InvalidInput | AlreadyDecided | OwnRequest,
    strawberry.union("RejectStockAdjustmentResult", description="What became of it."),
]


@extend(Mutation)
class AdjustingWrites:
    """Corrections."""

    @mutation(
        "Ask for a correction of stock. What is worth something waits for somebody else's approval.",
        requires=Permission.STOCK_REQUEST,
        idempotency=Idempotency.REQUIRED,
    )
    async def request_stock_adjustment(
        self, work: Work, input: RequestStockAdjustmentInput
    ) -> RequestStockAdjustmentResult:
        """Asks."""
        new = commands.NewAdjustment(
            branch_id=id_value("branch", input.branch_id),
            product_id=id_value("product", input.product_id),
            quantity_milli=input.quantity,
            unit=input.unit,
            reason=input.reason,
            words=input.words,
            batch_id=None if input.batch_id is None else id_value("stockbatch", input.batch_id),
            transfer_line_id=(
                None if input.transfer_line_id is None else id_value("transferline", input.transfer_line_id)
            ),
        )
        made = await commands.request_stock_adjustment(work, new)
        return RequestStockAdjustmentSuccess(adjustment=ref(StockAdjustment, made))

    @mutation(
        "Let a correction happen that somebody else asked for: goods move, at what they are worth now.",
        requires=Permission.STOCK_APPROVE,
        idempotency=Idempotency.REQUIRED,
    )
    async def approve_stock_adjustment(
        self, work: Work, input: ApproveStockAdjustmentInput
    ) -> ApproveStockAdjustmentResult:
        """Approves."""
        made = await commands.approve_stock_adjustment(work, id_value("stockadjustment", input.adjustment_id))
        return ApproveStockAdjustmentSuccess(adjustment=ref(StockAdjustment, made))

    @mutation("Turn down a correction that somebody else asked for.", requires=Permission.STOCK_APPROVE)
    async def reject_stock_adjustment(
        self, work: Work, input: RejectStockAdjustmentInput
    ) -> RejectStockAdjustmentResult:
        """Rejects."""
        adjustment_id = id_value("stockadjustment", input.adjustment_id)
        made = await commands.reject_stock_adjustment(work, adjustment_id, reason=input.reason)
        return RejectStockAdjustmentSuccess(adjustment=ref(StockAdjustment, made))
