"""What a bill's paper takes: from the link to the last byte, in each format, with names in Latin and in Indian scripts.

    python -m bench.receipt

Through the route's handler in this process, one request after the other: the statement, the drawing in its thread, the
reply. The bill has four lines and a customer, and is partly paid, so that its papers carry a QR code.
"""

import asyncio
import statistics
import time
from typing import Any
from uuid import UUID

from bench.ground import SYSTEM, Ground, ground
from salonos.accounting.rules import PaymentMethod
from salonos.bills import commands, documents
from salonos.bills.documents import Naming, ReceiptFormat
from salonos.bills.rules import Tender
from salonos.customers import commands as customers
from salonos.edge.documents import Papers
from salonos.edge.gate import Gate, Incoming
from salonos.kernel import clock
from salonos.kernel.database import Database
from salonos.salon import commands as salon

ROUNDS = 40
TARGET_MS = 150
NAMES = {"Latin": "Asha Rao", "Devanagari": "प्रिया क्षत्रिय", "Kannada": "ಲಕ್ಷ್ಮೀ ಶ್ರೀನಿವಾಸ್"}


async def sell(database: Database, name: str) -> UUID:
    """The bill."""
    branch_id: UUID = UUID(bytes=(await database.pool.fetchval("select id from branches order by code limit 1")).bytes)
    service_id = await database.pool.fetchval("select id from services limit 1")
    product_id = await database.pool.fetchval("select id from products limit 1")
    customer_id = await database.run(
        SYSTEM, lambda work: customers.create_customer(work, customers.NewCustomer(name=name))
    )
    lines = (commands.NewLine(service_id=service_id),) * 2 + (commands.NewLine(product_id=product_id),) * 2
    owed = 357_300 - 100_000
    payments = (Tender(PaymentMethod.CASH, 100_000), Tender(PaymentMethod.ON_ACCOUNT, owed))
    sale = commands.NewSale(branch_id=branch_id, lines=lines, customer_id=customer_id, payments=payments)
    return await database.run(SYSTEM, lambda work: commands.check_out(work, sale))


async def fetch(papers: Papers, path: str) -> int:
    """Bytes of one paper."""
    body = bytearray()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            body.extend(message["body"])
        elif message["status"] != 200:  # noqa: PLR2004  what a bench expects
            raise RuntimeError(message)

    await papers({"type": "http", "method": "GET", "path": path}, Incoming([]), [], send)
    return len(body)


async def measure(on: Ground) -> list[str]:
    """The table."""
    database = await Database.open(on.database_url, pool_size=2)
    papers = Papers(database, Gate(frozenset(), frozenset()))
    rows = []
    try:
        branch_id = await database.pool.fetchval("select id from branches order by code limit 1")
        await database.run(
            SYSTEM, lambda work: salon.update_branch(work, branch_id, expected_version=1, upi_id="nayana@okhdfc")
        )
        for script, name in NAMES.items():
            bill_id = await sell(database, name)
            for form in ReceiptFormat:
                path = documents.path_of(bill_id, form, Naming.WHOLE, now=clock.utc_now())
                size, took = 0, []
                for number in range(ROUNDS + 1):
                    began_ns = time.perf_counter_ns()
                    size = await fetch(papers, path)
                    if number:
                        took.append((time.perf_counter_ns() - began_ns) / 1e6)
                median, worst = statistics.median(took), statistics.quantiles(took, n=20)[-1]
                mark = "" if median < TARGET_MS else " ✗"
                rows.append(f"| {form.name}, {script} | {median:.1f} ms{mark} | {worst:.1f} ms | {size:,} |")
    finally:
        papers.close()
        await database.close()
    head = f"Medians of {ROUNDS} papers, one after the other; target {TARGET_MS} ms."
    return [head, "", "| paper | median | 95 % within | bytes |", "|---|---|---|---|", *rows]


async def main() -> None:
    """Prints the table."""
    async with ground() as on:
        print(*await measure(on), sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
