"""Whatever bytes chance makes, the answer is no 5xx, no trace is written, nobody waits and nothing grows (G23)."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import served as serving
from tests.faults.fuzzing import Outcome, fuzz
from tests.faults.served import Served
from tests.faults.vanishing import held, metrics, until_back

IS_PROVING = bool(os.environ.get("SALONOS_PROVE"))
TIMES = 100_000 if IS_PROVING else 2_000
SEED = int(os.environ.get("SALONOS_FUZZ_SEED", "20261123"))
CHUNK = 10_000
STALL_S = 0.1
GROWTH_BYTES_MAX = 128 << 20
"""The caches of documents and plans fill up to their bounds; beyond them nothing may grow."""


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Served]:
    """A process that measures its stalls and lets one client ask as much as it likes."""
    more = {"SALONOS_OBJECTS_PER_SECOND": "1000000000", "SALONOS_SOCKETS_PER_DEVICE": "1000", "SALONOS_WATCHDOG": "1"}
    with serving.alone(tmp_path, **more) as made:
        yield made


async def test_g23_what_chance_sends_is_answered_without_a_fault(watched: Served) -> None:
    await fuzz(watched, SEED - 1, range(TIMES // 10), Outcome())
    baseline = await until_back(watched, await held(watched))
    await metrics(watched)

    outcome = Outcome()
    for first in range(0, TIMES, CHUNK):
        watched.owner = watched.sign_in("owner")  # a token lives for fifteen minutes
        await fuzz(watched, SEED, range(first, min(first + CHUNK, TIMES)), outcome)

    told = await metrics(watched)
    after = await held(watched)
    print(f"\n{outcome.statuses} {outcome.closes} silent {outcome.silent}")  # noqa: T201  the figures of the proof
    print(f"wait {told['salonos_loop_wait_seconds_max']:.3f} s, work {told['salonos_loop_work_seconds_max']:.3f} s")  # noqa: T201
    print(f"grown {(after.resident_bytes - baseline.resident_bytes) / (1 << 20):.1f} MiB")  # noqa: T201
    assert outcome.faults == []
    for word in ("Traceback", '"a bug"', '"status":5', "Exception in ASGI"):
        assert word not in watched.written()
    assert outcome.statuses[200] > TIMES // 20
    assert outcome.statuses[400] > TIMES // 20
    assert after.resident_bytes - baseline.resident_bytes < GROWTH_BYTES_MAX
    if IS_PROVING:
        assert told["salonos_loop_work_seconds_max"] <= STALL_S
    assert watched.ask("{ viewer { username } }", authorization=f"Bearer {watched.owner}").status_code in {200, 401}


async def test_g23_the_proof_sees_a_5xx(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        writer.write(b"HTTP/1.1 500 Internal Server Error\r\n\r\n")
        writer.close()

    failing = await asyncio.start_server(fail, "127.0.0.1", 0)
    monkeypatch.setattr(served, "port", failing.sockets[0].getsockname()[1])
    outcome = Outcome()
    async with failing:
        await fuzz(served, SEED, range(7), outcome)

    assert len(outcome.faults) == 7
