"""A balance is paid at another branch than the bill's: the money is counted there, the debt falls at the bill's."""

import asyncio
import os
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from salonos.accounting import commands as accounting
from salonos.accounting.problems import PeriodClosed
from salonos.bills import commands, problems
from salonos.bills.rules import PaymentMethod, Tender
from salonos.closing import commands as closing
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from salonos.kernel.problems import InvalidInput
from tests.bills.asking import Asker
from tests.bills.makers import CARD, CASH, NOW, ON_ACCOUNT, SYSTEM, TODAY, UPI, Shop, actor_as, make_shop
from tests.bills.test_books import DIFFERENCES
from tests.closing.asker import Asker as DayAsker
from tests.closing.asker import somebody
from tests.salon.makers import make_branch

ROUNDS = 200 if "SALONOS_PROVE" in os.environ else 10
OWED = 50_000
COLLECT = """
    mutation($input: CollectBalanceInput!) {
        collectBalance(input: $input) {
            __typename
            ... on CollectBalanceSuccess {
                payments { amount branch { code } bill { branch { code } balanceDue } } customer { balanceDue }
            }
            ... on PaymentsExceedTotal { due }
        }
    }
"""
DAY = """
    query($branch: ID!, $date: Date!) {
        dashboard(branchId: $branch, date: $date) { salesTotal collectedTotal cashTotal upiTotal }
        daySummary(branchId: $branch, date: $date) {
            salesTotal collectedTotal debtCollectedTotal paymentTotals { method amount }
        }
    }
"""


async def two_shops(database: Database) -> tuple[Shop, Shop]:
    """Two branches of one house with the same wares, people and customer."""
    here = await make_shop(database)
    return here, replace(here, branch_id=await make_branch(database, "MYS1"))


async def owe(shop: Shop, paise: int = OWED, *, days: int = 0) -> UUID:
    """A bill of 1787.00 on which so much stays owed."""
    payments = ((UPI, 178_700 - paise), (ON_ACCOUNT, paise))
    return await shop.check_out(*payments, customer_id=shop.customer_id, now=NOW + timedelta(days=days))


async def collect(shop: Shop, paise: int, *, method: PaymentMethod = CASH, actor: Any = SYSTEM, days: int = 0) -> Any:
    tender, at = Tender(method, paise), {"branch_id": shop.branch_id, "customer_id": shop.customer_id}
    return await shop.database.run(
        actor, lambda work: commands.collect_balance(work, tender=tender, **at), now=NOW + timedelta(days=days)
    )


async def books(shop: Shop) -> dict[str, int]:
    """What stands at a branch in the drawer, at the bank of UPI, with customers, and between branches."""
    rows = await shop.database.pool.fetch(
        "select code, sum(amount_paise)::bigint as paise from entry_lines join accounts on accounts.id = account_id "
        "where branch_id = $1 and code in ('1000', '1020', '1100', '1290') group by code having sum(amount_paise) <> 0",
        shop.branch_id,
    )
    return {row["code"]: row["paise"] for row in rows}


async def agrees(database: Database) -> None:
    """Each branch owes what its bills say, and between the branches there is nothing over all of them."""
    assert await database.pool.fetchval(DIFFERENCES) == "{}"
    drift = """
        select count(*) from (
            select branch_id, sum(balance_due_paise) as paise from bills where status = 'POSTED' group by 1
        ) as kept full join (
            select branch_id, sum(amount_paise) as paise from entry_lines join accounts on accounts.id = account_id
            where code = '1100' group by 1
        ) as booked using (branch_id) where coalesce(kept.paise, 0) <> coalesce(booked.paise, 0)
    """
    assert await database.pool.fetchval(drift) == 0


