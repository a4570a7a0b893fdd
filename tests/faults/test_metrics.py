"""`/metrics` of a running process after known work, and what it never shows."""

import asyncio
import re
from pathlib import Path

import httpx

from tests.faults import served as serving
from tests.journeys.client import Client

TOKEN = "a token for whoever watches"
VIEWER = "query Canary98765 { viewer { username } }"
POSTED = "subscription Canary98765 { billPosted { cursor } }"
SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="[A-Za-z_.+0-9]*"(,[a-z]+="[A-Za-z_.+0-9]*")*\})? [-+0-9.eE]+')


def scrape(served: serving.Served, **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.get(f"{served.address}/metrics", headers=given, timeout=serving.ANSWER_S)


def samples(text: str) -> dict[str, float]:
    told = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in told}


async def hold_sockets(served: serving.Served) -> str:
    """The page while two sockets subscribe to the same and one to something else."""
    client = Client(served.address, token=served.owner)
    figures = "subscription { dashboardChanged { billCount } }"
    async with client, client.subscribe(POSTED), client.subscribe(POSTED), client.subscribe(figures):
        reply = await client.http.get(f"{served.address}/metrics")
        return reply.text


def test_known_work_is_told_exactly(tmp_path: Path) -> None:
    with serving.alone(tmp_path) as served:  # which signs in once
        signed_in = {"authorization": f"Bearer {served.owner}"}
        for _ in range(3):
            served.ask(VIEWER, **signed_in)
        served.ask("{ nonsense }", **signed_in)
        served.ask(VIEWER, authorization="Bearer canary")
        served.post(b"[]")
        wrong = {"username": "canary", "password": "canary canary", "deviceName": "canary"}
        served.ask(serving.SIGN_IN, {"input": wrong})
        reply = scrape(served)
        held = samples(asyncio.run(hold_sockets(served)))

    told = samples(reply.text)
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert {name: value for name, value in told.items() if name.startswith("salonos_operations_total")} == {
        'salonos_operations_total{kind="mutation",name="other",outcome="answered"}': 2.0,
        'salonos_operations_total{kind="query",name="other",outcome="answered"}': 3.0,
        'salonos_operations_total{kind="unknown",name="other",outcome="refused"}': 2.0,
        'salonos_operations_total{kind="unknown",name="other",outcome="rejected"}': 1.0,
    }
    assert told['salonos_operation_seconds_count{kind="query",name="other"}'] == 3.0
    assert {name: value for name, value in told.items() if name.startswith(("salonos_errors", "salonos_sign_in"))} == {
        'salonos_errors_total{code="BAD_REQUEST"}': 2.0,
        'salonos_errors_total{code="UNAUTHENTICATED"}': 1.0,
        'salonos_sign_in_refusals_total{problem="WrongCredentials"}': 1.0,
    }
    assert told['salonos_cache_lookups_total{cache="plans",found="hit"}'] == 2.0
    assert told["salonos_database_up"] == 1.0
    assert told['salonos_pool_connections_max{pool="reads"}'] == 10.0
    assert [told["salonos_sockets_open"], told["salonos_subscriptions_open"]] == [0.0, 0.0]
    assert [held[f"salonos_{name}"] for name in ("sockets_open", "subscriptions_open", "subscription_groups")] == [
        3.0, 3.0, 2.0,
    ]  # fmt: skip
    assert held['salonos_operations_total{kind="subscription",name="other",outcome="answered"}'] == 3.0


def test_a_scrape_shows_numbers_and_no_word_of_a_client(served: serving.Served) -> None:
    variables = {"input": {"username": "canary", "password": "canary canary", "deviceName": "canary"}}
    served.ask(VIEWER, authorization=f"Bearer {served.owner}")
    served.ask(serving.SIGN_IN, variables, user_agent="canary", x_canary="canary")
    served.ask("query canary { canary }", authorization=f"Bearer {served.owner}")

    text = scrape(served).text

    for word in ("canary", "viewer", "owner", "stylist", "rao", served.owner.lower(), serving.PASSWORD):
        assert word not in text.lower()
    assert [line for line in text.splitlines() if not line.startswith("#") and SAMPLE.fullmatch(line) is None] == []


def test_whoever_a_proxy_speaks_for_is_not_told_that_there_is_a_page(tmp_path: Path, served: serving.Served) -> None:
    forwarded = {"x_forwarded_for": "203.0.113.9"}
    assert scrape(served).status_code == 200
    assert scrape(served, **forwarded).status_code == 404
    with serving.alone(tmp_path, SALONOS_METRICS_TOKEN=TOKEN) as watched:
        assert scrape(watched, **forwarded).status_code == 404
        assert scrape(watched, **forwarded, authorization="Bearer " + TOKEN[:-1]).status_code == 404
        assert scrape(watched, **forwarded, authorization="Bearer " + TOKEN).status_code == 200
