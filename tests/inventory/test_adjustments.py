"""Stock is corrected by two people: one asks, another decides, and the database knows it (maker-checker)."""

import asyncio
from collections import Counter
from typing import Any

import asyncpg
import pytest

from salonos.accounting import commands as accounting
from salonos.accounting.problems import PeriodClosed
from salonos.inventory import commands
from salonos.inventory.problems import AlreadyDecided, OwnRequest, StockTooLow
from salonos.inventory.rules import StockUnit
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.problems import Forbidden, InvalidInput
from salonos.salon.rules import TaxScheme
from tests.accounting.makers import connected
from tests.bills.makers import NOW, SYSTEM, actor_as
from tests.inventory.asking import Asker
from tests.inventory.control import REASON, adjust, approve, ask_for, checker, entry_of, maker
from tests.inventory.makers import Store, line, make_store, on
from tests.salon.makers import make_branch


async def filled(database: Database, **branch: Any) -> Store:
    """Ten serums at 500.00 and a litre of colour at 1.00 the ml, without tax."""
    store = await make_store(database, **branch)
    await store.receive(line(store.serum_id, 10_000, 500_00), line(store.colour_id, 1_000_000, 1_00))
    return store


async def test_a_loss_waits_for_somebody_else_and_takes_the_credit_back(database: Database) -> None:
    store = await filled(database)

    adjustment_id = await ask_for(store, store.serum_id, -2000, REASON.THEFT, words="Two from the window")
    assert await store.level(store.serum_id) == (10_000, 5000_00)
    await approve(store, adjustment_id)

    assert await store.level(store.serum_id) == (8000, 4000_00)
    assert await entry_of(store, adjustment_id) == [
        ("1200", -1000_00),
        ("1300", -90_00),
        ("1301", -90_00),
        ("5020", 1180_00),
    ]
    assert await store.credit_reversed(adjustment_id) == [("33059090", 2000, 1800, 1000_00, 90_00, 90_00)]
    assert (await store.moves(store.serum_id))[-1] == ("ADJUSTMENT", -2000, -1000_00)
    assert await store.drift() == 0


async def test_professional_goods_and_those_without_credit_carry_their_tax_in_their_cost(database: Database) -> None:
    store = await filled(database, tax_scheme=TaxScheme.COMPOSITION)

    colour, serum = await adjust(store, store.colour_id, -500_000), await adjust(store, store.serum_id, -1000)

    assert await entry_of(store, colour) == [("1210", -590_00), ("5020", 590_00)]
    assert await entry_of(store, serum) == [("1200", -590_00), ("5020", 590_00)]
    assert await store.credit_reversed(serum) == []
    assert await store.drift() == 0


async def test_what_is_found_is_worth_what_the_others_are_and_carries_no_tax(database: Database) -> None:
    store = await make_store(database)

    first = await adjust(store, store.serum_id, 1500, REASON.FOUND)  # the catalogue's 520.00: there are no others
    await store.receive(line(store.serum_id, 1500, 480_00))
    second = await adjust(store, store.serum_id, 1000, REASON.FOUND)

    assert await store.level(store.serum_id) == (4000, 2000_00)
    assert await entry_of(store, first) == [("1200", 780_00), ("5020", -780_00)]
    assert await entry_of(store, second) == [("1200", 500_00), ("5020", -500_00)]
    assert await store.drift() == 0


async def test_it_is_worth_what_it_is_worth_when_it_is_approved(database: Database) -> None:
    store = await filled(database)
    adjustment_id = await ask_for(store, store.serum_id, -1000)

    await store.receive(line(store.serum_id, 10_000, 700_00))
    await approve(store, adjustment_id)

    assert await store.level(store.serum_id) == (19_000, 11_400_00)


async def test_what_is_worth_nothing_needs_nobody(database: Database) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 3000, 0))

    adjustment_id = await ask_for(store, store.serum_id, -1000, REASON.GIVEN_AWAY)

    assert await store.level(store.serum_id) == (2000, 0)
    row = await database.pool.fetchrow("select * from stock_adjustments")
    assert (row["id"], row["state"], row["decided_by_id"], row["value_paise"]) == (adjustment_id, "APPROVED", None, 0)
    with pytest.raises(AlreadyDecided):
        await approve(store, adjustment_id)


