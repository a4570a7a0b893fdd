"""Names, phone numbers and addresses of people, without any database."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salonos.customers.rules import (
    birth_date_is_possible,
    email_is_possible,
    email_key,
    first_name,
    last_digits,
    name_range,
    phone_number,
)
from salonos.kernel.text import search_key

TODAY = date(2026, 11, 23)
NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Co"]), min_size=1, max_size=40)


@pytest.mark.parametrize(
    "typed", ["9845012345", "09845012345", "+91 98450 12345", "+919845012345", "98450-12345", " (98450) 12345 "]
)
def test_a_number_is_indian_unless_it_says_otherwise(typed: str) -> None:
    assert phone_number(typed) == "+919845012345"


def test_a_number_of_another_country_keeps_it() -> None:
    assert phone_number("+1 415 555 2671") == "+14155552671"


@pytest.mark.parametrize(
    "typed", ["", "asha", "+9991234567", "12", "98450", "٩٨٤٥٠١٢٣٤٥", "９８４５０１２３４５", "9845012345 ext 3", "+", "984501234598450123459845", "a9845012345"]
)  # fmt: skip
def test_anything_else_is_no_number(typed: str) -> None:
    assert phone_number(typed) is None


def test_everybody_sees_the_first_word_of_a_name_and_the_last_digits_of_a_number() -> None:
    assert first_name("Asha Menon") == "Asha"
    assert first_name("Asha") == "Asha"
    assert last_digits("+919845012345") == "2345"


@pytest.mark.parametrize("email", ["asha@example.in", "a.b+c@mail.example.com"])
def test_an_address_has_a_name_and_a_domain(email: str) -> None:
    assert email_is_possible(email)


@pytest.mark.parametrize("email", ["asha", "asha@", "asha@in", "@example.in", "a b@example.in", "a@b@example.in", f"{'a' * 65}@x.in", f"a@{'x' * 253}.in"])  # fmt: skip
def test_anything_else_is_no_address(email: str) -> None:
    assert not email_is_possible(email)


def test_addresses_are_compared_without_case() -> None:
    assert email_key(" Asha@Example.IN ") == "asha@example.in"


def test_somebody_alive_was_born_between_1900_and_today() -> None:
    assert birth_date_is_possible(TODAY, today=TODAY)
    assert birth_date_is_possible(date(1900, 1, 1), today=TODAY)
    assert not birth_date_is_possible(date(2026, 11, 24), today=TODAY)
    assert not birth_date_is_possible(date(1899, 12, 31), today=TODAY)


@given(NAMES, NAMES)
def test_the_range_of_a_prefix_holds_exactly_the_names_that_begin_with_it(typed: str, name: str) -> None:
    low, high = name_range(typed)
    for key in (search_key(name), search_key(typed + name)):
        assert (low <= key < high) == key.startswith(low)
