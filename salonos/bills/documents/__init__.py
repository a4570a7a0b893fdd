"""The papers of a bill: what the law wants on them, read in one statement, and drawn in four formats.

A posted bill never changes, and neither does what its papers say: lines, rates, registration, names and address are those
of the day it was posted. Who may ask for a paper is said by the bill's own rights; a link stands for that decision.
"""

from salonos.bills.documents.content import Document
from salonos.bills.documents.drawing import File, ReceiptFormat, drawn
from salonos.bills.documents.links import PATH, Link, Naming, link_of, naming_of, path_of
from salonos.bills.documents.reading import document_of
from salonos.bills.documents.upi import upi_link

__all__ = [
    "PATH",
    "Document",
    "File",
    "Link",
    "Naming",
    "ReceiptFormat",
    "document_of",
    "drawn",
    "link_of",
    "naming_of",
    "path_of",
    "upi_link",
]
