"""Facts announced after the commit."""

from dataclasses import dataclass
from datetime import date

from salonos.kernel.outbox import Event


@dataclass(frozen=True, kw_only=True)
class DaySummarised(Event):
    """A day's summary was made for the first time; refreshes announce nothing. The subject is the summary."""

    business_date: date
