"""A request that takes too long is ended where it waits, and only that one."""

import asyncio

import pytest

from salonos.edge import deadlines
from salonos.edge.deadlines import Deadlines


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "LOOK_S", 0.01)


async def test_a_late_block_hears_of_it() -> None:
    kept = Deadlines()

    with pytest.raises(TimeoutError), kept.within(0.02):
        await asyncio.Event().wait()

    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await kept.stop()


async def test_a_block_in_time_hears_nothing() -> None:
    kept = Deadlines()

    with kept.within(60.0):
        await asyncio.sleep(0.05)

    assert not kept._kept
    await kept.stop()


async def test_a_cancelled_block_stays_cancelled() -> None:
    kept = Deadlines()

    async def held() -> None:
        with kept.within(60.0):
            await asyncio.Event().wait()

    task = asyncio.create_task(held())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert not kept._kept
    await kept.stop()


async def test_an_error_of_a_late_block_is_its_own() -> None:
    kept = Deadlines()

    async def stubborn() -> None:
        with kept.within(0.02):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise KeyError("its own") from None

    with pytest.raises(KeyError):
        await stubborn()
    await kept.stop()
