"""The papers of bills over HTTP: `GET /documents/…`, by a signed link and without signing in.

A wrong link, one that is too old and one to a bill that is not there are answered alike, as a page that does not exist.
Drawing happens in one thread beside the event loop, since it costs processor time and nothing is gained by several;
as many as may wait for it are let in, and who comes then is asked to come again.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from salonos.bills import documents
from salonos.bills.documents import Document, File, ReceiptFormat
from salonos.edge.gate import SECURITY_HEADERS, Gate, Headers, Incoming, Scope, Send, reply
from salonos.kernel import clock
from salonos.kernel.database import Database
from salonos.paper import strip

FONTS: Final = f"{strip.FONT_PATH}/"
WAITING_MAX: Final = 32
_GONE = b"There is nothing here. A link to a document is good for five minutes: ask for a new one."
_PLAIN: Headers = [(b"content-type", b"text/plain; charset=utf-8")]
_FONT: Headers = [
    (b"content-type", b"font/ttf"),
    (b"cache-control", b"public, max-age=86400"),
]
_HTML: Headers = [(b"content-security-policy", strip.POLICY.encode())]


@dataclass
class Papers:
    """Answers for one process."""

    database: Database
    gate: Gate
    draw: Callable[[Document, ReceiptFormat], File] = documents.drawn
    now: Callable[[], datetime] = clock.utc_now
    waiting: int = 0
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=1, thread_name_prefix="papers")
    )

    async def __call__(self, scope: Scope, headers: Incoming, own: Headers, send: Send) -> None:
        """One request."""
        own = [*own, *self.gate.cors(headers)]
        if scope["method"] != "GET":
            await reply(send, 405, b"GET only.", [*own, *_PLAIN, (b"allow", b"GET")])
        elif scope["path"].startswith(FONTS):
            await self.font(scope["path"].removeprefix(FONTS), own, send)
        elif self.waiting >= WAITING_MAX:
            await reply(send, 503, b"Too many documents at once.", [*own, *_PLAIN, (b"retry-after", b"1")])
        else:
            self.waiting += 1
            try:
                await self.paper(scope["path"], own, send)
            finally:
                self.waiting -= 1

    async def paper(self, path: str, own: Headers, send: Send) -> None:
        """What a link leads to."""
        link = documents.link_of(path, now=self.now())
        found = None
        if link is not None:
            found = await documents.document_of(self.database, link.bill_id, link.naming)
        if link is None or found is None:
            await reply(send, 404, _GONE, [*own, *_PLAIN])
            return
        file = await asyncio.get_running_loop().run_in_executor(self._thread, self.draw, found, link.format)
        await answer(send, file.body, [*own, *headers_of(file)])

    async def font(self, name: str, own: Headers, send: Send) -> None:
        """A font of the receipt's page: the same for everybody, and no secret."""
        body = await asyncio.get_running_loop().run_in_executor(self._thread, strip.font_file, name)
        if body is None:
            await reply(send, 404, b"Not Found", [*own, *_PLAIN])
        else:
            await answer(send, body, [*own, *_FONT])

    def close(self) -> None:
        """Lets the drawing under way finish."""
        self._thread.shutdown()


async def answer(send: Send, body: bytes, headers: Headers) -> None:
    """A page of ours, whose own policy takes the place of the general one: of two, a browser obeys the stricter."""
    names = {name for name, _ in headers}
    kept = [each for each in SECURITY_HEADERS if each[0] not in names]
    whole = [*kept, *headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": whole})
    await send({"type": "http.response.body", "body": body})


def headers_of(file: File) -> Headers:
    """How a browser takes a file. Its name holds letters, digits and hyphens only."""
    disposition = "inline" if file.is_shown else "attachment"
    return [
        (b"content-type", file.media_type.encode()),
        (b"content-disposition", f'{disposition}; filename="{file.name}"'.encode()),
        *(_HTML if file.media_type.startswith("text/html") else []),
    ]
