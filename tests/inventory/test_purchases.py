"""Orders: drafted, placed with a number, received in parts, given up; and what the receptionist sees of them."""

import asyncio
from typing import Any

import asyncpg
import pytest

from salonos.accounting import commands as accounting
from salonos.accounting.problems import PeriodClosed
from salonos.inventory import commands
from salonos.inventory.commands import OrderedLine, PurchaseChanges, Received
from salonos.inventory.problems import PurchaseNotAwaited, PurchaseNotDraft, ReceivedTooMuch
from salonos.inventory.rules import StockUnit
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.problems import Forbidden, InvalidInput, StaleVersion
from tests.accounting.makers import connected
from tests.bills.makers import SYSTEM, actor_as, book_balance
from tests.inventory.asking import Asker
from tests.inventory.makers import line, on
from tests.inventory.purchasing import Buyer, came, make_buyer

CREATE = """
mutation ($input: CreatePurchaseInput!) { createPurchase(input: $input) { __typename
  ... on CreatePurchaseSuccess { purchase { id version lines { id } } }
  ... on InvalidInput { issues { path code } } } }
"""
PLACE = """
mutation ($input: PlacePurchaseInput!) { placePurchase(input: $input) { __typename
  ... on PlacePurchaseSuccess { purchase { number status } } } }
"""
RECEIVE = """
mutation ($input: ReceivePurchaseInput!) { receivePurchase(input: $input) { __typename
  ... on ReceivePurchaseSuccess { purchase { status lines { received awaited } } receipt { supplier { name } lines {
    quantity unit stockQuantity unbilled cost unitCost } } moves { quantity value } }
  ... on ReceivedTooMuch { awaited product { sku } } } }
"""
READ = """
query ($branch: ID!) { purchases(filter: { branchId: $branch }) { totalCount nodes { number status supplier { name }
  lines { quantity unit stockQuantity received awaited unitCost } receipts { nodes { lines { cost } } } } }
  stockReceipts(branchId: $branch) { nodes { reference supplier { name } purchase { number } entry { number } } } }
"""


async def test_an_order_is_received_in_parts(database: Database) -> None:
    buyer = await make_buyer(database)
    store = buyer.store
    purchase_id = await buyer.order(
        OrderedLine(store.serum_id, 10_000, 520_00), OrderedLine(store.colour_id, 2000, 250_00, StockUnit.BOTTLE)
    )
    serum, colour = await buyer.line_ids(purchase_id)

    await buyer.arrive(purchase_id, came(serum, 4000), came(colour, 1000, batch="A"))
    partly = await buyer.purchase(purchase_id)
    await buyer.arrive(
        purchase_id,
        came(serum, 6000, unit_cost_paise=530_00),
        came(colour, 500_000, unit=StockUnit.ML, unit_cost_paise=51),
    )

    assert partly == ("PARTLY_RECEIVED", "BLR1P/2627/00001", 3)
    assert await buyer.purchase(purchase_id) == ("RECEIVED", "BLR1P/2627/00001", 4)
    assert await store.level(store.serum_id) == (10_000, 4 * 520_00 + 6 * 530_00)
    assert await store.level(store.colour_id) == (1_000_000, 295_00 + 300_90)
    assert await book_balance(database, "2010") == -(5260_00 + 595_90)
    assert await store.drift() == 0
    rows = await database.pool.fetch("select cost_paise, settled_paise from stock_receipt_lines order by id")
    assert [tuple(row) for row in rows] == [(2080_00, 0), (295_00, 0), (3180_00, 0), (300_90, 0)]


async def test_more_than_was_ordered_comes_only_when_somebody_says_so(database: Database) -> None:
    buyer = await make_buyer(database)
    purchase_id = await buyer.order(OrderedLine(buyer.store.serum_id, 3000, 1_00))
    (line_id,) = await buyer.line_ids(purchase_id)
    await buyer.arrive(purchase_id, came(line_id, 2000))

    with pytest.raises(ReceivedTooMuch) as raised:
        await buyer.arrive(purchase_id, came(line_id, 1000, batch="A"), came(line_id, 500, batch="B"))
    await buyer.arrive(purchase_id, came(line_id, 1000), came(line_id, 500, batch="B"), allows_more=True)

    assert (raised.value.product_id, raised.value.awaited) == (buyer.store.serum_id, 1000)
    assert await buyer.purchase(purchase_id) == ("RECEIVED", "BLR1P/2627/00001", 4)
    assert await database.pool.fetchval("select received_milli from purchase_lines") == 3500


