"""Who may read or use what: one object prints the directive in the SDL and is what the engine asks."""

import enum
from collections.abc import Iterable
from typing import Any

import strawberry
from sqlalchemy import ColumnElement, Text, func, literal_column
from strawberry.schema_directive import Location

from salonos.graph.rights import RIGHTS
from salonos.kernel.actor import Access
from salonos.kernel.permissions import Permission

strawberry.enum(Permission, description="What a role may do.")
for _value in Permission.__strawberry_definition__.values:  # type: ignore[attr-defined]  # set by strawberry.enum
    _value.description = RIGHTS.get(_value.name)

Denial = dict[str, Any]
"""The extensions of an error that says no: code, and the permission that was missing."""


@strawberry.enum(description="Which part of a value everybody may see.")
class Mask(enum.Enum):
    """How a value is cut for those who may not see all of it."""

    FIRST_NAME = strawberry.enum_value("FIRST_NAME", description="The first word of a name.")
    LAST_DIGITS = strawberry.enum_value("LAST_DIGITS", description="Six dots and the last four digits.")

    def of_whole(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        """The permitted part, cut from the whole value."""
        if self is Mask.FIRST_NAME:
            return func.split_part(value, literal_column("' '"), literal_column("1"), type_=Text())
        return self.of_part(func.right(value, literal_column("4"), type_=Text()))

    def of_part(self, part: ColumnElement[Any]) -> ColumnElement[Any]:
        """The permitted part, from the column that holds it by itself."""
        if self is Mask.FIRST_NAME:
            return part
        return literal_column("'••••••'", Text()).op("||")(part)


class Rule:
    """A guard: `denial` is None for whoever may pass."""

    def denial(self, access: Access) -> Denial | None:
        """Why these rights may not pass."""
        raise NotImplementedError


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION], name="public", description="Anybody may, signed in or not."
)
class Public(Rule):
    """Lets everybody through."""

    def denial(self, access: Access) -> Denial | None:  # noqa: ARG002  the interface
        """None: everybody may."""
        return None


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION], name="authenticated", description="Whoever is signed in may."
)
class Authenticated(Rule):
    """Lets whoever is signed in through."""

    def denial(self, access: Access) -> Denial | None:
        """UNAUTHENTICATED for strangers."""
        return None if access.signed_in else {"code": "UNAUTHENTICATED"}


@strawberry.schema_directive(
    locations=[
        Location.FIELD_DEFINITION,
        Location.OBJECT,
        Location.INTERFACE,
        Location.INPUT_FIELD_DEFINITION,
        Location.ARGUMENT_DEFINITION,
        Location.ENUM_VALUE,
    ],
    name="requiresPermission",
    description="Only who holds the permission may; on a type: it guards every field that returns the type.",
)
class RequiresPermission(Rule):
    """Lets a permission's holders through."""

    permission: Permission = strawberry.directive_field(name="permission")

    def denial(self, access: Access) -> Denial | None:
        """UNAUTHENTICATED for strangers, FORBIDDEN for who lacks it."""
        if self.permission in access.permissions:
            return None
        if not access.signed_in:
            return {"code": "UNAUTHENTICATED"}
        return {"code": "FORBIDDEN", "permission": self.permission.value}


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="masked",
    description="Without the permission, only a part of the value is shown.",
)
class Masked:
    """A value of which everybody sees a part."""

    unless: Permission = strawberry.directive_field(name="unless")
    as_: Mask = strawberry.directive_field(name="as")


ARGUMENTS = {
    ("requiresPermission", "permission"): "Which one.",
    ("masked", "unless"): "Who holds it sees all of it.",
    ("masked", "as"): "Which part everybody sees.",
}
"""What the arguments mean: Strawberry drops descriptions of a directive's arguments, so the schema gets them afterwards."""

PUBLIC = Public()
AUTHENTICATED = Authenticated()
_PERMISSIONS = {permission: RequiresPermission(permission=permission) for permission in Permission}


def rule(requires: Permission | Rule | None) -> Rule | None:
    """The guard that a declaration's `requires` means."""
    return _PERMISSIONS[requires] if isinstance(requires, Permission) else requires


def rule_of(directives: Iterable[object]) -> Rule | None:
    """The guard among a declaration's directives."""
    return next((each for each in directives if isinstance(each, Rule)), None)
