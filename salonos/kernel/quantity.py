"""Quantities in integer thousandths and percentages in integer hundredths; decimal text outside."""

import re
from typing import NewType

Quantity = NewType("Quantity", int)
"""How much of something, in thousandths of its unit."""

Percentage = NewType("Percentage", int)
"""A share in hundredths of a percent: 500 is 5 %."""

_QUANTITY = re.compile(r"-?(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,3})?", re.ASCII)
_PERCENTAGE = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.[0-9]{1,2})?", re.ASCII)


def quantity_text(milli: int) -> str:
    """The client's form, always with three places: `"1.500"`."""
    sign = "-" if milli < 0 else ""
    return f"{sign}{abs(milli) // 1000}.{abs(milli) % 1000:03d}"


def quantity_value(text: object) -> Quantity:
    """A quantity from the client's form: at most three places, below a thousand million.

    Raises: ValueError for everything else.
    """
    if not isinstance(text, str) or _QUANTITY.fullmatch(text) is None:
        raise ValueError('A quantity is written as "1.500", with at most three places.')
    whole, _, places = text.removeprefix("-").partition(".")
    milli = int(whole) * 1000 + int(places.ljust(3, "0") or "0")
    return Quantity(-milli if text.startswith("-") else milli)


def percentage_text(hundredths: int) -> str:
    """The client's form without needless zeros: `"2.5"`, `"18"`."""
    whole, places = divmod(hundredths, 100)
    return f"{whole}.{places:02d}".rstrip("0").rstrip(".") if places else str(whole)


def percentage_value(text: object) -> Percentage:
    """A percentage from the client's form: not negative, at most two places, below a thousand.

    Raises: ValueError for everything else.
    """
    if not isinstance(text, str) or _PERCENTAGE.fullmatch(text) is None:
        raise ValueError('A percentage is written as "2.5", with at most two places.')
    whole, _, places = text.partition(".")
    return Percentage(int(whole) * 100 + int(places.ljust(2, "0") or "0"))
