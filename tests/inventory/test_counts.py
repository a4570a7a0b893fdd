"""Counts: what was expected is frozen, counted blind, and what differs is posted by somebody who did not count."""

import asyncio
from collections import Counter
from typing import Any

import asyncpg
import pytest

from salonos.accounting import commands as accounting
from salonos.accounting.problems import PeriodClosed
from salonos.inventory import commands
from salonos.inventory.problems import OwnRequest, StockCountMovedOn, StockCountUnderWay, StockTooLow
from salonos.inventory.rules import StockUnit
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.problems import Forbidden, InvalidInput, StaleVersion
from tests.accounting.makers import connected
from tests.bills.makers import NOW, SYSTEM, UPI, actor_as
from tests.inventory.asking import Asker
from tests.inventory.control import (
    adjust,
    checker,
    count,
    count_state,
    counted,
    enter,
    entry_of,
    maker,
    open_count,
    post_count,
    submit,
)
from tests.inventory.makers import Store, line, make_store, on


async def filled(database: Database) -> Store:
    """Ten serums at 500.00 and a litre of colour at 1.18 the ml."""
    store = await make_store(database)
    await store.receive(line(store.serum_id, 10_000, 500_00), line(store.colour_id, 1_000_000, 1_00))
    return store


async def sell_serum(store: Store, pieces: int) -> None:
    """Sells serum for UPI."""
    lines = (store.shop.serum,) * pieces
    await store.shop.check_out((UPI, pieces * 99_900), lines=lines)


async def test_what_is_sold_while_people_count_is_not_counted_away(database: Database) -> None:
    store = await filled(database)
    count_id = await open_count(store)
    await enter(store, count_id, counted(store.serum_id, 9000))
    await sell_serum(store, 3)
    await store.receive(line(store.colour_id, 500_000, 1_00))
    await enter(store, count_id, counted(store.colour_id, 2200, unit=StockUnit.BOTTLE))

    await submit(store, count_id)
    await post_count(store, count_id)

    assert await store.level(store.serum_id) == (6000, 3000_00)
    assert await store.level(store.colour_id) == (1_600_000, 1888_00)
    assert await entry_of(store, count_id) == [
        ("1200", -500_00), ("1210", 118_00), ("1300", -45_00), ("1301", -45_00), ("5020", 472_00),
    ]  # fmt: skip
    assert await store.credit_reversed(count_id) == [("33059090", 1000, 1800, 500_00, 45_00, 45_00)]
    assert (await store.moves(store.serum_id))[-1] == ("COUNT_VARIANCE", -1000, -500_00)
    row = await database.pool.fetchrow("select * from stock_counts")
    assert (row["value_paise"], row["moved_paise"], row["tax_paise"]) == (-382_00, 618_00, 90_00)
    assert await store.drift() == 0


async def test_what_agrees_is_posted_at_once_and_what_was_not_entered_stays(database: Database) -> None:
    store = await filled(database)

    agreed = await count(store, counted(store.serum_id, 10_000))
    count_id = await open_count(store)
    await enter(store, count_id, counted(store.serum_id, 9000))
    await enter(store, count_id, counted(store.serum_id, 10_000))
    await submit(store, count_id)

    assert [await count_state(store, each) for each in (agreed, count_id)] == ["POSTED", "POSTED"]
    assert await store.level(store.colour_id) == (1_000_000, 1180_00)
    assert await entry_of(store, count_id) == []


async def test_what_nobody_found_may_be_said_to_be_gone(database: Database) -> None:
    store = await filled(database)
    count_id = await open_count(store)
    await enter(store, count_id, counted(store.serum_id, 10_000))

    await submit(store, count_id, missing_are_zero=True)
    await post_count(store, count_id)

    assert await store.level(store.serum_id) == (10_000, 5000_00)
    assert await store.level(store.colour_id) == (0, 0)
    assert await store.drift() == 0


