"""Goods that go back to their supplier, with a debit note: out of the very batch in which they came.

What was not billed yet goes back first, at the cost it was received at; then what was billed, the last bill first, at
the price and tax of that bill.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from salonos.accounting import commands as accounting
from salonos.accounting import rules as accounts
from salonos.accounting.commands import Document, NewEntry, NewLine, TaxLine
from salonos.inventory import problems, queries, rules, tables
from salonos.inventory.commands.shelves import Cause, Shelves
from salonos.kernel import clock
from salonos.kernel.checks import Checks
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import not_found
from salonos.kernel.quantity import Quantity
from salonos.kernel.work import Work
from salonos.salon import commands as salon_commands
from salonos.salon import queries as salon
from salonos.salon import tables as salon_tables
from salonos.salon.rules import DocumentKind

CAUSE: Final = "supplierreturn"
TAXED: Final = ("taxable_paise", "cgst_paise", "sgst_paise", "igst_paise")


@dataclass(frozen=True)
class ReturnedLine:
    """Goods of a receipt's line, in the unit in which they came."""

    receipt_line_id: UUID
    quantity_milli: int


@dataclass(frozen=True)
class NewSupplierReturn:
    """Goods that go back to a supplier, and why."""

    branch_id: UUID
    supplier_id: UUID
    lines: tuple[ReturnedLine, ...]
    reason: str


@dataclass
class _Piece:
    """A part of a line that goes back: of one bill's line, or of what was not billed."""

    position: int
    goods: Row[*tuple[Any, ...]]
    quantity_milli: int
    bill_line: tables.SupplierBillLine | None = None
    unbilled_paise: int = 0
    round_off_paise: int = 0
    amounts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TAXED, 0))

    @property
    def exact_paise(self) -> int:
        """What it was billed at, with tax, before rounding."""
        return sum(self.amounts.values())


@dataclass
class _Return:
    """A return as it comes together."""

    id: UUID
    new: NewSupplierReturn
    branch: salon_tables.Branch
    supplier: tables.Supplier
    on: date
    reason: str
    pieces: list[_Piece]
    settles: list[tuple[UUID, int]] = field(default_factory=list)

    @property
    def total_paise(self) -> int:
        """By how much the debt is lowered."""
        return sum(piece.exact_paise + piece.round_off_paise for piece in self.pieces)


async def return_to_supplier(work: Work, new: NewSupplierReturn) -> UUID:
    """Sends goods back, and lowers what is owed.

    The debt of their own bills first, then that of the supplier's oldest at this branch; what is left settles the next
    bill.

    Raises: InvalidInput with every fault; SentBackTooMuch; StockTooLow; PeriodClosed; StartOver; ClockBehind;
    NumberSeriesExhausted.
    """
    work.actor.require(Permission.PURCHASE_MANAGE)
    work.actor.require_branch(new.branch_id)
    branch, supplier = (
        await salon.branch_for_sale(work, new.branch_id),
        await queries.supplier(work, new.supplier_id),
    )
    if branch is None:
        raise not_found(("branchId",), "branch")
    if supplier is None:
        raise not_found(("supplierId",), "supplier")
    reason = _checked(new)
    await queries.supplier_account_for_update(work, new.supplier_id, new.branch_id)
    ids = {line.receipt_line_id for line in new.lines}
    goods = await queries.receipt_lines_for_update(work, ids)
    _check_goods(new, goods)
    billed = await queries.bill_lines_of_receipts(work, new.supplier_id, ids)
    on = clock.business_date(work.now, branch.time_zone)
    back = _Return(new_id(), new, branch, supplier, on, reason, _pieces(new, goods, billed))
    await _round(work, back)
    shelves, costs = await _take_off(work, back, goods)
    moves = await shelves.store()
    number, entry_id = await _post(work, back, shelves, costs)
    await _store(work, back, moves, number, entry_id)
    return back.id


def _checked(new: NewSupplierReturn) -> str:
    """The reason made safe.

    Raises: InvalidInput with every fault.
    """
    checks = Checks()
    reason = checks.text(new.reason, ("reason",), rules.REASON_MAX)
    checks.require(new.lines, ("lines",), "REQUIRED", "Say what goes back.")
    many = f"A return has at most {rules.LINES_MAX} lines."
    checks.require(len(new.lines) <= rules.LINES_MAX, ("lines",), "TOO_MANY", many)
    for place, line in enumerate(new.lines):
        if not 1 <= line.quantity_milli <= rules.QUANTITY_MAX:
            path = ("lines", place, "quantity")
            checks.add(path, "OUT_OF_RANGE", "The quantity is more than 0 and at most a million.")
        if line.receipt_line_id in [each.receipt_line_id for each in new.lines[:place]]:
            checks.add(("lines", place, "receiptLineId"), "TAKEN", "These goods go back in another line already.")
    checks.finish()
    return reason


