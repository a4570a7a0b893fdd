"""Too many operations at a time are refused at once; sockets don't take their places."""

import asyncio
from typing import Any

import orjson
import pytest

from salonos.edge import endpoint
from salonos.edge.endpoint import Endpoint
from salonos.edge.gate import Gate, Incoming
from salonos.edge.sessions import Watch
from salonos.graph.execute import Engine
from salonos.identity.queries import Identity
from salonos.kernel.database import Database
from tests.bills.asking import GRAPH

BODY = orjson.dumps({"query": "{ __typename }"})


async def post(served: Endpoint) -> Any:
    """A request, and the status, headers and body of its reply."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
    await served(scope, Incoming(headers), "test", receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), orjson.loads(sent[1]["body"])


async def test_whoever_comes_on_top_is_told_to_come_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "OPERATIONS_MAX", 2)
    people = Identity(database)
    engine = Engine(GRAPH, database)
    served = Endpoint(engine, people, Gate(frozenset({"127.0.0.1"}), frozenset()), Watch(people))
    held, entered = asyncio.Event(), asyncio.Event()
    answer = engine.answer

    async def slowly(*asked: Any) -> Any:
        entered.set()
        await held.wait()
        return await answer(*asked)

    monkeypatch.setattr(engine, "answer", slowly)
    first = [asyncio.create_task(post(served)) for _ in range(2)]
    await entered.wait()
    await asyncio.sleep(0)

    status, headers, body = await post(served)
    held.set()
    answered = await asyncio.gather(*first)
    again = await post(served)

    assert (status, headers[b"retry-after"]) == (503, b"1")
    assert body["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    assert [each[0] for each in (*answered, again)] == [200, 200, 200]
    assert served.under_way == 0
