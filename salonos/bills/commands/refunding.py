"""What was sold is taken back: a credit note gives back lines, tax and money, and puts goods on the shelf again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import update

from salonos.accounting import commands as accounting
from salonos.accounting.commands import Document, NewEntry, PostedEntry
from salonos.accounting.commands import NewLine as EntryLine
from salonos.accounting.rules import MoneyDirection, PaymentMethod
from salonos.bills import events, problems, queries, rules, tables
from salonos.bills.commands import booking, drafting, pricing, storing
from salonos.kernel import clock
from salonos.kernel.checks import Checks
from salonos.kernel.ids import new_id
from salonos.kernel.money import half_up
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import invalid, not_found
from salonos.kernel.quantity import Quantity
from salonos.kernel.work import Work
from salonos.salon import commands as salon
from salonos.salon.rules import DocumentKind
from salonos.salon.tables import Branch

REASON_MAX: Final = 200


@dataclass(frozen=True)
class RefundedLine:
    """How much of a bill's line goes back, in thousandths."""

    line_id: UUID
    quantity_milli: int


@dataclass(frozen=True, kw_only=True)
class NewRefund:
    """What goes back: all that is left where `lines` is None. `restock` puts the goods back on the shelf.

    `method` is how money goes back; what the bill is still owed is lowered before any.
    """

    bill_id: UUID
    reason: str
    method: PaymentMethod
    lines: Sequence[RefundedLine] | None = None
    restock: bool = True
    reference: str | None = None


@dataclass(frozen=True)
class _Back:
    """One line of the note."""

    sold: tables.BillLine
    quantity_milli: int
    figures: rules.LineFigures
    rate_hundredths: int
    before_paise: int
    """How much of its value went back earlier."""


@dataclass(frozen=True)
class _Note:
    """A credit note on its way into the books, dated `on`; `kept` is the money that goes back.

    `recovered_paise` of `credited_paise` lowers a debt that was written off already.
    """

    id: UUID
    original: tables.Bill
    branch: Branch
    on: date
    lines: tuple[_Back, ...]
    figures: rules.Figures
    credited_paise: int
    recovered_paise: int
    kept: tuple[rules.Kept, ...]
    lowers_tax: bool


async def refund_bill(work: Work, new: NewRefund) -> UUID:
    """Gives back a posted bill or some of it. Returns the credit note's id. Locks the bill, then stock, then the books.

    Each part is exact: all notes together give back the bill to the paisa. The debt is lowered first, then what was
    written off of it, then money goes back; tips stay. After 30 November of the following financial year the note carries no tax.

    Raises: InvalidInput; NothingLeftToRefund; RefundTooMuch; PeriodClosed; AccountOverdrawn; ClockBehind;
    NumberSeriesExhausted.
    """
    work.actor.require(Permission.BILL_REFUND)
    new = _checked(new)
    original = await drafting.bill_in_reach(work, new.bill_id)
    if original.status is not rules.BillStatus.POSTED or original.kind is rules.BillKind.CREDIT_NOTE:
        raise invalid(("billId",), "NOT_REFUNDABLE", "Only a posted bill can be given back.")
    lines = await queries.lines_of(work, original.id)
    given = await queries.given_back(work, original.id)
    chosen = _chosen(original, lines, given, new.lines)
    branch = await pricing.branch_of_bill(work, original.branch_id)
    on = clock.business_date(work.now, branch.time_zone)
    note = _note(original, new, branch, on=on, lines=lines, given=given, chosen=chosen)
    goods: tuple[EntryLine, ...] = ()
    if new.restock:
        back = [(each.sold, each.quantity_milli) for each in note.lines]
        goods = await booking.bring_back(work, back, cause_id=note.id, on=on)
    posted = await _book(work, note, goods)
    await _store(work, note, posted, new.reason)
    work.announce(events.BillPosted(branch_id=branch.id, subject_id=note.id, business_date=on))
    work.announce(events.BillChanged(branch_id=branch.id, subject_id=original.id, version=original.version + 1))
    return note.id


