"""Files of any length, made while they are fetched: a page of the list, a piece of the file, until there is no more.

A process holds one page and one piece at a time, and waits for whoever fetches. Each page is read with the rights that
the asker has at that moment. A file that breaks off (a killed process, a session that ended, a client that stopped
fetching) ends without the end that HTTP asks for, so that nobody takes it for whole.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson

from salonos.bills.commands import ExportedRows
from salonos.bills.graph.exports import BillFile
from salonos.edge.deadlines import Deadlines
from salonos.edge.gate import SECURITY_HEADERS, Headers, Refused, Send
from salonos.graph import errors
from salonos.graph.execute import Engine
from salonos.identity.queries import actor_of_session
from salonos.inventory.commands import FileFormat
from salonos.kernel import files
from salonos.kernel.actor import Actor
from salonos.kernel.permissions import Permission
from salonos.kernel.streams import CsvStream, TableStream, XlsxStream

AT_ONCE: Final = 2
"""Of one process: the others wait for nobody's file."""

FETCHED_WITHIN_S: Final = 30.0


class RightsGone(Exception):  # noqa: N818  a state of whoever asked
    """Who asked may not take bills away any more: signed out, or another role."""


@dataclass
class Exports:
    """Those of one process."""

    engine: Engine
    deadlines: Deadlines
    under_way: int = 0

    async def __call__(self, name: str, asked: Mapping[str, Any], own: Headers, send: Send) -> None:
        """Sends a file.

        Raises: Refused before anything was sent; whatever happens later breaks the file off.
        """
        if self.under_way >= AT_ONCE:
            raise Refused(503, "Too many files are being made.", code="UNAVAILABLE", headers=[(b"retry-after", b"5")])
        self.under_way += 1
        try:
            await self.sent(name, asked, own, send)
        finally:
            self.under_way -= 1

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
            media = (b"content-type", files.XLSX.encode() if is_xlsx else f"{files.CSV}; charset=utf-8".encode())
            attachment = (b"content-disposition", f'attachment; filename="{name}"'.encode())
            headers = [*SECURITY_HEADERS, *own, media, attachment]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            if await self.is_whole(send, first, pieces):
                await send({"type": "http.response.body", "body": b""})
        finally:
            await pieces.aclose()  # type: ignore[attr-defined]  # a generator

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

    async def pieces(self, asked: Mapping[str, Any], stream: TableStream) -> AsyncIterator[bytes]:
        """The file, page by page; packing happens in a thread.

        Raises: RightsGone.
        """
        session_id, rows = UUID(hex=asked["session"]), ExportedRows[asked["of"]]
        file, after = BillFile.of(rows, await self.asker(session_id)), None
        head = stream.begin(file.titles)
        while True:
            page = await self.page(file, await self.asker(session_id), {"filter": asked["conditions"], "after": after})
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

    async def page(self, file: BillFile, actor: Actor, variables: Mapping[str, Any]) -> Any:
        """A page of the list.

        Raises: RightsGone when something of it may not be read any more.
        """
        operation = self.engine.documents.operation(file.query, None, is_signed_in=True)
        values = operation.coerced(self.engine.graph.core, variables)
        body = orjson.loads(await self.engine.read_roots(operation, values, actor))
        if "errors" in body:
            raise RightsGone
        return body["data"]["bills"]
