"""Files that come and go: rows that expire, since the processes share no disk.

What somebody uploads is read into cells at once (`sheets`), and those are kept for the mutation that asks for them, from
the same person, for an hour. What is exported is kept as it is, for whoever has its link, for five minutes.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import LargeBinary, bindparam, text

from salonos.kernel import crypto, sheets
from salonos.kernel.ids import new_id
from salonos.kernel.tables import FileKind
from salonos.kernel.work import Work

UPLOAD_LIVES: Final = timedelta(hours=1)
EXPORT_LIVES: Final = timedelta(minutes=5)
KEPT_MAX: Final = 5
"""Of each person and kind: the oldest makes room."""

CSV, XLSX = "text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CELLS: Final = "application/json"
REQUEST: Final = "application/vnd.salonos.request"
"""No file yet: what one is to be made of."""

PATH: Final = "/files"
_PURPOSE: Final = "file links"

_KEEP = text(
    """
    with room as (
        delete from stored_files where expires_at <= :now or id in (
            select id from stored_files where owner_id = :owner_id and kind = :kind
            order by created_at desc, id desc offset :kept_max - 1)
    )
    insert into stored_files (id, owner_id, kind, name, media_type, content, created_at, expires_at)
    values (:id, :owner_id, :kind, :name, :media_type, :content, :now, :expires_at)
    """
).bindparams(bindparam("content", type_=LargeBinary()))
_UPLOADED = text(
    "select content from stored_files where id = :id and owner_id = :owner_id and kind = 'UPLOAD' and expires_at > :now"
)
_PURGE = text("delete from stored_files where expires_at <= :now")
EXPORTED: Final = (
    "select name, media_type, content, owner_id from stored_files where id = $1 and kind = 'EXPORT' and expires_at > $2"
)


@dataclass(frozen=True)
class Export:
    """A file that was made for whoever has its link. `path` is the link, on this server."""

    name: str
    path: str
    expires_at: datetime


async def keep_upload(work: Work, sheet: sheets.Sheet) -> UUID:
    """Keeps what somebody uploaded for their mutation, for an hour."""
    faults = [(each.row, each.column, each.code, each.message) for each in sheet.faults]
    cells = orjson.dumps({"rows": [(row.number, row.cells) for row in sheet.rows], "faults": faults})
    return await _keep(work, FileKind.UPLOAD, "upload.json", CELLS, cells, work.now + UPLOAD_LIVES)


async def uploaded(work: Work, file_id: UUID) -> sheets.Sheet | None:
    """The cells of a file that the actor uploaded; None for another person's, and once it has expired."""
    given = {"id": file_id, "owner_id": work.actor.id, "now": work.now}
    content = (await work.session.execute(_UPLOADED, given)).scalar_one_or_none()
    if content is None:
        return None
    kept = orjson.loads(content)
    rows = tuple(sheets.Row(number, tuple(cells)) for number, cells in kept["rows"])
    return sheets.Sheet(rows, tuple(sheets.Fault(*each) for each in kept["faults"]))


async def keep_export(work: Work, *, name: str, media_type: str, content: bytes) -> Export:
    """Keeps a file for whoever has its link, for five minutes."""
    expires_at = (work.now + EXPORT_LIVES).replace(microsecond=0)
    file_id = await _keep(work, FileKind.EXPORT, name, media_type, content, expires_at)
    return Export(name, f"{PATH}/{link(file_id, expires_at)}", expires_at)


async def keep_request(work: Work, *, name: str, asked: Mapping[str, Any]) -> Export:
    """Keeps what a file is to be made of, sealed, for whoever has its link: it is made while it is fetched."""
    ring = crypto.keyring()
    wrapped = ring.new_person_key()
    sealed = ring.seal(wrapped, orjson.dumps(dict(asked)).decode(), place=_place(work.actor.id))
    content = len(wrapped).to_bytes(2, "big") + wrapped + sealed
    return await keep_export(work, name=name, media_type=REQUEST, content=content)


def request_of(content: bytes, owner_id: UUID) -> Mapping[str, Any]:
    """What was asked for."""
    behind = 2 + int.from_bytes(content[:2], "big")
    told = crypto.keyring().open(content[2:behind], content[behind:], place=_place(owner_id))
    asked: Mapping[str, Any] = orjson.loads(told)
    return asked


def _place(owner_id: UUID) -> str:
    return crypto.place_of("stored_files", "content", owner_id.hex)


async def purge(work: Work) -> None:
    """Forgets what has expired."""
    await work.session.execute(_PURGE, {"now": work.now})


def link(file_id: UUID, expires_at: datetime, *, purpose: str = _PURPOSE) -> str:
    """The part of an address that opens a file until an instant, in whole seconds: nobody else can make one."""
    told = f"{file_id.hex}.{int(expires_at.timestamp()):x}"
    return f"{told}.{_signature(told, purpose)}"


def opened(given: str, now: datetime, *, purpose: str = _PURPOSE) -> UUID | None:
    """The file of a link; None unless it is ours, of this purpose, and still lives."""
    told, _, signature = given.rpartition(".")
    if not given.isascii() or not hmac.compare_digest(signature, _signature(told, purpose)):
        return None
    file_id, _, seconds = told.partition(".")
    expires_at = datetime.fromtimestamp(int(seconds, 16), UTC)
    return UUID(hex=file_id) if now < expires_at else None


def _signature(told: str, purpose: str) -> str:
    return urlsafe_b64encode(crypto.keyring().index(purpose, told)).decode().rstrip("=")


async def _keep(work: Work, kind: FileKind, name: str, media_type: str, content: bytes, expires_at: datetime) -> UUID:
    """A row, and room for it: what has expired is forgotten, and so is a person's oldest beyond the few that are kept."""
    file_id = new_id()
    given = {
        "id": file_id,
        "owner_id": work.actor.id,
        "kind": kind.name,
        "name": name,
        "media_type": media_type,
        "content": content,
        "now": work.now,
        "expires_at": expires_at,
        "kept_max": KEPT_MAX,
    }
    await work.session.execute(_KEEP, given)
    return file_id
