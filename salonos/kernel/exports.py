"""Large files, made in the background: what was asked for, how far it is, and the pieces of the file.

A file is many rows, sealed under a key of its own: written one piece a transaction by whoever does the job, offered when
the last one is there, forgotten a day later. Each time the job is begun its pieces are written anew, so that no file is
ever made of two attempts. What stands in a file is the asking feature's to know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, and_, delete, func, insert, select, update

from salonos.kernel import crypto, files
from salonos.kernel.ids import new_id
from salonos.kernel.outbox import Event
from salonos.kernel.problems import Problem
from salonos.kernel.tables import Export, ExportFailure, ExportPiece, ExportState
from salonos.kernel.work import Work

LIVES: Final = timedelta(hours=24)
LINK_LIVES: Final = timedelta(minutes=5)
OPEN_MAX: Final = 3
"""Of each person: how many may wait or be made at a time."""
KEPT_MAX: Final = 5
"""Of each person: how many files are kept; the oldest makes room."""
GIVEN_UP_AFTER: Final = timedelta(hours=6)
TOLD_FOR: Final = timedelta(days=30)
"""How long one is remembered once its file is gone."""

PATH: Final = f"{files.PATH}/exports/"
_PURPOSE: Final = "export links"
_OPEN: Final = (ExportState.WAITING, ExportState.RUNNING)

OFFERED: Final = (
    "select owner_id, name, media_type, file_key, run, size_bytes, pieces, rights_version from exports "
    "where id = $1 and state = 'DONE' and expires_at > $2"
)
"""A file that is there. It may be fetched while its owner's rights are those that it was made with."""
PIECE: Final = "select content from export_pieces where export_id = $1 and run = $2 and position = $3"


@dataclass(frozen=True, kw_only=True)
class ExportStarted(Event):
    """A large file was asked for; the subject is the export."""


@dataclass(frozen=True, kw_only=True)
class ExportChanged(Event):
    """An export has come further, or to an end; the subject is the export."""


@dataclass(eq=False)
class TooManyExports(Problem):
    """So many of the same person wait or are being made already."""

    open_max: int
    message: str = "Other exports of yours are still being made. Wait for one of them."


class ExportEnded(Exception):  # noqa: N818  a state of the export
    """It has come to an end without whoever is making it: it took too long, or nobody remembers it."""


@dataclass(frozen=True)
class Asked:
    """What an export is to be made of, and for whom."""

    owner_id: UUID
    file_key: bytes
    what: Mapping[str, Any]


@dataclass(frozen=True)
class Progress:
    """How far an attempt is. `items_in_all` is None where nobody has counted."""

    run: int
    items_done: int
    items_in_all: int | None
    pieces: int
    size_bytes: int


async def start(work: Work, *, name: str, media_type: str, what: Mapping[str, Any]) -> UUID:
    """Notes what the actor asks for; the worker hears of it after the commit.

    Locks the person against a second request at the same time. Their oldest files make room.

    Raises: TooManyExports.
    """
    lock = select(func.pg_advisory_xact_lock(func.hashtextextended(f"exports {work.actor.id.hex}", 0)))
    await work.session.execute(lock)
    mine = Export.owner_id == work.actor.id
    count = select(func.count()).where(mine, Export.state.in_(_OPEN))
    if (await work.session.execute(count)).scalar_one() >= OPEN_MAX:
        raise TooManyExports(OPEN_MAX)
    kept = select(Export.id).where(mine, Export.state == ExportState.DONE).order_by(Export.created_at.desc())
    await _expire(work, Export.id.in_(kept.offset(KEPT_MAX - 1)))
    export_id, ring = new_id(), crypto.keyring()
    file_key = ring.new_person_key()
    row = {
        "id": export_id,
        "owner_id": work.actor.id,
        "name": name,
        "media_type": media_type,
        "state": ExportState.WAITING,
        "file_key": file_key,
        "asked": ring.seal(file_key, orjson.dumps(dict(what)).decode(), place=_place_of_request(export_id)),
        "created_at": work.now,
    }
    await work.session.execute(insert(Export).values(row))
    work.announce(ExportStarted(branch_id=None, subject_id=export_id))
    return export_id


async def begin(work: Work, export_id: UUID, *, run: int) -> Asked | None:
    """An attempt, which forgets what the ones before it wrote. None when there is nothing to be made any more."""
    values = {
        "state": ExportState.RUNNING,
        "run": run,
        "items_done": 0,
        "items_in_all": None,
        "pieces": 0,
        "size_bytes": 0,
    }
    begun = (
        update(Export)
        .where(Export.id == export_id, Export.state.in_(_OPEN))
        .values(values)
        .returning(Export.owner_id, Export.file_key, Export.asked)
    )
    row = (await work.session.execute(begun)).one_or_none()
    if row is None:
        return None
    await work.session.execute(delete(ExportPiece).where(ExportPiece.export_id == export_id))
    work.announce(ExportChanged(branch_id=None, subject_id=export_id))
    what = crypto.keyring().open(row.file_key, row.asked, place=_place_of_request(export_id))
    return Asked(row.owner_id, row.file_key, orjson.loads(what))


