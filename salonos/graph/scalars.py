"""Each scalar once: what it accepts, how Python writes it, and the SQL that writes the very same text.

A scalar refuses whatever is not of its one form: floats, exponents, underscores, full-width digits, naive times, years
outside 2000 to 2100 (dates: 1900 to 2100). The SQL form and the Python form are equal byte for byte; the differential test holds them to it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NewType, TypeVar

import phonenumbers
import strawberry
from graphql import GraphQLError
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Enum,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    cast,
    func,
    literal_column,
)
from sqlalchemy.types import TypeEngine
from strawberry.types.scalar import ScalarDefinition

from salonos.kernel.database import Hundredths, Milli, Paise
from salonos.kernel.money import Money, money_text, money_value
from salonos.kernel.quantity import (
    Percentage,
    Quantity,
    percentage_text,
    percentage_value,
    quantity_text,
    quantity_value,
)

T = TypeVar("T")

PhoneNumber = NewType("PhoneNumber", str)
"""A telephone number in E.164 form: `+919845012345`."""

Gstin = NewType("Gstin", str)
"""A GST registration's fifteen characters; the check digit is the business's to verify."""

UpiId = NewType("UpiId", str)
"""An address for UPI payments: `salon@bank`."""

EventCursor = NewType("EventCursor", str)
"""Where in the stream of events a client stands: opaque."""

YEAR_MIN, YEAR_MAX = 2000, 2100
DATE_YEAR_MIN = 1900
"""People are born before their salon opens."""
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_GSTIN = re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]", re.ASCII)
_UPI_ID = re.compile(r"[A-Za-z0-9._-]{2,256}@[A-Za-z][A-Za-z0-9]{1,63}", re.ASCII)
_EVENT_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,200}", re.ASCII)


def instant_text(value: datetime) -> str:
    """UTC with six places: `2026-11-23T01:02:03.100000Z`."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def instant_value(text: object) -> datetime:
    """An instant from RFC 3339 text with an offset.

    Raises: ValueError for everything else, and outside the years 2000 to 2100.
    """
    if not isinstance(text, str) or _INSTANT.fullmatch(text) is None:
        raise ValueError('A DateTime is written as "2026-11-23T09:30:00+05:30", always with its offset.')
    try:
        instant = datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError:  # its offset leads out of what a datetime can be
        instant = datetime.max.replace(tzinfo=UTC)
    if not YEAR_MIN <= instant.year < YEAR_MAX:
        raise ValueError("A DateTime lies between the years 2000 and 2100.")
    return instant


def date_value(text: object) -> date:
    """A date from `YYYY-MM-DD`.

    Raises: ValueError for everything else, and outside the years 1900 to 2100.
    """
    if not isinstance(text, str) or _DATE.fullmatch(text) is None:
        raise ValueError('A Date is written as "2026-11-23".')
    day = date.fromisoformat(text)
    if not DATE_YEAR_MIN <= day.year < YEAR_MAX:
        raise ValueError("A Date lies between the years 1900 and 2100.")
    return day


def phone_value(text: object) -> str:
    """A telephone number from E.164 text.

    Raises: ValueError for everything else.
    """
    wrong = ValueError('A PhoneNumber is written as "+919845012345".')
    if not isinstance(text, str) or _PHONE.fullmatch(text) is None:
        raise wrong
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException as error:
        raise wrong from error
    if not phonenumbers.is_possible_number(number):
        raise wrong
    return text


def _text_of(pattern: re.Pattern[str], sentence: str) -> Callable[[object], str]:
    def parse(text: object) -> str:
        if not isinstance(text, str) or pattern.fullmatch(text) is None:
            raise ValueError(sentence)
        return text

    return parse


def _refusing(parse: Callable[[object], T]) -> Callable[[object], T]:
    """The parser as GraphQL wants it: its ValueError is what the client reads."""

    def parsed(value: object) -> T:
        try:
            return parse(value)
        except ValueError as error:
            raise GraphQLError(str(error) if not isinstance(error, UnicodeError) else "This is no text.") from None

    return parsed


@dataclass(frozen=True)
class Shape:
    """A scalar in SQL: the expression that writes it, and the SQL types that it may rest on."""

    sql: Callable[[ColumnElement[Any]], ColumnElement[Any]]
    rests_on: tuple[type[TypeEngine[Any]], ...]


def _as_is(value: ColumnElement[Any]) -> ColumnElement[Any]:
    return value


