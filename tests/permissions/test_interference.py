"""G16, the other half: two salons that differ only in what somebody may not see answer that person byte for byte alike.

The second salon is a copy of the first. In it the rows of branches out of reach are gone, and each column that only
hidden fields read has other values: found from the written schema and the declarations, so that a new guarded field is
in the proof the moment it is in the schema. The operations are those of the differential proof: random selections,
filters, orders, searches, counts and cursors over all that the schema offers.
"""

import os
import random  # noqa: TID251  operations that can be repeated
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from graphql import parse, validate
from sqlalchemy import BigInteger, Enum, Integer, String, Table, Text
from sqlalchemy.orm import InstrumentedAttribute

from salonos.graph import reads, sql
from salonos.graph.assemble import DEFINITION
from salonos.graph.compiler import Compiler
from salonos.graph.context import RequestFacts
from salonos.graph.directives import RequiresPermission
from salonos.graph.execute import Engine
from salonos.kernel import clock
from salonos.kernel.actor import Actor
from salonos.kernel.database import Base, Database, plain_url
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import ROLES as RIGHTS
from salonos.kernel.permissions import Permission
from tests import servers
from tests.graph.generate import Values, Writer
from tests.graph.test_differential import values_of
from tests.graph.test_differential_salon import actor_of_role
from tests.permissions.conftest import UNTIL
from tests.permissions.expected import PEOPLE, RULES, STRANGER
from tests.permissions.test_matrix import GRAPH

OPERATIONS = 20_000 if "SALONOS_PROVE" in os.environ else 80
ROLES = tuple(each for each in PEOPLE if each != STRANGER)
FACTS = RequestFacts(id="interference")
RULES_OF_ROWS = """
    select conrelid::regclass::text as of, conname as name from pg_constraint
    where contype in ('c', 'u') and connamespace = 'public'::regnamespace and coninhcount = 0
"""
"""What would keep hidden values from being just anything."""

OTHER = {
    BigInteger: "{0} + sign({0}) * 100",
    Integer: "{0} + 1",
    Text: "{0} || 'x'",
    String: "{0} || 'x'",
}
"""Another value of a kind of column. A number keeps its sign, which checks rest on."""


EVERYBODYS = frozenset({"opening_hours", "number_series", "staff_branches"})
"""What belongs to a branch and is no secret of it: branches and people are known in the whole business."""

OTHERS = {
    "staff": "id <> '{0}'",
    "roles": "id <> (select role_id from staff where staff.id = '{0}')",
    "branches": "id not in (select branch_id from staff_branches where staff_id = '{0}')",
}
"""`viewer` shows everybody their own account, role and branches, whatever they may see of others'."""

BREAKS = [(Compiler, "reach", lambda *_, **__: []), (RequiresPermission, "denial", lambda *_: None)]
"""Two rules, each forgotten: of which rows, and of which fields."""


@dataclass
class Twins:
    """A salon, its copy, and somebody who asks both."""

    actor: Actor
    values: Values
    one: Engine
    other: Engine
    changed: set[str]


@pytest.fixture(params=ROLES)
async def twins(request: pytest.FixtureRequest, salon: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Twins]:
    monkeypatch.setattr(clock, "utc_now", lambda: UNTIL)  # links to papers are signed with the minute
    role, names = request.param, [f"test_{new_id().hex}" for _ in range(2)]
    for name in names:
        await servers.create_database(name, template=salon)
    one, other = [await Database.open(servers.url_of(name)) for name in names]
    one.set_clock = other.set_clock = UNTIL
    actor = await actor_of_role(one, role)
    changed = await hide(servers.url_of(names[1]), role, actor)
    values = await values_of(one, GRAPH)
    yield Twins(actor, values, Engine(GRAPH, one), Engine(GRAPH, other), changed)
    for database, name in zip((one, other), names, strict=True):
        await database.close()
        await servers.drop_database(name)


async def hide(url: str, role: str, actor: Actor) -> set[str]:
    """Changes what a role may not see. Returns what was changed: columns, and tables with rows out of reach."""
    connection = await asyncpg.connect(plain_url(url))
    try:
        await connection.execute("set session_replication_role = replica")
        for rule in await connection.fetch(RULES_OF_ROWS):
            await connection.execute(f'alter table {rule["of"]} drop constraint if exists "{rule["name"]}" cascade')
        columns = await change_columns(connection, role, actor)
        return columns | (await remove_out_of_reach(connection, actor) if actor.branch_ids else set())
    finally:
        await connection.close()


