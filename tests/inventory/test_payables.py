"""Suppliers' bills, what goes back, and what is paid: by hand, in paise."""

import asyncio
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from salonos.accounting import commands as accounting
from salonos.accounting.problems import PeriodClosed
from salonos.accounting.rules import PaymentMethod
from salonos.inventory import queries
from salonos.inventory.commands import BillLine, PaidBill, ReturnedLine
from salonos.inventory.problems import (
    BilledTooMuch,
    SentBackTooMuch,
    StockTooLow,
    SupplierBillExists,
    SupplierOverpaid,
    SupplierRefundedTooMuch,
)
from salonos.inventory.rules import StockUnit
from salonos.kernel.database import Database, constraint_of
from salonos.kernel.ids import new_id
from salonos.kernel.problems import Forbidden, InvalidInput
from salonos.salon.rules import TaxScheme
from tests.accounting.makers import connected
from tests.bills.makers import SYSTEM, actor_as, book_balance
from tests.inventory.makers import line, on
from tests.inventory.purchasing import PAYABLES_DRIFT, Buyer, day_after, make_buyer


async def both(buyer: Buyer) -> list[UUID]:
    """Ten serums at 520.00, and two bottles of colour at 250.00."""
    return await buyer.came(
        line(buyer.store.serum_id, 10_000, 520_00),
        line(buyer.store.colour_id, 2000, 250_00, unit=StockUnit.BOTTLE, batch="C1"),
    )


async def bill_of_both(buyer: Buyer, lines: list[UUID], **more: Any) -> UUID:
    """Billed at 510.00 and 260.00, less 100.00: 6513.60, payable 6514.00."""
    serum, colour = lines
    return await buyer.bill(
        BillLine(serum, 10_000, 510_00), BillLine(colour, 2000, 260_00), discount_paise=100_00, total=6514_00, **more
    )


async def drift(buyer: Buyer) -> int:
    """See PAYABLES_DRIFT, and that of stock."""
    found: int = await buyer.database.pool.fetchval(PAYABLES_DRIFT, None)
    return found + await buyer.store.drift()


async def test_a_bill_is_booked_to_the_paisa(database: Database) -> None:
    buyer = await make_buyer(database)

    bill_id = await bill_of_both(buyer, await both(buyer))

    assert await buyer.entry(bill_id) == {
        "2010": 5790_00, "1300": 450_83, "1301": 450_83, "5030": -178_06, "4900": 40, "2000": -6514_00,
    }  # fmt: skip
    row = await buyer.row("supplier_bills", bill_id)
    assert (row["taxable_paise"], row["cgst_paise"], row["sgst_paise"], row["igst_paise"]) == (
        5520_00,
        496_80,
        496_80,
        0,
    )
    assert (row["round_off_paise"], row["total_paise"], row["balance_due_paise"]) == (40, 6514_00, 6514_00)
    lines = await database.pool.fetch(
        "select bill_discount_paise, taxable_paise, cgst_paise, is_credited, settled_paise from supplier_bill_lines "
        "order by position"
    )
    assert [tuple(each) for each in lines] == [
        (90_75, 5009_25, 450_83, True, 5200_00),
        (9_25, 510_75, 45_97, False, 590_00),
    ]
    assert await book_balance(database, "2010") == 0
    assert await buyer.owed() == 6514_00
    assert await drift(buyer) == 0
    register = await database.pool.fetch(
        "select supply, document_kind, document_number, place_of_supply, code, quantity_milli, taxable_paise, cgst_paise, "
        "credit_kind from tax_register order by position"
    )
    assert [tuple(each)[:4] for each in register] == [("INWARD", "TAX_INVOICE", "A/1", "29")] * 2
    assert [tuple(each)[5:] for each in register] == [
        (10_000, 5009_25, 450_83, "INPUTS"),
        (2000, 510_75, 45_97, "BLOCKED"),
    ]


