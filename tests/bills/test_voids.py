"""A bill is taken back on its own date: once, with its money and goods, and its number stays on record."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from salonos.accounting import commands as accounting
from salonos.accounting.problems import PeriodClosed
from salonos.accounting.rules import PaymentMethod
from salonos.bills import commands, problems
from salonos.bills.rules import Tender
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.problems import Forbidden, InvalidInput, StaleVersion
from tests.bills.asking import Asker
from tests.bills.makers import CASH, NOW, ON_ACCOUNT, SYSTEM, TODAY, UPI, Shop, actor_as, book_balance, make_shop
from tests.inventory.consuming import MISMATCHED, make_parlour
from tests.inventory.makers import line as received
from tests.inventory.makers import make_store

VOID = """
    mutation($input: VoidBillInput!) {
        voidBill(input: $input) {
            __typename
            ... on VoidBillSuccess {
                bill {
                    number status voidReason voidedAt balanceDue amountPaid
                    payments { direction method amount }
                }
            }
            ... on TooLateToVoid { bill { number } }
            ... on InvalidInput { issues { path code } }
        }
    }
"""


async def void(
    shop: Shop, bill_id: UUID, *, version: int = 1, by: PaymentMethod | None = None, days: int = 0, actor: Any = SYSTEM
) -> UUID:
    return await shop.database.run(
        actor,
        lambda work: commands.void_bill(work, bill_id, reason="Wrong", expected_version=version, pay_back_by=by),
        now=NOW + timedelta(days=days),
    )


async def pay(shop: Shop, bill_id: UUID, method: PaymentMethod, paise: int, *, version: int = 1) -> None:
    tender = Tender(method, paise)
    await shop.database.run(
        SYSTEM, lambda work: commands.add_payment(work, bill_id, tender, expected_version=version), now=NOW
    )


async def balances(database: Database) -> dict[str, int]:
    """All accounts that are not 0."""
    found = await database.pool.fetch(
        "select code, sum(amount_paise)::bigint as paise from entry_lines join accounts on accounts.id = account_id "
        "group by code having sum(amount_paise) <> 0"
    )
    return {row["code"]: row["paise"] for row in found}


async def test_a_bill_of_today_is_undone_to_the_paisa_and_keeps_its_number(database: Database) -> None:
    shop = await make_shop(database)
    tip = commands.NewTip(amount_paise=5_000, staff_id=shop.staff_ids[0])
    bill_id = await shop.check_out((CASH, 100_000), (UPI, 83_700), tips=(tip,))

    await void(shop, bill_id)

    bill = await shop.row("bills", bill_id)
    assert (bill["status"], bill["number"], bill["void_reason"]) == ("VOID", "BLR1/2627/00001", "Wrong")
    assert (bill["paid_paise"], bill["balance_due_paise"], bill["payment_state"]) == (0, 0, "UNPAID")
    assert await balances(database) == {}
    register = await database.pool.fetch(
        "select document_number, sum(taxable_paise)::int, sum(cgst_paise)::int from tax_register group by 1"
    )
    assert [tuple(row) for row in register] == [("BLR1/2627/00001", 0, 0)]
    moves = await database.pool.fetch(
        "select method, direction, amount_paise from money_moves where direction = 'OUT' order by method"
    )
    assert [tuple(row) for row in moves] == [("CASH", "OUT", 100_000), ("UPI", "OUT", 83_700)]


async def test_a_debt_and_what_was_paid_on_it_are_undone_by_one_way(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((UPI, 100_000), (ON_ACCOUNT, 78_700), customer_id=shop.customer_id)
    await pay(shop, bill_id, CASH, 28_700)

    await void(shop, bill_id, version=2, by=UPI)

    assert await balances(database) == {"1000": 28_700, "1020": -28_700}


async def test_a_drafts_advance_goes_back_and_a_draft_without_money_is_put_away(database: Database) -> None:
    shop = await make_shop(database)
    draft_id, empty_id = await shop.create_bill(), await shop.create_bill()
    await pay(shop, draft_id, UPI, 50_000)

    desk = actor_as("RECEPTIONIST", shop.branch_id)
    await void(shop, empty_id, actor=desk)
    with pytest.raises(Forbidden):
        await void(shop, draft_id, version=2, actor=desk)
    await void(shop, draft_id, version=2, days=3)

    assert await balances(database) == {}
    assert (await shop.row("bills", empty_id))["void_entry_id"] is None
    with pytest.raises(InvalidInput):
        await pay(shop, draft_id, UPI, 100, version=3)


async def test_goods_go_back_on_the_shelf(database: Database) -> None:
    store = await make_store(database)
    await store.receive(received(store.serum_id, 3000, 100_01, batch="A"))
    serum = replace(store.shop.serum, quantity_milli=2000)
    bill_id = await store.shop.check_out((UPI, 278_600), lines=(store.shop.haircut, serum))

    await void(store.shop, bill_id)

    assert await store.batches(store.serum_id) == [("A", 3000)]
    assert await store.level(store.serum_id) == (3000, 300_03)
    assert await store.drift() == 0
    assert await book_balance(database, "5000") == 0


async def test_what_was_used_up_stays_used_up(database: Database) -> None:
    parlour = await make_parlour(database)
    store = parlour.store
    await store.receive(received(store.serum_id, 2000, 100_00))

    for undo in (void, refund):
        bill_id = await store.shop.check_out((CASH, 178_700))
        await undo(store.shop, bill_id)

    assert (await store.level(store.serum_id))[0] == 2000
    assert (await store.level(store.colour_id))[0] == 500_000 - 2 * 35_000
    assert await store.drift() == 0
    assert await database.pool.fetchval(MISMATCHED) == 0
    assert (await book_balance(database, "5000"), await book_balance(database, "5010") > 0) == (0, True)


async def test_what_is_too_late_closed_or_given_back_is_refused(database: Database) -> None:
    shop = await make_shop(database)
    bill_id, refunded_id = await shop.check_out((UPI, 178_700)), await shop.check_out((UPI, 178_700))
    (line_id, *_) = [line["id"] for line in await shop.rows("bill_lines", refunded_id)]
    some = commands.NewRefund(bill_id=refunded_id, reason="x", method=UPI, lines=[commands.RefundedLine(line_id, 100)])
    note_id = await database.run(SYSTEM, lambda work: commands.refund_bill(work, some), now=NOW)

    with pytest.raises(problems.TooLateToVoid):
        await void(shop, bill_id, days=1)
    with pytest.raises(problems.TooLateToVoid):
        await void(shop, refunded_id, version=2)
    with pytest.raises(StaleVersion):
        await void(shop, bill_id, version=7)
    for wrong_id in (note_id, new_id()):
        with pytest.raises(InvalidInput):
            await void(shop, wrong_id)
    with pytest.raises(InvalidInput):
        await void(shop, bill_id, by=ON_ACCOUNT)
    with pytest.raises(Forbidden):
        await void(shop, bill_id, actor=actor_as("RECEPTIONIST", shop.branch_id))
    tomorrow = TODAY + timedelta(days=1)
    await database.run(SYSTEM, lambda work: accounting.close_period(work, shop.branch_id, until=tomorrow))
    with pytest.raises(PeriodClosed):
        await void(shop, bill_id)
    assert (await shop.row("bills", bill_id))["status"] == "POSTED"


async def test_tills_that_void_and_refund_at_once_do_one_of_it(database: Database) -> None:
    shop = await make_shop(database)
    for _ in range(10):
        bill_id = await shop.check_out((CASH, 178_700))

        outcomes = await asyncio.gather(
            void(shop, bill_id), refund(shop, bill_id), void(shop, bill_id), return_exceptions=True
        )

        names = Counter(type(each).__name__ for each in outcomes)
        assert names["UUID"] == 1, names
        assert set(names) <= {"UUID", "InvalidInput", "StaleVersion", "TooLateToVoid"}
    assert await book_balance(database, "1000") == 0


async def refund(shop: Shop, bill_id: UUID) -> UUID:
    new = commands.NewRefund(bill_id=bill_id, reason="x", method=CASH)
    return await shop.database.run(SYSTEM, lambda work: commands.refund_bill(work, new), now=NOW)


async def test_the_screen_reads_what_became_of_it(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((CASH, 178_700))
    ask = Asker(database)
    wanted = {"billId": id_text("bill", bill_id), "reason": "Wrong customer", "expectedVersion": 1}
    manager = actor_as("MANAGER", shop.branch_id)

    found = await ask.data(VOID, actor=manager, input=wanted)
    again = await ask.data(VOID, actor=manager, input={**wanted, "expectedVersion": 2})

    payments = found["voidBill"]["bill"].pop("payments")
    assert sorted((each["direction"], each["method"], each["amount"]) for each in payments) == [
        ("IN", "CASH", "1787.00"),
        ("OUT", "CASH", "1787.00"),
    ]
    assert found["voidBill"]["bill"] == {
        "number": "BLR1/2627/00001",
        "status": "VOID",
        "voidReason": "Wrong customer",
        "voidedAt": "2026-11-23T06:30:00.000000Z",
        "balanceDue": "0.00",
        "amountPaid": "0.00",
    }
    assert [issue["code"] for issue in again["voidBill"]["issues"]] == ["NOT_VOIDABLE"]


@pytest.mark.parametrize(
    "change",
    [
        "update bills set void_reason = 'y' where status = 'VOID'",
        "update bills set status = 'POSTED' where status = 'VOID'",
        "update bills set status = 'VOID' where status = 'POSTED'",
        "update bills set paid_paise = 100 where status = 'VOID'",
    ],
)
async def test_the_database_keeps_a_void_bill_void_and_a_posted_one_posted(database: Database, change: str) -> None:
    shop = await make_shop(database)
    await shop.check_out((UPI, 178_700))
    await void(shop, await shop.check_out((UPI, 178_700)))

    with pytest.raises((asyncpg.CheckViolationError, asyncpg.RestrictViolationError)):
        await database.pool.execute(change)
