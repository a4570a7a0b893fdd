"""A bill on a strip of 80 mm: what the customer takes along. With tax it holds all that a tax invoice holds."""

from collections.abc import Iterator

from salonos.accounting.rules import MoneyDirection
from salonos.bills.documents.content import COMPOSITION, METHODS, Document, Line, date_text, state_text
from salonos.bills.documents.words import amount, half_percent, percent, quantity
from salonos.paper.strip import Code, Pair, Row, Rule, Strip, Text


def strip_of(document: Document) -> Strip:
    """The receipt, from its heading to its thanks."""
    rows = [*_head(document), *_lines(document), *_totals(document), *_taxes(document), *_money(document)]
    rows += [*_foot(document)]
    return Strip(f"{document.title} {document.number}", rows)


def _head(document: Document) -> Iterator[Row]:
    seller = document.seller
    yield Text(seller.name, align="C", bold=True, size="large")
    if seller.legal_name and seller.legal_name != seller.name:
        yield Text(seller.legal_name, align="C", size="small")
    yield Text(seller.address, align="C", size="small")
    if seller.gstin:
        yield Text(f"GSTIN {seller.gstin}", align="C", size="small")
    yield Rule()
    if document.is_void:
        yield Text("CANCELLED", align="C", bold=True, size="large")
    yield Text(document.title, align="C", bold=True)
    if document.is_composition:
        yield Text(COMPOSITION, align="C", size="small")
    yield Pair(f"No. {document.number}", date_text(document.on))
    if document.original_number and document.original_on:
        yield Text(f"Against {document.original_number} of {date_text(document.original_on)}")
        yield Text(f"Reason: {document.refund_reason}")
    yield from _recipient(document)
    yield Rule()


def _recipient(document: Document) -> Iterator[Row]:
    customer = document.customer
    if customer is not None:
        if customer.name:
            yield Text(f"Customer: {customer.name}")
        if customer.gstin:
            yield Text(f"Customer's GSTIN: {customer.gstin}")
        if document.states_recipient and customer.address:
            yield Text(customer.address, size="small")
        if document.states_recipient and customer.state_code:
            yield Text(f"State: {state_text(customer.state_code)}", size="small")
    if document.is_taxed:
        yield Text(f"Place of supply: {state_text(document.place_of_supply)}", size="small")


def _lines(document: Document) -> Iterator[Row]:
    for line in document.lines:
        yield Pair(line.description, amount(line.gross_paise))
        yield Text(_detail(document, line), size="small")
        if line.discount_paise:
            yield Pair("  less discount", amount(-line.discount_paise), size="small")
    yield Rule()


def _detail(document: Document, line: Line) -> str:
    parts = [f"{quantity(line.quantity_milli)} {line.unit}".strip() + f" × {amount(line.unit_price_paise)}"]
    if document.seller.gstin:
        parts.append(f"{'SAC' if line.code.startswith('99') else 'HSN'} {line.code}")
    if document.is_taxed:
        parts.append(f"GST {percent(line.rate_hundredths)}{' incl.' if line.is_tax_included else ''}")
    return "  " + "  ".join(parts)


def _totals(document: Document) -> Iterator[Row]:
    if document.discount_paise:
        yield Pair("Before discount", amount(document.gross_paise))
        yield Pair("Discount", amount(-document.discount_paise))
    if document.is_taxed:
        yield Pair("Taxable value", amount(document.taxable_paise))
        for name, paise in (
            ("CGST", document.cgst_paise),
            ("SGST", document.sgst_paise),
            ("IGST", document.igst_paise),
        ):
            if paise:
                yield Pair(name, amount(paise))
    if document.round_off_paise:
        yield Pair("Round-off", amount(document.round_off_paise))
    yield Pair("TOTAL", f"₹ {amount(document.total_paise)}", bold=True, size="large")
    yield Text(document.words, size="small")
    if document.tip_paise:
        yield Pair("Tip", amount(document.tip_paise))
    yield Rule()


def _taxes(document: Document) -> Iterator[Row]:
    if not document.is_taxed:
        return
    for each in document.rates:
        yield Pair(f"GST {percent(each.rate_hundredths)} on", amount(each.taxable_paise), size="small")
        if each.igst_paise or not each.cgst_paise:
            yield Pair(f"  IGST {percent(each.rate_hundredths)}", amount(each.igst_paise), size="small")
            continue
        half = half_percent(each.rate_hundredths)
        yield Pair(f"  CGST {half}", amount(each.cgst_paise), size="small")
        yield Pair(f"  SGST {half}", amount(each.sgst_paise), size="small")
    yield Text("Tax payable on reverse charge: No", size="small")
    yield Rule()


def _money(document: Document) -> Iterator[Row]:
    for payment in document.payments:
        is_back = payment.direction is MoneyDirection.OUT
        name = METHODS[payment.method] + (" paid back" if is_back else "")
        yield Pair(f"{name} {payment.reference or ''}".rstrip(), amount(payment.amount_paise))
        if payment.change_paise and not is_back:
            yield Pair(
                f"  given {amount(payment.tendered_paise or 0)}, change", amount(payment.change_paise), size="small"
            )
    if document.credited_paise:
        name = "Taken off what was owed" if document.is_note else "Credited"
        yield Pair(name, amount(document.credited_paise))
    if document.balance_due_paise > 0:
        yield Pair("Balance due", f"₹ {amount(document.balance_due_paise)}", bold=True)
    if link := document.upi_link:
        yield Text(f"Pay by UPI to {document.upi_id}", align="C", size="small")
        yield Code(link)


def _foot(document: Document) -> Iterator[Row]:
    if document.is_taxed or document.is_composition:
        yield Text(f"For {document.seller.legal_name or document.seller.name}", align="R", size="small")
        yield Text("\n", size="small")
        yield Text("Authorised signatory", align="R", size="small")
    yield Text("Thank you", align="C")
