"""Batches and values, whatever the numbers."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from salonos.inventory import rules
from salonos.inventory.rules import Batch, Pool, StockUse
from salonos.kernel.ids import new_id

TODAY = date(2026, 11, 23)
quantities = st.integers(1, 10**9)
values = st.integers(0, 10**12)
expiries = st.none() | st.integers(-30, 400).map(lambda days: TODAY + timedelta(days=days))
batches = st.lists(
    st.builds(
        Batch, id=st.builds(new_id), code=st.just("B"), expires_on=expiries, quantity_milli=st.integers(0, 10**6)
    ),
    max_size=6,
)


@given(quantities, values, st.lists(quantities, min_size=1, max_size=8))
def test_what_leaves_in_parts_takes_exactly_the_value(held: int, value: int, parts: list[int]) -> None:
    pool, taken = Pool(held, value), 0
    for part in [*parts, 10**12]:
        out = min(part, pool.quantity_milli)
        cost = pool.cost_of(out, unit_cost_paise=0) if out else 0
        pool, taken = pool.after_issue(out, cost), taken + cost
        assert pool.value_paise >= 0

    assert (pool, taken) == (Pool(0, 0), value)


@given(st.integers(-(10**9), -1), st.integers(0, 10**12), quantities, values)
def test_what_fills_a_gap_leaves_only_goods_at_their_own_cost(missing: int, worth: int, came: int, cost: int) -> None:
    pool = Pool(missing, -worth)

    after = pool.after_receipt(came, pool.worth_of(came, cost))

    if came <= -missing:
        assert after.value_paise <= 0
        assert after.quantity_milli != 0 or after.value_paise == 0
    else:
        fair = cost * after.quantity_milli / came
        assert abs(after.value_paise - fair) <= 1


@given(st.integers(-(10**6), 10**6), st.integers(0, 10**9), quantities, st.integers(0, 10**6))
def test_below_zero_the_value_is_below_zero_too(held: int, worth: int, out: int, unit_cost: int) -> None:
    pool = Pool(held, (held > 0) * worth - (held < 0) * worth)

    after = pool.after_issue(out, pool.cost_of(out, unit_cost_paise=unit_cost))

    sign = (after.quantity_milli > 0) - (after.quantity_milli < 0)
    assert after.value_paise * sign >= 0
    assert sign or after.value_paise == 0


@given(batches, quantities)
def test_what_expires_first_goes_first_and_nothing_expired(held: list[Batch], wanted: int) -> None:
    pieces = rules.first_expired_first_out(held, wanted, TODAY)

    assert sum(piece.quantity_milli for piece in pieces) == wanted
    by_id = {batch.id: batch for batch in held}
    taken = [by_id[piece.batch_id] for piece in pieces if piece.batch_id]
    assert not any(batch.has_expired(TODAY) for batch in taken)
    ends = [batch.expires_on or date.max for batch in taken]
    assert ends == sorted(ends)
    left = rules.without(held, pieces)
    assert all(batch.quantity_milli >= 0 for batch in left)
    missing = sum(piece.quantity_milli for piece in pieces if piece.batch_id is None)
    assert missing == max(wanted - rules.available(held, TODAY), 0)
    assert rules.available(left, TODAY) == max(rules.available(held, TODAY) - wanted, 0)


def test_the_last_date_of_a_batch_is_one_on_which_it_may_be_sold() -> None:
    batch = Batch(new_id(), None, TODAY, 1)

    assert (batch.has_expired(TODAY), batch.has_expired(TODAY + timedelta(days=1))) == (False, True)


def test_tax_is_part_of_the_value_where_nobody_credits_it() -> None:
    cases = [
        rules.tax_in_value(100_00, rate_hundredths=1800, is_credited=credited, use=use)
        for use in StockUse
        for credited in (True, False)
    ]

    assert cases == [0, 18_00, 18_00, 18_00]


def test_low_is_at_the_point_and_is_crossed_downwards_only() -> None:
    crossings = [
        rules.crosses_low(before, after, reorder_point_milli=5)
        for before, after in ((6, 5), (7, 0), (5, 4), (4, 6), (6, 6))
    ]

    assert crossings == [True, True, False, False, False]
    assert not rules.crosses_low(6, 0, reorder_point_milli=None)


@given(found=batches, quantity=st.integers(1, 10**7), expired_first=st.booleans())
def test_a_loss_empties_batches_in_their_order_and_takes_what_it_says(
    found: list[Batch], quantity: int, *, expired_first: bool
) -> None:
    lost = min(quantity, rules.held(found))
    by_id = {batch.id: batch for batch in found}

    pieces = rules.written_off(found, lost, TODAY, expired_first=expired_first)

    assert sum(piece.quantity_milli for piece in pieces) == lost
    left = rules.without(found, pieces)
    assert all(batch.quantity_milli >= 0 for batch in left)
    taken = [by_id[piece.batch_id] for piece in pieces if piece.batch_id]
    dates = [(batch.has_expired(TODAY) and not expired_first, batch.expires_on or date.max) for batch in taken]
    assert dates == sorted(dates)


def test_a_loss_of_a_named_batch_is_that_batchs() -> None:
    first, second = (Batch(new_id(), code, None, 1000) for code in "AB")

    assert rules.written_off([first, second], 500, TODAY, batch_id=second.id) == (rules.Piece(second.id, 500),)
    assert (rules.held([first, second], second.id), rules.held([first, second])) == (1000, 2000)


def test_goods_come_and_go_for_reasons_that_fit() -> None:
    up = {reason for reason in rules.StockAdjustmentReason if rules.fits(reason, 1)}
    down = {reason for reason in rules.StockAdjustmentReason if rules.fits(reason, -1)}

    assert {reason.value for reason in up} == {"FOUND", "CORRECTION"}
    assert {reason.value for reason in set(rules.StockAdjustmentReason) - down} == {"FOUND"}


def test_only_credited_retail_goods_lose_their_credit() -> None:
    def half(use: StockUse, *, is_credited: bool) -> int:
        return rules.credit_taken_back(1000_01, rate_hundredths=1800, is_credited=is_credited, use=use)

    assert half(StockUse.RETAIL, is_credited=True) == 90_00
    assert half(StockUse.RETAIL, is_credited=False) == 0
    assert half(StockUse.PROFESSIONAL, is_credited=True) == 0


def test_what_nobody_paid_for_is_worth_what_the_others_are() -> None:
    assert Pool(3000, 100_00).average_of(1000, unit_cost_paise=7_00) == 33_33
    assert Pool(-3000, -100_00).average_of(1000, unit_cost_paise=7_00) == 33_33
    assert Pool(0, 0).average_of(1500, unit_cost_paise=7_00) == 10_50
