"""What a request may cost on the wire: its trailers, its chunks, what follows its reply; and nothing is answered twice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from salonos.edge import connections
from salonos.edge.connections import Connection
from salonos.edge.gate import SECURITY_HEADERS

HSTS = (b"strict-transport-security", b"max-age=1")
OK = b"HTTP/1.1 204 No Content\r\nstrict-transport-security: max-age=1\r\n\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
READ_S = 10.0


@dataclass
class House:
    """An application that reads whole bodies; at `/early` it answers before, at `/slowly` it begins to."""

    state: ServerState = field(default_factory=ServerState)
    heard: list[int] = field(default_factory=list)
    """The bytes of the bodies that came whole."""
    gone: int = 0
    port: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/slowly":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
        if scope["path"] != "/early" and not await self.has_all(receive):
            return
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def has_all(self, receive: Any) -> bool:
        """Reads a body; whether it came whole."""
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone += 1
                return False
            size += len(message["body"])
            if not message["more_body"]:
                self.heard.append(size)
                return True


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    config = uvicorn.Config(made, log_config=None, limit_concurrency=10)
    config.load()
    made.state.default_headers = [HSTS]
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(config=config, server_state=made.state, app_state={}), "127.0.0.1", 0
    )
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made
        async with asyncio.timeout(READ_S):
            while made.state.connections:  # noqa: ASYNC110  turns of the loop
                await asyncio.sleep(0)


def head(path: str = "/graphql") -> bytes:
    return b"POST " + path.encode() + b" HTTP/1.1\r\nhost: 127.0.0.1\r\n"


@asynccontextmanager
async def connected(house: House) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def sent(house: House, *pieces: bytes) -> bytes:
    """All that comes back for bytes, until the connection is ended."""
    async with asyncio.timeout(READ_S), connected(house) as (reader, writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await reader.read()


def refused(status: str) -> bytes:
    """A reply of the connection's own: it has every header."""
    lines = [f"HTTP/1.1 {status}".encode(), b"connection: close", b"content-length: 0"]
    lines += [b"retry-after: 1"] if status.startswith("503") else []
    return b"\r\n".join([*lines, *(name + b": " + value for name, value in (HSTS, *SECURITY_HEADERS)), b"", b""])


async def test_a_trailer_is_a_400(house: House) -> None:
    assert await sent(house, head() + CHUNKED + b"1\r\n{\r\n0\r\na: b\r\n\r\n") == refused("400 Bad Request")
    assert (house.heard, house.gone) == ([], 1)


