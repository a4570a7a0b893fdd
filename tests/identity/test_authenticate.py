"""From an access token to an actor: only our own tokens, only in their time, only while the session and the rights last."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from salonos.identity import commands, queries, rules
from salonos.identity.problems import SessionRevoked, TokenExpired
from salonos.kernel import clock, crypto
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import ROLES
from salonos.kernel.problems import Unauthenticated
from tests.identity.makers import TABLET, House
from tests.statements import Statements

NOW = clock.utc_now().replace(microsecond=0)
CLAIMS = rules.new_claims(staff_id=new_id(), session_id=new_id(), token_id=new_id(), version=3, now=NOW)
KEY = rules.TokenKey(b"k" * 32)


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and payload."""
    header, payload, _ = token.split(".")
    return tuple(json.loads(base64.urlsafe_b64decode(each + "==")) for each in (header, payload))


def signed(header: str, payload: str, *, key: bytes = KEY.key) -> str:
    """A token of any text, rightly signed."""
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    body = ".".join(base64.urlsafe_b64encode(each.encode()).decode().rstrip("=") for each in (header, payload))
    signature = algorithm.sign(body.encode(), key)
    return f"{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def forged(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> str:
    """Our token with a changed header or payload, rightly signed by our own key."""
    header, payload = parts(rules.encode(CLAIMS, KEY))
    change(header, payload)
    return signed(json.dumps(header, separators=(",", ":")), json.dumps(payload, separators=(",", ":")))


def refused(token: str, key: rules.TokenKey = KEY) -> bool:
    """Whether a token is refused, as one that never was good."""
    try:
        rules.decode(token, key, now=NOW)
    except rules.TokenRefused as refusal:
        return not refusal.is_expired
    return False


ATTACKS: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {
    "another kid": lambda header, _: header.update(kid="0" * 16),
    "a path as kid": lambda header, _: header.update(kid="../../dev/null"),
    "no kid": lambda header, _: header.pop("kid"),
    "another typ": lambda header, _: header.update(typ="JWT"),
    "no typ": lambda header, _: header.pop("typ"),
    "jku": lambda header, _: header.update(jku="https://evil.example/keys"),
    "x5u": lambda header, _: header.update(x5u="https://evil.example/cert"),
    "jwk": lambda header, _: header.update(jwk={"kty": "oct", "k": "AAAA"}),
    "crit": lambda header, _: header.update(crit=["exp"]),
    "b64 false": lambda header, _: header.update(b64=False, crit=["b64"]),
    "zip": lambda header, _: header.update(zip="DEF"),
    "another algorithm": lambda header, _: header.update(alg="HS512"),
    "wrong aud": lambda _, payload: payload.update(aud="salonos/other"),
    "several aud": lambda _, payload: payload.update(aud=["salonos/graphql", "salonos/other"]),
    "one aud as a list": lambda _, payload: payload.update(aud=["salonos/graphql"]),
    "wrong iss": lambda _, payload: payload.update(iss="salonos.evil"),
    "exp as text": lambda _, payload: payload.update(exp=str(payload["exp"])),
    "exp as a float": lambda _, payload: payload.update(exp=float(payload["exp"])),
    "exp huge": lambda _, payload: payload.update(exp=10**400),
    "exp in a thousand years": lambda _, payload: payload.update(exp=payload["exp"] + 31_536_000_000),
    "exp a minute later": lambda _, payload: payload.update(exp=payload["exp"] + 60),
    "exp negative": lambda _, payload: payload.update(exp=-1),
    "exp null": lambda _, payload: payload.update(exp=None),
    "exp true": lambda _, payload: payload.update(exp=True),
    "nbf in the future": lambda _, payload: payload.update(nbf=payload["nbf"] + 60),
    "iat in the future": lambda _, payload: payload.update(
        iat=payload["iat"] + 60, nbf=payload["nbf"] + 60, exp=payload["exp"] + 60
    ),
    "sub as a number": lambda _, payload: payload.update(sub=1),
    "sub with hyphens": lambda _, payload: payload.update(sub=str(UUID(payload["sub"]))),
    "sid as a list": lambda _, payload: payload.update(sid=[payload["sid"]]),
    "ver true": lambda _, payload: payload.update(ver=True),
    "a further claim": lambda _, payload: payload.update(role="OWNER"),
    **{
        f"no {claim}": lambda _, payload, claim=claim: payload.pop(claim)  # type: ignore[misc]  # a default binds it
        for claim in ("exp", "iat", "nbf", "iss", "aud", "sub", "jti", "sid", "ver")
    },
}


