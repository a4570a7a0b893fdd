"""What a request costs before anybody has written a line: the server alone, and the server with the statement.

Both answer the bench's reads with the bytes that (a) answers, kept from the first time or read anew, and look at nothing
of the request. What (a) and SalonOS need above them is theirs.
"""

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn

from bench.ground import Ground, free_port
from bench.hand import LATEST_OF_BRANCH, ONE_OF_BRANCH
from bench.load import Target
from bench.operations import FIRST
from bench.reading import BILLS, HAND, OURS, Contest, asked_by_manager, hand_server, our_server, renew
from bench.rivals import same_words
from bench.seed import seed
from salonos.kernel.database import Database

BARE, READING = "uvicorn alone", "uvicorn and the statement"
_HEADERS = [(b"content-type", b"application/json")]


async def measure(on: Ground, *, rounds: int, seconds: int) -> Iterator[str]:
    """The list and the single bill, of (a), (b) and the two floors."""
    await seed(on.database_url, bills=BILLS)
    token, asked = await on.sign_in("manager"), await asked_by_manager(on)
    bodies = same_words(asked)
    place = {"BENCH_BILL": asked.bill_id.hex, "BENCH_BRANCH": asked.branch_id.hex}
    contest = Contest()
    with contextlib.ExitStack() as running:
        contest.targets[HAND] = running.enter_context(hand_server(on, token))
        contest.targets[OURS] = running.enter_context(our_server(on, token))
        for name in (BARE, READING):
            for operation in bodies:
                server = _floor(on, BENCH_OPERATION=operation, BENCH_READS=str(name == READING), **place)
                contest.targets[f"{name}, {operation}"] = running.enter_context(server)
        for operation, body in bodies.items():
            names = (HAND, OURS, f"{BARE}, {operation}", f"{READING}, {operation}")
            contest.bodies[operation] = dict.fromkeys(names, body)
        for number in range(rounds + 1):
            await renew(contest, on)
            contest.round(seconds=seconds, is_counted=number > 0)
    return contest.table()


@contextlib.contextmanager
def _floor(on: Ground, **place: str) -> Iterator[Target]:
    port = free_port()
    with on.process(sys.executable, "-m", "bench.floor", port=port, BENCH_PORT=str(port), **place) as process:
        yield Target(port, process.pid)


class Floor:
    """An ASGI application that knows one answer."""

    database: Database
    kept: bytes

    def __init__(self) -> None:
        self.reads = os.environ["BENCH_READS"] == "True"
        branch_id = os.environ["BENCH_BRANCH"]
        if os.environ["BENCH_OPERATION"] == "Latest":
            self.statement: tuple[Any, ...] = (LATEST_OF_BRANCH, FIRST, branch_id)
        else:
            self.statement = (ONE_OF_BRANCH, os.environ["BENCH_BILL"], branch_id)

    async def answer(self) -> bytes:
        """The statement's text."""
        text: str = await self.database.pool.fetchval(*self.statement)
        return text.encode()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """The same connections as (a)."""
        self.database = await Database.open(os.environ["DATABASE_URL"])
        self.kept = await self.answer()
        yield
        await self.database.close()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers whatever is asked."""
        if scope["type"] == "lifespan":
            await receive()
            async with self.open():
                await send({"type": "lifespan.startup.complete"})
                await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = await self.answer() if self.reads else self.kept
        headers = [*_HEADERS, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    uvicorn.run(
        Floor(),
        port=int(os.environ["BENCH_PORT"]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
    )