async def test_batches_are_counted_by_themselves(database: Database) -> None:
    store = await make_store(database)
    await store.receive(
        line(store.serum_id, 2000, 100_00, batch="A", expires_on=on("2026-12-01")),
        line(store.serum_id, 2000, 100_00, batch="B", expires_on=on("2027-12-01")),
        line(store.serum_id, 2000, 100_00),
    )
    ids = dict(await database.pool.fetch("select code, id from stock_batches"))
    count_id = await open_count(store, store.serum_id, by_batch=True)
    await enter(
        store,
        count_id,
        counted(store.serum_id, 3000, batch_id=ids["A"]),
        counted(store.serum_id, 500, batch_id=ids["B"]),
        counted(store.serum_id, 1000),
    )

    await submit(store, count_id)
    await post_count(store, count_id)

    assert await store.batches(store.serum_id) == [("A", 3000), ("B", 500), (None, 1000)]
    one = await count(store, counted(store.serum_id, 2000, batch_id=ids["A"]))
    await post_count(store, one)
    assert await store.batches(store.serum_id) == [("A", 2000), ("B", 500), (None, 1000)]
    whole = await count(store, counted(store.serum_id, 1200))
    await post_count(store, whole)
    assert await store.batches(store.serum_id) == [(None, 1000), ("B", 200)][::-1]
    assert await store.drift() == 0


async def test_nobody_posts_what_they_counted(database: Database) -> None:
    store = await filled(database)
    first, second, third = checker(store), checker(store), checker(store)
    count_id = await open_count(store, actor=third)
    await enter(store, count_id, counted(store.serum_id, 9000), actor=first)
    await enter(store, count_id, counted(store.colour_id, 1_000_000), actor=third)
    await submit(store, count_id, actor=second)

    for actor in (first, second):
        with pytest.raises(OwnRequest):
            await post_count(store, count_id, actor=actor)
    with pytest.raises(Forbidden):
        await post_count(store, count_id, actor=maker(store))
    await post_count(store, count_id, actor=third)  # who began it, and counted only what agrees

    assert await store.level(store.serum_id) == (9000, 4500_00)


async def test_an_item_is_in_one_count_at_a_time(database: Database) -> None:
    store = await filled(database)
    outcomes = await asyncio.gather(
        *(open_count(store, *ids) for ids in [(), (store.serum_id, store.colour_id), ()] * 2), return_exceptions=True
    )
    assert Counter(type(each).__name__ for each in outcomes) == {"UUID": 1, "StockCountUnderWay": 5}
    count_id = await database.pool.fetchval("select id from stock_counts")
    with pytest.raises(StockCountUnderWay) as raised:
        await count(store, counted(store.serum_id, 1000))
    assert (raised.value.product_id, raised.value.count_id) == (store.serum_id, count_id)
    await enter(store, count_id, counted(store.serum_id, 1000))
    await submit(store, count_id)
    with pytest.raises(StockCountUnderWay):
        await open_count(store, store.serum_id)

    await database.run(checker(store), lambda work: commands.cancel_stock_count(work, count_id), now=NOW)

    with pytest.raises(StockCountMovedOn):
        await post_count(store, count_id)
    assert await count_state(store, await count(store, counted(store.serum_id, 10_000))) == "POSTED"
    assert await store.level(store.serum_id) == (10_000, 5000_00)


async def test_of_many_who_post_one_wins(database: Database) -> None:
    store = await filled(database)
    count_id = await count(store, counted(store.serum_id, 9000))

    outcomes = await asyncio.gather(*(post_count(store, count_id) for _ in range(6)), return_exceptions=True)

    assert Counter(type(each).__name__ for each in outcomes) == {"NoneType": 1, "StockCountMovedOn": 5}
    assert await store.level(store.serum_id) == (9000, 4500_00)


async def test_what_is_not_there_any_more_can_not_be_missing(database: Database) -> None:
    store = await filled(database)
    count_id = await count(store, counted(store.serum_id, 2000))
    await sell_serum(store, 5)

    with pytest.raises(StockTooLow) as raised:
        await post_count(store, count_id)

    assert raised.value.available == 5000
    assert await count_state(store, count_id) == "SUBMITTED"


