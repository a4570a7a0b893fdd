"""G13: readers of the outbox miss no event, however late its transaction commits, and are told when a gap is too long."""

import asyncio
import base64
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import select, text

from salonos.kernel import outbox
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.outbox import Event, Feed, Position, cursor_position, cursor_text
from salonos.kernel.problems import BadCursor, ResyncRequired
from salonos.kernel.work import Work

SYSTEM = Actor.system()
WRITERS, EVENTS = 20, 500


@dataclass(frozen=True, kw_only=True)
class Happened(Event):
    number: int
    on: date = date(2026, 4, 1)
    by: UUID = field(default_factory=lambda: UUID(int=3))


def happened(number: int) -> Happened:
    return Happened(branch_id=UUID(int=1), subject_id=UUID(int=2), number=number)


async def announce(database: Database, number: int, *, lingering: bool = False) -> None:
    async def command(work: Work) -> None:
        work.announce(happened(number))
        await work.finish()
        work._events.clear()
        if lingering:
            await work.session.execute(text("select pg_sleep(random() * 0.02)"))

    await database.run(SYSTEM, command)


async def collect(feed: Feed, count: int) -> list[int]:
    seen: list[int] = []
    async for batch in feed.follow():
        seen += [event.payload["number"] for event in batch]
        if len(seen) >= count:
            return seen
    return seen


async def all_of(feed: Feed, count: int) -> list[outbox.Stored]:
    """So many events after the feed's position, once they are below the horizon, which every transaction of the server holds."""
    events: list[outbox.Stored] = []
    async with asyncio.timeout(30):
        while len(events) < count:
            events = await feed.read(feed.position)
    return events


async def write_all(database: Database) -> None:
    gate = asyncio.Semaphore(WRITERS)

    async def one(number: int) -> None:
        async with gate:
            await announce(database, number, lingering=number % 3 == 0)

    await asyncio.gather(*(one(number) for number in range(EVENTS)))


async def test_no_event_of_many_late_commits_is_missed_or_doubled(database: Database) -> None:
    feed = await Feed.start(database)
    reading = asyncio.ensure_future(collect(feed, EVENTS))
    await write_all(database)

    assert sorted(await asyncio.wait_for(reading, 30)) == list(range(EVENTS))


async def test_a_reader_that_goes_by_id_alone_misses_events(database: Database) -> None:
    """The proof above can fail: what it proves is the horizon, and without it an early id that commits late is lost."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def late(work: Work) -> None:
        work.announce(happened(1))
        await work.finish()
        work._events.clear()
        begun.set()
        await go_on.wait()

    feed = await Feed.start(database)
    slow = asyncio.ensure_future(database.run(SYSTEM, late))
    await begun.wait()
    await announce(database, 2)
    naive = "select id from outbox_events where id > $1 order by id"
    first_look = [row["id"] for row in await database.pool.fetch(naive, 0)]
    below_the_horizon = await feed.read(feed.position)
    go_on.set()
    await slow
    second_look = [row["id"] for row in await database.pool.fetch(naive, first_look[-1])]

    assert (len(first_look), second_look, below_the_horizon) == (1, [], [])
    assert sorted(await collect(feed, 2)) == [1, 2]


async def present(database: Database) -> Position:
    """This moment as a client reads it."""
    stream = (await Feed.start(database)).stream
    cursor = await database.pool.fetchval(str(select(outbox.present_cursor())))
    return cursor_position(cursor, stream=stream)


async def test_behind_a_present_cursor_comes_what_its_reader_did_not_see(database: Database) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def late(work: Work) -> None:
        work.announce(happened(2))
        await work.finish()
        work._events.clear()
        begun.set()
        await go_on.wait()

    feed = await Feed.start(database)
    await announce(database, 1)
    await all_of(feed, 1)  # until nothing older of this server is under way any more
    seen = await present(database)
    slow = asyncio.ensure_future(database.run(SYSTEM, late))
    await begun.wait()
    await announce(database, 3)  # has a later number than the one that is under way, and commits first
    while_under_way = await present(database)
    go_on.set()
    await slow
    await announce(database, 4)

    feed.position = seen
    assert [event.payload["number"] for event in await all_of(feed, 3)] == [2, 3, 4]
    feed.position = while_under_way
    again = await all_of(feed, 3)
    assert [event.payload["number"] for event in again] == [2, 3, 4]  # 3 was seen, and comes once more
    # The horizon is what it is for: behind the last event that its reader saw, the one under way would be lost.
    feed.position = again[1].position
    assert [event.payload["number"] for event in await all_of(feed, 1)] == [4]


async def test_an_event_carries_its_facts_as_json(database: Database) -> None:
    feed = await Feed.start(database)
    await announce(database, 7)
    async for (event,) in feed.follow():
        assert (event.kind, event.branch_id, event.subject_id) == ("Happened", UUID(int=1), UUID(int=2))
        assert event.payload == {"number": 7, "on": "2026-04-01", "by": UUID(int=3).hex}
        assert cursor_position(event.cursor, stream=feed.stream) == event.position
        assert [other.id for other in await feed.read(Position(0, 0), kinds=["Happened"])] == [event.id]
        assert await feed.read(Position(0, 0), kinds=["Else"]) == []
        break


async def test_a_client_resumes_after_its_cursor(database: Database) -> None:
    feed = await Feed.start(database)
    for number in range(3):
        await announce(database, number)
    first, *rest = await all_of(feed, 3)

    again = await feed.read(await feed.resume(first.cursor))

    assert [event.payload["number"] for event in again] == [event.payload["number"] for event in rest] == [1, 2]


async def test_after_seven_days_or_a_restore_the_client_is_told_to_start_anew(database: Database) -> None:
    feed = await Feed.start(database)
    await announce(database, 1)
    await announce(database, 2)
    first, second = await all_of(feed, 2)
    purged = await database.run(SYSTEM, lambda work: outbox.purge(work.session, work.now + outbox.KEPT * 2))

    assert purged == 2
    assert await feed.resume(second.cursor) == second.position
    with pytest.raises(ResyncRequired):
        await feed.resume(first.cursor)
    with pytest.raises(ResyncRequired):
        await feed.resume(cursor_text("0" * 32, second.position))


def forged(xid: str, row_id: str) -> str:
    """A cursor of a place that no stream has."""
    return base64.urlsafe_b64encode(f"1|{'0' * 32}|{xid}|{row_id}".encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "x", "é", "MXx8fA", "=" * 9, "A" * 5000),
        *(forged("1", "9" * 19), forged("9" * 20, "1"), forged(str(2**63), "1"), forged("1", str(2**63))),
        *(forged("01", "1"), forged("1", "00"), forged("1", "1") + "="),
    ],
)
async def test_what_we_did_not_write_is_no_cursor(database: Database, cursor: str) -> None:
    feed = await Feed.start(database)

    with pytest.raises(BadCursor):
        await feed.resume(cursor)