def _instant_sql(value: ColumnElement[Any]) -> ColumnElement[Any]:
    utc = func.timezone(literal_column("'UTC'"), value)
    return func.to_char(utc, literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"""), type_=Text())


def _places(unit: str) -> Callable[[ColumnElement[Any]], ColumnElement[Any]]:
    """Integer units as decimal text: multiplied by an exact decimal, where a division would round."""
    return lambda value: cast(value * literal_column(unit), Text)


def _percentage_sql(value: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(func.trim_scale(value * literal_column("0.01")), Text)


SHAPES: Mapping[str, Shape] = {
    "Money": Shape(_places("0.01"), (Paise,)),
    "Quantity": Shape(_places("0.001"), (Milli,)),
    "Percentage": Shape(_percentage_sql, (Hundredths,)),
    "DateTime": Shape(_instant_sql, (DateTime,)),
    "Date": Shape(_as_is, (Date,)),
    "PhoneNumber": Shape(_as_is, (Text, LargeBinary)),
    "Gstin": Shape(_as_is, (Text,)),
    "UpiId": Shape(_as_is, (Text,)),
    "EventCursor": Shape(_as_is, (Text,)),
    "String": Shape(_as_is, (Text, Enum)),
    "Int": Shape(_as_is, (Integer,)),
    "Boolean": Shape(_as_is, (Boolean,)),
    "ID": Shape(_as_is, (Uuid, Text)),
}
"""By the scalar's name in the schema; enums are written as they are stored, as text."""


def rests(scalar: str, kind: TypeEngine[Any]) -> bool:
    """Whether values of this SQL type may be written as that scalar."""
    shape = SHAPES.get(scalar)
    if shape is None:
        return True
    if scalar == "Int" and isinstance(kind, BigInteger | Hundredths):
        return False  # BIGINT is a subclass of Integer in SQLAlchemy, and does not fit GraphQL's Int
    return isinstance(kind, shape.rests_on)


SCALARS: Mapping[object, ScalarDefinition] = {
    Money: strawberry.scalar(
        name="Money",
        description='An amount in the salon\'s currency as decimal text with exactly two places: `"1180.00"`.',
        serialize=money_text,
        parse_value=_refusing(money_value),
        specified_by_url="https://en.wikipedia.org/wiki/ISO_4217",
    ),
    Quantity: strawberry.scalar(
        name="Quantity",
        description='How much of something, as decimal text: at most three places in, always three out: `"1.500"`.',
        serialize=quantity_text,
        parse_value=_refusing(quantity_value),
        specified_by_url="https://en.wikipedia.org/wiki/Decimal",
    ),
    Percentage: strawberry.scalar(
        name="Percentage",
        description='A share as decimal text with at most two places: `"2.5"`, `"18"`.',
        serialize=percentage_text,
        parse_value=_refusing(percentage_value),
        specified_by_url="https://en.wikipedia.org/wiki/Percentage",
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="An instant: RFC 3339 with its offset in, UTC with six places out; years 2000 to 2100.",
        serialize=instant_text,
        parse_value=_refusing(instant_value),
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
    ),
    date: strawberry.scalar(
        name="Date",
        description="A calendar date, `2026-11-23`: a business date or a birthday; years 1900 to 2100.",
        serialize=lambda day: day.isoformat(),
        parse_value=_refusing(date_value),
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
    ),
    PhoneNumber: strawberry.scalar(
        name="PhoneNumber",
        description="A telephone number: E.164 in; E.164 or its mask out.",
        serialize=str,
        parse_value=_refusing(phone_value),
        specified_by_url="https://www.itu.int/rec/T-REC-E.164",
    ),
    Gstin: strawberry.scalar(
        name="Gstin",
        description="A GST registration's fifteen characters.",
        serialize=str,
        parse_value=_refusing(_text_of(_GSTIN, 'A Gstin is written as "29ABCDE1234F1Z5".')),
        specified_by_url="https://en.wikipedia.org/wiki/Goods_and_Services_Tax_Identification_Number",
    ),
    UpiId: strawberry.scalar(
        name="UpiId",
        description="An address for UPI payments: `salon@bank`.",
        serialize=str,
        parse_value=_refusing(_text_of(_UPI_ID, 'A UpiId is written as "salon@bank".')),
        specified_by_url="https://en.wikipedia.org/wiki/Unified_Payments_Interface",
    ),
    EventCursor: strawberry.scalar(
        name="EventCursor",
        description="Where in the stream of events a client stands; opaque, good for seven days.",
        serialize=str,
        parse_value=_refusing(_text_of(_EVENT_CURSOR, "This is not a cursor of an event.")),
        specified_by_url="https://relay.dev/graphql/connections.htm#sec-Cursor",
    ),
}
"""What Strawberry's configuration takes."""
