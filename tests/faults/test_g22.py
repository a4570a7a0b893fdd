"""G22: whatever breaks inside, in whichever layer, its words reach no client: over HTTP, event streams and websockets.

One process's application is taken without its server; a healthy subscription runs the while, since errors were once
unmasked by that.
"""

import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)
from sqlalchemy.exc import IntegrityError
from starlette.applications import Starlette

from salonos.edge import endpoint as edge_endpoint
from salonos.edge.app import App, make_graph
from salonos.edge.endpoint import Endpoint
from salonos.edge.gate import Gate
from salonos.edge.sessions import Watch
from salonos.edge.socket import Sockets
from salonos.graph import errors
from salonos.graph.directives import RequiresPermission
from salonos.graph.execute import Engine
from salonos.graph.limits import Guard
from salonos.graph.mutations import Writer
from salonos.graph.schema import Graph
from salonos.identity import commands as identity
from salonos.identity.commands import passwords
from salonos.identity.queries import Identity
from salonos.kernel.crypto import Keyring
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.settings import Settings
from tests.bills.makers import CASH, SYSTEM, Shop, make_shop
from tests.edge.wire import Wire
from tests.identity.makers import PASSWORD, TABLET

CANARY = "canary-of-g22"
INTERNALS = re.compile(
    rf"{CANARY}|Traceback|salonos[./]|\.py\b|/tmp/|site-packages|asyncpg|sqlalchemy|strawberry|uvicorn|graphql-core"
    r"|PostgreSQL|\b(?:uq|ck|fk|pk|ix)_[a-z]|\bselect .* from\b|insert into|relation \"|SQLSTATE",
    re.IGNORECASE,
)
POSTED = "subscription { billPosted { bill { number } } }"
FIGURES = "subscription { dashboardChanged { billCount } }"
EVENT_STREAM = "text/event-stream"


def faults() -> list[BaseException]:
    """Failures of every layer, with words of their own; a commit's suite takes every second one."""
    sql = f"insert into bills (number) values ('{CANARY}')"
    violated = asyncpg.UniqueViolationError(f'duplicate key value violates "uq_bills_number" {CANARY}')
    found = [
        RecursionError(CANARY),
        Exception(CANARY),
        IntegrityError(sql, {"number": CANARY}, violated),
        KeyError(CANARY),
        OSError(2, CANARY, f"/tmp/{CANARY}"),
        asyncpg.ConnectionDoesNotExistError(f"{CANARY} at /tmp/{CANARY}"),
        asyncpg.UndefinedTableError(f'relation "{CANARY}" does not exist'),
        ExceptionGroup(CANARY, [ValueError(CANARY)]),
    ]
    return found if os.environ.get("SALONOS_PROVE") else found[::2]


@dataclass
class Process:
    """An application whose parts can be broken, its owner's token, and a subscription that runs."""

    app: App
    graph: Graph
    shop: Shop
    token: str
    wire: Wire
    seen: list[str]

    @property
    def engine(self) -> Engine:
        """What answers."""
        assert self.app.endpoint is not None
        return self.app.endpoint.engine

    async def post(self, query: str, *, accept: str = "application/json", **variables: Any) -> str:
        """The whole of an answer, headers with it."""
        headers = {
            "authorization": f"Bearer {self.token}",
            "idempotency-key": new_id().hex,
            "accept": accept,
            "host": "127.0.0.1",
        }
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            reply = await http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        told = f"{reply.status_code} {dict(reply.headers)} {reply.text}"
        self.seen.append(told)
        return told

    def betrayed(self) -> list[str]:
        """Whatever was told to anybody, and should not have been."""
        told = [*self.seen, *self.wire.texts]
        return [each for each in told if INTERNALS.search(each)]


@pytest.fixture
async def process(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Process]:
    monkeypatch.setattr(passwords.hashing, "hasher", passwords.SMALL)
    shop = await make_shop(database)
    await shop.check_out((CASH, 178_700), customer_id=shop.customer_id)
    owner = identity.NewOwner(display_name="Asha Owner", username="owner", password=PASSWORD)
    await database.run(SYSTEM, lambda work: identity.create_owner(work, owner))
    session = await identity.sign_in(database, username="owner", password=PASSWORD, device=TABLET)
    graph = make_graph()
    engine = Engine(graph, database, limits=Guard(graph.core))
    gate = Gate(hosts=frozenset({"127.0.0.1"}), origins=frozenset())
    settings = Settings.read({"SECRET_KEY": "a secret for tests of forty bytes length"})
    people = Identity(database)
    watch = Watch(people)
    sockets = Sockets(engine, watch, gate)
    app = App(settings, graph, gate, Starlette(), endpoint=Endpoint(engine, people, gate, watch), sockets=sockets)
    wire = Wire(sockets)
    await wire.open(session.access_token, POSTED)
    yield Process(app, graph, shop, session.access_token, wire, [])
    await wire.close()
    await engine.live.stop()


