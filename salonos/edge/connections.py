"""A client's connection before it has sent a request: bounded in bytes, in time, and in number for each address.

The server's own protocol waits for a head for as long as a client likes, takes one of any length, and keeps a reply that
nobody fetches. A till's connection passes here with a look at a flag; only whoever dawdles has a timer.
"""

import asyncio
import socket
from collections import Counter
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from salonos.edge.gate import SECURITY_HEADERS
from salonos.edge.joining import Joining
from salonos.edge.proxies import Proxies
from salonos.kernel.addresses import address_key

HEAD_S = 10.0
HEAD_BYTES_MAX = 64 * 1024
UNFETCHED_S = 30.0
"""So long may what we sent wait for the client's machine to take it: then the kernel ends the connection."""


def _closing(status: bytes, *more: bytes) -> bytes:
    """A whole reply without a body."""
    lines = [b"HTTP/1.1 " + status, b"connection: close", b"content-length: 0", *more]
    return b"\r\n".join([*lines, *(b": ".join(header) for header in SECURITY_HEADERS), b"", b""])


_NOT_HTTP = _closing(b"400 Bad Request")
_TOO_LATE = _closing(b"408 Request Timeout")
_TOO_LARGE = _closing(b"431 Request Header Fields Too Large")
_TOO_MANY = _closing(b"503 Service Unavailable", b"retry-after: 1")


class Connection(HttpToolsProtocol):
    """The server's protocol with these bounds. `by_address` counts the connections that have not become websockets.

    `proxies` have as many as they like: behind each are many clients, who can't be told apart before their head is read.
    """

    by_address: ClassVar[Counter[str]] = Counter()
    address_max: ClassVar[int] = 256
    proxies: ClassVar[Proxies] = Proxies()

    _joining: Joining
    _address: str | None = None
    _is_in_head: bool = False
    _head_bytes: int = 0
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the server declares it
        """A connection; one too many of an address is told so and closed."""
        super().connection_made(transport)
        self._joining = Joining(transport, self.loop)
        self.transport = self._joining  # type: ignore[assignment]  # it does what the server asks of one
        peer = self.client[0] if self.client else ""
        self._address = address_key(peer)
        self.by_address[self._address] += 1
        end_unfetched(transport)
        if self.by_address[self._address] > self.address_max and not self.proxies.trusts(peer):
            self._refuse(_TOO_MANY)
        else:
            self._late = self.loop.call_later(HEAD_S, self._on_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes; what belongs to no request under way is timed, and what belongs to a head is counted."""
        super().data_received(data)
        if self._address is None:
            return
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse(_TOO_LARGE)
                return
        elif self.cycle is not None and not self.cycle.response_complete:
            if self._late is not None:
                self._forget_head()
            return
        if self._late is None and not self.transport.is_closing():
            self._late = self.loop.call_later(HEAD_S, self._on_late)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._is_in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._is_in_head, self._head_bytes = False, 0
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """From here on it is a websocket, with bounds of its own."""
        self._leave()
        self._joining.flush()
        self.transport = self._joining.plain
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Bytes that are no request: the parser's own words are not repeated."""
        del msg
        self._refuse(_NOT_HTTP)

    def _leave(self) -> None:
        self._forget_head()
        if self._address is not None:
            self.by_address[self._address] -= 1
            if not self.by_address[self._address]:
                del self.by_address[self._address]
            self._address = None

    def _forget_head(self) -> None:
        self._head_bytes = 0
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _on_late(self) -> None:
        self._late = None
        self._refuse(_TOO_LATE)

    def _refuse(self, reply: bytes) -> None:
        self._forget_head()
        if not self.transport.is_closing():
            self.transport.write(reply)
            self.transport.close()


def protocol(proxies: Proxies) -> type[Connection]:
    """The protocol of a process that these proxies stand before."""
    return type("Connection", (Connection,), {"proxies": proxies})


def end_unfetched(transport: asyncio.Transport) -> None:
    """Asks the kernel to end a connection whose client does not take what was sent to it."""
    found = transport.get_extra_info("socket")
    if found is not None and found.family in {socket.AF_INET, socket.AF_INET6} and hasattr(socket, "TCP_USER_TIMEOUT"):
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNFETCHED_S * 1000))
