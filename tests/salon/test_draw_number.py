"""G3: numbers of documents are consecutive, unique and ordered by date, whatever races and rolls back."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from salonos.kernel.actor import Actor
from salonos.kernel.clock import business_date
from salonos.kernel.database import Database, plain_url
from salonos.kernel.work import Work
from salonos.salon import commands, queries
from salonos.salon.problems import ClockBehind, NumberSeriesExhausted
from salonos.salon.rules import INDIA, DocumentKind
from tests.salon.makers import make_branch
from tests.statements import Statements

SYSTEM = Actor.system()
ATTEMPTS, AT_ONCE, ROLLED_BACK_OF_TEN = 500, 8, 3
INVOICE = DocumentKind.TAX_INVOICE
BEFORE_MIDNIGHT = datetime(2027, 3, 31, 18, 29, 59, 999_000, tzinfo=UTC)
MIDNIGHT = datetime(2027, 3, 31, 18, 30, tzinfo=UTC)


async def draw(work: Work, branch_id: UUID, *, on: date | None = None, document: DocumentKind = INVOICE) -> str:
    branch = await queries.branch_for_sale(work, branch_id)
    assert branch is not None
    return await commands.draw_number(work, branch, document, on=on or business_date(work.now, INDIA))


Draw = Callable[[Work], Awaitable[str]]


async def race(database: Database, draws: Sequence[tuple[Draw, datetime | None]]) -> list[str]:
    """Every draw in a transaction of its own, eight at a time, three in ten of them rolled back; what was drawn."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def attempt(place: int, drawing: Draw, now: datetime | None) -> str | None:
        async def command(work: Work) -> str:
            drawn = await drawing(work)
            if place % 10 < ROLLED_BACK_OF_TEN:
                raise LookupError
            return drawn

        async with gate:
            try:
                return await database.run(SYSTEM, command, now=now)
            except LookupError:
                return None

    tried = await asyncio.gather(*(attempt(place, *each) for place, each in enumerate(draws)))
    return [number for number in tried if number]


def is_gap_free(drawn: Sequence[str]) -> bool:
    """Whether running numbers go from 1 to their count, each once."""
    return sorted(int(number[-5:]) for number in drawn) == list(range(1, len(drawn) + 1))


async def test_racing_and_rolled_back_transactions_leave_no_gap(database: Database) -> None:
    branch_id = await make_branch(database)

    drawn = await race(database, [(lambda work: draw(work, branch_id), None)] * ATTEMPTS)

    assert len(drawn) == ATTEMPTS * (10 - ROLLED_BACK_OF_TEN) // 10
    assert is_gap_free(drawn)
    assert len({number[:-5] for number in drawn}) == 1
    rows = await database.pool.fetch("select text, drawn_on from drawn_numbers order by number")
    assert sorted(drawn) == [row["text"] for row in rows]
    assert [row["drawn_on"] for row in rows] == sorted(row["drawn_on"] for row in rows)


async def test_the_proof_sees_the_gaps_of_a_sequence(database: Database) -> None:
    owner = await asyncpg.connect(plain_url(database.url))
    await owner.execute("create sequence leaky")
    await owner.execute("grant usage on sequence leaky to salonos_app")
    await owner.close()

    async def leaky(work: Work) -> str:
        found = await work.session.execute(text("select lpad(nextval('leaky')::text, 5, '0')"))
        return str(found.scalar_one())

    drawn = await race(database, [(leaky, None)] * 50)

    assert not is_gap_free(drawn)


async def test_racing_over_the_end_of_the_financial_year_makes_two_gap_free_series(database: Database) -> None:
    branch_id = await make_branch(database)
    moments = (BEFORE_MIDNIGHT, MIDNIGHT)

    drawn = await race(database, [(lambda work: draw(work, branch_id), moments[place % 2]) for place in range(50)])

    years = [[number for number in drawn if number.startswith(f"BLR1/{year}/")] for year in ("2627", "2728")]
    assert sum(map(len, years)) == len(drawn) == 35
    assert all(is_gap_free(year) for year in years)