async def test_goods_of_another_state_carry_igst_and_those_of_the_unregistered_none(database: Database) -> None:
    buyer = await make_buyer(database)
    (far,) = await buyer.came(line(buyer.store.serum_id, 3000, 333_33), supplier_id=buyer.distant_id)
    (near,) = await buyer.came(line(buyer.store.colour_id, 3000, 1_13), supplier_id=buyer.unregistered_id)

    igst = await buyer.bill(BillLine(far, 3000, 333_33), supplier_id=buyer.distant_id, total=1180_00)
    untaxed = await buyer.bill(BillLine(near, 3000, 1_20), supplier_id=buyer.unregistered_id, total=3_60)

    assert await buyer.entry(igst) == {"2010": 999_99, "1302": 180_00, "4900": 1, "2000": -1180_00}
    assert await buyer.entry(untaxed) == {"2010": 3_39, "5030": 21, "2000": -3_60}
    kinds = await database.pool.fetch("select document_kind, igst_paise from tax_register order by entry_id")
    assert sorted(tuple(each) for each in kinds) == [("BILL_OF_SUPPLY", 0), ("TAX_INVOICE", 180_00)]
    assert await drift(buyer) == 0


async def test_who_takes_no_credit_pays_the_tax_as_cost(database: Database) -> None:
    buyer = await make_buyer(database, tax_scheme=TaxScheme.COMPOSITION)
    (serum,) = await buyer.came(line(buyer.store.serum_id, 1000, 100_01))

    bill_id = await buyer.bill(BillLine(serum, 1000, 100_01, rate_hundredths=1800), total=118_00)

    assert await buyer.entry(bill_id) == {"2010": 118_01, "4900": -1, "2000": -118_00}
    assert await database.pool.fetchval("select credit_kind from tax_register") == "BLOCKED"


async def test_parts_that_are_billed_apart_settle_exactly_what_came(database: Database) -> None:
    buyer = await make_buyer(database)
    (colour,) = await buyer.came(line(buyer.store.colour_id, 3000, 1_13))

    settled = []
    for place in range(3):
        bill_id = await buyer.bill(BillLine(colour, 1000, 1_13), number=f"P{place}", total=1_33)
        settled.append((await buyer.entry(bill_id))["2010"])

    assert settled == [1_33, 1_34, 1_33]
    assert await book_balance(database, "2010") == 0
    assert await drift(buyer) == 0


async def test_no_more_is_billed_than_came_however_many_bill_at_once(database: Database) -> None:
    buyer = await make_buyer(database)
    (serum,) = await buyer.came(line(buyer.store.serum_id, 5000, 100_00))

    done = await asyncio.gather(
        *(buyer.bill(BillLine(serum, 2000, 100_00), number=f"N{place}", total=236_00) for place in range(6)),
        return_exceptions=True,
    )

    refused = [each for each in done if isinstance(each, BilledTooMuch)]
    assert [each.unbilled for each in refused] == [1000] * 4
    assert await buyer.owed() == 472_00
    assert await drift(buyer) == 0


async def test_a_number_is_recorded_once_in_its_year_and_at_any_branch(database: Database) -> None:
    buyer = await make_buyer(database)
    (serum,) = await buyer.came(line(buyer.store.serum_id, 5000, 100_00))
    one = BillLine(serum, 1000, 100_00)

    first = await buyer.bill(one, number="inv 7", total=118_00)
    with pytest.raises(SupplierBillExists) as raised:
        await buyer.bill(one, number=" INV7", total=118_00)
    await buyer.bill(one, number="INV7", billed_on=on("2026-03-31"), total=118_00)
    done = await asyncio.gather(
        *(buyer.bill(one, number="TWICE", total=118_00) for _ in range(3)), return_exceptions=True
    )

    assert raised.value.bill_id == first
    assert sum(isinstance(each, SupplierBillExists) for each in done) == 2
    assert await buyer.owed() == 354_00


WRONG: tuple[tuple[dict[str, Any], dict[str, Any], tuple[Any, ...], str], ...] = (
    ({"quantity_milli": 0}, {}, ("lines", 0, "quantity"), "OUT_OF_RANGE"),
    ({"unit_price_paise": -1}, {}, ("lines", 0, "unitPrice"), "OUT_OF_RANGE"),
    ({"discount_paise": 100_01}, {}, ("lines", 0, "discount"), "OUT_OF_RANGE"),
    ({"rate_hundredths": 4001}, {}, ("lines", 0, "taxRate"), "OUT_OF_RANGE"),
    ({"receipt_line_id": new_id()}, {}, ("lines", 0, "receiptLineId"), "NOT_FOUND"),
    ({}, {"number": " "}, ("number",), "REQUIRED"),
    ({}, {"billed_on": on("2026-11-24")}, ("billedOn",), "OUT_OF_RANGE"),
    ({}, {"booked_on": on("2026-11-24"), "billed_on": on("2026-11-20")}, ("bookedOn",), "IN_FUTURE"),
    ({}, {"booked_on": on("2026-11-01"), "billed_on": on("2026-11-20")}, ("billedOn",), "OUT_OF_RANGE"),
    ({}, {"discount_paise": 100_01}, ("discount",), "OUT_OF_RANGE"),
    ({}, {"total": 0}, ("total",), "OUT_OF_RANGE"),
    ({}, {"total": 119_00}, ("total",), "TOTAL_DIFFERS"),
    ({}, {"lines": ()}, ("lines",), "REQUIRED"),
)


