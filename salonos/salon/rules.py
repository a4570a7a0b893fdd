"""Pure decisions about branches, GSTINs, opening hours and document numbers."""

import enum
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache

from salonos.kernel.clock import financial_year

INDIA = "Asia/Kolkata"
HOURS_MAX = 70
"""Intervals of a week: ten a day."""

NUMBER_CHARACTERS_MAX = 16
NUMBER_DIGITS_MAX = 9
BRANCH_CODE = re.compile(r"[A-Z0-9]{1,4}", re.ASCII)
UPI_ID = re.compile(r"[A-Za-z0-9._-]{2,200}@[A-Za-z][A-Za-z0-9]{1,63}", re.ASCII)
"""A payee's address: a name, and the bank's or the app's handle."""
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_GSTIN = re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z][Z1-9ABD-J][0-9A-Z]", re.ASCII)
_NUMBER = re.compile(r"[A-Z1-9][A-Z0-9/-]{0,15}", re.ASCII)
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
_PLACEHOLDER = re.compile(r"\{(?:branch|year)\}")

_YEARS = range(2026, 2126)
"""Financial years by the year they begin in; the texts of more repeat these."""

STATES = {
    "01": "Jammu and Kashmir",
    "02": "Himachal Pradesh",
    "03": "Punjab",
    "04": "Chandigarh",
    "05": "Uttarakhand",
    "06": "Haryana",
    "07": "Delhi",
    "08": "Rajasthan",
    "09": "Uttar Pradesh",
    "10": "Bihar",
    "11": "Sikkim",
    "12": "Arunachal Pradesh",
    "13": "Nagaland",
    "14": "Manipur",
    "15": "Mizoram",
    "16": "Tripura",
    "17": "Meghalaya",
    "18": "Assam",
    "19": "West Bengal",
    "20": "Jharkhand",
    "21": "Odisha",
    "22": "Chhattisgarh",
    "23": "Madhya Pradesh",
    "24": "Gujarat",
    "26": "Dadra and Nagar Haveli and Daman and Diu",
    "27": "Maharashtra",
    "29": "Karnataka",
    "30": "Goa",
    "31": "Lakshadweep",
    "32": "Kerala",
    "33": "Tamil Nadu",
    "34": "Puducherry",
    "35": "Andaman and Nicobar Islands",
    "36": "Telangana",
    "37": "Andhra Pradesh",
    "38": "Ladakh",
}
"""GST state codes by the first two digits of a GSTIN."""


class TaxScheme(enum.Enum):
    """How a branch stands towards GST."""

    REGULAR = "REGULAR"
    COMPOSITION = "COMPOSITION"
    UNREGISTERED = "UNREGISTERED"


class DocumentKind(enum.Enum):
    """A kind of document with a number series of its own."""

    TAX_INVOICE = "TAX_INVOICE"
    BILL_OF_SUPPLY = "BILL_OF_SUPPLY"
    CREDIT_NOTE = "CREDIT_NOTE"
    RECEIPT_VOUCHER = "RECEIPT_VOUCHER"
    REFUND_VOUCHER = "REFUND_VOUCHER"
    PURCHASE_ORDER = "PURCHASE_ORDER"
    DEBIT_NOTE = "DEBIT_NOTE"


DEFAULT_PATTERNS = {
    DocumentKind.TAX_INVOICE: "{branch}/{year}/",
    DocumentKind.BILL_OF_SUPPLY: "{branch}B/{year}/",
    DocumentKind.CREDIT_NOTE: "{branch}C/{year}/",
    DocumentKind.RECEIPT_VOUCHER: "{branch}R/{year}/",
    DocumentKind.REFUND_VOUCHER: "{branch}F/{year}/",
    DocumentKind.PURCHASE_ORDER: "{branch}P/{year}/",
    DocumentKind.DEBIT_NOTE: "{branch}D/{year}/",
}
"""What a number begins with. With a code of four characters a number such as `BLR1C/2627/00001` has sixteen."""

DEFAULT_DIGITS = 5


@dataclass(frozen=True)
class Interval:
    """Opening hours of one weekday (0 is Monday), half-open, in the branch's own time."""

    weekday: int
    opens_at: time
    closes_at: time


def gstin_check_digit(first_fourteen: str) -> str:
    """The last character of a GSTIN, from the fourteen before it (modulus 36 over factors 1, 2, 1, 2…)."""
    total = 0
    for place, character in enumerate(first_fourteen):
        product = _ALPHABET.index(character) * (1 + place % 2)
        total += product // 36 + product % 36
    return _ALPHABET[(36 - total % 36) % 36]


