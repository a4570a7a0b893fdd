"""Bills as they are read: the types, who sees which, and the roots."""

import enum
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    Select,
    Uuid,
    and_,
    any_,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY

from salonos.accounting import tables as accounting
from salonos.accounting.graph import Entry
from salonos.accounting.rules import MoneyDirection, PaymentMethod
from salonos.bills import documents, queries, rules, tables
from salonos.bills.graph import filters
from salonos.bills.rules import BillKind, BillStatus, PaymentState
from salonos.catalog.graph import Product, Service
from salonos.customers import tables as customers
from salonos.customers.graph import Customer
from salonos.graph.fields import (
    Order,
    Within,
    actor_value,
    argument,
    by_id,
    by_key,
    column,
    connection,
    enum_of,
    extend,
    key,
    made,
    many,
    node,
    one,
    orders,
    row,
)
from salonos.graph.roots import Connection, Node, Query
from salonos.identity.graph import StaffMember
from salonos.inventory import tables as inventory
from salonos.inventory.graph.consumption import Consumption
from salonos.kernel import clock
from salonos.kernel.actor import Access, Reach
from salonos.kernel.database import Milli, Paise
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.quantity import Percentage, Quantity
from salonos.salon import tables as salon
from salonos.salon.graph import Branch

BILL_READ = Permission.BILL_READ

# --- who sees which


def bills_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Bills of the reader's branches; for a role that sees its own work, those that the reader worked on."""
    branches = _at_branches(access)
    if BILL_READ not in access.own:
        return branches
    mine = filters.served_by(tables.Bill.id, actor_value("id", Uuid()))
    return mine if branches is None else and_(branches, mine)


def _at_branches(access: Access) -> ColumnElement[bool] | None:
    match access.reach:
        case Reach.ALL:
            return None
        case Reach.ONE_BRANCH:
            return tables.Bill.branch_id == actor_value("branch_id", Uuid())
        case Reach.BRANCHES:
            return tables.Bill.branch_id == any_(actor_value("branch_ids", ARRAY(Uuid())))


# --- types


