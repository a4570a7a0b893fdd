"""G12: a job is made of every event, none is lost with Redis, each has one effect, and a poisoned one stops nobody."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from salonos.kernel import jobs, outbox
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.jobs import Listener, Task
from salonos.kernel.outbox import Event
from salonos.kernel.work import Work
from tests.worker.overtaken import Overtaken
from tests.worker.relaying import relay_all
from worker.main import Process
from worker.relay import Relay

SYSTEM = Actor.system()
BRANCH = UUID(int=21)


@dataclass(frozen=True, kw_only=True)
class Rang(Event):
    """The event that these tests relay."""

    number: int


@dataclass(frozen=True, kw_only=True)
class Answered(Event):
    """The effect of the listener, which nobody listens to."""

    number: int


async def answer(work: Work, task: Task) -> None:
    if task.payload["number"] < 0:
        raise ArithmeticError
    work.announce(Answered(branch_id=task.branch_id, subject_id=task.id, number=task.payload["number"]))


LISTENER = Listener("answer", (Rang,), answer)
LISTENERS = {"answer": LISTENER}


class Lines:
    """A queue that only writes down what it was given."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def enqueue_job(self, function: str, *args: str, _job_id: str) -> object:
        self.names.append(f"{function} {args[0]} as {_job_id}")
        return None


async def ring(database: Database, *numbers: int) -> None:
    for number in numbers:
        event = Rang(branch_id=BRANCH, subject_id=BRANCH, number=number)

        async def announce(work: Work, event: Rang = event) -> None:
            work.announce(event)

        await database.run(SYSTEM, announce)


async def answered(database: Database) -> list[int]:
    rows = await database.pool.fetch(
        "select (payload ->> 'number')::int as n from outbox_events where kind = 'Answered'"
    )
    return sorted(row["n"] for row in rows)


async def statuses(database: Database) -> list[tuple[str, int]]:
    rows = await database.pool.fetch("select status, attempts from jobs order by event_id")
    return [(row["status"], row["attempts"]) for row in rows]


async def test_each_event_becomes_one_job_of_each_listener(database: Database) -> None:
    queue = Lines()
    relay = Relay(database, {**LISTENERS, "other": Listener("other", (Rang, Answered), answer)}, queue)
    await ring(database, 1, 2)

    made = [await relay_all(relay), await relay_all(relay)]

    ids = [row["id"].hex for row in await database.pool.fetch("select id from jobs")]
    assert made == [4, 0]
    assert sorted(queue.names) == sorted(f"run_job {each} as {each}-0" for each in ids)


async def test_two_relays_at_once_make_each_job_once(database: Database, database_url: str) -> None:
    other = await Database.open(database_url, pool_size=2)
    await ring(database, *range(30))

    await asyncio.gather(*(Relay(one, LISTENERS, Lines()).relay() for one in (database, other) * 3))
    await relay_all(Relay(other, LISTENERS, Lines()))
    await other.close()

    assert await statuses(database) == [("WAITING", 0)] * 30


async def test_without_redis_jobs_are_done_from_postgresql(database: Database) -> None:
    relay = Relay(database, LISTENERS)
    await ring(database, 1, 2, 3)

    await relay_all(relay)

    assert (await answered(database), relay.done) == ([1, 2, 3], 3)
    assert await statuses(database) == [("DONE", 1)] * 3


async def test_what_redis_lost_is_handed_on_again_and_in_the_end_done_here(database: Database) -> None:
    queue = Lines()
    relay = Relay(database, LISTENERS, queue)
    await ring(database, 1)
    await relay_all(relay)

    await relay.sweep()
    handed_on = len(queue.names)
    relay.patience = timedelta(0)
    await relay.sweep()

    assert (handed_on, len(queue.names)) == (2, 2)
    assert queue.names[0] == queue.names[1]
    assert await answered(database) == [1]


async def test_a_job_carried_twice_is_done_once(database: Database, database_url: str) -> None:
    other = await Database.open(database_url, pool_size=4)
    await ring(database, *range(10))
    await relay_all(Relay(database, LISTENERS, Lines()))
    ids = [UUID(bytes=row["id"].bytes) for row in await database.pool.fetch("select id from jobs")]

    await asyncio.gather(*(jobs.run(one, LISTENERS, each) for each in ids for one in (database, other, database)))
    await other.close()

    assert await answered(database) == list(range(10))


