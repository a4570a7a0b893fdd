"""G13 through the engine: two processes, many writers, clients that go away and come back; no event missed or doubled."""

import asyncio
import random  # noqa: TID251  seeded, so that a failure can be made again
from collections.abc import AsyncGenerator
from typing import Any

import orjson
import pytest

from salonos.graph.context import RequestFacts
from salonos.graph.errors import Rejected
from salonos.graph.execute import Engine
from salonos.graph.live import Live
from salonos.kernel.database import Database
from salonos.kernel.work import Work
from tests.graph import people
from tests.graph.conftest import Asker
from tests.graph.people import BRANCHES
from tests.graph.seed import uid
from tests.graph.world import GRAPH, WorldBillPosted

EVENTS, WRITERS, CLIENTS = 500, 10, 4
TEXT = "subscription($after: EventCursor) { billPosted(after: $after) { cursor bill { id } } }"
FACTS = RequestFacts()


class Undone(Exception):  # noqa: N818  a change of mind
    """A writer that changes its mind."""


async def write(database: Database, writer: int) -> None:
    """Announces facts one after another; every fifth transaction is rolled back after its announcement."""
    dice = random.Random(writer)

    async def command(work: Work) -> None:
        work.announce(WorldBillPosted(branch_id=BRANCHES[0], subject_id=uid("bill", dice.randrange(60))))
        if dice.random() < 0.2:
            await work.finish()
            raise Undone

    committed = 0
    while committed < EVENTS // WRITERS:
        try:
            await database.run(people.actor("OWNER"), command)
            committed += 1
        except Undone:
            pass


class Client:
    """Follows on whichever process, goes away after some events, and resumes behind the last one it read."""

    def __init__(self, engines: list[Engine], number: int) -> None:
        self.engines = engines
        self.dice = random.Random(1_000 + number)
        self.seen: list[str] = []
        self.stream: AsyncGenerator[bytes, None] | None = None

    def connect(self) -> "asyncio.Task[bytes]":
        """A new subscription behind the last event."""
        engine = self.dice.choice(self.engines)
        after = self.seen[-1] if self.seen else None
        self.stream = engine.subscribe(people.actor("OWNER"), FACTS, TEXT, None, {"after": after})
        return asyncio.ensure_future(anext(self.stream))

    async def follow(self, first: "asyncio.Task[bytes]") -> None:
        """Until every event was read."""
        waiting, left = first, self.dice.randrange(5, 40)
        while True:
            try:
                body = await waiting
            except Rejected:  # it fell behind by more than its queue holds, and was told so
                waiting = self.connect()
                continue
            self.seen.append(str(orjson.loads(body)["data"]["billPosted"]["cursor"]))
            left -= 1
            if len(self.seen) == EVENTS:
                break
            if left == 0:
                assert self.stream is not None
                await self.stream.aclose()
                waiting, left = self.connect(), self.dice.randrange(5, 40)
            else:
                assert self.stream is not None
                waiting = asyncio.ensure_future(anext(self.stream))
        await self.stream.aclose()


async def everybody_follows(ask: Asker, seconds: float) -> list[Client]:
    other = await Database.open(ask.database.url)
    engines = [ask.engine, Engine(GRAPH, other)]
    clients = [Client(engines, number) for number in range(CLIENTS)]
    tasks: list[asyncio.Task[Any]] = []
    try:
        first = [client.connect() for client in clients]
        while sum(len(engine.live.subscribers) for engine in engines) < CLIENTS:  # noqa: ASYNC110  turns of the loop
            await asyncio.sleep(0)
        tasks = [asyncio.create_task(client.follow(task)) for client, task in zip(clients, first, strict=True)]
        await asyncio.gather(*[write(each.database, n) for n, each in enumerate(engines * (WRITERS // 2))])
        await asyncio.wait(tasks, timeout=seconds)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in clients:
            if client.stream is not None:
                await client.stream.aclose()
        for engine in engines:
            await engine.live.stop()
        await other.close()
    return clients


async def test_clients_that_come_and_go_read_every_event_once_and_in_order(ask: Asker) -> None:
    clients = await everybody_follows(ask, 60)

    (row,) = await ask.rows("select count(*) as n from outbox_events")
    assert row["n"] == EVENTS
    assert [len(set(client.seen)) for client in clients] == [EVENTS] * CLIENTS
    assert all(client.seen == clients[0].seen for client in clients)


async def test_the_proof_fails_when_nothing_is_replayed(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: Any) -> AsyncGenerator[bytes, None]:
        for body in ():
            yield body

    monkeypatch.setattr(Live, "_beginning", nothing)

    clients = await everybody_follows(ask, 4)

    assert any(len(set(client.seen)) < EVENTS for client in clients)
