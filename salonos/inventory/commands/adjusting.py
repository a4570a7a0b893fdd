"""Corrections of stock: somebody asks, somebody else decides, and only then stock and books move."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import UUID

from salonos.accounting import commands as accounting
from salonos.accounting import rules as accounts
from salonos.accounting.commands import NewEntry
from salonos.catalog import queries as catalog
from salonos.inventory import problems, queries, rules, tables
from salonos.inventory.commands import transferring
from salonos.inventory.commands.receiving import stock_quantity
from salonos.inventory.commands.shelves import Amounts, Cause, Shelves, TaxedGoods
from salonos.inventory.rules import StockAdjustmentReason, StockAdjustmentState, StockMoveKind
from salonos.kernel import clock
from salonos.kernel.checks import Checks
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import not_found
from salonos.kernel.quantity import Quantity
from salonos.kernel.work import Work
from salonos.salon import queries as salon
from salonos.salon import tables as salon_tables
from salonos.salon.rules import TaxScheme

CAUSE: Final = "stockadjustment"


@dataclass(frozen=True, kw_only=True)
class NewAdjustment:
    """What is to be corrected: above 0 what is there unexpectedly, below 0 what is gone, in `unit` (the item's own).

    With `transfer_line_id` goods are gone that were on their way: the branch is the sender's.
    """

    branch_id: UUID
    product_id: UUID
    quantity_milli: int
    reason: StockAdjustmentReason
    words: str | None = None
    unit: rules.StockUnit | None = None
    batch_id: UUID | None = None
    transfer_line_id: UUID | None = None


async def request_stock_adjustment(work: Work, new: NewAdjustment) -> UUID:
    """Asks for a correction. What is worth nothing moves at once; everything else waits for somebody else's decision.

    Raises: InvalidInput with every fault; StockTooLow; PeriodClosed.
    """
    work.actor.require(Permission.STOCK_REQUEST)
    await _require_reach(work, new)
    branch = await salon.branch_for_sale(work, new.branch_id)
    if branch is None:
        raise not_found(("branchId",), "branch")
    quantity, words = await _checked(work, new)
    row = tables.StockAdjustment(
        id=new_id(),
        branch_id=new.branch_id,
        product_id=new.product_id,
        batch_id=new.batch_id,
        transfer_line_id=new.transfer_line_id,
        quantity_milli=quantity,
        reason=new.reason,
        words=words,
        state=StockAdjustmentState.PENDING,
        requested_by_id=work.actor.id,
        requested_at=work.now,
    )
    correction = await _decided(work, branch, row)  # a trial, kept only where nobody has to decide
    if not correction.value_paise:
        await correction.store(work)
        _approve(work, row, correction, by=None)
    work.session.add(row)
    await work.session.flush()
    return row.id


async def approve_stock_adjustment(work: Work, adjustment_id: UUID) -> UUID:
    """Lets a correction happen: moves, entry and decision in one transaction, at what goods are worth now.

    A loss of retail goods takes the input credit back with it, at the class's rate of the date.

    Raises: InvalidInput NOT_FOUND; AlreadyDecided; OwnRequest; StockTooLow; PeriodClosed.
    """
    row = await _to_decide(work, adjustment_id)
    branch = await salon.branch_for_sale(work, row.branch_id)
    if branch is None:
        raise LookupError("an adjustment's branch is never deleted")
    correction = await _decided(work, branch, row)
    await correction.store(work)
    if lines := correction.amounts.lines():
        narration = f"Stock corrected: {row.reason.value.lower().replace('_', ' ')}"
        given_back = correction.amounts.credit_reversed
        entry = NewEntry(branch.id, correction.on, narration, CAUSE, row.id, lines, credit_reversed=given_back)
        row.entry_id = (await accounting.post_entry(work, entry)).id
    _approve(work, row, correction, by=work.actor.id)
    await work.session.flush()
    return row.id


async def reject_stock_adjustment(work: Work, adjustment_id: UUID, *, reason: str) -> UUID:
    """Turns a request down: nothing moves.

    Raises: InvalidInput; AlreadyDecided; OwnRequest.
    """
    row = await _to_decide(work, adjustment_id)
    checks = Checks()
    row.decision_words = checks.text(reason, ("reason",), rules.REASON_MAX)
    checks.finish()
    row.state, row.decided_by_id, row.decided_at = StockAdjustmentState.REJECTED, work.actor.id, work.now
    await work.session.flush()
    return row.id


@dataclass(frozen=True)
class Loss:
    """Goods that are gone from an account: of which use, how many, and what they had cost."""

    account: str
    use: rules.StockUse
    goods: TaxedGoods
    quantity_milli: int
    cost_paise: int


def book_loss(amounts: Amounts, loss: Loss, tax: catalog.PurchaseTax, branch: salon_tables.Branch) -> int:
    """Goods that are lost, with both halves of the input credit that is lost with them. Returns those."""
    half = rules.credit_taken_back(
        loss.cost_paise,
        rate_hundredths=tax.rate_hundredths,
        is_credited=tax.allows_input_credit and branch.tax_scheme is TaxScheme.REGULAR,
        use=loss.use,
    )
    amounts.add(accounts.STOCK_LOSS, loss.account, loss.cost_paise)
    amounts.give_back_credit(
        accounts.STOCK_LOSS,
        loss.goods,
        loss.quantity_milli,
        loss.cost_paise,
        rate_hundredths=tax.rate_hundredths,
        half_paise=half,
    )
    return 2 * half


async def _checked(work: Work, new: NewAdjustment) -> tuple[int, str | None]:
    """The signed quantity in the item's unit, and the words made safe.

    Raises: InvalidInput with every fault.
    """
    checks = Checks()
    words = checks.optional_text(new.words, ("words",), rules.REASON_MAX)
    item = (await queries.items(work, {new.product_id})).get(new.product_id)
    units = await queries.units(work, {new.product_id})
    size = stock_quantity(checks, (), abs(new.quantity_milli), new.unit, item, units)
    if not rules.fits(new.reason, new.quantity_milli):
        checks.add(("reason",), "WRONG_DIRECTION", "Goods don't come or go for this reason.")
    if new.transfer_line_id is not None:
        checks.require(new.quantity_milli < 0, ("quantity",), "OUT_OF_RANGE", "What is on its way can only be gone.")
        checks.require(new.batch_id is None, ("batchId",), "NOT_ALLOWED", "The transfer says of which batch.")
    elif new.batch_id is not None and not await queries.is_batch_of(work, new.batch_id, new.branch_id, new.product_id):
        checks.add(("batchId",), "NOT_FOUND", "There is no such batch of this product here.")
    checks.finish()
    return size if new.quantity_milli > 0 else -size, words


async def _to_decide(work: Work, adjustment_id: UUID) -> tables.StockAdjustment:
    """A request within reach that waits for a decision which the actor may make, locked.

    Raises: InvalidInput NOT_FOUND; AlreadyDecided; OwnRequest.
    """
    work.actor.require(Permission.STOCK_APPROVE)
    row = await queries.adjustment_for_update(work, adjustment_id)
    if row is None or not work.actor.reaches(row.branch_id):
        raise not_found(("adjustmentId",), "stock adjustment")
    if row.state is not StockAdjustmentState.PENDING:
        raise problems.AlreadyDecided(adjustment_id)
    if row.requested_by_id == work.actor.id:
        raise problems.OwnRequest
    return row


@dataclass
class _Correction:
    """What a request moves, decided and not yet written: on the shelf, or of what is on its way."""

    on: date
    value_paise: int = 0
    tax_paise: int = 0
    amounts: Amounts = field(default_factory=Amounts)
    shelves: Shelves | None = None
    on_the_way: "_OnTheWay | None" = None

    async def store(self, work: Work) -> None:
        """Writes the moves, or what became of the transfer."""
        if self.shelves is not None:
            await self.shelves.store()
        if self.on_the_way is not None:
            way = self.on_the_way
            way.line.lost_milli += way.quantity_milli
            way.line.lost_paise += way.cost_paise
            await transferring.settle(work, way.transfer, way.lines)


@dataclass(frozen=True)
class _OnTheWay:
    """A part of a locked transfer's line that is lost."""

    transfer: tables.StockTransfer
    lines: Sequence[tables.StockTransferLine]
    line: tables.StockTransferLine
    quantity_milli: int
    cost_paise: int


async def _decided(work: Work, branch: salon_tables.Branch, row: tables.StockAdjustment) -> _Correction:
    """What a request would move now. Raises: StockTooLow."""
    on = clock.business_date(work.now, branch.time_zone)
    if row.transfer_line_id is not None:
        way = await _on_the_way(work, row.transfer_line_id, -row.quantity_milli)
        found = _Correction(on, -way.cost_paise, on_the_way=way)
        item = (await queries.items(work, {row.product_id}))[row.product_id]
        return await _lost(work, branch, row, found, item, accounts.GOODS_IN_TRANSIT)
    shelves = await Shelves.lock(work, branch.id, Cause(CAUSE, row.id, on, row.words), {row.product_id})
    shelf, kind = shelves.by_product[row.product_id], StockMoveKind.ADJUSTMENT
    found = _Correction(on, shelves=shelves)
    if row.quantity_milli > 0:
        found.value_paise = shelves.find(shelf, row.quantity_milli, kind, position=1, batch_id=row.batch_id)
        found.amounts.add(rules.account_of(shelf.use), accounts.STOCK_LOSS, found.value_paise)
        return found
    is_expiry = row.reason is StockAdjustmentReason.EXPIRY
    found.value_paise = -shelves.lose(
        shelf, -row.quantity_milli, kind, position=1, batch_id=row.batch_id, expired_first=is_expiry
    )
    item = (await queries.items(work, {row.product_id}))[row.product_id]
    return await _lost(work, branch, row, found, item, rules.account_of(shelf.use))


async def _lost(
    work: Work,
    branch: salon_tables.Branch,
    row: tables.StockAdjustment,
    found: _Correction,
    item: tables.StockItem,
    account: str,
) -> _Correction:
    """The same with the input credit that is lost too."""
    tax = (await catalog.purchase_taxes(work, {row.product_id}, on=found.on))[row.product_id]
    goods = TaxedGoods(branch.gstin, tax.hsn_code, item.unit)
    loss = Loss(account, item.use, goods, -row.quantity_milli, -found.value_paise)
    found.tax_paise = book_loss(found.amounts, loss, tax, branch)
    return found


async def _on_the_way(work: Work, line_id: UUID, quantity_milli: int) -> _OnTheWay:
    """Goods of a transfer that never arrive; the transfer is locked. Raises: StockTooLow with what is on its way."""
    transfer = await queries.transfer_of_line(work, line_id)
    if transfer is None:
        raise LookupError("a request names a line of a transfer")
    transfer = await queries.transfer_for_update(work, transfer.id) or transfer
    lines = await queries.transfer_lines(work, transfer.id)
    line = next(each for each in lines if each.id == line_id)
    rest = line.quantity_milli - line.received_milli - line.lost_milli - line.returned_milli
    if quantity_milli > rest:
        raise problems.StockTooLow(product_id=line.product_id, available=Quantity(rest))
    return _OnTheWay(transfer, lines, line, quantity_milli, transferring.cost_in_transit(line, quantity_milli))


async def _require_reach(work: Work, new: NewAdjustment) -> None:
    """Who asks is of the branch; of what is on its way also at the receiver, who misses it.

    Raises: InvalidInput NOT_FOUND.
    """
    if new.transfer_line_id is None:
        work.actor.require_branch(new.branch_id)
        return
    transfer = await queries.transfer_of_line(work, new.transfer_line_id)
    if (
        transfer is None
        or transfer.from_branch_id != new.branch_id
        or not (work.actor.reaches(transfer.from_branch_id) or work.actor.reaches(transfer.to_branch_id))
        or not await queries.is_line_of(work, new.transfer_line_id, new.product_id)
    ):
        raise not_found(("transferLineId",), "transfer of this product from there")


def _approve(work: Work, row: tables.StockAdjustment, correction: _Correction, *, by: UUID | None) -> None:
    row.state, row.decided_by_id, row.decided_at = StockAdjustmentState.APPROVED, by, work.now
    row.business_date, row.value_paise, row.tax_paise = correction.on, correction.value_paise, correction.tax_paise
