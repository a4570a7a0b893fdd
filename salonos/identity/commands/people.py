"""Members of staff: taken on, changed, disabled, and their passwords."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from salonos.identity import queries, rules, tables
from salonos.identity.commands import authority, passwords, sessions, throttling
from salonos.identity.problems import UsernameTaken, WrongCredentials
from salonos.identity.rules import SessionEnd
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database, constraint_of
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import InputIssue, StaleVersion, invalid
from salonos.kernel.text import login_key, safe_text, search_key
from salonos.kernel.work import Work


@dataclass(frozen=True, kw_only=True)
class NewStaffMember:
    """A person to take on. With a username comes the hash of a password (`passwords.new_hash`)."""

    display_name: str
    role_id: UUID
    branch_ids: tuple[UUID, ...] = ()
    all_branches: bool = False
    is_service_provider: bool = False
    username: str | None = None
    password_hash: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class StaffChange:
    """What is to change of a person; None leaves it as it is. Branches and `all_branches` are given together."""

    display_name: str | None = None
    username: str | None = None
    password_hash: str | None = field(default=None, repr=False)
    role_id: UUID | None = None
    branch_ids: tuple[UUID, ...] | None = None
    all_branches: bool | None = None
    is_service_provider: bool | None = None


async def create_staff_member(work: Work, new: NewStaffMember) -> UUID:
    """Takes a person on.

    Raises: Forbidden; InvalidInput; UsernameTaken; RightsBeyondYours.
    """
    work.actor.require(Permission.STAFF_MANAGE)
    if (new.username is None) != (new.password_hash is None):
        raise invalid(("password",), "REQUIRED", "A username and a password belong together.")
    names = _checked_names(new.display_name, new.username)
    await authority.granted_role(work, new.role_id)
    branch_ids = await authority.granted_branches(work, new.branch_ids, all_branches=new.all_branches)
    member = tables.Staff(
        id=new_id(),
        display_name=names.display_name,
        display_name_key=search_key(names.display_name),
        username=names.username,
        username_key=None if names.username is None else login_key(names.username),
        password_hash=new.password_hash,
        role_id=new.role_id,
        all_branches=new.all_branches,
        is_service_provider=new.is_service_provider,
        is_active=True,
        created_at=work.now,
    )
    work.session.add(member)
    await _flush_names(work, names.username)
    work.session.add_all(tables.StaffBranch(staff_id=member.id, branch_id=each) for each in branch_ids)
    await work.session.flush()
    return member.id


@dataclass(frozen=True, kw_only=True)
class NewOwner:
    """The person who may do everything, everywhere."""

    display_name: str
    username: str
    password: str = field(repr=False)


async def create_owner(work: Work, new: NewOwner) -> UUID:
    """Makes an owner from the command line: the way in on a fresh machine, and back in after a lock-out.

    The one command that hashes within its transaction: nobody waits for it.

    Raises: Forbidden; InvalidInput; UsernameTaken.
    """
    password_hash = await passwords.new_hash(new.password, own_words=(new.username, new.display_name))
    return await create_staff_member(
        work,
        NewStaffMember(
            display_name=new.display_name,
            username=new.username,
            password_hash=password_hash,
            role_id=rules.BUILT_IN_ROLE_IDS[rules.OWNER],
            all_branches=True,
        ),
    )


async def update_staff_member(work: Work, staff_id: UUID, change: StaffChange, *, expected_version: int) -> UUID:
    """Changes a person's name, role, branches or work. Changed rights hold within two seconds, on every device.

    Raises: Forbidden; InvalidInput; StaleVersion; UsernameTaken; RightsBeyondYours; LastOwner.
    """
    work.actor.require(Permission.STAFF_MANAGE)
    member = await authority.administered(work, staff_id)
    if member.version != expected_version:
        raise StaleVersion(current_version=member.version)
    await _rename(work, member, change)
    if change.is_service_provider is not None:
        member.is_service_provider = change.is_service_provider
    is_moved = await _change_branches(work, member, change)
    is_promoted = await _change_role(work, member, change)
    if is_moved or is_promoted:
        member.rights_version += 1
    member.version += 1
    await work.session.flush()
    return member.id


async def _rename(work: Work, member: tables.Staff, change: StaffChange) -> None:
    names = _checked_names(change.display_name, change.username)
    if change.display_name is not None:
        member.display_name, member.display_name_key = names.display_name, search_key(names.display_name)
    if names.username is None:
        return
    if member.password_hash is None and change.password_hash is None:
        raise invalid(("password",), "REQUIRED", "A username and a password belong together.")
    member.username, member.username_key = names.username, login_key(names.username)
    member.password_hash = member.password_hash or change.password_hash
    await _flush_names(work, names.username)


async def _change_branches(work: Work, member: tables.Staff, change: StaffChange) -> bool:
    if change.branch_ids is None and change.all_branches is None:
        return False
    all_branches = bool(change.all_branches)
    branch_ids = await authority.granted_branches(work, change.branch_ids or (), all_branches=all_branches)
    if not all_branches and member.all_branches:
        await authority.keep_an_owner(work, member)
    was = await queries.branches_of(work, member.id)
    if member.all_branches == all_branches and was == set(branch_ids):
        return False
    member.all_branches = all_branches
    mine = tables.StaffBranch.staff_id == member.id
    await work.session.execute(delete(tables.StaffBranch).where(mine, tables.StaffBranch.branch_id.not_in(branch_ids)))
    work.session.add_all(
        tables.StaffBranch(staff_id=member.id, branch_id=each) for each in branch_ids if each not in was
    )
    return True


async def _change_role(work: Work, member: tables.Staff, change: StaffChange) -> bool:
    if change.role_id is None or change.role_id == member.role_id:
        return False
    role = await authority.granted_role(work, change.role_id)
    await authority.keep_an_owner(work, member)
    member.role_id = role.id
    return True


async def disable_staff_member(work: Work, staff_id: UUID, *, expected_version: int) -> UUID:
    """Takes a person's access away: every device is signed out, and nobody can be sold by them any more.

    Raises: Forbidden; InvalidInput NOT_FOUND; StaleVersion; RightsBeyondYours; LastOwner.
    """
    work.actor.require(Permission.STAFF_MANAGE)
    member = await authority.administered(work, staff_id)
    if member.version != expected_version:
        raise StaleVersion(current_version=member.version)
    await authority.keep_an_owner(work, member)
    member.is_active = False
    member.version += 1
    member.rights_version += 1
    await sessions.end_sessions(work, member.id, SessionEnd.DISABLED)
    return member.id


async def enable_staff_member(work: Work, staff_id: UUID, *, expected_version: int) -> UUID:
    """Gives a disabled person the access back that they had.

    Raises: Forbidden; InvalidInput NOT_FOUND; StaleVersion; RightsBeyondYours.
    """
    work.actor.require(Permission.STAFF_MANAGE)
    member = await authority.administered(work, staff_id)
    if member.version != expected_version:
        raise StaleVersion(current_version=member.version)
    member.is_active = True
    member.version += 1
    return member.id


async def reset_password(database: Database, actor: Actor, staff_id: UUID, *, new_password: str) -> UUID:
    """Gives a person who forgot theirs a new password, and signs all their devices out. Guesses at the old one are forgotten.

    Raises: Forbidden; InvalidInput; RightsBeyondYours; TooManyAttempts when too many passwords are being hashed.
    """
    actor.require(Permission.STAFF_MANAGE)
    own_words = await database.run(actor, lambda work: _resettable(work, staff_id))
    password_hash = await passwords.new_hash(new_password, own_words=own_words, path=("newPassword",))
    return await database.run(actor, lambda work: _set_password(work, staff_id, password_hash))


async def _resettable(work: Work, staff_id: UUID) -> tuple[str, ...]:
    """The person's names, once it is certain that the actor may."""
    if staff_id == work.actor.id:
        raise invalid(("staffId",), "OWN_PASSWORD", "Change your own password by giving the present one.")
    member = await authority.administered(work, staff_id)
    if member.username is None:
        raise invalid(("staffId",), "NO_USERNAME", "This person has no username yet.")
    return member.username, member.display_name


