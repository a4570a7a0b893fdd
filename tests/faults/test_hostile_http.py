"""Any bytes over HTTP end as a clean answer: a status, a code, a constant sentence (G22, G23)."""

import asyncio
import contextlib
import os
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.served import Served

TYPENAME = b'{"query": "{ __typename }"}'


def code_of(reply: httpx.Response) -> str:
    """The code of the first error; there is no data."""
    body: dict[str, Any] = reply.json()
    assert "data" not in body
    code: str = body["errors"][0]["extensions"]["code"]
    return code


def test_a39_a_body_is_at_most_256_kib_however_it_is_sent(unharmed: Served) -> None:
    chunks = (b" " * 65_536 for _ in range(5))

    declared = unharmed.post(b" " * (256 * 1024 + 1))
    counted = httpx.post(f"{unharmed.address}/graphql", content=chunks, headers={"content-type": "application/json"})

    assert (declared.status_code, counted.status_code) == (413, 413)


@pytest.mark.parametrize("accept", ["text/html", "image/*", "application/json;q=0"])
def test_a14_a_reply_that_we_do_not_speak_is_refused(accept: str, unharmed: Served) -> None:
    assert unharmed.post(TYPENAME, accept=accept).status_code == 406


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example", "*"])
def test_a19_a_page_of_another_origin_may_not_read(origin: str, unharmed: Served) -> None:
    preflight = httpx.options(f"{unharmed.address}/graphql", headers={"origin": origin})
    reply = unharmed.post(TYPENAME, origin=origin)

    assert "access-control-allow-origin" not in preflight.headers
    assert "access-control-allow-origin" not in reply.headers


def test_a_page_of_ours_may(unharmed: Served) -> None:
    reply = httpx.options(f"{unharmed.address}/graphql", headers={"origin": unharmed.address})

    assert reply.headers["access-control-allow-origin"] == unharmed.address
    assert reply.headers["access-control-allow-headers"] == "authorization, content-type, idempotency-key"