def cost_of_line() -> ColumnElement[int]:
    """Quantity times unit cost, half up to the paisa."""
    thousandths = tables.BillLine.unit_cost_paise * tables.BillLine.quantity_milli
    return type_coerce((thousandths + literal_column("500")) // literal_column("1000", BigInteger()), Paise())


def refunded_of_line() -> ColumnElement[int]:
    """How much of a line went back on credit notes."""
    given = tables.BillLine.__table__.alias("given")
    found = select(func.sum(given.c.quantity_milli, type_=Milli())).where(
        given.c.original_line_id == tables.BillLine.id
    )
    return func.coalesce(found.correlate(tables.BillLine).scalar_subquery(), 0, type_=Milli())


@row(tables.LineShare, scope=Within(tables.LineShare.bill_id, "Bill"), requires=BILL_READ)
class Contribution:
    """How much of a line is somebody's who shares in it."""

    staff: StaffMember | None = one(tables.LineShare.staff_id, "Who; null out of reach.")
    amount: Money = column(tables.LineShare.amount_paise, "Of the line's value without tax; all together are that.")
    percentage: Percentage | None = column(
        tables.LineShare.share_hundredths, "The share that was asked for; null for amounts, equal parts, credit notes."
    )


@node(tables.BillLine, scope=Within(tables.BillLine.bill_id, "Bill"), requires=BILL_READ)
class BillLine(Node):
    """One service or one product on a bill, as it was priced then."""

    position: int = column(tables.BillLine.position, "From 1.")
    description: str = column(tables.BillLine.description, "The item's name as printed on the bill.")
    service: Service | None = one(tables.BillLine.service_id, "The service; null for a product.")
    product: Product | None = one(tables.BillLine.product_id, "The product; null for a service.")
    staff: StaffMember | None = one(tables.BillLine.staff_id, "Who did or sold it; null when nobody was named.")
    contributions: list[Contribution] = many(
        tables.LineShare.line_id,
        "Who shares in it, at most 11; none where `staff` has all of it, which is typical.",
        order_by=tables.LineShare.position,
        limit=rules.CONTRIBUTORS_MAX + 1,
    )
    code: str = column(tables.BillLine.code, "SAC of a service, HSN of a product.")
    quantity: Quantity = column(tables.BillLine.quantity_milli, "How much.")
    unit_price: Money = column(tables.BillLine.unit_price_paise, "The price of one, as priced: see `taxIncluded`.")
    is_price_overridden: bool = column(
        tables.BillLine.is_price_overridden, "Whether the price was set by hand instead of the catalogue's."
    )
    discount: Money = column(
        tables.BillLine.discount_paise + tables.BillLine.bill_discount_paise,
        "All that is taken off, as priced: its own discount and its share of the bill's.",
    )
    own_discount: Money = column(tables.BillLine.discount_paise, "The line's own discount alone, as priced.")
    discount_reason: str | None = column(
        tables.BillLine.discount_reason, "Why it costs something else; null when it does not."
    )
    tax_rate: Percentage = column(tables.BillLine.rate_hundredths, "GST in percent; 0 where none is taken.")
    tax_included: bool = column(tables.BillLine.is_tax_included, "Whether price and discount hold the tax already.")
    taxable: Money = column(tables.BillLine.taxable_paise, "After discounts, without tax.")
    cgst: Money = column(tables.BillLine.cgst_paise, "Central tax; equal to `sgst`.")
    sgst: Money = column(tables.BillLine.sgst_paise, "State tax.")
    igst: Money = column(tables.BillLine.igst_paise, "Integrated tax, in place of both where the sale crosses states.")
    total: Money = column(
        tables.BillLine.taxable_paise
        + tables.BillLine.cgst_paise
        + tables.BillLine.sgst_paise
        + tables.BillLine.igst_paise,
        "With tax, before the bill is rounded to whole rupees.",
    )
    refunded: Quantity = column(refunded_of_line(), "How much of it went back on credit notes.")
    unit_cost: Money | None = column(
        tables.BillLine.unit_cost_paise,
        "What one had cost us, without tax; null for services and where it was not known.",
        requires=Permission.COST_READ,
    )
    cost: Money | None = column(
        cost_of_line(),
        "What the whole line had cost us, without tax; null where the cost of one was not known.",
        requires=Permission.COST_READ,
    )


def branch_of_payment() -> ColumnElement[UUID]:
    """Where its money moved."""
    move = accounting.MoneyMove
    found = select(move.branch_id).where(move.id == tables.Payment.money_move_id)
    return found.correlate(tables.Payment).scalar_subquery()


@node(tables.Payment, scope=Within(tables.Payment.bill_id, "Bill"), requires=BILL_READ)
class Payment(Node):
    """Money that was kept towards a bill, or went back. It never changes."""

    direction: MoneyDirection = column(
        tables.Payment.direction,
        "Which way it went: OUT on credit notes and void bills, and where it reverses one that came.",
    )
    method: PaymentMethod = column(tables.Payment.method, "How it came. Never ON_ACCOUNT, which is no money.")
    amount: Money = column(tables.Payment.amount_paise, "What was kept, or went back.")
    tendered: Money | None = column(tables.Payment.tendered_paise, "What was handed over; null but for cash.")
    change: Money | None = column(tables.Payment.change_paise, "What went back; null but for cash.")
    reference: str | None = column(tables.Payment.reference, "The bank's or the slip's number; null without one.")
    received_at: datetime = column(tables.Payment.received_at, "When it was taken.")
    reverses: "Payment | None" = one(
        tables.Payment.reverses_id, "The payment that was recorded wrongly, which it undoes; null for others."
    )
    replaces: "Payment | None" = one(
        tables.Payment.replaces_id, "The payment that was recorded wrongly, in whose place it stands; null for others."
    )
    bill: "Bill | None" = one(tables.Payment.bill_id, "The bill that it settles, or the credit note.")
    branch: Branch | None = one(
        branch_of_payment(),
        "Where the money came in or went out, which need not be the bill's branch; null out of reach.",
    )


@row(tables.Tip, scope=Within(tables.Tip.bill_id, "Bill"), requires=BILL_READ)
class Tip:
    """What a customer gave a member of staff on top of a bill."""

    amount: Money = column(tables.Tip.amount_paise, "How much.")
    staff: StaffMember | None = one(tables.Tip.staff_id, "Whose it is; null out of reach.")


enum_of(
    documents.ReceiptFormat,
    "How a bill's paper is made.",
    HTML="A receipt of 80 mm as a page, for a browser to show and print.",
    PDF="The same receipt as a PDF.",
    ESC_POS="The same receipt as the bytes of a receipt printer; the drawer opens where cash was taken.",
    A4="The document of the law on A4 as a PDF: tax invoice, bill of supply or credit note.",
)


def receipt_url(values: list[str | None], *, access: Access, format: documents.ReceiptFormat) -> str | None:
    """A new link; None for a draft."""
    bill_id, number = values
    if bill_id is None or number is None:
        return None
    return documents.path_of(UUID(bill_id), format, documents.naming_of(access), now=clock.utc_now())


def payable_of_bill() -> ColumnElement[int]:
    """The balance of a sale that was not taken back, and of its companion, since one payment fills both."""
    other = tables.Bill.__table__.alias("companion")
    of_other = select(_payable(other.c)).where(other.c.id == tables.Bill.companion_id)
    return _payable(tables.Bill) + func.coalesce(of_other.correlate(tables.Bill).scalar_subquery(), literal_column("0"))


def _payable(bill: Any) -> ColumnElement[int]:
    is_payable = and_(bill.kind != literal_column("'CREDIT_NOTE'"), bill.status != literal_column("'VOID'"))
    return case((is_payable, bill.balance_due_paise), else_=literal_column("0"))


def upi_id_of_branch() -> ColumnElement[str]:
    """Where the bill's branch is paid."""
    found = select(salon.Branch.upi_id).where(salon.Branch.id == tables.Bill.branch_id)
    return found.correlate(tables.Bill).scalar_subquery()


def name_of_salon() -> ColumnElement[str]:
    """Who is paid."""
    return select(salon.Salon.name).scalar_subquery()


def upi_link(values: list[Any], *, access: Access) -> str | None:  # noqa: ARG001  whoever sees the bill sees it
    """For whoever pays the balance."""
    bill_id, number, due_paise, upi_id, payee = values
    return documents.upi_link(
        upi_id=upi_id, payee=payee, number=number, bill_id=UUID(bill_id), due_paise=int(due_paise)
    )


@node(tables.Bill, scope=bills_in_reach, requires=BILL_READ)
class Bill(Node):
    """A sale to a customer: a draft until it is posted, final and numbered afterwards."""

    number: str | None = column(tables.Bill.number, "Unique over the whole business; null while it is a draft.")
    kind: BillKind = column(tables.Bill.kind, "Which document of the law it is.")
    status: BillStatus = column(tables.Bill.status, "Where it stands.")
    payment_state: PaymentState = column(tables.Bill.payment_state, "How much of it is paid, tips included.")
    version: int = column(tables.Bill.version, "Rises with each change; updates name the one you saw.")
    branch: Branch = one(tables.Bill.branch_id, "Where it was sold.", within=True)
    customer: Customer | None = one(tables.Bill.customer_id, "Null for an anonymous sale, and out of reach.")
    created_at: datetime = column(tables.Bill.created_at, "When it was begun.")
    posted_at: datetime | None = column(tables.Bill.posted_at, "When it became final; null while it is a draft.")
    business_date: date = column(tables.Bill.business_date, "The date of the document, in the branch's zone.")
    lines: list[BillLine] = many(
        tables.BillLine.bill_id, "1 to 200, 4 are typical.", order_by=tables.BillLine.position, limit=rules.LINES_MAX
    )
    consumption: list[Consumption] | None = many(
        inventory.Consumption.cause_id,
        "What its services used up, line by line, at most 500; none while it is a draft.",
        order_by=(inventory.Consumption.position, inventory.Consumption.id),
    )
    payments: list[Payment] = many(
        tables.Payment.bill_id,
        "In the order they came, with those that went back and corrections, at most 150; 1 is typical.",
        order_by=(tables.Payment.received_at, tables.Payment.id),
        limit=rules.PAYMENTS_LISTED_MAX,
    )
    tips: list[Tip] = many(
        tables.Tip.bill_id,
        "One for each member of staff, at most 20.",
        order_by=tables.Tip.staff_id,
        limit=rules.TIPS_MAX,
    )
    gross_total: Money = column(tables.Bill.gross_paise, "Quantities times prices, as priced, before any discount.")
    discount_total: Money = column(tables.Bill.discount_paise, "All that is taken off, as priced.")
    discount_reason: str | None = column(
        tables.Bill.discount_reason, "Why the bill's discount was given; null without one."
    )
    discount_approved_by: StaffMember | None = one(
        tables.Bill.discount_approved_by_id,
        "Who approved the discount; null where nobody had to, and out of reach.",
    )
    taxable_total: Money = column(tables.Bill.taxable_paise, "After discounts, without tax.")
    cgst_total: Money = column(tables.Bill.cgst_paise, "Central tax; equal to `sgstTotal`.")
    sgst_total: Money = column(tables.Bill.sgst_paise, "State tax.")
    igst_total: Money = column(tables.Bill.igst_paise, "Integrated tax, where the sale crosses states.")
    round_off: Money = column(tables.Bill.round_off_paise, "What was added to come to whole rupees: -0.49 to 0.50.")
    total: Money = column(
        tables.Bill.total_paise, "What the customer pays, without tips: taxable, taxes and round-off."
    )
    tip_total: Money = column(tables.Bill.tip_paise, "All tips.")
    amount_paid: Money = column(
        tables.Bill.paid_paise, "What was kept of all payments; on a credit note what went back."
    )
    balance_due: Money = column(
        tables.Bill.balance_due_paise,
        "What is still owed: total and tips, less what was paid, credited and written off.",
    )
    credited_total: Money = column(
        tables.Bill.credited_paise,
        "How much of the debt credit notes lowered; on a credit note, how much of its bill's debt it lowered.",
    )
    written_off_total: Money = column(
        tables.Bill.written_off_paise, "What was given up of the debt, less what credit notes took back of it."
    )
    write_off_reason: str | None = column(
        tables.Bill.write_off_reason, "Why the debt was given up; null where it was not."
    )
    written_off_at: datetime | None = column(
        tables.Bill.written_off_at, "When the debt was given up; null where it was not."
    )
    original: "Bill | None" = one(tables.Bill.original_id, "The bill that a credit note corrects; null for others.")
    refund_reason: str | None = column(tables.Bill.refund_reason, "Why a credit note was given; null for others.")
    void_reason: str | None = column(tables.Bill.void_reason, "Why it was taken back; null while it stands.")
    voided_at: datetime | None = column(tables.Bill.voided_at, "When it was taken back; null while it stands.")
    credit_notes: "list[Bill]" = many(
        tables.Bill.original_id,
        "What was given back of it, in order, at most 100; none is typical.",
        order_by=(tables.Bill.listed_at, tables.Bill.id),
        limit=rules.NOTES_MAX,
    )
    companion: "Bill | None" = one(
        tables.Bill.companion_id,
        "The other document of the same cart, where services and goods are split: the goods' or the services'. They "
        "are paid together; null for a bill alone.",
    )
    place_of_supply: str = column(tables.Bill.place_of_supply, "GST state code of where it was supplied.")
    buyer_gstin: str | None = column(tables.Bill.buyer_gstin, "A registered customer's GSTIN; null for others.")
    notes: str | None = column(tables.Bill.notes, "What the till wrote down, in lines; null without.")
    receipt_url: str | None = made(
        (tables.Bill.id, tables.Bill.number),
        "Where its paper is fetched, as a path of this server: without signing in, for five minutes. A paper names the "
        "customer as far as the reader of this field may read the name. Null while it is a draft.",
        makes=receipt_url,
        format=argument(documents.ReceiptFormat, "How it is made.", default=documents.ReceiptFormat.HTML),
    )
    upi_link: str | None = made(
        (tables.Bill.id, tables.Bill.number, payable_of_bill(), upi_id_of_branch(), name_of_salon()),
        "What a UPI app pays the balance due by, the companion's with it, to be shown as a QR code; null where nothing "
        "is due, and at a branch without a UPI id.",
        makes=upi_link,
    )
    entry: Entry | None = one(tables.Bill.entry_id, "Its entry in the books; null while it is a draft.")


# --- lists


@orders(
    NEWEST=Order(tables.Bill.listed_at, "The last posted first; drafts by when they were begun.", descending=True),
    OLDEST=Order(tables.Bill.listed_at, "The first posted first; drafts by when they were begun."),
    LAST_CREATED=Order(tables.Bill.created_at, "The last begun first.", descending=True),
    FIRST_CREATED=Order(tables.Bill.created_at, "The first begun first."),
    LARGEST=Order(tables.Bill.total_paise, "The largest total first.", descending=True),
    SMALLEST=Order(tables.Bill.total_paise, "The smallest total first."),
    NUMBER_DESCENDING=Order(
        tables.Bill.number_key, "By number as text, the last first; drafts at the end.", descending=True
    ),
    NUMBER=Order(tables.Bill.number_key, "By number as text; drafts first."),
)
class BillOrder(enum.Enum):
    """How bills may be ordered. The id breaks ties."""


@extend(Query)
class BillReads:
    """The roots."""

    bill: Bill | None = by_id("A bill by its id; null out of reach.")
    bill_by_number: Bill | None = by_key(
        "A bill by its number; null out of reach.", number=key(tables.Bill.number, "As printed on the bill.")
    )
    bills: Connection[Bill] | None = connection(
        None, "The bills within reach, drafts among them.", order=BillOrder, filter=filters.BillFilter
    )


# --- what bills tell of a customer


def _of_customer(*columns: Any) -> Select[Any]:
    """A select over a customer's posted bills at the branches within reach."""
    here = or_(
        actor_value("is_everywhere", Boolean()),
        tables.Bill.branch_id == any_(actor_value("branch_ids", ARRAY(Uuid()))),
    )
    is_posted = tables.Bill.status == literal_column("'POSTED'")
    theirs = tables.Bill.customer_id == customers.Customer.id
    return select(*columns).where(theirs, is_posted, here).correlate(customers.Customer)


def balance_of_customer() -> ColumnElement[int]:
    """What a customer owes; the condition on the balance is that of the index."""
    owed = _of_customer(func.sum(tables.Bill.balance_due_paise, type_=Paise())).where(
        tables.Bill.balance_due_paise > literal_column("0")
    )
    return func.coalesce(owed.scalar_subquery(), 0, type_=Paise())


def visits_of_customer() -> ColumnElement[int]:
    """On how many dates a customer came: two bills of one visit are one."""
    came = _of_customer(func.count(tables.Bill.business_date.distinct())).where(
        tables.Bill.kind != literal_column("'CREDIT_NOTE'")
    )
    return cast(came.scalar_subquery(), Integer())


@extend(Customer)
class CustomerBills:
    """What bills tell of a customer."""

    bills: Connection[Bill] | None = connection(
        tables.Bill.customer_id, "Theirs, within reach.", order=BillOrder, filter=filters.BillFilter
    )
    balance_due: Money | None = column(
        balance_of_customer(),
        "What they owe on posted bills of the branches within reach.",
        requires=Permission.DASHBOARD_READ,
    )
    credit_limit: Money | None = column(
        queries.limit_of(customers.Customer.id),
        "What they may owe at all branches together: their own limit, else that of all; null without any.",
        requires=Permission.DASHBOARD_READ,
    )
    visit_count: int | None = column(
        visits_of_customer(),
        "On how many dates they were billed at the branches within reach.",
        requires=Permission.DASHBOARD_READ,
    )
