"""Which columns of tables an expression rests on, however far below it: what a field tells of, if only as a sum.

Of a select only the asked column counts, and what chooses, joins and groups its rows; not its other columns, which may
be other people's to see.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

from sqlalchemy import ColumnClause, CompoundSelect, Select, Table
from sqlalchemy.sql.selectable import Alias, AliasedReturnsRows, Join
from sqlalchemy.sql.visitors import iterate

Named: TypeAlias = tuple[str, str]
"""A table and its column."""


def rests_on(expression: Any) -> set[Named]:
    """The columns of tables below an expression."""
    found: set[Named] = set()
    looked_at: set[tuple[int, str]] = set()
    waiting = [expression]
    while waiting:
        for each in iterate(getattr(waiting[-1], "expression", waiting.pop())):
            if not isinstance(each, ColumnClause):
                continue
            owner: Any = each.table
            while isinstance(owner, Alias):
                owner = owner.element
            if isinstance(owner, Table):
                found.add((owner.name, each.key))
            elif isinstance(owner, AliasedReturnsRows) and (id(owner), each.key) not in looked_at:
                looked_at.add((id(owner), each.key))
                waiting += below(owner.element, each.key)
    return found


def below(query: Any, name: str) -> Iterator[Any]:
    """What a query's column is made of, and what its rows depend on."""
    match query:
        case CompoundSelect():
            place = list(query.selected_columns.keys()).index(name)
            for each in query.selects:
                yield from below(each, list(each.selected_columns.keys())[place])
        case Select():
            yield query.selected_columns[name]
            yield from chosen_by(query)
        case _:
            yield query


def chosen_by(query: Select[Any]) -> Iterator[Any]:
    """What chooses, groups and joins the rows of a query."""
    yield from query._where_criteria
    yield from query._group_by_clauses
    for each in query.get_final_froms():
        yield from joined_by(each)


def joined_by(source: Any) -> Iterator[Any]:
    """What joins the parts of a source."""
    if isinstance(source, Join):
        yield source.onclause
        yield from joined_by(source.left)
        yield from joined_by(source.right)
    elif isinstance(source, AliasedReturnsRows) and isinstance(source.element, Select):
        yield from chosen_by(source.element)
