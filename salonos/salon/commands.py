"""Writes of the salon: set up, branches, hours, number series, and the drawing of a document's number."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Date, Uuid, bindparam, delete, select, text
from sqlalchemy.exc import IntegrityError

from salonos.kernel import clock
from salonos.kernel.checks import Checks
from salonos.kernel.database import constraint_of
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import InputIssue, InvalidInput, StaleVersion, invalid, not_found
from salonos.kernel.text import safe_text
from salonos.kernel.work import StartOver, Work
from salonos.salon import problems, queries, rules, tables

NAME_MAX, ADDRESS_MAX = 120, 500

_DRAW = text(
    """
    with counted as (
        insert into number_counters as counter (series_id, financial_year, last_number, last_date)
        select series.id, :year, 1, :on from number_series series
        where series.branch_id = :branch_id and series.document = :document
        on conflict (series_id, financial_year) do update
            set last_number = counter.last_number + 1, last_date = excluded.last_date
            where counter.last_date <= excluded.last_date
        returning series_id, last_number, clock_timestamp() as drawn_at
    )
    insert into drawn_numbers (series_id, financial_year, number, text, drawn_on)
    select counted.series_id, :year, last_number,
           replace(replace(pattern, '{branch}', :code), '{year}', :year_text)
               || lpad(last_number::text, greatest(digits, length(last_number::text)), '0'),
           :on
    from counted join number_series on number_series.id = counted.series_id
    returning text, number, (select digits from number_series where id = drawn_numbers.series_id) as digits,
              (select (drawn_at at time zone :zone)::date from counted) as clock_date
    """
).bindparams(bindparam("branch_id", type_=Uuid()), bindparam("on", type_=Date()))


@dataclass(frozen=True)
class NewSalon:
    """The business as it is set up."""

    name: str
    legal_name: str
    time_zone: str = rules.INDIA
    is_demo: bool = False


@dataclass(frozen=True)
class NewHours:
    """An interval in which a branch is to be open; times as people write them: `09:30`."""

    weekday: int
    opens_at: str
    closes_at: str


@dataclass(frozen=True)
class NewBranch:
    """A branch to be added."""

    name: str
    code: str
    address: str
    state_code: str
    gstin: str | None = None
    tax_scheme: rules.TaxScheme = rules.TaxScheme.UNREGISTERED
    time_zone: str = rules.INDIA
    upi_id: str | None = None
    splits_bills: bool = False


async def set_up_salon(work: Work, new: NewSalon) -> UUID:
    """Creates the one salon of this deployment.

    Raises: InvalidInput; SalonAlreadySetUp.
    """
    work.actor.require(Permission.SETTINGS_MANAGE)
    row = tables.Salon(
        id=new_id(),
        name=_text(new.name, "name", NAME_MAX),
        legal_name=_text(new.legal_name, "legalName", NAME_MAX),
        time_zone=_zone(new.time_zone),
        is_demo=new.is_demo,
    )
    work.session.add(row)
    try:
        await work.session.flush()
    except IntegrityError as error:
        if constraint_of(error) == "uq_salons_is_only":
            raise problems.SalonAlreadySetUp from error
        raise
    return row.id


async def update_salon(work: Work, *, name: str | None = None, legal_name: str | None = None) -> UUID:
    """Changes the profile; what is None stays.

    Raises: InvalidInput.
    """
    work.actor.require(Permission.SETTINGS_MANAGE)
    row = await queries.salon(work)
    if row is None:
        raise not_found((), "salon")
    if name is not None:
        row.name = _text(name, "name", NAME_MAX)
    if legal_name is not None:
        row.legal_name = _text(legal_name, "legalName", NAME_MAX)
    return row.id


async def add_branch(work: Work, new: NewBranch) -> UUID:
    """Adds a branch with its default number series.

    Its numbers can't be those of another branch's documents, whatever their kind: `BLRP` beside `BLR`, whose purchase
    orders begin with `BLRP`, is refused.

    Raises: InvalidInput with every issue; BranchCodeTaken.
    """
    work.actor.require(Permission.SETTINGS_MANAGE)
    row = tables.Branch(
        id=new_id(),
        name=_text(new.name, "name", NAME_MAX),
        code=new.code,
        address=_text(new.address, "address", ADDRESS_MAX, is_multiline=True),
        state_code=new.state_code,
        gstin=new.gstin,
        tax_scheme=new.tax_scheme,
        time_zone=_zone(new.time_zone),
        upi_id=new.upi_id,
        splits_bills=new.splits_bills,
        is_active=True,
        version=1,
        created_at=work.now,
    )
    _check_branch(row)
    work.session.add(row)
    await _flush_branch(work, row)
    await _check_numbers(
        work,
        [rules.Numbering(pattern, row.code, rules.DEFAULT_DIGITS) for pattern in rules.DEFAULT_PATTERNS.values()],
        row,
        path="code",
    )
    for document, pattern in rules.DEFAULT_PATTERNS.items():
        work.session.add(
            tables.NumberSeries(
                id=new_id(), branch_id=row.id, document=document, pattern=pattern, digits=rules.DEFAULT_DIGITS
            )
        )
    await work.session.flush()
    return row.id


async def update_branch(  # noqa: PLR0913  each is a column that may change
    work: Work,
    branch_id: UUID,
    *,
    expected_version: int,
    name: str | None = None,
    address: str | None = None,
    gstin: str | None = None,
    tax_scheme: rules.TaxScheme | None = None,
    is_active: bool | None = None,
    upi_id: str | None = None,
    splits_bills: bool | None = None,
) -> UUID:
    """Changes a branch; what is None stays, an empty UPI id is taken away. Its code and state stay for ever, since documents carry them.

    Raises: InvalidInput; StaleVersion.
    """
    work.actor.require(Permission.SETTINGS_MANAGE)
    row = await _branch_for_update(work, branch_id)
    if row.version != expected_version:
        raise StaleVersion(current_version=row.version)
    row.name = row.name if name is None else _text(name, "name", NAME_MAX)
    row.address = row.address if address is None else _text(address, "address", ADDRESS_MAX, is_multiline=True)
    row.tax_scheme = tax_scheme or row.tax_scheme
    row.gstin = None if row.tax_scheme is rules.TaxScheme.UNREGISTERED else gstin or row.gstin
    row.is_active = row.is_active if is_active is None else is_active
    row.upi_id = row.upi_id if upi_id is None else upi_id or None
    row.splits_bills = row.splits_bills if splits_bills is None else splits_bills
    row.version += 1
    _check_branch(row)
    await _flush_branch(work, row)
    return row.id


async def set_opening_hours(work: Work, branch_id: UUID, hours: Sequence[NewHours]) -> UUID:
    """Replaces a branch's opening hours.

    Raises: InvalidInput.
    """
    work.actor.require(Permission.SETTINGS_MANAGE)
    intervals = _intervals(hours)
    if fault := rules.hours_fault(intervals):
        raise invalid(("hours",), "INVALID_HOURS", fault)
    row = await _branch_for_update(work, branch_id)
    await work.session.execute(delete(tables.OpeningHours).where(tables.OpeningHours.branch_id == row.id))
    for each in intervals:
        work.session.add(
            tables.OpeningHours(
                id=new_id(), branch_id=row.id, weekday=each.weekday, opens_at=each.opens_at, closes_at=each.closes_at
            )
        )
    await work.session.flush()
    return row.id


async def configure_number_series(
    work: Work, branch_id: UUID, document: rules.DocumentKind, *, pattern: str, digits: int
) -> UUID:
    """Changes how a branch's documents of a kind are numbered from now on, proven lawful for the whole range.

    The counter goes on: numbers stay consecutive within the financial year. No other series of the business could ever
    give one of its numbers, nor was one of them given already. Locks all series against other changes.

    Raises: InvalidInput.
    """
    work.actor.require(Permission.SETTINGS_MANAGE)
    branch = await _branch_for_update(work, branch_id)
    if fault := rules.pattern_fault(pattern, branch_code=branch.code, digits=digits):
        raise invalid(("pattern",), "UNLAWFUL_NUMBER", fault)
    found = select(tables.NumberSeries).where(
        tables.NumberSeries.branch_id == branch.id, tables.NumberSeries.document == document
    )
    row = (await work.session.execute(found.with_for_update())).scalar_one()
    own = rules.Numbering(pattern, branch.code, digits)
    await _check_numbers(work, [own], branch, path="pattern", series_id=row.id)
    row.pattern, row.digits = pattern, digits
    return row.id


async def _check_numbers(
    work: Work,
    own: Sequence[rules.Numbering],
    branch: tables.Branch,
    *,
    path: str,
    series_id: UUID | None = None,
) -> None:
    """Raises: InvalidInput when a number could be given twice in the business, or was given already."""
    others = await queries.numberings_for_update(work)
    for mine, other in itertools.product(own, (each for key, each in others.items() if key != series_id)):
        if common := rules.common_number(mine, other):
            whose = f"{other.pattern} of branch {other.branch_code}"
            raise invalid((path,), "TAKEN", f"A document numbered by {whose} could have the number {common} too.")
    year = clock.financial_year(clock.business_date(work.now, branch.time_zone))
    if given := await queries.number_given_already(work, own, series_id=series_id, year=year):
        raise invalid((path,), "TAKEN", f"Another document has the number {given} already.")


async def draw_number(work: Work, branch: tables.Branch, document: rules.DocumentKind, *, on: date) -> str:
    """The next number of a branch's documents of a kind, given for ever if the transaction commits.

    Locks the series' counter until the commit, so it is called late. The clock is read behind the lock: a document
    that waited past midnight starts over with the new date.

    Raises: StartOver; ClockBehind; NumberSeriesExhausted.
    """
    given = {
        "branch_id": branch.id,
        "document": document.name,
        "year": clock.financial_year(on),
        "year_text": rules.year_text(on),
        "code": branch.code,
        "zone": branch.time_zone,
        "on": on,
    }
    row = (await work.session.execute(_DRAW, given)).one_or_none()
    if row is None:
        if work.is_clock_set or clock.business_date(await work.read_clock(), branch.time_zone) == on:
            raise problems.ClockBehind
        raise StartOver
    if not work.is_clock_set and row.clock_date != on:
        raise StartOver
    if row.number >= 10**row.digits:
        raise problems.NumberSeriesExhausted(document=document.name)
    drawn: str = row.text
    return drawn


def _intervals(hours: Sequence[NewHours]) -> list[rules.Interval]:
    """Raises: InvalidInput with every time that is none, and for more intervals than a week can use."""
    checks = Checks()
    checks.require(
        len(hours) <= rules.HOURS_MAX, ("hours",), "TOO_MANY", f"A week has at most {rules.HOURS_MAX} intervals."
    )
    intervals = []
    for place, each in enumerate(hours[: rules.HOURS_MAX]):
        opens_at, closes_at = rules.time_of_day(each.opens_at), rules.time_of_day(each.closes_at)
        for name, found in (("opensAt", opens_at), ("closesAt", closes_at)):
            checks.require(found is not None, ("hours", place, name), "INVALID_TIME", "A time is written as 09:30.")
        if opens_at is not None and closes_at is not None:
            intervals.append(rules.Interval(each.weekday, opens_at, closes_at))
    checks.finish()
    return intervals


async def _branch_for_update(work: Work, branch_id: UUID) -> tables.Branch:
    """Locked, so that two changes of one branch follow one another."""
    work.actor.require_branch(branch_id)
    found = select(tables.Branch).where(tables.Branch.id == branch_id).with_for_update()
    row = (await work.session.execute(found)).scalar_one_or_none()
    if row is None:
        raise not_found(("branchId",), "branch")
    return row


async def _flush_branch(work: Work, row: tables.Branch) -> None:
    try:
        await work.session.flush()
    except IntegrityError as error:
        if constraint_of(error) == "uq_branches_code":
            raise problems.BranchCodeTaken(code=row.code) from error
        raise


def _check_branch(row: tables.Branch) -> None:
    """Raises: InvalidInput with every issue of a branch's code, state, scheme and registration."""
    found: list[InputIssue] = []
    if rules.BRANCH_CODE.fullmatch(row.code) is None:
        found.append(InputIssue(("code",), "INVALID_CODE", "A branch code has 1 to 4 letters A-Z or digits."))
    elif any(
        rules.pattern_fault(pattern, branch_code=row.code, digits=rules.DEFAULT_DIGITS)
        for pattern in rules.DEFAULT_PATTERNS.values()
    ):
        found.append(InputIssue(("code",), "INVALID_CODE", "A branch code begins with a letter or 1-9."))
    if row.state_code not in rules.STATES:
        found.append(InputIssue(("stateCode",), "UNKNOWN_STATE", "This is no state code of GST."))
    is_registered = row.tax_scheme is not rules.TaxScheme.UNREGISTERED
    if is_registered != (row.gstin is not None):
        found.append(
            InputIssue(("gstin",), "GSTIN_BY_SCHEME", "A registered branch has a GSTIN, another one has none.")
        )
    if row.gstin is not None:
        if not rules.gstin_is_valid(row.gstin):
            found.append(InputIssue(("gstin",), "INVALID_GSTIN", "This is no GSTIN: check it letter by letter."))
        elif row.gstin[:2] != row.state_code:
            found.append(InputIssue(("gstin",), "OTHER_STATE", "The GSTIN belongs to another state."))
        if row.time_zone != rules.INDIA:
            found.append(InputIssue(("timeZone",), "GSTIN_ZONE", "A branch with a GSTIN is in Asia/Kolkata."))
    found += _issues_of_upi_id(row.upi_id)
    if found:
        raise InvalidInput(issues=tuple(found))


def _issues_of_upi_id(upi_id: str | None) -> list[InputIssue]:
    if upi_id is None or rules.UPI_ID.fullmatch(upi_id):
        return []
    return [InputIssue(("upiId",), "INVALID_UPI_ID", "A UPI id is written as name@bank.")]


def _text(value: str, name: str, characters_max: int, *, is_multiline: bool = False) -> str:
    try:
        kept = safe_text(value, characters_max=characters_max, is_multiline=is_multiline)
    except ValueError as error:
        raise invalid((name,), "INVALID_TEXT", str(error)) from error
    if not kept:
        raise invalid((name,), "REQUIRED", "This can't be empty.")
    return kept


def _zone(name: str) -> str:
    try:
        return clock.zone(name).key
    except ValueError as error:
        raise invalid(("timeZone",), "UNKNOWN_ZONE", "This is no time zone.") from error
