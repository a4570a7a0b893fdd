"""The figures of a bill, exactly: the law's vectors, and any bill against fractions (G5)."""

import os
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salonos.accounting.rules import PaymentMethod
from salonos.bills import rules
from salonos.bills.rules import (
    Amount,
    Discount,
    DiscountLimit,
    Kept,
    Mismatch,
    PaymentState,
    PricedLine,
    Settlement,
    Tax,
    Tender,
    Treatment,
)
from salonos.salon.rules import TaxScheme

CASH, UPI, CARD, ON_ACCOUNT = PaymentMethod.CASH, PaymentMethod.UPI, PaymentMethod.CARD, PaymentMethod.ON_ACCOUNT
WITHIN, BETWEEN, UNTAXED = Treatment.WITHIN_STATE, Treatment.BETWEEN_STATES, Treatment.UNTAXED
EXAMPLES = 100_000 if "SALONOS_PROVE" in os.environ else 300
HAIRCUT = PricedLine(1000, 75_000, 500, is_tax_included=False)
SERUM = PricedLine(1000, 99_900, 1800, is_tax_included=True)


# --- vectors


@pytest.mark.parametrize(
    ("amount", "taxable", "half"),
    [(118_000, 100_000, 9000), (99_900, 84_662, 7619), (34_950, 29_618, 2666), (10_001, 8475, 763)],
)
def test_tax_within_a_price(amount: int, taxable: int, half: int) -> None:
    assert rules.tax_of(amount, rate_hundredths=1800, is_included=True, treatment=WITHIN) == Tax(taxable, half, half)


@pytest.mark.parametrize(
    ("amount", "half", "total"),
    [(75_000, 1875, 78_750), (99_999, 2500, 104_999), (12_345, 309, 12_963), (3333, 83, 3499)],
)
def test_tax_on_top_of_a_price(amount: int, half: int, total: int) -> None:
    tax = rules.tax_of(amount, rate_hundredths=500, is_included=False, treatment=WITHIN)

    assert tax == Tax(amount, half, half)
    assert tax.total_paise == total


def test_a_sale_across_states_bears_one_tax() -> None:
    on_top = rules.tax_of(75_000, rate_hundredths=500, is_included=False, treatment=BETWEEN)
    within = rules.tax_of(99_900, rate_hundredths=1800, is_included=True, treatment=BETWEEN)

    assert on_top == Tax(75_000, igst_paise=3750)
    assert within == Tax(84_661, igst_paise=15_239)


def test_who_takes_no_tax_keeps_the_price_as_it_is() -> None:
    assert rules.tax_of(99_900, rate_hundredths=1800, is_included=True, treatment=UNTAXED) == Tax(99_900)


@pytest.mark.parametrize(
    ("line", "total", "round_off"),
    [(PricedLine(1000, 147_034, 0, False), 147_000, -34), (PricedLine(1000, 147_067, 0, False), 147_100, 33),
     (PricedLine(1000, 147_050, 0, False), 147_100, 50), (HAIRCUT, 78_800, 50)],
)  # fmt: skip
def test_what_is_payable_is_the_nearest_rupee(line: PricedLine, total: int, round_off: int) -> None:
    figures = rules.figures_of([line], discount=None, treatment=WITHIN)

    assert (figures.total_paise, figures.round_off_paise) == (total, round_off)


def test_a_bill_may_mix_rates_and_ways_of_pricing() -> None:
    figures = rules.figures_of([HAIRCUT, SERUM], discount=None, treatment=WITHIN)

    assert (figures.gross_paise, figures.discount_paise) == (174_900, 0)
    assert (figures.taxable_paise, figures.cgst_paise, figures.sgst_paise) == (159_662, 9494, 9494)
    assert (figures.total_paise, figures.round_off_paise) == (178_700, 50)


def test_the_bills_discount_is_spread_before_tax_over_amounts_as_priced() -> None:
    figures = rules.figures_of([HAIRCUT, SERUM], discount=Discount(amount_paise=10_000), treatment=WITHIN)

    assert [line.bill_discount_paise for line in figures.lines] == [4288, 5712]
    assert [line.tax.total_paise for line in figures.lines] == [74_248, 94_188]
    assert (figures.discount_paise, figures.total_paise, figures.round_off_paise) == (10_000, 168_400, -36)


