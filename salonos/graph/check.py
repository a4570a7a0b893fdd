"""What start-up refuses: a promise of the schema that the catalogue would not keep, a way in without a guard, silence.

Each fault is a line: the coordinate, and what is wrong there.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLUnionType,
    Undefined,
    get_named_type,
    get_nullable_type,
    is_introspection_type,
    is_list_type,
    is_non_null_type,
    is_specified_scalar_type,
)
from sqlalchemy import Column as TableColumn
from sqlalchemy import Text
from sqlalchemy.types import Enum as EnumType

from salonos.graph import narrowing, reads
from salonos.graph.assemble import DEFINITION, Graph, rule_of_field, target_of
from salonos.graph.catalogue import is_found_by_index, is_never_null, is_ordered_by_index
from salonos.graph.directives import PUBLIC, Masked, RequiresPermission, Rule, rule_of
from salonos.graph.mutations import WRITE
from salonos.graph.scalars import rests
from salonos.kernel.permissions import Permission


def faults(graph: Graph) -> list[str]:
    """Every fault, a line each; none for a schema that may be served."""
    found = []
    for kind in graph.core.type_map.values():
        if not is_introspection_type(kind) and not is_specified_scalar_type(kind):
            found += [f"{where}: {fault}" for where, fault in _of_type(graph, kind)]
    for name, source in graph.sources.items():
        if isinstance(source.scope, reads.Within) and source.scope.parent not in graph.sources:
            found.append(f"{name}: lies within {source.scope.parent}, which has no rows")
    prefixes = [source.prefix for source in graph.sources.values() if source.prefix]
    found += [
        f"{prefix}_…: two types have ids of this prefix" for prefix in {p for p in prefixes if prefixes.count(p) > 1}
    ]
    return found + narrowing.faults(graph)


Fault = tuple[str, str]


def _of_type(graph: Graph, kind: GraphQLNamedType) -> Iterator[Fault]:  # noqa: C901  one branch for each kind of type
    if not kind.description:
        yield kind.name, "has no description"
    match kind:
        case GraphQLObjectType() | GraphQLInterfaceType():
            for name, definition in kind.fields.items():
                for fault in _of_field(graph, kind, name, definition):
                    yield f"{kind.name}.{name}", fault
        case GraphQLInputObjectType():
            for name, declared in kind.fields.items():
                yield from _of_input(f"{kind.name}.{name}", declared)
        case GraphQLEnumType():
            for name, value in kind.values.items():
                if not value.description:
                    yield f"{kind.name}.{name}", "has no description"
        case GraphQLScalarType() | GraphQLUnionType():
            return
        case _:
            yield kind.name, "is of no kind that we know"


def _of_input(where: str, declared: Any) -> Iterator[Fault]:
    if not declared.description:
        yield where, "has no description"
    definition = declared.extensions.get(DEFINITION)
    guard = rule_of(getattr(definition, "directives", None) or ())
    if guard is not None and (is_non_null_type(declared.type) or declared.default_value is not Undefined):
        yield where, "a guarded input is optional and has no default"


def _of_field(
    graph: Graph, kind: GraphQLObjectType | GraphQLInterfaceType, name: str, definition: GraphQLField
) -> Iterator[str]:
    core = graph.core
    if not definition.description:
        yield "has no description"
    for argument_name, argument in definition.args.items():
        for where, fault in _of_input(f"({argument_name}:)", argument):
            yield f"{where} {fault}"
    roots = (core.query_type, core.mutation_type, core.subscription_type)
    if kind in roots:
        yield from _of_root(graph, kind, definition)
    else:
        yield from _of_guard(graph, kind, definition)
    declared = definition.extensions.get(DEFINITION)
    read = declared.metadata.get(reads.READ) if declared is not None else None
    source = graph.sources.get(kind.name)
    if source is not None and read is None and name not in {"id", "__typename"}:
        yield "does not say what it reads"
    if read is not None:
        for check in _CHECKS.get(type(read), ()):
            yield from check(Place(graph, definition), read)


def _of_root(graph: Graph, kind: Any, definition: GraphQLField) -> Iterator[str]:
    declared = definition.extensions[DEFINITION]
    guards = [each for each in declared.directives if isinstance(each, Rule)]
    if len(guards) != 1:
        yield "a root field carries exactly one of @public, @authenticated, @requiresPermission"
    if is_non_null_type(definition.type):
        yield "a root field is nullable"
    if kind is graph.core.mutation_type:
        if list(definition.args) != ["input"] or not is_non_null_type(definition.args["input"].type):
            yield "a mutation has exactly one argument, `input`, and needs it"
        if WRITE not in declared.metadata:
            yield "a mutation is declared by `mutation`"


def _of_guard(graph: Graph, kind: GraphQLNamedType, definition: GraphQLField) -> Iterator[str]:
    """Denied is null: so whatever may be denied is nullable, unless whoever sees the parent may see it too."""
    guard = rule_of_field(graph, definition)
    if guard is None or guard is PUBLIC or not is_non_null_type(definition.type):
        return
    source = graph.sources.get(kind.name.removesuffix("Connection").removesuffix("Edge"))
    same = source is not None and isinstance(guard, RequiresPermission) and source.requires is guard.permission
    if not same:
        yield "may be denied, so it is nullable"


@dataclass(frozen=True)
class Place:
    """A field that is checked, and the schema that it stands in."""

    graph: Graph
    definition: GraphQLField


def _of_column(at: Place, read: reads.Column) -> Iterator[str]:
    named = get_named_type(at.definition.type)
    if read.opens is None and read.makes is None:
        if len(read.expressions) != 1:
            yield "several expressions need `opens`"
            return
        (expression,) = read.expressions
        sql_type = expression.expression.type
        if isinstance(named, GraphQLEnumType):
            if not isinstance(sql_type, EnumType | Text) and not _is_list(at.definition):
                yield f"{named.name} does not rest on {sql_type!r}"
            elif isinstance(sql_type, EnumType) and (missing := set(sql_type.enums) - set(named.values)):
                yield f"{named.name} lacks {', '.join(sorted(missing))}"
        elif not _is_list(at.definition) and not rests(named.name, sql_type):
            yield f"{named.name} does not rest on {sql_type!r}"
        if is_non_null_type(at.definition.type) and not read.is_certain and not is_never_null(expression):
            yield "is non-null, but its SQL may be null"
        if named.name == "ID" and read.prefix is None and not isinstance(sql_type, Text):
            yield "an id needs the prefix of its type"
    part = read.masking.part if read.masking is not None else None
    if part is not None and is_non_null_type(at.definition.type) and not is_never_null(part):
        yield "is non-null, but its masked part may be null"


def _of_leafs_arguments(at: Place, _: reads.Column) -> Iterator[str]:
    """No value of a request may stay in a plan."""
    if any(not isinstance(get_nullable_type(each.type), GraphQLEnumType) for each in at.definition.args.values()):
        yield "a leaf's arguments are enums, which are part of a plan's key"


def _of_one(at: Place, read: reads.One) -> Iterator[str]:
    if is_non_null_type(at.definition.type) and not (read.is_within and is_never_null(read.key)):
        yield "non-null needs a NOT NULL key and `within`"
    if target_of(at.definition).name not in at.graph.sources:
        yield "leads to no rows"


def _of_many(at: Place, read: reads.Many) -> Iterator[str]:
    target = at.graph.sources.get(target_of(at.definition).name)
    if target is None:
        yield "leads to no rows"
    elif read.key is not None and not is_found_by_index(target.home, read.key.key):
        yield f"no index begins with {read.key.key}"


def _of_key(at: Place, read: reads.ByKey) -> Iterator[str]:
    kind = target_of(at.definition)
    source = at.graph.sources.get(kind.name)
    if source is None:
        yield "leads to no rows"
        return
    hidden = _hidden(kind)
    for argument in read.keys.values():
        if argument.on is None:
            yield "its arguments are declared by `key`"
            continue
        for permission in _needed(argument.on, hidden):
            yield f"would tell what needs {permission.value}"
    first = [str(argument.on.key) for argument in read.keys.values() if argument.on is not None]
    if not any(is_found_by_index(source.home, name) for name in first):
        yield f"no index begins with {' or '.join(first)}"


def _of_pages(at: Place, read: reads.Pages) -> Iterator[str]:
    target = at.graph.sources.get(target_of(at.definition).name)
    if target is None or target.prefix is None:
        yield "a connection is over rows with ids"
        return
    hidden = _hidden(target_of(at.definition))
    for name, order in read.orders.items():
        keys = [order.by] + ([order.masked[0]] if order.masked else [])
        for key in keys:
            if not is_never_null(key):
                yield f"order {name}: its key may be null"
            if not is_ordered_by_index(target.home, key):
                yield f"order {name}: no index has its key followed by the id"
        for permission in _needed(order.by, hidden):
            if permission is not order.requires and not (order.masked and order.masked[1] is permission):
                yield f"order {name}: would tell what needs {permission.value}"
    yield from _of_keys(target.home, read)
    if "filter" in at.definition.args:
        yield from _of_filter(get_named_type(at.definition.args["filter"].type), hidden)


def _of_keys(home: Any, read: reads.Pages) -> Iterator[str]:
    fixed = [read.key] if read.key is not None else []
    for column in (*fixed, *(argument.on for argument in read.keys.values())):
        if column is None or not is_found_by_index(home, str(column.key)):
            yield f"no index begins with {column}"


def _of_filter(kind: Any, hidden: Mapping[str, Permission]) -> Iterator[str]:
    for name, declared in kind.fields.items():
        test = declared.extensions[DEFINITION].metadata.get(reads.READ)
        if not isinstance(test, reads.Where):
            yield f"filter {name}: is declared by `where`"
            continue
        for permission in _needed(test.on, hidden):
            if permission is not test.requires and not (test.masked and test.masked[0] is permission):
                yield f"filter {name}: would tell what needs {permission.value}"


def _hidden(kind: GraphQLNamedType) -> dict[str, Permission]:
    """Columns that are shown only with a permission beyond the type's own."""
    hidden: dict[str, Permission] = {}
    shown: set[str] = set()
    for definition in getattr(kind, "fields", {}).values():
        declared = definition.extensions.get(DEFINITION)
        read = declared.metadata.get(reads.READ) if declared is not None else None
        if not isinstance(read, reads.Column):
            continue
        own = rule_of(declared.directives)
        masked = next((each for each in declared.directives if isinstance(each, Masked)), None)
        for expression in read.expressions:
            column = expression.expression
            if not isinstance(column, TableColumn) or column.primary_key:
                continue
            if isinstance(own, RequiresPermission):
                hidden[column.key] = own.permission
            elif masked is not None:
                hidden[column.key] = masked.unless
            else:
                shown.add(column.key)
    return {name: permission for name, permission in hidden.items() if name not in shown}


def _needed(key: Any, hidden: Mapping[str, Permission]) -> list[Permission]:
    column = getattr(key, "expression", key)
    name = str(getattr(column, "key", ""))
    return [hidden[name]] if isinstance(column, TableColumn) and name in hidden else []


def _is_list(definition: GraphQLField) -> bool:
    return is_list_type(get_nullable_type(definition.type))


_CHECKS: Mapping[type[Any], tuple[Callable[..., Iterator[str]], ...]] = {
    reads.Column: (_of_column, _of_leafs_arguments),
    reads.One: (_of_one,),
    reads.Many: (_of_many,),
    reads.Pages: (_of_pages,),
    reads.ByKey: (_of_key,),
}
