"""A small TCP proxy for proofs: carries bytes to the next target that answers, and can cut, stall, delay and reset."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

PIECE = 65_536
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Opening = Callable[[], Awaitable[Streams]]


def to_port(port: int) -> Opening:
    """A target at the loopback."""
    return lambda: asyncio.open_connection("127.0.0.1", port)


@dataclass(eq=False)
class Proxy:
    """Whoever connects gets the targets in turn. `is_cut` refuses; `flows` holds bytes back while it is not set."""

    targets: list[Opening]
    latency_s: float = 0.0
    is_cut: bool = False
    flows: asyncio.Event = field(default_factory=asyncio.Event)
    carried: set[asyncio.StreamWriter] = field(default_factory=set)
    turn: int = 0

    def __post_init__(self) -> None:
        self.flows.set()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until both of its directions have ended or one of them broke."""
        far = None if self.is_cut else await self.connected()
        if far is None:
            writer.transport.abort()
            return
        ends = {writer, far[1]}
        self.carried |= ends
        try:
            await asyncio.gather(self.carry(reader, far[1]), self.carry(far[0], writer))
        except OSError:
            for each in ends:
                each.transport.abort()
        finally:
            self.carried -= ends
            for each in ends:
                each.close()

    async def connected(self) -> Streams | None:
        """The next target that answers."""
        for _ in self.targets:
            self.turn += 1
            with contextlib.suppress(OSError):
                return await self.targets[self.turn % len(self.targets)]()
        return None

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction."""
        while piece := await reader.read(PIECE):
            if self.latency_s:
                await asyncio.sleep(self.latency_s)
            await self.flows.wait()
            writer.write(piece)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()

    def reset(self) -> None:
        """Breaks every open connection."""
        for each in self.carried:
            each.transport.abort()

    def cut(self) -> None:
        """The target is away: open connections break, new ones are refused."""
        self.is_cut = True
        self.reset()

    def mend(self) -> None:
        """It is there again."""
        self.is_cut = False


@contextlib.asynccontextmanager
async def proxied(*targets: Opening, path: str | None = None) -> AsyncIterator[tuple[Proxy, int]]:
    """A proxy and its port; with a path it listens at a unix socket instead."""
    proxy = Proxy(list(targets))
    if path is None:
        server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    else:
        server = await asyncio.start_unix_server(proxy, path)
    async with server:
        yield proxy, 0 if path else server.sockets[0].getsockname()[1]
        proxy.cut()
