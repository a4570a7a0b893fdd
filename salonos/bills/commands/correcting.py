"""A payment that was recorded wrongly is corrected: how it came, or its reference, and never how much it was."""

from uuid import UUID

from sqlalchemy import update

from salonos.accounting import commands as accounting
from salonos.accounting import rules as accounts
from salonos.accounting.commands import NewEntry
from salonos.accounting.rules import MoneyDirection, PaymentMethod
from salonos.bills import events, queries, rules, tables
from salonos.bills.commands import booking, drafting, pricing, storing
from salonos.kernel import clock
from salonos.kernel.checks import Checks
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import invalid, not_found
from salonos.kernel.work import Work


async def correct_payment(work: Work, payment_id: UUID, *, method: PaymentMethod, reference: str | None) -> UUID:
    """Reverses a payment and puts another in its place, where it was paid and on today's date there. Locks the bill.

    Returns the new one's id. Money that came for another branch's bill stays what it was to both branches.

    Raises: InvalidInput; CashLimitExceeded; PeriodClosed; AccountOverdrawn.
    """
    work.actor.require(Permission.PAYMENT_CORRECT)
    checks = Checks()
    reference = checks.optional_text(reference, ("reference",), booking.REFERENCE_MAX)
    is_money = method is not PaymentMethod.ON_ACCOUNT
    checks.require(is_money, ("method",), "NO_MONEY", "On account is no payment.")
    checks.finish()
    bill_id = await queries.bill_of_payment(work, payment_id)
    if bill_id is None:
        raise not_found(("paymentId",), "payment")
    bill = await drafting.bill_in_reach(work, bill_id, path=("paymentId",), what="payment")
    if bill.status is rules.BillStatus.VOID:
        raise invalid(("paymentId",), "GONE", "The money of a void bill went back.")
    found = next((each for each in await queries.payments_of(work, bill.id) if each.payment.id == payment_id), None)
    if found is None:
        raise invalid(
            ("paymentId",), "CORRECTED", "This payment was corrected already. Correct what stands in its place."
        )
    wrong = found.payment
    if not work.actor.reaches(found.branch_id):
        raise invalid(("paymentId",), "ELSEWHERE", "This was paid at another branch. It is corrected by those of both.")
    if (wrong.method, wrong.reference) == (method, reference):
        raise invalid(("method",), "UNCHANGED", "This is how it was recorded.")
    if await queries.payment_count(work, bill.id) >= rules.PAYMENTS_CORRECTED_MAX:
        raise invalid(("paymentId",), "TOO_MANY", "Payments of this bill were corrected too often.")
    right = rules.handed_back(method, wrong.amount_paise, reference)
    return await _correct(work, bill, found, right)


async def _correct(work: Work, bill: tables.Bill, found: queries.PaidAt, right: rules.Kept) -> UUID:
    wrong, branch = found.payment, await pricing.branch_of_bill(work, found.branch_id)
    on = clock.business_date(work.now, branch.time_zone)
    undone = rules.handed_back(wrong.method, wrong.amount_paise, wrong.reference)
    direction = wrong.direction
    other = MoneyDirection.OUT if direction is MoneyDirection.IN else MoneyDirection.IN
    posted = await accounting.post_entry(
        work,
        NewEntry(
            branch_id=branch.id,
            business_date=on,
            narration="Payment corrected",
            cause_kind=booking.CAUSE,
            cause_id=bill.id,
            lines=booking.entry_lines(_amounts(undone, right, direction), None),
            money=(*booking.money_moves([undone], other), *booking.money_moves([right], direction)),
        ),
    )
    first, second = posted.money_move_ids
    (reversal,) = storing.payment_rows(work, bill.id, on=on, kept=[undone], money_move_ids=[first], direction=other)
    (stands,) = storing.payment_rows(work, bill.id, on=on, kept=[right], money_move_ids=[second], direction=direction)
    if direction is MoneyDirection.IN and wrong.method is not PaymentMethod.CASH:
        await booking.check_cash(work, {bill.id: [right]}, customer_id=bill.customer_id, on=on)
    await storing.store(work, payments=[{**reversal, "reverses_id": wrong.id}, {**stands, "replaces_id": wrong.id}])
    version = bill.version + 1
    await work.session.execute(update(tables.Bill).where(tables.Bill.id == bill.id).values(version=version))
    payment_id: UUID = stands["id"]
    work.announce(
        events.PaymentCorrected(branch_id=branch.id, subject_id=payment_id, bill_id=bill.id, business_date=on)
    )
    work.announce(events.BillChanged(branch_id=bill.branch_id, subject_id=bill.id, version=version))
    return payment_id


def _amounts(undone: rules.Kept, right: rules.Kept, direction: MoneyDirection) -> tuple[rules.Amount, ...]:
    """From the account where the money was thought to be to the one where it is; both lines even where they are one."""
    sign = 1 if direction is MoneyDirection.IN else -1
    return (
        rules.Amount(accounts.account_of(right.method), sign * right.amount_paise),
        rules.Amount(accounts.account_of(undone.method), -sign * undone.amount_paise),
    )