def _check_goods(new: NewSupplierReturn, goods: Mapping[UUID, Row[*tuple[Any, ...]]]) -> None:
    """Raises: InvalidInput with every fault."""
    checks = Checks()
    for place, line in enumerate(new.lines):
        row = goods.get(line.receipt_line_id)
        if row is None or row.branch_id != new.branch_id:
            checks.add(("lines", place, "receiptLineId"), "NOT_FOUND", "Nothing like this came to this branch.")
        elif row.supplier_id not in (None, new.supplier_id):
            checks.add(("lines", place, "receiptLineId"), "OTHER_SUPPLIER", "Another supplier delivered this.")
        elif line.quantity_milli * row.stock_quantity_milli % row.quantity_milli:
            path = ("lines", place, "quantity")
            checks.add(path, "TOO_PRECISE", "This is no whole thousandth of the item's unit.")
    checks.finish()


def _pieces(
    new: NewSupplierReturn,
    goods: Mapping[UUID, Row[*tuple[Any, ...]]],
    billed: Sequence[tables.SupplierBillLine],
) -> list[_Piece]:
    """Raises: SentBackTooMuch."""
    pieces: list[_Piece] = []
    for position, line in enumerate(new.lines, start=1):
        row = goods[line.receipt_line_id]
        unbilled = row.quantity_milli - row.billed_milli - row.sent_back_milli
        rest = line.quantity_milli
        if part := min(rest, unbilled):
            pieces.append(_unbilled_piece(position, row, part))
            rest -= part
        of_bills = [each for each in billed if each.receipt_line_id == row.id]
        for bill_line in of_bills:
            if part := min(rest, bill_line.quantity_milli - bill_line.returned_milli):
                pieces.append(_billed_piece(position, row, bill_line, part))
                rest -= part
        if rest:
            returnable = line.quantity_milli - rest
            raise problems.SentBackTooMuch(product_id=row.product_id, returnable=Quantity(returnable))
    return pieces


def _unbilled_piece(position: int, row: Row[*tuple[Any, ...]], part_milli: int) -> _Piece:
    """What came and is not billed: it goes at the share of its cost that nothing has settled."""
    settled = rules.next_part(
        row.cost_paise,
        of_milli=row.quantity_milli,
        before_milli=row.billed_milli + row.sent_back_milli,
        more_milli=part_milli,
    )
    return _Piece(position, row, part_milli, unbilled_paise=settled)


def _billed_piece(
    position: int, row: Row[*tuple[Any, ...]], bill_line: tables.SupplierBillLine, part_milli: int
) -> _Piece:
    """What was billed: it goes at its share of the bill's line, each amount counted from the beginning."""
    amounts = {
        name: rules.next_part(
            getattr(bill_line, name),
            of_milli=bill_line.quantity_milli,
            before_milli=bill_line.returned_milli,
            more_milli=part_milli,
        )
        for name in TAXED
    }
    return _Piece(position, row, part_milli, bill_line, amounts=amounts)


async def _round(work: Work, back: _Return) -> None:
    """Gives each bill's part its round-off, and says which debts are lowered, those of the goods' own bills first.

    Parts are not rounded, and never above what is left of a bill's total; the part that completes a bill takes that
    rest exactly, its round-off with it.
    """
    by_bill: dict[UUID, list[_Piece]] = {}
    for piece in back.pieces:
        if piece.bill_line is not None:
            by_bill.setdefault(piece.bill_line.bill_id, []).append(piece)
    dues = {row.id: row.balance_due_paise for row in await queries.bills_due(work, back.supplier.id, back.branch.id)}
    rest = 0
    for bill in await queries.bills_to_note(work, by_bill):
        pieces = by_bill[bill.id]
        exact, left = sum(piece.exact_paise for piece in pieces), bill.total_paise - bill.noted_paise
        is_complete = sum(piece.quantity_milli for piece in pieces) == bill.left_milli
        amount = left if is_complete else min(exact, left)
        pieces[-1].round_off_paise = amount - exact
        own = min(amount, dues.get(bill.id, 0))
        if own:
            back.settles.append((bill.id, own))
            dues[bill.id] -= own
        rest += amount - own
    back.settles.extend(rules.settled_in_turn(rest, dues.items()))


async def _take_off(
    work: Work, back: _Return, goods: Mapping[UUID, Row[*tuple[Any, ...]]]
) -> tuple[Shelves, list[tuple[UUID, int]]]:
    """The shelves with a move for each line, and what each line's goods had cost, by product."""
    cause = Cause(CAUSE, back.id, back.on, back.reason)
    shelves = await Shelves.lock(work, back.branch.id, cause, {row.product_id for row in goods.values()})
    costs: list[tuple[UUID, int]] = []
    for position, line in enumerate(back.new.lines, start=1):
        row = goods[line.receipt_line_id]
        quantity = line.quantity_milli * row.stock_quantity_milli // row.quantity_milli
        shelf = shelves.by_product[row.product_id]
        costs.append((row.product_id, shelves.send_back(shelf, row.batch_id, quantity, position=position)))
    return shelves, costs


