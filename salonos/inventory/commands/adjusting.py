"""Corrections of stock: somebody asks, somebody else decides, and only then stock and books move."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from salonos.accounting import commands as accounting
from salonos.accounting import rules as accounts
from salonos.accounting.commands import NewEntry
from salonos.catalog import queries as catalog
from salonos.inventory import problems, queries, rules, tables
from salonos.inventory.commands.receiving import stock_quantity
from salonos.inventory.commands.shelves import Amounts, Cause, Shelves
from salonos.inventory.rules import StockAdjustmentReason, StockAdjustmentState, StockMoveKind
from salonos.kernel import clock
from salonos.kernel.checks import Checks
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import not_found
from salonos.kernel.work import Work
from salonos.salon import queries as salon
from salonos.salon import tables as salon_tables
from salonos.salon.rules import TaxScheme

CAUSE: Final = "stockadjustment"


@dataclass(frozen=True, kw_only=True)
class NewAdjustment:
    """What is to be corrected: above 0 what is there unexpectedly, below 0 what is gone, in `unit` (the item's own)."""

    branch_id: UUID
    product_id: UUID
    quantity_milli: int
    reason: StockAdjustmentReason
    words: str | None = None
    unit: rules.StockUnit | None = None
    batch_id: UUID | None = None


async def request_stock_adjustment(work: Work, new: NewAdjustment) -> UUID:
    """Asks for a correction. What is worth nothing moves at once; everything else waits for somebody else's decision.

    Raises: InvalidInput with every fault; StockTooLow; PeriodClosed.
    """
    work.actor.require(Permission.STOCK_REQUEST)
    work.actor.require_branch(new.branch_id)
    branch = await salon.branch_for_sale(work, new.branch_id)
    if branch is None:
        raise not_found(("branchId",), "branch")
    quantity, words = await _checked(work, new)
    row = tables.StockAdjustment(
        id=new_id(),
        branch_id=new.branch_id,
        product_id=new.product_id,
        batch_id=new.batch_id,
        quantity_milli=quantity,
        reason=new.reason,
        words=words,
        state=StockAdjustmentState.PENDING,
        requested_by_id=work.actor.id,
        requested_at=work.now,
    )
    shelves = await _locked(work, branch, row)
    if not _moved(shelves, row):  # a trial: the moves are stored only where nobody has to decide
        await shelves.store()
        _decide(work, row, StockAdjustmentState.APPROVED, by=None)
        row.business_date, row.value_paise, row.tax_paise = shelves.cause.on, 0, 0
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
    shelves = await _locked(work, branch, row)
    on, use = shelves.cause.on, shelves.by_product[row.product_id].use
    value, half, amounts = _moved(shelves, row), 0, Amounts()
    if row.quantity_milli < 0:
        tax = (await catalog.purchase_taxes(work, {row.product_id}, on=on))[row.product_id]
        half = half_credit(branch, tax, use, -value)
        amounts.lose(use, -value, half_credit_paise=half)
    else:
        amounts.add(rules.account_of(use), accounts.STOCK_LOSS, value)
    await shelves.store()
    if lines := amounts.lines():
        narration = f"Stock corrected: {row.reason.value.lower().replace('_', ' ')}"
        posted = await accounting.post_entry(work, NewEntry(branch.id, on, narration, CAUSE, row.id, lines))
        row.entry_id = posted.id
    row.business_date, row.value_paise, row.tax_paise = on, value, 2 * half
    _decide(work, row, StockAdjustmentState.APPROVED, by=work.actor.id)
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
    _decide(work, row, StockAdjustmentState.REJECTED, by=work.actor.id)
    await work.session.flush()
    return row.id


def half_credit(branch: salon_tables.Branch, tax: catalog.PurchaseTax, use: rules.StockUse, cost_paise: int) -> int:
    """The CGST, and as much SGST, that is credited no longer for goods that are lost at a cost."""
    return rules.credit_taken_back(
        cost_paise,
        rate_hundredths=tax.rate_hundredths,
        is_credited=tax.allows_input_credit and branch.tax_scheme is TaxScheme.REGULAR,
        use=use,
    )


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
    if new.batch_id is not None and not await queries.is_batch_of(work, new.batch_id, new.branch_id, new.product_id):
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


async def _locked(work: Work, branch: salon_tables.Branch, row: tables.StockAdjustment) -> Shelves:
    on = clock.business_date(work.now, branch.time_zone)
    return await Shelves.lock(work, branch.id, Cause(CAUSE, row.id, on, row.words), {row.product_id})


def _moved(shelves: Shelves, row: tables.StockAdjustment) -> int:
    """By how much the correction changes the stock's value. Raises: StockTooLow."""
    shelf, kind = shelves.by_product[row.product_id], StockMoveKind.ADJUSTMENT
    if row.quantity_milli > 0:
        return shelves.find(shelf, row.quantity_milli, kind, position=1, batch_id=row.batch_id)
    return -shelves.lose(
        shelf,
        -row.quantity_milli,
        kind,
        position=1,
        batch_id=row.batch_id,
        expired_first=row.reason is StockAdjustmentReason.EXPIRY,
    )


def _decide(work: Work, row: tables.StockAdjustment, state: StockAdjustmentState, *, by: UUID | None) -> None:
    row.state, row.decided_by_id, row.decided_at = state, by, work.now
