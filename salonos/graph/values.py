"""Arguments as a plan sees them: what the document says is a constant, what comes with the request is a slot.

A value of a request must never stay in a plan. So a variable becomes a constant only where it is part of the plan's
key (enums, booleans, nulls, which keys are there); everything else is read from the request each time.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql import (
    ConstListValueNode,
    FieldNode,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLScalarType,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    coerce_input_literal,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_non_null_type,
)

from salonos.graph.plan import Inputs
from salonos.kernel.ids import id_prefix
from salonos.kernel.problems import BadRequest

Shape: TypeAlias = Callable[[Mapping[str, Any]], Any]
ABSENT = "absent"


@dataclass(frozen=True)
class Slot:
    """A value that comes with each request: a variable, or a place inside one."""

    path: tuple[str, ...]

    def read(self, inputs: Inputs) -> Any:
        """The value of this request."""
        value: Any = inputs.variables
        for key in self.path:
            value = value[key]
        return value


@dataclass(frozen=True)
class Const:
    """A value that stands in the document, or is part of the plan's key."""

    value: Any

    def read(self, inputs: Inputs) -> Any:  # noqa: ARG002  the interface
        """The value."""
        return self.value


@dataclass(frozen=True)
class Several:
    """A list literal: each item stands in the document or comes with the request."""

    items: tuple["Value", ...]

    def read(self, inputs: Inputs) -> Any:
        """The items of this request."""
        return [item.read(inputs) for item in self.items]


Value: TypeAlias = Slot | Const | Several
Given: TypeAlias = Value | Mapping[str, Any]
"""A value, or the fields of an input object by name, each of them Given."""


def is_given(value: Given | None) -> bool:
    """Whether a value was given that is not null."""
    return value is not None and not (isinstance(value, Const) and value.value is None)


def plain_value(given: Given, inputs: Inputs) -> Any:
    """The value of this request, input objects as dicts."""
    if isinstance(given, Mapping):
        return {name: plain_value(inner, inputs) for name, inner in given.items()}
    return given.read(inputs)


@dataclass(frozen=True)
class Reader:
    """Reads the arguments of fields for one plan. `coerced` are the variables of the request that the plan is made for."""

    coerced: Mapping[str, Any]

    def arguments(self, node: FieldNode, definition: GraphQLField) -> dict[str, Given]:
        """What a field was given, defaults included; what was left out is missing."""
        written = {argument.name.value: argument.value for argument in node.arguments or ()}
        found: dict[str, Given] = {}
        for name, argument in definition.args.items():
            value = self.value(written[name], argument.type) if name in written else None
            if value is None and argument.default_value is not Undefined:
                value = Const(argument.default_value)
            if value is not None:
                found[name] = value
        return found

    def value(self, node: ValueNode, kind: Any) -> Given | None:
        """One value; None for a variable that was left out."""
        match node:
            case VariableNode():
                name = node.name.value
                return spread(self.coerced[name], (name,)) if name in self.coerced else None
            case NullValueNode():
                return Const(None)
            case ObjectValueNode():
                return self._object(node, kind)
            case ListValueNode() | ConstListValueNode():
                inner = get_nullable_type(kind)
                item_kind = inner.of_type if is_list_type(inner) else inner
                items = [self.value(item, item_kind) or Const(None) for item in node.values]
                return Several(tuple(item if isinstance(item, Value) else Const(None) for item in items))
            case _:
                value = coerce_input_literal(node, kind)
                if value is Undefined:
                    raise BadRequest("An argument has no such value.")
                return Const(value)  # no variables here: a value of a request must never stay in a plan

    def _object(self, node: ObjectValueNode, kind: Any) -> Given:
        named = get_named_type(kind)
        if not isinstance(named, GraphQLInputObjectType):
            raise BadRequest("An argument has no such value.")
        written = {each.name.value: each.value for each in node.fields}
        found: dict[str, Given] = {}
        for name, declared in named.fields.items():
            value = self.value(written[name], declared.type) if name in written else None
            if value is None and declared.default_value is not Undefined:
                value = Const(declared.default_value)
            if value is not None:
                found[name] = value
        return found


def spread(value: Any, path: tuple[str, ...]) -> Given:
    """A variable's value as slots; what belongs to the plan's key as constants."""
    if isinstance(value, dict):
        return {key: spread(inner, (*path, key)) for key, inner in value.items()}
    return Const(value) if value is None or isinstance(value, enum.Enum | bool) else Slot(path)


# --- the plan's key


def shape(value: Any) -> Any:
    """What of an input value changes the SQL: which keys are there, enums, booleans, nulls; never text or numbers."""
    if isinstance(value, dict):
        return tuple((key, shape(inner)) for key, inner in sorted(value.items()))
    if isinstance(value, list):
        return tuple(shape(each) for each in value) if _is_telling(value) else "[]"
    return value if value is None or isinstance(value, enum.Enum | bool) else "value"


def _is_telling(values: Sequence[Any]) -> bool:
    """Whether a list holds what belongs to the key: enums (a value may be guarded) or objects."""
    return any(isinstance(each, enum.Enum | dict) for each in values)


def prefixes(value: Any) -> Any:
    """The types that ids name: they choose the tables.

    Raises: BadRequest for what is no id.
    """
    if value is None:
        return None
    return tuple(sorted({id_prefix(each) for each in value})) if isinstance(value, list) else id_prefix(str(value))


def shape_of_variable(name: str, kind: Any, *, names_a_type: bool) -> Shape | None:
    """How a variable takes part in the plan's key; None when it can't change the SQL."""
    if names_a_type:
        return lambda coerced: prefixes(coerced[name]) if name in coerced else ABSENT
    named = get_named_type(kind)
    if isinstance(named, GraphQLScalarType) and named.name != "Boolean" and is_non_null_type(kind):
        return None
    return lambda coerced: shape(coerced[name]) if name in coerced else ABSENT