async def test_money_stays_where_it_is_paid_and_the_debt_falls_where_the_bill_is(database: Database) -> None:
    here, there = await two_shops(database)
    for shop, days in ((there, 0), (here, 1), (there, 2)):
        await owe(shop, days=days)
    ask, wanted = Asker(database), {"method": "CASH", "amount": "1300.00"}
    given = {"branchId": id_text("branch", here.branch_id), "customerId": id_text("customer", here.customer_id)}

    desk = actor_as("RECEPTIONIST", here.branch_id, there.branch_id)
    found = await ask.data(COLLECT, actor=desk, input={**given, "payment": wanted})

    assert found["collectBalance"]["payments"] == [
        {"amount": "500.00", "branch": {"code": "BLR1"}, "bill": {"branch": {"code": "MYS1"}, "balanceDue": "0.00"}},
        {"amount": "500.00", "branch": {"code": "BLR1"}, "bill": {"branch": {"code": "BLR1"}, "balanceDue": "0.00"}},
        {"amount": "300.00", "branch": {"code": "BLR1"}, "bill": {"branch": {"code": "MYS1"}, "balanceDue": "200.00"}},
    ]
    assert found["collectBalance"]["customer"] == {"balanceDue": "200.00"}
    assert await books(here) == {"1000": 130_000, "1020": 128_700, "1290": -80_000}
    assert await books(there) == {"1020": 257_400, "1100": 20_000, "1290": 80_000}
    await agrees(database)
    moves = await database.pool.fetch("select branch_id, amount_paise from money_moves where method = 'CASH'")
    assert [tuple(row) for row in moves] == [(here.branch_id, 130_000)]


async def test_days_count_money_where_it_came_in(database: Database) -> None:
    here, there = await two_shops(database)
    await owe(there)
    await here.check_out((CASH, 178_700))
    await collect(here, OWED)

    async def day(shop: Shop) -> list[Any]:
        await database.run(SYSTEM, lambda work: closing.summarise_day(work, shop.branch_id, TODAY), now=NOW)
        asked = {"branch": id_text("branch", shop.branch_id), "date": TODAY.isoformat()}
        found = await DayAsker(database).data(somebody("OWNER", shop.branch_id), DAY, **asked)
        return [*found["dashboard"].values(), *found["daySummary"].values()]

    paid_here = ["1787.00", "2287.00", "500.00", [{"method": "CASH", "amount": "2287.00"}]]
    paid_there = ["1787.00", "1287.00", "0.00", [{"method": "UPI", "amount": "1287.00"}]]
    assert await day(here) == ["1787.00", "2287.00", "2287.00", "0.00", *paid_here]
    assert await day(there) == ["1787.00", "1287.00", "0.00", "1287.00", *paid_there]


async def test_only_debts_at_ones_own_branches_are_collected_and_only_at_one_of_them(database: Database) -> None:
    here, there = await two_shops(database)
    await owe(there)
    await owe(here, 20_000, days=1)
    desk = actor_as("RECEPTIONIST", here.branch_id)

    with pytest.raises(problems.PaymentsExceedTotal) as raised:
        await collect(here, 70_000, method=UPI, actor=desk, days=1)
    with pytest.raises(InvalidInput):
        await collect(there, 20_000, actor=desk, days=1)
    await collect(here, 20_000, actor=desk, days=1)
    with pytest.raises(problems.NothingOwed):
        await collect(here, OWED, actor=desk, days=1)

    assert raised.value.due == 20_000
    assert await books(there) == {"1020": 128_700, "1100": OWED}
    await agrees(database)


async def test_whoever_may_not_lend_more_is_told_of_debts_at_their_own_branches_only(database: Database) -> None:
    here, there = await two_shops(database)
    await owe(there)
    await owe(here, 20_000)
    customer_id = here.customer_id
    await database.run(
        SYSTEM, lambda work: commands.set_credit_limit(work, customer_id=customer_id, limit_paise=80_000), now=NOW
    )

    for actor, owed in (
        (actor_as("RECEPTIONIST", here.branch_id), 20_000),
        (actor_as("RECEPTIONIST", here.branch_id, there.branch_id), 70_000),
        (SYSTEM, 70_000),
    ):
        payments = ((UPI, 158_700), (ON_ACCOUNT, 20_000))
        with pytest.raises(problems.CreditLimitExceeded) as raised:
            await here.check_out(*payments, customer_id=customer_id, actor=actor)
        assert (raised.value.limit, raised.value.owed, raised.value.balance_due) == (80_000, owed, 20_000)


async def test_cash_at_another_branch_counts_and_is_told_to_those_only_who_see_it(database: Database) -> None:
    here, there = await two_shops(database)
    lines = (*[there.serum] * 110,)
    await there.check_out((CASH, 10_989_000), customer_id=there.customer_id, lines=lines)

    for actor, cash in ((actor_as("RECEPTIONIST", here.branch_id), 10_989_000), (SYSTEM, 21_978_000)):
        with pytest.raises(problems.CashLimitExceeded) as raised:
            await here.check_out((CASH, 10_989_000), customer_id=here.customer_id, lines=lines, actor=actor)
        assert (raised.value.limit, raised.value.cash) == (20_000_000, cash)


