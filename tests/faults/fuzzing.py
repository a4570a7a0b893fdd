"""Requests that chance makes, the same for the same seed: raw bytes, broken HTTP, changed operations, random JSON, frames."""

import asyncio
import json
import random  # noqa: TID251  seeded, so that a failure can be made again
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from salonos.graph.sql import cursor_text
from salonos.kernel.outbox import Position
from salonos.kernel.outbox import cursor_text as event_cursor
from tests.faults import attacks
from tests.faults.attack_values import CHECK_OUT, CUSTOMER, FOUND, SEARCHES, SERVICE, SIGN_IN
from tests.faults.served import Served
from tests.journeys.client import receive, send

ANSWER_S = 20.0
SILENCE_S = 0.05
"""How long a half request is listened to: the server rightly waits for the rest."""
CURSORS = [
    cursor_text(order, key, UUID(int=0))
    for order, key in (
        *(("NEWEST", "0001-01-01T00:00:00+23:59"), ("OLDEST", "9999-12-31T23:59:59-23:59"), ("NEWEST", "2026-W01-1")),
        *(("LARGEST", str(2**63)), ("ONLY", "999999999999"), ("NAME", "\u202e"), ("NUMBER", "' or 1=1 --")),
    )
] + [event_cursor("0" * 32, Position(xid, row_id)) for xid, row_id in ((1, 10**19 - 1), (10**20 - 1, 1), (0, 0))]
"""Cursors that are written as ours are, of places that are not."""
VALUES: list[Any] = [
    *(None, True, 0, -1, 2**31, 2**63 - 1, 10**18, 1.5, 1e308, "", "\0", "\u202e", "é", "NaN", "1.00", "-1.00"),
    *(
        "2026-11-23",
        "9999-12-31",
        "bill_" + "0" * 32,
        "branch_" + "f" * 32,
        "x" * 5_000,
        [],
        {},
        [[]],
        [None],
        {"a": {}},
    ),
    *SEARCHES,
    *CURSORS,
]
SCRAPS = ["{", "}", "(", ")", '"', '"""', "...", "@skip(if: true)", "$x", "!", "#", "\0", "é", "\ud7ff", "null", "first: 101", "...a", "fragment a on Bill { id }", "subscription", "__schema", "\\u0000", ":", "[", "]", "1e9", "-"]  # fmt: skip
OPERATIONS = [
    "{ viewer { username displayName role { name } branches { name } } }",
    "query($n: Int, $a: String) { bills(first: $n, after: $a) { totalCount pageInfo { endCursor } nodes { id number lines { total } } } }",
    "query($a: String) { bills(before: $a, orderBy: LARGEST) { nodes { id } } customers(after: $a) { nodes { id } } }",
    "{ customers(first: 5) { edges { cursor node { id name bills(first: 2) { nodes { id } } } } } }",
    "query($i: ID!) { node(id: $i) { id ... on Bill { number } ... on Customer { name } } }",
    "query($i: [ID!]!) { nodes(ids: $i) { id } }",
    "{ services(first: 3) { nodes { id name price } } products(first: 3) { nodes { id name } } }",
    "query($f: BillFilter) { bills(first: 1, filter: $f) { nodes { id } } }",
    "{ salon { name } roles { name permissions } }",
    FOUND,
    CUSTOMER,
    SERVICE,
    CHECK_OUT,
    SIGN_IN,
]
HEADERS = ["accept", "authorization", "content-type", "content-length", "content-encoding", "transfer-encoding", "host", "origin", "cookie", "idempotency-key", "connection", "upgrade", "expect", "x-forwarded-for", "te", "sec-websocket-key"]  # fmt: skip
PATHS = ["/graphql", "/graphql/", "/", "/playground", "/playground/%2e%2e/", "/healthz", "/readyz", "/metrics", "//graphql", "/graphql?x", "*", "/\xff", "/" + "a" * 3_000]  # fmt: skip
STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")


