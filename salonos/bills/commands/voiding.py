"""A bill is taken back on its own date: it keeps its number, its entry is undone, money and goods go back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import update

from salonos.accounting import commands as accounting
from salonos.accounting import rules as accounts
from salonos.accounting.commands import Document, NewEntry, PostedEntry
from salonos.accounting.rules import MoneyDirection, PaymentMethod
from salonos.bills import events, problems, queries, rules, tables
from salonos.bills.commands import booking, drafting, pricing, storing
from salonos.kernel import clock
from salonos.kernel.checks import Checks
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import StaleVersion, invalid
from salonos.kernel.work import Work
from salonos.salon.rules import DocumentKind

REASON_MAX: Final = 200


async def void_bill(
    work: Work, bill_id: UUID, *, reason: str, expected_version: int, pay_back_by: PaymentMethod | None = None
) -> UUID:
    """Takes a draft or a posted bill back. All money goes back the way it came, or by one way that is named.

    What was paid at another branch goes back there; by the way that is named, all goes back at the bill's own.

    A posted bill only on its own date, before anything of it was refunded and before its day is closed. What was used
    up for its services stays used up. Locks the bill, then stock, then the books.

    Raises: InvalidInput; StaleVersion; TooLateToVoid; PeriodClosed.
    """
    work.actor.require(Permission.BILL_CREATE)
    reason = _checked(reason, pay_back_by)
    bill = await drafting.bill_in_reach(work, bill_id)
    if bill.status is rules.BillStatus.VOID or bill.kind is rules.BillKind.CREDIT_NOTE:
        raise invalid(("billId",), "NOT_VOIDABLE", "Only a draft or a bill that stands is taken back.")
    if bill.version != expected_version:
        raise StaleVersion(current_version=bill.version)
    is_posted = bill.status is rules.BillStatus.POSTED
    if is_posted or bill.paid_paise:
        work.actor.require(Permission.BILL_VOID)
    branch = await pricing.branch_of_bill(work, bill.branch_id)
    on = clock.business_date(work.now, branch.time_zone)
    back = await _back(work, bill, await queries.payments_of(work, bill.id), pay_back_by)
    posted: Sequence[PostedEntry] = ()
    if is_posted:
        if bill.business_date != on or (await queries.given_back(work, bill.id)).notes:
            raise problems.TooLateToVoid(bill.id)
        posted = await _undo(work, bill, back, on)
    elif back:
        posted = [await _pay_back(work, bill, back[0].kept, on)]
    await _store(work, bill, back, posted)
    values = {
        **storing.paid_values(due_paise=bill.total_paise + bill.tip_paise, paid_paise=0),
        "status": rules.BillStatus.VOID,
        "void_reason": reason,
        "voided_at": work.now,
        "voided_by_id": work.actor.id,
        "void_entry_id": posted[0].id if posted else None,
        "written_off_paise": 0,
        "version": bill.version + 1,
    }
    await work.session.execute(update(tables.Bill).where(tables.Bill.id == bill.id).values(values))
    work.announce(events.BillVoided(branch_id=bill.branch_id, subject_id=bill.id, business_date=on))
    work.announce(events.BillChanged(branch_id=bill.branch_id, subject_id=bill.id, version=values["version"]))
    return bill.id


def _checked(reason: str, pay_back_by: PaymentMethod | None) -> str:
    """The reason made safe.

    Raises: InvalidInput with every fault.
    """
    checks = Checks()
    kept = checks.text(reason, ("reason",), REASON_MAX)
    is_money = pay_back_by is not PaymentMethod.ON_ACCOUNT
    checks.require(is_money, ("payBackBy",), "NO_MONEY", "On account is no way to give money back.")
    checks.finish()
    return kept


@dataclass(frozen=True)
class _Back:
    """The money that a branch gives back on its today."""

    branch_id: UUID
    on: date
    kept: tuple[rules.Kept, ...]

    @property
    def paise(self) -> int:
        """All of it."""
        return sum(each.amount_paise for each in self.kept)


async def _back(
    work: Work, bill: tables.Bill, payments: Sequence[queries.PaidAt], by: PaymentMethod | None
) -> list[_Back]:
    """The money that goes back, the bill's own branch first: payment by payment as it came, or all of it by one way.

    Raises: InvalidInput where it would go back at a branch out of reach.
    """
    if by is not None:
        total = sum(each.payment.amount_paise for each in payments)
        by_branch = {bill.branch_id: [rules.handed_back(by, total, None)]} if total else {}
    else:
        by_branch = {}
        for each in payments:
            paid = each.payment
            back = rules.handed_back(paid.method, paid.amount_paise, paid.reference)
            by_branch.setdefault(each.branch_id, []).append(back)
    if not all(map(work.actor.reaches, by_branch)):
        raise invalid(("payBackBy",), "REQUIRED", "It was paid at another branch. Say how the money goes back here.")
    found = []
    for branch_id in sorted(by_branch, key=lambda each: (each != bill.branch_id, each)):
        branch = await pricing.branch_of_bill(work, branch_id)
        found.append(_Back(branch_id, clock.business_date(work.now, branch.time_zone), tuple(by_branch[branch_id])))
    return found


async def _undo(work: Work, bill: tables.Bill, back: Sequence[_Back], on: date) -> list[PostedEntry]:
    """Posts a bill's entry the other way round, with its tax lines negated; then that of each branch that gives money.

    The bill's branch gives up its claim on a branch that was paid in its place.
    """
    lines = await queries.lines_of(work, bill.id)
    goods = await booking.bring_back(work, [(line, line.quantity_milli) for line in lines], cause_id=bill.id, on=on)
    here = tuple(kept for each in back if each.branch_id == bill.branch_id for kept in each.kept)
    there = [each for each in back if each.branch_id != bill.branch_id]
    amounts = rules.refund_amounts(
        _figures(bill),
        services_paise=sum(line.taxable_paise for line in lines if line.service_id),
        back=here,
        credited_paise=bill.balance_due_paise,
        written_off_paise=bill.written_off_paise,
        tip_paise=bill.tip_paise,
    )
    claims = [rules.Amount(accounts.INTER_BRANCH, -each.paise) for each in there]
    own = NewEntry(
        branch_id=bill.branch_id,
        business_date=on,
        narration=f"Bill {bill.number} taken back",
        cause_kind=booking.CAUSE,
        cause_id=bill.id,
        lines=(*booking.entry_lines([*amounts, *claims], bill.customer_id), *goods),
        tax_lines=booking.tax_lines([_negated(line) for line in lines], gstin=bill.gstin),
        money=booking.money_moves(here, MoneyDirection.OUT),
        document=Document(
            kind=DocumentKind[bill.kind.name],
            id=bill.id,
            number=bill.number or "",
            gstin=bill.gstin,
            party_gstin=bill.buyer_gstin,
            place_of_supply=bill.place_of_supply,
        ),
    )
    return await accounting.post_entries(work, [own, *(_given_back(bill, each) for each in there)])


def _given_back(bill: tables.Bill, back: _Back) -> NewEntry:
    """The entry of a branch that gives back what it was paid for another's bill."""
    money = (rules.Amount(each.account_code, -each.paise) for each in rules.money_amounts(back.kept))
    return NewEntry(
        branch_id=back.branch_id,
        business_date=back.on,
        narration=f"Bill {bill.number} taken back",
        cause_kind=booking.CAUSE,
        cause_id=bill.id,
        lines=booking.entry_lines([rules.Amount(accounts.INTER_BRANCH, back.paise), *money], None),
        money=booking.money_moves(back.kept, MoneyDirection.OUT),
    )


