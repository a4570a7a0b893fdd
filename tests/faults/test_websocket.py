"""Hostile websockets are closed with the protocol's code, and nobody else notices."""

import asyncio
import json
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

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


async def test_a24_an_id_that_is_in_use_is_4409(target: Target) -> None:
    async with open_socket(target) as socket:
        await greet(socket, target)
        await send(socket, **SUBSCRIBE)
        await send(socket, **SUBSCRIBE)
        assert await closed_with(socket) == 4409


async def test_a26_a_socket_has_at_most_twenty_subscriptions_and_gives_them_back(target: Target) -> None:
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


async def test_a36_signing_out_closes_the_socket(target: Target) -> None:
    async with Client(target.address) as client:
        await client.sign_in("owner", PASSWORD)
        async with open_socket(target) as socket:
            await send(socket, type="connection_init", payload={"Authorization": f"Bearer {client.token}"})
            assert (await receive(socket))["type"] == "connection_ack"
            await client.data("mutation { signOut(input: {}) { __typename } }")
            assert await closed_with(socket) == 4403


async def test_a30_clients_that_vanish_leave_the_others_alone(target: Target) -> None:
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