async def test_a_branch_whose_books_are_closed_neither_takes_nor_gives_up_a_claim(database: Database) -> None:
    here, there = await two_shops(database)
    await owe(there)
    until = TODAY + timedelta(days=3)

    for closed, paid_at in ((there, here), (here, here)):
        await database.run(
            SYSTEM, lambda work, at=closed: accounting.close_period(work, at.branch_id, until=until), now=NOW
        )
        with pytest.raises(PeriodClosed):
            await collect(paid_at, OWED)
        await database.run(
            SYSTEM, lambda work, at=closed: accounting.close_period(work, at.branch_id, until=TODAY), now=NOW
        )
    assert await books(here) == {}
    await agrees(database)


async def test_two_branches_do_not_collect_one_debt_twice(database: Database) -> None:
    here, there = await two_shops(database)
    for round_ in range(1, ROUNDS + 1):
        for shop, paise in ((here, 30_000), (there, 20_000)):
            await owe(shop, paise)

        both = (collect(shop, OWED, method=UPI) for shop in (here, there) * 2)
        outcomes = await asyncio.gather(*both, return_exceptions=True)

        assert Counter(type(each).__name__ for each in outcomes) == {"list": 1, "NothingOwed": 3}
        await agrees(database)
        taken = "select count(*) from money_moves where amount_paise = $1"
        assert await database.pool.fetchval(taken, OWED) == round_
    assert await database.pool.fetchval("select count(*) from entries where cause_kind = 'customer'") == 2 * ROUNDS


async def test_what_was_recorded_wrongly_is_corrected_where_it_was_paid(database: Database) -> None:
    here, there = await two_shops(database)
    await owe(there)
    (payment_id,) = await collect(here, OWED)

    async def correct(actor: Any) -> Any:
        return await database.run(
            actor, lambda work: commands.correct_payment(work, payment_id, method=UPI, reference="7"), now=NOW
        )

    for branches, code in (((there,), "ELSEWHERE"), ((here,), "NOT_FOUND")):
        with pytest.raises(InvalidInput) as raised:
            await correct(actor_as("MANAGER", *(each.branch_id for each in branches)))
        assert [(issue.path, issue.code) for issue in raised.value.issues] == [(("paymentId",), code)]
    before = await books(there)
    await correct(actor_as("MANAGER", here.branch_id, there.branch_id))

    assert await books(here) == {"1020": OWED, "1290": -OWED}
    assert await books(there) == before == {"1020": 128_700, "1290": OWED}
    told = "select branch_id from outbox_events where kind = 'PaymentCorrected'"
    assert await database.pool.fetchval(told) == here.branch_id
    await agrees(database)


@pytest.mark.parametrize("by", [None, CARD])
async def test_a_bill_that_is_taken_back_gives_money_back_where_it_came(
    database: Database, by: PaymentMethod | None
) -> None:
    here, there = await two_shops(database)
    bill_id = await owe(there)
    await collect(here, OWED)

    async def void(actor: Any, pay_back_by: PaymentMethod | None) -> Any:
        taken_back = {"reason": "x", "expected_version": 2, "pay_back_by": pay_back_by}
        return await database.run(actor, lambda work: commands.void_bill(work, bill_id, **taken_back), now=NOW)

    with pytest.raises(InvalidInput) as raised:
        await void(actor_as("MANAGER", there.branch_id), None)
    await void(SYSTEM if by is None else actor_as("MANAGER", there.branch_id), by)

    assert [(issue.path, issue.code) for issue in raised.value.issues] == [(("payBackBy",), "REQUIRED")]
    if by is None:
        assert (await books(here), await books(there)) == ({}, {})
    else:  # the other branch keeps what it was paid, and owes it to the one that gave it back
        assert await books(here) == {"1000": OWED, "1290": -OWED}
        assert await books(there) == {"1020": 128_700, "1290": OWED}
    told = await database.pool.fetch("select branch_id from outbox_events where kind = 'PaymentReturned'")
    assert [row["branch_id"] for row in told] == ([here.branch_id] if by is None else [])
    await agrees(database)
