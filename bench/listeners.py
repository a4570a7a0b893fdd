"""Many graphql-transport-ws clients in one light process: frames are written and read by hand, nothing is decoded.

Started by `bench.live` with the port, the tokens and how many sockets; commands come by standard input, and for each
`event` line it answers when the first and the last socket had their next message, and what that cost the client.
"""

import asyncio
import base64
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import uvloop

OPENING_AT_ONCE = 10
WAIT_S = 30.0


@dataclass(eq=False)
class Listener(asyncio.Protocol):
    """One subscribed socket. `heard` counts the messages of its subscription."""

    crowd: "Crowd"
    token: str
    query: str
    heard: int = 0
    bytes_heard: int = 0
    transport: Any = None
    rest: bytes = b""
    is_upgraded: bool = False
    acknowledged: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the upgrade."""
        self.transport = transport
        key = base64.b64encode(b"sixteen bytes..!").decode()
        self.transport.write(
            f"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:{self.crowd.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
        )

    def say(self, message: dict[str, Any]) -> None:
        """One short text frame under a mask of zeros."""
        text = json.dumps(message).encode()
        self.transport.write(b"\x81" + bytes([0x80 | 126]) + len(text).to_bytes(2, "big") + b"\0\0\0\0" + text)

    def data_received(self, data: bytes) -> None:
        """Counts whole frames; most of the time a read is one."""
        self.rest += data
        if not self.is_upgraded:
            head, end, self.rest = self.rest.partition(b"\r\n\r\n")
            if not end:
                self.rest = head
                return
            if b" 101 " not in head.partition(b"\r\n")[0]:
                raise RuntimeError(head.decode())
            self.is_upgraded = True
            self.say({"type": "connection_init", "payload": {"Authorization": f"Bearer {self.token}"}})
        while len(self.rest) >= 2:  # noqa: PLR2004  the frame's header
            length, begin = self.rest[1], 2
            if length == 126:  # noqa: PLR2004  RFC 6455, 5.2
                length, begin = int.from_bytes(self.rest[2:4], "big"), 4
            if len(self.rest) < begin + length:
                return
            opcode, text, self.rest = self.rest[0] & 15, self.rest[begin : begin + length], self.rest[begin + length :]
            self.on_frame(opcode, text)

    def on_frame(self, opcode: int, text: bytes) -> None:
        """A whole frame."""
        if opcode == 9:  # noqa: PLR2004  a ping
            self.transport.write(b"\x8a" + bytes([0x80 | len(text)]) + b"\0\0\0\0" + text)
        elif text.startswith(b'{"type":"connection_ack"'):
            self.say({"id": "1", "type": "subscribe", "payload": {"query": self.query}})
            self.acknowledged.set_result(None)
        elif b'"type":"next"' in text[:40]:
            self.heard += 1
            self.bytes_heard = len(text)
            self.crowd.on_next()
        else:
            raise RuntimeError(text.decode(errors="replace"))

    def connection_lost(self, error: Exception | None) -> None:
        """The server has no reason to."""
        if not self.crowd.is_over:
            raise RuntimeError(f"A socket was closed: {error}")


@dataclass
class Crowd:
    """All listeners. An event is over when each of them had it."""

    port: int
    listeners: list[Listener] = field(default_factory=list)
    first_ns: int = 0
    last_ns: int = 0
    missing: int = 0
    is_over: bool = False
    whole: asyncio.Event = field(default_factory=asyncio.Event)

    async def gather(self, tokens: list[str], query: str, count: int) -> None:
        """Opens the sockets, a few at once: the server lets few in that have not said who they are."""
        loop = asyncio.get_running_loop()
        for begin in range(0, count, OPENING_AT_ONCE):
            opened = []
            for number in range(begin, min(count, begin + OPENING_AT_ONCE)):
                listener = Listener(self, tokens[number % len(tokens)], query)
                await loop.create_connection(lambda listener=listener: listener, "127.0.0.1", self.port)  # type: ignore[misc]
                opened.append(listener)
            async with asyncio.timeout(WAIT_S):
                await asyncio.gather(*(each.acknowledged for each in opened))
            self.listeners += opened

    def on_next(self) -> None:
        """A socket has the event."""
        now_ns = time.monotonic_ns()
        if self.missing == len(self.listeners):
            self.first_ns = now_ns
        self.missing -= 1
        self.last_ns = now_ns
        if not self.missing:
            self.whole.set()

    async def event(self) -> dict[str, Any]:
        """Waits until each has the next event."""
        cpu_ns = time.process_time_ns()
        async with asyncio.timeout(WAIT_S):
            await self.whole.wait()
        return {
            "first_ns": self.first_ns,
            "last_ns": self.last_ns,
            "client_cpu_ns": time.process_time_ns() - cpu_ns,
            "bytes": self.listeners[0].bytes_heard,
        }

    def expect(self) -> None:
        """From now on."""
        self.missing = len(self.listeners)
        self.whole.clear()


async def main() -> None:
    """Reads commands until standard input ends."""
    asked = json.loads(sys.stdin.readline())
    crowd = Crowd(asked["port"])
    await crowd.gather(asked["tokens"], asked["query"], asked["count"])
    crowd.expect()
    loop = asyncio.get_running_loop()
    print(json.dumps({"open": len(crowd.listeners)}), flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        told = await crowd.event()
        crowd.expect()
        print(json.dumps(told), flush=True)
    crowd.is_over = True
    for each in crowd.listeners:
        each.transport.close()


if __name__ == "__main__":
    uvloop.run(main())
