"""Stock at a hundred thousand moves of two thousand items: lists over HTTP, and files of items.

    python -m bench.stock

Items and moves are copied, levels and batches being the sums of their moves; each list is asked of `salonos serve` by the
manager of the first branch and is one statement. The imports are uploaded and carried out over HTTP.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import orjson

from bench.ground import Ground, free_port, ground
from salonos.edge.app import make_graph
from salonos.graph.context import RequestFacts
from salonos.graph.execute import Engine
from salonos.graph.limits import Guard
from salonos.kernel import sheets
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database, plain_url
from salonos.kernel.ids import id_text, new_id

MOVES, ITEMS, BATCHES = 100_000, 2_000, 3
DAYS = 400
TIMES, WARM = 60, 10
MS_MOST = 20.0
ROWS, ROWS_S_MOST = 500, 2.0
SUGGESTIONS = "`reorderSuggestions`"
TARGET = f"target {MS_MOST:.0f} ms"
LEVELS = """query Levels($branch: ID!, $filter: StockFilter, $after: String) {
  stockLevels(branchId: $branch, first: 20, filter: $filter, after: $after) {
    nodes { id product { id name sku barcode } quantity reorderPoint isLow value unitCost daysOfCover }
    pageInfo { endCursor hasNextPage } } }"""
MOVES_PAGE = """query Moves($branch: ID!, $filter: StockMoveFilter) {
  stockMoves(branchId: $branch, first: 20, filter: $filter) {
    nodes { id product { id name } batch { code } kind quantity businessDate occurredAt value } pageInfo { endCursor } } }"""
EXPIRING = """query Expiring($branch: ID!, $by: Date!) {
  stockBatches(branchId: $branch, first: 20, filter: { expiresBy: $by }) {
    nodes { id product { id name } code expiresOn quantity } } }"""
CARD = """query Card($id: ID!) { product(id: $id) { id name stock { unit units { unit holds } reorderPoint
  levels { nodes { quantity value daysOfCover } } batches { nodes { code expiresOn quantity } }
  moves { nodes { kind quantity value occurredAt } } } } }"""
REORDER = """query Reorder($branch: ID!) { reorderSuggestions(branchId: $branch) {
  product { id name } usable onOrder used quantity orderUnit orderQuantity } }"""
IMPORT = """mutation Import($file: ID!, $branch: ID!) { importStockItems(input: { fileId: $file, branchId: $branch,
  dryRun: false }) { __typename ... on ImportStockItemsSuccess { created opened } } }"""
EXPORT = """mutation Export($branch: ID!) { exportStock(input: { branchId: $branch, format: XLSX }) {
  __typename ... on ExportStockSuccess { url rows } } }"""


@dataclass(frozen=True)
class Filled:
    """What was copied."""

    branch_id: UUID
    product_ids: list[UUID]


async def fill(database_url: str, *, items: int = ITEMS, moves: int = MOVES, chance: int = 20261123) -> Filled:
    """Copies items and the moves of the last 400 days over all branches, and sums up levels and batches.

    Triggers rest meanwhile; every CHECK holds. The same `chance` gives the same stock. The tables are analysed.
    """
    owner = await asyncpg.connect(plain_url(database_url))
    try:
        branch_ids = [row["id"] for row in await owner.fetch("select id from branches order by id")]
        tax_class_id = await owner.fetchval("select id from tax_classes order by id limit 1")
        luck, now = random.Random(chance), datetime.now(UTC)
        await owner.execute("set session_replication_role = replica")
        product_ids = await _items(owner, luck, tax_class_id, now, items)
        await _moves(owner, luck, [(branch, each) for branch in branch_ids for each in product_ids], now, moves)
        await owner.execute(_SUM)
        await owner.execute("set session_replication_role = origin")
        await owner.execute("vacuum analyze products, stock_items, stock_levels, stock_batches, stock_moves")
    finally:
        await owner.close()
    return Filled(branch_ids[0], product_ids)


_SUM = """
    insert into stock_levels (id, branch_id, product_id, search_name, quantity_milli, value_paise, reorder_point_milli)
    select gen_random_uuid(), branches.id, product.id, product.search_name, coalesce(moved.quantity, 0),
        coalesce(moved.value, 0), item.reorder_point_milli
    from branches cross join products as product join stock_items as item on item.id = product.id
    left join (select branch_id, product_id, sum(quantity_milli) as quantity, sum(value_paise) as value
        from stock_moves group by 1, 2) as moved on moved.branch_id = branches.id and moved.product_id = product.id;
    update stock_batches as batch set quantity_milli = moved.quantity
    from (select batch_id, sum(quantity_milli) as quantity from stock_moves group by 1) as moved
    where batch.id = moved.batch_id;
