"""Writes of the books: post an entry, reverse one, post a journal by hand, close a period.

Posting takes two statements whatever the number of entries: the lines (whose trigger moves the daily balances, in
sorted order), then the entries with their tax lines and money moves (whose trigger draws the entry numbers, locked
last). A document's number is drawn between the two, so that locks are taken as the architecture orders them: daily
balances, document series, entry series.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NoReturn
from uuid import UUID

import orjson
from sqlalchemy import Text, bindparam, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from salonos.accounting import problems, queries, rules, tables
from salonos.customers import queries as customers
from salonos.kernel import clock
from salonos.kernel.checks import Checks
from salonos.kernel.database import constraint_of
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import not_found
from salonos.kernel.work import Work
from salonos.salon import queries as salon
from salonos.salon.rules import DocumentKind

LINES_MIN, LINES_MAX = 2, 1000
JOURNAL_LINES_MAX = 100
NARRATION_MAX = 500
JOURNAL = "entry"
"""The cause of a journal is the entry itself."""

_INSERT_LINES = text(
    """
    insert into entry_lines
        (entry_id, position, branch_id, business_date, line_count, account_id, amount_paise, party_id)
    select line.entry_id, position, branch_id, business_date, line_count, accounts.id, amount_paise, party_id
    from jsonb_to_recordset(cast(:lines as jsonb)) as line (
        entry_id uuid, position integer, branch_id uuid, business_date date, line_count integer,
        code text, amount_paise bigint, party_id uuid
    )
    join accounts on accounts.code = line.code
    """
).bindparams(bindparam("lines", type_=Text()))

_INSERT_ENTRIES = text(
    """
    with posted as (
        insert into entries
            (id, branch_id, business_date, narration, cause_kind, cause_id, reverses_id, line_count, total_paise,
             posted_at, posted_by_id)
        select id, branch_id, business_date, narration, cause_kind, cause_id, reverses_id, line_count, total_paise,
               posted_at, posted_by_id
        from jsonb_to_recordset(cast(:entries as jsonb)) as entry (
            place integer, id uuid, branch_id uuid, business_date date, narration text, cause_kind text, cause_id uuid,
            reverses_id uuid, line_count integer, total_paise bigint, posted_at timestamptz, posted_by_id uuid
        )
        order by branch_id, place
        returning id, number
    ), taxed as (
        insert into tax_register
        select * from jsonb_to_recordset(cast(:tax_lines as jsonb)) as tax (
            entry_id uuid, position integer, branch_id uuid, supply text, document_kind text, document_id uuid,
            document_number text, document_date date, gstin text, party_gstin text, place_of_supply text, code text,
            quantity_milli bigint, unit text, rate_hundredths integer, taxable_paise bigint, cgst_paise bigint,
            sgst_paise bigint, igst_paise bigint, credit_kind text
        )
    ), moved as (
        insert into money_moves
        select * from jsonb_to_recordset(cast(:money as jsonb)) as move (
            id uuid, branch_id uuid, business_date date, direction text, method text, amount_paise bigint,
            reference text, entry_id uuid, drawer_id uuid, received_at timestamptz
        )
    )
    select id, number from posted
    """
).bindparams(*(bindparam(name, type_=Text()) for name in ("entries", "tax_lines", "money")))


@dataclass(frozen=True)
class NewLine:
    """One account's part: signed paise, debits positive. `party_id` says whose it is, and a control account needs it."""

    account_code: str
    amount_paise: int
    party_id: UUID | None = None


@dataclass(frozen=True)
class TaxLine:
    """One line of a document as the GST returns need it. `credit_kind` belongs to inward supplies only."""

    code: str
    quantity_milli: int
    unit: str
    rate_hundredths: int
    taxable_paise: int
    cgst_paise: int = 0
    sgst_paise: int = 0
    igst_paise: int = 0
    credit_kind: rules.CreditKind | None = None


@dataclass(frozen=True)
class CreditReversed:
    """Input credit that goods earn no longer, as much CGST as SGST; below zero where it is taken again.

    It belongs to no document: its line of the tax register names the cause of the entry. Source: section 17(5)(h) CGST
    Act and rule 42 of its rules; table 4(B)(1) of GSTR-3B.
    """

    gstin: str | None
    code: str
    quantity_milli: int
    unit: str
    rate_hundredths: int
    value_paise: int
    half_paise: int


