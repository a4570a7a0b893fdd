"""What the owner ought to know: rows that the owner reads, and nobody takes back."""

from uuid import UUID

from salonos.identity.rules import Notice
from salonos.identity.tables import SecurityNotice
from salonos.kernel.work import Work


def tell(work: Work, kind: Notice, staff_id: UUID, *, session_id: UUID | None = None) -> None:
    """Adds a notice about a person's account."""
    work.session.add(SecurityNotice(kind=kind, staff_id=staff_id, session_id=session_id, occurred_at=work.now))
