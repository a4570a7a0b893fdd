"""What is refused in a mutation's payload is refused before its transaction: no row is written, no key is kept."""

from typing import Any

import orjson
import pytest

from salonos.edge.app import make_graph
from salonos.graph import sql
from salonos.graph.context import RequestFacts
from salonos.graph.execute import Engine, Status
from salonos.graph.limits import Guard
from salonos.identity import commands as identity
from salonos.kernel.actor import NOBODY, Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from tests.bills.makers import SYSTEM, actor_as
from tests.identity.makers import PASSWORD

GRAPH = make_graph()
KEY = "0123456789abcdef"
CREATE = "mutation($i: CreateCustomerInput!) {{ {alias}createCustomer(input: $i) {{ __typename ... on {result} {{ {selection} }} }} }}"
FORGED = sql.cursor_text("NEWEST", "0001-01-01T00:00:00+23:59", new_id())
SUCCESS, PROBLEM = "CreateCustomerSuccess", "CustomerExists"


def creating(selection: str, *, result: str = SUCCESS, alias: str = "") -> str:
    """A customer is created, and this of it read."""
    return CREATE.format(selection=selection, result=result, alias=alias)


def below(arguments: str, selection: str = "nodes { id }") -> str:
    """A page of the new customer's bills."""
    return f"customer {{ id bills({arguments}) {{ {selection} }} }}"


REFUSED = {
    "a response name of 64": (creating(f"customer {{ {'x' * 64}: id }}"), {}, "BAD_REQUEST"),
    "a response name of 64 in a fragment": (
        creating("customer { ...f }") + f" fragment f on Customer {{ {'x' * 64}: id }}",
        {},
        "BAD_REQUEST",
    ),
    "a response name of 64 of the payload": (creating(f"{'x' * 64}: customer {{ id }}"), {}, "BAD_REQUEST"),
    "a root of 9,000": (creating("customer { id }", alias="x" * 9_000 + ": "), {}, "BAD_REQUEST"),
    "a page of 101": (creating(below("first: 101")), {}, "BAD_REQUEST"),
    "a page of a variable": (
        creating(below("first: $n")).replace("Input!)", "Input!, $n: Int)"),
        {"n": 101},
        "BAD_REQUEST",
    ),
    "a page from both ends": (creating(below("first: 1, last: 1")), {}, "BAD_REQUEST"),
    "a forged cursor": (creating(below(f'after: "{FORGED}"')), {}, "BAD_CURSOR"),
    "a cursor of a variable": (
        creating(below("after: $c")).replace("Input!)", "Input!, $c: String)"),
        {"c": "zz"},
        "BAD_CURSOR",
    ),
    "a cursor of another order": (
        creating(below(f'orderBy: LARGEST, before: "{FORGED}"')),
        {},
        "BAD_CURSOR",
    ),
    "an id of another type": (creating(below('filter: {branchId: "bill_1"}')), {}, "BAD_REQUEST"),
    "a page below a page": (
        creating(below("first: 1", "nodes { customer { bills(last: 0) { nodes { id } } } }")),
        {},
        "BAD_REQUEST",
    ),
    "a page of a problem": (creating(below("first: 101"), result=PROBLEM), {}, "BAD_REQUEST"),
    "the second root's page": (
        creating("customer { id }", alias="a: ")[:-2]
        + f" b: createCustomer(input: $i) {{ ... on {SUCCESS} {{ {below('first: 101')} }} }} }}",
        {},
        "BAD_REQUEST",
    ),
}


async def rows(database: Database) -> dict[str, int]:
    """How many rows each table has."""
    names = await database.pool.fetch(
        "select tablename from pg_tables where has_table_privilege(format('%I.%I', schemaname, tablename), 'select') and schemaname = 'public'"
    )
    return {each[0]: await database.pool.fetchval(f'select count(*) from "{each[0]}"') for each in names}


async def asked(
    engine: Engine, text: str, variables: dict[str, Any], actor: Actor | None = None
) -> tuple[Status, dict[str, Any]]:
    """The status and the body of a mutation with a key."""
    facts = RequestFacts(id="test", idempotency_key=KEY, address="192.0.2.1")
    answer = await engine.answer(actor or actor_as("OWNER"), facts, text, None, variables)
    return answer.status, orjson.loads(answer.body)


