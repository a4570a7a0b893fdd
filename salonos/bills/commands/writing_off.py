"""What a customer will never pay is given up: a loss in the books, without any tax relief."""

from typing import Final
from uuid import UUID

from sqlalchemy import update

from salonos.accounting import commands as accounting
from salonos.accounting import rules as accounts
from salonos.accounting.commands import NewEntry
from salonos.bills import events, problems, rules, tables
from salonos.bills.commands import booking, drafting, pricing
from salonos.kernel import clock
from salonos.kernel.checks import Checks
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import StaleVersion, invalid
from salonos.kernel.work import Work

REASON_MAX: Final = 200


async def write_off_balance(work: Work, bill_id: UUID, *, reason: str, expected_version: int) -> UUID:
    """Gives up all that is still owed on a posted bill, on today's date. Returns the bill's id. Locks the bill.

    Once a bill: nothing is owed on it afterwards, and a credit note takes the loss back before it gives money.

    Raises: InvalidInput; StaleVersion; NothingOwed; PeriodClosed.
    """
    work.actor.require(Permission.BILL_WRITE_OFF)
    checks = Checks()
    reason = checks.text(reason, ("reason",), REASON_MAX)
    checks.finish()
    bill = await drafting.bill_in_reach(work, bill_id)
    if bill.status is not rules.BillStatus.POSTED or bill.kind is rules.BillKind.CREDIT_NOTE:
        raise invalid(("billId",), "NOT_OWED", "Only on a posted bill something is owed.")
    if bill.version != expected_version:
        raise StaleVersion(current_version=bill.version)
    if not bill.balance_due_paise or bill.customer_id is None:
        raise problems.NothingOwed(bill.customer_id)
    branch = await pricing.branch_of_bill(work, bill.branch_id)
    owed = rules.Amount(accounts.CUSTOMERS, -bill.balance_due_paise, is_party=True)
    lost = rules.Amount(accounts.BAD_DEBTS, bill.balance_due_paise)
    posted = await accounting.post_entry(
        work,
        NewEntry(
            branch_id=branch.id,
            business_date=clock.business_date(work.now, branch.time_zone),
            narration=f"Balance of {bill.number} written off",
            cause_kind=booking.CAUSE,
            cause_id=bill.id,
            lines=booking.entry_lines([lost, owed], bill.customer_id),
        ),
    )
    version = bill.version + 1
    values = {
        "written_off_paise": bill.balance_due_paise,
        "write_off_reason": reason,
        "written_off_at": work.now,
        "written_off_by_id": work.actor.id,
        "write_off_entry_id": posted.id,
        "payment_state": rules.PaymentState.PAID,
        "version": version,
    }
    await work.session.execute(update(tables.Bill).where(tables.Bill.id == bill.id).values(values))
    work.announce(events.BillChanged(branch_id=bill.branch_id, subject_id=bill.id, version=version))
    return bill.id
