"""How a type says what it reads: the words a feature's `graph.py` is written with.

    @node(tables.Bill, scope=bills_in_reach, requires=Permission.BILL_READ)     a type whose rows have ids
    class Bill(Node):
        "A sale to a customer: …"                                               (docstring = description)
        number: str | None = column(tables.Bill.number, "Null while it is a draft.")
        branch: Branch = one(tables.Bill.branch_id, "Where it was sold.", within=True)
        lines: list[BillLine] = many(tables.BillLine.bill_id, "At most 200.", order_by=tables.BillLine.position)

    @row(tables.EntryLine, scope=Within(tables.EntryLine.entry_id, "Entry"))    rows that have no id of their own
    @row(Computed("day_figures", build))                                        rows that no table holds

    @extend(Query)
    class BillReads:
        bill: Bill | None = by_id("A bill by id.")
        bill_by_number: Bill | None = by_key("A bill by its number.", number=key(tables.Bill.number, "As printed."))
        bills: Connection[Bill] | None = connection(None, "All bills.", order=BillOrder, filter=BillFilter)
        accounts: list[Account] | None = listing("The chart.", order_by=tables.Account.code)
        dashboard: Dashboard | None = reading("A day's figures.", branch_id=argument(strawberry.ID | None, "…", prefix="branch"))

Inputs and payloads are plain `strawberry.input` and `strawberry.type` classes whose fields are `field("what it is")`; a
guarded input field is `field("…", requires=Permission.X)`. Enums get their descriptions by `enum_of`.

A type's own permission guards every field that returns it; `requires` on a field replaces it there. A root field that
leads to an unguarded type names `requires=AUTHENTICATED` or `PUBLIC`.
"""

import enum
import inspect
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast, dataclass_transform
from uuid import UUID

import strawberry
from sqlalchemy import FromClause, Uuid
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute
from sqlalchemy.types import TypeEngine
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument

from salonos.graph.directives import AUTHENTICATED, PUBLIC, Mask, Masked, Rule, rule
from salonos.graph.reads import (
    READ,
    Argument,
    ById,
    ByKey,
    ByNode,
    Column,
    Computed,
    Condition,
    Expression,
    Many,
    Masking,
    One,
    Order,
    Pages,
    Part,
    Predicate,
    Read,
    Reading,
    Ref,
    Scope,
    Source,
    Where,
    Within,
    actor_value,
    argument_value,
    now_value,
    table_of,
)
from salonos.kernel import crypto
from salonos.kernel.actor import Access, Actor
from salonos.kernel.ids import id_value
from salonos.kernel.permissions import Permission

__all__ = [
    "AUTHENTICATED",
    "EXTENSIONS",
    "PUBLIC",
    "SOURCES",
    "Computed",
    "Order",
    "Part",
    "Within",
    "actor_value",
    "argument",
    "argument_value",
    "by_id",
    "by_key",
    "by_node",
    "column",
    "connection",
    "enum_of",
    "extend",
    "field",
    "key",
    "listing",
    "made",
    "many",
    "node",
    "now_value",
    "one",
    "orders",
    "reading",
    "ref",
    "row",
    "rows",
    "sealed",
    "where",
]

T = TypeVar("T")
E = TypeVar("E", bound=enum.EnumMeta)

SOURCES: dict[type[Any], Source] = {}
"""By Strawberry type. A schema takes those of its features' modules."""

EXTENSIONS: list[tuple[type[Any], type[Any]]] = []
"""Target and the class that extends it, as declared. A schema takes those of its features' modules."""

ROWS_MAX = 500


# --- fields of types


def column(  # noqa: PLR0913  each says something else about one leaf
    expression: Expression | tuple[Expression, ...],
    description: str,
    *,
    requires: Permission | None = None,
    opens: Callable[[list[Any]], Any] | None = None,
    mask: tuple[Mask, Permission] | None = None,
    part: Expression | None = None,
    prefix: str | None = None,
    certain: bool = False,
) -> Any:
    """A leaf.

    `opens` finishes the value in Python from the list of the expressions' values, as JSON has them (ids as 36
    characters, money as integer paise, bytes as base64). `mask=(Mask.FIRST_NAME, permission)` shows only a part to
    those without the permission: `part` is the column that holds it, else it is cut from the whole in SQL. `prefix`
    makes an ID leaf of a uuid. `certain` vouches that an expression is never null where the catalogue can't show it.
    """
    expressions = expression if isinstance(expression, tuple) else (expression,)
    masking = Masking(mask[0], mask[1], part) if mask else None
    masked = (Masked(as_=mask[0], unless=mask[1]),) if mask else ()
    return _read(Column(expressions, opens, masking, prefix, certain), description, rule(requires), (), *masked)


