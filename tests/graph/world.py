"""The schema of the engine's test world: every kind of read, write and event once or more."""

import enum
import sys
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import strawberry
from sqlalchemy import ColumnElement, Date, LargeBinary, Select, Text, Uuid, any_, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from salonos.graph.directives import AUTHENTICATED, PUBLIC, Mask
from salonos.graph.events import on_change, on_event
from salonos.graph.fields import (
    Computed,
    Order,
    Part,
    Within,
    actor_value,
    argument,
    argument_value,
    by_id,
    by_key,
    column,
    connection,
    enum_of,
    extend,
    field,
    key,
    listing,
    many,
    node,
    now_value,
    one,
    orders,
    reading,
    ref,
    row,
    rows,
    sealed,
    where,
)
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.problem import InvalidInput, Problem, StaleVersion, problem, problem_of
from salonos.graph.roots import Connection, Mutation, Node, Query, Subscription
from salonos.graph.scalars import EventCursor, PhoneNumber
from salonos.graph.schema import make_schema
from salonos.kernel import crypto, outbox, problems
from salonos.kernel.actor import Access, Reach
from salonos.kernel.ids import id_value
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.quantity import Percentage, Quantity
from salonos.kernel.work import Work
from tests.graph import tables
from tests.graph.tables import BillStatus, PaymentMethod

enum_of(
    BillStatus,
    "Where a bill stands.",
    requires={"VOID": Permission.BILL_VOID},
    DRAFT="It may change.",
    POSTED="It is final.",
    VOID="It was taken back.",
)
enum_of(PaymentMethod, "How the money came.", CASH="Notes and coins.", UPI="By telephone.")


def everybody(_: Access) -> ColumnElement[bool] | None:
    """No row is hidden."""
    return None


def bills_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Own bills, those of the actor's branches, or all."""
    if Permission.BILL_READ in access.own:
        return tables.Bill.staff_id == actor_value("id", Uuid())
    match access.reach:
        case Reach.ALL:
            return None
        case Reach.ONE_BRANCH:
            return tables.Bill.branch_id == actor_value("branch_id", Uuid())
        case Reach.BRANCHES:
            return tables.Bill.branch_id == any_(actor_value("branch_ids", ARRAY(Uuid())))


def cost_of_bill() -> ColumnElement[int]:
    """A subselect over the lines, correlated with the bill at hand."""
    lines = select(func.sum(tables.BillLine.cost_paise, type_=tables.Paise())).where(
        tables.BillLine.bill_id == tables.Bill.id
    )
    return func.coalesce(lines.correlate(tables.Bill).scalar_subquery(), 0, type_=tables.Paise())


def upi_link(values: list[str | int]) -> str:
    """Finished in Python."""
    bill_id, paise = values
    return f"upi://pay?tr={bill_id}&am={paise}"


@node(tables.Branch, scope=everybody)
class Branch(Node):
    """A place where we work."""

    name: str = column(tables.Branch.name, "What it is called.")


def customers_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Those with a bill of one's own, or all."""
    if Permission.CUSTOMER_READ not in access.own:
        return None
    bill = tables.Bill.__table__.alias("served")
    served = select(bill.c.id).where(
        bill.c.customer_id == tables.Customer.id, bill.c.staff_id == actor_value("id", Uuid())
    )
    return exists(served.correlate(tables.Customer))


@node(tables.Customer, scope=customers_in_reach, requires=Permission.CUSTOMER_READ)
class Customer(Node):
    """A person we serve."""

    name: str = column(
        tables.Customer.name,
        "The first name only without contact rights.",
        mask=(Mask.FIRST_NAME, Permission.CUSTOMER_CONTACT_READ),
        part=tables.Customer.first_name,
    )
    phone: PhoneNumber | None = sealed(
        tables.Customer.phone_sealed,
        "Null when we have none.",
        mask=(Mask.LAST_DIGITS, Permission.CUSTOMER_CONTACT_READ),
        part=tables.Customer.phone_last_digits,
    )
    notes: str | None = column(
        tables.Customer.notes, "Null when there are none.", requires=Permission.CUSTOMER_NOTES_READ
    )
    tags: list[str] = column(tables.Customer.tags, "Words, at most 20.")


