"""One event to a thousand subscribers: how long after the commit the last of them has it, and what a socket weighs.

    python -m bench.live

The bill is sold by this process while `salonos serve` holds the sockets, so the time runs from before COMMIT is sent,
through the outbox and NOTIFY, to the frame in the last client's hand. Half of the sockets are the owner's, half those
of a manager with one branch: two plans, two scopes, two statements an event.
"""

import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import event

from bench.ground import Ground, cpu_s, free_port, ground
from salonos import embedded
from salonos.accounting.rules import PaymentMethod
from salonos.bills import commands as bills
from salonos.bills.rules import Tender
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database

SOCKETS, EVENTS, WARM = 1_000, 30, 5
LAST_MS_MOST, SOCKET_KIB_MOST = 120.0, 50.0
QUERY = """subscription { billPosted { cursor occurredAt bill {
  id number status createdAt total balanceDue
  customer { id name }
  lines { id position description total }
  payments { id method amount receivedAt }
} } }"""


@dataclass(frozen=True)
class Served:
    """One event: milliseconds from the commit to the first and to the last socket, and what it cost both sides."""

    first_ms: float
    last_ms: float
    server_ms: float
    client_ms: float


@dataclass(frozen=True)
class Found:
    """What was measured. `kib` is the server's growth for each socket once all of them have had events."""

    sockets: int
    served: list[Served]
    kib: float
    message_bytes: int

    def table(self) -> list[str]:
        """In Markdown, with the targets."""
        last = sorted(each.last_ms for each in self.served)
        first, server, client = (
            statistics.median(getattr(each, name) for each in self.served)
            for name in ("first_ms", "server_ms", "client_ms")
        )
        counts = f"{self.sockets:,} sockets, {len(last)} events of {self.message_bytes:,} bytes to each"
        times = f"{statistics.median(last):.0f} ms | {last[0]:.0f} ms | {last[-1]:.0f} ms | {first:.0f} ms"
        return [
            f"{counts}. Targets: the worst within {LAST_MS_MOST:.0f} ms, {SOCKET_KIB_MOST:.0f} KiB a socket.",
            "",
            "| the last has it | best | worst | the first has it | server CPU | clients' CPU | memory a socket |",
            "|---|---|---|---|---|---|---|",
            f"| {times} | {server:.0f} ms | {client:.0f} ms | {self.kib:.1f} KiB |",
        ]


@dataclass
class Till:
    """Sells, and says when."""

    database: Database
    branch_id: UUID
    service_id: UUID
    committing_ns: int = 0

    @classmethod
    async def open(cls, url: str) -> "Till":
        """At the manager's branch."""
        database = await Database.open(url, pool_size=2)
        row = await database.pool.fetchrow(
            "select (select branch_id from staff_branches limit 1) as branch_id, (select id from services limit 1) as id"
        )
        branch_id, service_id = (UUID(bytes=each.bytes) for each in row.values())
        made = cls(database, branch_id, service_id)
        event.listen(database.engine.sync_engine, "commit", made.on_commit)
        return made

    def on_commit(self, _: object) -> None:
        """Before COMMIT is sent."""
        self.committing_ns = time.monotonic_ns()

    async def sell(self) -> None:
        """A bill of three lines, paid."""
        lines = (bills.NewLine(service_id=self.service_id),) * 3
        sale = bills.NewSale(branch_id=self.branch_id, lines=lines, payments=(Tender(PaymentMethod.UPI, 236_300),))
        await self.database.run(Actor.system(), lambda work: bills.check_out(work, sale))


def kib_of(pid: int) -> int:
    """A process's resident memory."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    if found is None:
        raise RuntimeError("The server has gone.")
    return int(found[1])


async def measure(on: Ground) -> list[str]:
    """The table."""
    return (await listened(on)).table()


async def listened(on: Ground, *, sockets: int = SOCKETS, events: int = EVENTS) -> Found:
    """Opens the sockets, sells, and closes them."""
    tokens = [await on.sign_in("owner"), await on.sign_in("manager")]
    till = await Till.open(on.database_url)
    port = free_port()
    try:
        with on.salonos(port=port) as server:
            before_kib = kib_of(server.pid)
            command = [*embedded.dies_with_parent("KILL"), sys.executable, "-m", "bench.listeners"]
            clients = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                await ask(clients, {"port": port, "tokens": tokens, "query": QUERY, "count": sockets})
                told = [await one(till, clients, server.pid) for _ in range(WARM + events)]
                kib = (kib_of(server.pid) - before_kib) / sockets
            finally:
                clients.stdin.close()  # type: ignore[union-attr]  # it is a pipe
                await clients.wait()
    finally:
        await till.database.close()
    return Found(sockets, [served for served, _ in told[WARM:]], kib, told[-1][1])


async def ask(clients: asyncio.subprocess.Process, command: dict[str, Any]) -> Any:
    """A line to the clients, and theirs."""
    if clients.stdin is None or clients.stdout is None:
        raise RuntimeError("no pipes")
    clients.stdin.write(json.dumps(command).encode() + b"\n")
    line = await clients.stdout.readline()
    if not line:
        raise RuntimeError("The clients ended.")
    return json.loads(line)


async def one(till: Till, clients: asyncio.subprocess.Process, pid: int) -> tuple[Served, int]:
    """One event."""
    spent_s = cpu_s(pid)
    waiting = asyncio.ensure_future(ask(clients, {}))
    await asyncio.sleep(0.05)
    await till.sell()
    told = await waiting
    served = Served(
        (told["first_ns"] - till.committing_ns) / 1e6,
        (told["last_ns"] - till.committing_ns) / 1e6,
        (cpu_s(pid) - spent_s) * 1e3,
        told["client_cpu_ns"] / 1e6,
    )
    return served, told["bytes"]


async def main() -> None:
    """Prints the table."""
    async with ground() as on:
        print(*await measure(on), sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
