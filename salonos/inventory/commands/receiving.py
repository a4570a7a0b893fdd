"""Goods that come in without an order: on the shelf and in the books in one transaction."""

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
from salonos.salon.rules import TaxScheme

CAUSE: Final = "stockreceipt"


@dataclass(frozen=True, kw_only=True)
class ReceivedLine:
    """Goods of one batch: how many of `unit` (the item's own when None), and what one of it cost without tax."""

    product_id: UUID
    quantity_milli: int
    unit_cost_paise: int
    unit: rules.StockUnit | None = None
    batch: str | None = None
    expires_on: date | None = None


@dataclass(frozen=True)
class NewReceipt:
    """Goods for a branch. `reference` is what stands on the delivery note."""

    branch_id: UUID
    lines: tuple[ReceivedLine, ...]
    reference: str | None = None


@dataclass(frozen=True)
class _Goods:
    """A checked line: in the item's own unit."""

    line: ReceivedLine
    quantity_milli: int
    batch: str | None


async def receive_stock(work: Work, new: NewReceipt) -> list[UUID]:
    """Takes goods in, and posts their value against what suppliers are still to bill. Returns the moves' ids.

    Professional goods are worth their cost with GST, retail goods without where its credit may be taken: by the rate
    of the product's tax class on the business date and the branch's registration.

    Raises: InvalidInput with every fault; PeriodClosed.
    """
    work.actor.require(Permission.STOCK_RECEIVE)
    work.actor.require_branch(new.branch_id)
    branch = await salon.branch_for_sale(work, new.branch_id)
    if branch is None or not branch.is_active:
        raise not_found(("branchId",), "branch")
    on = clock.business_date(work.now, branch.time_zone)
    goods, reference = await _checked(work, new, on)
    taxes = await catalog.purchase_taxes(work, {each.line.product_id for each in goods}, on=on)
    receipt_id = new_id()
    codes = {each.batch for each in goods if each.batch}
    shelves = await Shelves.lock(
        work, branch.id, Cause(CAUSE, receipt_id, on, reference), {each.line.product_id for each in goods}, codes=codes
    )
    amounts = Amounts()
    for position, each in enumerate(goods, start=1):
        shelf, tax = shelves.by_product[each.line.product_id], taxes[each.line.product_id]
        value = rules.value_of(each.line.quantity_milli, each.line.unit_cost_paise)
        cost = value + rules.tax_in_value(
            value,
            rate_hundredths=tax.rate_hundredths,
            is_credited=tax.allows_input_credit and branch.tax_scheme is TaxScheme.REGULAR,
            use=shelf.use,
        )
        batch_id = shelves.batch(shelf, each.batch, each.line.expires_on)
        worth = shelves.take_in(
            shelf, batch_id, each.quantity_milli, cost, rules.StockMoveKind.RECEIVE, position=position
        )
        amounts.take_in(shelf.use, accounts.RECEIVED_NOT_BILLED, cost_paise=cost, worth_paise=worth)
    moves = await shelves.store()
    if lines := amounts.lines():
        await accounting.post_entry(work, NewEntry(branch.id, on, "Goods received", CAUSE, receipt_id, lines))
    return moves


async def _checked(work: Work, new: NewReceipt, on: date) -> tuple[list[_Goods], str | None]:
    """The lines in their items' units, and the reference made safe.

    Raises: InvalidInput with every fault.
    """
    checks = Checks()
    reference = checks.optional_text(new.reference, ("reference",), rules.REFERENCE_MAX)
    checks.require(new.lines, ("lines",), "REQUIRED", "Say what came in.")
    many = f"A receipt has at most {rules.LINES_MAX} lines."
    checks.require(len(new.lines) <= rules.LINES_MAX, ("lines",), "TOO_MANY", many)
    checks.finish()
    ids = {line.product_id for line in new.lines}
    items, units = await queries.items(work, ids), await queries.units(work, ids)
    goods = [
        _goods(checks, ("lines", place), line, items.get(line.product_id), units, on)
        for place, line in enumerate(new.lines)
    ]
    checks.finish()
    return goods, reference


def _goods(
    checks: Checks,
    path: Path,
    line: ReceivedLine,
    item: tables.StockItem | None,
    units: Mapping[tuple[UUID, str], int],
    on: date,
) -> _Goods:
    quantity = line.quantity_milli
    if not 1 <= quantity <= rules.QUANTITY_MAX:
        checks.add((*path, "quantity"), "OUT_OF_RANGE", "The quantity is more than 0 and at most a million.")
    if not 0 <= line.unit_cost_paise <= rules.COST_PAISE_MAX:
        checks.add((*path, "unitCost"), "OUT_OF_RANGE", "A cost is 0.00 to 10000000.00.")
    if line.expires_on is not None and line.expires_on < on:
        checks.add((*path, "expiresOn"), "EXPIRED", "These goods have expired.")
    elif line.expires_on is not None and line.expires_on.year >= rules.YEAR_MAX:
        checks.add((*path, "expiresOn"), "OUT_OF_RANGE", "Goods expire before the year 2100.")
    batch = checks.optional_text(line.batch, (*path, "batch"), rules.BATCH_CODE_MAX)
    if item is None:
        checks.add((*path, "productId"), "NOT_STOCKED", "This product is not kept in stock.")
    elif line.unit is not None and line.unit is not item.unit:
        holds = units.get((line.product_id, line.unit.name))
        if holds is None:
            checks.add((*path, "unit"), "UNKNOWN_UNIT", "Nobody has said how much of it this unit holds.")
        elif quantity * holds % 1000:
            checks.add((*path, "quantity"), "TOO_PRECISE", "This is no whole thousandth of the item's unit.")
        else:
            quantity = quantity * holds // 1000
            is_within = quantity <= rules.QUANTITY_MAX
            checks.require(is_within, (*path, "quantity"), "OUT_OF_RANGE", "This is more than a million of its unit.")
    return _Goods(line, quantity, batch)
