"""What suppliers are owed: bills, returns, payments and the ledger as they are read."""

import enum
from datetime import date, datetime

import strawberry
from sqlalchemy import Boolean, ColumnElement, Text, any_, func, literal_column, or_, select
from sqlalchemy import Uuid as UuidType
from sqlalchemy.dialects.postgresql import ARRAY

from salonos.accounting.graph import Entry, in_reach
from salonos.accounting.rules import PaymentMethod
from salonos.graph.fields import (
    Order,
    Part,
    Within,
    actor_value,
    by_id,
    column,
    connection,
    enum_of,
    extend,
    many,
    node,
    one,
    orders,
    where,
)
from salonos.graph.roots import Connection, Node, Query
from salonos.graph.scalars import Gstin
from salonos.inventory import rules, tables
from salonos.inventory.graph.purchases import COST_READ, StockReceiptLine
from salonos.inventory.graph.suppliers import SUPPLIER_READ, Supplier
from salonos.inventory.rules import SupplierLedgerKind
from salonos.kernel.actor import Access
from salonos.kernel.database import Paise
from salonos.kernel.money import Money
from salonos.kernel.quantity import Percentage, Quantity
from salonos.salon.graph import Branch

SETTLEMENTS_MAX = 500

enum_of(
    SupplierLedgerKind,
    "Which document stands in a supplier's ledger.",
    BILL="A bill: more is owed.",
    RETURN="Goods that went back: less is owed.",
    PAYMENT="Money that was paid: less is owed.",
    REFUND="Money that the supplier paid back: its debt is less.",
)


def bills_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Of the reader's branches."""
    return in_reach(tables.SupplierBill.branch_id, access)


def returns_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Of the reader's branches."""
    return in_reach(tables.SupplierReturn.branch_id, access)


def payments_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Of the reader's branches."""
    return in_reach(tables.SupplierPayment.branch_id, access)


def refunds_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Of the reader's branches."""
    return in_reach(tables.SupplierRefund.branch_id, access)


def ledger_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Of the reader's branches."""
    return in_reach(tables.SupplierLedgerLine.branch_id, access)


@node(tables.SupplierBillLine, scope=Within(tables.SupplierBillLine.bill_id, "SupplierBill"), requires=SUPPLIER_READ)
class SupplierBillLine(Node):
    """Goods as a supplier billed them, in the unit in which they came."""

    position: int = column(tables.SupplierBillLine.position, "From 1.")
    bill: "SupplierBill" = one(tables.SupplierBillLine.bill_id, "On which bill.", within=True)
    receipt_line: StockReceiptLine | None = one(tables.SupplierBillLine.receipt_line_id, "How they came.")
    quantity: Quantity = column(tables.SupplierBillLine.quantity_milli, "How many.")
    returned: Quantity = column(tables.SupplierBillLine.returned_milli, "How many of them went back.")
    unit_price: Money | None = column(
        tables.SupplierBillLine.unit_price_paise, "Of one, without tax.", requires=COST_READ
    )
    discount: Money | None = column(
        tables.SupplierBillLine.discount_paise + tables.SupplierBillLine.bill_discount_paise,
        "All that is taken off: the line's own discount and its share of the bill's.",
        requires=COST_READ,
    )
    tax_rate: Percentage = column(tables.SupplierBillLine.rate_hundredths, "GST in percent; 0 where none is charged.")
    is_credited: bool = column(tables.SupplierBillLine.is_credited, "Whether input credit is taken for its tax.")
    taxable: Money | None = column(
        tables.SupplierBillLine.taxable_paise, "After discounts, without tax.", requires=COST_READ
    )
    cgst: Money | None = column(tables.SupplierBillLine.cgst_paise, "Central tax.", requires=COST_READ)
    sgst: Money | None = column(tables.SupplierBillLine.sgst_paise, "State tax.", requires=COST_READ)
    igst: Money | None = column(
        tables.SupplierBillLine.igst_paise, "Integrated tax, of goods from another state.", requires=COST_READ
    )


