"""Tokens that are not ours, over HTTP and websockets: 401 and 4401 in one sentence (A34, A35)."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest

from salonos.identity import rules
from salonos.kernel import clock, crypto
from tests.faults.served import PASSWORD, SECRET, Served
from tests.faults.test_attacks_socket import closed_with, opened
from tests.journeys.client import send

Parts = tuple[dict[str, Any], dict[str, Any]]


def key() -> rules.TokenKey:
    """The process's own key, which no attacker has."""
    return rules.TokenKey(crypto.Keyring(SECRET.encode()).key("access tokens"))


def parts(token: str) -> Parts:
    header, payload, _ = token.split(".")
    found = [json.loads(base64.urlsafe_b64decode(each + "==")) for each in (header, payload)]
    return found[0], found[1]


def signed(header: str, payload: str, *, secret: bytes) -> str:
    """A token of any text."""
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    body = ".".join(base64.urlsafe_b64encode(each.encode()).decode().rstrip("=") for each in (header, payload))
    return f"{body}.{base64.urlsafe_b64encode(algorithm.sign(body.encode(), secret)).decode().rstrip('=')}"


CHANGED: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {
    "another kid": lambda header, _: header.update(kid="0" * 16),
    "a path as kid": lambda header, _: header.update(kid="../../dev/null"),
    "SQL as kid": lambda header, _: header.update(kid="' union select 'a"),
    "no typ": lambda header, _: header.pop("typ"),
    "typ of others": lambda header, _: header.update(typ="JWT"),
    "jku": lambda header, _: header.update(jku="http://127.0.0.1:9/keys"),
    "x5u": lambda header, _: header.update(x5u="http://127.0.0.1:9/cert"),
    "crit": lambda header, _: header.update(crit=["exp"]),
    "HS512": lambda header, _: header.update(alg="HS512"),
    "alg none": lambda header, _: header.update(alg="none"),
    "another audience": lambda _, payload: payload.update(aud="salonos/other"),
    "another issuer": lambda _, payload: payload.update(iss="evil"),
    "no end": lambda _, payload: payload.pop("exp"),
    "an end as text": lambda _, payload: payload.update(exp=str(payload["exp"])),
    "an end in a thousand years": lambda _, payload: payload.update(exp=payload["exp"] + 31_536_000_000),
    "a huge end": lambda _, payload: payload.update(exp=10**400),
    "issued tomorrow": lambda _, payload: payload.update(iat=payload["iat"] + 86_400),
    "valid from tomorrow": lambda _, payload: payload.update(nbf=payload["nbf"] + 86_400),
    "nobody's session": lambda _, payload: payload.update(sid="0" * 32),
    "somebody else": lambda _, payload: payload.update(sub="0" * 32),
    "SQL as subject": lambda _, payload: payload.update(sub="' or 1=1 --"),
    "no subject": lambda _, payload: payload.pop("sub"),
}


def forged(name: str, token: str) -> str:
    """Our token, changed and signed with our own key, so that only the change is wrong."""
    header, payload = parts(token)
    CHANGED[name](header, payload)
    return signed(json.dumps(header), json.dumps(payload), secret=key().key)


def others(token: str) -> dict[str, str]:
    """Tokens that were never signed by us, or are no tokens of this kind."""
    header, payload = parts(token)
    head, body, signature = token.split(".")
    text = json.dumps(payload)
    old = rules.new_claims(staff_id=UUID(payload["sub"]), session_id=UUID(payload["sid"]), token_id=UUID(payload["sid"]), version=1, now=clock.utc_now() - timedelta(days=1))  # fmt: skip
    return {
        "another key": signed(json.dumps(header), text, secret=b"another key of forty bytes, not ours, no"),
        "an empty key": signed(json.dumps(header), text, secret=b""),
        "a key that is our public name": signed(json.dumps(header), text, secret=header["kid"].encode()),
        "no signature": f"{head}.{body}.",
        "half a signature": f"{head}.{body}.{signature[:20]}",
        "another's signature": f"{head}.{base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')}.{signature}",
        "a claim twice": signed(json.dumps(header), text[:-1] + ', "sub": "x"}', secret=key().key),
        "a list as claims": signed(json.dumps(header), "[]", secret=key().key),
        "yesterday's": rules.encode(old, key()),
        "60,000 characters": token + "A" * 59_000,
    }


ALL = [*CHANGED, "another key", "an empty key", "a key that is our public name", "no signature", "half a signature", "another's signature", "a claim twice", "a list as claims", "yesterday's", "60,000 characters"]  # fmt: skip


def made(name: str, token: str) -> str:
    return forged(name, token) if name in CHANGED else others(token)[name]


@pytest.mark.parametrize("name", [pytest.param(name, id=f"A34 {name}") for name in ALL])
def test_a_token_that_is_not_ours_is_401_in_one_sentence(name: str, unharmed: Served) -> None:
    reply = unharmed.ask("{ viewer { username } }", authorization=f"Bearer {made(name, unharmed.owner)}")

    body = reply.json()
    assert (reply.status_code, body["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")
    assert body["errors"][0]["message"] in {"Sign in.", "Your session has expired."}
    assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("name", [pytest.param(name, id=f"A34 {name}") for name in ALL])
async def test_a_token_that_is_not_ours_is_4401(name: str, unharmed: Served) -> None:
    async with opened(unharmed) as socket:
        token = made(name, unharmed.owner)
        await send(socket, type="connection_init", payload={"Authorization": f"Bearer {token}"})
        assert await closed_with(socket) == 4401


def test_a35_a_refresh_token_is_no_access_token_and_the_other_way_round(unharmed: Served) -> None:
    given = {"username": "stylist", "password": PASSWORD}
    signed_in = unharmed.ask(
        "mutation($i: SignInInput!) { signIn(input: $i) { ... on SignInSuccess { accessToken refreshToken } } }",
        {"i": given},
    ).json()["data"]["signIn"]

    used = unharmed.ask("{ viewer { username } }", authorization=f"Bearer {signed_in['refreshToken']}")
    refreshed = unharmed.ask(
        "mutation($i: RefreshTokensInput!) { refreshTokens(input: $i) { __typename } }",
        {"i": {"refreshToken": signed_in["accessToken"]}},
    ).json()

    assert used.status_code == 401
    assert refreshed["data"]["refreshTokens"]["__typename"] != "RefreshTokensSuccess"
