"""Facts that identity announces."""

from dataclasses import dataclass
from uuid import UUID

from salonos.kernel.outbox import Event


@dataclass(frozen=True, kw_only=True)
class RefreshTokenStolen(Event):
    """A used refresh token came again, or from another device: the session (`subject_id`) was ended."""

    staff_id: UUID
