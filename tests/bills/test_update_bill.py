"""A draft changes as a whole; nothing else does."""

from typing import Any
from uuid import UUID

import pytest

from salonos.bills import commands
from salonos.bills.commands import BillContents, NewTip
from salonos.bills.problems import BillAlreadyPosted, PaymentsExceedTotal
from salonos.bills.rules import Tender
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.kernel.problems import InvalidInput, StaleVersion
from tests.bills.makers import CASH, NOW, SYSTEM, Shop, actor_as, make_shop


async def update(shop: Shop, bill_id: UUID, *, version: int = 1, actor: Any = SYSTEM, **contents: Any) -> None:
    """Changes a draft."""
    given = BillContents(**contents)
    await shop.database.run(
        actor, lambda work: commands.update_bill(work, bill_id, given, expected_version=version), now=NOW
    )


async def test_all_of_a_draft_is_replaced(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill(customer_id=shop.customer_id, tips=(NewTip(shop.staff_ids[0], 5000),), notes="old")

    await update(shop, bill_id, lines=(shop.serum,), tips=(NewTip(shop.staff_ids[1], 1000),))

    bill = await shop.row("bills", bill_id)
    assert (bill["total_paise"], bill["tip_paise"], bill["version"]) == (99_900, 1000, 2)
    assert (bill["customer_id"], bill["notes"]) == (None, None)
    (line,) = await shop.rows("bill_lines", bill_id)
    assert (line["position"], line["product_id"]) == (1, shop.catalog.product_id)
    assert (await shop.row("tips", bill_id))["staff_id"] == shop.staff_ids[1]


async def test_who_saw_an_older_draft_is_told(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill()
    await update(shop, bill_id, lines=(shop.serum,))

    with pytest.raises(StaleVersion) as raised:
        await update(shop, bill_id, version=1, lines=(shop.haircut,))

    assert raised.value.current_version == 2
    assert (await shop.row("bills", bill_id))["total_paise"] == 99_900


async def test_a_posted_bill_does_not_change(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((CASH, 178_700))

    with pytest.raises(BillAlreadyPosted) as raised:
        await update(shop, bill_id, lines=(shop.serum,))

    assert (raised.value.bill_id, raised.value.number) == (bill_id, "BLR1/2627/00001")


async def test_a_draft_can_not_come_to_less_than_was_paid_on_it(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill()
    await database.run(
        SYSTEM,
        lambda work: commands.add_payment(work, bill_id, Tender(CASH, 100_000), expected_version=1),
        now=NOW,
    )

    with pytest.raises(PaymentsExceedTotal) as raised:
        await update(shop, bill_id, version=2, lines=(shop.serum,))

    assert (raised.value.due, raised.value.offered) == (99_900, 100_000)


async def test_a_draft_out_of_reach_is_not_found(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill()

    for actor, wanted in ((actor_as("MANAGER", new_id()), bill_id), (SYSTEM, new_id())):
        with pytest.raises(InvalidInput) as raised:
            await update(shop, wanted, actor=actor, lines=(shop.serum,))
        assert [(issue.path, issue.code) for issue in raised.value.issues] == [(("billId",), "NOT_FOUND")]
