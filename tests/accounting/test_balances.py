"""Daily balances are the sum of their lines, and entry numbers have no gap, whatever is posted, races and rolls back."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salonos.accounting import commands
from salonos.accounting.commands import CreditReversed
from salonos.accounting.problems import EntryAlreadyReversed, PeriodClosed
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.kernel.work import Work
from tests.accounting.makers import DRIFT, SYSTEM, TODAY, a_taxed_sale, an_entry, balances, connected, post
from tests.salon.makers import make_branch

ATTEMPTS, AT_ONCE = 300, 8
CODES = ("1000", "1020", "2300", "4000", "4010", "4900", "6500")

WAITING = """
    select exists(select from pg_locks where locktype = 'advisory' and not granted
                  and database = (select oid from pg_database where datname = current_database()))
"""

amounts = st.lists(
    st.tuples(st.sampled_from(CODES), st.integers(min_value=-(10**9), max_value=10**9)), min_size=1, max_size=6
)
entries = st.lists(st.tuples(st.integers(min_value=0, max_value=3), amounts, st.booleans()), min_size=1, max_size=6)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_entries=entries)
async def test_balances_are_what_a_plain_sum_says(
    database: Database, given_entries: list[tuple[int, list[tuple[str, int]], bool]]
) -> None:
    """The oracle keeps a dictionary; some entries are reversed on the day after."""
    count = await database.pool.fetchval("select count(*) from branches")
    branch_id = await make_branch(database, f"{1000 + count}")
    expected: Counter[tuple[str, date]] = Counter()

    for days, lines, is_reversed in given_entries:
        on = TODAY + timedelta(days=days)
        balanced = (*lines, ("3000", -sum(paise for _, paise in lines)))
        posted = await post(database, branch_id, *balanced, on=on)
        for code, paise in balanced:
            expected[code, on] += paise
        if is_reversed:
            await reverse(database, posted.id, on=on + timedelta(days=1))
            for code, paise in balanced:
                expected[code, on + timedelta(days=1)] -= paise

    rows = await database.pool.fetch(
        "select code, business_date, amount_paise from daily_balances join accounts on accounts.id = account_id "
        "where branch_id = $1",
        branch_id,
    )
    assert {(row["code"], row["business_date"]): row["amount_paise"] for row in rows} == dict(expected)
    assert await database.pool.fetchval("select coalesce(sum(amount_paise), 0) from daily_balances") == 0
    assert await database.pool.fetchval(DRIFT) == 0


async def reverse(database: Database, entry_id: UUID, *, on: date = TODAY) -> commands.PostedEntry:
    """Undoes an entry."""
    return await database.run(
        SYSTEM,
        lambda work: commands.reverse_entry(
            work, entry_id, business_date=on, narration="Void", cause_kind="bill", cause_id=new_id()
        ),
    )


async def test_racing_and_rolled_back_posters_do_not_deadlock_and_leave_no_gap(database: Database) -> None:
    """Their lines are in opposite orders, which would deadlock if balances were locked as they come."""
    branch_id = await make_branch(database)
    gate = asyncio.Semaphore(AT_ONCE)
    calls = 0

    async def attempt(place: int) -> int | None:
        lines = tuple((code, 1) for code in (CODES if place % 2 else reversed(CODES)))
        entry = an_entry(branch_id, *lines, ("3000", -len(lines)))

        async def command(work: Work) -> int:
            nonlocal calls
            calls += 1
            posted = await commands.post_entry(work, entry)
            if place % 10 < 3:
                raise LookupError
            return posted.number

        async with gate:
            try:
                return await database.run(SYSTEM, command)
            except LookupError:
                return None

    numbers = [number for number in await asyncio.gather(*map(attempt, range(ATTEMPTS))) if number]

    assert sorted(numbers) == list(range(1, ATTEMPTS * 7 // 10 + 1))
    assert calls == ATTEMPTS
    assert await balances(database) == {
        **{(code, TODAY): len(numbers) for code in CODES},
        ("3000", TODAY): -len(numbers) * len(CODES),
    }
    assert await database.pool.fetchval(DRIFT) == 0


async def test_who_closes_a_period_waits_for_the_entries_under_way(database: Database) -> None:
    """Two connections: the entry is written but not committed when the period is closed."""
    branch_id = await make_branch(database)
    written, may_commit = asyncio.Event(), asyncio.Event()

    async def slow(work: Work) -> int:
        posted = await commands.post_entry(work, an_entry(branch_id))
        written.set()
        await may_commit.wait()
        return posted.number

    entry = asyncio.create_task(database.run(SYSTEM, slow))
    await written.wait()
    until = TODAY + timedelta(days=1)
    closing = asyncio.create_task(
        database.run(SYSTEM, lambda work: commands.close_period(work, branch_id, until=until))
    )
    async with connected(database, as_owner=True) as owner:
        while not await owner.fetchval(WAITING):
            pass
    assert not closing.done()
    may_commit.set()

    assert await entry == 1
    await closing
    with pytest.raises(PeriodClosed):
        await post(database, branch_id)


async def test_a_reversal_undoes_lines_taxes_and_money_once(database: Database) -> None:
    branch_id = await make_branch(database)
    sale = a_taxed_sale(branch_id)
    posted = await database.run(SYSTEM, lambda work: commands.post_entry(work, sale))

    reversal = await reverse(database, posted.id)

    assert await balances(database) == {}
    assert await database.pool.fetchval("select reverses_id from entries where id = $1", reversal.id) == posted.id
    assert await database.pool.fetchval("select narration from entries where id = $1", reversal.id) == "Void"
    register = await database.pool.fetch(
        "select document_number, quantity_milli, taxable_paise, cgst_paise, sgst_paise from tax_register "
        "where entry_id = $1",
        reversal.id,
    )
    assert [tuple(row) for row in register] == [("BLR1/2627/00001", -1_000, -95_24, -2_38, -2_38)]
    moves = await database.pool.fetch("select direction, method, amount_paise from money_moves order by id")
    assert [tuple(row) for row in moves] == [("IN", "CASH", 100_00), ("OUT", "CASH", 100_00)]
    with pytest.raises(EntryAlreadyReversed):
        await reverse(database, posted.id)
    assert await database.pool.fetchval("select count(*) from entries") == 2


async def test_credit_that_was_given_back_is_taken_again_by_a_reversal(database: Database) -> None:
    branch_id = await make_branch(database)
    given_back = CreditReversed("29AAGCB7383J1Z4", "3305", 1000, "PIECE", 1800, 500_00, 45_00)
    lost = an_entry(branch_id, ("5020", 90_00), ("1300", -45_00), ("1301", -45_00))
    posted = await database.run(
        SYSTEM, lambda work: commands.post_entry(work, replace(lost, credit_reversed=(given_back,)))
    )

    await reverse(database, posted.id)

    rows = await database.pool.fetch(
        "select supply, document_kind, document_number, credit_kind, quantity_milli, taxable_paise, cgst_paise, sgst_paise "
        "from tax_register order by quantity_milli desc"
    )
    kind = ("INWARD", None, None, "REVERSED")
    assert [tuple(row) for row in rows] == [
        (*kind, 1000, 500_00, 45_00, 45_00),
        (*kind, -1000, -500_00, -45_00, -45_00),
    ]


async def test_two_who_reverse_one_entry_at_once_do_it_once(database: Database) -> None:
    """They start together; whether the second one sees the first or meets its row, it is told the same."""
    posted = await post(database, await make_branch(database))
    both_there = asyncio.Barrier(2)

    async def attempt() -> None:
        async def command(work: Work) -> None:
            await both_there.wait()
            await commands.reverse_entry(
                work, posted.id, business_date=TODAY, narration="Void", cause_kind="bill", cause_id=new_id()
            )

        await database.run(SYSTEM, command)

    outcomes = await asyncio.gather(attempt(), attempt(), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["EntryAlreadyReversed", "NoneType"]
    assert await balances(database) == {}


async def test_there_must_be_an_entry_to_reverse(database: Database) -> None:
    with pytest.raises(LookupError):
        await reverse(database, new_id())