def test_what_is_encoded_is_decoded() -> None:
    token = rules.encode(CLAIMS, KEY)

    assert rules.decode(token, KEY, now=NOW) == CLAIMS
    assert parts(token)[0] == {"alg": "HS256", "kid": KEY.kid, "typ": "at+jwt"}
    assert set(parts(token)[1]) == {"iss", "aud", "sub", "sid", "jti", "ver", "iat", "nbf", "exp"}
    assert not refused(forged(lambda _header, _payload: None))


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_changed_token_is_refused_even_with_a_right_signature(attack: str) -> None:
    assert refused(forged(ATTACKS[attack]))


def test_repeated_claims_and_other_spellings_of_the_same_content_are_refused() -> None:
    header, payload = (json.dumps(each, separators=(",", ":")) for each in parts(rules.encode(CLAIMS, KEY)))
    longer_life = payload[:-1] + f',"exp":{int(CLAIMS.expires_at.timestamp())}}}'

    assert not refused(signed(header, payload))
    assert refused(signed(header, longer_life))
    assert refused(signed(header[:-1] + ',"alg":"HS256"}', payload))
    assert refused(signed(header, payload.replace(":", ": ", 1)))
    assert refused(signed(header, " " + payload))


def test_an_unsigned_token_and_another_algorithm_are_refused() -> None:
    payload = parts(rules.encode(CLAIMS, KEY))[1]
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = rsa_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    token = rules.encode(CLAIMS, KEY)
    body = token.rpartition(".")[0]

    assert refused(jwt.encode(payload, "", algorithm="none", headers={"kid": KEY.kid, "typ": "at+jwt"}))
    assert refused(signed('{"alg":"none","typ":"at+jwt"}', json.dumps(payload)))
    assert refused(jwt.encode(payload, rsa_key, algorithm="RS256", headers={"kid": KEY.kid, "typ": "at+jwt"}))
    assert refused(signed(json.dumps({"alg": "HS256"}), json.dumps(payload), key=public))
    assert refused(f"{body}.")
    assert refused(body)
    assert refused(f"{token[:-1]}{'A' if token[-1] != 'A' else 'B'}")


def test_text_that_is_no_token_is_refused_and_what_is_too_long_is_not_even_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deep = "[" * 100_000
    for text in ("", ".", "..", "a.b.c", "é.é.é", "\0", signed('{"alg":"HS256"}', deep[:600])):
        assert refused(text)

    def read(*_: object, **__: object) -> None:
        raise AssertionError("read")

    monkeypatch.setattr(jwt.PyJWT, "decode_complete", read)
    with pytest.raises(AssertionError, match="read"):
        refused("a.b.c")
    for text in ("x" * 1_000_000, deep, f"{deep}.{deep}.{deep}"):
        assert refused(text)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(jwt.InvalidKeyError):
        rules.decode(rules.encode(CLAIMS, KEY), rules.TokenKey(b"k" * 16), now=NOW)


def test_a_token_is_good_until_its_time_ends() -> None:
    token = rules.encode(CLAIMS, KEY)
    last = CLAIMS.expires_at

    assert rules.decode(token, KEY, now=last - timedelta(microseconds=1)) == CLAIMS
    with pytest.raises(rules.TokenRefused) as refusal:
        rules.decode(token, KEY, now=last)
    assert refusal.value.is_expired
    with pytest.raises(rules.TokenRefused) as refusal:
        rules.decode(token, KEY, now=CLAIMS.issued_at - rules.CLOCK_LEEWAY - timedelta(microseconds=1))
    assert not refusal.value.is_expired


async def test_a_token_names_its_actor(house: House) -> None:
    signed_in = await house.sign_in("owner")

    assert await house.identity().authenticate(signed_in.access_token) == signed_in.actor


async def test_a_token_of_another_secret_is_refused(house: House) -> None:
    token = (await house.sign_in("owner")).access_token
    crypto.configure(crypto.Keyring(b"another secret of more than thirty-two bytes"))

    with pytest.raises(Unauthenticated):
        await house.identity().authenticate(token)


