"""Sell and take the money in one step: what a counter does most."""

from collections.abc import Sequence
from uuid import UUID

from salonos.accounting.commands import PostedEntry
from salonos.accounting.rules import PaymentMethod
from salonos.bills import problems, rules
from salonos.bills.commands import booking, dividing, limiting, pricing, storing
from salonos.bills.commands.pricing import NewSale, PricedBill
from salonos.customers import commands as customers
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import invalid
from salonos.kernel.work import Work


async def check_out(work: Work, new: NewSale) -> UUID:
    """Creates a bill, takes its payments and posts it, all in one transaction. Returns the bill's id.

    Where the branch splits services and goods, two bills, of which the first's id is returned; payments fill them in
    their order.

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
    parts = dividing.documents_of(priced)
    settlement = settle(work, parts, tenders)
    ids = dividing.companions(len(parts))
    sales = [sale_of(bill_id, part) for (bill_id, _), part in zip(ids, parts, strict=True)]
    shares = rules.fill(settlement.kept, [sale.due_paise for sale in sales])
    posted, move_ids = await _book(work, sales, settlement.kept, shares)
    # Behind the branch's lock on its cash, so that two tills can't both take the last lawful rupee.
    cash = {sale.bill_id: [share.kept for share in shares if share.debt == place] for place, sale in enumerate(sales)}
    await booking.check_cash(work, cash, customer_id=new.customer_id, on=priced.on)
    if settlement.owed_paise and new.customer_id is not None:
        await limiting.check_credit(work, new.customer_id, owed_paise=settlement.owed_paise)
    payments = storing.shared_payment_rows(
        work, [bill_id for bill_id, _ in ids], on=priced.on, shares=shares, money_move_ids=move_ids
    )
    rows = [
        {
            **storing.draft_row(work, bill_id, part, companion_id=companion_id),
            **storing.paid_values(due_paise=part.due_paise, paid_paise=_paid(shares, place)),
            **storing.posted_values(work, posted[place]),
        }
        for place, ((bill_id, companion_id), part) in enumerate(zip(ids, parts, strict=True))
    ]
    await dividing.store(
        work, rows, [(row["id"], part) for row, part in zip(rows, parts, strict=True)], payments=payments
    )
    if new.customer_id is not None:
        served_by = {staff_id for line in new.lines if line.service_id for staff_id in line.served_by}
        await customers.note_service(work, new.customer_id, served_by, priced.on)
    for sale in sales:
        booking.announce_sale(work, sale)
    booking.announce_payments(work, branch.id, payments)
    return sales[0].bill_id


def _paid(shares: Sequence[rules.Share], place: int) -> int:
    return sum(share.kept.amount_paise for share in shares if share.debt == place)


async def _book(
    work: Work, sales: Sequence[booking.Sale], kept: Sequence[rules.Kept], shares: Sequence[rules.Share]
) -> tuple[list[PostedEntry], tuple[UUID, ...]]:
    """The entry of each bill and the money's moves: one bill's are its own, a group's have an entry before it."""
    paid = [_paid(shares, place) for place in range(len(sales))]
    owed = [sale.due_paise - paise for sale, paise in zip(sales, paid, strict=True)]
    first = sales[0]
    if len(sales) == 1:
        posted = await booking.book_sale(work, booking.SettledSale(first, kept=kept, owed_paise=owed[0]))
        return [posted], posted.money_move_ids
    settled = [
        booking.SettledSale(sale, advance_paise=paid[place], owed_paise=owed[place]) for place, sale in enumerate(sales)
    ]
    if not kept:
        return await booking.book_sales(work, settled), ()
    money = booking.money_entry(
        branch_id=first.branch.id,
        bill_id=first.bill_id,
        on=first.on,
        kept=kept,
        against=[booking.on_draft(paise) for paise in paid if paise],
    )
    came, *entries = await booking.book_sales(work, settled, money=money)
    return entries, came.money_move_ids


def settle(work: Work, parts: Sequence[PricedBill], tenders: Sequence[rules.Tender]) -> rules.Settlement:
    """How the tenders settle what is due on the documents of a cart.

    Raises: PaymentsDoNotAddUp; PaymentsExceedTotal; CustomerRequired; InvalidInput for a tip on a balance due.
    """
    due_paise = sum(part.due_paise for part in parts)
    found = rules.settle(due_paise, tenders)
    if isinstance(found, rules.Mismatch):
        due, offered = Money(due_paise), Money(found.offered_paise)
        if found.is_too_much and not any(each.method is PaymentMethod.ON_ACCOUNT for each in tenders):
            raise problems.PaymentsExceedTotal(due=due, offered=offered)
        raise problems.PaymentsDoNotAddUp(due=due, offered=offered)
    if found.owed_paise:
        work.actor.require(Permission.BILL_POST_ON_ACCOUNT)
        if parts[0].contents.customer_id is None:
            raise problems.CustomerRequired(balance_due=Money(found.owed_paise))
        if any(part.tip_paise for part in parts):
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
