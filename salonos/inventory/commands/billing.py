"""Suppliers' bills: what came is billed, and what it was received at gives way to what it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError

from salonos.accounting import commands as accounting
from salonos.accounting import rules as accounts
from salonos.accounting.commands import Document, NewEntry, NewLine, TaxLine
from salonos.catalog import queries as catalog
from salonos.inventory import problems, queries, rules, tables
from salonos.kernel import clock
from salonos.kernel.checks import Checks, Path
from salonos.kernel.database import constraint_of
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import not_found
from salonos.kernel.quantity import Quantity
from salonos.kernel.work import StartOver, Work
from salonos.salon import queries as salon
from salonos.salon import tables as salon_tables
from salonos.salon.rules import DocumentKind, TaxScheme

CAUSE: Final = "supplierbill"


@dataclass(frozen=True)
class BillLine:
    """Goods of a receipt's line, in the unit in which they came; the rate is the tax class's where it is None."""

    receipt_line_id: UUID
    quantity_milli: int
    unit_price_paise: int
    discount_paise: int = 0
    rate_hundredths: int | None = None


@dataclass(frozen=True, kw_only=True)
class NewSupplierBill:
    """A supplier's bill as it stands on paper. `total_paise` is what it says is payable; it is booked today, unless."""

    branch_id: UUID
    supplier_id: UUID
    number: str
    billed_on: date
    lines: tuple[BillLine, ...]
    total_paise: int
    discount_paise: int = 0
    booked_on: date | None = None


@dataclass(frozen=True)
class _Priced:
    """A line with its goods as they came, what it comes to, and whether its tax is credited."""

    line: BillLine
    goods: Row[*tuple[Any, ...]]
    rate_hundredths: int
    amounts: rules.BilledAmounts
    is_credited: bool

    @property
    def settled_paise(self) -> int:
        """How much of what was posted when the goods came is settled by this line."""
        return rules.next_part(
            self.goods.cost_paise,
            of_milli=self.goods.quantity_milli,
            before_milli=self.goods.billed_milli + self.goods.sent_back_milli,
            more_milli=self.line.quantity_milli,
        )


@dataclass(frozen=True)
class _Parties:
    """Who bills whom."""

    branch: salon_tables.Branch
    supplier: tables.Supplier

    @property
    def is_inter_state(self) -> bool:
        """Whether the goods came from another state."""
        return self.supplier.state_code != self.branch.state_code


async def record_supplier_bill(work: Work, new: NewSupplierBill) -> UUID:
    """Records a supplier's bill, and what is owed by it. What returns have left to settle is settled by it at once.

    The difference between what stands on it and what its lines come to is its round-off, of less than a rupee.

    Raises: InvalidInput with every fault; SupplierBillExists; BilledTooMuch; PeriodClosed; StartOver.
    """
    work.actor.require(Permission.PURCHASE_MANAGE)
    work.actor.require_branch(new.branch_id)
    parties = await _parties(work, new)
    today = clock.business_date(work.now, parties.branch.time_zone)
    number, number_key = _checked(new, today)
    year = clock.financial_year(new.billed_on)
    await queries.supplier_account_for_update(work, new.supplier_id, new.branch_id)
    known = await queries.supplier_bill_by_number(work, new.supplier_id, year, number_key)
    if known is not None:
        raise problems.SupplierBillExists(known)
    lines = await _priced(work, new, parties)
    round_off = new.total_paise - sum(each.amounts.total_paise for each in lines)
    if abs(round_off) > rules.ROUND_OFF_PAISE_MAX:
        checks = Checks()
        checks.add(("total",), "TOTAL_DIFFERS", "The lines come to something else: compare them with the bill.")
        checks.finish()
    row = _bill_row(work, new, number, number_key, booked_on=new.booked_on or today)
    row.financial_year, row.gstin, row.round_off_paise = year, parties.supplier.gstin, round_off
    for name in ("taxable_paise", "cgst_paise", "sgst_paise", "igst_paise"):
        setattr(row, name, sum(getattr(each.amounts, name) for each in lines))
    row.entry_id = (await accounting.post_entry(work, _entry(row, parties, lines))).id
    await _store(work, row, lines)
    await _use_credits(work, row)
    return row.id


async def _parties(work: Work, new: NewSupplierBill) -> _Parties:
    branch, supplier = (
        await salon.branch_for_sale(work, new.branch_id),
        await queries.supplier(work, new.supplier_id),
    )
    if branch is None:
        raise not_found(("branchId",), "branch")
    if supplier is None:
        raise not_found(("supplierId",), "supplier")
    return _Parties(branch, supplier)