async def test_two_who_receive_at_once_do_not_receive_more_than_was_ordered(database: Database) -> None:
    buyer = await make_buyer(database)
    purchase_id = await buyer.order(OrderedLine(buyer.store.serum_id, 10_000, 1_00))
    (line_id,) = await buyer.line_ids(purchase_id)

    done = await asyncio.gather(
        *(buyer.arrive(purchase_id, came(line_id, 4000)) for _ in range(6)), return_exceptions=True
    )

    assert sum(isinstance(each, Received) for each in done) == 2
    assert sum(isinstance(each, ReceivedTooMuch) for each in done) == 4
    assert await buyer.store.level(buyer.store.serum_id) == (8000, 8_00)
    assert await buyer.store.drift() == 0


async def test_what_is_open_is_cancelled_and_what_came_stays(database: Database) -> None:
    buyer = await make_buyer(database)
    purchase_id = await buyer.order(OrderedLine(buyer.store.serum_id, 3000, 1_00))
    (line_id,) = await buyer.line_ids(purchase_id)
    await buyer.arrive(purchase_id, came(line_id, 2000))
    draft_id = await buyer.order(OrderedLine(buyer.store.serum_id, 3000, 1_00), place=False)

    await buyer.cancel(purchase_id, version=3)
    await buyer.cancel(draft_id, version=1)

    assert await buyer.purchase(purchase_id) == ("CANCELLED", "BLR1P/2627/00001", 4)
    assert await buyer.purchase(draft_id) == ("CANCELLED", None, 2)
    assert await buyer.store.level(buyer.store.serum_id) == (2000, 2_00)
    with pytest.raises(PurchaseNotAwaited):
        await buyer.arrive(purchase_id, came(line_id, 1000))
    with pytest.raises(PurchaseNotAwaited):
        await buyer.cancel(purchase_id, version=4)
    with pytest.raises(PurchaseNotDraft):
        await buyer.place(draft_id, version=2)


async def test_a_draft_changes_and_an_order_does_not(database: Database) -> None:
    buyer = await make_buyer(database)
    purchase_id = await buyer.order(OrderedLine(buyer.store.serum_id, 3000, 1_00), place=False)
    changes = PurchaseChanges(buyer.distant_id, (OrderedLine(buyer.store.colour_id, 5000, 2_00),), notes="Soon")

    async def change(version: int) -> None:
        await database.run(
            SYSTEM, lambda work: commands.update_purchase(work, purchase_id, changes, expected_version=version)
        )

    with pytest.raises(PurchaseNotAwaited):
        await buyer.arrive(purchase_id, came((await buyer.line_ids(purchase_id))[0], 1000))
    await change(1)
    with pytest.raises(StaleVersion):
        await change(1)
    await buyer.place(purchase_id, version=2)
    with pytest.raises(PurchaseNotDraft):
        await change(3)

    rows = await database.pool.fetch("select product_id, quantity_milli, unit, unit_cost_paise from purchase_lines")
    assert [tuple(row) for row in rows] == [(buyer.store.colour_id, 5000, "ML", 2_00)]
    assert await buyer.purchase(purchase_id) == ("ORDERED", "BLR1P/2627/00001", 3)


WRONG: tuple[tuple[dict[str, Any], dict[str, Any], tuple[Any, ...], str], ...] = (
    ({"quantity_milli": 0}, {}, ("lines", 0, "quantity"), "OUT_OF_RANGE"),
    ({"unit_cost_paise": -1}, {}, ("lines", 0, "unitCost"), "OUT_OF_RANGE"),
    ({"product_id": new_id()}, {}, ("lines", 0, "productId"), "NOT_STOCKED"),
    ({"unit": StockUnit.KG}, {}, ("lines", 0, "unit"), "UNKNOWN_UNIT"),
    ({}, {"supplier_id": new_id()}, ("supplierId",), "NOT_FOUND"),
    ({}, {"expected_on": on("2026-11-22")}, ("expectedOn",), "OUT_OF_RANGE"),
    ({}, {"branch_id": new_id()}, ("branchId",), "NOT_FOUND"),
)


