"""Goods that come in without an order."""

from datetime import date
from typing import Annotated

import strawberry

from salonos.accounting.graph import PeriodClosed
from salonos.graph.fields import (
    extend,
    field,
    ref,
)
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.problem import InvalidInput
from salonos.graph.roots import Mutation
from salonos.inventory import commands
from salonos.inventory.graph.purchases import StockReceipt
from salonos.inventory.graph.shelves import StockMove
from salonos.inventory.rules import StockUnit
from salonos.kernel.ids import id_value
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.quantity import Quantity
from salonos.kernel.work import Work


@strawberry.input(description="Goods of one batch that came in.")
class ReceiveLineInput:
    """Goods of one batch that came in."""

    product_id: strawberry.ID = field("What came.")
    quantity: Quantity = field("How many of `unit`: above 0, at most a million.")
    unit: StockUnit | None = field("In which of the item's units; its own when left out.")
    unit_cost: Money = field("What one of `unit` cost, without tax.")
    batch: str | None = field("The batch as printed, at most 40 characters.")
    expires_on: date | None = field("The last date on which it may be sold or used: today or later.")


@strawberry.input(description="Goods that came to a branch without an order.")
class ReceiveStockInput:
    """Goods that came to a branch without an order."""

    branch_id: strawberry.ID = field("Where they are put on the shelf.")
    lines: list[ReceiveLineInput] = field("1 to 200 lines.")
    supplier_id: strawberry.ID | None = field("Who delivered them; who has no GSTIN charges no GST.")
    reference: str | None = field("What stands on the delivery note, at most 120 characters.")


@strawberry.type(description="The goods are on the shelf and in the books.")
class ReceiveStockSuccess:
    """The goods are on the shelf and in the books."""

    receipt: StockReceipt | None = field("What came, as it will be billed.")
    moves: list[StockMove] | None = field("A move for each line, in their order.")


ReceiveStockResult = Annotated[
    ReceiveStockSuccess | InvalidInput | PeriodClosed,
    strawberry.union("ReceiveStockResult", description="What became of it."),
]


@extend(Mutation)
class ReceivingWrites:
    """Goods that come in."""

    @mutation(
        "Put goods that came without an order on the shelf, and into the books.",
        requires=Permission.STOCK_RECEIVE,
        idempotency=Idempotency.REQUIRED,
    )
    async def receive_stock(self, work: Work, input: ReceiveStockInput) -> ReceiveStockResult:
        """Takes goods in."""
        lines = tuple(
            commands.ReceivedLine(
                product_id=id_value("product", line.product_id),
                quantity_milli=line.quantity,
                unit_cost_paise=line.unit_cost,
                unit=line.unit,
                batch=line.batch,
                expires_on=line.expires_on,
            )
            for line in input.lines
        )
        supplier_id = None if input.supplier_id is None else id_value("supplier", input.supplier_id)
        receipt = commands.NewReceipt(id_value("branch", input.branch_id), lines, input.reference, supplier_id)
        received = await commands.receive_stock(work, receipt)
        return ReceiveStockSuccess(
            receipt=ref(StockReceipt, received.receipt_id), moves=[ref(StockMove, each) for each in received.move_ids]
        )
