"""Drafts: begun with today's prices, without number, entry or money."""

from typing import Any

from salonos.bills.commands import NewTip
from salonos.bills.rules import Discount
from salonos.kernel.database import Database
from tests.bills.makers import TODAY, actor_as, make_shop
from tests.statements import Statements

STATEMENTS_MAX = 8


async def test_a_draft_has_figures_and_neither_number_nor_entry(database: Database) -> None:
    shop = await make_shop(database)
    more: dict[str, Any] = {
        "discount": Discount(amount_paise=10_000),
        "discount_reason": "Regular",
        "notes": " Window seat\n",
    }

    bill_id = await shop.create_bill(customer_id=shop.customer_id, tips=(NewTip(shop.staff_ids[0], 5000),), **more)

    bill = await shop.row("bills", bill_id)
    assert (bill["status"], bill["number"], bill["entry_id"], bill["posted_at"]) == ("DRAFT", None, None, None)
    assert (bill["total_paise"], bill["tip_paise"], bill["payment_state"]) == (168_400, 5000, "UNPAID")
    assert (bill["business_date"], bill["version"], bill["notes"]) == (TODAY, 1, "Window seat")
    assert len(await shop.rows("bill_lines", bill_id)) == 2
    assert await database.pool.fetchval("select count(*) from entries") == 0
    events = await database.pool.fetch("select kind, subject_id from outbox_events")
    assert [tuple(row) for row in events] == [("BillChanged", bill_id)]


async def test_a_draft_is_begun_in_eight_statements_whatever_its_size(
    database: Database, statements: Statements
) -> None:
    shop = await make_shop(database)

    with statements.counted() as asked:
        await shop.create_bill(
            lines=(shop.haircut, shop.serum) * 100,
            customer_id=shop.customer_id,
            discount=Discount(amount_paise=1),
            discount_reason="x",
            actor=actor_as("RECEPTIONIST", shop.branch_id),
        )

    assert len(asked) == STATEMENTS_MAX
