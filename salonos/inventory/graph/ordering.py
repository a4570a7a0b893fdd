"""How goods are ordered and received."""

from datetime import date
from typing import Annotated

import strawberry

from salonos.accounting.graph import PeriodClosed
from salonos.graph.fields import extend, field, ref
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.problem import InvalidInput, Problem, StaleVersion, problem
from salonos.graph.roots import Mutation
from salonos.inventory import commands, problems
from salonos.inventory.graph.problems import ReceivedTooMuch
from salonos.inventory.graph.purchases import Purchase, StockReceipt
from salonos.inventory.graph.shelves import StockMove
from salonos.inventory.rules import StockUnit
from salonos.kernel.ids import id_value
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.quantity import Quantity
from salonos.kernel.work import Work


@problem(problems.PurchaseNotDraft)
class PurchaseNotDraft(Problem):
    """Only a draft can be changed or placed."""

    purchase: Purchase | None = field("As it is.")


@problem(problems.PurchaseNotAwaited)
class PurchaseNotAwaited(Problem):
    """Nothing of this order is awaited: it was not placed yet, is complete, or was cancelled."""

    purchase: Purchase | None = field("As it is.")


@strawberry.input(description="Goods to be ordered.")
class PurchaseLineInput:
    """Goods to be ordered."""

    product_id: strawberry.ID = field("Which, in one line only.")
    quantity: Quantity = field("How many of `unit`: above 0, at most a million.")
    unit: StockUnit | None = field("In which of the item's units; its own when left out.")
    unit_cost: Money = field("What one of `unit` should cost, without tax.")


@strawberry.input(description="An order to be drafted.")
class CreatePurchaseInput:
    """An order to be drafted."""

    branch_id: strawberry.ID = field("Where the goods are to come.")
    supplier_id: strawberry.ID = field("Who is to deliver.")
    lines: list[PurchaseLineInput] = field("1 to 200 lines.")
    expected_on: date | None = field("When the goods should come: today or later.")
    notes: str | None = field("What the supplier is told, in lines, at most 1000 characters.")


@strawberry.input(description="What a draft says from now on, in place of all that it said.")
class UpdatePurchaseInput:
    """What a draft says from now on."""

    purchase_id: strawberry.ID = field("Which.")
    expected_version: int = field("The version that was read.")
    supplier_id: strawberry.ID = field("Who is to deliver.")
    lines: list[PurchaseLineInput] = field("1 to 200 lines.")
    expected_on: date | None = field("When the goods should come: today or later.")
    notes: str | None = field("What the supplier is told, in lines, at most 1000 characters.")


@strawberry.input(description="A draft to be placed with its supplier.")
class PlacePurchaseInput:
    """A draft to be placed."""

    purchase_id: strawberry.ID = field("Which.")
    expected_version: int = field("The version that was read.")


@strawberry.input(description="A draft to be given up, or what has not come of an order.")
class CancelPurchaseInput:
    """An order to be given up."""

    purchase_id: strawberry.ID = field("Which.")
    expected_version: int = field("The version that was read.")


@strawberry.input(description="Goods of one batch that came of an order's line.")
class ReceivePurchaseLineInput:
    """Goods of one batch that came of an order's line."""

    line_id: strawberry.ID = field("Of which line. Several batches of it are several lines here.")
    quantity: Quantity = field("How many of `unit`: above 0, at most a million.")
    unit: StockUnit | None = field("In which of the item's units; the order's when left out.")
    unit_cost: Money | None = field("What one of `unit` cost, without tax; as ordered when left out.")
    batch: str | None = field("The batch as printed, at most 40 characters.")
    expires_on: date | None = field("The last date on which it may be sold or used: today or later.")


@strawberry.input(description="What came of an order.")
class ReceivePurchaseInput:
    """What came of an order."""

    purchase_id: strawberry.ID = field("Of which.")
    lines: list[ReceivePurchaseLineInput] = field("1 to 200 lines.")
    reference: str | None = field("What stands on the delivery note, at most 120 characters.")
    allows_more: bool = field("Whether more than was ordered is kept.", default=False)


@strawberry.type(description="The order is drafted.")
class CreatePurchaseSuccess:
    """The order is drafted."""

    purchase: Purchase | None = field("The draft.")


@strawberry.type(description="The draft was changed.")
class UpdatePurchaseSuccess:
    """The draft was changed."""

    purchase: Purchase | None = field("As it is now.")


@strawberry.type(description="The order has its number and may be sent.")
class PlacePurchaseSuccess:
    """The order has its number."""

    purchase: Purchase | None = field("As it is now.")


@strawberry.type(description="Nothing more of it is awaited.")
class CancelPurchaseSuccess:
    """Nothing more of it is awaited."""

    purchase: Purchase | None = field("As it is now.")