def breaking(fault: BaseException) -> Callable[..., Any]:
    """A function that only fails."""

    def fail(*_: Any, **__: Any) -> Any:
        raise fault

    return fail


def failing(fault: BaseException) -> Callable[..., Any]:
    """The same, to be awaited."""

    async def fail(*_: Any, **__: Any) -> Any:
        raise fault

    return fail


SCALARS: dict[str, Any] = {
    "ID": "branch_" + "0" * 32,
    "Int": 1,
    "Boolean": True,
    "Money": "1.00",
    "Quantity": "1",
    "Percentage": "1",
    "DateTime": "2026-11-23T00:00:00Z",
    "Date": "2026-11-23",
    "PhoneNumber": "+919876543210",
}


def value_of(kind: Any) -> Any:
    """Some value of an input type, with what it demands."""
    if isinstance(kind, GraphQLNonNull):
        return value_of(kind.of_type)
    if isinstance(kind, GraphQLList):
        return [value_of(kind.of_type)]
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        fields = kind.fields.items()
        wanted = list(fields)[:1] if kind.is_one_of else [each for each in fields if is_required_input_field(each[1])]
        return {name: value_of(field.type) for name, field in wanted}
    return SCALARS.get(kind.name, "text")


def mutations(graph: Graph) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each mutation's name, and an operation that asks for it."""
    root = graph.core.mutation_type
    assert root is not None
    for name, field in root.fields.items():
        kind = field.args["input"].type
        yield name, f"mutation($input: {kind}) {{ {name}(input: $input) {{ __typename }} }}", {"input": value_of(kind)}


def has_scalar(process: "Process", name: str, given: dict[str, Any]) -> bool:
    """Whether a value of a mutation's input is read by a scalar: enums read theirs themselves."""
    root = process.graph.core.mutation_type
    assert root is not None
    kind = get_named_type(root.fields[name].args["input"].type)
    assert isinstance(kind, GraphQLInputObjectType)
    return any(not isinstance(get_named_type(kind.fields[key].type), GraphQLEnumType) for key in given["input"])


def selection(kind: GraphQLObjectType, depth: int = 3) -> str:
    """A way down to the first leaf of a type."""
    fields = {n: f for n, f in kind.fields.items() if not any(map(is_required_argument, f.args.values()))}
    leaf = next((name for name, field in fields.items() if is_leaf_type(get_named_type(field.type))), None)
    if leaf is not None:
        return f"{{ {leaf} }}"
    for name, field in fields.items():
        below = get_named_type(field.type)
        if depth and isinstance(below, GraphQLObjectType):
            return f"{{ {name} {selection(below, depth - 1)} }}"
    return "{ __typename }"


def reads(graph: Graph) -> Iterator[tuple[str, dict[str, Any]]]:
    """An operation for each read of the root."""
    root = graph.core.query_type
    assert root is not None
    for name, field in root.fields.items():
        wanted = {key: each for key, each in field.args.items() if is_required_argument(each)}
        head = f"({', '.join(f'${key}: {each.type}' for key, each in wanted.items())})" if wanted else ""
        arguments = f"({', '.join(f'{key}: ${key}' for key in wanted)})" if wanted else ""
        below = get_named_type(field.type)
        body = selection(below) if isinstance(below, GraphQLObjectType) else "{ id }"
        body = "" if is_leaf_type(below) else body
        yield f"query{head} {{ {name}{arguments} {body} }}", {key: value_of(each.type) for key, each in wanted.items()}


