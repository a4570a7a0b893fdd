"""The entry of a bill and of its money, by the posting table. The document's number is drawn within the posting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from salonos.accounting import commands as accounting
from salonos.accounting import rules as accounts
from salonos.accounting.commands import Document, NewEntry, NewLine, NewMoneyMove, PostedEntry, TaxLine
from salonos.bills import events, problems, queries, rules, tables
from salonos.customers import queries as customers
from salonos.inventory import commands as inventory
from salonos.kernel.checks import Checks, Path
from salonos.kernel.money import Money
from salonos.kernel.problems import invalid
from salonos.kernel.work import Work
from salonos.salon import commands as salon
from salonos.salon.rules import DocumentKind
from salonos.salon.tables import Branch

SERVICE_UNIT: Final = "NA"
GOODS_UNIT: Final = "NOS"
"""Unit quantity codes of the GST returns: services have none, pieces are numbers."""

REFERENCE_MAX: Final = 120
AT_ONCE_MAX: Final = 10
"""How many may take cash of one person in the same instant before the law's limit needs a lock."""

CAUSE: Final = "bill"


@dataclass(frozen=True)
class SoldLine:
    """What the books need of a line."""

    is_service: bool
    code: str
    quantity_milli: int
    rate_hundredths: int
    tax: rules.Tax
    stocked_id: UUID | None = None
    """The product or the service, where selling it takes goods off the shelves."""
    staff_id: UUID | None = None


@dataclass(frozen=True)
class Sale:
    """What the books need of a bill that is to be posted on a date."""

    bill_id: UUID
    branch: Branch
    kind: rules.BillKind
    on: date
    customer_id: UUID | None
    buyer_gstin: str | None
    place_of_supply: str
    lines: Sequence[SoldLine]
    figures: rules.Figures
    tip_paise: int

    @property
    def due_paise(self) -> int:
        """What is to be paid, tips included."""
        return self.figures.total_paise + self.tip_paise


@dataclass(frozen=True)
class SettledSale:
    """A sale, and how it is settled: by money kept with it, by what was paid on it before, by what is owed."""

    sale: Sale
    kept: Sequence[rules.Kept] = ()
    advance_paise: int = 0
    owed_paise: int = 0


async def book_sale(work: Work, settled: SettledSale) -> PostedEntry:
    """Posts one bill; see `book_sales`."""
    (posted,) = await book_sales(work, [settled])
    return posted


async def book_sales(work: Work, settled: Sequence[SettledSale], *, money: NewEntry | None = None) -> list[PostedEntry]:
    """Posts the entries of bills with their tax lines, draws their numbers, and takes their goods off the shelves.

    `money` is the entry of what was paid for all of them together; it is posted, and answered, first. Locks stock
    levels, daily balances, the document series, the entry series, until the commit.

    Raises: RecipientRequired; StockTooLow; PeriodClosed; ClockBehind; NumberSeriesExhausted; StartOver past midnight.
    """
    for each in settled:
        await _require_recipient(work, each.sale)
    if len(settled) > 1:
        await _hold_stock(work, [each.sale for each in settled])
    goods = [await _take_stock(work, each.sale) for each in settled]
    entries = [_sale_entry(work, each, cost) for each, cost in zip(settled, goods, strict=True)]
    return await accounting.post_entries(work, entries if money is None else [money, *entries])


def _sale_entry(work: Work, settled: SettledSale, goods: inventory.Cost) -> NewEntry:
    sale = settled.sale
    amounts = rules.sale_amounts(
        sale.figures,
        services_paise=sum(line.tax.taxable_paise for line in sale.lines if line.is_service),
        kept=settled.kept,
        advance_paise=settled.advance_paise,
        owed_paise=settled.owed_paise,
        tip_paise=sale.tip_paise,
    )
    document = DocumentKind[sale.kind.name]

    async def draw() -> str:
        return await salon.draw_number(work, sale.branch, document, on=sale.on)

    return NewEntry(
        branch_id=sale.branch.id,
        business_date=sale.on,
        narration="Bill",
        cause_kind=CAUSE,
        cause_id=sale.bill_id,
        lines=(*entry_lines(amounts, sale.customer_id), *goods.lines),
        tax_lines=tax_lines(sale.lines, gstin=sale.branch.gstin),
        credit_reversed=goods.credit_reversed,
        money=money_moves(settled.kept),
        document=Document(
            kind=document,
            id=sale.bill_id,
            number=draw,
            gstin=sale.branch.gstin,
            party_gstin=sale.buyer_gstin,
            place_of_supply=sale.place_of_supply,
        ),
    )