async def test_a_count_goes_its_ways_only(database: Database) -> None:
    store = await filled(database)
    count_id = await open_count(store, store.serum_id)
    refused = []
    for made in (
        lambda: enter(store, count_id, counted(store.colour_id, 1000)),
        lambda: enter(store, count_id, counted(store.serum_id, -1)),
        lambda: enter(store, count_id, counted(store.serum_id, 1), counted(store.serum_id, 2)),
        lambda: enter(store, count_id),
        lambda: enter(store, new_id(), counted(store.serum_id, 1)),
        lambda: submit(store, count_id),
        lambda: open_count(store, new_id()),
        lambda: count(store, counted(new_id(), 1)),
        lambda: enter(store, count_id, counted(store.serum_id, 1), actor=actor_as("RECEPTIONIST", new_id())),
    ):
        with pytest.raises(InvalidInput) as raised:
            await made()
        refused.append([issue.code for issue in raised.value.issues])
    assert refused == [
        ["NOT_COUNTED"], ["OUT_OF_RANGE"], ["TAKEN"], ["REQUIRED"], ["NOT_FOUND"], ["REQUIRED"], ["NOT_STOCKED"],
        ["NOT_STOCKED"], ["NOT_FOUND"],
    ]  # fmt: skip
    with pytest.raises(Forbidden):
        await open_count(store, actor=actor_as("STAFF", store.branch_id))
    await enter(store, count_id, counted(store.serum_id, 8000))
    with pytest.raises(StaleVersion):
        await submit(store, count_id, expected_version=1)
    with pytest.raises(StockCountMovedOn):
        await post_count(store, count_id)
    await submit(store, count_id)
    for late in (lambda: enter(store, count_id, counted(store.serum_id, 1)), lambda: submit(store, count_id)):
        with pytest.raises(StockCountMovedOn):
            await late()
    await database.run(SYSTEM, lambda work: accounting.close_period(work, store.branch_id, until=on("2026-12-01")))
    with pytest.raises(PeriodClosed):
        await post_count(store, count_id)
    assert await store.level(store.serum_id) == (10_000, 5000_00)


FORGED = "insert into stock_moves select gen_random_uuid(), branch_id, product_id, batch_id, 'COUNT_VARIANCE', -1000, -50000, null, 'stockcount', $1, 1, null, null, business_date, occurred_at, made_by_id from stock_moves limit 1"
POSTED = (
    "update stock_counts set state = 'POSTED', closed_by_id = {by}, closed_at = now(), business_date = '2026-11-23', "
    "value_paise = -50000, moved_paise = 50000, tax_paise = 0"
)
COUNTER = "(select counted_by_id from stock_count_lines where counted_milli is not null limit 1)"
HELD = [
    (POSTED.format(by="submitted_by_id"), "ck_stock_counts_by_another"),
    (POSTED.format(by=COUNTER), "stock_counts_posted_by_another"),
    ("update stock_counts set state = 'OPEN', submitted_by_id = null, submitted_at = null", "stock_counts_moves"),
    ("update stock_count_lines set counted_milli = 1", "stock_count_lines_open"),
    ("delete from stock_count_lines", None),
    ("delete from stock_counts", None),
    (FORGED, "stock_moves_counted"),
]


async def test_the_database_holds_it_whoever_writes(database: Database) -> None:
    store = await filled(database)
    count_id = await open_count(store)
    async with connected(database, as_owner=True) as connection:
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute("update stock_count_lines set expected_milli = 1")
        await enter(store, count_id, counted(store.serum_id, 9000))
        await submit(store, count_id)
        for statement, constraint in HELD:
            given = [count_id] if "$1" in statement else []
            with pytest.raises((asyncpg.CheckViolationError, asyncpg.RestrictViolationError)) as raised:
                await connection.execute(statement, *given)
            assert constraint is None or raised.value.constraint_name == constraint
    await post_count(store, count_id)
    assert await store.drift() == 0


