"""Facts announced after the commit."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from salonos.kernel.outbox import Event


@dataclass(frozen=True, kw_only=True)
class BillPosted(Event):
    """A bill became final; the subject is the bill."""

    business_date: date


@dataclass(frozen=True, kw_only=True)
class PaymentTaken(Event):
    """Money was kept towards a bill, at the branch of the event; the subject is the payment."""

    bill_id: UUID
    business_date: date


@dataclass(frozen=True, kw_only=True)
class PaymentCorrected(Event):
    """A payment stands in the place of one that was recorded wrongly; the subject is the one that stands."""

    bill_id: UUID
    business_date: date


@dataclass(frozen=True, kw_only=True)
class PaymentReturned(Event):
    """Money went back at a branch for another branch's bill that was taken back; the subject is the payment."""

    bill_id: UUID
    business_date: date


@dataclass(frozen=True, kw_only=True)
class BillVoided(Event):
    """A bill was taken back; the subject is the bill."""

    business_date: date


@dataclass(frozen=True, kw_only=True)
class BillChanged(Event):
    """A draft was begun or changed; the subject is the bill."""

    version: int
