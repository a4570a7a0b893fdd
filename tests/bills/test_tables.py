"""What the database itself holds true of bills, whoever writes."""

from uuid import UUID

import asyncpg
import pytest

from salonos.kernel.database import Database, plain_url
from tests.bills.makers import CASH, UPI, Shop, make_shop

ATTACKS = (
    "update bills set total_paise = 100, round_off_paise = 100 - taxable_paise - cgst_paise - sgst_paise",
    "update bills set number = 'X/1'",
    "update bills set customer_id = (select id from customers)",
    "update bills set status = 'DRAFT', number = null, posted_at = null, posted_by_id = null, entry_id = null",
    "update bills set business_date = '2026-11-22'",
    "delete from bills",
    "update bill_lines set description = 'x'",
    "delete from bill_lines",
    "delete from tips",
    "update payments set amount_paise = 1",
    "delete from payments",
    "truncate bills cascade",
    "truncate bill_lines",
    "truncate payments",
    "truncate tips",
)


async def sold(shop: Shop) -> UUID:
    """A posted bill with a tip and two payments."""
    tip = {"staff_id": shop.staff_ids[0], "amount_paise": 5000}
    from salonos.bills.commands import NewTip

    return await shop.check_out((CASH, 100_000), (UPI, 83_700), tips=(NewTip(**tip),))


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_posted_bill_can_not_be_rewritten(database: Database, attack: str) -> None:
    shop = await make_shop(database)
    await sold(shop)

    for settings in ({}, {"role": "salonos_app"}):
        connection = await asyncpg.connect(plain_url(database.url), server_settings=settings)
        with pytest.raises((asyncpg.RestrictViolationError, asyncpg.InsufficientPrivilegeError)):
            await connection.execute(attack)
        await connection.close()
