"""What is taken from the budget of whoever asks: documents that are read, plans that are made, transactions."""

from typing import Any

import pytest

from salonos.edge.app import make_graph
from salonos.edge.budget import Budget
from salonos.graph.context import RequestFacts
from salonos.graph.execute import CHARACTERS_AN_OBJECT, FIELD_COST, REQUEST_COST, SCHEMA_COST, TYPE_COST, Engine, Status
from salonos.graph.limits import Guard
from salonos.kernel.database import Database
from tests.bills.makers import actor_as

GRAPH = make_graph()
FACTS = RequestFacts(id="test", address="192.0.2.1")
NAMES = "abcdefgh"
SHAPES = f"""query({", ".join(f"${name}: Boolean!" for name in NAMES)}) {{ services(first: 1) {{ nodes {{ id
    {" ".join(f"{name}: name @include(if: ${name})" for name in NAMES)} }} }} }}"""
FIELDS = 3 + len(NAMES)


def shape(number: int) -> dict[str, Any]:
    """The variables that make a plan of their own."""
    return {name: bool(number >> place & 1) for place, name in enumerate(NAMES)}


def engine_of(database: Database, *, rate: float) -> tuple[Engine, Budget]:
    """An engine that charges."""
    budget = Budget(rate)
    return Engine(GRAPH, database, limits=Guard(GRAPH.core), budget=budget), budget


async def test_making_a_plan_is_charged_by_the_fields_and_using_it_is_not(database: Database) -> None:
    engine, budget = engine_of(database, rate=20_000)
    owner = actor_as("OWNER")
    owed = []
    for number in (0, 0, 1, 1):
        await engine.answer(owner, FACTS, SHAPES, None, shape(number))
        owed.append(budget.debts[owner.id.int])

    asking, planning = 1 + REQUEST_COST, REQUEST_COST + FIELD_COST * FIELDS
    reading = REQUEST_COST + len(SHAPES) // CHARACTERS_AN_OBJECT
    first, again, changed, once_more = owed
    assert first == reading + asking + planning
    assert (again - first, changed - again, once_more - changed) == (asking, asking + planning, asking)


@pytest.mark.parametrize(("changes", "refused"), [(True, True), (False, False)])
async def test_a_loop_of_changing_shapes_is_refused(database: Database, *, changes: bool, refused: bool) -> None:
    engine, _ = engine_of(database, rate=1_000)
    owner = actor_as("OWNER")
    found = [
        (await engine.answer(owner, FACTS, SHAPES, None, shape(number if changes else 0))).status
        for number in range(100)
    ]

    assert set(found) == ({Status.ANSWERED, Status.TOO_MANY} if refused else {Status.ANSWERED})
    assert len(engine.plans) < (60 if refused else 2)


async def test_telling_of_the_schema_is_charged_once(database: Database) -> None:
    engine, budget = engine_of(database, rate=20_000)
    owner = actor_as("OWNER")
    text = '{ __schema { types { name } } __type(name: "Bill") { name } b: __type(name: "BillLine") { name } }'
    owed = []
    for _ in range(2):
        assert (await engine.answer(owner, FACTS, text, None, {"undeclared": "x"})).status is Status.ANSWERED
        owed.append(budget.debts[owner.id.int])

    first, again = owed
    reading, planning, asking = REQUEST_COST + len(text) // CHARACTERS_AN_OBJECT, REQUEST_COST, again - first
    assert first == reading + planning + asking + SCHEMA_COST + 2 * TYPE_COST
    assert asking == REQUEST_COST


async def test_a_mutation_s_plans_are_paid_for_before_it_does_anything(database: Database) -> None:
    engine, budget = engine_of(database, rate=100)
    owner = actor_as("OWNER")
    text = "mutation($i: CreateCustomerInput!) { createCustomer(input: $i) { ... on CreateCustomerSuccess { customer { id } } } }"
    engine.documents.operation(text, None, is_signed_in=True)
    budget.charge(owner, FACTS.address, 999 - 2 * REQUEST_COST)

    answer = await engine.answer(owner, FACTS, text, None, {"i": {"name": "Asha Rao"}})

    assert answer.status is Status.TOO_MANY
    assert await database.pool.fetchval("select count(*) from customers") == 0
