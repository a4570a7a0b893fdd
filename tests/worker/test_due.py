"""G11: a period's job has exactly one effect per branch and business date, whatever workers and clocks do."""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from salonos.kernel import due
from salonos.kernel.actor import Actor
from salonos.kernel.clock import parse_instant
from salonos.kernel.database import Database
from salonos.kernel.due import DailyJob, Place
from salonos.kernel.outbox import Event
from salonos.kernel.work import Work
from tests.worker.overtaken import Overtaken

SYSTEM = Actor.system()
BRANCH, OTHER = UUID(int=11), UUID(int=12)
ZONE = "Asia/Kolkata"
FIRST = date(2026, 11, 20)
TICKS = 1000 if os.environ.get("SALONOS_PROVE") else 20
EVENING = parse_instant("2026-11-20T21:45:00+05:30")


@dataclass(frozen=True, kw_only=True)
class Noted(Event):
    """What the job of these tests does: it says so."""

    business_date: date


async def note(work: Work, branch_id: UUID, day: date) -> None:
    work.announce(Noted(branch_id=branch_id, subject_id=branch_id, business_date=day))


def job_at(*branch_ids: UUID, run: object = note, days_later: int = 0, name: str = "note") -> DailyJob:
    async def places(_: Work) -> list[Place]:
        return [Place(branch_id, ZONE, FIRST) for branch_id in branch_ids]

    return DailyJob(name, time(21, 45), places, run, days_later)  # type: ignore[arg-type]  # a test's own function


async def noted(database: Database) -> list[tuple[int, str]]:
    rows = await database.pool.fetch(
        "select branch_id, payload ->> 'business_date' as day from outbox_events order by id"
    )
    return [(UUID(bytes=row["branch_id"].bytes).int, row["day"]) for row in rows]


async def test_nothing_is_due_before_the_hour_and_one_run_at_it(database: Database) -> None:
    job = job_at(BRANCH)

    early = await due.tick(database, [job], now=EVENING - timedelta(microseconds=1))
    in_time = await due.tick(database, [job], now=EVENING)
    again = await due.tick(database, [job], now=EVENING + timedelta(minutes=1))

    assert (early, [run.business_date for run in in_time], again) == ([], [FIRST], [])
    assert await noted(database) == [(11, "2026-11-20")]


async def test_a_worker_that_was_off_for_three_days_does_three_runs_in_order(database: Database) -> None:
    done = await due.tick(database, [job_at(BRANCH)], now=EVENING + timedelta(days=2, hours=1))

    assert [run.business_date for run in done] == [date(2026, 11, day) for day in (20, 21, 22)]
    assert await noted(database) == [(11, "2026-11-20"), (11, "2026-11-21"), (11, "2026-11-22")]


async def test_four_workers_ticking_at_once_make_one_run(database: Database, database_url: str) -> None:
    others = [await Database.open(database_url, pool_size=2) for _ in range(3)]
    job = job_at(BRANCH, OTHER)

    async def worker(one: Database) -> None:
        for minute in range(TICKS):
            await due.tick(one, [job], now=EVENING + timedelta(minutes=minute % 60))

    await asyncio.gather(*(worker(one) for one in (database, *others)))
    for one in others:
        await one.close()

    assert sorted(await noted(database)) == [(11, "2026-11-20"), (12, "2026-11-20")]


async def test_four_workers_catch_up_in_the_order_of_the_dates(database: Database, database_url: str) -> None:
    others = [await Database.open(database_url, pool_size=2) for _ in range(3)]
    now = EVENING + timedelta(days=9)

    for _ in range(3):
        await asyncio.gather(*(due.tick(one, [job_at(BRANCH)], now=now) for one in (database, *others)))
    for one in others:
        await one.close()

    assert await noted(database) == [(11, f"2026-11-{20 + day}") for day in range(10)]


