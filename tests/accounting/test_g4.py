"""G4: the ledger always balances and can't be rewritten, whoever tries: the application's role, or the tables' owner.

Every attack has a switch: with the mechanism that stops it taken away, the same attack succeeds and the check of the
books goes red. So the proof proves something.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg
import pytest

from salonos.accounting import commands
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from tests.accounting.makers import DRIFT, SYSTEM, TODAY, a_taxed_sale, connected
from tests.salon.makers import make_branch

LINE = """
    insert into entry_lines (entry_id, position, branch_id, business_date, line_count, account_id, amount_paise)
    values ($1, $2, $3, $4, $5, (select id from accounts where code = $6), $7)
"""
ENTRY = """
    insert into entries (id, branch_id, business_date, narration, cause_kind, cause_id, line_count, total_paise,
                         posted_at, posted_by_id)
    values ($1, $2, $3, 'forged', 'bill', $1, $4, $5, now(), $1)
"""
FAULTS = """
    select (select count(*) from entries where not exists (
                select from entry_lines where entry_id = entries.id
                having count(*) = entries.line_count and count(*) >= 2 and sum(amount_paise) = 0))
         + (select count(*) from entry_lines where not exists (select from entries where id = entry_id))
         + (select count(*) from entries join closed_periods using (branch_id) where business_date < closed_until)
