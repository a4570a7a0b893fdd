"""Expected failures at the till. Amounts are in paise."""

from dataclasses import dataclass
from uuid import UUID

from salonos.bills.rules import RecipientField
from salonos.kernel.money import Money
from salonos.kernel.problems import Problem
from salonos.kernel.quantity import Quantity


@dataclass(eq=False)
class BillAlreadyPosted(Problem):
    """The bill is final: it can't be changed or posted again."""

    bill_id: UUID
    number: str
    message: str = "This bill is posted already."


@dataclass(eq=False)
class PaymentsDoNotAddUp(Problem):
    """The payments are less than what is due, or the amount on account is not the exact rest."""

    due: Money
    offered: Money
    message: str = "The payments do not add up to what is due."


@dataclass(eq=False)
class PaymentsExceedTotal(Problem):
    """More than what is due, where no change can be given; or a draft changed to less than was paid on it."""

    due: Money
    offered: Money
    message: str = "The payments are more than what is due. Change is given on cash only."


@dataclass(eq=False)
class CustomerRequired(Problem):
    """A balance is owed by a known customer only."""

    balance_due: Money
    message: str = "Choose the customer who owes the rest."


@dataclass(eq=False)
class RecipientRequired(Problem):
    """A tax invoice so large, or to somebody registered, names its recipient: a customer (None: nobody), their address."""

    customer_id: UUID | None
    missing: list[RecipientField]
    limit: Money
    message: str = "This tax invoice needs the customer's name and address."


@dataclass(eq=False)
class CreditLimitExceeded(Problem):
    """The customer would owe more than they may."""

    limit: Money
    owed: Money
    balance_due: Money
    message: str = "This customer may not owe so much. Take more money, or raise the limit."


@dataclass(eq=False)
class CashLimitExceeded(Problem):
    """So much cash from one person in a day, or for one bill, is refused (section 269ST Income-tax Act)."""

    limit: Money
    cash: Money
    message: str = "The law does not allow so much cash from one person in a day or for one bill. Take it another way."


@dataclass(eq=False)
class DiscountNeedsApproval(Problem):
    """More is taken off than the role may give."""

    limit: Money
    discount: Money
    message: str = "This discount is more than you may give."


@dataclass(eq=False)
class TooLateToVoid(Problem):
    """A posted bill is taken back on its own date only, and only while nothing of it was given back."""

    bill_id: UUID
    message: str = "This bill can't be taken back any more. Refund it instead."


@dataclass(eq=False)
class NothingLeftToRefund(Problem):
    """All of the bill was given back already."""

    bill_id: UUID
    message: str = "All of this bill was given back already."


@dataclass(eq=False)
class RefundTooMuch(Problem):
    """More of a line is to go back than is left of it."""

    line_id: UUID
    left: Quantity
    message: str = "That is more than what is left of this line."


@dataclass(eq=False)
class NothingOwed(Problem):
    """The customer owes nothing at this branch, or on this bill; None where it is nobody's."""

    customer_id: UUID | None
    message: str = "This customer owes nothing here."


@dataclass(eq=False)
class CustomerAssigned(Problem):
    """The bill has its customer already."""

    bill_id: UUID
    message: str = "This bill has its customer already."


@dataclass(eq=False)
class ExportTooLarge(Problem):
    """So many bills are made a file of in the background."""

    bills_max: int
    message: str = "These are too many bills for a file at once. It can be made in the background."