async def _require_recipient(work: Work, sale: Sale) -> None:
    """Rule 46(d) and (e) CGST Rules: who is registered, or buys for so much, stands on the invoice with an address."""
    limit = rules.RECIPIENT_STATED_FROM_PAISE if sale.buyer_gstin is None else 0
    if sale.kind is not rules.BillKind.TAX_INVOICE or sale.figures.taxable_paise < limit:
        return
    if sale.customer_id is None or not await customers.has_address(work, sale.customer_id):
        missing = [rules.RecipientField.NAME] if sale.customer_id is None else []
        raise problems.RecipientRequired(
            customer_id=sale.customer_id, missing=[*missing, rules.RecipientField.ADDRESS], limit=Money(limit)
        )


def money_entry(
    *, branch_id: UUID, bill_id: UUID, on: date, kept: Sequence[rules.Kept], against: Sequence[NewLine]
) -> NewEntry:
    """Money that came in for a bill or for its group, against a line for each of them."""
    is_owed = any(line.account_code == accounts.CUSTOMERS for line in against)
    return NewEntry(
        branch_id=branch_id,
        business_date=on,
        narration="Payment on a bill" if is_owed else "Payment on a draft",
        cause_kind=CAUSE,
        cause_id=bill_id,
        lines=(*entry_lines(rules.money_amounts(kept), None), *against),
        money=money_moves(kept),
    )


def on_draft(paise: int) -> NewLine:
    """Money for a bill that is not final yet: an advance."""
    return NewLine(accounts.ADVANCES, -paise)


def on_debt(paise: int, customer_id: UUID | None) -> NewLine:
    """Money towards what a customer owes."""
    return NewLine(accounts.CUSTOMERS, -paise, customer_id)


async def bring_back(
    work: Work, sold: Sequence[tuple[tables.BillLine, int]], *, cause_id: UUID, on: date
) -> tuple[NewLine, ...]:
    """Puts sold goods back on the shelf, so many thousandths of each line. Returns the lines for the caller's entry.

    In the order of their products, as every sale locks them.
    """
    goods = [(line.product_id, line.position, line, milli) for line, milli in sold if line.product_id]
    found: list[NewLine] = []
    for _, position, line, milli in sorted(goods, key=lambda each: each[:2]):
        found += await inventory.bring_back(
            work,
            sold_id=line.bill_id,
            position=position,
            quantity_milli=milli,
            cause_kind=CAUSE,
            cause_id=cause_id,
            on=on,
        )
    return tuple(found)


async def check_cash(
    work: Work, kept: Mapping[UUID, Sequence[rules.Kept]], *, customer_id: UUID | None, on: date
) -> None:
    """Section 269ST: not so much cash from one person in a day, nor for one bill on all days together.

    All branches count; whoever is refused is told of the cash at their own branches only. From a tenth of the limit on
    the customer is locked and the cash counted again, so that not even ten branches at once pass it together.

    Raises: CashLimitExceeded.
    """
    cash = {
        bill_id: sum(each.amount_paise for each in parts if each.method is accounts.PaymentMethod.CASH)
        for bill_id, parts in kept.items()
    }
    if not any(cash.values()):
        return
    taken = await queries.cash_taken(work, bill_ids=list(cash), customer_id=customer_id, on=on)
    offered = sum(cash.values())
    if taken.limit_paise is None:
        return
    if customer_id is not None and (offered + taken.of_customer_paise) * AT_ONCE_MAX >= taken.limit_paise:
        await customers.lock(work, customer_id)
        taken = await queries.cash_taken(work, bill_ids=list(cash), customer_id=customer_id, on=on)
    of_bill = max(paise + taken.of_bills_paise.get(bill_id, 0) for bill_id, paise in cash.items())
    most, told = (max(offered + kept, of_bill) for kept in (taken.of_customer_paise, taken.of_customer_here_paise))
    if taken.limit_paise is not None and most >= taken.limit_paise:
        raise problems.CashLimitExceeded(limit=Money(taken.limit_paise), cash=Money(told))


