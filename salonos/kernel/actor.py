"""Who acts: a person signed in, or the system itself. Identity makes actors from tokens; jobs use `Actor.system`."""

import enum
from dataclasses import dataclass
from functools import lru_cache
from typing import Self
from uuid import UUID

from salonos.kernel.permissions import Permission
from salonos.kernel.problems import Forbidden, Unauthenticated, not_found


class Reach(enum.Enum):
    """Which branches' rows an actor reads. It changes the text of a statement, the branches themselves do not."""

    ALL = "ALL"
    ONE_BRANCH = "ONE_BRANCH"
    BRANCHES = "BRANCHES"


@dataclass(frozen=True, eq=False, slots=True)
class Access:
    """All of an actor that may change a statement's text. Interned by `access`, so that it hashes by identity."""

    permissions: frozenset[Permission]
    own: frozenset[Permission]
    reach: Reach
    signed_in: bool


@lru_cache(maxsize=1024)
def access(
    permissions: frozenset[Permission], own: frozenset[Permission], reach: Reach, *, signed_in: bool = True
) -> Access:
    """The one Access with these rights: every actor with the same rights shares the same plans."""
    return Access(permissions, own, reach, signed_in)


def reach_of(branch_ids: tuple[UUID, ...]) -> Reach:
    """The reach of a set of branches that is not all of them."""
    return Reach.ONE_BRANCH if len(branch_ids) == 1 else Reach.BRANCHES


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts in a command or a read. `branch_ids` is empty where the reach is ALL; `version` changes with the rights."""

    id: UUID
    access: Access
    branch_ids: tuple[UUID, ...] = ()
    session_id: UUID | None = None
    version: int = 0
    name: str = ""
    role: str = ""

    @classmethod
    def system(cls) -> Self:
        """The process itself: scheduled work, the demo, the command line."""
        return cls(_SYSTEM_ID, access(frozenset(Permission), frozenset(), Reach.ALL), name="system")

    @property
    def branch_id(self) -> UUID:
        """The one branch of an actor whose reach is ONE_BRANCH."""
        return self.branch_ids[0]

    @property
    def is_everywhere(self) -> bool:
        """Whether the reach is ALL. For expressions that must tell it from a reach of no branch at all."""
        return self.access.reach is Reach.ALL

    def may(self, permission: Permission) -> bool:
        """Whether the actor holds a permission, be it for own rows only."""
        return permission in self.access.permissions

    def require(self, permission: Permission) -> None:
        """Guard of a command.

        Raises: Unauthenticated; Forbidden.
        """
        if not self.access.signed_in:
            raise Unauthenticated
        if permission not in self.access.permissions:
            raise Forbidden(permission=permission.value)

    def reaches(self, branch_id: UUID) -> bool:
        """Whether a branch is one of the actor's."""
        return self.access.reach is Reach.ALL or branch_id in self.branch_ids

    def require_branch(self, branch_id: UUID, *, path: tuple[str | int, ...] = ("branchId",)) -> None:
        """Guard of a command that names a branch; a foreign branch is answered as a missing one.

        Raises: InvalidInput NOT_FOUND at `path`.
        """
        if not self.reaches(branch_id):
            raise not_found(path, "branch")


_SYSTEM_ID = UUID(int=0)
NOBODY = Actor(UUID(int=1), access(frozenset(), frozenset(), Reach.BRANCHES, signed_in=False))
"""Whoever sent no token."""
