"""The books in the schema: accounts, entries, money moves, the trial balance, and the journal."""

import enum
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Date,
    Select,
    Text,
    Uuid,
    any_,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

from salonos.accounting import commands, problems, tables
from salonos.accounting.rules import AccountKind, MoneyDirection, PaymentMethod
from salonos.graph.fields import (
    Computed,
    Order,
    Part,
    Within,
    actor_value,
    argument,
    argument_value,
    column,
    connection,
    enum_of,
    extend,
    field,
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
    where,
)
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.problem import InvalidInput, Problem, problem
from salonos.graph.roots import Connection, Mutation, Node, Query
from salonos.kernel.actor import Access, Reach
from salonos.kernel.database import Paise
from salonos.kernel.ids import id_prefix, id_value
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.work import Work
from salonos.salon import tables as salon
from salonos.salon.graph import Branch
from salonos.salon.rules import INDIA

BOOKS_READ = Permission.BOOKS_READ

enum_of(
    AccountKind,
    "What an account tells of.",
    ASSET="What the salon has, or is owed.",
    LIABILITY="What it owes.",
    EQUITY="What belongs to its owners.",
    INCOME="What it earns.",
    EXPENSE="What it uses up.",
)
enum_of(
    PaymentMethod,
    "How money changes hands.",
    CASH="Notes and coins.",
    UPI="By telephone, to the salon's UPI id.",
    CARD="By card, settled later by the acquirer.",
    BANK_TRANSFER="Straight into the bank account.",
    ON_ACCOUNT="No money: what a known customer will owe.",
    OTHER="In another way, which the reference names.",
)
enum_of(MoneyDirection, "Which way money went.", IN="The salon received it.", OUT="The salon paid it.")


def in_reach(branch_id: InstrumentedAttribute[UUID], access: Access) -> ColumnElement[bool] | None:
    """Rows of the branches within reach."""
    match access.reach:
        case Reach.ALL:
            return None
        case Reach.ONE_BRANCH:
            return branch_id == actor_value("branch_id", Uuid())
        case Reach.BRANCHES:
            return branch_id == any_(actor_value("branch_ids", ARRAY(Uuid())))


def all_accounts(_: Access) -> ColumnElement[bool] | None:
    """The chart is the same for all branches."""
    return None


def entries_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Entries of the branches within reach."""
    return in_reach(tables.Entry.branch_id, access)


def money_moves_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Money of the branches within reach."""
    return in_reach(tables.MoneyMove.branch_id, access)


def balance_of_account() -> ColumnElement[int]:
    """An account's movement ever, over the branches within reach."""
    moved = select(func.sum(tables.DailyBalance.amount_paise, type_=Paise())).where(
        tables.DailyBalance.account_id == tables.Account.id,
        or_(
            actor_value("is_everywhere", Boolean()),
            tables.DailyBalance.branch_id == any_(actor_value("branch_ids", ARRAY(Uuid()))),
        ),
    )
    return func.coalesce(moved.correlate(tables.Account).scalar_subquery(), 0, type_=Paise())


def positive(paise: Any) -> ColumnElement[int]:
    """The part of a signed amount above zero."""
    return func.greatest(paise, 0, type_=Paise())


@node(tables.Account, scope=all_accounts, requires=BOOKS_READ)
class Account(Node):
    """A position of the chart of accounts."""

    code: str = column(tables.Account.code, "Four digits; the first says which kind.")
    name: str = column(tables.Account.name, "What it is called.")
    kind: AccountKind = column(tables.Account.kind, "What it tells of.")
    balance: Money = column(
        balance_of_account(), "Debits less credits so far, of the branches within reach.", certain=True
    )


@row(tables.EntryLine, scope=Within(tables.EntryLine.entry_id, "Entry"), requires=BOOKS_READ)
class EntryLine:
    """One account's part in an entry."""

    account: Account = one(tables.EntryLine.account_id, "Which account.", within=True)
    debit: Money = column(positive(tables.EntryLine.amount_paise), "Zero for a credit.", certain=True)
    credit: Money = column(positive(-tables.EntryLine.amount_paise), "Zero for a debit.", certain=True)


@node(tables.MoneyMove, scope=money_moves_in_reach, requires=BOOKS_READ)
class MoneyMove(Node):
    """Money that came in or went out."""

    direction: MoneyDirection = column(tables.MoneyMove.direction, "Which way it went.")
    method: PaymentMethod = column(tables.MoneyMove.method, "How. Never ON_ACCOUNT.")
    amount: Money = column(tables.MoneyMove.amount_paise, "How much was kept or given, above zero.")
    reference: str | None = column(tables.MoneyMove.reference, "The bank's or the slip's number; null without one.")
    business_date: date = column(tables.MoneyMove.business_date, "The date it counts for.")
    received_at: datetime = column(tables.MoneyMove.received_at, "When it changed hands.")