@node(
    tables.SupplierSettlement, scope=Within(tables.SupplierSettlement.bill_id, "SupplierBill"), requires=SUPPLIER_READ
)
class SupplierSettlement(Node):
    """What a payment or a return settles of a supplier's bill."""

    bill: "SupplierBill" = one(tables.SupplierSettlement.bill_id, "Of which bill.", within=True)
    payment: "SupplierPayment | None" = one(tables.SupplierSettlement.payment_id, "By which payment; null by a return.")
    supplier_return: "SupplierReturn | None" = one(
        tables.SupplierSettlement.return_id, "By which return; null by a payment."
    )
    amount: Money | None = column(tables.SupplierSettlement.amount_paise, "How much.", requires=COST_READ)
    settled_on: date = column(tables.SupplierSettlement.settled_on, "From which date on.")


@node(tables.SupplierBill, scope=bills_in_reach, requires=SUPPLIER_READ)
class SupplierBill(Node):
    """A supplier's bill. It never changes; goods of it may go back."""

    supplier: Supplier = one(tables.SupplierBill.supplier_id, "Whose.", within=True)
    branch: Branch = one(tables.SupplierBill.branch_id, "Which branch owes it.", within=True)
    number: str = column(tables.SupplierBill.number, "As it stands on the bill.")
    billed_on: date = column(tables.SupplierBill.billed_on, "The bill's own date, by which it ages.")
    booked_on: date = column(tables.SupplierBill.booked_on, "The date of its entry in the books.")
    gstin: Gstin | None = column(tables.SupplierBill.gstin, "The supplier's then; null of one that was not registered.")
    lines: list[SupplierBillLine] = many(
        tables.SupplierBillLine.bill_id,
        "1 to 200, 5 are typical.",
        order_by=tables.SupplierBillLine.position,
        limit=rules.LINES_MAX,
    )
    settlements: list[SupplierSettlement] = many(
        tables.SupplierSettlement.bill_id,
        "What settled it, at most 500; 1 is typical.",
        order_by=(tables.SupplierSettlement.settled_on, tables.SupplierSettlement.id),
        limit=SETTLEMENTS_MAX,
    )
    discount: Money | None = column(
        tables.SupplierBill.discount_paise, "The bill's own discount, spread over its lines.", requires=COST_READ
    )
    taxable_total: Money | None = column(
        tables.SupplierBill.taxable_paise, "After discounts, without tax.", requires=COST_READ
    )
    cgst_total: Money | None = column(tables.SupplierBill.cgst_paise, "Central tax.", requires=COST_READ)
    sgst_total: Money | None = column(tables.SupplierBill.sgst_paise, "State tax.", requires=COST_READ)
    igst_total: Money | None = column(tables.SupplierBill.igst_paise, "Integrated tax.", requires=COST_READ)
    round_off: Money | None = column(
        tables.SupplierBill.round_off_paise, "What the supplier added, or took off below 0.00.", requires=COST_READ
    )
    total: Money | None = column(tables.SupplierBill.total_paise, "What is payable.", requires=COST_READ)
    amount_settled: Money | None = column(
        tables.SupplierBill.settled_paise, "What payments and returns settled of it.", requires=COST_READ
    )
    balance_due: Money | None = column(tables.SupplierBill.balance_due_paise, "What is still owed.", requires=COST_READ)
    entry: Entry | None = one(tables.SupplierBill.entry_id, "Its entry in the books.")
    recorded_at: datetime = column(tables.SupplierBill.recorded_at, "When it was written down.")


