"""A page of bills costs the same however many there are: counted in the blocks that PostgreSQL touches for it."""

import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from bench.seed import Seeded, seed
from salonos.customers.queries import phone_index
from salonos.graph.plan import Inputs
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database, plain_url
from salonos.kernel.ids import id_text, id_value, new_id
from tests import servers
from tests.bills.asking import Asker
from tests.bills.makers import SYSTEM, actor_as, make_shop
from tests.salon.makers import make_branch

FEW = 2_000
MANY = 400_000 if os.environ.get("SALONOS_PROVE") else 20_000
PAGE = 10
DEEPER = 1.5
"""Trees of more rows are a level or two higher: so much more may be touched, and no more."""

BILLS = """query ($first: Int!, $after: String, $filter: BillFilter, $order: BillOrder) {
  bills(first: $first, after: $after, filter: $filter, orderBy: $order) {
    nodes { id number total customer { id name } lines { id total } payments { id amount } }
    pageInfo { endCursor hasNextPage }
  }
}"""


@dataclass(frozen=True)
class Rare:
    """What few bills have to do with: as many among few as among many."""

    customer_id: UUID
    name: str
    total: str
    staff: str
    phone: str = "+919845012345"


async def literals(connection: Any, query: str, values: Sequence[Any]) -> list[str]:
    """Values as SQL writes them: what EXPLAIN is given as parameters it plans as constants, whatever the mode."""
    kinds = [each.name for each in (await connection.prepare(query)).get_parameters()]
    if not kinds:
        return []
    asked = ", ".join(f"quote_nullable(${place}::{kind}::text)" for place, kind in enumerate(kinds, 1))
    row = await connection.fetchrow(f"select {asked}", *values)
    return [f"{text}::{kind}" for text, kind in zip(row, kinds, strict=True)]


@dataclass
class Place:
    """One database with so many bills."""

    database: Database
    ask: Asker
    seeded: Seeded
    count: int
    rare: "Rare"

    @property
    def customer(self) -> str:
        return id_text("customer", self.rare.customer_id)

    @property
    def manager(self) -> Actor:
        return actor_as("MANAGER", UUID(bytes=self.seeded.branch_ids[0].bytes))

    def stylist(self, staff: str) -> Actor:
        """Somebody who sees their own work at the first branch."""
        branch_id = UUID(bytes=self.seeded.branch_ids[0].bytes)
        return actor_as("STAFF", branch_id, staff_id=id_value("staff", staff))

    async def blocks(self, actor: Actor, **variables: Any) -> tuple[int, int]:
        """How many rows a page has, and how many blocks were touched for it, under the plan that all values share."""
        given = {"first": PAGE, **variables}
        rows = len((await self.ask.data(BILLS, actor=actor, **given))["bills"]["nodes"])
        engine = self.ask.engine
        operation = engine.documents.operation(BILLS, None, is_signed_in=True)
        values = operation.coerced(engine.graph.core, given)
        plan = engine.query_plan(operation, values, actor)
        connection = await asyncpg.connect(plain_url(self.database.url))
        try:
            mode = "force_custom_plan" if plan.varies else "force_generic_plan"
            await connection.execute(f"set plan_cache_mode = {mode}; set timezone = 'UTC'; set jit = off")
            written = await literals(connection, plan.sql, plan.bind(Inputs(values.coerced, actor)))
            await connection.execute(f"prepare page as {plan.sql}")
            explained = "explain (analyze, buffers, timing off, format json) execute page"
            text = await connection.fetchval(f"{explained}({', '.join(written)})" if written else explained)
        finally:
            await connection.close()
        found = orjson.loads(text)[0]["Plan"]
        return rows, found["Shared Hit Blocks"] + found["Shared Read Blocks"]

    def pages(self, after: str) -> dict[str, tuple[Actor, dict[str, Any]]]:
        """Pages that people open, by name."""
        branch = id_text("branch", self.seeded.branch_ids[1])
        customer = self.customer
        month = {"since": "2025-06-01", "until": "2025-07-01"}
        number = {"numberPrefix": f"B1/{self.count // 2}"[:-1]}
        return {
            "first": (SYSTEM, {}),
            "later": (SYSTEM, {"after": after}),
            "of a branch": (SYSTEM, {"filter": {"branchId": branch}}),
            "of a customer": (SYSTEM, {"filter": {"customerId": customer}}),
            "of a month": (SYSTEM, {"filter": month}),
            "of a branch and a month": (SYSTEM, {"filter": {"branchId": branch, **month}}),
            "by number": (SYSTEM, {"filter": number}),
            "by number, in its order": (SYSTEM, {"filter": number, "order": "NUMBER"}),
            "of a phone number": (SYSTEM, {"filter": {"customerPhone": self.rare.phone}}),
            "of a first name": (SYSTEM, {"filter": {"customerNamePrefix": "Asha"}}),
            "of a name": (SYSTEM, {"filter": {"customerNamePrefix": self.rare.name}}),
            "of a rare amount, in its order": (SYSTEM, {"filter": {"totalFrom": self.rare.total}, "order": "SMALLEST"}),
            "of a common amount": (SYSTEM, {"filter": {"totalTo": self.rare.total}}),
            "by a common way of paying": (SYSTEM, {"filter": {"paymentMethod": "CASH"}}),
            "by a rare way of paying": (SYSTEM, {"filter": {"paymentMethod": "BANK_TRANSFER"}}),
            "of a member of staff": (SYSTEM, {"filter": {"staffId": self.rare.staff}}),
            "largest": (SYSTEM, {"order": "LARGEST"}),
            "of a customer, largest": (SYSTEM, {"filter": {"customerId": customer}, "order": "LARGEST"}),
            "who served few: first": (self.stylist(self.rare.staff), {}),
            "who served all: first": (self.stylist(id_text("staff", self.seeded.staff_id)), {}),
            "manager: first": (self.manager, {}),
            "manager: of a month": (self.manager, {"filter": month}),
            "manager: of a customer": (self.manager, {"filter": {"customerId": customer}}),
            "manager: of a phone number": (self.manager, {"filter": {"customerPhone": self.rare.phone}}),
            "manager: of a name": (self.manager, {"filter": {"customerNamePrefix": self.rare.name}}),
            "manager: of a rare amount, in its order": (
                self.manager,
                {"filter": {"totalFrom": self.rare.total}, "order": "SMALLEST"},
            ),
            "manager: largest": (self.manager, {"order": "LARGEST"}),
            "manager: drafts": (self.manager, {"filter": {"status": "DRAFT"}}),
            "manager: unpaid": (self.manager, {"filter": {"paymentState": "UNPAID"}}),
        }


