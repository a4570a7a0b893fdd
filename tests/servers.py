"""The suite's own PostgreSQL and Valkey, and a fresh database for each test.

Each process that runs tests (an xdist worker, or pytest itself) starts servers of its own: a transaction that a test
holds open delays the events of every database of its server, so that tests of two processes would wait for each other.
It makes a migrated template database; a thread copies it ahead of the tests, since a copy takes as long as many a test.
Nothing here survives the run, so it lies in memory where the system has room for it: a database is a thousand files.
"""

import asyncio
import contextlib
import fcntl
import os
import queue
import shutil
import tempfile
import threading
import time
from pathlib import Path

import asyncpg
import pytest

from salonos import embedded
from salonos.kernel import migrations
from salonos.kernel.database import plain_url
from salonos.kernel.ids import new_id

DATABASE = "SALONOS_TEST_DATABASE_URL"
REDIS = "SALONOS_TEST_REDIS_URL"
TEMPLATE = "template_salonos"
MEMORY = Path("/dev/shm")
MEMORY_BYTES_MIN = 4 * 1024**3
PREFIX = "salonos-test-"
LEFT_BEHIND_S = 3600
AHEAD = 2
"""So many databases wait for their test."""
PATIENCE_S = 60
"""A copy or a removal that takes longer never ends."""


class Spares:
    """Databases made ahead, and removed behind, by a thread."""

    def __init__(self) -> None:
        self._made: queue.Queue[str | Exception] = queue.Queue()
        self._orders: queue.Queue[tuple[str, bool] | None] = queue.Queue()
        self._thread = threading.Thread(target=asyncio.run, args=(self._work(),), name="spare-databases")

    def start(self) -> None:
        """Begins with some."""
        self._thread.start()
        for _ in range(AHEAD):
            self._order_another()

    def take(self) -> str:
        """The name of a database that nobody has used."""
        self._order_another()
        made = self._made.get(timeout=2 * PATIENCE_S)
        if isinstance(made, Exception):
            raise made
        return made

    def give_back(self, name: str) -> None:
        """A database that is not needed any more."""
        self._orders.put((name, False))

    def stop(self) -> None:
        """Ends the thread, if it ever began: what kept it from that is told, not this."""
        self._orders.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _order_another(self) -> None:
        self._orders.put((f"test_{new_id().hex}", True))

    async def _work(self) -> None:
        while order := await asyncio.to_thread(self._orders.get):
            name, is_new = order
            try:
                await (create_database(name) if is_new else drop_database(name))
            except Exception as error:  # noqa: BLE001  whoever takes the next database is told
                self._made.put(error)
            else:
                if is_new:
                    self._made.put(name)


spares = Spares()


class TestServers:
    """A pytest plugin of a process that runs tests; the processes that it starts find the addresses in its environment."""

    __test__ = False

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_roomy_memory()))
        self.servers: embedded.Servers | None = None

    def start(self) -> None:
        """Starts the servers and makes the template."""
        _sweep(self.home.parent)
        self.servers = embedded.start(self.home, is_durable=False)
        os.environ[DATABASE] = self.servers.database_url
        os.environ[REDIS] = self.servers.redis_url
        os.environ["SALONOS_FORGETFUL_DATABASE"] = "1"  # the suite's server does without fsync
        asyncio.run(self._make_template())
        spares.start()

    async def _make_template(self) -> None:
        await create_database(TEMPLATE, template="template0")
        await migrations.upgrade(url_of(TEMPLATE))

    def pytest_unconfigure(self) -> None:
        """Ends what `start` started."""
        if self.servers is not None:
            spares.stop()
            self.servers.stop()
        shutil.rmtree(self.home, ignore_errors=True)


def _roomy_memory() -> Path | None:
    """The system's folder in memory; None where it has none, or a small one."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES_MIN else None


def _sweep(folder: Path) -> None:
    """Removes what runs that were killed left behind: an hour old, and its lock held by nobody."""
    for home in folder.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), (home / "lock").open() as lock:
            if time.time() - home.stat().st_mtime > LEFT_BEHIND_S:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(home, ignore_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    """Registered through conftest: starts the servers of a process that runs tests."""
    leaves_it_to_workers = not hasattr(config, "workerinput") and config.option.numprocesses
    if leaves_it_to_workers or config.option.collectonly:
        return
    servers = TestServers()
    config.pluginmanager.register(servers, "salonos-servers")
    servers.start()


def url_of(name: str) -> str:
    """The address of a database of the suite's server."""
    return os.environ[DATABASE].replace("@/salonos", f"@/{name}")


async def create_database(name: str, *, template: str = TEMPLATE) -> None:
    """A new database, a copy of another."""
    owner = await asyncpg.connect(plain_url(os.environ[DATABASE]), command_timeout=PATIENCE_S)
    try:
        await owner.execute(f'create database "{name}" template "{template}" strategy file_copy')
    finally:
        await owner.close()


async def drop_database(name: str) -> None:
    """Removes a database with whoever is still connected."""
    owner = await asyncpg.connect(plain_url(os.environ[DATABASE]), command_timeout=PATIENCE_S)
    try:
        await owner.execute(f'drop database "{name}" with (force)')
    finally:
        await owner.close()
