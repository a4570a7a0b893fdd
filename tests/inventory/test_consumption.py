"""Services use up what their recipes say, in the transaction that bills them; what they really used is entered."""

import asyncio
from dataclasses import replace
from datetime import date

import asyncpg
import pytest

from salonos.accounting import commands as accounting
from salonos.accounting.problems import PeriodClosed
from salonos.bills import commands as bills
from salonos.inventory import commands
from salonos.inventory.commands import NewItem, RecipePart
from salonos.inventory.problems import StockTooLow, StockUnitInUse
from salonos.inventory.rules import StockUnit
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.kernel.problems import Forbidden, InvalidInput, StaleVersion
from salonos.salon.rules import TaxScheme
from tests.bills.makers import CASH, NOW, SYSTEM, UPI, actor_as, book_balance
from tests.catalog.makers import make_product, make_service
from tests.inventory.consuming import HAIRCUT_DUE, MISMATCHED, Parlour, make_parlour, make_recipe
from tests.inventory.makers import line, make_store, on
from tests.statements import Statements

STATEMENTS_MAX = 17
"""One more than goods alone: the recipes; nineteen with the idempotency record and the payload."""


async def issues_of(awaited: object) -> list[tuple[str, str]]:
    """The faults of a refused command: path and code."""
    with pytest.raises(InvalidInput) as raised:
        await awaited  # type: ignore[misc]  # a coroutine
    return [(".".join(map(str, issue.path)), issue.code) for issue in raised.value.issues]


async def is_true(parlour: Parlour) -> bool:
    """Whether levels, value and books agree, and every consumption is the sum of its moves."""
    return await parlour.store.drift() == 0 and await parlour.database.pool.fetchval(MISMATCHED) == 0


# --- recipes


async def test_a_recipe_is_kept_in_the_items_own_unit_and_replaced_whole(database: Database) -> None:
    store = await make_store(database)
    service_id = store.shop.catalog.service_id
    rows = "select product_id, quantity_milli from recipe_lines where recipe_id = $1 order by position"
    has = "select has_recipe from services where id = $1"

    await make_recipe(
        database, service_id, RecipePart(store.colour_id, 100, StockUnit.BOTTLE), RecipePart(store.serum_id, 250)
    )
    first = [tuple(row) for row in await database.pool.fetch(rows, service_id)]
    await make_recipe(database, service_id, RecipePart(store.serum_id, 500), version=1)
    second = [tuple(row) for row in await database.pool.fetch(rows, service_id)]
    told = [await database.pool.fetchval(has, service_id)]
    await make_recipe(database, service_id, version=2)
    told.append(await database.pool.fetchval(has, service_id))

    assert first == [(store.colour_id, 50_000), (store.serum_id, 250)]
    assert second == [(store.serum_id, 500)]
    assert told == [True, False]
    with pytest.raises(StaleVersion) as raised:
        await make_recipe(database, service_id, version=2)
    assert raised.value.current_version == 3


async def test_every_fault_of_a_recipe_is_told_with_its_path(database: Database) -> None:
    store = await make_store(database)
    service_id = store.shop.catalog.service_id
    unstocked = await make_product(database, store.shop.catalog.goods_class_id, "NONE")

    faults = await issues_of(
        make_recipe(
            database,
            service_id,
            RecipePart(store.colour_id, 0),
            RecipePart(store.serum_id, 1000, StockUnit.BOX),
            RecipePart(unstocked, 1000),
            RecipePart(store.colour_id, 10_001_000),
        )
    )
    many = await issues_of(make_recipe(database, service_id, *(RecipePart(new_id(), 1) for _ in range(21))))
    nowhere = await issues_of(make_recipe(database, new_id()))

    assert faults == [
        ("lines.0.quantity", "OUT_OF_RANGE"),
        ("lines.1.unit", "UNKNOWN_UNIT"),
        ("lines.2.productId", "NOT_STOCKED"),
        ("lines.3.productId", "TAKEN"),
        ("lines.3.quantity", "OUT_OF_RANGE"),
    ]
    assert (many, nowhere) == ([("lines", "TOO_MANY")], [("serviceId", "NOT_FOUND")])
    with pytest.raises(Forbidden):
        await make_recipe(database, service_id, actor=actor_as("RECEPTIONIST", store.branch_id))


