"""Goods that go from one branch to another: sent, on their way, received in parts, or brought back.

What is on its way is the sender's, in *goods in transit*, at what it was worth when it was sent. A transaction locks
the transfer, then the levels of one branch only: the sender's when it sends or cancels, the receiver's when it receives.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from salonos.accounting import commands as accounting
from salonos.accounting import rules as accounts
from salonos.accounting.commands import NewEntry
from salonos.inventory import problems, queries, rules, tables
from salonos.inventory.commands.receiving import stock_quantity
from salonos.inventory.commands.shelves import Amounts, Cause, Shelf, Shelves
from salonos.inventory.rules import StockMoveKind, StockTransferState
from salonos.kernel import clock
from salonos.kernel.checks import Checks
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import not_found
from salonos.kernel.quantity import Quantity
from salonos.kernel.work import Work
from salonos.salon import queries as salon
from salonos.salon import tables as salon_tables

CAUSE: Final = "stocktransfer"


@dataclass(frozen=True, kw_only=True)
class SentLine:
    """How many of `unit` (the item's own when None) go: of a batch, or of what expires first."""

    product_id: UUID
    quantity_milli: int
    unit: rules.StockUnit | None = None
    batch_id: UUID | None = None


@dataclass(frozen=True)
class NewTransfer:
    """Goods that one branch sends to another."""

    from_branch_id: UUID
    to_branch_id: UUID
    lines: tuple[SentLine, ...]
    words: str | None = None


async def transfer_stock(work: Work, new: NewTransfer) -> UUID:
    """Sends goods: off the sender's shelves, into goods in transit.

    Raises: InvalidInput with every fault; TransferNeedsInvoice; StockTooLow; PeriodClosed.
    """
    work.actor.require(Permission.STOCK_TRANSFER)
    sender = await _branch(work, new.from_branch_id, "fromBranchId")
    receiver = await _branch(work, new.to_branch_id, "toBranchId")
    quantities, words = await _checked(work, new)
    if sender.gstin != receiver.gstin:
        raise problems.TransferNeedsInvoice(from_branch_id=sender.id, to_branch_id=receiver.id)
    on = clock.business_date(work.now, sender.time_zone)
    transfer = tables.StockTransfer(
        id=new_id(),
        from_branch_id=sender.id,
        to_branch_id=receiver.id,
        state=StockTransferState.SENT,
        words=words,
        sent_by_id=work.actor.id,
        sent_at=work.now,
        business_date=on,
    )
    products = {line.product_id for line in new.lines}
    shelves = await Shelves.lock(work, sender.id, Cause(CAUSE, transfer.id, on, words), products)
    amounts, rows = Amounts(), list[tables.StockTransferLine]()
    for line, quantity in zip(new.lines, quantities, strict=True):
        shelf = shelves.by_product[line.product_id]
        for piece in _pieces(shelves, shelf, quantity, line.batch_id):
            row = _sent(shelves, shelf, transfer, piece, position=len(rows) + 1)
            amounts.add(accounts.GOODS_IN_TRANSIT, rules.account_of(shelf.use), row.value_paise)
            rows.append(row)
    if len(rows) > rules.TRANSFER_LINES_MAX:
        checks = Checks()
        checks.add(("lines",), "TOO_MANY", f"A transfer has at most {rules.TRANSFER_LINES_MAX} batches.")
        checks.finish()
    await shelves.store()
    if lines := amounts.lines():
        entry = NewEntry(sender.id, on, f"Goods sent to {receiver.code}", CAUSE, transfer.id, lines)
        transfer.entry_id = (await accounting.post_entry(work, entry)).id
    work.session.add(transfer)
    await work.session.flush()
    work.session.add_all(rows)
    await work.session.flush()
    return transfer.id


async def receive_transfer(work: Work, transfer_id: UUID, parts: Sequence[tuple[UUID, int]] | None) -> UUID:
    """Takes goods in at the receiver, all that is on its way or a quantity of each line; the rest stays on its way.

    Batches keep code and expiry, goods their cost. One entry in each branch, linked by the account between branches.

    Raises: InvalidInput with every fault; StockTransferClosed; PeriodClosed.
    """
    work.actor.require(Permission.STOCK_RECEIVE)
    transfer = await queries.transfer_for_update(work, transfer_id)
    if transfer is None or not work.actor.reaches(transfer.to_branch_id):
        raise not_found(("transferId",), "transfer")
    if transfer.state not in {StockTransferState.SENT, StockTransferState.PARTLY_RECEIVED}:
        raise problems.StockTransferClosed(transfer_id)
    sender, receiver = await _branch_of(work, transfer.from_branch_id), await _branch_of(work, transfer.to_branch_id)
    rows = await queries.transfer_lines(work, transfer.id)
    taken = _parts(rows, parts)
    batches = await queries.batches_by_id(work, {row.batch_id for row in rows})
    on = clock.business_date(work.now, receiver.time_zone)
    codes = {code for code, _ in batches.values() if code}
    cause = Cause(CAUSE, transfer.id, on, transfer.words)
    shelves = await Shelves.lock(work, receiver.id, cause, {row.product_id for row in rows}, codes=codes)
    here, there = Amounts(), Amounts()
    for row in rows:
        part = taken.get(row.id)
        if not part:
            continue
        shelf, cost = shelves.by_product[row.product_id], cost_in_transit(row, part)
        into = shelves.batch(shelf, *batches[row.batch_id])
        worth = shelves.take_in(shelf, into, part, cost, StockMoveKind.TRANSFER_IN, position=row.position)
        here.take_in(shelf.use, accounts.INTER_BRANCH, cost_paise=cost, worth_paise=worth)
        there.add(accounts.INTER_BRANCH, accounts.GOODS_IN_TRANSIT, cost)
        row.received_milli += part
        row.received_paise += cost
    await shelves.store()
    sent_on = clock.business_date(work.now, sender.time_zone)
    entries = [
        NewEntry(sender.id, sent_on, f"Goods arrived at {receiver.code}", CAUSE, transfer.id, there.lines()),
        NewEntry(receiver.id, on, f"Goods received from {sender.code}", CAUSE, transfer.id, here.lines()),
    ]
    if posted := [entry for entry in entries if entry.lines]:
        await accounting.post_entries(work, posted)
    await settle(work, transfer, rows)
    return transfer.id


async def cancel_transfer(work: Work, transfer_id: UUID) -> UUID:
    """Brings back everything, into the batches it came from and at its cost; only before anything was received or lost.

    Raises: InvalidInput NOT_FOUND; StockTransferClosed; PeriodClosed.
    """
    work.actor.require(Permission.STOCK_TRANSFER)
    transfer = await queries.transfer_for_update(work, transfer_id)
    if transfer is None or not work.actor.reaches(transfer.from_branch_id):
        raise not_found(("transferId",), "transfer")
    if transfer.state is not StockTransferState.SENT:
        raise problems.StockTransferClosed(transfer_id)
    sender = await _branch_of(work, transfer.from_branch_id)
    on = clock.business_date(work.now, sender.time_zone)
    rows = await queries.transfer_lines(work, transfer.id)
    cause = Cause(CAUSE, transfer.id, on, transfer.words)
    shelves = await Shelves.lock(work, sender.id, cause, {row.product_id for row in rows})
    amounts = Amounts()
    for row in rows:
        shelf, cost = shelves.by_product[row.product_id], row.value_paise
        kind = StockMoveKind.TRANSFER_IN
        worth = shelves.take_in(shelf, row.batch_id, row.quantity_milli, cost, kind, position=row.position)
        amounts.take_in(shelf.use, accounts.GOODS_IN_TRANSIT, cost_paise=cost, worth_paise=worth)
        row.returned_milli, row.returned_paise = row.quantity_milli, cost
    await shelves.store()
    if lines := amounts.lines():
        await accounting.post_entry(work, NewEntry(sender.id, on, "Goods came back", CAUSE, transfer.id, lines))
    await work.session.flush()
    transfer.state, transfer.closed_at = StockTransferState.CANCELLED, work.now
    await work.session.flush()
    return transfer.id


def cost_in_transit(row: tables.StockTransferLine, part_milli: int) -> int:
    """What a part of what is on its way is worth."""
    return rules.cost_of_part(
        row.value_paise,
        row.quantity_milli,
        before_milli=row.received_milli + row.lost_milli,
        before_paise=row.received_paise + row.lost_paise,
        part_milli=part_milli,
    )


async def settle(work: Work, transfer: tables.StockTransfer, rows: Sequence[tables.StockTransferLine]) -> None:
    """Writes what became of the lines, and whether anything is still on its way."""
    await work.session.flush()
    rest = sum(row.quantity_milli - row.received_milli - row.lost_milli for row in rows)
    transfer.state = StockTransferState.PARTLY_RECEIVED if rest else StockTransferState.RECEIVED
    transfer.closed_at = None if rest else work.now
    await work.session.flush()


async def _branch(work: Work, branch_id: UUID, name: str) -> salon_tables.Branch:
    """A branch within reach that works. Raises: InvalidInput NOT_FOUND."""
    work.actor.require_branch(branch_id, path=(name,))
    branch = await salon.branch_for_sale(work, branch_id)
    if branch is None or not branch.is_active:
        raise not_found((name,), "branch")
    return branch


async def _branch_of(work: Work, branch_id: UUID) -> salon_tables.Branch:
    branch = await salon.branch_for_sale(work, branch_id)
    if branch is None:
        raise LookupError("a transfer's branch is never deleted")
    return branch


async def _checked(work: Work, new: NewTransfer) -> tuple[list[int], str | None]:
    """Quantities in the items' units, and the words made safe. Raises: InvalidInput with every fault."""
    checks = Checks()
    words = checks.optional_text(new.words, ("words",), rules.REASON_MAX)
    is_elsewhere = new.from_branch_id != new.to_branch_id
    checks.require(is_elsewhere, ("toBranchId",), "SAME_BRANCH", "Goods are sent to another branch.")
    checks.require(new.lines, ("lines",), "REQUIRED", "Say what is sent.")
    many = f"A transfer has at most {rules.LINES_MAX} lines."
    checks.require(len(new.lines) <= rules.LINES_MAX, ("lines",), "TOO_MANY", many)
    checks.finish()
    ids = {line.product_id for line in new.lines}
    items, units = await queries.items(work, ids), await queries.units(work, ids)
    quantities = []
    for place, line in enumerate(new.lines):
        path, item = ("lines", place), items.get(line.product_id)
        quantities.append(stock_quantity(checks, path, line.quantity_milli, line.unit, item, units))
        if line.batch_id is not None and not await queries.is_batch_of(
            work, line.batch_id, new.from_branch_id, line.product_id
        ):
            checks.add((*path, "batchId"), "NOT_FOUND", "There is no such batch of this product here.")
    checks.finish()
    return quantities, words


def _pieces(shelves: Shelves, shelf: Shelf, quantity_milli: int, batch_id: UUID | None) -> Sequence[rules.Piece]:
    """What is put into the box: never what is not there. Raises: StockTooLow."""
    on = shelves.cause.on
    there = rules.available(shelf.batches, on) if batch_id is None else rules.held(shelf.batches, batch_id)
    if quantity_milli > there:
        raise problems.StockTooLow(product_id=shelf.product_id, available=Quantity(max(there, 0)))
    if batch_id is not None:
        return [rules.Piece(batch_id, quantity_milli)]
    return rules.first_expired_first_out(shelf.batches, quantity_milli, on)


def _sent(
    shelves: Shelves, shelf: Shelf, transfer: tables.StockTransfer, piece: rules.Piece, *, position: int
) -> tables.StockTransferLine:
    if piece.batch_id is None:
        raise LookupError("what is available lies in batches")
    cost = shelves.take_out(shelf, [piece], StockMoveKind.TRANSFER_OUT, position=position)
    return tables.StockTransferLine(
        id=new_id(),
        transfer_id=transfer.id,
        from_branch_id=transfer.from_branch_id,
        position=position,
        product_id=shelf.product_id,
        batch_id=piece.batch_id,
        quantity_milli=piece.quantity_milli,
        value_paise=cost,
        received_milli=0,
        received_paise=0,
        lost_milli=0,
        lost_paise=0,
        returned_milli=0,
        returned_paise=0,
    )


def _parts(rows: Sequence[tables.StockTransferLine], parts: Sequence[tuple[UUID, int]] | None) -> Mapping[UUID, int]:
    """How much of each line arrives. Raises: InvalidInput with every fault."""
    rest = {row.id: row.quantity_milli - row.received_milli - row.lost_milli for row in rows}
    if parts is None:
        return rest
    checks = Checks()
    checks.require(parts, ("lines",), "REQUIRED", "Say what arrived.")
    is_few = len(parts) <= rules.TRANSFER_LINES_MAX
    checks.require(is_few, ("lines",), "TOO_MANY", f"At most {rules.TRANSFER_LINES_MAX} lines.")
    checks.finish()
    for place, (line_id, part) in enumerate(parts):
        if line_id in [each for each, _ in parts[:place]]:
            checks.add(("lines", place, "lineId"), "TAKEN", "This was named above already.")
        elif line_id not in rest:
            checks.add(("lines", place, "lineId"), "NOT_FOUND", "There is no such line of this transfer.")
        elif not 1 <= part <= rest[line_id]:
            checks.add(("lines", place, "quantity"), "OUT_OF_RANGE", "More than 0, at most what is on its way.")
    checks.finish()
    return dict(parts)