@node(
    tables.SupplierReturnLine,
    scope=Within(tables.SupplierReturnLine.return_id, "SupplierReturn"),
    requires=SUPPLIER_READ,
)
class SupplierReturnLine(Node):
    """Goods that went back, in the unit in which they came: of one bill's line, or not billed yet."""

    position: int = column(tables.SupplierReturnLine.position, "From 1.")
    receipt_line: StockReceiptLine | None = one(tables.SupplierReturnLine.receipt_line_id, "How they came.")
    bill_line: SupplierBillLine | None = one(
        tables.SupplierReturnLine.bill_line_id, "How they were billed; null where they were not."
    )
    quantity: Quantity = column(tables.SupplierReturnLine.quantity_milli, "How many.")
    taxable: Money | None = column(
        tables.SupplierReturnLine.taxable_paise, "As billed, without tax; 0.00 unbilled.", requires=COST_READ
    )
    cgst: Money | None = column(tables.SupplierReturnLine.cgst_paise, "Central tax.", requires=COST_READ)
    sgst: Money | None = column(tables.SupplierReturnLine.sgst_paise, "State tax.", requires=COST_READ)
    igst: Money | None = column(tables.SupplierReturnLine.igst_paise, "Integrated tax.", requires=COST_READ)
    unbilled: Money | None = column(
        tables.SupplierReturnLine.unbilled_paise, "What the supplier need not bill any more.", requires=COST_READ
    )


@node(tables.SupplierReturn, scope=returns_in_reach, requires=SUPPLIER_READ)
class SupplierReturn(Node):
    """Goods that went back to a supplier, with a debit note. It never changes."""

    supplier: Supplier = one(tables.SupplierReturn.supplier_id, "To whom.", within=True)
    branch: Branch = one(tables.SupplierReturn.branch_id, "From where.", within=True)
    number: str = column(tables.SupplierReturn.number, "The debit note's.")
    business_date: date = column(tables.SupplierReturn.business_date, "On which date.")
    reason: str = column(tables.SupplierReturn.reason, "Why.")
    lines: list[SupplierReturnLine] = many(
        tables.SupplierReturnLine.return_id,
        "1 to 500, 2 are typical.",
        order_by=tables.SupplierReturnLine.position,
    )
    settlements: list[SupplierSettlement] = many(
        tables.SupplierSettlement.return_id,
        "The bills that it settled, at most 500; 1 is typical.",
        order_by=(tables.SupplierSettlement.settled_on, tables.SupplierSettlement.id),
        limit=SETTLEMENTS_MAX,
    )
    taxable_total: Money | None = column(
        tables.SupplierReturn.taxable_paise, "As billed, without tax.", requires=COST_READ
    )
    cgst_total: Money | None = column(tables.SupplierReturn.cgst_paise, "Central tax.", requires=COST_READ)
    sgst_total: Money | None = column(tables.SupplierReturn.sgst_paise, "State tax.", requires=COST_READ)
    igst_total: Money | None = column(tables.SupplierReturn.igst_paise, "Integrated tax.", requires=COST_READ)
    round_off: Money | None = column(
        tables.SupplierReturn.round_off_paise, "That of the bills of which nothing is left.", requires=COST_READ
    )
    total: Money | None = column(
        tables.SupplierReturn.total_paise, "By how much less is owed; 0.00 of goods not billed.", requires=COST_READ
    )
    refunds: list["SupplierRefund"] = many(
        tables.SupplierRefund.return_id,
        "What the supplier paid back of it, at most 500; none is typical.",
        order_by=(tables.SupplierRefund.received_at, tables.SupplierRefund.id),
    )
    credit_left: Money | None = column(
        tables.SupplierReturn.credit_left_paise,
        "What of it settled no bill and was not paid back yet.",
        requires=COST_READ,
    )
    entry: Entry | None = one(tables.SupplierReturn.entry_id, "Its entry; null of goods that are worth nothing.")
    returned_at: datetime = column(tables.SupplierReturn.returned_at, "When.")


