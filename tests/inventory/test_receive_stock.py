"""Goods come in: on the shelf, in the books and in the moves at once, or nowhere."""

from typing import Any

import asyncpg
import pytest

from salonos.accounting import commands as accounting
from salonos.accounting.problems import PeriodClosed
from salonos.inventory.rules import StockUnit
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.kernel.problems import Forbidden, InvalidInput
from salonos.salon.rules import TaxScheme
from tests.accounting.makers import connected
from tests.bills.makers import SYSTEM, actor_as, book_balance
from tests.inventory.makers import Store, line, make_store, on


async def test_retail_goods_are_worth_their_cost_without_the_credited_tax(database: Database) -> None:
    store = await make_store(database)

    await store.receive(line(store.serum_id, 10_000, 520_00))

    assert await store.level(store.serum_id) == (10_000, 5200_00)
    assert (await book_balance(database, "1200"), await book_balance(database, "2010")) == (5200_00, -5200_00)
    assert await store.drift() == 0


async def test_professional_goods_are_worth_their_cost_with_tax(database: Database) -> None:
    store = await make_store(database)

    await store.receive(line(store.colour_id, 1_000_000, 1_00))

    assert await store.level(store.colour_id) == (1_000_000, 1180_00)
    assert (await book_balance(database, "1210"), await book_balance(database, "2010")) == (1180_00, -1180_00)


@pytest.mark.parametrize("scheme", [TaxScheme.UNREGISTERED, TaxScheme.COMPOSITION])
async def test_who_takes_no_credit_has_the_tax_in_retail_stock_too(database: Database, scheme: TaxScheme) -> None:
    more: dict[str, Any] = {"gstin": None} if scheme is TaxScheme.UNREGISTERED else {}
    store = await make_store(database, tax_scheme=scheme, **more)

    await store.receive(line(store.serum_id, 1000, 100_01))

    assert await store.level(store.serum_id) == (1000, 118_01)


async def test_a_bottle_is_five_hundred_millilitres(database: Database) -> None:
    store = await make_store(database)

    await store.receive(line(store.colour_id, 2000, 250_00, unit=StockUnit.BOTTLE))

    assert await store.level(store.colour_id) == (1_000_000, 590_00)


async def test_goods_of_one_batch_stay_one_batch(database: Database) -> None:
    store = await make_store(database)
    for _ in range(2):
        await store.receive(
            line(store.serum_id, 1000, 1_00, batch="B7", expires_on=on("2027-01-31")),
            line(store.serum_id, 2000, 1_00, batch="B7", expires_on=on("2027-02-28")),
            line(store.serum_id, 4000, 1_00),
        )

    assert await store.batches(store.serum_id) == [("B7", 2000), ("B7", 4000), (None, 8000)]
    assert await store.drift() == 0


async def test_free_samples_have_a_move_and_no_entry(database: Database) -> None:
    store = await make_store(database)

    await store.receive(line(store.serum_id, 1000, 0))

    assert await store.moves(store.serum_id) == [("RECEIVE", 1000, 0)]
    assert await database.pool.fetchval("select count(*) from entries") == 0


@pytest.mark.parametrize(
    ("more", "path", "code"),
    [
        ({"quantity_milli": 0}, "quantity", "OUT_OF_RANGE"),
        ({"quantity_milli": -1000}, "quantity", "OUT_OF_RANGE"),
        ({"quantity_milli": 10**9 + 1}, "quantity", "OUT_OF_RANGE"),
        ({"unit_cost_paise": -1}, "unitCost", "OUT_OF_RANGE"),
        ({"unit_cost_paise": 10**9 + 1}, "unitCost", "OUT_OF_RANGE"),
        ({"product_id": new_id()}, "productId", "NOT_STOCKED"),
        ({"unit": StockUnit.KG}, "unit", "UNKNOWN_UNIT"),
        ({"expires_on": on("2026-11-22")}, "expiresOn", "EXPIRED"),
        ({"expires_on": on("2100-01-01")}, "expiresOn", "OUT_OF_RANGE"),
        ({"batch": "x" * 41}, "batch", "INVALID_TEXT"),
    ],
)
async def test_what_can_not_be_is_refused(database: Database, more: dict[str, Any], path: str, code: str) -> None:
    store = await make_store(database)
    given = {"product_id": store.serum_id, "quantity_milli": 1000, "unit_cost_paise": 1_00}

    with pytest.raises(InvalidInput) as raised:
        await store.receive(line(**{**given, **more}))

    assert [(issue.path, issue.code) for issue in raised.value.issues] == [(("lines", 0, path), code)]
    assert await database.pool.fetchval("select count(*) from stock_moves") == 0


async def test_too_many_bottles_are_too_much(database: Database) -> None:
    store = await make_store(database)

    with pytest.raises(InvalidInput) as raised:
        await store.receive(line(store.colour_id, 2_001_000, 1_00, unit=StockUnit.BOTTLE))

    assert [issue.code for issue in raised.value.issues] == ["OUT_OF_RANGE"]


async def test_goods_can_not_come_into_a_closed_period(database: Database) -> None:
    store = await make_store(database)
    await database.run(SYSTEM, lambda work: accounting.close_period(work, store.branch_id, until=on("2026-12-01")))

    with pytest.raises(PeriodClosed):
        await store.receive(line(store.serum_id, 1000, 1_00))

    assert await store.level(store.serum_id) == (0, 0)
    assert await database.pool.fetchval("select count(*) from stock_moves") == 0


async def test_only_who_may_receives_and_only_at_their_branch(database: Database) -> None:
    store = await make_store(database)

    with pytest.raises(Forbidden):
        await store.receive(line(store.serum_id, 1000, 1_00), actor=actor_as("STAFF", store.branch_id))
    with pytest.raises((Forbidden, InvalidInput)):
        await store.receive(line(store.serum_id, 1000, 1_00), actor=actor_as("RECEPTIONIST", new_id()))

    assert await database.pool.fetchval("select count(*) from stock_moves") == 0


async def _received(database: Database) -> Store:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 1000, 1_00))
    return store


@pytest.mark.parametrize(
    "statement",
    [
        "update stock_moves set quantity_milli = 5",
        "delete from stock_moves",
        "truncate stock_moves cascade",
        "update stock_levels set quantity_milli = 5",
        "update stock_levels set allows_negative = true",
        "delete from stock_levels",
        "update stock_batches set quantity_milli = 5",
        "delete from stock_batches",
        "truncate stock_batches cascade",
    ],
)
@pytest.mark.parametrize("as_owner", [False, True])
async def test_nobody_changes_a_move_or_writes_a_level(database: Database, statement: str, *, as_owner: bool) -> None:
    store = await _received(database)

    async with connected(database, as_owner=as_owner) as connection:
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.RestrictViolationError)):
            await connection.execute(statement)

    assert await store.level(store.serum_id) == (1000, 1_00)


async def test_a_level_can_not_go_below_zero_whoever_writes_the_move(database: Database) -> None:
    store = await _received(database)

    async with connected(database, as_owner=True) as connection:
        with pytest.raises(asyncpg.CheckViolationError) as raised:
            await connection.execute(
                "insert into stock_moves select gen_random_uuid(), branch_id, product_id, batch_id, 'SALE', -1001, -100, "
                "null, 'bill', cause_id, 1, null, null, business_date, occurred_at, made_by_id from stock_moves"
            )

    assert raised.value.constraint_name == "ck_stock_levels_not_below_zero"
    assert await store.drift() == 0
