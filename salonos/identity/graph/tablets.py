"""Enrolled tablets, and the PINs that are good on them."""

from typing import Annotated

import strawberry

from salonos.graph.context import Context
from salonos.graph.directives import AUTHENTICATED
from salonos.graph.fields import extend, field, ref
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.problem import InvalidInput
from salonos.graph.roots import Mutation
from salonos.identity import commands
from salonos.identity.graph.problems import TooManyAttempts, WrongCredentials
from salonos.identity.graph.reads import Tablet, Viewer
from salonos.kernel.ids import id_value
from salonos.kernel.permissions import Permission
from salonos.kernel.work import Work

Info = strawberry.Info[Context, None]


@strawberry.input(description="The tablet in your hands, to become one of the salon's.")
class EnrollTabletInput:
    """The tablet in your hands, to become one of the salon's."""

    branch_id: strawberry.ID = field("Where it stands.")
    name: str = field("What people will call it, at most 100 characters.")


@strawberry.type(description="The tablet is one of the salon's.")
class EnrollTabletSuccess:
    """The tablet is one of the salon's."""

    tablet: Tablet | None = field("The tablet; null for those who may not read tablets.")
    tablet_token: str = field("Shown this once: the tablet keeps it, and `signInWithPin` asks for it.")


@strawberry.input(description="A tablet that is lost, sold or broken.")
class RevokeTabletInput:
    """A tablet that is lost, sold or broken."""

    tablet_id: strawberry.ID = field("Which.")


@strawberry.type(description="The tablet is one of the salon's no longer.")
class RevokeTabletSuccess:
    """The tablet is one of the salon's no longer."""

    tablet: Tablet | None = field("The tablet as it is now; null for those who may not read tablets.")


@strawberry.input(description="A PIN for enrolled tablets.")
class SetPinInput:
    """A PIN for enrolled tablets."""

    current_password: str = field("Yours: a PIN is chosen by who knows the password.")
    pin: str | None = field(
        "4 to 6 digits, none of the first that others would try, and no date; null takes the present one away."
    )


@strawberry.type(description="The PIN is as you wanted it; on other tablets you are signed out.")
class SetPinSuccess:
    """The PIN is as you wanted it; on other tablets you are signed out."""

    viewer: Viewer | None = field("You.")


EnrollTabletResult = Annotated[
    EnrollTabletSuccess | InvalidInput, strawberry.union("EnrollTabletResult", description="What became of it.")
]
RevokeTabletResult = Annotated[
    RevokeTabletSuccess | InvalidInput, strawberry.union("RevokeTabletResult", description="What became of it.")
]
SetPinResult = Annotated[
    SetPinSuccess | WrongCredentials | TooManyAttempts | InvalidInput,
    strawberry.union("SetPinResult", description="What became of it."),
]


@extend(Mutation)
class TabletWrites:
    """Tablets and PINs."""

    @mutation(
        "Make this tablet one of a branch's, on which people sign in with their PIN.",
        requires=Permission.STAFF_MANAGE,
        idempotency=Idempotency.IGNORED,
    )
    async def enroll_tablet(self, work: Work, input: EnrollTabletInput) -> EnrollTabletResult:
        """Enrols."""
        branch_id = id_value("branch", input.branch_id)
        enrolled = await commands.enroll_tablet(work, branch_id=branch_id, name=input.name)
        return EnrollTabletSuccess(tablet=ref(Tablet, enrolled.tablet_id), tablet_token=enrolled.token)

    @mutation(
        "End a tablet's enrolment: whoever is signed in on it is signed out.",
        requires=Permission.STAFF_MANAGE,
        idempotency=Idempotency.IGNORED,
    )
    async def revoke_tablet(self, work: Work, input: RevokeTabletInput) -> RevokeTabletResult:
        """Revokes."""
        tablet_id = await commands.revoke_tablet(work, id_value("tablet", input.tablet_id))
        return RevokeTabletSuccess(tablet=ref(Tablet, tablet_id))

    @mutation(
        "Choose your PIN for enrolled tablets.",
        requires=AUTHENTICATED,
        idempotency=Idempotency.IGNORED,
        transaction=False,
    )
    async def set_pin(self, info: Info, input: SetPinInput) -> SetPinResult:
        """Sets one's own PIN."""
        context = info.context
        await commands.set_pin(context.database, context.actor, current_password=input.current_password, pin=input.pin)
        return SetPinSuccess(viewer=ref(Viewer, actor=context.actor))
