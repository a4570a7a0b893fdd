"""Integer paise: parsing, printing, rounding and spreading."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salonos.kernel.money import half_up, money_text, money_value, spread, to_whole_rupee

amounts = st.integers(min_value=0, max_value=10**12)


@given(amounts, st.integers(min_value=1, max_value=10**6))
def test_half_up_is_the_nearest_integer_and_takes_halves_upwards(numerator: int, denominator: int) -> None:
    rounded = half_up(numerator, denominator)

    assert -Fraction(1, 2) < rounded - Fraction(numerator, denominator) <= Fraction(1, 2)


@pytest.mark.parametrize(("numerator", "denominator"), [(-1, 2), (1, 0), (1, -2)])
def test_half_up_refuses_what_has_no_one_upwards(numerator: int, denominator: int) -> None:
    with pytest.raises(ValueError, match="not negative"):
        half_up(numerator, denominator)


@pytest.mark.parametrize(
    ("paise", "payable", "round_off"), [(147034, 147000, -34), (147067, 147100, 33), (147050, 147100, 50)]
)
def test_payable_is_the_nearest_rupee_with_fifty_paise_upwards(paise: int, payable: int, round_off: int) -> None:
    assert to_whole_rupee(paise) == (payable, round_off)


@given(amounts, st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=50))
def test_shares_sum_to_the_total_and_differ_from_proportion_by_less_than_a_paisa(
    total: int, weights: list[int]
) -> None:
    whole = sum(weights)
    if whole == 0:
        return
    shares = spread(total, weights)

    assert sum(shares) == total
    assert all(-1 < share - Fraction(total * weight, whole) <= 1 for share, weight in zip(shares, weights, strict=True))


def test_remaining_paise_go_to_the_largest_and_among_equals_to_the_earlier() -> None:
    assert spread(100_00, [75000, 99900]) == [4288, 5712]
    assert spread(2, [1, 5, 5]) == [0, 1, 1]
    assert spread(1, [5, 5, 5]) == [1, 0, 0]
    assert spread(0, [0, 0]) == [0, 0]


@pytest.mark.parametrize(("total", "weights"), [(-1, [1]), (1, [-1]), (1, [0, 0]), (1, [])])
def test_what_nothing_can_carry_is_not_spread(total: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="spread"):
        spread(total, weights)


@given(st.integers(min_value=-(10**13), max_value=10**13))
def test_money_is_read_back_as_it_was_written(paise: int) -> None:
    assert money_value(money_text(paise)) == paise


@pytest.mark.parametrize(
    "text",
    ["1", "1.0", "1.000", "01.00", "-0.00", "1_0.00", " 1.00", "1.00 ", "1e2", "NaN", "Infinity", "１.00", "+1.00", ".50", "", 1, 1.0, None, True, "1234567890123.00"],
)  # fmt: skip
def test_anything_but_decimal_text_with_two_places_is_no_money(text: object) -> None:
    with pytest.raises(ValueError, match="Money"):
        money_value(text)
