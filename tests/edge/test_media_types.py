"""Which media type a reply has."""

import pytest

from salonos.edge.gate import Incoming, Refused
from salonos.edge.media import ACCEPT_BYTES_MAX, EVENTS, GRAPHQL_JSON, JSON, accepted, media_of


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/json", JSON),
        ("application/graphql-response+json", GRAPHQL_JSON),
        ("application/graphql-response+json, application/json;q=0.9", GRAPHQL_JSON),
        ("application/json;q=0.5, application/graphql-response+json;q=0.9", GRAPHQL_JSON),
        ("text/event-stream", EVENTS),
        ("text/event-stream, application/json", EVENTS),
        ("application/json, text/event-stream", JSON),
        ("application/graphql-response+json, application/json, text/event-stream, multipart/mixed", GRAPHQL_JSON),
        ("application/json; charset=utf-8", JSON),
        ("text/html;q=x, application/json", JSON),
        ("application/json;q=nan, application/graphql-response+json;q=0.1", GRAPHQL_JSON),
        ("application/json;q=2, application/graphql-response+json;q=0.1", GRAPHQL_JSON),
        ("application/json, text/plain, */*", JSON),
        ("application/json;q=0.1, */*", GRAPHQL_JSON),
        ("*/*;q=0.9, application/graphql-response+json;q=0.1", JSON),
        ("application/graphql-response+json;q=0.9, application/*;q=0.8, */*", GRAPHQL_JSON),
        ("application/*;q=0, */*", EVENTS),
        ("application/json;q=0, */*", GRAPHQL_JSON),
        ("application/json;q=0, application/graphql-response+json;q=0, */*", EVENTS),
        ("text/*", EVENTS),
        ("text/*, application/json;q=0.1", JSON),
        ("text/*, */*;q=0.1", JSON),
        ("text/event-stream;q=0.1, application/json;q=0.2", JSON),
        ("text/event-stream, */*;q=0.1", EVENTS),
        ("text/event-stream;q=0, text/*, application/json", JSON),
        ("application/json;q=0, application/json;q=0.5", JSON),
        ("application/json; profile=x;q=0.2, application/graphql-response+json;q=0.1", JSON),
    ],
)
def test_the_best_that_we_speak_by_quality_and_then_by_place(accept: str, media: str) -> None:
    assert accepted(accept.encode()) == media


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "application/json;q=0",
        "image/*",
        "*/*;q=0",
        "text/*;q=0",
        "text/event-stream;q=0, text/*",
        "a,",
        "q=1",
    ],
)
def test_a_client_that_accepts_nothing_of_ours_is_known_as_such(accept: str) -> None:
    assert accepted(accept.encode()) is None


@pytest.mark.parametrize(("length", "status"), [(ACCEPT_BYTES_MAX, None), (ACCEPT_BYTES_MAX + 1, 431), (62_000, 431)])
def test_a_list_that_is_long_is_not_read(length: int, status: int | None) -> None:
    accepted.cache_clear()
    refused = None
    try:
        media_of(Incoming([(b"accept", b"a," * (length // 2) + b"," * (length % 2))]))
    except Refused as no:
        refused = no.status

    assert refused == status
    assert accepted.cache_info().currsize == (0 if status else 1)


def test_what_is_not_accepted_is_found_out_once() -> None:
    accepted.cache_clear()

    for _ in range(3):
        assert media_of(Incoming([(b"accept", b"text/html")])) is None

    assert (accepted.cache_info().misses, accepted.cache_info().hits) == (1, 2)