async def test_a_clock_put_back_or_forward_adds_no_second_run(database: Database) -> None:
    job = job_at(BRANCH)
    for hours in (0, -2, 0, 24, 0, -2, 24, 48):
        await due.tick(database, [job], now=EVENING + timedelta(hours=hours))

    assert await noted(database) == [(11, "2026-11-20"), (11, "2026-11-21"), (11, "2026-11-22")]


async def test_a_job_may_fall_due_on_a_later_day(database: Database) -> None:
    job = job_at(BRANCH, days_later=1)

    assert await due.tick(database, [job], now=EVENING) == []
    assert [run.business_date for run in await due.tick(database, [job], now=EVENING + timedelta(days=1))] == [FIRST]


@pytest.mark.parametrize(
    ("zone", "instant", "expected"),
    [
        ("Asia/Kolkata", "2026-11-20T16:14:59Z", date(2026, 11, 19)),
        ("Asia/Kolkata", "2026-11-20T16:15:00Z", date(2026, 11, 20)),
        ("Asia/Kathmandu", "2026-11-20T16:00:00Z", date(2026, 11, 20)),
        ("Asia/Kathmandu", "2026-11-20T15:59:59Z", date(2026, 11, 19)),
        ("America/New_York", "2026-11-21T02:45:00Z", date(2026, 11, 20)),
    ],
)
def test_the_hour_is_that_of_the_branch(zone: str, instant: str, expected: date) -> None:
    assert due.last_due(job_at(BRANCH), time_zone=zone, now=parse_instant(instant)) == expected


async def test_a_failure_leaves_nothing_holds_the_later_dates_back_and_is_tried_again(database: Database) -> None:
    is_broken = True

    async def fragile(work: Work, branch_id: UUID, day: date) -> None:
        await note(work, branch_id, day)
        if is_broken and branch_id == BRANCH:
            raise ArithmeticError

    job = job_at(BRANCH, OTHER, run=fragile)
    now = EVENING + timedelta(days=1)
    await due.tick(database, [job], now=now)
    others = await noted(database)
    await due.tick(database, [job], now=now)
    while_held = await noted(database)
    is_broken = False
    await database.pool.execute("update period_runs set held_until = clock_timestamp() where held_until is not null")
    await due.tick(database, [job], now=now)

    assert others == while_held == [(12, "2026-11-20"), (12, "2026-11-21")]
    assert (await noted(database))[2:] == [(11, "2026-11-20"), (11, "2026-11-21")]


async def test_a_date_that_always_fails_lets_the_later_ones_pass_in_the_end(database: Database) -> None:
    async def poisoned(work: Work, branch_id: UUID, day: date) -> None:
        if day == FIRST:
            raise ArithmeticError
        await note(work, branch_id, day)

    job = job_at(BRANCH, run=poisoned)
    now = EVENING + timedelta(days=1)
    for _ in range(due.ATTEMPTS_MAX + 1):
        await due.tick(database, [job], now=now)
        await database.pool.execute("update period_runs set held_until = null")

    assert await noted(database) == [(11, "2026-11-21")]


async def test_a_claim_that_was_taken_over_can_not_finish(database: Database) -> None:
    job = job_at(BRANCH)
    await database.run(SYSTEM, lambda work: due.insert_missing(work, job), now=EVENING)
    slow = await database.run(SYSTEM, lambda work: due.claim(work, job, lease=timedelta(0)))
    quick = await database.run(SYSTEM, lambda work: due.claim(work, job))
    assert slow is not None
    assert quick is not None

    async def effect(work: Work, run: due.Run) -> None:
        await due.finish(work, run)
        await note(work, run.branch_id, run.business_date)

    with pytest.raises(due.ClaimLost):
        await database.run(SYSTEM, lambda work: effect(work, slow))
    await database.run(SYSTEM, lambda work: effect(work, quick))
    with pytest.raises(due.ClaimLost):
        await database.run(SYSTEM, lambda work: effect(work, quick))
    assert await noted(database) == [(11, "2026-11-20")]


