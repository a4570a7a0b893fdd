"""Counts as files: a sheet to walk the shelves with, which comes back with what was found, and tells what differed."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Uuid, bindparam, select, text

from salonos.inventory import problems, queries, tables
from salonos.inventory.commands import columns, counting
from salonos.inventory.commands.columns import COUNTS, Faults, Line
from salonos.inventory.commands.exporting import FileFormat, made_file
from salonos.inventory.commands.receiving import stock_quantity
from salonos.inventory.rules import StockCountState
from salonos.kernel import clock, files
from salonos.kernel.checks import Checks
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import not_found
from salonos.kernel.work import Work
from salonos.salon import queries as salon

_ONCE_COUNTED: Final = frozenset({"expected_milli", "variance_milli"})
_LINES = text(
    """
    select line.id, line.product_id, line.is_whole, product.sku, product.barcode, product.name, item.unit,
           batch.code as batch, batch.expires_on, line.counted_milli, line.expected_milli, line.variance_milli
    from stock_count_lines as line
    join products as product on product.id = line.product_id
    join stock_items as item on item.id = line.product_id
    left join stock_batches as batch on batch.id = line.batch_id
    where line.count_id = :count_id
    order by line.position
    """
).bindparams(bindparam("count_id", type_=Uuid()))


@dataclass(frozen=True)
class CountImported:
    """What became of a file, or would: lines that were entered, and rows without a figure, which were passed over."""

    rows: int
    entered: int
    left: int


async def export_stock_count(work: Work, count_id: UUID, file_format: FileFormat) -> tuple[files.Export, int]:
    """A count's lines as a file that `import_stock_count` takes back; and how many rows it has.

    While people count it does not tell what is expected.

    Raises: InvalidInput for a count that is not there.
    """
    work.actor.require(Permission.STOCK_READ)
    work.actor.require(Permission.CATALOG_READ)
    count = await work.session.scalar(select(tables.StockCount).where(tables.StockCount.id == count_id))
    branch = None if count is None else await salon.branch_for_sale(work, count.branch_id)
    if count is None or branch is None or not work.actor.reaches(count.branch_id):
        raise not_found(("countId",), "stock count")
    rows = await _lines(work, count.id)
    is_blind = count.state is StockCountState.OPEN
    told = [each for each in columns.COUNT_COLUMNS if not (is_blind and each.name in _ONCE_COUNTED)]
    on = clock.business_date(count.opened_at, branch.time_zone)
    made = await made_file(work, rows, told, name=f"count-{branch.code}-{on.isoformat()}", file_format=file_format)
    return made, len(rows)


async def import_stock_count(work: Work, count_id: UUID, file_id: UUID, *, is_dry_run: bool = False) -> CountImported:
    """Enters what a file says was found: all of it, or nothing. What was entered before is replaced.

    A row names its line by SKU, barcode or name, and where batches are counted by themselves by code and date. A dry run finds
    the same faults and writes nothing.

    Raises: InvalidInput for a count or file that is not there; StockCountMovedOn; ImportRefused with every fault.
    """
    work.actor.require(Permission.STOCK_COUNT)
    count = await counting.count_in_reach(work, count_id, StockCountState.OPEN)
    sheet = await files.uploaded(work, file_id)
    if sheet is None:
        raise not_found(("fileId",), "file: upload it again, it waits for an hour")
    faults = Faults()
    read = await asyncio.to_thread(columns.read, sheet, faults, COUNTS)
    places = _Places(await _lines(work, count.id))
    ids = places.products
    items, units = await queries.items(work, ids), await queries.units(work, ids)
    found: dict[UUID, int] = {}
    for line in read.lines:
        place = places.of(line, faults)
        if place is None or "counted_milli" not in line.values:
            continue
        if place.id in found:
            faults.add(line.row, COUNTS.title("sku"), "TAKEN", "This was counted in a row above already.")
        found[place.id] = _quantity(line, items[place.product_id], units, faults)
    if not found and not faults.count:
        faults.add(sheet.rows[0].number, columns.COUNTED, "EMPTY", "Nothing was counted yet.")
    if faults.count:
        raise problems.ImportRefused(faults.count, tuple(faults.first))
    if not is_dry_run:
        await counting.write_counted(work, count, found)
    rows = len(sheet.rows) - 1
    return CountImported(rows=rows, entered=len(found), left=rows - len(found))


async def _lines(work: Work, count_id: UUID) -> Sequence[Row[*tuple[Any, ...]]]:
    return (await work.session.execute(_LINES, {"count_id": count_id})).all()


class _Places:
    """The lines of a count, as rows of a file name them."""

    def __init__(self, lines: Sequence[Row[*tuple[Any, ...]]]) -> None:
        self._by_batch = {(line.product_id, line.batch, line.expires_on): line for line in lines}
        self._by_sku = {line.sku: line for line in lines}
        self._by_barcode = {line.barcode: line for line in lines if line.barcode is not None}
        self._by_name: dict[str, dict[UUID, Row[*tuple[Any, ...]]]] = {}
        for line in lines:
            self._by_name.setdefault(line.name.casefold(), {})[line.product_id] = line

    @property
    def products(self) -> set[UUID]:
        """All that are counted."""
        return {product_id for product_id, _, _ in self._by_batch}

    def of(self, line: Line, faults: Faults) -> Row[*tuple[Any, ...]] | None:
        """The line that a row is about; None with a fault where there is none."""
        product = self._product(line, faults)
        if product is None or line.unread & {"batch", "expires_on"}:
            return None
        batch, expires_on = line.values.get("batch"), line.values.get("expires_on")
        if product.is_whole and (batch, expires_on) != (None, None):
            faults.add(line.row, columns.BATCH, "WHOLE", "This item is counted as a whole, whatever its batches.")
            return None
        place = self._by_batch.get((product.product_id, batch, expires_on))
        if place is None:
            faults.add(line.row, columns.BATCH, "NOT_COUNTED", "No such batch is part of the count.")
        return place

    def _product(self, line: Line, faults: Faults) -> Row[*tuple[Any, ...]] | None:
        """What a row names by the first of its keys. A name that several items have is none of theirs."""
        key = next(key for key in COUNTS.keys if key in line.values)
        value = line.values[key]
        if key == "name":
            of_name = list(self._by_name.get(value.casefold(), {}).values())
            if len(of_name) > 1:
                faults.add(line.row, COUNTS.title(key), "NOT_UNIQUE", "Several items have this name: give the SKU.")
                return None
            product = of_name[0] if of_name else None
        else:
            product = (self._by_sku if key == "sku" else self._by_barcode).get(value)
        if product is None:
            faults.add(line.row, COUNTS.title(key), "NOT_COUNTED", "This is not part of the count.")
        return product


def _quantity(line: Line, item: tables.StockItem, units: Mapping[tuple[UUID, str], int], faults: Faults) -> int:
    """What was found in the item's own unit; nothing is nothing in any unit."""
    quantity: int = line.values["counted_milli"]
    if not quantity:
        return 0
    checks = Checks()
    kept = stock_quantity(checks, (), quantity, line.values.get("unit"), item, units)
    for issue in checks.issues:
        name = "unit" if issue.path == ("unit",) else "counted_milli"
        faults.add(line.row, COUNTS.title(name), issue.code, issue.message)
    return kept
