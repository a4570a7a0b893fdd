"""The suite's own PostgreSQL and Valkey: started once per run, a fresh database for each test.

The first process of a run (the xdist controller, or pytest itself) starts the servers and makes a migrated template
database; every test copies it, which takes some thirty milliseconds. Nothing here survives the run.
"""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

import asyncpg
import pytest

from salonos import embedded
from salonos.kernel import migrations
from salonos.kernel.database import plain_url

DATABASE = "SALONOS_TEST_DATABASE_URL"
REDIS = "SALONOS_TEST_REDIS_URL"
TEMPLATE = "template_salonos"


class TestServers:
    """A pytest plugin of the first process; its workers find the addresses in the environment."""

    __test__ = False

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="salonos-test-"))
        self.servers: embedded.Servers | None = None

    def start(self) -> None:
        """Starts the servers and makes the template."""
        self.servers = embedded.start(self.home, is_durable=False)
        os.environ[DATABASE] = self.servers.database_url
        os.environ[REDIS] = self.servers.redis_url
        os.environ["SALONOS_FORGETFUL_DATABASE"] = "1"  # the suite's server does without fsync
        asyncio.run(self._make_template())

    async def _make_template(self) -> None:
        await create_database(TEMPLATE, template="template0")
        await migrations.upgrade(url_of(TEMPLATE))

    def pytest_unconfigure(self) -> None:
        """Ends what `start` started."""
        if self.servers is not None:
            self.servers.stop()
        shutil.rmtree(self.home, ignore_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    """Registered through conftest: starts the servers in the first process only."""
    if hasattr(config, "workerinput") or DATABASE in os.environ or config.option.collectonly:
        return
    servers = TestServers()
    config.pluginmanager.register(servers, "salonos-servers")
    servers.start()


def url_of(name: str) -> str:
    """The address of a database of the suite's server."""
    return os.environ[DATABASE].replace("@/salonos", f"@/{name}")


async def create_database(name: str, *, template: str = TEMPLATE) -> None:
    """A new database, a copy of another."""
    owner = await asyncpg.connect(plain_url(os.environ[DATABASE]))
    try:
        await owner.execute(f'create database "{name}" template "{template}" strategy wal_log')
    finally:
        await owner.close()


async def drop_database(name: str) -> None:
    """Removes a database with whoever is still connected."""
    owner = await asyncpg.connect(plain_url(os.environ[DATABASE]))
    try:
        await owner.execute(f'drop database "{name}" with (force)')
    finally:
        await owner.close()
