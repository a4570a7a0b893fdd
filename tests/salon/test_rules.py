"""GSTINs, document numbers and opening hours, without any database."""

import re
from datetime import date, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salonos.salon.rules import (
    DEFAULT_DIGITS,
    DEFAULT_PATTERNS,
    DocumentKind,
    Interval,
    Numbering,
    common_number,
    gstin_check_digit,
    gstin_is_valid,
    hours_fault,
    number_text,
    pattern_fault,
    time_of_day,
    year_text,
)


@pytest.mark.parametrize("gstin", ["27AAPFU0939F1ZV", "24AANFA2641L1ZF", "07AAGFF2194N1Z1", "29AAFCA7488L1ZW"])
def test_a_gstin_with_the_right_check_digit_is_valid(gstin: str) -> None:
    assert gstin_is_valid(gstin)


@pytest.mark.parametrize(
    "gstin", ["29AAFCA7488L1Z0", "27aapfu0939f1zv", "27AAPFU0939F1Z", "25AAPFU0939F1ZV", "99AAPFU0939F1ZV", "", "２7AAPFU0939F1ZV"]
)  # fmt: skip
def test_anything_else_is_no_gstin(gstin: str) -> None:
    assert not gstin_is_valid(gstin)


def test_the_default_series_fit_the_longest_branch_code_over_their_whole_range() -> None:
    for pattern in DEFAULT_PATTERNS.values():
        assert pattern_fault(pattern, branch_code="BLR1", digits=DEFAULT_DIGITS) is None


@pytest.mark.parametrize(
    ("pattern", "digits"),
    [
        ("{branch}/{year}/", 0),
        ("{branch}/{year}/", 8),
        ("{branch}/", 5),
        ("{year}/", 5),
        ("{branch}{branch}{year}", 5),
        ("{branch} {year}", 5),
        ("0{branch}/{year}", 5),
        ("-{branch}{year}", 5),
        ("{branch}/{year}/{x}", 2),
        ("{branch}/{year}/é", 5),
        ("INVOICE/{branch}/{year}/", 5),
    ],
)
def test_a_series_that_would_break_the_law_somewhere_is_refused(pattern: str, digits: int) -> None:
    assert pattern_fault(pattern, branch_code="BLR1", digits=digits) is not None


def test_numbers_are_made_of_branch_year_and_running_number() -> None:
    drawn = number_text("{branch}/{year}/", branch_code="BLR1", day=date(2027, 3, 31), number=42, digits=5)

    assert drawn == "BLR1/2627/00042"
    assert year_text(date(2027, 4, 1)) == "2728"
    assert year_text(date(2099, 12, 31)) == "9900"


def test_hours_have_length_and_do_not_overlap() -> None:
    morning = Interval(0, time(9), time(13))
    evening = Interval(0, time(13), time(20))

    assert hours_fault([evening, morning]) is None
    assert hours_fault([morning, Interval(1, time(9), time(13))]) is None
    assert hours_fault([morning, Interval(0, time(12, 59), time(14))]) == "Hours of one weekday overlap."
    assert hours_fault([Interval(0, time(9), time(9))]) == "Hours end after they begin."
    assert hours_fault([Interval(7, time(9), time(10))]) == "A weekday is 0 (Monday) to 6 (Sunday)."


def test_a_time_of_day_has_one_form() -> None:
    assert time_of_day("09:30") == time(9, 30)
    assert [time_of_day(typed) for typed in ("9:30", "24:00", "09:60", "09:30:00", "०९:३०", "")] == [None] * 6


@given(
    st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=14, max_size=14),
    st.integers(0, 13),
    st.characters(codec="ascii"),
)
def test_a_gstin_with_one_character_changed_is_no_gstin(first: str, place: int, other: str) -> None:
    sample = "27AAPFU0939F1ZV"
    changed = sample[:place] + other + sample[place + 1 :]

    assert gstin_is_valid(changed) == (changed == sample)
    assert len(gstin_check_digit(first)) == 1


@given(
    st.from_regex(r"[A-Z0-9]{1,4}", fullmatch=True),
    st.lists(st.sampled_from(["{branch}", "{year}", "/", "-", "A", "7", " ", "é"]), min_size=1, max_size=6),
    st.integers(1, 9),
    st.dates(date(2020, 4, 1), date(2090, 1, 1)),
)
def test_a_series_without_a_fault_makes_lawful_numbers_over_its_whole_range(
    code: str, parts: list[str], digits: int, day: date
) -> None:
    pattern = "".join(parts)
    if pattern_fault(pattern, branch_code=code, digits=digits) is not None:
        return

    for number in (1, 10**digits // 2, 10**digits - 1):
        drawn = number_text(pattern, branch_code=code, day=day, number=number, digits=digits)
        assert re.fullmatch(r"[A-Z1-9][A-Z0-9/-]{0,15}", drawn)
        assert code in drawn
        assert year_text(day) in drawn


def numbers_of(numbering: Numbering) -> set[str]:
    """All that a series can ever give, made one by one."""
    return {
        number_text(
            numbering.pattern, branch_code=numbering.branch_code, day=date(year, 4, 1), number=number, digits=digits
        )
        for digits in [numbering.digits]
        for year in range(2000, 2100)
        for number in range(1, 10**digits)
    }


NUMBERINGS = st.builds(
    Numbering,
    st.sampled_from(
        [
            "{branch}/{year}/",
            "{branch}P/{year}/",
            "{branch}{year}",
            "{year}{branch}",
            "{branch}1{year}",
            "{branch}/{year}/1",
        ]
    ),
    st.sampled_from(["B", "BP", "1", "11", "2", "26"]),
    st.integers(1, 2),
)


@settings(max_examples=60, deadline=None)
@given(NUMBERINGS, NUMBERINGS)
def test_two_series_have_a_number_in_common_exactly_when_their_numbers_say_so(one: Numbering, other: Numbering) -> None:
    both = numbers_of(one) & numbers_of(other)

    found = common_number(one, other)

    assert (found is not None) == bool(both)
    assert found is None or found in both


def test_a_branch_and_the_orders_of_another_could_have_a_number_in_common() -> None:
    orders = Numbering(DEFAULT_PATTERNS[DocumentKind.PURCHASE_ORDER], "BLR", 5)

    found = common_number(orders, Numbering("{branch}/{year}/", "BLRP", 5))

    assert found == "BLRP/2627/00001"
    assert common_number(orders, Numbering("{branch}/{year}/", "BLR1", 5)) is None
