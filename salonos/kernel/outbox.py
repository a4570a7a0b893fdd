"""Facts announced after the commit: rows of the same transaction, read in order below the snapshot horizon.

A row's place in the stream is (transaction id, id). Rows of transactions that may still commit lie above the horizon
(`pg_snapshot_xmin`), so a reader that stays below it never skips one that commits late. NOTIFY only wakes readers up;
whoever misses it looks again after two seconds.
"""

import asyncio
import base64
import binascii
import contextlib
import dataclasses
import json
import logging
import re
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol, Self
from uuid import UUID

import asyncpg
from sqlalchemy import ColumnElement, Text, literal_column, text
from sqlalchemy.ext.asyncio import AsyncSession

from salonos.kernel.problems import BadCursor, ResyncRequired

KEPT = timedelta(days=7)
POLL_S = 2.0
BATCH_MAX = 500
CHANNEL = "salonos_events"
_LAST_ID = 2**63 - 1
_POSITION = re.compile(r"1\|([0-9a-f]{32})\|([0-9]{1,20})\|([0-9]{1,19})", re.ASCII)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Event:
    """A fact, past tense: a subclass's name is its kind, its further fields are ids and facts, never personal data."""

    branch_id: UUID | None
    subject_id: UUID


@dataclass(frozen=True, order=True)
class Position:
    """A place in the stream."""

    xid: int
    id: int


@dataclass(frozen=True)
class Stored:
    """An announced event as it lies in the outbox."""

    stream: str
    position: Position
    kind: str
    branch_id: UUID | None
    subject_id: UUID
    payload: dict[str, Any]
    occurred_at: datetime

    @property
    def id(self) -> int:
        """The row's number: what jobs are keyed by."""
        return self.position.id

    @property
    def cursor(self) -> str:
        """The client's form of the position: opaque, and bound to this stream."""
        return cursor_text(self.stream, self.position)


class Pooled(Protocol):
    """What a feed needs of a database."""

    url: str
    pool: "asyncpg.Pool[asyncpg.Record]"


def cursor_text(stream: str, position: Position) -> str:
    """A position in the client's form."""
    return base64.urlsafe_b64encode(f"1|{stream}|{position.xid}|{position.id}".encode()).decode().rstrip("=")


def cursor_position(cursor: str, *, stream: str) -> Position:
    """The position of a client's cursor.

    Raises: BadCursor when it is none; ResyncRequired when it belongs to another stream (a restored database).
    """
    try:
        written = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        written = ""
    found = _POSITION.fullmatch(written)
    if found is None:
        raise BadCursor("This is not a cursor of this subscription.")
    position = Position(int(found[2]), int(found[3]))
    if max(position.xid, position.id) > _LAST_ID or cursor_text(found[1], position) != cursor:
        raise BadCursor("This is not a cursor of this subscription.")
    if found[1] != stream:
        raise ResyncRequired
    return position


def _plain(value: object) -> object:
    match value:
        case UUID():
            return value.hex
        case datetime() | date():
            return value.isoformat()
        case _:
            return value


def _payload(event: Event) -> str:
    facts = {
        one.name: _plain(getattr(event, one.name))
        for one in dataclasses.fields(event)
        if one.name not in {"branch_id", "subject_id"}
    }
    return json.dumps(facts)


_INSERT = text(
    """
    insert into outbox_events (kind, branch_id, subject_id, payload, occurred_at)
    select kind, branch_id, subject_id, payload, :occurred_at
    from unnest(cast(:kinds as text[]), cast(:branch_ids as uuid[]), cast(:subject_ids as uuid[]),
                cast(:payloads as jsonb[])) as announced(kind, branch_id, subject_id, payload)
    """
)


def present_cursor() -> ColumnElement[str]:
    """The place in the stream of the statement that reads it, in the client's form.

    Behind it comes whatever this statement does not see, and some that it sees: what committed above the horizon.
    """
    position = f"'|' || pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1 || '|{_LAST_ID}'"
    written = f"'1|' || replace(id::text, '-', '') || {position}"
    # base64 as in an address; without the line breaks of PostgreSQL's, and without padding.
    coded = f"translate(encode(convert_to({written}, 'UTF8'), 'base64'), E'+/=\\n', '-_')"
    return literal_column(f"(select {coded} from event_stream)", Text())  # noqa: S608  made of constants


async def insert(session: AsyncSession, events: Sequence[Event], now: datetime) -> None:
    """Writes a transaction's events, in one statement; a trigger wakes the readers at the commit."""
    await session.execute(
        _INSERT,
        {
            "kinds": [type(event).__name__ for event in events],
            "branch_ids": [event.branch_id for event in events],
            "subject_ids": [event.subject_id for event in events],
            "payloads": [_payload(event) for event in events],
            "occurred_at": now,
        },
    )


