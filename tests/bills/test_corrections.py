"""A payment that was recorded wrongly is reversed and recorded anew: how it came, or its reference, never how much."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from salonos.bills import commands, problems
from salonos.bills.commands import NewRefund
from salonos.bills.rules import PaymentMethod
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.problems import Forbidden, InvalidInput
from tests.bills.asking import Asker
from tests.bills.makers import CARD, CASH, NOW, ON_ACCOUNT, SYSTEM, UPI, Shop, actor_as, book_balance, make_shop
from tests.bills.papers import paper
from tests.salon.makers import make_branch

CORRECT = """
    mutation($input: CorrectPaymentInput!) {
        correctPayment(input: $input) {
            __typename
            ... on InvalidInput { issues { path code } }
            ... on CorrectPaymentSuccess {
                payment {
                    method amount reference direction replaces { method }
                    bill { version amountPaid balanceDue payments { method direction reverses { method } } }
                }
            }
        }
    }
"""


async def payment_of(shop: Shop, bill_id: UUID) -> UUID:
    found: UUID = (await shop.row("payments", bill_id))["id"]
    return found


async def correct(shop: Shop, payment_id: UUID, method: PaymentMethod, **more: Any) -> UUID:
    actor, reference = more.get("actor", SYSTEM), more.get("reference")
    return await shop.database.run(
        actor,
        lambda work: commands.correct_payment(work, payment_id, method=method, reference=reference),
        now=more.get("now", NOW),
    )


async def money(database: Database) -> list[int]:
    """In the drawer, on the UPI account, and with the acquirer."""
    return [await book_balance(database, code) for code in ("1000", "1020", "1030")]


async def test_cash_that_was_upi_is_corrected_the_day_after(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((CASH, 200_000))
    payment_id = await payment_of(shop, bill_id)
    ask = Asker(database)
    wanted = {"paymentId": id_text("payment", payment_id), "method": "UPI", "reference": "412345678901"}

    found = await ask.data(CORRECT, actor=actor_as("MANAGER", shop.branch_id), input=wanted)
    again = await ask.data(CORRECT, actor=actor_as("MANAGER", shop.branch_id), input=wanted)

    assert found["correctPayment"]["payment"] == {
        "method": "UPI",
        "amount": "1787.00",
        "reference": "412345678901",
        "direction": "IN",
        "replaces": {"method": "CASH"},
        "bill": {
            "version": 2,
            "amountPaid": "1787.00",
            "balanceDue": "0.00",
            "payments": [
                {"method": "CASH", "direction": "IN", "reverses": None},
                {"method": "CASH", "direction": "OUT", "reverses": {"method": "CASH"}},
                {"method": "UPI", "direction": "IN", "reverses": None},
            ],
        },
    }
    assert again["correctPayment"]["issues"] == [{"path": ["paymentId"], "code": "CORRECTED"}]
    assert await money(database) == [0, 178_700, 0]
    assert [each.method for each in (await paper(database, bill_id)).payments] == [UPI]


async def test_a_reference_alone_is_corrected_and_what_stands_may_be_corrected_again(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((UPI, 178_700))
    first = await payment_of(shop, bill_id)

    with pytest.raises(InvalidInput):
        await correct(shop, first, UPI)
    second = await correct(shop, first, UPI, reference="1")
    third = await correct(shop, second, CARD, reference="2")

    assert await money(database) == [0, 0, 178_700]
    rows = await database.pool.fetch("select id, replaces_id from payments where replaces_id is not null order by id")
    assert [tuple(row) for row in rows] == [(second, first), (third, second)]


async def test_what_goes_back_goes_the_corrected_way(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((CASH, 178_700))
    await correct(shop, await payment_of(shop, bill_id), CARD)

    await database.run(SYSTEM, lambda work: commands.void_bill(work, bill_id, reason="x", expected_version=2), now=NOW)

    assert await money(database) == [0, 0, 0]
    with pytest.raises(InvalidInput):
        await correct(shop, (await shop.rows("payments", bill_id))[0]["id"], UPI)


async def test_money_that_went_back_is_corrected_too(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((UPI, 178_700))
    new = NewRefund(bill_id=bill_id, reason="x", method=UPI)
    note_id = await database.run(SYSTEM, lambda work: commands.refund_bill(work, new), now=NOW)

    await correct(shop, await payment_of(shop, note_id), CARD)

    assert await money(database) == [0, 178_700, -178_700]


async def test_cash_is_counted_as_it_was_in_truth(database: Database) -> None:
    shop = await make_shop(database)
    lines = (*[shop.serum] * 110,)
    sold = {"customer_id": shop.customer_id, "lines": lines}
    first = await shop.check_out((CASH, 10_989_000), **sold)
    second = await shop.check_out((UPI, 10_989_000), **sold)

    with pytest.raises(problems.CashLimitExceeded):
        await correct(shop, await payment_of(shop, second), CASH)
    await correct(shop, await payment_of(shop, first), UPI)
    await correct(shop, await payment_of(shop, second), CASH)

    assert await money(database) == [10_989_000, 10_989_000, 0]


async def test_two_people_correct_a_payment_once(database: Database) -> None:
    shop = await make_shop(database)
    for sold in range(1, 11):
        payment_id = await payment_of(shop, await shop.check_out((CASH, 178_700)))

        both = (correct(shop, payment_id, method) for method in (UPI, CARD, UPI, CARD))
        outcomes = await asyncio.gather(*both, return_exceptions=True)

        assert Counter(type(each).__name__ for each in outcomes) == {"UUID": 1, "InvalidInput": 3}
        cash, *elsewhere = await money(database)
        assert (cash, sum(elsewhere)) == (0, sold * 178_700)


async def test_who_may_not_or_is_elsewhere_corrects_nothing(database: Database) -> None:
    shop = await make_shop(database)
    payment_id = await payment_of(shop, await shop.check_out((CASH, 178_700)))
    elsewhere = await make_branch(database, "BLR2")

    for role in ("RECEPTIONIST", "STAFF", "ACCOUNTANT"):
        with pytest.raises(Forbidden):
            await correct(shop, payment_id, UPI, actor=actor_as(role, shop.branch_id))
    for unknown, actor in ((payment_id, actor_as("MANAGER", elsewhere)), (new_id(), SYSTEM)):
        with pytest.raises(InvalidInput) as raised:
            await correct(shop, unknown, UPI, actor=actor)
        assert [(issue.path, issue.code) for issue in raised.value.issues] == [(("paymentId",), "NOT_FOUND")]
    with pytest.raises(InvalidInput):
        await correct(shop, payment_id, ON_ACCOUNT)
    assert await money(database) == [178_700, 0, 0]


async def test_the_days_keep_what_was_counted(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((CASH, 178_700))
    await correct(shop, await payment_of(shop, bill_id), UPI, now=NOW + timedelta(days=1))

    rows = await database.pool.fetch(
        "select business_date::text, direction, method from payments order by business_date, direction"
    )
    assert [tuple(row) for row in rows] == [
        ("2026-11-23", "IN", "CASH"),
        ("2026-11-24", "IN", "UPI"),
        ("2026-11-24", "OUT", "CASH"),
    ]


async def test_the_database_reverses_a_payment_once(database: Database) -> None:
    shop = await make_shop(database)
    await correct(shop, await payment_of(shop, await shop.check_out((CASH, 178_700))), UPI)

    with pytest.raises(asyncpg.UniqueViolationError):
        await database.pool.execute(
            "insert into payments select (jsonb_populate_record(p, jsonb_build_object('id', gen_random_uuid()))).* "
            "from payments as p where reverses_id is not null"
        )
