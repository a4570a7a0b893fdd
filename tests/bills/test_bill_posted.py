"""The subscription `billPosted`: who may see the bill hears of it, whichever way it was posted."""

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