async def test_the_expired_are_written_off_and_go_first_when_they_are_lost_for_that(database: Database) -> None:
    store = await make_store(database)
    await store.receive(
        line(store.serum_id, 2000, 1_00, batch="OLD", expires_on=on("2026-11-21")),
        line(store.serum_id, 2000, 1_00, batch="SOON", expires_on=on("2026-12-01")),
        line(store.serum_id, 2000, 1_00),
        now=NOW.replace(day=20),
    )

    await adjust(store, store.serum_id, -1000, REASON.EXPIRY)
    assert await store.batches(store.serum_id) == [("OLD", 1000), ("SOON", 2000), (None, 2000)]
    await adjust(store, store.serum_id, -2500, REASON.WASTAGE)
    assert await store.batches(store.serum_id) == [("OLD", 1000), (None, 1500)]
    await adjust(store, store.serum_id, -2500, REASON.CORRECTION)

    assert await store.batches(store.serum_id) == []
    assert await store.drift() == 0


async def test_a_batch_may_be_named_in_both_directions(database: Database) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 1000, 1_00, batch="A"), line(store.serum_id, 1000, 1_00, batch="B"))
    batch_id = await database.pool.fetchval("select id from stock_batches where code = 'B'")

    await adjust(store, store.serum_id, -1000, batch_id=batch_id)
    assert await store.batches(store.serum_id) == [("A", 1000)]
    with pytest.raises(StockTooLow) as raised:
        await ask_for(store, store.serum_id, -1, batch_id=batch_id)
    await adjust(store, store.serum_id, 3000, REASON.CORRECTION, batch_id=batch_id)

    assert raised.value.available == 0
    assert sorted(await store.batches(store.serum_id)) == [("A", 1000), ("B", 3000)]


async def test_nobody_decides_their_own_request(database: Database) -> None:
    store = await filled(database)
    manager = checker(store)
    adjustment_id = await ask_for(store, store.serum_id, -1000, actor=manager)

    with pytest.raises(OwnRequest):
        await approve(store, adjustment_id, actor=manager)
    with pytest.raises(OwnRequest):
        await database.run(
            manager, lambda work: commands.reject_stock_adjustment(work, adjustment_id, reason="x"), now=NOW
        )

    assert await store.level(store.serum_id) == (10_000, 5000_00)
    assert await database.pool.fetchval("select state from stock_adjustments") == "PENDING"


async def test_a_rejected_request_moves_nothing_and_stays_rejected(database: Database) -> None:
    store = await filled(database)
    adjustment_id = await ask_for(store, store.serum_id, -1000)

    await database.run(
        checker(store), lambda work: commands.reject_stock_adjustment(work, adjustment_id, reason="Look again"), now=NOW
    )

    with pytest.raises(AlreadyDecided):
        await approve(store, adjustment_id)
    assert await store.level(store.serum_id) == (10_000, 5000_00)
    assert await entry_of(store, adjustment_id) == []


async def test_of_many_approvers_one_wins(database: Database) -> None:
    store = await filled(database)
    for _ in range(3):
        adjustment_id = await ask_for(store, store.serum_id, -1000)

        outcomes = await asyncio.gather(*(approve(store, adjustment_id) for _ in range(6)), return_exceptions=True)

        assert Counter(type(each).__name__ for each in outcomes) == {"UUID": 1, "AlreadyDecided": 5}
    assert await store.level(store.serum_id) == (7000, 3500_00)
    assert await store.drift() == 0


async def test_what_is_sold_meanwhile_can_not_be_lost(database: Database) -> None:
    store = await filled(database)
    first, second = await ask_for(store, store.serum_id, -6000), await ask_for(store, store.serum_id, -6000)
    await approve(store, first)

    with pytest.raises(StockTooLow) as raised:
        await approve(store, second)

    assert raised.value.available == 4000
    assert await database.pool.fetchval("select state from stock_adjustments where id = $1", second) == "PENDING"


async def test_nothing_is_posted_into_a_closed_period(database: Database) -> None:
    store = await filled(database)
    adjustment_id = await ask_for(store, store.serum_id, -1000)
    await database.run(SYSTEM, lambda work: accounting.close_period(work, store.branch_id, until=on("2026-12-01")))

    with pytest.raises(PeriodClosed):
        await approve(store, adjustment_id)

    assert await store.level(store.serum_id) == (10_000, 5000_00)


WRONG: list[tuple[int, REASON, dict[str, Any], str, str]] = [
    (0, REASON.WASTAGE, {}, "quantity", "OUT_OF_RANGE"),
    (-(10**9) - 1, REASON.WASTAGE, {}, "quantity", "OUT_OF_RANGE"),
    (1000, REASON.THEFT, {}, "reason", "WRONG_DIRECTION"),
    (-1000, REASON.FOUND, {}, "reason", "WRONG_DIRECTION"),
    (-1000, REASON.WASTAGE, {"words": "x" * 201}, "words", "INVALID_TEXT"),
    (-1000, REASON.WASTAGE, {"unit": StockUnit.KG}, "unit", "UNKNOWN_UNIT"),
    (-1000, REASON.WASTAGE, {"batch_id": new_id()}, "batchId", "NOT_FOUND"),
]


