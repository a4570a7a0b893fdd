"""The worker as a process: it does what is due at its start, and ends cleanly when it is told to."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from salonos.bills.commands import NewLine
from salonos.kernel.database import Database
from salonos.settings import SettingWrong
from tests.closing.makers import DAY, NOON, open_shop
from worker import main

SECRET = "a secret for tests of forty bytes length"
AT = NOON + timedelta(hours=9, minutes=45)


@asynccontextmanager
async def worker(url: str, redis_url: str, home: Path) -> AsyncIterator["asyncio.subprocess.Process"]:
    """A worker on a clock that stands at 21:45; killed if it does not end by itself."""
    environment = os.environ | {
        "DATABASE_URL": url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": SECRET,
        "SALONOS_DEMO": "1",
        "SALONOS_HOME": str(home),
        "SALONOS_SET_CLOCK": AT.isoformat(),
        "PYTHONPATH": str(Path.cwd()),
    }
    code = "from salonos.settings import Settings; from worker.main import run; run(Settings.read())"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def until(database: Database, question: str, *values: Any) -> None:
    """Asks until the answer is true."""
    async with asyncio.timeout(30):
        while not await database.pool.fetchval(question, *values):  # noqa: ASYNC110  rows of another process's work
            await asyncio.sleep(0.1)


SUMMARISED = "select exists (select from day_summaries where business_date = $1 and bill_count = 1)"


@pytest.mark.parametrize("has_redis", [True, False])
async def test_a_worker_does_what_is_due_at_its_start_and_ends_when_told_to(
    database: Database, database_url: str, redis_url: str, tmp_path: Path, *, has_redis: bool
) -> None:
    shop = await open_shop(database)
    await shop.sell(NewLine(service_id=shop.haircut_id), due_paise=78_800)
    redis = redis_url if has_redis else f"unix://{tmp_path}/nobody.sock"

    async with worker(database_url, redis, tmp_path) as process:
        await until(database, SUMMARISED, DAY)
        await until(database, "select count(*) = 2 and bool_and(status = 'DONE') from jobs")
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            _, log = await process.communicate()

    assert process.returncode == 0
    assert b"Traceback" not in log
    assert SECRET.encode() not in log
    assert await database.pool.fetchval("select count(*) from outbox_events where kind = 'DaySummarised'") == 40


async def test_a_worker_waits_for_a_database_that_is_not_there_yet(tmp_path: Path, redis_url: str) -> None:
    async with worker(f"postgresql://salonos@/salonos?host={tmp_path}", redis_url, tmp_path) as process:
        assert process.stderr is not None
        async with asyncio.timeout(20):
            line = await process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            assert await process.wait() == 0

    assert b"the database can't be reached yet" in line


def test_a_worker_needs_a_database() -> None:
    with pytest.raises(SettingWrong):
        main.run(SimpleNamespace(database_url=None))  # type: ignore[arg-type]  # all that is looked at
