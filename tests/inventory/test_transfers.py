"""Goods go from branch to branch: what is on its way is the sender's, and no paisa is lost between them."""

import asyncio
import os
from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from salonos.accounting import commands as accounting
from salonos.accounting.commands import NewEntry
from salonos.accounting.problems import PeriodClosed
from salonos.inventory import commands
from salonos.inventory.commands import Issue
from salonos.inventory.problems import OwnRequest, StockTooLow, StockTransferClosed, TransferNeedsInvoice
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.problems import Forbidden, InvalidInput
from tests.accounting.makers import connected
from tests.bills.makers import NOW, SYSTEM, TODAY, actor_as
from tests.inventory.asking import Asker
from tests.inventory.control import (
    REASON,
    approve,
    arrive,
    ask_for,
    balances,
    entry_of,
    lines_of,
    maker,
    send,
    take_back,
)
from tests.inventory.makers import Store, line, make_store, on
from tests.salon.makers import make_branch

ROUNDS = 100 if "SALONOS_PROVE" in os.environ else 5


async def two_stores(database: Database, **other: Any) -> tuple[Store, Store]:
    """Ten serums in two batches and a litre of colour here; nothing there."""
    here = await make_store(database)
    await here.receive(
        line(here.serum_id, 4000, 333_33, batch="A", expires_on=on("2026-12-01")),
        line(here.serum_id, 6000, 333_34),
        line(here.colour_id, 1_000_000, 1_00),
    )
    there_id = await make_branch(database, "BLR2", **other)
    return here, replace(here, shop=replace(here.shop, branch_id=there_id))


async def state_of(store: Store, transfer_id: UUID) -> str:
    found: str = await store.database.pool.fetchval("select state from stock_transfers where id = $1", transfer_id)
    return found


async def batches_at(store: Store, product_id: UUID) -> list[tuple[str | None, int]]:
    rows = await store.database.pool.fetch(
        "select code, quantity_milli from stock_batches where branch_id = $1 and product_id = $2 and quantity_milli <> 0 "
        "order by expires_key, id",
        store.branch_id,
        product_id,
    )
    return [(row["code"], row["quantity_milli"]) for row in rows]


async def test_goods_are_on_their_way_until_they_arrive_with_batch_and_cost(database: Database) -> None:
    here, there = await two_stores(database)

    sent = await send(here, there.branch_id, (here.serum_id, 5000), (here.colour_id, 500_000))
    assert await here.level(here.serum_id) == (5000, 1666_68)
    assert await balances(here, here.branch_id) == {"1200": 1666_68, "1210": 590_00, "1220": 2256_68}
    assert await here.drift() == 0
    await arrive(here, sent)

    assert await balances(here, here.branch_id) == {"1200": 1666_68, "1210": 590_00, "1290": 2256_68}
    assert await balances(here, there.branch_id) == {"1200": 1666_68, "1210": 590_00, "1290": -2256_68}
    assert await batches_at(there, here.serum_id) == [("A", 4000), (None, 1000)]
    assert await there.level(here.colour_id) == (500_000, 590_00)
    assert await state_of(here, sent) == "RECEIVED"
    assert await here.drift() == 0


async def test_what_arrives_in_parts_is_worth_the_whole_and_the_rest_stays_on_its_way(database: Database) -> None:
    here, there = await two_stores(database)
    sent = await send(here, there.branch_id, (here.serum_id, 3000))
    (line_id,) = await lines_of(here, sent)

    for part in (1, 999, 1500):
        await arrive(here, sent, [(line_id, part)])
        assert await here.drift() == 0
    assert await state_of(here, sent) == "PARTLY_RECEIVED"
    with pytest.raises(InvalidInput):
        await arrive(here, sent, [(line_id, 501)])
    await arrive(here, sent)

    assert await there.level(here.serum_id) == (3000, 1000_01)
    assert (await balances(here, here.branch_id))["1290"] == 1000_01
    with pytest.raises(StockTransferClosed):
        await arrive(here, sent)


async def test_what_never_arrives_is_written_off_by_somebody_else(database: Database) -> None:
    here, there = await two_stores(database)
    sent = await send(here, there.branch_id, (here.serum_id, 3000))
    (line_id,) = await lines_of(here, sent)
    await arrive(here, sent, [(line_id, 2000)])
    receiver = actor_as("MANAGER", there.branch_id, here.branch_id)

    with pytest.raises(StockTooLow) as raised:
        await ask_for(here, here.serum_id, -1001, REASON.THEFT, transfer_line_id=line_id)
    lost = await ask_for(here, here.serum_id, -1000, REASON.THEFT, transfer_line_id=line_id, actor=receiver)
    with pytest.raises(OwnRequest):
        await approve(here, lost, actor=receiver)
    await approve(here, lost)

    assert raised.value.available == 1000
    assert await entry_of(here, lost) == [("1220", -333_34), ("1300", -30_00), ("1301", -30_00), ("5020", 393_34)]
    assert await here.credit_reversed(lost) == [("33059090", 1000, 1800, 333_34, 30_00, 30_00)]
    assert await state_of(here, sent) == "RECEIVED"
    assert "1220" not in await balances(here, here.branch_id)
    assert await here.drift() == 0


