"""The plan answers as plain graphql-core over plain rows does: the same random operations, every role, equal data."""

import os
import random  # noqa: TID251  seeded, so that a failure can be made again
from typing import Any

import orjson
import pytest
from graphql import parse, validate

from salonos.graph.compiler import Compiler
from salonos.graph.context import RequestFacts
from salonos.graph.directives import Mask
from salonos.graph.execute import Engine
from salonos.graph.pages import Page
from salonos.kernel.database import Database
from tests.graph import people
from tests.graph.conftest import Asker
from tests.graph.generate import Values, Writer
from tests.graph.plain import Plain, plain_schema
from tests.graph.world import GRAPH

OPERATIONS = int(os.environ.get("SALONOS_DIFFERENTIAL", "2000" if "SALONOS_PROVE" in os.environ else "200"))
"""Asked of the real schema for each role (`test_differential_salon`), and half as many of the test world."""
FACTS = RequestFacts()


async def values_of(database: Database, graph: Any) -> Values:
    """Ids and words that occur in a database."""
    ids: dict[str, list[str]] = {}
    words: dict[str, set[str]] = {}
    for source in graph.sources.values():
        if source.prefix is None:
            continue
        rows = await database.pool.fetch(f'select * from "{source.rows.name}" order by id limit 60')
        ids[source.prefix] = [f"{source.prefix}_{row['id'].hex}" for row in rows]
        for row in rows:
            for value in row.values():
                match value:
                    case str() if value:
                        words.setdefault("String", set()).update({value, value[:3]})
    words["Date"] = {"2026-11-01", "2026-11-09", "2026-11-23"}
    words["DateTime"] = {"2026-11-01T09:00:05Z", "2026-11-01T14:30:11+05:30", "2026-11-20T00:00:00Z"}
    words["Money"] = {"0.00", "99.50", "1180.00"}
    return Values(ids, {name: sorted(found) for name, found in words.items()})


async def compare(engine: Engine, plain: Plain, values: Values, role: str, number: int) -> int:
    """One operation, answered by both; returns the size of the data."""
    writer = Writer(engine.graph, values, random.Random(f"{role} {number}"))
    asked = writer.operation()
    document = parse(asked.text)
    if validate(engine.graph.core, document):
        return 0
    before = engine.statements
    answer = await engine.answer(plain.actor, FACTS, asked.text, None, asked.variables)
    body = orjson.loads(answer.body)
    assert "data" in body, (asked, body)
    expected = await plain.execute(engine.database, asked.text, asked.variables)
    assert body["data"] == expected, (asked.text, asked.variables)
    assert orjson.dumps(body["data"]) == orjson.dumps(expected), (asked.text, asked.variables)
    told = {error["extensions"]["coordinate"] for error in body.get("errors", [])}
    assert told >= plain.denied, (asked.text, told, plain.denied)
    assert engine.statements - before <= 1
    return len(orjson.dumps(expected))


async def compare_many(engine: Engine, plain: Plain, values: Values, role: str, count: int) -> list[int]:
    """As many valid operations as asked for; the generator makes an invalid one now and then."""
    sizes: list[int] = []
    number = 0
    while len(sizes) < count:
        size = await compare(engine, plain, values, role, number)
        sizes += [size] if size else []
        number += 1
    return sizes


@pytest.mark.parametrize("role", people.ROLE_NAMES)
async def test_the_plan_answers_as_plain_graphql_core_does(ask: Asker, role: str) -> None:
    values = await values_of(ask.database, GRAPH)
    plain = Plain(GRAPH, plain_schema(GRAPH), people.actor(role))
    await plain.load(ask.database)

    sizes = await compare_many(ask.engine, plain, values, role, OPERATIONS // 2)

    assert len(sizes) == OPERATIONS // 2
    assert sum(size > 200 for size in sizes) > len(sizes) * 0.3


def no_reach(*_: Any, **__: Any) -> list[Any]:
    """A row scope that was forgotten."""
    return []


def whole_value(_: Any, part: Any) -> Any:
    """A mask that was forgotten."""
    return part


@pytest.mark.parametrize(
    ("broken", "attribute", "by"),
    [(Compiler, "reach", no_reach), (Mask, "of_part", whole_value), (Page, "turned", no_reach)],
)
async def test_the_proof_fails_when_the_engine_is_broken(
    ask: Asker, monkeypatch: pytest.MonkeyPatch, broken: type[Any], attribute: str, by: Any
) -> None:
    values = await values_of(ask.database, GRAPH)
    plain = Plain(GRAPH, plain_schema(GRAPH), people.actor("STAFF"))
    await plain.load(ask.database)
    monkeypatch.setattr(broken, attribute, by)

    with pytest.raises(AssertionError):
        await compare_many(ask.engine, plain, values, "STAFF", 60)
