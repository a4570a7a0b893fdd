"""Everybody, every field, every way to it: a role never reads a field that it lacks, and is told so once.

What is expected comes from the written schema and the table of roles (`expected.py`). The operations are made from the
schema, so that a new field is in the matrix the moment it is in the schema.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from graphql import (
    GraphQLSchema,
    build_client_schema,
    get_introspection_query,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    lexicographic_sort_schema,
    print_schema,
)

from salonos.edge.app import make_graph
from salonos.graph import compiler
from salonos.graph.context import RequestFacts
from salonos.graph.errors import Rejected
from salonos.graph.execute import Engine
from salonos.kernel.actor import NOBODY, Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.permissions import ROLES, Permission
from tests import servers
from tests.bills.asking import Asker
from tests.bills.makers import CASH, actor_as, make_shop
from tests.graph.test_differential import values_of
from tests.graph.test_differential_salon import actor_of_role
from tests.permissions.conftest import UNTIL
from tests.permissions.expected import PEOPLE, RULES, STRANGER, Denied, permission_of

GRAPH = make_graph()
FACTS = RequestFacts(id="matrix")
INTERFACE = "... on Node { ... on %s { %s } }"


@dataclass(frozen=True)
class Way:
    """One way to a type: an operation, how to find the row in its data, and the coordinates above it in their order."""

    name: str
    text: str
    steps: tuple[str | int, ...]
    above: tuple[tuple[str, str], ...]


@dataclass
class House:
    """A small demo salon, which nobody changes."""

    engine: Engine
    actors: dict[str, Actor]
    ids: dict[str, list[str]]
    seen: set[tuple[str, str]] = field(default_factory=set)

    async def ask(self, person: str, text: str) -> Any:
        """An answer, decoded."""
        return orjson.loads((await self.engine.answer(self.actors[person], FACTS, text, None, None)).body)


@pytest.fixture
async def house(salon: str) -> AsyncIterator[House]:
    name = f"test_{new_id().hex}"
    await servers.create_database(name, template=salon)
    database = await Database.open(servers.url_of(name))
    actors = {person: await actor_of_role(database, person) for person in PEOPLE if person != STRANGER}
    values = await values_of(database, GRAPH)
    database.set_clock = UNTIL
    yield House(Engine(GRAPH, database), {**actors, STRANGER: NOBODY}, dict(values.ids))
    await database.close()
    await servers.drop_database(name)


def selectable(kind: str) -> dict[str, str]:
    """A selection of each field of a type: its leaves by name, everything else by its type's name."""
    found = {}
    for name, definition in RULES.object_type(kind).fields.items():
        if any(is_required_argument(each) for each in definition.args.values()):
            continue
        found[name] = name if is_leaf_type(get_named_type(definition.type)) else f"{name} {{ __typename }}"
    return found


def ways_by_id(kind: str, ids: list[str]) -> Iterator[Way]:
    """The ways to a type whose rows have ids."""
    body, first = " ".join(selectable(kind).values()), ids[0]
    top = (("Query", "node"),)
    aliased = " ".join(f"a{place}: {each}" for place, each in enumerate(selectable(kind).values()))
    yield Way("node", f'{{ node(id: "{first}") {{ ... on {kind} {{ {body} }} }} }}', ("node",), top)
    yield Way("alias", f'{{ node(id: "{first}") {{ ... on {kind} {{ {aliased} }} }} }}', ("node",), top)
    named = f'{{ node(id: "{first}") {{ ...Row }} }} fragment Row on {kind} {{ {body} }}'
    yield Way("named fragment", named, ("node",), top)
    yield Way("interface", f'{{ node(id: "{first}") {{ {INTERFACE % (kind, body)} }} }}', ("node",), top)
    listed = ", ".join(f'"{each}"' for each in ids[:3])
    several = f"{{ nodes(ids: [{listed}]) {{ ... on {kind} {{ {body} }} }} }}"
    yield Way("nodes", several, ("nodes", 0), (("Query", "nodes"),))


def ways_below(parent: str, opened: str, steps: tuple[str | int, ...], above: Any) -> Iterator[tuple[str, Way]]:
    """The ways to every type that a parent's fields lead to; `opened` is an operation with a place for a selection."""
    for name, definition in RULES.object_type(parent).fields.items():
        target = get_named_type(definition.type)
        if is_leaf_type(target) or any(is_required_argument(each) for each in definition.args.values()):
            continue
        more = (*above, (parent, name))
        if target.name.endswith("Connection"):
            rows = RULES.rows_of(target.name)
            body = " ".join(selectable(rows).values())
            page = opened.replace("%s", f"{name}(first: 2) {{ nodes {{ {body} }} }}")
            yield rows, Way(f"{parent}.{name}.nodes", page, (*steps, name, "nodes", 0), more)
            edges = opened.replace("%s", f"{name}(first: 2) {{ edges {{ cursor node {{ {body} }} }} }}")
            yield rows, Way(f"{parent}.{name}.edges", edges, (*steps, name, "edges", 0, "node"), more)
        elif target.name in RULES.types:
            body = " ".join(selectable(target.name).values())
            yield (
                target.name,
                Way(f"{parent}.{name}", opened.replace("%s", f"{name} {{ {body} }}"), (*steps, name, 0), more),
            )


