"""Everything that a mutation or an event answers with, to everybody: payloads show what the same person reads elsewhere.

Each success, problem and event of the schema is made with references to rows of the house and goes through the engine's
own road for payloads, whoever asks: also people whom the mutation would have refused. A new one is here the moment it is
in the schema.
"""

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

import orjson
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from salonos.graph import compiler, payload
from salonos.graph.assemble import DEFINITION
from salonos.graph.context import Context, RequestFacts
from salonos.graph.directives import RequiresPermission
from salonos.graph.errors import Rejected
from salonos.graph.events import OnChange
from salonos.graph.fields import ref
from salonos.graph.reads import READ
from salonos.kernel.ids import id_text, id_value, new_id
from salonos.kernel.money import Money
from salonos.kernel.quantity import Percentage, Quantity
from tests.permissions.conftest import UNTIL
from tests.permissions.expected import PEOPLE, RULES, Denied
from tests.permissions.test_matrix import GRAPH, House, house, selectable

__all__ = ["house"]

FACTS = RequestFacts(id="payloads")
LEAVES: dict[str, Any] = {
    "Boolean": True,
    "Date": date(2026, 11, 22),
    "DateTime": UNTIL,
    "EventCursor": "cursor",
    "ID": id_text("bill", new_id()),
    "Int": 1,
    "Money": Money(10_000),
    "Percentage": Percentage(500),
    "Quantity": Quantity(1_000),
    "String": "Something",
}


SIGNED_IN = "STAFF"
"""As whom a stranger is signed in: the one answer that is read with other rights than those it was asked with."""


def answers() -> dict[str, tuple[str, str]]:
    """Each type that a write or an event answers with, and a field that returns it."""
    found: dict[str, tuple[str, str]] = {}
    for root in (GRAPH.core.mutation_type, GRAPH.core.subscription_type):
        assert root is not None
        for name, definition in root.fields.items():
            target = get_named_type(definition.type)
            kinds = GRAPH.core.get_possible_types(target) if is_abstract_type(target) else [target]
            for each in kinds:
                if each.name not in GRAPH.sources:
                    found.setdefault(each.name, (root.name, name))
    return found


ANSWERS = answers()


def concrete(kind: Any) -> GraphQLObjectType:
    """An object type; of an interface one that holds rows."""
    if isinstance(kind, GraphQLInterfaceType):
        several = GRAPH.core.get_possible_types(kind)
        return next(each for each in several if any(is_of_rows(one.type) for one in each.fields.values()))
    assert isinstance(kind, GraphQLObjectType)
    return kind


def is_of_rows(kind: GraphQLOutputType) -> bool:
    """Whether a field returns what a plan reads."""
    return get_named_type(kind).name in GRAPH.sources


@cache
def selection(kind: str) -> str:
    """All that an answer holds, and all fields of the rows in it."""
    parts = []
    for name, definition in concrete(GRAPH.core.type_map[kind]).fields.items():
        target = get_named_type(definition.type)
        if is_leaf_type(target):
            parts.append(name)
        elif target.name in GRAPH.sources:
            parts.append(f"{name} {{ {' '.join(selectable(target.name).values())} }}")
        else:
            inner = concrete(target).name
            parts.append(f"{name} {{ ... on {inner} {{ {selection(inner)} }} }}")
    return " ".join(parts)


def denials(kind: str, person: str) -> Iterator[tuple[str, Denied]]:
    """What a person is not shown of an answer, by coordinate."""
    for name, definition in concrete(GRAPH.core.type_map[kind]).fields.items():
        target = get_named_type(definition.type)
        denial = RULES.denial(kind, name, person)
        if denial is not None:
            yield f"{kind}.{name}", denial
        elif target.name in GRAPH.sources:
            reader = SIGNED_IN if is_non_null_type(definition.type) else person
            below = {at: RULES.denial(*at, reader) for at in fields_of(target.name)}
            yield from ((".".join(at), each) for at, each in below.items() if each is not None)
        elif not is_leaf_type(target):
            yield from denials(concrete(target).name, person)


