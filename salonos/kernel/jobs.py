"""Background work that an event causes: one row per event and listener, done once, tried again, given up in the end.

The relay (`worker.relay`) makes the rows and ARQ carries their ids; here is what happens to a row. Leases and waits
are measured on the database's own clock. A job is one transaction; what takes longer than a transaction may is done in
steps, each of which holds the job for a while longer.
"""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from sqlalchemy import ARRAY, Interval, Text, Uuid, bindparam, text

from salonos.kernel import counts
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.outbox import Event
from salonos.kernel.work import Work, failpoint

LEASE = timedelta(seconds=60)
WAIT_MAX = timedelta(hours=1)
ATTEMPTS_MAX = 8
KEPT = timedelta(days=7)

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """The event that a listener works on. `id` is the job's: what an effect outside the database is told apart by."""

    id: UUID
    kind: str
    branch_id: UUID | None
    subject_id: UUID
    payload: dict[str, Any]
    occurred_at: datetime


@dataclass(frozen=True)
class Listener:
    """What a feature does after the commit of certain events. `name` is kept in the rows: it never changes."""

    name: str
    events: tuple[type[Event], ...]
    run: Callable[[Work, Task], Awaitable[None]]


Effect: TypeAlias = Callable[[Work], Awaitable[None]]


@dataclass(frozen=True)
class LongListener:
    """What takes longer than a transaction may. `run` works in steps and returns the last, which ends the job.

    A job that was begun and not ended is begun anew by whoever claims it next.
    """

    name: str
    events: tuple[type[Event], ...]
    run: Callable[["Hold", Task], Awaitable[Effect]]


Listeners = Mapping[str, Listener | LongListener]
Apart: TypeAlias = Callable[[Coroutine[Any, Any, bool]], bool]
"""Takes a long job off the hands of whoever carries jobs; False when there is no room for it."""


class ClaimLost(Exception):  # noqa: N818  the other claimer's success
    """Somebody else claimed this job since."""


@dataclass(frozen=True)
class _Claimed:
    task: Task
    listener: str
    fence: int
    attempts: int


@dataclass(frozen=True)
class Hold:
    """A long job that is being done: only whoever claimed it last may take a step."""

    database: Database
    claimed: _Claimed
    lease: timedelta

    @property
    def fence(self) -> int:
        """Counts how often the job was begun."""
        return self.claimed.fence

    async def step(self, effect: Callable[[Work], Awaitable[T]]) -> T:
        """One transaction, seen by others at once; the lease begins anew with it.

        Raises: ClaimLost.
        """

        async def held(work: Work) -> T:
            await _renew(work, self.claimed, self.lease)
            return await effect(work)

        return await self.database.run(Actor.system(), held)


async def run(
    database: Database,
    listeners: Listeners,
    job_id: UUID,
    *,
    lease: timedelta = LEASE,
    apart: Apart | None = None,
    but_not: Collection[str] = (),
) -> bool:
    """Does a job if it waits and nobody else is at it; whether it is done now by this call.

    A job that fails waits a while and is tried again, ATTEMPTS_MAX times in all; then it is DEAD, and logged. A long one
    is handed to `apart`, where that is given; jobs of listeners that are named in `but_not` are left to somebody else.
    """
    claimed = await database.run(Actor.system(), lambda work: _claim(work, job_id, lease, but_not))
    if claimed is None:
        return False
    failpoint("job_claimed")
    listener = listeners.get(claimed.listener)
    doing = _do(Hold(database, claimed, lease), listener)
    if apart is None or not isinstance(listener, LongListener):
        return await doing
    if not apart(doing):
        doing.close()
        await database.run(Actor.system(), lambda work: _give_back(work, claimed))
    return False


