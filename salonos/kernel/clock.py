"""Time: instants in UTC, business dates in a branch's zone, India's financial year. The only room that reads a clock.

Within a transaction the time is `Work.now`, read once from the database; what stands here is for processes.
"""

import time
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

FINANCIAL_YEAR_FIRST_MONTH = 4


def utc_now() -> datetime:
    """The process's wall clock. Business decisions use `Work.now` instead."""
    return datetime.now(UTC)


def monotonic_s() -> float:
    """Seconds since some moment, for measuring how long something took."""
    return time.monotonic()


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name.

    Raises: ValueError for a name that is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone.") from error


def business_date(now: datetime, zone_name: str) -> date:
    """The calendar date in a branch's zone at an instant: the date of its documents."""
    return now.astimezone(zone(zone_name)).date()


def day_bounds(day: date, zone_name: str) -> tuple[datetime, datetime]:
    """The half-open range of instants, in UTC, that is a date in a zone."""
    here = zone(zone_name)
    start = datetime(day.year, day.month, day.day, tzinfo=here)
    following = day + timedelta(days=1)
    end = datetime(following.year, following.month, following.day, tzinfo=here)
    return start.astimezone(UTC), end.astimezone(UTC)


def financial_year(day: date) -> int:
    """The year in which the financial year of a date began: 2026 for 1 April 2026 to 31 March 2027."""
    return day.year if day.month >= FINANCIAL_YEAR_FIRST_MONTH else day.year - 1


def parse_instant(text: str) -> datetime:
    """An instant from RFC 3339 text with an offset.

    Raises: ValueError for text without an offset or of another form.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("An instant has an offset.")
    return instant.astimezone(UTC)
