"""A client's connection outside of what the application sees: bounded in bytes, chunks and time, and in number by address.

The server's own protocol waits for a head for as long as a client likes, takes one of any length, parses on after its
reply, takes what follows a body for headers, and keeps a reply that nobody fetches. A till's connection passes here with
a look at a few numbers; only whoever dawdles has a timer.
"""

import asyncio
import socket
from collections import Counter
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from salonos.edge.gate import BODY_BYTES_MAX, SECURITY_HEADERS, Headers
from salonos.edge.joining import Joining
from salonos.edge.proxies import Proxies
from salonos.kernel import files, sheets
from salonos.kernel.addresses import address_key

HEAD_S = 10.0
HEAD_BYTES_MAX = 64 * 1024
WIRE_BYTES_MAX, CHUNKS_MAX = 4 * BODY_BYTES_MAX, 2_000
FILE_WIRE_BYTES_MAX, FILE_CHUNKS_MAX = 4 * sheets.BYTES_MAX, 10_000
"""Of a request as it comes: a body's chunks may cost a little, and not much more than the body."""
PIPELINED_MAX = 16
"""So many requests may be sent before the first of them is answered."""
UNREAD_S, UNREAD_BYTES_MAX = 2.0, 16 * 1024 * 1024
"""So much of a request that is too large is still taken off the wire, unparsed, so that its sender reads our answer."""
UNFETCHED_S = 30.0
"""So long may what we sent wait for the client's machine to take it: then the kernel ends the connection."""

Reply = tuple[bytes, ...]
"""A status, and lines of a head."""

_NOT_HTTP: Reply = (b"400 Bad Request",)
_TOO_LATE: Reply = (b"408 Request Timeout",)
_TOO_LONG: Reply = (b"413 Content Too Large",)
_TOO_LARGE: Reply = (b"431 Request Header Fields Too Large",)
_TOO_MANY: Reply = (b"503 Service Unavailable", b"retry-after: 1")


class Stopped(Exception):  # noqa: N818  ends the parsing of a request
    """What a connection brings is not read any further."""