async def test_the_counter_itself_refuses_to_jump_to_go_back_and_to_leave_its_year(database: Database) -> None:
    branch_id = await make_branch(database)
    await database.run(SYSTEM, lambda work: draw(work, branch_id), now=datetime(2026, 11, 23, 6, tzinfo=UTC))

    for attack in (
        "last_number = last_number + 2",
        "last_number = last_number - 1",
        "last_number = last_number + 1, last_date = last_date - 1",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await database.pool.execute(f"update number_counters set {attack}")
    with pytest.raises(asyncpg.CheckViolationError):
        await database.pool.execute(
            "update number_counters set last_number = last_number + 1, last_date = '2027-04-01'"
        )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.pool.execute("delete from number_counters")


async def test_series_of_branches_and_documents_are_their_own(database: Database) -> None:
    one, other = await make_branch(database, "BLR1"), await make_branch(database, "BLR2")
    on = datetime(2026, 11, 23, 6, tzinfo=UTC)

    async def drawn(branch_id: UUID, document: DocumentKind) -> str:
        return await database.run(SYSTEM, lambda work: draw(work, branch_id, document=document), now=on)

    numbers = [
        await drawn(branch, document)
        for branch, document in ((one, INVOICE), (other, INVOICE), (one, DocumentKind.CREDIT_NOTE), (one, INVOICE))
    ]

    assert numbers == ["BLR1/2627/00001", "BLR2/2627/00001", "BLR1C/2627/00001", "BLR1/2627/00002"]


async def test_the_series_begins_anew_at_midnight_of_the_financial_year(database: Database) -> None:
    branch_id = await make_branch(database)

    numbers = [
        await database.run(SYSTEM, lambda work: draw(work, branch_id), now=now)
        for now in (BEFORE_MIDNIGHT, BEFORE_MIDNIGHT, MIDNIGHT)
    ]

    assert numbers == ["BLR1/2627/00001", "BLR1/2627/00002", "BLR1/2728/00001"]


async def test_dates_do_not_run_backwards_within_a_series(database: Database) -> None:
    branch_id = await make_branch(database)
    await database.run(SYSTEM, lambda work: draw(work, branch_id), now=datetime(2026, 11, 23, 6, tzinfo=UTC))

    with pytest.raises(ClockBehind):
        await database.run(SYSTEM, lambda work: draw(work, branch_id), now=datetime(2026, 11, 22, 6, tzinfo=UTC))


async def test_a_document_that_waited_past_midnight_starts_over(database: Database) -> None:
    branch_id = await make_branch(database)
    calls = 0

    async def stale_first(work: Work) -> str:
        nonlocal calls
        calls += 1
        today = business_date(work.now, INDIA)
        return await draw(work, branch_id, on=date(2020, 1, 1) if calls == 1 else today)

    drawn = await database.run(SYSTEM, stale_first)

    assert (calls, drawn[-5:]) == (2, "00001")


async def test_a_series_that_is_used_up_refuses(database: Database) -> None:
    branch_id = await make_branch(database)
    pattern = "{branch}/{year}/"
    await database.run(
        SYSTEM, lambda work: commands.configure_number_series(work, branch_id, INVOICE, pattern=pattern, digits=1)
    )
    for _ in range(9):
        await database.run(SYSTEM, lambda work: draw(work, branch_id))

    with pytest.raises(NumberSeriesExhausted):
        await database.run(SYSTEM, lambda work: draw(work, branch_id))


async def test_a_drawn_number_is_on_record_for_ever(database: Database) -> None:
    branch_id = await make_branch(database)
    await database.run(SYSTEM, lambda work: draw(work, branch_id))

    for attack in ("update drawn_numbers set text = 'X'", "delete from drawn_numbers", "truncate drawn_numbers"):
        with pytest.raises(Exception, match="permission denied"):
            await database.pool.execute(attack)


async def test_drawing_is_one_statement(database: Database, statements: Statements) -> None:
    branch_id = await make_branch(database)

    with statements.counted() as asked:
        await database.run(SYSTEM, lambda work: draw(work, branch_id))

    assert len(asked) == 3, "the transaction's first, the branch, the number"
