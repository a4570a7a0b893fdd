"""A bill on A4: tax invoice (rule 46), credit note (rule 53) and bill of supply (rule 49 of the CGST Rules).

Lengths are tenths of a millimetre.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from salonos.accounting.rules import MoneyDirection
from salonos.bills.documents.content import COMPOSITION, METHODS, Document, Line, Party, date_text, state_text
from salonos.bills.documents.words import amount, half_percent, percent, quantity
from salonos.paper.sheet import PALE, Sheet

WIDTH, HEIGHT, EDGE = 2100, 2970, 90
INNER: Final = WIDTH - 2 * EDGE
BOTTOM: Final = HEIGHT - 200
"""Where a page's last line ends: below it stand the page's number and room for a punch."""
SMALL, NORMAL, LARGE = 7, 9, 15
ROW: Final = 40
"""A line of small text."""


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    title: str
    width: int
    align: str = "R"


def pdf_of(document: Document) -> bytes:
    """The pages."""
    paper = _Paper(document)
    paper.head()
    paper.parties()
    paper.table(_columns(document), [_cells(document, line) for line in document.lines], foot=_sums(document))
    paper.totals()
    if document.is_taxed:
        paper.taxes()
    paper.close()
    return paper.sheet.finished()


class _Paper:
    """Draws downwards; `y` is where the next line begins."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.sheet = Sheet(title=f"{document.title} {document.number}", width=WIDTH, height=HEIGHT)
        self.y = EDGE
        self.pages = 0
        self.turn()

    def turn(self) -> None:
        """A new page, with the number that all of its pages carry."""
        self.sheet.add_page()
        self.pages += 1
        self.y = EDGE
        note = f"{self.document.title} {self.document.number} of {date_text(self.document.on)} · page {self.pages}"
        self.sheet.line(note, x=EDGE, y=HEIGHT - 110, width=INNER, size=SMALL, align="R", ink=PALE)

    def room(self, height: int) -> None:
        """A new page where so much does not fit any more."""
        if self.y + height > BOTTOM:
            self.turn()

    def say(
        self,
        text: str,
        *,
        x: int = EDGE,
        width: int = INNER,
        size: int = NORMAL,
        bold: bool = False,
        align: str = "L",
        ink: int = 20,
    ) -> None:
        """A paragraph; the next one begins below it."""
        step = size * 5
        for line in self.sheet.wrapped(text, width=width, size=size, bold=bold):
            self.room(step)
            self.sheet.line(line, x=x, y=self.y, width=width, size=size, bold=bold, align=align, ink=ink)
            self.y += step

    # --- parts

    def head(self) -> None:
        """Who sells, and what this is."""
        document, seller = self.document, self.document.seller
        if document.is_void:
            self.say("CANCELLED", size=LARGE, bold=True, align="C")
        self.say(document.title.upper(), size=LARGE, bold=True, align="C")
        if document.is_composition:
            self.say(COMPOSITION, align="C")
        self.y += 20
        top, right = self.y, EDGE + INNER * 3 // 5
        self.say(seller.name, width=INNER * 3 // 5 - 40, size=12, bold=True)
        if seller.legal_name and seller.legal_name != seller.name:
            self.say(seller.legal_name, width=INNER * 3 // 5 - 40)
        self.say(seller.address, width=INNER * 3 // 5 - 40)
        if seller.gstin:
            self.say(f"GSTIN: {seller.gstin}", bold=True)
        left_end, self.y = self.y, top
        for name, value in self.facts():
            self.fact(name, value, x=right, width=EDGE + INNER - right)
        self.y = max(left_end, self.y) + 20
        self.sheet.rule(x=EDGE, y=self.y, width=INNER, ink=PALE, thick=3)
        self.y += 25

    def facts(self) -> Iterable[tuple[str, str]]:
        """What tells it apart."""
        document = self.document
        yield "Number", document.number
        yield "Date", date_text(document.on)
        if document.original_number and document.original_on:
            yield "Against", document.original_number
            yield "Dated", date_text(document.original_on)
            yield "Reason", document.refund_reason or ""
        if document.is_taxed:
            yield "Place of supply", state_text(document.place_of_supply)
            yield "Reverse charge", "No"

    def fact(self, name: str, value: str, *, x: int, width: int) -> None:
        """A name and its value, side by side."""
        self.sheet.line(name, x=x, y=self.y, width=260, size=NORMAL, ink=PALE)
        self.say(value, x=x + 270, width=width - 270, bold=name in {"Number", "Date"})

    def parties(self) -> None:
        """Who buys."""
        customer = self.document.customer
        if customer is None:
            return
        self.say("Billed to", size=SMALL, ink=PALE)
        self.recipient(customer)
        self.y += 25

    def recipient(self, customer: Party) -> None:
        """Name and registration; address and state where the law asks for them."""
        if customer.name:
            self.say(customer.name, size=11, bold=True)
        if self.document.states_recipient:
            if customer.address:
                self.say(customer.address)
            if customer.state_code:
                self.say(f"State: {state_text(customer.state_code)}")
        if customer.gstin:
            self.say(f"GSTIN: {customer.gstin}")

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]], *, foot: Sequence[str]) -> None:
        """A table whose titles stand on each of its pages again."""
        self.titles(columns)
        for cells in rows:
            lines = self.sheet.wrapped(cells[1], width=columns[1].width - 20, size=SMALL)
            height = len(lines) * ROW + 8
            if self.y + height > BOTTOM:
                self.turn()
                self.titles(columns)
            self.cells(columns, cells, lines)
            self.y += height
            self.sheet.rule(x=EDGE, y=self.y - 4, width=INNER)
        self.room(ROW)
        self.cells(columns, foot, [foot[1]], bold=True)
        self.y += ROW + 30

    def titles(self, columns: Sequence[Column]) -> None:
        """What the columns are."""
        self.room(2 * ROW)
        self.sheet.shade(x=EDGE, y=self.y, width=INNER, height=ROW + 10)
        self.y += 5
        self.cells(columns, [each.title for each in columns], [columns[1].title], bold=True)
        self.y += ROW + 9

    def cells(
        self, columns: Sequence[Column], cells: Sequence[str], second: Sequence[str], *, bold: bool = False
    ) -> None:
        """A row; the second cell may have several lines."""
        x = EDGE
        for place, (column, cell) in enumerate(zip(columns, cells, strict=True)):
            for number, text in enumerate(second if place == 1 else [cell]):
                self.sheet.line(
                    text,
                    x=x + 8,
                    y=self.y + number * ROW,
                    width=column.width - 16,
                    size=SMALL,
                    bold=bold,
                    align=column.align,
                )
            x += column.width

    def totals(self) -> None:
        """What it comes to, in figures and in words; and how it was paid."""
        pairs = list(_totals(self.document))
        self.room(len(pairs) * 50 + 60)
        top, left = self.y, EDGE + INNER * 3 // 5
        for name, paise, bold in pairs:
            size = 11 if bold else NORMAL
            value = f"₹ {amount(paise)}" if bold else amount(paise)
            self.sheet.line(name, x=left, y=self.y, width=380, size=size, bold=bold)
            self.sheet.line(
                value, x=left + 380, y=self.y, width=EDGE + INNER - left - 380, size=size, bold=bold, align="R"
            )
            self.y += size * 5
        end, self.y = self.y, top
        width = INNER * 3 // 5 - 60
        self.say("Total in words", size=SMALL, ink=PALE)
        self.say(self.document.words, width=width, bold=True)
        self.y += 15
        for line in _payments(self.document):
            self.say(line, width=width)
        if link := self.document.upi_link:
            self.y += 10
            self.say(f"Pay by UPI to {self.document.upi_id}", width=width, size=SMALL, ink=PALE)
            self.room(360)
            self.sheet.code(link, x=EDGE, y=self.y, side=340)
            self.y += 350
        self.y = max(end, self.y) + 30

    def taxes(self) -> None:
        """What each rate comes to."""
        document = self.document
        names = ["CGST", "CGST amount", "SGST", "SGST amount"] if not document.igst_paise else ["IGST", "IGST amount"]
        columns = [Column("Rate of GST", 300, "L"), Column("Taxable value", 420)]
        columns += [Column(name, (INNER - 720 - 300) // len(names)) for name in names]
        columns.append(Column("Tax", INNER - sum(each.width for each in columns)))
        rows = []
        for each in document.rates:
            tax = each.cgst_paise + each.sgst_paise + each.igst_paise
            half = half_percent(each.rate_hundredths)
            if document.igst_paise:
                parts = [percent(each.rate_hundredths), amount(each.igst_paise)]
            else:
                parts = [half, amount(each.cgst_paise), half, amount(each.sgst_paise)]
            rows.append([percent(each.rate_hundredths), amount(each.taxable_paise), *parts, amount(tax)])
        sums = [document.igst_paise] if document.igst_paise else [document.cgst_paise, document.sgst_paise]
        totals = [text for paise in sums for text in ("", amount(paise))]
        foot = ["Total", amount(document.taxable_paise), *totals, amount(sum(sums))]
        self.room((len(rows) + 3) * ROW)
        self.table(columns, rows, foot=foot)

    def close(self) -> None:
        """Who answers for it (rule 46(q))."""
        self.room(260)
        self.say(f"For {self.document.seller.legal_name or self.document.seller.name}", align="R", bold=True)
        self.y += 130
        self.sheet.rule(x=EDGE + INNER - 600, y=self.y, width=600, ink=PALE)
        self.y += 8
        self.say("Authorised signatory", align="R", size=SMALL, ink=PALE)


# --- what stands in the tables


def _columns(document: Document) -> list[Column]:
    """1920 wide."""
    if not document.is_taxed:
        ends = [Column("Qty", 150), Column("Unit", 110, "C"), Column("Price", 260), Column("Discount", 230)]
        return [
            Column("#", 60, "L"),
            Column("Description", 660, "L"),
            Column("HSN/SAC", 170, "C"),
            *ends,
            Column("Amount", 280),
        ]
    taxes = [Column("IGST", 280)] if document.igst_paise else [Column("CGST", 140), Column("SGST", 140)]
    return [
        Column("#", 50, "L"),
        Column("Description", 430, "L"),
        Column("HSN/SAC", 140, "C"),
        Column("Qty", 95),
        Column("Unit", 85, "C"),
        Column("Price", 175),
        Column("Discount", 155),
        Column("Taxable value", 200),
        Column("GST", 110),
        *taxes,
        Column("Total", 200),
    ]


def _cells(document: Document, line: Line) -> list[str]:
    description = line.description
    if document.is_taxed and line.is_tax_included:
        description += " (price with tax)"
    begin = [
        str(line.position),
        description,
        line.code if document.seller.gstin else "",
        quantity(line.quantity_milli),
        line.unit,
        amount(line.unit_price_paise),
        amount(line.discount_paise) if line.discount_paise else "",
    ]
    if not document.is_taxed:
        return [*begin, amount(line.total_paise)]
    taxes = [line.igst_paise] if document.igst_paise else [line.cgst_paise, line.sgst_paise]
    figures = [amount(line.taxable_paise), percent(line.rate_hundredths), *(amount(each) for each in taxes)]
    return [*begin, *figures, amount(line.total_paise)]


def _sums(document: Document) -> list[str]:
    discount = amount(document.discount_paise) if document.discount_paise else ""
    whole = amount(document.total_paise - document.round_off_paise)
    if not document.is_taxed:
        return ["", "Total", "", "", "", "", discount, whole]
    taxes = [document.igst_paise] if document.igst_paise else [document.cgst_paise, document.sgst_paise]
    figures = [amount(document.taxable_paise), "", *(amount(each) for each in taxes), whole]
    return ["", "Total", "", "", "", "", discount, *figures]


def _totals(document: Document) -> Iterable[tuple[str, int, bool]]:
    if document.is_taxed:
        yield "Taxable value", document.taxable_paise, False
        for name, paise in (
            ("CGST", document.cgst_paise),
            ("SGST", document.sgst_paise),
            ("IGST", document.igst_paise),
        ):
            if paise:
                yield name, paise, False
    if document.round_off_paise:
        yield "Round-off", document.round_off_paise, False
    yield "Total", document.total_paise, True
    if document.tip_paise:
        yield "Tip", document.tip_paise, False
    if document.balance_due_paise > 0:
        yield "Balance due", document.balance_due_paise, True


def _payments(document: Document) -> Iterable[str]:
    for payment in document.payments:
        word = "Paid back" if payment.direction is MoneyDirection.OUT else "Paid"
        reference = f", {payment.reference}" if payment.reference else ""
        yield f"{word}: ₹ {amount(payment.amount_paise)} {METHODS[payment.method]}{reference}"
    if document.credited_paise:
        word = "Taken off what was owed" if document.is_note else "Credited"
        yield f"{word}: ₹ {amount(document.credited_paise)}"
