"""`/metrics`: who may read it, and the database's part of it, which is asked for at most every few seconds."""

import asyncio
import hmac
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from salonos.edge.gate import Incoming
from salonos.kernel import backlog, counts
from salonos.kernel.clock import monotonic_s
from salonos.kernel.database import Database

KEPT_S = 5.0
CONTENT_TYPE = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
LOOPBACK = frozenset({"127.0.0.1", "::1"})
_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-real-ip")


def is_local(address: str, headers: Incoming) -> bool:
    """Whether a caller sits at this machine: `address` is the connection's, whatever proxies are trusted.

    Whoever a proxy of this machine speaks for does not sit here, whatever it says of them.
    """
    return address in LOOPBACK and not any(headers.has(name) for name in _FORWARDED)


@dataclass
class Metrics:
    """One process's page. `held` tells what it holds, `token` opens the page to whoever is not on this machine."""

    database: Database
    token: str | None = None
    held: Callable[[], Any] | None = None
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _asked_s: float = -KEPT_S
    _backlog: backlog.Backlog | None = None

    def may_read(self, address: str, headers: Incoming) -> bool:
        """Loopback, or the token."""
        if is_local(address, headers):
            return True
        expected = f"Bearer {self.token}".encode() if self.token else b""
        return bool(expected) and hmac.compare_digest(headers.get(b"authorization"), expected)

    async def text(self) -> bytes:
        """The page; the library that writes it is loaded beside the requests, not before the first of them."""
        exposition = await asyncio.to_thread(importlib.import_module, "salonos.edge.exposition")
        behind = await self.behind()
        held = exposition.Held(**self.held()) if self.held is not None else None
        made: bytes = exposition.text(exposition.Scraped(counts.process, self.database, held, behind))
        return made

    async def behind(self) -> backlog.Backlog | None:
        """The database's figures, some seconds old at most; None when it does not answer."""
        async with self._asking:
            if monotonic_s() - self._asked_s >= KEPT_S:
                try:
                    self._backlog = await backlog.read(self.database.pool)
                except Exception:  # noqa: BLE001  whatever it is, the page is told without
                    self._backlog = None
                self._asked_s = monotonic_s()
            return self._backlog
