"""A bill takes its goods off the shelves in the transaction that posts it (G6)."""

import asyncio
import os
from collections import Counter
from dataclasses import replace
from uuid import UUID

import pytest

from salonos.accounting import commands as accounting
from salonos.accounting.commands import NewEntry
from salonos.accounting.rules import PaymentMethod
from salonos.bills import commands as bills
from salonos.bills.commands import NewLine
from salonos.bills.rules import Tender
from salonos.inventory import commands
from salonos.inventory.commands import NewItem
from salonos.inventory.problems import ReturnedTooMuch, StockTooLow
from salonos.inventory.rules import StockUnit
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.kernel.work import Work
from salonos.salon.problems import ClockBehind
from tests.bills.makers import CASH, NOW, SYSTEM, TODAY, UPI, actor_as, book_balance
from tests.catalog.makers import make_product
from tests.inventory.makers import Store, line, make_store, on, stock
from tests.statements import Statements

AT_ONCE = 8
"""Connections at one row: the pool has ten."""
ROUNDS = 100 if "SALONOS_PROVE" in os.environ else 10
STATEMENTS_MAX = 16
"""Three more than without stock; eighteen with the idempotency record and the payload."""


async def sell(store: Store, quantity_milli: int = 1000) -> None:
    """Sells serum alone, for UPI."""
    serum = replace(store.shop.serum, quantity_milli=quantity_milli)
    paise = (quantity_milli * 99_900 + 500) // 1000
    await store.shop.check_out((UPI, (paise + 50) // 100 * 100), lines=(serum,))


async def test_a_sale_takes_goods_at_moving_average_and_books_their_cost(database: Database) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 2000, 500_00))
    await store.receive(line(store.serum_id, 1000, 500_01))

    bill_id = await store.shop.check_out((CASH, 178_700))

    assert await store.level(store.serum_id) == (2000, 1000_01)
    assert (await store.shop.entry(bill_id))[-2:] == [("1200", -500_00), ("5000", 500_00)]
    assert await store.drift() == 0


async def test_the_last_one_takes_all_that_is_left_of_the_value(database: Database) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 3000, 33_33), line(store.serum_id, 3000, 33_34))

    for _ in range(6):
        await sell(store)

    assert await store.level(store.serum_id) == (0, 0)
    assert await book_balance(database, "5000") == 200_01
    assert await book_balance(database, "1200") == 0


async def test_what_expires_first_is_sold_first_and_the_expired_not_at_all(database: Database) -> None:
    store = await make_store(database)
    await store.receive(
        line(store.serum_id, 5000, 1_00),
        line(store.serum_id, 2000, 1_00, batch="LATE", expires_on=on("2027-06-30")),
        line(store.serum_id, 2000, 1_00, batch="SOON", expires_on=on("2026-12-31")),
        line(store.serum_id, 1000, 1_00, batch="OLD", expires_on=on("2026-11-20")),
        now=NOW.replace(day=20),
    )

    await sell(store, 3000)

    assert await store.batches(store.serum_id) == [("OLD", 1000), ("LATE", 1000), (None, 5000)]
    with pytest.raises(StockTooLow) as raised:
        await sell(store, 7000)
    assert (raised.value.product_id, raised.value.available) == (store.serum_id, 6000)


async def test_a_sale_without_stock_is_refused_whole(database: Database) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 500, 1_00))

    with pytest.raises(StockTooLow) as raised:
        await store.shop.check_out((CASH, 178_700))

    assert raised.value.available == 500
    counts = (
        "select (select count(*) from bills) + (select count(*) from payments) + (select count(*) from drawn_numbers)"
    )
    assert await database.pool.fetchval(counts) == 0
    assert await store.level(store.serum_id) == (500, 50)


async def test_two_lines_of_one_product_share_what_there_is(database: Database) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 1500, 1_00))

    with pytest.raises(StockTooLow) as raised:
        await store.shop.check_out((UPI, 199_800), lines=(store.shop.serum, store.shop.serum))

    assert raised.value.available == 500


async def test_a_branch_may_allow_to_sell_what_comes_later(database: Database) -> None:
    store = await make_store(database)
    await store.allow_negative()
    await sell(store, 2000)
    assert await store.level(store.serum_id) == (-2000, -1040_00)

    await store.receive(line(store.serum_id, 3000, 600_00))

    assert await store.level(store.serum_id) == (1000, 600_00)
    assert await book_balance(database, "5030") == 160_00
    assert await store.drift() == 0


