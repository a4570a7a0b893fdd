"""The salon in the schema: its profile, branches, opening hours and number series."""

from datetime import date, datetime, time
from typing import Annotated

import strawberry
from sqlalchemy import ColumnElement, Date, Select, Text, Uuid, any_, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY

from salonos.graph.directives import AUTHENTICATED
from salonos.graph.fields import (
    Computed,
    Order,
    Within,
    actor_value,
    by_id,
    column,
    connection,
    enum_of,
    extend,
    field,
    many,
    node,
    now_value,
    reading,
    ref,
    row,
)
from salonos.graph.mutations import mutation
from salonos.graph.problem import InvalidInput, Problem, StaleVersion, problem
from salonos.graph.roots import Connection, Mutation, Node, Query
from salonos.kernel.actor import Access, Reach
from salonos.kernel.ids import id_value
from salonos.kernel.permissions import Permission
from salonos.kernel.work import Work
from salonos.salon import commands, problems, rules, tables
from salonos.salon.rules import DocumentKind, TaxScheme

enum_of(
    TaxScheme,
    "How a branch stands towards GST.",
    REGULAR="Registered: it writes tax invoices.",
    COMPOSITION="Registered under the composition scheme: it writes bills of supply and takes no tax from customers.",
    UNREGISTERED="Not registered: no GST at all.",
)
enum_of(
    DocumentKind,
    "A kind of document with a number series of its own.",
    TAX_INVOICE="The bill of a regular branch.",
    BILL_OF_SUPPLY="The bill of a branch that takes no tax.",
    CREDIT_NOTE="What corrects a bill.",
    RECEIPT_VOUCHER="For an advance received.",
    REFUND_VOUCHER="For an advance given back.",
    PURCHASE_ORDER="What is ordered from a supplier.",
    DEBIT_NOTE="Of goods that went back to a supplier.",
)


# --- types


def salon_row(_: Access) -> Select[str, str, str, str, bool]:
    """The one row of the profile."""
    salon = tables.Salon
    return select(salon.name, salon.legal_name, salon.currency, salon.time_zone, salon.is_demo)


salon = Computed("salon", salon_row)


@row(salon)
class Salon:
    """The business. There is one."""

    name: str = column(salon.c.name, "What customers call it.")
    legal_name: str = column(salon.c.legal_name, "The name that stands on invoices.")
    currency: str = column(salon.c.currency, "ISO 4217 code of all amounts: `INR`.")
    time_zone: str = column(salon.c.time_zone, "IANA name; a branch may have another.")
    is_demo: bool = column(salon.c.is_demo, "Whether the data are invented.")


def today() -> ColumnElement[date]:
    """The salon's date at the instant of the read."""
    zone = select(tables.Salon.time_zone).scalar_subquery()
    local = func.timezone(func.coalesce(zone, literal_column(f"'{rules.INDIA}'")), now_value())
    return cast(local, Date)


def branches_in_reach(access: Access) -> ColumnElement[bool] | None:
    """The branches where a person works."""
    match access.reach:
        case Reach.ALL:
            return None
        case Reach.ONE_BRANCH:
            return tables.Branch.id == actor_value("branch_id", Uuid())
        case Reach.BRANCHES:
            return tables.Branch.id == any_(actor_value("branch_ids", ARRAY(Uuid())))


def clock_text(at: ColumnElement[time]) -> ColumnElement[str]:
    """A time of day as `09:30`."""
    return func.to_char(at, literal_column("'HH24:MI'"), type_=Text())


@row(tables.OpeningHours, scope=Within(tables.OpeningHours.branch_id, "Branch"))
class OpeningHours:
    """One interval of one weekday in which a branch is open, in the branch's own time."""

    weekday: int = column(tables.OpeningHours.weekday, "0 is Monday, 6 is Sunday.")
    opens_at: str = column(clock_text(tables.OpeningHours.opens_at.expression), "`09:30`, included.")
    closes_at: str = column(clock_text(tables.OpeningHours.closes_at.expression), "`21:00`, not included any more.")