@node(tables.BillLine, scope=Within(tables.BillLine.bill_id, "Bill"), requires=Permission.BILL_READ)
class BillLine(Node):
    """One position of a bill."""

    position: int = column(tables.BillLine.position, "From 1.")
    description: str = column(tables.BillLine.description, "As printed.")
    quantity: Quantity = column(tables.BillLine.quantity_milli, "How much.")
    tax_rate: Percentage = column(tables.BillLine.tax_rate, "In percent.")
    total: Money = column(tables.BillLine.total_paise, "With tax.")
    cost: Money | None = column(tables.BillLine.cost_paise, "What it had cost us.", requires=Permission.COST_READ)


@row(tables.Payment, scope=Within(tables.Payment.bill_id, "Bill"), requires=Permission.BILL_READ)
class Payment:
    """Money received."""

    method: PaymentMethod = column(tables.Payment.method, "How it came.")
    amount: Money = column(tables.Payment.amount_paise, "How much.")
    reference: str | None = column(tables.Payment.reference, "The bank's number; null for cash.")
    received_at: datetime = column(tables.Payment.received_at, "When it came.")


@node(tables.Bill, scope=bills_in_reach, requires=Permission.BILL_READ)
class Bill(Node):
    """A sale to a customer: a draft until it is posted, final and numbered afterwards."""

    number: str | None = column(tables.Bill.number, "Null while it is a draft.")
    status: BillStatus = column(tables.Bill.status, "Where it stands.")
    created_at: datetime = column(tables.Bill.created_at, "When it was begun.")
    posted_at: datetime | None = column(tables.Bill.posted_at, "Null while it is a draft.")
    business_date: date = column(tables.Bill.business_date, "The day it counts for.")
    total: Money = column(tables.Bill.total_paise, "What the customer pays.")
    balance_due: Money = column(tables.Bill.total_paise - tables.Bill.paid_paise, "What is still owed.")
    is_paid: bool = column(tables.Bill.total_paise == tables.Bill.paid_paise, "Whether nothing is owed.")
    version: int = column(tables.Bill.version, "Rises with each change.")
    branch: Branch = one(tables.Bill.branch_id, "Where it was sold.", within=True)
    customer: Customer | None = one(tables.Bill.customer_id, "Null for an anonymous sale.")
    original: "Bill | None" = one(tables.Bill.original_id, "The bill that this one corrects; null for a sale.")
    lines: list[BillLine] = many(tables.BillLine.bill_id, "At most 200.", order_by=tables.BillLine.position)
    payments: list[Payment] = many(
        tables.Payment.bill_id, "At most 50, by time.", order_by=(tables.Payment.received_at, tables.Payment.id)
    )
    cost: Money | None = column(cost_of_bill(), "What the goods had cost us.", requires=Permission.COST_READ)
    upi_link: str | None = column((tables.Bill.id, tables.Bill.total_paise), "For the QR code.", opens=upi_link)


@orders(
    NEWEST=Order(tables.Bill.created_at, "The newest first.", descending=True),
    OLDEST=Order(tables.Bill.created_at),
    LARGEST=Order(tables.Bill.total_paise, descending=True),
    OWED=Order(tables.Bill.total_paise, requires=Permission.REVENUE_READ),
)
class BillOrder(enum.Enum):
    """How bills may be ordered. The id breaks ties."""


@orders(NAME=Order(tables.Customer.name, masked=(tables.Customer.first_name, Permission.CUSTOMER_CONTACT_READ)))
class CustomerOrder(enum.Enum):
    """How customers may be ordered."""


def sold_by(bill_id: ColumnElement[UUID], value: ColumnElement[str]) -> ColumnElement[bool]:
    """Bills with a line of this description."""
    lines = select(tables.BillLine.id).where(tables.BillLine.bill_id == bill_id, tables.BillLine.description == value)
    return exists(lines)


