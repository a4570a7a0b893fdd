"""G28: processes are restarted one after the other under load; no acknowledged sale is lost or doubled, no event missed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from salonos.kernel.work import FAILPOINT
from tests.faults import served as serving
from tests.faults.fleet import Fleet, a_sale
from tests.faults.proxy import proxied

PROVE = bool(os.environ.get("SALONOS_PROVE"))
RESTARTS, EVERY_S = (15, 20.0) if PROVE else (3, 0.0)
TILLS, SCREENS = 4, 3
PATIENCE_S = 120.0
BETWEEN = 8
"""So many sales at least between two restarts."""
SAYS_COMPLETE = (
    "import runpy, sys; from salonos.edge import endpoint; endpoint.CUT = endpoint.COMPLETE; "
    "sys.argv[1:] = ['serve']; runpy.run_module('salonos.edge', run_name='__main__')"
)
"""A process that ends its streams, when it stops, as if there were nothing more to come."""


@pytest.fixture
async def url(database_url: str) -> str:
    await serving.furnish(database_url)
    return database_url


@asynccontextmanager
async def working(fleet: Fleet, *, screens: int = SCREENS) -> AsyncIterator[None]:
    """Tills and screens at work, one of them on an event stream; at the end every sale that was begun is acknowledged."""
    given = await a_sale(fleet.url)
    fleet.seen = [[] for _ in range(screens)]
    following = [asyncio.create_task(fleet.follow_stream(seen)) for seen in fleet.seen[:1]]
    following += [asyncio.create_task(fleet.follow(seen)) for seen in fleet.seen[1:]]
    selling = fleet.selling
    try:
        assert await fleet.told(lambda: fleet.listening == screens, within_s=60)
        selling += [asyncio.create_task(fleet.sell(given)) for _ in range(TILLS)]
        yield
        fleet.is_over = True
        await fleet.note()
        await asyncio.wait_for(asyncio.gather(*selling), 60)
        await fleet.told(lambda: all(set(fleet.acknowledged) <= set(seen) for seen in fleet.seen), within_s=PATIENCE_S)
    finally:
        for task in (*selling, *following):
            task.cancel()
        await asyncio.gather(*selling, *following, return_exceptions=True)


@asynccontextmanager
async def fleet_of(url: str, folder: Path, processes: int, **how: Any) -> AsyncIterator[Fleet]:
    async with proxied() as (proxy, port):
        made = Fleet(url, proxy, port, folder, **how)
        try:
            for _ in range(processes):
                await made.add()
            made.token = await asyncio.to_thread(made.processes[0].sign_in, "owner")
            yield made
        finally:
            made.end()


async def sold(fleet: Fleet, more: int) -> None:
    """Until so many more sales are acknowledged."""
    enough = len(fleet.acknowledged) + more
    came = await fleet.told(lambda: len(fleet.acknowledged) >= enough or fleet.failed(), within_s=60)
    assert not fleet.failed(), [each.result() for each in fleet.failed()]
    assert came, (len(fleet.acknowledged), enough, fleet.retried)


async def roll(fleet: Fleet) -> list[int]:
    """Restarts each process in turn, and tells how each of them ended."""
    codes: list[int] = []
    for restart in range(RESTARTS):
        await sold(fleet, BETWEEN)
        await fleet.told(lambda: False, within_s=EVERY_S)
        codes.append(await fleet.replace(restart % 3))
    await sold(fleet, BETWEEN)
    return codes


async def test_a_rolling_restart_under_load_loses_doubles_and_misses_nothing(url: str, tmp_path: Path) -> None:
    async with fleet_of(url, tmp_path, 3) as fleet:
        async with working(fleet):
            codes = await roll(fleet)
        found = await fleet.report()

    assert codes == [-signal.SIGTERM] * RESTARTS, "the server passes the signal on once it has finished"
    assert (found.lost, found.doubled, found.missed) == (0, 0, 0)
    assert found.acknowledged >= BETWEEN * (RESTARTS + 1)
    assert found.resumed >= SCREENS


@pytest.mark.parametrize("keeps_keys", [True, False])
async def test_a_sale_whose_process_dies_behind_its_commit_is_there_once_thanks_to_its_key(
    url: str, tmp_path: Path, *, keeps_keys: bool
) -> None:
    async with fleet_of(url, tmp_path, 1, keeps_keys=keeps_keys) as fleet:
        dying = await fleet.add(**{FAILPOINT: "after_commit"})
        async with working(fleet, screens=0):
            await asyncio.to_thread(dying.process.wait, serving.ANSWER_S)
            await sold(fleet, BETWEEN)
        found = await fleet.report()

    assert dying.process.returncode == 137
    assert found.lost == 0
    assert found.retried >= 1
    assert (found.doubled == 0) is keeps_keys


async def test_the_proof_fails_when_screens_do_not_resume(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.faults.test_rolling.PATIENCE_S", 2.0)
    async with fleet_of(url, tmp_path, 2, keeps_cursors=False) as fleet:
        async with working(fleet):
            for place in range(2):
                await sold(fleet, BETWEEN)
                await fleet.replace(place)
            await sold(fleet, BETWEEN)
        found = await fleet.report()

    assert (found.lost, found.doubled) == (0, 0)
    assert found.missed > 0


async def test_the_proof_fails_when_a_process_ends_its_streams_with_complete(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.faults.test_rolling.PATIENCE_S", 2.0)
    async with fleet_of(url, tmp_path, 2, words=("-c", SAYS_COMPLETE)) as fleet:
        async with working(fleet, screens=1):
            for place in range(2):
                await sold(fleet, BETWEEN)
                await fleet.replace(place)
            await sold(fleet, BETWEEN)
        found = await fleet.report()

    assert (found.lost, found.doubled) == (0, 0)
    assert found.missed > 0