def test_a_request_that_was_not_run_is_400_only_for_who_knows_the_media_type(unharmed: Served) -> None:
    plain = unharmed.ask("{ canary }")
    exact = unharmed.ask("{ canary }", accept="application/graphql-response+json")

    assert (plain.status_code, plain.headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert (exact.status_code, exact.headers["content-type"]) == (
        400,
        "application/graphql-response+json; charset=utf-8",
    )
    assert (code_of(plain), code_of(exact)) == ("BAD_REQUEST", "BAD_REQUEST")


def test_every_reply_has_a_request_id_and_the_security_headers(unharmed: Served) -> None:
    replies = [unharmed.ask("{ __typename }"), unharmed.ask("{ canary }"), unharmed.post(b"x"), unharmed.ask("{ __typename }", authorization="x")]  # fmt: skip
    replies += [httpx.get(unharmed.address + path) for path in ("/healthz", "/readyz", "/graphql", "/nothing")]

    for reply in replies:
        assert len(reply.headers["x-request-id"]) == 32
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert "server" not in reply.headers
    assert len({reply.headers["x-request-id"] for reply in replies}) == len(replies)


def raw_reply(served: Served, sent: bytes, *, wait_s: float = 12) -> bytes:
    """What comes back for bytes that are no HTTP of a library's."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=wait_s) as made:
        made.sendall(sent)
        return made.recv(65_536)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET /%00%ff%fe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /playground/../../../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /playground/%2e%2e/%2e%2e/app.py HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n",
        b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
        b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: xchunked\r\n\r\n{}",
        b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\n Folded: x\r\n\r\n",
        b"POST /graphql HTTP/1.1\nHost: 127.0.0.1\nX: a\rb\n\n",
        b"POST /graphql HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n",
        b"POST /graphql\xff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"POST http://evil.example/graphql HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
        b"POST /graphql HTTP/1.1\r\n\r\n",
    ],
)
def test_a61_bytes_that_are_hardly_http_are_a_4xx(sent: bytes, unharmed: Served) -> None:
    assert raw_reply(unharmed, sent).startswith(b"HTTP/1.1 4")


def test_a39_a_body_that_drips_is_ended_after_ten_seconds(unharmed: Served) -> None:
    head = (
        b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    began_s = time.monotonic()

    reply = raw_reply(unharmed, head, wait_s=14)

    assert reply.startswith(b"HTTP/1.1 408")
    assert 9 < time.monotonic() - began_s < 13


ENDLESS: dict[str, tuple[bytes, bytes, bytes]] = {
    "A39 trailers": (b"0\r\n", b"a:\r\n" * 10_000, b"400 Bad Request"),
    "A39 one trailer": (b"0\r\na: ", b"a" * 50_000, b"413 Content Too Large"),
    "A39 chunks of one byte": (b"", b"1\r\n \r\n" * 8_000, b"413 Content Too Large"),
    "A39 an extension of a chunk": (b"1;", b"a" * 50_000, b"413 Content Too Large"),
}
ENDLESS_S, HEALTH_S, GROWN_BYTES_MAX = 3.0, 2.0, 64 * 1024 * 1024


def endless(served: Served, began: bytes, piece: bytes) -> bytes:
    """Sends a piece for three seconds if it may; all that came back in the end."""
    head = b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    came, until_s = b"", time.monotonic() + ENDLESS_S
    with socket.create_connection(("127.0.0.1", served.port), timeout=12) as made:
        with contextlib.suppress(OSError):  # it has been ended
            made.sendall(head + began)
            while time.monotonic() < until_s:
                made.sendall(piece)
        with contextlib.suppress(ConnectionResetError):
            while more := made.recv(65_536):
                came += more
    return came


def resident_bytes(served: Served) -> int:
    """The process's memory."""
    pages = Path(f"/proc/{served.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("name", ENDLESS)
async def test_a39_a_request_without_end_is_ended_and_holds_nobody_up(name: str, unharmed: Served) -> None:
    began, piece, status = ENDLESS[name]
    before, took_s = resident_bytes(unharmed), []
    sending = asyncio.create_task(asyncio.to_thread(endless, unharmed, began, piece))
    async with httpx.AsyncClient(trust_env=False, timeout=12) as client:
        while not sending.done() or not took_s:
            took_s.append((await client.get(f"{unharmed.address}/healthz")).elapsed.total_seconds())

    assert (await sending).startswith(b"HTTP/1.1 " + status + b"\r\n")
    assert max(took_s) < HEALTH_S
    assert resident_bytes(unharmed) - before < GROWN_BYTES_MAX


async def test_a39_what_follows_a_reply_without_end_is_ended_too(unharmed: Served) -> None:
    """The reply to a request of a stranger's comes at once; its body is parsed no further."""
    reply = await asyncio.to_thread(endless, unharmed, b"40001\r\n" + b" " * 0x40001 + b"\r\n", b"1\r\n \r\n" * 8_000)

    assert reply.startswith(b"HTTP/1.1 413 ")
    assert reply.count(b"HTTP/1.1 ") == 1


DOUBLED = {
    "A61 Authorization twice": [("authorization", "Bearer canary"), ("authorization", "Bearer canary")],
    "A61 Idempotency-Key twice": [("idempotency-key", "a" * 20), ("idempotency-key", "b" * 20)],
    "A61 Content-Type twice": [("content-type", "application/json"), ("content-type", "text/plain")],
    "A61 Origin twice": [("origin", "http://127.0.0.1"), ("origin", "https://evil.example")],
}


@pytest.mark.parametrize("name", DOUBLED)
def test_a61_a_header_that_stands_twice_is_a_400(name: str, unharmed: Served) -> None:
    doubled = DOUBLED[name]
    others = {"host": "127.0.0.1", "content-type": "application/json"}
    headers = [each for each in others.items() if each[0] != doubled[0][0]] + doubled
    single = [each for each in others.items() if each[0] != doubled[0][0]] + doubled[:1]

    twice = unharmed.client.post(f"{unharmed.address}/graphql", content=TYPENAME, headers=headers)
    once = unharmed.client.post(f"{unharmed.address}/graphql", content=TYPENAME, headers=single)

    assert (twice.status_code, "canary" in twice.text) == (400, False)
    assert once.status_code == (401 if "Authorization" in name else 200)


def test_health_and_readiness_are_told(unharmed: Served) -> None:
    assert httpx.get(f"{unharmed.address}/healthz").json() == {"status": "alive"}
    assert httpx.get(f"{unharmed.address}/readyz").json() == {
        "status": "ready",
        "parts": {"postgresql": "ready", "redis": "ready"},
    }
