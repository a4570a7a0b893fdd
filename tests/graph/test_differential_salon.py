"""The same proof over the real schema: a small demo salon, made by the real commands, read by every role."""

from typing import Any
from uuid import UUID

import orjson
import pytest
from graphql import get_named_type, is_leaf_type, is_required_argument

from salonos.demo import make
from salonos.demo.trade import Size
from salonos.edge.app import make_graph
from salonos.graph.execute import Engine
from salonos.kernel import clock
from salonos.kernel.actor import Actor, Reach, access, reach_of
from salonos.kernel.clock import parse_instant
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from salonos.kernel.permissions import ROLES
from tests.graph import people
from tests.graph.plain import Plain, plain_schema
from tests.graph.test_differential import FACTS, OPERATIONS, compare_many, values_of

GRAPH = make_graph()
UNTIL = parse_instant("2026-11-22T15:00:00+05:30")
WHOLE_SALON = {"OWNER", "ACCOUNTANT"}


async def actor_of_role(database: Database, role: str) -> Actor:
    """A member of staff with the role's rights: at both branches, at one, or at all."""
    rights = ROLES[role]
    branches: list[UUID] = [row["id"] for row in await database.pool.fetch("select id from branches order by id")]
    sellers = await database.pool.fetch("select staff_id as id from bill_lines where staff_id is not null order by id")
    chosen = () if role in WHOLE_SALON else tuple(branches) if role == "MANAGER" else (branches[0],)
    reach = Reach.ALL if not chosen else reach_of(chosen)
    return Actor(sellers[0]["id"], access(rights.permissions, rights.own, reach), chosen, name=role)


@pytest.mark.parametrize("role", people.ROLE_NAMES)
async def test_the_salons_plan_answers_as_plain_graphql_core_does(
    database: Database, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "utc_now", lambda: UNTIL)  # links to papers are signed with the minute
    size = Size(days=2, guests=12, pace=0.4)
    await make.furnish(database, password="nine purple umbrellas", say=lambda _: None, size=size, now=UNTIL)
    plain = Plain(GRAPH, plain_schema(GRAPH), await actor_of_role(database, role))
    await plain.load(database)
    engine, values = Engine(GRAPH, database), await values_of(database, GRAPH)

    sizes = await compare_many(engine, plain, values, role, OPERATIONS)

    assert len(sizes) == OPERATIONS
    assert sum(size > 200 for size in sizes) > OPERATIONS * 0.3


def selection(kind: Any, depth: int) -> str:
    """Every leaf of a type, and every list and object below it."""
    parts = []
    for name, definition in kind.fields.items():
        target = get_named_type(definition.type)
        if is_leaf_type(target):
            parts.append(name)
        elif depth > 0 and not any(is_required_argument(each) for each in definition.args.values()):
            parts.append(f"{name} {{ {selection(target, depth - 1)} }}")
    return " ".join(parts)


LISTS = [
    name
    for name, definition in GRAPH.core.query_type.fields.items()  # type: ignore[union-attr]  # there is one
    if "first" in definition.args
]


async def test_every_list_is_one_statement_at_one_row_and_at_fifty(database: Database) -> None:
    await make.furnish(
        database,
        password="nine purple umbrellas",
        say=lambda _: None,
        size=Size(days=2, guests=60, pace=0.4),
        now=UNTIL,
    )
    actor, engine = await actor_of_role(database, "OWNER"), Engine(GRAPH, database)
    assert GRAPH.core.query_type is not None
    branch_id = await database.pool.fetchval("select id from branches order by id limit 1")
    sizes: dict[str, list[int]] = {}
    for name in LISTS:
        definition = GRAPH.core.query_type.fields[name]
        kind = get_named_type(definition.type)
        body = selection(get_named_type(kind.fields["nodes"].type), 2)
        here = f', branchId: "{id_text("branch", branch_id)}"' if "branchId" in definition.args else ""
        for first in (1, 50):
            before = engine.statements
            text = f"{{ {name}(first: {first}{here}) {{ totalCount nodes {{ {body} }} }} }}"

            answer = orjson.loads((await engine.answer(actor, FACTS, text, None, None)).body)

            assert "errors" not in answer, (name, answer)
            assert engine.statements - before == 1
            sizes.setdefault(name, []).append(len(answer["data"][name]["nodes"]))

    assert {name for name, (one, _) in sizes.items() if one == 1} >= {
        "bills",
        "customers",
        "services",
        "entries",
        "staff",
    }
    assert sizes["customers"] == [1, 50]
