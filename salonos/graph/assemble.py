"""Features become one schema: their modules' types, what they extend, and the resolvers of what graphql-core runs."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLFieldResolver,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_union_type,
)
from strawberry.schema.config import StrawberryConfig

from salonos.graph import problem as problem_room
from salonos.graph.context import Context
from salonos.graph.directives import ARGUMENTS, Rule, rule, rule_of
from salonos.graph.fields import EXTENSIONS, SOURCES
from salonos.graph.inputs import arguments_of
from salonos.graph.mutations import WRITE, Writer
from salonos.graph.plan import Ready
from salonos.graph.problem import PROBLEMS
from salonos.graph.reads import Source
from salonos.graph.roots import Mutation, Query, Subscription
from salonos.graph.scalars import SCALARS

DEFINITION = "strawberry-definition"


@dataclass(frozen=True, eq=False)
class Graph:
    """A schema that is ready to answer: graphql-core's form, and the sources of its types by name."""

    schema: strawberry.Schema
    core: GraphQLSchema
    sources: Mapping[str, Source]
    types: Mapping[str, type[Any]]
    """Python classes by the schema's names: objects, inputs and enums."""
    by_prefix: Mapping[str, GraphQLObjectType]

    @property
    def sdl(self) -> str:
        """The schema definition language of it, with descriptions and directives."""
        return self.schema.as_str() + "\n"


class SchemaFault(Exception):  # noqa: N818  what is wrong with the declarations, found at start-up
    """The declarations promise what can't be kept; one line each."""


def assemble(features: Iterable[ModuleType]) -> Graph:
    """The schema, unchecked."""
    names = tuple(feature.__name__ for feature in features)
    sources = {kind: source for kind, source in SOURCES.items() if _belongs(kind, names)}
    shared = (*names, problem_room.__name__)
    problems = [kind for kind in PROBLEMS.values() if _belongs(kind, shared)]
    extensions = [(target, added) for target, added in EXTENSIONS if _belongs(added, names)]
    with extended(extensions) as roots:
        made = strawberry.Schema(
            query=Query,
            mutation=Mutation if Mutation in roots else None,
            subscription=Subscription if Subscription in roots else None,
            types=[*sources, *problems],
            config=StrawberryConfig(scalar_map=dict(SCALARS)),
        )
    core = made._schema  # noqa: SLF001  graphql-core's schema has no other door
    by_name = {kind.__strawberry_definition__.name: source for kind, source in sources.items()}
    types = {name: kind for name, each in core.type_map.items() if (kind := _python_type(each)) is not None}
    by_prefix = {source.prefix: core.type_map[name] for name, source in by_name.items() if source.prefix}
    graph = Graph(made, core, by_name, types, by_prefix)  # type: ignore[arg-type]  # types with sources are objects
    for (directive, argument), meaning in ARGUMENTS.items():
        found = core.get_directive(directive)
        if found is not None:
            found.args[argument].description = meaning
    core.type_map["__Type"].fields["isOneOf"].resolve = _is_one_of  # type: ignore[attr-defined]  # an object type
    _inherit_rules(graph)
    _set_resolvers(graph)
    return graph


def _is_one_of(kind: Any, _: object) -> bool | None:
    """Introspection's `isOneOf`. Strawberry's own answer is a bug's for lists and non-nulls, which no definition made."""
    return bool(kind.extensions[DEFINITION].is_one_of) if isinstance(kind, GraphQLInputObjectType) else None


@contextmanager
def extended(extensions: list[tuple[type[Any], type[Any]]]) -> Iterator[set[type[Any]]]:
    """Adds what the features extend to its targets while a schema is made, and takes it away again.

    The targets are shared by every schema of the process: the tests have one of their own.
    """
    kept = {target: list(_definition(target).fields) for target, _ in extensions}
    try:
        for target, added in extensions:
            taken = {each.python_name for each in _definition(target).fields}
            for each in _definition(added).fields:
                if each.python_name in taken:
                    raise SchemaFault(f"{target.__name__}.{each.python_name} is declared twice")
                _definition(target).fields.append(each)
        yield {target for target, _ in extensions}
    finally:
        for target, fields in kept.items():
            _definition(target).fields[:] = fields


