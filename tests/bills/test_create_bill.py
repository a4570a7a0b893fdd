"""Drafts: begun with today's prices, without number, entry or money."""

from typing import Any

import pytest

from salonos.bills import commands as bills
from salonos.bills.commands import NewBill, NewTip
from salonos.bills.rules import Discount
from salonos.kernel.database import Database
from salonos.kernel.problems import InvalidInput
from tests.bills.makers import TODAY, actor_as, make_shop
from tests.salon.makers import make_branch
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


async def test_who_works_at_branches_out_of_reach_only_is_no_member_of_staff_to_name(database: Database) -> None:
    shop = await make_shop(database)
    elsewhere_id = await make_branch(shop.database, "BLR2")
    manager = actor_as("MANAGER", shop.branch_id)
    await shop.database.pool.execute("update staff set all_branches = false where id = $1", shop.staff_ids[0])
    await shop.database.pool.execute(
        "insert into staff_branches (staff_id, branch_id) values ($1, $2)", shop.staff_ids[0], elsewhere_id
    )
    new = NewBill(branch_id=shop.branch_id, lines=(shop.haircut,))

    with pytest.raises(InvalidInput) as refused:
        await shop.database.run(manager, lambda work: bills.create_bill(work, new))

    assert [(each.path, each.code) for each in refused.value.issues] == [(("lines", 0, "staffId"), "NOT_FOUND")]
    both = actor_as("MANAGER", shop.branch_id, elsewhere_id)
    await shop.database.run(both, lambda work: bills.create_bill(work, new))
