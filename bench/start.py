"""How long until a process answers, and what an operation costs that nobody has asked before.

    python -m bench.start

The start is that of `salonos serve` on a migrated database with warm file caches, from the process's beginning to its
first answered operation. A cold operation is read, limited, validated and compiled to SQL: each tab of the playground as
its role asks it, and the two reads of the bench; mutations and events are read and validated, their payloads' plans
being made when they have run.
"""

import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from graphql import OperationType

from bench.ground import Ground, cpu_s, free_port, ground
from bench.operations import FIRST, LATEST, ONE
from salonos import embedded
from salonos.edge.app import make_graph
from salonos.graph.documents import Operation
from salonos.graph.events import OnEvent
from salonos.graph.execute import Engine
from salonos.graph.limits import Guard
from salonos.graph.reads import READ
from salonos.kernel.actor import NOBODY, Actor, Reach, access
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.permissions import ROLES

STARTERS = Path(__file__).resolve().parents[1] / "playground" / "starters"
STARTS, TIMES = 7, 15
START_S_MOST, COLD_MS_MOST = 2.0, 5.0
TODAY = "2026-11-23"


async def measure(on: Ground) -> list[str]:
    """Both tables."""
    starts = [start(on) for _ in range(STARTS + 1)][1:]
    seconds = sorted(each for each, _ in starts)
    spent = statistics.median(cpu for _, cpu in starts)
    database = await Database.open(on.database_url, pool_size=1)
    try:
        cold = Cold.of(database)
        found = cold.measured()
    finally:
        await database.close()
    slow = [name for name, (reading, compiling) in found.items() if reading + compiling > COLD_MS_MOST]
    return [
        f"`salonos serve` to its first answer, {STARTS} starts; target {START_S_MOST} s.",
        "",
        "| median | best | worst | its own CPU |",
        "|---|---|---|---|",
        f"| {statistics.median(seconds):.2f} s | {seconds[0]:.2f} s | {seconds[-1]:.2f} s | {spent:.2f} s |",
        "",
        f"Cold operations, medians of {TIMES}, processor time; target {COLD_MS_MOST:.0f} ms each. Above it: {', '.join(slow) or 'none'}.",
        "",
        "| operation | read and validated | compiled | together |",
        "|---|---|---|---|",
        *(
            f"| {name} | {reading:.1f} ms | {compiling:.1f} ms | {reading + compiling:.1f} ms |"
            for name, (reading, compiling) in sorted(found.items(), key=lambda each: -sum(each[1]))
        ),
    ]


def start(on: Ground) -> tuple[float, float]:
    """Seconds to the first answer, and seconds of the process's own processor time until then."""
    port = free_port()
    command = [*embedded.dies_with_parent("KILL"), sys.executable, "-m", "salonos", "serve"]
    environment = {**on.environment, "SALONOS_PORT": str(port)}
    began_s = time.monotonic()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while True:
                try:
                    answer = httpx.post(f"http://127.0.0.1:{port}/graphql", json={"query": "{ __typename }"})
                    break
                except httpx.TransportError:
                    if process.poll() is not None:
                        raise RuntimeError("The server ended.") from None
                    time.sleep(0.005)
            took_s, spent_s = time.monotonic() - began_s, cpu_s(process.pid)
            if answer.json() != {"data": {"__typename": "Query"}}:
                raise RuntimeError(answer.text)
        finally:
            process.terminate()
            process.wait()
    return took_s, spent_s


@dataclass(frozen=True)
class Cold:
    """An engine, and the operations as their roles ask them."""

    engine: Engine
    operations: dict[str, tuple[Actor, str, dict[str, Any]]]

    @classmethod
    def of(cls, database: Database) -> "Cold":
        """The playground's tabs and the bench's reads."""
        graph = make_graph()
        operations: dict[str, tuple[Actor, str, dict[str, Any]]] = {
            "Latest": (as_role("owner"), LATEST, {"first": FIRST}),
            "One": (as_role("owner"), ONE, {"id": id_text("bill", new_id())}),
        }
        for path in sorted(STARTERS.glob("*/*.graphql")):
            variables = path.with_suffix(".json")
            given = filled(variables.read_text()) if variables.exists() else {}
            operations[f"{path.parent.name}/{path.stem}"] = (as_role(path.parent.name), path.read_text(), given)
        return cls(Engine(graph, database, limits=Guard(graph.core)), operations)

    def measured(self) -> dict[str, tuple[float, float]]:
        """Milliseconds of reading and of compiling, by name. The first of all pays for what is loaded once."""
        found: dict[str, tuple[list[float], list[float]]] = {}
        for number in range(TIMES + 1):
            for name, (actor, text, variables) in self.operations.items():
                reading, operation = timed(partial(self.engine.documents.read, text, None))
                compiling, _ = timed(partial(self.compiled, operation, actor, variables))
                if number:
                    both = found.setdefault(name, ([], []))
                    both[0].append(reading)
                    both[1].append(compiling)
        return {name: (statistics.median(a), statistics.median(b)) for name, (a, b) in found.items()}

    def compiled(self, operation: Operation, actor: Actor, variables: dict[str, Any]) -> None:
        """The plan of what is read by one."""
        core = self.engine.graph.core
        values = operation.coerced(core, variables)
        root = core.get_root_type(operation.kind)
        if root is None or operation.kind is OperationType.MUTATION or operation.is_introspecting:
            return
        if operation.kind is OperationType.SUBSCRIPTION:
            (field,) = operation.definition.selection_set.selections
            definition = root.fields[field.name.value]  # type: ignore[attr-defined]  # the starters' are fields
            if isinstance(definition.extensions["strawberry-definition"].metadata[READ], OnEvent):
                return
        self.engine.compiler(operation, values, actor.access).query(root)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Milliseconds of processor, which is all that it waits for, and what was made."""
    began_ns = time.process_time_ns()
    made = work()
    return (time.process_time_ns() - began_ns) / 1e6, made


def as_role(name: str) -> Actor:
    """Somebody of a role, everywhere."""
    rights = ROLES.get(name.upper())
    return NOBODY if rights is None else Actor(new_id(), access(rights.permissions, rights.own, Reach.ALL))


def filled(text: str) -> dict[str, Any]:
    """A tab's variables with ids of the right kinds."""

    def found(match: re.Match[str]) -> str:
        name = match[1].lower()
        return TODAY if name in {"today", "yesterday"} else id_text(name, new_id())

    variables: dict[str, Any] = json.loads(re.sub(r"\$([A-Z]+)", found, text))
    return variables


async def main() -> None:
    """Prints the tables."""
    async with ground() as on:
        print(*await measure(on), sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
