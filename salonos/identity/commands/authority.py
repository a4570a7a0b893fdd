"""Who may administer whom: never a person with more rights or branches, never beyond the actor's own, never the last owner."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import select

from salonos.identity import queries, rules, tables
from salonos.identity.problems import LastOwner, RightsBeyondYours
from salonos.kernel.actor import Reach
from salonos.kernel.permissions import Permission, RoleRights
from salonos.kernel.problems import InputIssue, InvalidInput, not_found
from salonos.kernel.work import Work
from salonos.salon import tables as salon


async def administered(
    work: Work, staff_id: UUID, *, path: tuple[str | int, ...] = ("staffId",), what: str = "member of staff"
) -> tables.Staff:
    """A member of staff whom the actor may change, locked.

    Raises: InvalidInput NOT_FOUND for who is out of sight; RightsBeyondYours for who may do more, or elsewhere.
    """
    member = await queries.staff_for_update(work, staff_id)
    if member is None:
        raise not_found(path, what)
    branch_ids = await queries.branches_of(work, staff_id)
    if work.actor.access.reach is not Reach.ALL:
        if not member.all_branches and branch_ids.isdisjoint(work.actor.branch_ids):
            raise not_found(path, what)
        if member.all_branches or not branch_ids <= set(work.actor.branch_ids):
            raise RightsBeyondYours
    role = await work.session.get_one(tables.Role, member.role_id)
    refuse_beyond(work, queries.rights_of_role(role))
    return member


def refuse_beyond(work: Work, granted: RoleRights) -> None:
    """Refuses what the actor could not do.

    Raises: RightsBeyondYours.
    """
    missing = rules.missing_for(queries.rights_of_actor(work.actor), granted)
    if missing:
        raise RightsBeyondYours(missing=tuple(each for each in Permission if each in missing))


async def granted_role(work: Work, role_id: UUID) -> tables.Role:
    """A role that the actor may give to somebody.

    Raises: InvalidInput NOT_FOUND at `roleId`; RightsBeyondYours.
    """
    # Shared until the end: nobody widens the role between this look at it and the grant.
    role = await work.session.get(tables.Role, role_id, with_for_update={"read": True})
    if role is None:
        raise not_found(("roleId",), "role")
    refuse_beyond(work, queries.rights_of_role(role))
    return role


async def granted_branches(work: Work, branch_ids: Sequence[UUID], *, all_branches: bool) -> tuple[UUID, ...]:
    """The branches at which the actor may let somebody work, each once.

    Raises: InvalidInput for unknown or foreign branches, for none, and for both some and all; RightsBeyondYours.
    """
    if all_branches:
        if branch_ids:
            raise _branches_wrong("CONFLICT", "Name branches, or say all: not both.")
        if work.actor.access.reach is not Reach.ALL:
            raise RightsBeyondYours
        return ()
    if not branch_ids:
        raise _branches_wrong("REQUIRED", "Where does this person work?")
    if len(branch_ids) > rules.BRANCHES_MAX:
        raise _branches_wrong("TOO_MANY", f"A person works at up to {rules.BRANCHES_MAX} branches.")
    found = await work.session.scalars(select(salon.Branch.id).where(salon.Branch.id.in_(branch_ids)))
    there = {each for each in found if work.actor.reaches(each)}
    missing = [place for place, each in enumerate(branch_ids) if each not in there]
    if missing:
        issues = (InputIssue(("branchIds", place), "NOT_FOUND", "There is no such branch.") for place in missing)
        raise InvalidInput(issues=tuple(issues))
    return tuple(dict.fromkeys(branch_ids))


def _branches_wrong(code: str, message: str) -> InvalidInput:
    return InvalidInput(issues=(InputIssue(("branchIds",), code, message),))


async def keep_an_owner(work: Work, member: tables.Staff) -> None:
    """Refuses to take the owner's rights from the last owner.

    Raises: LastOwner.
    """
    owner_id = rules.BUILT_IN_ROLE_IDS[rules.OWNER]
    if member.role_id != owner_id or not member.is_active:
        return
    # Two owners can't remove one another at once: whoever comes second waits here, and then counts anew.
    await work.session.execute(select(tables.Role.id).where(tables.Role.id == owner_id).with_for_update())
    if await queries.other_owners(work, member.id) == 0:
        raise LastOwner


def several(issues: Iterable[InputIssue]) -> None:
    """Refuses with everything that was found.

    Raises: InvalidInput.
    """
    if found := tuple(issues):
        raise InvalidInput(issues=found)
