"""Files of bills: how long they take, and how much a process grows by them, at two thousand and at twenty thousand bills.

    python -m bench.export

Through the code that a link leads to, in this process, with a client that takes every piece at once.
"""

import asyncio
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.ground import SYSTEM, Ground, ground, new_database
from bench.seed import seed
from salonos.edge.app import make_graph
from salonos.edge.deadlines import Deadlines
from salonos.edge.exports import Exports
from salonos.graph.execute import Engine
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id

SIZES = (2_000, 20_000)


class OwnersExports(Exports):
    """Whoever asks is the owner; a session would be looked up for each page as well."""

    async def asker(self, session_id: UUID) -> Actor:  # noqa: ARG002  everybody is the owner
        """Sees everything."""
        return SYSTEM


def peak_bytes() -> int:
    """The most that this process held since the mark was last put back (proc(5))."""
    (line,) = [each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


async def measured(exports: Exports, bills: int, of: str, form: str) -> str:
    """A row of the table."""
    sent = 0

    async def send(message: Any) -> None:
        nonlocal sent
        sent += len(message.get("body", b""))

    asked = {"of": of, "format": form, "conditions": {}, "session": new_id().hex}
    Path("/proc/self/clear_refs").write_text("5")
    before, began_s = peak_bytes(), time.perf_counter()
    await exports("bench", asked, [], send)
    took_s = time.perf_counter() - began_s
    grown = (peak_bytes() - before) / 2**20
    return f"| {bills:,} | {of}, {form} | {took_s:.1f} s | {bills / took_s:,.0f} | {sent / 2**20:.1f} MB | {grown:.1f} MB |"


async def measure(on: Ground) -> list[str]:
    """The table."""
    rows = []
    for bills in SIZES:
        url = await new_database(on.servers, f"export_{bills}")
        await seed(url, bills=bills)
        database, deadlines = await Database.open(url, pool_size=2), Deadlines()
        exports = OwnersExports(Engine(make_graph(), database), deadlines)
        try:
            for of in ("BILLS", "LINES"):
                rows += [await measured(exports, bills, of, form) for form in ("CSV", "XLSX")]
        finally:
            await deadlines.stop()
            await database.close()
    return ["| bills | file | took | bills a second | size | the process grew by |", "|---|---|---|---|---|---|", *rows]


async def main() -> None:
    """Prints the table."""
    async with ground() as on:
        print(*await measure(on), sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
