"""Stock through the schema: lists, the item card, who sees costs, what a write answers."""

from typing import Any

import pytest

from salonos.inventory.commands import NewItem
from salonos.inventory.rules import StockUnit
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from tests.bills.makers import CASH, actor_as
from tests.catalog.makers import make_product
from tests.inventory.asking import BATCHES, CARD, CHECK_OUT, LEVELS, MOVES, RECEIVE, Asker
from tests.inventory.makers import Store, line, make_store, on, stock
from tests.salon.makers import make_branch


async def opened(database: Database) -> Store:
    """Serum in two batches, one of them sold once; a bottle of colour."""
    store = await make_store(database)
    await store.receive(
        line(store.serum_id, 2000, 500_00, batch="A", expires_on=on("2026-12-01")),
        line(store.serum_id, 4000, 500_00, batch="B", expires_on=on("2027-12-01")),
        line(store.colour_id, 1000, 250_00, unit=StockUnit.BOTTLE),
    )
    await store.shop.check_out((CASH, 178_700))
    return store


async def test_a_branch_lists_its_levels(database: Database) -> None:
    store = await opened(database)
    ask, branch = Asker(database), id_text("branch", store.branch_id)

    found = (await ask.data(LEVELS, branch=branch))["stockLevels"]

    assert found["totalCount"] == 2
    assert found["nodes"] == [
        {
            "product": {"sku": "SER-100"},
            "item": {"unit": "PIECE", "units": []},
            "branch": {"code": "BLR1"},
            "quantity": "5.000",
            "reorderPoint": "5.000",
            "isLow": True,
            "value": "2500.00",
            "unitCost": "500.00",
            "daysOfCover": 300,
        },
        {
            "product": {"sku": "COL-60"},
            "item": {"unit": "ML", "units": [{"unit": "BOTTLE", "holds": "500.000"}]},
            "branch": {"code": "BLR1"},
            "quantity": "500.000",
            "reorderPoint": None,
            "isLow": False,
            "value": "295.00",
            "unitCost": "0.59",
            "daysOfCover": None,
        },
    ]


async def test_levels_are_found_by_name_barcode_and_what_is_low(database: Database) -> None:
    store = await opened(database)
    await make_product(database, store.shop.catalog.goods_class_id, "BAR", barcode="8901030865")
    ask, branch = Asker(database), id_text("branch", store.branch_id)
    product_id = await database.pool.fetchval("select id from products where sku = 'BAR'")
    await stock(database, product_id, NewItem(StockUnit.PIECE))
    found = {}

    for name, given in {
        "search": {"search": "COL"},
        "low": {"isLow": True},
        "barcode": {"barcode": "8901030865"},
        "product": {"productId": id_text("product", store.serum_id)},
    }.items():
        nodes = (await ask.data(LEVELS, branch=branch, filter=given))["stockLevels"]["nodes"]
        found[name] = [node["product"]["sku"] for node in nodes]

    assert found == {"search": ["COL-60"], "low": ["SER-100"], "barcode": ["BAR"], "product": ["SER-100"]}


async def test_moves_and_batches_are_listed(database: Database) -> None:
    store = await opened(database)
    ask, branch = Asker(database), id_text("branch", store.branch_id)

    sold = (await ask.data(MOVES, branch=branch, filter={"kind": "SALE"}))["stockMoves"]
    expiring = (await ask.data(BATCHES, branch=branch, filter={"expiresBy": "2026-12-31"}))["stockBatches"]

    assert sold["nodes"] == [
        {
            "product": {"sku": "SER-100"},
            "batch": {"code": "A"},
            "kind": "SALE",
            "quantity": "-1.000",
            "businessDate": "2026-11-23",
            "unitCost": "500.00",
            "value": "-500.00",
        }
    ]
    assert expiring["nodes"] == [
        {"product": {"sku": "SER-100"}, "code": "A", "expiresOn": "2026-12-01", "quantity": "1.000"}
    ]


async def test_the_item_card_shows_where_it_is_what_expires_and_what_moved(database: Database) -> None:
    store = await opened(database)

    card = (await Asker(database).data(CARD, id=id_text("product", store.serum_id)))["product"]["stock"]

    assert card["levels"]["nodes"] == [{"quantity": "5.000", "value": "2500.00"}]
    assert card["batches"]["nodes"] == [{"code": "A", "quantity": "1.000"}, {"code": "B", "quantity": "4.000"}]
    assert [(move["kind"], move["quantity"]) for move in card["moves"]["nodes"]] == [
        ("SALE", "-1.000"), ("RECEIVE", "4.000"), ("RECEIVE", "2.000"),
    ]  # fmt: skip


@pytest.mark.parametrize(("role", "sees"), [("RECEPTIONIST", False), ("STAFF", False), ("MANAGER", True)])
async def test_costs_are_seen_by_who_may(database: Database, role: str, *, sees: bool) -> None:
    store = await opened(database)
    ask, branch = Asker(database), id_text("branch", store.branch_id)
    actor = actor_as(role, store.branch_id)

    levels, moves = (await ask(LEVELS, actor=actor, branch=branch), await ask(MOVES, actor=actor, branch=branch))

    assert all((node["value"] is not None) is sees for node in levels["data"]["stockLevels"]["nodes"])
    assert all((node["unitCost"] is not None) is sees for node in moves["data"]["stockMoves"]["nodes"])
    codes = {error["extensions"]["code"] for error in levels.get("errors", [])}
    assert codes == (set() if sees else {"FORBIDDEN"})


