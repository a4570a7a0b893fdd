"""Nobody learns who works here: status, headers and body are the same for somebody and for nobody."""

import re

import httpx
import pytest

from tests.faults.conftest import Target

SIGN_IN = """mutation($input: SignInInput!) { signIn(input: $input) { __typename
  ... on Problem { message } ... on TooManyAttempts { retryAfter } } }"""
CHANGING = {"date", "x-request-id"}


def told(reply: httpx.Response) -> tuple[int, list[tuple[str, str]], str]:
    """All of a reply that could tell two people apart."""
    headers = [(name, value) for name, value in reply.headers.multi_items() if name not in CHANGING]
    return reply.status_code, sorted(headers), re.sub('"retryAfter":[0-9]+', '"retryAfter":n', reply.text)


@pytest.mark.parametrize("password", ["not the password", "", "x" * 128, "x" * 129, "nul\0"])
def test_a_refused_sign_in_is_the_same_for_somebody_and_for_nobody(target: Target, password: str) -> None:
    answers = [
        told(target.ask(SIGN_IN, {"input": {"username": username, "password": password}}))
        for username in ("stylist", "nobody1")
    ]

    assert answers[0] == answers[1]
    assert '"SignInSuccess"' not in answers[0][2]
