"""G17 for writes: every id that a mutation takes, made from the schema.

An id of another branch's row is answered as one that does not exist, to the byte; a malformed one and one of another kind
are refused; and nothing that was refused has changed a row. A new mutation is here the moment it is in the schema; an
argument whose kind of id can't be told from its name fails with a word.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLNamedType,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_required_input_field,
)

from salonos.graph.context import RequestFacts
from salonos.kernel.actor import Actor, access, reach_of
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, id_value, new_id
from salonos.kernel.permissions import ROLES
from tests.permissions.test_matrix import GRAPH, HAS_BRANCH, House, house

__all__ = ["house"]

KINDS = {
    "adjustmentId": "stockadjustment",
    "batchId": "stockbatch",
    "copyOf": "role",
    "countId": "stockcount",
    "deviceId": "session",
    "fromBranchId": "branch",
    "objectId": "bill",
    "tabletId": "tablet",
    "toBranchId": "branch",
    "transferId": "stocktransfer",
    "transferLineId": "transferline",
}
"""What an id is of, where its name does not say it."""

WITHOUT_ROWS = frozenset({"approval", "file"})
"""Ids of what no client reads by its id."""

BY_NAME = {"phone": "+919876543210", "password": "nine purple umbrellas", "username": "somebody", "pin": "482913"}
VALUES: dict[str, Any] = {
    "Boolean": True,
    "Date": "2026-11-22",
    "DateTime": "2026-11-22T10:00:00Z",
    "Email": "a@example.org",
    "Int": 1,
    "Money": "100.00",
    "Percentage": "5",
    "PhoneNumber": "+919876543210",
    "Quantity": "1",
    "String": "Something",
}
FACTS = RequestFacts(id="writes")
NOISE = re.compile(rb'"errorId":"[0-9a-f]+"|"requestId":"[^"]*"')


@dataclass(frozen=True)
class Place:
    """An id somewhere in a mutation's input: the names that lead to it, and the prefix of its kind."""

    mutation: str
    steps: tuple[str, ...]
    prefix: str

    def __str__(self) -> str:
        return f"{self.mutation}.{'.'.join(self.steps)}"


def places() -> list[Place]:
    """All of them."""
    mutations = GRAPH.core.mutation_type
    assert mutations is not None
    found: list[Place] = []
    for name, definition in mutations.fields.items():
        for argument, each in definition.args.items():
            found += [Place(name, (argument, *steps), prefix) for steps, prefix in ids_below(each.type, argument, ())]
    return found


