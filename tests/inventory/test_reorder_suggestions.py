"""What has to be ordered: by the pace of the last 60 days, what is on order, and the reorder point."""

from datetime import timedelta
from typing import Any

import pytest

from salonos.inventory import commands
from salonos.inventory.commands import Issue, NewItem, NewPurchase, NewSupplier, OrderedLine
from salonos.inventory.rules import StockUnit
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from tests.bills.makers import NOW, SYSTEM, actor_as
from tests.catalog.makers import make_product
from tests.inventory.asking import Asker
from tests.inventory.makers import Store, line, make_store, on, stock
from tests.salon.makers import make_branch

SUGGESTIONS = """
query ($branch: ID!, $lead: Int, $cover: Int) {
  reorderSuggestions(branchId: $branch, leadDays: $lead, coverDays: $cover) {
    product { sku } item { unit } level { quantity } usable onOrder used quantity orderUnit orderQuantity } }
"""


async def sell(store: Store, product_id: Any, quantity_milli: int, *, days_ago: int = 1) -> None:
    """Goods leave as a sale of some days ago."""
    day = NOW - timedelta(days=days_ago)
    await store.database.run(
        SYSTEM,
        lambda work: commands.issue(
            work,
            branch_id=store.branch_id,
            cause_kind="bill",
            cause_id=new_id(),
            on=day.date(),
            goods=[Issue(product_id, quantity_milli, 1)],
        ),
        now=day,
    )


async def suggested(store: Store, **more: Any) -> dict[str, Any]:
    """The suggestions by SKU, in their order."""
    given = {"branch": id_text("branch", store.branch_id), **more}
    found = (await Asker(store.database).data(SUGGESTIONS, **given))["reorderSuggestions"]
    return {each["product"]["sku"]: {key: each[key] for key in each if key != "product"} for each in found}


async def test_what_does_not_last_until_a_delivery_is_ordered_for_a_month_in_whole_bottles(database: Database) -> None:
    store = await make_store(database, reorder_point_milli=None)
    await store.receive(line(store.serum_id, 100_000, 1_00), line(store.colour_id, 10_000_000, 1))
    await sell(store, store.serum_id, 60_000)
    await sell(store, store.colour_id, 9_000_000, days_ago=59)
    await sell(store, store.colour_id, 7_000, days_ago=61)

    usual, quick, far = (
        await suggested(store),
        await suggested(store, lead=6),
        await suggested(store, lead=41, cover=60),
    )

    assert usual == {
        "COL-60": {
            "item": {"unit": "ML"},
            "level": {"quantity": "993.000"},
            "usable": "993.000",
            "onOrder": "0.000",
            "used": "9000.000",
            "quantity": "4000.000",
            "orderUnit": "BOTTLE",
            "orderQuantity": "8.000",
        }
    }
    assert quick == {}
    assert list(far) == ["COL-60", "SER-100"]
    assert (far["SER-100"]["quantity"], far["SER-100"]["orderUnit"]) == ("20.000", "PIECE")


async def test_items_without_sales_are_ordered_at_their_reorder_point(database: Database) -> None:
    store = await make_store(database)
    for sku, item in {
        "AT": NewItem(StockUnit.PIECE, reorder_point_milli=0),
        "OFTEN": NewItem(
            StockUnit.PIECE, reorder_point_milli=2500, reorder_quantity_milli=12_000, units={StockUnit.BOX: 5000}
        ),
        "NEVER": NewItem(StockUnit.PIECE),
        "ABOVE": NewItem(StockUnit.PIECE, reorder_point_milli=999),
    }.items():
        product_id = await make_product(database, store.shop.catalog.goods_class_id, sku, name=sku)
        await stock(database, product_id, item)
        if sku == "ABOVE":
            await store.receive(line(product_id, 1000, 1))

    found = await suggested(store)

    told = {sku: (each["quantity"], each["orderUnit"], each["orderQuantity"]) for sku, each in found.items()}
    assert told == {
        "SER-100": ("5.000", "PIECE", "5.000"),
        "AT": ("1.000", "PIECE", "1.000"),
        "OFTEN": ("15.000", "BOX", "3.000"),
    }


async def test_what_is_on_order_counts_and_what_has_expired_does_not(database: Database) -> None:
    store = await make_store(database)
    await store.receive(
        line(store.serum_id, 6000, 1, batch="OLD", expires_on=on("2026-11-23")), line(store.serum_id, 1000, 1)
    )
    supplier = NewSupplier(name="Wella", state_code="29")
    supplier_id = await database.run(SYSTEM, lambda work: commands.create_supplier(work, supplier))
    order = NewPurchase(store.branch_id, supplier_id, (OrderedLine(store.serum_id, 4000, 1_00),))

    full = await suggested(store)
    given = {"branch": id_text("branch", store.branch_id)}
    ask = Asker(database)
    database.set_clock = NOW + timedelta(days=1)
    expired = (await ask.data(SUGGESTIONS, **given))["reorderSuggestions"]
    purchase_id = await database.run(SYSTEM, lambda work: commands.create_purchase(work, order))
    draft = (await ask.data(SUGGESTIONS, **given))["reorderSuggestions"]
    await database.run(SYSTEM, lambda work: commands.place_purchase(work, purchase_id, expected_version=1))
    placed = (await ask.data(SUGGESTIONS, **given))["reorderSuggestions"]

    assert full == {}
    assert [(each["usable"], each["onOrder"], each["quantity"]) for each in expired] == [("1.000", "0.000", "4.000")]
    assert draft == expired
    assert [(each["usable"], each["onOrder"], each["quantity"]) for each in placed] == [("1.000", "4.000", "1.000")]


async def test_a_retired_product_and_another_branch_are_not_told(database: Database) -> None:
    store = await make_store(database)
    other = await make_branch(database, "MYS1")
    ask, branch = Asker(database), id_text("branch", store.branch_id)

    elsewhere = await ask.data(SUGGESTIONS, actor=actor_as("MANAGER", other), branch=branch)
    here = await ask.data(SUGGESTIONS, actor=actor_as("STAFF", store.branch_id), branch=branch)
    await database.pool.execute("update products set is_active = false where id = $1", store.serum_id)
    retired = await ask.data(SUGGESTIONS, branch=branch)

    assert [each["product"]["sku"] for each in here["reorderSuggestions"]] == ["SER-100"]
    assert (elsewhere["reorderSuggestions"], retired["reorderSuggestions"]) == ([], [])


@pytest.mark.parametrize("items", [1, 50])
async def test_the_list_is_one_statement(database: Database, items: int) -> None:
    store = await make_store(database)
    for number in range(items):
        product_id = await make_product(database, store.shop.catalog.goods_class_id, f"P{number}")
        await stock(database, product_id, NewItem(StockUnit.PIECE, reorder_point_milli=0))
    ask = Asker(database)
    before = ask.engine.statements

    found = await ask.data(SUGGESTIONS, branch=id_text("branch", store.branch_id))

    assert (len(found["reorderSuggestions"]), ask.engine.statements - before) == (items + 1, 1)
