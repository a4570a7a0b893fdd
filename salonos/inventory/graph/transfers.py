"""Goods on their way between branches: what was sent, what arrived, what is still to come."""

from datetime import date, datetime
from typing import Annotated

import strawberry
from sqlalchemy import ColumnElement, func, or_, select

from salonos.accounting.graph import Entry, PeriodClosed, in_reach
from salonos.catalog.graph import Product
from salonos.graph.fields import (
    Order,
    Within,
    by_id,
    column,
    connection,
    enum_of,
    extend,
    field,
    many,
    node,
    one,
    ref,
    where,
)
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.problem import InvalidInput, Problem, problem
from salonos.graph.roots import Connection, Mutation, Node, Query
from salonos.identity.graph import StaffMember
from salonos.inventory import commands, problems, rules, tables
from salonos.inventory.graph.problems import StockTooLow
from salonos.inventory.graph.shelves import COST_READ, STOCK_READ, StockBatch
from salonos.inventory.rules import StockTransferState, StockUnit
from salonos.kernel.actor import Access
from salonos.kernel.database import Paise
from salonos.kernel.ids import id_value
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.quantity import Quantity
from salonos.kernel.work import Work
from salonos.salon.graph import Branch

enum_of(
    StockTransferState,
    "Where goods that one branch sent to another are.",
    SENT="All of them are on their way.",
    PARTLY_RECEIVED="Some arrived or are lost, the rest is on its way.",
    RECEIVED="Nothing is on its way any more.",
    CANCELLED="They came back to the sender.",
)


def transfers_in_reach(access: Access) -> ColumnElement[bool] | None:
    """To or from one of the reader's branches."""
    transfer = tables.StockTransfer
    sent, received = in_reach(transfer.from_branch_id, access), in_reach(transfer.to_branch_id, access)
    return None if sent is None or received is None else or_(sent, received)


def worth_on_the_way() -> ColumnElement[int]:
    """What is on its way, at what it was worth when it was sent."""
    line = tables.StockTransferLine
    found = select(func.coalesce(func.sum(line.in_transit_paise, type_=Paise()), 0, type_=Paise()))
    return found.where(line.transfer_id == tables.StockTransfer.id).correlate(tables.StockTransfer).scalar_subquery()


@node(
    tables.StockTransferLine, scope=Within(tables.StockTransferLine.transfer_id, "StockTransfer"), requires=STOCK_READ
)
class StockTransferLine(Node):
    """Goods of one batch that were sent."""

    position: int = column(tables.StockTransferLine.position, "From 1.")
    product: Product | None = one(tables.StockTransferLine.product_id, "Of what.")
    batch: StockBatch | None = one(tables.StockTransferLine.batch_id, "The sender's batch; null out of reach.")
    quantity: Quantity = column(tables.StockTransferLine.quantity_milli, "What was sent, in the item's unit.")
    received: Quantity = column(tables.StockTransferLine.received_milli, "What arrived of it.")
    lost: Quantity = column(tables.StockTransferLine.lost_milli, "What was written off on the way.")
    in_transit: Quantity = column(tables.StockTransferLine.in_transit_milli, "What is still on its way.")
    value: Money | None = column(
        tables.StockTransferLine.value_paise, "What it was worth when it was sent.", requires=COST_READ
    )
    in_transit_value: Money | None = column(
        tables.StockTransferLine.in_transit_paise, "What is still on its way of that.", requires=COST_READ
    )


@node(tables.StockTransfer, scope=transfers_in_reach, requires=STOCK_READ)
class StockTransfer(Node):
    """Goods that one branch sent to another."""

    sender: Branch | None = one(tables.StockTransfer.from_branch_id, "Whose goods they are until they arrive.")
    receiver: Branch | None = one(tables.StockTransfer.to_branch_id, "Where they go.")
    state: StockTransferState = column(tables.StockTransfer.state, "Where they are.")
    words: str | None = column(tables.StockTransfer.words, "What more there is to say; null without.")
    sent_by: StaffMember | None = one(tables.StockTransfer.sent_by_id, "Who sent them; null out of reach.")
    sent_at: datetime = column(tables.StockTransfer.sent_at, "When.")
    business_date: date = column(tables.StockTransfer.business_date, "On which date of the sender.")
    closed_at: datetime | None = column(
        tables.StockTransfer.closed_at, "Since when nothing is on its way any more; null while something is."
    )
    in_transit_value: Money | None = column(
        worth_on_the_way(), "What is on its way, at what it was worth when it was sent.", requires=COST_READ
    )
    lines: list[StockTransferLine] = many(
        tables.StockTransferLine.transfer_id,
        "1 to 500 batches, 5 are typical.",
        order_by=tables.StockTransferLine.position,
        limit=rules.TRANSFER_LINES_MAX,
    )
    entry: Entry | None = one(
        tables.StockTransfer.entry_id, "The sending's entry in the books; null of what is worth nothing."
    )


NEWEST = Order(tables.StockTransfer.sent_at, "The last sent first.", descending=True)


@strawberry.input(description="Which transfers; all conditions hold.")
class StockTransferFilter:
    """Which transfers."""

    from_branch_id: strawberry.ID | None = where(
        tables.StockTransfer.from_branch_id, "From this branch.", prefix="branch"
    )
    to_branch_id: strawberry.ID | None = where(tables.StockTransfer.to_branch_id, "To this branch.", prefix="branch")
    state: StockTransferState | None = where(tables.StockTransfer.state, "That are here.")
    is_in_transit: bool | None = where(
        tables.StockTransfer.is_in_transit, "Only those of which something is on its way, or only others."
    )


