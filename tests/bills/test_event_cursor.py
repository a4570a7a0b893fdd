"""`viewer { eventCursor }`: whoever reads a list and subscribes behind the cursor of the same query misses nothing."""

import asyncio

import orjson

from salonos.graph.context import RequestFacts
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from tests.bills.asking import Asker
from tests.bills.makers import CASH, actor_as, make_shop

SCREEN = "{ viewer { eventCursor } bills(first: 10) { nodes { id } } }"
RESUMED = "subscription ($after: EventCursor) { billPosted(after: $after) { bill { id } } }"


async def test_between_a_list_and_the_subscription_that_follows_it_no_bill_is_missed(database: Database) -> None:
    shop = await make_shop(database)
    ask, reader = Asker(database), actor_as("MANAGER", shop.branch_id, staff_id=shop.staff_ids[0])
    listed_id = await shop.check_out((CASH, 178_700))
    screen = await ask.data(SCREEN, actor=reader)
    missed_id = await shop.check_out((CASH, 178_700))  # while the client connects

    given = {"after": screen["viewer"]["eventCursor"]}
    stream = ask.engine.subscribe(reader, RequestFacts(id="test"), RESUMED, None, given)
    heard: list[str] = []
    async with asyncio.timeout(30):
        while id_text("bill", missed_id) not in heard:
            heard.append(orjson.loads(await anext(stream))["data"]["billPosted"]["bill"]["id"])

    assert [each["id"] for each in screen["bills"]["nodes"]] == [id_text("bill", listed_id)]
    # What committed above the horizon of another transaction of the server is listed and comes as well.
    assert heard in ([id_text("bill", missed_id)], [id_text("bill", listed_id), id_text("bill", missed_id)])
    await stream.aclose()
    await ask.engine.live.stop()
