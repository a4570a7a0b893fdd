"""Members of staff, administered by those who may."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import strawberry

from salonos.graph.context import Context
from salonos.graph.directives import AUTHENTICATED
from salonos.graph.fields import extend, field, ref
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.problem import InvalidInput, StaleVersion
from salonos.graph.roots import Mutation
from salonos.identity import commands
from salonos.identity.commands import passwords
from salonos.identity.graph.problems import (
    LastOwner,
    RightsBeyondYours,
    TooManyAttempts,
    UsernameTaken,
    WrongCredentials,
)
from salonos.identity.graph.reads import StaffMember, Viewer
from salonos.kernel.ids import id_value
from salonos.kernel.permissions import Permission
from salonos.kernel.work import Work

Info = strawberry.Info[Context, None]


@strawberry.input(description="A person to take on.")
class CreateStaffMemberInput:
    """A person to take on."""

    display_name: str = field("The name that colleagues and customers see, at most 100 characters.")
    role_id: strawberry.ID = field("What the person may do: nothing that you may not.")
    branch_ids: list[strawberry.ID] | None = field(
        "Where the person works, at most 100 branches; left out with `allBranches`."
    )
    all_branches: bool = field("Whether the person works at every branch, also at new ones.", default=False)
    is_service_provider: bool = field("Whether customers are served by this person.", default=False)
    username: str | None = field(
        "To sign in with, 3 to 64 characters without spaces; left out for who does not sign in."
    )
    password: str | None = field("8 to 128 characters; comes with a username.")


@strawberry.type(description="The person works here.")
class CreateStaffMemberSuccess:
    """The person works here."""

    staff_member: StaffMember | None = field("The person.")


@strawberry.input(description="What to change of a person; what is left out stays.")
class UpdateStaffMemberInput:
    """What to change of a person; what is left out stays."""

    staff_id: strawberry.ID = field("Who.")
    expected_version: int = field("The version you saw.")
    display_name: str | None = field("Another name, at most 100 characters.")
    username: str | None = field("Another name to sign in with, 3 to 64 characters without spaces.")
    password: str | None = field("8 to 128 characters: for who gets a first username. Others by `resetPassword`.")
    role_id: strawberry.ID | None = field("Another role: nothing that you may not.")
    branch_ids: list[strawberry.ID] | None = field("All branches of the person from now on, at most 100.")
    all_branches: bool | None = field("Whether the person works at every branch, also at new ones.")
    is_service_provider: bool | None = field("Whether customers are served by this person.")


@strawberry.type(description="The person is changed.")
class UpdateStaffMemberSuccess:
    """The person is changed."""

    staff_member: StaffMember | None = field("The person.")


@strawberry.input(description="A person who is to lose their access.")
class DisableStaffMemberInput:
    """A person who is to lose their access."""

    staff_id: strawberry.ID = field("Who.")
    expected_version: int = field("The version you saw.")


@strawberry.type(description="The person is signed out everywhere and can't sign in.")
class DisableStaffMemberSuccess:
    """The person is signed out everywhere and can't sign in."""

    staff_member: StaffMember | None = field("The person.")


@strawberry.input(description="A disabled person who is to work here again.")
class EnableStaffMemberInput:
    """A disabled person who is to work here again."""

    staff_id: strawberry.ID = field("Who.")
    expected_version: int = field("The version you saw.")


@strawberry.type(description="The person may sign in again.")
class EnableStaffMemberSuccess:
    """The person may sign in again."""

    staff_member: StaffMember | None = field("The person.")


@strawberry.input(description="Your present password and the next.")
class ChangePasswordInput:
    """Your present password and the next."""

    current_password: str = field("As you signed in with.")
    new_password: str = field("8 to 128 characters, and not among the first that others would try.")


@strawberry.type(description="The password is changed; all other devices are signed out.")
class ChangePasswordSuccess:
    """The password is changed; all other devices are signed out."""

    viewer: Viewer | None = field("You.")


@strawberry.input(description="A new password for somebody who forgot theirs.")
class ResetPasswordInput:
    """A new password for somebody who forgot theirs."""

    staff_id: strawberry.ID = field("Who: not yourself, and nobody who may do more than you.")
    new_password: str = field("8 to 128 characters, and not among the first that others would try.")


@strawberry.type(description="The password is set; all of the person's devices are signed out.")
class ResetPasswordSuccess:
    """The password is set; all of the person's devices are signed out."""

    staff_member: StaffMember | None = field("The person.")


CreateStaffMemberResult = Annotated[
    CreateStaffMemberSuccess | InvalidInput | UsernameTaken | RightsBeyondYours | TooManyAttempts,
    strawberry.union("CreateStaffMemberResult", description="What became of it."),
]
UpdateStaffMemberResult = Annotated[
    UpdateStaffMemberSuccess
    | InvalidInput
    | StaleVersion
    | UsernameTaken
    | RightsBeyondYours
    | LastOwner
    | TooManyAttempts,
    strawberry.union("UpdateStaffMemberResult", description="What became of it."),
]
DisableStaffMemberResult = Annotated[
    DisableStaffMemberSuccess | InvalidInput | StaleVersion | RightsBeyondYours | LastOwner,
    strawberry.union("DisableStaffMemberResult", description="What became of it."),
]
EnableStaffMemberResult = Annotated[
    EnableStaffMemberSuccess | InvalidInput | StaleVersion | RightsBeyondYours,
    strawberry.union("EnableStaffMemberResult", description="What became of it."),
]
ChangePasswordResult = Annotated[
    ChangePasswordSuccess | WrongCredentials | TooManyAttempts | InvalidInput,
    strawberry.union("ChangePasswordResult", description="What became of it."),
]
ResetPasswordResult = Annotated[
    ResetPasswordSuccess | InvalidInput | RightsBeyondYours | TooManyAttempts,
    strawberry.union("ResetPasswordResult", description="What became of it."),
]


