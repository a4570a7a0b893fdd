"""A draft becomes final: fully paid, or with a balance due for a known customer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import update

from salonos.accounting.commands import PostedEntry
from salonos.bills import problems, queries, rules, tables
from salonos.bills.commands import booking, drafting, limiting, pricing, storing
from salonos.catalog import queries as catalog
from salonos.customers import commands as customers
from salonos.kernel import clock
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import StaleVersion, invalid
from salonos.kernel.work import Work

RATES_MOVED = "The tax on this draft has changed since it was saved. Save it again and look at its total."


async def post_bill(work: Work, bill_id: UUID, *, expected_version: int) -> UUID:
    """Posts a draft. What is not paid yet becomes the balance due of its customer. Locks the bill.

    Raises: InvalidInput; StaleVersion, also when today's rates give other totals; BillAlreadyPosted; CustomerRequired;
    StockTooLow; PeriodClosed; ClockBehind; NumberSeriesExhausted.
    """
    work.actor.require(Permission.BILL_CREATE)
    bill = await drafting.draft_for_update(work, bill_id, expected_version=expected_version)
    if bill.balance_due_paise:
        work.actor.require(Permission.BILL_POST_ON_ACCOUNT)
        if bill.customer_id is None:
            raise problems.CustomerRequired(balance_due=Money(bill.balance_due_paise))
        if bill.tip_paise:
            raise invalid(("billId",), "TIP_ON_BALANCE", "A bill with a balance due carries no tip.")
    draft = await draft_sale(work, bill)
    settled = booking.SettledSale(draft.sale, advance_paise=bill.paid_paise, owed_paise=bill.balance_due_paise)
    posted = await booking.book_sale(work, settled)
    if bill.balance_due_paise and bill.customer_id is not None:
        await limiting.check_credit(work, bill.customer_id, owed_paise=bill.balance_due_paise)
    await make_final(work, bill, draft, posted, paid_paise=bill.paid_paise)
    return bill.id


@dataclass(frozen=True)
class DraftSale:
    """A draft as the books need it, and who served on it."""

    sale: booking.Sale
    served_by: frozenset[UUID]


async def draft_sale(work: Work, bill: tables.Bill, *, version: int | None = None) -> DraftSale:
    """A locked draft at today's rates. `version` is what it will have when a caller changes it first.

    Raises: StaleVersion when its totals moved.
    """
    branch = await pricing.branch_of_bill(work, bill.branch_id)
    lines = await queries.lines_of(work, bill.id)
    on = clock.business_date(work.now, branch.time_zone)
    treatment = rules.treatment_of(branch.tax_scheme, gstin=branch.gstin, place_of_supply=bill.place_of_supply)
    kind = rules.kind_of_sale(branch.tax_scheme)
    items = await _items_today(work, lines, on)
    priced = _at_todays_rates(lines, items, treatment)
    figures = rules.figures_with(priced, [line.bill_discount_paise for line in lines], treatment=treatment)
    if kind is not bill.kind or branch.gstin != bill.gstin or _moved(lines, priced, figures):
        raise StaleVersion(current_version=version or bill.version, message=RATES_MOVED)
    sold = [
        booking.SoldLine(
            is_service=line.service_id is not None,
            code=line.code,
            quantity_milli=line.quantity_milli,
            rate_hundredths=line.rate_hundredths,
            tax=each.tax,
            stocked_id=_stocked_id(items, line),
            staff_id=line.staff_id,
        )
        for line, each in zip(lines, figures.lines, strict=True)
    ]
    served_by = {line.staff_id for line in lines if line.service_id and line.staff_id}
    if bill.customer_id is not None:
        shares = await queries.shares_of(work, bill.id)
        served_by |= {share.staff_id for line in lines if line.service_id for share in shares.get(line.id, ())}
    return DraftSale(
        booking.Sale(
            bill_id=bill.id,
            branch=branch,
            kind=kind,
            on=on,
            customer_id=bill.customer_id,
            buyer_gstin=bill.buyer_gstin,
            place_of_supply=bill.place_of_supply,
            lines=sold,
            figures=figures,
            tip_paise=bill.tip_paise,
        ),
        frozenset(served_by),
    )


async def make_final(work: Work, bill: tables.Bill, draft: DraftSale, posted: PostedEntry, *, paid_paise: int) -> None:
    """Writes what makes a draft final, and tells it."""
    sale = draft.sale
    due = sale.figures.total_paise + sale.tip_paise
    values = {
        **storing.posted_values(work, posted),
        **storing.paid_values(due_paise=due, paid_paise=paid_paise),
        "business_date": sale.on,
        "version": bill.version + 1,
    }
    await work.session.execute(update(tables.Bill).where(tables.Bill.id == bill.id).values(values))
    if bill.customer_id is not None:
        await customers.note_service(work, bill.customer_id, draft.served_by, sale.on)
    booking.announce_sale(work, sale)


async def _items_today(work: Work, lines: Sequence[tables.BillLine], on: date) -> Mapping[UUID, catalog.ItemForSale]:
    """What the lines sell, as it is on a date."""
    return await catalog.items_for_sale(
        work,
        service_ids=[line.service_id for line in lines if line.service_id],
        product_ids=[line.product_id for line in lines if line.product_id],
        on=on,
    )


def _at_todays_rates(
    lines: Sequence[tables.BillLine], items: Mapping[UUID, catalog.ItemForSale], treatment: rules.Treatment
) -> list[rules.PricedLine]:
    """The lines at the prices they were saved with and the rates of a date."""
    rates = {row_id: item.rate_hundredths or 0 for row_id, item in items.items()}
    is_untaxed = treatment is rules.Treatment.UNTAXED
    return [
        rules.PricedLine(
            quantity_milli=line.quantity_milli,
            unit_price_paise=line.unit_price_paise,
            rate_hundredths=0 if is_untaxed else _rate_of(rates, line),
            is_tax_included=line.is_tax_included,
            discount_paise=line.discount_paise,
        )
        for line in lines
    ]


def _stocked_id(items: Mapping[UUID, catalog.ItemForSale], line: tables.BillLine) -> UUID | None:
    item_id = line.service_id or line.product_id
    return item_id if item_id and items[item_id].takes_stock else None


def _rate_of(rates: Mapping[UUID, int], line: tables.BillLine) -> int:
    return next(rates[row_id] for row_id in (line.service_id, line.product_id) if row_id is not None)


def _moved(lines: Sequence[tables.BillLine], priced: Sequence[rules.PricedLine], figures: rules.Figures) -> bool:
    """Whether rates or taxes differ from what the draft was saved with."""
    return any(
        line.rate_hundredths != today.rate_hundredths
        or (line.taxable_paise, line.cgst_paise, line.sgst_paise, line.igst_paise)
        != (each.tax.taxable_paise, each.tax.cgst_paise, each.tax.sgst_paise, each.tax.igst_paise)
        for line, today, each in zip(lines, priced, figures.lines, strict=True)
    )
