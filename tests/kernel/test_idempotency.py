"""G2: a retried request has one effect, and a failed one leaves no trace."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from salonos.kernel import idempotency
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.idempotency import Claim, Replayed
from salonos.kernel.outbox import Event
from salonos.kernel.problems import IdempotencyInProgress, IdempotencyKeyReused
from salonos.kernel.work import Work

SYSTEM = Actor.system()
KEYS, ATTEMPTS_EACH, AT_ONCE = 50, 20, 20


def claim(number: int = 0, *, body: bytes = b"body") -> Claim:
    return Claim(UUID(int=1), f"key-{number:016}/checkOut", body)


async def sell(work: Work) -> str:
    """One effect that can be counted."""
    work.announce(Event(branch_id=None, subject_id=UUID(int=2)))
    await work.record({"type": "Sold"})
    return "sold"


async def effects(database: Database) -> int:
    count: int = await database.pool.fetchval("select count(*) from outbox_events")
    return count


async def attempt(database: Database, one: Claim) -> str:
    try:
        return await database.run(SYSTEM, sell, claim=one)
    except Replayed:
        return "replayed"


async def test_a_thousand_attempts_on_fifty_keys_have_fifty_effects(database: Database) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def guarded(number: int) -> str:
        async with gate:
            return await attempt(database, claim(number))

    answers = await asyncio.gather(*(guarded(place % KEYS) for place in range(KEYS * ATTEMPTS_EACH)))

    assert await effects(database) == KEYS
    assert answers.count("sold") == KEYS
    assert answers.count("replayed") == KEYS * (ATTEMPTS_EACH - 1)


async def test_without_the_key_every_attempt_has_an_effect(database: Database) -> None:
    """The proof above can fail: what it counts is not held back by anything else."""
    for _ in range(3):
        await database.run(SYSTEM, sell)

    assert await effects(database) == 3


async def test_the_same_key_with_another_body_is_refused(database: Database) -> None:
    await attempt(database, claim())

    with pytest.raises(IdempotencyKeyReused):
        await database.run(SYSTEM, sell, claim=claim(body=b"other"))
    assert await effects(database) == 1


async def test_keys_of_different_users_have_nothing_to_do_with_each_other(database: Database) -> None:
    await attempt(database, claim())
    other = Claim(UUID(int=99), claim().key, b"body")

    assert await attempt(database, other) == "sold"


async def test_a_failed_request_leaves_its_key_free(database: Database) -> None:
    async def fail(work: Work) -> None:
        await sell(work)
        raise LookupError

    with pytest.raises(LookupError):
        await database.run(SYSTEM, fail, claim=claim())

    assert await attempt(database, claim()) == "sold"


async def test_a_request_in_flight_is_waited_for_and_then_named(database_url: str) -> None:
    database = await Database.open(database_url)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(work: Work) -> str:
        begun.set()
        await go_on.wait()
        return await sell(work)

    first = asyncio.ensure_future(database.run(SYSTEM, slow, claim=claim()))
    await begun.wait()
    with pytest.raises(IdempotencyInProgress):
        await database.run(SYSTEM, sell, claim=claim())
    go_on.set()

    assert await first == "sold"
    assert await attempt(database, claim()) == "replayed"
    await database.close()


async def test_keys_are_kept_for_thirty_days(database: Database) -> None:
    await attempt(database, claim())

    async def purge(work: Work) -> tuple[int, int]:
        early = await idempotency.purge(work.session, work.now + idempotency.KEPT / 2)
        return early, await idempotency.purge(work.session, work.now + idempotency.KEPT * 2)

    assert await database.run(SYSTEM, purge) == (0, 1)
    assert await database.pool.fetchval(str(text("select count(*) from idempotency_keys"))) == 0