async def test_what_can_not_be_is_refused(database: Database) -> None:
    store = await filled(database)
    found = []

    for quantity, reason, more, _, _ in WRONG:
        with pytest.raises(InvalidInput) as raised:
            await ask_for(store, store.serum_id, quantity, reason, **more)
        found.append([(issue.path, issue.code) for issue in raised.value.issues])

    assert found == [[((path,), code)] for *_, path, code in WRONG]
    assert await database.pool.fetchval("select count(*) from stock_adjustments") == 0


async def test_another_branchs_requests_are_out_of_reach(database: Database) -> None:
    store = await filled(database)
    other = await make_branch(database, "BLR2")
    adjustment_id = await ask_for(store, store.serum_id, -1000)
    stranger = actor_as("MANAGER", other)

    with pytest.raises(InvalidInput):
        await approve(store, adjustment_id, actor=stranger)
    with pytest.raises(InvalidInput):
        await ask_for(store, store.serum_id, -1000, actor=stranger)
    with pytest.raises(Forbidden):
        await approve(store, adjustment_id, actor=maker(store))
    with pytest.raises(Forbidden):
        await ask_for(store, store.serum_id, -1000, actor=actor_as("ACCOUNTANT", store.branch_id))


FORGED = "insert into stock_moves select gen_random_uuid(), branch_id, product_id, batch_id, 'ADJUSTMENT', -1000, -50000, null, 'stockadjustment', $1, 1, null, null, business_date, occurred_at, made_by_id from stock_moves limit 1"
SELF_APPROVED = (
    "update stock_adjustments set state = 'APPROVED', decided_by_id = requested_by_id, decided_at = now(), "
    "business_date = '2026-11-23', value_paise = -50000, tax_paise = 0"
)
BY_NOBODY = SELF_APPROVED.replace("= requested_by_id", "= null")


HELD = [
    (SELF_APPROVED, "ck_stock_adjustments_decided_by_another"),
    (BY_NOBODY, "ck_stock_adjustments_worth_something_needs_another"),
    ("update stock_adjustments set quantity_milli = -2000", None),
    ("delete from stock_adjustments", None),
    (FORGED, "stock_moves_approved"),
]


async def test_the_database_holds_it_whoever_writes(database: Database) -> None:
    store = await filled(database)
    adjustment_id = await ask_for(store, store.serum_id, -1000)

    async with connected(database, as_owner=True) as connection:
        for statement, constraint in HELD:
            given = [adjustment_id] if "$1" in statement else []
            with pytest.raises((asyncpg.CheckViolationError, asyncpg.RestrictViolationError)) as raised:
                await connection.execute(statement, *given)
            assert constraint is None or raised.value.constraint_name == constraint
        assert await store.level(store.serum_id) == (10_000, 5000_00)
        await approve(store, adjustment_id)
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute("update stock_adjustments set state = 'REJECTED'")


async def test_without_its_trigger_a_forged_correction_would_pass(database: Database) -> None:
    store = await filled(database)
    adjustment_id = await ask_for(store, store.serum_id, -1000)

    async with connected(database, as_owner=True) as connection:
        await connection.execute("drop trigger stock_moves_approved on stock_moves")
        await connection.execute(FORGED, adjustment_id)

    assert await store.level(store.serum_id) == (9000, 4500_00)
    assert await store.drift() > 0


REQUEST = """
mutation ($input: RequestStockAdjustmentInput!) { requestStockAdjustment(input: $input) { __typename
  ... on RequestStockAdjustmentSuccess { adjustment { id state quantity reason words product { sku } } }
  ... on StockTooLow { available } ... on InvalidInput { issues { path code } } } }
"""
APPROVE = """
mutation ($input: ApproveStockAdjustmentInput!) { approveStockAdjustment(input: $input) { __typename
  ... on ApproveStockAdjustmentSuccess { adjustment { state value taxReversed businessDate entry { narration } } }
  ... on AlreadyDecided { message adjustment { state } } ... on OwnRequest { message } } }
"""
REJECT = """
mutation ($input: RejectStockAdjustmentInput!) { rejectStockAdjustment(input: $input) { __typename
  ... on RejectStockAdjustmentSuccess { adjustment { state decisionWords value } } } }
"""
LIST = """
query ($filter: StockAdjustmentFilter) { stockAdjustments(filter: $filter) { totalCount nodes {
  product { sku } branch { code } quantity reason state requestedAt value } } }
"""


