"""What asks for too much is refused before the database hears of it, and lists say how long they may be (A15, A16, A37)."""

import json
import re

from graphql import GraphQLInputObjectType, GraphQLObjectType, build_schema, get_nullable_type, is_list_type

from salonos.edge.app import make_graph
from salonos.edge.strict_json import VALUES_MAX
from salonos.graph.context import RequestFacts
from salonos.graph.execute import Engine, Status
from salonos.graph.limits import Guard
from salonos.kernel.database import Database
from tests.bills.makers import actor_as
from tests.faults import attacks
from tests.statements import Statements

GRAPH = make_graph()
FACTS = RequestFacts(id="test")
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