@row(tables.NumberSeries, scope=Within(tables.NumberSeries.branch_id, "Branch"), requires=Permission.SETTINGS_MANAGE)
class NumberSeries:
    """How documents of one kind are numbered at one branch, without gaps within a financial year."""

    document: DocumentKind = column(tables.NumberSeries.document, "Which documents.")
    pattern: str = column(
        tables.NumberSeries.pattern, "What numbers begin with; `{branch}` is the branch's code, `{year}` `2627`."
    )
    digits: int = column(tables.NumberSeries.digits, "How many digits the running number has: 1 to 9.")


@node(tables.Branch, scope=branches_in_reach)
class Branch(Node):
    """A place where the salon works. Whoever works there sees it."""

    name: str = column(tables.Branch.name, "What it is called.")
    code: str = column(tables.Branch.code, "1 to 4 letters or digits, unique; part of every document's number.")
    address: str = column(tables.Branch.address, "As it stands on invoices, in lines.")
    state_code: str = column(tables.Branch.state_code, "GST state code: `29` is Karnataka.")
    gstin: str | None = column(tables.Branch.gstin, "Its GST registration; null when it is not registered.")
    tax_scheme: TaxScheme = column(tables.Branch.tax_scheme, "How it stands towards GST.")
    time_zone: str = column(tables.Branch.time_zone, "IANA name; its business date is the calendar date there.")
    upi_id: str | None = column(tables.Branch.upi_id, "Where customers pay by UPI: `name@bank`; null without one.")
    splits_bills: bool = column(
        tables.Branch.splits_bills, "Whether services and goods of one cart become two documents, paid together."
    )
    is_active: bool = column(tables.Branch.is_active, "Whether it is open for business.")
    version: int = column(tables.Branch.version, "Rises with each change.")
    created_at: datetime = column(tables.Branch.created_at, "When it was added.")
    opening_hours: list[OpeningHours] = many(
        tables.OpeningHours.branch_id,
        "By weekday and time, at most 70.",
        order_by=(tables.OpeningHours.weekday, tables.OpeningHours.opens_at),
        limit=rules.HOURS_MAX,
    )
    number_series: list[NumberSeries] | None = many(
        tables.NumberSeries.branch_id,
        "One for each kind of document, at most 5.",
        order_by=tables.NumberSeries.document,
    )


@extend(Query)
class SalonReads:
    """The salon's roots."""

    salon: Salon | None = reading("The business; null until it is set up.", requires=AUTHENTICATED)
    branches: Connection[Branch] | None = connection(
        None, "The branches where the reader works, by name.", order=Order(tables.Branch.name), requires=AUTHENTICATED
    )
    branch: Branch | None = by_id("A branch by its id; null out of reach.", requires=AUTHENTICATED)


# --- problems


@problem(problems.SalonAlreadySetUp)
class SalonAlreadySetUp(Problem):
    """A deployment is one salon, and it is there."""


@problem(problems.BranchCodeTaken)
class BranchCodeTaken(Problem):
    """Another branch has this code: numbers of documents would not be unique."""

    code: str = field("The code.")


@problem(problems.NumberSeriesExhausted)
class NumberSeriesExhausted(Problem):
    """The number series has used up its range in this financial year: give it more digits."""

    document: str = field("Which documents: a name of `DocumentKind`.")


@problem(problems.ClockBehind)
class ClockBehind(Problem):
    """The date lies before the last document's: the computer's clock is wrong."""


# --- inputs


@strawberry.input(description="The business as it is set up.")
class SetUpSalonInput:
    """The business as it is set up."""

    name: str = field("What customers call it, at most 120 characters.")
    legal_name: str | None = field("The name that stands on invoices; the name when it is left out.")


