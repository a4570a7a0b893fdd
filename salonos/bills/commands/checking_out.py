"""Sell and take the money in one step: what a counter does most."""

from collections.abc import Sequence
from uuid import UUID

from salonos.accounting.rules import PaymentMethod
from salonos.bills import problems, rules
from salonos.bills.commands import booking, limiting, pricing, storing
from salonos.bills.commands.pricing import NewSale, PricedBill
from salonos.customers import commands as customers
from salonos.kernel.ids import new_id
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import invalid
from salonos.kernel.work import Work


async def check_out(work: Work, new: NewSale) -> UUID:
    """Creates a bill, takes its payments and posts it, all in one transaction. Returns the bill's id.

    The payments settle the whole: exactly, with change from cash, or with the exact rest ON_ACCOUNT of a known
    customer. A bill of 0 has no payments.

    Raises: InvalidInput; PaymentsDoNotAddUp; PaymentsExceedTotal; CustomerRequired; CashLimitExceeded;
    StockTooLow; DiscountNeedsApproval; ApprovalNotValid; PeriodClosed; ClockBehind; NumberSeriesExhausted.
    """
    work.actor.require(Permission.BILL_CREATE)
    if new.payments:
        work.actor.require(Permission.PAYMENT_TAKE)
    tenders = booking.check_tenders(new.payments)
    branch = await pricing.branch_of(work, new.branch_id)
    priced = await pricing.price(work, branch, new)
    settlement = settle(work, priced, tenders)
    sale = sale_of(new_id(), priced)
    posted = await booking.book_sale(work, sale, kept=settlement.kept, owed_paise=settlement.owed_paise)
    # Behind the branch's lock on its cash, so that two tills can't both take the last lawful rupee.
    await booking.check_cash(work, {sale.bill_id: settlement.kept}, customer_id=new.customer_id, on=priced.on)
    if settlement.owed_paise and new.customer_id is not None:
        await limiting.check_credit(work, new.customer_id, owed_paise=settlement.owed_paise)
    payments = storing.payment_rows(work, sale.bill_id, on=priced.on, kept=settlement.kept, posted=posted)
    row = {
        **storing.draft_row(work, sale.bill_id, priced),
        **storing.paid_values(due_paise=priced.due_paise, paid_paise=settlement.kept_paise),
        **storing.posted_values(work, posted),
    }
    lines = storing.line_rows(sale.bill_id, priced)
    await storing.store(
        work,
        bills=[row],
        lines=lines,
        shares=storing.share_rows(lines, priced.contributions),
        payments=payments,
        tips=storing.tip_rows(sale.bill_id, priced),
    )
    if new.customer_id is not None:
        served_by = {staff_id for line in new.lines if line.service_id for staff_id in line.served_by}
        await customers.note_service(work, new.customer_id, served_by, priced.on)
    booking.announce_sale(work, sale)
    for each in payments:
        booking.announce_payment(work, branch_id=branch.id, bill_id=sale.bill_id, payment_id=each["id"], on=priced.on)
    return sale.bill_id


def settle(work: Work, priced: PricedBill, tenders: Sequence[rules.Tender]) -> rules.Settlement:
    """How the tenders settle what is due.

    Raises: PaymentsDoNotAddUp; PaymentsExceedTotal; CustomerRequired; InvalidInput for a tip on a balance due.
    """
    found = rules.settle(priced.due_paise, tenders)
    if isinstance(found, rules.Mismatch):
        due, offered = Money(priced.due_paise), Money(found.offered_paise)
        if found.is_too_much and not any(each.method is PaymentMethod.ON_ACCOUNT for each in tenders):
            raise problems.PaymentsExceedTotal(due=due, offered=offered)
        raise problems.PaymentsDoNotAddUp(due=due, offered=offered)
    if found.owed_paise:
        work.actor.require(Permission.BILL_POST_ON_ACCOUNT)
        if priced.contents.customer_id is None:
            raise problems.CustomerRequired(balance_due=Money(found.owed_paise))
        if priced.tip_paise:
            raise invalid(("tips",), "TIP_ON_BALANCE", "A bill with a balance due carries no tip.")
    return found


def sale_of(bill_id: UUID, priced: PricedBill) -> booking.Sale:
    """What the books need of a bill that was just priced."""
    return booking.Sale(
        bill_id=bill_id,
        branch=priced.branch,
        kind=priced.kind,
        on=priced.on,
        customer_id=priced.contents.customer_id,
        buyer_gstin=priced.contents.buyer_gstin,
        place_of_supply=priced.place_of_supply,
        lines=[
            booking.SoldLine(
                is_service=item.new.service_id is not None,
                code=item.item.code,
                quantity_milli=item.priced.quantity_milli,
                rate_hundredths=item.priced.rate_hundredths,
                tax=figures.tax,
                stocked_id=item.item.id if item.item.takes_stock else None,
                staff_id=item.new.staff_id,
            )
            for item, figures in zip(priced.items, priced.figures.lines, strict=True)
        ],
        figures=priced.figures,
        tip_paise=priced.tip_paise,
    )