@strawberry.input(description="Which bills.")
class BillFilter:
    """Which bills."""

    status: BillStatus | None = where(tables.Bill.status, "Where they stand.")
    statuses: list[BillStatus] | None = where(
        tables.Bill.status,
        "Any of these.",
        kind=ARRAY(Text()),
        condition=lambda on, value: on == any_(value),
        parts=(Part(lambda members: [m.name for m in members], ARRAY(Text())),),
    )
    customer_id: strawberry.ID | None = where(
        tables.Bill.customer_id, "Whose.", prefix="customer", requires=Permission.CUSTOMER_READ
    )
    since: datetime | None = where(tables.Bill.created_at, "Begun then or later.", condition=lambda on, v: on >= v)
    line: str | None = where(tables.Bill.id, "With such a line.", kind=Text(), condition=sold_by)


def named_or_called(
    name: ColumnElement[str], pattern: ColumnElement[str], phone: ColumnElement[bytes]
) -> ColumnElement[bool]:
    """A prefix of the name or a whole telephone number."""
    return or_(name.like(pattern), tables.Customer.phone_hash == phone)


def first_name_only(
    _: ColumnElement[str], pattern: ColumnElement[str], __: ColumnElement[bytes]
) -> ColumnElement[bool]:
    """What may be searched without contact rights."""
    return tables.Customer.first_name.like(pattern)


@strawberry.input(description="Which customers.")
class CustomerFilter:
    """Which customers."""

    search: str | None = where(
        tables.Customer.name,
        "A prefix of the name, or a whole number.",
        parts=(
            Part(lambda text: f"{text}%", Text()),
            Part(lambda text: crypto.keyring().index("phone", text), LargeBinary()),
        ),
        condition=named_or_called,
        masked=(Permission.CUSTOMER_CONTACT_READ, first_name_only),
    )


# --- computed


def figures_of_day(access: Access) -> Select[tuple[date, int, int]]:
    """The bills within reach of a date and, where asked, a branch."""
    branch = argument_value("branch_id", Uuid())
    day = func.coalesce(argument_value("date", Date()), func.date(func.timezone("UTC", now_value())))
    scope = bills_in_reach(access)
    return select(
        day.label("date"),
        func.count().label("bill_count"),
        func.coalesce(func.sum(tables.Bill.total_paise), 0, type_=tables.Paise()).label("sales_paise"),
    ).where(
        tables.Bill.business_date == day,
        or_(branch.is_(None), tables.Bill.branch_id == branch),
        *([] if scope is None else [scope]),
    )


def sales_by_status(access: Access) -> Select[tuple[BillStatus, int]]:
    """The same, by status."""
    branch = argument_value("branch_id", Uuid())
    scope = bills_in_reach(access)
    tests = [or_(branch.is_(None), tables.Bill.branch_id == branch), *([] if scope is None else [scope])]
    return (
        select(
            tables.Bill.status.label("status"), func.sum(tables.Bill.total_paise, type_=tables.Paise()).label("paise")
        )
        .where(tables.Bill.business_date == argument_value("date", Date()), *tests)
        .group_by(tables.Bill.status)
    )


day_figures = Computed("day_figures", figures_of_day)
status_sales = Computed("status_sales", sales_by_status)


@row(status_sales, requires=Permission.DASHBOARD_READ)
class StatusSales:
    """A day's sales of one status."""

    status: BillStatus = column(status_sales.c.status, "Which.")
    sales: Money | None = column(status_sales.c.paise, "How much.", requires=Permission.REVENUE_READ)


@row(day_figures, requires=Permission.DASHBOARD_READ)
class DayFigures:
    """A day in numbers."""

    date: "date" = column(day_figures.c.date, "Which day.", certain=True)
    bill_count: int = column(func.cast(day_figures.c.bill_count, tables.Integer()), "How many bills.", certain=True)
    sales: Money | None = column(day_figures.c.sales_paise, "Their total.", requires=Permission.REVENUE_READ)
    by_status: list[StatusSales] = rows("At most 3, by status.", order_by=status_sales.c.status)


