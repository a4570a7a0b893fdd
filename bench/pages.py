"""Pages of bills at ten thousand, a hundred thousand and a million bills: the same cost, wherever the page begins.

    python -m bench.pages

Through the engine on one connection, as the owner (everywhere), as a manager (one branch), and as the stylist who did
all the work and sees no other. A page holds ten bills with customer, lines and payments; the thousandth is asked for by
its cursor.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import orjson

from bench.ground import Ground, ground, new_database
from bench.seed import Seeded, seed
from salonos.edge.app import make_graph
from salonos.graph.context import RequestFacts
from salonos.graph.execute import Engine
from salonos.graph.limits import Guard
from salonos.kernel.actor import Actor, Reach, access, reach_of
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from salonos.kernel.permissions import ROLES

SIZES = (10_000, 100_000, 1_000_000)
PAGE, THOUSANDTH, PAGE_MAX = 10, 1_000, 100
ROUNDS, TIMES = 25, 8
RATIO_MOST = 1.5
FACTS = RequestFacts(id="bench")
QUERY = """query Pages($first: Int!, $after: String, $filter: BillFilter, $order: BillOrder) {
  bills(first: $first, after: $after, filter: $filter, orderBy: $order) {
    nodes { id number status createdAt total balanceDue customer { id name }
      lines { id position description total } payments { id method amount receivedAt } }
    pageInfo { endCursor hasNextPage }
  }
}"""
CURSORS = """query Cursors($first: Int!, $after: String) {
  bills(first: $first, after: $after) { pageInfo { endCursor } }
}"""


@dataclass
class Size:
    """One database and who asks it."""

    bills: int
    database: Database
    engine: Engine
    seeded: Seeded
    owner: Actor
    manager: Actor
    stylist: Actor
    """Who sees own work only, and did all."""

    regular: UUID
    """A customer of the first branch."""
    thousandth: str = ""

    @classmethod
    async def open(cls, on: Ground, bills: int) -> "Size":
        """A salon with so many bills."""
        url = await new_database(on.servers, f"pages_{bills}")
        seeded = await seed(url, bills=bills)
        database = await Database.open(url, pool_size=1)
        graph = make_graph()
        rights = ROLES["OWNER"], ROLES["MANAGER"], ROLES["STAFF"]
        ids = [UUID(bytes=row["id"].bytes) for row in await database.pool.fetch("select id from staff order by id")]
        here = (UUID(bytes=seeded.branch_ids[0].bytes),)
        made = cls(
            bills,
            database,
            Engine(graph, database, limits=Guard(graph.core)),
            seeded,
            Actor(ids[0], access(rights[0].permissions, rights[0].own, Reach.ALL)),
            Actor(ids[-1], access(rights[1].permissions, rights[1].own, reach_of(here)), here),
            Actor(
                UUID(bytes=seeded.staff_id.bytes), access(rights[2].permissions, rights[2].own, reach_of(here)), here
            ),
            await database.pool.fetchval(
                "select customer_id from bills where branch_id = $1 group by 1 order by abs(count(*) - 4), 1 limit 1",
                *here,
            ),
        )
        await made.find_thousandth()
        return made

    async def ask(self, actor: Actor, text: str, variables: dict[str, Any]) -> Any:
        """The data of an answer."""
        body = orjson.loads((await self.engine.answer(actor, FACTS, text, None, variables)).body)
        if "errors" in body:
            raise RuntimeError(body["errors"])
        return body["data"]["bills"]

    async def find_thousandth(self) -> None:
        """The cursor before the thousandth page, found as a client would."""
        left, after = PAGE * (THOUSANDTH - 1), None
        while left:
            page = await self.ask(self.owner, CURSORS, {"first": min(left, PAGE_MAX), "after": after})
            left, after = left - min(left, PAGE_MAX), page["pageInfo"]["endCursor"]
        self.thousandth = str(after)

    def pages(self) -> dict[str, tuple[Actor, dict[str, Any]]]:
        """Who asks which page, by its name."""
        branch = id_text("branch", self.seeded.branch_ids[1])
        customer = id_text("customer", self.regular)
        day = {"since": "2025-06-01", "until": "2025-06-30"}
        number = {"numberPrefix": f"B1/{self.bills // 2}"[:-1]}
        everywhere: dict[str, dict[str, Any]] = {
            "first page": {},
            "page 1,000": {"after": self.thousandth},
            "of a branch": {"filter": {"branchId": branch}},
            "of a customer": {"filter": {"customerId": customer}},
            "of a month": {"filter": day},
            "by number": {"filter": number},
            "by number, in its order": {"filter": number, "order": "NUMBER"},
            "of a branch and a month": {"filter": {"branchId": branch, **day}},
            "largest": {"order": "LARGEST"},
            "of a member of staff": {"filter": {"staffId": id_text("staff", self.seeded.staff_id)}},
            "largest of a customer": {"filter": {"customerId": customer}, "order": "LARGEST"},
        }
        here: dict[str, dict[str, Any]] = {
            "first page": {},
            "of a customer": {"filter": {"customerId": customer}},
            "of a month": {"filter": day},
            "by number": {"filter": {"numberPrefix": number["numberPrefix"].replace("B1", "B0")}},
            "largest": {"order": "LARGEST"},
            "drafts": {"filter": {"status": "DRAFT"}},
            "owed": {"filter": {"paymentState": "UNPAID"}},
        }
        named = {f"owner: {name}": (self.owner, given) for name, given in everywhere.items()}
        named["stylist: first page"] = (self.stylist, {})
        return named | {f"manager: {name}": (self.manager, given) for name, given in here.items()}


async def milliseconds(work: Callable[[], Awaitable[Any]]) -> float:
    """The median of some calls."""
    found = []
    for _ in range(TIMES):
        began_ns = time.perf_counter_ns()
        await work()
        found.append((time.perf_counter_ns() - began_ns) / 1e6)
    return statistics.median(found)


async def compared(sizes: list[Size]) -> dict[str, list[list[float]]]:
    """Each page's milliseconds by size and round: the sizes take turns page by page, so that noise meets all of them."""
    seen: dict[str, list[list[float]]] = {}
    pages = [size.pages() for size in sizes]
    for number in range(ROUNDS + 1):
        for name in pages[0]:
            for place, size in enumerate(sizes):
                actor, given = pages[place][name]
                variables = {"first": PAGE, **given}
                found = await milliseconds(partial(size.engine.answer, actor, FACTS, QUERY, None, variables))
                if number:
                    seen.setdefault(name, [[] for _ in sizes])[place].append(found)
    return seen


async def measure(on: Ground, *, bills: tuple[int, ...] = SIZES) -> list[str]:
    """The table."""
    sizes = [await Size.open(on, count) for count in bills]
    try:
        found = await compared(sizes)
    finally:
        for size in sizes:
            await size.database.close()
    counts = " | ".join(f"{count:,} bills" for count in bills)
    lines = [f"| page of {PAGE} | {counts} | the largest to the smallest |", "|---|" + "---|" * (len(bills) + 1)]
    for name, times in found.items():
        ratio = statistics.median(most / least for least, most in zip(times[0], times[-1], strict=True))
        cells = " | ".join(f"{statistics.median(each):.2f} ms" for each in times)
        lines.append(f"| {name} | {cells} | {ratio:.2f}{'' if ratio <= RATIO_MOST else ' ✗'} |")
    return [f"Medians of {ROUNDS} rounds, ratios within a round; target {RATIO_MOST}.", "", *lines]


async def main() -> None:
    """Prints the table."""
    async with ground() as on:
        print(*await measure(on), sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
