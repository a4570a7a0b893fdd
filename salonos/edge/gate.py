"""What every request passes first: known hosts and origins, bounded bodies, and the headers of every reply."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

BODY_BYTES_MAX = 256 * 1024

SECURITY_HEADERS: Headers = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]


class Refused(Exception):  # noqa: N818  answered with a status and a constant sentence
    """A request that is not GraphQL of ours: a status code and what the client reads."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "BAD_REQUEST",
        headers: Sequence[tuple[bytes, bytes]] = (),
        extensions: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = headers
        self.extensions = extensions or {"code": code}


class ClientGone(Exception):  # noqa: N818  nobody is there to be answered
    """The client closed the connection before its request was whole."""


HOSTS_KEPT_MAX = 100


@dataclass(frozen=True)
class Gate:
    """The exact names of hosts and origins that may talk to us. `known` keeps the headers that were found to be right."""

    hosts: frozenset[str]
    origins: frozenset[str]
    known: set[bytes] = field(default_factory=set)

    def check_host(self, headers: "Incoming") -> None:
        """Against DNS rebinding: a page of another name that resolves to us is not let in.

        Raises: Refused.
        """
        given = headers.get(b"host")
        if given in self.known:
            return
        host = given.decode("latin-1").lower()
        name = host.rsplit(":", 1)[0] if host.rpartition(":")[2].isdigit() else host
        if name.strip("[]") not in self.hosts:
            raise Refused(400, "This host is not known here.")
        if len(self.known) < HOSTS_KEPT_MAX:
            self.known.add(given)

    def allows_origin(self, headers: "Incoming") -> bool:
        """Whether a browser's page may talk to us; programs that are no browser send no origin."""
        origin = headers.get(b"origin").decode("latin-1")
        return not origin or origin in self.origins

    def check_origin(self, headers: "Incoming") -> None:
        """A page of another origin may not even ask what it may send. A page without an origin sends `null`.

        Raises: Refused.
        """
        if not self.allows_origin(headers):
            raise Refused(403, "Pages of this origin are not let in.", code="FORBIDDEN")

    def cors(self, headers: "Incoming") -> Headers:
        """The reply's headers for a page of a known origin."""
        origin = headers.get(b"origin")
        if not origin or origin.decode("latin-1") not in self.origins:
            return _NO_PAGE
        return [
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", b"x-request-id, retry-after"),
        ]


_NO_PAGE: Headers = [(b"vary", b"Origin")]


class Incoming:
    """A request's headers; one that comes twice where it must not is refused."""

    __slots__ = ("_twice", "_values")

    def __init__(self, raw: Sequence[tuple[bytes, bytes]]) -> None:
        self._values = dict(raw)
        self._twice = _repeated(raw) if len(self._values) < len(raw) else frozenset()

    def get(self, name: bytes) -> bytes:
        """The value, empty when it is missing.

        Raises: Refused when it comes twice.
        """
        if name in self._twice:
            raise Refused(400, "A header stands twice.")
        return self._values.get(name, b"")

    def has(self, name: bytes) -> bool:
        """Whether it was sent, be it empty or twice."""
        return name in self._values


def _repeated(raw: Sequence[tuple[bytes, bytes]]) -> frozenset[bytes]:
    counted = Counter(name for name, _ in raw)
    return frozenset(name for name, times in counted.items() if times > 1)


async def read_body(receive: Receive, headers: Incoming, *, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """The whole body, bounded in bytes, whatever the headers say of its length.

    Raises: Refused; ClientGone.
    """
    declared = headers.get(b"content-length")
    if declared.isdigit() and int(declared) > bytes_max:
        raise Refused(413, "The body is too large.", code="TOO_LARGE")
    message = await receive()
    body: bytes = message.get("body", b"")
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone
        if len(body) > bytes_max:
            raise Refused(413, "The body is too large.", code="TOO_LARGE")
        if not message.get("more_body"):
            return body
        message = await receive()
        body += message.get("body", b"")


async def reply(send: Send, status: int, body: bytes, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """One whole reply with the security headers."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*SECURITY_HEADERS, length, *headers]})
    await send({"type": "http.response.body", "body": body})