OPEN = """
mutation ($input: OpenStockCountInput!) { openStockCount(input: $input) { __typename
  ... on OpenStockCountSuccess { count { id version state lines { nodes { %s } } } }
  ... on StockCountUnderWay { product { sku } count { state } } } }
"""
BLIND = "product { sku } isWhole counted expected variance"
ENTER = """
mutation ($input: EnterStockCountInput!) { enterStockCount(input: $input) { __typename
  ... on EnterStockCountSuccess { count { version lines(filter: {isEntered: true}) { nodes { %s } } } } } }
"""
SUBMIT = """
mutation ($input: SubmitStockCountInput!) { submitStockCount(input: $input) { __typename
  ... on SubmitStockCountSuccess { count { state lines(filter: {differs: true}) { nodes { %s } } } } } }
"""
POST = """
mutation ($input: PostStockCountInput!) { postStockCount(input: $input) { __typename ... on OwnRequest { message }
  ... on PostStockCountSuccess { count { state value taxReversed entry { narration } } } } }
"""
LIST = "query ($filter: StockCountFilter) { stockCounts(filter: $filter) { nodes { state branch { code } } } }"


async def test_who_counts_does_not_see_what_is_expected(database: Database) -> None:
    store = await filled(database)
    await adjust(store, store.serum_id, -1000)
    ask, receptionist, manager = Asker(database), maker(store), checker(store)
    branch = id_text("branch", store.branch_id)

    opened = (await ask.data(OPEN % BLIND, actor=receptionist, input={"branchId": branch}))["openStockCount"]["count"]
    lines = opened["lines"]["nodes"]
    assert [(each["product"]["sku"], each["expected"], each["isWhole"]) for each in lines] == [
        ("SER-100", None, True),
        ("COL-60", None, True),
    ]
    twice = (await ask.data(OPEN % BLIND, actor=receptionist, input={"branchId": branch}))["openStockCount"]
    assert (twice["__typename"], twice["count"]) == ("StockCountUnderWay", {"state": "OPEN"})
    goods = {"productId": id_text("product", store.serum_id), "quantity": "8"}
    given: dict[str, Any] = {"countId": opened["id"], "lines": [goods]}
    entered = (await ask.data(ENTER % BLIND, actor=receptionist, input=given))["enterStockCount"]["count"]
    assert entered["lines"]["nodes"] == [
        {"product": {"sku": "SER-100"}, "isWhole": True, "counted": "8.000", "expected": None, "variance": None}
    ]
    frozen = await ask(ENTER % "frozen", actor=receptionist, input=given)
    assert [each["extensions"]["permission"] for each in frozen["errors"]] == ["STOCK_APPROVE"]
    seen = (await ask.data(ENTER % "frozen", actor=manager, input=given))["enterStockCount"]["count"]
    assert seen["lines"]["nodes"] == [{"frozen": "9.000"}]
    done = {"countId": opened["id"], "expectedVersion": seen["version"]}
    submitted = (await ask.data(SUBMIT % BLIND, actor=receptionist, input=done))["submitStockCount"]["count"]
    assert submitted == {
        "state": "SUBMITTED",
        "lines": {
            "nodes": [
                {"product": {"sku": "SER-100"}, "isWhole": True, "counted": "8.000", "expected": "9.000", "variance": "-1.000"}
            ]
        },
    }  # fmt: skip
    own = (await ask.data(POST, actor=manager, input={"countId": opened["id"]}))["postStockCount"]
    assert own["__typename"] == "OwnRequest"  # it was the manager who entered it last
    posted = (await ask.data(POST, input={"countId": opened["id"]}))["postStockCount"]["count"]
    assert posted == {
        "state": "POSTED", "value": "-500.00", "taxReversed": "90.00", "entry": {"narration": "Stock counted"},
    }  # fmt: skip
    assert (await ask.data(LIST, filter={"branchId": branch, "state": "POSTED"}))["stockCounts"]["nodes"] == [
        {"state": "POSTED", "branch": {"code": "BLR1"}}
    ]
    assert (await ask.data(LIST, filter={"state": "OPEN"}))["stockCounts"]["nodes"] == []
