"""Who is signed in, members of staff, roles and devices: what is read of them, and by whom."""

from datetime import datetime
from uuid import UUID

import strawberry
from sqlalchemy import Boolean, ColumnElement, FromClause, Select, Text, Uuid, any_, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from salonos.graph.directives import PUBLIC
from salonos.graph.fields import (
    Computed,
    Order,
    Part,
    actor_value,
    by_id,
    column,
    connection,
    enum_of,
    extend,
    listing,
    node,
    now_value,
    one,
    reading,
    row,
    rows,
    where,
)
from salonos.graph.roots import Connection, Node, Query
from salonos.graph.scalars import EventCursor
from salonos.identity import rules, tables
from salonos.identity.rules import Notice
from salonos.kernel import outbox
from salonos.kernel.actor import Access, Reach
from salonos.kernel.permissions import Permission
from salonos.kernel.text import like_prefix, search_key
from salonos.salon import tables as salon
from salonos.salon.graph import Branch

Predicate = ColumnElement[bool]

# --- who may see which rows


def everybody(_: Access) -> Predicate | None:
    """No row is hidden."""
    return None


def works_at(branch: Predicate) -> Predicate:
    """Whether a member of staff works at branches for which a predicate of `staff_branches` holds."""
    at = select(tables.StaffBranch.staff_id).where(branch)
    return or_(tables.Staff.all_branches, tables.Staff.id.in_(at))


def at_ones_own() -> Predicate:
    """Whether a person works at one of the reader's branches: of others a filter tells no more than `branches` does."""
    return or_(
        actor_value("is_everywhere", Boolean()),
        tables.StaffBranch.branch_id == any_(actor_value("branch_ids", ARRAY(Uuid()))),
    )


def staff_in_reach(access: Access) -> Predicate | None:
    """Whoever works at one of the reader's branches."""
    match access.reach:
        case Reach.ALL:
            return None
        case Reach.ONE_BRANCH:
            return works_at(tables.StaffBranch.branch_id == actor_value("branch_id", Uuid()))
        case Reach.BRANCHES:
            return works_at(tables.StaffBranch.branch_id == any_(actor_value("branch_ids", ARRAY(Uuid()))))


def tablets_in_reach(access: Access) -> Predicate | None:
    """Those of the reader's branches."""
    match access.reach:
        case Reach.ALL:
            return None
        case Reach.ONE_BRANCH:
            return tables.Tablet.branch_id == actor_value("branch_id", Uuid())
        case Reach.BRANCHES:
            return tables.Tablet.branch_id == any_(actor_value("branch_ids", ARRAY(Uuid())))


def sessions_in_reach(access: Access) -> Predicate | None:
    """One's own devices, and those of the people whom one administers."""
    own = tables.Session.staff_id == actor_value("id", Uuid())
    if Permission.STAFF_MANAGE not in access.permissions:
        return own
    staff = staff_in_reach(access)
    return None if staff is None else or_(own, tables.Session.staff_id.in_(select(tables.Staff.id).where(staff)))


def branch_of(person: FromClause, branch: FromClause) -> Predicate:
    """Whether a person, who has `id` and `all_branches`, works at a branch."""
    mine = select(tables.StaffBranch.branch_id).where(tables.StaffBranch.staff_id == person.c.id).correlate(person)
    return or_(person.c.all_branches, branch.c.id.in_(mine))


def live_session_of(person: FromClause, session: FromClause) -> Predicate:
    """Whether a session is one of a person's, and not over."""
    return (session.c.staff_id == person.c.id) & session.c.ended_at.is_(None) & (session.c.expires_at > now_value())


# --- types

enum_of(
    Notice,
    "What the owner ought to know of.",
    SESSION_STOLEN="A copy of somebody's refresh token was used: the device was signed out.",
    PIN_BLOCKED="A PIN was wrong five times in a row: the person signs in with the password.",
)