async def test_two_who_write_the_first_recipe_write_one(database: Database) -> None:
    store = await make_store(database)
    part = RecipePart(store.colour_id, 1000)

    outcomes = await asyncio.gather(
        *(make_recipe(database, store.shop.catalog.service_id, part) for _ in range(4)), return_exceptions=True
    )

    assert sorted(type(each).__name__ for each in outcomes) == [*["StaleVersion"] * 3, "UUID"]


async def test_an_item_of_a_recipe_keeps_its_unit(database: Database) -> None:
    parlour = await make_parlour(database, colour_milli=0)

    with pytest.raises(StockUnitInUse):
        await database.run(
            SYSTEM,
            lambda work: commands.update_stock_item(
                work, parlour.store.colour_id, NewItem(StockUnit.L), expected_version=1
            ),
        )


# --- what a bill consumes


async def test_a_service_takes_what_its_recipe_says_and_books_it_as_consumption(database: Database) -> None:
    parlour = await make_parlour(database)
    store = parlour.store

    bill_id = await parlour.color()

    used = await parlour.used(bill_id)
    assert await store.level(store.colour_id) == (465_000, 274_35)
    assert (await store.shop.entry(bill_id))[-2:] == [("1210", -20_65), ("5010", 20_65)]
    assert (await store.moves(store.colour_id))[-1] == ("CONSUMPTION", -35_000, -20_65)
    assert (used["cause_kind"], used["position"], used["staff_id"]) == ("bill", 1, store.shop.staff_ids[0])
    assert (used["expected_milli"], used["actual_milli"], used["cost_paise"], used["tax_paise"]) == (
        35_000,
        35_000,
        20_65,
        0,
    )
    assert await is_true(parlour)


async def test_goods_and_consumption_of_one_bill_leave_together(database: Database) -> None:
    parlour = await make_parlour(database)
    store = parlour.store
    await store.receive(line(store.serum_id, 2000, 500_00))
    haircuts = replace(store.shop.haircut, quantity_milli=2500)

    bill_id = await store.shop.check_out((CASH, 296_800), lines=(haircuts, store.shop.serum))

    lines = dict(await store.shop.entry(bill_id))
    assert (await store.level(store.colour_id), await store.level(store.serum_id)) == (
        (412_500, 243_37),
        (1000, 500_00),
    )
    assert (lines["5000"], lines["5010"], lines["1200"], lines["1210"]) == (500_00, 51_63, -500_00, -51_63)
    assert await is_true(parlour)


@pytest.mark.parametrize(
    ("branch", "expected"),
    [
        ({}, {"5010": 147_50, "1200": -125_00, "1300": -11_25, "1301": -11_25}),
        ({"gstin": None, "tax_scheme": TaxScheme.UNREGISTERED}, {"5010": 147_50, "1200": -147_50}),
    ],
)
async def test_retail_stock_used_in_a_service_gives_its_input_credit_back(
    database: Database, branch: dict[str, object], expected: dict[str, int]
) -> None:
    store = await make_store(database, **branch)
    await make_recipe(database, store.shop.catalog.service_id, RecipePart(store.serum_id, 250))
    await store.receive(line(store.serum_id, 2000, 500_00))
    parlour = Parlour(store)

    bill_id = await parlour.color(HAIRCUT_DUE if not branch else 75_000)

    lines = dict(await store.shop.entry(bill_id))
    used = await parlour.used(bill_id)
    assert {code: lines[code] for code in expected} == expected
    assert used["cost_paise"] == lines["5010"]
    assert used["tax_paise"] == -lines.get("1300", 0) - lines.get("1301", 0)
    given_back = [] if branch else [("33059090", 250, 1800, 125_00, 11_25, 11_25)]
    assert await store.credit_reversed(bill_id) == given_back
    assert await is_true(parlour)


