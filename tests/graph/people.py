"""Somebody of each role, and a stranger."""

from uuid import UUID

from salonos.kernel.actor import NOBODY, Actor, Reach, access
from salonos.kernel.permissions import ROLES

BRANCHES = [UUID(int=(1 << 80) + number) for number in range(2)]
STAFF = [UUID(int=(2 << 80) + number) for number in range(2)]
ROLE_NAMES = ["OWNER", "MANAGER", "RECEPTIONIST", "STAFF", "ACCOUNTANT"]


def actor(role: str) -> Actor:
    """The owner and the accountant see all branches, the manager two, the others the first one."""
    if role == "NOBODY":
        return NOBODY
    rights = ROLES[role]
    branches = {"OWNER": (), "ACCOUNTANT": (), "MANAGER": tuple(BRANCHES)}.get(role, (BRANCHES[0],))
    reach = Reach.ALL if not branches else Reach.ONE_BRANCH if len(branches) == 1 else Reach.BRANCHES
    return Actor(STAFF[0], access(rights.permissions, rights.own, reach), branches, name=role.lower())
