"""What a warm request may cost: statements and Python calls, counted, so that no change makes every request slower unseen.

The figures are those of today. `tests/calls.py` says how they are counted; a failure says how to look and when a higher
number is right.
"""

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette

from salonos.edge.app import App, make_graph
from salonos.edge.endpoint import Endpoint
from salonos.edge.gate import Gate
from salonos.edge.sessions import Watch
from salonos.edge.socket import Sockets
from salonos.graph.context import RequestFacts
from salonos.graph.documents import Documents, Operation
from salonos.graph.execute import Engine
from salonos.graph.limits import Guard, Limits
from salonos.identity import commands as identity
from salonos.identity.queries import Identity
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from salonos.kernel.outbox import Position, Stored
from salonos.settings import Settings
from tests.bills.makers import CASH, SYSTEM, Shop, actor_as, make_shop
from tests.calls import Cost, Replayed, cost, hold, replayed
from tests.edge.wire import Wire
from tests.identity.makers import PASSWORD, TABLET

SELECTION = """{ id number status createdAt total balanceDue customer { id name }
    lines { id position description total } payments { id method amount receivedAt } }"""
LATEST = f"query Latest($first: Int!) {{ bills(first: $first) {{ nodes {SELECTION} }} }}"
POSTED = f"subscription {{ billPosted {{ cursor occurredAt bill {SELECTION} }} }}"
ONE = f"query One($id: ID!) {{ bill(id: $id) {SELECTION} }}"
FACTS = RequestFacts(id="test")
GRAPH = functools.cache(make_graph)

LATEST_CALLS, ONE_CALLS = 80, 81
EDGE_CALLS = 228
COLD_CALLS = 16_610
EVENT_CALLS, SUBSCRIBER_CALLS = 554, 21
LARGEST_CALLS = 540_000
"""A tenth of a second of a processor of 2024."""
PAGES_OF_BILLS = "bills(first: 1) { nodes { customer { %s } } }"
LARGEST = {
    "leaves": f"bills(first: 1) {{ nodes {SELECTION} }}",
    "what stands around rows": """customers(first: 1) { totalCount pageInfo { hasNextPage endCursor startCursor }
        edges { cursor node { id bills(first: 1) { totalCount pageInfo { hasNextPage } edges { cursor } } } } }""",
    "pages in pages": "customers(first: 1) { nodes { "
    + PAGES_OF_BILLS % (PAGES_OF_BILLS % (PAGES_OF_BILLS % "bills(first: 1) { totalCount }"))
    + " } }",
}
"""What is compiled most slowly, a part that is selected under as many names as an operation may have fields."""


@dataclass
class House:
    """A shop that sold twenty bills, and a process that answers from what its database said before."""

    shop: Shop
    engine: Engine
    pool: Replayed
    bill_id: str
    app: App
    token: str

    @property
    def manager(self) -> Actor:
        return actor_as("MANAGER", self.shop.branch_id)

    def asks(self, text: str, **variables: Any) -> Callable[[], Awaitable[Any]]:
        """An operation of the engine."""
        actor = self.manager
        return lambda: self.engine.answer(actor, FACTS, text, None, variables)

    def posts(self, text: str, **variables: Any) -> Callable[[], Awaitable[list[Any]]]:
        """An operation of a whole process: an HTTP request as the server hands it over, and what it sends."""
        body = orjson.dumps({"query": text, "variables": variables})
        headers = [
            (b"host", b"127.0.0.1:8000"),
            (b"authorization", f"Bearer {self.token}".encode()),
            (b"content-type", b"application/json"),
            (b"accept", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"user-agent", b"till/1"),
        ]
        scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}

        async def request() -> list[Any]:
            sent: list[Any] = []

            async def receive() -> Any:
                return {"type": "http.request", "body": body, "more_body": False}

            async def send(message: Any) -> None:
                sent.append(message)

            await self.app({**scope, "client": ("127.0.0.1", 50_000)}, receive, send)
            return sent

        return request


@pytest.fixture
async def house(database: Database) -> House:
    shop = await make_shop(database)
    sold = [await shop.check_out((CASH, 178_700), customer_id=shop.customer_id) for _ in range(20)]
    owner = identity.NewOwner(display_name="Asha Owner", username="owner", password=PASSWORD)
    await database.run(SYSTEM, lambda work: identity.create_owner(work, owner))
    session = await identity.sign_in(database, username="owner", password=PASSWORD, device=TABLET)
    remembering, pool = replayed(database)
    graph = GRAPH()
    engine = Engine(graph, remembering, limits=Guard(graph.core))
    gate = Gate(hosts=frozenset({"127.0.0.1"}), origins=frozenset())
    settings = Settings.read({"SECRET_KEY": "a secret for tests of forty bytes length"})
    people = Identity(remembering)
    app = App(settings, graph, gate, Starlette(), endpoint=Endpoint(engine, people, gate, Watch(people)))
    return House(shop, engine, pool, id_text("bill", sold[0]), app, session.access_token)