@node(tables.Entry, scope=entries_in_reach, requires=BOOKS_READ)
class Entry(Node):
    """One balanced posting in the books. It never changes; a mistake is undone by a reversal."""

    number: int = column(tables.Entry.number, "Consecutive per branch and financial year, from 1.")
    financial_year: int = column(tables.Entry.financial_year, "The year in which its financial year began, on 1 April.")
    branch: Branch = one(tables.Entry.branch_id, "Whose books.", within=True)
    business_date: date = column(tables.Entry.business_date, "The date it counts for.")
    narration: str = column(tables.Entry.narration, "What it tells of, in words.")
    total: Money = column(tables.Entry.total_paise, "The sum of its debits, which is that of its credits.")
    lines: list[EntryLine] = many(
        tables.EntryLine.entry_id, "2 to 1,000 lines; 8 are typical.", order_by=tables.EntryLine.position, limit=1000
    )
    money_moves: list[MoneyMove] = many(
        tables.MoneyMove.entry_id, "The money it tells of, at most 50.", order_by=tables.MoneyMove.received_at, limit=50
    )
    cause_id: strawberry.ID = column(
        tables.Entry.cause_kind + "_" + func.replace(cast(tables.Entry.cause_id, Text), "-", "", type_=Text()),
        "The id of what caused it: a bill's, a payment's, or the entry's own where a person wrote it.",
        certain=True,
    )
    reverses: "Entry | None" = one(tables.Entry.reverses_id, "The entry that this one undoes; null for others.")
    posted_at: datetime = column(tables.Entry.posted_at, "When it was written.")


@orders(
    NEWEST=Order(tables.Entry.posted_at, "The last written first.", descending=True),
    OLDEST=Order(tables.Entry.posted_at, "The first written first."),
    LATEST_DATE=Order(tables.Entry.business_date, "The latest business date first.", descending=True),
    EARLIEST_DATE=Order(tables.Entry.business_date, "The earliest business date first."),
)
class EntryOrder(enum.Enum):
    """How entries may be ordered. The id breaks ties."""


def with_line_on(entry_id: Any, account_id: ColumnElement[UUID]) -> ColumnElement[bool]:
    """Entries with a line on an account."""
    line = tables.EntryLine
    return exists(select(line.position).where(line.entry_id == entry_id, line.account_id == account_id))


@strawberry.input(description="Which entries.")
class EntryFilter:
    """Which entries."""

    branch_id: strawberry.ID | None = where(tables.Entry.branch_id, "Whose books.", prefix="branch")
    account_id: strawberry.ID | None = where(
        tables.Entry.id, "With a line on this account.", prefix="account", condition=with_line_on
    )
    since: date | None = where(
        tables.Entry.business_date, "Of this business date or later.", condition=lambda on, day: on >= day
    )
    until: date | None = where(
        tables.Entry.business_date, "Of business dates before this one.", condition=lambda on, day: on < day
    )
    cause_id: strawberry.ID | None = where(
        tables.Entry.cause_id,
        "Caused by this object: a bill's id, a payment's.",
        parts=(Part(lambda text: id_value(id_prefix(text), text), Uuid()),),
    )


# --- the trial balance


def today_there() -> ColumnElement[date]:
    """Today in the zone of the branch that is asked for as `branch_id`, the salon's without a branch."""
    of_branch = select(salon.Branch.time_zone).where(salon.Branch.id == argument_value("branch_id", Uuid()))
    of_salon = select(salon.Salon.time_zone).limit(1)
    zone = func.coalesce(of_branch.scalar_subquery(), of_salon.scalar_subquery(), literal(INDIA, Text()))
    return cast(func.timezone(zone, now_value()), Date)


def trial_day() -> ColumnElement[date]:
    """The date asked for, or today."""
    return func.coalesce(argument_value("as_of", Date()), today_there(), type_=Date())


def balances_as_of(access: Access) -> Select[UUID, str, int]:
    """The accounts whose balance is not zero at the end of a date, over the branches asked for within reach."""
    branch = argument_value("branch_id", Uuid())
    paise = func.sum(tables.DailyBalance.amount_paise, type_=Paise())
    scope = in_reach(tables.DailyBalance.branch_id, access)
    return (
        select(tables.Account.id.label("account_id"), tables.Account.code.label("code"), paise.label("paise"))
        .join_from(tables.DailyBalance, tables.Account, tables.Account.id == tables.DailyBalance.account_id)
        .where(
            tables.DailyBalance.business_date <= trial_day(),
            or_(branch.is_(None), tables.DailyBalance.branch_id == branch),
            *([] if scope is None else [scope]),
        )
        .group_by(tables.Account.id, tables.Account.code)
        .having(paise != 0)
    )


