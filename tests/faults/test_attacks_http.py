"""The catalogue over HTTP: each attack of docs/security.md gets the answer that stands there, and harms nobody."""

from typing import Any

import httpx
import pytest

from tests.faults import attack_values as values
from tests.faults import attacks
from tests.faults.attacks import Attack
from tests.faults.served import Served

ATTACKS = [
    *attacks.DOCUMENTS,
    *attacks.NAMES,
    *attacks.SUGGESTED,
    *attacks.PAGES,
    *attacks.COST,
    *attacks.CONTENT_TYPES,
    *attacks.METHODS,
    *attacks.BODIES,
    *values.TEXTS,
    *values.MONEY,
    *values.DATES,
    *values.IDS,
    *values.KEYS,
    *values.IDEMPOTENCY,
    *values.HOSTS,
    *values.SCHEMES,
    *values.SIGN_INS,
    *values.HEADS,
    *values.LOGGED,
]


def sent(served: Served, attack: Attack) -> httpx.Response:
    """The answer to an attack."""
    tokens = {attacks.OWNER: served.owner, attacks.STYLIST: served.stylist}
    headers: dict[str, bytes] = {"content-type": b"application/json"}
    if attack.who in tokens:
        headers["authorization"] = f"Bearer {tokens[attack.who]}".encode()
    headers |= {name: value.encode("latin-1") for name, value in attack.headers.items()}
    return served.client.request(attack.method, served.address + attack.path, content=attack.body, headers=headers)


def found(reply: httpx.Response) -> tuple[str, str]:
    """The first error's code, and the type that a mutation answered with."""
    if not reply.headers["content-type"].startswith(("application/json", "application/graphql-response+json")):
        return "", ""
    body: dict[str, Any] = reply.json() if reply.content else {}
    errors = body.get("errors") or []
    assert len(errors) <= 5
    types = [each["__typename"] for each in (body.get("data") or {}).values() if isinstance(each, dict) and each]
    return (errors[0]["extensions"]["code"] if errors else ""), ("".join(types))


def test_every_case_has_a_name_of_its_own() -> None:
    titles = [attack.title for attack in ATTACKS]

    assert len(set(titles)) == len(titles)
    assert len(titles) > 300


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.title)
def test_an_attack_is_answered_and_harms_nobody(attack: Attack, unharmed: Served) -> None:
    reply = sent(unharmed, attack)

    assert (reply.status_code, *found(reply)) == (attack.status, attack.code, attack.problem)
    assert "canary" not in reply.text.lower()
    assert "did you mean" not in reply.text.lower()
    assert len(reply.headers["x-request-id"]) == 32


@pytest.mark.parametrize("search", values.SEARCHES, ids=lambda search: f"A46 A47 {search[:20]!r}")
@pytest.mark.parametrize(
    "field", ["customers(first: 1, filter: {search: $s})", "services(first: 1, filter: {search: $s})"]
)
def test_a_search_for_sql_or_wildcards_finds_nothing(field: str, search: str, unharmed: Served) -> None:
    query = f"query($s: String!) {{ {field} {{ nodes {{ id }} }} }}"

    reply = unharmed.ask(query, {"s": search}, authorization=f"Bearer {unharmed.owner}")

    assert reply.status_code == 200
    assert reply.elapsed.total_seconds() < 5  # what was asked to sleep did not
    assert all(each == {"nodes": []} for each in (reply.json().get("data") or {}).values())