async def _set_password(work: Work, staff_id: UUID, password_hash: str) -> UUID:
    await _resettable(work, staff_id)
    member = await work.session.get_one(tables.Staff, staff_id)
    member.password_hash = password_hash
    member.pin_hash = None  # whoever knew the password may have chosen it
    member.version += 1
    await sessions.end_sessions(work, staff_id, SessionEnd.PASSWORD_CHANGED)
    devices = select(tables.Session.device_hash).where(tables.Session.staff_id == staff_id).distinct()
    await throttling.open_account(work, member.username_key or "", await work.session.scalars(devices))
    return staff_id


async def change_password(database: Database, actor: Actor, *, current_password: str, new_password: str) -> UUID:
    """Changes the actor's own password, and signs out all of their devices but this one.

    Guesses at the present one are counted as those of a sign-in.

    Raises: Unauthenticated; WrongCredentials; TooManyAttempts; InvalidInput.
    """
    sessions.require_signed_in(actor)
    present = await verified_own(database, actor, current_password)
    own_words = (present.username or "", present.display_name)
    password_hash = await passwords.new_hash(new_password, own_words=own_words, path=("newPassword",))
    return await database.run(actor, lambda work: _replace_own_password(work, present.password_hash, password_hash))


async def verified_own(database: Database, actor: Actor, password: str) -> tables.Staff:
    """The actor's own row, once their password was right. Its count is taken back at once, whatever they do next.

    Raises: WrongCredentials; TooManyAttempts, also while too many are waiting.
    """
    with passwords.place(is_taken=True):
        present, counted = await database.run(actor, _count_own_attempt)
        if not await passwords.verify(password, present.password_hash):
            raise WrongCredentials(message="This is not your present password.")
    await database.run(actor, lambda work: throttling.forgive(work, counted))
    return present


