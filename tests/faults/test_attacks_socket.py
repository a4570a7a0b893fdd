"""The catalogue over websockets: a hostile message ends its socket with the protocol's code, a hostile operation itself."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import orjson
import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from salonos.kernel.outbox import Position, cursor_text
from tests.faults import attacks
from tests.faults.served import Served
from tests.journeys.client import receive, send

PROTOCOL = websockets.Subprotocol("graphql-transport-ws")
POSTED = {"query": "subscription { billPosted { cursor } }"}
CLOSE_S = 15.0
BIG, DEEP = "9" * 5_000, "[" * 10_000 + "]" * 10_000

PING, PONG, TEXT = 0x89, 0x8A, 0x81
HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\n\r\n"
)

BEFORE_GREETING: dict[str, tuple[str | bytes, int]] = {
    "A22 a subscription": (json.dumps({"type": "subscribe", "id": "1", "payload": POSTED}), 4401),
    "A24 an unknown type": ('{"type": "connection_hello"}', 4400),
    "A25 the old protocol's start": ('{"type": "start", "id": "1", "payload": {"query": "{ __typename }"}}', 4400),
    "A21 a greeting without a token": ('{"type": "connection_init"}', 4401),
    "A21 a greeting of null": ('{"type": "connection_init", "payload": null}', 4401),
    "A21 an empty greeting": ('{"type": "connection_init", "payload": {}}', 4401),
    "A21 an empty token": ('{"type": "connection_init", "payload": {"Authorization": ""}}', 4401),
    "A34 garbage as token": ('{"type": "connection_init", "payload": {"Authorization": "Bearer canary"}}', 4401),
    "A34 a number as token": ('{"type": "connection_init", "payload": {"Authorization": 1}}', 4401),
    "A34 a list as token": ('{"type": "connection_init", "payload": {"Authorization": ["Bearer a"]}}', 4401),
    "A34 60,000 characters as token": (json.dumps({"type": "connection_init", "payload": {"Authorization": "Bearer " + "x" * 60_000}}), 4401),
    "A34 another alphabet as token": ('{"type": "connection_init", "payload": {"Authorization": "Bearer ключ"}}', 4401),
    "A27 a greeting of text": ('{"type": "connection_init", "payload": "Bearer x"}', 4400),
    "A27 a greeting of a list": ('{"type": "connection_init", "payload": [1]}', 4400),
    "A27 a list": ("[]", 4400),
    "A27 bytes": (b"\x00\x01", 4400),
    "A27 a token twice": ('{"type": "connection_init", "payload": {"Authorization": "a", "Authorization": "b"}}', 4400),
    "A29 70,000 characters": ("x" * 70_000, 1009),
}  # fmt: skip
AFTER_GREETING: dict[str, tuple[str | bytes, int]] = {
    "A27 a list": ("[]", 4400),
    "A27 a number": ("1", 4400),
    "A27 text": ('"x"', 4400),
    "A27 null": ("null", 4400),
    "A27 nothing": ("", 4400),
    "A27 half": ("{", 4400),
    "A27 two": ('{"type": "ping"}{"type": "ping"}', 4400),
    "A27 bytes": (b"\x00\x01", 4400),
    "A27 bytes of JSON": (b'{"type": "ping"}', 4400),
    "A27 no type": ("{}", 4400),
    "A27 a number as type": ('{"type": 1}', 4400),
    "A27 null as type": ('{"type": null}', 4400),
    "A24 an unknown type": ('{"type": "unknown"}', 4400),
    "A25 the old protocol's start": ('{"type": "start", "id": "1", "payload": {"query": "{ __typename }"}}', 4400),
    "A25 the old protocol's stop": ('{"type": "stop", "id": "1"}', 4400),
    "A24 a message of the server's": ('{"type": "next", "id": "1", "payload": {}}', 4400),
    "A24 a second greeting": ('{"type": "connection_init"}', 4429),
    "A27 no id": (json.dumps({"type": "subscribe", "payload": POSTED}), 4400),
    "A27 a list as id": (json.dumps({"type": "subscribe", "id": [], "payload": POSTED}), 4400),
    "A27 a number as id": (json.dumps({"type": "subscribe", "id": 1, "payload": POSTED}), 4400),
    "A27 an empty id": (json.dumps({"type": "subscribe", "id": "", "payload": POSTED}), 4400),
    "A27 an id of 129": (json.dumps({"type": "subscribe", "id": "x" * 129, "payload": POSTED}), 4400),
    "A27 a list as id to complete": ('{"type": "complete", "id": []}', 4400),
    "A27 no payload": ('{"type": "subscribe", "id": "1"}', 4400),
    "A27 text as payload": ('{"type": "subscribe", "id": "1", "payload": "x"}', 4400),
    "A12 a batch as payload": ('{"type": "subscribe", "id": "1", "payload": [{"query": "x"}]}', 4400),
    "A12 a batch": ('[{"type": "ping"}, {"type": "ping"}]', 4400),
    "A27 a number as query": ('{"type": "subscribe", "id": "1", "payload": {"query": 1}}', 4400),
    "A27 no query": ('{"type": "subscribe", "id": "1", "payload": {}}', 4400),
    "A27 a list as variables": ('{"type": "subscribe", "id": "1", "payload": {"query": "x", "variables": []}}', 4400),
    "A27 a number as operationName": ('{"type": "subscribe", "id": "1", "payload": {"query": "x", "operationName": 1}}', 4400),
    "A38 5,000 digits": ('{"type": "ping", "payload": ' + BIG + "}", 4400),
    "A38 10,000 levels": ('{"type": "ping", "payload": ' + DEEP + "}", 4400),
    "A38 not a number": ('{"type": "ping", "payload": {"a": NaN}}', 4400),
    "A38 a key twice": ('{"type": "ping", "type": "complete", "id": "1"}', 4400),
    "A38 half a surrogate": ('{"type": "ping", "payload": {"a": "\\ud800"}}', 4400),
    "A37 a list of 20,000": ('{"type": "ping", "payload": {"a": [' + ",".join(["1"] * 20_000) + "]}}", 4400),
    "A37 5,000 keys": (json.dumps({"type": "ping", "payload": {f"k{n}": 1 for n in range(5_000)}}), 4400),
    "A29 70,000 characters": ("x" * 70_000, 1009),
    "A29 10 MB": ("x" * 10_000_000, 1009),
}  # fmt: skip
OPERATIONS: dict[str, tuple[str, Any, str]] = {
    "A31 a query": ("{ viewer { username } }", None, "BAD_REQUEST"),
    "A31 a mutation": ("mutation { signOut(input: {}) { __typename } }", None, "BAD_REQUEST"),
    "A31 a password": ('mutation { signIn(input: {username: "owner", password: "x"}) { __typename } }', None, "BAD_REQUEST"),
    "A28 a name of 400": ("subscription { " + "a" * 400, None, "BAD_REQUEST"),
    "A28 nothing": ("", None, "BAD_REQUEST"),
    "A28 NUL": ("\0", None, "BAD_REQUEST"),
    "A7 2,001 tokens": ("subscription { " + "a " * 2_001 + "}", None, "BAD_REQUEST"),
    "A7 20,001 characters": ("subscription { billPosted { cursor } } #" + "x" * 20_000, None, "BAD_REQUEST"),
    "A8 900 levels": ("subscription { a " + "{ a " * 900 + "}" * 901, None, "BAD_REQUEST"),
    "A1 13 levels": ("subscription { billPosted { bill { " + "original { " * 13 + "id" + " }" * 16, None, "QUERY_TOO_COMPLEX"),
    "A2 31 aliases": ("subscription { billPosted { " + " ".join(f"a{n}: cursor" for n in range(31)) + " } }", None, "QUERY_TOO_COMPLEX"),
    "A4 60 fragments that double": ("subscription { billPosted { ...f0 } } " + " ".join(f"fragment f{n} on BillPosted {{ ...f{n + 1} ...f{n + 1} }}" for n in range(60)) + " fragment f60 on BillPosted { cursor }", None, "QUERY_TOO_COMPLEX"),
    "A5 a cycle": ("subscription { billPosted { ...a } } fragment a on BillPosted { ...a }", None, "BAD_REQUEST"),
    "A6 11 directives": ("subscription { billPosted { cursor " + "@skip(if: false) " * 11 + "} }", None, "QUERY_TOO_COMPLEX"),
    "A6 a skipped root": ("subscription { billPosted @skip(if: true) { cursor } }", None, "BAD_REQUEST"),
    "A9 the schema": ("subscription { __schema { types { name } } }", None, "BAD_REQUEST"),
    "A10 a type's name": ("subscription { __typename }", None, "BAD_REQUEST"),
    "A11 a field": ("subscription { billPostd { cursor } }", None, "BAD_REQUEST"),
    "A11 an argument": ("subscription { billPosted(branchd: 1) { cursor } }", None, "BAD_REQUEST"),
    "A13 six operations": (" ".join(f"subscription q{n} {{ billPosted {{ cursor }} }}" for n in range(6)), None, "BAD_REQUEST"),
    "A13 two fields": ("subscription { billPosted { cursor } dashboardChanged { billCount } }", None, "BAD_REQUEST"),
    "A13 a field twice by alias": ("subscription { a: billPosted { cursor } b: billPosted { cursor } }", None, "BAD_REQUEST"),
    "A14 @defer": ("subscription { billPosted { ... @defer { cursor } } }", None, "BAD_REQUEST"),
    "A16 pages in pages": ("subscription { billPosted { bill { customer { bills(first: 100) { nodes { customer { bills(first: 100) { nodes { lines { id } } } } } } } } } }", None, "QUERY_TOO_COMPLEX"),
    "A16 a page at every event": ("subscription { billPosted { bill { customer { bills(first: 100) { nodes { lines { id } } } } } } }", None, "QUERY_TOO_COMPLEX"),
    "A15 a cursor of garbage": ('subscription { billPosted(after: "x") { cursor } }', None, "BAD_CURSOR"),
    "A15 a cursor of SQL": ("subscription($a: EventCursor) { billPosted(after: $a) { cursor } }", {"a": "' or 1=1 --"}, "BAD_REQUEST"),
    "A15 a cursor of 10,000": ("subscription($a: EventCursor) { billPosted(after: $a) { cursor } }", {"a": "A" * 10_000}, "BAD_REQUEST"),
    "A15 a cursor of no place": ("subscription($a: EventCursor) { billPosted(after: $a) { cursor } }", {"a": cursor_text("0" * 32, Position(1, 10**19 - 1))}, "BAD_CURSOR"),
    "A48 garbage as branch": ("subscription($b: ID) { billPosted(branchId: $b) { cursor } }", {"b": "x"}, "BAD_REQUEST"),
    "A48 a bill as branch": ("subscription($b: ID) { billPosted(branchId: $b) { cursor } }", {"b": "bill_" + "0" * 32}, "BAD_REQUEST"),
    "A40 NUL in an id": ("subscription($b: ID) { billPosted(branchId: $b) { cursor } }", {"b": "branch_\0"}, "BAD_REQUEST"),
}  # fmt: skip


def opened(served: Served, *, path: str = "/graphql", **more: Any) -> connect:
    given: dict[str, Any] = {"subprotocols": [PROTOCOL], "ping_interval": None, **more}
    return connect(served.address.replace("http", "ws") + path, **given)


async def greet(socket: ClientConnection, token: str) -> None:
    await send(socket, type="connection_init", payload={"Authorization": f"Bearer {token}"})
    assert (await receive(socket))["type"] == "connection_ack"


GREETING, OWNER = {"type": "connection_init"}, {"type": "connection_init", "payload": "the owner's"}
ACK, PONGED = {"type": "connection_ack"}, {"type": "pong"}
ASKED = {"type": "subscribe", "id": "1", "payload": POSTED}
LONG = "\u0928" * 128  # of three bytes each
SPOKEN: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], int, str]] = {
    "A22 a subscription": ([ASKED], [], 4401, "Unauthorized"),
    "A22 a subscription after a ping": ([{"type": "ping"}, ASKED], [PONGED], 4401, "Unauthorized"),
    "A22 pings, a pong and no token": ([{"type": "ping"}, {"type": "pong"}, {"type": "ping", "payload": {"a": 1}}, GREETING], [PONGED] * 2, 4401, "Unauthorized"),
    "A22 a complete and no token": ([{"type": "complete", "id": "1"}, GREETING], [], 4401, "Unauthorized"),
    "A22 a complete without an id": ([{"type": "complete"}], [], 4400, "Invalid id"),
    "A22 a ping and nothing more": ([{"type": "ping"}], [PONGED], 4408, "Connection initialisation timeout"),
    "A22 pings, a pong, a complete and the greeting": ([{"type": "ping"}, {"type": "pong"}, {"type": "complete", "id": "1"}, OWNER, {"type": "ping"}, OWNER], [PONGED, ACK, PONGED], 4429, "Too many initialisation requests"),
    "A24 an unknown type": ([{"type": "hello"}], [], 4400, "Unknown message type"),
    "A24 an unknown type after the greeting": ([OWNER, {"type": "hello"}], [ACK], 4400, "Unknown message type"),
    "A24 a message of the server's": ([{"type": "connection_ack"}], [], 4400, "Unknown message type"),
    "A24 two greetings": ([OWNER, GREETING], [ACK], 4429, "Too many initialisation requests"),
    "A24 an id twice": ([OWNER, ASKED, ASKED], [ACK], 4409, "Subscriber for 1 already exists"),
    "A24 a long id twice": ([OWNER, {**ASKED, "id": LONG}, {**ASKED, "id": LONG}], [ACK], 4409, f"Subscriber for {LONG[:31]} already exists"),
    **{f"A27 {kind} of {payload!r}": ([{"type": kind, "payload": payload}], [], 4400, "Invalid payload")
       for kind in ("connection_init", "ping", "pong") for payload in ([], 0, "", False, True, 1.5, "x", [{}])},
    **{f"A27 {kind} of {payload!r} after the greeting": ([OWNER, {"type": kind, "payload": payload}], [ACK], 4400, "Invalid payload")
       for kind in ("connection_init", "ping", "pong") for payload in ([], 0, "", False)},
    "A27 payloads of null": ([{"type": "ping", "payload": None}, {"type": "pong", "payload": None}, {"type": "connection_init", "payload": None}], [PONGED], 4401, "Unauthorized"),
}  # fmt: skip
"""What a client says, what it is told, and the end: the code and the reason."""


@pytest.mark.parametrize("name", SPOKEN)
async def test_a_conversation_goes_as_the_protocol_says(name: str, unharmed: Served) -> None:
    said, told, code, reason = SPOKEN[name]
    payload = {"Authorization": f"Bearer {unharmed.owner}"}
    came: list[Any] = []
    async with opened(unharmed) as socket:
        for message in said:
            await send(socket, **({**message, "payload": payload} if message is OWNER else message))
        with pytest.raises(ConnectionClosed) as closed:
            await until_closed(socket, came)

    assert came == told
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)


async def until_closed(socket: ClientConnection, came: list[Any] | None = None) -> None:
    """`came` gets what is told before the end."""
    async with asyncio.timeout(CLOSE_S):
        while True:
            message = await socket.recv()
            if came is not None:
                came.append(json.loads(message))


async def closed_with(socket: ClientConnection) -> int:
    """The close code; its reason is short and says nothing of ours."""
    with pytest.raises(ConnectionClosed) as closed:
        await until_closed(socket)
    assert closed.value.rcvd is not None
    assert len(closed.value.rcvd.reason) < 100
    assert "canary" not in closed.value.rcvd.reason
    return closed.value.rcvd.code


@pytest.fixture
async def greeted(unharmed: Served) -> AsyncIterator[ClientConnection]:
    """The owner's socket."""
    async with opened(unharmed) as socket:
        await greet(socket, unharmed.owner)
        yield socket


