"""A client as a front end is one: GraphQL over HTTP with a bearer token, events over graphql-transport-ws."""

import asyncio
import contextlib
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
import websockets
from websockets.asyncio.client import ClientConnection

ANSWER_S = 20.0
SIGN_IN = """
    mutation SignIn($input: SignInInput!) {
        signIn(input: $input) {
            __typename
            ... on SignInSuccess { accessToken refreshToken viewer { username role { name } } }
            ... on Problem { message }
        }
    }
"""


@dataclass
class Client:
    """One device of one person, talking to one API process at `address` (`http://127.0.0.1:port`)."""

    address: str
    token: str | None = None
    http: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=ANSWER_S))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def sign_in(self, username: str, password: str) -> dict[str, Any]:
        """Signs in and keeps the token; returns the success."""
        given = {"username": username, "password": password, "deviceName": "journey"}
        answer = await self.ask(SIGN_IN, {"input": given})
        success: dict[str, Any] = answer["data"]["signIn"]
        assert success["__typename"] == "SignInSuccess", success
        self.token = success["accessToken"]
        return success

    async def ask(
        self, query: str, variables: dict[str, Any] | None = None, *, key: str | None = None
    ) -> dict[str, Any]:
        """The whole answer, `errors` and `extensions` with it. A mutation gets a fresh key unless one is given."""
        headers = {"idempotency-key": key or secrets.token_hex(16)}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        reply = await self.http.post(
            f"{self.address}/graphql", json={"query": query, "variables": variables or {}}, headers=headers
        )
        answer: dict[str, Any] = reply.json()
        return answer

    async def data(
        self, query: str, variables: dict[str, Any] | None = None, *, key: str | None = None
    ) -> dict[str, Any]:
        """The data of an answer that has no errors."""
        answer = await self.ask(query, variables, key=key)
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    @contextlib.asynccontextmanager
    async def subscribe(self, query: str, variables: dict[str, Any] | None = None) -> AsyncIterator["Subscription"]:
        """An open subscription on a socket of its own, acknowledged and started."""
        url = self.address.replace("http", "ws", 1) + "/graphql"
        async with websockets.connect(url, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]) as socket:
            await send(socket, type="connection_init", payload={"Authorization": f"Bearer {self.token}"})
            assert (await receive(socket))["type"] == "connection_ack"
            payload = {"query": query, "variables": variables or {}}
            await send(socket, type="subscribe", id="1", payload=payload)
            await send(socket, type="ping")
            subscription = Subscription(socket)
            while (message := await receive(socket))["type"] != "pong":
                subscription.early.append(message)
            yield subscription


@dataclass
class Subscription:
    """Events as they arrive."""

    socket: ClientConnection
    early: deque[dict[str, Any]] = field(default_factory=deque)
    """What came before the answer to the first ping."""

    async def next(self) -> dict[str, Any]:
        """The payload of the next event."""
        message = self.early.popleft() if self.early else await receive(self.socket)
        assert message["type"] == "next", message
        payload: dict[str, Any] = message["payload"]
        return payload


async def send(socket: ClientConnection, **message: Any) -> None:
    """One protocol message."""
    await socket.send(json.dumps(message))


async def receive(socket: ClientConnection) -> dict[str, Any]:
    """The next protocol message that is not a ping of the server's."""
    while True:
        message: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), ANSWER_S))
        if message["type"] != "ping":
            return message