def branch_ids(ids: Sequence[strawberry.ID] | None) -> tuple[UUID, ...] | None:
    """Branches as the database knows them."""
    return None if ids is None else tuple(id_value("branch", each) for each in ids)


async def password_hash(password: str | None, *own_words: str | None) -> str | None:
    """The hash of a new password, made before the transaction."""
    if password is None:
        return None
    return await passwords.new_hash(password, own_words=[each for each in own_words if each])


@extend(Mutation)
class PeopleWrites:
    """Members of staff and their passwords."""

    @mutation("Take a person on.", requires=Permission.STAFF_MANAGE, idempotency=Idempotency.IGNORED, transaction=False)
    async def create_staff_member(self, info: Info, input: CreateStaffMemberInput) -> CreateStaffMemberResult:
        """Takes on."""
        new = commands.NewStaffMember(
            display_name=input.display_name,
            role_id=id_value("role", input.role_id),
            branch_ids=branch_ids(input.branch_ids) or (),
            all_branches=input.all_branches,
            is_service_provider=input.is_service_provider,
            username=input.username,
            password_hash=await password_hash(input.password, input.username, input.display_name),
        )
        context = info.context
        staff_id = await context.database.run(context.actor, lambda work: commands.create_staff_member(work, new))
        return CreateStaffMemberSuccess(staff_member=ref(StaffMember, staff_id))

    @mutation(
        "Change a person's name, role, branches or work.",
        requires=Permission.STAFF_MANAGE,
        idempotency=Idempotency.IGNORED,
        transaction=False,
    )
    async def update_staff_member(self, info: Info, input: UpdateStaffMemberInput) -> UpdateStaffMemberResult:
        """Changes."""
        staff_id, expected = id_value("staff", input.staff_id), input.expected_version
        change = commands.StaffChange(
            display_name=input.display_name,
            username=input.username,
            password_hash=await password_hash(input.password, input.username, input.display_name),
            role_id=None if input.role_id is None else id_value("role", input.role_id),
            branch_ids=branch_ids(input.branch_ids),
            all_branches=input.all_branches,
            is_service_provider=input.is_service_provider,
        )
        await info.context.database.run(
            info.context.actor,
            lambda work: commands.update_staff_member(work, staff_id, change, expected_version=expected),
        )
        return UpdateStaffMemberSuccess(staff_member=ref(StaffMember, staff_id))

    @mutation(
        "Take a person's access away, on every device.",
        requires=Permission.STAFF_MANAGE,
        idempotency=Idempotency.IGNORED,
    )
    async def disable_staff_member(self, work: Work, input: DisableStaffMemberInput) -> DisableStaffMemberResult:
        """Disables."""
        staff_id = id_value("staff", input.staff_id)
        await commands.disable_staff_member(work, staff_id, expected_version=input.expected_version)
        return DisableStaffMemberSuccess(staff_member=ref(StaffMember, staff_id))

    @mutation(
        "Give a disabled person their access back.",
        requires=Permission.STAFF_MANAGE,
        idempotency=Idempotency.IGNORED,
    )
    async def enable_staff_member(self, work: Work, input: EnableStaffMemberInput) -> EnableStaffMemberResult:
        """Enables."""
        staff_id = id_value("staff", input.staff_id)
        await commands.enable_staff_member(work, staff_id, expected_version=input.expected_version)
        return EnableStaffMemberSuccess(staff_member=ref(StaffMember, staff_id))

    @mutation(
        "Change your own password; your other devices are signed out.",
        requires=AUTHENTICATED,
        idempotency=Idempotency.IGNORED,
        transaction=False,
    )
    async def change_password(self, info: Info, input: ChangePasswordInput) -> ChangePasswordResult:
        """Changes one's own password."""
        await commands.change_password(
            info.context.database,
            info.context.actor,
            current_password=input.current_password,
            new_password=input.new_password,
        )
        return ChangePasswordSuccess(viewer=ref(Viewer, actor=info.context.actor))

    @mutation(
        "Give somebody who forgot theirs a new password; their devices are signed out.",
        requires=Permission.STAFF_MANAGE,
        idempotency=Idempotency.IGNORED,
        transaction=False,
    )
    async def reset_password(self, info: Info, input: ResetPasswordInput) -> ResetPasswordResult:
        """Sets another's password."""
        staff_id = id_value("staff", input.staff_id)
        await commands.reset_password(
            info.context.database, info.context.actor, staff_id, new_password=input.new_password
        )
        return ResetPasswordSuccess(staff_member=ref(StaffMember, staff_id))
