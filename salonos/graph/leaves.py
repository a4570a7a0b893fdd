"""Leaves of a plan: a scalar of a row as SQL, and as text that is written once for all plans."""

from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Uuid, column, table

from salonos.graph import reads, sql
from salonos.graph.scalars import SHAPES

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
    return sql.written(leaf(read, shape, home, sql.named(home, name)))


@lru_cache(maxsize=LEAVES_KEPT)
def row_id(prefix: str, name: str) -> ColumnElement[Any]:
    """A row's id in the client's form, as text."""
    found = sql.written(sql.id_sql(prefix, table(name, column("id", Uuid())).c.id))
    if found is None:
        raise TypeError("an id is text")
    return found


def name_of(at: FromClause) -> str:
    """What a row is called in the statement."""
    name: str = at.name  # type: ignore[attr-defined]  # aliases and subqueries have one
    return name