async def test_trailers_that_were_headers_are_taken_without_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the bound is against."""
    monkeypatch.setattr(connections, "Whole", list)
    async with connected(house) as (reader, writer):
        writer.write(head() + CHUNKED + b"0\r\n" + b"a:\r\n" * 100_000 + b"\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == OK


async def test_a_trailer_without_end_is_a_413(house: House) -> None:
    pieces = [b"a" * 65_536 for _ in range(20)]

    assert await sent(house, head() + CHUNKED + b"0\r\na: ", *pieces) == refused("413 Content Too Large")


async def test_a_trailer_after_the_reply_is_answered_by_the_end(house: House) -> None:
    async with asyncio.timeout(READ_S), connected(house) as (reader, writer):
        writer.write(head("/early") + CHUNKED)
        assert await reader.readexactly(len(OK)) == OK
        writer.write(b"0\r\na: b\r\n\r\n")
        assert await reader.read() == b""


@pytest.mark.parametrize(("path", "most"), [("/graphql", 2_000), ("/files", 10_000)])
async def test_a_body_has_a_number_of_chunks_and_no_more(path: str, most: int, house: House) -> None:
    async with connected(house) as (reader, writer):
        writer.write(head(path) + CHUNKED + b"1\r\na\r\n" * (most - 1) + b"0\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == OK
    assert house.heard == [most - 1]

    assert await sent(house, head(path) + CHUNKED + b"1\r\na\r\n" * (most + 1)) == refused("413 Content Too Large")


async def test_chunks_after_the_reply_end_the_connection(house: House) -> None:
    async with asyncio.timeout(READ_S), connected(house) as (reader, writer):
        writer.write(head("/early") + CHUNKED)
        assert await reader.readexactly(len(OK)) == OK
        writer.write(b"1\r\na\r\n" * 2_001)
        assert await reader.read() == b""


async def test_without_their_bound_chunks_are_parsed_for_ever(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "CHUNKS_MAX", 10**9)
    async with connected(house) as (reader, writer):
        writer.write(head() + CHUNKED + b"1\r\na\r\n" * 100_000 + b"0\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == OK
    assert house.heard == [100_000]


@pytest.mark.parametrize("framing", ["chunked", "length"])
async def test_a_request_is_a_megabyte_on_the_wire_and_files_are_eight(framing: str, house: House) -> None:
    def body(size: int) -> bytes:
        return CHUNKED + b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n" if framing == "chunked" else b"content-length: %d\r\n\r\n" % size + b"x" * size  # fmt: skip

    async with connected(house) as (reader, writer):
        for path, size in (("/graphql", 700_000), ("/files", 7_000_000)):
            writer.write(head(path) + body(size))
            assert await reader.readuntil(b"\r\n\r\n") == OK
    for path, size in (("/graphql", 1_500_000), ("/files", 9_000_000)):
        assert await sent(house, head(path) + body(size)) == refused("413 Content Too Large")
    assert (house.heard, house.gone) == ([700_000, 7_000_000], 2)


async def test_an_extension_of_a_chunk_counts(house: House) -> None:
    pieces = [b"a" * 65_536 for _ in range(20)]

    assert await sent(house, head() + CHUNKED + b"1;", *pieces) == refused("413 Content Too Large")


async def test_a_body_that_nobody_reads_is_taken_for_a_while_so_that_the_reply_arrives(house: House) -> None:
    """Its sender writes all of it before it looks for an answer."""
    body = b"x" * 12_000_000

    assert await sent(house, head("/early") + b"content-length: %d\r\n\r\n" % len(body) + body) == OK


async def test_and_not_for_ever(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "UNREAD_S", 0.05)
    async with asyncio.timeout(READ_S), connected(house) as (reader, writer):
        writer.write(head("/early") + CHUNKED + b"fffffff\r\n" + b"x" * 2_000_000)
        assert await reader.read() == OK
        with contextlib.suppress(OSError):  # it is over
            while not writer.transport.is_closing():
                writer.write(b"x" * 65_536)
                await writer.drain()


async def test_a_reply_that_has_begun_ends_where_it_is(house: House) -> None:
    for more in (b"zz\r\n", b"0\r\na: b\r\n\r\n", b"f" * 7 + b"\r\n" + b"x" * 1_500_000):
        async with asyncio.timeout(READ_S), connected(house) as (reader, writer):
            writer.write(head("/slowly") + CHUNKED)
            await reader.readuntil(b"1\r\na\r\n")
            writer.write(more)
            with contextlib.suppress(ConnectionResetError):  # what it still sends is not read
                assert await reader.read() == b""


async def test_garbage_behind_a_request_under_way_is_not_its_answer(house: House) -> None:
    """Whoever waits for the first reply would take a 400 for it, although the request is being done."""
    assert await sent(house, head() + b"content-length: 0\r\n\r\n" + b"\x00\r\n") == b""


async def test_garbage_behind_a_reply_is_a_400(house: House) -> None:
    async with asyncio.timeout(READ_S), connected(house) as (reader, writer):
        writer.write(head() + b"content-length: 0\r\n\r\n")
        assert await reader.readexactly(len(OK)) == OK
        writer.write(b"\x00\r\n")
        assert await reader.read() == refused("400 Bad Request")


@pytest.mark.parametrize(("times", "answered"), [(17, 17), (18, 0)])
async def test_a_few_requests_may_be_sent_ahead(times: int, answered: int, house: House) -> None:
    async with asyncio.timeout(READ_S), connected(house) as (reader, writer):
        writer.write((head() + b"content-length: 0\r\n\r\n") * times)
        assert await (reader.readexactly(len(OK) * answered) if answered else reader.read()) == OK * answered


async def test_a_full_process_says_so_with_the_headers(house: House) -> None:
    house.state.tasks |= {asyncio.create_task(asyncio.Event().wait()) for _ in range(10)}  # type: ignore[arg-type]

    assert await sent(house, head() + b"content-length: 0\r\n\r\n") == refused("503 Service Unavailable")
    for task in house.state.tasks:
        task.cancel()
