"""What a service really used, entered after the fact: the difference moves stock and books on the day it is entered."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from salonos.accounting import commands as accounting
from salonos.accounting import rules as accounts
from salonos.accounting.commands import NewEntry
from salonos.inventory import queries, rules, tables
from salonos.inventory.commands import consuming
from salonos.inventory.commands.receiving import stock_quantity
from salonos.inventory.commands.shelves import Amounts, Cause, Shelves
from salonos.kernel import clock
from salonos.kernel.checks import Checks
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import StaleVersion, not_found
from salonos.kernel.work import Work
from salonos.salon import queries as salon

CAUSE: Final = "consumption"


@dataclass(frozen=True)
class _Spent:
    """What a consumption cost altogether, and the reversed credit within it."""

    cost_paise: int
    tax_paise: int


async def record_consumption(
    work: Work,
    consumption_id: UUID,
    *,
    quantity_milli: int,
    expected_version: int,
    unit: rules.StockUnit | None = None,
) -> UUID:
    """Says how much a line really used of an item: all of it, not what was added. One's own lines, with STOCK_COUNT all.

    What was used beyond goes off the shelf like the rest; what was not used goes back into the batches it came from, at
    the cost it was taken at. Locks the consumption, then the level.

    Raises: InvalidInput; StaleVersion; StockTooLow; PeriodClosed.
    """
    work.actor.require(Permission.STOCK_REQUEST)
    row = await queries.consumption_for_update(work, consumption_id)
    if row is None or not work.actor.reaches(row.branch_id):
        raise not_found(("consumptionId",), "consumption")
    if row.staff_id != work.actor.id:
        work.actor.require(Permission.STOCK_COUNT)
    if row.version != expected_version:
        raise StaleVersion(current_version=row.version)
    actual = await _in_own_unit(work, row, quantity_milli, unit)
    if actual != row.actual_milli:
        spent = await _move_difference(work, row, actual)
        row.cost_paise, row.tax_paise = spent.cost_paise, spent.tax_paise
    row.actual_milli = actual
    row.version += 1
    row.recorded_at = work.now
    row.recorded_by_id = work.actor.id
    await work.session.flush()
    return row.id


async def _in_own_unit(work: Work, row: tables.Consumption, quantity_milli: int, unit: rules.StockUnit | None) -> int:
    """The quantity in the item's own unit; nothing at all is a quantity too.

    Raises: InvalidInput with every fault.
    """
    checks = Checks()
    item = (await queries.items(work, {row.product_id}))[row.product_id]
    units = await queries.units(work, {row.product_id}) if unit is not None else {}
    nothing = quantity_milli == 0
    # A quantity of nothing is checked as one of something, since its unit has to be known all the same.
    actual = stock_quantity(checks, (), 1000 if nothing else quantity_milli, unit, item, units)
    checks.finish()
    return 0 if nothing else actual


async def _move_difference(work: Work, row: tables.Consumption, actual_milli: int) -> _Spent:
    branch = await salon.branch_for_sale(work, row.branch_id)
    if branch is None:
        raise not_found(("consumptionId",), "consumption")
    on = clock.business_date(work.now, branch.time_zone)
    shelves = await Shelves.lock(work, row.branch_id, Cause(CAUSE, row.id, on), {row.product_id})
    amounts = Amounts()
    if actual_milli > row.actual_milli:
        spent = _take_more(shelves, amounts, row, actual_milli - row.actual_milli)
    else:
        spent = await _put_back(work, shelves, amounts, row, row.actual_milli - actual_milli)
    await shelves.store()
    if lines := amounts.lines():
        entry = NewEntry(
            branch_id=row.branch_id,
            business_date=on,
            narration="Consumption as entered",
            cause_kind=CAUSE,
            cause_id=row.id,
            lines=lines,
            credit_reversed=amounts.credit_reversed,
        )
        await accounting.post_entry(work, entry)
    return spent


def _take_more(shelves: Shelves, amounts: Amounts, row: tables.Consumption, more_milli: int) -> _Spent:
    value = shelves.issue(
        row.product_id,
        more_milli,
        rules.StockMoveKind.CONSUMPTION,
        position=row.position,
        staff_id=row.staff_id,
    )
    shelf = shelves.by_product[row.product_id]
    amounts.add(accounts.CONSUMPTION, rules.account_of(shelf.use), value)
    tax = consuming.reverse_credit(amounts, shelf, more_milli, value, rate_hundredths=row.tax_rate_hundredths)
    return _Spent(row.cost_paise + value + tax, row.tax_paise + tax)


async def _put_back(work: Work, shelves: Shelves, amounts: Amounts, row: tables.Consumption, back_milli: int) -> _Spent:
    """Into the batches that it came from, the one that was taken last first, at its share of what all of it cost."""
    shelf, rest = shelves.by_product[row.product_id], back_milli
    value_left = row.cost_paise - row.tax_paise
    for batch_id, held_milli in await queries.consumed_batches(work, row):
        back = min(rest, held_milli)
        if not back:
            continue
        left = row.actual_milli - (back_milli - rest)
        cost = rules.share_of(value_left, back, left)
        worth = shelves.take_in(shelf, batch_id, back, cost, rules.StockMoveKind.CONSUMPTION, position=row.position)
        amounts.take_in(shelf.use, accounts.CONSUMPTION, cost_paise=cost, worth_paise=worth)
        value_left -= cost
        rest -= back
    half = rules.share_of(row.tax_paise // 2, back_milli, row.actual_milli)
    amounts.give_back_credit(
        accounts.CONSUMPTION,
        shelf.goods,
        -back_milli,
        value_left - (row.cost_paise - row.tax_paise),
        rate_hundredths=row.tax_rate_hundredths,
        half_paise=-half,
    )
    tax_left = row.tax_paise - 2 * half
    return _Spent(value_left + tax_left, tax_left)