async def make_place(count: int) -> Place:
    """A salon of two branches with so many bills."""
    name = f"test_{new_id().hex}"
    await servers.create_database(name)
    database = await Database.open(servers.url_of(name), pool_size=2)
    await make_shop(database)
    await make_branch(database, "MYS1")
    ask = Asker(database)
    ask.engine.limits = None
    seeded = await seed(database.url, bills=count)
    return Place(database, ask, seeded, count, await make_rare(database, seeded))


async def make_rare(database: Database, seeded: Seeded) -> Rare:
    """A customer with a phone number; a dozen old bills by somebody who left, paid for in a way that nobody uses now."""
    staff_id = new_id()
    owner = await asyncpg.connect(plain_url(database.url))
    try:
        await owner.execute("set session_replication_role = replica")
        regular = await owner.fetchval(
            "select customer_id from bills where branch_id = $1 and customer_id is not null order by id limit 1",
            seeded.branch_ids[0],
        )
        total = await owner.fetchval("select total_paise from bills order by total_paise desc offset 12 limit 1")
        name = await owner.fetchval(
            "update customers set phone_sealed = 'x', phone_last_digits = '2345', phone_index = $2 where id = $1 "
            "returning name",
            regular,
            phone_index(Rare.phone),
        )
        old = "bill_id in (select id from bills where status = 'POSTED' order by id offset 50 limit 12)"
        for table in ("bill_lines", "bill_staff"):
            await owner.execute(f"update {table} set staff_id = $1 where {old}", staff_id)
        rare = "method = 'BANK_TRANSFER', tendered_paise = null, change_paise = null"
        await owner.execute(f"update payments set {rare} where {old}")
        await owner.execute("vacuum analyze customers, bill_lines, bill_staff, payments")
    finally:
        await owner.close()
    return Rare(UUID(bytes=regular.bytes), name, f"{total // 100}.00", id_text("staff", staff_id))


@pytest.fixture
async def places() -> AsyncIterator[list[Place]]:
    made = [await make_place(count) for count in (FEW, MANY)]
    yield made
    for place in made:
        await place.database.close()
        await servers.drop_database(place.database.url.rpartition("@/")[2].partition("?")[0])


async def cursor_in_the_middle(place: Place) -> str:
    """A cursor a thousand bills behind the first."""
    after = None
    for _ in range(10):
        data = await place.ask.data(BILLS, first=100, after=after)
        after = data["bills"]["pageInfo"]["endCursor"]
    return str(after)


async def compared(places: list[Place], *, only: str = "") -> dict[str, tuple[tuple[int, int], tuple[int, int]]]:
    """Each page's rows and blocks, few and many."""
    few, many = [place.pages(await cursor_in_the_middle(place)) for place in places]
    found = {}
    for name in [only] if only else few:
        told = [
            await place.blocks(pages[name][0], **pages[name][1])
            for place, pages in zip(places, (few, many), strict=True)
        ]
        found[name] = (told[0], told[1])
    return found


def too_many(found: dict[str, tuple[tuple[int, int], tuple[int, int]]]) -> dict[str, tuple[int, int]]:
    """The pages that cost more where there are more bills; one that has more rows may touch as many times more."""
    return {
        name: (few, many)
        for name, ((few_rows, few), (many_rows, many)) in found.items()
        if many > few * max(1.0, many_rows / few_rows) * DEEPER + PAGE
    }


async def test_a_page_touches_as_many_blocks_among_many_bills_as_among_few(places: list[Place]) -> None:
    found = await compared(places)

    assert [name for name, each in found.items() if not all(rows for rows, _ in each)] == []
    assert too_many(found) == {}
    for place in places:  # and the comparison sees what is missing
        owner = await asyncpg.connect(plain_url(place.database.url))
        await owner.execute("drop index ix_bills_branch_id_listed_at_id, ix_bills_listed_at_id")
        await owner.close()
    assert set(too_many(await compared(places, only="manager: first"))) == {"manager: first"}