async def test_credit_stays_while_the_service_itself_carries_tax_with_credit(database: Database) -> None:
    store = await make_store(database)
    await store.shop.change_rate(1800, since=date(2026, 11, 1))
    await make_recipe(database, store.shop.catalog.service_id, RecipePart(store.serum_id, 250))
    await store.receive(line(store.serum_id, 2000, 500_00))

    bill_id = await Parlour(store).color(88_500)

    lines = dict(await store.shop.entry(bill_id))
    assert (lines["5010"], lines["1200"]) == (125_00, -125_00)
    assert not {"1300", "1301"} & set(lines)


async def test_a_service_is_not_billed_without_what_it_uses_unless_the_branch_allows_it(database: Database) -> None:
    parlour = await make_parlour(database, colour_milli=30_000)
    store = parlour.store

    with pytest.raises(StockTooLow) as raised:
        await parlour.color()
    assert (raised.value.product_id, raised.value.available) == (store.colour_id, 30_000)
    assert await database.pool.fetchval("select count(*) from bills") == 0

    await store.allow_negative()
    await parlour.color()
    assert await store.level(store.colour_id) == (-5000, 0)
    with pytest.raises(StockTooLow):
        await parlour.use(10**9)
    assert await is_true(parlour)


async def test_two_tills_do_not_both_use_the_last_35_ml(database: Database) -> None:
    parlour = await make_parlour(database, colour_milli=35_000)
    store = parlour.store
    for _ in range(5):
        outcomes = await asyncio.gather(*(parlour.color() for _ in range(4)), return_exceptions=True)

        assert sorted(type(each).__name__ for each in outcomes) == [*["StockTooLow"] * 3, "UUID"]
        assert await store.level(store.colour_id) == (0, 0)
        await store.receive(line(store.colour_id, 35_000, 50))
    assert await is_true(parlour)


async def test_tills_that_sell_and_use_in_opposite_order_do_not_lock_each_other_out(database: Database) -> None:
    parlour = await make_parlour(database)
    store = parlour.store
    await store.receive(line(store.serum_id, 12_000, 1_00))
    part = (RecipePart(store.serum_id, 1000), RecipePart(store.colour_id, 1000))
    other = await make_service(database, store.shop.catalog.service_class_id, name="Gloss")
    await make_recipe(database, other, *part)
    gloss = replace(store.shop.haircut, service_id=other)

    await asyncio.gather(*(parlour.color(157_500, lines=(store.shop.haircut, gloss)[::way]) for way in (1, -1) * 6))

    assert await store.level(store.serum_id) == (0, 0)
    assert (await store.level(store.colour_id))[0] == 500_000 - 12 * 36_000
    assert await database.pool.fetchval("select count(*) from consumptions") == 36
    assert (
        await database.pool.fetchval("select deadlocks from pg_stat_database where datname = current_database()") == 0
    )
    assert await is_true(parlour)


async def test_a_draft_consumes_when_it_is_posted_by_the_recipe_of_that_moment(database: Database) -> None:
    parlour = await make_parlour(database)
    store = parlour.store
    bill_id = await store.shop.create_bill(lines=(store.shop.haircut,), customer_id=store.shop.customer_id)
    service_id = store.shop.catalog.service_id
    await make_recipe(database, service_id, RecipePart(store.colour_id, 40_000), version=1)

    await database.run(SYSTEM, lambda work: bills.post_bill(work, bill_id, expected_version=1), now=NOW)

    assert (await parlour.used(bill_id))["expected_milli"] == 40_000


async def test_a_refund_brings_goods_back_and_no_consumption(database: Database) -> None:
    parlour = await make_parlour(database)
    store = parlour.store
    await store.receive(line(store.serum_id, 2000, 500_00))
    bill_id = await store.shop.check_out((CASH, 178_700))
    refund = bills.NewRefund(bill_id=bill_id, reason="Not to her liking", method=CASH)

    await database.run(SYSTEM, lambda work: bills.refund_bill(work, refund), now=NOW)

    assert await store.level(store.serum_id) == (2000, 1000_00)
    assert (await store.level(store.colour_id))[0] == 465_000
    assert await is_true(parlour)


