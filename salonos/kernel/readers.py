"""Connections for reads, lent and given back without a turn of the event loop.

asyncpg's pool makes a task for each release, resets the connection and stands between it and each of its calls; a read of
one statement needs none of that. A connection whose statement was cancelled or took too long is closed, which cancels it
in PostgreSQL too, and another is opened when it is needed.

Only a few work at once, so many as keep the processors busy (https://wiki.postgresql.org/wiki/Number_Of_Database_Connections):
more of them finish nothing sooner, they only take turns, and some read is the one that waits for all the others. So reads
wait here, first come, first served. When the first in line has waited for long, statements at work are slow ones, and
further connections go to work beside them.
"""

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import asyncpg

WAIT_S = 3.0
PATIENCE_S = 0.1
BUSY = 2 * len(os.sched_getaffinity(0)) + 1
"""Connections that keep the processors busy: while half of them wait for a disk or a client, the others work."""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Turn: TypeAlias = "asyncio.Future[Connection | None]"
"""A connection, or None for the place of one that is to be opened."""


@dataclass
class Readers:
    """The connections of one database for reads. `open` opens one; at most `size` are open at a time."""

    open: Callable[[], Awaitable[Connection]]
    size: int
    busy: int = field(init=False)
    lent: int = 0
    """Those that are open or being opened, idle ones among them."""
    idle: list[Connection] = field(default_factory=list)
    waiting: deque[tuple[float, Turn]] = field(default_factory=deque)
    """Since when, and who. Who has left is passed over when their turn comes."""
    watch: asyncio.TimerHandle | None = None
    closing: asyncio.Event | None = None
    """Once they are being closed: set whenever one has come back."""

    def __post_init__(self) -> None:
        self.busy = min(BUSY, self.size)

    @property
    def working(self) -> int:
        """How many connections have a statement."""
        return self.lent - len(self.idle)

    async def fetchrow(self, statement: str, *given: Any) -> "asyncpg.Record | None":
        """The first row of a statement that leaves nothing behind in its session.

        Raises: asyncpg's errors; TimeoutError where no connection is free in time.
        """
        connection = self._at_hand() or await self._another()
        while connection.is_closed():  # an outage breaks all idle ones at once
            self._pass_on(None)
            connection = self._at_hand() or await self._another()
        try:
            row = await connection.fetchrow(statement, *given)
        except asyncpg.PostgresError:  # PostgreSQL has ended the statement, and waits for the next
            self._free(connection)
            raise
        except BaseException:
            await self._gone(connection)
            raise
        self._free(connection)
        return row

    async def close(self) -> None:
        """Closes all connections, those at work when they come back; whoever waits or comes later is told."""
        self.closing = asyncio.Event()
        while self.lent:
            if self.idle:
                await self._gone(self.idle.pop())
            else:
                self.closing.clear()
                await self.closing.wait()

    def _at_hand(self) -> "Connection | None":
        """An idle one, unless enough of them work."""
        return self.idle.pop() if self.idle and self.lent - len(self.idle) < self.busy else None

    async def _another(self) -> Connection:
        """One that nobody has, or the next that becomes free: first come, first served."""
        if self.working < self.busy:
            self.lent += 1
            return await self._opened()
        loop = asyncio.get_running_loop()
        turn: Turn = loop.create_future()
        self.waiting.append((loop.time(), turn))
        self.watch = self.watch or loop.call_later(PATIENCE_S, self._look)
        try:
            connection = await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._pass_on(turn.result())
            raise
        return connection or await self._opened()

    def _look(self) -> None:
        """Who has waited for long gets a further connection, while there is one; who has waited too long is told."""
        self.watch, loop = None, asyncio.get_running_loop()
        while self.waiting:
            since, turn = self.waiting[0]
            waited_s = loop.time() - since
            if turn.done():
                pass
            elif waited_s >= WAIT_S:
                turn.set_exception(TimeoutError())
            elif waited_s >= PATIENCE_S and self.idle:
                turn.set_result(self.idle.pop())
            elif waited_s >= PATIENCE_S and self.lent < self.size:
                self.lent += 1
                turn.set_result(None)
            else:
                self.watch = loop.call_later(PATIENCE_S, self._look)
                break
            self.waiting.popleft()

    async def _opened(self) -> Connection:
        """The place was counted by the caller."""
        try:
            if self.closing is not None:
                raise ConnectionError("The connections for reads are closed.")  # noqa: TRY301  its place is passed on
            async with asyncio.timeout(WAIT_S):
                return await self.open()
        except BaseException:
            self._pass_on(None)
            raise

    async def _gone(self, connection: Connection) -> None:
        """Closed, or aborted where that fails; whoever waits opens another."""
        try:
            with contextlib.suppress(Exception):
                await connection.close(timeout=WAIT_S)
        finally:
            self._pass_on(None)

    def _pass_on(self, connection: "Connection | None") -> None:
        """A connection, or the place of one, to whoever waits longest."""
        if connection is not None:
            self._free(connection)
        elif not self._next(None):
            self.lent -= 1
            self._came_back()

    def _free(self, connection: Connection) -> None:
        if self.closing is not None or not (self.waiting and self._next(connection)):
            self.idle.append(connection)
            self._came_back()

    def _came_back(self) -> None:
        if self.closing is not None:
            self.closing.set()

    def _next(self, connection: "Connection | None") -> bool:
        """Whether it is somebody's turn. A further connection stays at work only for who has waited for long."""
        while self.waiting:
            since, turn = self.waiting[0]
            if not turn.done() and self.working > self.busy and turn.get_loop().time() - since < PATIENCE_S:
                return False
            self.waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return True
        return False
