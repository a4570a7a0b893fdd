"""A paper in a format, as a file. Pure, and costs processor time: call it in a thread, never on the event loop."""

import re
from dataclasses import dataclass

from salonos.accounting.rules import PaymentMethod
from salonos.bills.documents import invoice, receipt
from salonos.bills.documents.content import Document
from salonos.bills.documents.links import ReceiptFormat
from salonos.paper import printer, strip

__all__ = ["File", "ReceiptFormat", "drawn"]


@dataclass(frozen=True)
class File:
    """What is sent."""

    name: str
    media_type: str
    body: bytes
    is_shown: bool
    """Whether a browser shows it, instead of storing it."""


def drawn(document: Document, form: ReceiptFormat) -> File:
    """The file."""
    name = re.sub(r"[^A-Za-z0-9-]", "-", document.number)  # of A-Z, 0-9, - and / by the law of numbers
    match form:
        case ReceiptFormat.HTML:
            body = strip.html_of(receipt.strip_of(document))
            return File(f"{name}.html", "text/html; charset=utf-8", body, is_shown=True)
        case ReceiptFormat.PDF:
            return File(f"{name}-80mm.pdf", "application/pdf", strip.pdf_of(receipt.strip_of(document)), is_shown=True)
        case ReceiptFormat.A4:
            return File(f"{name}.pdf", "application/pdf", invoice.pdf_of(document), is_shown=True)
        case ReceiptFormat.ESC_POS:
            is_cash = any(each.method is PaymentMethod.CASH for each in document.payments)
            body = printer.bytes_of(receipt.strip_of(document), opens_drawer=is_cash)
            return File(f"{name}.escpos", "application/octet-stream", body, is_shown=False)