@node(tables.Role, scope=everybody, requires=Permission.STAFF_PROFILE_READ)
class Role(Node):
    """A named set of permissions. The five built-in ones can be copied, not changed."""

    name: str = column(tables.Role.name, "Unique without regard to case; built-in names are `OWNER`, `MANAGER`, …")
    permissions: list[Permission] = column(tables.Role.permissions, "What its holders may do, at most 100.")
    own_permissions: list[Permission] = column(
        tables.Role.own_permissions, "Those of `permissions` that hold for one's own work only, at most 100."
    )
    is_built_in: bool = column(tables.Role.is_built_in, "Whether it came with SalonOS and stays as it is.")
    version: int = column(tables.Role.version, "Counts its changes; `updateRole` names the one you saw.")


@node(tables.Session, scope=sessions_in_reach)
class Device(Node):
    """A device on which a person is or was signed in."""

    device_name: str = column(tables.Session.device_name, "What it was called when the person signed in.")
    created_at: datetime = column(tables.Session.created_at, "When the person signed in on it.")
    last_seen_at: datetime = column(
        tables.Session.last_seen_at, "When it last renewed its tokens; it does so every fifteen minutes of use."
    )
    ended_at: datetime | None = column(tables.Session.ended_at, "When it was signed out; null while it is signed in.")
    is_current: bool = column(
        tables.Session.id == actor_value("session_id", Uuid()), "Whether it is the device that asks.", certain=True
    )


@node(tables.Staff, scope=staff_in_reach, requires=Permission.STAFF_READ)
class StaffMember(Node):
    """A person who works here."""

    display_name: str = column(tables.Staff.display_name, "The name that colleagues and customers see.")
    is_service_provider: bool = column(tables.Staff.is_service_provider, "Whether customers are served by this person.")
    is_active: bool = column(tables.Staff.is_active, "False for who has left: not to be chosen any more.")
    version: int = column(tables.Staff.version, "Counts the changes; updates name the one you saw.")
    username: str | None = column(
        tables.Staff.username, "To sign in with; null for who does not sign in.", requires=Permission.STAFF_PROFILE_READ
    )
    role: Role | None = one(tables.Staff.role_id, "What the person may do.")
    all_branches: bool | None = column(
        tables.Staff.all_branches,
        "Whether the person works at every branch, also at new ones.",
        requires=Permission.STAFF_PROFILE_READ,
    )
    branches: list[Branch] | None = rows(
        "Where the person works, at most 500.",
        order_by=salon.Branch.name,
        on=branch_of,
        requires=Permission.STAFF_PROFILE_READ,
    )
    created_at: datetime | None = column(
        tables.Staff.created_at, "When the person was taken on here.", requires=Permission.STAFF_PROFILE_READ
    )
    signed_in_at: datetime | None = column(
        tables.Staff.signed_in_at,
        "The latest sign-in with a password; null before the first.",
        requires=Permission.STAFF_PROFILE_READ,
    )
    devices: list[Device] | None = rows(
        "Where the person is signed in, the latest used first, at most 20.",
        order_by=(tables.Session.last_seen_at.desc(),),
        on=live_session_of,
        requires=Permission.STAFF_MANAGE,
        limit=20,
    )


def who_asks(access: Access) -> Select[UUID, str | None, str, UUID, bool, list[str], list[str]]:
    """The person who is signed in, with the rights that hold; no row for anybody else."""
    names = tables.Role.permissions.type
    return (
        select(
            tables.Staff.id,
            tables.Staff.username,
            tables.Staff.display_name,
            tables.Staff.role_id,
            tables.Staff.all_branches,
            literal(rules.stored(access.permissions), names).label("permissions"),
            literal(rules.stored(access.own), names).label("own_permissions"),
        )
        .join(tables.Role, tables.Role.id == tables.Staff.role_id)
        .where(tables.Staff.id == actor_value("id", Uuid()))
    )


viewers = Computed("viewers", who_asks)