@node(tables.SupplierPayment, scope=payments_in_reach, requires=SUPPLIER_READ)
class SupplierPayment(Node):
    """Money that was paid to a supplier. It never changes."""

    supplier: Supplier = one(tables.SupplierPayment.supplier_id, "To whom.", within=True)
    branch: Branch = one(tables.SupplierPayment.branch_id, "Out of which branch's money.", within=True)
    business_date: date = column(tables.SupplierPayment.business_date, "On which date.")
    method: PaymentMethod = column(tables.SupplierPayment.method, "How. Never ON_ACCOUNT.")
    amount: Money | None = column(tables.SupplierPayment.amount_paise, "How much.", requires=COST_READ)
    reference: str | None = column(
        tables.SupplierPayment.reference, "The bank's or the cheque's number; null without one."
    )
    settlements: list[SupplierSettlement] = many(
        tables.SupplierSettlement.payment_id,
        "The bills that it settled, at most 500; 1 is typical.",
        order_by=(tables.SupplierSettlement.settled_on, tables.SupplierSettlement.id),
        limit=SETTLEMENTS_MAX,
    )
    entry: Entry | None = one(tables.SupplierPayment.entry_id, "Its entry in the books.")
    paid_at: datetime = column(tables.SupplierPayment.paid_at, "When.")


@node(tables.SupplierRefund, scope=refunds_in_reach, requires=SUPPLIER_READ)
class SupplierRefund(Node):
    """Money that a supplier paid back for goods that went back. It never changes."""

    supplier: Supplier = one(tables.SupplierRefund.supplier_id, "Who paid.", within=True)
    branch: Branch = one(tables.SupplierRefund.branch_id, "Into which branch's money.", within=True)
    supplier_return: SupplierReturn = one(tables.SupplierRefund.return_id, "For what went back.", within=True)
    business_date: date = column(tables.SupplierRefund.business_date, "On which date.")
    method: PaymentMethod = column(tables.SupplierRefund.method, "How. Never ON_ACCOUNT.")
    amount: Money | None = column(tables.SupplierRefund.amount_paise, "How much.", requires=COST_READ)
    reference: str | None = column(
        tables.SupplierRefund.reference, "The bank's or the cheque's number; null without one."
    )
    entry: Entry | None = one(tables.SupplierRefund.entry_id, "Its entry in the books.")
    received_at: datetime = column(tables.SupplierRefund.received_at, "When.")


@node(tables.SupplierLedgerLine, scope=ledger_in_reach, requires=COST_READ)
class SupplierLedgerLine(Node):
    """One document in a supplier's ledger."""

    branch: Branch = one(tables.SupplierLedgerLine.branch_id, "Whose books.", within=True)
    kind: SupplierLedgerKind = column(tables.SupplierLedgerLine.kind, "Which document.")
    bill: SupplierBill | None = one(tables.SupplierLedgerLine.bill_id, "The bill; null of other kinds.")
    supplier_return: SupplierReturn | None = one(
        tables.SupplierLedgerLine.return_id, "The return; null of other kinds."
    )
    payment: SupplierPayment | None = one(tables.SupplierLedgerLine.payment_id, "The payment; null of other kinds.")
    refund: SupplierRefund | None = one(
        tables.SupplierLedgerLine.refund_id, "What the supplier paid back; null of other kinds."
    )
    business_date: date = column(tables.SupplierLedgerLine.business_date, "The date it counts for in the books.")
    amount: Money = column(tables.SupplierLedgerLine.amount_paise, "Above 0.00 what is owed more, below 0.00 less.")
    balance: Money = column(
        tables.SupplierLedgerLine.balance_paise,
        "What this branch owed the supplier when it was written; below 0.00 what the supplier owed.",
    )
    entry: Entry | None = one(tables.SupplierLedgerLine.entry_id, "Its entry in the books.")
    written_at: datetime = column(tables.SupplierLedgerLine.written_at, "When.")


