"""Server-sent events: what is wrong with an operation is an event, who may not ask is a status; and who pays for reading."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from salonos.edge.budget import Budget
from salonos.edge.endpoint import Endpoint
from salonos.edge.gate import Gate
from salonos.edge.media import EVENTS, GRAPHQL_JSON, JSON
from salonos.edge.sessions import Watch
from salonos.graph.execute import Engine
from salonos.graph.limits import Guard
from salonos.identity import commands as identity
from salonos.identity.commands import passwords
from salonos.identity.queries import Identity
from salonos.kernel.database import Database
from tests.bills.asking import GRAPH
from tests.edge.stream import ADDRESS, ORIGIN, Stream
from tests.identity.makers import PASSWORD, TABLET, open_house

POSTED = "subscription Posted { billPosted { cursor } }"
SYNTAX = (
    b'{"errors":[{"message":"Syntax Error: Expected Name, found <EOF>.","locations":[{"line":1,"column":15}],'
    b'"extensions":{"code":"BAD_REQUEST"}}]}'
)
UNKNOWN = (
    b'{"errors":[{"message":"Cannot query field \'nothing\' on type \'Subscription\'.",'
    b'"locations":[{"line":1,"column":16}],"extensions":{"code":"BAD_REQUEST"}}]}'
)


@pytest.fixture
async def client(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stream]:
    monkeypatch.setattr(passwords.hashing, "hasher", passwords.SMALL)
    await open_house(database)
    session = await identity.sign_in(database, username="owner", password=PASSWORD, device=TABLET)
    people = Identity(database)
    engine = Engine(GRAPH, database, limits=Guard(GRAPH.core), budget=Budget(1_000.0))
    gate = Gate(frozenset({"127.0.0.1"}), frozenset({ORIGIN}))
    yield Stream(Endpoint(engine, people, gate, Watch(people, device_max=2)), session.access_token)
    await engine.live.stop()


def an_event(body: bytes) -> bytes:
    return b"event: next\ndata: " + body + b"\n\nevent: complete\ndata:\n\n"


@pytest.mark.parametrize(
    ("query", "said"),
    [("subscription {", SYNTAX), ("subscription { nothing }", UNKNOWN)],
)
async def test_a_document_that_is_wrong_is_told_as_the_stream_s_one_event(
    client: Stream, query: str, said: bytes
) -> None:
    assert await client.post({"query": query}) == (200, EVENTS.encode(), an_event(said))


async def test_a_document_s_id_that_is_wrong_is_told_as_an_event(client: Stream) -> None:
    said = (
        b'{"errors":[{"message":"A document\'s id is the SHA-256 of its text, in 64 lower-case hexadecimal digits.",'
        b'"extensions":{"code":"BAD_REQUEST"}}]}'
    )

    assert await client.post({"documentId": "nonsense"}) == (200, EVENTS.encode(), an_event(said))


@pytest.mark.parametrize(
    ("body", "token", "status"), [([], "", 400), ({}, "", 400), ({"query": POSTED}, "nonsense", 401), ({"query": POSTED}, None, 401)]
)  # fmt: skip
async def test_what_is_no_request_or_nobody_s_keeps_its_status(
    client: Stream, body: Any, token: str | None, status: int
) -> None:
    answer = await client.post(body, token=token)

    assert answer[:2] == (status, JSON.encode())
    assert sorted(orjson.loads(answer[2])) == ["errors"]


async def test_reading_a_new_document_is_paid_by_the_person_and_kept_with_theirs(client: Stream) -> None:
    budget, documents = client.served.engine.budget, client.served.engine.documents
    assert isinstance(budget, Budget)
    client.served.stopping.set()  # so that the stream ends

    await client.post({"query": POSTED})

    assert ADDRESS not in budget.debts
    assert len(budget.debts) == 1
    assert (len(documents._known), len(documents._strangers)) == (1, 0)


async def test_whoever_asks_for_too_much_is_told_when_to_come_again(client: Stream) -> None:
    budget = client.served.engine.budget
    assert isinstance(budget, Budget)
    client.served.stopping.set()
    await client.post({"query": POSTED})
    (person,) = budget.debts
    budget.debts[person] = 30_000.0

    answers = [
        await client.post({"query": query}, accept=accept)
        for query in (POSTED.replace("Posted", "Again"), "{ viewer { username } }")
        for accept in (EVENTS, JSON, GRAPHQL_JSON)
    ]

    assert [status for status, _, _ in answers] == [429] * 6
    assert [media for _, media, _ in answers] == [JSON.encode(), JSON.encode(), GRAPHQL_JSON.encode()] * 2
    told = orjson.loads(answers[-1][2])["errors"][0]["extensions"]
    assert client.headers[b"retry-after"] == str(told["retryAfter"]).encode() == b"21"
    assert client.headers[b"access-control-expose-headers"] == b"x-request-id, retry-after"


async def test_a_device_s_third_stream_is_told_to_come_again(client: Stream) -> None:
    for _ in range(2):
        await client.served.watch.begin(client.token)

    status, media, body = await client.post({"query": POSTED})

    assert (status, media, client.headers[b"retry-after"]) == (429, JSON.encode(), b"1")
    assert orjson.loads(body)["errors"][0]["extensions"] == {"code": "TOO_MANY_REQUESTS", "retryAfter": 1}


@pytest.mark.parametrize(("accept", "media"), [(JSON, JSON), (GRAPHQL_JSON, GRAPHQL_JSON), (EVENTS, JSON)])
async def test_a_bug_is_told_in_the_media_type_that_was_asked_for(
    client: Stream, monkeypatch: pytest.MonkeyPatch, accept: str, media: str
) -> None:
    monkeypatch.setattr("salonos.edge.endpoint.facts_of", None)

    status, told, body = await client.post({"query": POSTED}, accept=accept)

    assert (status, told) == (500, media.encode())
    assert orjson.loads(body)["errors"][0]["extensions"]["code"] == "INTERNAL"


@pytest.mark.parametrize(("accept", "media"), [(JSON, JSON), (GRAPHQL_JSON, GRAPHQL_JSON)])
async def test_an_outage_of_the_database_says_when_to_come_again(
    client: Stream, monkeypatch: pytest.MonkeyPatch, accept: str, media: str
) -> None:
    async def away(*_: Any) -> Any:
        raise OSError

    monkeypatch.setattr(client.served.engine.database.readers, "fetchrow", away)

    status, told, _ = await client.post({"query": "{ branches(first: 1) { nodes { id } } }"}, accept=accept)

    assert (status, told, client.headers[b"retry-after"]) == (503, media.encode(), b"1")
