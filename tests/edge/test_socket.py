"""Events over websockets: at once where the client takes them, in their order where it does not, made once for many."""

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from ipaddress import ip_network

import pytest

from salonos.edge import sessions, socket
from salonos.edge.budget import Budget
from salonos.edge.gate import Gate
from salonos.edge.proxies import Proxies
from salonos.edge.sessions import Watch
from salonos.edge.socket import Sockets
from salonos.graph.execute import Engine
from salonos.identity import commands as identity
from salonos.identity.commands import passwords
from salonos.identity.queries import Identity
from salonos.identity.rules import Claims
from salonos.kernel.database import Database
from salonos.kernel.problems import Unauthenticated
from tests.bills.asking import GRAPH
from tests.bills.makers import CASH, SYSTEM, Shop, make_shop
from tests.edge import wire as wires_of_tests
from tests.edge.wire import Wire
from tests.identity.makers import PASSWORD, TABLET
from tests.statements import Statements

POSTED = "subscription { billPosted { bill { number } } }"


@dataclass
class Counter:
    """A shop, a process's sockets, and the owner's token."""

    shop: Shop
    sockets: Sockets
    token: str
    wires: list[Wire] = field(default_factory=list)

    async def wire(self, query: str = POSTED) -> Wire:
        """A subscribed client."""
        wire = Wire(self.sockets)
        await wire.open(self.token, query)
        self.wires.append(wire)
        return wire

    async def sell(self, times: int = 1) -> None:
        for _ in range(times):
            await self.shop.check_out((CASH, 178_700))


def numbers(wire: Wire) -> list[str]:
    """The bills that a client heard of."""
    return [
        each["payload"]["data"]["billPosted"]["bill"]["number"][-5:] for each in wire.said if each["type"] == "next"
    ]


@pytest.fixture
async def counter(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Counter]:
    monkeypatch.setattr(passwords.hashing, "hasher", passwords.SMALL)
    shop = await make_shop(database)
    owner = identity.NewOwner(display_name="Asha Owner", username="owner", password=PASSWORD)
    await database.run(SYSTEM, lambda work: identity.create_owner(work, owner))
    session = await identity.sign_in(database, username="owner", password=PASSWORD, device=TABLET)
    engine = Engine(GRAPH, database)
    gate = Gate(hosts=frozenset({"127.0.0.1"}), origins=frozenset())
    made = Counter(shop, Sockets(engine, Watch(Identity(database)), gate), session.access_token)
    yield made
    for wire in made.wires:
        await wire.close()
    await engine.live.stop()


async def test_an_event_is_framed_once_for_clients_of_a_kind(counter: Counter) -> None:
    wires = [await counter.wire() for _ in range(20)]

    await counter.sell()

    for wire in wires:
        await wire.until(lambda wire=wire: len(numbers(wire)) == 1)
    assert len({id(wire.texts[-1]) for wire in wires}) == 1


async def test_whoever_does_not_take_a_message_gets_all_in_their_order_and_holds_nobody_up(counter: Counter) -> None:
    slow, quick = await counter.wire(), await counter.wire()
    slow.ready.clear()

    await counter.sell(3)
    await quick.until(lambda: len(numbers(quick)) == 3)
    assert numbers(slow) == []
    slow.ready.set()
    await slow.until(lambda: len(numbers(slow)) == 3)

    assert numbers(slow) == numbers(quick) == ["00001", "00002", "00003"]


async def test_whoever_takes_nothing_for_long_is_closed(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "SEND_S", 0.05)
    stuck, well = await counter.wire(), await counter.wire()
    (there,) = [each for each in counter.sockets.open if each.send == stuck.send]
    stuck.ready.clear()

    await counter.sell()
    await well.until(lambda: len(numbers(well)) == 1)
    async with asyncio.timeout(10):
        while not there.is_over:  # noqa: ASYNC110  turns of the loop
            await asyncio.sleep(0)
    stuck.ready.set()
    await counter.sell()
    await well.until(lambda: len(numbers(well)) == 2)

    assert numbers(stuck) == []


async def test_a_message_to_a_client_that_has_gone_is_nobodys_failure(counter: Counter) -> None:
    gone, well = await counter.wire(), await counter.wire()

    async def refuse(_: object) -> None:
        raise OSError

    (there,) = [each for each in counter.sockets.open if each.send == gone.send]
    there.send = refuse
    await counter.sell(2)
    await well.until(lambda: len(numbers(well)) == 2)

    assert numbers(gone) == []


