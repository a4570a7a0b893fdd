"""GraphQL over HTTP for POST, with the drafts' codes (record 0010): each rule is a request, and its status, type and body."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from salonos.edge.endpoint import Endpoint
from salonos.edge.gate import Gate, Incoming
from salonos.edge.sessions import Watch
from salonos.graph.execute import Engine
from salonos.graph.limits import Guard
from salonos.identity.queries import Identity
from salonos.kernel.database import Database
from tests.bills.asking import GRAPH

JSON, EXACT = "application/json", "application/graphql-response+json"
UTF_8 = "; charset=utf-8"
ASK = "{ __typename }"
NAMED = "query A { a: __typename } query B { b: __typename }"
TAKING = "query($n: Boolean!) { __typename @include(if: $n) }"
DATA = {"data": {"__typename": "Query"}}
DENIED = "{ __typename bills(first: 1) { totalCount } }"


@dataclass(frozen=True)
class Rule:
    """What the draft asks for, a request, and the answer. `data` None: the body has no `data` key at all."""

    said: str
    body: Any = field(default_factory=lambda: {"query": ASK})
    accept: str | None = EXACT
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    address: bytes = b""
    status: int = 200
    media: str = EXACT
    data: Any = None
    has_errors: bool = False


def answered(said: str, **more: Any) -> Rule:
    """A request that is run."""
    return Rule(said, **{"data": DATA["data"], **more})


def refused(said: str, status: int = 400, **more: Any) -> Rule:
    """A request that is not: errors alone, without data."""
    return Rule(said, **{"status": status, "has_errors": True, **more})


def accepting(accept: str | None, media: str, said: str) -> Rule:
    """What a client accepts decides the media type."""
    return answered(f"accept {accept}: {said}", accept=accept, media=media)


ACCEPT = [
    accepting(None, JSON, "clients older than the media type send none"),
    accepting("", JSON, "an empty one is none"),
    accepting("*/*", JSON, "anything"),
    accepting("application/*", JSON, "any application"),
    accepting(JSON, JSON, "MUST support application/json"),
    accepting(EXACT, EXACT, "MUST support the media type"),
    accepting(EXACT.upper(), EXACT, "media types know no case"),
    accepting(f"{EXACT}; charset=utf-8", EXACT, "with a charset"),
    accepting(f"{EXACT}, {JSON};q=0.9", EXACT, "SHOULD be the draft's example"),
    accepting(f"{EXACT};q=0.1, {JSON};q=0.2", JSON, "quality wins over place"),
    accepting(f"{JSON};q=0, */*", EXACT, "what has q=0 is not sent, whatever the wildcard says"),
    accepting(f"{JSON}, {EXACT}, text/event-stream, multipart/mixed", JSON, "stream types last are no wish for them"),
    accepting("text/html, */*;q=0.1", JSON, "browsers"),
    accepting(f"{JSON};q=0.1, */*", EXACT, "each type has the quality of its most specific range"),
    accepting("text/*, */*;q=0.1", JSON, "a wildcard is no wish for the stream"),
    *(
        refused(f"accept {each}: 406", 406, accept=each, media=JSON)
        for each in ("text/html", f"{EXACT};q=0", "*/*;q=0")
    ),
    refused("an Accept that is too long", 431, accept="a," * 31_000, media=JSON),
]

REQUESTS = [
    answered("MUST accept POST", headers={"content-type": JSON}),
    answered("MUST take UTF-8 where no charset is named", body={"query": "{ __typename # ₹ }\n}"}),
    answered("charset=utf-8", headers={"content-type": f"{JSON}; charset=utf-8"}),
    answered("charset in quotes and capitals", headers={"content-type": 'Application/JSON;Charset="UTF-8"'}),
    refused("another charset", 415, headers={"content-type": f"{JSON}; charset=utf-16"}),
    refused("a form", 415, headers={"content-type": "application/x-www-form-urlencoded"}),
    refused("plain text", 415, headers={"content-type": "text/plain"}),
    refused("GraphQL's own text", 415, headers={"content-type": "application/graphql"}),
    refused("no content type", 415, headers={"content-type": ""}),
    refused("a compressed body", 415, headers={"content-encoding": "gzip"}),
    *(refused(f"{each} is answered 405", 405, method=each) for each in ("GET", "HEAD", "PUT", "PATCH", "DELETE")),
    refused("GET runs nothing", 405, method="GET", address=b"query=%7B__typename%7D"),
    refused("nothing from a POST's address", address=b"query=%7B__typename%7D"),
    answered("MUST allow variables", body={"query": TAKING, "variables": {"n": True}}),
    answered("MUST allow variables null", body={"query": ASK, "variables": None}),
    answered("MUST allow operationName", body={"query": "query A { __typename }", "operationName": "A"}),
    answered("MUST allow operationName null", body={"query": ASK, "operationName": None}),
    answered("MUST allow extensions", body={"query": ASK, "extensions": {"ours": {"deep": [1]}}}),
    answered("MUST allow extensions null", body={"query": ASK, "extensions": None}),
    answered("MUST ignore what it does not know", body={"query": ASK, "later": 1}),
    answered("the operation that is named", body={"query": NAMED, "operationName": "B"}, data={"b": "Query"}),
]  # fmt: skip

NOT_WELL_FORMED = [
    refused(f"{said}, {accept}", body=body, accept=accept, media=accept)
    for accept in (JSON, EXACT)
    for said, body in {
        "no body": b"",
        "no JSON": b"{",
        "a list": b"[]",
        "a batch": json.dumps([{"query": ASK}]).encode(),
        "null": b"null",
        "text": b'"{ __typename }"',
        "no query": {},
        "a query of null": {"query": None},
        "a query of an object": {"query": {}},
        "a query of a number": {"query": 0},
        "a query of a list": {"query": [ASK]},
        "an operationName of an object": {"query": ASK, "operationName": {}},
        "an operationName of a number": {"query": ASK, "operationName": 0},
        "an operationName of false": {"query": ASK, "operationName": False},
        "variables of text": {"query": ASK, "variables": "{}"},
        "variables of a list": {"query": ASK, "variables": []},
        "variables of a number": {"query": ASK, "variables": 0},
        "extensions of text": {"query": ASK, "extensions": "{}"},
        "extensions of a list": {"query": ASK, "extensions": []},
        "extensions of a number": {"query": ASK, "extensions": 0},
    }.items()
]
"""Requests that are not GraphQL-over-HTTP requests: 400 in both media types."""

REQUEST_ERRORS = [
    refused(f"{said}, {accept}", status, body=body, accept=accept, media=accept)
    for accept, status in ((JSON, 200), (EXACT, 400))
    for said, body in {
        "text that does not parse": {"query": "{"},
        "an empty document": {"query": ""},
        "a document that does not validate": {"query": "{ nothing }"},
        "a document of a schema": {"query": "type A { a: Int }"},
        "no operation of that name": {"query": NAMED, "operationName": "C"},
        "an empty name is a name": {"query": NAMED, "operationName": ""},
        "two operations and no name": {"query": NAMED},
        "two operations and a name of null": {"query": NAMED, "operationName": None},
        "a variable that is missing": {"query": "query($id: ID!) { node(id: $id) { id } }"},
        "a variable of another type": {"query": "query($n: Int) { bills(first: $n) { totalCount } }", "variables": {"n": "x"}},
        "a subscription without a stream": {"query": "subscription { billPosted { cursor } }"},
        "a persisted document that is not known": {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}},
        "a document's id that is not known": {"documentId": "sha256:" + "0" * 64},
    }.items()
]  # fmt: skip
"""Requests that are understood and can't be run: 400 in the exact media type, 200 in the old one."""