@strawberry.type(description="The goods are on the shelf and in the books.")
class ReceivePurchaseSuccess:
    """The goods are on the shelf and in the books."""

    purchase: Purchase | None = field("As it is now.")
    receipt: StockReceipt | None = field("What came.")
    moves: list[StockMove] | None = field("A move for each line, in their order.")


CreatePurchaseResult = Annotated[
    CreatePurchaseSuccess | InvalidInput, strawberry.union("CreatePurchaseResult", description="What became of it.")
]
UpdatePurchaseResult = Annotated[
    UpdatePurchaseSuccess | InvalidInput | StaleVersion | PurchaseNotDraft,
    strawberry.union("UpdatePurchaseResult", description="What became of it."),
]
PlacePurchaseResult = Annotated[
    PlacePurchaseSuccess | InvalidInput | StaleVersion | PurchaseNotDraft,
    strawberry.union("PlacePurchaseResult", description="What became of it."),
]
CancelPurchaseResult = Annotated[
    CancelPurchaseSuccess | InvalidInput | StaleVersion | PurchaseNotAwaited,
    strawberry.union("CancelPurchaseResult", description="What became of it."),
]
ReceivePurchaseResult = Annotated[
    ReceivePurchaseSuccess | InvalidInput | PurchaseNotAwaited | ReceivedTooMuch | PeriodClosed,
    strawberry.union("ReceivePurchaseResult", description="What became of it."),
]


@extend(Mutation)
class PurchaseWrites:
    """The writes."""

    @mutation("Draft an order of goods.", requires=Permission.PURCHASE_MANAGE)
    async def create_purchase(self, work: Work, input: CreatePurchaseInput) -> CreatePurchaseResult:
        """Drafts."""
        purchase_id = await commands.create_purchase(
            work,
            commands.NewPurchase(
                id_value("branch", input.branch_id),
                id_value("supplier", input.supplier_id),
                _lines(input.lines),
                input.expected_on,
                input.notes,
            ),
        )
        return CreatePurchaseSuccess(purchase=ref(Purchase, purchase_id))

    @mutation("Say anew what a draft orders.", requires=Permission.PURCHASE_MANAGE)
    async def update_purchase(self, work: Work, input: UpdatePurchaseInput) -> UpdatePurchaseResult:
        """Changes a draft."""
        purchase_id = id_value("purchase", input.purchase_id)
        changes = commands.PurchaseChanges(
            id_value("supplier", input.supplier_id), _lines(input.lines), input.expected_on, input.notes
        )
        await commands.update_purchase(work, purchase_id, changes, expected_version=input.expected_version)
        return UpdatePurchaseSuccess(purchase=ref(Purchase, purchase_id))

    @mutation("Place a draft with its supplier: it gets its number.", requires=Permission.PURCHASE_MANAGE)
    async def place_purchase(self, work: Work, input: PlacePurchaseInput) -> PlacePurchaseResult:
        """Places an order."""
        purchase_id = id_value("purchase", input.purchase_id)
        await commands.place_purchase(work, purchase_id, expected_version=input.expected_version)
        return PlacePurchaseSuccess(purchase=ref(Purchase, purchase_id))

    @mutation("Give up a draft, or what has not come of an order.", requires=Permission.PURCHASE_MANAGE)
    async def cancel_purchase(self, work: Work, input: CancelPurchaseInput) -> CancelPurchaseResult:
        """Cancels what is open."""
        purchase_id = id_value("purchase", input.purchase_id)
        await commands.cancel_purchase(work, purchase_id, expected_version=input.expected_version)
        return CancelPurchaseSuccess(purchase=ref(Purchase, purchase_id))

    @mutation(
        "Put what came of an order on the shelf, and into the books.",
        requires=Permission.STOCK_RECEIVE,
        idempotency=Idempotency.REQUIRED,
    )
    async def receive_purchase(self, work: Work, input: ReceivePurchaseInput) -> ReceivePurchaseResult:
        """Takes goods in."""
        lines = tuple(
            commands.ArrivedLine(
                line_id=id_value("purchaseline", line.line_id),
                quantity_milli=line.quantity,
                unit=line.unit,
                unit_cost_paise=line.unit_cost,
                batch=line.batch,
                expires_on=line.expires_on,
            )
            for line in input.lines
        )
        purchase_id = id_value("purchase", input.purchase_id)
        arrival = commands.Arrival(purchase_id, lines, input.reference, input.allows_more)
        received = await commands.receive_purchase(work, arrival)
        return ReceivePurchaseSuccess(
            purchase=ref(Purchase, purchase_id),
            receipt=ref(StockReceipt, received.receipt_id),
            moves=[ref(StockMove, each) for each in received.move_ids],
        )


def _lines(given: list[PurchaseLineInput]) -> tuple[commands.OrderedLine, ...]:
    return tuple(
        commands.OrderedLine(id_value("product", line.product_id), line.quantity, line.unit_cost, line.unit)
        for line in given
    )