async def _do(hold: Hold, listener: Listener | LongListener | None) -> bool:
    """A claimed job: its steps, and the transaction that holds its end and its effect."""
    database, claimed = hold.database, hold.claimed

    async def effect(work: Work) -> None:
        await _finish(work, claimed)
        failpoint("job_half_way")
        await last_step(work)

    try:
        last_step = await _last_step(hold, listener)
        await database.run(Actor.system(), effect)
    except ClaimLost:
        counts.process.jobs[claimed.listener, "lost"] += 1
        return False
    except asyncio.CancelledError:
        if isinstance(listener, LongListener):
            await database.run(Actor.system(), lambda work: _give_back(work, claimed))
        raise
    except Exception as error:  # noqa: BLE001  a listener may fail in any way: its job waits, the others go on
        counts.process.jobs[claimed.listener, "failed"] += 1
        kind, frames = type(error).__name__, "".join(traceback.format_tb(error.__traceback__))
        facts = {"kind": claimed.listener, "job_id": claimed.task.id.hex, "error": kind, "frames": frames}
        _log.error("a job failed", extra={**facts, "count": claimed.attempts})
        await database.run(Actor.system(), lambda work: _fail(work, claimed, kind))
        return False
    counts.process.jobs[claimed.listener, "done"] += 1
    return True


async def _last_step(hold: Hold, listener: Listener | LongListener | None) -> Effect:
    """What is done in the transaction that ends the job; the steps of a long one before it are taken here."""
    task = hold.claimed.task
    if listener is None:
        raise LookupError(f"Nobody listens as {hold.claimed.listener}.")
    if isinstance(listener, LongListener):
        return await listener.run(hold, task)
    return lambda work: listener.run(work, task)


# A lease or a wait counts only as far ahead as they are ever set: the clock may have been put back since.
_IS_READY = """
    (status = 'WAITING' and not (run_after > clock_timestamp() and run_after <= clock_timestamp() + :wait_max)
     or status = 'RUNNING' and not (leased_until > clock_timestamp() and leased_until <= clock_timestamp() + :wait_max))
"""
_CLAIM = text(
    f"""
    update jobs set status = 'RUNNING', attempts = attempts + 1, fence = fence + 1,
                    leased_until = clock_timestamp() + :lease
    where id = (select id from jobs where id = :id and {_IS_READY} and listener <> all(:but_not)
                for update skip locked)
    returning id, listener, kind, branch_id, subject_id, payload, occurred_at, fence, attempts
    """  # noqa: S608  made of constants
).bindparams(
    bindparam("id", type_=Uuid()),
    bindparam("lease", type_=Interval()),
    bindparam("wait_max", type_=Interval()),
    bindparam("but_not", type_=ARRAY(Text())),
)


async def _claim(work: Work, job_id: UUID, lease: timedelta, but_not: Collection[str]) -> _Claimed | None:
    given = {"id": job_id, "lease": lease, "wait_max": WAIT_MAX, "but_not": list(but_not)}
    row = (await work.session.execute(_CLAIM, given)).one_or_none()
    if row is None:
        return None
    task = Task(row.id, row.kind, row.branch_id, row.subject_id, row.payload, row.occurred_at)
    return _Claimed(task, row.listener, row.fence, row.attempts)


_FINISH = text(
    "update jobs set status = 'DONE', leased_until = null, failure = null "
    "where id = :id and fence = :fence and status = 'RUNNING'"
).bindparams(bindparam("id", type_=Uuid()))
_RENEW = text(
    "update jobs set leased_until = clock_timestamp() + :lease where id = :id and fence = :fence and status = 'RUNNING'"
).bindparams(bindparam("id", type_=Uuid()), bindparam("lease", type_=Interval()))
_GIVE_BACK = text(
    "update jobs set status = 'WAITING', leased_until = null, attempts = attempts - 1, run_after = clock_timestamp() "
    "where id = :id and fence = :fence and status = 'RUNNING'"
).bindparams(bindparam("id", type_=Uuid()))
_FAIL = text(
    """
    update jobs
    set status = case when attempts < :attempts_max then 'WAITING' else 'DEAD' end, leased_until = null, failure = :kind,
        run_after = clock_timestamp() + least(:wait_max, interval '1 second' * power(4, least(attempts, 10)))
    where id = :id and fence = :fence and status = 'RUNNING' returning status
    """
).bindparams(bindparam("id", type_=Uuid()), bindparam("wait_max", type_=Interval()))


