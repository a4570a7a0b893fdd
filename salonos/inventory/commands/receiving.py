"""Goods that come in, with an order or without: on the shelf and in the books in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from salonos.accounting import commands as accounting
from salonos.accounting import rules as accounts
from salonos.accounting.commands import NewEntry
from salonos.catalog import queries as catalog
from salonos.inventory import queries, rules, tables
from salonos.inventory.commands.shelves import Amounts, Cause, Shelves
from salonos.kernel import clock
from salonos.kernel.checks import Checks, Path
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import not_found
from salonos.kernel.work import Work
from salonos.salon import queries as salon
from salonos.salon import tables as salon_tables
from salonos.salon.rules import TaxScheme

CAUSE: Final = "stockreceipt"


@dataclass(frozen=True, kw_only=True)
class ReceivedLine:
    """Goods of one batch: how many of `unit` (the item's own when None), and what one of it cost without tax.

    `purchase_line_id` is the line of an order that they came of.
    """

    product_id: UUID
    quantity_milli: int
    unit_cost_paise: int
    unit: rules.StockUnit | None = None
    batch: str | None = None
    expires_on: date | None = None
    purchase_line_id: UUID | None = None


@dataclass(frozen=True)
class NewReceipt:
    """Goods for a branch. `reference` is what stands on the delivery note."""

    branch_id: UUID
    lines: tuple[ReceivedLine, ...]
    reference: str | None = None
    supplier_id: UUID | None = None


@dataclass(frozen=True)
class Received:
    """What became of goods: their receipt, and a move for each line in their order."""

    receipt_id: UUID
    move_ids: tuple[UUID, ...]


@dataclass(frozen=True)
class CheckedLine:
    """A checked line, with its quantity in the item's own unit too."""

    line: ReceivedLine
    unit: rules.StockUnit
    stock_quantity_milli: int
    batch: str | None


@dataclass(frozen=True)
class CheckedGoods:
    """Goods that may come in on a date. `charges_tax` is False for a supplier without a GSTIN."""

    lines: tuple[CheckedLine, ...]
    on: date
    reference: str | None
    supplier_id: UUID | None
    charges_tax: bool


async def receive_stock(work: Work, new: NewReceipt) -> Received:
    """Takes goods in without an order, and posts their value against what suppliers are still to bill.

    Raises: InvalidInput with every fault; PeriodClosed.
    """
    work.actor.require(Permission.STOCK_RECEIVE)
    work.actor.require_branch(new.branch_id)
    branch = await salon.branch_for_sale(work, new.branch_id)
    if branch is None or not branch.is_active:
        raise not_found(("branchId",), "branch")
    return await put_on_shelves(work, branch, await checked(work, new, clock.business_date(work.now, branch.time_zone)))


async def put_on_shelves(
    work: Work, branch: salon_tables.Branch, goods: CheckedGoods, *, purchase_id: UUID | None = None
) -> Received:
    """Moves, receipt and entry of checked goods.

    Professional goods are worth their cost with GST, retail goods without where its credit may be taken: by the rate
    of the product's tax class on the business date and the branch's registration. A supplier without a GSTIN charges
    none.

    Raises: PeriodClosed.
    """
    product_ids = {each.line.product_id for each in goods.lines}
    taxes = await catalog.purchase_taxes(work, product_ids, on=goods.on)
    receipt_id = new_id()
    codes = {each.batch for each in goods.lines if each.batch}
    cause = Cause(CAUSE, receipt_id, goods.on, goods.reference)
    shelves = await Shelves.lock(work, branch.id, cause, product_ids, codes=codes)
    amounts, rows = Amounts(), []
    for position, each in enumerate(goods.lines, start=1):
        shelf = shelves.by_product[each.line.product_id]
        cost = _cost_of(each.line, shelf.use, taxes[each.line.product_id], branch, charges_tax=goods.charges_tax)
        batch_id = shelves.batch(shelf, each.batch, each.line.expires_on)
        worth = shelves.take_in(
            shelf, batch_id, each.stock_quantity_milli, cost, rules.StockMoveKind.RECEIVE, position=position
        )
        amounts.take_in(shelf.use, accounts.RECEIVED_NOT_BILLED, cost_paise=cost, worth_paise=worth)
        rows.append(_line_row(receipt_id, position, each, batch_id, cost))
    moves = await shelves.store()
    entry_id = None
    if lines := amounts.lines():
        entry = NewEntry(branch.id, goods.on, "Goods received", CAUSE, receipt_id, lines)
        entry_id = (await accounting.post_entry(work, entry)).id
    receipt = tables.StockReceipt(
        id=receipt_id,
        branch_id=branch.id,
        supplier_id=goods.supplier_id,
        purchase_id=purchase_id,
        reference=goods.reference,
        business_date=goods.on,
        received_at=work.now,
        received_by_id=work.actor.id,
        entry_id=entry_id,
    )
    await _store(work, receipt, rows, moves)
    return Received(receipt_id, tuple(moves))


def _cost_of(
    line: ReceivedLine,
    use: rules.StockUse,
    tax: catalog.PurchaseTax,
    branch: salon_tables.Branch,
    *,
    charges_tax: bool,
) -> int:
    value = rules.value_of(line.quantity_milli, line.unit_cost_paise)
    return value + rules.tax_in_value(
        value,
        rate_hundredths=tax.rate_hundredths if charges_tax else 0,
        is_credited=tax.allows_input_credit and branch.tax_scheme is TaxScheme.REGULAR,
        use=use,
    )


async def _store(
    work: Work, receipt: tables.StockReceipt, rows: list[tables.StockReceiptLine], moves: list[UUID]
) -> None:
    """The receipt first, since no mapped relation tells the session that its lines need it."""
    work.session.add(receipt)
    await work.session.flush()
    for row, move_id in zip(rows, moves, strict=True):
        row.move_id = move_id
    work.session.add_all(rows)
    await work.session.flush()


def _line_row(
    receipt_id: UUID, position: int, each: CheckedLine, batch_id: UUID, cost_paise: int
) -> tables.StockReceiptLine:
    return tables.StockReceiptLine(
        id=new_id(),
        receipt_id=receipt_id,
        position=position,
        product_id=each.line.product_id,
        batch_id=batch_id,
        purchase_line_id=each.line.purchase_line_id,
        unit=each.unit,
        quantity_milli=each.line.quantity_milli,
        stock_quantity_milli=each.stock_quantity_milli,
        unit_cost_paise=each.line.unit_cost_paise,
        cost_paise=cost_paise,
    )


async def checked(work: Work, new: NewReceipt, on: date) -> CheckedGoods:
    """The lines in their items' units, and the reference made safe.

    Raises: InvalidInput with every fault.
    """
    checks = Checks()
    reference = checks.optional_text(new.reference, ("reference",), rules.REFERENCE_MAX)
    checks.require(new.lines, ("lines",), "REQUIRED", "Say what came in.")
    many = f"A receipt has at most {rules.LINES_MAX} lines."
    checks.require(len(new.lines) <= rules.LINES_MAX, ("lines",), "TOO_MANY", many)
    supplier = None if new.supplier_id is None else await queries.supplier(work, new.supplier_id)
    if new.supplier_id is not None and supplier is None:
        checks.add(("supplierId",), "NOT_FOUND", "There is no such supplier.")
    checks.finish()
    ids = {line.product_id for line in new.lines}
    items, units = await queries.items(work, ids), await queries.units(work, ids)
    goods = tuple(
        _goods(checks, ("lines", place), line, items.get(line.product_id), units, on)
        for place, line in enumerate(new.lines)
    )
    checks.finish()
    return CheckedGoods(goods, on, reference, new.supplier_id, supplier is None or supplier.gstin is not None)


def _goods(
    checks: Checks,
    path: Path,
    line: ReceivedLine,
    item: tables.StockItem | None,
    units: Mapping[tuple[UUID, str], int],
    on: date,
) -> CheckedLine:
    check_cost(checks, path, line.unit_cost_paise)
    if line.expires_on is not None and line.expires_on < on:
        checks.add((*path, "expiresOn"), "EXPIRED", "These goods have expired.")
    elif line.expires_on is not None and line.expires_on.year >= rules.YEAR_MAX:
        checks.add((*path, "expiresOn"), "OUT_OF_RANGE", "Goods expire before the year 2100.")
    batch = checks.optional_text(line.batch, (*path, "batch"), rules.BATCH_CODE_MAX)
    quantity = stock_quantity(checks, path, line.quantity_milli, line.unit, item, units)
    unit = line.unit or (item.unit if item else rules.StockUnit.PIECE)
    return CheckedLine(line, unit, quantity, batch)


def check_cost(checks: Checks, path: Path, unit_cost_paise: int) -> None:
    """A fault at `unitCost` for a cost below zero or beyond reason."""
    if not 0 <= unit_cost_paise <= rules.COST_PAISE_MAX:
        checks.add((*path, "unitCost"), "OUT_OF_RANGE", "A cost is 0.00 to 10000000.00.")


def stock_quantity(
    checks: Checks,
    path: Path,
    quantity_milli: int,
    unit: rules.StockUnit | None,
    item: tables.StockItem | None,
    units: Mapping[tuple[UUID, str], int],
) -> int:
    """A quantity of a unit in the item's own unit. Faults stand at `quantity`, `unit` and `productId` below the path."""
    if not 1 <= quantity_milli <= rules.QUANTITY_MAX:
        checks.add((*path, "quantity"), "OUT_OF_RANGE", "The quantity is more than 0 and at most a million.")
    if item is None:
        checks.add((*path, "productId"), "NOT_STOCKED", "This product is not kept in stock.")
        return quantity_milli
    if unit is None or unit is item.unit:
        return quantity_milli
    holds = units.get((item.id, unit.name))
    if holds is None:
        checks.add((*path, "unit"), "UNKNOWN_UNIT", "Nobody has said how much of it this unit holds.")
        return quantity_milli
    if quantity_milli * holds % 1000:
        checks.add((*path, "quantity"), "TOO_PRECISE", "This is no whole thousandth of the item's unit.")
        return quantity_milli
    quantity = quantity_milli * holds // 1000
    is_within = quantity <= rules.QUANTITY_MAX
    checks.require(is_within, (*path, "quantity"), "OUT_OF_RANGE", "This is more than a million of its unit.")
    return quantity
