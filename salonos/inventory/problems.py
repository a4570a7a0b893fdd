"""Expected failures of stock."""

from dataclasses import dataclass
from uuid import UUID

from salonos.kernel.problems import Problem
from salonos.kernel.quantity import Quantity


@dataclass(eq=False)
class StockTooLow(Problem):
    """The branch has less of an item than what is to leave, and may not go below zero."""

    product_id: UUID
    available: Quantity
    message: str = "There is not so much of this in stock."


@dataclass(eq=False)
class AlreadyStocked(Problem):
    """The product is kept in stock already."""

    product_id: UUID
    message: str = "This product is kept in stock already."


@dataclass(eq=False)
class StockUnitInUse(Problem):
    """An item that was moved is counted in its unit for ever: its moves would mean something else."""

    product_id: UUID
    message: str = "This item was counted in another unit already. Retire it and begin a new one."


@dataclass(eq=False)
class StockItemInUse(Problem):
    """An item that something says anything of stays: moves, recipes, orders, counts."""

    product_id: UUID
    message: str = "Something was done with this item already, or is planned. Retire the product instead."


@dataclass(eq=False)
class StockBelowZero(Problem):
    """The branch has items below zero, so that it can't be forbidden now."""

    branch_id: UUID
    message: str = "Some items are below zero here. Count them first."


@dataclass(eq=False)
class ReturnedTooMuch(Problem):
    """More would come back than went out and is not back yet."""

    product_id: UUID
    returnable: Quantity
    message: str = "So much of this did not leave with this bill."


@dataclass(eq=False)
class SupplierExists(Problem):
    """Another supplier has this GSTIN."""

    supplier_id: UUID
    message: str = "This GSTIN is another supplier's."


@dataclass(eq=False)
class PurchaseNotDraft(Problem):
    """Only a draft can be changed or ordered."""

    purchase_id: UUID
    message: str = "This was ordered or cancelled already."


@dataclass(eq=False)
class PurchaseNotAwaited(Problem):
    """Nothing of this order is awaited: it was not ordered yet, is complete, or was cancelled."""

    purchase_id: UUID
    message: str = "Nothing more is awaited of this order."


@dataclass(eq=False)
class ReceivedTooMuch(Problem):
    """More came than is open on the order's line."""

    product_id: UUID
    awaited: Quantity
    message: str = "More came than was ordered. Say so, or correct the quantity."


@dataclass(eq=False)
class OwnRequest(Problem):
    """Nobody decides what they asked for or counted themselves."""

    message: str = "This is your own. Somebody else has to decide it."


@dataclass(eq=False)
class AlreadyDecided(Problem):
    """A request is decided once."""

    adjustment_id: UUID
    message: str = "This was decided already."


@dataclass(frozen=True)
class ImportFault:
    """One thing wrong with a file: the row that a spreadsheet program shows, the column's title, a code, a sentence."""

    row: int
    column: str
    code: str
    message: str


@dataclass(eq=False)
class ImportRefused(Problem):
    """A file that can't be imported as it is; nothing of it was. The first faults, and how many there are."""

    fault_count: int
    faults: tuple[ImportFault, ...]
    message: str = "Nothing was imported. Please correct what is marked."


@dataclass(eq=False)
class SupplierBillExists(Problem):
    """This number of the supplier's was recorded in its financial year already."""

    bill_id: UUID
    message: str = "This bill was recorded already."


@dataclass(eq=False)
class BilledTooMuch(Problem):
    """More is billed than came and was not billed yet."""

    product_id: UUID
    unbilled: Quantity
    message: str = "So much of this is not waiting to be billed."


@dataclass(eq=False)
class SentBackTooMuch(Problem):
    """More would go back than came from this supplier and is not back yet."""

    product_id: UUID
    returnable: Quantity
    message: str = "So much of this did not come from this supplier."


@dataclass(eq=False)
class SupplierOverpaid(Problem):
    """More would be paid than is owed: on a bill, or on all of them where none was named.

    What is owed is not told here: it is read with the bill or the supplier, by who may.
    """

    supplier_id: UUID
    bill_id: UUID | None
    message: str = "This is more than is owed."


@dataclass(eq=False)
class SupplierRefundedTooMuch(Problem):
    """More would be paid back than a return has left; what that is, is read with the return, by who may."""

    supplier_return_id: UUID
    message: str = "This is more than is left of what went back."


@dataclass(eq=False)
class TransferNeedsInvoice(Problem):
    """The branches are registered under different GSTINs: what one sends the other is a taxable supply."""

    from_branch_id: UUID
    to_branch_id: UUID
    message: str = "These branches have different GSTINs: sell the goods with a tax invoice instead."


@dataclass(eq=False)
class StockTransferClosed(Problem):
    """The transfer was received or cancelled, or is received in part where all of it would have to be on its way."""

    transfer_id: UUID
    message: str = "This transfer was received or cancelled meanwhile."


@dataclass(eq=False)
class StockCountUnderWay(Problem):
    """An item is part of one count at a time, until that is posted or cancelled."""

    product_id: UUID
    count_id: UUID
    message: str = "This is being counted already. Finish that count first."


@dataclass(eq=False)
class StockCountMovedOn(Problem):
    """The count is no longer, or not yet, where this can be done with it."""

    count_id: UUID
    message: str = "This count is in another state by now."
