"""Clients that end their connection with a RST in the middle of a subscription, and what the process says it holds."""

import asyncio
import json
import socket
import struct
from dataclasses import dataclass

import httpx
import websockets
from websockets.asyncio.client import connect

from tests.faults.served import Served
from tests.journeys.client import receive, send

FIGURES = "subscription { dashboardChanged { billCount } }"
AT_ONCE = 25
BACK_S = 30.0


@dataclass(frozen=True)
class Held:
    """What `/metrics` tells of a process."""

    tasks: int
    sockets: int
    subscriptions: int
    files: int
    resident_bytes: int

    @property
    def counted(self) -> tuple[int, int, int, int]:
        """Everything that must come back exactly."""
        return (self.tasks, self.sockets, self.subscriptions, self.files)


async def metrics(served: Served) -> dict[str, float]:
    """The figures of `/metrics` without labels."""
    async with httpx.AsyncClient(timeout=20) as http:
        page = (await http.get(f"{served.address}/metrics")).text
    lines = (line.split() for line in page.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


async def held(served: Served) -> Held:
    """What the process holds now; files are its connections to clients, PostgreSQL and Redis."""
    told = await metrics(served)
    return Held(
        tasks=int(told["salonos_tasks"]),
        sockets=int(told["salonos_sockets_open"]),
        subscriptions=int(told["salonos_subscriptions_open"]),
        files=int(told["process_open_fds"]),
        resident_bytes=int(told["process_resident_memory_bytes"]),
    )


async def until_back(served: Served, baseline: Held, *, within_s: float = BACK_S) -> Held:
    """Waits until nothing is held beyond the baseline.

    Raises: AssertionError with what is still held.
    """
    now = await held(served)
    try:
        async with asyncio.timeout(within_s):
            while any(new > old for new, old in zip(now.counted, baseline.counted, strict=True)):
                await asyncio.sleep(0.2)
                now = await held(served)
    except TimeoutError:
        raise AssertionError(f"{now} where {baseline} was held before") from None
    return now


def reset(found: socket.socket) -> None:
    """Ends a connection with a RST instead of a FIN."""
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def vanish_from_socket(served: Served) -> None:
    """Subscribes over a websocket, reads the first event, and is gone."""
    address = served.address.replace("http", "ws") + "/graphql"
    client = await connect(address, subprotocols=[websockets.Subprotocol("graphql-transport-ws")], ping_interval=None)
    await send(client, type="connection_init", payload={"Authorization": f"Bearer {served.owner}"})
    assert (await receive(client))["type"] == "connection_ack"
    await send(client, type="subscribe", id="1", payload={"query": FIGURES})
    assert (await receive(client))["type"] == "next"
    reset(client.transport.get_extra_info("socket"))
    client.transport.abort()


async def vanish_from_stream(served: Served) -> None:
    """The same from server-sent events."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    body = json.dumps({"query": FIGURES}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\naccept: text/event-stream\r\n"
        f"authorization: Bearer {served.owner}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await reader.readuntil(b"event: next")
    reset(writer.get_extra_info("socket"))
    writer.transport.abort()


async def vanish(served: Served, times: int) -> None:
    """So many clients, some at once; every third reads a stream."""
    for first in range(0, times, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, times))
        await asyncio.gather(
            *(vanish_from_stream(served) if number % 3 == 2 else vanish_from_socket(served) for number in numbers)
        )
