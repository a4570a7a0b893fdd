"""What the database itself holds true of bills, whoever writes."""

from uuid import UUID

import asyncpg
import pytest

from salonos.bills.commands import NewTip
from salonos.kernel.database import Database, plain_url
from tests.bills.makers import CASH, UPI, Shop, make_shop

ATTACKS = (
    "update bills set total_paise = 100, round_off_paise = 100 - taxable_paise - cgst_paise - sgst_paise",
    "update bills set number = 'X/1'",
    "update bills set status = 'DRAFT', number = null, posted_at = null, posted_by_id = null, entry_id = null",
    "update bills set business_date = '2026-11-22'",
    "delete from bills",
    "update bill_lines set description = 'x'",
    "delete from bill_lines",
    "delete from tips",
    "update payments set amount_paise = 1",
    "delete from payments",
    "truncate bills cascade",
    "truncate bill_lines cascade",
    "truncate line_shares",
    "truncate payments",
    "truncate tips",
)


async def sold(shop: Shop) -> UUID:
    """A posted bill with a tip and two payments."""
    return await shop.check_out((CASH, 100_000), (UPI, 83_700), tips=(NewTip(shop.staff_ids[0], 5000),))


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_posted_bill_can_not_be_rewritten(database: Database, attack: str) -> None:
    shop = await make_shop(database)
    await sold(shop)

    for settings in ({}, {"role": "salonos_app"}):
        connection = await asyncpg.connect(plain_url(database.url), server_settings=settings)
        with pytest.raises((asyncpg.RestrictViolationError, asyncpg.InsufficientPrivilegeError)):
            await connection.execute(attack)
        await connection.close()


FORGERIES = {
    "bills_sum": (
        "update bills set taxable_paise = taxable_paise + 100, total_paise = total_paise + 100",
        "update bills set paid_paise = 100, payment_state = 'PARTLY_PAID'",
        "update bills set tip_paise = 100",
        "update bills set gross_paise = gross_paise + 1",
        (
            "insert into payments (id, bill_id, money_move_id, method, amount_paise, business_date, received_at, received_by_id) "
            "select gen_random_uuid(), bills.id, money_moves.id, 'UPI', 1, bills.business_date, received_at, bills.id "
            "from bills, money_moves where status = 'DRAFT' limit 1"
        ),
    ),
    "ck_bills_total": ("update bills set total_paise = total_paise + 100",),
    "ck_bills_one_kind_of_tax": ("update bills set cgst_paise = cgst_paise + 1, taxable_paise = taxable_paise - 1",),
    "ck_bills_whole_rupees": ("update bills set round_off_paise = round_off_paise - 1, total_paise = total_paise - 1",),
    "ck_bills_amounts": ("update bills set tip_paise = -1",),
    "ck_bills_posted_is_whole": (
        "update bills set status = 'POSTED', customer_id = (select id from customers)",
        "update bills set number = 'X/1'",
    ),
    "ck_bills_payment_state_of_paid": ("update bills set payment_state = 'PAID'",),
    "ck_bill_lines_one_item": (
        "update bill_lines set product_id = (select id from products) where service_id is not null",
    ),
    "ck_bill_lines_taxable": ("update bill_lines set taxable_paise = taxable_paise + 1",),
    "uq_bill_lines_bill_id_position": ("update bill_lines set position = 1",),
}


@pytest.mark.parametrize(
    ("constraint", "forgery"), [(name, each) for name, several in FORGERIES.items() for each in several]
)
async def test_a_draft_can_not_be_made_untrue(database: Database, constraint: str, forgery: str) -> None:
    shop = await make_shop(database)
    await sold(shop)
    await shop.create_bill()
    drafts_only = forgery if forgery.startswith("insert") else _of_draft(forgery)

    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as raised:
        await database.pool.execute(drafts_only)

    assert raised.value.constraint_name == constraint


def _of_draft(forgery: str) -> str:
    """The same on the rows of the draft only."""
    key = "id" if forgery.startswith("update bills") else "bill_id"
    word = "and" if " where " in forgery else "where"
    return f"{forgery} {word} {key} = (select id from bills where status = 'DRAFT')"


async def test_a_posted_bill_takes_no_further_line(database: Database) -> None:
    shop = await make_shop(database)
    await sold(shop)
    names = ", ".join(
        row["column_name"]
        for row in await database.pool.fetch(
            "select column_name from information_schema.columns where table_name = 'bill_lines' "
            "and column_name not in ('id', 'position') order by 1"
        )
    )

    with pytest.raises(asyncpg.RestrictViolationError, match="final"):
        await database.pool.execute(
            f"insert into bill_lines (id, position, {names}) "
            f"select gen_random_uuid(), 9, {names} from bill_lines limit 1"
        )


async def test_the_proof_of_sums_rests_on_the_trigger(database: Database) -> None:
    """Without it the forged draft commits: the test above can fail."""
    shop = await make_shop(database)
    await shop.create_bill()
    owner = await asyncpg.connect(plain_url(database.url))
    await owner.execute("drop trigger bills_sum on bills")

    await owner.execute(FORGERIES["bills_sum"][0])

    assert await owner.fetchval("select total_paise from bills") == 178_800
    await owner.close()
