"""Each scalar accepts its one form and writes it again; everything else is refused."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLScalarType

from tests.graph.conftest import Asker
from tests.graph.world import GRAPH

NUMBERS: list[Any] = [
    1,
    1.5,
    True,
    None,
    [],
    "",
    "NaN",
    "sNaN",
    "Infinity",
    "1e3",
    "1E+3",
    "1_000",
    " 1.00",
    "１.００",
    "+1.00",
    "1,00",
]


def scalar(name: str) -> GraphQLScalarType:
    kind = GRAPH.core.type_map[name]
    assert isinstance(kind, GraphQLScalarType)
    return kind


ACCEPTED = [
    ("Money", "1180.00", 118_000, "1180.00"),
    ("Money", "-0.36", -36, "-0.36"),
    ("Money", "0.00", 0, "0.00"),
    ("Money", "999999999999.99", 99_999_999_999_999, "999999999999.99"),
    ("Quantity", "1.5", 1_500, "1.500"),
    ("Quantity", "2", 2_000, "2.000"),
    ("Percentage", "2.5", 250, "2.5"),
    ("Percentage", "18", 1_800, "18"),
    ("DateTime", "2026-11-23T09:30:00+05:30", datetime(2026, 11, 23, 4, tzinfo=UTC), "2026-11-23T04:00:00.000000Z"),
    (
        "DateTime",
        "2026-11-23T04:00:00.5Z",
        datetime(2026, 11, 23, 4, 0, 0, 500_000, UTC),
        "2026-11-23T04:00:00.500000Z",
    ),
    ("Date", "2024-02-29", date(2024, 2, 29), "2024-02-29"),
    ("PhoneNumber", "+919845012345", "+919845012345", "+919845012345"),
    ("EventCursor", "MXxh_-", "MXxh_-", "MXxh_-"),
]


@pytest.mark.parametrize(("name", "text", "value", "written"), ACCEPTED)
def test_a_scalar_reads_and_writes_its_form(name: str, text: str, value: Any, written: str) -> None:
    kind = scalar(name)

    assert kind.coerce_input_value(text) == value
    assert kind.coerce_output_value(value) == written


REFUSED = [
    *[("Money", wrong) for wrong in [*NUMBERS, "1", "1.0", "1.000", "01.00", "-0.00", "1000000000000.00", ".50"]],
    *[("Quantity", wrong) for wrong in [*[n for n in NUMBERS if n != "1"], "1.0000", "01", "1.", ".5"]],
    *[("Percentage", wrong) for wrong in [*NUMBERS, "-1", "1.000", "1000"]],
    *[
        ("DateTime", wrong)
        for wrong in (
            1,
            "",
            "2026-11-23",
            "2026-11-23T09:30:00",
            "2026-11-23 09:30:00Z",
            "2026-11-23T09:30Z",
            "2026-11-23T25:00:00Z",
            "2026-11-23T09:30:00+99:99",
            "1999-12-31T23:59:59Z",
            "2100-01-01T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
            "infinity",
            "2026-W48-1T00:00:00Z",
            "2026-11-23T09:30:00.1234567Z",
        )
    ],
    *[("Date", wrong) for wrong in (1, "", "2026-1-1", "20261123", "2025-02-29", "1899-12-31", "2100-01-01", "today")],
    *[
        ("PhoneNumber", wrong)
        for wrong in (1, "", "9845012345", "+0845012345", "+91 98450 12345", "+91984501234567890", "+1234567")
    ],
    *[("EventCursor", wrong) for wrong in (1, "", "a b", "x" * 201)],
]


@pytest.mark.parametrize(("name", "wrong"), REFUSED)
def test_a_scalar_refuses_every_other_form(name: str, wrong: Any) -> None:
    with pytest.raises(GraphQLError):
        scalar(name).coerce_input_value(wrong)


@pytest.mark.parametrize("paise", [9223372036854775807, -9223372036854775808, 1, -1, 10, 99999999999999])
async def test_money_in_sql_is_exact_at_the_ends_of_bigint(ask: Asker, paise: int) -> None:
    (row,) = await ask.rows("select ($1::bigint * 0.01)::text as money, ($1::bigint * 0.001)::text as quantity", paise)

    assert row["money"] == scalar("Money").coerce_output_value(paise)
    assert row["quantity"] == scalar("Quantity").coerce_output_value(paise)


@pytest.mark.parametrize("hundredths", [0, 5, 10, 250, 1_800, 1_225, 10_000])
async def test_a_percentage_in_sql_has_no_needless_zeros(ask: Asker, hundredths: int) -> None:
    (row,) = await ask.rows("select trim_scale($1::int * 0.01)::text as percentage", hundredths)

    assert row["percentage"] == scalar("Percentage").coerce_output_value(hundredths)
