"""Drafts are parked while others are served, found again by any till of the branch, and changed by one till at a time."""

import asyncio
import os
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

from salonos.bills import commands
from salonos.bills.commands import BillContents, NewLine, NewTip
from salonos.bills.rules import Contributor
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from salonos.kernel.problems import StaleVersion
from tests.bills.asking import Asker
from tests.bills.makers import NOW, UPI, Shop, actor_as, make_shop
from tests.salon.makers import make_branch

ROUNDS = 200 if "SALONOS_PROVE" in os.environ else 10
PARKED = """
    query($branch: ID!) {
        bills(filter: { branchId: $branch, status: DRAFT }, orderBy: LAST_CREATED) {
            nodes { id version notes total lines { quantity } tips { amount } }
        }
    }
"""


async def test_drafts_are_parked_and_resumed_while_others_are_served(database: Database) -> None:
    shop = await make_shop(database)
    till = actor_as("RECEPTIONIST", shop.branch_id)
    tips = tuple(NewTip(staff_id, 5000) for staff_id in shop.staff_ids)
    asides: tuple[dict[str, Any], ...] = ({"notes": "chair 1"}, {"notes": "chair 2", "tips": tips}, {})
    parked = [
        await shop.create_bill(actor=till, now=NOW + timedelta(minutes=place), lines=(shop.haircut,), **more)
        for place, more in enumerate(asides)
    ]
    await shop.check_out((UPI, 178_700), actor=till)
    await shop.create_bill(branch_id=await make_branch(database, "MYS1"))
    more_of_it = BillContents(lines=(shop.serum, NewLine(service_id=shop.catalog.service_id, quantity_milli=2000)))

    await resume(shop, parked[0], more_of_it, version=1)
    added = [line["quantity_milli"] for line in await shop.rows("bill_lines", parked[0])]
    await resume(shop, parked[0], BillContents(lines=(shop.serum,), notes="chair 1"), version=2)
    before = await Asker(database).data(PARKED, actor=till, branch=id_text("branch", shop.branch_id))
    await database.run(
        till, lambda work: commands.void_bill(work, parked[2], reason="left", expected_version=1), now=NOW
    )
    after = await Asker(database).data(PARKED, actor=till, branch=id_text("branch", shop.branch_id))

    one = [{"quantity": "1.000"}]
    expected = [
        {"notes": None, "version": 1, "total": "788.00", "lines": one, "tips": []},
        {"notes": "chair 2", "version": 1, "total": "788.00", "lines": one, "tips": [{"amount": "50.00"}] * 2},
        {"notes": "chair 1", "version": 3, "total": "999.00", "lines": one, "tips": []},
    ]
    newest_first = [id_text("bill", bill_id) for bill_id in reversed(parked)]
    assert added == [1000, 2000]
    assert [each.pop("id") for each in before["bills"]["nodes"]] == newest_first
    assert before["bills"]["nodes"] == expected
    assert [each["id"] for each in after["bills"]["nodes"]] == newest_first[1:]


async def resume(shop: Shop, bill_id: UUID, contents: BillContents, *, version: int) -> None:
    """Changes a draft, at whatever till."""
    till = actor_as("RECEPTIONIST", shop.branch_id)
    await shop.database.run(
        till, lambda work: commands.update_bill(work, bill_id, contents, expected_version=version), now=NOW
    )


async def changed(shop: Shop, bill_id: UUID, contents: BillContents) -> str | int:
    """The notes of the till that won; the current version for the one that lost."""
    try:
        await resume(shop, bill_id, contents, version=1)
    except StaleVersion as problem:
        return problem.current_version
    return contents.notes or ""


async def test_of_two_tills_that_change_one_draft_at_once_one_wins(database: Database) -> None:
    shop = await make_shop(database)
    both = tuple(Contributor(staff_id) for staff_id in shop.staff_ids)
    shared = NewLine(service_id=shop.catalog.service_id, staff_id=shop.staff_ids[0], contributors=both)
    first = BillContents(lines=(shared, shop.serum), notes="first")
    second = BillContents(lines=(shared,), tips=(NewTip(shop.staff_ids[1], 1000),), notes="second")
    kept = {"first": (2, 2, 0), "second": (1, 2, 1)}

    for _ in range(ROUNDS):
        bill_id = await shop.create_bill(lines=(shared, shop.haircut))
        ended = await asyncio.gather(changed(shop, bill_id, first), changed(shop, bill_id, second))

        assert Counter(type(each) for each in ended) == {str: 1, int: 1}
        assert 2 in ended
        bill = await shop.row("bills", bill_id)
        counts = [len(await shop.rows(table, bill_id)) for table in ("bill_lines", "line_shares", "tips")]
        assert bill["version"] == 2
        assert bill["notes"] in ended
        assert tuple(counts) == kept[bill["notes"]]
