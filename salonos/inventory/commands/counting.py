"""Counts: what is expected is frozen, what is there is entered without seeing it, and the variance is posted.

The variance is what was counted less what was expected when the count began, so that goods which are sold or come in
while people count are not counted away: it is applied to the level as it is at posting.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Row, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError

from salonos.accounting import commands as accounting
from salonos.accounting import rules as accounts
from salonos.accounting.commands import NewEntry
from salonos.catalog import queries as catalog
from salonos.inventory import problems, queries, rules, tables
from salonos.inventory.commands.adjusting import Loss, book_loss
from salonos.inventory.commands.receiving import stock_quantity
from salonos.inventory.commands.shelves import Amounts, Cause, Shelf, Shelves
from salonos.inventory.rules import StockCountState, StockMoveKind
from salonos.kernel import clock
from salonos.kernel.checks import Checks
from salonos.kernel.database import constraint_of
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import StaleVersion, not_found
from salonos.kernel.work import Work
from salonos.salon import queries as salon
from salonos.salon import tables as salon_tables

CAUSE: Final = "stockcount"

_FREEZE = text(
    """
    insert into stock_count_lines (id, count_id, branch_id, position, product_id, batch_id, is_whole, expected_milli)
    select gen_random_uuid(), :count_id, :branch_id,
           row_number() over (order by search_name, product_id, batch_id nulls first),
           product_id, batch_id, is_whole, expected_milli
    from (
        select level.search_name, level.product_id, null::uuid as batch_id,
               level.product_id <> all(:by_batch) as is_whole,
               case when level.product_id <> all(:by_batch) then level.quantity_milli
                    else coalesce(unnamed.quantity_milli, 0) end as expected_milli
        from stock_levels as level
        left join stock_batches as unnamed
            on unnamed.branch_id = level.branch_id and unnamed.product_id = level.product_id
            and unnamed.code is null and unnamed.expires_on is null
        where level.branch_id = :branch_id and level.product_id = any(:product_ids)
        union all
        select level.search_name, level.product_id, batch.id, false, batch.quantity_milli
        from stock_levels as level
        join stock_batches as batch on batch.branch_id = level.branch_id and batch.product_id = level.product_id
        where level.branch_id = :branch_id and level.product_id = any(:product_ids)
            and level.product_id = any(:by_batch)
            and batch.quantity_milli <> 0 and (batch.code is not null or batch.expires_on is not null)
    ) as frozen
    order by product_id, batch_id nulls first  -- two counts of the same items wait for each other in one order
    """
).bindparams(
    bindparam("count_id", type_=Uuid()),
    bindparam("branch_id", type_=Uuid()),
    bindparam("product_ids", type_=ARRAY(Uuid())),
    bindparam("by_batch", type_=ARRAY(Uuid())),
)

_ENTER = text(
    """
    update stock_count_lines as line
    set counted_milli = entered.counted_milli, counted_by_id = entered.counted_by_id, counted_at = entered.counted_at
    from jsonb_to_recordset(cast(:lines as jsonb)) as entered (
        id uuid, counted_milli bigint, counted_by_id uuid, counted_at timestamptz
    )
    where line.id = entered.id
    """
).bindparams(bindparam("lines", type_=Text()))


@dataclass(frozen=True, kw_only=True)
class NewCount:
    """What is to be counted: these products, or all that the branch keeps; by batch, or each item as a whole."""

    branch_id: UUID
    product_ids: Sequence[UUID] | None = None
    by_batch: bool = False
    words: str | None = None


@dataclass(frozen=True, kw_only=True)
class CountedLine:
    """How many of `unit` (the item's own when None) were found: of a batch; of the item; or of what has no batch."""

    product_id: UUID
    quantity_milli: int
    unit: rules.StockUnit | None = None
    batch_id: UUID | None = None


async def open_stock_count(work: Work, new: NewCount) -> UUID:
    """Begins a count: what is expected is frozen in one statement, as it is at this moment.

    Raises: InvalidInput with every fault; StockCountUnderWay.
    """
    work.actor.require(Permission.STOCK_COUNT)
    branch = await _branch(work, new.branch_id)
    checks = Checks()
    words = checks.optional_text(new.words, ("words",), rules.REASON_MAX)
    known = await queries.counted_items(work, branch.id)
    for place, product_id in enumerate(new.product_ids or ()):
        checks.require(product_id in known, ("productIds", place), "NOT_STOCKED", "This product is not kept in stock.")
    chosen = known if new.product_ids is None else set(new.product_ids)
    checks.require(chosen, ("productIds",), "REQUIRED", "Say what is to be counted.")
    many = f"A count has at most {rules.COUNTED_ITEMS_MAX} items."
    checks.require(len(chosen) <= rules.COUNTED_ITEMS_MAX, ("productIds",), "TOO_MANY", many)
    checks.finish()
    return (await _open(work, branch.id, chosen, by_batch=chosen if new.by_batch else set(), words=words)).id


async def enter_stock_count(work: Work, count_id: UUID, lines: Sequence[CountedLine]) -> UUID:
    """Writes down what was found; a line that was entered before is replaced.

    Raises: InvalidInput with every fault; StockCountMovedOn.
    """
    work.actor.require(Permission.STOCK_COUNT)
    count = await count_in_reach(work, count_id, StockCountState.OPEN)
    await _enter(work, count, lines)
    return count.id


async def submit_stock_count(
    work: Work, count_id: UUID, *, expected_version: int, missing_are_zero: bool = False
) -> UUID:
    """Ends the counting. Where nothing of worth differs the count is posted at once, else another person posts it.

    What was not entered stays as it is, or with `missing_are_zero` is not there.

    Raises: InvalidInput; StockCountMovedOn; StaleVersion; StockTooLow.
    """
    work.actor.require(Permission.STOCK_COUNT)
    count = await count_in_reach(work, count_id, StockCountState.OPEN)
    if count.version != expected_version:
        raise StaleVersion(current_version=count.version)
    await _submit(work, count, missing_are_zero=missing_are_zero)
    return count.id


async def count_stock(work: Work, branch_id: UUID, lines: Sequence[CountedLine], *, words: str | None = None) -> UUID:
    """All of it in one step, for a few items: what is expected now against what was found now.

    Raises: InvalidInput with every fault; StockCountUnderWay.
    """
    work.actor.require(Permission.STOCK_COUNT)
    branch = await _branch(work, branch_id)
    checks = Checks()
    kept = checks.optional_text(words, ("words",), rules.REASON_MAX)
    chosen = {line.product_id for line in lines}
    known = await queries.items(work, chosen)
    for place, line in enumerate(lines):
        is_kept = line.product_id in known
        checks.require(is_kept, ("lines", place, "productId"), "NOT_STOCKED", "This product is not kept in stock.")
    checks.require(lines, ("lines",), "REQUIRED", "Say what was counted.")
    checks.finish()
    by_batch = {line.product_id for line in lines if line.batch_id is not None}
    count = await _open(work, branch.id, chosen, by_batch=by_batch, words=kept)
    await _enter(work, count, lines)
    await _submit(work, count, missing_are_zero=False)
    return count.id


async def post_stock_count(work: Work, count_id: UUID) -> UUID:
    """Posts the variance of a count that others made: moves and entry, at what goods are worth now.

    Raises: InvalidInput NOT_FOUND; StockCountMovedOn; OwnRequest; StockTooLow; PeriodClosed.
    """
    work.actor.require(Permission.STOCK_APPROVE)
    count = await count_in_reach(work, count_id, StockCountState.SUBMITTED)
    differing = await queries.variances(work, count.id)
    if work.actor.id in {count.submitted_by_id, *(line.counted_by_id for line in differing)}:
        raise problems.OwnRequest
    await _post(work, count, await _variance(work, count, differing))
    return count.id


async def cancel_stock_count(work: Work, count_id: UUID) -> UUID:
    """Gives a count up: nothing moves, and its items may be counted anew.

    Raises: InvalidInput NOT_FOUND; StockCountMovedOn.
    """
    work.actor.require(Permission.STOCK_APPROVE)
    count = await count_in_reach(work, count_id, StockCountState.OPEN, StockCountState.SUBMITTED)
    count.state, count.closed_by_id, count.closed_at = StockCountState.CANCELLED, work.actor.id, work.now
    count.version += 1
    await work.session.flush()
    return count.id


async def _branch(work: Work, branch_id: UUID) -> salon_tables.Branch:
    work.actor.require_branch(branch_id)
    branch = await salon.branch_for_sale(work, branch_id)
    if branch is None:
        raise not_found(("branchId",), "branch")
    return branch


async def count_in_reach(work: Work, count_id: UUID, *states: StockCountState) -> tables.StockCount:
    """A count within reach, locked. Raises: InvalidInput NOT_FOUND; StockCountMovedOn."""
    count = await queries.count_for_update(work, count_id)
    if count is None or not work.actor.reaches(count.branch_id):
        raise not_found(("countId",), "stock count")
    if count.state not in states:
        raise problems.StockCountMovedOn(count_id)
    return count


async def _open(
    work: Work, branch_id: UUID, product_ids: Collection[UUID], *, by_batch: Collection[UUID], words: str | None
) -> tables.StockCount:
    """The count with its frozen lines. Raises: StockCountUnderWay."""
    count = tables.StockCount(
        id=new_id(),
        branch_id=branch_id,
        state=StockCountState.OPEN,
        words=words,
        version=1,
        opened_by_id=work.actor.id,
        opened_at=work.now,
    )
    work.session.add(count)
    await work.session.flush()
    given = {
        "count_id": count.id,
        "branch_id": branch_id,
        "product_ids": list(product_ids),
        "by_batch": list(by_batch),
    }
    try:
        async with work.attempt():
            await work.session.execute(_FREEZE, given)
    except IntegrityError as error:
        if constraint_of(error) != "uq_stock_count_lines_live":
            raise
        product_id, under_way_id = await queries.count_under_way(work, branch_id, product_ids)
        raise problems.StockCountUnderWay(product_id=product_id, count_id=under_way_id) from error
    return count


async def _enter(work: Work, count: tables.StockCount, lines: Sequence[CountedLine]) -> None:
    """Raises: InvalidInput with every fault."""
    checks = Checks()
    checks.require(lines, ("lines",), "REQUIRED", "Say what was counted.")
    many = f"At most {rules.LINES_MAX} lines are entered at once."
    checks.require(len(lines) <= rules.LINES_MAX, ("lines",), "TOO_MANY", many)
    checks.finish()
    ids = {line.product_id for line in lines}
    items, units = await queries.items(work, ids), await queries.units(work, ids)
    places = await queries.count_lines(work, count.id, ids)
    found: dict[UUID, int] = {}
    for place, line in enumerate(lines):
        path = ("lines", place)
        quantity = line.quantity_milli
        if quantity:
            quantity = stock_quantity(checks, path, quantity, line.unit, items.get(line.product_id), units)
        line_id = places.get((line.product_id, line.batch_id))
        if line_id is None:
            checks.add((*path, "productId"), "NOT_COUNTED", "This is not part of the count.")
            continue
        checks.require(line_id not in found, path, "TAKEN", "This was entered above already.")
        found[line_id] = quantity
    checks.finish()
    await write_counted(work, count, found)


async def write_counted(work: Work, count: tables.StockCount, found: Mapping[UUID, int]) -> None:
    """What was found by lines of a locked count, in the items' own units."""
    who = {"counted_by_id": work.actor.id, "counted_at": work.now}
    rows = [{"id": line_id, "counted_milli": milli, **who} for line_id, milli in found.items()]
    await work.session.execute(_ENTER, {"lines": orjson.dumps(rows, default=str).decode()})
    count.version += 1
    await work.session.flush()


async def _submit(work: Work, count: tables.StockCount, *, missing_are_zero: bool) -> None:
    """Raises: InvalidInput; StockTooLow where what is worth nothing can't be posted at once."""
    if missing_are_zero:
        await queries.count_missing_as_zero(work, count.id)
    checks = Checks()
    checks.require(await queries.was_counted(work, count.id), ("countId",), "REQUIRED", "Nothing was counted yet.")
    checks.finish()
    count.state, count.submitted_by_id, count.submitted_at = StockCountState.SUBMITTED, work.actor.id, work.now
    count.version += 1
    await work.session.flush()
    differing = await queries.variances(work, count.id)
    try:
        variance = await _variance(work, count, differing)
    except problems.StockTooLow:
        return  # whoever posts it has to see it: what was counted is kept
    if not variance.moved_paise:
        await _post(work, count, variance)


@dataclass
class _Variance:
    """What posting a count moves. Nothing is written before `shelves.store()`."""

    shelves: Shelves
    value_paise: int = 0
    moved_paise: int = 0
    tax_paise: int = 0
    amounts: Amounts = field(default_factory=Amounts)


async def _variance(work: Work, count: tables.StockCount, differing: Sequence[Row[*tuple[Any, ...]]]) -> _Variance:
    """Decides the moves of all lines that differ. Raises: StockTooLow."""
    branch = await _branch(work, count.branch_id)
    on = clock.business_date(work.now, branch.time_zone)
    products = {line.product_id for line in differing}
    shelves = await Shelves.lock(work, branch.id, Cause(CAUSE, count.id, on, count.words), products)
    found = _Variance(shelves)
    taxes = await catalog.purchase_taxes(work, products, on=on) if products else {}
    for line in differing:
        shelf = shelves.by_product[line.product_id]
        if line.variance_milli > 0:
            value = shelves.find(
                shelf, line.variance_milli, StockMoveKind.COUNT_VARIANCE, position=line.position, batch_id=line.batch_id
            )
            found.amounts.add(rules.account_of(shelf.use), accounts.STOCK_LOSS, value)
        else:
            value = -_lost(shelves, shelf, line)
            loss = Loss(rules.account_of(shelf.use), shelf.use, shelf.goods, -line.variance_milli, -value)
            found.tax_paise += book_loss(found.amounts, loss, taxes[line.product_id], branch)
        found.value_paise += value
        found.moved_paise += abs(value)
    return found


def _lost(shelves: Shelves, shelf: Shelf, line: Row[*tuple[Any, ...]]) -> int:
    """What goods had cost that are not there: of any batch where the item was counted as a whole."""
    batch_id = line.batch_id
    if batch_id is None and not line.is_whole:
        batch_id = shelves.batch(shelf, None, None)
    kind = StockMoveKind.COUNT_VARIANCE
    return shelves.lose(shelf, -line.variance_milli, kind, position=line.position, batch_id=batch_id)


async def _post(work: Work, count: tables.StockCount, variance: _Variance) -> None:
    """Raises: PeriodClosed."""
    on = variance.shelves.cause.on
    if variance.shelves.move_rows:
        await variance.shelves.store()
    if lines := variance.amounts.lines():
        given_back = variance.amounts.credit_reversed
        entry = NewEntry(count.branch_id, on, "Stock counted", CAUSE, count.id, lines, credit_reversed=given_back)
        count.entry_id = (await accounting.post_entry(work, entry)).id
    count.business_date, count.tax_paise = on, variance.tax_paise
    count.value_paise, count.moved_paise = variance.value_paise, variance.moved_paise
    count.state, count.closed_by_id, count.closed_at = StockCountState.POSTED, work.actor.id, work.now
    count.version += 1
    await work.session.flush()
