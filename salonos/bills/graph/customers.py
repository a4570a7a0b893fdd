"""What customers owe and pay: collecting a balance or giving it up, correcting a payment, naming a bill's customer."""

from typing import Annotated

import strawberry

from salonos.accounting.graph import AccountOverdrawn, PeriodClosed
from salonos.accounting.rules import PaymentMethod
from salonos.bills import commands
from salonos.bills.graph.inputs import PaymentInput, tender_of
from salonos.bills.graph.problems import CashLimitExceeded, CustomerAssigned, NothingOwed, PaymentsExceedTotal
from salonos.bills.graph.reads import Bill, Payment
from salonos.bills.graph.references import HAS_SAME_REFERENCE, SAME_REFERENCE, with_same_reference
from salonos.customers.graph import Customer
from salonos.graph.fields import extend, field, ref
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.problem import InvalidInput, StaleVersion
from salonos.graph.roots import Mutation
from salonos.kernel.ids import id_value
from salonos.kernel.permissions import Permission
from salonos.kernel.work import Work


@strawberry.input(description="One payment towards all that a customer owes at your branches.")
class CollectBalanceInput:
    """One payment towards all that a customer owes at your branches."""

    branch_id: strawberry.ID = field(
        "Where it is paid: the money is counted there, whichever branches the bills are of."
    )
    customer_id: strawberry.ID = field("Who pays.")
    payment: PaymentInput = field("What is handed over, at most all that is owed, or cash; never ON_ACCOUNT.")


@strawberry.input(description="A balance that will never be paid.")
class WriteOffBalanceInput:
    """A balance that will never be paid."""

    bill_id: strawberry.ID = field("The posted bill; all that is still owed on it is given up.")
    reason: str = field("Why, at most 200 characters.")
    expected_version: int = field("The version that you saw.")


@strawberry.input(description="How a payment came in truth.")
class CorrectPaymentInput:
    """How a payment came in truth."""

    payment_id: strawberry.ID = field("The payment that was recorded wrongly.")
    method: PaymentMethod = field("How it came; never ON_ACCOUNT.")
    reference: str | None = field("The bank's or the slip's number, at most 120 characters; none when left out.")


@strawberry.input(description="Whose an anonymous posted bill is.")
class AssignCustomerInput:
    """Whose an anonymous posted bill is."""

    bill_id: strawberry.ID = field("The bill.")
    customer_id: strawberry.ID = field("Whose it is.")
    expected_version: int = field("The version that you saw.")


@strawberry.type(description="The money is kept, and settles the oldest bills.")
class CollectBalanceSuccess:
    """The money is kept, and settles the oldest bills."""

    payments: list[Payment] | None = field("One for each bill that it reached, the oldest first.")
    customer: Customer | None = field("The customer with what is owed now; null out of reach.")
    bills_with_same_reference: list[Bill] | None = field(SAME_REFERENCE)
    has_same_reference: bool = field(HAS_SAME_REFERENCE)


@strawberry.type(description="Nothing is owed on the bill any more.")
class WriteOffBalanceSuccess:
    """Nothing is owed on the bill any more."""

    bill: Bill | None = field("The bill as it is now; null out of reach.")


@strawberry.type(description="The payment is recorded as it came.")
class CorrectPaymentSuccess:
    """The payment is recorded as it came."""

    payment: Payment | None = field("What stands in its place, of the same amount; null out of reach.")


@strawberry.type(description="The bill has its customer.")
class AssignCustomerSuccess:
    """The bill has its customer."""

    bill: Bill | None = field("The bill as it is now; null out of reach.")


CollectBalanceResult = Annotated[
    CollectBalanceSuccess | InvalidInput | NothingOwed | PaymentsExceedTotal | CashLimitExceeded | PeriodClosed,
    strawberry.union("CollectBalanceResult", description="What became of the payment."),
]
WriteOffBalanceResult = Annotated[
    WriteOffBalanceSuccess | InvalidInput | StaleVersion | NothingOwed | PeriodClosed,
    strawberry.union("WriteOffBalanceResult", description="What became of it."),
]
CorrectPaymentResult = Annotated[
    CorrectPaymentSuccess | InvalidInput | CashLimitExceeded | PeriodClosed | AccountOverdrawn,
    strawberry.union("CorrectPaymentResult", description="What became of it."),
]
AssignCustomerResult = Annotated[
    AssignCustomerSuccess | InvalidInput | StaleVersion | CustomerAssigned,
    strawberry.union("AssignCustomerResult", description="What became of it."),
]


@extend(Mutation)
class CustomerWrites:
    """Writes about bills and their customers."""

    @mutation(
        "Take one payment towards all that a customer owes at your branches: the oldest bill first.",
        requires=Permission.PAYMENT_TAKE,
        idempotency=Idempotency.REQUIRED,
    )
    async def collect_balance(self, work: Work, input: CollectBalanceInput) -> CollectBalanceResult:
        """Collects."""
        customer_id, tender = id_value("customer", input.customer_id), tender_of(input.payment)
        payment_ids = await commands.collect_balance(
            work,
            branch_id=id_value("branch", input.branch_id),
            customer_id=customer_id,
            tender=tender,
        )
        same = await with_same_reference(work, [tender], payment_ids=payment_ids)
        return CollectBalanceSuccess(
            payments=[ref(Payment, each) for each in payment_ids],
            customer=ref(Customer, customer_id),
            bills_with_same_reference=same,
            has_same_reference=bool(same),
        )

    @mutation(
        "Give up all that is still owed on a bill: a loss, without tax relief.",
        requires=Permission.BILL_WRITE_OFF,
        idempotency=Idempotency.REQUIRED,
    )
    async def write_off_balance(self, work: Work, input: WriteOffBalanceInput) -> WriteOffBalanceResult:
        """Writes off."""
        bill_id = id_value("bill", input.bill_id)
        await commands.write_off_balance(work, bill_id, reason=input.reason, expected_version=input.expected_version)
        return WriteOffBalanceSuccess(bill=ref(Bill, bill_id))

    @mutation(
        "Correct how a payment came, or its reference: it is reversed and recorded anew. Its amount never changes.",
        requires=Permission.PAYMENT_CORRECT,
        idempotency=Idempotency.REQUIRED,
    )
    async def correct_payment(self, work: Work, input: CorrectPaymentInput) -> CorrectPaymentResult:
        """Corrects."""
        payment_id = id_value("payment", input.payment_id)
        stands = await commands.correct_payment(work, payment_id, method=input.method, reference=input.reference)
        return CorrectPaymentSuccess(payment=ref(Payment, stands))

    @mutation("Name the customer of an anonymous posted bill, once.", requires=Permission.BILL_CREATE)
    async def assign_customer(self, work: Work, input: AssignCustomerInput) -> AssignCustomerResult:
        """Assigns."""
        bill_id = id_value("bill", input.bill_id)
        await commands.assign_customer(
            work, bill_id, id_value("customer", input.customer_id), expected_version=input.expected_version
        )
        return AssignCustomerSuccess(bill=ref(Bill, bill_id))