def _checked(new: NewRefund) -> NewRefund:
    """The refund with its reason and reference made safe.

    Raises: InvalidInput with every fault.
    """
    checks = Checks()
    reason = checks.text(new.reason, ("reason",), REASON_MAX)
    reference = checks.optional_text(new.reference, ("reference",), booking.REFERENCE_MAX)
    lines = new.lines
    checks.require(lines is None or lines, ("lines",), "REQUIRED", "Say what goes back, or leave it out for all.")
    seen: set[UUID] = set()
    for place, line in enumerate(lines or ()):
        is_new = line.line_id not in seen
        checks.require(is_new, ("lines", place, "lineId"), "TAKEN", "This line is named already.")
        is_some = line.quantity_milli > 0
        checks.require(is_some, ("lines", place, "quantity"), "OUT_OF_RANGE", "More than 0 goes back.")
        seen.add(line.line_id)
    checks.finish()
    return replace(new, reason=reason, reference=reference)


def _chosen(
    original: tables.Bill,
    lines: Sequence[tables.BillLine],
    given: queries.GivenBack,
    asked: Sequence[RefundedLine] | None,
) -> Mapping[UUID, int]:
    """How much of which line goes back.

    Raises: InvalidInput; NothingLeftToRefund; RefundTooMuch.
    """
    left = {line.id: line.quantity_milli - given.by_line.get(line.id, 0) for line in lines}
    if not any(left.values()):
        raise problems.NothingLeftToRefund(original.id)
    if given.notes >= rules.NOTES_MAX:
        raise invalid(("billId",), "TOO_MANY", f"A bill has at most {rules.NOTES_MAX} credit notes.")
    if asked is None:
        return {line_id: milli for line_id, milli in left.items() if milli}
    for place, line in enumerate(asked):
        if line.line_id not in left:
            raise not_found(("lines", place, "lineId"), "line of this bill")
        if line.quantity_milli > left[line.line_id]:
            raise problems.RefundTooMuch(line_id=line.line_id, left=Quantity(left[line.line_id]))
    return {line.line_id: line.quantity_milli for line in asked}


def _note(
    original: tables.Bill,
    new: NewRefund,
    branch: Branch,
    *,
    on: date,
    lines: Sequence[tables.BillLine],
    given: queries.GivenBack,
    chosen: Mapping[UUID, int],
) -> _Note:
    """The note's figures, and how it is settled.

    Raises: InvalidInput when money goes back and no way is named.
    """
    lowers_tax = rules.lowers_tax(original.business_date, on)
    back = tuple(
        _Back(
            line,
            chosen[line.id],
            _sold(line, given).part(chosen[line.id], lowers_tax=lowers_tax),
            line.rate_hundredths if lowers_tax else 0,
            half_up(line.taxable_paise * given.by_line.get(line.id, 0), line.quantity_milli),
        )
        for line in lines
        if line.id in chosen
    )
    completes = all(given.by_line.get(line.id, 0) + chosen.get(line.id, 0) == line.quantity_milli for line in lines)
    figures = rules.note_figures(
        [each.figures for each in back], left_paise=original.total_paise - given.total_paise, completes=completes
    )
    credited = min(original.balance_due_paise + original.written_off_paise, figures.total_paise)
    money = figures.total_paise - credited
    if money and new.method is PaymentMethod.ON_ACCOUNT:
        raise invalid(("paymentMethod",), "NO_MONEY", "Less is owed than goes back. Say how the money goes back.")
    return _Note(
        id=new_id(),
        original=original,
        branch=branch,
        on=on,
        lines=back,
        figures=figures,
        credited_paise=credited,
        recovered_paise=max(credited - original.balance_due_paise, 0),
        kept=(rules.handed_back(new.method, money, new.reference),) if money else (),
        lowers_tax=lowers_tax,
    )


def _sold(line: tables.BillLine, given: queries.GivenBack) -> rules.SoldLine:
    return rules.SoldLine(
        quantity_milli=line.quantity_milli,
        discount_paise=line.discount_paise,
        bill_discount_paise=line.bill_discount_paise,
        is_tax_included=line.is_tax_included,
        tax=rules.Tax(line.taxable_paise, line.cgst_paise, line.sgst_paise, line.igst_paise),
        refunded_milli=given.by_line.get(line.id, 0),
    )


