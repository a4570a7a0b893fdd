"""What a customer owes is paid: the oldest bill first, with one payment over many bills, of other branches too.

The money stays where it is paid. A debt at another branch falls there: that branch's claim is on the one with the money
from then on, in the account between branches.
"""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import orjson
from sqlalchemy import Text, bindparam, text

from salonos.accounting import commands as accounting
from salonos.accounting import rules as accounts
from salonos.accounting.commands import NewEntry
from salonos.accounting.rules import PaymentMethod
from salonos.bills import events, problems, queries, rules, tables
from salonos.bills.commands import booking, pricing, storing
from salonos.kernel import clock
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import invalid
from salonos.kernel.work import Work
from salonos.salon.tables import Branch

CAUSE = "customer"
_PAY = text(
    """
    update bills set
        paid_paise = bills.paid_paise + share.paise, version = version + 1,
        payment_state = case when bills.balance_due_paise = share.paise then 'PAID' else 'PARTLY_PAID' end
    from jsonb_to_recordset(cast(:shares as jsonb)) as share (id uuid, paise bigint)
    where bills.id = share.id
    """
).bindparams(bindparam("shares", type_=Text()))


async def collect_balance(work: Work, *, branch_id: UUID, customer_id: UUID, tender: rules.Tender) -> list[UUID]:
    """Takes one payment at a branch towards all that a customer owes at the actor's branches.

    Returns the payments' ids, a payment a bill. Locks the customer's unpaid bills, the oldest first; change is given on
    cash. The bills' branches are dated by their own today, as is the one that is paid.

    Raises: InvalidInput; NothingOwed; PaymentsExceedTotal; CashLimitExceeded; PeriodClosed.
    """
    work.actor.require(Permission.PAYMENT_TAKE)
    work.actor.require_branch(branch_id)
    if tender.method is PaymentMethod.ON_ACCOUNT:
        raise invalid(("payment", "method"), "NO_MONEY", "On account is no payment.")
    tender = booking.check_tender(tender)
    branch = await pricing.branch_of(work, branch_id)
    owed = await queries.owed_for_update(work, customer_id=customer_id)
    if not owed:
        raise problems.NothingOwed(customer_id)
    due = sum(bill.balance_due_paise for bill in owed)
    settlement = rules.keep(due, tender)
    if isinstance(settlement, rules.Mismatch):
        raise problems.PaymentsExceedTotal(due=Money(due), offered=Money(tender.amount_paise))
    (kept,) = settlement.kept
    shares = rules.fill(settlement.kept, [bill.balance_due_paise for bill in owed])
    on = clock.business_date(work.now, branch.time_zone)
    paid = [(owed[share.debt], share.kept) for share in shares]
    entries = await _entries(work, branch, kept, paid, customer_id=customer_id, on=on)
    posted, *_ = await accounting.post_entries(work, entries)
    # Behind the branch's lock on its cash, so that two tills can't both take the last lawful rupee.
    await booking.check_cash(work, {bill.id: [share] for bill, share in paid}, customer_id=customer_id, on=on)
    rows = [
        row
        for bill, share in paid
        for row in storing.payment_rows(work, bill.id, on=on, kept=[share], money_move_ids=posted.money_move_ids)
    ]
    await storing.store(work, payments=rows)
    await _mark_paid(work, paid)
    booking.announce_payments(work, branch.id, rows)
    return [row["id"] for row in rows]


async def _entries(
    work: Work,
    branch: Branch,
    kept: rules.Kept,
    paid: Sequence[tuple[tables.Bill, rules.Kept]],
    *,
    customer_id: UUID,
    on: date,
) -> list[NewEntry]:
    """The entry of the money, then one for each other branch whose debts it settles, linked by the account between."""
    by_branch: dict[UUID, list[rules.Amount]] = {}
    for bill, share in paid:
        settled = rules.Amount(accounts.CUSTOMERS, -share.amount_paise, is_party=True)
        by_branch.setdefault(bill.branch_id, []).append(settled)
    here = [*rules.money_amounts([kept]), *by_branch.pop(branch.id, ())]
    there = []
    for branch_id, owing in sorted(by_branch.items()):
        other = await pricing.branch_of_bill(work, branch_id)
        paise = -sum(each.paise for each in owing)
        here.append(rules.Amount(accounts.INTER_BRANCH, -paise))
        there.append(
            NewEntry(
                branch_id=other.id,
                business_date=clock.business_date(work.now, other.time_zone),
                narration=f"Balance paid at {branch.code}",
                cause_kind=CAUSE,
                cause_id=customer_id,
                lines=booking.entry_lines([rules.Amount(accounts.INTER_BRANCH, paise), *owing], customer_id),
            )
        )
    money = NewEntry(
        branch_id=branch.id,
        business_date=on,
        narration="Payment of a balance",
        cause_kind=CAUSE,
        cause_id=customer_id,
        lines=booking.entry_lines(here, customer_id),
        money=booking.money_moves([kept]),
    )
    return [money, *there]


async def _mark_paid(work: Work, paid: Sequence[tuple[tables.Bill, rules.Kept]]) -> None:
    shares = [{"id": str(bill.id), "paise": share.amount_paise} for bill, share in paid]
    await work.session.execute(_PAY, {"shares": orjson.dumps(shares).decode()})
    for bill, _ in paid:
        work.announce(events.BillChanged(branch_id=bill.branch_id, subject_id=bill.id, version=bill.version + 1))
