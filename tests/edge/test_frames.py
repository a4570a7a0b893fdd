"""A websocket's bounds below its messages: how many frames, how much at a time, and nothing that its client does not fetch."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from salonos.edge import frames
from salonos.edge.connections import Connection
from salonos.edge.frames import Frames

HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
CLOSE, PING, PONG, TEXT, MORE = 0x88, 0x89, 0x8A, 0x81, 0x00
READ_S = 10.0


def frame(first: int, data: bytes = b"") -> bytes:
    """A client's frame, masked with zeros; `first` is its first byte."""
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack("!H", len(data))
    return bytes([first]) + size + b"\0\0\0\0" + data


@dataclass
class Heard:
    """An application that accepts, and takes messages while it may."""

    texts: list[str] = field(default_factory=list)
    code: int | None = None
    may_take: asyncio.Event = field(default_factory=asyncio.Event)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    protocols: list[Frames] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return
        self.protocols.append(receive.__self__)
        await receive()
        await send({"type": "websocket.accept"})
        await self.may_take.wait()
        while (message := await receive())["type"] == "websocket.receive":
            self.texts.append(message["text"])
        self.code = message["code"]
        self.is_over.set()


@pytest.fixture
def heard() -> Heard:
    made = Heard()
    made.may_take.set()
    return made


@pytest.fixture
async def port(heard: Heard) -> AsyncIterator[int]:
    config, state = uvicorn.Config(heard, ws=Frames, ws_max_size=65_536, log_config=None), ServerState()
    config.load()
    state.default_headers = [(b"date", b"now"), (b"strict-transport-security", b"max-age=1")]
    made = await asyncio.get_running_loop().create_server(
        lambda: Connection(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with made:
        yield made.sockets[0].getsockname()[1]


@asynccontextmanager
async def opened(
    port: int, *, buffer_bytes: int | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    made = socket.socket()
    made.setblocking(False)
    if buffer_bytes is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=made)
    try:
        writer.write(HANDSHAKE + b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        yield reader, writer
    finally:
        writer.close()


async def next_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """A frame of the server's: its first byte and its data."""
    async with asyncio.timeout(READ_S):
        first, size = await reader.readexactly(2)
        return first, await reader.readexactly(size)


async def closed_with(reader: asyncio.StreamReader) -> tuple[int, str]:
    """The code and the reason; answers to pings come before them."""
    while True:
        first, data = await next_frame(reader)
        if first == CLOSE:
            return int.from_bytes(data[:2], "big"), data[2:].decode()


@pytest.mark.parametrize("kind", [PING, PONG], ids=["pings", "pongs"])
async def test_a_flood_of_control_frames_is_1008(kind: int, port: int, heard: Heard) -> None:
    async with opened(port) as (reader, writer):
        writer.write(frame(kind) * 40_000)

        assert await closed_with(reader) == (1008, "Too many frames")
        async with asyncio.timeout(READ_S):
            await heard.is_over.wait()
    assert heard.protocols[0]._controls <= frames.CONTROLS_MAX + frames.SLICE_BYTES // 6


async def test_without_its_bound_a_flood_is_answered(port: int, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "CONTROLS_MAX", 10**9)
    monkeypatch.setattr(frames, "FRAMES_MAX", 10**9)
    async with opened(port) as (reader, writer):
        writer.write(frame(PING) * 40_000)

        assert [await next_frame(reader) for _ in range(40_000)] == [(PONG, b"")] * 40_000


async def test_twenty_control_frames_in_a_window_are_answered_and_time_gives_more(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 0.0
    monkeypatch.setattr(frames, "monotonic_s", lambda: now_s)
    async with opened(port) as (reader, writer):
        for now_s in (0.0, 10.0, 20.0):  # noqa: B007  the clock reads it
            writer.write(frame(PING, b"a") * 20)
            assert [await next_frame(reader) for _ in range(20)] == [(PONG, b"a")] * 20
        writer.write(frame(PING))
        assert await closed_with(reader) == (1008, "Too many frames")


async def test_a_flood_of_messages_is_1008(port: int, heard: Heard) -> None:
    async with opened(port) as (reader, writer):
        writer.write(frame(TEXT, b"{}") * 1_000)
        writer.write(frame(TEXT, b"{}") * 64)

        assert await closed_with(reader) == (1008, "Too many frames")
    assert 900 < len(heard.texts) <= 1_000


async def test_messages_wait_unparsed_until_they_are_taken_in_their_order(port: int, heard: Heard) -> None:
    heard.may_take.clear()
    texts = [f"{number:04}" for number in range(900)]
    async with opened(port) as (_, writer):
        writer.write(b"".join(frame(TEXT, text.encode()) for text in texts))
        async with asyncio.timeout(READ_S):
            while not heard.protocols or not heard.protocols[0]._held:  # noqa: ASYNC110  turns of the loop
                await asyncio.sleep(0)
        queued = heard.protocols[0].queue.qsize()
        heard.may_take.set()
        async with asyncio.timeout(READ_S):
            while len(heard.texts) < len(texts):  # noqa: ASYNC110  turns of the loop
                await asyncio.sleep(0)

    assert queued <= frames.SLICE_BYTES // 10
    assert heard.texts == texts


async def test_whoever_takes_no_answers_is_not_read(port: int, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it sends stays with its own machine, and our memory with us."""
    monkeypatch.setattr(frames, "CONTROLS_MAX", 10**9)
    monkeypatch.setattr(frames, "FRAMES_MAX", 10**9)
    async with opened(port, buffer_bytes=4_096) as (reader, writer):
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(frame(PING, b"x" * 125) * 50_000)
        async with asyncio.timeout(READ_S):
            while heard.protocols[0].writable.is_set():  # noqa: ASYNC110  turns of the loop
                await asyncio.sleep(0)
        protocol = heard.protocols[0]

        assert not protocol.transport.is_reading()
        assert protocol.transport.get_write_buffer_size() < 256 * 1024
        assert len(protocol._held) <= 256 * 1024

        reader._transport.resume_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(60):
            await reader.readexactly(50_000 * 127)


async def test_a_message_of_many_fragments_is_1009(port: int) -> None:
    async with opened(port) as (reader, writer):
        writer.write(frame(0x01) + frame(MORE) * 257)

        assert await closed_with(reader) == (1009, "Too many fragments")


async def test_a_message_of_a_few_fragments_is_one(port: int, heard: Heard) -> None:
    async with opened(port) as (reader, writer):
        writer.write(frame(0x01, b"a") + frame(MORE, b"b") * 200 + frame(0x80, b"c") + frame(CLOSE, b"\x03\xe8"))

        assert await closed_with(reader) == (1000, "")
    assert heard.texts == ["a" + "b" * 200 + "c"]


UNREADABLE = {
    "129 headers": (b"431", b"".join(b"x-%d: a\r\n" % number for number in range(129))),
    "a line of 9,000": (b"431", b"x: " + b"canary" * 1_500 + b"\r\n"),
    "two versions": (b"400", b"sec-websocket-version: canary\r\n"),
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_a_handshake_that_can_not_be_read_is_refused_with_the_headers(name: str, port: int) -> None:
    status, more = UNREADABLE[name]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HANDSHAKE + more + b"\r\n")
    async with asyncio.timeout(READ_S):
        head = await reader.read()
    writer.close()

    assert head.startswith(b"HTTP/1.1 " + status + b" ")
    lines = head.lower().split(b"\r\n")
    for line in (
        b"strict-transport-security: max-age=1",
        b"cache-control: no-store",
        b"x-content-type-options: nosniff",
    ):
        assert lines.count(line) == 1
    assert b"canary" not in head
