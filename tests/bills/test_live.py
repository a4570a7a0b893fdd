"""The till's subscriptions: who may see the bill hears of it, whichever way it was posted, changed or paid."""

import asyncio

import orjson

from salonos.bills import commands
from salonos.bills.rules import Tender
from salonos.graph.context import RequestFacts
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from tests.bills.asking import Asker
from tests.bills.makers import CASH, SYSTEM, UPI, actor_as, make_shop

TEXT = "subscription { billPosted { cursor occurredAt bill { id number total } } }"


async def test_a_posted_bill_is_heard_once(database: Database) -> None:
    shop = await make_shop(database)
    engine = Asker(database).engine
    stream = engine.subscribe(actor_as("MANAGER", shop.branch_id), RequestFacts(id="test"), TEXT, None, {})
    heard = asyncio.ensure_future(anext(stream))
    while not engine.live.subscribers:  # noqa: ASYNC110  turns of the loop
        await asyncio.sleep(0)

    draft_id = await shop.create_bill()
    tender = Tender(UPI, 178_700)
    await database.run(SYSTEM, lambda work: commands.add_payment(work, draft_id, tender, expected_version=1))
    sold_id = await shop.check_out((CASH, 178_700))

    first = orjson.loads(await asyncio.wait_for(heard, 10))
    second = orjson.loads(await asyncio.wait_for(anext(stream), 10))
    assert [each["data"]["billPosted"]["bill"] for each in (first, second)] == [
        {"id": id_text("bill", draft_id), "number": "BLR1/2627/00001", "total": "1787.00"},
        {"id": id_text("bill", sold_id), "number": "BLR1/2627/00002", "total": "1787.00"},
    ]
    await stream.aclose()
    await engine.live.stop()


CHANGES = """
    subscription {
        billChanged { bill { status version amountPaid } }
    }
"""
TAKEN = "subscription { paymentTaken { payment { method amount bill { status } } } }"


async def test_changes_and_payments_are_heard(database: Database) -> None:
    shop = await make_shop(database)
    engine = Asker(database).engine
    manager, facts = actor_as("MANAGER", shop.branch_id), RequestFacts(id="test")
    streams = [engine.subscribe(manager, facts, text, None, {}) for text in (CHANGES, TAKEN)]
    heard = [asyncio.ensure_future(anext(stream)) for stream in streams]
    while len(engine.live.subscribers) < len(streams):  # noqa: ASYNC110  turns of the loop
        await asyncio.sleep(0)

    draft_id = await shop.create_bill()
    changed = orjson.loads(await asyncio.wait_for(heard[0], 30))
    tender = Tender(UPI, 100_000)
    await database.run(SYSTEM, lambda work: commands.add_payment(work, draft_id, tender, expected_version=1))

    taken = orjson.loads(await asyncio.wait_for(heard[1], 30))
    again = orjson.loads(await asyncio.wait_for(anext(streams[0]), 30))
    bills = [each["data"]["billChanged"]["bill"] for each in (changed, again)]
    assert bills == [
        {"status": "DRAFT", "version": 1, "amountPaid": "0.00"},
        {"status": "DRAFT", "version": 2, "amountPaid": "1000.00"},
    ]
    assert taken["data"]["paymentTaken"]["payment"] == {
        "method": "UPI",
        "amount": "1000.00",
        "bill": {"status": "DRAFT"},
    }
    for stream in streams:
        await stream.aclose()
    await engine.live.stop()
