"""The till's mutations. Each is one transaction; those that move money demand an Idempotency-Key."""

from typing import Annotated

import strawberry

from salonos.accounting.graph import PeriodClosed
from salonos.bills import commands
from salonos.bills.commands import BillContents, NewBill, NewSale
from salonos.bills.graph.inputs import (
    LINES,
    BillLineInput,
    DiscountInput,
    PaymentInput,
    TipInput,
    contents_of,
    tender_of,
)
from salonos.bills.graph.problems import (
    BillAlreadyPosted,
    CashLimitExceeded,
    CreditLimitExceeded,
    CustomerRequired,
    DiscountNeedsApproval,
    PaymentsDoNotAddUp,
    PaymentsExceedTotal,
    RecipientRequired,
)
from salonos.bills.graph.reads import Bill, Payment
from salonos.bills.graph.references import HAS_SAME_REFERENCE, SAME_REFERENCE, with_same_reference
from salonos.graph.fields import extend, field, ref
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.problem import InvalidInput, Problem, StaleVersion, problem_of
from salonos.graph.roots import Mutation
from salonos.identity.graph import ApprovalNotValid
from salonos.inventory.graph import StockTooLow
from salonos.kernel.ids import id_value
from salonos.kernel.permissions import Permission
from salonos.kernel.work import Work
from salonos.salon.graph import ClockBehind, NumberSeriesExhausted

CUSTOMER = "Whose bill it is; nobody's when left out."
DISCOUNT = "Taken off the whole bill, before tax, spread over its lines."
DISCOUNT_REASON = "Why, at most 200 characters; needed with `discount`."
APPROVAL = "What `approve` answered, for a discount above your limit; not used up for a smaller one."
TIPS = "At most 20; a bill with a balance due carries none."
NOTES = "What the till writes down, at most 1,000 characters."
BUYER_GSTIN = "A registered customer's GSTIN."
PLACE_OF_SUPPLY = "GST state code of where it is supplied; the branch's own when left out."


@strawberry.input(description="A draft to be begun.")
class CreateBillInput:
    """A draft to be begun."""

    branch_id: strawberry.ID = field("Where it is sold.")
    customer_id: strawberry.ID | None = field(CUSTOMER)
    lines: list[BillLineInput] = field(LINES)
    discount: DiscountInput | None = field(DISCOUNT, requires=Permission.BILL_DISCOUNT)
    discount_reason: str | None = field(DISCOUNT_REASON)
    approval_id: strawberry.ID | None = field(APPROVAL)
    tips: list[TipInput] | None = field(TIPS)
    notes: str | None = field(NOTES)
    buyer_gstin: str | None = field(BUYER_GSTIN)
    place_of_supply: str | None = field(PLACE_OF_SUPPLY)


@strawberry.input(description="What a draft is to hold from now on, in place of all that it held.")
class UpdateBillInput:
    """What a draft is to hold from now on."""

    bill_id: strawberry.ID = field("The draft.")
    expected_version: int = field("The version that you saw.")
    customer_id: strawberry.ID | None = field(CUSTOMER)
    lines: list[BillLineInput] = field(LINES)
    discount: DiscountInput | None = field(DISCOUNT, requires=Permission.BILL_DISCOUNT)
    discount_reason: str | None = field(DISCOUNT_REASON)
    approval_id: strawberry.ID | None = field(APPROVAL)
    tips: list[TipInput] | None = field(TIPS)
    notes: str | None = field(NOTES)
    buyer_gstin: str | None = field(BUYER_GSTIN)
    place_of_supply: str | None = field(PLACE_OF_SUPPLY)


@strawberry.input(description="A payment towards a draft, or towards the balance due of a posted bill.")
class AddPaymentInput:
    """A payment towards a bill."""

    bill_id: strawberry.ID = field("The bill.")
    payment: PaymentInput = field("What is handed over; never ON_ACCOUNT.")
    expected_version: int = field("The version that you saw.")


@strawberry.input(description="A draft to be made final.")
class PostBillInput:
    """A draft to be made final."""

    bill_id: strawberry.ID = field("The draft.")
    expected_version: int = field("The version that you saw.")


@strawberry.input(description="A sale with all of its payments.")
class CheckOutInput:
    """A sale with all of its payments."""

    branch_id: strawberry.ID = field("Where it is sold.")
    customer_id: strawberry.ID | None = field(CUSTOMER)
    lines: list[BillLineInput] = field(LINES)
    discount: DiscountInput | None = field(DISCOUNT, requires=Permission.BILL_DISCOUNT)
    discount_reason: str | None = field(DISCOUNT_REASON)
    approval_id: strawberry.ID | None = field(APPROVAL)
    tips: list[TipInput] | None = field(TIPS)
    payments: list[PaymentInput] = field("Together what is due, tips included; none for a total of 0.00; at most 50.")
    notes: str | None = field(NOTES)
    buyer_gstin: str | None = field(BUYER_GSTIN)
    place_of_supply: str | None = field(PLACE_OF_SUPPLY)


@strawberry.type(description="The draft was begun.")
class CreateBillSuccess:
    """The draft was begun."""

    bill: Bill | None = field("The draft; null out of reach.")


@strawberry.type(description="The draft holds what was asked for.")
class UpdateBillSuccess:
    """The draft holds what was asked for."""

    bill: Bill | None = field("The draft as it is now; null out of reach.")


@strawberry.type(description="The money is kept.")
class AddPaymentSuccess:
    """The money is kept."""

    bill: Bill | None = field("The bill as it is now; null out of reach.")
    payment: Payment | None = field("The payment, in a group its share of the first document; null out of reach.")
    bills_with_same_reference: list[Bill] | None = field(SAME_REFERENCE)
    has_same_reference: bool = field(HAS_SAME_REFERENCE)
    not_posted: list[Problem] = field(
        "Why the bill, though fully paid, stays a draft; empty when it was posted or is not fully paid. At most 5."
    )


