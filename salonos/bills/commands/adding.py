"""Money on a bill: kept whatever happens, and the last payment of a draft posts it."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import update

from salonos.accounting.commands import PostedEntry
from salonos.accounting.rules import PaymentMethod
from salonos.bills import events, problems, queries, rules, tables
from salonos.bills.commands import booking, drafting, posting, pricing, storing
from salonos.kernel import clock
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import Problem, StaleVersion, invalid
from salonos.kernel.work import Work


@dataclass(frozen=True)
class TakenPayment:
    """A payment that was kept; and why its fully paid bill could not be posted, where it could not."""

    payment_id: UUID
    not_posted: tuple[Problem, ...] = ()


async def add_payment(work: Work, bill_id: UUID, tender: rules.Tender, *, expected_version: int) -> TakenPayment:
    """Takes a payment towards a draft, or towards the balance due of a posted bill. Locks the bill.

    On a draft the money is an advance until the bill is posted, which the payment that completes it does. When that
    fails, the money is kept all the same and the bill stays a draft.

    Raises: InvalidInput; StaleVersion; BillAlreadyPosted when nothing is due any more; PaymentsExceedTotal;
    CashLimitExceeded; PeriodClosed.
    """
    work.actor.require(Permission.PAYMENT_TAKE)
    if tender.method is PaymentMethod.ON_ACCOUNT:
        raise invalid(("payment", "method"), "NO_MONEY", "On account is no payment. Post the bill with a balance due.")
    tender = booking.check_tender(tender)
    bill = await drafting.bill_in_reach(work, bill_id)
    if bill.status is not rules.BillStatus.POSTED or not bill.balance_due_paise:
        drafting.require_draft(bill)
    if bill.version != expected_version:
        raise StaleVersion(current_version=bill.version)
    if await queries.payment_count(work, bill.id) >= rules.PAYMENTS_MAX:
        raise invalid(("billId",), "TOO_MANY", f"A bill has at most {rules.PAYMENTS_MAX} payments.")
    settlement = rules.keep(bill.balance_due_paise, tender)
    if isinstance(settlement, rules.Mismatch):
        raise problems.PaymentsExceedTotal(due=Money(bill.balance_due_paise), offered=Money(tender.amount_paise))
    branch = await pricing.branch_of_bill(work, bill.branch_id)
    on = clock.business_date(work.now, branch.time_zone)
    taking = _Taking(work, bill, settlement, on)
    await booking.check_cash(work, {bill.id: settlement.kept}, customer_id=bill.customer_id, on=on)
    if bill.status is rules.BillStatus.POSTED:
        return await taking.keep(owing_id=bill.customer_id)
    if settlement.owed_paise:
        return await taking.keep(owing_id=None)
    return await taking.post()


@dataclass(frozen=True)
class _Taking:
    """One payment on its way into one locked bill."""

    work: Work
    bill: tables.Bill
    settlement: rules.Settlement
    on: date

    @property
    def paid_paise(self) -> int:
        """All that is paid with it."""
        return self.bill.paid_paise + self.settlement.kept_paise

    async def post(self) -> TakenPayment:
        """Posts the draft that this payment completes, or keeps the money and says why not.

        The savepoint also gives back the locks of a posting that failed, so that the second one can't deadlock.
        """
        try:
            async with self.work.attempt():
                draft = await posting.draft_sale(self.work, self.bill, version=self.bill.version + 1)
                posted = await booking.book_sale(
                    self.work, draft.sale, kept=self.settlement.kept, advance_paise=self.bill.paid_paise
                )
        except Problem as problem:
            return await self.keep(owing_id=None, not_posted=(problem,))
        payment_id = await self._store(posted)
        await posting.make_final(self.work, self.bill, draft, posted, paid_paise=self.paid_paise)
        return TakenPayment(payment_id)

    async def keep(self, *, owing_id: UUID | None, not_posted: tuple[Problem, ...] = ()) -> TakenPayment:
        """Keeps the money: towards what a customer owes, or as an advance on the draft."""
        posted = await booking.book_money(
            self.work,
            branch_id=self.bill.branch_id,
            bill_id=self.bill.id,
            on=self.on,
            kept=self.settlement.kept,
            owing_id=owing_id,
        )
        payment_id = await self._store(posted)
        due = self.bill.paid_paise + self.bill.balance_due_paise
        values = {
            **storing.paid_values(due_paise=due, paid_paise=self.paid_paise),
            "version": self.bill.version + 1,
        }
        await self.work.session.execute(update(tables.Bill).where(tables.Bill.id == self.bill.id).values(values))
        self.work.announce(
            events.BillChanged(branch_id=self.bill.branch_id, subject_id=self.bill.id, version=values["version"])
        )
        return TakenPayment(payment_id, not_posted)

    async def _store(self, posted: PostedEntry) -> UUID:
        rows = storing.payment_rows(self.work, self.bill.id, on=self.on, kept=self.settlement.kept, posted=posted)
        await storing.store(self.work, payments=rows)
        payment_id: UUID = rows[0]["id"]
        booking.announce_payment(
            self.work, branch_id=self.bill.branch_id, bill_id=self.bill.id, payment_id=payment_id, on=self.on
        )
        return payment_id
