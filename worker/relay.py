"""From events to jobs, and from jobs to whoever does them.

A job row is made for every event and listener, in the order of the stream, by whichever worker holds the stream's row.
ARQ then carries the row's id. What Redis lost is found again in PostgreSQL: an overdue job is enqueued once more, and
one that stays overdue, or any while Redis is away, is done right here. A long job is done beside all that, one at a
time: whoever carries it is not held up, and a worker that is at one leaves the others to somebody else.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from redis.exceptions import RedisError
from sqlalchemy import ARRAY, Text, bindparam, text

from salonos.kernel import jobs
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.jobs import Listener, LongListener
from salonos.kernel.work import Work, failpoint

FUNCTION = "run_job"
BATCH_MAX = 500
SWEEP_MAX = 100
SWEEP_S = 5.0
ENQUEUE_S = 2.0
PATIENCE = timedelta(seconds=30)
"""How long after its time a job may lie before the relay does it itself: ARQ holds a killed worker's for 40 seconds."""

LONG_AT_ONCE = 1
"""Of one worker, so that its memory and its share of the machine stay bounded."""

REDIS_AWAY = (RedisError, OSError, TimeoutError)

_log = logging.getLogger(__name__)

_RELAY = text(
    """
    with stream as (
        select relayed_xid, relayed_id from event_stream for update skip locked
    ),
    batch as (
        select event.* from outbox_events as event, stream
        where (event.xid, event.id) > (stream.relayed_xid, stream.relayed_id)
          and event.xid < pg_snapshot_xmin(pg_current_snapshot())
        order by event.xid, event.id limit :limit
    ),
    added as (
        insert into jobs (id, event_id, listener, kind, branch_id, subject_id, payload, occurred_at, run_after)
        select gen_random_uuid(), batch.id, listener.name, batch.kind, batch.branch_id, batch.subject_id,
               batch.payload, batch.occurred_at, clock_timestamp()
        from batch join unnest(:names, :kinds) as listener(name, kind) on listener.kind = batch.kind
        on conflict (event_id, listener) do nothing
        returning id, event_id
    ),
    last as (
        select xid, id from batch order by xid desc, id desc limit 1
    ),
    noted as (
        update event_stream set relayed_xid = last.xid, relayed_id = last.id from last
    )
    select (select count(*) from batch) as events, array(select id from added order by event_id) as job_ids
    """
).bindparams(bindparam("names", type_=ARRAY(Text())), bindparam("kinds", type_=ARRAY(Text())))


class Queue(Protocol):
    """What carries a job's id to a worker: ARQ's pool. May lose it, may carry it twice."""

    async def enqueue_job(self, function: str, *args: str, _job_id: str) -> object:
        """Puts an id in line, unless it stands there already."""


async def relay_batch(work: Work, listeners: Iterable[Listener | LongListener]) -> tuple[int, list[UUID]]:
    """Makes jobs of the next events: how many events those were, and the new jobs.

    Locks the stream's row, so that no event is passed over by a second relay; a busy stream is left to its holder.
    """
    pairs = [(listener.name, event.__name__) for listener in listeners for event in listener.events]
    given = {"limit": BATCH_MAX, "names": [name for name, _ in pairs], "kinds": [kind for _, kind in pairs]}
    row = (await work.session.execute(_RELAY, given)).one()
    failpoint("relay_half_way")
    return row.events, list(row.job_ids)


async def is_behind(work: Work, *, before: datetime) -> bool:
    """Whether an event from before an instant has not become jobs yet: it must not be forgotten."""
    statement = text(
        """
        select exists (select from outbox_events as event, event_stream as stream
                       where (event.xid, event.id) > (stream.relayed_xid, stream.relayed_id)
                         and event.occurred_at < :before)
        """
    )
    found: bool = (await work.session.execute(statement, {"before": before})).scalar_one()
    return found


@dataclass
class Relay:
    """One worker's relay. `queue` is None while Redis is away."""

    database: Database
    listeners: dict[str, Listener | LongListener]
    queue: Queue | None = None
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    patience: timedelta = PATIENCE
    sweep_s: float = SWEEP_S
    done: int = 0
    long: set[asyncio.Task[None]] = field(default_factory=set)
    """The long jobs under way."""

    async def run_job(self, job_id: UUID) -> None:
        """Does one job, if it is still to be done; a long one is only begun."""
        left_alone = self.left_alone()
        done = await jobs.run(self.database, self.listeners, job_id, apart=self.do_apart, but_not=left_alone)
        self.done += done

    def left_alone(self) -> list[str]:
        """The listeners whose jobs this worker has no room for."""
        if len(self.long) < LONG_AT_ONCE:
            return []
        return [name for name, each in self.listeners.items() if isinstance(each, LongListener)]

    def do_apart(self, job: Coroutine[Any, Any, bool]) -> bool:
        """Begins a long job beside everything else, if there is room."""
        if len(self.long) >= LONG_AT_ONCE:
            return False
        task = asyncio.create_task(self._counted(job), name="long job")
        self.long.add(task)
        task.add_done_callback(self.long.discard)
        return True

    async def _counted(self, job: Coroutine[Any, Any, bool]) -> None:
        try:
            done = await job
            self.done += done
        except Exception as error:  # noqa: BLE001  its lease runs out, and somebody finds it again
            _log.warning("a long job was interrupted", extra={"error": type(error).__name__})
        self.woken.set()

    async def leave(self) -> None:
        """Gives back the long jobs under way: another worker begins them at once."""
        under_way = list(self.long)
        await asyncio.sleep(0)  # what was not begun could not be given back
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    async def relay(self) -> int:
        """Makes jobs of all events that can be read and hands them on; returns how many jobs."""
        made = 0
        while True:
            events, job_ids = await self.database.run(
                Actor.system(), lambda work: relay_batch(work, self.listeners.values())
            )
            for job_id in job_ids:
                await self.hand_on(job_id, attempts=0)
            made += len(job_ids)
            if events < BATCH_MAX:
                return made

    async def hand_on(self, job_id: UUID, *, attempts: int) -> None:
        """To ARQ, or done here when Redis can't be reached."""
        if self.queue is not None:
            try:
                name = f"{job_id.hex}-{attempts}"
                await asyncio.wait_for(self.queue.enqueue_job(FUNCTION, job_id.hex, _job_id=name), ENQUEUE_S)
            except REDIS_AWAY as error:
                _log.warning(
                    "Redis can't be reached: jobs are done from PostgreSQL", extra={"error": type(error).__name__}
                )
                self.queue = None
            else:
                return
        await self.run_job(job_id)

    async def sweep(self) -> None:
        """Hands on again what nobody has done in time."""
        found = await self.database.run(
            Actor.system(), lambda work: jobs.overdue(work, patience=self.patience, limit=SWEEP_MAX)
        )
        for job in found:
            if job.is_late:
                await self.run_job(job.id)
            else:
                await self.hand_on(job.id, attempts=job.attempts)

    async def follow(self) -> None:
        """For ever: relays when woken, sweeps every few seconds. An outage of the database is waited out."""
        while True:
            try:
                await self.relay()
                await self.sweep()
            except Exception as error:  # noqa: BLE001  whatever happened, the next round finds the same rows
                _log.warning("the relay was interrupted", extra={"error": type(error).__name__})
                await asyncio.sleep(1)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.woken.wait(), self.sweep_s)
            self.woken.clear()
