"""What each role may read, from two files alone: the directives in schema.graphql, and the roles' permissions.

Nothing of the engine is asked, so that a fault in how it reads its own declarations can't excuse itself.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from graphql import (
    DirectiveNode,
    FieldDefinitionNode,
    GraphQLObjectType,
    GraphQLSchema,
    InputObjectTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    build_schema,
    get_named_type,
    parse,
)

from salonos.kernel.permissions import ROLES

SDL = (Path(__file__).parents[2] / "schema.graphql").read_text()
STRANGER = "STRANGER"
ROOTS = {"Query", "Mutation", "Subscription"}
PEOPLE = ("OWNER", "MANAGER", "RECEPTIONIST", "STAFF", "ACCOUNTANT", STRANGER)


@dataclass(frozen=True)
class Denied:
    """What stands at a coordinate that somebody may not read."""

    code: str
    permission: str | None


class Rules:
    """The directives of the written schema."""

    def __init__(self, sdl: str = SDL) -> None:
        self.document = parse(sdl)
        self.schema: GraphQLSchema = build_schema(sdl)

    @cached_property
    def types(self) -> dict[str, ObjectTypeDefinitionNode]:
        """Object types by name."""
        found = [each for each in self.document.definitions if isinstance(each, ObjectTypeDefinitionNode)]
        return {each.name.value: each for each in found}

    @cached_property
    def inputs(self) -> dict[str, InputObjectTypeDefinitionNode]:
        """Input types by name."""
        found = [each for each in self.document.definitions if isinstance(each, InputObjectTypeDefinitionNode)]
        return {each.name.value: each for each in found}

    def field(self, kind: str, name: str) -> FieldDefinitionNode:
        """A field as it is written."""
        return next(each for each in self.types[kind].fields or () if each.name.value == name)

    def object_type(self, kind: str) -> GraphQLObjectType:
        """A type of the schema."""
        found = self.schema.type_map[kind]
        assert isinstance(found, GraphQLObjectType)
        return found

    def target(self, kind: str, name: str) -> str:
        """The name of the type that a field returns."""
        return str(get_named_type(self.object_type(kind).fields[name].type).name)

    def rows_of(self, kind: str) -> str:
        """The rows behind a type: a connection's or an edge's, else the type itself."""
        for step in ("nodes", "node"):
            if kind.endswith(("Connection", "Edge")) and step in self.object_type(kind).fields:
                return self.target(kind, step)
        return kind

    def needed(self, kind: str, name: str) -> str | None:
        """The permission of a field: its own, else that of the type that it returns."""
        if self.words(kind, name) & {"public", "authenticated"}:
            return None
        own = permission_of(self.field(kind, name).directives)
        target = self.rows_of(self.target(kind, name))
        return own or (permission_of(self.types[target].directives) if target in self.types else None)

    def words(self, kind: str, name: str) -> set[str]:
        """The names of a field's directives."""
        return {each.name.value for each in self.field(kind, name).directives or ()}

    def denial(self, kind: str, name: str, person: str) -> Denied | None:
        """Why a person may not read a field, if they may not."""
        is_open = "public" in self.words(kind, name) or (
            kind not in ROOTS and "authenticated" not in self.words(kind, name)
        )
        return denied(self.needed(kind, name), person, is_open=is_open)

    def denial_of_type(self, kind: str, person: str) -> Denied | None:
        """Why a person may not read a type's rows by their ids."""
        return denied(permission_of(self.types[kind].directives), person, is_open=False)


def denied(permission: str | None, person: str, *, is_open: bool) -> Denied | None:
    """What a person is told who lacks a permission; `is_open` to strangers where none is asked."""
    if person == STRANGER:
        return None if permission is None and is_open else Denied("UNAUTHENTICATED", None)
    held = {each.name for each in ROLES[person].permissions}
    return None if permission is None or permission in held else Denied("FORBIDDEN", permission)


def permission_of(directives: tuple[DirectiveNode, ...] | None) -> str | None:
    """The permission that @requiresPermission names."""
    for each in directives or ():
        if each.name.value == "requiresPermission":
            value: Any = (each.arguments or ())[0].value
            return str(value.value)
    return None


RULES = Rules()
