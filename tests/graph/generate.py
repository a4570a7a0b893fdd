"""Random operations over any schema of ours: aliases, fragments, directives, variables, cursors, filters, orders."""

import random  # noqa: TID251  seeded, so that a failure can be made again
import re
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from salonos.graph import reads
from salonos.graph.assemble import DEFINITION, Graph


@dataclass
class Values:
    """What arguments may be: ids by prefix, and values that occur by scalar."""

    ids: dict[str, list[str]]
    words: dict[str, list[str]]


@dataclass
class Operation:
    """Text and variables."""

    text: str
    variables: dict[str, Any]


@dataclass
class Writer:
    """Writes one operation."""

    graph: Graph
    values: Values
    dice: random.Random
    depth: int = 4
    numbers: int = 0
    fields: int = 0
    variables: dict[str, tuple[str, Any]] = field(default_factory=dict)
    fragments: list[str] = field(default_factory=list)

    @property
    def core(self) -> GraphQLSchema:
        """The schema."""
        return self.graph.core

    def operation(self) -> Operation:
        """A query."""
        root = self.core.query_type
        assert root is not None
        body = self.selection(root, self.depth)
        self.fragments = self.spread(body)
        used = set(re.findall(r"\$(\w+)", " ".join([body, *self.fragments])))  # what was left out again took some along
        self.variables = {name: value for name, value in self.variables.items() if name in used}
        declared = ", ".join(f"${name}: {kind}" for name, (kind, _) in self.variables.items())
        text = f"query{f'({declared})' if declared else ''} {{ {body} }} " + " ".join(self.fragments)
        return Operation(text, {name: value for name, (_, value) in self.variables.items() if value is not ABSENT})

    def spread(self, body: str) -> list[str]:
        """The fragments that are in use: fields that were left out again took some along."""
        wanted = [body]
        for each in reversed(self.fragments):  # a fragment is written after those within it
            if any(f"...{each.split()[1]} " in text for text in wanted):
                wanted.append(each)
        return wanted[:0:-1]

    def number(self) -> int:
        """A number that no other name has."""
        self.numbers += 1
        return self.numbers

    def selection(self, kind: Any, depth: int) -> str:
        """Some fields of a type."""
        wanted = self.dice.randint(1, 5)
        out = [self.field(kind, name, depth) for name in self.dice.choices(list(kind.fields), k=wanted)]
        out = [each for each in out if each]
        if isinstance(kind, GraphQLObjectType) and kind is not self.core.query_type and self.dice.random() < 0.2:
            out.append(self.fragment(kind, depth))
        if not out or self.dice.random() < 0.25:
            out.append("__typename")
        return " ".join(out)

    def fragment(self, kind: GraphQLObjectType, depth: int) -> str:
        """The same type again, in a fragment: inline, without a condition, named, or on an interface."""
        body = self.selection(kind, max(depth - 2, 0))
        match self.dice.randrange(4):
            case 0:
                return f"... on {kind.name} {{ {body} }}"
            case 1:
                return f"... {self.directive()} {{ {body} }}"
            case 2:
                name = f"F{self.number()}"
                self.fragments.append(f"fragment {name} on {kind.name} {{ {body} }}")
                return f"...{name} {self.directive()}"
            case _:
                return "... on Node { id }" if kind.interfaces else "... { __typename }"

    def directive(self) -> str:
        """Now and then @skip or @include, by a literal or a variable."""
        if self.dice.random() > 0.2:
            return ""
        name, value = self.dice.choice(["skip", "include"]), self.dice.choice([True, False])
        given = self.variable("Boolean!", value) if self.dice.random() < 0.6 else str(value).lower()
        return f"@{name}(if: {given})"

    def field(self, kind: Any, name: str, depth: int) -> str:
        """One field, twice under one name now and then."""
        definition = kind.fields[name]
        target = get_named_type(definition.type)
        self.fields += 1
        if target.name == "EventCursor":
            return ""  # the moment of a statement, and the two that are compared are two
        if is_leaf_type(target):
            arguments = ""
            return f"{self.dice.choice(['a_', 'b_', ''])}{name}{arguments} {self.directive()}".replace(
                f"a_{name}", f"a_{name}: {name}"
            ).replace(f"b_{name}", f"b_{name}: {name}")
        if depth <= 0 or self.fields > 60:
            return ""
        arguments, directive = self.arguments(kind, definition), self.directive()
        alias = f"n{self.number()}"
        if name in {"node", "nodes"} and kind is self.core.query_type:
            return f"{alias}: {name}{arguments} {directive} {{ {self.any_node(depth)} }}"
        made = f"{alias}: {name}{arguments} {directive} {{ {self.selection(target, depth - 1)} }}"
        if self.dice.random() < 0.15:
            made += f" {alias}: {name}{arguments} {{ {self.selection(target, depth - 2)} }}"
        return made

    def any_node(self, depth: int) -> str:
        """Selections on several types of the interface; leaves have names of their own type."""
        parts = ["__typename", "id"]
        for kind in self.dice.sample(list(self.graph.by_prefix.values()), k=min(3, len(self.graph.by_prefix))):
            names = [n for n, d in kind.fields.items() if is_leaf_type(get_named_type(d.type)) and n != "id"]
            leaves = " ".join(f"{kind.name}_{n}: {n}" for n in self.dice.sample(names, k=min(2, len(names))))
            inner = [n for n, d in kind.fields.items() if not is_leaf_type(get_named_type(d.type))]
            nested = self.field(kind, self.dice.choice(inner), depth - 2) if inner and depth > 2 else ""
            parts.append(f"... on {kind.name} {{ __typename {leaves} {nested} }}")
        return " ".join(parts)

    # --- arguments

    def arguments(self, kind: Any, definition: Any) -> str:
        """What is demanded, and some of the rest."""
        read = definition.extensions[DEFINITION].metadata.get(reads.READ)
        given: list[str] = []
        backwards = "last" in definition.args and self.dice.random() < 0.25
        for name, argument in definition.args.items():
            if name in {"first", "last"}:
                if (name == "last") is backwards and (backwards or self.dice.random() < 0.8):
                    given.append(f"{name}: {self.value('Int', self.dice.choice([1, 2, 5, 30]))}")
                continue
            if name in {"after", "before"}:
                continue
            if not is_non_null_type(argument.type) and self.dice.random() < 0.5:
                continue
            value = self.argument(name, argument.type, definition, read)
            if value is not None:
                given.append(f"{name}: {value}")
        return f"({', '.join(given)})" if given else ""

    def argument(self, name: str, kind: Any, definition: Any, read: Any) -> str | None:
        """A value for one argument, as text."""
        prefix = self.prefix(name, definition, read)
        if name == "ids":
            ids = [self.id(None) for _ in range(self.dice.randint(1, 6))]
            if self.dice.random() < 0.3:
                return "[" + ", ".join(self.value("ID!", each) for each in ids) + "]"
            return self.value("[ID!]!", ids)
        named = get_named_type(kind)
        if named.name == "ID":
            return self.value(str(kind), self.id(prefix))
        if isinstance(named, GraphQLInputObjectType):
            value = self.object(named)
            return self.variable(str(kind), value) if self.dice.random() < 0.5 else self.written(value, named)
        value = self.scalar(named)
        return None if value is None else self.value(str(kind), value, named)

    def prefix(self, name: str, definition: Any, read: Any) -> str | None:
        """Whose id an argument is."""
        match read:
            case reads.ById():
                return self.graph.sources[get_named_type(definition.type).name].prefix
            case reads.ByKey(keys=keys):
                return next((each.prefix for key, each in keys.items() if camel(key) == name), None)
            case reads.Pages(keys=keys):
                return next((each.prefix for key, each in keys.items() if camel(key) == name), None)
            case reads.Reading(arguments=arguments):
                return next((each.prefix for key, each in arguments.items() if camel(key) == name), None)
            case _:
                return None

    def object(self, kind: GraphQLInputObjectType) -> dict[str, Any]:
        """A filter with some of its fields."""
        made: dict[str, Any] = {}
        for name, declared in kind.fields.items():
            if self.dice.random() < 0.6:
                continue
            named, test = get_named_type(declared.type), declared.extensions[DEFINITION].metadata.get(reads.READ)
            is_list = is_list_type(get_nullable_type(declared.type))
            value = self.id(test.prefix) if named.name == "ID" else self.scalar(named)
            if self.dice.random() < 0.1:
                made[name] = None
            elif value is not None:
                made[name] = [value, value] if is_list else value
        return made

    def scalar(self, kind: Any) -> Any:
        """A value of a scalar or enum that may well occur."""
        if isinstance(kind, GraphQLEnumType):
            return Name(self.dice.choice(list(kind.values)))
        if kind.name == "Boolean":
            return self.dice.choice([True, False])
        if kind.name == "Int":
            return self.dice.randint(0, 5)
        found = self.values.words.get(kind.name)
        return self.dice.choice(found) if found else None

    def id(self, prefix: str | None) -> str:
        """An id that exists, or nearly."""
        name = prefix or self.dice.choice(list(self.values.ids))
        known = self.values.ids.get(name) or []
        if not known or self.dice.random() < 0.1:
            return f"{name}_{self.dice.getrandbits(128):032x}"
        return self.dice.choice(known)

    def value(self, kind: str, value: Any, named: Any = None) -> str:
        """A value in the document, or by a variable."""
        if self.dice.random() < 0.5:
            return self.variable(kind, value)
        return self.written(value, named)

    def variable(self, kind: str, value: Any) -> str:
        """A variable, now and then with a default, or left out."""
        name = f"v{self.number()}"
        plain = unnamed(value)
        if not kind.endswith("!") and self.dice.random() < 0.15:
            self.variables[name] = (f"{kind} = {self.written(value, None)}", ABSENT)
        else:
            self.variables[name] = (kind, plain)
        return f"${name}"

    def written(self, value: Any, kind: Any) -> str:
        """A literal."""
        match value:
            case Name():
                return str(value)
            case bool():
                return str(value).lower()
            case None:
                return "null"
            case int():
                return str(value)
            case list():
                return "[" + ", ".join(self.written(each, kind) for each in value) + "]"
            case dict():
                return "{" + ", ".join(f"{key}: {self.written(inner, None)}" for key, inner in value.items()) + "}"
            case _:
                return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


class Name(str):
    """An enum's value: written without quotes."""

    __slots__ = ()


ABSENT = object()


def unnamed(value: Any) -> Any:
    """A value as a variable has it."""
    match value:
        case Name():
            return str(value)
        case list():
            return [unnamed(each) for each in value]
        case dict():
            return {key: unnamed(inner) for key, inner in value.items()}
        case _:
            return value


def camel(name: str) -> str:
    """A Python name as the schema has it."""
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)