class Whole(list[tuple[bytes, bytes]]):
    """The headers of a head that is complete: a trailer, which the parser would add to them, ends the request."""

    def append(self, _: tuple[bytes, bytes]) -> None:
        """Raises: Stopped."""
        raise Stopped


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
    _bytes: int = 0
    """Of the request that began last, or of what came since it ended."""
    _chunks: int = 0
    _is_unread: bool = False
    _answer: Reply = _NOT_HTTP
    """To whatever stops the parser."""
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the server declares it
        """A connection; one too many of an address is told so and closed."""
        super().connection_made(transport)
        self.limit_concurrency = None  # the server's own refusal has no security headers: it is looked at below
        self._joining = Joining(transport, self.loop)
        self.transport = self._joining  # type: ignore[assignment]  # it does what the server asks of one
        peer = self.client[0] if self.client else ""
        self._address = address_key(peer)
        self.by_address[self._address] += 1
        end_unfetched(transport)
        if self.by_address[self._address] > self.address_max and not self.proxies.trusts(peer):
            self._end(_TOO_MANY)
        else:
            self._late = self.loop.call_later(HEAD_S, self._on_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes; what belongs to no request under way is timed, and all that belongs to one is counted."""
        if self._is_unread:
            self._bytes += len(data)
            if self._bytes > UNREAD_BYTES_MAX:
                self.transport.close()
            return
        super().data_received(data)
        if self._address is None:
            return
        self._bytes += len(data)
        if self._is_in_head:
            if self._bytes > HEAD_BYTES_MAX:
                self._stop(_TOO_LARGE)
                return
        elif self._bytes > WIRE_BYTES_MAX and self._bytes > self._most()[0]:
            self._leave_unread()
            return
        elif self.cycle is not None and not self.cycle.response_complete:
            if self._late is not None:
                self._forget_late()
            return
        if self._late is None and not self.transport.is_closing():
            self._late = self.loop.call_later(HEAD_S, self._on_late)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._is_in_head, self._bytes, self._chunks = True, 0, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole.

        Raises: Stopped.
        """
        most = self.config.limit_concurrency
        if most is not None and (len(self.connections) >= most or len(self.tasks) >= most):
            self._answer = _TOO_MANY
            raise Stopped
        if len(self.pipeline) >= PIPELINED_MAX:
            raise Stopped
        super().on_headers_complete()
        self.headers = Whole(self.headers)
        self._is_in_head, self._bytes = False, 0

    def on_chunk_header(self) -> None:
        """A piece of a body without a length. One that comes by the byte costs far more than what it brings.

        Raises: Stopped.
        """
        self._chunks += 1
        if self._chunks > CHUNKS_MAX and self._chunks > self._most()[1]:
            self._answer = _TOO_LONG
            raise Stopped

    def handle_websocket_upgrade(self) -> None:
        """From here on it is a websocket, with bounds of its own."""
        self._leave()
        self._joining.flush()
        self.transport = self._joining.plain
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Bytes that are no request, or are too many: the parser's own words are not repeated."""
        del msg
        self._stop(self._answer)

    def _most(self) -> tuple[int, int]:
        """The bytes and the chunks of the request."""
        is_file = self.scope.get("path") == files.PATH
        return (FILE_WIRE_BYTES_MAX, FILE_CHUNKS_MAX) if is_file else (WIRE_BYTES_MAX, CHUNKS_MAX)

    def _is_heard(self) -> bool:
        """Whether a reply of ours would be taken for the one that its sender waits for, and no other is under way."""
        if self.cycle is None:
            return True
        if self._is_in_head:
            return self.cycle.response_complete
        return not self.cycle.response_started and not self.pipeline

    def _leave(self) -> None:
        self._forget_late()
        if self._address is not None:
            self.by_address[self._address] -= 1
            if not self.by_address[self._address]:
                del self.by_address[self._address]
            self._address = None

    def _forget_late(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _on_late(self) -> None:
        self._late = None
        self._end(_TOO_LATE if self.cycle is None or self.cycle.response_complete else None)

    def _stop(self, reply: Reply) -> None:
        self._end(reply if self._is_heard() else None)

    def _leave_unread(self) -> None:
        """Says that it is too much if nothing has been said, and stops parsing."""
        is_heard = self._is_heard()
        if self.transport.is_closing() or not (is_heard or self.cycle.response_complete):
            self._end(None)
            return
        if is_heard:
            self.transport.write(self._written(_TOO_LONG))
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._is_unread, self._bytes = True, 0
        self._unset_keepalive_if_required()
        self._forget_late()
        self._late = self.loop.call_later(UNREAD_S, self.transport.close)
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _end(self, reply: Reply | None) -> None:
        self._forget_late()
        if not self.transport.is_closing():
            if reply is not None:
                self.transport.write(self._written(reply))
            self.transport.close()

    def _written(self, reply: Reply) -> bytes:
        return written(reply, self.server_state.default_headers)


def written(reply: Reply, headers: Headers) -> bytes:
    """A whole reply without a body, with the server's own headers and the security headers."""
    status, *lines = reply
    more = [b": ".join(header) for header in (*headers, *SECURITY_HEADERS)]
    return b"\r\n".join([b"HTTP/1.1 " + status, b"connection: close", b"content-length: 0", *lines, *more, b"", b""])


def protocol(proxies: Proxies) -> type[Connection]:
    """The protocol of a process that these proxies stand before."""
    return type("Connection", (Connection,), {"proxies": proxies})


def end_unfetched(transport: asyncio.Transport) -> None:
    """Asks the kernel to end a connection whose client does not take what was sent to it."""
    found = transport.get_extra_info("socket")
    if found is not None and found.family in {socket.AF_INET, socket.AF_INET6} and hasattr(socket, "TCP_USER_TIMEOUT"):
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNFETCHED_S * 1000))
