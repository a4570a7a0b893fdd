"""Leaves of a plan: a scalar of a row as SQL, and as text that is written once for all plans; so are scopes of rows."""

from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Uuid, column, table
from sqlalchemy.sql.operators import and_

from salonos.graph import reads, sql
from salonos.graph.scalars import SHAPES
from salonos.kernel.actor import Access

LEAVES_KEPT = 8_192
"""Leaves and ids as text, of all plans."""


def leaf(read: reads.Column, shape: str | None, home: FromClause, at: FromClause) -> ColumnElement[Any]:
    """A leaf over a row, in the client's form."""
    moved = [sql.move(each, home, at) for each in read.expressions]
    if read.opens is not None or read.makes is not None:
        return sql.json_parts(moved)
    (value,) = moved
    if read.prefix is not None:
        return sql.id_sql(read.prefix, value)
    shaping = SHAPES.get(shape) if shape is not None else None
    return shaping.sql(value) if shaping else value


@lru_cache(maxsize=LEAVES_KEPT)
def written(read: reads.Column, shape: str | None, home: FromClause, name: str) -> ColumnElement[Any] | None:
    """A leaf as text, the same in all plans that name the row so; None where it is more than text."""
    at = sql.named(home, name)
    return sql.written(leaf(read, shape, home, at), at)


@lru_cache(maxsize=LEAVES_KEPT)
def scope(source: reads.Source, access: Access, name: str) -> tuple[ColumnElement[bool], ...]:
    """The condition on rows that somebody may see, as text; none where they may see all."""
    if source.scope is None or isinstance(source.scope, reads.Within):
        raise TypeError("these rows have no scope of their own")
    condition = source.scope(access)
    if condition is None:
        return ()
    at = sql.named(source.home, name)
    # Text stands as it is among the other conditions: what needs parentheses there gets them here.
    moved: ColumnElement[bool] = sql.move(condition, source.home, at).self_group(against=and_)
    made = sql.written(moved, at)
    return (moved if made is None else made,)


@lru_cache(maxsize=LEAVES_KEPT)
def row_id(prefix: str, name: str) -> ColumnElement[Any]:
    """A row's id in the client's form, as text."""
    at = table(name, column("id", Uuid()))
    found = sql.written(sql.id_sql(prefix, at.c.id), at)
    if found is None:
        raise TypeError("an id is text")
    return found


def name_of(at: FromClause) -> str:
    """What a row is called in the statement."""
    name: str = at.name  # type: ignore[attr-defined]  # aliases and subqueries have one
    return name
