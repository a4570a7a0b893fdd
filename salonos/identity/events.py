"""Facts that identity announces."""

from dataclasses import dataclass
from uuid import UUID

from salonos.kernel.outbox import Event


@dataclass(frozen=True, kw_only=True)
class RefreshTokenStolen(Event):
    """A used refresh token came again, or from another device: the session (`subject_id`) was ended."""

    staff_id: UUID


@dataclass(frozen=True, kw_only=True)
class PinBlocked(Event):
    """A person's PIN was wrong too often; `subject_id` is the person."""


@dataclass(frozen=True, kw_only=True)
class TabletEnrolled(Event):
    """A tablet (`subject_id`) became one of the salon's."""

    enrolled_by_id: UUID


@dataclass(frozen=True, kw_only=True)
class TabletRevoked(Event):
    """A tablet (`subject_id`) is one of the salon's no longer; whoever was signed in on it is out."""

    revoked_by_id: UUID


@dataclass(frozen=True, kw_only=True)
class PinChanged(Event):
    """A person (`subject_id`) chose another PIN, or none."""


@dataclass(frozen=True, kw_only=True)
class ApprovalGiven(Event):
    """Somebody approved (`subject_id`) what another is about to do."""

    requester_id: UUID
    approver_id: UUID
