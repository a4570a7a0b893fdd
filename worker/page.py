"""A worker's `/metrics`, on a port of its own at the loopback: one page, so no web framework."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from salonos.edge.gate import SECURITY_HEADERS, Gate, Headers, Incoming, Refused
from salonos.edge.metrics import CONTENT_TYPE, Metrics
from salonos.kernel.database import Database
from salonos.settings import Settings, SettingWrong

HEAD_BYTES_MAX = 8 * 1024
READ_S = 5.0


@dataclass(frozen=True)
class Page:
    """Answers one request a connection."""

    metrics: Metrics
    gate: Gate

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection; one that dawdles or sends too much is closed."""
        try:
            async with asyncio.timeout(READ_S):
                head = await reader.readuntil(b"\r\n\r\n")
            status, body = await self.answer(head, writer.get_extra_info("peername")[0])
            length = (b"content-length", str(len(body)).encode())
            headers: Headers = [*SECURITY_HEADERS, CONTENT_TYPE, length, (b"connection", b"close")]
            lines = [b"HTTP/1.1 " + status, *(b": ".join(header) for header in headers)]
            writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
            async with asyncio.timeout(READ_S):
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            writer.close()

    async def answer(self, head: bytes, address: str) -> tuple[bytes, bytes]:
        """Status and body."""
        first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        pairs = [line.partition(b":") for line in lines]
        headers = Incoming([(name.strip().lower(), value.strip()) for name, _, value in pairs])
        try:
            self.gate.check_host(headers)
            if not first.startswith(b"GET /metrics HTTP/1.") or not self.metrics.may_read(address, headers):
                return b"404 Not Found", b""
        except Refused:
            return b"400 Bad Request", b""
        return b"200 OK", await self.metrics.text()


@contextlib.asynccontextmanager
async def served(database: Database, settings: Settings) -> AsyncIterator[None]:
    """While the worker works, if a port is set.

    Raises: SettingWrong when the port is taken.
    """
    if settings.worker_metrics_port is None:
        yield
        return
    gate = Gate(hosts=frozenset(settings.allowed_hosts), origins=frozenset())
    page = Page(Metrics(database, settings.metrics_token), gate)
    port = settings.worker_metrics_port
    try:
        server = await asyncio.start_server(page, settings.host, port, limit=HEAD_BYTES_MAX)
    except OSError as error:
        raise SettingWrong(f"SALONOS_WORKER_METRICS_PORT: {port} can't be listened at.", exit_code=69) from error
    async with server:
        yield
