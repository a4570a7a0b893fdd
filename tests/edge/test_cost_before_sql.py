"""What asks for too much is refused before the database hears of it, and lists say how long they may be (A15, A16, A37)."""

import json
import re

from graphql import (
    GraphQLInputObjectType,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from salonos.edge.app import make_graph
from salonos.edge.budget import Budget
from salonos.edge.strict_json import VALUES_MAX
from salonos.graph.assemble import rule_of_field
from salonos.graph.context import RequestFacts
from salonos.graph.directives import PUBLIC, Rule
from salonos.graph.execute import CHARACTERS_AN_OBJECT, FIELD_COST, MUTATION_COST, REQUEST_COST, Engine, Status
from salonos.graph.limits import Guard
from salonos.kernel.actor import NOBODY
from salonos.kernel.database import Database
from tests.bills.makers import actor_as
from tests.faults import attacks
from tests.statements import Statements

GRAPH = make_graph()
FACTS = RequestFacts(id="test")
STRANGER = RequestFacts(id="test", payer="192.0.2.1")
SIGN_OUT = "mutation { signOut(input: {}) { __typename } }"
SIZE = re.compile(r"\bat most (\d+)\b|\b\d+ to (\d+)\b", re.IGNORECASE)


async def test_what_costs_too_much_asks_the_database_nothing(database: Database, statements: Statements) -> None:
    engine = Engine(GRAPH, database, limits=Guard(GRAPH.core))
    answered = {}
    with statements.counted() as sent:
        for attack in (*attacks.DOCUMENTS, *attacks.PAGES, *attacks.COST, *attacks.SUGGESTED):
            if attack.status == 400:
                asked, who = json.loads(attack.body), "OWNER" if attack.who == attacks.OWNER else "STAFF"
                answer = await engine.answer(actor_as(who), FACTS, asked["query"], None, asked["variables"])
                answered[attack.title] = answer.status

    assert (sent, set(answered.values())) == ([], {Status.REJECTED})
    assert len(answered) > 100


async def test_a_stranger_pays_for_asking_and_not_for_pages_that_are_denied(database: Database) -> None:
    budget = Budget(20_000)
    engine = Engine(GRAPH, database, limits=Guard(GRAPH.core), budget=budget)
    text, manager = "{ customers(first: 100) { nodes { bills(first: 30) { nodes { id } } } } }", actor_as("MANAGER")
    reading, planning = REQUEST_COST + len(text) // CHARACTERS_AN_OBJECT, REQUEST_COST + 5 * FIELD_COST

    for _ in range(2):
        assert (await engine.answer(NOBODY, STRANGER, text, None, {})).status is Status.ANSWERED
    await engine.answer(manager, STRANGER, text, None, {})
    await engine.answer(NOBODY, STRANGER, SIGN_OUT, None, {})

    written = REQUEST_COST + len(SIGN_OUT) // CHARACTERS_AN_OBJECT + REQUEST_COST + MUTATION_COST
    assert budget.debts == {
        STRANGER.payer: reading + planning + 2 * REQUEST_COST + written,
        manager.id.int: planning + REQUEST_COST + 100 * (1 + 30),
    }


def is_open(guard: Rule | None) -> bool:
    return guard is None or guard is PUBLIC


def test_what_strangers_may_ask_for_holds_no_page() -> None:
    """They don't pay for pages, so that none may ever be theirs."""
    roots = [kind for kind in (GRAPH.core.query_type, GRAPH.core.mutation_type) if kind]
    fields = [each for root in roots for each in root.fields.values()]
    waiting = [each.type for each in fields if is_open(rule_of_field(GRAPH, each))]
    seen: set[str] = set()
    while waiting:
        kind = get_named_type(waiting.pop())
        if kind.name not in seen:
            seen.add(kind.name)
            waiting += [each.type for each in getattr(kind, "fields", {}).values()] + list(getattr(kind, "types", ()))

    assert {"Viewer", "SignInSuccess", "Branch"} < seen
    assert [name for name in seen if name.endswith("Connection")] == []


def test_every_list_that_a_client_sends_says_how_long_it_may_be() -> None:
    schema = build_schema(GRAPH.sdl)
    lists = {}
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            lists |= {
                f"{kind.name}.{name}": each
                for name, each in kind.fields.items()
                if is_list_type(get_nullable_type(each.type))
            }
        elif isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            given = (
                (f"{kind.name}.{name}({argument}:)", each)
                for name, field in kind.fields.items()
                for argument, each in field.args.items()
            )
            lists |= {place: each for place, each in given if is_list_type(get_nullable_type(each.type))}
    sizes = {place: SIZE.search(each.description or "") for place, each in lists.items()}

    assert [place for place, found in sizes.items() if found is None] == []
    assert max(int(found[1] or found[2]) for found in sizes.values() if found) == VALUES_MAX
    assert len(sizes) > 15
