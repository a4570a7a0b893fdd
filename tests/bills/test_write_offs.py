"""A balance that will never be paid is given up: once, with a reason, as a loss that a refund takes back first."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from salonos.bills import commands
from salonos.bills.commands import NewRefund, RefundedLine
from salonos.bills.rules import Tender
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from salonos.kernel.problems import Forbidden, InvalidInput
from tests.bills.asking import Asker
from tests.bills.makers import NOW, ON_ACCOUNT, SYSTEM, UPI, Shop, actor_as, book_balance, make_shop
from tests.salon.makers import make_branch

BAD_DEBTS, CUSTOMERS = "6400", "1100"
WRITE_OFF = """
    mutation($input: WriteOffBalanceInput!) {
        writeOffBalance(input: $input) {
            __typename
            ... on WriteOffBalanceSuccess {
                bill { version balanceDue paymentState writtenOffTotal writeOffReason customer { balanceDue } }
            }
        }
    }
"""


async def owe(shop: Shop) -> UUID:
    """A bill of 1787.00 on which 787.00 stay owed."""
    return await shop.check_out((UPI, 100_000), (ON_ACCOUNT, 78_700), customer_id=shop.customer_id)


async def write_off(shop: Shop, bill_id: UUID, *, version: int = 1, actor: Any = SYSTEM) -> UUID:
    return await shop.database.run(
        actor,
        lambda work: commands.write_off_balance(work, bill_id, reason="Moved away", expected_version=version),
        now=NOW,
    )


async def test_what_is_owed_is_given_up_once(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await owe(shop)
    ask, manager = Asker(database), actor_as("MANAGER", shop.branch_id)
    wanted = {"billId": id_text("bill", bill_id), "reason": " Moved away ", "expectedVersion": 1}

    found = await ask.data(WRITE_OFF, actor=manager, input=wanted)
    stale = await ask.data(WRITE_OFF, actor=manager, input=wanted)
    again = await ask.data(WRITE_OFF, actor=manager, input={**wanted, "expectedVersion": 2})

    assert found["writeOffBalance"]["bill"] == {
        "version": 2,
        "balanceDue": "0.00",
        "paymentState": "PAID",
        "writtenOffTotal": "787.00",
        "writeOffReason": "Moved away",
        "customer": {"balanceDue": "0.00"},
    }
    assert stale["writeOffBalance"] == {"__typename": "StaleVersion"}
    assert again["writeOffBalance"] == {"__typename": "NothingOwed"}
    assert (await book_balance(database, BAD_DEBTS), await book_balance(database, CUSTOMERS)) == (78_700, 0)
    tax = "select sum(cgst_paise + sgst_paise) from tax_register"
    assert await database.pool.fetchval(tax) == 18_988, "no tax relief"


async def test_a_refund_takes_the_loss_back_before_it_gives_money(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await owe(shop)
    await write_off(shop, bill_id)
    haircut_id, _ = [line["id"] for line in await shop.rows("bill_lines", bill_id)]

    async def refund(lines: list[RefundedLine] | None) -> dict[str, Any]:
        new = NewRefund(bill_id=bill_id, reason="x", method=UPI, lines=lines)
        note_id = await database.run(SYSTEM, lambda work: commands.refund_bill(work, new), now=NOW)
        return await shop.row("bills", note_id)

    first = await refund([RefundedLine(haircut_id, 500)])
    bill = await shop.row("bills", bill_id)
    assert (first["total_paise"], first["credited_paise"], first["paid_paise"]) == (39_400, 39_400, 0)
    assert (bill["written_off_paise"], bill["balance_due_paise"], bill["payment_state"]) == (39_300, 0, "PAID")
    assert await book_balance(database, BAD_DEBTS) == 39_300

    rest = await refund(None)
    bill = await shop.row("bills", bill_id)
    assert (rest["total_paise"], rest["credited_paise"], rest["paid_paise"]) == (139_300, 39_300, 100_000)
    assert (bill["written_off_paise"], bill["credited_paise"], bill["balance_due_paise"]) == (0, 78_700, 0)
    assert [await book_balance(database, code) for code in (BAD_DEBTS, CUSTOMERS, "1020")] == [0, 0, 0]


async def test_a_bill_that_is_taken_back_was_never_a_loss(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await owe(shop)
    await write_off(shop, bill_id)

    await database.run(
        SYSTEM, lambda work: commands.void_bill(work, bill_id, reason="Wrong person", expected_version=2), now=NOW
    )

    bill = await shop.row("bills", bill_id)
    assert (bill["status"], bill["written_off_paise"], bill["balance_due_paise"]) == ("VOID", 0, 0)
    assert [await book_balance(database, code) for code in (BAD_DEBTS, CUSTOMERS, "1020")] == [0, 0, 0]


async def test_a_debt_is_not_paid_and_given_up_at_once(database: Database) -> None:
    shop = await make_shop(database)

    async def collect() -> list[UUID]:
        at = {"branch_id": shop.branch_id, "customer_id": shop.customer_id, "tender": Tender(UPI, 78_700)}
        return await database.run(SYSTEM, lambda work: commands.collect_balance(work, **at), now=NOW)

    for _ in range(10):
        bill_id = await owe(shop)

        both = (write_off(shop, bill_id), collect(), write_off(shop, bill_id))
        outcomes = Counter(type(each).__name__ for each in await asyncio.gather(*both, return_exceptions=True))

        assert outcomes["UUID"] + outcomes["list"] == 1, outcomes
        assert set(outcomes) <= {"UUID", "list", "StaleVersion", "NothingOwed"}
        assert await book_balance(database, CUSTOMERS) == 0


async def test_who_may_not_or_is_elsewhere_gives_nothing_up(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await owe(shop)
    elsewhere = await make_branch(database, "BLR2")
    draft_id = await shop.create_bill(customer_id=shop.customer_id)

    for role in ("RECEPTIONIST", "STAFF", "ACCOUNTANT"):
        with pytest.raises(Forbidden):
            await write_off(shop, bill_id, actor=actor_as(role, shop.branch_id))
    with pytest.raises(InvalidInput):
        await write_off(shop, bill_id, actor=actor_as("MANAGER", elsewhere))
    with pytest.raises(InvalidInput):
        await write_off(shop, draft_id)
    assert await book_balance(database, CUSTOMERS) == 78_700


@pytest.mark.parametrize(
    "change",
    [
        "update bills set written_off_paise = written_off_paise + 100",
        "update bills set write_off_reason = 'Another'",
        "update bills set written_off_paise = 0, write_off_entry_id = null",
    ],
)
async def test_the_database_keeps_what_was_said(database: Database, change: str) -> None:
    shop = await make_shop(database)
    await write_off(shop, await owe(shop))

    with pytest.raises((asyncpg.CheckViolationError, asyncpg.RestrictViolationError)):
        await database.pool.execute(change)
