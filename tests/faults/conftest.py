"""One API process for the folder's tests; at the end it must still live and have told of no bug."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from salonos.kernel.ids import new_id
from tests import servers
from tests.faults import served as serving

Target = serving.Served


@pytest.fixture(scope="session")
def served() -> Iterator[serving.Served]:
    """A salon with an owner and a stylist, served by a process of its own."""
    name = f"test_{new_id().hex}"
    asyncio.run(servers.create_database(name))
    asyncio.run(serving.furnish(servers.url_of(name)))
    with tempfile.TemporaryDirectory(prefix="salonos-") as folder:
        made = serving.serve(servers.url_of(name), os.environ[servers.REDIS], Path(folder) / "api.log")
        made.owner, made.stylist = made.sign_in("owner"), made.sign_in("stylist")
        yield made
        made.process.terminate()
        made.process.wait(serving.ANSWER_S)
    asyncio.run(servers.drop_database(name))


@pytest.fixture
def target(served: serving.Served) -> serving.Served:
    """The process, for tests that look at its answers only."""
    return served


@pytest.fixture
def unharmed(served: serving.Served) -> Iterator[serving.Served]:
    """The process, which after the test answers as before and has written no trace, no token and no canary."""
    written = len(served.written())
    yield served
    assert served.ask("{ viewer { username } }", authorization=f"Bearer {served.owner}").json() == {
        "data": {"viewer": {"username": "owner"}}
    }
    told = served.written()[written:]
    for word in ("Traceback", '"a bug"', "canary", served.owner, served.stylist, serving.PASSWORD):
        assert word not in told