async def test_a_draft_takes_goods_when_it_is_posted(database: Database) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 1000, 1_00))
    bill_id = await store.shop.create_bill(customer_id=store.shop.customer_id)
    assert await store.level(store.serum_id) == (1000, 1_00)

    await database.run(SYSTEM, lambda work: bills.post_bill(work, bill_id, expected_version=1), now=NOW)

    assert await store.level(store.serum_id) == (0, 0)


async def test_money_for_goods_that_are_gone_is_kept_and_nothing_else_happens(database: Database) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 500, 1_00))
    bill_id = await store.shop.create_bill()

    taken = await database.run(
        SYSTEM,
        lambda work: bills.add_payment(work, bill_id, Tender(PaymentMethod.UPI, 178_700), expected_version=1),
        now=NOW,
    )

    assert [type(each) for each in taken.not_posted] == [StockTooLow]
    assert (await store.shop.row("bills", bill_id))["status"] == "DRAFT"
    assert await store.level(store.serum_id) == (500, 50)
    assert await book_balance(database, "1020") == 178_700


async def test_a_posting_that_fails_behind_the_shelves_does_not_tell_of_them(database: Database) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 5500, 1_00))
    bill_id = await store.shop.create_bill()
    await store.shop.check_out((CASH, 78_800), lines=(store.shop.haircut,), now=NOW.replace(day=24))

    taken = await database.run(
        SYSTEM,
        lambda work: bills.add_payment(work, bill_id, Tender(PaymentMethod.UPI, 178_700), expected_version=1),
        now=NOW,
    )

    assert [type(each) for each in taken.not_posted] == [ClockBehind]
    assert await database.pool.fetchval("select count(*) from outbox_events where kind = 'StockLow'") == 0
    assert await store.level(store.serum_id) == (5500, 5_50)


async def low_events(store: Store) -> int:
    """How often an item was told to be low."""
    found: int = await store.database.pool.fetchval("select count(*) from outbox_events where kind = 'StockLow'")
    return found


async def test_low_stock_is_told_once_per_crossing(database: Database) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 7000, 1_00))
    told = []

    for quantity in (1000, 1000, 1000, -3000, 4000):
        if quantity > 0:
            await sell(store, quantity)
        else:
            await store.receive(line(store.serum_id, -quantity, 1_00))
        told.append(await low_events(store))

    assert told == [0, 1, 1, 1, 2]
    row = await database.pool.fetchrow(
        "select branch_id, subject_id, payload from outbox_events where kind = 'StockLow'"
    )
    level_id = await database.pool.fetchval("select id from stock_levels where product_id = $1", store.serum_id)
    assert (row["branch_id"], row["subject_id"]) == (store.branch_id, level_id)


async def test_fifty_buyers_race_for_twenty(database: Database) -> None:
    store = await make_store(database)
    outcomes: Counter[str] = Counter()
    gate = asyncio.Semaphore(AT_ONCE)

    async def buy() -> None:
        async with gate:
            try:
                await sell(store)
            except StockTooLow:
                outcomes["TOO_LOW"] += 1
            else:
                outcomes["SOLD"] += 1

    for number in range(1, ROUNDS + 1):
        await store.receive(line(store.serum_id, 20_000, 500_00 + number))
        await asyncio.gather(*(buy() for _ in range(50)))
        assert outcomes == {"SOLD": 20 * number, "TOO_LOW": 30 * number}
        assert await store.level(store.serum_id) == (0, 0)
    assert await low_events(store) == ROUNDS
    assert await database.pool.fetchval("select count(*) from bills") == 20 * ROUNDS
    assert await store.drift() == 0


async def test_tills_that_sell_two_items_in_opposite_order_do_not_lock_each_other_out(database: Database) -> None:
    store = await make_store(database)
    other = await make_product(database, store.shop.catalog.goods_class_id, "OTHER")
    await stock(database, other, NewItem(StockUnit.PIECE))
    await store.receive(line(store.serum_id, 40_000, 1_00), line(other, 40_000, 1_00))
    lines = (store.shop.serum, NewLine(product_id=other))

    gate = asyncio.Semaphore(AT_ONCE)

    async def buy(direction: int) -> None:
        async with gate:
            await store.shop.check_out((UPI, 199_800), lines=lines[::direction])

    await asyncio.gather(*(buy(direction) for direction in (1, -1) * 20))

    assert (await store.level(store.serum_id), await store.level(other)) == ((0, 0), (0, 0))
    assert (
        await database.pool.fetchval("select deadlocks from pg_stat_database where datname = current_database()") == 0
    )


