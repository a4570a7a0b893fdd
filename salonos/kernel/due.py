"""Work that must happen exactly once per branch and business date: the row decides, the clock only asks.

A tick inserts a row for every date that is due and has none, claims the oldest of each branch, and commits the row's
`done_at` together with whatever the job writes and announces. Two workers, a worker that was off for days, one that
is killed half-way and a clock that jumps all come out at one effect. Holds are measured on the database's own clock.
"""

import logging
import traceback
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Date, Index, Interval, Text, Uuid, bindparam, text
from sqlalchemy.orm import Mapped, mapped_column

from salonos.kernel import clock
from salonos.kernel.actor import Actor
from salonos.kernel.database import Base, Database
from salonos.kernel.work import Work, failpoint

LEASE = timedelta(seconds=60)
HOLD_MAX = timedelta(hours=1)
CATCH_UP = timedelta(days=400)
ATTEMPTS_MAX = 5

_log = logging.getLogger(__name__)


class PeriodRun(Base):
    """One job of one branch and business date. `fence` counts claims: only the last claimer may finish."""

    __tablename__ = "period_runs"
    job: Mapped[str] = mapped_column(primary_key=True)
    branch_id: Mapped[UUID] = mapped_column(primary_key=True)
    business_date: Mapped[date] = mapped_column(primary_key=True)
    fence: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    held_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "ix_period_runs_waiting",
            "job",
            "business_date",
            "branch_id",
            postgresql_where=text("done_at is null"),
        ),
    )


@dataclass(frozen=True)
class Place:
    """A branch whose dates fall due from `since` on, in its own time zone."""

    branch_id: UUID
    time_zone: str
    since: date


@dataclass(frozen=True)
class DailyJob:
    """What is done for each branch and business date, `days_later` at `at` o'clock of the branch's zone."""

    name: str
    at: time
    places: Callable[[Work], Awaitable[Sequence[Place]]]
    run: Callable[[Work, UUID, date], Awaitable[None]]
    days_later: int = 0


@dataclass(frozen=True)
class Run:
    """A claimed period."""

    job: str
    branch_id: UUID
    business_date: date
    fence: int


class ClaimLost(Exception):  # noqa: N818  the other claimer's success
    """Somebody else claimed this period since, or finished it."""


def last_due(job: DailyJob, *, time_zone: str, now: datetime) -> date:
    """The latest business date of a zone for which a job is due at an instant."""
    local = now.astimezone(clock.zone(time_zone))
    latest = local.date() - timedelta(days=job.days_later)
    return latest if local.time() >= job.at else latest - timedelta(days=1)


async def tick(
    database: Database, jobs: Iterable[DailyJob], *, now: datetime | None = None, lease: timedelta = LEASE
) -> list[Run]:
    """Does whatever is due and nobody else is doing; returns what was done, in order.

    A period that fails is logged, held for a while and tried again at a later tick; the branch's later dates wait for
    it until it has failed ATTEMPTS_MAX times.
    """
    return [run for job in jobs for run in await _do_due(database, job, now, lease)]


async def _do_due(database: Database, job: DailyJob, now: datetime | None, lease: timedelta) -> list[Run]:
    """One job's due periods, the oldest first, until there is none that nobody holds."""
    done = []
    await database.run(Actor.system(), lambda work: insert_missing(work, job), now=now)
    while run := await database.run(Actor.system(), lambda work: claim(work, job, lease=lease), now=now):
        failpoint("due_claimed")
        if await _do(database, job, run, now):
            done.append(run)
    return done


async def _do(database: Database, job: DailyJob, run: Run, now: datetime | None) -> bool:
    """One transaction holds the run's end and its effect."""

    async def effect(work: Work) -> None:
        await finish(work, run)
        failpoint("due_half_way")
        await job.run(work, run.branch_id, run.business_date)

    try:
        await database.run(Actor.system(), effect, now=now)
    except ClaimLost:
        return False
    except Exception as error:  # noqa: BLE001  a job may fail in any way: it is held, the other jobs go on
        frames = "".join(traceback.format_tb(error.__traceback__))
        facts = {"job": run.job, "branch_id": run.branch_id.hex, "error": type(error).__name__, "frames": frames}
        _log.error("a period's job failed", extra=facts)
        await database.run(Actor.system(), lambda work: hold(work, run), now=now)
        return False
    return True