@strawberry.input(description="What becomes of the profile; what is left out stays.")
class UpdateSalonInput:
    """What becomes of the profile."""

    name: str | None = field("What customers call it, at most 120 characters.")
    legal_name: str | None = field("The name that stands on invoices, at most 120 characters.")


@strawberry.input(description="A new branch.")
class AddBranchInput:
    """A new branch."""

    name: str = field("What it is called, at most 120 characters.")
    code: str = field("1 to 4 of A-Z and 0-9, unique, for ever.")
    address: str = field("As it stands on invoices, at most 500 characters, in lines.")
    state_code: str = field("GST state code, two digits, for ever.")
    gstin: str | None = field("Its GST registration: needed unless it is unregistered, and of the same state.")
    tax_scheme: TaxScheme = field("How it stands towards GST.", default=TaxScheme.UNREGISTERED)
    time_zone: str = field("IANA name; a branch with a GSTIN is in `Asia/Kolkata`.", default=rules.INDIA)
    upi_id: str | None = field("Where customers pay by UPI: `name@bank`.")
    splits_bills: bool = field("Whether services and goods of one cart become two documents.", default=False)


@strawberry.input(description="What becomes of a branch; what is left out stays.")
class UpdateBranchInput:
    """What becomes of a branch."""

    branch_id: strawberry.ID = field("Which.")
    expected_version: int = field("The version that was read.")
    name: str | None = field("What it is called, at most 120 characters.")
    address: str | None = field("As it stands on invoices, at most 500 characters, in lines.")
    gstin: str | None = field("A new GST registration, of the same state; goes away when it becomes unregistered.")
    tax_scheme: TaxScheme | None = field("How it stands towards GST from now on.")
    is_active: bool | None = field("Whether it is open for business.")
    upi_id: str | None = field("Where customers pay by UPI: `name@bank`; an empty one is taken away.")
    splits_bills: bool | None = field(
        "Whether services and goods of one cart become two documents from now on; drafts with money on them stay one."
    )


@strawberry.input(description="One interval of one weekday.")
class OpeningHoursInput:
    """One interval of one weekday."""

    weekday: int = field("0 is Monday, 6 is Sunday.")
    opens_at: str = field("`09:30`, in the branch's own time.")
    closes_at: str = field("`21:00`, later on the same day.")


@strawberry.input(description="A branch's whole week.")
class SetOpeningHoursInput:
    """A branch's whole week."""

    branch_id: strawberry.ID = field("Whose.")
    hours: list[OpeningHoursInput] = field("All intervals, none overlapping, at most 70; none: closed all week.")


@strawberry.input(description="How documents are numbered from now on.")
class ConfigureNumberSeriesInput:
    """How documents are numbered from now on."""

    branch_id: strawberry.ID = field("Where.")
    document: DocumentKind = field("Which documents.")
    pattern: str = field("What numbers begin with: names `{branch}` and `{year}` once each.")
    digits: int = field("How many digits the running number has: 1 to 9; the whole number has at most 16 characters.")


# --- results


@strawberry.type(description="The profile was changed.")
class UpdateSalonSuccess:
    """The profile was changed."""

    salon: Salon | None = field("As it is now.")


@strawberry.type(description="The salon is set up.")
class SetUpSalonSuccess:
    """The salon is set up."""

    salon: Salon | None = field("As it is now. Add its first branch next.")


@strawberry.type(description="The branch was added.")
class AddBranchSuccess:
    """The branch was added."""

    branch: Branch | None = field("With its number series; null while the reader does not work there.")


@strawberry.type(description="The branch was changed.")
class UpdateBranchSuccess:
    """The branch was changed."""

    branch: Branch | None = field("As it is now.")


@strawberry.type(description="The hours were replaced.")
class SetOpeningHoursSuccess:
    """The hours were replaced."""

    branch: Branch | None = field("As it is now.")


