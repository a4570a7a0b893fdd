"""Tablets of the salon's: enrolled by who administers people there, revoked by the same."""

import secrets
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import func, select

from salonos.identity import events, rules, tables
from salonos.identity.commands import sessions
from salonos.identity.rules import SessionEnd
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import invalid, not_found
from salonos.kernel.text import safe_text
from salonos.kernel.work import Work
from salonos.salon import tables as salon

_TOKEN_BYTES = 32


@dataclass(frozen=True)
class Enrolled:
    """A tablet and its token, which is shown this once."""

    tablet_id: UUID
    token: str = field(repr=False)


async def enroll_tablet(work: Work, *, branch_id: UUID, name: str) -> Enrolled:
    """Makes a tablet one of a branch's, on which people sign in with a PIN.

    Raises: Forbidden; InvalidInput for a foreign branch, a name that can't be, or too many tablets.
    """
    work.actor.require(Permission.STAFF_MANAGE)
    work.actor.require_branch(branch_id)
    shown = _name(name)
    # Locked, so that two enrolments don't both find the last place free.
    branch = await work.session.get(salon.Branch, branch_id, with_for_update={"key_share": True})
    if branch is None:
        raise not_found(("branchId",), "branch")
    live = select(func.count()).where(tables.Tablet.branch_id == branch_id, tables.Tablet.revoked_at.is_(None))
    if (await work.session.execute(live)).scalar_one() >= rules.TABLETS_MAX:
        raise invalid(("branchId",), "TOO_MANY", f"A branch has at most {rules.TABLETS_MAX} tablets.")
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    tablet = tables.Tablet(
        id=new_id(),
        branch_id=branch_id,
        name=shown,
        token_hash=rules.token_hash(token),
        enrolled_at=work.now,
        enrolled_by_id=work.actor.id,
    )
    work.session.add(tablet)
    await work.session.flush()
    work.announce(events.TabletEnrolled(branch_id=branch_id, subject_id=tablet.id, enrolled_by_id=work.actor.id))
    return Enrolled(tablet.id, token)


def _name(name: str) -> str:
    try:
        shown = safe_text(name, characters_max=rules.DEVICE_NAME_CHARACTERS_MAX)
    except ValueError as error:
        raise invalid(("name",), "NOT_ACCEPTED", str(error)) from None
    if not shown:
        raise invalid(("name",), "REQUIRED", "What will people call this tablet?")
    return shown


async def revoke_tablet(work: Work, tablet_id: UUID) -> UUID:
    """Ends a tablet's enrolment, and the session on it. Again: nothing.

    Raises: Forbidden; InvalidInput NOT_FOUND.
    """
    work.actor.require(Permission.STAFF_MANAGE)
    tablet = await work.session.get(tables.Tablet, tablet_id, with_for_update=True, populate_existing=True)
    if tablet is None or not work.actor.reaches(tablet.branch_id):
        raise not_found(("tabletId",), "tablet")
    if tablet.revoked_at is not None:
        return tablet_id
    tablet.revoked_at = work.now
    await sessions.end_tablet_sessions(work, tablet_id, SessionEnd.TABLET_REVOKED)
    work.announce(events.TabletRevoked(branch_id=tablet.branch_id, subject_id=tablet_id, revoked_by_id=work.actor.id))
    return tablet_id
