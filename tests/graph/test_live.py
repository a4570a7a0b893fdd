"""Subscriptions: read once per group, nothing out of reach, no gap after a cursor, RESYNC_REQUIRED for the slow."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any
from uuid import UUID

import orjson
import pytest

from salonos.edge.budget import Budget
from salonos.graph import live
from salonos.graph.context import RequestFacts
from salonos.graph.errors import Rejected
from salonos.graph.execute import FIELD_COST, REQUEST_COST
from salonos.graph.limits import Guard
from salonos.kernel.actor import Actor, Reach, access
from salonos.kernel.outbox import Feed, Position, Stored, cursor_text
from salonos.kernel.problems import TooMany, Unauthenticated
from tests.graph import people
from tests.graph.conftest import Asker
from tests.graph.people import BRANCHES, STAFF
from tests.graph.seed import bill
from tests.graph.test_writes import draft
from tests.graph.world import GRAPH, WorldBillPosted

TEXT = """subscription($x: Boolean = true, $after: EventCursor, $branch: ID) {
    billPosted(after: $after, branchId: $branch) { cursor occurredAt
      bill { id number @include(if: $x) cost customer { phone } } } }"""
FACTS = RequestFacts(id="test")
SUBSCRIBING = 2
"""So many charges let somebody subscribe with a document that is known: what an event asks for, and its plan."""


@pytest.fixture
async def hear(ask: Asker) -> AsyncIterator["Ears"]:
    """Subscribes, and stops what it began."""
    ears = Ears(ask)
    yield ears
    for each in ears.open:
        await each.aclose()
    await ask.engine.live.stop()


class Ears:
    """Subscriptions of one test."""

    def __init__(self, ask: Asker) -> None:
        self.ask = ask
        self.open: list[AsyncGenerator[bytes, None]] = []

    async def __call__(self, who: Any, text: str = TEXT, **variables: Any) -> "asyncio.Task[bytes]":
        """A running subscription: the task of its first answer; the next ones by `more`."""
        stream = self.ask.engine.subscribe(who, FACTS, text, None, variables)
        self.open.append(stream)
        known = len(self.ask.engine.live.subscribers)
        task = asyncio.ensure_future(anext(stream))
        while len(self.ask.engine.live.subscribers) == known and not task.done():  # noqa: ASYNC110  turns of the loop
            await asyncio.sleep(0)
        return task

    async def more(self, number: int = -1) -> Any:
        """The next answer of a subscription."""
        return orjson.loads(await asyncio.wait_for(anext(self.open[number]), 5))


async def post(ask: Asker, branch: UUID = BRANCHES[0], key: str = "k" * 20) -> str:
    chosen = await draft(ask, branch)
    text = "mutation($i: PostBillInput!) { postBill(input: $i) { __typename } }"
    await ask.data(text, "OWNER", key + chosen[-8:], i={"billId": chosen})
    return chosen


async def told(task: "asyncio.Task[bytes]") -> Any:
    return orjson.loads(await asyncio.wait_for(task, 5))


async def test_an_event_reaches_who_may_see_it_in_their_own_view(ask: Asker, hear: Ears) -> None:
    tasks = {role: await hear(people.actor(role)) for role in ("OWNER", "RECEPTIONIST")}

    chosen = await post(ask)

    owner, receptionist = [(await told(tasks[role])) for role in tasks]
    assert owner["data"]["billPosted"]["bill"]["id"] == chosen
    assert owner["data"]["billPosted"]["bill"]["cost"] is not None
    assert "errors" not in owner
    assert receptionist["data"]["billPosted"]["bill"]["cost"] is None
    assert [error["extensions"]["coordinate"] for error in receptionist["errors"]] == ["Bill.cost"]


async def test_an_event_is_read_once_for_all_whose_answers_cannot_differ(ask: Asker, hear: Ears) -> None:
    rights = people.actor("RECEPTIONIST").access
    near = [await hear(Actor(UUID(int=n), rights, (BRANCHES[0],))) for n in range(40)]
    far = [await hear(Actor(UUID(int=n), rights, (BRANCHES[1],))) for n in range(20)]
    owner = await hear(people.actor("OWNER"))
    short = await hear(people.actor("OWNER"), x=False)
    ask.sent.clear()

    chosen = await post(ask)

    bodies = [await asyncio.wait_for(task, 5) for task in near]
    assert all(body is bodies[0] for body in bodies)
    assert (await told(owner))["data"]["billPosted"]["bill"]["number"] == f"B-{chosen[-8:]}"
    assert "number" not in (await told(short))["data"]["billPosted"]["bill"]
    reads = [each for each in ask.sent if "world_bills" in each]
    assert len(reads) == 4
    assert not any(task.done() for task in far)
    for task in far:
        task.cancel()


async def test_an_event_out_of_reach_is_not_sent_even_when_nothing_of_it_is_selected(ask: Asker, hear: Ears) -> None:
    text = "subscription { billPosted { cursor } }"
    own = Actor(STAFF[0], people.actor("STAFF").access, (BRANCHES[0],))
    stylist = await hear(own, text)
    owner = await hear(people.actor("OWNER"), text)
    await ask.database.pool.execute("update world_bills set staff_id = $1 where status = 'DRAFT'", STAFF[1])

    await post(ask)
    await told(owner)
    assert not stylist.done()
    await ask.database.pool.execute("update world_bills set staff_id = $1 where status = 'DRAFT'", STAFF[0])
    await post(ask)

    assert (await told(stylist))["data"]["billPosted"]["cursor"] == (await hear.more())["data"]["billPosted"]["cursor"]


async def test_a_branch_may_be_chosen(ask: Asker, hear: Ears) -> None:
    task = await hear(people.actor("OWNER"), branch=f"branch_{BRANCHES[1].hex}")

    await post(ask, BRANCHES[0])
    there = await post(ask, BRANCHES[1])

    assert (await told(task))["data"]["billPosted"]["bill"]["id"] == there


async def test_a_cursor_resumes_without_a_gap_and_without_repeats(ask: Asker, hear: Ears) -> None:
    first = await hear(people.actor("OWNER"))
    ids = [await post(ask)]
    cursor = (await told(first))["data"]["billPosted"]["cursor"]
    ids += [await post(ask), await post(ask)]
    resumed = await hear(people.actor("OWNER"), after=cursor)

    seen = [(await told(resumed))["data"]["billPosted"]]
    seen.append((await hear.more())["data"]["billPosted"])
    ids.append(await post(ask))
    seen.append((await hear.more())["data"]["billPosted"])

    assert [event["bill"]["id"] for event in seen] == ids[1:]
    assert len({event["cursor"] for event in seen}) == 3


class Grudging(Budget):
    """Lets somebody subscribe, then refuses each charge once, and says to come again at once."""

    def __init__(self) -> None:
        super().__init__(20_000)
        self.asked = self.refused = 0

    def charge(self, actor: Actor, payer: str, objects: int) -> None:
        """As the budget, every other time."""
        self.asked += 1
        if self.asked > SUBSCRIBING and self.asked % 2:
            self.refused += 1
            raise TooMany("You ask for too much at once.", retry_after_s=0)
        super().charge(actor, payer, objects)


async def test_each_event_of_the_past_is_paid_for_and_waited_for(ask: Asker, hear: Ears) -> None:
    owner = people.actor("OWNER")
    ask.engine.limits = ask.engine.documents.limits = Guard(GRAPH.core)
    first = await hear(owner)
    ids = [await post(ask) for _ in range(3)]
    cursor = (await told(first))["data"]["billPosted"]["cursor"]
    for _ in ids[1:]:  # the process has heard of all of them
        await hear.more(0)
    budget = ask.engine.budget = Grudging()
    resumed = await hear(owner, after=cursor)

    seen = [(await told(resumed))["data"]["billPosted"]["bill"]["id"]]
    seen.append((await hear.more())["data"]["billPosted"]["bill"]["id"])

    fields, objects = 9, 3
    assert seen == ids[1:]
    assert (budget.asked, budget.refused) == (SUBSCRIBING + 2 * len(seen), len(seen))
    assert budget.debts[owner.id.int] == (1 + len(seen)) * (objects + REQUEST_COST) + REQUEST_COST + FIELD_COST * fields


async def test_a_subscription_asks_for_few_objects_at_every_event(ask: Asker, hear: Ears) -> None:
    ask.engine.limits = ask.engine.documents.limits = Guard(GRAPH.core)
    text = "subscription($n: Int) { billPosted { bill { customer { bills(first: $n) { nodes { lines { id } } } } } } }"

    for size, refused in ((82, []), (83, ["QUERY_TOO_COMPLEX"])):
        task = await hear(people.actor("OWNER"), text, n=size)
        if not refused:
            assert not task.done()
            task.cancel()
            continue
        with pytest.raises(Rejected) as raised:
            await task
        assert [each["extensions"]["code"] for each in raised.value.entries] == refused


@pytest.mark.parametrize("cursor", ["x", "MXxhfDF8MQ"])
async def test_a_foreign_cursor_is_refused(hear: Ears, cursor: str) -> None:
    task = await hear(people.actor("OWNER"), after=cursor)

    with pytest.raises(Rejected) as refused:
        await task

    assert [entry["extensions"]["code"] for entry in refused.value.entries] == ["BAD_CURSOR"]


async def test_a_cursor_of_another_stream_asks_to_read_anew(ask: Asker, hear: Ears) -> None:
    task = await hear(people.actor("OWNER"))
    await post(ask)
    cursor = (await told(task))["data"]["billPosted"]["cursor"]
    await ask.engine.live.stop()
    await ask.database.pool.execute("update event_stream set relayed_id = relayed_id")
    (feed_id,) = await ask.rows("select id from event_stream")
    assert feed_id
    other = cursor_text("0" * 32, Position(1, 1))
    refused = await hear(people.actor("OWNER"), after=other)

    with pytest.raises(Rejected) as error:
        await refused
    assert error.value.entries[0]["extensions"]["code"] == "RESYNC_REQUIRED"
    assert cursor != other


async def test_who_does_not_read_in_time_is_told_to_resync(
    ask: Asker, hear: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "WAITING_MAX", 2)
    slow = await hear(people.actor("OWNER"))
    quick = await hear(people.actor("OWNER"))
    ids = [await post(ask)]
    assert (await told(quick))["data"]["billPosted"]["bill"]["id"] == ids[0]

    for _ in range(3):
        ids.append(await post(ask))
        assert (await hear.more())["data"]["billPosted"]["bill"]["id"] == ids[-1]

    assert (await told(slow))["data"]["billPosted"]["bill"]["id"] == ids[0]
    with pytest.raises(Rejected) as error:
        await hear.more(0)
    assert error.value.entries[0]["extensions"]["code"] == "RESYNC_REQUIRED"


async def test_rights_are_asked_at_the_start_and_at_each_event(ask: Asker, hear: Ears) -> None:
    nobody = await hear(people.actor("NOBODY"))
    with pytest.raises(Rejected) as refused:
        await nobody
    assert refused.value.entries[0]["extensions"]["code"] == "UNAUTHENTICATED"
    current = [people.actor("OWNER")]
    revoked = await hear(lambda: current[0])
    current[0] = Actor(STAFF[0], access(frozenset(), frozenset(), Reach.ALL))

    await post(ask)

    with pytest.raises(Rejected) as denied:
        await revoked
    extensions = {"code": "FORBIDDEN", "permission": "BILL_READ", "coordinate": "Subscription.billPosted"}
    assert denied.value.entries[0]["extensions"] == extensions


async def test_a_source_that_refuses_ends_the_subscription(ask: Asker, hear: Ears) -> None:
    current: list[Actor] = [people.actor("OWNER")]

    def source() -> Actor:
        if not current:
            raise Unauthenticated
        return current[0]

    task = await hear(source)
    current.clear()

    await post(ask)

    with pytest.raises(Rejected) as error:
        await task
    assert error.value.entries[0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "text",
    ["{ viewer { id } }", 'mutation { signIn(input: {username: "OWNER"}) { viewer { id } } }', "subscription { nope }"],
)
async def test_only_valid_subscriptions_are_answered(hear: Ears, text: str) -> None:
    task = await hear(people.actor("OWNER"), text)

    with pytest.raises(Rejected) as error:
        await task

    assert {entry["extensions"]["code"] for entry in error.value.entries} == {"BAD_REQUEST"}


async def test_figures_come_at_once_and_then_the_newest(
    ask: Asker, hear: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CHANGES_EVERY_S", 0.2)
    text = 'subscription { dayChanged(date: "2026-11-01") { date billCount sales } }'
    first = await told(await hear(people.actor("MANAGER"), text))
    again = await told(await hear(people.actor("MANAGER"), text))
    assert first == again
    before = first["data"]["dayChanged"]["billCount"]
    known = len(ask.readers.everything)
    await ask.database.pool.execute("update world_bills set business_date = '2026-11-01' where status = 'DRAFT'")

    for _ in range(5):
        await post(ask)

    changed = await hear.more(0)
    other = await hear.more(1)
    assert changed["data"]["dayChanged"]["billCount"] > before
    assert changed == other
    reads = [each for each in ask.readers.everything[known:] if "bill_count" in each]
    assert 1 <= len(reads) <= 3


async def test_a_feed_that_breaks_ends_its_subscriptions_and_is_started_anew(
    ask: Asker, hear: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: Feed) -> AsyncGenerator[list[Stored], None]:
        raise RuntimeError("a bug of the feed")
        yield []

    with monkeypatch.context() as patch:
        patch.setattr(Feed, "follow", broken)
        task = await hear(people.actor("OWNER"))
        with pytest.raises(Rejected) as error:
            await asyncio.wait_for(task, 5)
    assert error.value.entries[0]["extensions"]["code"] == "INTERNAL"

    again = await hear(people.actor("OWNER"))
    chosen = await post(ask)

    assert (await told(again))["data"]["billPosted"]["bill"]["id"] == chosen


async def test_a_closed_subscription_leaves_nothing_behind(ask: Asker, hear: Ears) -> None:
    tasks = [await hear(people.actor("OWNER")) for _ in range(50)]
    assert len(ask.engine.live.subscribers) == 50

    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert ask.engine.live.subscribers == set()


def test_the_worlds_event_is_a_fact_about_a_bill() -> None:
    event = WorldBillPosted(branch_id=None, subject_id=UUID(int=1))

    assert event.subject_id == UUID(int=1)
    assert bill(1).startswith("bill_")


async def test_who_resumes_where_the_process_is_behind_hears_nothing_twice(
    ask: Asker, hear: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await hear(people.actor("OWNER"))
    await post(ask)
    cursor = (await told(first))["data"]["billPosted"]["cursor"]
    feed = await ask.engine.live.start()
    (event,) = await feed.read(Position(0, 0), kinds=["WorldBillPosted"])
    feed.position = Position(0, 0)
    resume = Feed.resume

    async def slowly(feed: Feed, cursor: str) -> Position:
        await ask.engine.live.deliver(event)
        return await resume(feed, cursor)

    monkeypatch.setattr(Feed, "resume", slowly)
    second = await hear(people.actor("OWNER"), after=cursor)
    chosen = await post(ask, key="l" * 20)

    assert (await told(second))["data"]["billPosted"]["bill"]["id"] == chosen
