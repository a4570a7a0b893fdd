"""Documents by their SHA-256: Apollo's persisted queries, and the documents of our own clients."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway

from salonos.edge import persisted
from salonos.edge.budget import Budget
from salonos.edge.endpoint import Endpoint
from salonos.edge.gate import Gate, Incoming
from salonos.edge.media import EVENTS, GRAPHQL_JSON, JSON
from salonos.edge.persisted import Persisted
from salonos.edge.sessions import Watch
from salonos.edge.socket import Sockets
from salonos.graph.execute import REQUEST_COST, Engine
from salonos.graph.limits import Guard
from salonos.graph.trusted import Manifest, ManifestWrong, TrustedDocument, id_of
from salonos.identity import commands as identity
from salonos.identity.commands import passwords
from salonos.identity.queries import Identity
from salonos.kernel import counts
from salonos.kernel.database import Database
from tests.bills.asking import GRAPH
from tests.edge.wire import Wire
from tests.identity.makers import PASSWORD, TABLET, House, open_house
from tests.statements import Statements

ME = "query Me { viewer { username } }"
NEVER_SENT = "query Never { viewer { displayName } }"
TRUSTED = "query LatestBills { bills(first: 5) { totalCount } }"
POSTED = "subscription Posted { billPosted { cursor } }"
MANIFEST = Manifest(
    tuple(TrustedDocument(id_of(text), name, text) for name, text in (("LatestBills", TRUSTED), ("Posted", POSTED))),
    frozenset({"RECEPTIONIST"}),
)


def by_id(text: str, **more: Any) -> dict[str, Any]:
    """A request that names a document as Apollo's clients do."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": id_of(text)}}, **more}


@dataclass
class Desk:
    """A house with two processes over one Redis."""

    house: House
    tokens: dict[str, str]
    redis: "Redis"

    def process(self, redis: "Redis | None" = None, manifest: Manifest | None = None) -> Endpoint:
        """Another process."""
        people = Identity(self.house.database)
        engine = Engine(GRAPH, self.house.database, limits=Guard(GRAPH.core))
        if manifest is not None:
            engine.trust(manifest)
        documents = Persisted(manifest.texts if manifest else None, redis)
        return Endpoint(engine, people, Gate(frozenset({"127.0.0.1"}), frozenset()), Watch(people), documents)

    async def ask(self, served: Endpoint, body: dict[str, Any], who: str | None = "owner") -> tuple[int, Any]:
        """A POST's status and body."""
        status, _, answer = await self.post(served, body, who)
        return status, orjson.loads(answer)

    async def post(
        self, served: Endpoint, body: dict[str, Any], who: str | None = "owner", accept: str | None = None
    ) -> tuple[int, str, bytes]:
        """The same with the media type, and the bytes as they are."""
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": orjson.dumps(body), "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
        headers += [(b"authorization", f"Bearer {self.tokens[who]}".encode())] if who else []
        headers += [(b"accept", accept.encode())] if accept else []
        scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
        await served(scope, Incoming(headers), "test", receive, send)
        media = dict(sent[0]["headers"])[b"content-type"].decode().removesuffix("; charset=utf-8")
        return sent[0]["status"], media, sent[1]["body"]