async def test_a_correction_through_the_schema(database: Database) -> None:
    store = await filled(database)
    ask, manager, receptionist = Asker(database), checker(store), maker(store)
    given: dict[str, Any] = {
        "branchId": id_text("branch", store.branch_id),
        "productId": id_text("product", store.colour_id),
        "quantity": "-1",
        "unit": "BOTTLE",
        "reason": "DAMAGE",
        "words": "Fell down",
    }

    asked = (await ask.data(REQUEST, actor=receptionist, input=given))["requestStockAdjustment"]["adjustment"]
    assert {**asked, "id": None} == {
        "id": None, "state": "PENDING", "quantity": "-500.000", "reason": "DAMAGE", "words": "Fell down",
        "product": {"sku": "COL-60"},
    }  # fmt: skip
    refused = await ask(APPROVE, actor=receptionist, input={"adjustmentId": asked["id"]})
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    done = (await ask.data(APPROVE, actor=SYSTEM, input={"adjustmentId": asked["id"]}))["approveStockAdjustment"]
    assert done["adjustment"] == {
        "state": "APPROVED", "value": "-590.00", "taxReversed": "0.00", "businessDate": "2026-11-23",
        "entry": {"narration": "Stock corrected: damage"},
    }  # fmt: skip
    again = (await ask.data(APPROVE, actor=manager, input={"adjustmentId": asked["id"]}))["approveStockAdjustment"]
    assert again["__typename"] == "AlreadyDecided"
    assert again["adjustment"] == {"state": "APPROVED"}

    own = {**given, "unit": "ML", "reason": "THEFT"}
    mine = (await ask.data(REQUEST, actor=manager, input=own))["requestStockAdjustment"]["adjustment"]["id"]
    assert (await ask.data(APPROVE, actor=manager, input={"adjustmentId": mine}))["approveStockAdjustment"] == {
        "__typename": "OwnRequest", "message": "This is your own. Somebody else has to decide it.",
    }  # fmt: skip
    found = {}
    for name, chosen in {
        "pending": {"state": "PENDING"},
        "damage": {"reason": "DAMAGE"},
        "serum": {"productId": id_text("product", store.serum_id)},
        "branch": {"branchId": id_text("branch", store.branch_id), "since": "2026-11-23"},
    }.items():
        nodes = (await ask.data(LIST, filter=chosen))["stockAdjustments"]["nodes"]
        found[name] = [(node["reason"], node["state"], node["value"]) for node in nodes]
    assert found == {
        "pending": [("THEFT", "PENDING", None)],
        "damage": [("DAMAGE", "APPROVED", "-590.00")],
        "serum": [],
        "branch": [("DAMAGE", "APPROVED", "-590.00")],
    }
    rejected = await ask.data(REJECT, input={"adjustmentId": mine, "reason": "It is in the drawer"})
    assert rejected["rejectStockAdjustment"]["adjustment"] == {
        "state": "REJECTED", "decisionWords": "It is in the drawer", "value": None,
    }  # fmt: skip


async def test_a_key_is_demanded_and_asks_once(database: Database) -> None:
    store = await filled(database)
    ask, key = Asker(database), new_id().hex
    given = {
        "branchId": id_text("branch", store.branch_id),
        "productId": id_text("product", store.serum_id),
        "quantity": "-1",
        "reason": "WASTAGE",
    }

    without = await ask(REQUEST, key=None, input=given)
    first, again = [await ask.data(REQUEST, key=key, input=given) for _ in range(2)]

    assert without["errors"][0]["extensions"]["code"] == "IDEMPOTENCY_KEY_REQUIRED"
    assert first == again
    assert await database.pool.fetchval("select count(*) from stock_adjustments") == 1


async def test_the_list_is_one_statement_for_one_row_and_for_fifty(database: Database) -> None:
    store = await filled(database)
    actor = maker(store)
    for _ in range(50):
        await ask_for(store, store.colour_id, -1, actor=actor)
    ask, sizes = Asker(database), []

    for first in (1, 50):
        before = ask.engine.statements
        text = LIST.replace("stockAdjustments(", f"stockAdjustments(first: {first}, ")
        found = (await ask.data(text))["stockAdjustments"]
        sizes.append((len(found["nodes"]), ask.engine.statements - before))

    assert sizes == [(1, 1), (50, 1)]
