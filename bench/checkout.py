"""A sale of three lines with one payment, number, tax, entry, outbox and idempotency: SalonOS beside the plain style."""

import contextlib
import json
from collections.abc import Iterator
from statistics import median
from typing import Final

from bench.ground import Ground
from bench.load import REFERENCE, Loaded, Target, load
from bench.reading import OURS, ask, our_server
from bench.rivals import RIVALS
from bench.seed import seed
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id

BILLS = 2_000
CONNECTIONS = (1, 4, 16)
SELL: Final = """mutation Sell($input: CheckOutInput!) {
  checkOut(input: $input) {
    __typename
    ... on CheckOutSuccess { bill { id number total lines { id position total } payments { id method amount } } }
  }
}"""


async def sale(on: Ground) -> bytes:
    """The request: two haircuts and a serum, paid by UPI."""
    seeded = await seed(on.database_url, bills=BILLS)
    database = await Database.open(on.database_url, pool_size=1)
    try:
        row = await database.pool.fetchrow(
            "select (select id from branches where code = 'BLR1') as branch, (select id from services limit 1) as service,"
            " (select id from products limit 1) as product, (select id from staff limit 1) as staff"
        )
    finally:
        await database.close()
    if row is None:
        raise RuntimeError("The salon is empty.")
    haircut = {"serviceId": id_text("service", row["service"]), "staffId": id_text("staff", row["staff"])}
    given = {
        "branchId": id_text("branch", row["branch"]),
        "customerId": id_text("customer", seeded.customer_ids[0]),
        "lines": [haircut, haircut, {"productId": id_text("product", row["product"])}],
        "payments": [{"method": "UPI", "amount": "2574.00", "reference": REFERENCE}],
    }
    return json.dumps({"query": SELL, "operationName": "Sell", "variables": {"input": given}}).encode()


async def measure(on: Ground, *, rounds: int, seconds: int) -> Iterator[str]:
    """Markdown: sales per second as ratios to SalonOS's."""
    body = await sale(on)
    token = await on.sign_in("manager")
    sellers = [rival for rival in RIVALS if rival.sells]
    seen: dict[tuple[int, str], list[Loaded]] = {}
    with contextlib.ExitStack() as running:
        targets: dict[str, Target] = {OURS: running.enter_context(our_server(on, token))}
        targets |= {rival.name: running.enter_context(rival.running(on, token)) for rival in sellers}
        for target in targets.values():
            found = ask(target, body, key="once-0123456789abcdef")["data"]["checkOut"]["bill"]
            if (found["total"], len(found["lines"]), len(found["payments"])) != ("2574.00", 3, 1):
                raise RuntimeError(found)
        for number in range(rounds + 1):
            for connections in CONNECTIONS:
                for name, target in targets.items():
                    loaded = load(target, body, connections=connections, seconds=seconds, is_keyed=True)
                    ask(target, body, key=new_id().hex)  # behind what the load left waiting for the branch's locks
                    if number:
                        seen.setdefault((connections, name), []).append(loaded)
    return table(seen)


def table(seen: dict[tuple[int, str], list[Loaded]]) -> Iterator[str]:
    """Medians over the rounds."""
    yield f"| connections | server | sales/s to {OURS} | p99 to {OURS} | server CPU a sale |"
    yield "|---|---|---|---|---|"
    for (connections, name), runs in seen.items():
        ours = seen[connections, OURS]
        pace = median(run.requests_per_s / base.requests_per_s for run, base in zip(runs, ours, strict=True))
        tail = median(run.p99_ms / base.p99_ms for run, base in zip(runs, ours, strict=True))
        yield f"| {connections} | {name} | {pace:.2f} | {tail:.2f} | {median(run.cpu_us for run in runs) / 1000:.1f} ms |"
