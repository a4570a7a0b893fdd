"""Codes of items and the rate of a day, without any database."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salonos.catalog.rules import HSN, SAC, SKU, DatedRate, rate_on, sku_text

DAYS = st.dates(date(2017, 7, 1), date(2040, 1, 1))


@pytest.mark.parametrize("code", ["3305", "330510", "33059090"])
def test_an_hsn_has_an_even_number_of_digits_from_four_to_eight(code: str) -> None:
    assert HSN.fullmatch(code)


@pytest.mark.parametrize("code", ["330", "33059", "999721", "3305909012", "3305 90", "３３０５", ""])
def test_anything_else_is_no_hsn(code: str) -> None:
    assert not HSN.fullmatch(code)


def test_a_sac_has_six_digits_and_begins_with_99() -> None:
    assert SAC.fullmatch("999721")
    assert not SAC.fullmatch("899721")
    assert not SAC.fullmatch("99972")
    assert not SAC.fullmatch("999721\n")


def test_a_sku_is_kept_in_capitals() -> None:
    assert sku_text(" ser-100 ") == "SER-100"
    assert SKU.fullmatch("SER-100")
    assert not SKU.fullmatch("-SER")


@given(st.lists(DAYS, unique=True), DAYS)
def test_the_rate_of_a_day_is_the_latest_that_has_begun(begins: list[date], day: date) -> None:
    rates = [DatedRate(begin, place, allows_input_credit=True) for place, begin in enumerate(begins)]

    found = rate_on(rates, day)

    begun = sorted(begin for begin in begins if begin <= day)
    assert (found and found.valid_from) == (begun[-1] if begun else None)


@given(DAYS)
def test_a_rate_counts_on_its_first_day_and_not_before(day: date) -> None:
    rate = DatedRate(day, 500, allows_input_credit=False)

    assert rate_on([rate], day) == rate
    assert rate_on([rate], day - timedelta(days=1)) is None
