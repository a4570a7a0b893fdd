"""Hostile websockets are closed with the protocol's code, and nobody else notices."""

import asyncio
import json
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.faults.conftest import Target
from tests.identity.makers import PASSWORD
from tests.journeys.client import Client, receive, send

PROTOCOL = websockets.Subprotocol("graphql-transport-ws")
SUBSCRIBE = {"type": "subscribe", "id": "1", "payload": {"query": "subscription { billPosted { cursor } }"}}
CLOSE_S = 15.0


def open_socket(target: Target, **more: Any) -> connect:
    given: dict[str, Any] = {"subprotocols": [PROTOCOL], **more}
    return connect(target.address.replace("http", "ws") + "/graphql", **given)


TOKENS: dict[str, str] = {}
"""By address: signing in too often is refused."""


async def token(target: Target) -> str:
    if target.address not in TOKENS:
        async with Client(target.address) as client:
            await client.sign_in("owner", PASSWORD)
            assert client.token is not None
            TOKENS[target.address] = client.token
    return TOKENS[target.address]


async def greet(socket: ClientConnection, target: Target) -> None:
    await send(socket, type="connection_init", payload={"Authorization": f"Bearer {await token(target)}"})
    assert (await receive(socket))["type"] == "connection_ack"


async def until_closed(socket: ClientConnection) -> None:
    async with asyncio.timeout(CLOSE_S):
        while True:
            await socket.recv()


async def closed_with(socket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        await until_closed(socket)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


@pytest.mark.parametrize("protocols", [["graphql-ws"], ["chat"], None])
async def test_another_subprotocol_is_4406(target: Target, protocols: list[str] | None) -> None:
    async with open_socket(target, subprotocols=protocols) as socket:
        assert await closed_with(socket) == 4406


async def test_another_origin_or_a_token_in_the_address_is_not_let_in(target: Target) -> None:
    with pytest.raises(InvalidStatus):
        async with open_socket(target, origin="https://evil.example"):
            pass
    with pytest.raises(InvalidStatus):
        async with connect(target.address.replace("http", "ws") + "/graphql?token=x", subprotocols=[PROTOCOL]):
            pass


async def test_whoever_says_nothing_is_closed_after_five_seconds(target: Target) -> None:
    async with open_socket(target) as socket:
        assert await closed_with(socket) == 4408


@pytest.mark.parametrize(
    "payload", [None, {}, {"Authorization": "Bearer x"}, {"Authorization": 1}, {"Authorization": ""}]
)
async def test_without_a_token_of_ours_it_is_4401(target: Target, payload: dict[str, Any] | None) -> None:
    async with open_socket(target) as socket:
        await send(socket, type="connection_init", payload=payload)
        assert await closed_with(socket) == 4401


async def test_a_subscription_before_the_greeting_is_4401(target: Target) -> None:
    async with open_socket(target) as socket:
        await send(socket, **SUBSCRIBE)
        assert await closed_with(socket) == 4401


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("[]", 4400),
        ("1", 4400),
        ('"x"', 4400),
        ("{", 4400),
        ('{"type": 1}', 4400),
        ('{"type": "unknown"}', 4400),
        ('{"type": "subscribe", "id": [], "payload": {"query": "x"}}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": "x"}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": {"query": 1}}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": {"query": "x", "variables": []}}', 4400),
        ('{"type": "ping", "payload": ' + "9" * 5_000 + "}", 4400),
        ('{"type": "ping", "payload": ' + "[" * 10_000 + "]" * 10_000 + "}", 4400),
        (b"\x00\x01", 4400),
        ('{"type": "connection_init"}', 4429),
        ("x" * 70_000, 1009),
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_a_malformed_message_ends_the_socket_with_its_code(
    target: Target, message: str | bytes, code: int
) -> None:
    async with open_socket(target) as socket:
        await greet(socket, target)
        await socket.send(message)
        assert await closed_with(socket) == code


async def test_an_id_that_is_in_use_is_4409(target: Target) -> None:
    async with open_socket(target) as socket:
        await greet(socket, target)
        await send(socket, **SUBSCRIBE)
        await send(socket, **SUBSCRIBE)
        assert await closed_with(socket) == 4409


@pytest.mark.parametrize(
    "query",
    [
        "{ viewer { username } }",
        "mutation { __typename }",
        "subscription { nope }",
        "subscription { " + "a" * 400,
        "subscription { billPosted { cursor } dashboardChanged { billCount } }",
        'subscription { billPosted(after: "x") { cursor } }',
    ],
    ids=lambda query: query[:40],
)
async def test_an_operation_that_is_refused_ends_alone(target: Target, query: str) -> None:
    async with open_socket(target) as socket:
        await greet(socket, target)
        await send(socket, type="subscribe", id="bad", payload={"query": query})
        message = await receive(socket)
        assert (message["type"], message["id"]) == ("error", "bad")
        assert message["payload"][0]["extensions"]["code"] in {"BAD_REQUEST", "BAD_CURSOR"}
        await send(socket, type="ping")
        assert (await receive(socket))["type"] == "pong"


async def test_a_socket_has_at_most_twenty_subscriptions_and_gives_them_back(target: Target) -> None:
    async with open_socket(target) as socket:
        await greet(socket, target)
        for number in range(21):
            await send(socket, **{**SUBSCRIBE, "id": str(number)})
        message = await receive(socket)
        assert (message["type"], message["id"]) == ("error", "20")
        assert message["payload"][0]["extensions"]["code"] == "TOO_MANY_REQUESTS"
        await send(socket, type="complete", id="0")
        await send(socket, **{**SUBSCRIBE, "id": "21"})
        await send(socket, type="ping")
        assert (await receive(socket))["type"] == "pong"


async def test_signing_out_closes_the_socket(target: Target) -> None:
    async with Client(target.address) as client:
        await client.sign_in("owner", PASSWORD)
        async with open_socket(target) as socket:
            await send(socket, type="connection_init", payload={"Authorization": f"Bearer {client.token}"})
            assert (await receive(socket))["type"] == "connection_ack"
            await client.data("mutation { signOut(input: {}) { __typename } }")
            assert await closed_with(socket) == 4403


async def test_clients_that_vanish_leave_the_others_alone(target: Target) -> None:
    async def vanish() -> None:
        socket = await open_socket(target)
        await greet(socket, target)
        await send(socket, **SUBSCRIBE)
        socket.transport.abort()

    bearer = await token(target)
    async with open_socket(target) as patient:
        await send(patient, type="connection_init", payload={"Authorization": f"Bearer {bearer}"})
        assert (await receive(patient))["type"] == "connection_ack"
        for _ in range(5):
            await asyncio.gather(*(vanish() for _ in range(3)))
        await send(patient, type="ping")
        assert (await receive(patient))["type"] == "pong"


async def test_frames_are_json_objects_of_ours(target: Target) -> None:
    async with open_socket(target) as socket:
        await greet(socket, target)
        query = "subscription { dashboardChanged { billCount } }"
        await socket.send(json.dumps({"type": "subscribe", "id": 'é"1', "payload": {"query": query}}))
        assert await receive(socket) == {
            "id": 'é"1',
            "type": "next",
            "payload": {"data": {"dashboardChanged": {"billCount": 0}}},
        }
