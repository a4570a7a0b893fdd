"""Reads JSON from strangers: one object of bounded depth, strict UTF-8, no duplicate keys, no numbers beyond 64 bits."""

import json
from typing import Any

import orjson

DEPTH_MAX = 32
INTEGER_DIGITS_MAX = 19


class Malformed(Exception):  # noqa: N818  the request's fault
    """The body is not what we read; the message is constant and safe to send."""


def read_object(body: bytes) -> dict[str, Any]:
    """The object of a body.

    orjson refuses NaN, bad UTF-8, lone surrogates and overlong numbers; it takes the last of duplicate keys and would
    nest deeper than we want, so that those two are looked at before.

    Raises: Malformed.
    """
    if _depth(body) > DEPTH_MAX:
        raise Malformed("The body is nested too deeply.")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Malformed("The body is not JSON in UTF-8.") from None
    if not isinstance(found, dict):
        raise Malformed("The body is not a JSON object.")
    if _has_big_number(found):
        raise Malformed("A number in the body is too large.")
    _refuse_duplicate_keys(body)
    return found


def _depth(body: bytes) -> int:
    """The deepest nesting of brackets outside strings, in one pass over the brackets."""
    if body.count(b"[") + body.count(b"{") <= DEPTH_MAX:
        return 0
    depth = deepest = 0
    in_string = escaped = False
    for byte in body:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:  # noqa: PLR2004  a backslash
                escaped = True
            elif byte == 0x22:  # noqa: PLR2004  a quote
                in_string = False
        elif byte == 0x22:  # noqa: PLR2004  a quote
            in_string = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _has_big_number(value: Any) -> bool:
    """Integers beyond 64 bits become floats in orjson; both are refused above 19 digits."""
    if isinstance(value, float):
        return abs(value) >= 10.0**INTEGER_DIGITS_MAX
    if isinstance(value, dict):
        return any(_has_big_number(each) for each in value.values())
    if isinstance(value, list):
        return any(_has_big_number(each) for each in value)
    return False


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise Malformed("A key stands twice in the body.")


_PAIRS = json.JSONDecoder(object_pairs_hook=_unique, parse_int=str, parse_float=str)
"""The standard reader tells of every pair; numbers stay text, so that a long one costs nothing."""


def _refuse_duplicate_keys(body: bytes) -> None:
    _PAIRS.decode(body.decode())