def fields_of(kind: str) -> Iterator[tuple[str, str]]:
    """The coordinates of a type's rows that are selected."""
    return ((kind, name) for name in selectable(kind))


class Maker:
    """Makes answers for one person, of rows that they reach where they reach any."""

    def __init__(self, house: House, person: str) -> None:
        self.house = house
        self.person = person
        self.ids: dict[str, str] = {}
        self.reached: set[str] = set()

    async def learn(self) -> None:
        """A row of each kind: the first within reach, else the first."""
        for prefix, ids in self.house.ids.items():
            listed = ", ".join(f'"{each}"' for each in ids[:50])
            data = (await self.house.ask(self.person, f"{{ nodes(ids: [{listed}]) {{ __typename }} }}"))["data"]
            found = [each for each, row in zip(ids, data["nodes"] or (), strict=False) if row is not None]
            self.ids[prefix] = (found or ids)[0]
            self.reached |= {prefix} if found else set()

    def made(self, kind: str) -> Any:
        """An answer with a value of every field."""
        fields = concrete(GRAPH.core.type_map[kind]).fields
        values = {each.extensions[DEFINITION].python_name: self.value(each.type) for each in fields.values()}
        return GRAPH.types[kind](**values)

    def value(self, kind: GraphQLOutputType) -> Any:
        """What may stand in a field."""
        if is_list_type(several := get_nullable_type(kind)):
            return [self.value(get_nullable_type(several.of_type))]
        named: Any = get_named_type(kind)
        source = GRAPH.sources.get(named.name)
        if source is not None:
            row_id = None if source.prefix is None else id_value(source.prefix, self.ids[source.prefix])
            reader = self.house.actors[SIGNED_IN] if is_non_null_type(kind) else None
            return ref(GRAPH.types[named.name], row_id, actor=reader)
        if isinstance(named, GraphQLEnumType):
            return next(iter(GRAPH.types[named.name]))  # type: ignore[call-overload]  # an enum
        return LEAVES[named.name] if is_leaf_type(named) else self.made(concrete(named).name)

    async def body(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> Any:
        """What the person is sent when a command, or an event, answered with it."""
        root, name = ANSWERS[kind]
        definition = GRAPH.core.type_map[root].fields[name]  # type: ignore[attr-defined]  # a root
        made = self.made(kind)
        with monkeypatch.context() as patch:
            patch.setattr(definition, "args", {})
            if root == "Mutation":
                patch.setattr(definition, "resolve", lambda *_: made)
            text = f"{root.lower()} {{ {name} {{ __typename ... on {kind} {{ {selection(kind)} }} }} }}"
            engine = self.house.engine
            operation = engine.documents.read(text, None)
            context = Context(engine, engine.database, self.house.actors[self.person], FACTS, operation)
            return orjson.loads(await engine.answer_payload(context, made))

    def check(self, kind: str, body: Any) -> int:
        """What was denied is null and told once, everything else is there. Returns how many rows were there."""
        where = f"{kind} to {self.person}: {orjson.dumps(body)[:600]!r}"
        expected = dict(denials(kind, self.person))
        told = {each["extensions"].get("coordinate"): each["extensions"] for each in body.get("errors", ())}
        assert sorted(map(str, told)) == sorted(expected), where
        assert len(told) == len(body.get("errors", ())), where
        assert {(at, each.code, each.permission) for at, each in expected.items()} == {
            (at, each["code"], each.get("permission")) for at, each in told.items()
        }, where
        found = body["data"][ANSWERS[kind][1]]
        assert found["__typename"] == kind, where
        return self.shown(kind, found, expected, where)

    def shown(self, kind: str, found: Any, expected: dict[str, Denied], where: str) -> int:
        """Looks through one object of an answer."""
        count = 0
        for name, definition in concrete(GRAPH.core.type_map[kind]).fields.items():
            target = get_named_type(definition.type)
            value = found[name][0] if isinstance(found[name], list) and found[name] else found[name]
            if f"{kind}.{name}" in expected:
                assert value is None, where
            elif is_leaf_type(target):
                assert value is not None, where
            elif target.name not in GRAPH.sources:
                count += self.shown(concrete(target).name, value, expected, where)
            elif value:
                count += 1
                assert list(value) == list(selectable(target.name)), where
                hidden = [each for each in value if f"{target.name}.{each}" in expected]
                assert [value[each] for each in hidden] == [None] * len(hidden), where
            else:
                assert GRAPH.sources[target.name].prefix not in self.reached, where
        return count


@pytest.mark.parametrize("person", PEOPLE)
async def test_answers_of_writes_and_events_show_what_the_same_person_may_read(
    house: House, monkeypatch: pytest.MonkeyPatch, person: str
) -> None:
    maker = Maker(house, person)
    await maker.learn()

    rows = [maker.check(kind, await maker.body(kind, monkeypatch)) for kind in ANSWERS]

    assert len(rows) > 140
    assert sum(rows) > 90 or person == "STRANGER"


def test_every_type_of_the_schema_is_read_by_a_plan_or_is_such_an_answer() -> None:
    inner = {
        concrete(target).name
        for kind in ANSWERS
        for each in concrete(GRAPH.core.type_map[kind]).fields.values()
        if not is_leaf_type(target := get_named_type(each.type))
    }
    pages = {name for name in RULES.types if name.endswith(("Connection", "Edge"))}

    assert set(RULES.types) - set(GRAPH.sources) - set(ANSWERS) - inner - pages == {
        "Query",
        "Mutation",
        "Subscription",
        "PageInfo",
    }


FIGURES = [
    name
    for name, each in GRAPH.core.subscription_type.fields.items()  # type: ignore[union-attr]  # there is one
    if isinstance(each.extensions[DEFINITION].metadata[READ], OnChange)
]


@pytest.mark.parametrize("person", PEOPLE)
async def test_figures_that_are_told_live_are_those_of_the_same_person(house: House, person: str) -> None:
    assert FIGURES == ["dashboardChanged"]
    for name in FIGURES:
        kind = RULES.target("Subscription", name)
        body = " ".join(selectable(kind).values())
        stream = house.engine.subscribe(house.actors[person], FACTS, f"subscription {{ {name} {{ {body} }} }}")
        denial = RULES.denial("Subscription", name, person)
        if denial is not None:
            with pytest.raises(Rejected) as refused:
                await anext(stream)
            assert [each["extensions"]["code"] for each in refused.value.entries] == [denial.code]
            continue
        told = orjson.loads(await anext(stream))
        await stream.aclose()
        expected = {".".join(at) for at in fields_of(kind) if RULES.denial(*at, person) is not None}
        assert {each["extensions"]["coordinate"] for each in told.get("errors", ())} == expected
        assert {f"{kind}.{each}" for each, value in told["data"][name].items() if value is None} == expected
    await house.engine.live.stop()


BREAKS = [(payload, "rule_of_field"), (compiler, "rule_of_field"), (RequiresPermission, "denial")]


@pytest.mark.parametrize(("broken", "attribute"), BREAKS, ids=["rows of answers", "fields of rows", "guards"])
async def test_the_proof_of_answers_fails_when_the_engine_forgets_its_rules(
    house: House, monkeypatch: pytest.MonkeyPatch, broken: Any, attribute: str
) -> None:
    maker = Maker(house, "STAFF")
    await maker.learn()
    monkeypatch.setattr(broken, attribute, lambda *_: None)

    red, guarded = 0, [kind for kind in ANSWERS if dict(denials(kind, "STAFF"))]
    for kind in guarded:
        try:
            maker.check(kind, await maker.body(kind, monkeypatch))
        except AssertionError:
            red += 1

    assert red > len(guarded) * 0.2
