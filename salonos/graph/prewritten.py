"""Declared SQL as text that is made once: SQLAlchemy writes it anew for each statement that it is part of.

The text keeps its parameters, which get their places in whatever statement it stands.
"""

import warnings
from typing import Any, TypeAlias

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Dialect,
    FromClause,
    Select,
    Subquery,
    TextClause,
    column,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.exc import SAWarning
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import FROM_LINTING
from sqlalchemy.sql.selectable import TextualSelect
from sqlalchemy.types import TypeEngine

_DIALECT: Dialect = asyncpg_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy has no types for it
_MARK = "\0"
"""Stands on both sides of a parameter's number: no SQL holds it."""

_HERE = "here__"
Parts: TypeAlias = tuple[str | BindParameter[Any], ...]


class _Writer(_DIALECT.statement_compiler):  # type: ignore[misc,name-defined]  # it is a class
    """Writes a statement, with marks where its parameters are."""

    def visit_bindparam(self, bindparam: BindParameter[Any], **_: Any) -> str:
        """A mark."""
        if bindparam.expanding:
            raise TypeError(f"{bindparam.key} has as many places as its value has members")
        found: list[BindParameter[Any]] = self.__dict__.setdefault("parameters", [])
        found.append(bindparam)
        return f"{_MARK}{len(found) - 1}{_MARK}"


_DIALECT.statement_compiler = _Writer


class _WrittenRows(TextClause):
    """A select: text and parameters by turns."""

    inherit_cache = False

    def __init__(self, parts: Parts) -> None:
        super().__init__("")
        self.parts = parts


class _WrittenValue(ColumnElement[Any]):
    """An expression: text and parameters by turns."""

    inherit_cache = False

    def __init__(self, parts: Parts, kind: TypeEngine[Any]) -> None:
        self.parts = parts
        self.type = kind


@compiles(_WrittenRows)
@compiles(_WrittenValue)
def _write(element: _WrittenRows | _WrittenValue, compiler: Any, **_: Any) -> str:
    return "".join(part if isinstance(part, str) else compiler.process(part) for part in element.parts)


def rows(query: Select[*tuple[Any, ...]], name: str) -> Subquery:
    """A select that depends on nothing around it, under a name.

    Raises: SAWarning for a cartesian product.
    """
    columns: list[Any] = [column(str(each.key), each.type) for each in query.selected_columns]
    return TextualSelect(_WrittenRows(_parts(*_compiled(query))), columns).subquery(name)


def value(expression: ColumnElement[Any], at: FromClause) -> ColumnElement[Any] | None:
    """An expression over a row, its subselects correlated to it; None where it can't be told from the row's own text.

    Raises: SAWarning for a cartesian product.
    """
    before, _, after = _compiled(_over(at, literal_column(_HERE)))[0].partition(_HERE)
    text, parameters = _compiled(_over(at, expression))
    if not (text.startswith(before) and text.endswith(after)):
        return None
    parts = _parts(text[len(before) : len(text) - len(after)], parameters)
    if len(parts) == 1:
        return literal_column(str(parts[0]), expression.type)
    return _WrittenValue(parts, expression.type)


def _over(at: FromClause, expression: ColumnElement[Any]) -> Select[Any]:
    return select(expression.label("value")).select_from(at)


def _compiled(query: Select[*tuple[Any, ...]]) -> tuple[str, list[BindParameter[Any]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", SAWarning)
        made = query.compile(dialect=_DIALECT, linting=FROM_LINTING)
    return str(made), getattr(made, "parameters", [])


def _parts(text: str, parameters: list[BindParameter[Any]]) -> Parts:
    return tuple(parameters[int(piece)] if place % 2 else piece for place, piece in enumerate(text.split(_MARK)))
