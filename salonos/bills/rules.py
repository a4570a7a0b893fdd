"""Pure decisions about a bill: its figures under GST, how payments settle it, and which accounts it moves.

Integers only: paise, thousandths of a unit, hundredths of a percent. Every rounding is `money.half_up`.
"""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from salonos.accounting import rules as accounting
from salonos.accounting.rules import PaymentMethod
from salonos.kernel.money import half_up, spread, to_whole_rupee
from salonos.salon.rules import TaxScheme

RECIPIENT_STATED_FROM_PAISE: Final = 50_000_00
"""From this taxable value on a tax invoice to somebody unregistered has their name and address (Rule 46 CGST Rules)."""
LINES_MAX: Final = 200
PAYMENTS_MAX: Final = 50
PAYMENTS_CORRECTED_MAX: Final = 100
"""With this many rows none is corrected any more; each may still go back when the bill is void."""
PAYMENTS_LISTED_MAX: Final = 150
TIPS_MAX: Final = 20
CONTRIBUTORS_MAX: Final = 10
QUANTITY_MAX: Final = 10**9
"""A million units: more on one line is a slip of the finger."""
NOTES_MAX: Final = 100
"""Credit notes of one bill."""
APRIL: Final = 4
"""The financial year's first month."""
AMOUNT_MAX: Final = 10**12
"""A thousand crore rupees, for a line and for a bill. Everything that is summed stays far within BIGINT."""


class BillStatus(enum.Enum):
    """Where a bill stands."""

    DRAFT = "DRAFT"
    POSTED = "POSTED"
    VOID = "VOID"


class BillKind(enum.Enum):
    """Which document of the law it is."""

    TAX_INVOICE = "TAX_INVOICE"
    BILL_OF_SUPPLY = "BILL_OF_SUPPLY"
    CREDIT_NOTE = "CREDIT_NOTE"


class PaymentState(enum.Enum):
    """How much of it is paid, tips included."""

    UNPAID = "UNPAID"
    PARTLY_PAID = "PARTLY_PAID"
    PAID = "PAID"


class RecipientField(enum.Enum):
    """What a large tax invoice says of a recipient who isn't registered."""

    NAME = "NAME"
    ADDRESS = "ADDRESS"


class Treatment(enum.Enum):
    """Which taxes a sale bears."""

    WITHIN_STATE = "WITHIN_STATE"
    BETWEEN_STATES = "BETWEEN_STATES"
    UNTAXED = "UNTAXED"


def kind_of_sale(scheme: TaxScheme) -> BillKind:
    """A tax invoice where GST is charged; else a bill of supply, whether the tax is absorbed or there is none."""
    return BillKind.TAX_INVOICE if scheme is TaxScheme.REGULAR else BillKind.BILL_OF_SUPPLY


def treatment_of(scheme: TaxScheme, *, gstin: str | None, place_of_supply: str) -> Treatment:
    """CGST and SGST within the state of the supplier's GSTIN, IGST beyond it (sections 7 and 8 IGST Act)."""
    if scheme is not TaxScheme.REGULAR or gstin is None:
        return Treatment.UNTAXED
    return Treatment.WITHIN_STATE if gstin[:2] == place_of_supply else Treatment.BETWEEN_STATES


# --- figures


@dataclass(frozen=True)
class Discount:
    """Off the whole bill: an amount in paise, or a share in hundredths of a percent. One of them is None."""

    amount_paise: int | None = None
    share_hundredths: int | None = None

    def of(self, amount_paise: int) -> int:
        """The discount on an amount as priced; a share half up."""
        if self.amount_paise is not None:
            return self.amount_paise
        return half_up(amount_paise * (self.share_hundredths or 0), 10_000)


@dataclass(frozen=True)
class PricedLine:
    """A line before the bill's discount and tax. `discount_paise` is its own."""

    quantity_milli: int
    unit_price_paise: int
    rate_hundredths: int
    is_tax_included: bool
    discount_paise: int = 0

    @property
    def gross_paise(self) -> int:
        """Quantity times price, as priced."""
        return half_up(self.quantity_milli * self.unit_price_paise, 1000)

    @property
    def net_paise(self) -> int:
        """After its own discount, as priced."""
        return self.gross_paise - self.discount_paise


