"""Pure decisions about people: names, phone numbers, e-mail addresses, birth dates."""

import enum
import re
from datetime import date

import phonenumbers

from salonos.kernel.text import search_key

REGION = "IN"
NAME_MAX, EMAIL_MAX, ADDRESS_MAX, NOTES_MAX = 120, 254, 500, 4000
LAST_DIGITS = 4
SERVED_WITHIN_DAYS = 90
"""For how long a member of staff sees the customers they served."""

BIRTH_YEAR_MIN = 1900
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)+", re.ASCII)
_PHONE_LIKE = re.compile(r"\+?[0-9() .\-]{7,24}", re.ASCII)
_HIGHEST = "\U0010ffff"


class Gender(enum.Enum):
    """What a customer says of themself."""

    FEMALE = "FEMALE"
    MALE = "MALE"
    OTHER = "OTHER"


class CustomerDetail(enum.Enum):
    """What may be taken off a customer's record."""

    PHONE = "PHONE"
    EMAIL = "EMAIL"
    GENDER = "GENDER"
    BIRTH_DATE = "BIRTH_DATE"
    ADDRESS = "ADDRESS"
    NOTES = "NOTES"


def first_name(name: str) -> str:
    """The part of a name that everybody may see: its first word."""
    return name.split(maxsplit=1)[0]


def phone_number(typed: str) -> str | None:
    """The E.164 form of a telephone number as people write it, Indian unless it says otherwise; None for none.

    Digits of other scripts are no digits here: `٩٨٤٥…` and its full-width kin are refused.
    """
    if _PHONE_LIKE.fullmatch(typed.strip()) is None:
        return None
    try:
        number = phonenumbers.parse(typed, REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number) or number.extension:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def last_digits(phone: str) -> str:
    """What the mask of a phone number shows."""
    return phone[-LAST_DIGITS:]


def email_key(email: str) -> str:
    """The form in which e-mail addresses are compared."""
    return email.strip().casefold()


def email_is_possible(email: str) -> bool:
    """Whether text looks like an e-mail address; only a message shows whether it is one."""
    return len(email) <= EMAIL_MAX and _EMAIL.fullmatch(email) is not None


def birth_date_is_possible(birth_date: date, *, today: date) -> bool:
    """Whether somebody alive can have been born on a date."""
    return birth_date.year >= BIRTH_YEAR_MIN and birth_date <= today


def name_range(typed: str) -> tuple[str, str]:
    """The half-open range of search names that begin with what was typed, in the order of code points."""
    prefix = search_key(typed)
    return prefix, prefix + _HIGHEST