def sealed(
    on: InstrumentedAttribute[Any],
    description: str,
    *,
    person_key: Expression | None = None,
    requires: Permission | None = None,
    mask: tuple[Mask, Permission] | None = None,
    part: Expression | None = None,
) -> Any:
    """Text sealed under a person's key, opened in Python and only when it is asked for; null once the key is gone.

    `person_key` is the wrapped key; the row's own column of that name when it is left out. The row's id is part of
    what the seal is bound to, so id, key and blob are fetched together.
    """
    mapped: Any = on.class_
    place = table_of(mapped).name
    wrapped = mapped.person_key if person_key is None else person_key

    def opened(values: list[Any]) -> str | None:
        row_id, person, blob = values
        if blob is None or person is None:
            return None
        where_it_lies = crypto.place_of(place, on.key, UUID(row_id).hex)
        return crypto.keyring().open(b64decode(person), b64decode(blob), place=where_it_lies)

    return column((mapped.id, wrapped, on), description, requires=requires, opens=opened, mask=mask, part=part)


def made(
    expressions: tuple[Expression, ...],
    description: str,
    *,
    makes: Callable[..., Any],
    requires: Permission | None = None,
    **arguments: Argument,
) -> Any:
    """A leaf that Python makes: `makes(values, access, **arguments)`, the values as those that `column` opens.

    Arguments are enums: they are part of the plan's key, and no value of a request stays in a plan.
    """
    given = [
        _argument(name, each.annotation, each.description, default=each.default, requires=each.requires)
        for name, each in arguments.items()
    ]
    return _read(Column(expressions, makes=makes), description, rule(requires), given)


def one(to: Expression, description: str, *, requires: Permission | Rule | None = None, within: bool = False) -> Any:
    """The row that a foreign key names. `within`: whoever sees this row sees that one, so that it may be non-null."""
    return _read(One(to, within), description, rule(requires))


def many(
    by: InstrumentedAttribute[Any],
    description: str,
    *,
    order_by: Expression | tuple[Expression, ...],
    requires: Permission | None = None,
    limit: int = ROWS_MAX,
) -> Any:
    """A bounded list of children by their foreign key; the description states the bound."""
    return _read(Many(by, _several(order_by), limit), description, rule(requires))


def rows(
    description: str,
    *,
    order_by: Expression | tuple[Expression, ...],
    on: Callable[[FromClause, FromClause], Predicate] | None = None,
    requires: Permission | None = None,
    limit: int = ROWS_MAX,
) -> Any:
    """A bounded list of a computed type's rows below a reading, whose arguments they share.

    `on(parent, child)` joins them to the parent's row: `on=lambda day, hour: hour.c.day == day.c.day`. The list may
    also be of a table's type: `on=lambda viewer, branch: branch.c.id == any_(viewer.c.branch_ids)`.
    """
    return _read(Many(None, _several(order_by), limit, on), description, rule(requires))


def connection(
    by: InstrumentedAttribute[Any] | None,
    description: str,
    *,
    order: type[enum.Enum] | Order,
    filter: type[Any] | None = None,
    requires: Permission | Rule | None = None,
    only: Callable[[FromClause], Predicate] | None = None,
    **keys: Argument,
) -> Any:
    """A page of rows by keyset: of all rows at the root (`by=None`), of a parent's children below it.

    `order` is an enum of `orders`, or one fixed Order. `only` narrows the rows for everybody. A further argument is a
    column that the rows must have the given value in: `branch_id=key(tables.Level.branch_id, "Where.", prefix="branch")`.
    """
    arguments = [
        *(_argument(name, each.annotation, each.description) for name, each in keys.items()),
        _argument("first", int | None, "How many rows from the beginning or after a cursor: 1 to 100.", default=20),
        _argument("after", str | None, "Where the page before ended."),
        _argument(
            "last", int | None, "How many rows from the end or before a cursor: 1 to 100; `first` then counts not."
        ),
        _argument("before", str | None, "Where the page after began."),
    ]
    if filter is not None:
        arguments.append(_argument("filter", filter | None, "Only rows for which all of its conditions hold."))
    if isinstance(order, Order):
        named: Mapping[str, Order] = {"ONLY": order}
    else:
        named = _ORDERS[order]
        arguments.append(_argument("order_by", order | None, f"`{next(iter(named))}` when it is left out."))
    only_these = (only,) if only else ()
    return _read(Pages(by, named, next(iter(named)), only_these, keys), description, rule(requires), arguments)


# --- root fields


def by_id(description: str, *, requires: Permission | Rule | None = None) -> Any:
    """One row by its id; null when there is none within reach."""
    return _read(ById(), description, rule(requires), [_argument("id", strawberry.ID, "Its id.")])


