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


async def test_a_connection_that_the_server_ended_is_replaced(database: Database) -> None:
    row = await database.readers.fetchrow("select pg_backend_pid() as pid")
    assert row is not None
    connection = database.readers.idle[0]

    gone = asyncio.Event()
    connection.add_termination_listener(lambda _: gone.set())
    await database.pool.execute(f"set role none; select pg_terminate_backend({row['pid']}); set role salonos_app")
    await gone.wait()
    again = await database.readers.fetchrow("select pg_backend_pid() as pid")

    assert again is not None
    assert again["pid"] != row["pid"]
    assert database.readers.lent == 1


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