@dataclass(frozen=True)
class Document:
    """The document that an entry's tax lines belong to.

    `number` is its text, or what draws it: called after the daily balances are locked, before the entry's number is.
    A drawn number is appended to the entry's narration and returned in `PostedEntry.document_number`. `dated_on` is the
    date that stands on somebody else's document; our own are dated by the entry.
    """

    kind: DocumentKind
    id: UUID
    number: str | Callable[[], Awaitable[str]]
    gstin: str | None = None
    party_gstin: str | None = None
    place_of_supply: str | None = None
    supply: rules.SupplyDirection = rules.SupplyDirection.OUTWARD
    dated_on: date | None = None


@dataclass(frozen=True)
class NewMoneyMove:
    """Money that changed hands, never on account. `amount_paise` is what is kept (IN) or was given (OUT)."""

    method: rules.PaymentMethod
    amount_paise: int
    reference: str | None = None
    direction: rules.MoneyDirection = rules.MoneyDirection.IN
    drawer_id: UUID | None = None


@dataclass(frozen=True)
class NewEntry:
    """An entry to be posted: at least two lines that sum to zero. The narration holds no personal data.

    `cause_kind` is the id prefix of the cause (`bill`); a document of the entry is dated by its business date.
    """

    branch_id: UUID
    business_date: date
    narration: str
    cause_kind: str
    cause_id: UUID
    lines: tuple[NewLine, ...]
    tax_lines: tuple[TaxLine, ...] = ()
    money: tuple[NewMoneyMove, ...] = ()
    document: Document | None = None
    credit_reversed: tuple[CreditReversed, ...] = ()
    reverses_id: UUID | None = None
    id: UUID | None = None


@dataclass(frozen=True)
class PostedEntry:
    """What became of a new entry. `money_move_ids` are in the order of its moves."""

    id: UUID
    number: int
    money_move_ids: tuple[UUID, ...]
    document_number: str | None


async def post_entry(work: Work, new: NewEntry) -> PostedEntry:
    """Posts one entry; see `post_entries`."""
    (posted,) = await post_entries(work, (new,))
    return posted


async def post_entries(work: Work, new: Sequence[NewEntry]) -> list[PostedEntry]:
    """Posts entries that belong together, in two statements. A transaction calls this once: twice could deadlock.

    Who may post is the caller's to check. Locks: daily balances, then what the documents draw, then entry series.

    Raises: PeriodClosed; AccountOverdrawn; ValueError for an unbalanced entry, LookupError for an unknown account.
    """
    for entry in new:
        _check(entry)
    ids = [entry.id or new_id() for entry in new]
    lines = [line for row_id, entry in zip(ids, new, strict=True) for line in _line_rows(row_id, entry)]
    inserted = await _execute(work, _INSERT_LINES, {"lines": _json(lines)})
    if inserted.rowcount != len(lines):
        raise LookupError("an entry names an account that is not in the chart")
    numbers = [await _document_number(entry) for entry in new]
    move_ids = [tuple(new_id() for _ in entry.money) for entry in new]
    parts = list(zip(ids, new, numbers, move_ids, strict=True))
    result = await _execute(
        work,
        _INSERT_ENTRIES,
        {
            "entries": _json([_entry_row(work, place, part[0], part[1], part[2]) for place, part in enumerate(parts)]),
            "tax_lines": _json([row for row_id, entry, number, _ in parts for row in _tax_rows(row_id, entry, number)]),
            "money": _json(
                [row for row_id, entry, _, moves in parts for row in _money_rows(work, row_id, entry, moves)]
            ),
        },
    )
    given = {row.id: row.number for row in result}
    return [PostedEntry(row_id, given[row_id], moves, number) for row_id, _, number, moves in parts]