@orders(
    NEWEST=Order(tables.SupplierBill.recorded_at, "The last recorded first.", descending=True),
    EARLIEST_DATE=Order(tables.SupplierBill.billed_on, "The earliest of the bills' own dates first."),
    LATEST_DATE=Order(tables.SupplierBill.billed_on, "The latest of the bills' own dates first.", descending=True),
)
class SupplierBillOrder(enum.Enum):
    """How suppliers' bills may be ordered. The id breaks ties."""


NEWEST_RETURN = Order(tables.SupplierReturn.returned_at, "The newest first.", descending=True)
NEWEST_PAYMENT = Order(tables.SupplierPayment.paid_at, "The newest first.", descending=True)
NEWEST_LINE = Order(tables.SupplierLedgerLine.written_at, "The newest first.", descending=True)


def is_owed(balance: ColumnElement[int], value: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether something is owed, or nothing is."""
    return (balance > literal_column("0")) == value


@strawberry.input(description="Which of a supplier's bills; all conditions hold.")
class SupplierBillFilter:
    """Which bills."""

    branch_id: strawberry.ID | None = where(tables.SupplierBill.branch_id, "Of this branch.", prefix="branch")
    supplier_id: strawberry.ID | None = where(tables.SupplierBill.supplier_id, "Of this supplier.", prefix="supplier")
    number: str | None = where(
        tables.SupplierBill.number_key,
        "With this number, without case and white space.",
        parts=(Part(lambda typed: "".join(typed.upper().split()), Text()),),
    )
    is_due: bool | None = where(
        tables.SupplierBill.balance_due_paise,
        "Only those on which something is owed, or only others.",
        condition=is_owed,
        kind=Boolean(),
        requires=COST_READ,
    )


def balance_of_supplier() -> ColumnElement[int]:
    """What the branches within reach owe a supplier."""
    account = tables.SupplierAccount
    here = or_(
        actor_value("is_everywhere", Boolean()),
        account.branch_id == any_(actor_value("branch_ids", ARRAY(UuidType()))),
    )
    owed = select(func.sum(account.balance_paise, type_=Paise())).where(account.supplier_id == tables.Supplier.id, here)
    return func.coalesce(owed.correlate(tables.Supplier).scalar_subquery(), 0, type_=Paise())


@extend(Supplier)
class SupplierPayables:
    """What is owed to a supplier."""

    balance_due: Money | None = column(
        balance_of_supplier(),
        "What the branches within reach owe; below 0.00 what the supplier owes for goods that went back.",
        requires=COST_READ,
    )
    bills: Connection[SupplierBill] | None = connection(
        tables.SupplierBill.supplier_id,
        "Its bills, of the branches within reach.",
        order=Order(tables.SupplierBill.billed_on, "The latest of the bills' own dates first.", descending=True),
        filter=SupplierBillFilter,
    )
    returns: Connection[SupplierReturn] | None = connection(
        tables.SupplierReturn.supplier_id, "What went back to it.", order=NEWEST_RETURN
    )
    payments: Connection[SupplierPayment] | None = connection(
        tables.SupplierPayment.supplier_id, "What it was paid.", order=NEWEST_PAYMENT
    )
    ledger: Connection[SupplierLedgerLine] | None = connection(
        tables.SupplierLedgerLine.supplier_id,
        "All of these in one list with the balance after each, of the branches within reach.",
        order=NEWEST_LINE,
    )


@extend(Query)
class PayablesReads:
    """The roots."""

    supplier_bill: SupplierBill | None = by_id("A supplier's bill by its id; null out of reach.")
    supplier_bills: Connection[SupplierBill] | None = connection(
        None, "The suppliers' bills within reach.", order=SupplierBillOrder, filter=SupplierBillFilter
    )
    supplier_return: SupplierReturn | None = by_id("What went back to a supplier, by its id; null out of reach.")
    supplier_payment: SupplierPayment | None = by_id("A payment to a supplier by its id; null out of reach.")
    supplier_refund: SupplierRefund | None = by_id("What a supplier paid back, by its id; null out of reach.")
