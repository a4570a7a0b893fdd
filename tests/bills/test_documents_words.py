"""Amounts as India writes and says them, and the link that a UPI app pays by."""

from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salonos.bills.documents import words
from salonos.bills.documents.upi import upi_link

SPOKEN = {
    0: "Rupees Zero Only",
    50: "Rupees Zero and Fifty Paise Only",
    1_00: "Rupees One Only",
    1_01: "Rupees One and One Paise Only",
    19_00: "Rupees Nineteen Only",
    20_00: "Rupees Twenty Only",
    100_00: "Rupees One Hundred Only",
    115_00: "Rupees One Hundred Fifteen Only",
    1_787_00: "Rupees One Thousand Seven Hundred Eighty-Seven Only",
    99_999_99: "Rupees Ninety-Nine Thousand Nine Hundred Ninety-Nine and Ninety-Nine Paise Only",
    1_00_000_00: "Rupees One Lakh Only",
    1_00_001_00: "Rupees One Lakh One Only",
    1_23_45_678_90: (
        "Rupees One Crore Twenty-Three Lakh Forty-Five Thousand Six Hundred Seventy-Eight and Ninety Paise Only"
    ),
    1_000_00_00_000_00: "Rupees One Thousand Crore Only",
}
WRITTEN = {
    0: "0.00",
    50: "0.50",
    1_00: "1.00",
    999_99: "999.99",
    1_000_00: "1,000.00",
    99_999_99: "99,999.99",
    1_00_000_00: "1,00,000.00",
    1_23_45_678_90: "1,23,45,678.90",
    -36: "-0.36",
    -1_23_456_00: "-1,23,456.00",
}


@pytest.mark.parametrize(("paise", "said"), SPOKEN.items())
def test_an_amount_is_said_in_lakhs_and_crores(paise: int, said: str) -> None:
    assert words.amount_in_words(paise) == said


@pytest.mark.parametrize(("paise", "text"), WRITTEN.items())
def test_an_amount_is_written_in_lakhs_and_crores(paise: int, text: str) -> None:
    assert words.amount(paise) == text


@given(st.integers(-(10**14), 10**14))
def test_an_amount_loses_nothing_by_its_commas(paise: int) -> None:
    text = words.amount(paise)

    assert int(text.replace(",", "").replace(".", "")) == paise
    assert all(len(group) == 2 for group in text.lstrip("-").split(".")[0].split(",")[1:-1])


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_no_two_amounts_are_said_alike(one: int, other: int) -> None:
    assert (words.amount_in_words(one) == words.amount_in_words(other)) is (one == other)


def test_quantities_and_rates_are_written_without_zeros_at_their_end() -> None:
    assert [words.quantity(each) for each in (1000, 250, 1500, 10_000)] == ["1", "0.25", "1.5", "10"]
    assert [words.percent(each) for each in (0, 25, 500, 1800, 4000)] == ["0 %", "0.25 %", "5 %", "18 %", "40 %"]
    assert [words.half_percent(each) for each in (0, 25, 500, 1800)] == ["0 %", "0.125 %", "2.5 %", "9 %"]


def test_a_upi_link_says_who_is_paid_how_much_and_for_what() -> None:
    given_values = {"payee": "Nayana & Söhne", "bill_id": UUID(int=7), "due_paise": 118_000}

    link = upi_link(upi_id="nayana@okhdfc", number="BLR1/2627/00001", **given_values)  # type: ignore[arg-type]
    of_draft = upi_link(upi_id="nayana@okhdfc", number=None, **given_values)  # type: ignore[arg-type]

    assert link == "upi://pay?pa=nayana%40okhdfc&pn=Nayana%20%26%20S%C3%B6hne&tr=BLR1%2F2627%2F00001&am=1180.00&cu=INR"
    assert parse_qs(urlsplit(of_draft).query)["tr"] == [UUID(int=7).hex]
    assert upi_link(upi_id=None, number="1", **given_values) is None  # type: ignore[arg-type]
    assert upi_link(upi_id="a@b", payee="A", number="1", bill_id=UUID(int=7), due_paise=0) is None
