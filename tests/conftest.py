"""What every test may ask for: a database of its own, the Redis of the run, a counter of statements."""

import logging
import os
from collections.abc import AsyncIterator, Iterator

import pytest

from salonos.kernel import crypto
from salonos.kernel import database as kernel_database
from salonos.kernel.database import Database
from tests import servers
from tests.statements import Statements

pytest_configure = servers.pytest_configure
SECRET = b"a secret for tests of forty bytes length"


@pytest.fixture(autouse=True)
def keys() -> None:
    """The keys of this process."""
    crypto.configure(crypto.Keyring(SECRET))


@pytest.fixture(autouse=True)
def log() -> Iterator[None]:
    """The process's log is as it was, whatever a test started in it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
async def database_url() -> AsyncIterator[str]:
    """The address of a migrated database that only this test uses."""
    name = servers.spares.take()
    yield servers.url_of(name)
    servers.spares.give_back(name)


@pytest.fixture
async def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A migrated, empty database, opened. Whoever waits for a lock of it waits for as long as a busy machine needs."""
    settings = {**kernel_database.connection_settings(), "lock_timeout": "60s", "statement_timeout": "60s"}
    with monkeypatch.context() as patient:
        patient.setattr(kernel_database, "connection_settings", lambda: settings)
        opened = await Database.open(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def redis_url() -> str:
    """The address of the run's Redis-compatible server; tests use keys or numbers of their own."""
    return os.environ[servers.REDIS]


@pytest.fixture
def statements(database: Database) -> Statements:
    """Counts what the database is asked: `with statements.counted() as asked: ...`, then `len(asked)`."""
    return Statements(database)