@pytest.mark.parametrize("name", BEFORE_GREETING)
async def test_a_stranger_s_message_ends_its_socket(name: str, unharmed: Served) -> None:
    message, code = BEFORE_GREETING[name]
    async with opened(unharmed) as socket:
        await socket.send(message)
        assert await closed_with(socket) == code


@pytest.mark.parametrize("name", AFTER_GREETING)
async def test_a_malformed_message_ends_its_socket(name: str, greeted: ClientConnection) -> None:
    message, code = AFTER_GREETING[name]
    try:
        await greeted.send(message)
    except ConnectionClosed:
        assert code == 1009  # it was told while the rest was under way
    assert await closed_with(greeted) == code


@pytest.mark.parametrize("name", OPERATIONS)
async def test_an_operation_that_is_refused_ends_alone(name: str, greeted: ClientConnection) -> None:
    query, variables, code = OPERATIONS[name]
    await send(greeted, type="subscribe", id="bad", payload={"query": query, "variables": variables})
    message = await receive(greeted)
    assert (message["type"], message["id"]) == ("error", "bad")
    assert message["payload"][0]["extensions"]["code"] == code
    assert len(message["payload"]) <= 5
    assert "Did you mean" not in json.dumps(message)
    await send(greeted, type="ping")
    assert (await receive(greeted))["type"] == "pong"