@dataclass(frozen=True)
class Tax:
    """A taxable value with its taxes."""

    taxable_paise: int
    cgst_paise: int = 0
    sgst_paise: int = 0
    igst_paise: int = 0

    @property
    def total_paise(self) -> int:
        """With tax."""
        return self.taxable_paise + self.cgst_paise + self.sgst_paise + self.igst_paise


@dataclass(frozen=True)
class LineFigures:
    """A line's figures: its share of the bill's discount, and its tax."""

    gross_paise: int
    discount_paise: int
    bill_discount_paise: int
    tax: Tax


@dataclass(frozen=True)
class Figures:
    """A bill's figures. `gross_paise` and `discount_paise` are as priced; `total_paise` is what is payable, tips apart."""

    lines: tuple[LineFigures, ...]
    gross_paise: int
    discount_paise: int
    taxable_paise: int
    cgst_paise: int
    sgst_paise: int
    igst_paise: int
    round_off_paise: int
    total_paise: int


def tax_of(amount_paise: int, *, rate_hundredths: int, is_included: bool, treatment: Treatment) -> Tax:
    """The tax on an amount: on top of it, or within it. Halves of GST are equal, since each is rounded by itself."""
    if treatment is Treatment.UNTAXED:
        return Tax(amount_paise)
    whole = 10_000 + rate_hundredths if is_included else 10_000
    if treatment is Treatment.BETWEEN_STATES:
        igst = half_up(amount_paise * rate_hundredths, whole)
        return Tax(amount_paise - igst if is_included else amount_paise, igst_paise=igst)
    half = half_up(amount_paise * rate_hundredths, 2 * whole)
    return Tax(amount_paise - 2 * half if is_included else amount_paise, cgst_paise=half, sgst_paise=half)


def figures_of(lines: Sequence[PricedLine], *, discount: Discount | None, treatment: Treatment) -> Figures:
    """A bill's figures: own discounts, then the bill's over the lines as priced, then tax by line, then whole rupees.

    Raises: ValueError when a discount is more than what it is taken from.
    """
    nets = [line.net_paise for line in lines]
    if any(net < 0 for net in nets):
        raise ValueError("a line's discount is at most its amount")
    bill_discount = discount.of(sum(nets)) if discount else 0
    if bill_discount > sum(nets):
        raise ValueError("a bill's discount is at most its amount")
    return figures_with(lines, spread(bill_discount, nets), treatment=treatment)


def figures_with(lines: Sequence[PricedLine], shares_paise: Sequence[int], *, treatment: Treatment) -> Figures:
    """The figures of lines whose shares in the bill's discount are settled already."""
    found = [
        LineFigures(
            gross_paise=line.gross_paise,
            discount_paise=line.discount_paise,
            bill_discount_paise=share,
            tax=tax_of(
                line.net_paise - share,
                rate_hundredths=line.rate_hundredths,
                is_included=line.is_tax_included,
                treatment=treatment,
            ),
        )
        for line, share in zip(lines, shares_paise, strict=True)
    ]
    return rounded(found)


def rounded(lines: Sequence[LineFigures]) -> Figures:
    """A document of these lines, in whole rupees."""
    total, round_off = to_whole_rupee(sum(line.tax.total_paise for line in lines))
    return _summed(lines, total_paise=total, round_off_paise=round_off)


def _summed(lines: Sequence[LineFigures], *, total_paise: int, round_off_paise: int) -> Figures:
    return Figures(
        lines=tuple(lines),
        gross_paise=sum(line.gross_paise for line in lines),
        discount_paise=sum(line.discount_paise + line.bill_discount_paise for line in lines),
        taxable_paise=sum(line.tax.taxable_paise for line in lines),
        cgst_paise=sum(line.tax.cgst_paise for line in lines),
        sgst_paise=sum(line.tax.sgst_paise for line in lines),
        igst_paise=sum(line.tax.igst_paise for line in lines),
        round_off_paise=round_off_paise,
        total_paise=total_paise,
    )


