"""A process that would acknowledge bills to a forgetful PostgreSQL does not start (G1)."""

import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from salonos import embedded
from salonos.kernel import migrations
from salonos.kernel.database import DURABLE_SETTINGS, Database, Forgetful, plain_url
from salonos.settings import DATABASE_EXIT
from tests.faults.served import SECRET

PARTS = {"serve": ["salonos.edge", "serve"], "worker": ["worker"]}


def started(part: str, url: str, redis_url: str, home: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"SALONOS_HOME": str(home), "DATABASE_URL": url, "REDIS_URL": redis_url, "SECRET_KEY": SECRET, "SALONOS_FORGETFUL_DATABASE": "0", **more}  # fmt: skip
    command = [*embedded.dies_with_parent("KILL"), sys.executable, "-m", *PARTS[part]]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_does_not_start_on_a_server_that_forgets_at_a_power_cut(
    part: str, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    ended = started(part, database_url, redis_url, tmp_path)

    assert ended.returncode == DATABASE_EXIT
    assert ended.stderr.splitlines()[-1] == (
        "PostgreSQL has fsync and full_page_writes and synchronous_commit off: a power cut would lose bills that were "
        "acknowledged. Turn it on in postgresql.conf (or with ALTER SYSTEM) and start SalonOS again."
    )
    assert "Traceback" not in ended.stderr


async def test_each_of_the_settings_is_named(database_url: str) -> None:
    owner = await asyncpg.connect(plain_url(database_url))
    name = await owner.fetchval("select current_database()")
    await owner.execute(f'alter database "{name}" set synchronous_commit to on')
    await owner.close()
    database = await Database.open(database_url)

    with pytest.raises(Forgetful) as refused:
        await database.refuse_forgetful()

    await database.close()
    assert refused.value.names == ("fsync", "full_page_writes")
    assert set(DURABLE_SETTINGS) == {"fsync", "full_page_writes", "synchronous_commit"}


async def test_a_durable_server_is_accepted(tmp_path: Path) -> None:
    with embedded.running(tmp_path) as servers:
        await migrations.upgrade(servers.database_url)
        database = await Database.open(servers.database_url)
        await database.refuse_forgetful()
        await database.close()
