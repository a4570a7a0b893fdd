"""Reads JSON from strangers: one object of bounded depth, strict UTF-8, no duplicate keys, no numbers beyond 64 bits."""

import json
from typing import Any

import orjson

DEPTH_MAX = 32
VALUES_MAX = 200
"""Of a list or an object: the longest list that any input takes."""
INTEGER_DIGITS_MAX = 19
_NUMBER_MAX = 10.0**INTEGER_DIGITS_MAX


class Malformed(Exception):  # noqa: N818  the request's fault
    """The body is not what we read; the message is constant and safe to send."""


def read_object(body: bytes) -> dict[str, Any]:
    """The object of a body.

    orjson refuses NaN, bad UTF-8, lone surrogates and nesting that would overflow; it takes the last of duplicate keys
    and reads overlong integers as floats, so that what it read is walked once.

    Raises: Malformed.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Malformed("The body is not JSON in UTF-8.") from None
    if not isinstance(found, dict):
        raise Malformed("The body is not a JSON object.")
    colons = _colons(found, 1)
    if colons != body.count(b":") or b"\\u" in body:
        _PAIRS.decode(body.decode())
    return found


def _colons(value: Any, depth: int) -> int:
    """How many colons the JSON of a value has, if no key stands twice and none is escaped: one a key, and those in texts.

    Raises: Malformed for a value that nests too deeply or holds too many others, and for a number beyond 64 bits.
    """
    if isinstance(value, str):
        return value.count(":")
    if isinstance(value, dict):
        _check_size(value, depth)
        found = len(value)
        for key, inner in value.items():
            found += key.count(":") + _colons(inner, depth + 1)
        return found
    if isinstance(value, list):
        _check_size(value, depth)
        return sum([_colons(inner, depth + 1) for inner in value])
    if isinstance(value, float) and abs(value) >= _NUMBER_MAX:
        raise Malformed("A number in the body is too large.")
    return 0


def _check_size(value: dict[str, Any] | list[Any], depth: int) -> None:
    if depth > DEPTH_MAX:
        raise Malformed("The body is nested too deeply.")
    if len(value) > VALUES_MAX:
        raise Malformed(f"A list or an object in the body holds more than {VALUES_MAX} values.")


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise Malformed("A key stands twice in the body.")


_PAIRS = json.JSONDecoder(object_pairs_hook=_unique, parse_int=str, parse_float=str)
"""The standard reader tells of every pair; numbers stay text, so that a long one costs nothing."""