async def test_consumption_takes_one_statement_more_and_none_without_recipes(
    database: Database, statements: Statements
) -> None:
    parlour = await make_parlour(database, colour_milli=5_000_000)
    store = parlour.store
    await store.receive(line(store.serum_id, 100_000, 1_00))
    receptionist = actor_as("RECEPTIONIST", store.branch_id)
    haircut = replace(store.shop.haircut, discount_paise=100, discount_reason="x")
    plain = await make_service(database, store.shop.catalog.service_class_id, name="Dry cut")
    counts = []

    for service in (haircut, replace(haircut, service_id=plain)):
        with statements.counted() as asked:
            await store.shop.check_out(
                (UPI, 4_000_000),
                (CASH, 962_000),
                lines=(service, store.shop.serum) * 25,
                customer_id=store.shop.customer_id,
                actor=receptionist,
            )
        counts.append(len(asked))

    assert counts == [STATEMENTS_MAX, STATEMENTS_MAX - 1]


# --- what was really used


async def test_what_was_used_beyond_the_recipe_leaves_the_shelf_too(database: Database) -> None:
    parlour = await make_parlour(database)
    store = parlour.store
    used = await parlour.used(await parlour.color())

    await parlour.record(used["id"], 80, unit=StockUnit.BOTTLE)

    now = await parlour.used(used["cause_id"])
    assert (now["expected_milli"], now["actual_milli"], now["version"]) == (35_000, 40_000, 2)
    assert (now["expected_cost_paise"], now["cost_paise"]) == (20_65, 23_60)
    assert await parlour.entry(used["id"]) == [("1210", -2_95), ("5010", 2_95)]
    assert await store.level(store.colour_id) == (460_000, 271_40)
    assert await is_true(parlour)


async def test_what_was_not_used_goes_back_into_its_batches_at_the_cost_it_was_taken_at(database: Database) -> None:
    parlour = await make_parlour(database, colour_milli=0)
    store = parlour.store
    await store.receive(
        line(store.colour_id, 20_000, 50, batch="A", expires_on=on("2027-01-01")),
        line(store.colour_id, 30_000, 50, batch="B", expires_on=on("2027-02-01")),
    )
    used = await parlour.used(await parlour.color())
    await store.receive(line(store.colour_id, 100_000, 90))

    await parlour.record(used["id"], 10_000)
    some = await store.batches(store.colour_id)
    await parlour.record(used["id"], 0, version=2)

    assert some == [("A", 10_000), ("B", 30_000), (None, 100_000)]
    assert await store.batches(store.colour_id) == [("A", 20_000), ("B", 30_000), (None, 100_000)]
    assert await store.level(store.colour_id) == (150_000, 29_50 + 106_20)
    assert await book_balance(database, "5010") == 0
    assert (await parlour.used(used["cause_id"]))["cost_paise"] == 0
    assert await is_true(parlour)


async def test_credit_follows_what_was_used(database: Database) -> None:
    store = await make_store(database)
    await make_recipe(database, store.shop.catalog.service_id, RecipePart(store.serum_id, 333))
    await store.receive(line(store.serum_id, 2000, 333_33))
    parlour = Parlour(store)
    used = await parlour.used(await parlour.color())
    assert await book_balance(database, "1300") == await book_balance(database, "1301") == -9_99

    for version, milli in enumerate((1000, 100, 0), start=1):
        await parlour.record(used["id"], milli, version)

        now = await parlour.used(used["cause_id"])
        assert await book_balance(database, "5010") == now["cost_paise"]
        assert -2 * await book_balance(database, "1300") == now["tax_paise"]
        assert await is_true(parlour)

    assert await store.level(store.serum_id) == (2000, 666_66)
    entered = [(each[1], *each[3:]) for each in await store.credit_reversed(used["id"])]
    assert entered == [(667, 222_33, 20_01, 20_01), (-900, -300_00, -27_00, -27_00), (-100, -33_33, -3_00, -3_00)]


