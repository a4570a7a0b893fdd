"""A command is one transaction: all of it or nothing, run again when the database asks, finished when the caller is gone."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from salonos.kernel.actor import Actor
from salonos.kernel.database import TRIES_MAX, Database, constraint_of, sqlstate
from salonos.kernel.work import StartOver, Work

SYSTEM = Actor.system()


async def keep(work: Work, key: str) -> None:
    """The smallest write there is: a row of the kernel's own."""
    await work.session.execute(
        text("insert into idempotency_keys (user_id, key, fingerprint, created_at) values (:id, :key, '', :now)"),
        {"id": UUID(int=9), "key": key, "now": work.now},
    )


async def kept(database: Database) -> list[str]:
    return [row["key"] for row in await database.pool.fetch("select key from idempotency_keys order by key")]


async def test_what_a_command_wrote_is_there_after_it_returned(database: Database) -> None:
    await database.run(SYSTEM, lambda work: keep(work, "one"))

    assert await kept(database) == ["one"]


async def test_a_command_that_raises_leaves_nothing(database: Database) -> None:
    async def fail(work: Work) -> None:
        await keep(work, "one")
        raise LookupError

    with pytest.raises(LookupError):
        await database.run(SYSTEM, fail)

    assert await kept(database) == []


async def test_a_command_is_started_over_when_it_asks_and_not_for_ever(database: Database) -> None:
    calls = 0

    async def restless(work: Work) -> int:
        nonlocal calls
        calls += 1
        await keep(work, str(calls))
        if calls < 3:
            raise StartOver
        return calls

    async def hopeless(_: Work) -> None:
        nonlocal calls
        calls += 1
        raise StartOver

    assert await database.run(SYSTEM, restless) == 3
    assert await kept(database) == ["3"]
    calls = 0
    with pytest.raises(StartOver):
        await database.run(SYSTEM, hopeless)
    assert calls == TRIES_MAX


async def test_two_commands_that_deadlock_both_succeed(database: Database) -> None:
    for key in ("a", "b"):
        await database.run(SYSTEM, lambda work, key=key: keep(work, key))
    met = asyncio.Barrier(2)
    fresh = {"ab", "ba"}

    async def lock_both(work: Work, order: str) -> None:
        for key in order:
            update = text("update idempotency_keys set fingerprint = 'x' where key = :key")
            await work.session.execute(update, {"key": key})
            if order in fresh:
                fresh.remove(order)
                await met.wait()

    await asyncio.gather(
        *(database.run(SYSTEM, lambda work, order=order: lock_both(work, order)) for order in ("ab", "ba"))
    )

    rows = await database.pool.fetch("select fingerprint from idempotency_keys")
    assert [row["fingerprint"] for row in rows] == [b"x", b"x"]


async def test_a_caller_that_goes_away_does_not_interrupt_the_command(database: Database) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slow(work: Work) -> None:
        started.set()
        await go_on.wait()
        await keep(work, "whole")

    caller = asyncio.ensure_future(database.run(SYSTEM, slow))
    await started.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    await asyncio.wait(database._under_way)

    assert await kept(database) == ["whole"]


async def test_an_error_is_told_by_its_state_and_constraint(database: Database) -> None:
    await database.run(SYSTEM, lambda work: keep(work, "one"))

    with pytest.raises(Exception, match="duplicate key") as refused:
        await database.run(SYSTEM, lambda work: keep(work, "one"))

    assert sqlstate(refused.value) == "23505"
    assert constraint_of(refused.value) == "pk_idempotency_keys"
    assert sqlstate(ValueError()) is None
    assert constraint_of(ValueError()) is None


async def test_the_application_owns_nothing_and_can_not_rewrite_the_audit_trail(database: Database) -> None:
    assert await database.pool.fetchval("select current_user") == "salonos_app"
    for attack in ("update audit_log set action = ''", "delete from audit_log", "truncate audit_log"):
        with pytest.raises(Exception, match="permission denied"):
            await database.pool.execute(attack)


async def test_a_transaction_has_one_time(database: Database) -> None:
    async def two_readings(work: Work) -> bool:
        first = work.now
        await work.session.execute(text("select pg_sleep(0.01)"))
        return work.now == first and await work.read_clock() > first

    assert await database.run(SYSTEM, two_readings)
    assert (await database.now()).tzinfo is not None