"""
"""How much of the books is false: entries that do not balance, lines of no entry, entries in closed periods."""


@dataclass(frozen=True)
class Books:
    """Books with one honest entry of 100.00 at `TODAY`, closed before it."""

    branch_id: UUID
    entry_id: UUID


@pytest.fixture
async def books(database: Database) -> Books:
    """The honest state that is attacked."""
    branch_id = await make_branch(database)
    posted = await database.run(SYSTEM, lambda work: commands.post_entry(work, a_taxed_sale(branch_id)))
    await database.run(SYSTEM, lambda work: commands.close_period(work, branch_id, until=TODAY))
    return Books(branch_id, posted.id)


REFUSALS = (
    asyncpg.CheckViolationError,
    asyncpg.ForeignKeyViolationError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.RestrictViolationError,
)
Attack = Callable[[asyncpg.Connection, Books], Awaitable[object]]


async def forge(
    connection: asyncpg.Connection, books: Books, *amounts: int, on: date = TODAY, total_paise: int = 1
) -> None:
    """An entry over these amounts, by plain SQL."""
    entry_id = new_id()
    count = max(len(amounts), 2)
    for position, paise in enumerate(amounts, start=1):
        await connection.execute(LINE, entry_id, position, books.branch_id, on, count, "1000", paise)
    await connection.execute(ENTRY, entry_id, books.branch_id, on, count, total_paise)


async def unbalanced(connection: asyncpg.Connection, books: Books) -> None:
    await forge(connection, books, 1, -2)


async def one_line(connection: asyncpg.Connection, books: Books) -> None:
    await forge(connection, books, 0, total_paise=0)


async def no_line(connection: asyncpg.Connection, books: Books) -> None:
    await forge(connection, books, total_paise=0)


async def in_a_closed_period(connection: asyncpg.Connection, books: Books) -> None:
    await forge(connection, books, 1, -1, on=date(2026, 11, 22))


async def lines_of_no_entry(connection: asyncpg.Connection, books: Books) -> None:
    entry_id = new_id()
    for position, paise in ((1, 1), (2, -1)):
        await connection.execute(LINE, entry_id, position, books.branch_id, TODAY, 2, "1000", paise)


async def a_line_beyond_the_last(connection: asyncpg.Connection, books: Books) -> None:
    await connection.execute(LINE, books.entry_id, 3, books.branch_id, TODAY, 2, "1000", 1)


async def a_line_of_another_count(connection: asyncpg.Connection, books: Books) -> None:
    await connection.execute(LINE, books.entry_id, 3, books.branch_id, TODAY, 3, "1000", 1)


def statement(text: str) -> Attack:
    """An attack of one statement."""

    async def attack(connection: asyncpg.Connection, _: Books) -> None:
        await connection.execute(text)

    return attack


EDITS = {
    "edit an entry": "update entries set business_date = business_date - 1",
    "edit a line": "update entry_lines set amount_paise = amount_paise * 2",
    "edit a tax line": "update tax_register set taxable_paise = 0",
    "edit money": "update money_moves set amount_paise = 1",
    "delete a line": "delete from entry_lines",
    "delete an entry": "delete from entries",
    "truncate lines": "truncate entry_lines",
    "truncate everything": "truncate accounts, entries cascade",
    "edit a balance": "update daily_balances set amount_paise = 0",
    "invent a balance": "insert into daily_balances select branch_id, business_date - 1, account_id, 1 from daily_balances",
    "delete a balance": "delete from daily_balances",
    "edit a bounded balance": "insert into bounded_balances select branch_id, account_id, 1 from daily_balances",
    "turn the numbers back": "update entry_series set last_number = 1",
    "delete the numbers": "delete from entry_series",
}
ATTACKS: dict[str, Attack] = {
    "unbalanced": unbalanced,
    "one line": one_line,
    "no line": no_line,
    "closed period": in_a_closed_period,
    "lines of no entry": lines_of_no_entry,
    "a line beyond the last": a_line_beyond_the_last,
    "a line of another count": a_line_of_another_count,
    **{name: statement(text) for name, text in EDITS.items()},
}


async def state_of(database: Database) -> list[list[str]]:
    """Everything in the books, as text."""
    tables = (
        "entries",
        "entry_lines",
        "tax_register",
        "money_moves",
        "daily_balances",
        "bounded_balances",
        "entry_series",
    )
    return [
        [row[0] for row in await database.pool.fetch(f"select {table}::text from {table} order by 1")]
        for table in tables
    ]


async def attacked(connection: asyncpg.Connection, attack: Attack, books: Books) -> None:
    """The attack as a transaction of its own, up to its commit."""
    async with connection.transaction():
        await attack(connection, books)


@pytest.mark.parametrize("as_owner", [False, True], ids=["as application", "as owner"])
@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_on_the_books_is_refused(
    database: Database, books: Books, name: str, *, as_owner: bool
) -> None:
    before = await state_of(database)

    async with connected(database, as_owner=as_owner) as connection:
        with pytest.raises(REFUSALS):
            await attacked(connection, ATTACKS[name], books)

    assert await state_of(database) == before
    assert await database.pool.fetchval(FAULTS) == 0
    assert await database.pool.fetchval(DRIFT) == 0


SWITCHES = {
    "unbalanced": "drop trigger entries_balance on entries",
    "one line": "drop trigger entries_balance on entries",
    "no line": "drop trigger entries_balance on entries",
    "closed period": "create or replace function number_entry() returns trigger language plpgsql as "
    "$$ begin new.number := 99; new.financial_year := 2026; return new; end $$",
    "lines of no entry": "alter table entry_lines drop constraint fk_entry_lines_entry_id",
    "a line beyond the last": "alter table entry_lines drop constraint ck_entry_lines_position",
    "a line of another count": "alter table entry_lines drop constraint fk_entry_lines_entry_id",
    "edit a line": "drop trigger entry_lines_append_only on entry_lines",
    "delete a line": "drop trigger entry_lines_append_only on entry_lines",
    "truncate lines": "drop trigger entry_lines_no_truncate on entry_lines",
    "edit a balance": "drop trigger daily_balances_by_trigger_only on daily_balances",
    "invent a balance": "drop trigger daily_balances_by_trigger_only on daily_balances",
    "delete a balance": "drop trigger daily_balances_by_trigger_only on daily_balances",
}
"""What stops an attack, and how it is taken away."""


@pytest.mark.parametrize("name", SWITCHES)
async def test_without_its_mechanism_an_attack_succeeds_and_the_books_are_false(
    database: Database, books: Books, name: str
) -> None:
    async with connected(database, as_owner=True) as owner:
        await owner.execute(SWITCHES[name])
        await attacked(owner, ATTACKS[name], books)

    assert await database.pool.fetchval(FAULTS) + await database.pool.fetchval(DRIFT) > 0


async def test_the_application_has_no_right_to_change_what_is_written(database: Database) -> None:
    rights = await database.pool.fetch(
        "select relname, has_table_privilege('salonos_app', oid, 'update, delete, truncate') as may_change, "
        "has_table_privilege('salonos_app', oid, 'insert') as may_add, pg_get_userbyid(relowner) as owner "
        "from pg_class where relname = any($1) order by relname",
        ["bounded_balances", "daily_balances", "entries", "entry_lines", "entry_series", "money_moves", "tax_register"],
    )

    assert [(row["relname"], row["may_change"], row["may_add"]) for row in rights] == [
        ("bounded_balances", False, False),
        ("daily_balances", False, False),
        ("entries", False, True),
        ("entry_lines", False, True),
        ("entry_series", False, False),
        ("money_moves", False, True),
        ("tax_register", False, True),
    ]
    assert all(row["owner"] != "salonos_app" for row in rights)