def key(
    on: InstrumentedAttribute[Any], description: str, *, prefix: str | None = None, annotation: Any = str
) -> Argument:
    """A column of a natural key. `annotation` is the argument's Python type; `prefix` makes it an id."""
    return Argument(strawberry.ID if prefix else annotation, description, prefix, on=on)


def by_key(description: str, *, requires: Permission | Rule | None = None, **keys: Argument) -> Any:
    """One row by a natural key, an argument per column: `number=key(tables.Bill.number, "As printed.")`."""
    arguments = [_argument(name, each.annotation, each.description) for name, each in keys.items()]
    return _read(ByKey(keys), description, rule(requires), arguments)


def by_node(description: str, *, requires: Rule, listed: bool = False) -> Any:
    """A root field over all types that have ids."""
    given = (
        _argument("ids", list[strawberry.ID], "1 to 50 ids.") if listed else _argument("id", strawberry.ID, "An id.")
    )
    return _read(ByNode(listed), description, requires, [given])


def argument(
    annotation: Any,
    description: str,
    *,
    prefix: str | None = None,
    default: Any = strawberry.UNSET,
    requires: Permission | None = None,
) -> Argument:
    """An argument of a reading. `prefix` says that it is an id of that type, and makes it a UUID."""
    return Argument(annotation, description, prefix, default, requires=requires)


def reading(description: str, *, requires: Permission | Rule | None = None, **arguments: Argument) -> Any:
    """A computed row made of its arguments, which its select and those of the lists below it bind by their names."""
    given = [
        _argument(name, each.annotation, each.description, default=each.default, requires=each.requires)
        for name, each in arguments.items()
    ]
    return _read(Reading(arguments), description, rule(requires), given)


def listing(
    description: str,
    *,
    order_by: Expression | tuple[Expression, ...],
    requires: Permission | Rule | None = None,
    limit: int = ROWS_MAX,
    only: Callable[[FromClause], Predicate] | None = None,
    **arguments: Argument,
) -> Any:
    """A bounded list of rows at the root; the description states the bound."""
    given = [
        _argument(name, each.annotation, each.description, default=each.default, requires=each.requires)
        for name, each in arguments.items()
    ]
    return _read(Reading(arguments, _several(order_by), limit, only), description, rule(requires), given)


# --- inputs, payloads, enums


def field(description: str, *, requires: Permission | None = None, default: Any = strawberry.UNSET) -> Any:
    """A field of an input or of a payload. An optional input field that was left out is None in Python."""
    directives = [each for each in (rule(requires),) if each is not None]
    return strawberry.field(description=description, directives=directives, default=default)


def where(  # noqa: PLR0913  each says something else about one condition
    on: Expression,
    description: str,
    *,
    condition: Condition | None = None,
    kind: TypeEngine[Any] | None = None,
    prefix: str | None = None,
    parts: tuple[Part, ...] | None = None,
    requires: Permission | None = None,
    masked: tuple[Permission, Condition] | None = None,
    varies: bool = False,
    through: Callable[[Access], Predicate | None] | None = None,
) -> Any:
    """A filter's input field: equality unless `condition(on, value)` says otherwise.

    `prefix`: the value is an id of that type, or a list of ids. `kind`: the parameter's SQL type where it is not the
    column's. `parts`: what the condition's parameters are made of, one each, in place of the value itself.
    `masked=(permission, condition)`: the condition for those without the permission. `varies`: few or nearly all rows
    may pass, by the value; a page in another order than the field's own is then planned by PostgreSQL for each value.
    `through`: the row scope of another type by whose rows these are found, which the condition is handed as `reach`: what
    is out of reach there must not be told by what is found here.
    """
    if parts is None:
        make: Callable[[Any], Any] = _unchanged if prefix is None else _ids_of(prefix)
        parts = (Part(make, kind or (Uuid() if prefix else on.expression.type)),)
    test = Where(on, parts, condition or _equal, requires, masked, prefix, varies, through)
    directives = [each for each in (rule(requires),) if each is not None]
    return strawberry.field(
        description=description, directives=directives, default=strawberry.UNSET, metadata={READ: test}
    )


_ORDERS: dict[type[enum.Enum], Mapping[str, Order]] = {}


def orders(**named: Order) -> Callable[[type[enum.Enum]], type[enum.Enum]]:
    """Decorator of an order enum, whose members it makes: what each name means in SQL. The first is the default."""

    def decorate(cls: type[enum.Enum]) -> type[enum.Enum]:
        members = [(name, name) for name in named]
        made = enum.Enum(cls.__name__, members, module=cls.__module__)  # type: ignore[misc]  # the members are computed
        values = {name: each.description or _order_description(each) for name, each in named.items()}
        guarded = {name: each.requires for name, each in named.items() if each.requires}
        enum_of(made, inspect.getdoc(cls) or "How the rows are ordered. The id breaks ties.", guarded, **values)
        _ORDERS[made] = named
        return made

    return decorate