def gstin_is_valid(gstin: str) -> bool:
    """Whether text is a GSTIN: its form, a known state and the check digit."""
    return _GSTIN.fullmatch(gstin) is not None and gstin[:2] in STATES and gstin[14] == gstin_check_digit(gstin[:14])


def year_text(day: date) -> str:
    """The financial year of a date as numbers show it: `2627`."""
    first = financial_year(day)
    return f"{first % 100:02d}{(first + 1) % 100:02d}"


def prefix_text(pattern: str, *, branch_code: str, day: date) -> str:
    """What numbers of a series begin with in the financial year of a date."""
    return pattern.replace("{branch}", branch_code).replace("{year}", year_text(day))


def number_text(pattern: str, *, branch_code: str, day: date, number: int, digits: int) -> str:
    """A document's number, the running number padded to `digits`."""
    return f"{prefix_text(pattern, branch_code=branch_code, day=day)}{number:0{digits}d}"


def pattern_fault(pattern: str, *, branch_code: str, digits: int) -> str | None:
    """Why a series would break the law somewhere in its range, or None when its longest number is lawful.

    Branch and year are compulsory, so that a number is unique over the whole business; the longest number has
    `digits` digits, since a series that has used them up refuses further numbers.
    """
    if not 1 <= digits <= NUMBER_DIGITS_MAX:
        return f"A running number has 1 to {NUMBER_DIGITS_MAX} digits."
    if pattern.count("{branch}") != 1 or pattern.count("{year}") != 1:
        return "The pattern names {branch} and {year} once each."
    if "{" in _PLACEHOLDER.sub("", pattern) or "}" in _PLACEHOLDER.sub("", pattern):
        return "The pattern knows {branch} and {year} only."
    longest = number_text(pattern, branch_code=branch_code, day=date(2026, 4, 1), number=10**digits - 1, digits=digits)
    if len(longest) > NUMBER_CHARACTERS_MAX:
        return (
            f"Its longest number {longest} has {len(longest)} characters, and the law allows {NUMBER_CHARACTERS_MAX}."
        )
    if _NUMBER.fullmatch(longest) is None:
        return f"The number {longest} may hold A-Z, 0-9, - and / only, and begins with a letter or 1-9."
    return None


@dataclass(frozen=True)
class Numbering:
    """How a series numbers: what all of its numbers look like, in every year."""

    pattern: str
    branch_code: str
    digits: int

    def prefix(self, first_year: int) -> str:
        """What its numbers begin with in a financial year."""
        return prefix_text(self.pattern, branch_code=self.branch_code, day=date(first_year, 4, 1))


def common_number(one: Numbering, other: Numbering) -> str | None:
    """A number that two series could both give, in whatever years; None when there is none.

    Both of a number's ends are digits, so `BLRP/2627/00001` may be of branch BLR with the pattern `{branch}P/{year}/` or of
    branch BLRP. Where one prefix is longer, what it has more must be digits, which the other counts through.
    """
    shorter, longer = sorted((one, other), key=lambda each: len(each.prefix(_YEARS[0])))
    begins, ends = len(shorter.prefix(_YEARS[0])), len(longer.prefix(_YEARS[0])) + longer.digits
    if begins + shorter.digits != ends:
        return None
    prefixes = _prefixes(shorter)
    for prefix in _prefixes(longer):
        counted = prefix[begins:]
        if prefix[:begins] in prefixes and (not counted or counted.isdecimal()):
            return f"{prefix}{1:0{longer.digits}d}"
    return None


@lru_cache(maxsize=4_096)
def _prefixes(numbering: Numbering) -> dict[str, None]:
    """Of all years, in their order."""
    return dict.fromkeys(numbering.prefix(year) for year in _YEARS)


def time_of_day(typed: str) -> time | None:
    """A time from its form `09:30`; None for anything else."""
    return time.fromisoformat(typed) if _TIME.fullmatch(typed) else None


def hours_fault(intervals: Iterable[Interval]) -> str | None:
    """Why opening hours can't be right: an interval without length, or two that overlap."""
    ordered = sorted(intervals, key=lambda each: (each.weekday, each.opens_at))
    for each in ordered:
        if not 0 <= each.weekday <= 6:  # noqa: PLR2004  a week
            return "A weekday is 0 (Monday) to 6 (Sunday)."
        if each.opens_at >= each.closes_at:
            return "Hours end after they begin."
    for one, following in itertools.pairwise(ordered):
        if one.weekday == following.weekday and following.opens_at < one.closes_at:
            return "Hours of one weekday overlap."
    return None