async def test_open_sockets_are_looked_at_together_and_closed_when_their_session_is_over(
    counter: Counter, statements: Statements, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "WATCH_S", 0.05)
    wires = [await counter.wire() for _ in range(5)]
    watch = counter.sockets.watch
    actor = await watch.identity.authenticate(counter.token)
    over, looks = watch.identity.over, []

    async def counted(tokens: set[Claims]) -> dict[Claims, Unauthenticated]:
        looks.append(len(tokens))
        return await over(tokens)

    monkeypatch.setattr(watch.identity, "over", counted)
    with statements.counted() as asked:
        while not looks:  # noqa: ASYNC110  turns of the loop, until a look has begun that both have counted
            await asyncio.sleep(0)
        await counter.shop.database.run(actor, identity.sign_out)
        for wire in wires:
            await wire.until(lambda wire=wire: wire.closed_with is not None)

    assert {wire.closed_with for wire in wires} == {4403}
    assert len([each for each in asked if "sessions.id = any" in each]) == len(looks) > 0
    for wire in wires:
        await asyncio.wait_for(asyncio.shield(wire.task), 10)  # type: ignore[arg-type]  # it runs
    assert (watch.watched, counter.sockets.open) == (set(), set())


class Hanging(Identity):
    """Looks at sessions over a connection that answers nothing more."""

    async def over(self, tokens: Collection[Claims]) -> dict[Claims, Unauthenticated]:
        _ = tokens
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


class Away(Identity):
    """Looks at sessions while the database is away."""

    async def over(self, tokens: Collection[Claims]) -> dict[Claims, Unauthenticated]:
        raise OSError


@pytest.mark.parametrize("kind", [Away, Hanging])
async def test_a_tokens_time_ends_while_the_database_does_not_answer(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, kind: type[Identity]
) -> None:
    monkeypatch.setattr(sessions, "WATCH_S", 0.05)
    database = counter.shop.database
    counter.sockets.watch = Watch(kind(database))
    wires = [await counter.wire() for _ in range(2)]

    database.set_clock = counter.sockets.watch.identity.claims(counter.token).expires_at

    for wire in wires:
        await wire.until(lambda wire=wire: wire.closed_with is not None)
    assert [wire.closed_with for wire in wires] == [4401, 4401]


async def test_without_a_look_of_its_own_the_time_ends_when_the_database_says_so(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Away, "expired", lambda _identity, _tokens: {})
    monkeypatch.setattr(wires_of_tests, "HEARD_S", 1.0)

    with pytest.raises(TimeoutError):
        await test_a_tokens_time_ends_while_the_database_does_not_answer(counter, monkeypatch, Away)


async def test_strangers_of_one_ipv6_network_wait_together(counter: Counter) -> None:
    counter.wires += [Wire(counter.sockets) for _ in range(22)]
    *twenty, neighbour, elsewhere = counter.wires

    assert [await each.knock(f"2001:db8:1:2::{number:x}") for number, each in enumerate(twenty)] == [True] * 20
    assert not await neighbour.knock("2001:db8:1:2:3:4:5:6")
    assert await elsewhere.knock("2001:db8:1:3::1")


async def test_a_stranger_s_place_is_given_back_whatever_address_of_its_network_it_came_from(counter: Counter) -> None:
    wire = Wire(counter.sockets)
    await wire.knock("2001:db8:1:2::1")
    waiting = dict(counter.sockets.strangers)
    await wire.close()

    assert (waiting, counter.sockets.strangers) == ({"2001:db8:1:2::/64": 1}, {})


async def test_behind_a_named_proxy_strangers_wait_by_their_own_addresses(counter: Counter) -> None:
    counter.sockets.proxies = Proxies((ip_network("10.0.0.1"),))
    counter.wires += [Wire(counter.sockets) for _ in range(23)]
    *twenty, one_more, other, elsewhere = counter.wires
    client = (b"x-forwarded-for", b"203.0.113.9")

    assert [await each.knock("10.0.0.1", client) for each in twenty] == [True] * 20
    assert not await one_more.knock("10.0.0.1", client)
    assert await other.knock("10.0.0.1", (b"x-forwarded-for", b"203.0.113.9, 203.0.113.10"))
    assert await elsewhere.knock("203.0.113.11", client)
    assert counter.sockets.strangers == {"203.0.113.9": 20, "203.0.113.10": 1, "203.0.113.11": 1}


async def test_messages_are_paid_for_and_too_many_end_the_socket(counter: Counter) -> None:
    paying = await counter.wire()
    counter.sockets.engine.budget = Budget(20.0)  # two hundred objects at once: five messages

    for _ in range(6):
        paying.tell(type="ping")
    await paying.until(lambda: paying.closed_with is not None)

    assert paying.said[1:] == [{"type": "pong"}] * 5
    assert (paying.closed_with, paying.reason) == (4429, "Too many messages")


async def test_without_a_budget_messages_cost_nothing(counter: Counter) -> None:
    free = await counter.wire()

    for _ in range(60):
        free.tell(type="ping")
    await free.until(lambda: len(free.said) == 61)

    assert (free.said[1:], free.closed_with) == ([{"type": "pong"}] * 60, None)


async def test_a_process_has_a_number_of_sockets_and_gives_them_back(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "OPEN_MAX", 2)
    first, _ = await counter.wire(), await counter.wire()

    third = Wire(counter.sockets)
    await third.knock()
    await third.until(lambda: third.closed_with is not None)
    await first.close()

    assert (third.closed_with, third.reason, third.said) == (1013, "Try again later", [])
    await counter.wire()
    assert len(counter.sockets.open) == 2