def enum_of(kind: E, description: str, requires: Mapping[str, Permission] | None = None, **values: str) -> E:
    """Gives a plain enum its place in the schema, with a description for each value (`CASH="Notes and coins."`)."""
    made = strawberry.enum(kind, description=description)
    for value in cast(Any, made).__strawberry_definition__.values:
        value.description = values.pop(value.name, None)
        if requires and (needed := requires.get(value.name)):
            value.directives = (rule(needed),)
    if values:
        raise TypeError(f"{kind.__name__} has no {', '.join(values)}")
    return made


# --- types


@dataclass_transform(
    kw_only_default=True, field_specifiers=(column, made, sealed, one, many, rows, connection, strawberry.field)
)
def node(
    mapped: type[DeclarativeBase], *, scope: Scope | Within, requires: Permission | None = None
) -> Callable[[type[T]], type[T]]:
    """A type whose rows have ids. `scope` narrows the rows by who reads; `requires` guards every way in."""
    home = table_of(mapped)
    prefix: str = home.c.id.info["prefix"]
    return _typed(Source(home, prefix, scope, requires))


@dataclass_transform(
    kw_only_default=True, field_specifiers=(column, made, sealed, one, many, rows, connection, strawberry.field)
)
def row(
    source: type[DeclarativeBase] | Computed, *, scope: Scope | Within | None = None, requires: Permission | None = None
) -> Callable[[type[T]], type[T]]:
    """A type whose rows have no id of their own: parts of others, or computed."""
    if isinstance(source, Computed):
        return _typed(Source(source, None, scope, requires))
    if scope is None:
        raise TypeError(f"{source.__name__}: rows of a table say who may see which")
    return _typed(Source(table_of(source), None, scope, requires))


@dataclass_transform(
    kw_only_default=True,
    field_specifiers=(
        column,
        made,
        one,
        many,
        rows,
        connection,
        by_id,
        by_key,
        by_node,
        reading,
        listing,
        strawberry.field,
    ),
)
def extend(target: type[Any]) -> Callable[[type[T]], type[T]]:
    """As SDL's `extend type`: in a schema that has this feature, the fields below belong to `target`."""

    def decorate(cls: type[T]) -> type[T]:
        made = strawberry.type(cls)
        EXTENSIONS.append((target, made))
        return made

    return decorate


def ref(kind: type[T], id: UUID | None = None, *, actor: Actor | None = None) -> T:
    """Stands for an object in a payload: `PostBillSuccess(bill=ref(Bill, bill_id))`, read by its plan.

    A computed type has no id: `SignInSuccess(viewer=ref(Viewer, actor=new_actor))`, read with that actor's rights.
    """
    return cast(T, Ref(kind, id, actor))


# --- what they share


def _typed(source: Source) -> Callable[[type[T]], type[T]]:
    def decorate(cls: type[T]) -> type[T]:
        guard = rule(source.requires)
        made = strawberry.type(description=inspect.getdoc(cls), directives=[guard] if guard else [])(cls)
        SOURCES[made] = source
        return made

    return decorate


def _read(
    read: Read,
    description: str,
    guard: Rule | None,
    arguments: list[StrawberryArgument] | tuple[()] = (),
    *directives: object,
) -> Any:
    """A Strawberry field that carries its read; made of no subclass, since Strawberry copies fields by its own class."""
    all_directives = [each for each in (guard, *directives) if each is not None]
    made = strawberry.field(description=description, directives=all_directives, metadata={READ: read})
    made.arguments = list(arguments)
    return made


def _argument(
    name: str, kind: Any, description: str, *, default: Any = strawberry.UNSET, requires: Permission | None = None
) -> StrawberryArgument:
    """UNSET, since a default of None would print `= null`."""
    guard = rule(requires)
    directives = [guard] if guard else []
    annotation = StrawberryAnnotation(kind)
    return StrawberryArgument(name, None, annotation, description=description, default=default, directives=directives)


def _several(order_by: Expression | tuple[Expression, ...]) -> tuple[Expression, ...]:
    return order_by if isinstance(order_by, tuple) else (order_by,)


def _order_description(order: Order) -> str:
    name = getattr(order.by, "key", None) or "this value"
    return f"By {str(name).replace('_', ' ')}, {'descending' if order.descending else 'ascending'}."


def _equal(on: Expression, value: Any) -> Predicate:
    test: Predicate = on.expression == value
    return test


def _unchanged(value: Any) -> Any:
    return value


def _ids_of(prefix: str) -> Callable[[Any], Any]:
    def made(value: Any) -> Any:
        return [id_value(prefix, each) for each in value] if isinstance(value, list) else id_value(prefix, value)

    return made