async def test_a_bill_that_can_not_be_is_refused(database: Database) -> None:
    buyer = await make_buyer(database)
    (serum,) = await buyer.came(line(buyer.store.serum_id, 1000, 100_00))
    lawful = {"receipt_line_id": serum, "quantity_milli": 1000, "unit_price_paise": 100_00}
    for of_line, of_bill, path, code in WRONG:
        given = {"total": 118_00, **of_bill}
        lines = given.pop("lines", (BillLine(**{**lawful, **of_line}),))
        with pytest.raises(InvalidInput) as raised:
            await buyer.bill(*lines, **given)
        assert [(issue.path, issue.code) for issue in raised.value.issues] == [(path, code)]

    with pytest.raises(InvalidInput) as foreign:
        await buyer.bill(BillLine(serum, 1000, 100_00), supplier_id=buyer.distant_id, total=118_00)
    (near,) = await buyer.came(line(buyer.store.serum_id, 1000, 100_00), supplier_id=buyer.unregistered_id)
    taxed = BillLine(near, 1000, 100_00, rate_hundredths=500)
    with pytest.raises(InvalidInput) as untaxed:
        await buyer.bill(taxed, supplier_id=buyer.unregistered_id, total=105_00)

    assert [issue.code for issue in foreign.value.issues] == ["OTHER_SUPPLIER"]
    assert [issue.code for issue in untaxed.value.issues] == ["NOT_REGISTERED"]
    assert await database.pool.fetchval("select count(*) from supplier_bills") == 0


async def test_nothing_is_booked_in_a_closed_period(database: Database) -> None:
    buyer = await make_buyer(database)
    (serum,) = await buyer.came(line(buyer.store.serum_id, 1000, 100_00))
    branch_id = buyer.store.branch_id
    await database.run(SYSTEM, lambda work: accounting.close_period(work, branch_id, until=on("2026-11-22")))
    old = {"billed_on": on("2026-11-10"), "total": 118_00}

    with pytest.raises(PeriodClosed):
        await buyer.bill(BillLine(serum, 1000, 100_00), booked_on=on("2026-11-21"), **old)
    bill_id = await buyer.bill(BillLine(serum, 1000, 100_00), **old)
    await database.run(SYSTEM, lambda work: accounting.close_period(work, branch_id, until=on("2026-12-01")))
    with pytest.raises(PeriodClosed):
        await buyer.pay(118_00)
    with pytest.raises(PeriodClosed):
        await buyer.give_back(ReturnedLine(serum, 1000))

    row = await buyer.row("supplier_bills", bill_id)
    assert (row["billed_on"], row["booked_on"]) == (on("2026-11-10"), on("2026-11-23"))
    assert await database.pool.fetchval("select document_date from tax_register") == on("2026-11-10")
    assert (await buyer.owed(), await buyer.store.level(buyer.store.serum_id)) == (118_00, (1000, 100_00))


