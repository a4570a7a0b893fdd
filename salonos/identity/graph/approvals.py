"""Approvals: one person's yes to what another is about to do."""

from datetime import datetime
from typing import Annotated

import strawberry

from salonos.graph.context import Context
from salonos.graph.directives import AUTHENTICATED
from salonos.graph.fields import enum_of, extend, field, ref
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.problem import InvalidInput
from salonos.graph.roots import Mutation
from salonos.identity import commands
from salonos.identity.graph.problems import MayNotApprove, PinBlocked, TooManyAttempts, WrongCredentials
from salonos.identity.graph.reads import StaffMember
from salonos.identity.rules import ApprovalAction
from salonos.kernel.ids import id_text, id_value
from salonos.kernel.money import Money

Info = strawberry.Info[Context, None]

enum_of(
    ApprovalAction,
    "What somebody may be asked to approve.",
    BILL_DISCOUNT="A discount above the role's limit; the approver holds BILL_DISCOUNT_APPROVE.",
)
OBJECTS = {ApprovalAction.BILL_DISCOUNT: "bill"}
"""Which ids the object of an action has."""


@strawberry.input(description="What is to be approved, and by whom. The secret is sent here and nowhere else.")
class ApproveInput:
    """What is to be approved, and by whom."""

    username: str = field("The approver's: another person than you.")
    password: str | None = field("The approver's; either this or `pin`.")
    pin: str | None = field("The approver's, on an enrolled tablet only; either this or `password`.")
    action: ApprovalAction = field("What you are about to do.")
    branch_id: strawberry.ID = field("Where.")
    object_id: strawberry.ID | None = field("The draft that it is about; left out for a bill that is yet to be made.")
    ceiling: Money = field("Up to which amount.")


@strawberry.type(description="It is approved.")
class ApproveSuccess:
    """It is approved."""

    approval_id: strawberry.ID = field("For the `approvalId` of what you are about to do: good once, for you.")
    expires_at: datetime = field("Until when: five minutes.")
    approver: StaffMember | None = field("Who approved; null out of reach.")


ApproveResult = Annotated[
    ApproveSuccess | WrongCredentials | TooManyAttempts | PinBlocked | MayNotApprove | InvalidInput,
    strawberry.union("ApproveResult", description="What became of it."),
]


@extend(Mutation)
class ApprovalWrites:
    """Approvals."""

    @mutation(
        "Let somebody who may approve what you are about to do. Wrong guesses count like those of a sign-in.",
        requires=AUTHENTICATED,
        idempotency=Idempotency.IGNORED,
        transaction=False,
    )
    async def approve(self, info: Info, input: ApproveInput) -> ApproveResult:
        """Approves."""
        context = info.context
        prefix = OBJECTS[input.action]
        request = commands.ApprovalRequest(
            action=input.action,
            branch_id=id_value("branch", input.branch_id),
            object_id=None if input.object_id is None else id_value(prefix, input.object_id),
            ceiling_paise=input.ceiling,
        )
        secret = commands.Secret(username=input.username, password=input.password, pin=input.pin)
        device = commands.Device(address=context.request.address, program=context.request.user_agent)
        given = await commands.approve(context.database, context.actor, request, by=secret, device=device)
        return ApproveSuccess(
            approval_id=strawberry.ID(id_text("approval", given.approval_id)),
            expires_at=given.expires_at,
            approver=ref(StaffMember, given.approver_id),
        )
