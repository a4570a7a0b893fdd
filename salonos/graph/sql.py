"""Small pieces of SQL: moving declared expressions, rows and lists as JSON, cursors, and the finished statement."""

import warnings
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnClause,
    ColumnElement,
    Date,
    DateTime,
    Dialect,
    FromClause,
    Integer,
    LargeBinary,
    Select,
    Table,
    Text,
    TextClause,
    UniqueConstraint,
    Uuid,
    cast,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.exc import SAWarning
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import FROM_LINTING
from sqlalchemy.sql.selectable import AliasedReturnsRows, SelectBase
from sqlalchemy.sql.visitors import iterate, replacement_traverse
from sqlalchemy.types import NULLTYPE, TypeEngine

from salonos.graph import prewritten
from salonos.graph.reads import Expression, unmarked
from salonos.graph.scalars import SHAPES, instant_text
from salonos.kernel.problems import BadCursor

DIALECT: Dialect = asyncpg_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy has no types for it
EMPTY = "{}"
"""A column that stands for a selection that @skip emptied: no response name looks like this."""

BIGINT_MAX, INTEGER_MAX = 2**63 - 1, 2**31 - 1
CURSOR_VERSION = "1"
_ROW = '"[]"'
_EMPTY: ColumnElement[Any] = literal_column("'{}'::json").label(EMPTY)
NOTHING: ColumnElement[Any] = literal_column("'[]'")


def move(expression: Expression | Any, home: FromClause, to: FromClause) -> Any:
    """The same expression over another alias of its source. Other aliases of it inside stay what they are."""

    def replaced(element: Any, **_: Any) -> Any:
        if isinstance(element, Table):  # an annotated table is another object: its name tells
            return to if isinstance(home, Table) and element.fullname == home.fullname else None
        if isinstance(element, ColumnClause):
            return to.c[element.key] if _is_of(element, home) else None
        if isinstance(element, AliasedReturnsRows):
            return to if element is home else element
        return None

    element: Any = getattr(expression, "expression", expression)
    return unmarked(replacement_traverse(element, {}, replaced))


def _is_of(column: ColumnClause[Any], home: FromClause) -> bool:
    owner = column.table
    if isinstance(owner, Table) and isinstance(home, Table):
        return owner.fullname == home.fullname
    return owner is home


@lru_cache(maxsize=512)
def named(source: FromClause, name: str) -> FromClause:
    """A source under another name. It is the same object for all plans: its columns are made once."""
    return source.alias(name)


@lru_cache(maxsize=4_096)
def columns_of(expression: Expression | Any, home: FromClause) -> frozenset[str]:
    """The columns of its source that an expression reads, in whatever it holds."""
    element: Any = getattr(expression, "expression", expression)
    return frozenset(each.key for each in iterate(element) if isinstance(each, ColumnClause) and _is_of(each, home))


def correlated(query: Select[Any], outer: FromClause | None) -> Select[Any]:
    """SQLAlchemy never guesses correlation for a subselect in FROM; we always say it."""
    return query if outer is None else query.correlate(outer)


def text_literal(value: str) -> ColumnElement[Any]:
    """A name of the schema as SQL text; never a value of a request."""
    return literal_column(_quoted(value), Text())


def _quoted(name: str) -> str:
    if not name.replace("_", "").isalnum():
        raise ValueError(f"{name!r} is no name")
    return f"'{name}'"


def number(value: int) -> ColumnElement[int]:
    """A number of a declaration as SQL text; never a value of a request."""
    return literal_column(str(int(value)), Integer())


def tie_breakers(source: Table, by: Iterable[Expression], among: Any) -> list[str]:
    """The columns of a table's key that an order still needs: none where the order's columns are unique among the rows.

    A further term would cost a sort for each list, where an index has the rows in their order already.
    """
    named = {getattr(each, "key", None) for each in (*by, *([among] if among is not None else []))}
    for rule in source.constraints:
        if isinstance(rule, UniqueConstraint) and all(c.key in named and not c.nullable for c in rule.columns):
            return []
    return [key for key in source.primary_key.columns.keys() if key not in named]  # noqa: SIM118  no mapping


