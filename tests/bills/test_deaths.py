"""A process dies while a bill is given back, taken back, collected, written off or corrected: all of it is kept, or none.

Whoever asks again with the same key gets the answer of the first time, and it happens once.
"""

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from salonos import doctor
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from tests.bills.asking import Asker
from tests.bills.makers import ON_ACCOUNT, UPI, Shop
from tests.inventory.makers import Store, line, make_store

ACTIONS = ("refundBill", "voidBill", "writeOffBalance", "collectBalance", "correctPayment")
POINTS = {"after_claim": 0, "before_commit": 0, "after_commit": 1}
"""How often it has happened when the process dies there."""


class Nursery:
    """Where processes die."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def exit_code(self, **asked: Any) -> int:
        """How a child ended that asked."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked).encode() + b"\n")
        return int(await asyncio.wait_for(self.process.stdout.readline(), 60))


@pytest.fixture
async def nursery(database: Database) -> AsyncIterator[Nursery]:
    command = (sys.executable, "-m", "tests.bills.nursery", database.url)
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    yield Nursery(process)
    process.kill()
    await process.wait()


async def action(name: str, shop: Shop) -> dict[str, Any]:
    """The input of one of the mutations, for a new bill of 1787.00 on which 787.00 are owed."""
    bill_id = await shop.check_out((UPI, 100_000), (ON_ACCOUNT, 78_700), customer_id=shop.customer_id)
    bill = {"billId": id_text("bill", bill_id)}
    payment_id: UUID = (await shop.row("payments", bill_id))["id"]
    given: dict[str, dict[str, Any]] = {
        "refundBill": {**bill, "reason": "x", "paymentMethod": "UPI"},
        "voidBill": {**bill, "reason": "x", "expectedVersion": 1},
        "writeOffBalance": {**bill, "reason": "x", "expectedVersion": 1},
        "correctPayment": {"paymentId": id_text("payment", payment_id), "method": "CARD"},
        "collectBalance": {
            "branchId": id_text("branch", shop.branch_id),
            "customerId": id_text("customer", shop.customer_id),
            "payment": {"method": "UPI", "amount": "787.00", "reference": "1"},
        },
    }
    return given[name]


async def kept(store: Store) -> dict[str, int]:
    """How many rows there are of all that an action writes."""
    tables = ("entries", "bills", "payments", "stock_moves", "outbox_events", "drawn_numbers", "idempotency_keys")
    counts = ", ".join(f"(select count(*) from {table}) as {table}" for table in tables)
    return dict(await store.database.pool.fetchrow(f"select {counts}"))


async def test_a_process_that_dies_leaves_all_of_it_or_nothing(database: Database, nursery: Nursery) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 50_000, 100_00))
    ask = Asker(database)

    for name, (point, times) in itertools.product(ACTIONS, POINTS.items()):
        kind = f"{name[0].upper()}{name[1:]}"
        text = f"mutation($input: {kind}Input!) {{ {name}(input: $input) {{ __typename }} }}"
        given = {"text": text, "key": new_id().hex, "input": await action(name, store.shop)}
        before = await kept(store)

        assert await nursery.exit_code(point=point, **given) == 137, (name, point)
        after = await kept(store)
        answer = await ask(text, key=given["key"], input=given["input"])
        again = await ask(text, key=given["key"], input=given["input"])

        assert after["entries"] - before["entries"] == times, (name, point)
        assert times or after == before
        assert answer["data"] == again["data"] == {name: {"__typename": f"{kind}Success"}}
        assert (await kept(store))["entries"] - before["entries"] == 1
    assert [(look.at, found) for look, found in await doctor.differing(database.url) if found] == []
