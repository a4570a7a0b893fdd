"""Who may read the schema: every built-in role and a role of one's own, over HTTP, event streams, and by a document's id."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from graphql import execute_sync, parse

from salonos.edge.endpoint import Endpoint
from salonos.edge.gate import Gate
from salonos.edge.media import EVENTS, GRAPHQL_JSON, JSON
from salonos.edge.persisted import Persisted
from salonos.edge.sessions import Watch
from salonos.graph.execute import Engine
from salonos.graph.limits import Guard
from salonos.graph.trusted import id_of
from salonos.identity import commands as identity
from salonos.identity.commands import passwords
from salonos.identity.queries import Identity
from salonos.kernel.database import Database
from salonos.kernel.permissions import Permission
from tests.bills.asking import GRAPH
from tests.edge.stream import Stream
from tests.identity.makers import PASSWORD, TABLET, open_house

SCHEMA = '{ __schema { queryType { name } } __type(name: "Bill") { name } }'
SHOWN = {"data": {"__schema": {"queryType": {"name": "Query"}}, "__type": {"name": "Bill"}}}
FORBIDDEN = {
    "message": "You may not read the schema.",
    "extensions": {"code": "FORBIDDEN", "permission": "SCHEMA_READ"},
}
SIGN_IN = {"message": "Sign in.", "extensions": {"code": "UNAUTHENTICATED"}}
ASKED = {
    "http": ({"query": SCHEMA}, JSON, 200),
    "exact": ({"query": SCHEMA}, GRAPHQL_JSON, 400),
    "stream": ({"query": SCHEMA}, EVENTS, 200),
    "id": ({"documentId": f"sha256:{id_of(SCHEMA)}"}, JSON, 200),
    "id over a stream": ({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": id_of(SCHEMA)}}}, EVENTS, 200),
}
"""What is sent, what is accepted, and the status of a refusal."""


@pytest.fixture
async def client(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stream]:
    """A process that knows the schema's document by its id."""
    monkeypatch.setattr(passwords.hashing, "hasher", passwords.SMALL)
    house = await open_house(database)
    for role in ("MANAGER", "RECEPTIONIST", "STAFF", "ACCOUNTANT"):
        await house.take_on(role, role.lower())
    owner = await house.actor("owner")
    for name, permission in (("Reads the schema", Permission.SCHEMA_READ), ("Reads bills", Permission.BILL_READ)):
        new = identity.NewRole(name=name, permissions=(permission,))
        role_id = await database.run(owner, lambda work, new=new: identity.create_role(work, new))
        await house.take_on(role_id, permission.value.lower().replace("_", "."))
    people = Identity(database)
    engine = Engine(GRAPH, database, limits=Guard(GRAPH.core))
    persisted = Persisted({id_of(SCHEMA): SCHEMA})
    yield Stream(Endpoint(engine, people, Gate(frozenset({"127.0.0.1"}), frozenset()), Watch(people), persisted), "")
    await engine.live.stop()


def told(body: bytes) -> Any:
    """The answer of a reply, be it an event or not."""
    return orjson.loads(body.removeprefix(b"event: next\ndata: ").removesuffix(b"\n\nevent: complete\ndata:\n\n"))


@pytest.mark.parametrize("way", ASKED)
@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        ("owner", None),
        ("manager", FORBIDDEN),
        ("receptionist", FORBIDDEN),
        ("staff", FORBIDDEN),
        ("accountant", FORBIDDEN),
        ("schema.read", None),
        ("bill.read", FORBIDDEN),
        (None, SIGN_IN),
    ],
)
async def test_the_schema_is_for_who_has_schema_read_and_strangers_are_asked_to_sign_in(
    client: Stream, database: Database, way: str, who: str | None, refusal: Any
) -> None:
    body, accept, status = ASKED[way]
    if who is not None:
        session = await identity.sign_in(database, username=who, password=PASSWORD, device=TABLET)
        client.token = session.access_token

    answer = await client.post(body, accept=accept, token=None if who is None else "")

    assert answer[:2] == (status if refusal else 200, accept.encode())
    assert told(answer[2]) == ({"errors": [refusal]} if refusal else SHOWN)


@pytest.mark.parametrize("way", ASKED)
async def test_in_the_demo_the_schema_is_everybody_s(client: Stream, way: str) -> None:
    client.served.engine.introspection_is_open = True
    body, accept, _ = ASKED[way]

    status, _, answer = await client.post(body, accept=accept, token=None)

    assert (status, told(answer)) == (200, SHOWN)


def test_every_type_says_whether_it_takes_one_of_its_fields() -> None:
    text = "{ __schema { types { name kind isOneOf fields { type { isOneOf ofType { isOneOf } } } } } }"
    found = execute_sync(GRAPH.core, parse(text))

    assert found.errors is None
    assert found.data is not None
    types = found.data["__schema"]["types"]
    assert {each["name"] for each in types if each["isOneOf"]} == {"DiscountInput"}
    assert {each["kind"] for each in types if each["isOneOf"] is not None} == {"INPUT_OBJECT"}