def _lines(back: _Return, shelves: Shelves, costs: Sequence[tuple[UUID, int]]) -> tuple[NewLine, ...]:
    """Debt and what is still to be billed become less, and so do stock and credited tax; the rest is the price's."""
    paise: dict[str, int] = {}
    for product_id, cost in costs:
        code = rules.account_of(shelves.by_product[product_id].use)
        paise[code] = paise.get(code, 0) - cost
    for piece in back.pieces:
        for code, amount in (
            (accounts.RECEIVED_NOT_BILLED, piece.unbilled_paise),
            (accounts.ROUND_OFF, -piece.round_off_paise),
        ):
            paise[code] = paise.get(code, 0) + amount
        if piece.bill_line is not None and piece.bill_line.is_credited:
            for code, name in (
                (accounts.INPUT_CGST, "cgst_paise"),
                (accounts.INPUT_SGST, "sgst_paise"),
                (accounts.INPUT_IGST, "igst_paise"),
            ):
                paise[code] = paise.get(code, 0) - piece.amounts[name]
    total = back.total_paise
    paise[accounts.PRICE_DIFFERENCE] = -total - sum(paise.values())
    owed = [NewLine(accounts.SUPPLIERS, total, back.supplier.id)] if total else []
    return (*owed, *(NewLine(code, amount) for code, amount in sorted(paise.items()) if amount))


async def _post(
    work: Work, back: _Return, shelves: Shelves, costs: Sequence[tuple[UUID, int]]
) -> tuple[str, UUID | None]:
    """The debit note's number, and the entry where anything was worth something."""

    async def draw() -> str:
        return await salon_commands.draw_number(work, back.branch, DocumentKind.DEBIT_NOTE, on=back.on)

    lines = _lines(back, shelves, costs)
    if not lines:
        return await draw(), None
    document = Document(
        kind=DocumentKind.DEBIT_NOTE,
        id=back.id,
        number=draw,
        gstin=back.branch.gstin,
        party_gstin=back.supplier.gstin,
        place_of_supply=back.branch.state_code,
        supply=accounts.SupplyDirection.INWARD,
    )
    entry = NewEntry(
        branch_id=back.branch.id,
        business_date=back.on,
        narration="Debit note",
        cause_kind=CAUSE,
        cause_id=back.id,
        lines=lines,
        tax_lines=tuple(_tax_line(piece, piece.bill_line) for piece in back.pieces if piece.bill_line is not None),
        document=document,
    )
    posted = await accounting.post_entry(work, entry)
    return posted.document_number or "", posted.id


def _tax_line(piece: _Piece, bill_line: tables.SupplierBillLine) -> TaxLine:
    return TaxLine(
        code=piece.goods.hsn_code,
        quantity_milli=piece.quantity_milli,
        unit=piece.goods.unit.name,
        rate_hundredths=bill_line.rate_hundredths,
        taxable_paise=piece.amounts["taxable_paise"],
        cgst_paise=piece.amounts["cgst_paise"],
        sgst_paise=piece.amounts["sgst_paise"],
        igst_paise=piece.amounts["igst_paise"],
        credit_kind=accounts.CreditKind.INPUTS if bill_line.is_credited else accounts.CreditKind.BLOCKED,
    )


async def _store(work: Work, back: _Return, moves: Sequence[UUID], number: str, entry_id: UUID | None) -> None:
    totals = {name: sum(piece.amounts[name] for piece in back.pieces) for name in TAXED}
    work.session.add(
        tables.SupplierReturn(
            id=back.id,
            supplier_id=back.supplier.id,
            branch_id=back.branch.id,
            number=number,
            business_date=back.on,
            reason=back.reason,
            round_off_paise=sum(piece.round_off_paise for piece in back.pieces),
            total_paise=back.total_paise,
            entry_id=entry_id,
            returned_at=work.now,
            returned_by_id=work.actor.id,
            **totals,
        )
    )
    await work.session.flush()
    for position, piece in enumerate(back.pieces, start=1):
        work.session.add(
            tables.SupplierReturnLine(
                id=new_id(),
                return_id=back.id,
                position=position,
                receipt_line_id=piece.goods.id,
                bill_line_id=piece.bill_line and piece.bill_line.id,
                move_id=moves[piece.position - 1],
                quantity_milli=piece.quantity_milli,
                round_off_paise=piece.round_off_paise,
                unbilled_paise=piece.unbilled_paise,
                **piece.amounts,
            )
        )
    booked = {row.id: row.booked_on for row in await queries.bills_due(work, back.supplier.id, back.branch.id)}
    for bill_id, part in back.settles:
        work.session.add(
            tables.SupplierSettlement(
                id=new_id(),
                bill_id=bill_id,
                return_id=back.id,
                amount_paise=part,
                settled_on=max(back.on, booked[bill_id]),
            )
        )
    await work.session.flush()