async def _book(work: Work, note: _Note, goods: tuple[EntryLine, ...]) -> PostedEntry:
    """Posts the note by the posting table, and draws its number."""
    original = note.original
    services = sum(each.figures.tax.taxable_paise for each in note.lines if each.sold.service_id)
    amounts = rules.refund_amounts(
        note.figures,
        services_paise=services,
        back=note.kept,
        credited_paise=note.credited_paise - note.recovered_paise,
        written_off_paise=note.recovered_paise,
    )
    taxed = [
        booking.SoldLine(
            is_service=each.sold.service_id is not None,
            code=each.sold.code,
            quantity_milli=each.quantity_milli,
            rate_hundredths=each.rate_hundredths,
            tax=each.figures.tax,
        )
        for each in note.lines
    ]

    async def draw() -> str:
        return await salon.draw_number(work, note.branch, DocumentKind.CREDIT_NOTE, on=note.on)

    return await accounting.post_entry(
        work,
        NewEntry(
            branch_id=note.branch.id,
            business_date=note.on,
            narration=f"Credit note on {original.number}",
            cause_kind=booking.CAUSE,
            cause_id=note.id,
            lines=(*booking.entry_lines(amounts, original.customer_id), *goods),
            tax_lines=booking.tax_lines(taxed, gstin=original.gstin if note.lowers_tax else None),
            money=booking.money_moves(note.kept, MoneyDirection.OUT),
            document=Document(
                kind=DocumentKind.CREDIT_NOTE,
                id=note.id,
                number=draw,
                gstin=original.gstin,
                party_gstin=original.buyer_gstin,
                place_of_supply=original.place_of_supply,
            ),
        ),
    )


async def _store(work: Work, note: _Note, posted: PostedEntry, reason: str) -> None:
    """Writes the note, and what it leaves of the bill's debt."""
    original, bill = note.original, tables.Bill
    row = {
        "id": note.id,
        "branch_id": original.branch_id,
        "kind": rules.BillKind.CREDIT_NOTE,
        "version": 1,
        "customer_id": original.customer_id,
        "created_at": work.now,
        "created_by_id": work.actor.id,
        "business_date": note.on,
        "gstin": original.gstin,
        "place_of_supply": original.place_of_supply,
        "buyer_gstin": original.buyer_gstin,
        "tip_paise": 0,
        "paid_paise": note.figures.total_paise - note.credited_paise,
        "payment_state": rules.PaymentState.PAID,
        "original_id": original.id,
        "refund_reason": reason,
        "credited_paise": note.credited_paise,
        "written_off_paise": 0,
        **storing.figure_values(note.figures),
        **storing.posted_values(work, posted),
    }
    payments = storing.payment_rows(
        work, note.id, on=note.on, kept=note.kept, money_move_ids=posted.money_move_ids, direction=MoneyDirection.OUT
    )
    lines = _line_rows(note)
    shares = storing.share_rows(lines, _contributions(note, await queries.shares_of(work, original.id)))
    await storing.store(work, bills=[row], lines=lines, payments=payments, shares=shares)
    due = original.paid_paise + original.balance_due_paise - note.credited_paise + note.recovered_paise
    values = {
        **storing.paid_values(due_paise=due, paid_paise=original.paid_paise),
        "credited_paise": original.credited_paise + note.credited_paise,
        "written_off_paise": original.written_off_paise - note.recovered_paise,
        "version": original.version + 1,
    }
    await work.session.execute(update(bill).where(bill.id == original.id).values(values))


def _contributions(note: _Note, shares: Mapping[UUID, Sequence[tables.LineShare]]) -> list[list[rules.Contribution]]:
    """Whose the value is that goes back, by line of the note."""
    found = []
    for each in note.lines:
        of = shares.get(each.sold.id, ())
        weights = [share.amount_paise for share in of]
        # A note that comes too late to lower the tax gives back more than the value: all of it is spread anew.
        before = each.before_paise if note.lowers_tax else 0
        paise = rules.shares_back(each.figures.tax.taxable_paise, before, weights) if of else []
        found.append([rules.Contribution(share.staff_id, back) for share, back in zip(of, paise, strict=True)])
    return found


def _line_rows(note: _Note) -> list[storing.Row]:
    """The note's lines: what the bill's said, of what goes back."""
    return [
        {
            "id": new_id(),
            "bill_id": note.id,
            "position": position,
            "service_id": each.sold.service_id,
            "product_id": each.sold.product_id,
            "staff_id": each.sold.staff_id,
            "description": each.sold.description,
            "code": each.sold.code,
            "quantity_milli": each.quantity_milli,
            "unit_price_paise": each.sold.unit_price_paise,
            "is_price_overridden": each.sold.is_price_overridden,
            "rate_hundredths": each.rate_hundredths,
            "is_tax_included": each.sold.is_tax_included,
            "unit_cost_paise": each.sold.unit_cost_paise,
            "original_line_id": each.sold.id,
            **storing.line_figure_values(each.figures),
        }
        for position, each in enumerate(note.lines, start=1)
    ]