async def _store(work: Work, bill: tables.Bill, back: Sequence[_Back], posted: Sequence[PostedEntry]) -> None:
    """Writes what went back, and tells the other branches of their money."""
    own = [each for each in back if each.branch_id == bill.branch_id]
    there = [each for each in back if each.branch_id != bill.branch_id]
    moves = [*zip(own, posted, strict=False), *zip(there, posted[1:], strict=True)]
    rows = [
        (each, row)
        for each, entry in moves
        for row in storing.payment_rows(
            work,
            bill.id,
            on=each.on,
            kept=each.kept,
            money_move_ids=entry.money_move_ids,
            direction=MoneyDirection.OUT,
        )
    ]
    if rows:
        await storing.store(work, payments=[row for _, row in rows])
    for each, row in rows:
        if each.branch_id != bill.branch_id:
            work.announce(
                events.PaymentReturned(
                    branch_id=each.branch_id, subject_id=row["id"], bill_id=bill.id, business_date=each.on
                )
            )


async def _pay_back(work: Work, bill: tables.Bill, back: Sequence[rules.Kept], on: date) -> PostedEntry:
    """Posts the advance of a draft the other way round."""
    money = [rules.Amount(each.account_code, -each.paise) for each in rules.money_amounts(back)]
    advance = rules.Amount(accounts.ADVANCES, bill.paid_paise)
    return await accounting.post_entry(
        work,
        NewEntry(
            branch_id=bill.branch_id,
            business_date=on,
            narration="Draft taken back",
            cause_kind=booking.CAUSE,
            cause_id=bill.id,
            lines=booking.entry_lines([advance, *money], None),
            money=booking.money_moves(back, MoneyDirection.OUT),
        ),
    )


def _figures(bill: tables.Bill) -> rules.Figures:
    return rules.Figures(
        lines=(),
        gross_paise=bill.gross_paise,
        discount_paise=bill.discount_paise,
        taxable_paise=bill.taxable_paise,
        cgst_paise=bill.cgst_paise,
        sgst_paise=bill.sgst_paise,
        igst_paise=bill.igst_paise,
        round_off_paise=bill.round_off_paise,
        total_paise=bill.total_paise,
    )


def _negated(line: tables.BillLine) -> booking.SoldLine:
    return booking.SoldLine(
        is_service=line.service_id is not None,
        code=line.code,
        quantity_milli=-line.quantity_milli,
        rate_hundredths=line.rate_hundredths,
        tax=rules.Tax(-line.taxable_paise, -line.cgst_paise, -line.sgst_paise, -line.igst_paise),
    )