async def test_the_same_entry_twice_moves_nothing_twice(database: Database) -> None:
    parlour = await make_parlour(database)
    used = await parlour.used(await parlour.color())

    outcomes = await asyncio.gather(*(parlour.record(used["id"], 40_000) for _ in range(4)), return_exceptions=True)

    assert sorted(type(each).__name__ for each in outcomes) == [*["StaleVersion"] * 3, "UUID"]
    assert (await parlour.store.level(parlour.store.colour_id))[0] == 460_000


async def test_an_entry_of_what_was_expected_moves_nothing_and_is_known(database: Database) -> None:
    parlour = await make_parlour(database)
    used = await parlour.used(await parlour.color())

    await parlour.record(used["id"], 35_000)

    now = await parlour.used(used["cause_id"])
    assert (now["version"], now["recorded_at"], now["recorded_by_id"]) == (2, NOW, SYSTEM.id)
    assert await parlour.entry(used["id"]) == []


async def test_no_more_is_entered_than_there_is_and_no_nonsense(database: Database) -> None:
    parlour = await make_parlour(database, colour_milli=40_000)
    used = await parlour.used(await parlour.color())

    with pytest.raises(StockTooLow) as raised:
        await parlour.record(used["id"], 45_000)
    assert raised.value.available == 5000
    assert await issues_of(parlour.record(used["id"], -1)) == [("quantity", "OUT_OF_RANGE")]
    assert await issues_of(parlour.record(used["id"], 10**9 + 1)) == [("quantity", "OUT_OF_RANGE")]
    assert await issues_of(parlour.record(used["id"], 0, unit=StockUnit.BOX)) == [("unit", "UNKNOWN_UNIT")]
    assert await issues_of(parlour.record(new_id(), 1)) == [("consumptionId", "NOT_FOUND")]


async def test_people_enter_their_own_lines_and_who_counts_stock_enters_all(database: Database) -> None:
    parlour = await make_parlour(database)
    store = parlour.store
    used = await parlour.used(await parlour.color())
    own, other = (actor_as("STAFF", store.branch_id, staff_id=staff_id) for staff_id in store.shop.staff_ids)
    elsewhere = actor_as("MANAGER", new_id())

    with pytest.raises(Forbidden) as raised:
        await parlour.record(used["id"], 36_000, actor=other)
    assert raised.value.extensions["permission"] == "STOCK_COUNT"
    with pytest.raises(Forbidden):
        await parlour.record(used["id"], 36_000, actor=actor_as("ACCOUNTANT", store.branch_id))
    assert await issues_of(parlour.record(used["id"], 1, actor=elsewhere)) == [("consumptionId", "NOT_FOUND")]
    await parlour.record(used["id"], 36_000, actor=own)
    await parlour.record(used["id"], 37_000, version=2, actor=actor_as("RECEPTIONIST", store.branch_id))

    assert (await parlour.used(used["cause_id"]))["actual_milli"] == 37_000


async def test_what_was_used_is_not_entered_into_a_closed_period(database: Database) -> None:
    parlour = await make_parlour(database)
    used = await parlour.used(await parlour.color())
    branch_id = parlour.store.branch_id
    await database.run(SYSTEM, lambda work: accounting.close_period(work, branch_id, until=on("2026-12-01")))

    with pytest.raises(PeriodClosed):
        await parlour.record(used["id"], 40_000)

    assert (await parlour.used(used["cause_id"]))["version"] == 1
    assert (await parlour.store.level(parlour.store.colour_id))[0] == 465_000


async def test_what_was_expected_can_not_be_changed(database: Database) -> None:
    parlour = await make_parlour(database)
    used = await parlour.used(await parlour.color())

    for change in ("expected_milli = 1", "staff_id = null", "actual_milli = 1"):
        with pytest.raises((asyncpg.RestrictViolationError, asyncpg.InsufficientPrivilegeError)):
            await database.pool.execute(f"update consumptions set {change} where id = $1", used["id"])
