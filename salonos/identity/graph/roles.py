"""Roles of one's own."""

from collections.abc import Sequence
from typing import Annotated

import strawberry

from salonos.graph.fields import extend, field, ref
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.problem import InvalidInput, StaleVersion
from salonos.graph.roots import Mutation
from salonos.identity import commands
from salonos.identity.graph.problems import BuiltInRole, RightsBeyondYours, RoleNameTaken
from salonos.identity.graph.reads import Role
from salonos.kernel.ids import id_value
from salonos.kernel.permissions import Permission
from salonos.kernel.work import Work


@strawberry.input(description="A role to make, anew or as a copy.")
class CreateRoleInput:
    """A role to make, anew or as a copy."""

    name: str = field("At most 50 characters, unique without regard to case.")
    copy_of: strawberry.ID | None = field("A role whose permissions it gets, where none are named.")
    permissions: list[Permission] | None = field("What its holders may do, at most 100: nothing that you may not.")
    own_permissions: list[Permission] | None = field("Those of them that hold for one's own work only, at most 100.")


@strawberry.type(description="The role can be given to people.")
class CreateRoleSuccess:
    """The role can be given to people."""

    role: Role | None = field("The role; null for those who may not read roles.")


@strawberry.input(description="What to change of a role; what is left out stays.")
class UpdateRoleInput:
    """What to change of a role; what is left out stays."""

    role_id: strawberry.ID = field("Which; none of the built-in ones.")
    expected_version: int = field("The version you saw.")
    name: str | None = field("Another name, at most 50 characters.")
    permissions: list[Permission] | None = field("All permissions from now on, at most 100: nothing that you may not.")
    own_permissions: list[Permission] | None = field("Those of them that hold for one's own work only, at most 100.")


@strawberry.type(description="The role is changed for everybody who has it.")
class UpdateRoleSuccess:
    """The role is changed for everybody who has it."""

    role: Role | None = field("The role; null for those who may not read roles.")


CreateRoleResult = Annotated[
    CreateRoleSuccess | InvalidInput | RoleNameTaken | RightsBeyondYours,
    strawberry.union("CreateRoleResult", description="What became of it."),
]
UpdateRoleResult = Annotated[
    UpdateRoleSuccess | InvalidInput | StaleVersion | BuiltInRole | RoleNameTaken | RightsBeyondYours,
    strawberry.union("UpdateRoleResult", description="What became of it."),
]


def permissions(given: Sequence[Permission] | None) -> tuple[Permission, ...] | None:
    """Permissions as a command takes them."""
    return None if given is None else tuple(given)


@extend(Mutation)
class RoleWrites:
    """Roles of one's own."""

    @mutation("Make a role, anew or as a copy.", requires=Permission.ROLE_MANAGE, idempotency=Idempotency.IGNORED)
    async def create_role(self, work: Work, input: CreateRoleInput) -> CreateRoleResult:
        """Makes a role."""
        new = commands.NewRole(
            name=input.name,
            copy_of=None if input.copy_of is None else id_value("role", input.copy_of),
            permissions=permissions(input.permissions),
            own_permissions=permissions(input.own_permissions),
        )
        return CreateRoleSuccess(role=ref(Role, await commands.create_role(work, new)))

    @mutation("Change a role of your own.", requires=Permission.ROLE_MANAGE, idempotency=Idempotency.IGNORED)
    async def update_role(self, work: Work, input: UpdateRoleInput) -> UpdateRoleResult:
        """Changes a role."""
        role_id = id_value("role", input.role_id)
        change = commands.RoleChange(
            name=input.name,
            permissions=permissions(input.permissions),
            own_permissions=permissions(input.own_permissions),
        )
        await commands.update_role(work, role_id, change, expected_version=input.expected_version)
        return UpdateRoleSuccess(role=ref(Role, role_id))
