"""What a running API process promises beyond single requests: keys, cheap refusals, streams, and other clients' peace."""

import asyncio

import httpx

from tests.faults.conftest import Target
from tests.identity.makers import PASSWORD
from tests.journeys.client import Client

VIEWER = '{"query": "{ viewer { username } }"}'


async def post(target: Target, body: bytes | str, **headers: str) -> httpx.Response:
    sent = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with httpx.AsyncClient(timeout=20) as http:
        return await http.post(f"{target.address}/graphql", content=body, headers=sent)


def code_of(reply: httpx.Response) -> str:
    code: str = reply.json()["errors"][0]["extensions"]["code"]
    return code


def bomb(fragments: int) -> str:
    parts = [f"fragment f{n} on Viewer {{ ...f{n + 1} ...f{n + 1} }}" for n in range(fragments)]
    return "{ viewer { ...f0 } } " + " ".join(parts) + f" fragment f{fragments} on Viewer {{ username }}"


async def test_a_fragment_bomb_costs_nothing(target: Target) -> None:
    async with Client(target.address) as client:
        small, *large = [await client.ask(bomb(fragments)) for fragments in (7, 20, 60)]

    assert small == {"data": {"viewer": None}}
    assert [each["errors"][0]["extensions"]["code"] for each in large] == ["QUERY_TOO_COMPLEX"] * 2


async def test_a_mutation_that_moves_money_demands_its_key(target: Target) -> None:
    query = "mutation($input: CheckOutInput!) { checkOut(input: $input) { __typename } }"
    branch = {"input": {"branchId": "branch_" + "0" * 32, "lines": [], "payments": []}}
    async with Client(target.address) as client:
        await client.sign_in("owner", PASSWORD)
        headers = {"authorization": f"Bearer {client.token}", "content-type": "application/json"}
        reply = await client.http.post(
            f"{target.address}/graphql", json={"query": query, "variables": branch}, headers=headers
        )
        assert code_of(reply) == "IDEMPOTENCY_KEY_REQUIRED"
        for key in ("short", "x" * 65, "with space in it 0123", "ключ-ключ-ключ-ключ"):
            told = [(b"authorization", headers["authorization"].encode()), (b"idempotency-key", key.encode())]
            reply = await client.http.post(
                f"{target.address}/graphql", json={"query": query, "variables": branch}, headers=told
            )
            assert code_of(reply) == "BAD_REQUEST", key


async def test_a_client_that_goes_away_half_way_harms_nobody(target: Target) -> None:
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(
            b"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    assert (await post(target, VIEWER)).status_code == 200


async def test_health_is_told_to_everybody_and_readiness_asks_both_servers(target: Target) -> None:
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{target.address}/healthz")).json() == {"status": "alive"}
        ready = await http.get(f"{target.address}/readyz")
        assert (ready.status_code, ready.json()) == (
            200,
            {"status": "ready", "parts": {"postgresql": "ready", "redis": "ready"}},
        )
        assert (await http.get(f"{target.address}/nowhere")).status_code == 404
        assert (await http.get(f"{target.address}/playground/../../pyproject.toml")).status_code == 404


async def test_events_are_sent_to_whoever_asks_for_them_by_post(target: Target) -> None:
    query = {"query": "subscription { dashboardChanged { billCount } }"}
    async with Client(target.address) as client:
        await client.sign_in("owner", PASSWORD)
        headers = {"authorization": f"Bearer {client.token}", "accept": "text/event-stream"}
        async with client.http.stream("POST", f"{target.address}/graphql", json=query, headers=headers) as reply:
            assert reply.headers["content-type"].startswith("text/event-stream")
            lines = reply.aiter_lines()
            assert await anext(lines) == "event: next"
            assert await anext(lines) == 'data: {"data":{"dashboardChanged":{"billCount":0}}}'
        async with client.http.stream(
            "POST", f"{target.address}/graphql", json=query, headers={"accept": "text/event-stream"}
        ) as reply:
            assert reply.status_code == 401