def ways_at_a_branch(branch_id: str) -> Iterator[tuple[str, Way]]:
    """The lists of the root that ask for a branch."""
    for name, definition in RULES.object_type("Query").fields.items():
        target = get_named_type(definition.type).name
        if target in RULES.types and {key for key, each in definition.args.items() if is_required_argument(each)} == {
            "branchId"
        }:
            text = f'{{ {name}(branchId: "{branch_id}") {{ {" ".join(selectable(target).values())} }} }}'
            yield target, Way(f"Query.{name}", text, (name, 0), (("Query", name),))


def all_ways(ids: dict[str, list[str]]) -> Iterator[tuple[str, Way]]:
    """Every way to every type."""
    yield from ways_below("Query", "{ %s }", (), ())
    yield from ways_at_a_branch(ids["branch"][0])
    for name, text in selectable("Query").items():
        kind = RULES.target("Query", name)
        if text != name and not kind.endswith("Connection"):
            yield from ways_below(kind, f"{{ {name} {{ %s }} }}", (name, 0), (("Query", name),))
    for source in GRAPH.sources.values():
        if source.prefix is not None and ids.get(source.prefix):
            kind = GRAPH.by_prefix[source.prefix].name
            for way in ways_by_id(kind, ids[source.prefix]):
                yield kind, way
            several = ", ".join(f'"{each}"' for each in ids[source.prefix][:50])
            opened = f"{{ nodes(ids: [{several}]) {{ ... on {kind} {{ %s }} }} }}"
            yield from ways_below(kind, opened, ("nodes", 0), (("Query", "nodes"),))


def row_at(data: Any, steps: tuple[str | int, ...]) -> Any:
    """The first row that a way leads to; None where there is none. A number stands for a list, if there is one."""
    if data is None or not steps:
        return data
    step, rest = steps[0], steps[1:]
    if isinstance(step, str):
        return row_at(data.get(step), rest)
    rows = data if isinstance(data, list) else [data]
    return next((found for row in rows if (found := row_at(row, rest)) is not None), None)


def denied_above(way: Way, kind: str, person: str) -> tuple[str, Denied] | None:
    """The first step of a way that a person may not take; `node` and `nodes` ask for what the id's type asks for."""
    for place, (parent, name) in enumerate(way.above):
        if (parent, name) in {("Query", "node"), ("Query", "nodes")}:
            below = way.above[place + 1][0] if len(way.above) > place + 1 else kind
            denial = RULES.denial_of_type(below, person)
        else:
            denial = RULES.denial(parent, name, person)
        if denial is not None:
            return f"{parent}.{name}", denial
    return None


async def check(house: House, person: str, kind: str, way: Way) -> bool:
    """One way: what was denied is null and told once, whatever is there is there. Returns whether a row was there."""
    answer = await house.ask(person, way.text)
    where = f"{person} by {way.name}: {orjson.dumps(answer)[:600]!r}"
    errors = [each["extensions"] for each in answer.get("errors", ())]
    told = [each.get("coordinate") for each in errors]
    assert answer.get("data") is not None, where
    top = denied_above(way, kind, person)
    row = row_at(answer["data"], way.steps)
    if top is not None:
        coordinate, denial = top
        assert told == [coordinate], where
        assert (errors[0]["code"], errors[0].get("permission")) == (denial.code, denial.permission), where
        assert row is None, where
        return False
    fields = selectable(kind)
    denials = {f"{kind}.{name}": RULES.denial(kind, name, person) for name in fields}
    assert sorted(told) == sorted(at for at, denial in denials.items() if denial is not None), where
    for extension in errors:
        denial = denials[extension["coordinate"]]
        assert denial is not None
        assert (extension["code"], extension.get("permission")) == (denial.code, denial.permission), where
    if row is None:
        return False
    for place, name in enumerate(fields):
        key = f"a{place}" if way.name == "alias" else name
        assert key in row, where
        if denials[f"{kind}.{name}"] is not None:
            assert row[key] is None, where
        house.seen.add((kind, name))
    return True