def test_a_lines_own_discount_comes_before_the_bills() -> None:
    cheaper = PricedLine(1000, 75_000, 500, is_tax_included=False, discount_paise=25_000)

    figures = rules.figures_of([cheaper, HAIRCUT], discount=Discount(share_hundredths=1000), treatment=WITHIN)

    assert [line.bill_discount_paise for line in figures.lines] == [5000, 7500]
    assert (figures.gross_paise, figures.discount_paise, figures.taxable_paise) == (150_000, 37_500, 112_500)


def test_a_share_is_rounded_half_up() -> None:
    assert Discount(share_hundredths=250).of(100_020) == 2501
    assert Discount(share_hundredths=250).of(100_019) == 2500


def test_quantities_are_thousandths() -> None:
    assert PricedLine(1500, 33_33, 0, False).gross_paise == 5000
    assert PricedLine(1, 500, 0, False).gross_paise == 1


@pytest.mark.parametrize(
    ("lines", "discount"),
    [([PricedLine(1000, 100, 0, False, discount_paise=101)], None), ([HAIRCUT], Discount(amount_paise=75_001))],
)
def test_no_discount_is_more_than_its_amount(lines: list[PricedLine], discount: Discount | None) -> None:
    with pytest.raises(ValueError, match="at most its amount"):
        rules.figures_of(lines, discount=discount, treatment=WITHIN)


@pytest.mark.parametrize(
    ("scheme", "gstin", "place", "expected"),
    [
        (TaxScheme.REGULAR, "29ABCDE1234F1ZW", "29", WITHIN),
        (TaxScheme.REGULAR, "29ABCDE1234F1ZW", "27", BETWEEN),
        (TaxScheme.COMPOSITION, "29ABCDE1234F1ZW", "27", UNTAXED),
        (TaxScheme.UNREGISTERED, None, "29", UNTAXED),
    ],
)
def test_scheme_and_place_of_supply_say_which_tax(
    scheme: TaxScheme, gstin: str | None, place: str, expected: Treatment
) -> None:
    assert rules.treatment_of(scheme, gstin=gstin, place_of_supply=place) is expected


def test_only_a_regular_branch_writes_tax_invoices() -> None:
    assert [rules.kind_of_sale(scheme).name for scheme in TaxScheme] == [
        "TAX_INVOICE",
        "BILL_OF_SUPPLY",
        "BILL_OF_SUPPLY",
    ]


def test_a_limit_is_the_lesser_of_amount_and_share() -> None:
    limit = DiscountLimit(amount_paise=50_000, share_hundredths=1000)

    assert [limit.of(gross) for gross in (100_009, 499_990, 500_000, 10_000_000)] == [10_000, 49_999, 50_000, 50_000]


# --- any bill, against fractions