@strawberry.type(description="The bill is final.")
class PostBillSuccess:
    """The bill is final."""

    bill: Bill | None = field("The bill as it is now; null out of reach.")


@strawberry.type(description="The bill is paid and final.")
class CheckOutSuccess:
    """The bill is paid and final."""

    bill: Bill | None = field("The bill, in a group that of the services; null out of reach.")
    bills_with_same_reference: list[Bill] | None = field(SAME_REFERENCE)
    has_same_reference: bool = field(HAS_SAME_REFERENCE)


CreateBillResult = Annotated[
    CreateBillSuccess | InvalidInput | DiscountNeedsApproval | ApprovalNotValid,
    strawberry.union("CreateBillResult", description="What became of the draft."),
]
UpdateBillResult = Annotated[
    UpdateBillSuccess
    | InvalidInput
    | StaleVersion
    | BillAlreadyPosted
    | PaymentsExceedTotal
    | DiscountNeedsApproval
    | ApprovalNotValid,
    strawberry.union("UpdateBillResult", description="What became of the change."),
]
AddPaymentResult = Annotated[
    AddPaymentSuccess
    | InvalidInput
    | StaleVersion
    | BillAlreadyPosted
    | PaymentsExceedTotal
    | CashLimitExceeded
    | PeriodClosed,
    strawberry.union("AddPaymentResult", description="What became of the payment."),
]
PostBillResult = Annotated[
    PostBillSuccess
    | InvalidInput
    | StaleVersion
    | BillAlreadyPosted
    | CustomerRequired
    | CreditLimitExceeded
    | RecipientRequired
    | StockTooLow
    | PeriodClosed
    | ClockBehind
    | NumberSeriesExhausted,
    strawberry.union("PostBillResult", description="What became of the bill."),
]
CheckOutResult = Annotated[
    CheckOutSuccess
    | InvalidInput
    | PaymentsDoNotAddUp
    | PaymentsExceedTotal
    | CustomerRequired
    | CreditLimitExceeded
    | RecipientRequired
    | CashLimitExceeded
    | DiscountNeedsApproval
    | ApprovalNotValid
    | StockTooLow
    | PeriodClosed
    | ClockBehind
    | NumberSeriesExhausted,
    strawberry.union("CheckOutResult", description="What became of the sale."),
]


@extend(Mutation)
class BillWrites:
    """The till's writes."""

    @mutation(
        "Begin a draft, priced at today's prices and rates.",
        requires=Permission.BILL_CREATE,
        idempotency=Idempotency.ACCEPTED,
    )
    async def create_bill(self, work: Work, input: CreateBillInput) -> CreateBillResult:
        """Begins a draft."""
        new = NewBill(branch_id=id_value("branch", input.branch_id), **contents_of(input))
        return CreateBillSuccess(bill=ref(Bill, await commands.create_bill(work, new)))

    @mutation("Replace lines, discount, tips and all else of a draft.", requires=Permission.BILL_CREATE)
    async def update_bill(self, work: Work, input: UpdateBillInput) -> UpdateBillResult:
        """Changes a draft."""
        bill_id = id_value("bill", input.bill_id)
        contents = BillContents(**contents_of(input))
        await commands.update_bill(work, bill_id, contents, expected_version=input.expected_version)
        return UpdateBillSuccess(bill=ref(Bill, bill_id))

    @mutation(
        "Take a payment. The money is kept whatever happens; a draft that it completes is posted.",
        requires=Permission.PAYMENT_TAKE,
        idempotency=Idempotency.REQUIRED,
    )
    async def add_payment(self, work: Work, input: AddPaymentInput) -> AddPaymentResult:
        """Takes a payment."""
        bill_id, tender = id_value("bill", input.bill_id), tender_of(input.payment)
        taken = await commands.add_payment(work, bill_id, tender, expected_version=input.expected_version)
        same = await with_same_reference(work, [tender], payment_ids=[taken.payment_id])
        return AddPaymentSuccess(
            bill=ref(Bill, bill_id),
            payment=ref(Payment, taken.payment_id),
            bills_with_same_reference=same,
            has_same_reference=bool(same),
            not_posted=[problem_of(each) for each in taken.not_posted],
        )

    @mutation(
        "Make a draft final. What is not paid yet becomes the balance due of its customer.",
        requires=Permission.BILL_CREATE,
        idempotency=Idempotency.REQUIRED,
    )
    async def post_bill(self, work: Work, input: PostBillInput) -> PostBillResult:
        """Posts a draft."""
        bill_id = id_value("bill", input.bill_id)
        await commands.post_bill(work, bill_id, expected_version=input.expected_version)
        return PostBillSuccess(bill=ref(Bill, bill_id))

    @mutation(
        "Sell and take the money in one step: the bill is made, paid, numbered and booked, or nothing is.",
        requires=Permission.BILL_CREATE,
        idempotency=Idempotency.REQUIRED,
    )
    async def check_out(self, work: Work, input: CheckOutInput) -> CheckOutResult:
        """Sells."""
        payments = tuple(tender_of(each) for each in input.payments)
        new = NewSale(branch_id=id_value("branch", input.branch_id), payments=payments, **contents_of(input))
        bill_id = await commands.check_out(work, new)
        same = await with_same_reference(work, payments, bill_id=bill_id)
        return CheckOutSuccess(bill=ref(Bill, bill_id), bills_with_same_reference=same, has_same_reference=bool(same))