def id_sql(prefix: str, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """An id in the client's form; null where the uuid is."""
    hexadecimal = func.encode(func.uuid_send(value), literal_column("'hex'"), type_=Text())
    return literal_column(f"'{prefix}_'", Text()).op("||")(hexadecimal)


def written(expression: ColumnElement[Any], at: FromClause) -> ColumnElement[Any] | None:
    """An expression over a row as the text that it becomes, so that no other statement makes it again."""
    if any(isinstance(each, BindParameter | SelectBase) for each in iterate(expression)):
        return prewritten.value(expression, at)
    return literal_column(str(expression.compile(dialect=DIALECT)), expression.type)


# --- JSON


class _Selection(TextClause):
    """Columns under their response names, as one: SQLAlchemy's way of labelling each of them costs more than the rest."""

    inherit_cache = False

    def __init__(self, values: Mapping[str, ColumnElement[Any]]) -> None:
        super().__init__("")
        self.values = values


@compiles(_Selection)
def _write_selection(element: _Selection, compiler: Any, **_: Any) -> str:
    return ", ".join(f'{compiler.process(value)} AS "{name}"' for name, value in element.values.items())


def selection(values: Mapping[str, ColumnElement[Any]]) -> Any:
    """What a row's select reads, by response name. One that @skip emptied is an empty object: a row has a column."""
    return _Selection(values) if values else _EMPTY


class _Json(ColumnElement[Any]):
    """What is made of each row of a select, as one value.

    A response name stands for itself before it stands for a row, so the row's own name is none that a client can give.
    """

    inherit_cache = False

    def __init__(self, query: Select[Any], made: str) -> None:
        self.query = query
        self.made = made
        self.type = NULLTYPE


@compiles(_Json)
def _write_json(element: _Json, compiler: Any, **_: Any) -> str:
    return f"(SELECT {element.made} FROM ({compiler.process(element.query)}) AS {_ROW})"  # noqa: S608  a compiler writes it


def _row_json(query: Select[Any]) -> str:
    return f'{_ROW}."{EMPTY}"' if any(each is _EMPTY for each in query.inner_columns) else f"row_to_json({_ROW})"


def json_row(query: Select[Any]) -> ColumnElement[Any]:
    """A select of at most one row as an object, or null."""
    return _Json(query, _row_json(query))


def json_list(query: Select[Any]) -> ColumnElement[Any]:
    """A select as a list of objects."""
    return _Json(query, f"coalesce(json_agg({_row_json(query)}), '[]')")


def json_value(values: Mapping[str, ColumnElement[Any]], at: FromClause) -> ColumnElement[Any]:
    """Values of the row at hand as an object."""
    return json_row(select(selection(values)).correlate(at))


def json_object(values: Mapping[str, str]) -> ColumnElement[Any]:
    """SQL texts as an object, under their response names."""
    pairs = ", ".join(f"{_quoted(name)}, {value}" for name, value in values.items())
    return literal_column(f"json_build_object({pairs})")


def json_parts(parts: Iterable[ColumnElement[Any]]) -> ColumnElement[Any]:
    """What an opener gets: a list of values, bytes as base64."""
    return func.json_build_array(
        *[
            func.encode(part, literal_column("'base64'")) if isinstance(part.type, LargeBinary) else part
            for part in parts
        ]
    )


# --- cursors: base64url of version | order | sort key | id

Key: TypeAlias = int | str | datetime | date | UUID


@lru_cache(maxsize=512)
def cursor_sql(order: str, *, is_instant: bool) -> ColumnElement[str]:
    """A row's cursor, made of its `key_` and `id`; null where the key is. Its text is written once for all plans.

    The key's text is one that `cursor_key` reads again, exactly.
    """
    key: ColumnElement[Any] = column("key_")
    key = SHAPES["DateTime"].sql(key) if is_instant else cast(key, Text)
    head = literal_column(f"'{CURSOR_VERSION}|{order}|'", Text())
    made = head.op("||")(key).op("||")(literal_column("'|'", Text())).op("||")(cast(column("id"), Text))
    encoded = func.encode(func.convert_to(made, literal_column("'UTF8'")), literal_column("'base64'"))
    cursor = func.translate(encoded, literal_column("E'+/=\\n'"), literal_column("'-_'"))
    return literal_column(str(cursor.compile(dialect=DIALECT)), Text())


def cursor_text(order: str, key: str, row_id: UUID) -> str:
    """The same in Python."""
    return b64encode(f"{CURSOR_VERSION}|{order}|{key}|{row_id}".encode(), altchars=b"-_").decode().rstrip("=")


def cursor_parts(cursor: str, order: str) -> tuple[str, UUID]:
    """The sort key and the id of a cursor.

    Raises: BadCursor for anything that we did not write for this order.
    """
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        version, named, rest = text.split("|", 2)
        key, _, row_id = rest.rpartition("|")
        found = key, UUID(row_id)
    except ValueError:
        raise BadCursor("This is not a cursor of this list.") from None
    if version != CURSOR_VERSION or named != order or "\0" in key or cursor_text(order, *found) != cursor:
        raise BadCursor("This is not a cursor of this list and order.")
    return found


def cursor_key(text: str, kind: TypeEngine[Any]) -> Key:
    """A sort key as a parameter.

    Raises: BadCursor for a text that is not the one that we write for this key, or that its column can't hold.
    """
    try:
        value, ours = _key(text, kind)
    except (ValueError, OverflowError):
        raise BadCursor("This is not a cursor of this list.") from None
    if ours != text:
        raise BadCursor("This is not a cursor of this list.")
    return value


def _key(text: str, kind: TypeEngine[Any]) -> tuple[Key, str]:
    """A sort key, and the text that `cursor_sql` makes of it.

    Raises: ValueError; OverflowError for an instant whose offset leads out of what a datetime can be.
    """
    match kind:
        case DateTime():
            instant = datetime.fromisoformat(text)
            return instant, instant_text(instant)
        case Date():
            day = date.fromisoformat(text)
            return day, day.isoformat()
        case Uuid():
            row_id = UUID(text)
            return row_id, str(row_id)
        case Integer():
            number, most = int(text), BIGINT_MAX if isinstance(kind, BigInteger) else INTEGER_MAX
            if abs(number) > most:
                raise ValueError("the column is narrower")
            return number, str(number)
        case _:
            return text, text


# --- the statement


def compiled(columns: Mapping[str, ColumnElement[Any]]) -> tuple[str, list[BindParameter[Any]]]:
    """The whole statement, a text column for each; and its parameters in the order of their places.

    Raises: SAWarning for a cartesian product, at any depth: an expression that was not moved to its row.
    """
    query = select(*[cast(column, Text).label(f"c{place}") for place, column in enumerate(columns.values())])
    with warnings.catch_warnings():
        warnings.simplefilter("error", SAWarning)
        made = query.compile(dialect=DIALECT, linting=FROM_LINTING)
    return str(made), [made.binds[name] for name in made.positiontup or ()]