_INSERT = text(
    """
    insert into period_runs (job, branch_id, business_date)
    select :job, place.branch_id, cast(day as date)
    from unnest(:branch_ids, :firsts, :lasts) as place(branch_id, first_on, last_on),
         generate_series(cast(first_on as timestamp), cast(last_on as timestamp), interval '1 day') as day
    where not exists (select from period_runs as known where known.job = :job
                      and known.branch_id = place.branch_id and known.business_date = cast(day as date))
    on conflict do nothing
    """
).bindparams(
    bindparam("job", type_=Text()),
    bindparam("branch_ids", type_=ARRAY(Uuid())),
    bindparam("firsts", type_=ARRAY(Date())),
    bindparam("lasts", type_=ARRAY(Date())),
)


async def insert_missing(work: Work, job: DailyJob) -> None:
    """A row for every date that is due, from a branch's beginning on but at most CATCH_UP back."""
    places = await job.places(work)
    lasts = [last_due(job, time_zone=place.time_zone, now=work.now) for place in places]
    given = {
        "job": job.name,
        "branch_ids": [place.branch_id for place in places],
        "firsts": [max(place.since, last - CATCH_UP) for place, last in zip(places, lasts, strict=True)],
        "lasts": lasts,
    }
    await work.session.execute(_INSERT, given)


# A hold counts only as far ahead as holds are ever set: after the clock was put back, an old one would last for hours.
_CLAIM = text(
    """
    update period_runs
    set fence = fence + 1, attempts = attempts + 1, held_until = clock_timestamp() + :lease
    where job = :job and done_at is null and (branch_id, business_date) = (
        select waiting.branch_id, waiting.business_date from period_runs as waiting
        where waiting.job = :job and waiting.done_at is null
          and not coalesce(waiting.held_until > clock_timestamp()
                           and waiting.held_until <= clock_timestamp() + :hold_max, false)
          and not exists (select from period_runs as earlier
                          where earlier.job = waiting.job and earlier.branch_id = waiting.branch_id
                            and earlier.business_date < waiting.business_date
                            and earlier.done_at is null and earlier.attempts < :attempts_max)
        order by waiting.business_date, waiting.branch_id
        limit 1 for update skip locked)
    returning branch_id, business_date, fence
    """
).bindparams(bindparam("lease", type_=Interval()), bindparam("hold_max", type_=Interval()))


async def claim(work: Work, job: DailyJob, *, lease: timedelta = LEASE) -> Run | None:
    """The oldest period that nobody holds, now held by the caller.

    SKIP LOCKED lets several workers claim at once without waiting for one another.
    """
    given = {"job": job.name, "lease": lease, "hold_max": HOLD_MAX, "attempts_max": ATTEMPTS_MAX}
    row = (await work.session.execute(_CLAIM, given)).one_or_none()
    return None if row is None else Run(job.name, row.branch_id, row.business_date, row.fence)


_PERIOD_VALUES = (bindparam("branch_id", type_=Uuid()), bindparam("business_date", type_=Date()))
_FINISH = text(
    """
    update period_runs set done_at = :now, held_until = null
    where job = :job and branch_id = :branch_id and business_date = :business_date and fence = :fence and done_at is null
    """
).bindparams(*_PERIOD_VALUES)
_HOLD = text(
    """
    update period_runs
    set held_until = clock_timestamp() + least(:hold_max, interval '30 seconds' * power(2, least(attempts, 10)))
    where job = :job and branch_id = :branch_id and business_date = :business_date and fence = :fence and done_at is null
    """
).bindparams(bindparam("hold_max", type_=Interval()), *_PERIOD_VALUES)


def _key(run: Run) -> dict[str, object]:
    return {"job": run.job, "branch_id": run.branch_id, "business_date": run.business_date, "fence": run.fence}


async def finish(work: Work, run: Run) -> None:
    """Marks a period as done, in the transaction of its effect. Locks the row: a second claimer waits for the outcome.

    Raises: ClaimLost.
    """
    done = await work.session.execute(_FINISH, {**_key(run), "now": work.now})
    if not done.rowcount:  # type: ignore[attr-defined]  # a cursor's result, which execute's type does not say
        raise ClaimLost


async def hold(work: Work, run: Run) -> None:
    """Puts a failed period off: a minute at first, then doubling up to an hour."""
    await work.session.execute(_HOLD, {**_key(run), "hold_max": HOLD_MAX})