FIELD_ERRORS = [
    Rule(
        f"data and errors are 200, {accept}",
        {"query": DENIED},
        accept,
        media=accept,
        data={"__typename": "Query", "bills": None},
        has_errors=True,
    )
    for accept in (JSON, EXACT)
]


@pytest.fixture
async def endpoint(database: Database) -> Endpoint:
    people = Identity(database)
    gate = Gate(frozenset({"127.0.0.1"}), frozenset())
    return Endpoint(Engine(GRAPH, database, limits=Guard(GRAPH.core)), people, gate, Watch(people))


async def ask(endpoint: Endpoint, rule: Rule) -> tuple[int, dict[str, str], bytes]:
    """The reply's status, headers and body."""
    sent: list[Any] = []
    body = rule.body if isinstance(rule.body, bytes) else json.dumps(rule.body, ensure_ascii=False).encode()

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"host": "127.0.0.1", "content-type": JSON, **rule.headers}
    if rule.accept is not None:
        given["accept"] = rule.accept
    headers = [(name.encode(), text.encode()) for name, text in given.items()]
    scope = {"type": "http", "method": rule.method, "path": "/graphql", "query_string": rule.address}
    await endpoint({**scope, "headers": headers}, Incoming(headers), "test", receive, send)
    told = {name.decode(): text.decode() for name, text in sent[0]["headers"]}
    return sent[0]["status"], told, sent[1]["body"]


def expected_of(rule: Rule) -> dict[str, Any]:
    """What a rule asks for, in the form of `answer_to`."""
    return {
        "status": rule.status,
        "media": rule.media + UTF_8,
        "keys": sorted((["data"] if rule.data is not None else []) + (["errors"] if rule.has_errors else [])),
        "data": rule.data,
        "messages": rule.has_errors,
        "allow": "POST, OPTIONS" if rule.status == 405 else None,
    }


async def answer_to(endpoint: Endpoint, rule: Rule) -> dict[str, Any]:
    """What a client sees."""
    status, headers, body = await ask(endpoint, rule)
    answer = orjson.loads(body)
    assert headers["content-length"] == str(len(body))
    return {
        "status": status,
        "media": headers["content-type"],
        "keys": sorted(answer),
        "data": answer.get("data"),
        "messages": any(isinstance(each["message"], str) for each in answer.get("errors", ())),
        "allow": headers.get("allow"),
    }


@pytest.mark.parametrize(
    "rules",
    [ACCEPT, REQUESTS, NOT_WELL_FORMED, REQUEST_ERRORS, FIELD_ERRORS],
    ids=["accept", "requests", "not_well_formed", "request_errors", "field_errors"],
)
async def test_the_draft_is_kept_to_the_letter(rules: list[Rule], endpoint: Endpoint) -> None:
    answers = {rule.said: await answer_to(endpoint, rule) for rule in rules}

    assert answers == {rule.said: expected_of(rule) for rule in rules}
    assert len(answers) == len(rules)