def check_tenders(tenders: Sequence[rules.Tender]) -> tuple[rules.Tender, ...]:
    """Tenders with their references made safe.

    Raises: InvalidInput with every fault.
    """
    if len(tenders) > rules.PAYMENTS_MAX:
        raise invalid(("payments",), "TOO_MANY", f"A bill has at most {rules.PAYMENTS_MAX} payments.")
    checks = Checks()
    kept = tuple(_checked(checks, each, ("payments", place)) for place, each in enumerate(tenders))
    checks.finish()
    return kept


def check_tender(tender: rules.Tender) -> rules.Tender:
    """One tender with its reference made safe.

    Raises: InvalidInput with every fault.
    """
    checks = Checks()
    kept = _checked(checks, tender, ("payment",))
    checks.finish()
    return kept


def announce_sale(work: Work, sale: Sale) -> None:
    """Tells that a bill became final."""
    work.announce(events.BillPosted(branch_id=sale.branch.id, subject_id=sale.bill_id, business_date=sale.on))


def announce_payments(work: Work, branch_id: UUID, rows: Sequence[Mapping[str, Any]]) -> None:
    """Tells of money by the rows of its payments."""
    for row in rows:
        work.announce(
            events.PaymentTaken(
                branch_id=branch_id, subject_id=row["id"], bill_id=row["bill_id"], business_date=row["business_date"]
            )
        )


def _checked(checks: Checks, tender: rules.Tender, path: Path) -> rules.Tender:
    if not 1 <= tender.amount_paise <= rules.AMOUNT_MAX:
        checks.add((*path, "amount"), "OUT_OF_RANGE", "A payment is more than 0.00.")
    reference = checks.optional_text(tender.reference, (*path, "reference"), REFERENCE_MAX)
    return rules.Tender(tender.method, tender.amount_paise, reference)


def entry_lines(amounts: Sequence[rules.Amount], customer_id: UUID | None) -> tuple[NewLine, ...]:
    """Amounts by account; what is a party's stands in the customer's name."""
    return tuple(NewLine(each.account_code, each.paise, customer_id if each.is_party else None) for each in amounts)


async def _hold_stock(work: Work, sales: Sequence[Sale]) -> None:
    await inventory.hold(
        work,
        branch_id=sales[0].branch.id,
        on=sales[0].on,
        goods=[each for sale in sales for each in _goods(sale)],
        services=[each for sale in sales for each in _services(sale)],
    )


async def _take_stock(work: Work, sale: Sale) -> inventory.Cost:
    """What is sold and what services use up leaves the shelves."""
    return await inventory.issue(
        work,
        branch_id=sale.branch.id,
        cause_kind=CAUSE,
        cause_id=sale.bill_id,
        on=sale.on,
        goods=_goods(sale),
        services=_services(sale),
    )


def _goods(sale: Sale) -> tuple[inventory.Issue, ...]:
    """What leaves the shelves with a bill; its place there is the bill's line."""
    return tuple(
        inventory.Issue(line.stocked_id, line.quantity_milli, position, line.staff_id)
        for position, line in enumerate(sale.lines, start=1)
        if line.stocked_id is not None and not line.is_service
    )


def _services(sale: Sale) -> tuple[inventory.ServiceDone, ...]:
    """The services of a bill that use something up."""
    return tuple(
        inventory.ServiceDone(line.stocked_id, line.quantity_milli, position, line.staff_id)
        for position, line in enumerate(sale.lines, start=1)
        if line.stocked_id is not None and line.is_service
    )


def money_moves(
    kept: Sequence[rules.Kept], direction: accounts.MoneyDirection = accounts.MoneyDirection.IN
) -> tuple[NewMoneyMove, ...]:
    """Money that came in, or went back."""
    return tuple(NewMoneyMove(each.method, each.amount_paise, each.reference, direction) for each in kept)


def tax_lines(lines: Sequence[SoldLine], *, gstin: str | None) -> tuple[TaxLine, ...]:
    """What the returns need of a document's lines: only who is registered files them."""
    if gstin is None:
        return ()
    return tuple(
        TaxLine(
            code=line.code,
            quantity_milli=line.quantity_milli,
            unit=SERVICE_UNIT if line.is_service else GOODS_UNIT,
            rate_hundredths=line.rate_hundredths,
            taxable_paise=line.tax.taxable_paise,
            cgst_paise=line.tax.cgst_paise,
            sgst_paise=line.tax.sgst_paise,
            igst_paise=line.tax.igst_paise,
        )
        for line in lines
    )