async def reverse_entry(
    work: Work, entry_id: UUID, *, business_date: date, narration: str, cause_kind: str, cause_id: UUID
) -> PostedEntry:
    """Undoes an entry: its lines and tax lines negated, its money moved back the way it came.

    Raises: EntryAlreadyReversed; PeriodClosed; AccountOverdrawn; LookupError when there is no such entry.
    """
    entry = await queries.entry_to_reverse(work, entry_id)
    if entry is None:
        raise LookupError("there is no such entry")
    if entry.is_reversed:
        raise problems.EntryAlreadyReversed(entry_id)
    of_document = [line for line in entry.tax_lines if line.document_kind is not None]
    back = NewEntry(
        branch_id=entry.branch_id,
        business_date=business_date,
        narration=narration,
        cause_kind=cause_kind,
        cause_id=cause_id,
        lines=tuple(NewLine(line.code, -line.amount_paise, line.party_id) for line in entry.lines),
        tax_lines=tuple(_negated(line) for line in of_document),
        credit_reversed=tuple(_taken_again(line) for line in entry.tax_lines if line.document_kind is None),
        money=tuple(_moved_back(move) for move in entry.money),
        document=_document_of(of_document),
        reverses_id=entry_id,
    )
    try:
        return await post_entry(work, back)
    except IntegrityError as error:  # somebody else reversed it since we looked
        if constraint_of(error) == "uq_entries_reverses_id":
            raise problems.EntryAlreadyReversed(entry_id) from error
        raise


@dataclass(frozen=True)
class JournalLine:
    """One line of a journal as it was typed: an amount on one of the two sides."""

    account_id: UUID
    debit_paise: int | None = None
    credit_paise: int | None = None
    customer_id: UUID | None = None

    @property
    def amount_paise(self) -> int:
        """Signed, debits positive."""
        return (self.debit_paise or 0) - (self.credit_paise or 0)


@dataclass(frozen=True)
class NewJournal:
    """An entry that a person writes. Without a date it is today's; the narration holds no personal data."""

    branch_id: UUID
    narration: str
    lines: tuple[JournalLine, ...]
    business_date: date | None = None


async def post_journal(work: Work, new: NewJournal) -> UUID:
    """Posts an entry by hand.

    Raises: InvalidInput with every fault; PeriodClosed; AccountOverdrawn.
    """
    work.actor.require(Permission.JOURNAL_POST)
    work.actor.require_branch(new.branch_id)
    branch = await salon.branch_for_sale(work, new.branch_id)
    if branch is None:
        raise not_found(("branchId",), "branch")
    today = clock.business_date(work.now, branch.time_zone)
    on = new.business_date or today
    accounts = await queries.accounts_by_id(work, {line.account_id for line in new.lines})
    checks = Checks()
    narration = checks.text(new.narration, ("narration",), NARRATION_MAX)
    checks.require(on <= today, ("businessDate",), "IN_FUTURE", "The date lies in the future.")
    _check_journal_lines(checks, new.lines, accounts)
    for customer_id in {line.customer_id for line in new.lines if line.customer_id}:
        if await customers.customer_for_bill(work, customer_id) is None:
            place = next(at for at, line in enumerate(new.lines) if line.customer_id == customer_id)
            checks.add(("lines", place, "customerId"), "NOT_FOUND", "There is no such customer.")
    checks.finish()
    entry_id = new_id()
    lines = tuple(NewLine(accounts[each.account_id].code, each.amount_paise, each.customer_id) for each in new.lines)
    await post_entry(work, NewEntry(branch.id, on, narration, JOURNAL, entry_id, lines, id=entry_id))
    return entry_id


def _check_journal_lines(checks: Checks, lines: Sequence[JournalLine], accounts: Mapping[UUID, tables.Account]) -> None:
    if not LINES_MIN <= len(lines) <= JOURNAL_LINES_MAX:
        checks.add(("lines",), "LENGTH", f"An entry has {LINES_MIN} to {JOURNAL_LINES_MAX} lines.")
    for place, line in enumerate(lines):
        sides = [paise for paise in (line.debit_paise, line.credit_paise) if paise is not None]
        if len(sides) != 1 or sides[0] <= 0:
            checks.add(("lines", place), "ONE_SIDE", "Enter an amount above zero, either as debit or as credit.")
        account = accounts.get(line.account_id)
        if account is None:
            checks.add(("lines", place, "accountId"), "NOT_FOUND", "There is no such account.")
        elif account.code == rules.CUSTOMERS:
            checks.require(line.customer_id, ("lines", place, "customerId"), "REQUIRED", "Say whose balance this is.")
        elif account.needs_party or account.code in rules.KEPT_BY_STOCK:
            checks.add(("lines", place, "accountId"), "NOT_POSTABLE", "This account is posted to by its own documents.")
        elif line.customer_id is not None:
            checks.add(("lines", place, "customerId"), "NOT_ALLOWED", "Only the account Customers has customers.")
    rest = sum(line.amount_paise for line in lines)
    checks.require(rest == 0, ("lines",), "UNBALANCED", "Debits and credits must be equal.")