def who_reads(access: Access) -> Select[tuple[UUID, list[UUID], list[str]]]:
    """The actor, from its own values."""
    names = sorted(permission.name for permission in access.permissions)
    return select(
        actor_value("id", Uuid()).label("id"),
        actor_value("branch_ids", ARRAY(Uuid())).label("branch_ids"),
        func.cast(names, ARRAY(Text())).label("permissions"),
    )


viewers = Computed("viewers", who_reads)


@row(viewers)
class Viewer:
    """Who is signed in."""

    id: strawberry.ID = column(viewers.c.id, "The member of staff.", prefix="staff", certain=True)
    permissions: list[Permission] = column(viewers.c.permissions, "What the role may do.", certain=True)
    branches: list[Branch] = rows(
        "Where, at most 50.",
        order_by=tables.Branch.name,
        on=lambda viewer, branch: branch.c.id == any_(viewer.c.branch_ids),
    )


@extend(Query)
class WorldReads:
    """The roots."""

    bill: Bill | None = by_id("A bill by id.")
    bill_by_number: Bill | None = by_key("A bill by number.", number=key(tables.Bill.number, "As printed."))
    bills: Connection[Bill] | None = connection(None, "All within reach.", order=BillOrder, filter=BillFilter)
    customer: Customer | None = by_id("A customer by id.")
    customers: Connection[Customer] | None = connection(
        None, "All of them.", order=CustomerOrder, filter=CustomerFilter
    )
    branches: list[Branch] | None = listing("All, at most 500.", order_by=tables.Branch.name, requires=AUTHENTICATED)
    branch_pages: Connection[Branch] | None = connection(
        None, "All, in pages.", order=Order(tables.Branch.name), requires=AUTHENTICATED
    )
    viewer: Viewer | None = reading("Who is signed in; null when nobody is.", requires=PUBLIC)
    day: DayFigures | None = reading(
        "A day in numbers.",
        branch_id=argument(strawberry.ID | None, "Only this branch.", prefix="branch"),
        date=argument(date | None, "Today when left out."),
    )


@extend(Customer)
class CustomerBills:
    """What the higher feature adds."""

    bills: Connection[Bill] | None = connection(tables.Bill.customer_id, "Theirs.", order=BillOrder)


# --- writes


@dataclass(eq=False)
class BillAlreadyPostedRaised(problems.Problem):
    """The bill is final."""

    number: str
    bill_id: UUID
    posted_by: str = "Asha"
    message: str = "The bill is posted already."


@problem(BillAlreadyPostedRaised)
class BillAlreadyPosted(Problem):
    """The bill is final already."""

    number: str = field("Its number.")
    posted_by: str | None = field("Who made it final.", requires=Permission.STAFF_PROFILE_READ)
    bill: Bill | None = field("As it is; null out of reach.")


@strawberry.input(description="A line to change.")
class LineInput:
    """A line to change."""

    position: int = field("Which.")
    unit_price: Money | None = field("Another price.", requires=Permission.BILL_PRICE_OVERRIDE)


@strawberry.input(description="Which bill to post.")
class PostBillInput:
    """Which bill to post."""

    bill_id: strawberry.ID = field("A draft's id.")
    expected_version: int | None = field("The version you saw.")
    status: BillStatus | None = field("What it becomes.")
    lines: list[LineInput] | None = field("Lines to change, at most 20.")
    note: str | None = field("Anything.")


@strawberry.type(description="The bill is posted.")
class PostBillSuccess:
    """The bill is posted."""

    bill: Bill | None = field("As it is now; null out of reach.")
    lines: list[BillLine] | None = field("Its lines, at most 200.")
    posted_at: datetime = field("When.")
    method: PaymentMethod | None = field("How it was paid; null when it was not.")
    margin: Money | None = field("What was earned.", requires=Permission.COST_READ)
    warnings: list[Problem] = field("What went through but deserves a look, at most 5.")


PostBillResult = Annotated[
    PostBillSuccess | BillAlreadyPosted | InvalidInput | StaleVersion,
    strawberry.union("PostBillResult", description="What became of it."),
]


