"""Any bytes over HTTP end as a clean answer: a status, a code, a constant sentence (G22, G23)."""

import json
import socket
import time
from typing import Any

import httpx
import pytest

from tests.faults.served import Served

TYPENAME = b'{"query": "{ __typename }"}'
NOT_AN_OPERATION: dict[str, bytes] = {
    "empty": b"",
    "text": b'"x"',
    "number": b"1",
    "null": b"null",
    "batch": b'[{"query": "{ __typename }"}]',
    "empty batch": b"[]",
    "half": b'{"query": "{ __typename }"',
    "two": TYPENAME * 2,
    "not a number": b'{"query": "{ __typename }", "variables": {"a": NaN}}',
    "infinite": b'{"query": "{ __typename }", "variables": {"a": -Infinity}}',
    "huge exponent": b'{"query": "{ __typename }", "variables": {"a": 1e999}}',
    "5,000 digits": b'{"query": "{ __typename }", "variables": {"a": ' + b"9" * 5_000 + b"}}",
    "20 digits": b'{"query": "{ __typename }", "variables": {"a": ' + b"9" * 20 + b"}}",
    "twice the same key": b'{"query": "{ __typename }", "query": "{ canary }"}',
    "deep": b'{"query": "{ __typename }", "variables": ' + b'{"a":' * 100 + b"1" + b"}" * 101,
    "very deep": b"[" * 100_000,
    "latin-1": b'{"query": "{ __typename } #\xe9"}',
    "half a surrogate": b'{"query": "{ __typename } #\\ud800"}',
    "utf-16": '{"query": "{ __typename }"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + TYPENAME,
    "no query": b"{}",
    "query is a list": b'{"query": ["{ __typename }"]}',
    "query is null": b'{"query": null}',
    "name is a number": b'{"query": "{ __typename }", "operationName": 1}',
    "variables are a list": b'{"query": "{ __typename }", "variables": [1]}',
    "variables are text": b'{"query": "{ __typename }", "variables": "{}"}',
}


def code_of(reply: httpx.Response) -> str:
    """The code of the first error; there is no data."""
    body: dict[str, Any] = reply.json()
    assert "data" not in body
    code: str = body["errors"][0]["extensions"]["code"]
    return code


@pytest.mark.parametrize("name", NOT_AN_OPERATION)
def test_a_body_that_is_no_operation_is_a_bad_request(name: str, unharmed: Served) -> None:
    reply = unharmed.post(NOT_AN_OPERATION[name])

    assert (reply.status_code, code_of(reply)) == (400, "BAD_REQUEST")
    assert "canary" not in reply.text


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/graphql", "application/json; charset=utf-16", ""])  # fmt: skip
def test_another_content_type_is_refused(kind: str, unharmed: Served) -> None:
    assert unharmed.post(TYPENAME, content_type=kind).status_code == 415


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE"])
def test_only_post_is_answered(method: str, unharmed: Served) -> None:
    reply = httpx.request(method, f"{unharmed.address}/graphql", content=TYPENAME)

    assert (reply.status_code, reply.headers["allow"]) == (405, "POST, OPTIONS")


def test_an_operation_in_the_address_is_not_run_and_a_token_there_is_refused(unharmed: Served) -> None:
    asked = httpx.get(f"{unharmed.address}/graphql", params={"query": "{ __typename }"})
    signed = httpx.post(f"{unharmed.address}/graphql?access_token=canary", content=TYPENAME, headers={"content-type": "application/json"})  # fmt: skip

    assert (asked.status_code, signed.status_code) == (405, 400)


def test_a_compressed_body_is_not_opened(unharmed: Served) -> None:
    assert unharmed.post(TYPENAME, content_encoding="gzip").status_code == 415


def test_a_body_is_at_most_256_kib_however_it_is_sent(unharmed: Served) -> None:
    chunks = (b" " * 65_536 for _ in range(5))

    declared = unharmed.post(b" " * (256 * 1024 + 1))
    counted = httpx.post(f"{unharmed.address}/graphql", content=chunks, headers={"content-type": "application/json"})

    assert (declared.status_code, counted.status_code) == (413, 413)


@pytest.mark.parametrize("accept", ["text/html", "image/*", "application/json;q=0"])
def test_a_reply_that_we_do_not_speak_is_refused(accept: str, unharmed: Served) -> None:
    assert unharmed.post(TYPENAME, accept=accept).status_code == 406


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "127.0.0.1:x"])
def test_another_host_is_not_served(host: str, unharmed: Served) -> None:
    for path in ("/graphql", "/healthz", "/readyz", "/playground"):
        assert httpx.get(unharmed.address + path, headers={"host": host}).status_code == 400


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example", "*"])
def test_a_page_of_another_origin_may_not_read(origin: str, unharmed: Served) -> None:
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


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Basic b3duZXI6eA==", "bearer canary", "Bearer canary", "Bearer a.b.c", "Bearer " + "x" * 5_000, "Bearer é"],
)  # fmt: skip
def test_a_wrong_token_is_401_in_one_sentence(authorization: str, unharmed: Served) -> None:
    raw = [(b"content-type", b"application/json"), (b"authorization", authorization.encode("latin-1"))]

    reply = httpx.post(f"{unharmed.address}/graphql", content=TYPENAME, headers=raw)

    expected = (200, None) if not authorization else (401, "UNAUTHENTICATED")
    assert (reply.status_code, code_of(reply) if authorization else None) == expected
    assert not authorization or reply.headers["www-authenticate"] == "Bearer"


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


