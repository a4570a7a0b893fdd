"""What was sold is taken back."""

from typing import Annotated

import strawberry

from salonos.accounting.graph import AccountOverdrawn, PeriodClosed
from salonos.accounting.rules import PaymentMethod
from salonos.bills import commands
from salonos.bills.commands import NewRefund, RefundedLine
from salonos.bills.graph.problems import NothingLeftToRefund, RefundTooMuch, TooLateToVoid
from salonos.bills.graph.reads import Bill
from salonos.graph.fields import extend, field, ref
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.problem import InvalidInput, StaleVersion
from salonos.graph.roots import Mutation
from salonos.kernel.ids import id_value
from salonos.kernel.permissions import Permission
from salonos.kernel.quantity import Quantity
from salonos.kernel.work import Work
from salonos.salon.graph import ClockBehind, NumberSeriesExhausted


@strawberry.input(description="How much of a line goes back.")
class RefundLineInput:
    """How much of a line goes back."""

    line_id: strawberry.ID = field("The bill's line.")
    quantity: Quantity = field("Above 0, at most what is left of it.")


@strawberry.input(description="A posted bill that is given back, or some of it.")
class RefundBillInput:
    """A posted bill that is given back, or some of it."""

    bill_id: strawberry.ID = field("The bill.")
    reason: str = field("Why, at most 200 characters; it stands on the credit note.")
    lines: list[RefundLineInput] | None = field("At most 200 lines; all that is left when left out.")
    restock: bool = field("Whether goods go back on the shelf, into the batches they came from.", default=True)
    payment_method: PaymentMethod = field(
        "How money goes back. What is still owed is lowered first; ON_ACCOUNT when that takes it all."
    )
    reference: str | None = field("The bank's or the slip's number, at most 120 characters.")


@strawberry.type(description="The credit note is posted.")
class RefundBillSuccess:
    """The credit note is posted."""

    credit_note: Bill | None = field("The credit note; null out of reach.")
    bill: Bill | None = field("The bill as it is now; null out of reach.")


@strawberry.input(description="A draft or a posted bill that is taken back.")
class VoidBillInput:
    """A draft or a posted bill that is taken back."""

    bill_id: strawberry.ID = field("The bill: a draft, or one of today of which nothing was refunded.")
    reason: str = field("Why, at most 200 characters.")
    expected_version: int = field("The version that you saw.")
    pay_back_by: PaymentMethod | None = field("How all money goes back; each payment the way it came when left out.")


@strawberry.type(description="The bill is void.")
class VoidBillSuccess:
    """The bill is void."""

    bill: Bill | None = field("The bill as it is now; null out of reach.")


VoidBillResult = Annotated[
    VoidBillSuccess | InvalidInput | StaleVersion | TooLateToVoid | PeriodClosed | AccountOverdrawn,
    strawberry.union("VoidBillResult", description="What became of it."),
]
RefundBillResult = Annotated[
    RefundBillSuccess
    | InvalidInput
    | NothingLeftToRefund
    | RefundTooMuch
    | PeriodClosed
    | AccountOverdrawn
    | ClockBehind
    | NumberSeriesExhausted,
    strawberry.union("RefundBillResult", description="What became of the refund."),
]


@extend(Mutation)
class RefundWrites:
    """Refunds."""

    @mutation(
        "Give back a posted bill or some of it: a credit note, the money or the debt, and the goods.",
        requires=Permission.BILL_REFUND,
        idempotency=Idempotency.REQUIRED,
    )
    async def refund_bill(self, work: Work, input: RefundBillInput) -> RefundBillResult:
        """Refunds."""
        bill_id = id_value("bill", input.bill_id)
        lines = tuple(RefundedLine(id_value("line", each.line_id), each.quantity) for each in input.lines or ())
        new = NewRefund(
            bill_id=bill_id,
            reason=input.reason,
            method=input.payment_method,
            lines=lines if input.lines is not None else None,
            restock=input.restock,
            reference=input.reference,
        )
        return RefundBillSuccess(credit_note=ref(Bill, await commands.refund_bill(work, new)), bill=ref(Bill, bill_id))

    @mutation(
        "Take a draft or a bill of today back: its number stays on record, its entry is undone, money and goods go back.",
        requires=Permission.BILL_CREATE,
        idempotency=Idempotency.REQUIRED,
    )
    async def void_bill(self, work: Work, input: VoidBillInput) -> VoidBillResult:
        """Voids."""
        bill_id = id_value("bill", input.bill_id)
        await commands.void_bill(
            work,
            bill_id,
            reason=input.reason,
            expected_version=input.expected_version,
            pay_back_by=input.pay_back_by,
        )
        return VoidBillSuccess(bill=ref(Bill, bill_id))
