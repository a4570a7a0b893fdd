"""What a declaration keeps: the values that `fields` makes and the compiler turns into SQL.

A *source* is where rows come from: a mapped table, or a `Computed` select made of arguments and the actor's values. A
*read* says what a field is in terms of its source.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, DateTime, FromClause, Select, Subquery, Table, bindparam, func
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute
from sqlalchemy.sql.selectable import SelectBase
from sqlalchemy.sql.visitors import iterate, replacement_traverse
from sqlalchemy.types import TypeEngine
from sqlalchemy.util import immutabledict

from salonos.graph import prewritten
from salonos.graph.directives import Mask
from salonos.kernel.actor import Access, Actor, Reach, access
from salonos.kernel.permissions import Permission

READ = "salonos.read"
"""The key in a Strawberry field's metadata: the one place that Strawberry copies along."""

ACTOR, ARGUMENT, NOW = "actor__", "argument__", "now__"
Expression: TypeAlias = ColumnElement[Any] | InstrumentedAttribute[Any]
Predicate: TypeAlias = ColumnElement[bool]
Scope: TypeAlias = Callable[[Access], Predicate | None]


def actor_value(name: str, kind: TypeEngine[Any]) -> BindParameter[Any]:
    """For scopes and computed selects: a value of whoever reads (`id`, `branch_id`, `branch_ids`), never its text."""
    return bindparam(f"{ACTOR}{name}", type_=kind)


def argument_value(name: str, kind: TypeEngine[Any]) -> BindParameter[Any]:
    """For computed selects: an argument of the reading, by its Python name; NULL when it was left out."""
    return bindparam(f"{ARGUMENT}{name}", type_=kind)


def now_value() -> ColumnElement[Any]:
    """For computed selects: the instant of the read, as a TIMESTAMPTZ; a set clock's, where one is set."""
    return func.coalesce(bindparam(NOW, type_=DateTime(timezone=True)), func.now())


def table_of(mapped: type[DeclarativeBase]) -> Table:
    """A mapped class's table."""
    home = sa_inspect(mapped).local_table
    if not isinstance(home, Table):
        raise TypeError(f"{mapped.__name__} is not mapped to a table")
    return home


_SAMPLE = access(frozenset(Permission), frozenset(), Reach.ALL)


class Computed:
    """Rows that no table holds: a select made of `argument_value`s and `actor_value`s, for the rights of who reads.

    The columns, by name and type, are the same for all rights; `c` is what a type's fields are declared with.
    """

    def __init__(self, name: str, build: Callable[[Access], Select[*tuple[Any, ...]]]) -> None:
        self.name = name
        self.build = build

    @cached_property
    def sample(self) -> Subquery:
        """The select as an actor with all rights would read it, for its columns."""
        return self.build(_SAMPLE).subquery(self.name)

    @property
    def c(self) -> Any:
        """The columns."""
        return self.sample.c


@dataclass(frozen=True)
class Within:
    """Rows seen exactly with their parent: nothing to add below it, an EXISTS elsewhere."""

    key: InstrumentedAttribute[Any]
    parent: str
    """The parent type's name: a child is declared before its parent."""


@dataclass(frozen=True, eq=False)
class Source:
    """Where a type's rows come from and who may see which."""

    rows: Table | Computed
    prefix: str | None
    scope: Scope | Within | None
    requires: Permission | None

    @property
    def home(self) -> FromClause:
        """What the declared expressions refer to."""
        return self.rows.sample if isinstance(self.rows, Computed) else self.rows


def unmarked(made: Any) -> Any:
    """A clone without the ORM's mark: any select that it is part of would be compiled by way of the ORM, twice as slowly.

    SQLAlchemy has no public word for it. Where the mark stays, nothing but time is lost.
    """
    made._propagate_attrs = immutabledict()  # noqa: SLF001
    return made


@lru_cache(maxsize=256)
def computed_as(rows: Computed, access: Access, name: str) -> tuple[Subquery, Mapping[str, str]]:
    """Computed rows under a name, for some rights; and the arguments by the names of their parameters.

    The name is one place in a statement: its parameters are named after it, so that the same object serves all plans.
    """
    arguments: dict[str, str] = {}

    def renamed(element: Any, **_: Any) -> Any:
        if not isinstance(element, BindParameter) or not element.key.startswith(ARGUMENT):
            return None
        key = f"{name}__{element.key}"
        arguments[key] = element.key.removeprefix(ARGUMENT)
        return bindparam(key, type_=element.type)

    query: Any = rows.build(access)
    made: Any = replacement_traverse(query, {}, renamed)
    for each in iterate(made):
        if isinstance(each, SelectBase):
            unmarked(each)
    return prewritten.rows(made, name), arguments


