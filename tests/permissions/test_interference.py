"""G16, the other half: two salons that differ only in what somebody may not see answer that person byte for byte alike.

The second salon is a copy of the first. In it the rows of branches out of reach are gone, and each column that only
hidden fields read has other values: found from the written schema and the declarations, so that a new guarded field is
in the proof the moment it is in the schema. To a stranger everything is hidden: the second salon is empty. The operations
are those of the differential proof: random selections, filters, orders, searches, counts and cursors over all that the
schema offers.

What an operation becomes before it meets rows (text, document, plan) is made once and asked of both salons: it depends
on the schema and on rights, in which they agree. So most of the time goes where it tells something.
"""

import asyncio
import gc
import os
import random  # noqa: TID251  operations that can be repeated
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Enum,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    false,
    func,
    not_,
    select,
)
from sqlalchemy.dialects.postgresql.asyncpg import dialect as PostgreSQL  # noqa: N812  its class
from sqlalchemy.orm import InstrumentedAttribute

from salonos.graph import reads
from salonos.graph.assemble import DEFINITION
from salonos.graph.compiler import Compiler
from salonos.graph.context import RequestFacts
from salonos.graph.directives import RequiresPermission
from salonos.graph.documents import Documents
from salonos.graph.execute import Engine
from salonos.kernel import clock, readers
from salonos.kernel import database as kernel_database
from salonos.kernel.actor import NOBODY, Access, Actor, Reach
from salonos.kernel.database import Base, Database, plain_url
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import ROLES as RIGHTS
from salonos.kernel.permissions import Permission
from tests import servers
from tests.graph.generate import Operation, Values, Writer
from tests.graph.test_differential import values_of
from tests.graph.test_differential_salon import actor_of_role
from tests.permissions.columns import Named, rests_on
from tests.permissions.conftest import UNTIL
from tests.permissions.expected import PEOPLE, RULES, STRANGER
from tests.permissions.test_matrix import GRAPH

OPERATIONS = 20_000 if "SALONOS_PROVE" in os.environ else 80
AT_ONCE = 10
"""Operations under way: while PostgreSQL answers some, the next is read. As many as there are connections to a salon."""

FACTS = RequestFacts(id="interference")
RULES_OF_ROWS = """
    select conrelid::regclass::text as of, conname as name from pg_constraint
    where contype in ('c', 'u') and connamespace = 'public'::regnamespace and coninhcount = 0
"""
"""What would keep hidden values from being just anything."""

TABLES_READ = re.compile(r"(?:FROM|JOIN|,)\s+(\w+) AS ")

