"""A connection's bounds before a request: how many, how long a head, how late."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from salonos.edge import connections
from salonos.edge.connections import Connection
from salonos.edge.proxies import Proxies

HEAD = b"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\n"


async def answer(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await receive()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """A server of these connections with short bounds."""
    monkeypatch.setattr(connections, "HEAD_S", 0.05)
    monkeypatch.setattr(Connection, "address_max", 3)
    config, state = uvicorn.Config(answer, log_config=None), ServerState()
    config.load()
    made = await asyncio.get_running_loop().create_server(
        lambda: Connection(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with made:
        yield made.sockets[0].getsockname()[1]


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def test_a_head_that_does_not_come_is_a_408(port: int) -> None:
    async with connected(port) as (reader, _):
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")


async def test_a_head_that_drips_is_a_408(port: int) -> None:
    async with connected(port) as (reader, writer):
        for byte in HEAD:
            writer.write(bytes([byte]))
            await writer.drain()
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")


async def test_a_later_head_that_drips_is_a_408_too(port: int) -> None:
    async with connected(port) as (reader, writer):
        writer.write(HEAD + b"content-length: 0\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 204 No Content\r\n\r\n"
        writer.write(b"\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")


async def test_a_head_without_end_is_a_431(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 30.0)
    async with connected(port) as (reader, writer):
        for part in (b"POST / HTTP/1.1\r\nx-more: ", b"x" * 32_768, b"x" * 32_768):
            writer.write(part)
            await writer.drain()
        assert (await reader.read()).startswith(b"HTTP/1.1 431 ")


async def test_one_address_has_a_few_connections_and_gives_them_back(port: int) -> None:
    async with connected(port), connected(port), connected(port), connected(port) as (reader, _):
        assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
    async with asyncio.timeout(5):
        while Connection.by_address:
            await asyncio.to_thread(Connection.by_address.total)
    async with connected(port) as (reader, writer):
        writer.write(HEAD + b"content-length: 0\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 204 No Content\r\n\r\n"


async def test_a_request_whose_body_takes_its_time_is_not_ended_here(port: int) -> None:
    async with connected(port) as (reader, writer):
        writer.write(HEAD + b"content-length: 2\r\n\r\n{")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")


class Far(asyncio.Transport):
    """A connection from an address that this machine does not have. `written` is what it was sent."""

    def __init__(self, address: str) -> None:
        super().__init__({"peername": (address, 50_000)})
        self.written = b""

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return bool(self.written)

    def close(self) -> None:
        pass


async def refusals(addresses: list[str], kind: type[Connection] = Connection) -> list[bytes]:
    """The status lines that open connections from these addresses are sent at once, in their order."""
    config, state = uvicorn.Config(answer, log_config=None), ServerState()
    config.load()
    made = [(kind(config=config, server_state=state, app_state={}), Far(each)) for each in addresses]
    for connection, transport in made:
        connection.connection_made(transport)
    for connection, _ in made:
        connection.connection_lost(None)
    return [transport.written[:12] for _, transport in made]


async def test_addresses_of_one_ipv6_network_have_a_few_connections_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "address_max", 2)
    neighbours = ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2::3"]

    assert await refusals([*neighbours, "2001:db8:1:3::1"]) == [b"", b"", b"HTTP/1.1 503", b""]
    assert await refusals(["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"]) == [b"", b"", b"HTTP/1.1 503"]
    assert not Connection.by_address


async def test_a_named_proxy_has_as_many_connections_as_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "address_max", 2)
    behind = connections.protocol(Proxies((ip_network("10.0.0.0/8"), ip_network("fd00::/8"))))
    addresses = ["10.0.0.1"] * 3 + ["fd00::1"] * 3 + ["11.0.0.1"] * 3

    assert await refusals(addresses, behind) == [b""] * 8 + [b"HTTP/1.1 503"]
    assert await refusals(["10.0.0.1"] * 3) == [b"", b"", b"HTTP/1.1 503"]
