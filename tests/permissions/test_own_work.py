"""*Own* narrows rows, never a part of them: each pair of permissions where that matters is found in the schema."""

from collections.abc import AsyncIterator

import orjson
import pytest
from graphql import get_named_type

from salonos.edge.app import make_graph
from salonos.graph import narrowing
from salonos.graph.assemble import target_of
from salonos.graph.context import RequestFacts
from salonos.graph.execute import Engine
from salonos.identity import rules
from salonos.kernel.actor import Actor, Reach, access
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.permissions import OWN_POSSIBLE, PARTS, Permission, RoleRights
from tests import servers

GRAPH = make_graph()
FOUND = [(where, pair) for where, pair in narrowing.parts(GRAPH) if not where.startswith("Customer.bills")]
"""`Customer.bills` takes the filter of `Query.bills`."""
NAMES = [permission.name for permission in Permission]


def test_the_pairs_are_those_of_the_schema() -> None:
    assert {pair for _, pair in FOUND} == PARTS


@pytest.fixture
async def database(salon: str) -> AsyncIterator[Database]:
    """The furnished salon; nothing is written."""
    found = await Database.open(servers.url_of(salon))
    yield found
    await found.close()


def asked(where: str, customer_id: str) -> str:
    """An operation that uses what stands at a coordinate."""
    if where.startswith("Query."):
        name, _, path = where.removeprefix("Query.").removesuffix(")").partition("(")
        argument, _, field = path.partition(".")
        return f'{{ {name}(first: 1, {argument}: {{ {field}: "{customer_id}" }}) {{ nodes {{ id }} }} }}'
    kind, field = where.split(".")
    root = next(
        name
        for name, definition in GRAPH.core.query_type.fields.items()  # type: ignore[union-attr]  # there is one
        if target_of(definition).name == kind and get_named_type(definition.type).name.endswith("Connection")
    )
    return f"{{ {root}(first: 100) {{ nodes {{ {field} }} }} }}"


@pytest.mark.parametrize(("where", "pair"), FOUND, ids=[where for where, _ in FOUND])
async def test_a_stored_role_reads_no_part_more_widely_than_its_own_work(
    database: Database, where: str, pair: tuple[Permission, Permission]
) -> None:
    engine = Engine(GRAPH, database)
    customer_id = await database.pool.fetchval("select customer_id from bills where customer_id is not null limit 1")
    text = asked(where, id_text("customer", customer_id))

    async def errors_for(rights: RoleRights) -> list[str]:
        actor = Actor(new_id(), access(rights.permissions, rights.own, Reach.ALL))
        answer = await engine.answer(actor, RequestFacts(id="test"), text, None, None)
        return [each["extensions"]["permission"] for each in orjson.loads(answer.body).get("errors", ())]

    unguarded = RoleRights(frozenset(Permission), frozenset({pair[1]}))

    assert await errors_for(unguarded) == []  # what the engine would show: *own* of a part narrows nothing
    assert await errors_for(rules.rights_of(NAMES, [pair[1].name])) == [pair[1].name]
    assert await errors_for(rules.rights_of(NAMES, [each.name for each in OWN_POSSIBLE])) == []