async def test_what_can_not_be_is_refused(database: Database) -> None:
    buyer = await make_buyer(database)
    lawful = {"product_id": buyer.store.serum_id, "quantity_milli": 1000, "unit_cost_paise": 1_00}
    for of_line, of_order, path, code in WRONG:
        with pytest.raises(InvalidInput) as raised:
            await buyer.order(OrderedLine(**{**lawful, **of_line}), **of_order)
        assert [(issue.path, issue.code) for issue in raised.value.issues] == [(path, code)]

    with pytest.raises(InvalidInput) as nothing:
        await buyer.order()

    assert [(issue.path, issue.code) for issue in nothing.value.issues] == [(("lines",), "REQUIRED")]
    assert await database.pool.fetchval("select count(*) from purchases") == 0


async def test_an_order_has_a_line_for_each_product_and_receives_its_own_lines(database: Database) -> None:
    buyer = await make_buyer(database)
    serum, colour = buyer.store.serum_id, buyer.store.colour_id
    with pytest.raises(InvalidInput) as doubled:
        await buyer.order(OrderedLine(serum, 1000, 1_00), OrderedLine(serum, 2000, 1_00))
    purchase_id = await buyer.order(OrderedLine(colour, 1000, 1_00, StockUnit.BOTTLE))
    other_id = await buyer.order(OrderedLine(serum, 1000, 1_00))
    (own,), (foreign,) = await buyer.line_ids(purchase_id), await buyer.line_ids(other_id)

    with pytest.raises(InvalidInput) as raised:
        await buyer.arrive(purchase_id, came(foreign, 1000), came(own, 1000, unit=StockUnit.ML))

    assert [(issue.path, issue.code) for issue in doubled.value.issues] == [(("lines", 1, "productId"), "TAKEN")]
    assert [(issue.path, issue.code) for issue in raised.value.issues] == [
        (("lines", 0, "lineId"), "NOT_FOUND"),
        (("lines", 1, "unitCost"), "REQUIRED"),
    ]


async def test_who_is_not_registered_charges_no_tax(database: Database) -> None:
    buyer = await make_buyer(database)

    await buyer.store.receive(line(buyer.store.colour_id, 1000, 1_00_00), supplier_id=buyer.unregistered_id)
    await buyer.store.receive(line(buyer.store.colour_id, 1000, 1_00_00), supplier_id=buyer.local_id)

    assert await buyer.store.level(buyer.store.colour_id) == (2000, 218_00)


async def test_nothing_of_an_order_comes_into_a_closed_period(database: Database) -> None:
    buyer = await make_buyer(database)
    purchase_id = await buyer.order(OrderedLine(buyer.store.serum_id, 3000, 1_00))
    (line_id,) = await buyer.line_ids(purchase_id)
    branch_id = buyer.store.branch_id
    await database.run(SYSTEM, lambda work: accounting.close_period(work, branch_id, until=on("2026-12-01")))

    with pytest.raises(PeriodClosed):
        await buyer.arrive(purchase_id, came(line_id, 3000))

    assert await buyer.purchase(purchase_id) == ("ORDERED", "BLR1P/2627/00001", 2)
    assert await database.pool.fetchval("select count(*) from stock_receipts") == 0


async def test_only_who_may_orders_and_receives_and_only_at_their_branch(database: Database) -> None:
    buyer = await make_buyer(database)
    purchase_id = await buyer.order(OrderedLine(buyer.store.serum_id, 3000, 1_00))
    (line_id,) = await buyer.line_ids(purchase_id)

    with pytest.raises(Forbidden):
        await buyer.arrive(purchase_id, came(line_id, 1000), actor=actor_as("STAFF", buyer.store.branch_id))
    with pytest.raises(InvalidInput):
        await buyer.arrive(purchase_id, came(line_id, 1000), actor=actor_as("RECEPTIONIST", new_id()))
    with pytest.raises(Forbidden):
        await database.run(
            actor_as("ACCOUNTANT", buyer.store.branch_id),
            lambda work: commands.cancel_purchase(work, purchase_id, expected_version=2),
        )

    assert await buyer.purchase(purchase_id) == ("ORDERED", "BLR1P/2627/00001", 2)


