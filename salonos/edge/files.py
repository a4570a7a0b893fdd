"""Files beside GraphQL: `POST /files` takes a table that a mutation will name, `GET /files/<link>` gives an export.

A file is read into cells in a thread, few at a time, before anything of it is kept; see `kernel.sheets` for its limits.
A link is all that is asked of whoever fetches an export: it lives for five minutes and is written to no log.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import orjson

from salonos.edge.deadlines import Deadlines
from salonos.edge.exports import Exports
from salonos.edge.gate import ClientGone, Gate, Headers, Incoming, Receive, Refused, Scope, Send, read_body, reply
from salonos.edge.sessions import actor_of
from salonos.graph import errors
from salonos.identity.queries import Identity
from salonos.kernel import clock, exports, files, sheets
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import Forbidden, Refusal, Unauthenticated

READ_S: Final = 30.0
AT_ONCE, WAITING_MAX = 2, 8
"""Files that are read at a time, and how many more may wait for it."""

MAY_UPLOAD: Final = (Permission.CATALOG_MANAGE, Permission.STOCK_COUNT)
TAKEN: Final = frozenset({files.CSV, files.XLSX, "application/vnd.ms-excel", "application/octet-stream"})
"""What browsers call a CSV differs by what is installed beside them; the first bytes decide what it is."""

_JSON: Final = (b"content-type", b"application/json; charset=utf-8")
_PREFLIGHT: Final[Headers] = [
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"authorization, content-type"),
    (b"access-control-max-age", b"600"),
]


@dataclass(eq=False)
class Files:
    """`/files` of one process."""

    database: Database
    identity: Identity
    gate: Gate
    deadlines: Deadlines
    exports: Exports
    under_way: int = 0
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def __call__(self, scope: Scope, headers: Incoming, own: Headers, receive: Receive, send: Send) -> None:
        """One HTTP request. Whatever nobody foresaw is the caller's to mask."""
        try:
            own = [*own, *self.gate.cors(headers)]
            if scope["path"] == files.PATH:
                await self.on_upload(scope, headers, own, receive, send)
            else:
                await self.on_download(scope, own, send)
        except ClientGone:
            return
        except Unauthenticated as refusal:
            await refuse(send, 401, refusal.code, refusal.message, [*own, (b"www-authenticate", b"Bearer")])
        except Refusal as refusal:
            await refuse(send, 403, refusal.code, refusal.message, own)
        except Refused as no:
            await refuse(send, no.status, no.code, no.message, [*own, *no.headers])
        except Exception as error:
            if not errors.is_outage(error):
                raise
            await refuse(send, 503, "UNAVAILABLE", "The service is not available right now.", own)

    async def on_upload(self, scope: Scope, headers: Incoming, own: Headers, receive: Receive, send: Send) -> None:
        """Reads a table and keeps its cells; answers with the id that a mutation names.

        Raises: Refused; Refusal; ClientGone.
        """
        if scope["method"] == "OPTIONS":
            self.gate.check_origin(headers)
            await reply(send, 204, b"", [*own, *_PREFLIGHT])
            return
        if scope["method"] != "POST":
            raise Refused(405, "POST the file.", headers=[(b"allow", b"POST, OPTIONS")])
        if scope["query_string"]:
            raise Refused(400, "Nothing belongs in the address.")
        media = headers.get(b"content-type").decode("latin-1").partition(";")[0].strip().lower()
        if media not in TAKEN or headers.get(b"content-encoding"):
            raise Refused(415, "The body is the file itself: CSV or XLSX, not compressed.")
        actor = await actor_of(self.identity, headers, fresh=True)
        check_may_upload(actor)
        try:
            with self.deadlines.within(READ_S):
                content = await read_body(receive, headers, bytes_max=sheets.BYTES_MAX)
        except TimeoutError:
            raise Refused(408, "The file took too long.") from None
        sheet = await self.read(content)
        file_id = await self.database.run(actor, lambda work: files.keep_upload(work, sheet))
        told = {"id": id_text("file", file_id), "rows": len(sheet.rows) - 1}
        await reply(send, 201, orjson.dumps(told), [*own, _JSON])

    async def read(self, content: bytes) -> sheets.Sheet:
        """The cells, read in a thread.

        Raises: Refused for what is no table, and when too many are read at once.
        """
        if self.under_way >= AT_ONCE + WAITING_MAX:
            again = [(b"retry-after", b"1")]
            raise Refused(503, "Too many files are being read.", code="UNAVAILABLE", headers=again)
        self.under_way += 1
        try:
            async with self._places:
                return await asyncio.to_thread(sheets.read, content)
        except sheets.SheetRefused as refused:
            raise Refused(422, refused.message, code=refused.code) from refused
        finally:
            self.under_way -= 1

    async def on_download(self, scope: Scope, own: Headers, send: Send) -> None:
        """A file as an attachment: no browser shows it as a page of ours.

        Raises: Refused, in the same words for whatever is wrong with a link.
        """
        if scope["method"] != "GET":
            raise Refused(405, "GET the file.", headers=[(b"allow", b"GET")])
        now = self.database.set_clock or clock.utc_now()
        if scope["path"].startswith(exports.PATH):
            await self.exports.fetched(scope["path"], now, own, send)
            return
        file_id = files.opened(scope["path"].removeprefix(f"{files.PATH}/"), now)
        row = None if file_id is None else await self.database.pool.fetchrow(files.EXPORTED, file_id, now)
        if row is None:
            raise Refused(404, "There is no such file, or its link has expired.", code="NOT_FOUND")
        if row["media_type"] == files.REQUEST:
            asked = files.request_of(row["content"], UUID(bytes=row["owner_id"].bytes))
            await self.exports(row["name"], asked, own, send)
            return
        attachment = (b"content-disposition", f'attachment; filename="{row["name"]}"'.encode())
        await reply(send, 200, row["content"], [*own, (b"content-type", row["media_type"].encode()), attachment])


def check_may_upload(actor: Actor) -> None:
    """Whoever may import something.

    Raises: Unauthenticated; Forbidden.
    """
    if not actor.access.signed_in:
        raise Unauthenticated
    if not any(actor.may(each) for each in MAY_UPLOAD):
        raise Forbidden(permission=MAY_UPLOAD[0].value)


async def refuse(send: Send, status: int, code: str, message: str, own: Headers) -> None:
    """In the form of GraphQL's errors, so that a client reads one kind of them."""
    await reply(send, status, errors.failure([{"message": message, "extensions": {"code": code}}]), [*own, _JSON])
