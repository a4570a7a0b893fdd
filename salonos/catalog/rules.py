"""Pure decisions of the catalogue: codes and their forms."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

SAC = re.compile(r"99[0-9]{4}", re.ASCII)
HSN = re.compile(r"(?!99)[0-9]{4}(?:[0-9]{2}){0,2}", re.ASCII)
SKU = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,31}", re.ASCII)
BARCODE = re.compile(r"[0-9A-Za-z-]{4,32}", re.ASCII)
RATE_HUNDREDTHS_MAX = 4000
"""No GST rate is above 40 %."""

PRICE_PAISE_MAX = 10**9
"""A crore rupees: beyond it somebody mistyped."""

DURATION_MINUTES_MAX = 720
NAME_MAX = CATEGORY_MAX = 120
YEAR_MIN, YEAR_MAX = 2000, 2100


@dataclass(frozen=True)
class DatedRate:
    """A tax rate from a day on, in hundredths of a percent, and whether input credit may be taken against it."""

    valid_from: date
    rate_hundredths: int
    allows_input_credit: bool


def rate_on(rates: Iterable[DatedRate], day: date) -> DatedRate | None:
    """The rate that counts on a day: the latest that has begun; None before the first."""
    begun = [rate for rate in rates if rate.valid_from <= day]
    return max(begun, key=lambda rate: rate.valid_from, default=None)


def sku_text(typed: str) -> str:
    """A SKU as it is kept: in capitals, without white space around it."""
    return typed.strip().upper()