@pytest.fixture
async def desk(database: Database, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(passwords.hashing, "hasher", passwords.SMALL)
    house = await open_house(database)
    await house.take_on("RECEPTIONIST", "tara")
    tokens = {
        name: (await identity.sign_in(database, username=name, password=PASSWORD, device=TABLET)).access_token
        for name in ("owner", "tara")
    }
    redis = Redis.from_url(redis_url)
    for text in (ME, NEVER_SENT):
        await redis.delete(f"salonos:document:{id_of(text)}")
    yield Desk(house, tokens, redis)
    await redis.aclose()


async def test_a_document_is_sent_whole_once_and_by_its_id_afterwards(desk: Desk) -> None:
    served = desk.process()

    unknown = await desk.ask(served, by_id(ME))
    whole = await desk.ask(served, by_id(ME, query=ME))
    again = await desk.ask(served, by_id(ME))

    assert unknown == (
        200,
        {"errors": [{"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}]},
    )
    assert whole == again == (200, {"data": {"viewer": {"username": "owner"}}})


@pytest.mark.parametrize(
    ("accept", "status", "media"),
    [
        (None, 200, JSON),
        (JSON, 200, JSON),
        (GRAPHQL_JSON, 400, GRAPHQL_JSON),
        (f"{GRAPHQL_JSON}, {JSON};q=0.9", 400, GRAPHQL_JSON),
        (EVENTS, 200, EVENTS),
    ],
)
@pytest.mark.parametrize("body", [by_id(NEVER_SENT), {"documentId": f"sha256:{id_of(NEVER_SENT)}"}])
async def test_a_document_that_is_not_known_is_no_success_where_the_media_type_allows_to_say_so(
    desk: Desk, body: dict[str, Any], accept: str | None, status: int, media: str
) -> None:
    said = b'{"errors":[{"message":"PersistedQueryNotFound","extensions":{"code":"PERSISTED_QUERY_NOT_FOUND"}}]}'

    answer = await desk.post(desk.process(), body, accept=accept)

    whole = b"event: next\ndata: " + said + b"\n\nevent: complete\ndata:\n\n" if media == EVENTS else said
    assert answer == (status, media, whole)


async def test_other_processes_know_it_through_redis(desk: Desk) -> None:
    await desk.ask(desk.process(desk.redis), by_id(ME, query=ME))

    status, body = await desk.ask(desk.process(desk.redis), by_id(ME))

    assert (status, body) == (200, {"data": {"viewer": {"username": "owner"}}})
    assert 0 < await desk.redis.ttl(f"salonos:document:{id_of(ME)}") <= 7 * 24 * 3600


async def test_without_redis_each_process_learns_by_itself(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any, **__: Any) -> None:
        raise RedisAway

    monkeypatch.setattr(desk.redis, "get", away)
    monkeypatch.setattr(desk.redis, "eval", away)
    served = desk.process(desk.redis)

    await desk.ask(served, by_id(ME, query=ME))

    assert (await desk.ask(served, by_id(ME)))[1] == {"data": {"viewer": {"username": "owner"}}}


async def test_a_person_has_so_many_bytes_kept_a_day_and_sends_whole_documents_beyond(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persisted, "KEPT_BYTES_A_DAY", 2 * len(ME))
    desk_of = f"salonos:documents-of:{desk.house.owner_id.hex}"
    texts = [ME.replace("Me", name) for name in ("M1", "M2", "M3")]
    for text in texts:
        await desk.redis.delete(f"salonos:document:{id_of(text)}")
    served = desk.process(desk.redis)

    answers = [await desk.ask(served, by_id(text, query=text)) for text in texts]
    again = [(await desk.ask(served, by_id(text)))[1] for text in texts]
    others = await desk.ask(served, by_id(texts[2], query=texts[2]), "tara")

    me = {"data": {"viewer": {"username": "owner"}}}
    assert answers == [(200, me)] * 3
    assert [each == me for each in again] == [True, True, False]
    assert int(await desk.redis.get(desk_of)) == 3 * len(ME)
    assert 0 < await desk.redis.ttl(desk_of) <= 24 * 3600
    assert others == (200, {"data": {"viewer": {"username": "tara"}}})
    assert (await desk.ask(served, by_id(texts[2])))[1] == me


async def test_what_another_has_had_kept_counts_for_nobody_else(desk: Desk) -> None:
    await desk.ask(desk.process(desk.redis), by_id(ME, query=ME))
    await desk.ask(desk.process(desk.redis), by_id(ME, query=ME), "tara")

    kept = [
        name
        async for name in desk.redis.scan_iter("salonos:documents-of:*")
        if desk.house.owner_id.hex.encode() in name
    ]
    assert len(kept) == 1
    tara = await desk.house.database.pool.fetchval("select id from staff where username = 'tara'")
    assert await desk.redis.get(f"salonos:documents-of:{tara.hex}") is None


async def test_a_document_that_is_kept_costs_its_length_once(desk: Desk) -> None:
    served = desk.process()
    served.engine.budget = budget = Budget(1_000)
    await desk.ask(served, {"query": ME})
    await desk.ask(served, {"query": ME})
    before = budget.debts[desk.house.owner_id.int]

    await desk.ask(served, by_id(ME, query=ME))
    first = budget.debts[desk.house.owner_id.int]
    await desk.ask(served, by_id(ME, query=ME))

    asked = REQUEST_COST + 1
    assert (first - before, budget.debts[desk.house.owner_id.int] - first) == (asked + len(ME), asked)
    budget.debts[desk.house.owner_id.int] = 10_000
    other = ME.replace("Me", "Other")
    served.engine.documents.operation(other, None, is_signed_in=True)
    assert (await desk.ask(served, by_id(other, query=other)))[0] == 429


async def test_what_stands_in_redis_is_believed_only_if_it_is_the_text_of_the_id(desk: Desk) -> None:
    await desk.redis.set(f"salonos:document:{id_of(NEVER_SENT)}", ME)

    _, body = await desk.ask(desk.process(desk.redis), by_id(NEVER_SENT))

    assert body["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize("who", ["owner", None])
async def test_what_is_wrong_or_a_strangers_is_not_kept(desk: Desk, who: str | None) -> None:
    wrong = "query Me { viewer { nothing } }" if who else ME
    served = desk.process(desk.redis)

    await desk.ask(served, by_id(wrong, query=wrong), who)
    _, body = await desk.ask(served, by_id(wrong))

    assert body["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    "body",
    [
        {"query": ME, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}},
        {"query": ME, "documentId": "sha256:" + "0" * 64},
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": id_of(ME)}}},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": id_of(ME).upper()}}},
        {"extensions": {"persistedQuery": [id_of(ME)]}},
        {"extensions": id_of(ME)},
        {"documentId": 5},
        {"documentId": "../../etc/passwd"},
    ],
)
async def test_a_malformed_or_wrong_id_is_refused(desk: Desk, body: dict[str, Any]) -> None:
    status, answer = await desk.ask(desk.process(), body)

    assert (status, answer["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("body", [by_id(TRUSTED), {"documentId": f"sha256:{id_of(TRUSTED)}"}, {"query": TRUSTED}])
async def test_a_trusted_document_is_known_from_the_start(desk: Desk, body: dict[str, Any]) -> None:
    assert await desk.ask(desk.process(manifest=MANIFEST), body, "tara") == (
        200,
        {"data": {"bills": {"totalCount": 0}}},
    )


async def test_a_role_of_the_manifest_sends_nothing_else(desk: Desk, statements: Statements) -> None:
    served = desk.process(manifest=MANIFEST)
    await desk.ask(served, {"query": TRUSTED}, "tara")

    with statements.counted() as asked:
        status, body = await desk.ask(served, {"query": "{ this is not even GraphQL"}, "tara")
        other = await desk.ask(served, {"query": ME}, "tara")

    assert (status, body["errors"][0]["extensions"]["code"]) == (200, "FORBIDDEN")
    assert other[1] == body
    assert len(asked) == 0
    assert (await desk.ask(served, {"query": ME}, "owner"))[1] == {"data": {"viewer": {"username": "owner"}}}


async def test_a_role_of_the_manifest_subscribes_to_nothing_else(desk: Desk) -> None:
    served = desk.process(manifest=MANIFEST)
    wire = Wire(Sockets(served.engine, served.watch, served.gate, served.persisted))
    await wire.open(desk.tokens["tara"], POSTED)

    for name, payload in (
        ("2", {"query": "subscription { billPosted { occurredAt } }"}),
        ("3", by_id("subscription { billPosted { occurredAt } }")),
        ("4", by_id(POSTED)),
    ):
        wire.tell(type="subscribe", id=name, payload=payload)
    await wire.until(lambda: len(wire.said) == 3)
    async with asyncio.timeout(10):
        while len(served.engine.live.subscribers) < 2:  # noqa: ASYNC110  turns of the loop
            await asyncio.sleep(0)

    answers = {each["id"]: each["payload"][0]["extensions"]["code"] for each in wire.said if each["type"] == "error"}
    assert answers == {"2": "FORBIDDEN", "3": "PERSISTED_QUERY_NOT_FOUND"}
    await wire.close()
    await served.engine.live.stop()


def counted() -> dict[tuple[str, str, str], int]:
    """The operations that were counted, by name, kind and outcome."""
    return {
        (name, kind, outcome): number
        for name, kind, series in counts.process.operations()
        for outcome, number in series.outcomes.items()
    }


async def test_an_operation_is_counted_by_the_name_of_its_document_whatever_a_request_calls_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "process", counts.Counts())
    served = desk.process(manifest=MANIFEST)
    other = TRUSTED.replace("totalCount", "nodes { id }")

    for body in (by_id(TRUSTED), {"documentId": id_of(TRUSTED)}, {"query": TRUSTED}, {"query": f"# till\n{TRUSTED}"}):
        await desk.ask(served, body)
    for body in (
        {"query": other},
        {"query": other, "operationName": "LatestBills"},
        {"query": "{ LatestBills: __typename }"},
    ):
        await desk.ask(served, body)
    for number in range(50):
        name = f"Made{number}"
        await desk.ask(served, {"query": f"query {name} {{ __typename }}", "operationName": name}, None)
    await desk.ask(served, by_id(NEVER_SENT, operationName="LatestBills"))

    assert counted() == {
        ("LatestBills", "query", "answered"): 4,
        ("other", "query", "answered"): 53,
        ("other", "unknown", "refused"): 1,
    }


async def test_a_subscription_is_counted_by_the_name_of_its_document(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "process", counts.Counts())
    served = desk.process(manifest=MANIFEST)
    wire = Wire(Sockets(served.engine, served.watch, served.gate, served.persisted))
    await wire.open(desk.tokens["owner"], POSTED)

    other = POSTED.replace("cursor", "occurredAt")
    for name, payload in (
        ("2", by_id(POSTED)),
        ("3", {"query": other, "operationName": "Posted"}),
        ("4", {"query": "subscription Posted { nothing }", "operationName": "Posted"}),
    ):
        wire.tell(type="subscribe", id=name, payload=payload)
    await wire.until(lambda: any(each["type"] == "error" for each in wire.said))
    async with asyncio.timeout(10):
        while sum(counted().values()) < 4:  # noqa: ASYNC110  turns of the loop
            await asyncio.sleep(0)

    assert counted() == {
        ("Posted", "subscription", "answered"): 2,
        ("other", "subscription", "answered"): 1,
        ("other", "subscription", "rejected"): 1,
    }
    await wire.close()
    await served.engine.live.stop()


async def test_strangers_texts_evict_no_trusted_document(desk: Desk) -> None:
    served = desk.process(manifest=MANIFEST)
    known = served.engine.documents.known(TRUSTED, "LatestBills")

    for number in range(1_100):
        served.engine.documents.operation(f"{{ a{number}: __typename }}", None, is_signed_in=bool(number % 2))

    assert known is not None
    assert served.engine.documents.known(TRUSTED, None) is known


def test_a_manifest_is_written_and_read_alike() -> None:
    assert Manifest.read(MANIFEST.written()) == MANIFEST
    assert orjson.loads(MANIFEST.written())["operations"][1]["type"] == "subscription"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is no JSON"),
        (b"[]", "it is not of format"),
        (b'{"format": "apollo-persisted-query-manifest", "version": 2, "operations": []}', "it is not of format"),
        (b'{"format": "apollo-persisted-query-manifest", "version": 1, "operations": {}}', "`operations` is a list"),
        (MANIFEST.written().replace(b"LatestBills {", b"LatestBills  {"), "is not the SHA-256 of its body"),
        (MANIFEST.written().replace(b'"RECEPTIONIST"', b"5"), "`onlyFor` is a list"),
        (MANIFEST.written().replace(b'"RECEPTIONIST"', b'"RECEPTIONISTS"'), "'RECEPTIONISTS' is no built-in role"),
        (MANIFEST.written().replace(b'"name": "Posted"', b'"name": "<script>"'), "is no operation's name"),
    ],
)
def test_a_manifest_that_can_not_be_used_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(ManifestWrong, match=said):
        Manifest.read(content)


async def test_a_manifest_of_another_schema_is_refused(database: Database) -> None:
    text = "query Old { bills { cost } }"

    with pytest.raises(ManifestWrong, match="Old is refused by the schema: Cannot query field 'cost'"):
        Engine(GRAPH, database).trust(Manifest((TrustedDocument(id_of(text), "Old", text),)))