@dataclass
class Outcome:
    """What came back: statuses over HTTP, close codes over websockets, and the seeds of what must not be."""

    statuses: Counter[int] = field(default_factory=Counter)
    closes: Counter[int] = field(default_factory=Counter)
    silent: int = 0
    faults: list[str] = field(default_factory=list)

    def take(self, seed: str, reply: bytes) -> None:
        """The answer to one connection's bytes."""
        found = [int(status) for status in STATUS.findall(reply)]
        self.statuses.update(found)
        self.silent += not found
        if any(status >= 500 for status in found):
            self.faults.append(seed)

    def closed(self, seed: str, code: int) -> None:
        """A websocket's end."""
        self.closes[code] += 1
        if code in {1006, 1011}:
            self.faults.append(seed)


def value(dice: random.Random, depth: int = 0) -> Any:
    """Any JSON."""
    kind = dice.randrange(8)
    if kind == 0 and depth < 6:
        return [value(dice, depth + 1) for _ in range(dice.randrange(4))]
    if kind == 1 and depth < 6:
        names = ["id", "name", "input", "i", "f", "n", "price", "lines", "__proto__", "", "é"]
        return {dice.choice(names): value(dice, depth + 1) for _ in range(dice.randrange(4))}
    if kind == 2:
        return "".join(
            chr(dice.choice([dice.randrange(1, 128), dice.randrange(0x250, 0xD7FF)])) for _ in range(dice.randrange(12))
        )
    return dice.choice(VALUES)


def document(dice: random.Random) -> str:
    """An operation, as it is or with something cut, doubled or put in."""
    text = dice.choice(OPERATIONS)
    for _ in range(dice.choice([0, 1, 1, 2, 5])):
        at = dice.randrange(len(text) + 1)
        how = dice.randrange(3)
        if how == 0:
            text = text[:at] + dice.choice(SCRAPS) + text[at:]
        elif how == 1:
            text = text[:at] + text[at + dice.randrange(1, 9) :]
        else:
            text = text[:at] + text[at : at + dice.randrange(40)] * dice.randrange(2, 20) + text[at:]
    return text


def body(dice: random.Random) -> bytes:
    """A body: an operation with values of any kind, any JSON, or one of the catalogue's with a few bytes changed."""
    kind = dice.randrange(5)
    if kind < 3:
        names = ("i", "f", "n", "a")
        asked = {"query": document(dice), "variables": {name: value(dice) for name in names if dice.random() < 0.6}}
        if dice.random() < 0.1:
            asked["operationName"] = value(dice)
        made = json.dumps(asked, ensure_ascii=dice.random() < 0.5).encode(errors="surrogatepass")
    elif kind == 3:
        made = json.dumps(value(dice)).encode()
    else:
        made = dice.choice([*attacks.DOCUMENTS, *attacks.PAGES]).body[:20_000]
    if dice.random() < 0.3:
        return bytes(changed(dice, bytearray(made)))
    return made


def changed(dice: random.Random, made: bytearray) -> bytearray:
    """Some bytes others, gone, or more."""
    for _ in range(dice.randrange(1, 6)):
        if made:
            at = dice.randrange(len(made))
            made[at : at + dice.randrange(3)] = dice.randbytes(dice.randrange(3))
    return made


def request(dice: random.Random, token: str) -> tuple[bytes, bool]:
    """A request's bytes, and whether it is whole: then an answer must come."""
    sent = body(dice)
    fields = {
        "host": "127.0.0.1",
        "content-type": "application/json",
        "content-length": str(len(sent)),
        "connection": "close",
    }
    if dice.random() < 0.7:
        fields["authorization"] = f"Bearer {token}"
    if dice.random() < 0.3:
        fields["accept"] = dice.choice(
            ["application/graphql-response+json", "text/event-stream", "text/html", "*/*", ";q=;,", "a/b;q=1e9"]
        )
    if dice.random() < 0.4:
        fields["idempotency-key"] = dice.choice(["0123456789abcdef", "x", "é" * 20, dice.randbytes(16).hex()])
    method, path, is_whole = "POST", "/graphql", True
    if dice.random() < 0.2:
        fields[dice.choice(HEADERS)] = dice.choice(
            ["", "x", "0", "-1", "99999999999", "chunked", "gzip", "websocket", "Upgrade", "a" * 2_000, "\x01", "é"]
        )
        is_whole = False
    if dice.random() < 0.1:
        method, path, is_whole = (
            dice.choice(["GET", "PUT", "HEAD", "OPTIONS", "get", "G\0T"]),
            dice.choice(PATHS),
            False,
        )
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {text}\r\n" for name, text in fields.items()) + "\r\n"
    whole = head.encode("latin-1", "replace") + sent
    if dice.random() < 0.1:
        return bytes(changed(dice, bytearray(whole))), False
    return whole, is_whole


