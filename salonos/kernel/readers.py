"""Connections for reads, lent and given back without a turn of the event loop.

asyncpg's pool makes a task for each release and resets the connection; a read of one statement needs neither. The
connections are a pool's nevertheless: one whose statement failed or was cancelled goes back to it, to be mended there.
"""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

WAIT_S = 3.0


@dataclass
class Readers:
    """The connections of a pool that nobody else uses. `lent` counts those that are out of it, idle ones among them."""

    pool: "asyncpg.Pool[asyncpg.Record]"
    size: int
    lent: int = 0
    idle: "list[PoolConnectionProxy[asyncpg.Record]]" = field(default_factory=list)
    waiting: "deque[asyncio.Future[PoolConnectionProxy[asyncpg.Record] | None]]" = field(default_factory=deque)

    async def fetchrow(self, statement: str, *given: Any) -> "asyncpg.Record | None":
        """The first row of a statement that leaves nothing behind in its session.

        Raises: asyncpg's errors; TimeoutError where no connection is free in time.
        """
        connection = self.idle.pop() if self.idle else await self._another()
        if not is_open(connection):
            await self._gone(connection)
            connection = await self._another()
        try:
            row = await connection.fetchrow(statement, *given)
        except BaseException:
            await self._gone(connection)
            raise
        self._free(connection)
        return row

    async def close(self) -> None:
        """Gives everything back and closes the pool."""
        while self.idle:
            await self._gone(self.idle.pop())
        await self.pool.close()

    async def _another(self) -> "PoolConnectionProxy[asyncpg.Record]":
        """One that nobody has, or the next that becomes free: first come, first served."""
        if self.lent < self.size:
            self.lent += 1
            return await self._opened()
        turn: asyncio.Future[PoolConnectionProxy[asyncpg.Record] | None]
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        try:
            async with asyncio.timeout(WAIT_S):
                connection = await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._pass_on(turn.result())
            else:
                with contextlib.suppress(ValueError):  # passed over already, as somebody who has left
                    self.waiting.remove(turn)
            raise
        return connection or await self._opened()

    async def _opened(self) -> "PoolConnectionProxy[asyncpg.Record]":
        """The place was counted by the caller."""
        try:
            return await self.pool.acquire(timeout=WAIT_S)
        except BaseException:
            self._pass_on(None)
            raise

    async def _gone(self, connection: "PoolConnectionProxy[asyncpg.Record]") -> None:
        """Back to the pool; whoever waits opens another."""
        try:
            await self.pool.release(connection)
        finally:
            self._pass_on(None)

    def _pass_on(self, connection: "PoolConnectionProxy[asyncpg.Record] | None") -> None:
        """A connection, or the place of one, to whoever waits longest."""
        if connection is not None:
            self._free(connection)
        elif not self._next(None):
            self.lent -= 1

    def _free(self, connection: "PoolConnectionProxy[asyncpg.Record]") -> None:
        if not (self.waiting and self._next(connection)):
            self.idle.append(connection)

    def _next(self, connection: "PoolConnectionProxy[asyncpg.Record] | None") -> bool:
        """Whether somebody waited."""
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return True
        return False


def is_open(connection: "PoolConnectionProxy[asyncpg.Record]") -> bool:
    """Whether the server is still there; the pool takes back by itself what broke."""
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        return False