def trial_balance_of(access: Access) -> Select[date, int, int]:
    """The date and both sums; no row for a branch out of reach."""
    branch = argument_value("branch_id", Uuid())
    scope = in_reach(salon.Branch.id, access)
    here = exists(select(salon.Branch.id).where(salon.Branch.id == branch, *([] if scope is None else [scope])))
    balances = balances_as_of(access).subquery("balances")
    debit = select(func.coalesce(func.sum(positive(balances.c.paise)), 0)).scalar_subquery()
    credit = select(func.coalesce(func.sum(positive(-balances.c.paise)), 0)).scalar_subquery()
    return select(
        trial_day().label("as_of"),
        cast(debit, Paise()).label("debit_paise"),
        cast(credit, Paise()).label("credit_paise"),
    ).where(or_(branch.is_(None), here))


trial_rows = Computed("trial_rows", balances_as_of)
trial_balances = Computed("trial_balances", trial_balance_of)


@row(trial_rows, requires=BOOKS_READ)
class TrialBalanceRow:
    """One account's balance."""

    account: Account = one(trial_rows.c.account_id, "Which account.", within=True)
    debit: Money = column(positive(trial_rows.c.paise), "Zero where credits outweigh.", certain=True)
    credit: Money = column(positive(-trial_rows.c.paise), "Zero where debits outweigh.", certain=True)


@row(trial_balances, requires=BOOKS_READ)
class TrialBalance:
    """All accounts' balances at the end of a date; debits and credits sum to the same."""

    as_of: date = column(trial_balances.c.as_of, "At the end of this business date.", certain=True)
    rows: list[TrialBalanceRow] = rows("Accounts with a balance, by code; at most 500.", order_by=trial_rows.c.code)
    total_debit: Money = column(trial_balances.c.debit_paise, "The sum of the debits.", certain=True)
    total_credit: Money = column(trial_balances.c.credit_paise, "The sum of the credits.", certain=True)


@extend(Query)
class BooksReads:
    """The roots."""

    accounts: list[Account] | None = listing(
        "The chart of accounts by code, at most 500.", order_by=tables.Account.code
    )
    entries: Connection[Entry] | None = connection(
        None, "The entries of the branches within reach.", order=EntryOrder, filter=EntryFilter
    )
    trial_balance: TrialBalance | None = reading(
        "All balances at the end of a date; null for a branch out of reach.",
        branch_id=argument(
            strawberry.ID | None, "Only this branch's; all within reach when left out.", prefix="branch"
        ),
        as_of=argument(date | None, "Today when left out."),
    )


# --- writes


@problem(problems.PeriodClosed)
class PeriodClosed(Problem):
    """The business date lies in a period that was closed."""

    closed_until: date = field("The first date that is open.")


@problem(problems.AccountOverdrawn)
class AccountOverdrawn(Problem):
    """More would be taken from an account than it holds, where the chart forbids that."""


@strawberry.input(description="One line of a journal: an amount on one of the two sides.")
class JournalLineInput:
    """One line of a journal."""

    account_id: strawberry.ID = field("Which account.")
    debit: Money | None = field("An amount above zero; null for a credit.")
    credit: Money | None = field("An amount above zero; null for a debit.")
    customer_id: strawberry.ID | None = field("Whose balance it is; for lines on the account Customers only.")


@strawberry.input(description="An entry written by a person.")
class PostJournalInput:
    """An entry written by a person."""

    branch_id: strawberry.ID = field("Whose books.")
    business_date: date | None = field("The date it counts for, not in the future; today when left out.")
    narration: str = field("What it tells of, at most 500 characters. No personal data: it can't be erased.")
    lines: list[JournalLineInput] = field("2 to 100 lines whose debits and credits are equal.")


@strawberry.type(description="The entry is in the books.")
class PostJournalSuccess:
    """The entry is in the books."""

    entry: Entry | None = field("As it was written; null without the right to read the books.")


PostJournalResult = Annotated[
    PostJournalSuccess | InvalidInput | PeriodClosed | AccountOverdrawn,
    strawberry.union("PostJournalResult", description="What became of a journal."),
]


@extend(Mutation)
class BooksWrites:
    """The writes."""

    @mutation("Write an entry by hand.", requires=Permission.JOURNAL_POST, idempotency=Idempotency.REQUIRED)
    async def post_journal(self, work: Work, input: PostJournalInput) -> PostJournalResult:
        """Posts a journal."""
        journal = commands.NewJournal(
            id_value("branch", input.branch_id),
            input.narration,
            tuple(_journal_line(line) for line in input.lines),
            input.business_date,
        )
        return PostJournalSuccess(entry=ref(Entry, await commands.post_journal(work, journal)))


def _journal_line(line: JournalLineInput) -> commands.JournalLine:
    customer_id = id_value("customer", line.customer_id) if line.customer_id else None
    return commands.JournalLine(id_value("account", line.account_id), line.debit, line.credit, customer_id)