@row(viewers)
class Viewer:
    """The person who is signed in: one role, a set of branches."""

    id: strawberry.ID = column(viewers.c.id, "The id of the person as a member of staff.", prefix="staff", certain=True)
    username: str = column(viewers.c.username, "What the person signed in with.", certain=True)
    display_name: str = column(viewers.c.display_name, "The name that colleagues see.", certain=True)
    role: Role = one(viewers.c.role_id, "What the person may do.", requires=PUBLIC, within=True)
    permissions: list[Permission] = column(
        viewers.c.permissions, "What the person may do, at most 100: for showing or hiding buttons.", certain=True
    )
    own_permissions: list[Permission] = column(
        viewers.c.own_permissions,
        "Those of `permissions` that hold for one's own work only, at most 100.",
        certain=True,
    )
    event_cursor: EventCursor = column(
        outbox.present_cursor(),
        "This moment, as subscriptions count: read it in the query that reads a list, and subscribe with `after` it. "
        "Whatever the list does not show yet will come; what it shows may come once more.",
        certain=True,
    )
    branches: list[Branch] = rows("Where the person works, at most 500.", order_by=salon.Branch.name, on=branch_of)
    devices: list[Device] = rows(
        "Where the person is signed in, the latest used first, at most 20.",
        order_by=(tables.Session.last_seen_at.desc(),),
        on=live_session_of,
        limit=20,
    )


@node(tables.Tablet, scope=tablets_in_reach, requires=Permission.STAFF_MANAGE)
class Tablet(Node):
    """A tablet of the salon's that was enrolled: people sign in on it with their PIN."""

    name: str = column(tables.Tablet.name, "What people call it.")
    branch: Branch = one(tables.Tablet.branch_id, "Where it stands.", within=True)
    enrolled_at: datetime = column(tables.Tablet.enrolled_at, "When it was enrolled.")
    enrolled_by: StaffMember | None = one(tables.Tablet.enrolled_by_id, "Who enrolled it; null out of reach.")
    revoked_at: datetime | None = column(tables.Tablet.revoked_at, "When it was revoked; null while it is enrolled.")


@node(tables.SecurityNotice, scope=everybody, requires=Permission.AUDIT_READ)
class SecurityNotice(Node):
    """Something about a person's account that the owner ought to know."""

    kind: Notice = column(tables.SecurityNotice.kind, "What happened.")
    staff_member: StaffMember | None = one(tables.SecurityNotice.staff_id, "Whose account; null out of reach.")
    occurred_at: datetime = column(tables.SecurityNotice.occurred_at, "When.")


@strawberry.input(description="Which members of staff.")
class StaffFilter:
    """Which members of staff."""

    search: str | None = where(
        tables.Staff.display_name_key,
        "What the name begins with, in any case.",
        condition=lambda on, prefix: on.like(prefix),
        parts=(Part(lambda text: like_prefix(search_key(text)), Text()),),
    )
    branch_id: strawberry.ID | None = where(
        tables.Staff.id,
        "Who works at this branch, also if at all of them.",
        condition=lambda _, branch_id: works_at((tables.StaffBranch.branch_id == branch_id) & at_ones_own()),
        prefix="branch",
    )
    is_active: bool | None = where(tables.Staff.is_active, "Who works here now (true), or has left (false).")
    is_service_provider: bool | None = where(tables.Staff.is_service_provider, "Who serves customers, or who does not.")


@extend(Query)
class IdentityReads:
    """Reads of identity."""

    viewer: Viewer | None = reading("Who is signed in; null when nobody is.", requires=PUBLIC)
    staff: Connection[StaffMember] | None = connection(
        None,
        "The members of staff within reach, by name.",
        order=Order(tables.Staff.display_name_key),
        filter=StaffFilter,
    )
    staff_member: StaffMember | None = by_id("A member of staff by id; null when there is none within reach.")
    roles: list[Role] | None = listing("All roles by name, at most 500.", order_by=tables.Role.name_key)
    tablets: Connection[Tablet] | None = connection(
        None,
        "The salon's tablets within reach, the latest enrolled first.",
        order=Order(tables.Tablet.enrolled_at, descending=True),
    )
    security_notices: Connection[SecurityNotice] | None = connection(
        None,
        "What the owner ought to know about people's accounts, the latest first.",
        order=Order(tables.SecurityNotice.occurred_at, descending=True),
    )