@strawberry.type(description="The series was changed; its running number goes on.")
class ConfigureNumberSeriesSuccess:
    """The series was changed."""

    branch: Branch | None = field("As it is now.")


SetUpSalonResult = Annotated[
    SetUpSalonSuccess | InvalidInput | SalonAlreadySetUp,
    strawberry.union("SetUpSalonResult", description="What became of it."),
]
UpdateSalonResult = Annotated[
    UpdateSalonSuccess | InvalidInput,
    strawberry.union("UpdateSalonResult", description="What became of it."),
]
AddBranchResult = Annotated[
    AddBranchSuccess | InvalidInput | BranchCodeTaken,
    strawberry.union("AddBranchResult", description="What became of it."),
]
UpdateBranchResult = Annotated[
    UpdateBranchSuccess | InvalidInput | StaleVersion,
    strawberry.union("UpdateBranchResult", description="What became of it."),
]
SetOpeningHoursResult = Annotated[
    SetOpeningHoursSuccess | InvalidInput,
    strawberry.union("SetOpeningHoursResult", description="What became of it."),
]
ConfigureNumberSeriesResult = Annotated[
    ConfigureNumberSeriesSuccess | InvalidInput,
    strawberry.union("ConfigureNumberSeriesResult", description="What became of it."),
]


@extend(Mutation)
class SalonWrites:
    """The salon's writes."""

    @mutation("Set up the business, once: the owner's first step.", requires=Permission.SETTINGS_MANAGE)
    async def set_up_salon(self, work: Work, input: SetUpSalonInput) -> SetUpSalonResult:
        """Creates the one salon."""
        await commands.set_up_salon(work, commands.NewSalon(name=input.name, legal_name=input.legal_name or input.name))
        return SetUpSalonSuccess(salon=ref(Salon))

    @mutation("Change the business's profile.", requires=Permission.SETTINGS_MANAGE)
    async def update_salon(self, work: Work, input: UpdateSalonInput) -> UpdateSalonResult:
        """Changes the profile."""
        await commands.update_salon(work, name=input.name, legal_name=input.legal_name)
        return UpdateSalonSuccess(salon=ref(Salon))

    @mutation("Add a branch with its number series.", requires=Permission.SETTINGS_MANAGE)
    async def add_branch(self, work: Work, input: AddBranchInput) -> AddBranchResult:
        """Adds a branch."""
        new = commands.NewBranch(**vars(input))
        return AddBranchSuccess(branch=ref(Branch, await commands.add_branch(work, new)))

    @mutation("Change a branch.", requires=Permission.SETTINGS_MANAGE)
    async def update_branch(self, work: Work, input: UpdateBranchInput) -> UpdateBranchResult:
        """Changes a branch."""
        given = vars(input) | {"branch_id": id_value("branch", input.branch_id)}
        return UpdateBranchSuccess(branch=ref(Branch, await commands.update_branch(work, **given)))

    @mutation("Replace a branch's opening hours.", requires=Permission.SETTINGS_MANAGE)
    async def set_opening_hours(self, work: Work, input: SetOpeningHoursInput) -> SetOpeningHoursResult:
        """Replaces the hours."""
        hours = [commands.NewHours(each.weekday, each.opens_at, each.closes_at) for each in input.hours]
        branch_id = await commands.set_opening_hours(work, id_value("branch", input.branch_id), hours)
        return SetOpeningHoursSuccess(branch=ref(Branch, branch_id))

    @mutation("Change how documents are numbered from now on.", requires=Permission.SETTINGS_MANAGE)
    async def configure_number_series(
        self,
        work: Work,
        input: ConfigureNumberSeriesInput,
    ) -> ConfigureNumberSeriesResult:
        """Changes a series."""
        branch_id = id_value("branch", input.branch_id)
        await commands.configure_number_series(
            work, branch_id, input.document, pattern=input.pattern, digits=input.digits
        )
        return ConfigureNumberSeriesSuccess(branch=ref(Branch, branch_id))