async def close_period(work: Work, branch_id: UUID, *, until: date) -> None:
    """Closes a branch's books for all dates before `until`, or opens them again from there.

    Waits for the entries under way in the branch; those that come later are refused. The permission is the caller's.
    """
    period = await queries.closed_period(work, branch_id)
    if period is None:
        work.session.add(tables.ClosedPeriod(branch_id=branch_id, closed_until=until))
    else:
        period.closed_until = until
    await work.session.flush()


def _check(entry: NewEntry) -> None:
    """An entry that can't be posted is a mistake in the code that made it."""
    if not LINES_MIN <= len(entry.lines) <= LINES_MAX:
        raise ValueError(f"an entry has {LINES_MIN} to {LINES_MAX} lines, not {len(entry.lines)}")
    rest = sum(line.amount_paise for line in entry.lines)
    if rest:
        raise ValueError(f"the lines of an entry sum to zero, not to {rest} paise")
    if entry.tax_lines and entry.document is None:
        raise ValueError("tax lines belong to a document")


async def _document_number(entry: NewEntry) -> str | None:
    if entry.document is None:
        return None
    number = entry.document.number
    return number if isinstance(number, str) else await number()


async def _execute(work: Work, statement: Any, values: dict[str, str]) -> Any:
    """Runs a statement; what a constraint says about the books becomes its Problem."""
    try:
        return await work.session.execute(statement, values)
    except DBAPIError as error:
        _raise_problem(error)


def _raise_problem(error: DBAPIError) -> NoReturn:
    match constraint_of(error):
        case "entries_period_open":
            raise problems.PeriodClosed(date.fromisoformat(_detail(error))) from error
        case "ck_bounded_balances_held_paise":
            raise problems.AccountOverdrawn from error
        case _:
            raise error


def _detail(error: BaseException) -> str:
    """What PostgreSQL says beside the message, however the error is wrapped."""
    found: BaseException | None = error
    while found is not None:
        detail = getattr(found, "detail", None)
        if isinstance(detail, str) and not isinstance(found, DBAPIError):
            return detail
        found = getattr(found, "orig", None) or found.__cause__
    raise error


def _json(rows: list[dict[str, Any]]) -> str:
    return orjson.dumps(rows, default=str).decode()  # asyncpg's ids are of a class of their own


def _line_rows(entry_id: UUID, entry: NewEntry) -> list[dict[str, Any]]:
    shared = {
        "entry_id": entry_id,
        "branch_id": entry.branch_id,
        "business_date": entry.business_date,
        "line_count": len(entry.lines),
    }
    return [
        {
            **shared,
            "position": at,
            "code": line.account_code,
            "amount_paise": line.amount_paise,
            "party_id": line.party_id,
        }
        for at, line in enumerate(entry.lines, start=1)
    ]


def _entry_row(work: Work, place: int, entry_id: UUID, entry: NewEntry, number: str | None) -> dict[str, Any]:
    is_drawn = entry.document is not None and not isinstance(entry.document.number, str)
    return {
        "place": place,
        "id": entry_id,
        "branch_id": entry.branch_id,
        "business_date": entry.business_date,
        "narration": f"{entry.narration} {number}" if is_drawn else entry.narration,
        "cause_kind": entry.cause_kind,
        "cause_id": entry.cause_id,
        "reverses_id": entry.reverses_id,
        "line_count": len(entry.lines),
        "total_paise": sum(line.amount_paise for line in entry.lines if line.amount_paise > 0),
        "posted_at": work.now,
        "posted_by_id": work.actor.id,
    }


def _tax_rows(entry_id: UUID, entry: NewEntry, number: str | None) -> list[dict[str, Any]]:
    kept = {"entry_id": entry_id, "branch_id": entry.branch_id}
    found = [*_document_rows(entry, number), *(_reversed_row(entry, each) for each in entry.credit_reversed)]
    return [{**kept, "position": at, **row} for at, row in enumerate(found, start=1)]


