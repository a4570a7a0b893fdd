"""Which media type a reply has."""

import pytest

from salonos.edge.endpoint import EVENTS, GRAPHQL_JSON, JSON, accepted
from salonos.edge.gate import Refused


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
    ],
)
def test_the_first_that_we_speak_in_the_clients_order(accept: str, media: str) -> None:
    assert accepted(accept) == media


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "image/*"])
def test_a_client_that_accepts_nothing_of_ours_is_refused(accept: str) -> None:
    with pytest.raises(Refused) as refused:
        accepted(accept)

    assert refused.value.status == 406