async def test_a_cancelled_transfer_brings_back_batches_and_cost(database: Database) -> None:
    here, there = await two_stores(database)
    before = (await here.level(here.serum_id), await batches_at(here, here.serum_id))
    sent = await send(here, there.branch_id, (here.serum_id, 5000))

    with pytest.raises(InvalidInput):
        await take_back(here, sent, actor=actor_as("MANAGER", there.branch_id))
    await take_back(here, sent)

    assert (await here.level(here.serum_id), await batches_at(here, here.serum_id)) == before
    assert await balances(here, here.branch_id) == {"1200": 3333_36, "1210": 1180_00}
    for late in (arrive(here, sent), take_back(here, sent)):
        with pytest.raises(StockTransferClosed):
            await late
    other = await send(here, there.branch_id, (here.serum_id, 2000))
    await arrive(here, other, [((await lines_of(here, other))[0], 1)])
    with pytest.raises(StockTransferClosed):
        await take_back(here, other)
    assert await here.drift() == 0


async def test_what_fills_a_gap_at_the_receiver_leaves_the_difference_to_the_price(database: Database) -> None:
    here, there = await two_stores(database)
    await there.allow_negative()
    await database.run(SYSTEM, lambda work: _issue(there, work), now=NOW)

    await arrive(here, await send(here, there.branch_id, (here.serum_id, 2000)))

    assert await there.level(here.serum_id) == (1000, 333_33)
    assert await here.drift() == 0


async def _issue(store: Store, work: Any) -> None:
    """One serum leaves a shelf that has none, at the catalogue's 520.00."""
    cause = new_id()
    cost = await commands.issue(
        work,
        branch_id=store.branch_id,
        cause_kind="bill",
        cause_id=cause,
        on=TODAY,
        goods=[Issue(store.serum_id, 1000, 1)],
    )
    await accounting.post_entry(work, NewEntry(store.branch_id, TODAY, "Goods", "bill", cause, cost.lines))


async def test_what_can_not_be_sent_is_refused(database: Database) -> None:
    here, there = await two_stores(database)
    one = (here.serum_id, 1000)
    manager = actor_as("MANAGER", here.branch_id)
    stranger = await make_branch(database, "DEL1", gstin="07AAGFF2194N1Z1", state_code="07")
    refused = []
    for made in (
        send(here, here.branch_id, one),
        send(here, new_id(), one, actor=SYSTEM),
        send(here, there.branch_id, one, actor=manager),
        send(here, there.branch_id),
        send(here, there.branch_id, (here.serum_id, 0), (new_id(), 1)),
        send(here, there.branch_id, one, batch_id=new_id()),
    ):
        with pytest.raises(InvalidInput) as raised:
            await made
        refused.append([(issue.path[-1], issue.code) for issue in raised.value.issues])

    assert refused == [
        [("toBranchId", "SAME_BRANCH")],
        [("toBranchId", "NOT_FOUND")],
        [("toBranchId", "NOT_FOUND")],
        [("lines", "REQUIRED")],
        [("quantity", "OUT_OF_RANGE"), ("productId", "NOT_STOCKED")],
        [("batchId", "NOT_FOUND")],
    ]
    with pytest.raises(TransferNeedsInvoice):
        await send(here, stranger, one)
    with pytest.raises(StockTooLow):
        await send(here, there.branch_id, (here.serum_id, 10_001))
    with pytest.raises(Forbidden):
        await send(here, there.branch_id, one, actor=maker(here))
    sent = await send(here, there.branch_id, one)
    with pytest.raises(InvalidInput):
        await arrive(here, sent, actor=actor_as("RECEPTIONIST", here.branch_id))
    await database.run(SYSTEM, lambda work: accounting.close_period(work, there.branch_id, until=on("2026-12-01")))
    with pytest.raises(PeriodClosed):
        await arrive(here, sent)
    assert await state_of(here, sent) == "SENT"
    assert await here.drift() == 0


async def test_two_branches_that_send_to_one_another_do_not_lock_each_other_out(database: Database) -> None:
    here, there = await two_stores(database)
    await there.receive(line(here.serum_id, 10_000, 200_00), line(here.colour_id, 1_000_000, 2_00))
    gate = asyncio.Semaphore(3)  # what waits longer than two seconds for a lock is refused

    async def go(store: Store, other: Store, goods: tuple[tuple[UUID, int], ...]) -> str:
        async with gate:
            sent = await send(store, other.branch_id, *goods)
            outcomes = await asyncio.gather(arrive(store, sent), take_back(store, sent), return_exceptions=True)
            return "+".join(sorted(type(each).__name__ for each in outcomes))

    goods = ((here.serum_id, 100), (here.colour_id, 1000))
    ways = [(here, there, goods), (there, here, goods[::-1])] * ROUNDS
    outcomes = Counter(await asyncio.gather(*(go(*way) for way in ways)))

    assert outcomes == {"StockTransferClosed+UUID": 2 * ROUNDS}
    assert await here.drift() == 0
    totals = [await here.level(here.serum_id), await there.level(here.serum_id)]
    assert sum(quantity for quantity, _ in totals) == 20_000
    assert sum(value for _, value in totals) == 3333_36 + 2000_00
    deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"
    assert await database.pool.fetchval(deadlocks) == 0


