"""A websocket without a network: what the server would hear and say, and a pause like that of a full send buffer."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import orjson

from salonos.edge.socket import PROTOCOL, Sockets

HEARD_S = 10.0


@dataclass
class Wire:
    """One client at the application's end of ASGI. `said` is what it was sent, whole messages in their order."""

    sockets: Sockets
    said: list[Any] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    closed_with: int | None = None
    is_accepted: bool = False
    reason: str = ""
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None
    _heard: "asyncio.Queue[Any]" = field(default_factory=asyncio.Queue)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def knock(self, address: str = "127.0.0.1", *more: tuple[bytes, bytes]) -> bool:
        """Opens a websocket from an address, with more headers; returns whether it was let in."""
        self.ready.set()
        scope = {
            "type": "websocket",
            "path": "/graphql",
            "headers": [(b"host", b"127.0.0.1"), *more],
            "query_string": b"",
            "client": (address, 50_000),
            "subprotocols": [PROTOCOL],
        }
        self.task = asyncio.create_task(self.sockets(scope, self.receive, self.send))
        self.hear({"type": "websocket.connect"})
        await self.until(lambda: self.is_accepted or self.closed_with is not None)
        return self.is_accepted

    async def open(self, token: str, query: str) -> None:
        """Greets and subscribes; returns once the subscription listens."""
        await self.knock()
        self.tell(type="connection_init", payload={"Authorization": f"Bearer {token}"})
        await self.until(lambda: self.said == [{"type": "connection_ack"}])
        live = self.sockets.engine.live
        known = len(live.subscribers)
        self.tell(type="subscribe", id="1", payload={"query": query})
        while len(live.subscribers) == known:  # noqa: ASYNC110  turns of the loop
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def close(self) -> None:
        """The client goes."""
        self.ready.set()
        self.hear({"type": "websocket.disconnect", "code": 1005})
        if self.task is not None:
            await asyncio.wait_for(self.task, HEARD_S)

    def tell(self, **message: Any) -> None:
        """The client says something."""
        self.hear({"type": "websocket.receive", "text": orjson.dumps(message).decode()})

    def hear(self, message: Any) -> None:
        """The server hands something over."""
        self._heard.put_nowait(message)

    async def receive(self) -> Any:
        """As the server's."""
        return await self._heard.get()

    async def send(self, message: Any) -> None:
        """As the server's: it waits while the buffer is full, before it takes anything."""
        await self.ready.wait()
        if message["type"] == "websocket.send":
            self.texts.append(message["text"])
            self.said.append(orjson.loads(message["text"]))
        elif message["type"] == "websocket.close":
            self.closed_with, self.reason = message["code"], message.get("reason", "")
        else:
            self.is_accepted = True
        self._news.set()

    async def until(self, is_so: Any) -> None:
        """Waits for what the server says."""
        async with asyncio.timeout(HEARD_S):
            while not is_so():
                self._news.clear()
                await self._news.wait()
