"""Roles of one's own, made anew or as a copy of another. The built-in five stay as they are."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from salonos.identity import queries, rules, tables
from salonos.identity.commands import authority
from salonos.identity.problems import BuiltInRole, RoleNameTaken
from salonos.kernel.database import constraint_of
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import OWN_POSSIBLE, Permission, RoleRights, wider_than_own
from salonos.kernel.problems import StaleVersion, invalid, not_found
from salonos.kernel.text import safe_text, search_key
from salonos.kernel.work import Work


@dataclass(frozen=True, kw_only=True)
class NewRole:
    """A role to make. Without permissions it gets those of the role it copies."""

    name: str
    copy_of: UUID | None = None
    permissions: tuple[Permission, ...] | None = None
    own_permissions: tuple[Permission, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class RoleChange:
    """What is to change of a role; None leaves it as it is."""

    name: str | None = None
    permissions: tuple[Permission, ...] | None = None
    own_permissions: tuple[Permission, ...] | None = None


async def create_role(work: Work, new: NewRole) -> UUID:
    """Makes a role.

    Raises: Forbidden; InvalidInput; RoleNameTaken; RightsBeyondYours.
    """
    work.actor.require(Permission.ROLE_MANAGE)
    copied = None if new.copy_of is None else await work.session.get(tables.Role, new.copy_of)
    if new.copy_of is not None and copied is None:
        raise not_found(("copyOf",), "role")
    if copied is None and new.permissions is None:
        raise invalid(("permissions",), "REQUIRED", "Name permissions, or a role to copy.")
    was = RoleRights(frozenset()) if copied is None else queries.rights_of_role(copied)
    rights = _changed(was, new.permissions, new.own_permissions)
    authority.refuse_beyond(work, rights)
    name = _checked_name(new.name)
    role = tables.Role(
        id=new_id(),
        name=name,
        name_key=search_key(name),
        permissions=rules.stored(rights.permissions),
        own_permissions=rules.stored(rights.own),
        is_built_in=False,
        created_at=work.now,
    )
    work.session.add(role)
    await _flush_name(work, name)
    return role.id


async def update_role(work: Work, role_id: UUID, change: RoleChange, *, expected_version: int) -> UUID:
    """Changes a role of one's own; it holds within two seconds for everybody who has it.

    Raises: Forbidden; InvalidInput; StaleVersion; BuiltInRole; RoleNameTaken; RightsBeyondYours.
    """
    work.actor.require(Permission.ROLE_MANAGE)
    role = await work.session.get(tables.Role, role_id, with_for_update=True)
    if role is None:
        raise not_found(("roleId",), "role")
    if role.is_built_in:
        raise BuiltInRole(role_id=role.id)
    if role.version != expected_version:
        raise StaleVersion(current_version=role.version)
    was = queries.rights_of_role(role)
    rights = _changed(was, change.permissions, change.own_permissions)
    authority.refuse_beyond(work, was)
    authority.refuse_beyond(work, rights)
    if change.name is not None:
        role.name = _checked_name(change.name)
        role.name_key = search_key(role.name)
        await _flush_name(work, role.name)
    role.permissions, role.own_permissions = rules.stored(rights.permissions), rules.stored(rights.own)
    role.version += 1
    if rights != was:
        holders = update(tables.Staff).where(tables.Staff.role_id == role.id)
        await work.session.execute(holders.values(rights_version=tables.Staff.rights_version + 1))
    return role.id


def _changed(was: RoleRights, permissions: Iterable[Permission] | None, own: Iterable[Permission] | None) -> RoleRights:
    """The rights after a change; what is held for own work only is always among the permissions.

    Raises: InvalidInput for own work where nothing says what that is, or where the rows are held for all work.
    """
    held = was.permissions if permissions is None else frozenset(permissions)
    own_now = was.own & held if own is None else frozenset(own)
    if strangers := own_now - OWN_POSSIBLE:
        names = ", ".join(rules.stored(strangers))
        raise invalid(("ownPermissions",), "NOT_ACCEPTED", f"There is no own work to narrow these to: {names}.")
    if not own_now <= held:
        raise invalid(("ownPermissions",), "NOT_ACCEPTED", "These are to be among the permissions too.")
    if not held:
        raise invalid(("permissions",), "REQUIRED", "A role has at least one permission.")
    rights = RoleRights(held, own_now)
    if wider := wider_than_own(rights):
        pairs = "; ".join(sorted(f"{part.name} for own work needs {rows.name} for own work" for rows, part in wider))
        raise invalid(("ownPermissions",), "NOT_ACCEPTED", f"These reach further than own work: {pairs}.")
    return rights


def _checked_name(name: str) -> str:
    """A role's name as it is kept.

    Raises: InvalidInput.
    """
    try:
        kept = safe_text(name, characters_max=rules.ROLE_NAME_CHARACTERS_MAX)
    except ValueError as error:
        raise invalid(("name",), "NOT_ACCEPTED", str(error)) from error
    if not kept:
        raise invalid(("name",), "REQUIRED", "A role has a name.")
    return kept


async def _flush_name(work: Work, name: str) -> None:
    """Writes a role's row, whose name the database keeps unique without regard to case.

    Raises: RoleNameTaken.
    """
    try:
        await work.session.flush()
    except IntegrityError as error:
        if constraint_of(error) == "uq_roles_name_key":
            raise RoleNameTaken(name=name) from None
        raise