@pytest.mark.parametrize("protocols", [["graphql-ws"], ["chat"], ["graphql-ws", "chat"], None], ids=lambda each: f"A25 {each}")  # fmt: skip
async def test_another_subprotocol_is_4406(protocols: list[str] | None, unharmed: Served) -> None:
    async with opened(unharmed, subprotocols=protocols) as socket:
        assert await closed_with(socket) == 4406


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"origin": "https://evil.example"}, id="A20 another origin"),
        pytest.param({"origin": "null"}, id="A20 no origin of a page"),
        pytest.param({"origin": "http://127.0.0.1.evil.example"}, id="A20 an origin that begins like ours"),
        pytest.param({"additional_headers": {"host": "evil.example"}}, id="A20 another host"),
        pytest.param({"path": "/graphql?token=canary"}, id="A32 a token in the address"),
        pytest.param({"path": "/graphql?access_token=canary"}, id="A32 an access token in the address"),
        pytest.param({"path": "/"}, id="A20 another path"),
        pytest.param({"path": "/graphql/"}, id="A20 a path below"),
    ],
)
async def test_a_handshake_that_is_not_ours_is_refused(more: dict[str, Any], unharmed: Served) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with opened(unharmed, **more):
            pass
    assert refused.value.response.status_code == 403


HANDSHAKES: dict[str, tuple[list[tuple[str, str]], int]] = {
    "A20 a handshake of ours": ([], 101),
    "A20 another host": ([("host", "evil.example")], 403),
    "A20 no host": ([("host", "")], 403),
    "A20 a host twice": ([("host", "127.0.0.1"), ("host", "127.0.0.1")], 403),
    "A20 two hosts": ([("host", "127.0.0.1"), ("host", "evil.example")], 403),
    "A20 two origins": ([("origin", "{origin}"), ("origin", "https://evil.example")], 400),
    "A20 two origins, the other first": ([("origin", "https://evil.example"), ("origin", "{origin}")], 400),
    "A20 an origin twice": ([("origin", "{origin}"), ("origin", "{origin}")], 400),
}


