"""Goods that are ordered: drafts, orders with a number, what came of them, and what will not come any more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import delete

from salonos.inventory import problems, queries, rules, tables
from salonos.inventory.commands import receiving
from salonos.kernel import clock
from salonos.kernel.checks import Checks, Path
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import StaleVersion, not_found
from salonos.kernel.quantity import Quantity
from salonos.kernel.work import Work
from salonos.salon import commands as salon_commands
from salonos.salon import queries as salon
from salonos.salon import tables as salon_tables
from salonos.salon.rules import DocumentKind


@dataclass(frozen=True)
class OrderedLine:
    """Goods to be ordered: how many of `unit` (the item's own when None), and what one of it should cost without tax."""

    product_id: UUID
    quantity_milli: int
    unit_cost_paise: int
    unit: rules.StockUnit | None = None


@dataclass(frozen=True)
class PurchaseChanges:
    """All of a draft but its branch: a line for each product."""

    supplier_id: UUID
    lines: tuple[OrderedLine, ...]
    expected_on: date | None = None
    notes: str | None = None


@dataclass(frozen=True)
class NewPurchase:
    """An order as it is drafted."""

    branch_id: UUID
    supplier_id: UUID
    lines: tuple[OrderedLine, ...]
    expected_on: date | None = None
    notes: str | None = None

    @property
    def contents(self) -> PurchaseChanges:
        """All but its branch."""
        return PurchaseChanges(self.supplier_id, self.lines, self.expected_on, self.notes)


@dataclass(frozen=True, kw_only=True)
class ArrivedLine:
    """What came of an order's line, of one batch. Unit and cost are the order's when they are None."""

    line_id: UUID
    quantity_milli: int
    unit: rules.StockUnit | None = None
    unit_cost_paise: int | None = None
    batch: str | None = None
    expires_on: date | None = None


@dataclass(frozen=True)
class Arrival:
    """Goods that came of an order. `allows_more` says that more than was ordered is kept."""

    purchase_id: UUID
    lines: tuple[ArrivedLine, ...]
    reference: str | None = None
    allows_more: bool = False


async def create_purchase(work: Work, new: NewPurchase) -> UUID:
    """Drafts an order.

    Raises: InvalidInput with every fault.
    """
    work.actor.require(Permission.PURCHASE_MANAGE)
    work.actor.require_branch(new.branch_id)
    branch = await salon.branch_for_sale(work, new.branch_id)
    if branch is None or not branch.is_active:
        raise not_found(("branchId",), "branch")
    row = tables.Purchase(
        id=new_id(),
        branch_id=branch.id,
        status=rules.PurchaseStatus.DRAFT,
        version=1,
        created_at=work.now,
        created_by_id=work.actor.id,
    )
    await _take(work, row, new.contents, today=clock.business_date(work.now, branch.time_zone))
    return row.id


async def update_purchase(work: Work, purchase_id: UUID, new: PurchaseChanges, *, expected_version: int) -> UUID:
    """Replaces all of a draft but its branch.

    Raises: InvalidInput with every fault; StaleVersion; PurchaseNotDraft.
    """
    row, branch = await _locked(work, purchase_id, expected_version)
    if row.status is not rules.PurchaseStatus.DRAFT:
        raise problems.PurchaseNotDraft(row.id)
    line = tables.PurchaseLine
    await work.session.execute(delete(line).where(line.purchase_id == row.id))
    row.version += 1
    await _take(work, row, new, today=clock.business_date(work.now, branch.time_zone))
    return row.id


async def place_purchase(work: Work, purchase_id: UUID, *, expected_version: int) -> UUID:
    """Orders a draft: it gets its number, and its lines stay as they are.

    Raises: InvalidInput; StaleVersion; PurchaseNotDraft; StartOver; ClockBehind; NumberSeriesExhausted.
    """
    row, branch = await _locked(work, purchase_id, expected_version)
    if row.status is not rules.PurchaseStatus.DRAFT:
        raise problems.PurchaseNotDraft(row.id)
    on = clock.business_date(work.now, branch.time_zone)
    row.number = await salon_commands.draw_number(work, branch, DocumentKind.PURCHASE_ORDER, on=on)
    row.ordered_on = on
    row.status = rules.PurchaseStatus.ORDERED
    row.version += 1
    await work.session.flush()
    return row.id


async def cancel_purchase(work: Work, purchase_id: UUID, *, expected_version: int) -> UUID:
    """Gives up a draft, or what has not come of an order; what came stays.

    Raises: InvalidInput; StaleVersion; PurchaseNotAwaited when nothing is open.
    """
    row, _ = await _locked(work, purchase_id, expected_version)
    if row.status is not rules.PurchaseStatus.DRAFT and row.status not in rules.AWAITED:
        raise problems.PurchaseNotAwaited(row.id)
    row.status = rules.PurchaseStatus.CANCELLED
    row.version += 1
    await work.session.flush()
    return row.id


async def receive_purchase(work: Work, new: Arrival) -> receiving.Received:
    """Takes in what came of an order, in as many parts as it comes.

    Two who receive at once follow one another, so that what is open is counted behind the lock.

    Raises: InvalidInput with every fault; PurchaseNotAwaited; ReceivedTooMuch; PeriodClosed.
    """
    work.actor.require(Permission.STOCK_RECEIVE)
    row, branch = await _locked(work, new.purchase_id, None)
    if row.status not in rules.AWAITED:
        raise problems.PurchaseNotAwaited(row.id)
    lines = {line.id: line for line in await queries.purchase_lines(work, row.id)}
    arrived = _arrived(new, lines)
    receipt = receiving.NewReceipt(branch.id, arrived, new.reference, row.supplier_id)
    goods = await receiving.checked(work, receipt, clock.business_date(work.now, branch.time_zone))
    came = dict.fromkeys(lines, 0)
    for arrival, each in zip(new.lines, goods.lines, strict=True):
        came[arrival.line_id] += each.stock_quantity_milli
    if not new.allows_more:
        _refuse_excess(lines, came)
    received = await receiving.put_on_shelves(work, branch, goods, purchase_id=row.id)
    is_complete = all(line.received_milli + came[line.id] >= line.stock_quantity_milli for line in lines.values())
    row.status = rules.PurchaseStatus.RECEIVED if is_complete else rules.PurchaseStatus.PARTLY_RECEIVED
    row.version += 1
    await work.session.flush()
    return received


def _refuse_excess(lines: Mapping[UUID, tables.PurchaseLine], came: Mapping[UUID, int]) -> None:
    for line in lines.values():
        awaited = max(line.stock_quantity_milli - line.received_milli, 0)
        if came[line.id] > awaited:
            raise problems.ReceivedTooMuch(product_id=line.product_id, awaited=Quantity(awaited))


def _arrived(new: Arrival, lines: Mapping[UUID, tables.PurchaseLine]) -> tuple[receiving.ReceivedLine, ...]:
    """Raises: InvalidInput for a line of another order, and for another unit without its cost."""
    checks = Checks()
    arrived: list[receiving.ReceivedLine] = []
    for place, each in enumerate(new.lines):
        line = lines.get(each.line_id)
        if line is None:
            checks.add(("lines", place, "lineId"), "NOT_FOUND", "There is no such line in this order.")
            continue
        unit = each.unit or line.unit
        if each.unit_cost_paise is None and unit is not line.unit:
            checks.add(("lines", place, "unitCost"), "REQUIRED", "Say what one of this unit costs.")
        arrived.append(
            receiving.ReceivedLine(
                product_id=line.product_id,
                quantity_milli=each.quantity_milli,
                unit_cost_paise=line.unit_cost_paise if each.unit_cost_paise is None else each.unit_cost_paise,
                unit=unit,
                batch=each.batch,
                expires_on=each.expires_on,
                purchase_line_id=line.id,
            )
        )
    checks.finish()
    return tuple(arrived)


async def _locked(
    work: Work, purchase_id: UUID, expected_version: int | None
) -> tuple[tables.Purchase, salon_tables.Branch]:
    """An order within reach, locked, at the version that was read.

    Raises: InvalidInput; StaleVersion.
    """
    if expected_version is not None:
        work.actor.require(Permission.PURCHASE_MANAGE)
    row = await queries.purchase_for_update(work, purchase_id)
    if row is None or not work.actor.reaches(row.branch_id):
        raise not_found(("purchaseId",), "purchase")
    if expected_version is not None and row.version != expected_version:
        raise StaleVersion(current_version=row.version)
    branch = await salon.branch_for_sale(work, row.branch_id)
    if branch is None:
        raise LookupError("a purchase has a branch")
    return row, branch


async def _take(work: Work, row: tables.Purchase, new: PurchaseChanges, *, today: date) -> None:
    """Writes the draft and its lines.

    Raises: InvalidInput with every fault.
    """
    checks = Checks()
    row.notes = checks.optional_text(new.notes, ("notes",), rules.NOTES_MAX, is_multiline=True)
    row.expected_on = new.expected_on
    if new.expected_on is not None and not today <= new.expected_on < date(rules.YEAR_MAX, 1, 1):
        checks.add(("expectedOn",), "OUT_OF_RANGE", "Goods are expected today or later.")
    supplier = await queries.supplier(work, new.supplier_id)
    if supplier is None or not supplier.is_active:
        checks.add(("supplierId",), "NOT_FOUND", "There is no such supplier.")
    checks.require(new.lines, ("lines",), "REQUIRED", "Say what is ordered.")
    many = f"An order has at most {rules.LINES_MAX} lines."
    checks.require(len(new.lines) <= rules.LINES_MAX, ("lines",), "TOO_MANY", many)
    checks.finish()
    lines = await _checked_lines(work, checks, new.lines)
    row.supplier_id = new.supplier_id
    work.session.add(row)
    await work.session.flush()
    for position, (given, unit, stock_quantity_milli) in enumerate(lines, start=1):
        work.session.add(
            tables.PurchaseLine(
                id=new_id(),
                purchase_id=row.id,
                position=position,
                product_id=given.product_id,
                unit=unit,
                quantity_milli=given.quantity_milli,
                stock_quantity_milli=stock_quantity_milli,
                unit_cost_paise=given.unit_cost_paise,
            )
        )
    await work.session.flush()


async def _checked_lines(
    work: Work, checks: Checks, lines: Sequence[OrderedLine]
) -> list[tuple[OrderedLine, rules.StockUnit, int]]:
    """Each line with its unit and its quantity in the item's own unit.

    Raises: InvalidInput with every fault.
    """
    ids = {line.product_id for line in lines}
    items, units = await queries.items(work, ids), await queries.units(work, ids)
    found: list[tuple[OrderedLine, rules.StockUnit, int]] = []
    for place, line in enumerate(lines):
        path: Path = ("lines", place)
        item = items.get(line.product_id)
        if line.product_id in [each.product_id for each in lines[:place]]:
            checks.add((*path, "productId"), "TAKEN", "This product is ordered in another line already.")
        quantity = receiving.stock_quantity(checks, path, line.quantity_milli, line.unit, item, units)
        receiving.check_cost(checks, path, line.unit_cost_paise)
        if item is not None:
            found.append((line, line.unit or item.unit, quantity))
    checks.finish()
    return found
