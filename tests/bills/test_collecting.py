"""What a customer owes is paid over many bills; an anonymous bill turns out to be somebody's."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from salonos.bills import commands, problems
from salonos.bills.rules import Kept, PaymentMethod, Share, Tender, fill
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.problems import Forbidden, InvalidInput, StaleVersion
from tests.bills.asking import Asker
from tests.bills.makers import CASH, NOW, ON_ACCOUNT, SYSTEM, UPI, Shop, actor_as, book_balance, make_shop
from tests.salon.makers import make_branch

COLLECT = """
    mutation($input: CollectBalanceInput!) {
        collectBalance(input: $input) {
            __typename
            ... on CollectBalanceSuccess {
                payments { amount tendered change bill { number balanceDue paymentState version } }
                customer { balanceDue }
            }
            ... on PaymentsExceedTotal { due offered }
        }
    }
"""


async def owe(shop: Shop, paise: int, *, days: int = 0, **more: Any) -> UUID:
    """A bill of 1787.00 on which so much stays owed."""
    payments = ((UPI, 178_700 - paise), (ON_ACCOUNT, paise))
    return await shop.check_out(*payments, customer_id=shop.customer_id, now=NOW + timedelta(days=days), **more)


async def collect(shop: Shop, paise: int, *, method: PaymentMethod = UPI, actor: Any = SYSTEM) -> list[UUID]:
    tender, at = Tender(method, paise), {"branch_id": shop.branch_id, "customer_id": shop.customer_id}
    return await shop.database.run(
        actor, lambda work: commands.collect_balance(work, tender=tender, **at), now=NOW + timedelta(days=9)
    )


async def test_one_payment_settles_the_oldest_bills_first(database: Database) -> None:
    shop = await make_shop(database)
    first, second, third = [await owe(shop, paise, days=day) for day, paise in enumerate((50_000, 30_000, 20_000))]

    await collect(shop, 70_000)

    bills = [await shop.row("bills", each) for each in (first, second, third)]
    assert [(bill["balance_due_paise"], bill["payment_state"], bill["version"]) for bill in bills] == [
        (0, "PAID", 2),
        (10_000, "PARTLY_PAID", 2),
        (20_000, "PARTLY_PAID", 1),
    ]
    assert await book_balance(database, "1100") == 30_000
    lines = await database.pool.fetch(
        "select code, amount_paise from entry_lines join accounts on accounts.id = account_id "
        "join entries on entries.id = entry_id where cause_kind = 'customer' order by position"
    )
    assert [tuple(line) for line in lines] == [("1020", 70_000), ("1100", -50_000), ("1100", -20_000)]
    moves = await database.pool.fetch("select amount_paise from money_moves where amount_paise = 70000")
    assert len(moves) == 1


async def test_the_till_gives_change_on_cash_and_reads_what_is_left(database: Database) -> None:
    shop = await make_shop(database)
    for paise in (50_000, 30_000):
        await owe(shop, paise)
    ask = Asker(database)
    desk = actor_as("RECEPTIONIST", shop.branch_id)
    wanted = {
        "branchId": id_text("branch", shop.branch_id),
        "customerId": id_text("customer", shop.customer_id),
        "payment": {"method": "CASH", "amount": "900.00"},
    }

    too_much = {**wanted, "payment": {"method": "UPI", "amount": "900.00"}}
    refused = await ask.data(COLLECT, actor=desk, input=too_much)
    found = await ask.data(COLLECT, actor=desk, input=wanted)
    nothing = await ask.data(COLLECT, actor=desk, input=wanted)

    assert refused["collectBalance"] == {"__typename": "PaymentsExceedTotal", "due": "800.00", "offered": "900.00"}
    payments = found["collectBalance"]["payments"]
    assert [(each["amount"], each["tendered"], each["change"]) for each in payments] == [
        ("500.00", "500.00", "0.00"),
        ("300.00", "400.00", "100.00"),
    ]
    assert [each["bill"]["paymentState"] for each in payments] == ["PAID", "PAID"]
    assert nothing["collectBalance"] == {"__typename": "NothingOwed"}


async def test_two_tills_do_not_collect_one_debt_twice(database: Database) -> None:
    shop = await make_shop(database)
    for round_ in range(1, 11):
        for paise in (30_000, 20_000):
            await owe(shop, paise)

        outcomes = await asyncio.gather(*(collect(shop, 50_000) for _ in range(4)), return_exceptions=True)

        assert Counter(type(each).__name__ for each in outcomes) == {"list": 1, "NothingOwed": 3}
        assert await book_balance(database, "1100") == 0
        assert await database.pool.fetchval("select count(*) from entries where cause_kind = 'customer'") == round_


async def test_cash_over_many_bills_is_counted_as_one_persons(database: Database) -> None:
    shop = await make_shop(database)
    for _ in range(2):
        lines = (*[shop.serum] * 140,)
        await shop.check_out((ON_ACCOUNT, 13_986_000), customer_id=shop.customer_id, lines=lines)

    with pytest.raises(problems.CashLimitExceeded) as raised:
        await collect(shop, 20_000_000, method=CASH)
    await collect(shop, 19_999_900, method=CASH)

    assert raised.value.cash == 20_000_000


async def test_who_may_not_or_is_elsewhere_collects_nothing(database: Database) -> None:
    shop = await make_shop(database)
    await owe(shop, 50_000)
    elsewhere = await make_branch(database, "BLR2")

    for actor in (actor_as("STAFF", shop.branch_id), actor_as("ACCOUNTANT", shop.branch_id)):
        with pytest.raises(Forbidden):
            await collect(shop, 50_000, actor=actor)
    with pytest.raises(InvalidInput):
        await collect(shop, 50_000, actor=actor_as("RECEPTIONIST", elsewhere))
    with pytest.raises(InvalidInput):
        await collect(shop, 50_000, method=ON_ACCOUNT)
    assert await book_balance(database, "1100") == 50_000


def test_change_stands_with_the_last_bill_that_the_payment_reaches() -> None:
    kept = Kept(PaymentMethod.CASH, 800, 1_000, 200, "R1")

    assert fill([kept], [500, 300]) == (
        Share(0, 0, Kept(PaymentMethod.CASH, 500, 500, 0, "R1")),
        Share(0, 1, Kept(PaymentMethod.CASH, 300, 500, 200, "R1")),
    )
    upi = Kept(PaymentMethod.UPI, 500, None, None, None)
    assert fill([upi], [500, 300]) == (Share(0, 0, upi),)


async def assign(shop: Shop, bill_id: UUID, customer_id: UUID, *, version: int = 1, actor: Any = SYSTEM) -> None:
    await shop.database.run(
        actor, lambda work: commands.assign_customer(work, bill_id, customer_id, expected_version=version), now=NOW
    )


async def test_an_anonymous_bill_is_given_its_customer_once(database: Database) -> None:
    shop = await make_shop(database)
    bill_id, draft_id = await shop.check_out((CASH, 178_700)), await shop.create_bill()
    refund = commands.NewRefund(bill_id=bill_id, reason="x", method=CASH)
    note_id = await database.run(SYSTEM, lambda work: commands.refund_bill(work, refund), now=NOW)

    with pytest.raises(StaleVersion):
        await assign(shop, bill_id, shop.customer_id, version=1)
    for wrong_bill, customer_id in (
        (draft_id, shop.customer_id),
        (note_id, shop.customer_id),
        (bill_id, new_id()),
        (new_id(), shop.customer_id),
    ):
        with pytest.raises(InvalidInput):
            await assign(shop, wrong_bill, customer_id, version=2)
    with pytest.raises(Forbidden):
        await assign(shop, bill_id, shop.customer_id, version=2, actor=actor_as("ACCOUNTANT", shop.branch_id))
    await assign(shop, bill_id, shop.customer_id, version=2)
    with pytest.raises(problems.CustomerAssigned):
        await assign(shop, bill_id, shop.customer_id, version=3)

    assert (await shop.row("bills", bill_id))["customer_id"] == shop.customer_id
    assert (await shop.row("bills", note_id))["customer_id"] == shop.customer_id
    served = await database.pool.fetch("select staff_id from customer_visits")
    assert [row["staff_id"] for row in served] == [shop.staff_ids[0]]
    with pytest.raises(asyncpg.RestrictViolationError):
        await database.pool.execute("update bills set customer_id = null where id = $1", bill_id)