async def test_a_worker_that_was_overtaken_does_nothing(database: Database) -> None:
    job = job_at(BRANCH)
    slow = Overtaken(database, lambda: due.tick(database, [job], now=EVENING), calls_before=2)

    assert await due.tick(slow, [job], now=EVENING, lease=timedelta(0)) == []  # type: ignore[arg-type]  # runs commands
    assert await noted(database) == [(11, "2026-11-20")]


async def test_a_hold_from_before_the_clock_was_put_back_does_not_last(database: Database) -> None:
    job = job_at(BRANCH)
    await database.run(SYSTEM, lambda work: due.insert_missing(work, job), now=EVENING)
    held = "update period_runs set held_until = clock_timestamp() + "
    await database.pool.execute(held + "interval '30 seconds'")
    assert await due.tick(database, [job], now=EVENING) == []
    await database.pool.execute(held + "interval '2 hours'")
    assert len(await due.tick(database, [job], now=EVENING)) == 1


KILLED_WORKER = """
import asyncio, sys
from datetime import datetime, timedelta
from salonos.kernel import due
from salonos.kernel.database import Database
from tests.worker.test_due import BRANCH, EVENING, job_at

async def main():
    database = await Database.open(sys.argv[1], pool_size=2)
    await due.tick(database, [job_at(BRANCH)], now=EVENING, lease=timedelta(0))

asyncio.run(main())
"""


@pytest.mark.parametrize("point", ["due_claimed", "due_half_way", "before_commit"])
async def test_a_worker_killed_at_any_point_leaves_one_effect_after_the_next_tick(
    database: Database, database_url: str, point: str
) -> None:
    job = job_at(BRANCH)
    await database.run(SYSTEM, lambda work: due.insert_missing(work, job), now=EVENING)
    environment = os.environ | {"SALONOS_FAILPOINT": point, "PYTHONPATH": str(Path.cwd())}
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED_WORKER, database_url, env=environment, stderr=asyncio.subprocess.DEVNULL
    )
    assert await killed.wait() in {137, -signal.SIGKILL}

    await database.pool.execute("update period_runs set held_until = null")
    await due.tick(database, [job], now=EVENING)
    await due.tick(database, [job], now=EVENING)

    assert await noted(database) == [(11, "2026-11-20")]


async def test_without_the_fence_a_period_would_have_two_effects(database: Database) -> None:
    """The proof's own proof: what the tests above count does go wrong when the mechanism is taken away."""
    job = job_at(BRANCH)
    await database.run(SYSTEM, lambda work: due.insert_missing(work, job), now=EVENING)
    runs = [await database.run(SYSTEM, lambda work: due.claim(work, job, lease=timedelta(0))) for _ in range(2)]

    async def effect(work: Work, run: due.Run) -> None:
        await work.session.execute(text("update period_runs set done_at = :now"), {"now": work.now})
        await note(work, run.branch_id, run.business_date)

    first, second = runs
    assert first is not None
    assert second is not None
    await database.run(SYSTEM, lambda work: effect(work, first))
    await database.run(SYSTEM, lambda work: effect(work, second))

    assert await noted(database) == [(11, "2026-11-20")] * 2


async def test_catching_up_goes_back_a_bounded_time(database: Database) -> None:
    async def places(_: Work) -> list[Place]:
        return [Place(BRANCH, ZONE, date(2000, 1, 1))]

    now = datetime.fromisoformat("2026-11-20T22:00:00+05:30")
    job = DailyJob("note", time(21, 45), places, note)
    await database.run(SYSTEM, lambda work: due.insert_missing(work, job), now=now)

    counted = await database.pool.fetchrow("select count(*) as n, min(business_date) as first from period_runs")
    assert counted is not None
    assert (counted["n"], counted["first"]) == (due.CATCH_UP.days + 1, FIRST - due.CATCH_UP)