_COLUMNS = "xid::text::bigint as xid, id, kind, branch_id, subject_id, payload::text as payload, occurred_at"
_READ = f"""
    select {_COLUMNS} from outbox_events
    where (xid, id) > ($1::text::xid8, $2) and xid < pg_snapshot_xmin(pg_current_snapshot())
    order by outbox_events.xid, id limit $3
"""  # noqa: S608  made of constants
_READ_KINDS = f"""
    select {_COLUMNS} from outbox_events
    where (xid, id) > ($1::text::xid8, $2) and xid < pg_snapshot_xmin(pg_current_snapshot()) and kind = any($4)
    order by outbox_events.xid, id limit $3
"""  # noqa: S608  made of constants


@dataclass
class Feed:
    """A process's reader of the stream. `position` is up to where `follow` has delivered."""

    database: Pooled
    stream: str
    position: Position

    @classmethod
    async def start(cls, database: Pooled) -> Self:
        """A feed that begins with what commits from now on."""
        row = await database.pool.fetchrow(
            "select id, pg_snapshot_xmin(pg_current_snapshot())::text::bigint as horizon from event_stream"
        )
        if row is None:
            raise RuntimeError("The database has no event stream: run the migrations.")
        return cls(database, row["id"].hex, Position(row["horizon"] - 1, _LAST_ID))

    async def read(
        self, after: Position, *, kinds: Iterable[str] | None = None, limit: int = BATCH_MAX
    ) -> list[Stored]:
        """At most `limit` events after a position, oldest first, below the horizon."""
        given = (str(after.xid), after.id, limit)
        if kinds is None:
            rows = await self.database.pool.fetch(_READ, *given)
        else:
            rows = await self.database.pool.fetch(_READ_KINDS, *given, list(kinds))
        return [self._stored(row) for row in rows]

    async def resume(self, cursor: str) -> Position:
        """The position after which a client with this cursor goes on.

        Raises: BadCursor; ResyncRequired when events after it were purged or the stream is another one.
        """
        position = cursor_position(cursor, stream=self.stream)
        row = await self.database.pool.fetchrow(
            "select purged_xid::text::bigint as xid, purged_id as id from event_stream"
        )
        if row is not None and position < Position(row["xid"], row["id"]):
            raise ResyncRequired
        return position

    def _stored(self, row: asyncpg.Record) -> Stored:
        return Stored(
            self.stream,
            Position(row["xid"], row["id"]),
            row["kind"],
            row["branch_id"],
            row["subject_id"],
            json.loads(row["payload"]),
            row["occurred_at"],
        )

    async def follow(self) -> AsyncGenerator[list[Stored], None]:
        """Batches of events as they become readable, for ever. An unreachable database is asked again and again."""
        woken = asyncio.Event()
        listening: asyncpg.Connection[asyncpg.Record] | None = None
        try:
            while True:
                try:
                    if listening is None or listening.is_closed():
                        listening = await self._listen(woken)
                    woken.clear()
                    batch = await self.read(self.position)
                except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                    _log.warning("the event feed can't reach the database", extra={"error": type(error).__name__})
                    batch = []
                if batch:
                    self.position = batch[-1].position
                    yield batch
                if len(batch) < BATCH_MAX:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(woken.wait(), POLL_S)
        finally:
            if listening is not None:
                listening.terminate()

    async def _listen(self, woken: asyncio.Event) -> "asyncpg.Connection[asyncpg.Record]":
        plain = re.sub(r"^postgresql\+asyncpg", "postgresql", self.database.url)
        connection = await asyncpg.connect(plain, timeout=5)
        try:
            await connection.add_listener(CHANNEL, lambda *_: woken.set())
        except BaseException:  # cancelled while it asks: nobody else knows of the connection
            connection.terminate()
            raise
        woken.set()
        return connection


async def purge(session: AsyncSession, now: datetime) -> int:
    """Forgets events older than seven days and notes up to where; returns how many."""
    row = (
        await session.execute(
            text(
                """
                with gone as (delete from outbox_events where occurred_at < :before returning xid, id),
                     last as (select xid, id from gone order by xid desc, id desc limit 1),
                     noted as (update event_stream set purged_xid = last.xid, purged_id = last.id from last
                               where (last.xid, last.id) > (purged_xid, purged_id) returning 1)
                select (select count(*) from gone), (select count(*) from noted)
                """
            ),
            {"before": now - KEPT},
        )
    ).one()
    count: int = row[0]
    return count
