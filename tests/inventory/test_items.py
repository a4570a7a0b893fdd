"""Which products are kept, how, and what can no longer change."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from salonos.catalog import commands as catalog
from salonos.catalog.commands import ProductChanges
from salonos.inventory import commands
from salonos.inventory.commands import NewItem
from salonos.inventory.problems import AlreadyStocked, StockBelowZero, StockItemInUse, StockUnitInUse
from salonos.inventory.rules import StockUnit
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.kernel.problems import Forbidden, InvalidInput, StaleVersion
from tests.bills.makers import CASH, NOW, SYSTEM, UPI, actor_as
from tests.catalog.makers import make_product
from tests.inventory.control import count, counted
from tests.inventory.makers import Store, line, make_store, stock
from tests.salon.makers import make_branch


async def levels(database: Database, product_id: Any) -> list[tuple[str, int, int | None]]:
    """Of all branches, by code."""
    rows = await database.pool.fetch(
        "select branches.code, quantity_milli, reorder_point_milli from stock_levels "
        "join branches on branches.id = branch_id where product_id = $1 order by 1",
        product_id,
    )
    return [tuple(row) for row in rows]


async def change(store: Store, new: NewItem, version: int = 1) -> None:
    await store.database.run(
        SYSTEM, lambda work: commands.update_stock_item(work, store.serum_id, new, expected_version=version)
    )


async def test_every_branch_has_a_level_of_every_item_whichever_came_first(database: Database) -> None:
    store = await make_store(database)
    await make_branch(database, "BLR2")
    late = await make_product(database, store.shop.catalog.goods_class_id, "LATE")
    await stock(database, late, NewItem(StockUnit.PIECE))

    assert await levels(database, store.serum_id) == [("BLR1", 0, 5000), ("BLR2", 0, 5000)]
    assert await levels(database, late) == [("BLR1", 0, None), ("BLR2", 0, None)]


async def test_levels_follow_their_item_and_product(database: Database) -> None:
    store = await make_store(database)

    await change(store, NewItem(StockUnit.PIECE, reorder_point_milli=7000))
    await database.run(
        SYSTEM,
        lambda work: catalog.update_product(work, store.serum_id, ProductChanges(name="Zen"), expected_version=1),
    )

    assert await levels(database, store.serum_id) == [("BLR1", 0, 7000)]
    assert (
        await database.pool.fetchval("select search_name from stock_levels where product_id = $1", store.serum_id)
        == "zen"
    )


async def test_a_product_is_stocked_once(database: Database) -> None:
    store = await make_store(database)

    with pytest.raises(AlreadyStocked):
        await stock(database, store.serum_id, NewItem(StockUnit.PIECE))


@pytest.mark.parametrize(
    ("item", "path"),
    [
        (NewItem(StockUnit.ML, reorder_point_milli=-1), ("reorderPoint",)),
        (NewItem(StockUnit.ML, reorder_quantity_milli=0), ("reorderQuantity",)),
        (NewItem(StockUnit.ML, supplier_name="x" * 121), ("supplierName",)),
        (NewItem(StockUnit.ML, units={StockUnit.ML: 1000}), ("units", 0, "unit")),
        (NewItem(StockUnit.ML, units=[(StockUnit.L, 1), (StockUnit.L, 2)]), ("units", 1, "unit")),
        (NewItem(StockUnit.ML, units={StockUnit.BOX: 0}), ("units", 0, "holds")),
    ],
)
async def test_what_can_not_be_is_refused(database: Database, item: NewItem, path: tuple[Any, ...]) -> None:
    store = await make_store(database)
    product_id = await make_product(database, store.shop.catalog.goods_class_id, "NEW")

    with pytest.raises(InvalidInput) as raised:
        await stock(database, product_id, item)

    assert [issue.path for issue in raised.value.issues] == [path]


async def test_the_unit_is_free_until_something_was_moved(database: Database) -> None:
    store = await make_store(database)
    await change(store, NewItem(StockUnit.BOX))
    await store.receive(line(store.serum_id, 1000, 1_00))

    with pytest.raises(StockUnitInUse):
        await change(store, NewItem(StockUnit.PIECE), version=2)
    with pytest.raises(StaleVersion):
        await change(store, NewItem(StockUnit.BOX))
    await change(store, NewItem(StockUnit.BOX, supplier_name="Loreal"), version=2)


async def remove(store: Store, product_id: UUID, *, version: int = 1) -> None:
    await store.database.run(
        SYSTEM, lambda work: commands.remove_stock_item(work, product_id, expected_version=version), now=NOW
    )


async def test_an_item_begun_by_mistake_is_given_up_and_begun_anew(database: Database) -> None:
    store = await make_store(database)
    await change(store, NewItem(StockUnit.PIECE, units={StockUnit.BOX: 12_000}))
    with pytest.raises(StaleVersion):
        await remove(store, store.serum_id)
    await remove(store, store.serum_id, version=2)

    found = """
        select (select count(*) from stock_levels where product_id = $1)
            + (select count(*) from stock_units where item_id = $1)
    """
    assert await database.pool.fetchval(found, store.serum_id) == 0
    await store.shop.check_out((UPI, 99_900), lines=(store.shop.serum,))  # it is sold without stock
    await stock(database, store.serum_id, NewItem(StockUnit.PIECE))
    assert await store.level(store.serum_id) == (0, 0)
    with pytest.raises(InvalidInput):
        await remove(store, store.shop.catalog.service_id)


async def test_an_item_that_anything_names_stays(database: Database) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 1000, 1_00))
    await count(store, counted(store.colour_id, 0))
    for product_id in (store.serum_id, store.colour_id):
        with pytest.raises(StockItemInUse):
            await remove(store, product_id)
    assert await store.level(store.serum_id) == (1000, 1_00)


async def test_goods_that_come_while_their_item_goes_are_kept_or_refused(database: Database) -> None:
    store = await make_store(database)
    outcomes = set()
    for place in range(10):
        product_id = await make_product(database, store.shop.catalog.goods_class_id, f"NEW-{place}")
        await stock(database, product_id, NewItem(StockUnit.PIECE))
        both = (remove(store, product_id), store.receive(line(product_id, 1000, 1_00)))
        gone, came = await asyncio.gather(*both, return_exceptions=True)
        outcomes.add((type(gone), type(came)))
        moves = await store.moves(product_id)
        assert bool(moves) == (gone is not None) == isinstance(came, list)
    assert outcomes <= {(type(None), InvalidInput), (StockItemInUse, list)}


async def test_retail_stock_stays_in_its_account_when_the_product_is_sold_no_longer(database: Database) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 2000, 1_00))

    await database.run(
        SYSTEM,
        lambda work: catalog.update_product(
            work, store.serum_id, ProductChanges(is_retail=False, price_paise=0), expected_version=1
        ),
    )
    await store.receive(line(store.serum_id, 2000, 1_00))

    assert await store.drift() == 0


async def test_only_who_may_says_how_items_are_kept(database: Database) -> None:
    store = await make_store(database)
    receptionist = actor_as("RECEPTIONIST", store.branch_id)

    for command in (
        lambda work: commands.stock_product(work, store.serum_id, NewItem(StockUnit.PIECE)),
        lambda work: commands.update_stock_item(work, store.serum_id, NewItem(StockUnit.BOX), expected_version=1),
        lambda work: commands.set_stock_policy(work, store.branch_id, allows_negative=True),
    ):
        with pytest.raises(Forbidden):
            await database.run(receptionist, command)

    assert await database.pool.fetchval("select count(*) from stock_policies") == 0


async def test_a_branch_that_is_below_zero_can_not_forbid_it(database: Database) -> None:
    store = await make_store(database)
    await store.allow_negative()
    await store.shop.check_out((CASH, 178_700))

    with pytest.raises(StockBelowZero):
        await store.allow_negative(allows=False)
    await store.receive(line(store.serum_id, 1000, 1_00))
    await store.allow_negative(allows=False)

    assert await store.level(store.serum_id) == (0, 0)


async def test_what_does_not_exist_is_not_found(database: Database) -> None:
    await make_store(database)

    for command in (
        lambda work: commands.stock_product(work, new_id(), NewItem(StockUnit.PIECE)),
        lambda work: commands.update_stock_item(work, new_id(), NewItem(StockUnit.PIECE), expected_version=1),
        lambda work: commands.set_stock_policy(work, new_id(), allows_negative=True),
    ):
        with pytest.raises(InvalidInput):
            await database.run(SYSTEM, command)
