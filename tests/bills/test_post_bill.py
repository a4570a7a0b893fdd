"""A draft becomes final, with what is not paid as its customer's balance due."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from salonos.bills import commands
from salonos.bills.commands import NewTip
from salonos.bills.problems import BillAlreadyPosted, CustomerRequired
from salonos.bills.rules import Discount, Tender
from salonos.kernel.actor import Actor, access
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import Forbidden, InvalidInput, StaleVersion
from tests.bills.makers import NOW, SYSTEM, UPI, Shop, actor_as, book_balance, make_shop


async def post(shop: Shop, bill_id: UUID, *, version: int = 1, actor: Actor = SYSTEM, now: datetime = NOW) -> None:
    """Posts a draft."""
    await shop.database.run(actor, lambda work: commands.post_bill(work, bill_id, expected_version=version), now=now)


async def test_the_rest_becomes_the_customers_balance(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill(customer_id=shop.customer_id)
    await database.run(
        SYSTEM, lambda work: commands.add_payment(work, bill_id, Tender(UPI, 78_700), expected_version=1), now=NOW
    )

    await post(shop, bill_id, version=2, actor=actor_as("RECEPTIONIST", shop.branch_id))

    bill = await shop.row("bills", bill_id)
    assert (bill["status"], bill["number"], bill["version"]) == ("POSTED", "BLR1/2627/00001", 3)
    assert (bill["balance_due_paise"], bill["payment_state"]) == (100_000, "PARTLY_PAID")
    assert (await shop.entry(bill_id))[:2] == [("2200", 78_700), ("1100", 100_000)]
    assert await book_balance(database, "2200") == 0
    visits = await database.pool.fetch("select staff_id from customer_visits")
    assert [row["staff_id"] for row in visits] == [shop.staff_ids[0]]


async def test_a_posted_bill_cannot_be_posted_again(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill(customer_id=shop.customer_id)
    await post(shop, bill_id)

    with pytest.raises(BillAlreadyPosted) as raised:
        await post(shop, bill_id)

    assert (raised.value.bill_id, raised.value.number) == (bill_id, "BLR1/2627/00001")
    assert await database.pool.fetchval("select count(*) from entries") == 1


async def test_nobody_owes_nothing(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill()

    with pytest.raises(CustomerRequired) as raised:
        await post(shop, bill_id)

    assert raised.value.balance_due == 178_700


async def test_a_tip_is_not_owed(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill(customer_id=shop.customer_id, tips=(NewTip(shop.staff_ids[0], 100),))

    with pytest.raises(InvalidInput) as raised:
        await post(shop, bill_id)

    assert [issue.code for issue in raised.value.issues] == ["TIP_ON_BALANCE"]


async def test_a_balance_due_needs_its_permission(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill(customer_id=shop.customer_id)
    rights = access(frozenset({Permission.BILL_CREATE}), frozenset(), SYSTEM.access.reach)

    with pytest.raises(Forbidden) as raised:
        await post(shop, bill_id, actor=Actor(new_id(), rights))

    assert raised.value.extensions["permission"] == "BILL_POST_ON_ACCOUNT"


async def test_a_draft_of_nothing_is_posted_without_money(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill(discount=Discount(share_hundredths=10_000), discount_reason="A gift")

    await post(shop, bill_id)

    bill = await shop.row("bills", bill_id)
    assert (bill["status"], bill["total_paise"], bill["payment_state"]) == ("POSTED", 0, "PAID")


async def test_totals_that_moved_with_the_rates_are_looked_at_again(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill(customer_id=shop.customer_id)
    await shop.change_rate(1800, since=date(2026, 11, 24))

    with pytest.raises(StaleVersion) as raised:
        await post(shop, bill_id, now=datetime(2026, 11, 24, 6, tzinfo=UTC))
    await post(shop, bill_id)

    assert raised.value.current_version == 1
    assert (await shop.row("bills", bill_id))["status"] == "POSTED"


async def test_a_closed_branch_still_finishes_its_drafts(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill(customer_id=shop.customer_id)
    await database.pool.execute("update branches set is_active = false")

    await post(shop, bill_id)

    with pytest.raises(InvalidInput) as raised:
        await shop.create_bill()
    assert (await shop.row("bills", bill_id))["status"] == "POSTED"
    assert [issue.path for issue in raised.value.issues] == [("branchId",)]