@pytest.mark.parametrize("name", HANDSHAKES)
def test_a_handshake_names_one_host_and_one_origin(name: str, unharmed: Served) -> None:
    """By bytes of our own: libraries do not send a header twice."""
    given, status = HANDSHAKES[name]
    named = dict(given)
    headers = [
        *given,
        *((key, value) for key, value in (("host", "127.0.0.1"), ("origin", "{origin}")) if key not in named),
    ]
    lines = "".join(f"{key}: {value}\r\n" for key, value in headers).replace("{origin}", unharmed.address)
    with socket.create_connection(("127.0.0.1", unharmed.port), timeout=CLOSE_S) as made:
        made.sendall(HANDSHAKE.replace(b"host: 127.0.0.1\r\n", lines.encode()))
        assert made.recv(65_536).startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize(
    ("name", "size", "told"),
    [("A29 64 KiB in fragments", 65_536, 1009), ("A29 a little less in fragments", 65_000, None)],
)
async def test_fragments_are_counted_together(
    name: str, size: int, told: int | None, greeted: ClientConnection
) -> None:
    text = '{"type": "ping", "payload": {"a": "' + "x" * size + '"}}'
    pieces = [text[start : start + 16_384] for start in range(0, len(text), 16_384)]
    assert len(pieces) >= 4, name

    with contextlib.suppress(ConnectionClosed):  # it was told while the rest was under way
        await greeted.send(pieces)

    if told is None:
        assert (await receive(greeted))["type"] == "pong"
    else:
        assert await closed_with(greeted) == told


