"""What the catalogue proves of an expression: that it is never null, and that an index orders rows by it."""

import itertools
from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BindParameter,
    Case,
    Cast,
    ColumnClause,
    False_,
    FromClause,
    Index,
    Label,
    Null,
    PrimaryKeyConstraint,
    ScalarSelect,
    Select,
    Subquery,
    Table,
    True_,
    TypeCoerce,
    UniqueConstraint,
)
from sqlalchemy import Column as TableColumn
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import (
    BinaryExpression,
    BooleanClauseList,
    ExpressionClauseList,
    Grouping,
    Over,
    UnaryExpression,
)
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import is_, is_distinct_from, is_not, is_not_distinct_from
from sqlalchemy.sql.selectable import Exists
from sqlalchemy.sql.visitors import iterate

from salonos.graph.reads import ACTOR, ARGUMENT, NOW

ALWAYS = frozenset({"count", "now", "row_number", "concat", "json_agg_strict", "array_remove"})
"""Functions whose result is never null."""

ANY_OF = frozenset({"coalesce", "greatest", "least"})
"""Functions whose result is null only if every argument is."""

STRICT = frozenset(
    [
        "upper",
        "lower",
        "abs",
        "round",
        "right",
        "left",
        "split_part",
        "replace",
        "to_char",
        "timezone",
        "date",
        "encode",
        "length",
        "trim",
        "trim_scale",
        "cast",
        "uuid_send",
        "substring",
        "ltrim",
        "rtrim",
        "make_date",
        "extract",
        "date_part",
        "floor",
        "ceil",
        "mod",
        "array_length_strict",
    ]
)
"""Functions whose result is null only if an argument is."""

AGGREGATES = frozenset(
    ["count", "sum", "max", "min", "avg", "bool_or", "bool_and", "array_agg", "json_agg", "jsonb_agg", "string_agg"]
)
_DIALECT: Any = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy has no types for it
_COMPARED = (is_, is_not, is_distinct_from, is_not_distinct_from)


def is_never_null(expression: Any) -> bool:  # noqa: C901, PLR0911  one answer for each kind of expression
    """Whether an expression's value can't be null. "Don't know" is no."""
    element = getattr(expression, "expression", expression)
    match element:
        case Exists() | True_() | False_():
            return True
        case Null():
            return False
        case Label() | Grouping():
            return is_never_null(element.element)
        case Cast() | TypeCoerce():
            return is_never_null(element.clause)
        case Over():
            return is_never_null(element.element)
        case BindParameter():
            return _is_never_null_parameter(element)
        case ScalarSelect():
            return _is_never_null_scalar(element)
        case FunctionElement():
            return _is_never_null_function(element)
        case Case():
            results = [result for _, result in element.whens]
            return element.else_ is not None and all(is_never_null(each) for each in [*results, element.else_])
        case BinaryExpression():
            return element.operator in _COMPARED or (is_never_null(element.left) and is_never_null(element.right))
        case UnaryExpression():
            return is_never_null(element.element)
        case BooleanClauseList() | ExpressionClauseList():
            return all(is_never_null(each) for each in element.clauses)
        case ColumnClause():
            return _is_never_null_column(element)
        case _:
            return False


def _is_never_null_parameter(element: BindParameter[Any]) -> bool:
    if element.key.startswith(ACTOR):
        return True
    if element.key.startswith((ARGUMENT, NOW)):
        return False
    return element.value is not None


def _is_never_null_column(element: ColumnClause[Any]) -> bool:
    if element.is_literal:
        return element.name.lower() != "null"
    if isinstance(element.table, Subquery):
        inner = element.table.element
        return isinstance(inner, Select) and is_never_null(inner.selected_columns[element.key])
    return isinstance(element, TableColumn) and not element.nullable


def _is_never_null_function(element: FunctionElement[Any]) -> bool:
    name = getattr(element, "name", "").lower()
    arguments = list(element.clauses)
    if name in ALWAYS:
        return True
    if name in ANY_OF:
        return any(is_never_null(each) for each in arguments)
    return name in STRICT and all(is_never_null(each) for each in arguments)


def _is_never_null_scalar(element: ScalarSelect[Any]) -> bool:
    """A subselect of one aggregate has exactly one row; any other may have none."""
    query = element.element
    inner = getattr(query, "element", query)
    if not isinstance(inner, Select) or list(inner._group_by_clauses):  # noqa: SLF001  there is no public way to ask
        return False
    (column,) = inner.selected_columns
    names = {getattr(part, "name", "") for part in iterate(getattr(column, "element", column))}
    return bool(names & AGGREGATES) and is_never_null(column)


# --- indexes


def is_ordered_by_index(home: FromClause, key: Any) -> bool:
    """Whether an index has the key followed by the id, after any columns that are compared for equality."""
    if not isinstance(home, Table):
        return False
    wanted = _text(key)
    for columns, is_unique in _indexes(home):
        if columns == [wanted] and is_unique:
            return True
        if any(pair == (wanted, "id") for pair in itertools.pairwise(columns)):
            return True
    return wanted == "id"


def is_found_by_index(home: FromClause, key: str) -> bool:
    """Whether an index begins with a column."""
    return isinstance(home, Table) and any(columns[:1] == [key] for columns, _ in _indexes(home))


def _indexes(home: Table) -> Iterable[tuple[list[str], bool]]:
    for index in home.indexes:
        yield [_text(each) for each in _expressions(index)], bool(index.unique)
    for constraint in home.constraints:
        if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint):
            yield [column.name for column in constraint.columns], True
    for column in home.columns:
        if column.unique:
            yield [column.name], True


def _expressions(index: Index) -> list[Any]:
    return list(index.expressions)


def _text(expression: Any) -> str:
    """An expression as text, without its table and its direction."""
    element = getattr(expression, "expression", expression)
    if isinstance(element, UnaryExpression):
        element = element.element
    if isinstance(element, ColumnClause):
        return element.name
    made = str(element.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))
    for part in iterate(element):
        if isinstance(part, TableColumn) and part.table is not None:
            made = made.replace(f"{part.table.name}.", "")
    return made