async def keep_piece(work: Work, export_id: UUID, progress: Progress, sealed: bytes) -> None:
    """The last of the pieces that `progress` counts, and how far it is with it.

    Raises: ExportEnded.
    """
    await note(work, export_id, progress)
    piece = {"export_id": export_id, "run": progress.run, "position": progress.pieces - 1, "content": sealed}
    await work.session.execute(insert(ExportPiece).values(piece))


async def note(work: Work, export_id: UUID, progress: Progress) -> None:
    """How far it is.

    Raises: ExportEnded.
    """
    values = {
        "items_done": progress.items_done,
        "items_in_all": progress.items_in_all,
        "pieces": progress.pieces,
        "size_bytes": progress.size_bytes,
    }
    going_on = and_(Export.id == export_id, Export.run == progress.run, Export.state == ExportState.RUNNING)
    done = await work.session.execute(update(Export).where(going_on).values(values))
    if not done.rowcount:  # type: ignore[attr-defined]  # a cursor's result, which execute's type does not say
        raise ExportEnded
    work.announce(ExportChanged(branch_id=None, subject_id=export_id))


async def finish(work: Work, export_id: UUID, *, run: int, rights_version: int) -> None:
    """All of it is there: it may be fetched by whoever has these rights still."""
    values = {
        "state": ExportState.DONE,
        "items_in_all": Export.items_done,
        "rights_version": rights_version,
        "finished_at": work.now,
        "expires_at": (work.now + LIVES).replace(microsecond=0),
    }
    await _end(work, and_(Export.id == export_id, Export.run == run), values)


async def fail(work: Work, export_id: UUID, failure: ExportFailure) -> None:
    """There will be no file; what was written of it is forgotten."""
    await _give_up(work, Export.id == export_id, failure)


async def purge(work: Work) -> None:
    """Forgets files that have expired, gives up what nobody has made in time, and forgets what was long ago."""
    await _expire(work, and_(Export.state == ExportState.DONE, Export.expires_at <= work.now))
    late = and_(Export.state.in_(_OPEN), Export.created_at <= work.now - GIVEN_UP_AFTER)
    await _give_up(work, late, ExportFailure.TOO_LATE)
    await work.session.execute(delete(Export).where(Export.created_at <= work.now - TOLD_FOR))


def sealed(asked: Asked, export_id: UUID, *, run: int, position: int, content: bytes) -> bytes:
    """A piece as it is kept: it opens as this one of this attempt only."""
    place = _place_of_piece(export_id, run, position)
    return crypto.keyring().seal_bytes(asked.file_key, content, place=place)


def opened(file_key: bytes, export_id: UUID, *, run: int, position: int, content: bytes) -> bytes:
    """The content of a piece."""
    return crypto.keyring().open_bytes(file_key, content, place=_place_of_piece(export_id, run, position))


def path_of(export_id: UUID, *, now: datetime) -> str:
    """The path of a new link, good for some minutes."""
    return PATH + files.link(export_id, now + LINK_LIVES, purpose=_PURPOSE)


def export_of(path: str, *, now: datetime) -> UUID | None:
    """What a path leads to; None for one that is wrong in any way or too old."""
    return files.opened(path.removeprefix(PATH), now, purpose=_PURPOSE)


async def _give_up(work: Work, which: ColumnElement[bool], failure: ExportFailure) -> None:
    await _end(work, which, {"state": ExportState.FAILED, "failure": failure, "finished_at": work.now}, keeps=False)


async def _expire(work: Work, which: ColumnElement[bool]) -> None:
    gone = update(Export).where(which).values(state=ExportState.EXPIRED).returning(Export.id)
    await _forget(work, (await work.session.scalars(gone)).all())


async def _end(work: Work, which: ColumnElement[bool], values: Mapping[str, Any], *, keeps: bool = True) -> None:
    """From open to one of its ends; one that has its end already keeps it."""
    ended = update(Export).where(which, Export.state.in_(_OPEN)).values(values).returning(Export.id)
    ids = (await work.session.scalars(ended)).all()
    if not keeps:
        await _forget(work, ids)
    for export_id in ids:
        work.announce(ExportChanged(branch_id=None, subject_id=export_id))


async def _forget(work: Work, ids: Sequence[UUID]) -> None:
    await work.session.execute(delete(ExportPiece).where(ExportPiece.export_id.in_(ids)))


def _place_of_request(export_id: UUID) -> str:
    return crypto.place_of("exports", "asked", export_id.hex)


def _place_of_piece(export_id: UUID, run: int, position: int) -> str:
    return crypto.place_of("export_pieces", "content", f"{export_id.hex}.{run}.{position}")
