"""Files of bills: made while they are fetched, a page of the list and a piece of the file at a time; or made before.

A process holds one page and one piece at a time, and waits for whoever fetches. Each page is read with the rights that
the asker has at that moment. A file that breaks off (a killed process, a session that ended, a client that stopped
fetching) ends without the end that HTTP asks for, so that nobody takes it for whole.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import asyncpg

from salonos.bills.commands import ExportedRows
from salonos.bills.graph.exports import BillFile, RightsGone, read_bills
from salonos.edge.deadlines import Deadlines
from salonos.edge.gate import SECURITY_HEADERS, Headers, Message, Refused, Send
from salonos.graph import errors
from salonos.graph.execute import Engine
from salonos.identity.queries import actor_of_session, actor_of_staff
from salonos.inventory.commands import FileFormat
from salonos.kernel import clock, exports, files
from salonos.kernel.actor import Actor
from salonos.kernel.permissions import Permission
from salonos.kernel.streams import CsvStream, TableStream, XlsxStream

AT_ONCE: Final = 2
"""Of one process: the others wait for nobody's file."""

FETCHED_WITHIN_S: Final = 30.0


@dataclass
class Exports:
    """Those of one process."""

    engine: Engine
    deadlines: Deadlines
    under_way: int = 0

    async def __call__(self, name: str, asked: Mapping[str, Any], own: Headers, send: Send) -> None:
        """Sends a file that is made meanwhile.

        Raises: Refused before anything was sent; whatever happens later breaks the file off.
        """
        with self.place():
            await self.sent(name, asked, own, send)

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of the few.

        Raises: Refused.
        """
        if self.under_way >= AT_ONCE:
            again = [(b"retry-after", b"5")]
            raise Refused(503, "Too many files are being fetched.", code="UNAVAILABLE", headers=again)
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1

    async def fetched(self, path: str, now: datetime, own: Headers, send: Send) -> None:
        """Sends a file that was made before, piece by piece, while its owner's rights are those it was made with.

        Raises: Refused before anything was sent; whatever happens later breaks the file off.
        """
        export_id = exports.export_of(path, now=clock.utc_now())
        made = None if export_id is None else await self.offered(export_id, now)
        if export_id is None or made is None:
            raise Refused(404, "There is no such file, or its link has expired.", code="NOT_FOUND")
        headers = [*own, (b"content-length", str(made["size_bytes"]).encode())]
        with self.place():
            pieces = self.kept(export_id, made)
            await self.whole(send, head_of(made["name"], made["media_type"], headers), await anext(pieces), pieces)

    async def offered(self, export_id: UUID, now: datetime) -> asyncpg.Record | None:
        """The file, unless something has changed in what its owner may read."""
        made = await self.engine.database.pool.fetchrow(exports.OFFERED, export_id, now)
        if made is None:
            return None
        owner = await actor_of_staff(self.engine.database, UUID(bytes=made["owner_id"].bytes))
        return made if owner is not None and owner.version == made["rights_version"] else None

    async def kept(self, export_id: UUID, made: asyncpg.Record) -> AsyncGenerator[bytes, None]:
        """The pieces; they are opened in a thread.

        Raises: RightsGone when they are gone.
        """
        run = made["run"]
        for position in range(made["pieces"]):
            content = await self.engine.database.pool.fetchval(exports.PIECE, export_id, run, position)
            if content is None:
                raise RightsGone
            opened = partial(exports.opened, made["file_key"], export_id, run=run, position=position, content=content)
            yield await asyncio.to_thread(opened)

    async def sent(self, name: str, asked: Mapping[str, Any], own: Headers, send: Send) -> None:
        """The head is sent when the first page has been read."""
        is_xlsx = FileFormat[asked["format"]] is FileFormat.XLSX
        stream: TableStream = XlsxStream() if is_xlsx else CsvStream()
        pieces = self.pieces(asked, stream)
        try:
            try:
                first = await anext(pieces)
            except RightsGone:
                raise Refused(404, "There is no such file, or its link has expired.", code="NOT_FOUND") from None
            media = files.XLSX if is_xlsx else files.CSV
            await self.whole(send, head_of(name, media, own), first, pieces)
        finally:
            await pieces.aclose()

    async def whole(self, send: Send, head: Message, first: bytes, pieces: AsyncIterator[bytes]) -> None:
        """The head, the pieces, and the end if all of them went."""
        await send(head)
        if await self.is_whole(send, first, pieces):
            await send({"type": "http.response.body", "body": b""})

    async def is_whole(self, send: Send, first: bytes, pieces: AsyncIterator[bytes]) -> bool:
        """Sends the pieces; whether all of them went. The reason of another end is nobody's mistake here."""
        try:
            await self.put(send, first)
            async for piece in pieces:
                await self.put(send, piece)
        except (RightsGone, TimeoutError):
            return False
        except Exception as error:
            if not errors.is_outage(error):
                raise
            return False
        return True

    async def put(self, send: Send, piece: bytes) -> None:
        """One piece, once there is room for it on the way to the client."""
        if piece:
            with self.deadlines.within(FETCHED_WITHIN_S):
                await send({"type": "http.response.body", "body": piece, "more_body": True})

    async def pieces(self, asked: Mapping[str, Any], stream: TableStream) -> AsyncGenerator[bytes, None]:
        """The file, page by page; packing happens in a thread.

        Raises: RightsGone.
        """
        session_id, rows = UUID(hex=asked["session"]), ExportedRows[asked["of"]]
        file, after = BillFile.of(rows, await self.asker(session_id)), None
        head = stream.begin(file.titles)
        while True:
            told = {"filter": asked["conditions"], "after": after}
            page = await read_bills(self.engine, file.query, await self.asker(session_id), told)
            made = await asyncio.to_thread(stream.add, file.rows(page["nodes"]))
            yield head + made
            head, after = b"", page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        yield stream.end()

    async def asker(self, session_id: UUID) -> Actor:
        """Whoever asked, with the rights of this moment.

        Raises: RightsGone.
        """
        actor = await actor_of_session(self.engine.database, session_id)
        if actor is None or not actor.may(Permission.REPORT_EXPORT):
            raise RightsGone
        return actor


def head_of(name: str, media_type: str, own: Headers) -> Message:
    """An answer's head: an attachment, which no browser shows as a page of ours."""
    charset = "; charset=utf-8" if media_type == files.CSV else ""
    headers = [
        *SECURITY_HEADERS,
        *own,
        (b"content-type", f"{media_type}{charset}".encode()),
        (b"content-disposition", f'attachment; filename="{name}"'.encode()),
    ]
    return {"type": "http.response.start", "status": 200, "headers": headers}