@dataclass(frozen=True)
class Masking:
    """Whoever lacks `unless` sees only a part, cut from `part` or from the whole."""

    mask: Mask
    unless: Permission
    part: Expression | None


@dataclass(frozen=True, eq=False)
class Column:
    """An expression, or several that `opens` finishes in Python after the fetch. Each declaration is one of its own."""

    expressions: tuple[Expression, ...]
    opens: Callable[[list[Any]], Any] | None = None
    masking: Masking | None = None
    prefix: str | None = None
    is_certain: bool = False
    makes: "Callable[..., Any] | None" = None
    """As `opens`, with the rights of who reads and the field's arguments by name: `makes(values, access, **given)`."""

    def opener(self, access: Access, given: Mapping[str, Any]) -> Callable[[list[Any]], Any] | None:
        """What finishes the value for these rights and arguments; None where SQL does."""
        return self.opens if self.makes is None else partial(self.makes, access=access, **given)


@dataclass(frozen=True)
class One:
    """The row whose id is `key`."""

    key: Expression
    is_within: bool = False


@dataclass(frozen=True)
class Many:
    """The rows whose `key` is this row's id, or the rows of a computed select."""

    key: InstrumentedAttribute[Any] | None
    order_by: tuple[Expression, ...]
    limit: int
    on: Callable[[FromClause, FromClause], Predicate] | None = None


@dataclass(frozen=True)
class Order:
    """A name a client may order by. The id always breaks ties.

    `masked` is what those order by who lack the permission: the part of the value that they may see.
    """

    by: Expression
    description: str = ""
    descending: bool = False
    requires: Permission | None = None
    masked: tuple[Expression, Permission] | None = None

    def key(self, access: Access) -> Expression:
        """What is ordered by for these rights."""
        if self.masked is not None and self.masked[1] not in access.permissions:
            return self.masked[0]
        return self.by


@dataclass(frozen=True)
class Part:
    """One parameter of a condition: made from the input value in Python, bound as an SQL type. None is NULL."""

    make: Callable[[Any], Any]
    kind: TypeEngine[Any]


Condition: TypeAlias = Callable[..., Predicate]


@dataclass(frozen=True)
class Where:
    """A filter's input field: `condition(expression, *parameters)`."""

    on: Expression
    parts: tuple[Part, ...]
    condition: Condition
    requires: Permission | None = None
    masked: tuple[Permission, Condition] | None = None
    prefix: str | None = None
    varies: bool = False
    """Whether few or nearly all rows may pass, so that no one statement plan serves every value."""
    through: Callable[[Access], Predicate | None] | None = None
    """The row scope of another type whose rows the condition goes by; it takes the predicate as `reach`, or None."""

    def test(self, access: Access, parameters: Sequence[ColumnElement[Any]]) -> Predicate:
        """The condition for these rights."""
        unless = self.masked
        condition = self.condition if unless is None or unless[0] in access.permissions else unless[1]
        if self.through is None:
            return condition(self.on, *parameters)
        return condition(self.on, *parameters, reach=self.through(access))


@dataclass(frozen=True)
class Pages:
    """A connection: of all rows, or of those whose `key` is this row's id."""

    key: InstrumentedAttribute[Any] | None
    orders: Mapping[str, Order]
    default_order: str
    filters: tuple[Callable[[FromClause], Predicate], ...] = ()
    keys: "Mapping[str, Argument]" = field(default_factory=dict)
    """Arguments that a column must equal: argument name -> column."""


@dataclass(frozen=True)
class ById:
    """A root field that reads one row by its id."""


@dataclass(frozen=True)
class ByKey:
    """A root field that reads one row by a natural key: argument name -> column."""

    keys: Mapping[str, "Argument"]


@dataclass(frozen=True)
class ByNode:
    """`node(id)` and `nodes(ids)`: the prefix chooses the table."""

    listed: bool


@dataclass(frozen=True)
class Argument:
    """An argument of a reading or of a natural key. `prefix` makes it an id of that type."""

    annotation: Any
    description: str
    prefix: str | None = None
    default: Any = None
    on: Expression | None = None
    requires: Permission | None = None


@dataclass(frozen=True)
class Reading:
    """A computed row, or several, made of the arguments."""

    arguments: Mapping[str, Argument] = field(default_factory=dict)
    order_by: tuple[Expression, ...] = ()
    limit: int = 1
    predicate: Callable[[FromClause], Predicate] | None = None


Read: TypeAlias = Column | One | Many | Pages | ById | ByKey | ByNode | Reading


@dataclass(frozen=True, eq=False)
class Ref:
    """Stands where an object will be: a command knows the id, the plan reads the selection.

    `actor` reads it with other rights than the request's: right after sign-in, its new owner's.
    """

    kind: type[Any]
    id: UUID | None
    actor: Actor | None = None
