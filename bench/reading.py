"""The list and the single bill: SalonOS beside a hand-written server and beside what others build, on one database.

One process each; one load tool; the servers take turns within every round, so that whatever else the machine does meets
all of them. Figures are ratios to (a); on a noisy machine nothing else means anything.
"""

import contextlib
import itertools
import platform
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from bench.ground import Ground, free_port
from bench.load import Loaded, Target, load
from bench.operations import Asked
from bench.rivals import Rival, same_words
from bench.seed import seed
from salonos.kernel.database import plain_url

BILLS = 20_000
CONNECTIONS = (1, 16, 64)
HAND, OURS = "(a) by hand", "(b) SalonOS"


@dataclass
class Contest:
    """The servers under load and what each run saw, by operation, connections and server."""

    targets: dict[str, Target] = field(default_factory=dict)
    bodies: dict[str, dict[str, bytes]] = field(default_factory=dict)
    seen: dict[tuple[str, int, str], list[Loaded]] = field(default_factory=dict)

    def round(self, *, seconds: int, is_counted: bool) -> None:
        """Every operation at every number of connections, the servers in an order of chance."""
        for operation, bodies in self.bodies.items():
            for connections in CONNECTIONS:
                for name in random.sample(list(bodies), len(bodies)):
                    loaded = load(self.targets[name], bodies[name], connections=connections, seconds=seconds)
                    if is_counted:
                        self.seen.setdefault((operation, connections, name), []).append(loaded)

    def table(self) -> Iterator[str]:
        """Markdown: medians over the rounds of each round's ratio to (a), and the processor time of a request."""
        yield "| operation | connections | server | requests/s to (a) | p99 to (a) | server CPU a request |"
        yield "|---|---|---|---|---|---|"
        for (operation, connections, name), runs in sorted(self.seen.items()):
            hand = self.seen[operation, connections, HAND]
            pace = median(run.requests_per_s / base.requests_per_s for run, base in zip(runs, hand, strict=True))
            tail = median(run.p99_ms / base.p99_ms for run, base in zip(runs, hand, strict=True))
            cpu = median(run.cpu_us for run in runs)
            yield f"| {operation} | {connections} | {name} | {pace:.2f} | {tail:.2f} | {cpu:.0f} µs |"


def ask(target: Target, body: bytes, *, key: str = "") -> Any:
    """One answer, decoded.

    Raises: RuntimeError where it has errors.
    """
    headers = {"content-type": "application/json", "idempotency-key": key, **dict(target.headers)}
    answer = httpx.post(f"http://127.0.0.1:{target.port}/graphql", content=body, headers=headers, timeout=60).json()
    if answer.get("errors"):
        raise RuntimeError(answer["errors"])
    return answer


async def measure(on: Ground, *, rounds: int, seconds: int, rivals: list[Rival]) -> Iterator[str]:
    """The list and the single bill, against everybody."""
    await seed(on.database_url, bills=BILLS)
    token, mine = await on.sign_in("manager"), await asked_by_manager(on)
    ours = same_words(mine)
    contest = Contest(bodies={operation: {} for operation in ours})
    with contextlib.ExitStack() as running:
        for name, open_server in ((HAND, hand_server), (OURS, our_server)):
            contest.targets[name] = running.enter_context(open_server(on, token))
            for operation, body in ours.items():
                contest.bodies[operation][name] = body
        for rival in rivals:
            contest.targets[rival.name] = running.enter_context(rival.running(on, token))
            for operation, body in rival.bodies(mine).items():
                contest.bodies[operation][rival.name] = body
        for operation, body in ours.items():
            found = ask(contest.targets[OURS], body)
            if found != ask(contest.targets[HAND], body):
                raise RuntimeError(f"{HAND} and {OURS} differ in {operation}")
            for rival in rivals:
                rival.check(operation, found, ask(contest.targets[rival.name], contest.bodies[operation][rival.name]))
        for number in range(rounds + 1):
            await renew(contest, on)
            contest.round(seconds=seconds, is_counted=number > 0)
            print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
    return itertools.chain(contest.table(), versions(on, rivals))


def versions(on: Ground, rivals: list[Rival]) -> Iterator[str]:
    """What was measured."""
    yield ""
    yield f"- all: PostgreSQL {on.servers.ask('show server_version')}, {BILLS} bills, one process each"
    yield f"- {HAND}, {OURS}: {_versions('asyncpg', 'starlette', 'uvicorn', 'uvloop')}, Python {platform.python_version()}"
    for rival in rivals:
        yield f"- {rival.name}: {rival.version()}"


def _versions(*names: str) -> str:
    return ", ".join(f"{name} {version(name)}" for name in names)


async def asked_by_manager(on: Ground) -> Asked:
    """The manager's branch, and a bill of it from the middle of its years."""
    connection = await asyncpg.connect(plain_url(on.database_url))
    try:
        found = await connection.fetchrow(
            "select id, branch_id from bills where branch_id = (select id from branches where code = 'BLR1')"
            f" order by listed_at offset {BILLS // 4} limit 1"
        )
    finally:
        await connection.close()
    return Asked(UUID(bytes=found["id"].bytes), UUID(bytes=found["branch_id"].bytes))


async def renew(contest: Contest, on: Ground) -> None:
    """A token for each round: they live for fifteen minutes."""
    headers = (("authorization", f"Bearer {await on.sign_in('manager')}"),)
    for name, target in contest.targets.items():
        if target.headers:
            contest.targets[name] = Target(target.port, target.pid, headers)


@contextlib.contextmanager
def hand_server(on: Ground, token: str) -> Iterator[Target]:
    """(a)."""
    port = free_port()
    with on.process(sys.executable, "-m", "bench.hand", port=port, BENCH_PORT=str(port)) as process:
        yield Target(port, process.pid, (("authorization", f"Bearer {token}"),))


@contextlib.contextmanager
def our_server(on: Ground, token: str) -> Iterator[Target]:
    """(b)."""
    port = free_port()
    with on.salonos(port=port) as process:
        yield Target(port, process.pid, (("authorization", f"Bearer {token}"),))
