"""An HTTP client at the application's end of ASGI: one request, and the whole reply, event stream or not."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import orjson

from salonos.edge.endpoint import Endpoint
from salonos.edge.gate import Incoming
from salonos.edge.media import EVENTS, JSON

ADDRESS, ORIGIN = "192.0.2.7", "http://127.0.0.1:8080"
UTF_8 = b"; charset=utf-8"


@dataclass
class Stream:
    """A client of one process: what it was sent, as the server hands it on."""

    served: Endpoint
    token: str
    sent: list[Any] = field(default_factory=list)

    async def post(self, body: Any, *, accept: str = EVENTS, token: str | None = "") -> tuple[int, bytes, bytes]:
        """A request: the reply's status, media type and bytes. The client stays until the reply has ended."""
        self.sent.clear()
        given = iter([{"type": "http.request", "body": orjson.dumps(body), "more_body": False}])

        async def receive() -> Any:
            return next(given, None) or await asyncio.Event().wait()

        async def send(message: Any) -> None:
            self.sent.append(message)

        headers = [(b"host", b"127.0.0.1"), (b"content-type", JSON.encode()), (b"accept", accept.encode())]
        headers += [(b"origin", ORIGIN.encode())]
        headers += [(b"authorization", f"Bearer {token or self.token}".encode())] if token is not None else []
        scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
        await self.served({**scope, "client": (ADDRESS, 50_000)}, Incoming(headers), "test", receive, send)
        body = b"".join(each.get("body", b"") for each in self.sent[1:])
        return self.sent[0]["status"], self.headers[b"content-type"].removesuffix(UTF_8), body

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The reply's."""
        return dict(self.sent[0]["headers"])