async def _finish(work: Work, claimed: _Claimed) -> None:
    """In the transaction of the effect. Locks the row: a second claimer waits for the outcome.

    Raises: ClaimLost.
    """
    done = await work.session.execute(_FINISH, {"id": claimed.task.id, "fence": claimed.fence})
    if not done.rowcount:  # type: ignore[attr-defined]  # a cursor's result, which execute's type does not say
        raise ClaimLost


async def _renew(work: Work, claimed: _Claimed, lease: timedelta) -> None:
    """Holds the job for another while. Locks the row, as `_finish` does.

    Raises: ClaimLost.
    """
    given = {"id": claimed.task.id, "fence": claimed.fence, "lease": lease}
    held = await work.session.execute(_RENEW, given)
    if not held.rowcount:  # type: ignore[attr-defined]  # a cursor's result, which execute's type does not say
        raise ClaimLost


async def _give_back(work: Work, claimed: _Claimed) -> None:
    """Whoever was told to stop leaves the job to others at once, and without a mark against it."""
    await work.session.execute(_GIVE_BACK, {"id": claimed.task.id, "fence": claimed.fence})


async def _fail(work: Work, claimed: _Claimed, kind: str) -> None:
    """Keeps the kind of the error only: its text may hold personal data."""
    given = {"id": claimed.task.id, "fence": claimed.fence, "kind": kind}
    status = (
        await work.session.execute(_FAIL, {**given, "attempts_max": ATTEMPTS_MAX, "wait_max": WAIT_MAX})
    ).scalar_one_or_none()
    if status == "DEAD":
        _log.error(
            "a job is dead: it failed too often", extra={"kind": claimed.listener, "job_id": claimed.task.id.hex}
        )


_BURY = text(
    f"""
    update jobs set status = 'DEAD', leased_until = null, failure = 'Killed'
    where status = 'RUNNING' and attempts >= :attempts_max and {_IS_READY} returning id
    """  # noqa: S608  made of constants
).bindparams(bindparam("wait_max", type_=Interval()))
_OVERDUE = text(
    f"""
    select id, attempts, run_after < clock_timestamp() - cast(:patience as interval) as is_late
    from jobs where status in ('WAITING', 'RUNNING') and {_IS_READY} order by run_after limit :limit
    """  # noqa: S608  made of constants
).bindparams(bindparam("wait_max", type_=Interval()), bindparam("patience", type_=Interval()))


@dataclass(frozen=True)
class Overdue:
    """A job that could be under way. `is_late`: for longer than whoever carries jobs may need."""

    id: UUID
    attempts: int
    is_late: bool


async def overdue(work: Work, *, patience: timedelta, limit: int) -> list[Overdue]:
    """Jobs that wait for somebody, the oldest first. Those that killed their worker time and again are given up."""
    dead = (await work.session.execute(_BURY, {"attempts_max": ATTEMPTS_MAX, "wait_max": WAIT_MAX})).scalars().all()
    for job_id in dead:
        _log.error("a job is dead: its worker was killed too often", extra={"job_id": job_id.hex})
    given = {"wait_max": WAIT_MAX, "patience": patience, "limit": limit}
    rows = await work.session.execute(_OVERDUE, given)
    return [Overdue(row.id, row.attempts, row.is_late) for row in rows]


async def pass_over(work: Work) -> None:
    """Lets the relay go on behind everything announced so far: for data that is brought in whole."""
    statement = """
        update event_stream set relayed_xid = last.xid, relayed_id = last.id
        from (select xid, id from outbox_events order by xid desc, id desc limit 1) as last
        where (last.xid, last.id) > (relayed_xid, relayed_id)
    """
    await work.session.execute(text(statement))


async def purge(work: Work) -> int:
    """Forgets jobs that were done long ago; returns how many. The dead stay until a person has looked."""
    statement = text("delete from jobs where status = 'DONE' and occurred_at < :before")
    gone = await work.session.execute(statement, {"before": work.now - KEPT})
    count: int = gone.rowcount  # type: ignore[attr-defined]  # a cursor's result, which execute's type does not say
    return count