def _checked(new: NewSupplierBill, today: date) -> tuple[str, str]:
    """The number as it stands on the bill, and as it is compared: without case and white space.

    Raises: InvalidInput with every fault.
    """
    checks = Checks()
    number = checks.text(new.number, ("number",), rules.SUPPLIER_BILL_NUMBER_MAX)
    booked_on = new.booked_on or today
    checks.require(booked_on <= today, ("bookedOn",), "IN_FUTURE", "The date lies in the future.")
    is_within = new.billed_on.year >= rules.YEAR_MIN and new.billed_on <= booked_on
    checks.require(is_within, ("billedOn",), "OUT_OF_RANGE", "A bill is dated before it is booked.")
    is_payable = 0 < new.total_paise <= rules.PAYMENT_PAISE_MAX
    checks.require(is_payable, ("total",), "OUT_OF_RANGE", "A bill comes to more than 0.00.")
    checks.require(new.discount_paise >= 0, ("discount",), "OUT_OF_RANGE", "A discount is not below 0.00.")
    checks.require(new.lines, ("lines",), "REQUIRED", "Say what is billed.")
    many = f"A bill has at most {rules.LINES_MAX} lines."
    checks.require(len(new.lines) <= rules.LINES_MAX, ("lines",), "TOO_MANY", many)
    checks.finish()
    return number, "".join(number.upper().split())


async def _priced(work: Work, new: NewSupplierBill, parties: _Parties) -> list[_Priced]:
    """The lines, each with its goods locked.

    Raises: InvalidInput with every fault; BilledTooMuch.
    """
    goods = await queries.receipt_lines_for_update(work, {line.receipt_line_id for line in new.lines})
    checks = Checks()
    for place, line in enumerate(new.lines):
        _check_line(checks, ("lines", place), line, goods.get(line.receipt_line_id), new, parties)
        if line.receipt_line_id in [each.receipt_line_id for each in new.lines[:place]]:
            checks.add(("lines", place, "receiptLineId"), "TAKEN", "These goods are billed in another line already.")
    checks.finish()
    amount = sum(rules.value_of(line.quantity_milli, line.unit_price_paise) for line in new.lines)
    is_less = new.discount_paise <= amount - sum(line.discount_paise for line in new.lines)
    checks.require(is_less, ("discount",), "OUT_OF_RANGE", "The discount is more than the lines come to.")
    checks.finish()
    for line in new.lines:
        row = goods[line.receipt_line_id]
        unbilled = row.quantity_milli - row.billed_milli - row.sent_back_milli
        if line.quantity_milli > unbilled:
            raise problems.BilledTooMuch(product_id=row.product_id, unbilled=Quantity(unbilled))
    taxes = await catalog.purchase_taxes(work, {row.product_id for row in goods.values()}, on=new.billed_on)
    return _with_amounts(new, parties, goods, taxes)


def _with_amounts(
    new: NewSupplierBill,
    parties: _Parties,
    goods: Mapping[UUID, Row[*tuple[Any, ...]]],
    taxes: Mapping[UUID, catalog.PurchaseTax],
) -> list[_Priced]:
    rates = [_rate(line, parties, taxes[goods[line.receipt_line_id].product_id]) for line in new.lines]
    amounts = rules.billed_amounts(
        [
            rules.BilledLine(line.quantity_milli, line.unit_price_paise, line.discount_paise, rate)
            for line, rate in zip(new.lines, rates, strict=True)
        ],
        discount_paise=new.discount_paise,
        is_inter_state=parties.is_inter_state,
    )
    priced = []
    for line, rate, comes_to in zip(new.lines, rates, amounts, strict=True):
        row = goods[line.receipt_line_id]
        is_credited = (
            parties.branch.tax_scheme is TaxScheme.REGULAR
            and row.use is rules.StockUse.RETAIL
            and taxes[row.product_id].allows_input_credit
        )
        priced.append(_Priced(line, row, rate, comes_to, is_credited))
    return priced


def _rate(line: BillLine, parties: _Parties, tax: catalog.PurchaseTax) -> int:
    if parties.supplier.gstin is None:
        return 0
    return tax.rate_hundredths if line.rate_hundredths is None else line.rate_hundredths


def _check_line(
    checks: Checks,
    path: Path,
    line: BillLine,
    goods: Row[*tuple[Any, ...]] | None,
    new: NewSupplierBill,
    parties: _Parties,
) -> None:
    if goods is None or goods.branch_id != new.branch_id:
        checks.add((*path, "receiptLineId"), "NOT_FOUND", "Nothing like this came to this branch.")
    elif goods.supplier_id not in (None, new.supplier_id):
        checks.add((*path, "receiptLineId"), "OTHER_SUPPLIER", "Another supplier delivered this.")
    if not 1 <= line.quantity_milli <= rules.QUANTITY_MAX:
        checks.add((*path, "quantity"), "OUT_OF_RANGE", "The quantity is more than 0 and at most a million.")
    elif not 0 <= line.unit_price_paise <= rules.COST_PAISE_MAX:
        checks.add((*path, "unitPrice"), "OUT_OF_RANGE", "A price is 0.00 to 10000000.00.")
    elif not 0 <= line.discount_paise <= rules.value_of(line.quantity_milli, line.unit_price_paise):
        checks.add((*path, "discount"), "OUT_OF_RANGE", "A discount is not more than the line.")
    if line.rate_hundredths is not None and not 0 <= line.rate_hundredths <= rules.RATE_HUNDREDTHS_MAX:
        checks.add((*path, "taxRate"), "OUT_OF_RANGE", "No GST rate is above 40 %.")
    elif line.rate_hundredths and parties.supplier.gstin is None:
        checks.add((*path, "taxRate"), "NOT_REGISTERED", "Who has no GSTIN charges no GST.")