"""


async def _items(
    owner: "asyncpg.Connection[asyncpg.Record]", luck: random.Random, tax_class_id: UUID, now: datetime, count: int
) -> list[UUID]:
    """Products that are stocked, half of them with a reorder point."""
    products, items = [], []
    for number in range(count):
        name = f"{luck.choice(('Serum', 'Colour', 'Shampoo', 'Mask', 'Oil', 'Wax'))} {number:05d}"
        product_id, code = new_id(), f"{8_900_000_000_000 + number}"
        products.append(
            (product_id, name, name.lower(), "", f"SKU-{number}", code, "330590", tax_class_id, 65_000, True, now)
        )
        items.append((product_id, "RETAIL", "PIECE", luck.randrange(40) * 1000 if number % 2 else None, now))
    columns = (
        *("id", "name", "search_name", "category", "sku", "barcode", "hsn_code", "tax_class_id", "price_paise"),
        *("is_stocked", "created_at"),
    )
    await owner.copy_records_to_table("products", records=products, columns=columns)
    columns = ("id", "use", "unit", "reorder_point_milli", "created_at")
    await owner.copy_records_to_table("stock_items", records=items, columns=columns)
    return [row[0] for row in products]


async def _moves(
    owner: "asyncpg.Connection[asyncpg.Record]",
    luck: random.Random,
    places: list[tuple[UUID, UUID]],
    now: datetime,
    count: int,
) -> None:
    """A few batches each, then sales of what they hold: nothing goes below zero."""
    batches, moves = [], []
    held: list[list[Any]] = []
    for branch_id, product_id in places:
        for number in range(BATCHES):
            batch_id, pieces = new_id(), luck.randrange(20, 40)
            expires_on = now.date() + timedelta(days=luck.randrange(10, 900))
            batches.append((batch_id, branch_id, product_id, f"B{number}", expires_on, now))
            moves.append(_move(luck, (branch_id, product_id, batch_id), "RECEIVE", pieces, now, DAYS))
            held.append([branch_id, product_id, batch_id, pieces])
    while len(moves) < count:
        place = luck.choice(held)
        if place[3]:
            place[3] -= 1
            moves.append(_move(luck, tuple(place[:3]), "SALE", -1, now, luck.random() * DAYS))
    columns = ("id", "branch_id", "product_id", "code", "expires_on", "created_at")
    await owner.copy_records_to_table("stock_batches", records=batches, columns=columns)
    columns = (
        *("id", "branch_id", "product_id", "batch_id", "kind", "quantity_milli", "value_paise", "cause_kind"),
        *("cause_id", "position", "business_date", "occurred_at", "made_by_id"),
    )
    await owner.copy_records_to_table("stock_moves", records=moves, columns=columns)


def _move(
    luck: random.Random, where: tuple[UUID, ...], kind: str, pieces: int, now: datetime, days_ago: float
) -> tuple[Any, ...]:
    at = now - timedelta(days=days_ago)
    row_id = UUID(int=(int(at.timestamp() * 1000) << 80) | luck.getrandbits(72))
    cause = ("stockreceipt" if pieces > 0 else "bill", new_id(), 1)
    return (row_id, *where, kind, pieces * 1000, pieces * 40_000, *cause, at.date(), at, UUID(int=0))


# --- measuring


@dataclass(frozen=True)
class Till:
    """The manager at a server."""

    client: httpx.Client
    branch: str

    def ask(self, text: str, **given: Any) -> Any:
        """The data of an answer."""
        key = {"idempotency-key": new_id().hex}
        body = orjson.dumps({"query": text, "variables": given})
        told = self.client.post("/graphql", content=body, headers={"content-type": "application/json", **key}).json()
        if "errors" in told:
            raise RuntimeError(told["errors"])
        (data,) = told["data"].values()
        return data

    def median_ms(self, text: str, **given: Any) -> float:
        """Of many answers, one after the other."""
        return statistics.median([_ms(lambda: self.ask(text, **given)) for _ in range(TIMES + WARM)][WARM:])

    def brought(self, prefix: str, rows: int) -> float:
        """Seconds to upload and import so many new items, each with opening stock."""
        titles = ["SKU", "Name", "HSN", "Tax class", "Price", "Unit", "Opening quantity", "Opening unit cost", "Batch"]
        name = "Goods 18 %"
        lines = [
            [f"{prefix}{each}", f"Item {each}", "330590", name, "650.00", "PIECE", "3", "400", "A"]
            for each in range(rows)
        ]
        content = sheets.write_xlsx(titles, lines)
        began_s = time.perf_counter()
        came = self.client.post("/files", content=content, headers={"content-type": "application/octet-stream"})
        done = self.ask(IMPORT, file=came.json()["id"], branch=self.branch)
        if (done.get("created"), done.get("opened")) != (rows, rows):
            raise RuntimeError(done)
        return time.perf_counter() - began_s

    def taken(self) -> tuple[int, float]:
        """Rows of an export, and the seconds until it is here."""
        began_s = time.perf_counter()
        made = self.ask(EXPORT, branch=self.branch)
        self.client.get(made["url"]).raise_for_status()
        return made["rows"], time.perf_counter() - began_s


def _ms(work: Callable[[], object]) -> float:
    began_ns = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - began_ns) / 1e6


def lists(filled: Filled, middle: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Who is asked what, by its name."""
    branch = {"branch": id_text("branch", filled.branch_id)}
    product = id_text("product", filled.product_ids[len(filled.product_ids) // 2])
    soon = (datetime.now(UTC).date() + timedelta(days=60)).isoformat()
    return {
        "`stockLevels`, first page": (LEVELS, branch),
        "`stockLevels`, a page in the middle": (LEVELS, {**branch, "after": middle}),
        "`stockLevels`, low": (LEVELS, {**branch, "filter": {"isLow": True}}),
        "`stockLevels`, by name": (LEVELS, {**branch, "filter": {"search": "shampoo"}}),
        "`stockLevels`, by barcode": (LEVELS, {**branch, "filter": {"barcode": "8900000001234"}}),
        "`stockMoves`": (MOVES_PAGE, branch),
        "`stockMoves` of a kind": (MOVES_PAGE, {**branch, "filter": {"kind": "RECEIVE"}}),
        "`stockMoves` of a product": (MOVES_PAGE, {**branch, "filter": {"productId": product}}),
        "`stockBatches` that expire in 60 days": (EXPIRING, {**branch, "by": soon}),
        "a product's card": (CARD, {"id": product}),
        f"{SUGGESTIONS}, at most 200": (REORDER, branch),
    }


async def statements(on: Ground, asked: dict[str, tuple[str, dict[str, Any]]]) -> dict[str, int]:
    """How many statements each list takes."""
    database, graph = await Database.open(on.database_url, pool_size=1), make_graph()
    engine, found = Engine(graph, database, limits=Guard(graph.core)), {}
    try:
        for name, (text, given) in asked.items():
            before = engine.statements
            answer = await engine.answer(Actor.system(), RequestFacts(id="bench"), text, None, given)
            if b'"errors"' in answer.body:
                raise RuntimeError(answer.body)
            found[name] = engine.statements - before
    finally:
        await database.close()
    return found


async def measure(on: Ground) -> list[str]:
    """Both tables."""
    filled = await fill(on.database_url)
    token, port = await on.sign_in("manager"), free_port()
    with (
        on.salonos(port=port),
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {token}"}, timeout=60
        ) as client,
    ):
        till = Till(client, id_text("branch", filled.branch_id))
        after = None
        for _ in range(50):
            after = till.ask(LEVELS, branch=till.branch, after=after)["pageInfo"]["endCursor"]
        asked = lists(filled, str(after))
        counted = await statements(on, asked)
        found = {name: till.median_ms(text, **given) for name, (text, given) in asked.items()}
        imports = {rows: till.brought(f"N{rows}-", rows) for rows in (ROWS, sheets.ROWS_MAX - 1)}
        rows, export_s = till.taken()
    if set(counted.values()) != {1}:
        raise RuntimeError(counted)
    lines = [
        f"| {name} | {ms:.1f} ms{'' if ms <= MS_MOST or name.startswith(SUGGESTIONS) else ' ✗'} |"
        for name, ms in found.items()
    ]
    files = [
        f"| upload and import of {size:,} new items with opening stock, XLSX | {seconds:.2f} s"
        f"{'' if size > ROWS or seconds <= ROWS_S_MOST else ' ✗'} |"
        for size, seconds in imports.items()
    ]
    return [
        f"{MOVES:,} moves of {ITEMS:,} items at two branches; medians of {TIMES} answers, each one statement; {TARGET} for a list of 20.",
        "",
        "| list | median |",
        "|---|---|",
        *lines,
        "",
        f"Files; target {ROWS_S_MOST:.0f} s for {ROWS} rows.",
        "",
        "| file | |",
        "|---|---|",
        *files,
        f"| export of {rows:,} items and its download, XLSX | {export_s:.2f} s |",
    ]


async def main() -> None:
    """Prints the tables."""
    async with ground() as on:
        print(*await measure(on), sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