@extend(Query)
class StockTransferReads:
    """The roots."""

    stock_transfer: StockTransfer | None = by_id("A transfer by its id; null out of reach.")
    stock_transfers: Connection[StockTransfer] | None = connection(
        None, "Transfers to and from the branches within reach.", order=NEWEST, filter=StockTransferFilter
    )


@problem(problems.TransferNeedsInvoice)
class TransferNeedsInvoice(Problem):
    """The branches have different GSTINs: what one sends the other is a taxable supply, to be sold with an invoice."""

    from_branch: Branch | None = field("Who would send.")
    to_branch: Branch | None = field("Who would receive.")


@problem(problems.StockTransferClosed)
class StockTransferClosed(Problem):
    """Nothing of the transfer is on its way, or not all of it where that is needed."""

    transfer: StockTransfer | None = field("The transfer as it is; null out of reach.")


# --- writes


@strawberry.input(description="Goods that are to be sent.")
class TransferLineInput:
    """Goods that are to be sent."""

    product_id: strawberry.ID = field("What.")
    quantity: Quantity = field("How many of `unit`: above 0, at most a million.")
    unit: StockUnit | None = field("In which of the item's units; its own when left out.")
    batch_id: strawberry.ID | None = field("Of which batch; what expires first when left out.")


@strawberry.input(description="Goods that one branch sends to another.")
class TransferStockInput:
    """Goods that one branch sends to another."""

    from_branch_id: strawberry.ID = field("Who sends.")
    to_branch_id: strawberry.ID = field("Who is to receive: another branch, with the same GSTIN.")
    lines: list[TransferLineInput] = field("1 to 200 lines.")
    words: str | None = field("What more there is to say, at most 200 characters.")


@strawberry.type(description="The goods are on their way.")
class TransferStockSuccess:
    """The goods are on their way."""

    transfer: StockTransfer | None = field("The transfer.")


TransferStockResult = Annotated[
    TransferStockSuccess | InvalidInput | TransferNeedsInvoice | StockTooLow | PeriodClosed,
    strawberry.union("TransferStockResult", description="What became of it."),
]


@strawberry.input(description="How much of a line arrived.")
class ReceiveTransferLineInput:
    """How much of a line arrived."""

    line_id: strawberry.ID = field("The transfer's line.")
    quantity: Quantity = field("In the item's unit: above 0, at most what is on its way.")


@strawberry.input(description="Goods that arrived.")
class ReceiveTransferInput:
    """Goods that arrived."""

    transfer_id: strawberry.ID = field("Which transfer.")
    lines: list[ReceiveTransferLineInput] | None = field(
        "What arrived of it, at most 200 lines; all that is on its way when left out. The rest stays on its way."
    )


@strawberry.type(description="The goods are on the receiver's shelves.")
class ReceiveTransferSuccess:
    """The goods are on the receiver's shelves."""

    transfer: StockTransfer | None = field("The transfer as it is now.")


ReceiveTransferResult = Annotated[
    ReceiveTransferSuccess | InvalidInput | StockTransferClosed | PeriodClosed,
    strawberry.union("ReceiveTransferResult", description="What became of it."),
]


@strawberry.input(description="A transfer that comes back.")
class CancelTransferInput:
    """A transfer that comes back."""

    transfer_id: strawberry.ID = field("Which: one of which nothing was received.")


@strawberry.type(description="The goods are back in the batches they came from.")
class CancelTransferSuccess:
    """The goods are back in the batches they came from."""

    transfer: StockTransfer | None = field("The transfer as it is now.")


CancelTransferResult = Annotated[
    CancelTransferSuccess | InvalidInput | StockTransferClosed | PeriodClosed,
    strawberry.union("CancelTransferResult", description="What became of it."),
]


@extend(Mutation)
class TransferWrites:
    """Transfers."""

    @mutation(
        "Send goods to another branch. Until they arrive they are the sender's, on their way.",
        requires=Permission.STOCK_TRANSFER,
        idempotency=Idempotency.REQUIRED,
    )
    async def transfer_stock(self, work: Work, input: TransferStockInput) -> TransferStockResult:
        """Sends."""
        lines = tuple(
            commands.SentLine(
                product_id=id_value("product", each.product_id),
                quantity_milli=each.quantity,
                unit=each.unit,
                batch_id=None if each.batch_id is None else id_value("stockbatch", each.batch_id),
            )
            for each in input.lines
        )
        new = commands.NewTransfer(
            id_value("branch", input.from_branch_id), id_value("branch", input.to_branch_id), lines, input.words
        )
        return TransferStockSuccess(transfer=ref(StockTransfer, await commands.transfer_stock(work, new)))

    @mutation(
        "Take goods in that another branch sent, all or a part.",
        requires=Permission.STOCK_RECEIVE,
        idempotency=Idempotency.REQUIRED,
    )
    async def receive_transfer(self, work: Work, input: ReceiveTransferInput) -> ReceiveTransferResult:
        """Receives."""
        parts = (
            None if input.lines is None else [(id_value("transferline", e.line_id), e.quantity) for e in input.lines]
        )
        made = await commands.receive_transfer(work, id_value("stocktransfer", input.transfer_id), parts)
        return ReceiveTransferSuccess(transfer=ref(StockTransfer, made))

    @mutation(
        "Bring a transfer back before anything of it was received.",
        requires=Permission.STOCK_TRANSFER,
        idempotency=Idempotency.REQUIRED,
    )
    async def cancel_transfer(self, work: Work, input: CancelTransferInput) -> CancelTransferResult:
        """Cancels."""
        made = await commands.cancel_transfer(work, id_value("stocktransfer", input.transfer_id))
        return CancelTransferSuccess(transfer=ref(StockTransfer, made))
