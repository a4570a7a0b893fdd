"""Pure decisions: when a day is summarised, how far refreshes go back, when figures are final."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from salonos.kernel import clock

SUMMARY_AT = time(21, 45)
"""In the branch's zone: most of the day's bills are there, and the owner is still awake."""

FINAL_AT = time(0, 10)
"""On the next day: whatever was billed after the summary is in."""

REFRESHED_DAYS = 7
TOP_SERVICES_MAX = 10
STAFF_MAX = 100


def refreshed_days(day: date) -> Iterator[date]:
    """The days before a day whose stored summaries are brought up to date with it, the oldest first."""
    return (day - timedelta(days=back) for back in range(REFRESHED_DAYS, 0, -1))


def is_final(day: date, *, zone_name: str, now: datetime) -> bool:
    """Whether a business date is over at an instant: nothing can be dated on it any more."""
    return now >= clock.day_bounds(day, zone_name)[1]
