"""G2: a repeated request has one effect and one answer, however many processes it reaches at once."""

import asyncio
import os
from collections import defaultdict
from typing import Any

from salonos.kernel.database import Database
from tests.bills.asking import Asker
from tests.bills.makers import make_shop
from tests.bills.test_writes import CHECK_OUT, sale

ATTEMPTS, KEYS = (10_000, 200) if "SALONOS_PROVE" in os.environ else (1000, 50)
AT_ONCE = 8


async def test_many_attempts_on_few_keys_are_as_many_sales_as_keys(database: Database, database_url: str) -> None:
    shop = await make_shop(database)
    other = await Database.open(database_url, pool_size=AT_ONCE)
    askers = [Asker(database), Asker(other)]
    given = sale(shop, ("UPI", "1787.00"))
    gate = asyncio.Semaphore(AT_ONCE)
    answers: dict[str, list[Any]] = defaultdict(list)

    async def attempt(place: int) -> None:
        key = f"the-key-of-the-sale-{place % KEYS:03d}"
        async with gate:
            answers[key].append(await askers[place % 2](CHECK_OUT, key=key, input=given))

    await asyncio.gather(*map(attempt, range(ATTEMPTS)))
    await other.close()

    numbers = {key: {_number(body) for body in bodies} for key, bodies in answers.items()}
    assert all(len(found) == 1 for found in numbers.values()), numbers
    assert sorted(number for found in numbers.values() for number in found) == [
        f"BLR1/2627/{place:05d}" for place in range(1, KEYS + 1)
    ]
    fresh = [body for bodies in answers.values() for body in bodies if "extensions" not in body]
    assert len(fresh) == KEYS
    for table in ("bills", "entries", "money_moves", "payments", "drawn_numbers"):
        assert await database.pool.fetchval(f"select count(*) from {table}") == KEYS, table


def _number(body: Any) -> str:
    number: str = body["data"]["checkOut"]["bill"]["number"]
    return number
