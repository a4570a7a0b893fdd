"""Expected failures at the till in the schema."""

from salonos.bills import problems
from salonos.bills.graph.reads import Bill, BillLine
from salonos.bills.rules import RecipientField
from salonos.customers.graph import Customer
from salonos.graph.fields import enum_of, field
from salonos.graph.problem import Problem, problem
from salonos.kernel.money import Money
from salonos.kernel.quantity import Quantity

enum_of(
    RecipientField,
    "What a large tax invoice says of a recipient who isn't registered.",
    NAME="Who it is: a customer has to be named.",
    ADDRESS="Where they live: the customer's address.",
)


@problem(problems.BillAlreadyPosted)
class BillAlreadyPosted(Problem):
    """The bill is final: it can't be changed or posted again."""

    number: str = field("Its number.")
    bill: Bill | None = field("The bill as it is; null out of reach.")


@problem(problems.PaymentsDoNotAddUp)
class PaymentsDoNotAddUp(Problem):
    """The payments are less than what is due, or the amount on account is not the exact rest."""

    due: Money = field("What is due, tips included.")
    offered: Money = field("What the payments come to, the part on account among them.")


@problem(problems.PaymentsExceedTotal)
class PaymentsExceedTotal(Problem):
    """More than what is due, where no change can be given; or a draft changed to less than was paid on it."""

    due: Money = field("What is due, tips included.")
    offered: Money = field("What was offered, or paid already.")


@problem(problems.CustomerRequired)
class CustomerRequired(Problem):
    """Somebody must owe the rest: name the customer."""

    balance_due: Money = field("What would be owed.")


@problem(problems.RecipientRequired)
class RecipientRequired(Problem):
    """A tax invoice to a registered buyer, or so large a one, names the recipient, with their address."""

    customer: Customer | None = field(
        "Whose address is missing; null where a customer has to be named, and out of reach."
    )
    missing: list[RecipientField] = field("What the invoice lacks; its place of supply has the state. At most 2.")
    limit: Money = field("From this taxable value on; 0.00 for a buyer with a GSTIN.")


@problem(problems.CreditLimitExceeded)
class CreditLimitExceeded(Problem):
    """The customer would owe more than they may."""

    limit: Money = field("What the customer may owe at all branches together.")
    owed: Money = field("What is owed already at the branches within reach; the limit counts all of them.")
    balance_due: Money = field("What would be owed on top of it.")


@problem(problems.CashLimitExceeded)
class CashLimitExceeded(Problem):
    """So much cash from one person in a day, or for one bill, is refused by law."""

    limit: Money = field("From this amount on cash is refused.")
    cash: Money = field("What the cash would come to at the branches within reach; the law counts all of them.")


@problem(problems.DiscountNeedsApproval)
class DiscountNeedsApproval(Problem):
    """More is taken off than the role may give."""

    limit: Money = field("What may be taken off this bill.")
    discount: Money = field("What would be taken off.")


@problem(problems.TooLateToVoid)
class TooLateToVoid(Problem):
    """A posted bill is taken back on its own date only, and only while nothing of it was given back."""

    bill: Bill | None = field("The bill as it is; null out of reach.")


@problem(problems.NothingLeftToRefund)
class NothingLeftToRefund(Problem):
    """All of the bill was given back already."""

    bill: Bill | None = field("The bill as it is; null out of reach.")


@problem(problems.RefundTooMuch)
class RefundTooMuch(Problem):
    """More of a line is to go back than is left of it."""

    line: BillLine | None = field("The line; null out of reach.")
    left: Quantity = field("How much of it may still go back.")


@problem(problems.NothingOwed)
class NothingOwed(Problem):
    """The customer owes nothing at this branch, or on this bill."""

    customer: Customer | None = field("Who; null out of reach, and for a bill of nobody's.")


@problem(problems.CustomerAssigned)
class CustomerAssigned(Problem):
    """The bill has its customer already."""

    bill: Bill | None = field("The bill as it is; null out of reach.")
