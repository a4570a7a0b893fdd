"""Money on a bill: kept whatever happens, and the last payment of a draft posts it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import update

from salonos.accounting import commands as accounting
from salonos.accounting.commands import NewEntry, PostedEntry
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
    """Takes a payment towards a draft, or towards the balance due of a posted bill; in a group it fills both in order.

    On a draft the money is an advance until the bill is posted, which the payment that completes it, or its group,
    does. When that fails, the money is kept all the same and the bill stays a draft. Locks the bill, or the group.

    Raises: InvalidInput; StaleVersion; BillAlreadyPosted when nothing is due any more; PaymentsExceedTotal;
    CashLimitExceeded; PeriodClosed.
    """
    work.actor.require(Permission.PAYMENT_TAKE)
    if tender.method is PaymentMethod.ON_ACCOUNT:
        raise invalid(("payment", "method"), "NO_MONEY", "On account is no payment. Post the bill with a balance due.")
    tender = booking.check_tender(tender)
    bill, *others = await drafting.group_in_reach(work, bill_id)
    if bill.status is not rules.BillStatus.POSTED or not bill.balance_due_paise:
        drafting.require_draft(bill)
    if bill.version != expected_version:
        raise StaleVersion(current_version=bill.version)
    open_ones = [bill, *(each for each in others if each.balance_due_paise or each.status is rules.BillStatus.DRAFT)]
    bills = sorted(open_ones, key=lambda each: each.id)
    for each in bills:
        if await queries.payment_count(work, each.id) >= rules.PAYMENTS_MAX:
            raise invalid(("billId",), "TOO_MANY", f"A bill has at most {rules.PAYMENTS_MAX} payments.")
    due = sum(each.balance_due_paise for each in bills)
    settlement = rules.keep(due, tender)
    if isinstance(settlement, rules.Mismatch):
        raise problems.PaymentsExceedTotal(due=Money(due), offered=Money(tender.amount_paise))
    branch = await pricing.branch_of_bill(work, bill.branch_id)
    on = clock.business_date(work.now, branch.time_zone)
    shares = rules.fill(settlement.kept, [each.balance_due_paise for each in bills])
    taking = _Taking(work, bills, settlement, shares, on)
    await taking.check_cash()
    if settlement.owed_paise or not any(taking.drafts):
        return await taking.keep()
    return await taking.post()


@dataclass(frozen=True)
class _Taking:
    """One payment on its way into a locked bill, or into the bills of a group."""

    work: Work
    bills: Sequence[tables.Bill]
    settlement: rules.Settlement
    shares: Sequence[rules.Share]
    on: date

    @property
    def drafts(self) -> list[tables.Bill]:
        """Those that are not final yet."""
        return [each for each in self.bills if each.status is rules.BillStatus.DRAFT]

    def shares_of(self, place: int) -> list[rules.Share]:
        """What of the payment settles a bill."""
        return [share for share in self.shares if share.debt == place]

    def paid_paise(self, bill: tables.Bill) -> int:
        """All that is paid of it with this payment."""
        shares = self.shares_of(self.bills.index(bill))
        return bill.paid_paise + sum(share.kept.amount_paise for share in shares)

    async def check_cash(self) -> None:
        """Raises: CashLimitExceeded."""
        for customer_id in {bill.customer_id for bill in self.bills}:
            theirs = [(place, bill) for place, bill in enumerate(self.bills) if bill.customer_id == customer_id]
            cash = {bill.id: [share.kept for share in self.shares_of(place)] for place, bill in theirs}
            await booking.check_cash(self.work, cash, customer_id=customer_id, on=self.on)

    async def post(self) -> TakenPayment:
        """Posts the drafts that this payment completes, or keeps the money and says why not.

        The savepoint also gives back the locks of a posting that failed, so that the second one can't deadlock.
        """
        try:
            async with self.work.attempt():
                drafts = [await posting.draft_sale(self.work, bill, version=bill.version + 1) for bill in self.drafts]
                money_move_ids, entries = await self._book(drafts)
        except Problem as problem:
            return await self.keep(not_posted=(problem,))
        payment_id = await self._store(money_move_ids)
        await self._mark_paid([bill for bill in self.bills if bill.status is rules.BillStatus.POSTED])
        for bill, draft, posted in zip(self.drafts, drafts, entries, strict=True):
            await posting.make_final(self.work, bill, draft, posted, paid_paise=self.paid_paise(bill))
        return TakenPayment(payment_id)

    async def _book(self, drafts: Sequence[posting.DraftSale]) -> tuple[Sequence[UUID], Sequence[PostedEntry]]:
        """One bill's money stands in its own entry, a group's in an entry before theirs."""
        if len(self.bills) == 1:
            (bill,), (draft,) = self.bills, drafts
            settled = booking.SettledSale(draft.sale, kept=self.settlement.kept, advance_paise=bill.paid_paise)
            posted = await booking.book_sale(self.work, settled)
            return posted.money_move_ids, [posted]
        group = [
            booking.SettledSale(draft.sale, advance_paise=self.paid_paise(bill))
            for bill, draft in zip(self.drafts, drafts, strict=True)
        ]
        money, *entries = await booking.book_sales(self.work, group, money=self._money())
        return money.money_move_ids, entries

    def _money(self) -> NewEntry:
        """Towards what a customer owes on final bills, and an advance on drafts."""
        against = []
        for share in self.shares:
            bill, paise = self.bills[share.debt], share.kept.amount_paise
            is_draft = bill.status is rules.BillStatus.DRAFT
            against.append(booking.on_draft(paise) if is_draft else booking.on_debt(paise, bill.customer_id))
        first = self.bills[0]
        return booking.money_entry(
            branch_id=first.branch_id, bill_id=first.id, on=self.on, kept=self.settlement.kept, against=against
        )

    async def keep(self, *, not_posted: tuple[Problem, ...] = ()) -> TakenPayment:
        """Keeps the money."""
        posted = await accounting.post_entry(self.work, self._money())
        payment_id = await self._store(posted.money_move_ids)
        await self._mark_paid([bill for place, bill in enumerate(self.bills) if self.shares_of(place)])
        return TakenPayment(payment_id, not_posted)

    async def _mark_paid(self, bills: Sequence[tables.Bill]) -> None:
        for bill in bills:
            due, version = bill.paid_paise + bill.balance_due_paise, bill.version + 1
            values = {**storing.paid_values(due_paise=due, paid_paise=self.paid_paise(bill)), "version": version}
            await self.work.session.execute(update(tables.Bill).where(tables.Bill.id == bill.id).values(values))
            self.work.announce(events.BillChanged(branch_id=bill.branch_id, subject_id=bill.id, version=version))

    async def _store(self, money_move_ids: Sequence[UUID]) -> UUID:
        bill_ids = [bill.id for bill in self.bills]
        rows = storing.shared_payment_rows(
            self.work, bill_ids, on=self.on, shares=self.shares, money_move_ids=money_move_ids
        )
        await storing.store(self.work, payments=rows)
        booking.announce_payments(self.work, self.bills[0].branch_id, rows)
        payment_id: UUID = rows[0]["id"]
        return payment_id
