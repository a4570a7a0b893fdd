"""Quantities, percentages, ids, text and dates."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salonos.kernel.clock import business_date, day_bounds, financial_year, monotonic_s, parse_instant, utc_now, zone
from salonos.kernel.ids import id_prefix, id_text, id_value, new_id
from salonos.kernel.problems import BadRequest
from salonos.kernel.quantity import percentage_text, percentage_value, quantity_text, quantity_value
from salonos.kernel.text import like_prefix, login_key, safe_text, search_key


@given(st.integers(min_value=-(10**11), max_value=10**11))
def test_a_quantity_is_read_back_as_it_was_written(milli: int) -> None:
    assert quantity_value(quantity_text(milli)) == milli


@pytest.mark.parametrize(("text", "milli"), [("1", 1000), ("1.5", 1500), ("0.001", 1), ("-2", -2000)])
def test_a_quantity_may_be_written_with_up_to_three_places(text: str, milli: int) -> None:
    assert quantity_value(text) == milli


@pytest.mark.parametrize("text", ["1.0000", "1.", ".1", "1e3", "NaN", "01", "１", "1,5", "", 1, None, 1.5])
def test_anything_else_is_no_quantity(text: object) -> None:
    with pytest.raises(ValueError, match="quantity"):
        quantity_value(text)


@given(st.integers(min_value=0, max_value=99_999))
def test_a_percentage_is_read_back_as_it_was_written(hundredths: int) -> None:
    assert percentage_value(percentage_text(hundredths)) == hundredths


@pytest.mark.parametrize(("hundredths", "text"), [(500, "5"), (250, "2.5"), (1805, "18.05"), (0, "0"), (10_000, "100")])
def test_a_percentage_has_no_needless_zeros(hundredths: int, text: str) -> None:
    assert percentage_text(hundredths) == text


@pytest.mark.parametrize("text", ["-1", "2.555", "1e1", "", "1000", 5, None])
def test_anything_else_is_no_percentage(text: object) -> None:
    with pytest.raises(ValueError, match="percentage"):
        percentage_value(text)


def test_ids_are_unique_and_carry_their_type() -> None:
    one, other = new_id(), new_id()

    assert one != other
    assert id_text("bill", one) == f"bill_{one.hex}"
    assert id_prefix(id_text("bill", one)) == "bill"
    assert id_value("bill", id_text("bill", one)) == one


@pytest.mark.parametrize(
    "text", ["", "bill", "bill_", "bill_12", f"bill_{'0' * 31}G", f"bill_{'0' * 31}A", f"customer_{'0' * 32}", f"bill_{'0' * 33}", f"Bill_{'0' * 32}", f" bill_{'0' * 32}", f"bill_{'0' * 32}\n"]
)  # fmt: skip
def test_a_malformed_id_and_another_types_are_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        id_value("bill", text)


def test_text_is_stored_composed_and_trimmed() -> None:
    assert safe_text("  Cafe\u0301 ", characters_max=10) == "Caf\u00e9"
    assert safe_text("ಆಶಾ राधा", characters_max=10) == "ಆಶಾ राधा"
    assert safe_text("one\ntwo", characters_max=10, is_multiline=True) == "one\ntwo"


@pytest.mark.parametrize("text", ["a\x00", "a\nb", "\ud800", "a\u202eb", "a\u200bb", "\x1b[31m", "x" * 11, "x" * 1000])
def test_text_that_cannot_be_printed_or_kept_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="This"):
        safe_text(text, characters_max=10)


def test_names_are_compared_in_one_form() -> None:
    assert login_key("ＡＳＨＡ") == login_key("asha") == "asha"
    assert search_key("  Asha   RAO ") == "asha rao"
    assert like_prefix("50%_\\") == "50\\%\\_\\\\%"


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-03-31T18:29:59.999+00:00", date(2026, 3, 31)),
        ("2026-03-31T18:30:00+00:00", date(2026, 4, 1)),
        ("2028-02-28T18:30:00Z", date(2028, 2, 29)),
    ],
)
def test_the_business_date_is_the_branchs_own(instant: str, day: date) -> None:
    assert business_date(parse_instant(instant), "Asia/Kolkata") == day


def test_a_day_is_the_range_of_its_instants() -> None:
    start, end = day_bounds(date(2026, 4, 1), "Asia/Kolkata")

    assert (start, end) == (datetime(2026, 3, 31, 18, 30, tzinfo=UTC), datetime(2026, 4, 1, 18, 30, tzinfo=UTC))


def test_the_financial_year_begins_in_april() -> None:
    assert financial_year(date(2026, 3, 31)) == 2025
    assert financial_year(date(2026, 4, 1)) == 2026


def test_instants_have_an_offset_and_zones_a_name() -> None:
    with pytest.raises(ValueError, match="offset"):
        parse_instant("2026-04-01T00:00:00")
    with pytest.raises(ValueError, match="no time zone"):
        zone("Asia/Nowhere")
    assert utc_now().tzinfo is UTC
    assert monotonic_s() <= monotonic_s()


def test_a_uuid_of_an_id_is_ordered_by_time() -> None:
    assert isinstance(new_id(), UUID)
    assert new_id().int >> 80 <= new_id().int >> 80