async def _ordered_by_receptionist(ask: Asker, buyer: Buyer) -> tuple[Any, Any]:
    """An order and its receipt through the schema: what was answered to the receptionist."""
    receptionist = actor_as("RECEPTIONIST", buyer.store.branch_id)
    drafted = await ask.data(
        CREATE,
        actor=receptionist,
        input={
            "branchId": id_text("branch", buyer.store.branch_id),
            "supplierId": id_text("supplier", buyer.local_id),
            "lines": [{"productId": id_text("product", buyer.store.serum_id), "quantity": "2", "unitCost": "520.00"}],
        },
    )
    purchase = drafted["createPurchase"]["purchase"]
    placed = await ask.data(PLACE, actor=receptionist, input={"purchaseId": purchase["id"], "expectedVersion": 1})
    given = {"purchaseId": purchase["id"], "lines": [{"lineId": purchase["lines"][0]["id"], "quantity": "1.5"}]}
    received = await ask(RECEIVE, actor=receptionist, input=given)
    return placed, received


async def test_the_receptionist_orders_and_receives_and_never_reads_a_cost(database: Database) -> None:
    buyer = await make_buyer(database)
    ask = Asker(database)
    branch = id_text("branch", buyer.store.branch_id)

    placed, received = await _ordered_by_receptionist(ask, buyer)
    seen = await ask(READ, actor=actor_as("RECEPTIONIST", buyer.store.branch_id), branch=branch)
    whole = await ask.data(READ, actor=actor_as("OWNER", buyer.store.branch_id), branch=branch)

    assert placed["placePurchase"]["purchase"] == {"number": "BLR1P/2627/00001", "status": "ORDERED"}
    answer = received["data"]["receivePurchase"]
    assert answer["purchase"] == {"status": "PARTLY_RECEIVED", "lines": [{"received": "1.500", "awaited": "0.500"}]}
    assert answer["receipt"]["lines"][0] == {
        "quantity": "1.500", "unit": "PIECE", "stockQuantity": "1.500", "unbilled": "1.500", "cost": None,
        "unitCost": None,
    }  # fmt: skip
    assert answer["moves"] == [{"quantity": "1.500", "value": None}]
    denied = sorted(each["extensions"]["coordinate"] for each in seen["errors"])
    assert denied == ["PurchaseLine.unitCost", "StockReceipt.entry", "StockReceiptLine.cost"]
    assert "520" not in str(seen)
    node = whole["purchases"]["nodes"][0]
    assert node["lines"][0]["unitCost"] == "520.00"
    assert node["receipts"]["nodes"] == [{"lines": [{"cost": "780.00"}]}]
    assert whole["stockReceipts"]["nodes"][0] | {"entry": None} == {
        "reference": None, "supplier": {"name": "Loreal Karnataka"}, "purchase": {"number": "BLR1P/2627/00001"},
        "entry": None,
    }  # fmt: skip


async def test_what_moves_stock_needs_a_key(database: Database) -> None:
    buyer = await make_buyer(database)
    purchase_id = await buyer.order(OrderedLine(buyer.store.serum_id, 3000, 1_00))
    (line_id,) = await buyer.line_ids(purchase_id)
    ask = Asker(database)
    given = {
        "purchaseId": id_text("purchase", purchase_id),
        "lines": [{"lineId": id_text("purchaseline", line_id), "quantity": "2"}],
    }

    without = await ask(RECEIVE, key=None, input=given)
    for _ in range(2):
        await ask.data(RECEIVE, key="a-key-of-sixteen-", input=given)
    too_much = await ask.data(RECEIVE, input=given)

    assert [each["extensions"]["code"] for each in without["errors"]] == ["IDEMPOTENCY_KEY_REQUIRED"]
    assert await buyer.store.level(buyer.store.serum_id) == (2000, 2_00)
    assert too_much["receivePurchase"] == {
        "__typename": "ReceivedTooMuch", "awaited": "1.000", "product": {"sku": "SER-100"},
    }  # fmt: skip


FORBIDDEN = (
    "update purchases set status = 'DRAFT'",
    "update purchases set number = 'X'",
    "update purchase_lines set received_milli = 5",
    "delete from purchase_lines",
    "update stock_receipts set reference = 'x'",
    "delete from stock_receipts",
    "update stock_receipt_lines set settled_paise = 1",
    "delete from stock_receipt_lines",
    "truncate stock_receipt_lines cascade",
)


async def test_nobody_changes_what_was_ordered_or_came(database: Database) -> None:
    buyer = await make_buyer(database)
    purchase_id = await buyer.order(OrderedLine(buyer.store.serum_id, 3000, 1_00))
    await buyer.arrive(purchase_id, came((await buyer.line_ids(purchase_id))[0], 1000))

    for as_owner in (False, True):
        async with connected(database, as_owner=as_owner) as connection:
            for statement in FORBIDDEN:
                with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.RestrictViolationError)):
                    await connection.execute(statement)