async def _count_own_attempt(work: Work) -> tuple[tables.Staff, throttling.Counted]:
    present = await work.session.get_one(tables.Staff, work.actor.id)
    counted = throttling.own_buckets(present.username_key or "", work.actor.session_id or present.id)
    await throttling.count(work, counted)
    return present, counted


async def own_for_update(work: Work, password_hash: str | None) -> tables.Staff:
    """The actor's own row, locked.

    Raises: WrongCredentials when the password was changed since it was verified.
    """
    member = await queries.staff_for_update(work, work.actor.id)
    if member is None or not member.is_active or member.password_hash != password_hash:
        raise WrongCredentials
    return member


async def _replace_own_password(work: Work, was: str | None, password_hash: str) -> UUID:
    member = await own_for_update(work, was)
    member.password_hash = password_hash
    member.version += 1
    await sessions.end_sessions(work, member.id, SessionEnd.PASSWORD_CHANGED, but=work.actor.session_id)
    return member.id


@dataclass(frozen=True)
class _Names:
    display_name: str
    username: str | None


def _checked_names(display_name: str | None, username: str | None) -> _Names:
    """The names as they are kept.

    Raises: InvalidInput.
    """
    issues: list[InputIssue] = []
    shown = _checked(display_name, ("displayName",), range(1, rules.DISPLAY_NAME_CHARACTERS_MAX + 1), issues)
    lengths = range(rules.USERNAME_CHARACTERS_MIN, rules.USERNAME_CHARACTERS_MAX + 1)
    kept = _checked(username, ("username",), lengths, issues)
    if username is not None and len(kept.split()) > 1:
        issues.append(InputIssue(("username",), "NOT_ACCEPTED", "A username has no spaces."))
    authority.several(issues)
    return _Names(shown, None if username is None else kept)


def _checked(text: str | None, path: tuple[str, ...], lengths: Sequence[int], issues: list[InputIssue]) -> str:
    if text is None:
        return ""
    try:
        kept = safe_text(text, characters_max=lengths[-1])
    except ValueError as error:
        issues.append(InputIssue(path, "NOT_ACCEPTED", str(error)))
        return ""
    if len(kept) < lengths[0]:
        issues.append(InputIssue(path, "TOO_SHORT", f"This has at least {lengths[0]} characters."))
    return kept


async def _flush_names(work: Work, username: str | None) -> None:
    """Writes a person's row, whose username the database keeps unique in its normal form.

    Raises: UsernameTaken.
    """
    try:
        await work.session.flush()
    except IntegrityError as error:
        if constraint_of(error) == "uq_staff_username_key":
            raise UsernameTaken(username=username or "") from None
        raise