def ids_below(kind: GraphQLInputType, name: str, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The ids of an input type, by the names that lead to them."""
    named = get_named_type(kind)
    if named.name == "ID":
        yield (), prefix_of(name, above)
    elif isinstance(named, GraphQLInputObjectType) and named.name not in above:
        for field, definition in named.fields.items():
            for steps, prefix in ids_below(definition.type, field, (*above, named.name)):
                yield (field, *steps), prefix


def prefix_of(name: str, above: tuple[str, ...]) -> str:
    """Of which kind an argument's ids are.

    Raises: AssertionError where its name does not say it.
    """
    found = KINDS.get(name, re.sub(r"Ids?$", "", name).lower())
    if found == "line" and "Purchase" in above[-1]:
        found = "purchaseline"
    if found == "line" and "Transfer" in above[-1]:
        found = "transferline"
    if found == "line" and "Receipt" in above[-1]:
        found = "receiptline"
    assert found in GRAPH.by_prefix or found in WITHOUT_ROWS, f"say in KINDS of what the id {name} of {above} is"
    return found


PLACES = places()


def filled(
    kind: GraphQLInputType, name: str, ids: dict[str, str], steps: tuple[str, ...], planted: str, above: Any
) -> Any:
    """A value of an input type with all that it must have, and with what leads to the planted id."""
    if is_list_type(get_nullable_type(kind)):
        return [filled(get_nullable_type(kind).of_type, name, ids, steps, planted, above)]  # type: ignore[union-attr]
    named: GraphQLNamedType = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType):
        return fields_of(named, ids, steps, planted, above)
    if named.name == "ID":
        return planted if steps == () else ids[prefix_of(name, above)]
    if isinstance(named, GraphQLEnumType):
        return next(iter(named.values))
    return BY_NAME.get(name, VALUES[named.name])


NOWHERE = ("nowhere",)


def fields_of(
    kind: GraphQLInputObjectType, ids: dict[str, str], steps: tuple[str, ...], planted: str, above: Any
) -> dict[str, Any]:
    above = (*above, kind.name)
    found = {}
    for name, definition in kind.fields.items():
        is_on_way = steps[:1] == (name,)
        if is_on_way or is_required_input_field(definition):
            rest = steps[1:] if is_on_way else NOWHERE
            found[name] = filled(definition.type, name, ids, rest, planted, above)
    return found


@dataclass
class Asking:
    """Asks mutations as somebody of one branch."""

    house: House
    actor: Actor
    ids: dict[str, str]

    async def __call__(self, place: Place, planted: str) -> bytes:
        """The answer's body."""
        mutations = GRAPH.core.mutation_type
        assert mutations is not None
        definition = mutations.fields[place.mutation]
        head = ", ".join(f"${name}: {each.type}" for name, each in definition.args.items())
        given = ", ".join(f"{name}: ${name}" for name in definition.args)
        body = "__typename ... on InvalidInput { issues { path code message } } ... on Problem { message }"
        text = f"mutation({head}) {{ {place.mutation}({given}) {{ {body} }} }}"
        variables = {
            name: filled(each.type, name, self.ids, place.steps[1:], planted, ())
            for name, each in definition.args.items()
        }
        facts = RequestFacts(id="writes", idempotency_key=new_id().hex)
        answer = await self.house.engine.answer(self.actor, facts, text, None, variables)
        return answer.body

    async def unnamed(self, place: Place, planted: str) -> bytes:
        """The answer's body without what differs each time; the planted id is told by a word."""
        return NOISE.sub(b"", (await self(place, planted)).replace(planted.encode(), b"IT"))


@pytest.fixture
async def asking(house: House) -> Asking:
    (branch_id, *_) = house.actors["RECEPTIONIST"].branch_ids
    rights = ROLES["OWNER"]
    actor = Actor(house.actors["OWNER"].id, access(rights.permissions, rights.own, reach_of([branch_id])), (branch_id,))
    ids = {prefix: found[0] for prefix, found in house.ids.items() if found}
    for prefix in set(GRAPH.by_prefix) | WITHOUT_ROWS:
        ids.setdefault(prefix, id_text(prefix, new_id()))
    ids["branch"] = id_text("branch", branch_id)
    own = {prefix: [each for each, is_own in await by_reach(house, prefix, actor) if is_own] for prefix in ids}
    return Asking(house, actor, ids | {prefix: found[0] for prefix, found in own.items() if found})


async def by_reach(house: House, prefix: str, actor: Actor) -> list[tuple[str, bool]]:
    """The ids of a kind that belongs to branches, and whether somebody reaches theirs."""
    if prefix == "branch":
        return [(each, id_value("branch", each) in actor.branch_ids) for each in house.ids[prefix]]
    kind = GRAPH.by_prefix.get(prefix)
    if kind is None or kind.name not in HAS_BRANCH:
        return []
    found = []
    for each in house.ids[prefix]:
        text = f'{{ node(id: "{each}") {{ ... on {kind.name} {{ branch {{ id }} }} }} }}'
        node = (await house.ask("OWNER", text))["data"]["node"]
        found.append((each, id_value("branch", node["branch"]["id"]) in actor.branch_ids))
    return found


async def digest(database: Database) -> dict[str, str]:
    """What every table of the salon holds, but for keys of requests and what is told of refused attempts."""
    names = await database.pool.fetch(
        "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace "
        "and not relispartition and relname !~ 'idempotency|attempts|alembic' order by relname"
    )
    return {
        name: await database.pool.fetchval(f"select md5(string_agg(t::text, '' order by t::text)) from {name} as t")
        for (name,) in names
    }


async def test_an_id_out_of_reach_is_answered_as_one_that_does_not_exist(asking: Asking) -> None:
    checked = 0
    for place in PLACES:
        foreign = [each for each, is_own in await by_reach(asking.house, place.prefix, asking.actor) if not is_own]
        if not foreign:
            continue
        before = await digest(asking.house.engine.database)
        there = await asking.unnamed(place, foreign[0])
        missing = await asking.unnamed(place, id_text(place.prefix, new_id()))
        assert there == missing, place
        assert b'Success"' not in there, (place, there)
        assert await digest(asking.house.engine.database) == before, place
        checked += 1
    assert checked > 20


async def test_the_proof_fails_when_reach_is_forgotten(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Actor, "reaches", lambda *_: True)
    monkeypatch.setattr(Actor, "require_branch", lambda *_: None)

    with pytest.raises(AssertionError):
        await test_an_id_out_of_reach_is_answered_as_one_that_does_not_exist(asking)


async def test_an_id_of_nothing_of_another_kind_or_malformed_is_refused_and_never_a_bug(asking: Asking) -> None:
    for place, planted in itertools.product(PLACES, (None, "", "x", "bill_1", "bill_" + "g" * 32, "\u0000")):
        wrong = id_text("summary", new_id()) if planted is None else planted
        answer = orjson.loads(await asking(place, wrong))
        codes = [each["extensions"]["code"] for each in answer.get("errors", ())]
        assert "INTERNAL" not in codes, (place, wrong, answer)
        told = (answer.get("data") or {}).get(place.mutation) or {}
        assert not told.get("__typename", "").endswith("Success"), (place, wrong, answer)
