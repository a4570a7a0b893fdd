"""One person's yes to one thing that another is about to do: asked for with a password or PIN, redeemed by a command.

The secret is given to `approve` and travels in no business input: what is about to be done carries the approval's id,
which is good once, for five minutes, for this action on this object by this requester, up to a ceiling.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, exists, or_, select, update

from salonos.identity import events, queries, rules, tables
from salonos.identity.commands import passwords, pins, sessions, throttling
from salonos.identity.commands.sessions import Device
from salonos.identity.problems import ApprovalNotValid, MayNotApprove, WrongCredentials
from salonos.identity.rules import ApprovalAction
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import Unauthenticated, invalid, not_found
from salonos.kernel.text import login_key
from salonos.kernel.work import Work
from salonos.salon import tables as salon


@dataclass(frozen=True, kw_only=True)
class ApprovalRequest:
    """What is to be approved. `object_id` is None for what has no id yet: then it is about the branch."""

    action: ApprovalAction
    branch_id: UUID
    object_id: UUID | None = None
    ceiling_paise: int


@dataclass(frozen=True, kw_only=True)
class Secret:
    """How an approver shows that it is them: a password, or on a tablet a PIN."""

    username: str
    password: str | None = field(default=None, repr=False)
    pin: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Given:
    """An approval that may be used now."""

    approval_id: UUID
    approver_id: UUID
    expires_at: datetime


async def approve(database: Database, actor: Actor, request: ApprovalRequest, *, by: Secret, device: Device) -> Given:
    """Approves what the actor is about to do, for somebody who gives their password or PIN.

    Counted in the same places as sign-ins of that person, in a transaction of its own: no rollback takes a wrong guess
    back, and nobody guesses more by asking here.

    Raises: Unauthenticated; InvalidInput; WrongCredentials; TooManyAttempts; PinBlocked; MayNotApprove.
    """
    sessions.require_signed_in(actor)
    actor.require_branch(request.branch_id)
    if (by.password is None) == (by.pin is None):
        raise invalid(("password",), "ONE_OF", "Give a password or a PIN.")
    if request.ceiling_paise < 0:
        raise invalid(("ceiling",), "OUT_OF_RANGE", "This amount is not possible here.")
    account = await _verified(database, actor, by, device)
    decided = await database.run(actor, lambda work: _give(work, request, account))
    if isinstance(decided, MayNotApprove):
        raise decided
    return decided


@dataclass(frozen=True)
class _Account:
    """Whose secret was right, and which hash it had."""

    staff_id: UUID
    password_hash: str | None = field(repr=False)
    pin_hash: str | None = field(repr=False)
    counted: throttling.Counted


async def _verified(database: Database, actor: Actor, by: Secret, device: Device) -> _Account:
    """Who approves. Raises: WrongCredentials; TooManyAttempts; PinBlocked; InvalidInput."""
    key = login_key(by.username)
    if by.pin is not None:
        pins.check_pin(by.username, by.pin)
        with passwords.place(is_taken=True):
            tried = await database.run(actor, lambda work: _count_pin(work, key))
            if not await pins.is_right(database, tried, by.pin) or tried.staff_id is None:
                raise WrongCredentials(message="The username or the PIN is not right.")
        return _Account(tried.staff_id, None, tried.pin_hash, tried.counted)
    password = by.password or ""
    sessions.check_sign_in(by.username, password, replace(device, id=None))
    with passwords.place(is_taken=True) as place:
        found = await database.run(actor, lambda work: _count_password(work, key, place, device.address))
        is_right = await passwords.verify(password, found.password_hash)
    if found.staff_id is None or found.password_hash is None or not is_right or not found.is_active:
        raise WrongCredentials
    return _Account(found.staff_id, found.password_hash, None, found.counted)


async def _own_session(work: Work) -> tables.Session:
    session_id = work.actor.session_id
    session = None if session_id is None else await work.session.get(tables.Session, session_id)
    if session is None:
        raise Unauthenticated
    return session


async def _count_pin(work: Work, username_key: str) -> pins.Account:
    """A PIN is good on an enrolled tablet only: here, where the requester is signed in on one.

    It is that of somebody at the tablet's branch, whichever branch is asked about: as when signing in there.
    """
    session = await _own_session(work)
    if session.tablet_id is None:
        raise invalid(("pin",), "NOT_HERE", "A PIN is good on an enrolled tablet only. Give the password.")
    tablet = await work.session.get_one(tables.Tablet, session.tablet_id)
    return await pins.count_attempt(work, username_key, tablet.id, tablet.branch_id)


async def _count_password(work: Work, username_key: str, place: passwords.Place, address: str) -> sessions.Account:
    session = await _own_session(work)
    origin = throttling.Origin(
        device_hash=session.device_hash,
        is_bound=session.is_device_bound,
        address=address,
        tablet_id=session.tablet_id,
    )
    return await sessions.count_attempt(work, username_key, origin, place)


async def _give(work: Work, request: ApprovalRequest, account: _Account) -> Given | MayNotApprove:
    """The approval; or a refusal, which is returned so that the right password's count is taken back nevertheless.

    Raises: WrongCredentials when the account was changed while its secret was verified; InvalidInput NOT_FOUND.
    """
    member = await queries.staff_for_update(work, account.staff_id)
    was = (account.password_hash, account.pin_hash)
    is_same = member is not None and was in ((member.password_hash, None), (None, member.pin_hash))
    if member is None or not member.is_active or not is_same:
        raise WrongCredentials
    opens_pin_of = None if account.password_hash is None else member.username_key
    await throttling.forgive(work, account.counted, opens_pin_of=opens_pin_of)
    if await work.session.get(salon.Branch, request.branch_id) is None:
        raise not_found(("branchId",), "branch")
    rule = rules.APPROVALS[request.action]
    is_own = member.id == work.actor.id and not rule.is_own_allowed
    if is_own or not await _may_approve(work, member, rule.permission, request.branch_id):
        return MayNotApprove(permission=rule.permission)
    given = tables.Approval(
        id=new_id(),
        action=request.action,
        branch_id=request.branch_id,
        object_id=request.object_id or request.branch_id,
        ceiling_paise=request.ceiling_paise,
        requester_id=work.actor.id,
        approver_id=member.id,
        given_at=work.now,
        expires_at=work.now + rules.APPROVAL_LIFE,
    )
    work.session.add(given)
    work.announce(
        events.ApprovalGiven(
            branch_id=request.branch_id, subject_id=given.id, requester_id=work.actor.id, approver_id=member.id
        )
    )
    return Given(given.id, member.id, given.expires_at)


async def _may_approve(work: Work, member: tables.Staff, permission: Permission, branch_id: UUID) -> bool:
    role = await work.session.get_one(tables.Role, member.role_id)
    rights = queries.rights_of_role(role)
    if permission not in rights.permissions - rights.own:
        return False
    return member.all_branches or branch_id in await queries.branches_of(work, member.id)


async def redeem_approval(
    work: Work,
    approval_id: UUID,
    *,
    action: ApprovalAction,
    branch_id: UUID,
    object_id: UUID | None = None,
    amount_paise: int,
) -> UUID:
    """Uses an approval up, within the transaction of what it approves, and returns who gave it.

    It is the actor's, for this action at this branch on this object (None: what has no id yet), of at least this amount,
    younger than five minutes, unused; and who gave it could still give it. Rolled back, it is unused again.

    Raises: ApprovalNotValid.
    """
    approval = tables.Approval
    using = (
        update(approval)
        .where(
            approval.id == approval_id,
            approval.action == action,
            approval.branch_id == branch_id,
            approval.object_id == (object_id or branch_id),
            approval.requester_id == work.actor.id,
            approval.ceiling_paise >= amount_paise,
            approval.used_at.is_(None),
            approval.expires_at > work.now,
            approval.approver_id.in_(_who_may_approve(rules.APPROVALS[action].permission, branch_id)),
        )
        .values(used_at=work.now)
        .returning(approval.approver_id)
        .execution_options(synchronize_session=False)
    )
    found: Sequence[UUID] = (await work.session.scalars(using)).all()
    if not found:
        raise ApprovalNotValid
    return found[0]


def _who_may_approve(permission: Permission, branch_id: UUID) -> Select[UUID]:
    """Those who hold a permission for more than own work, at a branch, at this moment."""
    staff, role, at = tables.Staff, tables.Role, tables.StaffBranch
    return (
        select(staff.id)
        .join(role, role.id == staff.role_id)
        .where(
            staff.is_active,
            role.permissions.contains([permission.name]),
            ~role.own_permissions.contains([permission.name]),
            or_(staff.all_branches, exists().where(at.staff_id == staff.id, at.branch_id == branch_id)),
        )
    )
