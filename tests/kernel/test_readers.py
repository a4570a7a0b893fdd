"""Reads are lent a connection without a turn of the event loop, and none is ever lost."""

import asyncio

import asyncpg
import pytest

from salonos.kernel.database import Database


async def test_a_read_gets_its_connection_and_leaves_it_for_the_next(database: Database) -> None:
    first = await database.readers.fetchrow("select pg_backend_pid()")
    second = await database.readers.fetchrow("select pg_backend_pid()")

    assert first == second
    assert (database.readers.lent, len(database.readers.idle)) == (1, 1)


async def test_more_reads_than_connections_wait_their_turn(database_url: str) -> None:
    database = await Database.open(database_url, pool_size=2)

    found = await asyncio.gather(*(database.readers.fetchrow("select $1::int as n", n) for n in range(50)))

    assert [row["n"] for row in found if row] == list(range(50))
    assert (database.readers.lent, len(database.readers.idle), len(database.readers.waiting)) == (2, 2, 0)
    await database.close()


async def test_a_failed_statement_costs_no_connection(database_url: str) -> None:
    database = await Database.open(database_url, pool_size=1)

    for _ in range(3):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await database.readers.fetchrow("select 1 / $1::int", 0)

    assert await database.readers.fetchrow("select 1 as n")
    assert database.readers.lent == 1
    await database.close()


async def test_a_failed_statement_leaves_its_connection_to_the_next(database: Database) -> None:
    first = await database.readers.fetchrow("select pg_backend_pid() as pid")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await database.readers.fetchrow("select 1 / $1::int", 0)

    assert await database.readers.fetchrow("select pg_backend_pid() as pid") == first


async def test_closing_waits_for_what_is_at_work_and_refuses_the_rest(database_url: str) -> None:
    database = await Database.open(database_url, pool_size=1)
    readers, slow = database.readers, asyncio.create_task(database.readers.fetchrow("select pg_sleep(0.2)"))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(readers.fetchrow("select 1"))
    await asyncio.sleep(0)

    await readers.close()
    late = await asyncio.gather(slow, waiting, readers.fetchrow("select 2"), return_exceptions=True)

    assert [isinstance(each, ConnectionError) for each in late] == [False, True, True]
    assert (readers.lent, readers.idle, len(readers.waiting)) == (0, [], 0)
    await database.close()


async def test_a_cancelled_read_costs_no_connection(database_url: str) -> None:
    database = await Database.open(database_url, pool_size=1)
    slow = asyncio.create_task(database.readers.fetchrow("select pg_sleep(20)"))
    behind = [asyncio.create_task(database.readers.fetchrow("select 1 as n")) for _ in range(3)]
    await asyncio.sleep(0)

    slow.cancel()
    behind[0].cancel()
    found = await asyncio.gather(slow, *behind, return_exceptions=True)

    assert [isinstance(each, asyncio.CancelledError) for each in found] == [True, True, False, False]
    assert (database.readers.lent, len(database.readers.waiting)) == (1, 0)
    await database.close()


@pytest.mark.parametrize("ended", [1, 3])
async def test_connections_that_the_server_ended_are_replaced(database: Database, ended: int) -> None:
    readers, gone = database.readers, asyncio.Semaphore(0)
    readers.busy = ended
    rows = await asyncio.gather(*(readers.fetchrow("select pg_backend_pid() as pid") for _ in range(ended)))
    pids = {row["pid"] for row in rows if row}
    for connection in readers.idle:
        connection.add_termination_listener(lambda _: gone.release())

    ends = "; ".join(f"select pg_terminate_backend({pid})" for pid in pids)
    await database.pool.execute(f"set role none; {ends}; set role salonos_app")
    for _ in pids:
        await gone.acquire()
    again = await readers.fetchrow("select pg_backend_pid() as pid")

    assert again is not None
    assert (len(pids), again["pid"] in pids) == (ended, False)
    assert (readers.lent, len(readers.idle)) == (1, 1)


async def test_quick_reads_take_turns_at_a_few_connections(database: Database) -> None:
    database.readers.busy = 2

    await asyncio.gather(*(database.readers.fetchrow("select $1::int as n", n) for n in range(50)))

    assert (database.readers.lent, len(database.readers.waiting)) == (2, 0)


async def test_a_read_goes_round_slow_ones_and_the_next_waits_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = database.readers
    readers.busy = 1
    slow = asyncio.create_task(readers.fetchrow("select pg_sleep(60)"))
    await asyncio.sleep(0)

    assert await asyncio.wait_for(readers.fetchrow("select 1 as n"), 30)
    assert (readers.lent, readers.working, slow.done()) == (2, 1, False)

    monkeypatch.setattr("salonos.kernel.readers.PATIENCE_S", 60)
    third = asyncio.create_task(readers.fetchrow("select 3 as n"))
    await asyncio.sleep(0)
    assert (readers.working, len(readers.waiting)) == (1, 1)
    slow.cancel()
    assert await asyncio.wait_for(third, 30)
    assert readers.working == 0


async def test_whoever_waits_too_long_is_told_and_leaves_the_line(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("salonos.kernel.readers.WAIT_S", 0.05)
    database = await Database.open(database_url, pool_size=1)
    slow = asyncio.create_task(database.readers.fetchrow("select pg_sleep(0.5)"))
    await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        await database.readers.fetchrow("select 1 as n")

    await slow
    assert (database.readers.lent, len(database.readers.idle), len(database.readers.waiting)) == (1, 1, 0)
    await database.close()
