"""Expected failures of identity, and why a token is refused."""

from dataclasses import dataclass
from uuid import UUID

from salonos.kernel.permissions import Permission
from salonos.kernel.problems import Problem, Unauthenticated


@dataclass(eq=False)
class WrongCredentials(Problem):
    """No such username, or another password: nobody is told which."""

    message: str = "The username or the password is not right."


@dataclass(eq=False)
class TooManyAttempts(Problem):
    """Too many wrong passwords; `retry_after` is in whole seconds."""

    retry_after: int
    message: str = "There were too many attempts. Please wait before you try again."


@dataclass(eq=False)
class SessionEnded(Problem):
    """The refresh token is good no longer."""

    message: str = "You are signed out on this device. Please sign in again."


@dataclass(eq=False)
class UsernameTaken(Problem):
    """Another person signs in with this name, perhaps in another spelling."""

    username: str
    message: str = "Somebody else has this username."


@dataclass(eq=False)
class RightsBeyondYours(Problem):
    """It would give, or touch a person who has, more rights or branches than the actor."""

    missing: tuple[Permission, ...] = ()
    message: str = "This goes beyond your own rights."


@dataclass(eq=False)
class LastOwner(Problem):
    """Nobody would be left who may do everything."""

    message: str = "This is the last owner. Make somebody else an owner first."


@dataclass(eq=False)
class BuiltInRole(Problem):
    """Built-in roles stay as they are."""

    role_id: UUID
    message: str = "A built-in role can be copied, not changed."


@dataclass(eq=False)
class RoleNameTaken(Problem):
    """Another role has this name."""

    name: str
    message: str = "There is a role with this name."


@dataclass(eq=False)
class PinBlocked(Problem):
    """Too many wrong PINs: nobody signs in with this one until the password was given."""

    message: str = "The PIN was wrong too often. Please sign in with your password."


@dataclass(eq=False)
class TabletNotEnrolled(Problem):
    """The tablet was never enrolled, or is so no longer."""

    message: str = "This tablet is not enrolled. Ask your manager to enrol it."


@dataclass(eq=False)
class MayNotApprove(Problem):
    """The password is right, and this person may not approve this: it is their own request, or beyond their rights."""

    permission: Permission
    message: str = "This person may not approve this."


@dataclass(eq=False)
class ApprovalNotValid(Problem):
    """An approval that is used up, too old, of another person's, for something else or for less."""

    message: str = "This approval is not good for this. Ask for another one."


class TokenExpired(Unauthenticated):
    """The access token's time is over: refresh. On a socket: 4401."""


class SessionRevoked(Unauthenticated):
    """The session is over or the rights have changed since the token was issued. On a socket: 4403."""