async def test_a_warm_read_does_not_cost_more_than_it_did(house: House) -> None:
    latest = await cost(house.pool, house.asks(LATEST, first=20))
    one = await cost(house.pool, house.asks(ONE, id=house.bill_id))

    hold(latest, what="A list of 20 bills", statements=1, calls=LATEST_CALLS)
    hold(one, what="One bill by its id", statements=1, calls=ONE_CALLS)


async def test_what_a_read_costs_does_not_depend_on_its_rows(house: House) -> None:
    twenty = await cost(house.pool, house.asks(LATEST, first=20))
    single = await cost(house.pool, house.asks(LATEST, first=1))

    assert (twenty.statements, twenty.calls) == (single.statements, single.calls)


async def test_a_request_over_http_does_not_cost_more_than_it_did(house: House) -> None:
    start, body = await house.posts(LATEST, first=20)()
    assert (start["status"], len(orjson.loads(body["body"])["data"]["bills"]["nodes"])) == (200, 20)

    hold(
        await cost(house.pool, house.posts(LATEST, first=20)),
        what="A list of 20 bills over HTTP",
        statements=1,
        calls=EDGE_CALLS,
    )


async def test_a_cold_operation_does_not_cost_more_than_it_did(house: House) -> None:
    engine, variables = house.engine, {"first": 20}

    async def cold() -> None:
        operation = engine.documents.read(LATEST, None)
        root = engine.graph.core.query_type
        assert root is not None
        engine.compiler(operation, operation.coerced(engine.graph.core, variables), house.manager.access).query(root)

    hold(await cost(house.pool, cold), what="Reading and compiling a list of bills", statements=0, calls=COLD_CALLS)


@pytest.mark.parametrize("part", LARGEST.values(), ids=LARGEST)
async def test_the_largest_operation_is_compiled_in_bounded_work(house: House, part: str) -> None:
    engine, limits = house.engine, Limits()
    fields = engine.documents.read(f"{{ {part} }}", None).fields
    most = min(limits.fields_max // fields, limits.aliases_max)
    text = "{ " + " ".join(f"a{number}: {part}" for number in range(most)) + " }"

    async def cold() -> None:
        operation = engine.documents.read(text, None)
        root = engine.graph.core.query_type
        assert root is not None
        values = operation.coerced(engine.graph.core, {})
        engine.compiler(operation, values, house.manager.access).query(root)

    hold(await cost(house.pool, cold), what="The largest operation", statements=0, calls=LARGEST_CALLS)


async def test_an_event_is_read_once_and_costs_little_for_each_socket_more(house: House) -> None:
    engine, people = house.engine, house.app.endpoint.identity  # type: ignore[union-attr]  # it has one
    sockets = Sockets(engine, Watch(people), house.app.gate)
    wires: list[Wire] = []
    found = []
    for count in (30, 90):
        while len(wires) < count:
            wires.append(Wire(sockets))
            await wires[-1].open(house.token, POSTED)
        for each in sockets.open:
            each.send = taken
        event = await an_event(engine)
        found.append(await cost(house.pool, lambda event=event: engine.live.deliver(event)))
    for each in wires:
        await each.close()
    await engine.live.stop()
    few, many = found

    assert (few.statements, many.statements) == (1, 1)
    for_each = Cost(0, (many.calls - few.calls) // 60, many.by - few.by)
    hold(for_each, what="One socket more for an event", statements=0, calls=SUBSCRIBER_CALLS)
    hold(few, what="An event for thirty sockets", statements=1, calls=EVENT_CALLS + 30 * SUBSCRIBER_CALLS)


async def taken(_: Any) -> None:
    """A server that takes every message."""


async def an_event(engine: Engine) -> Stored:
    """A bill that was posted, as if it were after all that anybody has heard."""
    feed = await engine.live.start()
    first, *_ = await feed.read(Position(0, 0), kinds=["BillPosted"])
    return replace(first, position=Position(2**60, 1))


class Forgetful(Documents):
    """Reads every document anew."""

    def operation(self, text: str, name: str | None, *, is_signed_in: bool) -> Operation:
        return self.read(text, name)


async def test_the_guard_sees_work_that_is_done_for_every_request(house: House) -> None:
    house.engine.documents = Forgetful(house.engine.graph.core, house.engine.limits)

    with pytest.raises(AssertionError, match="One bill by its id: 1 statements") as raised:
        hold(
            await cost(house.pool, house.asks(ONE, id=house.bill_id)),
            what="One bill by its id",
            statements=1,
            calls=ONE_CALLS,
        )
    assert "language/visitor.py: Visitor.get_enter_leave_for_kind" in str(raised.value)


async def test_the_guard_sees_a_few_calls_more_and_a_statement_more(house: House) -> None:
    ask = house.asks(ONE, id=house.bill_id)

    async def with_calls() -> None:
        for _ in range(3):
            id_text("bill", house.shop.customer_id)
        await ask()

    async def with_a_statement() -> None:
        await house.pool.fetchrow("select 1")
        await ask()

    for more in (with_calls, with_a_statement):
        found = await cost(house.pool, more)
        with pytest.raises(AssertionError):
            hold(found, what="One bill by its id", statements=1, calls=ONE_CALLS)