async def test_goods_go_back_at_the_price_of_their_bill_until_nothing_is_left_of_it(database: Database) -> None:
    buyer = await make_buyer(database)
    serum, colour = lines = await both(buyer)
    bill_id = await bill_of_both(buyer, lines)

    part = await buyer.give_back(ReturnedLine(serum, 4000))
    due = (await buyer.row("supplier_bills", bill_id))["balance_due_paise"]
    rest = await buyer.give_back(ReturnedLine(serum, 6000), ReturnedLine(colour, 2000))

    assert await buyer.entry(part) == {
        "2000": 2364_36, "1300": -180_33, "1301": -180_33, "1200": -2080_00, "5030": 76_30,
    }  # fmt: skip
    assert due == 4149_64
    row = await buyer.row("supplier_returns", rest)
    assert (row["number"], row["round_off_paise"], row["total_paise"]) == ("BLR1D/2627/00002", 40, 4149_64)
    assert (row["settled_paise"], row["credit_left_paise"]) == (4149_64, 0)
    assert await buyer.owed() == 0
    for account in ("1200", "1210", "1300", "1301", "4900", "2000", "2010", "5030"):
        assert await book_balance(database, account) == 0, account
    assert await buyer.store.moves(buyer.store.serum_id) == [
        ("RECEIVE", 10_000, 5200_00), ("SUPPLIER_RETURN", -4000, -2080_00), ("SUPPLIER_RETURN", -6000, -3120_00),
    ]  # fmt: skip
    kinds = await database.pool.fetch("select distinct document_kind, document_number from tax_register order by 2")
    assert [tuple(each) for each in kinds] == [
        ("TAX_INVOICE", "A/1"), ("DEBIT_NOTE", "BLR1D/2627/00001"), ("DEBIT_NOTE", "BLR1D/2627/00002"),
    ]  # fmt: skip
    assert await drift(buyer) == 0


async def test_what_was_not_billed_goes_back_first_and_lowers_what_will_be_billed(database: Database) -> None:
    buyer = await make_buyer(database)
    (serum,) = await buyer.came(line(buyer.store.serum_id, 3000, 100_00))
    await buyer.bill(BillLine(serum, 1000, 110_00), total=129_80)

    back = await buyer.give_back(ReturnedLine(serum, 2500))

    assert await buyer.entry(back) == {
        "2010": 200_00, "2000": 64_90, "1300": -4_95, "1301": -4_95, "1200": -250_00, "5030": -5_00,
    }  # fmt: skip
    assert await buyer.owed() == 64_90
    assert await book_balance(database, "2010") == 0
    with pytest.raises(SentBackTooMuch) as raised:
        await buyer.give_back(ReturnedLine(serum, 1000))
    assert raised.value.returnable == 500
    assert await drift(buyer) == 0


async def test_goods_leave_their_very_batch_and_only_from_the_shelf(database: Database) -> None:
    buyer = await make_buyer(database)
    first, second = await buyer.came(
        line(buyer.store.serum_id, 2000, 100_00, batch="A", expires_on=on("2026-11-24")),
        line(buyer.store.serum_id, 3000, 100_00, batch="B"),
    )
    await buyer.store.shop.check_out((PaymentMethod.CASH, 999_00), lines=(buyer.store.shop.serum,))

    with pytest.raises(StockTooLow) as raised:
        await buyer.give_back(ReturnedLine(first, 2000))
    await buyer.give_back(ReturnedLine(first, 1000), ReturnedLine(second, 500), now=day_after(3))
    await buyer.store.allow_negative()
    with pytest.raises(StockTooLow):
        await buyer.give_back(ReturnedLine(first, 1))

    assert raised.value.available == 1000
    assert await buyer.store.batches(buyer.store.serum_id) == [("B", 2500)]
    assert await drift(buyer) == 0


async def test_two_who_send_the_same_back_at_once_send_it_once(database: Database) -> None:
    buyer = await make_buyer(database)
    (serum,) = await buyer.came(line(buyer.store.serum_id, 3000, 100_00))
    await buyer.came(line(buyer.store.serum_id, 9000, 100_00))

    done = await asyncio.gather(*(buyer.give_back(ReturnedLine(serum, 2000)) for _ in range(4)), return_exceptions=True)

    assert sum(isinstance(each, SentBackTooMuch) for each in done) == 3
    assert (await buyer.store.level(buyer.store.serum_id))[0] == 10_000
    assert await drift(buyer) == 0