def given(variables: dict[str, Any]) -> dict[str, Any]:
    """With a customer."""
    return {"i": {"name": "Asha Rao"}, **variables}


async def test_what_is_refused_in_a_payload_changes_nothing(database: Database) -> None:
    engine = Engine(GRAPH, database, limits=Guard(GRAPH.core))
    before = await rows(database)
    found = {}
    for title, (text, variables, _) in REFUSED.items():
        status, body = await asked(engine, text, given(variables))
        found[title] = (status, "data" in body, [each["extensions"]["code"] for each in body["errors"]])

    assert found == {title: (Status.REJECTED, False, [code]) for title, (_, _, code) in REFUSED.items()}
    assert await rows(database) == before
    assert before["idempotency_keys"] == before["customers"] == 0


class Hasty(Engine):
    """Looks at a payload when it is read, after the transaction."""

    def foresee(self, *_: Any) -> None:
        """Not at all."""


@pytest.mark.parametrize("title", ["a page of 101", "a forged cursor", "a page of a variable"])
async def test_a_payload_that_is_looked_at_later_is_refused_after_the_effect(database: Database, title: str) -> None:
    text, variables, code = REFUSED[title]

    _, body = await asked(Hasty(GRAPH, database, limits=Guard(GRAPH.core)), text, given(variables))

    assert [each["extensions"]["code"] for each in body["errors"]] == [code]
    found = await rows(database)
    assert (found["customers"], found["idempotency_keys"]) == (1, 1)


async def test_a_payload_that_can_be_read_is_read_by_the_plan_that_was_made_before(database: Database) -> None:
    engine = Engine(GRAPH, database, limits=Guard(GRAPH.core))
    text = creating(below("first: 3, orderBy: LARGEST", "nodes { id } pageInfo { hasNextPage }"))

    _, body = await asked(engine, text, given({}))

    customer = body["data"]["createCustomer"]["customer"]
    assert customer["bills"] == {"nodes": [], "pageInfo": {"hasNextPage": False}}
    assert (engine.plans.misses, engine.plans.hits) == (1, 1)
    assert (await rows(database))["customers"] == 1


async def test_a_sign_in_s_payload_is_looked_at_with_the_rights_that_it_may_give(database: Database) -> None:
    engine = Engine(GRAPH, database, limits=Guard(GRAPH.core))
    owner = identity.NewOwner(display_name="Asha Owner", username="owner", password=PASSWORD)
    await database.run(SYSTEM, lambda work: identity.create_owner(work, owner))
    text = """mutation($i: SignInInput!) { signIn(input: $i) {
        ... on SignInSuccess { viewer { username branches { id } } } } }"""
    before = await rows(database)
    long = text.replace("{ id }", "{ " + "x" * 64 + ": id }")
    sent = {"i": {"username": "owner", "password": PASSWORD}}

    refused, _ = await asked(engine, long, sent, NOBODY)
    after = await rows(database)
    answered, body = await asked(engine, text, sent, NOBODY)

    assert (refused, answered) == (Status.REJECTED, Status.ANSWERED)
    assert before == after
    assert body["data"]["signIn"]["viewer"] == {"username": "owner", "branches": []}


async def test_what_was_foreseen_before_is_looked_at_with_each_requests_values_and_switches(database: Database) -> None:
    engine = Engine(GRAPH, database, limits=Guard(GRAPH.core))
    text = (
        "mutation($i: CreateCustomerInput!, $n: Int, $more: Boolean!) { createCustomer(input: $i) { __typename }"
        f" b: createCustomer(input: $i) @include(if: $more) {{ ... on {SUCCESS} {{ {below('first: $n')} }} }} }}"
    )
    without, _ = await asked(engine, text, given({"n": 101, "more": False}))
    before = await rows(database)

    statuses = [(await asked(engine, text, given({"n": number, "more": True})))[0] for number in (101, 102)]

    assert (without, statuses) == (Status.ANSWERED, [Status.REJECTED, Status.REJECTED])
    assert await rows(database) == before
    assert len(engine.foreseen) == 2