def raw(dice: random.Random, token: str) -> bytes:
    """Bytes that are no request, or a part of one."""
    if dice.random() < 0.5:
        return dice.randbytes(dice.randrange(1, 400))
    whole, _ = request(dice, token)
    return whole[: dice.randrange(len(whole))]


async def over_http(served: Served, seed: str, outcome: Outcome) -> None:
    """One connection with one request, whole or not."""
    dice = random.Random(seed)
    sent, is_whole = (raw(dice, served.owner), False) if dice.random() < 0.25 else request(dice, served.owner)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    reply = b""
    try:
        writer.write(sent)
        async with asyncio.timeout(ANSWER_S if is_whole else SILENCE_S):
            while chunk := await reader.read(65_536):
                reply += chunk
    except (TimeoutError, OSError):
        if is_whole and not reply:
            outcome.faults.append(seed)
    finally:
        writer.close()
    outcome.take(seed, reply)


def message(dice: random.Random) -> str | bytes:
    """A message of the protocol, nearly."""
    kind = dice.randrange(6)
    if kind == 0:
        return dice.randbytes(dice.randrange(60))
    if kind == 1:
        return json.dumps(value(dice))
    told = {
        "type": dice.choice(["subscribe", "complete", "ping", "pong", "connection_init", "next", "", None]),
        "id": dice.choice(["1", "2", "", 1, None, "é"]),
    }
    query = "subscription($a: EventCursor, $b: ID) { billPosted(after: $a, branchId: $b) { cursor } }"
    payload = {"query": dice.choice([query, document(dice)]), "variables": {"a": value(dice), "b": value(dice)}}
    told["payload"] = dice.choice([payload, payload, value(dice)])
    made = json.dumps(told)
    return bytes(changed(dice, bytearray(made.encode()))).decode(errors="replace") if kind == 2 else made


async def over_socket(served: Served, seed: str, outcome: Outcome) -> None:
    """One websocket with some messages or raw frames."""
    dice = random.Random(seed)
    address = served.address.replace("http", "ws") + "/graphql"
    protocols = [websockets.Subprotocol("graphql-transport-ws")]
    async with connect(address, subprotocols=protocols, ping_interval=None, close_timeout=2) as client:
        try:
            if dice.random() < 0.9:
                await send(client, type="connection_init", payload={"Authorization": f"Bearer {served.owner}"})
                assert (await receive(client))["type"] == "connection_ack"
            for _ in range(dice.randrange(1, 12)):
                if dice.random() < 0.05:
                    client.transport.write(dice.randbytes(dice.randrange(1, 200)))
                    break
                await client.send(message(dice))
            await drained(client)
        except ConnectionClosed as closed:
            outcome.closed(seed, 1006 if closed.rcvd is None else closed.rcvd.code)
        except websockets.ProtocolError:
            outcome.closed(seed, 1002)


async def drained(client: ClientConnection) -> None:
    """What the server says until it is silent, or closes."""
    try:
        async with asyncio.timeout(SILENCE_S):
            while True:
                await client.recv()
    except TimeoutError:
        return


async def fuzz(served: Served, seed: int, numbers: Iterable[int], outcome: Outcome, *, at_once: int = 16) -> None:
    """The connections of these numbers, some at once: of every eight one is a websocket with some messages."""
    waiting = iter(numbers)

    async def worker() -> None:
        for number in waiting:
            reach = over_socket if number % 8 == 7 else over_http
            await reach(served, f"{seed} {number}", outcome)

    await asyncio.gather(*(worker() for _ in range(at_once)))