async def test_a23_twenty_strangers_wait_at_most_and_five_seconds(unharmed: Served) -> None:
    async with asyncio.timeout(CLOSE_S):
        waiting = [await opened(unharmed) for _ in range(20)]
        with pytest.raises(InvalidStatus):
            await opened(unharmed)
        assert [await closed_with(each) for each in waiting] == [4408] * 20
    async with opened(unharmed) as socket:
        await greet(socket, unharmed.owner)


async def test_a26_a_device_has_five_sockets_and_gives_them_back(unharmed: Served) -> None:
    five = [await opened(unharmed) for _ in range(5)]
    for each in five:
        await greet(each, unharmed.owner)
    async with opened(unharmed) as sixth:
        await send(sixth, type="connection_init", payload={"Authorization": f"Bearer {unharmed.owner}"})
        assert await closed_with(sixth) == 4429
    for each in five:
        await each.close()
    async with opened(unharmed) as again:
        await greet(again, unharmed.owner)


async def test_a26_event_streams_count_as_sockets_and_are_given_back(unharmed: Served) -> None:
    headers = {"accept": "text/event-stream", "authorization": f"Bearer {unharmed.owner}"}
    body = {"query": "subscription { dashboardChanged { billCount } }"}
    extensions = {"code": "TOO_MANY_REQUESTS", "retryAfter": 1}
    told = {"message": "This device has too many streams open. Close one.", "extensions": extensions}

    async def asked(client: httpx.AsyncClient, kept: AsyncExitStack) -> httpx.Response:
        stream = client.stream("POST", f"{unharmed.address}/graphql", json=body, headers=headers)
        return await kept.enter_async_context(stream)

    async with httpx.AsyncClient(trust_env=False, timeout=2 * CLOSE_S) as client, opened(unharmed) as socket:
        await greet(socket, unharmed.owner)
        async with AsyncExitStack() as kept:
            assert [(await asked(client, kept)).status_code for _ in range(4)] == [200] * 4
            refused = await asked(client, kept)
            assert (refused.status_code, orjson.loads(await refused.aread())) == (429, {"errors": [told]})
            assert refused.headers["retry-after"] == "1"
            async with opened(unharmed) as another:
                await send(another, type="connection_init", payload={"Authorization": f"Bearer {unharmed.owner}"})
                assert await closed_with(another) == 4429
        async with asyncio.timeout(2 * CLOSE_S), AsyncExitStack() as kept:
            while (await asked(client, kept)).status_code != 200:  # until the server has seen the four go
                pass