@dataclass(frozen=True, kw_only=True)
class WorldBillPosted(outbox.Event):
    """A bill became final."""


async def post(work: Work, bill_id: UUID, expected_version: int | None) -> list[UUID]:
    """Posts a draft; returns its lines' ids."""
    bill = await work.session.get(tables.Bill, bill_id, with_for_update=True)
    if bill is None:
        raise problems.not_found(("billId",), "bill")
    if expected_version is not None and bill.version != expected_version:
        raise problems.StaleVersion(current_version=bill.version)
    if bill.status is not BillStatus.DRAFT:
        raise BillAlreadyPostedRaised(number=bill.number or "", bill_id=bill_id)
    await work.session.execute(
        update(tables.Bill)
        .where(tables.Bill.id == bill_id)
        .values(status=BillStatus.POSTED, number=f"B-{bill_id.hex[-8:]}", posted_at=work.now, version=bill.version + 1)
    )
    work.announce(WorldBillPosted(branch_id=bill.branch_id, subject_id=bill_id))
    lines = await work.session.scalars(
        select(tables.BillLine.id).where(tables.BillLine.bill_id == bill_id).order_by(tables.BillLine.position.desc())
    )
    return list(lines)


@strawberry.type(description="Somebody signed in.")
class SignInSuccess:
    """Somebody signed in."""

    viewer: Viewer = field("Who it is.")


@strawberry.input(description="Who.")
class SignInInput:
    """Who."""

    username: str = field("A role of the test world.")


@extend(Mutation)
class WorldWrites:
    """The writes."""

    @mutation("Make a draft final.", requires=Permission.BILL_CREATE, idempotency=Idempotency.REQUIRED)
    async def post_bill(self, work: Work, input: PostBillInput) -> PostBillResult:  # noqa: A002  the argument's name
        """Posts."""
        bill_id = id_value("bill", input.bill_id)
        lines = await post(work, bill_id, input.expected_version)
        return PostBillSuccess(
            bill=ref(Bill, bill_id),
            lines=[ref(BillLine, each) for each in lines],
            posted_at=work.now,
            method=PaymentMethod.CASH,
            margin=Money(1234),
            warnings=[problem_of(BillAlreadyPostedRaised(number="W-1", bill_id=bill_id))]
            if input.note == "warn"
            else [],
        )

    @mutation("Fails as told.", requires=PUBLIC, idempotency=Idempotency.IGNORED)
    async def fail(self, work: Work, input: SignInInput) -> PostBillResult:  # noqa: A002  the argument's name
        """Fails."""
        raise RuntimeError(f"a secret of the inside: {input.username}")

    @mutation("Become somebody.", requires=PUBLIC, idempotency=Idempotency.IGNORED, transaction=False)
    async def sign_in(self, info: strawberry.Info, input: SignInInput) -> SignInSuccess:  # noqa: A002  the argument's name
        """Signs in."""
        return SignInSuccess(viewer=ref(Viewer, actor=SIGNED_IN[input.username]))


SIGNED_IN: dict = {}


# --- events


@strawberry.type(description="A bill became final.")
class BillPostedEvent:
    """A bill became final."""

    cursor: EventCursor = field("Where to resume.")
    occurred_at: datetime = field("When it was posted.")
    bill: Bill | None = field("As it is now.")


@extend(Subscription)
class WorldEvents:
    """The facts."""

    bill_posted: BillPostedEvent | None = on_event(
        WorldBillPosted,
        "A bill became final.",
        requires=Permission.BILL_READ,
        payload=lambda event: BillPostedEvent(
            cursor=event.cursor, occurred_at=event.occurred_at, bill=ref(Bill, event.subject_id)
        ),
    )
    day_changed: DayFigures | None = on_change(
        WorldBillPosted,
        "A day's figures.",
        requires=Permission.DASHBOARD_READ,
        branch_id=argument(strawberry.ID | None, "Only this branch.", prefix="branch"),
        date=argument(date | None, "Today when left out."),
    )


GRAPH = make_schema([sys.modules[__name__]])
