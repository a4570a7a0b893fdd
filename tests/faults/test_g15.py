"""Clients that vanish leave nothing behind: tasks, sockets, subscriptions, connections and memory come back (G15)."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from salonos.kernel.ids import new_id
from tests import servers
from tests.faults import served as serving
from tests.faults.served import Served
from tests.faults.vanishing import held, until_back, vanish

TIMES = 10_000 if os.environ.get("SALONOS_PROVE") else 1_000
GROWTH_BYTES_MAX = 10 << 20
ROOM = {
    "SALONOS_SOCKETS_PER_DEVICE": "10000",
    "SALONOS_OBJECTS_PER_SECOND": "1000000000",
    "SALONOS_DATABASE_POOL": "2",  # the first clients fill the pools: a connection that is opened later is no leak
}
LEAKING = """
import sys
from salonos.graph import live
class Kept(set):
    def discard(self, each):
        pass
begin = live.Live.__init__
def made(self, engine):
    begin(self, engine)
    self.subscribers = Kept()
live.Live.__init__ = made
sys.argv = ["salonos.edge", "serve"]
import runpy
runpy.run_module("salonos.edge", run_name="__main__")
"""


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Served]:
    """A process that lets one device open as many sockets as it likes."""
    with serving.alone(tmp_path, **ROOM) as made:
        yield made


@pytest.fixture
def leaking(tmp_path: Path) -> Iterator[Served]:
    """The same with a list of subscriptions that forgets nothing."""
    name = f"test_{new_id().hex}"
    asyncio.run(servers.create_database(name))
    asyncio.run(serving.furnish(servers.url_of(name)))
    made = serving.serve(
        servers.url_of(name), os.environ[servers.REDIS], tmp_path / "api.log", words=("-c", LEAKING), **ROOM
    )
    made.owner = made.sign_in("owner")
    yield made
    made.process.kill()
    made.process.wait()
    asyncio.run(servers.drop_database(name))


async def test_g15_a_thousand_clients_that_vanish_leave_nothing_behind(patient: Served) -> None:
    await vanish(patient, 150)  # what is loaded, pooled and cached the first time is no leak
    baseline = await until_back(patient, await held(patient))

    await vanish(patient, TIMES)

    after = await until_back(patient, baseline)
    grown = after.resident_bytes - baseline.resident_bytes
    print(f"\n{TIMES} clients, {grown / (1 << 20):.1f} MiB grown, {after} where {baseline} was")  # noqa: T201  the figures
    assert (after.sockets, after.subscriptions) == (0, 0)
    assert grown < GROWTH_BYTES_MAX
    assert "Traceback" not in patient.written()


async def test_g15_the_proof_sees_a_subscription_that_is_kept(leaking: Served) -> None:
    baseline = await held(leaking)

    await vanish(leaking, 6)

    with pytest.raises(AssertionError, match="subscriptions=6"):
        await until_back(leaking, baseline, within_s=2)