async def test_another_branchs_stock_is_out_of_reach(database: Database) -> None:
    store = await opened(database)
    other = await make_branch(database, "BLR2")
    ask, manager = Asker(database), actor_as("MANAGER", other)

    for text in (LEVELS, MOVES, BATCHES):
        (found,) = (await ask.data(text, actor=manager, branch=id_text("branch", store.branch_id))).values()
        assert found["nodes"] == []
    card = (await ask.data(CARD, actor=manager, id=id_text("product", store.serum_id)))["product"]["stock"]
    assert card["levels"]["nodes"] == [{"quantity": "0.000", "value": "0.00"}]
    assert (card["batches"]["nodes"], card["moves"]["nodes"]) == ([], [])


@pytest.mark.parametrize("text", [LEVELS, MOVES, BATCHES])
async def test_a_list_is_one_statement_for_one_row_and_for_fifty(database: Database, text: str) -> None:
    store = await make_store(database)
    for number in range(50):
        product_id = await make_product(database, store.shop.catalog.goods_class_id, f"P{number}")
        await stock(database, product_id, NewItem(StockUnit.PIECE))
        await store.receive(line(product_id, 1000, 1_00, batch="X"))
    ask = Asker(database)
    sizes = []

    for first in (1, 50):
        before = ask.engine.statements
        (found,) = (await ask.data(text, branch=id_text("branch", store.branch_id), first=first)).values()
        sizes.append((len(found["nodes"]), ask.engine.statements - before))

    assert sizes == [(1, 1), (50, 1)]


async def test_goods_are_received_through_the_schema(database: Database) -> None:
    store = await make_store(database)
    actor = actor_as("RECEPTIONIST", store.branch_id)
    given: dict[str, Any] = {
        "branchId": id_text("branch", store.branch_id),
        "reference": "DN 17",
        "lines": [
            {"productId": id_text("product", store.serum_id), "quantity": "2.5", "unitCost": "520.00", "batch": "A"},
            {"productId": id_text("product", store.colour_id), "quantity": "1", "unit": "BOTTLE", "unitCost": "10.00"},
        ],
    }

    body = await Asker(database)(RECEIVE, actor=actor, input=given)

    assert body["data"]["receiveStock"] == {
        "__typename": "ReceiveStockSuccess",
        "moves": [
            {"kind": "RECEIVE", "quantity": "2.500", "unitCost": None, "product": {"sku": "SER-100"}},
            {"kind": "RECEIVE", "quantity": "500.000", "unitCost": None, "product": {"sku": "COL-60"}},
        ],
    }
    assert await store.level(store.serum_id) == (2500, 1300_00)


@pytest.mark.parametrize("quantity", ["NaN", "1.2345", "1e3", "-", 1])
async def test_what_is_no_quantity_is_refused_before_anything_runs(database: Database, quantity: object) -> None:
    store = await make_store(database)
    goods = {"productId": id_text("product", store.serum_id), "quantity": quantity, "unitCost": "1.00"}
    given = {"branchId": id_text("branch", store.branch_id), "lines": [goods]}

    body = await Asker(database)(RECEIVE, input=given)

    assert [error["extensions"]["code"] for error in body["errors"]] == ["BAD_REQUEST"]
    assert await database.pool.fetchval("select count(*) from stock_moves") == 0


async def test_the_till_hears_what_is_left(database: Database) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 500, 1_00))
    given = {
        "branchId": id_text("branch", store.branch_id),
        "lines": [{"productId": id_text("product", store.serum_id)}],
        "payments": [{"method": "CASH", "amount": "999.00"}],
    }

    answer = await Asker(database).data(CHECK_OUT, actor=actor_as("RECEPTIONIST", store.branch_id), input=given)

    assert answer["checkOut"] == {
        "__typename": "StockTooLow",
        "message": "There is not so much of this in stock.",
        "available": "0.500",
        "product": {"sku": "SER-100"},
    }


WRITES = """
mutation ($stock: StockProductInput!, $change: UpdateStockItemInput!, $policy: SetStockPolicyInput!) {
  stockProduct(input: $stock) { ... on StockProductSuccess { item { unit version reorderPoint } }
    ... on AlreadyStocked { product { sku } } }
  updateStockItem(input: $change) { ... on UpdateStockItemSuccess { item { unit version supplierName } } }
  setStockPolicy(input: $policy) { ... on SetStockPolicySuccess { branch { code } } }
}
"""


async def test_items_are_kept_through_the_schema(database: Database) -> None:
    store = await make_store(database)
    product_id = await make_product(database, store.shop.catalog.goods_class_id, "NEW")
    product = id_text("product", product_id)
    ask = Asker(database)
    given = {
        "stock": {"productId": product, "unit": "ML", "reorderPoint": "2", "units": [{"unit": "L", "holds": "1000"}]},
        "change": {"productId": product, "expectedVersion": 1, "unit": "G", "supplierName": "Loreal"},
        "policy": {"branchId": id_text("branch", store.branch_id), "allowsNegative": True},
    }

    first = await ask.data(WRITES, **given)
    again = await ask.data(WRITES, **given)

    assert first == {
        "stockProduct": {"item": {"unit": "ML", "version": 1, "reorderPoint": "2.000"}},
        "updateStockItem": {"item": {"unit": "G", "version": 2, "supplierName": "Loreal"}},
        "setStockPolicy": {"branch": {"code": "BLR1"}},
    }
    assert again["stockProduct"] == {"product": {"sku": "NEW"}}
