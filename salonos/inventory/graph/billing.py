"""How suppliers' bills are recorded, goods sent back, and suppliers paid."""

from datetime import date
from typing import Annotated

import strawberry

from salonos.accounting.graph import PeriodClosed
from salonos.accounting.rules import PaymentMethod
from salonos.catalog.graph import Product
from salonos.graph.fields import extend, field, ref
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.problem import InvalidInput, Problem, problem
from salonos.graph.roots import Mutation
from salonos.inventory import commands, problems
from salonos.inventory.graph.payables import SupplierBill, SupplierPayment, SupplierRefund, SupplierReturn
from salonos.inventory.graph.problems import StockTooLow
from salonos.inventory.graph.suppliers import Supplier
from salonos.kernel.ids import id_value
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.quantity import Percentage, Quantity
from salonos.kernel.work import Work


@problem(problems.SupplierBillExists)
class SupplierBillExists(Problem):
    """A bill of this number was recorded for the supplier's financial year already."""

    bill: SupplierBill | None = field("Which; null out of reach.")


@problem(problems.BilledTooMuch)
class BilledTooMuch(Problem):
    """More is billed than came and was not billed yet."""

    product: Product | None = field("Of what.")
    unbilled: Quantity = field("How much is waiting to be billed, in the unit in which it came.")


@problem(problems.SentBackTooMuch)
class SentBackTooMuch(Problem):
    """More would go back than came from this supplier and is not back yet."""

    product: Product | None = field("Of what.")
    returnable: Quantity = field("How much may go back, in the unit in which it came.")


@problem(problems.SupplierOverpaid)
class SupplierOverpaid(Problem):
    """More would be paid than is owed: on a bill, or on all of the branch's where none was named."""

    supplier: Supplier | None = field("Whom.")
    bill: SupplierBill | None = field("On which bill; null where none was named.")


@problem(problems.SupplierRefundedTooMuch)
class SupplierRefundedTooMuch(Problem):
    """More would be paid back than the return has left."""

    supplier_return: SupplierReturn | None = field("Which, with what it has left.")


@strawberry.input(description="Goods as a supplier bills them.")
class SupplierBillLineInput:
    """Goods as a supplier bills them."""

    receipt_line_id: strawberry.ID = field("How they came; each in one line only.")
    quantity: Quantity = field("How many, in the unit in which they came: above 0, not more than are unbilled.")
    unit_price: Money = field("Of one, without tax and before discounts.")
    discount: Money = field("The line's own discount.", default=Money(0))
    tax_rate: Percentage | None = field("GST in percent as billed; by the product's tax class when left out.")


@strawberry.input(description="A supplier's bill, as it stands on paper.")
class RecordSupplierBillInput:
    """A supplier's bill, as it stands on paper."""

    branch_id: strawberry.ID = field("Which branch owes it.")
    supplier_id: strawberry.ID = field("Whose.")
    number: str = field("Its number, at most 40 characters; once per supplier and financial year.")
    billed_on: date = field("Its date.")
    booked_on: date | None = field("The date of its entry: not before its own, not in the future; today when left out.")
    lines: list[SupplierBillLineInput] = field("1 to 200 lines.")
    discount: Money = field("The bill's own discount before tax, spread over its lines.", default=Money(0))
    total: Money = field("What is payable. It differs from its lines by less than a rupee: its round-off.")


@strawberry.input(description="Goods that go back.")
class SupplierReturnLineInput:
    """Goods that go back."""

    receipt_line_id: strawberry.ID = field("How they came; each in one line only.")
    quantity: Quantity = field("How many, in the unit in which they came: above 0.")


@strawberry.input(description="Goods that go back to their supplier.")
class ReturnToSupplierInput:
    """Goods that go back to their supplier."""

    branch_id: strawberry.ID = field("From where.")
    supplier_id: strawberry.ID = field("To whom.")
    lines: list[SupplierReturnLineInput] = field("1 to 200 lines.")
    reason: str = field("Why, at most 200 characters.")


@strawberry.input(description="What is paid of one bill.")
class PaidBillInput:
    """What is paid of one bill."""

    bill_id: strawberry.ID = field("Which, of the supplier's at this branch.")
    amount: Money = field("How much of it: above 0.00, at most what is owed on it.")


@strawberry.input(description="Money for a supplier.")
class PaySupplierInput:
    """Money for a supplier."""

    branch_id: strawberry.ID = field("Out of which branch's money; it settles that branch's bills.")
    supplier_id: strawberry.ID = field("To whom.")
    method: PaymentMethod = field("How. Never ON_ACCOUNT.")
    amount: Money = field("How much: above 0.00, at most what is owed.")
    reference: str | None = field("The bank's or the cheque's number, at most 120 characters.")
    bills: list[PaidBillInput] | None = field("At most 200 bills, in all its amount; the oldest when left out.")


@strawberry.input(description="Money that a supplier pays back.")
class RecordSupplierRefundInput:
    """Money that a supplier pays back."""

    supplier_return_id: strawberry.ID = field("For what went back; the money is that of its branch.")
    method: PaymentMethod = field("How. Never ON_ACCOUNT.")
    amount: Money = field("How much: above 0.00, at most what the return has left.")
    reference: str | None = field("The bank's or the cheque's number, at most 120 characters.")