# --- shares


@dataclass(frozen=True)
class Contributor:
    """Who shares in a line: by a share in hundredths of a percent, by a fixed amount, or equally with neither."""

    staff_id: UUID
    share_hundredths: int | None = None
    amount_paise: int | None = None


@dataclass(frozen=True)
class Contribution:
    """How much of a line's value without tax is somebody's."""

    staff_id: UUID
    amount_paise: int
    share_hundredths: int | None = None


def contributions_of(
    taxable_paise: int, contributors: Sequence[Contributor], *, staff_id: UUID | None
) -> tuple[Contribution, ...]:
    """A line's value over those who share in it, exactly; what fixed amounts leave is the line's own staff's.

    Raises: ValueError when fixed amounts are more than the line.
    """
    if any(each.amount_paise is not None for each in contributors):
        fixed = [Contribution(each.staff_id, each.amount_paise or 0) for each in contributors]
        rest = taxable_paise - sum(each.amount_paise for each in fixed)
        if rest < 0 or staff_id is None:
            raise ValueError("fixed amounts are more than the line")
        return (*fixed, Contribution(staff_id, rest)) if rest else tuple(fixed)
    weights = [each.share_hundredths or 1 for each in contributors]
    return tuple(
        Contribution(each.staff_id, paise, each.share_hundredths)
        for each, paise in zip(contributors, spread(taxable_paise, weights), strict=True)
    )


# --- refunds


@dataclass(frozen=True)
class SoldLine:
    """A posted line, and how much of it went back already."""

    quantity_milli: int
    discount_paise: int
    bill_discount_paise: int
    is_tax_included: bool
    tax: Tax
    refunded_milli: int = 0

    @property
    def left_milli(self) -> int:
        """What may still go back."""
        return self.quantity_milli - self.refunded_milli

    def part(self, back_milli: int, *, lowers_tax: bool) -> LineFigures:
        """What a note says of some of the line. All parts together are the line to the paisa, however it is cut.

        A note that comes too late to lower the tax gives back the same money as value without tax.
        """

        def of(paise: int) -> int:
            until_now = half_up(paise * (self.refunded_milli + back_milli), self.quantity_milli)
            return until_now - half_up(paise * self.refunded_milli, self.quantity_milli)

        tax = Tax(of(self.tax.taxable_paise), of(self.tax.cgst_paise), of(self.tax.sgst_paise), of(self.tax.igst_paise))
        if not lowers_tax:
            tax = Tax(tax.total_paise)
        own, share = of(self.discount_paise), of(self.bill_discount_paise)
        priced = tax.total_paise if self.is_tax_included else tax.taxable_paise
        return LineFigures(priced + own + share, own, share, tax)


def note_figures(parts: Sequence[LineFigures], *, left_paise: int, completes: bool) -> Figures:
    """A credit note's figures: whole rupees as on a bill, never more than is left of its total, at the end exactly that."""
    exact = sum(part.tax.total_paise for part in parts)
    total = left_paise if completes else min(to_whole_rupee(exact)[0], left_paise)
    return _summed(parts, total_paise=total, round_off_paise=total - exact)


def lowers_tax(invoiced_on: date, on: date) -> bool:
    """Whether a credit note may still lower the tax: until 30 November after the invoice's year (section 34 CGST Act)."""
    year_ends = invoiced_on.year + (invoiced_on.month >= APRIL)
    return on <= date(year_ends, 11, 30)


def shares_back(taxable_paise: int, before_paise: int, weights: Sequence[int]) -> list[int]:
    """How much of what a note takes back of a line is whose: over all notes of a line, to the paisa what each had.

    `taxable_paise` goes back now and `before_paise` went back earlier; `weights` is what each had.
    """
    was = spread(before_paise, weights)
    return [until - each for until, each in zip(spread(before_paise + taxable_paise, weights), was, strict=True)]


