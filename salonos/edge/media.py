"""Which media type a reply has: the `Accept` header as RFC 9110 reads it, among the three types that we speak."""

from collections.abc import Mapping
from functools import lru_cache

from salonos.edge.gate import Incoming, Refused

JSON, GRAPHQL_JSON, EVENTS = "application/json", "application/graphql-response+json", "text/event-stream"
ACCEPT_BYTES_MAX = 1_024
"""A browser sends 150; reading a list costs something for each of its ranges."""

EVENT_STREAM = (b"content-type", b"text/event-stream; charset=utf-8")
CONTENT_TYPE = {media: (b"content-type", f"{media}; charset=utf-8".encode()) for media in (JSON, GRAPHQL_JSON)}
REFUSED_AS: Mapping[str | None, tuple[bytes, bytes]] = {
    None: CONTENT_TYPE[JSON],
    EVENTS: CONTENT_TYPE[JSON],
    JSON: CONTENT_TYPE[JSON],
    GRAPHQL_JSON: CONTENT_TYPE[GRAPHQL_JSON],
}
"""A status that is no success is told in JSON to a client of event streams too."""

_RANGES = {
    JSON: (JSON, "application/*", "*/*"),
    GRAPHQL_JSON: (GRAPHQL_JSON, "application/*", "*/*"),
    EVENTS: (EVENTS, "text/*", "*/*"),
}
"""The ranges that take a type in, the most specific first; whoever takes all types alike gets the first of them."""


def media_of(headers: Incoming) -> str | None:
    """What a request wants to be answered in, None when it accepts nothing of ours.

    Raises: Refused for a header that is too long, or there twice.
    """
    accept = headers.get(b"accept")
    if len(accept) > ACCEPT_BYTES_MAX:
        raise Refused(431, f"The Accept header has at most {ACCEPT_BYTES_MAX} bytes.")
    return accepted(accept)


@lru_cache(maxsize=256)
def accepted(accept: bytes) -> str | None:
    """The type with the highest quality, the first in the list among equals; nothing accepted is kept as well.

    A type has the quality of the most specific range that takes it in. Only a client that names the event stream, or
    takes nothing else, is given one: wildcards mean whatever is usual.
    """
    if not accept.strip():
        return JSON
    ranges = ranges_of(accept.decode("latin-1").lower())
    best: tuple[bool, float, int] | None = None
    chosen = None
    for media, names in _RANGES.items():
        name = next((each for each in names if each in ranges), None)
        if name is None or not ranges[name][0]:
            continue
        negative_quality, place = ranges[name]
        rank = (media == EVENTS and name != EVENTS, negative_quality, place)
        if best is None or rank < best:
            best, chosen = rank, media
    return chosen


def ranges_of(accept: str) -> dict[str, tuple[float, int]]:
    """Each media range with its negative quality and its place; one that stands twice counts as it is wanted most.

    A range whose quality is no number from 0 to 1 is left out. Other parameters tell nothing: we speak UTF-8 only.
    """
    found: dict[str, tuple[float, int]] = {}
    for place, part in enumerate(accept.split(",")):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        try:
            quality = float(next((piece[2:] for piece in parameters if piece.startswith("q=")), "1"))
        except ValueError:
            continue
        if 0 <= quality <= 1:
            found[name] = min((-quality, place), found.get(name, (0.0, place)))
    return found
