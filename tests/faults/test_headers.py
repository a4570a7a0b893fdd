"""Every answer of every route and status has the security headers, and only listed pages and hosts are let in."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, NoReturn

import httpx
import pytest

from salonos.edge import health
from salonos.edge.app import PAGE_POLICY, App, make_app
from salonos.edge.gate import BODY_BYTES_MAX
from salonos.graph.execute import Engine
from salonos.settings import Settings, SettingWrong
from tests.faults import served as serving

ALWAYS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
OURS, OTHERS = "https://till.example", "https://evil.example"
TYPENAME = b'{"query": "{ __typename }"}'
JSON = {"content-type": "application/json"}


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[App]:
    """An API process in this one."""
    made = make_app(
        Settings.read(
            {
                "SECRET_KEY": serving.SECRET,
                "DATABASE_URL": database_url,
                "SALONOS_FORGETFUL_DATABASE": "1",
                "SALONOS_ORIGINS": OURS,
                "SALONOS_HOSTS": "127.0.0.1,::1,salon.example",
            }
        )
    )
    await made.start()
    yield made
    await made._open.aclose()


@dataclass
class Reply:
    """What was sent."""

    status: int
    headers: dict[str, str]
    body: bytes


async def send_to(app: App, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Reply:
    given = {"host": "127.0.0.1:8000", **(headers or {})}
    scope = {
        "type": "http", "method": method, "path": path.partition("?")[0], "raw_path": path.encode(), "root_path": "",
        "query_string": path.partition("?")[2].encode(), "scheme": "http", "client": ("127.0.0.1", 50_000),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
    }  # fmt: skip
    sent: list[Any] = []

    heard = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        return heard.pop() if heard else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    names = [name.decode() for name, _ in sent[0]["headers"]]
    assert len(names) == len(set(names)), "a header stands twice"
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Reply(sent[0]["status"], told, b"".join(each.get("body", b"") for each in sent[1:]))


ANSWERS: dict[str, tuple[int, str, str, bytes, dict[str, str]]] = {
    "an operation": (200, "POST", "/graphql", TYPENAME, JSON),
    "one with errors": (200, "POST", "/graphql", b'{"query": "{ nothing }"}', JSON),
    "events": (200, "POST", "/graphql", TYPENAME, {**JSON, "accept": "text/event-stream"}),
    "a preflight": (204, "OPTIONS", "/graphql", b"", {"origin": OURS, "access-control-request-method": "POST"}),
    "no preflight": (204, "OPTIONS", "/graphql", b"", {}),
    "a rejected operation": (400, "POST", "/graphql", b'{"query": "{ nothing }"}', {**JSON, "accept": "application/graphql-response+json"}),
    "no operation": (400, "POST", "/graphql", b"[]", JSON),
    "something in the address": (400, "POST", "/graphql?a=b", TYPENAME, JSON),
    "a header twice": (400, "GET", "/healthz", b"", {"host": "evil.example"}),
    "another host": (400, "POST", "/graphql", TYPENAME, {**JSON, "host": "evil.example"}),
    "a wrong token": (401, "POST", "/graphql", TYPENAME, {**JSON, "authorization": "Bearer canary"}),
    "another page's preflight": (403, "OPTIONS", "/graphql", b"", {"origin": OTHERS}),
    "no such page": (404, "GET", "/canary", b"", {}),
    "the root": (404, "GET", "/", b"", {}),
    "metrics for others": (404, "GET", "/metrics", b"", {"x-forwarded-for": "203.0.113.9"}),
    "no such file": (404, "GET", "/playground/canary.js", b"", {}),
    "another method": (405, "GET", "/graphql", b"", {}),
    "another method on a page": (405, "POST", "/playground", b"", {}),
    "a reply that we don't speak": (406, "POST", "/graphql", TYPENAME, {**JSON, "accept": "text/html"}),
    "a large body": (413, "POST", "/graphql", b" " * (BODY_BYTES_MAX + 1), JSON),
    "text": (415, "POST", "/graphql", TYPENAME, {"content-type": "text/plain"}),
    "a compressed body": (415, "POST", "/graphql", TYPENAME, {**JSON, "content-encoding": "gzip"}),
    "a file without a token": (401, "POST", "/files", b"SKU", {"content-type": "text/csv"}),
    "a form of files": (415, "POST", "/files", b"SKU", {"content-type": "multipart/form-data; boundary=x"}),
    "no such link": (404, "GET", "/files/canary", b"", {}),
    "alive": (200, "GET", "/healthz", b"", {}),
    "ready": (200, "GET", "/readyz", b"", {}),
    "metrics": (200, "GET", "/metrics", b"", {}),
}  # fmt: skip


async def test_every_answer_has_the_headers(app: App) -> None:
    for name, (status, method, path, body, headers) in ANSWERS.items():
        reply = await send_to(app, method, path, body, headers)

        assert (name, reply.status) == (name, status)
        assert (name, {key: reply.headers.get(key) for key in ALWAYS}) == (name, ALWAYS)
        assert len(reply.headers["x-request-id"]) == 32
        assert b"canary" not in reply.body


async def test_a_bug_is_a_masked_500_with_the_headers(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> NoReturn:
        raise RuntimeError("canary")

    monkeypatch.setattr(Engine, "answer", broken)
    monkeypatch.setattr(health, "ready", broken)
    monkeypatch.setattr(app, "pages", broken)
    monkeypatch.setattr(app.watched, "text", broken)

    for path in ("/graphql", "/readyz", "/metrics", "/playground"):
        method, body = ("POST", TYPENAME) if path == "/graphql" else ("GET", b"")
        reply = await send_to(app, method, path, body, JSON)

        assert (path, reply.status) == (path, 500)
        assert b'"code":"INTERNAL"' in reply.body
        assert b"canary" not in reply.body
        assert {key: reply.headers.get(key) for key in ALWAYS} == ALWAYS


async def test_a_process_that_stops_is_not_ready(app: App) -> None:
    app.stop_streams()
    reply = await send_to(app, "GET", "/readyz")

    assert (reply.status, reply.body) == (503, b'{"status":"stopping"}')
    assert {key: reply.headers.get(key) for key in ALWAYS} == ALWAYS


async def test_the_playground_and_its_files_have_a_policy_of_their_own(app: App) -> None:
    page = await send_to(app, "GET", "/playground")
    (name,) = {part for part in page.body.decode().split('"') if part.startswith("/playground/assets/index-") and part.endswith(".js")}  # fmt: skip
    file = await send_to(app, "GET", name)

    assert page.headers["content-security-policy"] == PAGE_POLICY
    assert "frame-ancestors 'none'" in PAGE_POLICY
    assert page.headers["cache-control"] == "no-store"
    assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
    for reply in (page, file):
        assert {
            key: reply.headers[key] for key in ("referrer-policy", "x-content-type-options", "x-frame-options")
        } == {key: ALWAYS[key] for key in ("referrer-policy", "x-content-type-options", "x-frame-options")}


STRANGERS = [
    OTHERS,
    "null",
    "*",
    OURS + ".evil.example",
    OURS + ":8443",
    OURS.upper(),
    "http://till.example",
    OURS + "/",
]


async def test_a_page_of_another_origin_is_told_nothing(app: App) -> None:
    for origin in STRANGERS:
        preflight = await send_to(app, "OPTIONS", "/graphql", headers={"origin": origin})
        reply = await send_to(app, "POST", "/graphql", TYPENAME, {**JSON, "origin": origin})

        assert (origin, preflight.status) == (origin, 403)
        for each in (preflight, reply):
            assert not [name for name in each.headers if name.startswith("access-control-")]
            assert each.headers["vary"] == "Origin"


async def test_a_listed_page_may_send_what_a_client_needs_and_no_cookies(app: App) -> None:
    preflight = await send_to(app, "OPTIONS", "/graphql", headers={"origin": OURS})
    replies = [
        await send_to(app, "POST", "/graphql", body, {**JSON, **headers, "origin": OURS})
        for body, headers in ((TYPENAME, {}), (b"[]", {}), (TYPENAME, {"authorization": "Bearer canary"}))
    ]

    assert {name: value for name, value in preflight.headers.items() if name.startswith("access-control-")} == {
        "access-control-allow-origin": OURS,
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "authorization, content-type, idempotency-key",
        "access-control-expose-headers": "x-request-id, retry-after",
        "access-control-max-age": "600",
    }
    for reply in replies:
        assert reply.headers["access-control-allow-origin"] == OURS
        assert "access-control-allow-credentials" not in reply.headers


HOSTS = ["127.0.0.1", "127.0.0.1:8000", "salon.example", "SALON.example:443", "[::1]:8000", "[::1]"]
OTHER_HOSTS = [
    "evil.example", "salon.example.evil.example", "evil.example:salon.example", "salon.example:x",
    "salon.example@evil.example", "", "127.0.0.1.", "127.0.0.1, salon.example", "2130706433",
]  # fmt: skip


async def test_hosts_are_an_exact_list(app: App) -> None:
    for method, path in (("POST", "/graphql"), ("GET", "/healthz"), ("GET", "/playground"), ("GET", "/metrics")):
        for host in HOSTS:
            reply = await send_to(app, method, path, TYPENAME, {**JSON, "host": host})
            assert (host, path, reply.status) == (host, path, 200)
        for host in OTHER_HOSTS:
            reply = await send_to(app, method, path, TYPENAME, {**JSON, "host": host})
            assert (host, path, reply.status, reply.body) == (host, path, 400, b"This host is not known here.")


@pytest.mark.parametrize("name", ["SALONOS_ORIGINS", "SALONOS_HOSTS"])
@pytest.mark.parametrize("value", ["*", "https://a.example,*", "*.example", "https://*.example", "null"])
def test_a_list_of_patterns_is_refused_at_the_start(name: str, value: str) -> None:
    with pytest.raises(SettingWrong, match=name):
        Settings.read({"SECRET_KEY": serving.SECRET, name: value})


NO_REQUESTS = {
    "bytes": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 canary\r\n\r\n",
    "another protocol": b"SSH-2.0-canary\r\n\r\n",
    "a header without a colon": b"GET /healthz HTTP/1.1\r\ncanary\r\n\r\n",
    "two lengths": b"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
    "a length and chunks": b"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\nx",
}  # fmt: skip


@pytest.mark.parametrize("name", NO_REQUESTS)
def test_bytes_that_are_no_request_get_the_headers_and_not_a_word(name: str, served: serving.Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=serving.ANSWER_S) as raw:
        raw.sendall(NO_REQUESTS[name])
        reply = b""
        while piece := raw.recv(65_536):
            reply += piece

    assert reply.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    for key, value in ALWAYS.items():
        assert f"\r\n{key}: {value}\r\n".encode() in reply
    assert b"strict-transport-security" not in reply  # it is no TLS
    assert reply.endswith(b"\r\n\r\n")
    assert httpx.get(f"{served.address}/healthz").status_code == 200