def _bill_row(
    work: Work, new: NewSupplierBill, number: str, number_key: str, *, booked_on: date
) -> tables.SupplierBill:
    return tables.SupplierBill(
        id=new_id(),
        supplier_id=new.supplier_id,
        branch_id=new.branch_id,
        number=number,
        number_key=number_key,
        billed_on=new.billed_on,
        booked_on=booked_on,
        discount_paise=new.discount_paise,
        total_paise=new.total_paise,
        recorded_at=work.now,
        recorded_by_id=work.actor.id,
    )


def _entry(row: tables.SupplierBill, parties: _Parties, lines: Sequence[_Priced]) -> NewEntry:
    """What was received gives way to what is owed; where both differ, it is the price difference's."""
    settled = sum(each.settled_paise for each in lines)
    credited = [each.amounts for each in lines if each.is_credited]
    cost = sum(each.amounts.taxable_paise + (0 if each.is_credited else each.amounts.tax_paise) for each in lines)
    moved = (
        NewLine(accounts.RECEIVED_NOT_BILLED, settled),
        NewLine(accounts.INPUT_CGST, sum(each.cgst_paise for each in credited)),
        NewLine(accounts.INPUT_SGST, sum(each.sgst_paise for each in credited)),
        NewLine(accounts.INPUT_IGST, sum(each.igst_paise for each in credited)),
        NewLine(accounts.PRICE_DIFFERENCE, cost - settled),
        NewLine(accounts.ROUND_OFF, row.round_off_paise),
        NewLine(accounts.SUPPLIERS, -row.total_paise, row.supplier_id),
    )
    return NewEntry(
        branch_id=row.branch_id,
        business_date=row.booked_on,
        narration=f"Supplier's bill {row.number}",
        cause_kind=CAUSE,
        cause_id=row.id,
        lines=tuple(line for line in moved if line.amount_paise),
        tax_lines=tuple(_tax_line(each) for each in lines),
        document=Document(
            kind=DocumentKind.TAX_INVOICE if row.gstin else DocumentKind.BILL_OF_SUPPLY,
            id=row.id,
            number=row.number,
            gstin=parties.branch.gstin,
            party_gstin=row.gstin,
            place_of_supply=parties.branch.state_code,
            supply=accounts.SupplyDirection.INWARD,
            dated_on=row.billed_on,
        ),
    )


def _tax_line(each: _Priced) -> TaxLine:
    return TaxLine(
        code=each.goods.hsn_code,
        quantity_milli=each.line.quantity_milli,
        unit=each.goods.unit.name,
        rate_hundredths=each.rate_hundredths,
        taxable_paise=each.amounts.taxable_paise,
        cgst_paise=each.amounts.cgst_paise,
        sgst_paise=each.amounts.sgst_paise,
        igst_paise=each.amounts.igst_paise,
        credit_kind=accounts.CreditKind.INPUTS if each.is_credited else accounts.CreditKind.BLOCKED,
    )


async def _store(work: Work, row: tables.SupplierBill, lines: Sequence[_Priced]) -> None:
    """Raises: StartOver when the number was recorded for another branch since we looked."""
    work.session.add(row)
    try:
        await work.session.flush()
    except IntegrityError as error:
        if constraint_of(error) == "uq_supplier_bills_supplier_id_financial_year_number_key":
            raise StartOver from error
        raise
    for position, each in enumerate(lines, start=1):
        work.session.add(
            tables.SupplierBillLine(
                id=new_id(),
                bill_id=row.id,
                position=position,
                receipt_line_id=each.line.receipt_line_id,
                quantity_milli=each.line.quantity_milli,
                unit_price_paise=each.line.unit_price_paise,
                discount_paise=each.line.discount_paise,
                bill_discount_paise=each.amounts.bill_discount_paise,
                rate_hundredths=each.rate_hundredths,
                taxable_paise=each.amounts.taxable_paise,
                cgst_paise=each.amounts.cgst_paise,
                sgst_paise=each.amounts.sgst_paise,
                igst_paise=each.amounts.igst_paise,
                is_credited=each.is_credited,
                settled_paise=each.settled_paise,
            )
        )
    await work.session.flush()


async def _use_credits(work: Work, row: tables.SupplierBill) -> None:
    """What returns have left settles the new bill, the oldest return first: credit and debt never stand side by side."""
    left = {each.id: each for each in await queries.credits_left(work, row.supplier_id, row.branch_id)}
    dues = [(each.id, each.credit_left_paise) for each in left.values()]
    for return_id, part in rules.settled_in_turn(row.total_paise, dues):
        settled_on = max(row.booked_on, left[return_id].business_date)
        work.session.add(
            tables.SupplierSettlement(
                id=new_id(), bill_id=row.id, return_id=return_id, amount_paise=part, settled_on=settled_on
            )
        )
    await work.session.flush()