OTHER = {
    BigInteger: "{0} + sign({0}) * 100",
    Integer: "{0} + 1",
    Text: "{0} || 'x'",
    String: "{0} || 'x'",
    Date: "{0} + 1",
    DateTime: "{0} + interval '1 day'",
    Boolean: "not {0}",
    LargeBinary: "{0} || '\\x00'",
    ARRAY: "{0}[2:]",
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

LEAF = Compiler.leaf


def unmasked(
    compiler: Compiler, parent: Any, definition: Any, read: reads.Column, at: Any, opener: Any
) -> tuple[Any, Any]:
    """A leaf whose mask was forgotten."""
    return LEAF(compiler, parent, definition, replace(read, masking=None), at, opener)


NEW_BRANCH = UUID(int=2)
"""Of somebody at several branches: one in which nothing has happened yet."""

BREAKS = [
    ("RECEPTIONIST", Compiler, "reach", lambda *_, **__: []),
    ("RECEPTIONIST", RequiresPermission, "denial", lambda *_: None),
    ("STAFF", Compiler, "reach", lambda *_, **__: []),
    ("STAFF", Compiler, "leaf", unmasked),
    (STRANGER, RequiresPermission, "denial", lambda *_: None),
]
"""Rules, each forgotten: of which rows, of which fields, of which part of a value, of who nobody knows."""


@dataclass
class Twins:
    """A salon, its copy, and somebody who asks both."""

    actor: Actor
    values: Values
    one: Engine
    other: Engine
    changed: set[str]
    """Columns with other values, and tables without some of their rows."""

    def forget(self) -> None:
        """No operation comes twice: what was kept of the last ones would only be in the way."""
        self.one.documents = self.other.documents = Documents(GRAPH.core, None)
        for kept in (self.one.plans, self.one.strangers_plans):
            kept.clear()


@dataclass
class Told:
    """How many operations were asked, and what they were about."""

    asked: int = 0
    answered: int = 0
    """With a value of some row, or a number of rows."""
    differing: int = 0
    """Of a table in which the two salons differ, so that they had something to keep to themselves."""


class Differs(Exception):  # noqa: N818  what the proof is there to find
    """One operation, two answers."""


@pytest.fixture(autouse=True)
def settled() -> Iterator[None]:
    """The schema stays for as long as the process: whoever collects garbage need not look through it each time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(params=PEOPLE)
async def twins(request: pytest.FixtureRequest, salon: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Twins]:
    monkeypatch.setattr(clock, "utc_now", lambda: UNTIL)  # links to papers are signed with the minute
    role, names = request.param, [f"test_{new_id().hex}" for _ in range(2)]
    for name in names:
        await servers.create_database(name, template=salon)
    settings = {**kernel_database.connection_settings(), "statement_timeout": "60s"}
    monkeypatch.setattr(kernel_database, "connection_settings", lambda: settings)  # a busy machine is no difference
    monkeypatch.setattr(readers, "WAIT_S", 60.0)
    one, other = [await Database.open(servers.url_of(name), pool_size=AT_ONCE) for name in names]
    one.set_clock = other.set_clock = UNTIL
    actor = NOBODY if role == STRANGER else await actor_of_role(one, role)
    if actor.access.reach is Reach.BRANCHES and actor is not NOBODY:
        actor = replace(actor, branch_ids=(actor.branch_ids[0], NEW_BRANCH))  # both would be all that there is to see
    changed = await hide(servers.url_of(names[1]), role, actor)
    values = await values_of(one, GRAPH)
    engines = [Engine(GRAPH, each) for each in (one, other)]
    engines[1].plans, engines[1].strangers_plans = engines[0].plans, engines[0].strangers_plans
    yield Twins(actor, values, *engines, changed)
    for database, name in zip((one, other), names, strict=True):
        await database.close()
        await servers.drop_database(name)


async def hide(url: str, role: str, actor: Actor) -> set[str]:
    """Changes what a role may not see. Returns what was changed: columns, and tables with rows out of reach."""
    connection = await asyncpg.connect(plain_url(url))
    try:
        await connection.execute("set session_replication_role = replica")
        if role == STRANGER:
            return await remove_all(connection)
        for rule in await connection.fetch(RULES_OF_ROWS):
            await connection.execute(f'alter table {rule["of"]} drop constraint if exists "{rule["name"]}" cascade')
        removed = await remove_out_of_reach(connection, actor, await out_of_scope(connection, actor))
        return removed | await change_columns(connection, role, actor)
    finally:
        await connection.close()


async def remove_all(connection: asyncpg.Connection) -> set[str]:
    """No row at all, but for the name of the stream of events, which is the database's own."""
    tables = [each.name for each in Base.metadata.sorted_tables if each.name != "event_stream"]
    filled = {name for name in tables if await connection.fetchval(f"select exists (select from {name})")}
    await connection.execute(f"truncate {', '.join(tables)} cascade")
    return filled


def columns_read(role: str, access: Access) -> tuple[set[Named], set[Named]]:
    """The columns that a role's fields tell of, and those of which it may not see anything or not the whole."""
    seen: set[Named] = set()
    hidden: set[Named] = set()
    for kind, source in GRAPH.sources.items():
        if kind not in RULES.types:
            continue
        type_denied = RULES.denial_of_type(kind, role) is not None
        if not type_denied:
            seen |= rows_rest_on(source, access)
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
                seen |= rests_on(masking.part)
                is_denied = True
            for each in expressions:
                if is_denied and isinstance(each, InstrumentedAttribute):
                    hidden |= rests_on(each)
                elif each is not None and not is_denied:
                    seen |= rests_on(each)
    return seen, hidden


def rows_rest_on(source: reads.Source, access: Access) -> set[Named]:
    """The columns by which a type's rows are chosen."""
    if isinstance(source.scope, reads.Within):
        return rests_on(source.scope.key)
    return rests_on(source.scope(access)) if source.scope is not None else set()


def held(role: str) -> frozenset[Permission]:
    """A role's permissions."""
    return RIGHTS[role].permissions


async def change_columns(connection: asyncpg.Connection, role: str, actor: Actor) -> set[str]:
    """Other numbers and words in each column that only hidden fields read."""
    seen, hidden = columns_read(role, actor.access)
    tables = Base.metadata.tables
    changed: set[str] = set()
    for table, name in sorted(hidden - seen):
        column = tables[table].c[name]
        if column.computed is not None or column.primary_key:
            continue
        others = OTHERS.get(table, "true").format(actor.id)
        text = f"update {table} set {name} = {another(column)} where {name} is not null and {others}"
        done = await connection.execute(text)
        changed |= {f"{table}.{name}"} if done != "UPDATE 0" else set()
    return changed


def another(column: Column[Any]) -> str:
    """Another value of a column, in SQL: another row, another member, or what OTHER says of its kind."""
    name, kind = column.name, column.type
    if column.foreign_keys:
        target = next(iter(column.foreign_keys)).column
        first = f"(select {target.name} from {target.table.name} order by {target.name} limit 1)"
        last = f"(select {target.name} from {target.table.name} order by {target.name} desc limit 1)"
        return f"case when {name} = {first} then {last} else {first} end"
    if isinstance(kind, Enum):
        following = zip(kind.enums, [*kind.enums[1:], kind.enums[0]], strict=True)
        return f"case {name} " + " ".join(f"when '{one}' then '{other}'" for one, other in following) + " end"
    return next(OTHER[each] for each in type(kind).__mro__ if each in OTHER).format(name)


async def out_of_scope(connection: asyncpg.Connection, actor: Actor) -> list[tuple[Table, list[Any]]]:
    """The keys of the rows that each type's own scope hides from somebody."""
    found = []
    for source in GRAPH.sources.values():
        scope = source.scope(actor.access) if callable(source.scope) else None
        if scope is None or not isinstance(source.rows, Table):
            continue
        keys = select(*source.rows.primary_key.columns).where(not_(func.coalesce(scope, false())))
        made = keys.compile(dialect=PostgreSQL())
        names = [name.removeprefix(reads.ACTOR) for name in made.positiontup or ()]
        values = [UNTIL if name == reads.NOW else list_or(getattr(actor, name)) for name in names]
        found.append((source.rows, [tuple(row) for row in await connection.fetch(made.string, *values)]))
    return found


def list_or(value: Any) -> Any:
    """A parameter of a statement."""
    return list(value) if isinstance(value, tuple) else value


async def remove_out_of_reach(
    connection: asyncpg.Connection, actor: Actor, outside: list[tuple[Table, list[Any]]]
) -> set[str]:
    """No row out of scope, none of which every branch is another one, nor any part of such a row."""
    removed: set[str] = set()
    for table, keys in outside:
        test = " and ".join(f"{each.name} = ${place}" for place, each in enumerate(table.primary_key.columns, 1))
        await connection.executemany(f"delete from {table.name} where {test}", keys)
        removed |= {table.name} if keys else set()
    for source in reversed(GRAPH.sources.values()):  # a child is declared before its parent
        if isinstance(source.scope, reads.Within) and isinstance(source.rows, Table):
            whole = GRAPH.sources[source.scope.parent].rows
            key = source.scope.key.key
            text = f"delete from {source.rows.name} as part where {key} is not null and not exists (select from {whole.name} as whole where whole.id = part.{key})"
            done = await connection.execute(text)
            removed |= {source.rows.name} if done != "DELETE 0" else set()
    return removed | await remove_other_branches(connection, actor, removed)


async def remove_other_branches(connection: asyncpg.Connection, actor: Actor, already: set[str]) -> set[str]:
    """No row of which every branch is another one, nor any part of a row that is gone."""
    removed = set(already)
    tables = Base.metadata.sorted_tables
    branches = {
        table.name: [key.parent.name for key in table.foreign_keys if key.column.table.name == "branches"]
        for table in tables
    }
    for name, columns in branches.items():
        if columns and actor.branch_ids and name not in EVERYBODYS:
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


async def compared(twins: Twins, count: int) -> Told:
    """Asks both salons so many valid operations.

    Raises: Differs.
    """
    told, number = Told(), 0
    changed = {each.partition(".")[0] for each in twins.changed}
    while told.asked < count:
        numbers = range(number, number + min(AT_ONCE, count - told.asked))
        number = numbers.stop
        writers = [
            Writer(GRAPH, twins.values, random.Random(f"{twins.actor.name or STRANGER} {each}")) for each in numbers
        ]
        for made, (one, other) in await asyncio.gather(*[answers_of_both(twins, each.operation()) for each in writers]):
            if one != other:
                raise Differs(made.text, made.variables, one, other)
            if twins.one.documents.known(made.text, None):
                told.asked += 1
                told.answered += tells(orjson.loads(one)["data"])
        told.differing += sum(
            not changed.isdisjoint(TABLES_READ.findall(each.sql))
            for kept in (twins.one.plans, twins.one.strangers_plans)
            for each in kept.values()
        )
        twins.forget()
    return told


async def answers_of_both(twins: Twins, made: Operation) -> tuple[Operation, list[bytes]]:
    """An operation and its two answers, the second by what was made for the first."""
    answers = await asyncio.gather(
        *[each.answer(twins.actor, FACTS, made.text, None, made.variables) for each in (twins.one, twins.other)]
    )
    return made, [each.body for each in answers]


def tells(value: Any) -> bool:
    """Whether data hold anything but nulls, noughts and names of types."""
    match value:
        case dict():
            return any(tells(inner) for key, inner in value.items() if key != "__typename")
        case list():
            return any(tells(each) for each in value)
        case _:
            return bool(value)


async def test_what_is_hidden_changes_no_byte_of_any_answer(twins: Twins, request: pytest.FixtureRequest) -> None:
    told = await compared(twins, OPERATIONS)

    print(f"\n{request.node.callspec.id}: {told}")  # noqa: T201  the figures of the proof
    assert told.asked == OPERATIONS
    if twins.actor is NOBODY:
        assert (told.answered, twins.changed > {"bills", "customers", "staff"}) == (0, True)
    else:
        assert told.answered > OPERATIONS // 2
        assert told.differing > OPERATIONS // 10 or twins.actor.name == "OWNER"
        assert await bills_of_colleagues(twins) == (twins.actor.name == "STAFF")


async def bills_of_colleagues(twins: Twins) -> bool:
    """Whether the second salon lacks bills of somebody's own branches."""
    text = "select count(*) from bills where branch_id = any($1)"
    one, other = [
        await each.database.pool.fetchval(text, list(twins.actor.branch_ids)) for each in (twins.one, twins.other)
    ]
    return bool(other < one)


@pytest.mark.parametrize(("twins", "broken", "attribute", "by"), BREAKS, indirect=["twins"])
async def test_the_proof_fails_when_the_engine_forgets_its_rules(
    twins: Twins, monkeypatch: pytest.MonkeyPatch, broken: type[Any], attribute: str, by: Any
) -> None:
    monkeypatch.setattr(broken, attribute, by)

    with pytest.raises(Differs):
        await compared(twins, 200)
