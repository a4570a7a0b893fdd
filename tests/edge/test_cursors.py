"""Cursors of every order of the schema: ours are read, and whatever else is written in their form is BAD_CURSOR (A15)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import pytest
from graphql import GraphQLObjectType
from sqlalchemy import BigInteger, Date, DateTime, Integer
from sqlalchemy.types import TypeEngine

from salonos.edge.app import make_graph
from salonos.graph import reads, sql
from salonos.graph.assemble import DEFINITION
from salonos.graph.context import RequestFacts
from salonos.graph.execute import Engine
from salonos.kernel.database import Database
from tests.bills.makers import actor_as
from tests.statements import Statements

GRAPH = make_graph()
FACTS = RequestFacts(id="test")
ROW = UUID(int=7)
INSTANTS = (
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-23T01:02:03Z", "2026-11-23T01:02:03.000000"),
    *(
        "2026-11-23",
        "2026-W01-1",
        "infinity",
        "",
        "２０２６-11-23T01:02:03.000000Z",
        "2026-11-23T01:02:03.000000+00:00",
    ),
)
DATES = ("20261123", "2026-W01-1", "infinity", "0000-01-01", "10000-01-01", "", "２０２６-11-23", "2026-11-23T00:00:00")
NUMBERS = ("１２", "1_0", " 1", "+1", "01", "-0", "1.0", "NaN", "", "9" * 30, "9" * 5_000, str(2**63), "0x1")
NARROW = ("999999999999", str(2**31), str(-(2**31) - 1))
TEXTS = ("\0", "a\0b")


@dataclass(frozen=True)
class Ordered:
    """An order of a connection, and an operation that reads behind a cursor of it."""

    title: str
    name: str
    kinds: tuple[TypeEngine[Any], ...]
    """Of its key: for all rights, and for those who see a part only."""
    text: str

    def cursor(self, key: str) -> str:
        """In our form."""
        return sql.cursor_text(self.name, key, ROW)


def orders() -> Iterator[Ordered]:
    """Every order of every connection."""
    for kind in GRAPH.core.type_map.values():
        for name, field in kind.fields.items() if isinstance(kind, GraphQLObjectType) else ():
            definition = field.extensions.get(DEFINITION)
            read = definition and definition.metadata.get(reads.READ)
            for order, declared in read.orders.items() if isinstance(read, reads.Pages) else ():
                given = [f'{each}: "branch_{"0" * 32}"' for each in field.args if each == "branchId"]
                given += [f"orderBy: {order}"] if "orderBy" in field.args else []
                page = f"{name}({', '.join([*given, 'after: $c'])}) {{ nodes {{ __typename }} }}"
                prefix = GRAPH.sources[kind.name].prefix if kind.name != "Query" else None
                above = f'node(id: "{prefix}_{"0" * 32}") {{ ... on {kind.name} {{ {page} }} }}' if prefix else page
                keys = [declared.by, *([declared.masked[0]] if declared.masked else [])]
                yield Ordered(
                    f"{kind.name}.{name} {order}",
                    order,
                    tuple(each.type for each in keys),
                    f"query($c: String) {{ {above} }}",
                )


ORDERS = list(orders())


def hostile(kind: TypeEngine[Any]) -> tuple[str, ...]:
    """Keys that we do not write for a column of this type."""
    match kind:
        case DateTime():
            return INSTANTS
        case Date():
            return DATES
        case BigInteger():
            return NUMBERS
        case Integer():
            return NUMBERS + NARROW
        case _:
            return TEXTS


def ours(kind: TypeEngine[Any]) -> str:
    """A key as we write it."""
    match kind:
        case DateTime():
            return "2026-11-23T01:02:03.000000Z"
        case Date():
            return "2026-11-23"
        case Integer():
            return "-12"
        case _:
            return "Asha"


async def codes(engine: Engine, ordered: Ordered, key: str) -> list[str]:
    """Of the errors of a page behind a cursor with this key."""
    answer = await engine.answer(actor_as("OWNER"), FACTS, ordered.text, None, {"c": ordered.cursor(key)})
    return [each["extensions"]["code"] for each in orjson.loads(answer.body).get("errors", [])]


async def test_a_key_that_we_do_not_write_is_no_cursor_of_any_order(database: Database, statements: Statements) -> None:
    engine = Engine(GRAPH, database)
    with statements.counted() as sent:
        found = {
            (each.title, key): await codes(engine, each, key)
            for each in ORDERS
            for kind in each.kinds
            for key in hostile(kind)
        }

    assert {case: told for case, told in found.items() if told != ["BAD_CURSOR"]} == {}
    assert sent == []
    assert len(found) > 300


async def test_a_key_as_we_write_it_is_a_cursor_of_every_order(database: Database) -> None:
    engine = Engine(GRAPH, database)

    found = {each.title: await codes(engine, each, ours(each.kinds[0])) for each in ORDERS}

    assert {title: told for title, told in found.items() if told} == {}
    assert len(found) > 50


@pytest.mark.parametrize("number", [0, 1, -1, 2**31 - 1, -(2**31) + 1])
def test_a_number_of_four_bytes_is_read_again(number: int) -> None:
    assert sql.cursor_key(str(number), Integer()) == number