def _document_rows(entry: NewEntry, number: str | None) -> list[dict[str, Any]]:
    document = entry.document
    if document is None:
        return []
    shared = {
        "supply": document.supply.name,
        "document_kind": document.kind.name,
        "document_id": document.id,
        "document_number": number,
        "document_date": document.dated_on or entry.business_date,
        "gstin": document.gstin,
        "party_gstin": document.party_gstin,
        "place_of_supply": document.place_of_supply,
    }
    return [{**shared, **_tax_values(line)} for line in entry.tax_lines]


def _reversed_row(entry: NewEntry, given_back: CreditReversed) -> dict[str, Any]:
    return {
        "supply": rules.SupplyDirection.INWARD.name,
        "document_id": entry.cause_id,
        "document_date": entry.business_date,
        "gstin": given_back.gstin,
        "code": given_back.code,
        "quantity_milli": given_back.quantity_milli,
        "unit": given_back.unit,
        "rate_hundredths": given_back.rate_hundredths,
        "taxable_paise": given_back.value_paise,
        "cgst_paise": given_back.half_paise,
        "sgst_paise": given_back.half_paise,
        "igst_paise": 0,
        "credit_kind": rules.CreditKind.REVERSED.name,
    }


def _tax_values(line: TaxLine) -> dict[str, Any]:
    return {
        "code": line.code,
        "quantity_milli": line.quantity_milli,
        "unit": line.unit,
        "rate_hundredths": line.rate_hundredths,
        "taxable_paise": line.taxable_paise,
        "cgst_paise": line.cgst_paise,
        "sgst_paise": line.sgst_paise,
        "igst_paise": line.igst_paise,
        "credit_kind": line.credit_kind and line.credit_kind.name,
    }


def _money_rows(work: Work, entry_id: UUID, entry: NewEntry, ids: tuple[UUID, ...]) -> list[dict[str, Any]]:
    return [
        {
            "id": row_id,
            "branch_id": entry.branch_id,
            "business_date": entry.business_date,
            "direction": move.direction.name,
            "method": move.method.name,
            "amount_paise": move.amount_paise,
            "reference": move.reference,
            "entry_id": entry_id,
            "drawer_id": move.drawer_id,
            "received_at": work.now,
        }
        for row_id, move in zip(ids, entry.money, strict=True)
    ]


def _negated(line: tables.TaxRegisterLine) -> TaxLine:
    return TaxLine(
        code=line.code,
        quantity_milli=-line.quantity_milli,
        unit=line.unit,
        rate_hundredths=line.rate_hundredths,
        taxable_paise=-line.taxable_paise,
        cgst_paise=-line.cgst_paise,
        sgst_paise=-line.sgst_paise,
        igst_paise=-line.igst_paise,
        credit_kind=line.credit_kind,
    )


def _taken_again(line: tables.TaxRegisterLine) -> CreditReversed:
    return CreditReversed(
        gstin=line.gstin,
        code=line.code,
        quantity_milli=-line.quantity_milli,
        unit=line.unit,
        rate_hundredths=line.rate_hundredths,
        value_paise=-line.taxable_paise,
        half_paise=-line.cgst_paise,
    )


def _moved_back(move: tables.MoneyMove) -> NewMoneyMove:
    is_in = move.direction is rules.MoneyDirection.IN
    direction = rules.MoneyDirection.OUT if is_in else rules.MoneyDirection.IN
    return NewMoneyMove(move.method, move.amount_paise, move.reference, direction, move.drawer_id)


def _document_of(lines: Sequence[tables.TaxRegisterLine]) -> Document | None:
    if not lines:
        return None
    first = lines[0]
    if first.document_kind is None or first.document_number is None:
        raise LookupError("these lines belong to no document")
    return Document(
        kind=first.document_kind,
        id=first.document_id,
        number=first.document_number,
        gstin=first.gstin,
        party_gstin=first.party_gstin,
        place_of_supply=first.place_of_supply,
        supply=first.supply,
        dated_on=first.document_date if first.supply is rules.SupplyDirection.INWARD else None,
    )