async def test_a_sale_with_stock_takes_three_statements_more(database: Database, statements: Statements) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 100_000, 1_00))
    receptionist = actor_as("RECEPTIONIST", store.branch_id)
    haircut = replace(store.shop.haircut, discount_paise=100, discount_reason="x")
    lines = (haircut, store.shop.serum) * 25

    with statements.counted() as asked:
        await store.shop.check_out(
            (UPI, 4_000_000), (CASH, 962_000), lines=lines, customer_id=store.shop.customer_id, actor=receptionist
        )

    assert len(asked) == STATEMENTS_MAX


# --- back from the customer


async def bring_back(store: Store, bill_id: UUID, quantity_milli: int) -> None:
    """Goods of the bill's second line come back, with an entry of their own."""

    async def command(work: Work) -> None:
        note_id = new_id()
        lines = await commands.bring_back(
            work,
            sold_id=bill_id,
            position=2,
            quantity_milli=quantity_milli,
            cause_kind="bill",
            cause_id=note_id,
            on=TODAY,
        )
        if lines:
            await accounting.post_entry(work, NewEntry(store.branch_id, TODAY, "Refund", "bill", note_id, lines))

    await store.database.run(SYSTEM, command, now=NOW)


async def test_goods_come_back_into_their_batches_at_the_cost_they_were_issued_at(database: Database) -> None:
    store = await make_store(database)
    await store.receive(
        line(store.serum_id, 1000, 100_00, batch="A", expires_on=on("2027-01-01")),
        line(store.serum_id, 2000, 100_01, batch="B", expires_on=on("2027-02-01")),
    )
    serum = replace(store.shop.serum, quantity_milli=3000)
    bill_id = await store.shop.check_out((UPI, 378_500), lines=(store.shop.haircut, serum))
    await store.receive(line(store.serum_id, 1000, 900_00))

    await bring_back(store, bill_id, 2000)
    assert await store.batches(store.serum_id) == [("B", 2000), (None, 1000)]
    await bring_back(store, bill_id, 1000)

    assert await store.batches(store.serum_id) == [("A", 1000), ("B", 2000), (None, 1000)]
    assert await store.level(store.serum_id) == (4000, 1200_02)
    assert await book_balance(database, "5000") == 0
    assert await store.drift() == 0
    with pytest.raises(ReturnedTooMuch):
        await bring_back(store, bill_id, 1)


async def test_parts_that_come_back_sum_to_what_was_issued(database: Database) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 7000, 33_33))
    serum = replace(store.shop.serum, quantity_milli=7000)
    bill_id = await store.shop.check_out((UPI, 778_100), lines=(store.shop.haircut, serum))

    for quantity in (1, 999, 3333, 2667):
        await bring_back(store, bill_id, quantity)

    assert await store.level(store.serum_id) == (7000, 233_31)
    assert await store.drift() == 0


async def test_two_refunds_of_the_same_goods_bring_them_back_once(database: Database) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 1000, 100_00))
    bill_id = await store.shop.check_out((UPI, 178_700))

    outcomes = await asyncio.gather(*(bring_back(store, bill_id, 1000) for _ in range(4)), return_exceptions=True)

    assert sorted(type(each).__name__ for each in outcomes) == ["NoneType", *["ReturnedTooMuch"] * 3]
    assert await store.level(store.serum_id) == (1000, 100_00)


@pytest.mark.parametrize("quantity_milli", [0, -1000, 1001])
async def test_more_than_was_sold_or_nothing_does_not_come_back(database: Database, quantity_milli: int) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 1000, 100_00))
    bill_id = await store.shop.check_out((UPI, 178_700))

    with pytest.raises(ReturnedTooMuch) as raised:
        await bring_back(store, bill_id, quantity_milli)

    assert raised.value.returnable == 1000


async def test_a_line_without_goods_brings_nothing_back(database: Database) -> None:
    store = await make_store(database)
    bill_id = await store.shop.check_out((CASH, 78_800), lines=(store.shop.haircut,))

    await bring_back(store, bill_id, 1000)

    assert await database.pool.fetchval("select count(*) from stock_moves") == 0