@pytest.mark.parametrize("name", ["A27 a socket without a mask", "A27 a reserved bit", "A27 an unknown opcode", "A27 a long control frame", "A27 bad UTF-8"])  # fmt: skip
async def test_frames_that_break_the_protocol_end_the_socket(name: str, unharmed: Served) -> None:
    frame = {
        "A27 a socket without a mask": b"\x81\x02{}",
        "A27 a reserved bit": b"\xf1\x82\x00\x00\x00\x00{}",
        "A27 an unknown opcode": b"\x83\x82\x00\x00\x00\x00{}",
        "A27 a long control frame": b"\x89\xfe\x00\x80\x00\x00\x00\x00" + b"x" * 128,
        "A27 bad UTF-8": b"\x81\x82\x00\x00\x00\x00\xff\xff",
    }[name]
    async with opened(unharmed) as socket:
        socket.transport.write(frame)
        assert await closed_with(socket) in {1002, 1007}


FLOODED_WITH_1008 = b"\x88\x11" + (1008).to_bytes(2, "big") + b"Too many frames"
FLOOD_S, HEALTH_S = 3.0, 2.0


def frame(first: int, data: bytes) -> bytes:
    """A client's frame, masked with zeros; `first` is its first byte."""
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return bytes([first]) + size + b"\0\0\0\0" + data