async def test_a_poisoned_job_is_given_up_and_stops_nobody(database: Database) -> None:
    relay = Relay(database, LISTENERS)
    await ring(database, -1, 1)
    await relay_all(relay)
    first = await statuses(database)
    for _ in range(jobs.ATTEMPTS_MAX + 2):
        await database.pool.execute("update jobs set run_after = clock_timestamp() where status = 'WAITING'")
        await relay.sweep()

    assert first == [("WAITING", 1), ("DONE", 1)]
    assert await statuses(database) == [("DEAD", jobs.ATTEMPTS_MAX), ("DONE", 1)]
    assert await database.pool.fetchval("select failure from jobs where status = 'DEAD'") == "ArithmeticError"


async def test_a_job_that_kills_its_worker_again_and_again_is_given_up(database: Database) -> None:
    relay = Relay(database, LISTENERS, Lines())
    await ring(database, 1)
    await relay_all(relay)
    await database.pool.execute(
        "update jobs set status = 'RUNNING', attempts = $1, leased_until = clock_timestamp() - interval '1 second'",
        jobs.ATTEMPTS_MAX,
    )

    await relay.sweep()

    assert await statuses(database) == [("DEAD", jobs.ATTEMPTS_MAX)]


async def test_a_job_whose_listener_is_gone_waits_for_the_next_release(database: Database) -> None:
    await ring(database, 1)
    await relay_all(Relay(database, LISTENERS, Lines()))
    (job_id,) = [UUID(bytes=row["id"].bytes) for row in await database.pool.fetch("select id from jobs")]

    assert not await jobs.run(database, {}, job_id)
    assert await statuses(database) == [("WAITING", 1)]


async def test_a_worker_that_was_overtaken_does_nothing(database: Database) -> None:
    await ring(database, 1)
    await relay_all(Relay(database, LISTENERS, Lines()))
    (job_id,) = [UUID(bytes=row["id"].bytes) for row in await database.pool.fetch("select id from jobs")]
    slow = Overtaken(database, lambda: jobs.run(database, LISTENERS, job_id), calls_before=1)

    assert not await jobs.run(slow, LISTENERS, job_id, lease=timedelta(0))  # type: ignore[arg-type]  # runs commands
    assert await answered(database) == [1]
    assert await statuses(database) == [("DONE", 2)]


class Gone:
    """A Redis that went away."""

    async def enqueue_job(self, function: str, *args: str, _job_id: str) -> object:
        raise ConnectionError(function, args, _job_id)


async def test_when_redis_goes_away_the_job_in_hand_is_done_here(database: Database) -> None:
    relay = Relay(database, LISTENERS, Gone())
    await ring(database, 1, 2)

    await relay_all(relay)

    assert (await answered(database), relay.queue) == ([1, 2], None)


async def test_a_relay_outlives_its_database(database: Database, database_url: str) -> None:
    gone = await Database.open(database_url, pool_size=1)
    await gone.close()
    await gone.engine.dispose()
    gone.engine = create_async_engine("postgresql+asyncpg://salonos@/salonos?host=/nowhere")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(Relay(gone, LISTENERS).follow(), 0.3)


KILLED = """
import asyncio, sys
from salonos.kernel.database import Database
from tests.worker.relaying import relay_all
from tests.worker.test_relay import LISTENERS
from worker.relay import Relay

async def main():
    await relay_all(Relay(await Database.open(sys.argv[1], pool_size=2), LISTENERS))

asyncio.run(main())
"""


@pytest.mark.parametrize("point", ["relay_half_way", "job_claimed", "job_half_way"])
async def test_a_worker_killed_at_any_point_leaves_one_effect(
    database: Database, database_url: str, point: str
) -> None:
    await ring(database, 1, 2)
    environment = os.environ | {"SALONOS_FAILPOINT": point, "PYTHONPATH": str(Path.cwd())}
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, database_url, env=environment)
    assert await killed.wait() == 137

    relay = Relay(database, LISTENERS)
    await database.pool.execute("update jobs set leased_until = clock_timestamp() where status = 'RUNNING'")
    await relay_all(relay)
    await relay.sweep()

    assert await answered(database) == [1, 2]