def target_of(definition: GraphQLField) -> GraphQLNamedType:
    """The type of the rows that a field returns, through a connection too."""
    named: GraphQLNamedType = get_named_type(definition.type)
    if isinstance(named, GraphQLObjectType) and named.name.endswith("Connection") and "nodes" in named.fields:
        rows: GraphQLNamedType = get_named_type(named.fields["nodes"].type)
        return rows
    return named


def rule_of_field(graph: Graph, definition: GraphQLField) -> Rule | None:
    """A field's guard: its own, else that of the type it returns."""
    declared = definition.extensions.get(DEFINITION)
    own = rule_of(declared.directives) if declared is not None else None
    if own is not None:
        return own
    source = graph.sources.get(target_of(definition).name)
    return rule(source.requires) if source is not None else None


def _definition(kind: type[Any]) -> Any:
    return kind.__strawberry_definition__


def _belongs(kind: type[Any], modules: tuple[str, ...]) -> bool:
    return any(kind.__module__ == name or kind.__module__.startswith(f"{name}.") for name in modules)


def _python_type(kind: GraphQLNamedType) -> type[Any] | None:
    declared = kind.extensions.get(DEFINITION)
    if isinstance(kind, GraphQLEnumType):
        return getattr(declared, "wrapped_cls", None)
    if isinstance(kind, GraphQLObjectType | GraphQLInputObjectType):
        return getattr(declared, "origin", None)
    return None


def _inherit_rules(graph: Graph) -> None:
    """Prints the guard of a root field's type at the field, where a client looks for it."""
    for definition in graph.core.query_type.fields.values() if graph.core.query_type else ():
        declared = definition.extensions[DEFINITION]
        inherited = rule_of_field(graph, definition)
        if rule_of(declared.directives) is None and inherited is not None:
            declared.directives = [*declared.directives, inherited]


def _set_resolvers(graph: Graph) -> None:
    """Replaces Strawberry's resolvers: writes by their `Writer`, everything else by its attribute."""
    core = graph.core
    for kind in core.type_map.values():
        if not isinstance(kind, GraphQLObjectType) or kind.name.startswith("__") or kind is core.query_type:
            continue
        for name, definition in kind.fields.items():
            declared = definition.extensions[DEFINITION]
            if kind is core.mutation_type:
                definition.resolve = _writer(f"{kind.name}.{name}", definition)
            elif kind is core.subscription_type:
                definition.resolve = _root_value
            else:
                guard = rule_of_field(graph, definition)
                definition.resolve = _attribute(declared.python_name, f"{kind.name}.{name}", guard)


def _writer(coordinate: str, definition: GraphQLField) -> Writer:
    declared = definition.extensions[DEFINITION]
    return Writer(
        declared.metadata[WRITE],
        rule_of(declared.directives),
        coordinate,
        arguments_of(coordinate, definition.args),
        is_union_type(get_nullable_type(definition.type)),
        declared,
    )


def _root_value(root: Any, *_: Any, **__: Any) -> Any:
    return root


def _attribute(name: str, coordinate: str, guard: Rule | None) -> GraphQLFieldResolver:
    """A payload's field. What a plan has read is guarded by the plan; anything else is guarded here."""

    def resolve(source: Any, info: Any, **__: Any) -> Any:
        value = getattr(source, name)
        if guard is None or isinstance(value, Ready):
            return value
        context: Context = info.context
        denial = guard.denial(context.actor.access)
        if denial is None:
            return value
        extensions = {**denial, "coordinate": coordinate}
        context.denials.setdefault(coordinate, {"message": "You may not read this.", "extensions": extensions})
        return None

    return resolve