async def test_what_a_return_has_left_settles_other_bills_and_then_the_next(database: Database) -> None:
    buyer = await make_buyer(database)
    a, b, c = [(await buyer.came(line(buyer.store.serum_id, 1000, 100_00)))[0] for _ in range(3)]
    first = await buyer.bill(BillLine(a, 1000, 100_00), number="1", total=118_00)
    await buyer.pay(118_00)
    second = await buyer.bill(BillLine(b, 1000, 50_00), number="2", total=59_00)

    back = await buyer.give_back(ReturnedLine(a, 1000))
    owed = await buyer.owed()
    third = await buyer.bill(BillLine(c, 1000, 100_00), number="3", total=118_00)

    dues = [(await buyer.row("supplier_bills", each))["balance_due_paise"] for each in (first, second, third)]
    assert owed == -59_00
    assert dues == [0, 0, 59_00]
    assert (await buyer.row("supplier_returns", back))["credit_left_paise"] == 0
    assert await buyer.owed() == 59_00
    assert await drift(buyer) == 0


async def paid_and_sent_back(buyer: Buyer) -> UUID:
    """A serum of 118.00 that was paid and went back: the supplier owes it."""
    (serum,) = await buyer.came(line(buyer.store.serum_id, 1000, 100_00))
    await buyer.bill(BillLine(serum, 1000, 100_00), total=118_00)
    await buyer.pay(118_00)
    return await buyer.give_back(ReturnedLine(serum, 1000))


async def test_a_supplier_pays_back_what_a_return_has_left_and_no_more(database: Database) -> None:
    buyer = await make_buyer(database)
    back = await paid_and_sent_back(buyer)
    assert await buyer.owed() == -118_00

    refund = await buyer.refund(back, 18_00, reference="NEFT 3", method=PaymentMethod.UPI)
    (other,) = await buyer.came(line(buyer.store.serum_id, 1000, 60_00))
    bill = await buyer.bill(BillLine(other, 1000, 60_00), number="A/2", total=70_80)

    assert await buyer.entry(refund) == {"1020": 18_00, "2000": -18_00}
    move = await buyer.row("money_moves", (await buyer.row("supplier_refunds", refund))["money_move_id"])
    assert (move["direction"], move["amount_paise"], move["reference"]) == ("IN", 18_00, "NEFT 3")
    assert (await buyer.row("supplier_bills", bill))["balance_due_paise"] == 0
    assert (await buyer.row("supplier_returns", back))["credit_left_paise"] == 29_20
    wrong: tuple[tuple[UUID, int, dict[str, Any], str], ...] = (
        (back, 0, {}, "OUT_OF_RANGE"),
        (back, 1_00, {"method": PaymentMethod.ON_ACCOUNT}, "NO_MONEY"),
        (new_id(), 1_00, {}, "NOT_FOUND"),
        (back, 1_00, {"actor": actor_as("MANAGER", new_id())}, "NOT_FOUND"),
    )
    for return_id, amount, more, code in wrong:
        with pytest.raises(InvalidInput) as raised:
            await buyer.refund(return_id, amount, **more)
        assert [issue.code for issue in raised.value.issues] == [code]
    with pytest.raises(Forbidden):
        await buyer.refund(back, 1_00, actor=actor_as("ACCOUNTANT", buyer.store.branch_id))
    with pytest.raises(SupplierRefundedTooMuch):
        await buyer.refund(back, 29_21)
    await buyer.refund(back, 29_20)
    assert await buyer.owed() == 0
    assert await drift(buyer) == 0


@pytest.mark.parametrize(("has_lock", "has_check"), [(True, True), (False, True), (False, False)])
async def test_no_more_is_paid_back_than_is_left_but_without_the_lock_and_the_check(
    database: Database, monkeypatch: pytest.MonkeyPatch, *, has_lock: bool, has_check: bool
) -> None:
    buyer = await make_buyer(database)
    back = await paid_and_sent_back(buyer)
    all_have_read = asyncio.Barrier(2)

    async def lock_nothing(*_: Any) -> None:
        """As if nobody had thought of it."""
        await asyncio.wait_for(all_have_read.wait(), 30)

    if not has_lock:
        monkeypatch.setattr(queries, "supplier_account_for_update", lock_nothing)
    if not has_check:
        async with connected(database, as_owner=True) as connection:
            await connection.execute("alter table supplier_returns drop constraint ck_supplier_returns_settled")
    done = await asyncio.gather(*(buyer.refund(back, 100_00) for _ in range(2)), return_exceptions=True)

    refused = [each for each in done if isinstance(each, BaseException)]
    kinds = [type(each) if has_lock else constraint_of(each) for each in refused]
    assert kinds == ([SupplierRefundedTooMuch] if has_lock else ["ck_supplier_returns_settled"] if has_check else [])
    assert await buyer.owed() == (-18_00 if has_check else 82_00)
    assert await drift(buyer) == 0