async def test_jobs_done_long_ago_are_forgotten_and_the_dead_are_kept(database: Database) -> None:
    await ring(database, -1, 1)
    await relay_all(Relay(database, LISTENERS))
    await database.pool.execute("update jobs set status = 'DEAD' where status = 'WAITING'")

    gone = await database.run(SYSTEM, jobs.purge, now=(await database.now()) + jobs.KEPT * 2)

    assert (gone, await statuses(database)) == (1, [("DEAD", 1)])


async def test_an_event_is_not_forgotten_before_it_became_a_job(database: Database) -> None:
    process = Process(database, None, listeners=LISTENERS, daily=())
    await ring(database, 1)
    database.set_clock = (await database.now()) + outbox.KEPT * 2

    await process.purge()
    kept = await database.pool.fetchval("select count(*) from outbox_events")
    await relay_all(process.relay)
    await relay_all(Relay(database, {}))
    await process.purge()

    assert kept == 1
    assert await database.pool.fetchval("select count(*) from outbox_events where kind = 'Rang'") == 0


@pytest.fixture
async def running(database: Database, redis_url: str) -> AsyncIterator[Process]:
    """A whole worker over the run's Redis, on a queue of its own."""
    process = Process(database, redis_url, listeners=LISTENERS, daily=(), queue_name=f"test:{id(database)}")
    task = asyncio.ensure_future(process.run())
    yield process
    process.stop()
    await task


async def until_answered(database: Database, count: int) -> None:
    async with asyncio.timeout(20):
        while len(await answered(database)) < count:  # noqa: ASYNC110  rows of another process's work
            await asyncio.sleep(0.05)


async def test_a_whole_worker_does_every_job_once_while_redis_is_wiped(database: Database, running: Process) -> None:
    for batch in range(5):
        await ring(database, *range(batch * 10, batch * 10 + 10))
        if running.relay.queue is not None:
            await running.relay.queue.flushdb()  # type: ignore[attr-defined]  # ARQ's pool is a Redis client
    running.relay.patience, running.relay.sweep_s = timedelta(seconds=1), 0.1
    running.relay.woken.set()
    await until_answered(database, 50)

    assert await answered(database) == list(range(50))
    assert await statuses(database) == [("DONE", 1)] * 50


async def test_redis_carries_ids_and_nothing_else(database: Database, redis_url: str) -> None:
    process = Process(database, redis_url, listeners=LISTENERS, daily=(), queue_name=f"test:{id(database)}")
    worker = process.arq_worker()
    worker.allow_pick_jobs = False
    serving = asyncio.ensure_future(worker.async_run())
    async with asyncio.timeout(10):
        while process.relay.queue is None:  # noqa: ASYNC110  ARQ tells nobody
            await asyncio.sleep(0.01)
    await ring(database, 1)
    await relay_all(process.relay)
    job_id = (await database.pool.fetchval("select id from jobs")).hex

    stored = await worker.pool.get(f"arq:job:{job_id}-0")

    assert stored is not None
    assert stored.startswith(b'{"t": null, "f": "run_job", "a": ["' + job_id.encode() + b'"], "k": {}')
    await worker.pool.delete(f"arq:job:{job_id}-0", process.queue_name)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await worker.pool.aclose(close_connection_pool=True)


async def test_a_worker_without_redis_goes_on_by_asking_postgresql(database: Database, tmp_path: Path) -> None:
    process = Process(database, f"unix://{tmp_path}/nobody.sock", listeners=LISTENERS, daily=())
    task = asyncio.ensure_future(process.run())
    await ring(database, 1, 2)
    await until_answered(database, 2)
    process.stop()
    await task

    assert await answered(database) == [1, 2]


async def test_a_relay_waits_out_a_broken_transaction(database: Database) -> None:
    """The stream's row is locked by somebody: the relay leaves it alone and comes back."""
    await ring(database, 1)
    relay = Relay(database, LISTENERS)

    async def hold(work: Work) -> int:
        await work.session.execute(text("select 1 from event_stream for update"))
        return await relay.relay()

    assert await database.run(SYSTEM, hold) == 0
    assert await relay_all(relay) == 1