# --- limits


@dataclass(frozen=True)
class DiscountLimit:
    """What a role may take off without asking: an amount or a share of the bill, whichever is less."""

    amount_paise: int
    share_hundredths: int

    def of(self, gross_paise: int) -> int:
        """The limit for a bill, in paise; a fraction of a paisa is not given away."""
        return min(self.amount_paise, gross_paise * self.share_hundredths // 10_000)


# --- payments


@dataclass(frozen=True)
class Tender:
    """What a customer hands over, more than 0 paise. ON_ACCOUNT names the rest that is to be owed."""

    method: PaymentMethod
    amount_paise: int
    reference: str | None = None


@dataclass(frozen=True)
class Kept:
    """What is kept of a tender; `tendered_paise` and `change_paise` for cash only."""

    method: PaymentMethod
    amount_paise: int
    tendered_paise: int | None
    change_paise: int | None
    reference: str | None


@dataclass(frozen=True)
class Settlement:
    """How tenders settle what is due: what is kept of each, and what stays owed."""

    kept: tuple[Kept, ...]
    owed_paise: int

    @property
    def kept_paise(self) -> int:
        """All that is kept."""
        return sum(each.amount_paise for each in self.kept)


@dataclass(frozen=True)
class Mismatch:
    """Tenders that do not settle what is due."""

    is_too_much: bool
    offered_paise: int


def settle(due_paise: int, tenders: Sequence[Tender]) -> Settlement | Mismatch:
    """Settles the whole of what is due: exactly, with change from cash, or with the exact rest put on account.

    Money put on account gets no change: what is handed over beside it is kept as it is.
    """
    money = [each for each in tenders if each.method is not PaymentMethod.ON_ACCOUNT]
    owed = sum(each.amount_paise for each in tenders if each.method is PaymentMethod.ON_ACCOUNT)
    handed = sum(each.amount_paise for each in money)
    if owed or handed < due_paise:
        if handed + owed != due_paise:
            return Mismatch(is_too_much=handed + owed > due_paise, offered_paise=handed + owed)
        return Settlement(_kept(money, 0), owed)
    return _with_change(money, handed - due_paise, handed)


def handed_back(method: PaymentMethod, amount_paise: int, reference: str | None) -> Kept:
    """Money that goes back to the customer."""
    is_cash = method is PaymentMethod.CASH
    return Kept(method, amount_paise, amount_paise if is_cash else None, 0 if is_cash else None, reference)


def keep(rest_paise: int, tender: Tender) -> Settlement | Mismatch:
    """Takes one tender towards what is still due: all of it, or with change from cash when it is more."""
    change = max(tender.amount_paise - rest_paise, 0)
    found = _with_change([tender], change, tender.amount_paise)
    if isinstance(found, Mismatch):
        return found
    return Settlement(found.kept, rest_paise - found.kept_paise)


@dataclass(frozen=True)
class Share:
    """What of one payment settles one of several debts, both by their places."""

    payment: int
    debt: int
    kept: Kept


def fill(kept: Sequence[Kept], owed_paise: Sequence[int]) -> tuple[Share, ...]:
    """Payments over debts, the first over the first; change stands with the last debt that its payment reaches.

    The shares of a payment are together the payment: what is kept is at most the sum of the debts.
    """
    rests, shares = list(owed_paise), []
    for place, each in enumerate(kept):
        left = each.amount_paise
        for debt, rest in enumerate(rests):
            if share := min(rest, left):
                left, rests[debt] = left - share, rest - share
                change = None if each.change_paise is None else (0 if left else each.change_paise)
                tendered = None if change is None else share + change
                shares.append(Share(place, debt, Kept(each.method, share, tendered, change, each.reference)))
    return tuple(shares)


def _with_change(money: Sequence[Tender], change_paise: int, handed_paise: int) -> Settlement | Mismatch:
    """Change comes out of the largest cash tender, which must keep something: else it was not needed."""
    cash = [each.amount_paise for each in money if each.method is PaymentMethod.CASH]
    if change_paise and (not cash or max(cash) <= change_paise):
        return Mismatch(is_too_much=True, offered_paise=handed_paise)
    return Settlement(_kept(money, change_paise), 0)


def _kept(money: Sequence[Tender], change_paise: int) -> tuple[Kept, ...]:
    cash = [place for place, each in enumerate(money) if each.method is PaymentMethod.CASH]
    giver = max(cash, key=lambda place: money[place].amount_paise) if cash else None
    found: list[Kept] = []
    for place, each in enumerate(money):
        is_cash = each.method is PaymentMethod.CASH
        change = change_paise if place == giver else 0
        found.append(
            Kept(
                method=each.method,
                amount_paise=each.amount_paise - change,
                tendered_paise=each.amount_paise if is_cash else None,
                change_paise=change if is_cash else None,
                reference=each.reference,
            )
        )
    return tuple(found)


def payment_state(*, due_paise: int, paid_paise: int) -> PaymentState:
    """How much is paid. Where nothing is due, nothing is owed."""
    if paid_paise >= due_paise:
        return PaymentState.PAID
    return PaymentState.PARTLY_PAID if paid_paise else PaymentState.UNPAID


# --- books


@dataclass(frozen=True)
class Amount:
    """A line of the entry to be: debits positive. `is_party` says that it stands in the customer's name."""

    account_code: str
    paise: int
    is_party: bool = False


def sale_amounts(
    figures: Figures,
    *,
    services_paise: int,
    kept: Iterable[Kept],
    advance_paise: int,
    owed_paise: int,
    tip_paise: int,
) -> tuple[Amount, ...]:
    """The entry of a posted bill. `services_paise` is the services' part of the taxable value; goods are the rest.

    Amounts of 0 are left out, but for the income and round-off of a bill of 0, which must have its entry too.
    """
    found = [
        *money_amounts(kept),
        Amount(accounting.ADVANCES, advance_paise),
        Amount(accounting.CUSTOMERS, owed_paise, is_party=True),
        Amount(accounting.SERVICES, -services_paise),
        Amount(accounting.PRODUCTS, services_paise - figures.taxable_paise),
        Amount(accounting.OUTPUT_CGST, -figures.cgst_paise),
        Amount(accounting.OUTPUT_SGST, -figures.sgst_paise),
        Amount(accounting.OUTPUT_IGST, -figures.igst_paise),
        Amount(accounting.TIPS, -tip_paise),
        Amount(accounting.ROUND_OFF, -figures.round_off_paise),
    ]
    moved = tuple(each for each in found if each.paise)
    return moved or (Amount(accounting.SERVICES, 0), Amount(accounting.ROUND_OFF, 0))


def refund_amounts(
    figures: Figures,
    *,
    services_paise: int,
    back: Iterable[Kept],
    credited_paise: int,
    written_off_paise: int = 0,
    tip_paise: int = 0,
) -> tuple[Amount, ...]:
    """The entry of a credit note, or of a bill that is taken back: a bill's, the other way round.

    `written_off_paise` of the bill was given up before: that loss is none any more.
    """
    sale = sale_amounts(
        figures,
        services_paise=services_paise,
        kept=back,
        advance_paise=0,
        owed_paise=credited_paise,
        tip_paise=tip_paise,
    )
    back_to = (Amount(accounting.BAD_DEBTS, -written_off_paise),) if written_off_paise else ()
    return (*(Amount(each.account_code, -each.paise, each.is_party) for each in sale), *back_to)


def money_amounts(kept: Iterable[Kept]) -> tuple[Amount, ...]:
    """Money that came in, by account in the order of its first payment."""
    found: dict[str, int] = {}
    for each in kept:
        code = accounting.account_of(each.method)
        found[code] = found.get(code, 0) + each.amount_paise
    return tuple(Amount(code, paise) for code, paise in found.items())