async def three_bills(buyer: Buyer) -> list[UUID]:
    """Of 118.00 each, of three months."""
    (serum,) = await buyer.came(line(buyer.store.serum_id, 3000, 100_00))
    return [
        await buyer.bill(
            BillLine(serum, 1000, 100_00), number=str(month), billed_on=date(2026, month, 20), total=118_00
        )
        for month in (10, 8, 9)
    ]


async def test_payments_settle_what_is_named_or_the_oldest_first(database: Database) -> None:
    buyer = await make_buyer(database)
    october, august, september = await three_bills(buyer)

    payment = await buyer.pay(150_00, reference="UTR 7", method=PaymentMethod.UPI)
    await buyer.pay(68_00, bills=(PaidBill(october, 18_00), PaidBill(september, 50_00)))

    dues = [(await buyer.row("supplier_bills", each))["balance_due_paise"] for each in (august, september, october)]
    assert dues == [0, 36_00, 100_00]
    assert await buyer.entry(payment) == {"2000": 150_00, "1020": -150_00}
    move = await buyer.row("money_moves", (await buyer.row("supplier_payments", payment))["money_move_id"])
    assert (move["direction"], move["method"], move["amount_paise"], move["reference"]) == (
        "OUT",
        "UPI",
        150_00,
        "UTR 7",
    )
    assert await buyer.owed() == 136_00
    for amount, bills in ((136_01, ()), (101_00, (PaidBill(october, 101_00),)), (1_00, (PaidBill(august, 1_00),))):
        with pytest.raises(SupplierOverpaid):
            await buyer.pay(amount, bills=bills)
    wrong: tuple[tuple[int, dict[str, Any], str], ...] = (
        (0, {}, "OUT_OF_RANGE"),
        (1_00, {"method": PaymentMethod.ON_ACCOUNT}, "NO_MONEY"),
        (2_00, {"bills": (PaidBill(october, 1_00),)}, "PARTS_DIFFER"),
        (2_00, {"bills": (PaidBill(october, 1_00), PaidBill(october, 1_00))}, "TAKEN"),
        (1_00, {"bills": (PaidBill(new_id(), 1_00),)}, "NOT_FOUND"),
        (1_00, {"bills": (PaidBill(october, 1_00),), "supplier_id": buyer.distant_id}, "NOT_FOUND"),
    )
    for amount, more, code in wrong:
        with pytest.raises(InvalidInput) as raised:
            await buyer.pay(amount, **more)
        assert [issue.code for issue in raised.value.issues] == [code]
    assert await buyer.owed() == 136_00
    assert await drift(buyer) == 0


async def test_however_many_pay_at_once_nobody_overpays(database: Database) -> None:
    buyer = await make_buyer(database)
    october, *_ = await three_bills(buyer)

    named = [buyer.pay(118_00, bills=(PaidBill(october, 118_00),)) for _ in range(4)]
    oldest = [buyer.pay(100_00) for _ in range(4)]
    done = await asyncio.gather(*named, *oldest, return_exceptions=True)

    assert {type(each) for each in done if isinstance(each, BaseException)} == {SupplierOverpaid}
    paid = await database.pool.fetchval("select sum(amount_paise) from supplier_payments")
    assert await buyer.owed() == 354_00 - paid
    assert 0 <= await buyer.owed() < 118_00
    assert await drift(buyer) == 0


@pytest.mark.parametrize("has_check", [True, False])
async def test_without_the_lock_the_check_refuses_and_without_both_a_bill_is_overpaid(
    database: Database, monkeypatch: pytest.MonkeyPatch, *, has_check: bool
) -> None:
    buyer = await make_buyer(database)
    await three_bills(buyer)
    both_have_read = asyncio.Barrier(2)
    read = queries.bills_due

    async def lock_nothing(*_: Any) -> None:
        """As if nobody had thought of it."""

    async def read_together(*given: Any) -> Any:
        dues = await read(*given)
        await both_have_read.wait()
        return dues

    monkeypatch.setattr(queries, "supplier_account_for_update", lock_nothing)
    monkeypatch.setattr(queries, "bills_due", read_together)
    if not has_check:
        async with connected(database, as_owner=True) as connection:
            await connection.execute("alter table supplier_bills drop constraint ck_supplier_bills_settled")

    async with asyncio.timeout(60):
        done = await asyncio.gather(buyer.pay(200_00), buyer.pay(200_00), return_exceptions=True)

    refused = [constraint_of(each) for each in done if isinstance(each, BaseException)]
    assert refused == (["ck_supplier_bills_settled"] if has_check else [])
    assert await buyer.owed() == (154_00 if has_check else -46_00)


