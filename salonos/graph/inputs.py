"""From coerced arguments to a resolver's inputs: builders made once a schema, and guards of what may be used.

Strawberry converts arguments field by field each time and takes five times as long; these builders know everything
beforehand. A field that was left out is None in Python, unless the class says otherwise.
"""

import dataclasses
import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import strawberry
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLScalarType,
    get_named_type,
    is_list_type,
    is_non_null_type,
)

from salonos.graph.directives import Denial, RequiresPermission, Rule, rule_of
from salonos.kernel.actor import Access
from salonos.kernel.problems import BadRequest

Builder = Callable[[Any], Any]
Denials = dict[str, Denial]
_DEFINITION = "strawberry-definition"


def rule_of_enum_value(kind: GraphQLEnumType, member: Any) -> Rule | None:
    """The guard of an enum's value."""
    declared = kind.extensions.get(_DEFINITION)
    name = member.name if isinstance(member, enum.Enum) else member
    for value in getattr(declared, "values", ()):
        if value.name == name:
            return rule_of(value.directives)
    return None


def _rule(declared: GraphQLInputField | GraphQLArgument) -> Rule | None:
    definition = declared.extensions.get(_DEFINITION)
    return rule_of(getattr(definition, "directives", None) or ())


def has_guards(kind: Any) -> bool:
    """Whether anything within an input type needs a permission."""
    return _has_guards(get_named_type(kind), frozenset())


@lru_cache(maxsize=2_048)
def _has_guards(named: Any, seen: frozenset[str]) -> bool:
    if isinstance(named, GraphQLEnumType):
        declared = named.extensions.get(_DEFINITION)
        return any(rule_of(value.directives) for value in getattr(declared, "values", ()))
    if not isinstance(named, GraphQLInputObjectType) or named.name in seen:
        return False
    within = seen | {named.name}
    fields = named.fields.values()
    return any(_rule(each) is not None or _has_guards(get_named_type(each.type), within) for each in fields)


def denials_in(kind: Any, value: Any, access: Access, found: Denials) -> None:
    """Adds a denial for each guarded field or enum value that a coerced value uses without the permission."""
    named = get_named_type(kind)
    if isinstance(value, list):
        for each in value:
            denials_in(named, each, access, found)
    elif isinstance(named, GraphQLEnumType) and value is not None:
        _deny(rule_of_enum_value(named, value), f"{named.name}.{getattr(value, 'name', value)}", access, found)
    elif isinstance(named, GraphQLInputObjectType) and isinstance(value, dict):
        for name, inner in value.items():
            if inner is None:
                continue
            declared = named.fields[name]
            _deny(_rule(declared), f"{named.name}.{name}", access, found)
            if has_guards(declared.type):
                denials_in(declared.type, inner, access, found)


def _deny(guard: Rule | None, coordinate: str, access: Access, found: Denials) -> None:
    if isinstance(guard, RequiresPermission) and (denial := guard.denial(access)):
        found[coordinate] = denial


@dataclass(frozen=True, eq=False)
class Arguments:
    """A field's arguments: how they become Python values, and which of them are guarded."""

    coordinate: str
    declared: Mapping[str, GraphQLArgument]
    names: Mapping[str, str]
    builders: Mapping[str, Builder]
    guarded: tuple[str, ...]

    def build(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Keyword arguments for the resolver."""
        return {self.names[name]: self.builders[name](value) for name, value in given.items()}

    def denials(self, given: Mapping[str, Any], access: Access) -> Denials:
        """One denial for each coordinate that was used without its permission."""
        found: Denials = {}
        for name in self.guarded:
            if given.get(name) is not None:
                _deny(_rule(self.declared[name]), f"{self.coordinate}({name}:)", access, found)
                denials_in(self.declared[name].type, given[name], access, found)
        return found


def arguments_of(coordinate: str, declared: Mapping[str, GraphQLArgument]) -> Arguments:
    """Builders and guards of a field's arguments."""
    names = {name: getattr(each.extensions.get(_DEFINITION), "python_name", name) for name, each in declared.items()}
    builders = {name: builder_of(each.type, {}) for name, each in declared.items()}
    guarded = tuple(name for name, each in declared.items() if _rule(each) or has_guards(each.type))
    return Arguments(coordinate, dict(declared), names, builders, guarded)


def builder_of(kind: Any, known: dict[str, Builder]) -> Builder:
    """What makes a Python value of a coerced one."""
    if is_non_null_type(kind):
        return builder_of(kind.of_type, known)
    if is_list_type(kind):
        inner = builder_of(kind.of_type, known)
        return lambda values: None if values is None else [inner(each) for each in values]
    if isinstance(kind, GraphQLInputObjectType):
        return _object_builder(kind, known)
    if isinstance(kind, GraphQLScalarType) and kind.name in {"String", "ID"}:
        return _text
    return _as_is


def _object_builder(kind: GraphQLInputObjectType, known: dict[str, Builder]) -> Builder:
    if kind.name in known:
        return lambda value: known[kind.name](value)  # noqa: PLW0108  an input within itself: known later
    declared = kind.extensions[_DEFINITION]
    made: type[Any] = declared.origin
    fields: dict[str, tuple[str, Builder]] = {}
    known[kind.name] = _as_is
    for name, each in kind.fields.items():
        fields[name] = (each.extensions[_DEFINITION].python_name, builder_of(each.type, known))
    absent = {each.python_name: None for each in declared.fields if _is_left_out_as_none(each)}

    def build(value: dict[str, Any] | None) -> Any:
        if value is None:
            return None
        filled = dict(absent)
        for name, inner in value.items():
            python_name, make = fields[name]
            filled[python_name] = make(inner)
        return made(**filled)

    known[kind.name] = build
    return build


def _is_left_out_as_none(declared: Any) -> bool:
    has_default = declared.default is not dataclasses.MISSING and declared.default is not strawberry.UNSET
    return not has_default and declared.default_factory is dataclasses.MISSING


def _as_is(value: Any) -> Any:
    return value


def _text(value: Any) -> Any:
    """NUL is a character that PostgreSQL can't hold; graphql-core and the JSON reader refuse lone surrogates."""
    if isinstance(value, str) and "\0" in value:
        raise BadRequest("Text holds no NUL character.")
    return value