@pytest.mark.parametrize("fault", faults(), ids=lambda each: type(each).__name__)
async def test_no_mutation_tells_what_broke_in_it(
    process: Process, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    root = process.graph.core.mutation_type
    assert root is not None
    for field in root.fields.values():
        writer = field.resolve
        assert isinstance(writer, Writer)
        monkeypatch.setattr(field, "resolve", replace(writer, write=replace(writer.write, function=failing(fault))))

    answers = {name: await process.post(query, **given) for name, query, given in mutations(process.graph)}

    assert [name for name, told in answers.items() if '"INTERNAL"' not in told and '"UNAVAILABLE"' not in told] == []
    assert len(answers) == len(root.fields)
    assert process.betrayed() == []


@pytest.mark.parametrize("fault", faults(), ids=lambda each: type(each).__name__)
async def test_no_read_tells_what_broke_in_it(
    process: Process, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    await process.post("{ viewer { username } }")  # the token is known for two seconds from now on
    monkeypatch.setattr(process.engine, "run", failing(fault))

    answers = {query: await process.post(query, **given) for query, given in reads(process.graph)}

    assert [query for query, told in answers.items() if '"INTERNAL"' not in told and '"UNAVAILABLE"' not in told] == []
    assert process.betrayed() == []


@pytest.mark.parametrize("fault", faults(), ids=lambda each: type(each).__name__)
async def test_openers_guards_and_scalars_tell_nothing(
    process: Process, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Keyring, "open", breaking(fault))
        told = await process.post("{ customers { nodes { phone email notes } } }")
        assert '"errors"' in told
    with monkeypatch.context() as broken:
        broken.setattr(RequiresPermission, "denial", breaking(fault))
        told = await process.post("{ bills { nodes { number taxableTotal } } }")
        assert '"errors"' in told
    with monkeypatch.context() as broken:
        for kind in process.graph.core.type_map.values():
            if isinstance(kind, GraphQLScalarType):
                broken.setattr(kind, "coerce_input_value", breaking(fault))
                broken.setattr(kind, "coerce_input_literal", breaking(fault))
        wanted = {
            name: (query, given) for name, query, given in mutations(process.graph) if has_scalar(process, name, given)
        }
        answers = {name: await process.post(query, **given) for name, (query, given) in wanted.items()}
        assert [name for name, told in answers.items() if '"errors"' not in told] == []

    assert process.betrayed() == []


@pytest.mark.parametrize("fault", faults(), ids=lambda each: type(each).__name__)
async def test_subscriptions_tell_nothing(
    process: Process, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    engine = process.engine
    monkeypatch.setattr(engine, "answer_payload", failing(fault))
    monkeypatch.setattr(engine, "read_roots", failing(fault))

    await process.shop.check_out((CASH, 178_700))
    await process.wire.until(lambda: any(each["type"] == "error" for each in process.wire.said))
    stream = await process.post(FIGURES, accept=EVENT_STREAM)

    assert '"errors"' in stream
    assert process.betrayed() == []


@pytest.mark.parametrize("fault", faults(), ids=lambda each: type(each).__name__)
async def test_the_way_in_tells_nothing(
    process: Process, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    assert process.app.endpoint is not None
    assert process.app.sockets is not None
    monkeypatch.setattr(Identity, "authenticate", failing(fault))
    wire = Wire(process.app.sockets)
    told = [await process.post("{ viewer { username } }"), await process.post(POSTED, accept=EVENT_STREAM)]
    reasons: list[str] = []
    usual = wire.send

    async def send(message: Any) -> None:
        reasons.append(orjson.dumps(message, default=str).decode())
        await usual(message)

    monkeypatch.setattr(wire, "send", send)
    with pytest.raises(TimeoutError):
        await greeted(wire, process.token, monkeypatch)
    with monkeypatch.context() as broken:
        broken.setattr(edge_endpoint, "check_request", breaking(fault))
        told.append(await process.post("{ viewer { username } }"))

    assert wire.closed_with in {1011, 1013}
    assert all(each.startswith(("500", "503")) for each in told)
    process.seen += reasons
    assert process.betrayed() == []


async def greeted(wire: Wire, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries to open a socket that is closed instead."""
    monkeypatch.setattr("tests.edge.wire.HEARD_S", 0.2)
    await wire.open(token, POSTED)


async def test_without_the_mask_the_canary_is_seen(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    def frank(error: BaseException) -> errors.Entry:
        return {"message": str(error), "extensions": {"code": "INTERNAL"}}

    monkeypatch.setattr(errors, "_described", frank)

    with pytest.raises(AssertionError):
        await test_no_mutation_tells_what_broke_in_it(process, monkeypatch, Exception(CANARY))

    assert process.betrayed() != []