FORGED = "insert into stock_moves select gen_random_uuid(), branch_id, product_id, batch_id, 'TRANSFER_OUT', -1000, -33333, null, 'stocktransfer', $1, 1, null, null, business_date, occurred_at, made_by_id from stock_moves limit 1"
HELD = [
    (
        "update stock_transfer_lines set received_milli = 3001, received_paise = value_paise",
        "ck_stock_transfer_lines_quantities",
    ),
    ("update stock_transfers set state = 'RECEIVED', closed_at = now()", "stock_transfers_arrived"),
    ("update stock_transfers set to_branch_id = gen_random_uuid()", "stock_transfers_moves"),
    ("update stock_transfer_lines set quantity_milli = 2000", None),
    ("delete from stock_transfer_lines", None),
    (FORGED, "stock_moves_transferred"),
]


async def test_the_database_holds_it_whoever_writes(database: Database) -> None:
    here, there = await two_stores(database)
    sent = await send(here, there.branch_id, (here.serum_id, 3000))

    async with connected(database, as_owner=True) as connection:
        for statement, constraint in HELD:
            given = [sent] if "$1" in statement else []
            with pytest.raises((asyncpg.CheckViolationError, asyncpg.RestrictViolationError)) as raised:
                await connection.execute(statement, *given)
            assert constraint is None or raised.value.constraint_name == constraint

    assert await here.drift() == 0


SEND = """
mutation ($input: TransferStockInput!) { transferStock(input: $input) { __typename
  ... on TransferStockSuccess { transfer { id state inTransitValue sender { code } receiver { code } entry { narration }
    lines { id product { sku } batch { code } quantity inTransit value } } }
  ... on TransferNeedsInvoice { fromBranch { code } toBranch { code } } ... on StockTooLow { available } } }
"""
RECEIVE = """
mutation ($input: ReceiveTransferInput!) { receiveTransfer(input: $input) { __typename
  ... on ReceiveTransferSuccess { transfer { state sender { code } lines { received inTransit value } } }
  ... on StockTransferClosed { transfer { state } } } }
"""
LIST = """
query ($filter: StockTransferFilter) { stockTransfers(filter: $filter) { nodes { state inTransitValue } } }
"""
CANCEL = """
mutation ($input: CancelTransferInput!) { cancelTransfer(input: $input) { __typename
  ... on StockTransferClosed { transfer { state } } } }
"""


async def test_a_transfer_through_the_schema(database: Database) -> None:
    here, there = await two_stores(database)
    ask, branch, other = Asker(database), id_text("branch", here.branch_id), id_text("branch", there.branch_id)
    goods = {"productId": id_text("product", here.colour_id), "quantity": "1", "unit": "BOTTLE"}
    given = {"fromBranchId": branch, "toBranchId": other, "lines": [goods]}

    sent = (await ask.data(SEND, input=given))["transferStock"]["transfer"]
    transfer_id, line_id = sent.pop("id"), sent["lines"][0].pop("id")
    assert sent == {
        "state": "SENT", "inTransitValue": "590.00", "sender": {"code": "BLR1"}, "receiver": {"code": "BLR2"},
        "entry": {"narration": "Goods sent to BLR2"},
        "lines": [{"product": {"sku": "COL-60"}, "batch": {"code": None}, "quantity": "500.000", "inTransit": "500.000",
                   "value": "590.00"}],
    }  # fmt: skip
    part = {"transferId": transfer_id, "lines": [{"lineId": line_id, "quantity": "200"}]}
    receptionist = actor_as("RECEPTIONIST", there.branch_id)
    received = await ask(RECEIVE, actor=receptionist, input=part)
    assert received["data"]["receiveTransfer"]["transfer"] == {
        "state": "PARTLY_RECEIVED", "sender": None,
        "lines": [{"received": "200.000", "inTransit": "300.000", "value": None}],
    }  # fmt: skip
    on_the_way = (await ask.data(LIST, filter={"isInTransit": True, "toBranchId": other}))["stockTransfers"]["nodes"]
    assert on_the_way == [{"state": "PARTLY_RECEIVED", "inTransitValue": "354.00"}]
    assert (await ask.data(LIST, filter={"fromBranchId": other}))["stockTransfers"]["nodes"] == []
    late = (await ask.data(CANCEL, input={"transferId": transfer_id}))["cancelTransfer"]
    assert late == {"__typename": "StockTransferClosed", "transfer": {"state": "PARTLY_RECEIVED"}}
    elsewhere = await ask.data(LIST, actor=actor_as("MANAGER", await make_branch(database, "BLR3")))
    assert elsewhere["stockTransfers"]["nodes"] == []
