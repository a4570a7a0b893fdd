"""Head and body of a reply leave together: the server writes them apart, and each write is a way to the kernel and a packet.

Whatever is written in one turn of the loop is sent as one at the next; a large piece at once, with what waits before it.
"""

import asyncio
from typing import Any

LARGE = 8 * 1024
"""Bytes from which waiting for more saves nothing."""


class Joining:
    """A connection's transport as its server sees it. What is not about writing is the transport's own."""

    __slots__ = ("_loop", "_waiting", "plain")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.plain = transport
        self._loop = loop
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Sends at the next turn."""
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append(data)
        if len(data) >= LARGE:
            self.flush()

    def flush(self) -> None:
        """Sends now."""
        if self._waiting:
            self.plain.write(b"".join(self._waiting))
            self._waiting.clear()

    def write_eof(self) -> None:
        """Says, behind what was written, that nothing more comes."""
        self.flush()
        self.plain.write_eof()

    def close(self) -> None:
        """Ends the connection behind what was written."""
        self.flush()
        self.plain.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)