async def test_nobody_reads_by_any_way_what_is_not_theirs(house: House) -> None:
    ways = list(all_ways(house.ids))
    rows = dict.fromkeys(PEOPLE, 0)

    for person in PEOPLE:
        for kind, way in ways:
            rows[person] += await check(house, person, kind, way)

    assert len(ways) > 100
    assert rows["OWNER"] > rows["MANAGER"] > rows["RECEPTIONIST"] > rows["STAFF"] > rows[STRANGER]
    without_rows = {kind for kind in GRAPH.sources if not any(seen == kind for seen, _ in house.seen)}
    assert without_rows == set()
    unseen = {(kind, name) for kind in GRAPH.sources for name in selectable(kind)} - house.seen
    assert unseen == set()


async def test_the_matrix_turns_red_when_the_engine_forgets_its_rules(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = [(kind, way) for kind, way in all_ways(house.ids) if kind in {"BillLine", "Customer"}]
    monkeypatch.setattr(compiler, "rule_of_field", lambda *_: None)

    red = 0
    for kind, way in ways:
        try:
            await check(house, "STAFF", kind, way)
        except AssertionError:
            red += 1

    assert red > len(ways) * 0.6


WHOLE_SCHEMA = get_introspection_query(specified_by_url=True, one_of=True)


def written(schema: GraphQLSchema) -> str:
    """A schema as text, in the order of names."""
    return print_schema(lexicographic_sort_schema(schema))


@pytest.mark.parametrize("person", PEOPLE)
async def test_the_whole_schema_is_read_by_whom_the_table_of_roles_lets(house: House, person: str) -> None:
    may = person != STRANGER and Permission.SCHEMA_READ in ROLES[person].permissions
    one = '{ __type(name: "Customer") { fields { name } } }'
    beside = "{ __typename viewer { __typename } __schema { types { name fields { name } } } }"

    whole, *others = [await house.ask(person, text) for text in (WHOLE_SCHEMA, one, beside)]

    if may:
        assert written(build_client_schema(whole["data"])) == written(RULES.schema)
        assert ["errors" in each for each in others] == [False, False]
    else:
        assert [set(each) for each in (whole, *others)] == [{"errors"}] * 3
        codes = [[error["extensions"]["code"] for error in each["errors"]] for each in (whole, *others)]
        assert codes == [["UNAUTHENTICATED" if person == STRANGER else "FORBIDDEN"]] * 3
    assert (await house.ask(person, "{ __typename }")) == {"data": {"__typename": "Query"}}


async def test_the_proof_of_introspection_fails_where_it_is_open_to_everybody(house: House) -> None:
    house.engine.introspection_is_open = True

    with pytest.raises(AssertionError):
        await test_the_whole_schema_is_read_by_whom_the_table_of_roles_lets(house, STRANGER)


SELL = """mutation($input: CheckOutInput!) { checkOut(input: $input) {
    __typename ... on CheckOutSuccess { bill { lines { %s } customer { %s } } } } }"""
POSTED = "subscription { billPosted { bill { lines { %s } customer { %s } } } }"
BELOW = ("BillLine", "Customer")


def told_below(person: str, errors: list[Any]) -> tuple[list[str], list[str]]:
    """The coordinates that a person was told of below a bill, and those that were to be told."""
    expected = [
        f"{kind}.{name}" for kind in BELOW for name in selectable(kind) if RULES.denial(kind, name, person) is not None
    ]
    return sorted(each["extensions"]["coordinate"] for each in errors), sorted(expected)


@pytest.mark.parametrize("person", PEOPLE)
async def test_payloads_and_events_show_what_the_same_person_may_read(database: Database, person: str) -> None:
    shop = await make_shop(database)
    engine = Asker(database).engine
    actor = NOBODY if person == STRANGER else actor_as(person, shop.branch_id, staff_id=shop.staff_ids[0])
    bodies = tuple(" ".join(selectable(kind).values()) for kind in BELOW)
    stream = engine.subscribe(actor, FACTS, POSTED % bodies)
    heard = asyncio.ensure_future(anext(stream))
    await asyncio.wait([heard, asyncio.ensure_future(listening(engine))], return_when=asyncio.FIRST_COMPLETED)
    given = {
        "branchId": id_text("branch", shop.branch_id),
        "customerId": id_text("customer", shop.customer_id),
        "lines": [
            {"serviceId": id_text("service", shop.catalog.service_id), "staffId": id_text("staff", shop.staff_ids[0])}
        ],
        "payments": [{"method": "CASH", "amount": "788.00"}],
    }

    answer = await engine.answer(actor, RequestFacts("x", new_id().hex), SELL % bodies, None, {"input": given})
    body = orjson.loads(answer.body)

    denial = RULES.denial("Mutation", "checkOut", person)
    sold = (body.get("data") or {}).get("checkOut")
    if denial is not None:
        assert sold is None
        assert [each["extensions"]["code"] for each in body["errors"]] == [denial.code]
        assert await database.pool.fetchval("select count(*) from bills") == 0
        await shop.check_out((CASH, 178_700), customer_id=shop.customer_id)
    else:
        assert sold["__typename"] == "CheckOutSuccess"
        told, expected = told_below(person, body.get("errors", []))
        assert told == expected
    if person == STRANGER or RULES.denial("Subscription", "billPosted", person):
        with pytest.raises(Rejected):
            await heard
    else:
        event = orjson.loads(await asyncio.wait_for(heard, 20))
        told, expected = told_below(person, event.get("errors", []))
        assert told == expected
        assert event["data"]["billPosted"]["bill"]["lines"][0]["description"] == "Haircut"
    await stream.aclose()
    await engine.live.stop()


async def listening(engine: Engine) -> None:
    """Until somebody listens."""
    async with asyncio.timeout(20):
        while not engine.live.subscribers:  # noqa: ASYNC110  turns of the loop
            await asyncio.sleep(0)


GUARDED = [
    (kind, each.name.value, permission)
    for kind, definition in RULES.inputs.items()
    for each in definition.fields or ()
    if (permission := permission_of(each.directives)) is not None
]


def filter_field(kind: str) -> str | None:
    """The list that a filter belongs to."""
    fields = RULES.object_type("Query").fields
    return next(
        (name for name, each in fields.items() if "filter" in each.args and kind == str(each.args["filter"].type)), None
    )


FILTERS = [(filter_field(kind), kind, name, permission) for kind, name, permission in GUARDED if filter_field(kind)]
VALUES = {
    "phone": '"+919876543210"',
    "email": '"a@example.org"',
    "customerId": f'"customer_{5:032x}"',
    "customerPhone": '"+919876543210"',
    "customerNamePrefix": '"As5"',
    "supplierId": f'"supplier_{5:032x}"',
    "isDue": "true",
}
REQUIRED = {"stockReceipts": f'branchId: "branch_{7:032x}", '}


async def test_a_filter_on_what_is_hidden_is_refused_before_any_row_is_read(house: House) -> None:
    assert len(FILTERS) >= 3
    for person, (listed, kind, name, permission) in itertools.product(PEOPLE, FILTERS):
        for value in (VALUES[name], VALUES[name].replace("5", "6")):
            before = house.engine.statements
            needed = REQUIRED.get(str(listed), "")
            text = f"{{ {listed}({needed}filter: {{{name}: {value}}}) {{ totalCount nodes {{ id }} }} }}"

            answer = await house.ask(person, text)

            root = RULES.denial("Query", str(listed), person)
            if root is None and permission in {each.name for each in ROLES[person].permissions}:
                assert "errors" not in answer
                continue
            coordinate = f"Query.{listed}" if root else f"{kind}.{name}"
            assert answer["data"] == {listed: None}
            assert [each["extensions"]["coordinate"] for each in answer["errors"]] == [coordinate]
            assert house.engine.statements - before <= 1


HAS_BRANCH = [
    GRAPH.by_prefix[source.prefix].name
    for source in GRAPH.sources.values()
    if source.prefix is not None and "branch" in RULES.object_type(GRAPH.by_prefix[source.prefix].name).fields
]


async def test_a_row_of_another_branch_is_answered_as_one_that_does_not_exist(house: House) -> None:
    assert set(HAS_BRANCH) >= {"Bill", "DaySummary", "Entry"}
    own = {str(each.hex) for each in house.actors["RECEPTIONIST"].branch_ids}
    checked = {"own": 0, "foreign": 0}
    for prefix, kind in ((each, kind.name) for each, kind in GRAPH.by_prefix.items() if kind.name in HAS_BRANCH):
        if RULES.denial_of_type(kind, "RECEPTIONIST") is not None:
            continue
        text = f'{{ node(id: "%s") {{ ... on {kind} {{ id branch {{ id }} }} }} }}'
        missing = await house.engine.answer(
            house.actors["RECEPTIONIST"], FACTS, text % f"{prefix}_{7:032x}", None, None
        )
        assert orjson.loads(missing.body) == {"data": {"node": None}}
        for row_id in house.ids[prefix]:
            known = (await house.ask("OWNER", text % row_id))["data"]["node"]
            found = await house.engine.answer(house.actors["RECEPTIONIST"], FACTS, text % row_id, None, None)
            is_own = known["branch"]["id"].removeprefix("branch_") in own
            assert (orjson.loads(found.body)["data"]["node"] == known) if is_own else found.body == missing.body
            checked["own" if is_own else "foreign"] += 1
    assert min(checked.values()) > 5, checked
