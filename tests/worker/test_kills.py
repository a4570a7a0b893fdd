"""G11, G12: workers killed at random points and Redis emptied again and again; every effect is there once.

With `make prove`: ten thousand jobs, a hundred kills, five floods.
"""

import asyncio
import os
import random  # noqa: TID251  kills come at random, from a seed
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

from redis.asyncio import Redis

from salonos.kernel import due
from salonos.kernel.database import Database
from tests.worker.test_due import BRANCH, EVENING, OTHER, TICKS, job_at, noted
from tests.worker.test_relay import answered, ring

PROVE = bool(os.environ.get("SALONOS_PROVE"))
JOBS, KILLS, FLUSHES = (10_000, 100, 5) if PROVE else (120, 4, 2)

WORKER = """
import asyncio, sys
from datetime import timedelta
from salonos.kernel.database import Database
from tests.worker.test_due import EVENING, BRANCH, OTHER, job_at
from tests.worker.test_relay import LISTENERS
from worker.main import Process

async def main():
    database = await Database.open(sys.argv[1], pool_size=4)
    process = Process(database, sys.argv[2], listeners=LISTENERS, daily=(), queue_name="kills")
    process.relay.patience, process.relay.sweep_s = timedelta(seconds=1), 0.2
    await process.run()

asyncio.run(main())
"""

TICKER = """
import asyncio, sys
from datetime import timedelta
from salonos.kernel import due
from salonos.kernel.database import Database
from tests.worker.test_due import BRANCH, EVENING, OTHER, job_at

async def main():
    database = await Database.open(sys.argv[1], pool_size=2)
    for day in range(int(sys.argv[2])):
        await due.tick(database, [job_at(BRANCH, OTHER)], now=EVENING + timedelta(days=day), lease=timedelta(seconds=1))

asyncio.run(main())
"""


async def start(code: str, *arguments: str) -> "asyncio.subprocess.Process":
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *arguments, env=environment, stderr=asyncio.subprocess.DEVNULL
    )


async def test_no_job_is_lost_and_none_done_twice_by_kills_and_an_emptied_redis(
    database: Database, database_url: str, redis_url: str
) -> None:
    own = f"{redis_url}?db=9"
    redis = Redis.from_url(own)
    chance = random.Random(12)
    killed = 0
    process = await start(WORKER, database_url, own)
    async with asyncio.timeout(3600 if PROVE else 120):
        for number in range(JOBS):
            await ring(database, number)
            if chance.random() < FLUSHES / JOBS:
                await redis.flushdb()
            if killed < KILLS and number * KILLS >= (killed + 0.5) * JOBS:
                while not await answered(database):  # noqa: ASYNC110  rows of another process's work
                    await asyncio.sleep(0.05)
                await asyncio.sleep(chance.random() * 0.2)
                process.kill()
                await process.wait()
                killed += 1
                await redis.flushdb()
                await database.pool.execute("update jobs set leased_until = clock_timestamp() where status = 'RUNNING'")
                process = await start(WORKER, database_url, own)
        while len(await answered(database)) < JOBS:  # noqa: ASYNC110  rows of another process's work
            await asyncio.sleep(0.1)
    process.kill()
    await process.wait()
    await redis.aclose()

    assert killed == KILLS
    assert await answered(database) == list(range(JOBS))
    assert await database.pool.fetchval("select count(*) from jobs") == JOBS


async def test_each_period_has_one_effect_however_often_its_worker_is_killed(
    database: Database, database_url: str
) -> None:
    days = TICKS // 10 if PROVE else 6
    chance = random.Random(11)
    for _ in range(KILLS):
        process = await start(TICKER, database_url, str(days))
        while not await noted(database):  # noqa: ASYNC110  rows of another process's work
            await asyncio.sleep(0.02)
        await asyncio.sleep(chance.random() * 0.5)
        if process.returncode is None:
            process.kill()
        await process.wait()
        await database.pool.execute(
            "update period_runs set held_until = clock_timestamp() where held_until is not null"
        )
    last = EVENING + timedelta(days=days - 1)
    await due.tick(database, [job_at(BRANCH, OTHER)], now=last)

    assert set(Counter(await noted(database)).values()) == {1}
    assert len(await noted(database)) == 2 * days