def flood(served: Served, piece: bytes, *, token: str | None) -> bytes:
    """Sends a piece for three seconds if it may, reading nothing meanwhile; all that came back in the end."""
    greeting = json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}).encode()
    with socket.create_connection(("127.0.0.1", served.port), timeout=CLOSE_S) as made:
        made.sendall(HANDSHAKE)
        came = made.recv(65_536)
        if token is not None:
            made.sendall(frame(TEXT, greeting))
            while b"connection_ack" not in came:
                came += made.recv(65_536)
        until_s = time.monotonic() + FLOOD_S
        with contextlib.suppress(OSError):  # it has been ended
            while time.monotonic() < until_s:
                made.sendall(piece)
        with contextlib.suppress(ConnectionResetError):
            while more := made.recv(65_536):
                came += more
    return came


FLOODS: dict[str, tuple[bytes, bool]] = {
    "A30 empty pings of a stranger": (frame(PING, b"") * 5_000, False),
    "A30 empty pings after the greeting": (frame(PING, b"") * 5_000, True),
    "A30 long pings of a stranger, whose answers are not read": (frame(PING, b"x" * 125) * 500, False),
    "A30 long pings after the greeting, whose answers are not read": (frame(PING, b"x" * 125) * 500, True),
    "A27 pongs that nobody asked for": (frame(PONG, b"") * 5_000, False),
    "A27 messages after the greeting": (frame(TEXT, b'{"type":"pong"}') * 2_000, True),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_of_frames_ends_its_socket_and_holds_nobody_up(name: str, unharmed: Served) -> None:
    piece, is_greeted = FLOODS[name]
    flooding = asyncio.create_task(
        asyncio.to_thread(flood, unharmed, piece, token=unharmed.owner if is_greeted else None)
    )
    took_s: list[float] = []
    async with httpx.AsyncClient(trust_env=False, timeout=CLOSE_S) as client:
        while not flooding.done() or not took_s:
            took_s.append((await client.get(f"{unharmed.address}/healthz")).elapsed.total_seconds())

    assert (await flooding).endswith(FLOODED_WITH_1008)
    assert max(took_s) < HEALTH_S


async def test_a30_pings_that_are_read_end_the_socket_too(unharmed: Served) -> None:
    async with opened(unharmed) as socket:
        answers = [await socket.ping() for _ in range(20)]
        async with asyncio.timeout(CLOSE_S):
            await asyncio.gather(*answers)
        await socket.ping()
        assert await closed_with(socket) == 1008


def test_the_catalogue_s_operations_are_those_of_http() -> None:
    """What the guard refuses over HTTP is refused here too: the numbers of both catalogues meet."""
    over_http = {attack.id for attack in attacks.DOCUMENTS}

    assert {"A1", "A2", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A13", "A14"} <= over_http
    assert {"A1", "A2", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A13", "A14"} <= {
        name.split()[0] for name in OPERATIONS
    }
