"""The failures that we expect.

A *Problem* is for the person at the till: a member of the mutation's union, with its data as fields. A *Refusal* is for
the client program: an entry in `errors` with a code. Outages and bugs are neither; the edge recognises and masks them.
"""

from dataclasses import dataclass
from typing import ClassVar


class Problem(Exception):  # noqa: N818  a state that a person can act on, not an error
    """An expected failure of a command. Subclasses are dataclasses; the whole transaction is rolled back."""

    message: str


@dataclass(frozen=True)
class InputIssue:
    """One thing wrong with an input: where, as names and places from the input object down; a code; and a sentence."""

    path: tuple[str | int, ...]
    code: str
    message: str


@dataclass(eq=False)
class InvalidInput(Problem):
    """The input can't be right whatever the state; every issue that was found is listed."""

    issues: tuple[InputIssue, ...]
    message: str = "Please correct what is marked."


def invalid(path: tuple[str | int, ...], code: str, message: str) -> InvalidInput:
    """An InvalidInput with one issue."""
    return InvalidInput(issues=(InputIssue(path, code, message),))


def not_found(path: tuple[str | int, ...], what: str) -> InvalidInput:
    """The answer to an id that names nothing within reach: the same for missing and for forbidden rows."""
    return invalid(path, "NOT_FOUND", f"There is no such {what}.")


@dataclass(eq=False)
class StaleVersion(Problem):
    """Somebody changed the object since the client read it."""

    current_version: int
    message: str = "Somebody else has changed this meanwhile. Look at it again before you go on."


class Refusal(Exception):  # noqa: N818  the client program's fault, answered with a code
    """A request that can't be served as it is; `code` and `extensions` reach the client, nothing else does."""

    code: ClassVar[str] = "BAD_REQUEST"

    def __init__(self, message: str, **extensions: object) -> None:
        super().__init__(message)
        self.message = message
        self.extensions: dict[str, object] = {"code": self.code, **extensions}


class BadRequest(Refusal):
    """Malformed in a way that no person at the till can mend."""


class BadCursor(Refusal):
    """A cursor that we did not write for this list and order."""

    code = "BAD_CURSOR"


class Unauthenticated(Refusal):
    """Nobody is signed in, or no longer."""

    code = "UNAUTHENTICATED"

    def __init__(self, message: str = "Sign in.", **extensions: object) -> None:
        super().__init__(message, **extensions)


class Forbidden(Refusal):
    """Signed in, and without the permission that the extensions name."""

    code = "FORBIDDEN"

    def __init__(self, message: str = "You may not do this.", **extensions: object) -> None:
        super().__init__(message, **extensions)


class NotFound(Refusal):
    """Nothing is there, or nothing that this actor may know of."""

    code = "NOT_FOUND"


class TooMany(Refusal):
    """Too much at once, or too often; `retryAfter` is in whole seconds."""

    code = "TOO_MANY_REQUESTS"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message, retryAfter=retry_after_s)
        self.retry_after_s = retry_after_s


class QueryTooComplex(Refusal):
    """An operation beyond a limit of size, depth or cost."""

    code = "QUERY_TOO_COMPLEX"


class IdempotencyKeyRequired(Refusal):
    """A mutation that moves money or stock came without the header."""

    code = "IDEMPOTENCY_KEY_REQUIRED"

    def __init__(self) -> None:
        super().__init__("Send an Idempotency-Key of 16 to 64 letters, digits, - and _ with this mutation.")


class IdempotencyKeyReused(Refusal):
    """The key came with another operation before."""

    code = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for something else.")


class IdempotencyInProgress(Refusal):
    """The first request with this key is still being answered."""

    code = "IDEMPOTENCY_IN_PROGRESS"

    def __init__(self) -> None:
        super().__init__("The first request with this Idempotency-Key is still under way. Ask again.", retryable=True)


class ResyncRequired(Refusal):
    """The events since the cursor are not to be had any more: read the state anew, then follow from now."""

    code = "RESYNC_REQUIRED"

    def __init__(self) -> None:
        super().__init__("Events were missed. Read the present state, then subscribe without a cursor.")