def nearest(value: Fraction) -> int:
    """The nearest integer, halves upwards."""
    return int((value + Fraction(1, 2)) // 1)


rates = st.sampled_from([0, 25, 300, 500, 1200, 1800, 2800, 4000])
lines = st.builds(
    PricedLine,
    quantity_milli=st.integers(1, 20_000),
    unit_price_paise=st.integers(0, 1_000_000),
    rate_hundredths=rates,
    is_tax_included=st.booleans(),
)


@st.composite
def bills(draw: st.DrawFn) -> tuple[list[PricedLine], Discount | None, Treatment]:
    given_lines = draw(st.lists(lines, min_size=1, max_size=12))
    with_own = [
        PricedLine(
            line.quantity_milli,
            line.unit_price_paise,
            line.rate_hundredths,
            line.is_tax_included,
            draw(st.integers(0, line.gross_paise)) if draw(st.booleans()) else 0,
        )
        for line in given_lines
    ]
    most = sum(line.net_paise for line in with_own)
    amounts = st.builds(Discount, amount_paise=st.integers(0, most))
    shares = st.builds(Discount, share_hundredths=st.integers(0, 10_000))
    return with_own, draw(st.none() | amounts | shares), draw(st.sampled_from(list(Treatment)))


@settings(max_examples=EXAMPLES, deadline=None)
@given(bills())
def test_any_bill_is_exact(bill: tuple[list[PricedLine], Discount | None, Treatment]) -> None:
    given_lines, discount, treatment = bill

    figures = rules.figures_of(given_lines, discount=discount, treatment=treatment)

    for line, found in zip(given_lines, figures.lines, strict=True):
        gross = nearest(Fraction(line.quantity_milli, 1000) * line.unit_price_paise)
        amount = gross - line.discount_paise - found.bill_discount_paise
        rate = Fraction(0) if treatment is UNTAXED else Fraction(line.rate_hundredths, 10_000)
        tax = amount * rate / (1 + rate) if line.is_tax_included else amount * rate
        expected = [0, 0, nearest(tax)] if treatment is BETWEEN else [nearest(tax / 2), nearest(tax / 2), 0]
        assert found.gross_paise == gross
        assert [found.tax.cgst_paise, found.tax.sgst_paise, found.tax.igst_paise] == expected
        assert found.tax.taxable_paise == amount - (sum(expected) if line.is_tax_included else 0)


def shares_by_the_rule(asked: int, nets: list[int]) -> list[int]:
    """Each line's floor of its proportion, then a paisa each to the largest lines, the earlier first."""
    whole = max(sum(nets), 1)
    floors = [int(Fraction(asked * net, whole)) for net in nets]
    for place in sorted(range(len(nets)), key=lambda place: nets[place], reverse=True)[: asked - sum(floors)]:
        floors[place] += 1
    return floors


@settings(max_examples=EXAMPLES, deadline=None)
@given(bills())
def test_parts_sum_to_the_whole(bill: tuple[list[PricedLine], Discount | None, Treatment]) -> None:
    given_lines, discount, treatment = bill
    nets = [line.net_paise for line in given_lines]

    figures = rules.figures_of(given_lines, discount=discount, treatment=treatment)

    shares = [line.bill_discount_paise for line in figures.lines]
    asked = 0 if discount is None else discount.of(sum(nets))
    assert sum(shares) == asked
    assert figures.discount_paise == asked + sum(line.discount_paise for line in given_lines)
    assert all(0 <= share <= net for share, net in zip(shares, nets, strict=True))
    assert shares == shares_by_the_rule(asked, nets)
    taxes = figures.cgst_paise + figures.sgst_paise + figures.igst_paise
    assert figures.total_paise == figures.taxable_paise + taxes + figures.round_off_paise
    assert figures.total_paise == 100 * nearest(Fraction(figures.taxable_paise + taxes, 100))
    assert figures.total_paise - figures.round_off_paise == sum(line.tax.total_paise for line in figures.lines)
    assert -49 <= figures.round_off_paise <= 50


# --- payments


def cash(amount: int, tendered: int) -> Kept:
    return Kept(CASH, amount, tendered, tendered - amount, None)


@pytest.mark.parametrize(
    ("due", "tenders", "expected"),
    [
        (0, [], Settlement((), 0)),
        (500, [Tender(CASH, 500)], Settlement((cash(500, 500),), 0)),
        (500, [Tender(CASH, 800)], Settlement((cash(500, 800),), 0)),
        (500, [Tender(UPI, 300, "r"), Tender(CASH, 500)], Settlement((Kept(UPI, 300, None, None, "r"), cash(200, 500)), 0)),
        (500, [Tender(CASH, 100), Tender(CASH, 500)], Settlement((cash(100, 100), cash(400, 500)), 0)),
        (500, [Tender(UPI, 200), Tender(ON_ACCOUNT, 300)], Settlement((Kept(UPI, 200, None, None, None),), 300)),
        (500, [Tender(ON_ACCOUNT, 500)], Settlement((), 500)),
    ],
)  # fmt: skip
def test_payments_settle_what_is_due(due: int, tenders: list[Tender], expected: Settlement) -> None:
    assert rules.settle(due, tenders) == expected


@pytest.mark.parametrize(
    ("due", "tenders", "is_too_much"),
    [
        (500, [], False),
        (500, [Tender(CASH, 499)], False),
        (500, [Tender(UPI, 501)], True),
        (500, [Tender(UPI, 500), Tender(CASH, 1)], True),
        (500, [Tender(CASH, 50), Tender(CARD, 500)], True),
        (500, [Tender(CASH, 600), Tender(ON_ACCOUNT, 1)], True),
        (500, [Tender(CASH, 300), Tender(ON_ACCOUNT, 199)], False),
        (0, [Tender(CASH, 100)], True),
    ],
)
def test_payments_that_do_not_settle_are_told_apart(due: int, tenders: list[Tender], *, is_too_much: bool) -> None:
    found = rules.settle(due, tenders)

    assert found == Mismatch(is_too_much, sum(each.amount_paise for each in tenders))


@given(
    st.integers(0, 10_000),
    st.lists(st.builds(Tender, st.sampled_from(PaymentMethod), st.integers(1, 9999)), max_size=5),
)
def test_what_is_kept_and_owed_is_exactly_what_is_due(due: int, tenders: list[Tender]) -> None:
    found = rules.settle(due, tenders)

    if isinstance(found, Mismatch):
        return
    assert found.kept_paise + found.owed_paise == due
    assert all(each.amount_paise > 0 for each in found.kept)
    assert all((each.change_paise is None) == (each.method is not CASH) for each in found.kept)
    assert sum((each.tendered_paise or each.amount_paise) for each in found.kept) + found.owed_paise == sum(
        each.amount_paise for each in tenders
    )


@pytest.mark.parametrize(
    ("rest", "tender", "expected"),
    [
        (500, Tender(UPI, 200), Settlement((Kept(UPI, 200, None, None, None),), 300)),
        (500, Tender(CASH, 700), Settlement((cash(500, 700),), 0)),
        (500, Tender(CARD, 501), Mismatch(True, 501)),
        (0, Tender(CASH, 1), Mismatch(True, 1)),
    ],
)  # fmt: skip
def test_a_payment_is_kept_towards_the_rest(rest: int, tender: Tender, expected: Settlement | Mismatch) -> None:
    assert rules.keep(rest, tender) == expected


@pytest.mark.parametrize(
    ("due", "paid", "expected"),
    [
        (0, 0, PaymentState.PAID),
        (1, 0, PaymentState.UNPAID),
        (2, 1, PaymentState.PARTLY_PAID),
        (2, 2, PaymentState.PAID),
    ],
)
def test_the_state_of_payment(due: int, paid: int, expected: PaymentState) -> None:
    assert rules.payment_state(due_paise=due, paid_paise=paid) is expected


# --- books


def test_the_posting_tables_example() -> None:
    figures = rules.figures_of([HAIRCUT, SERUM], discount=None, treatment=WITHIN)
    kept = [cash(100_000, 100_000), Kept(UPI, 83_700, None, None, None)]

    amounts = rules.sale_amounts(
        figures, services_paise=75_000, kept=kept, advance_paise=0, owed_paise=0, tip_paise=5000
    )

    assert amounts == (
        Amount("1000", 100_000), Amount("1020", 83_700), Amount("4000", -75_000), Amount("4010", -84_662),
        Amount("2100", -9494), Amount("2101", -9494), Amount("2300", -5000), Amount("4900", -50),
    )  # fmt: skip


def test_a_bill_of_nothing_has_an_entry_of_two_lines() -> None:
    figures = rules.figures_of([HAIRCUT], discount=Discount(share_hundredths=10_000), treatment=WITHIN)

    amounts = rules.sale_amounts(figures, services_paise=0, kept=[], advance_paise=0, owed_paise=0, tip_paise=0)

    assert amounts == (Amount("4000", 0), Amount("4900", 0))


@given(bills(), st.data())
def test_every_sales_entry_balances(
    bill: tuple[list[PricedLine], Discount | None, Treatment], data: st.DataObject
) -> None:
    given_lines, discount, treatment = bill
    figures = rules.figures_of(given_lines, discount=discount, treatment=treatment)
    advance = data.draw(st.integers(0, figures.total_paise))
    owed = data.draw(st.integers(0, figures.total_paise - advance))
    kept = [cash(figures.total_paise - advance - owed, figures.total_paise)]

    amounts = rules.sale_amounts(
        figures,
        services_paise=data.draw(st.integers(0, figures.taxable_paise)),
        kept=kept,
        advance_paise=advance,
        owed_paise=owed,
        tip_paise=0,
    )

    assert sum(each.paise for each in amounts) == 0
    assert len(amounts) >= 2