def columns_read(role: str) -> tuple[set[Any], set[Any]]:
    """The columns that a role's fields read, and those of which it may not see anything or not the whole."""
    seen: set[Any] = set()
    hidden: set[Any] = set()
    for kind, source in GRAPH.sources.items():
        if not isinstance(source.rows, Table) or kind not in RULES.types:
            continue
        type_denied = RULES.denial_of_type(kind, role) is not None
        core: Any = GRAPH.core.type_map[kind]
        for name, definition in core.fields.items():
            read = definition.extensions[DEFINITION].metadata.get(reads.READ) if name != "id" else None
            if read is None:
                continue
            is_denied = type_denied or RULES.denial(kind, name, role) is not None
            masking = read.masking if isinstance(read, reads.Column) else None
            is_masked = masking is not None and masking.unless not in held(role)
            expressions = list(read.expressions) if isinstance(read, reads.Column) else [getattr(read, "key", None)]
            if is_masked and masking is not None and masking.part is not None and not is_denied:
                seen |= {(source.rows.name, each) for each in sql.columns_of(masking.part, source.home)}
                is_denied = True
            for each in expressions:
                if each is None:
                    continue
                found = {(source.rows.name, column) for column in sql.columns_of(each, source.home)}
                if is_denied and isinstance(each, InstrumentedAttribute):
                    hidden |= found
                elif not is_denied:
                    seen |= found
    return seen, hidden


def held(role: str) -> frozenset[Permission]:
    """A role's permissions."""
    return RIGHTS[role].permissions


async def change_columns(connection: asyncpg.Connection, role: str, actor: Actor) -> set[str]:
    """Other numbers and words in each column that only hidden fields read."""
    seen, hidden = columns_read(role)
    tables = Base.metadata.tables
    changed: set[str] = set()
    for table, name in sorted(hidden - seen):
        column = tables[table].c[name]
        if column.computed is not None or column.primary_key or column.foreign_keys or isinstance(column.type, Enum):
            continue
        value = OTHER.get(type(column.type), OTHER.get(type(column.type).__mro__[1]))
        if value is None:
            continue
        others = OTHERS.get(table, "true").format(actor.id)
        text = f"update {table} set {name} = {value.format(name)} where {name} is not null and {others}"
        done = await connection.execute(text)
        changed |= {f"{table}.{name}"} if done != "UPDATE 0" else set()
    return changed


async def remove_out_of_reach(connection: asyncpg.Connection, actor: Actor) -> set[str]:
    """No row of which every branch is another one, nor any part of such a row."""
    removed: set[str] = set()
    tables = Base.metadata.sorted_tables
    branches = {
        table.name: [key.parent.name for key in table.foreign_keys if key.column.table.name == "branches"]
        for table in tables
    }
    for name, columns in branches.items():
        if columns and name not in EVERYBODYS:
            own = " and ".join(f"{column} is not null and {column} <> all($1::uuid[])" for column in columns)
            done = await connection.execute(f"delete from {name} where {own}", list(actor.branch_ids))
            removed |= {name} if done != "DELETE 0" else set()
    for table in tables:  # the whole before its parts
        wholes = [key for key in table.foreign_keys if key.column.table.name in removed and not key.parent.nullable]
        if branches[table.name] or not wholes:
            continue
        gone = " and ".join(
            f"not exists (select from {key.column.table.name} as whole"
            f" where whole.{key.column.name} = part.{key.parent.name})"
            for key in wholes
        )
        done = await connection.execute(f"delete from {table.name} as part where {gone}")
        removed |= {table.name} if done != "DELETE 0" else set()
    return removed


async def compared(twins: Twins, count: int) -> int:
    """Asks both so many valid operations. Returns how many had something to tell."""
    told = number = asked = 0
    while asked < count:
        writer = Writer(GRAPH, twins.values, random.Random(f"{twins.actor.name} {number}"))
        number += 1
        made = writer.operation()
        if validate(GRAPH.core, parse(made.text)):
            continue
        asked += 1
        bodies = [
            (await each.answer(twins.actor, FACTS, made.text, None, made.variables)).body
            for each in (twins.one, twins.other)
        ]
        assert bodies[0] == bodies[1], (made.text, made.variables)
        told += len(bodies[0]) > 200
    return told


async def test_what_is_hidden_changes_no_byte_of_any_answer(twins: Twins) -> None:
    told = await compared(twins, OPERATIONS)

    assert told > OPERATIONS // 5
    assert twins.changed or twins.actor.name == "OWNER"


@pytest.mark.parametrize("twins", ["RECEPTIONIST"], indirect=True)
@pytest.mark.parametrize(("broken", "attribute", "by"), BREAKS)
async def test_the_proof_fails_when_the_engine_forgets_its_rules(
    twins: Twins, monkeypatch: pytest.MonkeyPatch, broken: type[Any], attribute: str, by: Any
) -> None:
    monkeypatch.setattr(broken, attribute, by)

    with pytest.raises(AssertionError):
        await compared(twins, 200)
