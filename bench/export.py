"""Files of bills: how long they take, and how much a process grows by them.

    python -m bench.export

Files at once: through the code that a link leads to, in this process, with a client that takes every piece at once. Large
ones: by a worker's process, from the request to the last piece, each made twice and measured the second time.
"""

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.ground import SYSTEM, Ground, ground, new_database
from bench.seed import seed
from salonos.bills import commands as bills
from salonos.edge.app import make_graph
from salonos.edge.deadlines import Deadlines
from salonos.edge.exports import Exports
from salonos.graph.execute import Engine
from salonos.inventory import commands as inventory
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id

SIZES = (2_000, 20_000)
LARGE_SIZES = (10_000, 100_000)
DONE_S = 600.0
FILES = (("BILLS", "CSV"), ("BILLS", "XLSX"), ("LINES", "CSV"), ("LINES", "XLSX"))


class OwnersExports(Exports):
    """Whoever asks is the owner; a session would be looked up for each page as well."""

    async def asker(self, session_id: UUID) -> Actor:  # noqa: ARG002  everybody is the owner
        """Sees everything."""
        return SYSTEM


def peak_bytes(process: int | str = "self") -> int:
    """The most that a process held since the mark was last put back (proc(5))."""
    (line,) = [each for each in Path(f"/proc/{process}/status").read_text().splitlines() if each.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def put_mark_back(process: int | str = "self") -> None:
    """From now on the peak is counted anew."""
    Path(f"/proc/{process}/clear_refs").write_text("5")


async def measured(exports: Exports, count: int, of: str, form: str) -> str:
    """A row of the table."""
    sent = 0

    async def send(message: Any) -> None:
        nonlocal sent
        sent += len(message.get("body", b""))

    asked = {"of": of, "format": form, "conditions": {}, "session": new_id().hex}
    put_mark_back()
    before, began_s = peak_bytes(), time.perf_counter()
    await exports("bench", asked, [], send)
    took_s = time.perf_counter() - began_s
    grown = (peak_bytes() - before) / 2**20
    return f"| {count:,} | {of}, {form} | {took_s:.1f} s | {count / took_s:,.0f} | {sent / 2**20:.1f} MB | {grown:.1f} MB |"


async def measure(on: Ground) -> list[str]:
    """The table."""
    rows = []
    for count in SIZES:
        url = await new_database(on.servers, f"export_{count}")
        await seed(url, bills=count)
        database, deadlines = await Database.open(url, pool_size=2), Deadlines()
        exports = OwnersExports(Engine(make_graph(), database), deadlines)
        try:
            for of in ("BILLS", "LINES"):
                rows += [await measured(exports, count, of, form) for form in ("CSV", "XLSX")]
        finally:
            await deadlines.stop()
            await database.close()
    for count in LARGE_SIZES:
        rows += await measured_large(on, count)
    return ["| bills | file | took | bills a second | size | the process grew by |", "|---|---|---|---|---|---|", *rows]


# --- large files


@contextlib.asynccontextmanager
async def worker(on: Ground, url: str) -> AsyncIterator[int]:
    """A worker's process id."""
    environment = {**on.environment, "DATABASE_URL": url}
    process = subprocess.Popen([sys.executable, "-m", "worker"], env=environment, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(DONE_S)


async def made(database: Database, of: str, form: str) -> Any:
    """The row of an export that was asked for by the owner, when it is done."""
    owner = replace(SYSTEM, id=await database.pool.fetchval("select id from staff where username = 'owner'"))
    start = partial(
        bills.start_export, rows=bills.ExportedRows[of], file_format=inventory.FileFormat[form], conditions={}
    )
    export_id = await database.run(owner, start)
    async with asyncio.timeout(DONE_S):
        while True:
            row = await database.pool.fetchrow("select state, size_bytes from exports where id = $1", export_id)
            if row["state"] == "DONE":
                return row
            if row["state"] == "FAILED":
                raise RuntimeError("There is no file.")
            await asyncio.sleep(0.05)


async def measured_large(on: Ground, count: int) -> list[str]:
    """Rows of the table, by a worker that has made a file before."""
    url = await new_database(on.servers, f"large_{count}")
    await seed(url, bills=count)
    database = await Database.open(url, pool_size=2)
    rows = []
    try:
        async with worker(on, url) as process_id:
            for of, form in FILES:
                await made(database, of, form)
                put_mark_back(process_id)
                before, began_s = peak_bytes(process_id), time.perf_counter()
                row = await made(database, of, form)
                took_s = time.perf_counter() - began_s
                peak = peak_bytes(process_id)
                size, grown = row["size_bytes"] / 2**20, (peak - before) / 2**20
                rows.append(
                    f"| {count:,} | {of}, {form} | {took_s:.1f} s | {count / took_s:,.0f} | {size:.1f} MB "
                    f"| {grown:.1f} MB, to {peak / 2**20:.0f} MB |"
                )
    finally:
        await database.close()
    return rows


async def main() -> None:
    """Prints the table."""
    async with ground() as on:
        print(*await measure(on), sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