@strawberry.type(description="The bill is owed.")
class RecordSupplierBillSuccess:
    """The bill is owed."""

    bill: SupplierBill | None = field("As it is now: what returns had left has settled it.")


@strawberry.type(description="The goods are off the shelf, and less is owed.")
class ReturnToSupplierSuccess:
    """The goods are off the shelf, and less is owed."""

    supplier_return: SupplierReturn | None = field("With the debit note's number.")


@strawberry.type(description="The money is out of the books, and less is owed.")
class PaySupplierSuccess:
    """The money is out of the books, and less is owed."""

    payment: SupplierPayment | None = field("With the bills that it settled.")


@strawberry.type(description="The money is in the books, and the supplier owes less.")
class RecordSupplierRefundSuccess:
    """The money is in the books, and the supplier owes less."""

    refund: SupplierRefund | None = field("With what went back.")


RecordSupplierBillResult = Annotated[
    RecordSupplierBillSuccess | InvalidInput | SupplierBillExists | BilledTooMuch | PeriodClosed,
    strawberry.union("RecordSupplierBillResult", description="What became of it."),
]
ReturnToSupplierResult = Annotated[
    ReturnToSupplierSuccess | InvalidInput | SentBackTooMuch | StockTooLow | PeriodClosed,
    strawberry.union("ReturnToSupplierResult", description="What became of it."),
]
PaySupplierResult = Annotated[
    PaySupplierSuccess | InvalidInput | SupplierOverpaid | PeriodClosed,
    strawberry.union("PaySupplierResult", description="What became of it."),
]

RecordSupplierRefundResult = Annotated[
    RecordSupplierRefundSuccess | InvalidInput | SupplierRefundedTooMuch | PeriodClosed,
    strawberry.union("RecordSupplierRefundResult", description="What became of it."),
]


@extend(Mutation)
class PayablesWrites:
    """The writes."""

    @mutation(
        "Record a supplier's bill over goods that came.",
        requires=Permission.PURCHASE_MANAGE,
        idempotency=Idempotency.REQUIRED,
    )
    async def record_supplier_bill(self, work: Work, input: RecordSupplierBillInput) -> RecordSupplierBillResult:
        """Records a bill."""
        lines = tuple(
            commands.BillLine(
                id_value("receiptline", line.receipt_line_id),
                line.quantity,
                line.unit_price,
                line.discount,
                line.tax_rate,
            )
            for line in input.lines
        )
        new = commands.NewSupplierBill(
            branch_id=id_value("branch", input.branch_id),
            supplier_id=id_value("supplier", input.supplier_id),
            number=input.number,
            billed_on=input.billed_on,
            lines=lines,
            total_paise=input.total,
            discount_paise=input.discount,
            booked_on=input.booked_on,
        )
        return RecordSupplierBillSuccess(bill=ref(SupplierBill, await commands.record_supplier_bill(work, new)))

    @mutation(
        "Send goods back to their supplier, with a debit note.",
        requires=Permission.PURCHASE_MANAGE,
        idempotency=Idempotency.REQUIRED,
    )
    async def return_to_supplier(self, work: Work, input: ReturnToSupplierInput) -> ReturnToSupplierResult:
        """Sends goods back."""
        new = commands.NewSupplierReturn(
            id_value("branch", input.branch_id),
            id_value("supplier", input.supplier_id),
            tuple(
                commands.ReturnedLine(id_value("receiptline", line.receipt_line_id), line.quantity)
                for line in input.lines
            ),
            input.reason,
        )
        return_id = await commands.return_to_supplier(work, new)
        return ReturnToSupplierSuccess(supplier_return=ref(SupplierReturn, return_id))

    @mutation("Pay a supplier.", requires=Permission.PURCHASE_MANAGE, idempotency=Idempotency.REQUIRED)
    async def pay_supplier(self, work: Work, input: PaySupplierInput) -> PaySupplierResult:
        """Pays."""
        new = commands.NewSupplierPayment(
            id_value("branch", input.branch_id),
            id_value("supplier", input.supplier_id),
            input.method,
            input.amount,
            input.reference,
            tuple(commands.PaidBill(id_value("supplierbill", each.bill_id), each.amount) for each in input.bills or ()),
        )
        return PaySupplierSuccess(payment=ref(SupplierPayment, await commands.pay_supplier(work, new)))

    @mutation(
        "Record money that a supplier paid back for goods that went back.",
        requires=Permission.PURCHASE_MANAGE,
        idempotency=Idempotency.REQUIRED,
    )
    async def record_supplier_refund(self, work: Work, input: RecordSupplierRefundInput) -> RecordSupplierRefundResult:
        """Takes it in."""
        new = commands.NewSupplierRefund(
            id_value("supplierreturn", input.supplier_return_id), input.method, input.amount, input.reference
        )
        refund_id = await commands.record_supplier_refund(work, new)
        return RecordSupplierRefundSuccess(refund=ref(SupplierRefund, refund_id))