async def test_a_token_of_another_purpose_is_refused(house: House) -> None:
    signed_in = await house.sign_in("owner")
    claims = house.identity().claims(signed_in.access_token)

    for purpose in ("refresh successors", "idempotency fingerprints", "index devices"):
        with pytest.raises(Unauthenticated):
            await house.identity().authenticate(rules.encode(claims, rules.TokenKey(crypto.keyring().key(purpose))))


async def test_a_token_names_its_session_and_its_person_together(house: House) -> None:
    await house.take_on("RECEPTIONIST", "ravi")
    identity = house.identity()
    owner = identity.claims((await house.sign_in("owner")).access_token)
    ravi = identity.claims((await house.sign_in("ravi")).access_token)
    mixed = rules.new_claims(
        staff_id=owner.staff_id, session_id=ravi.session_id, token_id=new_id(), version=1, now=clock.utc_now()
    )

    with pytest.raises(SessionRevoked):
        await identity.authenticate(rules.encode(mixed, queries.token_key()))


def test_a_token_of_a_clock_that_runs_ahead_is_good() -> None:
    token = rules.encode(CLAIMS, KEY)

    assert rules.decode(token, KEY, now=CLAIMS.issued_at - rules.CLOCK_LEEWAY) == CLAIMS


async def test_a_token_expires_on_the_set_clock(house: House) -> None:
    house.database.set_clock = await house.database.now()
    token = (await house.sign_in("owner")).access_token
    identity = house.identity()
    await identity.authenticate(token)

    house.database.set_clock = identity.claims(token).expires_at

    with pytest.raises(TokenExpired):
        await identity.authenticate(token)


async def test_a_read_asks_the_database_once_in_two_seconds_and_a_write_each_time(
    house: House, statements: Statements, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = (await house.sign_in("owner")).access_token
    identity, seconds = house.identity(), [100.0]
    monkeypatch.setattr(clock, "monotonic_s", lambda: seconds[0])

    with statements.counted() as asked:
        await identity.authenticate(token)
        seconds[0] = 101.9
        await identity.authenticate(token)
        assert len(asked) == 1
        await identity.authenticate(token, fresh=True)
        assert len(asked) == 2
        seconds[0] = 104.0
        await identity.authenticate(token)
        assert len(asked) == 3


async def test_only_so_many_principals_are_kept(
    house: House, statements: Statements, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "_PRINCIPALS_MAX", 2)
    tokens = [(await house.sign_in("owner")).access_token for _ in range(3)]
    identity = house.identity()
    for token in tokens:
        await identity.authenticate(token)

    with statements.counted() as asked:
        for token in reversed(tokens):
            await identity.authenticate(token)

    assert len(asked) == 1


async def test_a_session_that_was_ended_is_refused_at_once_to_writes_and_within_two_seconds_to_reads(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_in = await house.sign_in("owner")
    identity, seconds = house.identity(), [100.0]
    monkeypatch.setattr(clock, "monotonic_s", lambda: seconds[0])
    await identity.authenticate(signed_in.access_token)
    await house.database.run(signed_in.actor, commands.sign_out)

    assert await identity.authenticate(signed_in.access_token) == signed_in.actor
    with pytest.raises(SessionRevoked):
        await identity.authenticate(signed_in.access_token, fresh=True)
    with pytest.raises(SessionRevoked):
        await identity.authenticate(signed_in.access_token)


async def test_changed_rights_refuse_the_token_and_the_next_one_has_them(house: House) -> None:
    ravi = await house.take_on("RECEPTIONIST", "ravi")
    signed_in, owner = await house.sign_in("ravi"), await house.actor("owner")
    change = commands.StaffChange(role_id=rules.BUILT_IN_ROLE_IDS["STAFF"])

    await house.database.run(owner, lambda work: commands.update_staff_member(work, ravi, change, expected_version=1))

    with pytest.raises(SessionRevoked):
        await house.identity().authenticate(signed_in.access_token)
    renewed = await commands.refresh(house.database, refresh_token=signed_in.refresh_token, device=TABLET)
    actor = await house.identity().authenticate(renewed.access_token)
    assert actor.access.permissions == ROLES["STAFF"].permissions
    assert actor.version == 2
