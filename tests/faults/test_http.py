"""Hostile HTTP gets a clean, coded answer: never a 5xx, a trace, a hint, or silence."""

import asyncio
import gzip
from typing import Any

import httpx
import pytest

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


async def test_a_stranger_gets_an_answer_with_every_header_of_safety(target: Target) -> None:
    reply = await post(target, VIEWER)

    assert (reply.status_code, reply.json()) == (200, {"data": {"viewer": None}})
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert len(reply.headers["x-request-id"]) == 32
    assert "server" not in reply.headers


@pytest.mark.parametrize(
    "body",
    [
        "",
        '"x"',
        "[]",
        f"[{VIEWER}]",
        "{",
        '{"query": 1}',
        "{}",
        '{"query": "{a}", "variables": []}',
        '{"query": "{a}", "operationName": 1}',
        '{"query": "{a}", "query": "{b}"}',
        '{"query": "{a}", "variables": {"n": NaN}}',
        '{"query": "{a}", "variables": {"n": ' + "9" * 5_000 + "}}",
        '{"query": "{a}", "variables": ' + '{"a":' * 20_000 + "1" + "}" * 20_000 + "}",
        b'{"query": "\xff\xfe"}',
        VIEWER.encode("utf-16"),
    ],
    ids=lambda body: repr(body[:24]),
)
async def test_a_body_that_is_no_request_is_400(target: Target, body: bytes | str) -> None:
    reply = await post(target, body)

    assert (reply.status_code, code_of(reply)) == (400, "BAD_REQUEST")


async def test_only_plain_json_posts_are_read(target: Target) -> None:
    async with httpx.AsyncClient() as http:
        url = f"{target.address}/graphql"
        assert (await http.get(url)).status_code == 405
        assert (await http.get(url, params={"query": "{ viewer { username } }"})).status_code == 405
        assert (await http.post(url, params={"token": "x"}, content=VIEWER)).status_code == 400
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
            assert (await http.post(url, content=VIEWER, headers={"content-type": kind})).status_code == 415
        zipped = {"content-type": "application/json", "content-encoding": "gzip"}
        assert (await http.post(url, content=gzip.compress(VIEWER.encode()), headers=zipped)).status_code == 415
        html = {"content-type": "application/json", "accept": "text/html"}
        assert (await http.post(url, content=VIEWER, headers=html)).status_code == 406
        assert (await http.put(url, content=VIEWER)).status_code == 405


async def test_a_body_is_bounded_whatever_it_says_of_its_length(target: Target) -> None:
    async def endless() -> Any:
        for _ in range(1000):
            yield b" " * 65_536

    async with httpx.AsyncClient(timeout=20) as http:
        url, headers = f"{target.address}/graphql", {"content-type": "application/json"}
        declared = await http.post(url, content=b" " * 300_000, headers=headers)
        assert (declared.status_code, code_of(declared)) == (413, "TOO_LARGE")
        try:
            chunked = await http.post(url, content=endless(), headers=headers)
        except httpx.WriteError:
            return
        assert chunked.status_code == 413


async def test_other_hosts_and_origins_are_not_served(target: Target) -> None:
    assert (await post(target, VIEWER, host="evil.example")).status_code == 400
    stranger = await post(target, VIEWER, origin="https://evil.example")
    assert "access-control-allow-origin" not in stranger.headers
    own = await post(target, VIEWER, origin=target.address)
    assert own.headers["access-control-allow-origin"] == target.address
    assert "access-control-allow-credentials" not in own.headers


@pytest.mark.parametrize("token", ["x", "Basic eDp4", "Bearer x.y.z", "Bearer " + "a" * 5_000, "bearer é"])
async def test_a_token_that_is_not_ours_is_401(target: Target, token: str) -> None:
    async with httpx.AsyncClient() as http:
        headers = [("content-type", "application/json"), ("authorization", token.encode("latin-1"))]
        reply = await http.post(f"{target.address}/graphql", content=VIEWER, headers=headers)  # type: ignore[arg-type]  # raw bytes

    assert (reply.status_code, code_of(reply)) == (401, "UNAUTHENTICATED")


def bomb(fragments: int) -> str:
    parts = [f"fragment f{n} on Viewer {{ ...f{n + 1} ...f{n + 1} }}" for n in range(fragments)]
    return "{ viewer { ...f0 } } " + " ".join(parts) + f" fragment f{fragments} on Viewer {{ username }}"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (
            "{ bills(first: 100) { nodes { customer { bills(first: 100) { nodes { lines { id } } } } } } }",
            "QUERY_TOO_COMPLEX",
        ),
        ("{ " + " ".join(f"a{n}: viewer {{ username }}" for n in range(31)) + " }", "QUERY_TOO_COMPLEX"),
        ("{ viewer { username " + "@skip(if: false) " * 11 + "} }", "QUERY_TOO_COMPLEX"),
        ("{ viewr { username } }", "BAD_REQUEST"),
        ("{ viewer { usernam } }", "BAD_REQUEST"),
        ("{ __schema { types { name } } }", "FORBIDDEN"),
        ('{ __type(name: "Bill") { name } }', "FORBIDDEN"),
        ("{ viewer { ...Nope } }", "BAD_REQUEST"),
        ("fragment a on Viewer { ...a } { viewer { ...a } }", "BAD_REQUEST"),
        ("{ " + "viewer { username } " * 1_500 + "}", "BAD_REQUEST"),
        ("#" + "x" * 30_000 + "\n{ viewer { username } }", "BAD_REQUEST"),
        ("{" * 3_000, "BAD_REQUEST"),
        ("subscription { billPosted { cursor } }", "BAD_REQUEST"),
        ("query a { viewer { username } } query b { viewer { username } }", "BAD_REQUEST"),
        ('{ node(id: "bill_x") { id } }', "UNAUTHENTICATED"),
        ('{ bills(after: "x") { nodes { id } } }', "UNAUTHENTICATED"),
    ],
)
async def test_a_hostile_document_is_refused_with_its_code_and_no_hint(target: Target, query: str, code: str) -> None:
    async with Client(target.address) as client:
        answer = await client.ask(query)

    errors = answer["errors"]
    assert errors[0]["extensions"]["code"] == code, answer
    assert len(errors) <= 5
    assert "did you mean" not in str(answer).lower()


async def test_a_fragment_bomb_costs_nothing(target: Target) -> None:
    async with Client(target.address) as client:
        small, large = await client.ask(bomb(20)), await client.ask(bomb(60))

    assert small == {"data": {"viewer": None}}
    assert large["errors"][0]["extensions"]["code"] == "QUERY_TOO_COMPLEX"


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
