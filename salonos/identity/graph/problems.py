"""Identity's expected failures as clients see them."""

from salonos.graph.fields import field
from salonos.graph.problem import Problem, problem
from salonos.identity import problems
from salonos.identity.graph.reads import Role
from salonos.kernel.permissions import Permission


@problem(problems.WrongCredentials)
class WrongCredentials(Problem):
    """No such username, or another password: nobody is told which."""


@problem(problems.TooManyAttempts)
class TooManyAttempts(Problem):
    """Too many wrong passwords came before: this one was not looked at."""

    retry_after: int = field("After how many seconds another attempt is looked at.")


@problem(problems.SessionEnded)
class SessionEnded(Problem):
    """The refresh token is good no longer: sign in with the password again."""


@problem(problems.UsernameTaken)
class UsernameTaken(Problem):
    """Somebody else signs in with this name, perhaps in another spelling."""

    username: str = field("The name that is taken.")


@problem(problems.RightsBeyondYours)
class RightsBeyondYours(Problem):
    """It would give, or touch a person who has, more rights or branches than you."""

    missing: list[Permission] = field("The permissions that you lack, at most 100; empty when it is about branches.")


@problem(problems.LastOwner)
class LastOwner(Problem):
    """Nobody would be left who may do everything: make somebody else an owner first."""


@problem(problems.BuiltInRole)
class BuiltInRole(Problem):
    """A built-in role can be copied, not changed."""

    role: Role | None = field("The role; null for those who may not read roles.")


@problem(problems.RoleNameTaken)
class RoleNameTaken(Problem):
    """Another role has this name."""

    name: str = field("The name that is taken.")


@problem(problems.PinBlocked)
class PinBlocked(Problem):
    """The PIN was wrong five times in a row, or twelve times within a day: only the password helps, on any device."""


@problem(problems.TabletNotEnrolled)
class TabletNotEnrolled(Problem):
    """The tablet was never enrolled, or is so no longer."""


@problem(problems.MayNotApprove)
class MayNotApprove(Problem):
    """The password or PIN is right, but it is this person's own request, or beyond their rights or branches."""

    permission: Permission = field("What the approver would have to hold.")


@problem(problems.ApprovalNotValid)
class ApprovalNotValid(Problem):
    """The approval is used up, too old, of another person's, for something else or for less."""
