"""A job that takes longer than a transaction: its steps are seen at once, only its last claimer takes any, and it holds nobody up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from salonos.kernel import jobs
from salonos.kernel.database import Database
from salonos.kernel.jobs import Effect, Hold, Listener, Listeners, LongListener, Task
from salonos.kernel.work import Work
from tests.worker.overtaken import Overtaken
from tests.worker.relaying import relay_all
from tests.worker.test_relay import Answered, Lines, Rang, answer, answered, ring, statuses
from worker.relay import Relay


@dataclass
class Door:
    """A listener that says 100 more than it heard, waits until it is let on, and says what it heard in its last step."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, hold: Hold, task: Task) -> Effect:
        await hold.step(lambda work: say(work, task, 100))
        self.arrived.set()
        await self.open.wait()
        await hold.step(lambda work: say(work, task, 200))
        return lambda work: say(work, task, 0)

    @property
    def listeners(self) -> Listeners:
        return {"door": LongListener("door", (Rang,), self.run)}


async def say(work: Work, task: Task, more: int) -> None:
    work.announce(Answered(branch_id=None, subject_id=task.id, number=task.payload["number"] + more))


@pytest.fixture
def door() -> Door:
    return Door()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await holds():  # noqa: ASYNC110  work of other tasks
            await asyncio.sleep(0.02)


@pytest.fixture
async def relays(database: Database, door: Door) -> AsyncIterator[tuple[Relay, Relay]]:
    """Two workers without Redis."""
    both = (Relay(database, dict(door.listeners)), Relay(database, dict(door.listeners)))
    yield both
    door.open.set()
    for each in both:
        await each.leave()


async def test_its_steps_are_seen_while_it_goes_on_and_nobody_waits_for_it(
    database: Database, door: Door, relays: tuple[Relay, Relay]
) -> None:
    relay, other = relays
    relay.listeners["quick"] = Listener("quick", (Rang,), answer)
    await ring(database, 1, 2)
    await relay_all(relay)
    await door.arrived.wait()
    meanwhile = sorted(await answered(database)), sorted(await statuses(database))
    await relay.sweep()
    full = sorted(await statuses(database))
    await other.sweep()
    await until(lambda: has_said(database, 101, 102))
    door.open.set()
    await until(lambda: has_said(database, 1, 1, 2, 2))

    assert meanwhile == ([1, 2, 101], [("DONE", 1), ("DONE", 1), ("RUNNING", 1), ("WAITING", 0)])
    assert full == meanwhile[1]
    await until(lambda: is_done(relay, 3))
    assert (relay.done, other.done) == (3, 1)
    assert sorted(await answered(database)) == [1, 1, 2, 2, 101, 102, 201, 202]


async def has_said(database: Database, *numbers: int) -> bool:
    told = await answered(database)
    return all(told.count(each) >= numbers.count(each) for each in numbers)


async def is_done(relay: Relay, jobs_done: int) -> bool:
    return relay.done == jobs_done


async def test_a_worker_that_is_told_to_stop_gives_it_back_and_another_begins_it_at_once(
    database: Database, door: Door, relays: tuple[Relay, Relay]
) -> None:
    relay, other = relays
    await ring(database, 1)
    await relay_all(relay)
    await door.arrived.wait()

    await relay.leave()
    left = await statuses(database)
    door.open.set()
    await other.sweep()
    await until(lambda: is_done(other, 1))

    assert (left, relay.long) == ([("WAITING", 0)], set())
    assert await answered(database) == [1, 101, 101, 201]
    assert await statuses(database) == [("DONE", 1)]


async def test_one_that_was_just_handed_over_is_given_back_as_well(
    database: Database, relays: tuple[Relay, Relay]
) -> None:
    relay, _ = relays
    await ring(database, 1)

    await relay_all(relay)
    await relay.leave()

    assert await statuses(database) == [("WAITING", 0)]


async def test_a_job_of_one_transaction_that_is_cut_off_is_not_given_back(database: Database, door: Door) -> None:
    """It goes on in the database, and would be tried for ever if being cut off were no mark against it."""

    async def wait(work: Work, task: Task) -> None:
        door.arrived.set()
        await door.open.wait()
        await answer(work, task)

    await ring(database, 1)
    await relay_all(Relay(database, {"short": Listener("short", (Rang,), wait)}, Lines()))
    job_id = await database.pool.fetchval("select id from jobs")
    doing = asyncio.create_task(jobs.run(database, {"short": Listener("short", (Rang,), wait)}, job_id))
    await door.arrived.wait()

    doing.cancel()
    await asyncio.gather(doing, return_exceptions=True)

    assert await statuses(database) == [("RUNNING", 1)]
    door.open.set()
    await until(lambda: has_said(database, 1))


async def test_a_claim_for_which_there_is_no_room_is_given_back(database: Database, door: Door) -> None:
    await ring(database, 1)
    queue = Lines()
    await relay_all(Relay(database, dict(door.listeners), queue))
    (job_id,) = [row["id"] for row in await database.pool.fetch("select id from jobs")]

    assert not await jobs.run(database, door.listeners, job_id, apart=lambda _: False)
    assert await statuses(database) == [("WAITING", 0)]


async def test_whoever_was_overtaken_takes_no_step_more(database: Database, door: Door) -> None:
    door.open.set()
    await ring(database, 1)
    await relay_all(Relay(database, dict(door.listeners), Lines()))
    job_id = await database.pool.fetchval("select id from jobs")

    async def overtake() -> None:
        assert await jobs.run(database, door.listeners, job_id)

    slow = Overtaken(database, overtake, calls_before=2)
    done = await jobs.run(slow, door.listeners, job_id, lease=timedelta(0))  # type: ignore[arg-type]  # runs commands

    assert not done
    assert await answered(database) == [1, 101, 101, 201]
    assert await statuses(database) == [("DONE", 2)]


async def test_a_step_holds_it_for_another_while(database: Database, door: Door) -> None:
    await ring(database, 1)
    await relay_all(Relay(database, dict(door.listeners), Lines()))
    job_id = await database.pool.fetchval("select id from jobs")
    leases = []

    async def watch(hold: Hold, _: Task) -> Effect:
        for _ in range(2):
            leases.append(await database.pool.fetchval("select leased_until from jobs"))
            await hold.step(nothing)
        leases.append(await database.pool.fetchval("select leased_until from jobs"))
        return nothing

    assert await jobs.run(database, {"door": LongListener("door", (Rang,), watch)}, job_id)
    assert leases == sorted(set(leases))


async def nothing(_: Work) -> None:
    """Does nothing."""


async def test_one_that_fails_is_tried_again(database: Database, door: Door) -> None:
    async def broken(hold: Hold, task: Task) -> Effect:
        await hold.step(lambda work: say(work, task, 100))
        raise ArithmeticError

    await ring(database, 1)
    await relay_all(Relay(database, dict(door.listeners), Lines()))
    job_id = await database.pool.fetchval("select id from jobs")

    assert not await jobs.run(database, {"door": LongListener("door", (Rang,), broken)}, job_id)
    assert await statuses(database) == [("WAITING", 1)]
    assert await answered(database) == [101]
