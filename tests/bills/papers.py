"""What tests read on papers: the text of a PDF, its pages as pictures, the codes on them, what a printer is told."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pypdfium2
import zxingcpp
from PIL import Image, ImageDraw

from salonos.bills import documents
from salonos.bills.documents import Document, File, Naming, ReceiptFormat
from salonos.kernel.database import Database
from salonos.paper import printer


async def paper(database: Database, bill_id: UUID, naming: Naming = Naming.WHOLE) -> Document:
    """What a posted bill's paper says."""
    found = await documents.document_of(database, bill_id, naming)
    assert found is not None
    return found


async def drawn(database: Database, bill_id: UUID, form: ReceiptFormat, naming: Naming = Naming.WHOLE) -> File:
    """A posted bill's paper."""
    return documents.drawn(await paper(database, bill_id, naming), form)


def text_of(pdf: bytes) -> str:
    """All that a PDF says, in one line."""
    document = pypdfium2.PdfDocument(pdf)
    found = " ".join(page.get_textpage().get_text_range() for page in document)
    document.close()
    said = (
        each for each in found if each.isspace() or unicodedata.category(each) not in {"Cc", "Cn"}
    )  # marks of glyphs
    return " ".join("".join(said).split())


def picture_of(pdf: bytes, page: int = 0) -> Any:
    """A page as a picture."""
    document = pypdfium2.PdfDocument(pdf)
    made = document[page].render(scale=4).to_pil()
    document.close()
    return made


def codes_of(picture: Any) -> list[str]:
    """What the QR codes on a picture say."""
    return [each.text for each in zxingcpp.read_barcodes(picture)]


def picture_of_svg(page: str) -> Any:
    """The code of a receipt's page, its modules drawn as the path says."""
    side = int(re.findall(r'viewBox="0 0 (\d+) ', page)[0])
    made = Image.new("L", (side * 8, side * 8), 255)
    for across, down, length in re.findall(r"M(\d+) (\d+)h(\d+)v1", page):
        left, top = int(across) * 8, int(down) * 8
        ImageDraw.Draw(made).rectangle((left, top, left + int(length) * 8 - 1, top + 7), fill=0)
    return made


@dataclass
class Printed:
    """What a receipt printer would do."""

    lines: list[str] = field(default_factory=list)
    pictures: list[Any] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    kicks: int = 0
    cuts: int = 0


COMMANDS = (
    printer.START,
    *printer.BOLD.values(),
    *printer.ALIGN.values(),
    *printer.TALL.values(),
)


def printed(job: bytes) -> Printed:
    """Reads a job as a printer does, and refuses every byte that is neither text nor a command that we know."""
    found = Printed()
    rest = job
    while rest:
        known = next((each for each in COMMANDS if rest.startswith(each)), None)
        if known is not None:
            rest = rest[len(known) :]
        elif rest.startswith(printer.KICK):
            found.kicks += 1
            rest = rest[len(printer.KICK) :]
        elif rest.startswith(printer.FEED_AND_CUT):
            found.cuts += 1
            rest = rest[len(printer.FEED_AND_CUT) :]
        elif rest.startswith(b"\x1dv0\x00"):
            across, height = int.from_bytes(rest[4:6], "little"), int.from_bytes(rest[6:8], "little")
            dots = rest[8 : 8 + across * height]
            found.pictures.append(Image.frombytes("1", (across * 8, height), dots))
            rest = rest[8 + across * height :]
        elif rest.startswith(b"\x1d(k"):
            size = int.from_bytes(rest[3:5], "little")
            if rest[5:8] == b"1P0":
                found.codes.append(rest[8 : 5 + size].decode("ascii"))
            rest = rest[5 + size :]
        else:
            line, _, rest = rest.partition(b"\n")
            assert all(32 <= each <= 126 for each in line), line
            found.lines.append(line.decode("ascii"))
    return found


def lines_of(job: bytes) -> Iterator[str]:
    """The text that a job prints."""
    yield from printed(job).lines
