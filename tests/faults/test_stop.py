"""A process that is told to stop ends its streams and sockets at once and finishes what is under way (G28)."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.faults import served as serving
from tests.journeys.client import Client

FIGURES = "subscription { dashboardChanged { billCount } }"
NOTHING_SOLD = {"data": {"dashboardChanged": {"billCount": 0}}}


@pytest.fixture
def stopping(tmp_path: Path) -> Iterator[serving.Served]:
    """A process of this test's own."""
    with serving.alone(tmp_path) as made:
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