async def test_only_who_may_bills_returns_and_pays_and_only_at_their_branch(database: Database) -> None:
    buyer = await make_buyer(database)
    (serum,) = await buyer.came(line(buyer.store.serum_id, 1000, 100_00))
    for role, branch_id, kind in (
        ("STAFF", buyer.store.branch_id, Forbidden),
        ("ACCOUNTANT", buyer.store.branch_id, Forbidden),
        ("MANAGER", new_id(), InvalidInput),
    ):
        actor = actor_as(role, branch_id)
        with pytest.raises(kind):
            await buyer.bill(BillLine(serum, 1000, 100_00), total=118_00, actor=actor)
        with pytest.raises(kind):
            await buyer.give_back(ReturnedLine(serum, 1000), actor=actor)
        with pytest.raises(kind):
            await buyer.pay(1_00, actor=actor)

    assert await database.pool.fetchval("select count(*) from supplier_bills") == 0


FORBIDDEN = (
    "update supplier_accounts set balance_paise = 0",
    "update supplier_bills set settled_paise = total_paise",
    "update supplier_bill_lines set returned_milli = 1",
    "update supplier_returns set settled_paise = 0",
    "update supplier_payments set amount_paise = 1",
    "delete from supplier_settlements",
    "update supplier_refunds set amount_paise = 1",
    "truncate supplier_refunds cascade",
    "delete from supplier_ledger",
    "insert into supplier_ledger select * from supplier_ledger",
    "delete from supplier_bills",
    "truncate supplier_ledger",
)


async def test_nobody_changes_what_is_owed(database: Database) -> None:
    buyer = await make_buyer(database)
    (serum,) = await buyer.came(line(buyer.store.serum_id, 2000, 100_00))
    await buyer.bill(BillLine(serum, 2000, 100_00), total=236_00)
    await buyer.give_back(ReturnedLine(serum, 1000))
    await buyer.pay(118_00)
    await buyer.refund(await buyer.give_back(ReturnedLine(serum, 500)), 10_00)

    for as_owner in (False, True):
        async with connected(database, as_owner=as_owner) as connection:
            for statement in FORBIDDEN:
                with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.RestrictViolationError)):
                    await connection.execute(statement)


async def test_the_books_and_the_ledger_can_not_part_whoever_writes(database: Database) -> None:
    buyer = await make_buyer(database)
    (serum,) = await buyer.came(line(buyer.store.serum_id, 2000, 100_00))
    bill_id = await buyer.bill(BillLine(serum, 2000, 100_00), total=236_00)

    async def post(party_id: UUID) -> None:
        lines = (accounting.NewLine("2000", 1_00, party_id), accounting.NewLine("1010", -1_00))
        entry = accounting.NewEntry(buyer.store.branch_id, on("2026-11-23"), "By hand", "entry", new_id(), lines)
        await database.run(SYSTEM, lambda work: accounting.post_entry(work, entry))

    with pytest.raises(Exception, match="is owed something else by the ledger than by the books"):
        await post(buyer.local_id)
    with pytest.raises(Exception, match="fk_supplier_accounts_supplier_id"):
        await post(new_id())
    async with connected(database, as_owner=True) as connection:
        with pytest.raises(asyncpg.CheckViolationError) as overpaid:
            await connection.execute(
                "with paid as (insert into supplier_payments select gen_random_uuid(), supplier_id, branch_id, "
                "booked_on, 'CASH', 23601, null, (select gen_random_uuid()), entry_id, now(), recorded_by_id "
                "from supplier_bills returning id) "
                "insert into supplier_settlements (id, bill_id, payment_id, amount_paise, settled_on) "
                "select gen_random_uuid(), $1, null, 23601, '2026-11-23' from paid",
                bill_id,
            )

    assert overpaid.value.constraint_name is not None
    assert await buyer.owed() == 236_00
    assert await drift(buyer) == 0
