"""A process that is told to stop ends its streams and sockets at once and finishes what is under way (G28)."""

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from salonos.kernel.database import plain_url
from tests.faults import served as serving
from tests.faults.fleet import CHECK_OUT, a_sale
from tests.journeys.client import Client

FIGURES = "subscription { dashboardChanged { billCount } }"
WAITS = """
    select count(*) > 0 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
"""
HASTY = """
import os, runpy, sys
from salonos.edge import server
server.Server.handle_exit = lambda *_: os._exit(0)
sys.argv[1:] = ["serve"]
runpy.run_module("salonos.edge", run_name="__main__")
"""
"""A process that ends as soon as it is told to."""
NOTHING_SOLD = {"data": {"dashboardChanged": {"billCount": 0}}}


@pytest.fixture
def stopping(tmp_path: Path) -> Iterator[serving.Served]:
    """A process of this test's own."""
    with serving.alone(tmp_path) as made:
        yield made


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[serving.Served]:
    """One that does not finish what it is at."""
    with serving.alone(tmp_path, words=("-c", HASTY)) as made:
        yield made


async def test_streams_end_sockets_are_closed_with_1012_and_nothing_is_waited_for(stopping: serving.Served) -> None:
    headers = {"accept": "text/event-stream", "authorization": f"Bearer {stopping.owner}"}
    async with (
        Client(stopping.address, token=stopping.owner) as client,
        client.subscribe(FIGURES) as subscription,
        client.http.stream("POST", f"{stopping.address}/graphql", json={"query": FIGURES}, headers=headers) as stream,
    ):
        lines = stream.aiter_lines()
        assert [await subscription.next(), await anext(lines)] == [NOTHING_SOLD, "event: next"]
        began_s = time.monotonic()

        stopping.process.send_signal(signal.SIGTERM)

        with pytest.raises(ConnectionClosed) as closed:
            await subscription.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        rest = ['data: {"data":{"dashboardChanged":{"billCount":0}}}', ""]
        assert [line async for line in lines] == rest, "`complete` would tell the client not to come again"
    stopping.process.wait(serving.ANSWER_S)
    assert time.monotonic() - began_s < 5
    assert "Traceback" not in stopping.written()


async def bills(database: "asyncpg.Connection[Any]") -> int:
    """How many there are."""
    found: int = await database.fetchval("select count(*) from bills")
    return found


async def sold_while_it_stops(served: serving.Served) -> tuple[httpx.Response | None, int]:
    """A sale that waits for the number series while its process is told to stop: its answer, and how many bills it made."""
    given, headers = await a_sale(served.url), {"authorization": f"Bearer {served.owner}"}
    body = {"query": CHECK_OUT, "variables": {"input": given}}
    holder, looker = [await asyncpg.connect(plain_url(served.url)) for _ in range(2)]
    async with httpx.AsyncClient(base_url=served.address, timeout=20) as http:
        await http.post("/graphql", json=body, headers={**headers, "idempotency-key": "the-first-sale-s-key"})
        before, held = await bills(looker), holder.transaction()
        await held.start()
        await holder.execute("select from number_counters for update")
        sale = http.post("/graphql", json=body, headers={**headers, "idempotency-key": "the-second-sale-s-key"})
        selling = asyncio.create_task(sale)
        async with asyncio.timeout(serving.ANSWER_S):
            while not await looker.fetchval(WAITS):  # noqa: ASYNC110  the database is asked
                await asyncio.sleep(0)
        served.process.send_signal(signal.SIGTERM)
        await refused(served.port)
        is_open = not selling.done()
        await held.rollback()
        try:
            reply = await selling
        except httpx.TransportError:
            reply = None
        await asyncio.to_thread(served.process.wait, serving.ANSWER_S)
        made = await bills(looker) - before
    for each in (holder, looker):
        await each.close()
    assert reply is None or is_open, "it was answered before it could be"
    return reply, made


async def refused(port: int) -> None:
    """Returns once nobody listens at a port any more."""
    async with asyncio.timeout(serving.ANSWER_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except (ConnectionRefusedError, ConnectionResetError):
                return
            writer.close()


async def test_a_sale_under_way_is_finished_and_answered_while_nobody_new_is_let_in(stopping: serving.Served) -> None:
    reply, made = await sold_while_it_stops(stopping)

    assert reply is not None
    assert (reply.status_code, reply.json()["data"]["checkOut"]["__typename"]) == (200, "CheckOutSuccess")
    assert made == 1
    assert stopping.process.returncode == -signal.SIGTERM
    assert "Traceback" not in stopping.written()


async def test_the_proof_fails_when_a_process_does_not_wait(hasty: serving.Served) -> None:
    assert await sold_while_it_stops(hasty) == (None, 0)


def test_a_query_is_answered_as_an_event_to_whoever_asks_for_events(served: serving.Served) -> None:
    reply = served.ask("{ viewer { username } }", accept="text/event-stream")

    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.text == 'event: next\ndata: {"data":{"viewer":null}}\n\nevent: complete\ndata:\n\n'


def test_the_log_has_a_line_for_a_request_and_nothing_that_the_client_wrote(served: serving.Served) -> None:
    body = json.dumps({"query": "query Canary98765 { viewer { username } }", "operationName": "Canary98765"})
    named = json.dumps({"query": "query WhoAmI { viewer { username } }", "operationName": "WhoAmI"})

    hidden = served.post(body.encode(), authorization=f"Bearer {served.owner}", user_agent="canary")
    shown = served.post(named.encode(), authorization=f"Bearer {served.owner}")
    served.ask("{ __typename }")  # a request's line is written once its reply is sent, and before the next is read

    lines = [json.loads(line) for line in served.written().splitlines() if line.startswith("{")]
    told = {line["request_id"]: line for line in lines if "request_id" in line}
    assert told[hidden.headers["x-request-id"]]["operation"] == ""
    assert told[shown.headers["x-request-id"]]["operation"] == "WhoAmI"
    assert set(told[shown.headers["x-request-id"]]) == {
        "event", "level", "timestamp", "request_id", "operation", "status", "code", "duration_ms"
    }  # fmt: skip
    assert "canary" not in served.written().lower()