TOO_COMPLEX = {
    "depth": '{ bill(id: "bill_0") ' + "{ original " * 13 + "{ id }" + " }" * 13 + " }",
    "aliases": "{ " + " ".join(f"a{n}: __typename" for n in range(31)) + " }",
    "directives": "{ __typename " + "@skip(if: false) " * 11 + "}",
    "operations": " ".join(f"query q{n} {{ __typename }}" for n in range(6)),
    "fragments": "{ ...f0 } " + " ".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(60)) + " fragment f60 on Query { __typename }",
    "repeats": "{ " + "viewer { username } " * 450 + "}",
    "page times page": "{ customers(first: 100) { nodes { bills(first: 100) { nodes { lines { id } } } } } }",
    "introspection": "{ __schema { types " + "{ fields { type " * 12 + "{ name }" + " }}" * 12 + " }}",
}  # fmt: skip
REFUSED = {
    "tokens": "{ " + "a " * 2_001 + "}",
    "length": "{ __typename } #" + "x" * 20_000,
    "nesting": "{ a " * 900 + "}" * 900,
    "list": "{ bills(filter: " + "[" * 900 + "]" * 900 + ") { nodes { id } } }",
    "cycle": "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
    "self": "{ ...a } fragment a on Query { ...a }",
    "no such fragment": "{ ...Nope }",
    "unknown directive": "{ __typename @canary }",
    "defer": "{ ... @defer { __typename } }",
    "syntax": "{ " + "x" * 400,
    "nothing": "",
    "nul": "{ \0 }",
    "two without a name": "query a { __typename } query b { __typename }",
}


@pytest.mark.parametrize("name", TOO_COMPLEX)
def test_what_is_too_complex_is_refused_before_any_work(name: str, unharmed: Served) -> None:
    body = json.dumps({"query": TOO_COMPLEX[name], "operationName": "q0" if name == "operations" else None}).encode()

    reply = unharmed.post(body, authorization=f"Bearer {unharmed.owner}", accept="application/graphql-response+json")

    assert (reply.status_code, code_of(reply)) == (400, "QUERY_TOO_COMPLEX")


@pytest.mark.parametrize("name", REFUSED)
def test_a_document_that_is_none_of_ours_is_refused(name: str, unharmed: Served) -> None:
    reply = unharmed.ask(REFUSED[name], accept="application/graphql-response+json")

    assert (reply.status_code, code_of(reply)) == (400, "BAD_REQUEST")
    assert len(reply.json()["errors"]) <= 5


@pytest.mark.parametrize(
    "query",
    [
        "{ vieweer { username } }",
        "{ viewer { usernam } }",
        "{ bills(firs: 1) { nodes { id } } }",
        "{ node(id: 1) { ... on Bil { id } } }",
        "query($a: BillFiltr) { bills(filter: $a) { nodes { id } } }",
        "{ bills(filter: {statu: POSTED}) { nodes { id } } }",
        "{ bills(filter: {status: POSTD}) { nodes { id } } }",
        "{ __typename @skp(if: true) }",
    ],
)
def test_no_name_is_suggested(query: str, unharmed: Served) -> None:
    reply = unharmed.ask(query)

    assert code_of(reply) == "BAD_REQUEST"
    assert "Did you mean" not in reply.text


def test_names_of_variables_are_not_suggested_either(unharmed: Served) -> None:
    reply = unharmed.ask("query($f: BillFilter) { bills(filter: $f) { nodes { id } } }", {"f": {"statu": "POSTED"}})

    assert "errors" in reply.json()
    assert "Did you mean" not in reply.text


def test_the_schema_is_not_shown_to_strangers(unharmed: Served) -> None:
    for query in ("{ __schema { types { name } } }", '{ __type(name: "Bill") { name } }', "{ a: __typename ...f } fragment f on Query { __schema { types { name } } }"):  # fmt: skip
        for token in ("", f"Bearer {unharmed.stylist}"):
            assert code_of(unharmed.ask(query, authorization=token)) in {"FORBIDDEN", "UNAUTHENTICATED"}


def test_a_subscription_is_not_answered_by_a_json_post(unharmed: Served) -> None:
    reply = unharmed.ask("subscription { billPosted { cursor } }", authorization=f"Bearer {unharmed.owner}")

    assert code_of(reply) == "BAD_REQUEST"


@pytest.mark.parametrize("key", ["short", "x" * 65, "x" * 10_000, "with spaces in the key", "schlüssel-schlüssel"])
def test_a_key_of_another_form_is_refused(key: str, unharmed: Served) -> None:
    mutation = 'mutation { postBill(input: {billId: "bill_0", expectedVersion: 1}) { __typename } }'
    raw = [(b"content-type", b"application/json"), (b"authorization", f"Bearer {unharmed.owner}".encode()), (b"idempotency-key", key.encode("latin-1"))]  # fmt: skip

    reply = httpx.post(f"{unharmed.address}/graphql", content=json.dumps({"query": mutation}).encode(), headers=raw)

    assert reply.status_code in {200, 400}
    assert reply.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


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
        b"GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
        b"POST /graphql HTTP/1.1\r\n\r\n",
    ],
)
def test_bytes_that_are_hardly_http_are_a_4xx(sent: bytes, unharmed: Served) -> None:
    assert raw_reply(unharmed, sent).startswith(b"HTTP/1.1 4")


def test_a_body_that_drips_is_ended_after_ten_seconds(unharmed: Served) -> None:
    head = (
        b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    began_s = time.monotonic()

    reply = raw_reply(unharmed, head, wait_s=14)

    assert reply.startswith(b"HTTP/1.1 408")
    assert 9 < time.monotonic() - began_s < 13


def test_health_and_readiness_are_told(unharmed: Served) -> None:
    assert httpx.get(f"{unharmed.address}/healthz").json() == {"status": "alive"}
    assert httpx.get(f"{unharmed.address}/readyz").json() == {
        "status": "ready",
        "parts": {"postgresql": "ready", "redis": "ready"},
    }
