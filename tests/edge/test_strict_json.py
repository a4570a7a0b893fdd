"""What strangers send as JSON is one plain object, or refused."""

import json

import pytest

from salonos.edge.strict_json import DEPTH_MAX, Malformed, read_object


def test_an_object_is_read() -> None:
    assert read_object('{"query": "{ a }", "variables": {"é": [1, 2.5, null, true, "[[[["]}}'.encode()) == {
        "query": "{ a }",
        "variables": {"é": [1, 2.5, None, True, "[[[["]},
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'"x"',
        b"[]",
        b"1",
        b"null",
        b"{",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": "\xff"}',
        '{"a": 1}'.encode("utf-16"),
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\\ud800"}',
        b'{"a": ' + b"9" * 20 + b"}",
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a": 1e400}',
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": ' + b"[" * DEPTH_MAX + b"]" * DEPTH_MAX + b"}",
        b"{'a': 1}",
        b'{"a": 1} {"b": 2}',
    ],
)
def test_anything_else_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_object(body)


def test_depth_up_to_the_limit_is_read() -> None:
    body = b'{"a": ' + b"[" * (DEPTH_MAX - 1) + b"]" * (DEPTH_MAX - 1) + b"}"

    assert "a" in read_object(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a:b": "c:d", "e": ["f:g", {"h": "::"}]}',
        b'{"a\\u003a": 1, "b": "\\u003a:"}',
        b'{"query": "query A($a: ID!, $b: Int) { c(d: $a) }", "variables": {"a": "x:y"}}',
    ],
)
def test_colons_in_texts_are_no_keys(body: bytes) -> None:
    assert read_object(body) == json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": ":", "a": 1}',
        b'{"a": "\\u003a", "a": 1}',
        b'{"x": {"\\u003a": ":", "b": 1, "b": "\\u003a\\u003a"}}',
    ],
)
def test_a_key_that_stands_twice_is_found_whatever_the_texts_hold(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_object(body)
