"""A strip as the bytes of ESC/POS, the language of receipt printers.

Letters of ASCII are sent as text in the printer's own font. A printer has no rupee sign, no Devanagari and no Kannada:
the sign becomes `Rs.`, and a line with other letters is sent as a picture. Codes are drawn by the printer. Nothing that
people wrote can become a command: text holds printable ASCII only.
"""

import threading
from collections.abc import Sequence
from typing import Final

import pypdfium2

from salonos.paper.scripts import is_ascii_print, printable
from salonos.paper.sheet import LINE, POINT, Sheet
from salonos.paper.strip import SIZES, Code, Pair, Row, Rule, Strip, Text

COLUMNS: Final = 48
"""Letters of font A on 72 mm."""
DOTS: Final = 576
"""On 72 mm, at 203 to the inch."""
DOTS_PER_MM: Final = 8

DARK: Final = 150
"""Of 255: what is darker is a dot."""

ESC, GS = b"\x1b", b"\x1d"
START: Final = ESC + b"@"
KICK: Final = ESC + b"p\x00\x19\xfa"
"""Pin 2, 50 ms on, 500 ms off: the drawer opens."""
FEED_AND_CUT: Final = GS + b"VB\x00"
BOLD: Final = {True: ESC + b"E\x01", False: ESC + b"E\x00"}
ALIGN: Final = {"L": ESC + b"a\x00", "C": ESC + b"a\x01", "R": ESC + b"a\x02"}
TALL: Final = {True: GS + b"!\x11", False: GS + b"!\x00"}
_PLAIN = str.maketrans(
    {
        "₹": "Rs.",
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2013": "-",
        "\u2014": "-",
        "\u2212": "-",
        "\u2022": "*",
        "\u2026": "...",
        "\u00a0": " ",
        "\u00d7": "x",
    }
)
_PDFIUM = threading.Lock()
"""PDFium is not made for several threads."""


def bytes_of(strip: Strip, *, opens_drawer: bool) -> bytes:
    """The whole job: start, drawer, lines, cut."""
    out = [START]
    if opens_drawer:
        out.append(KICK)
    out += [_bytes(row) for row in strip.rows]
    out.append(FEED_AND_CUT)
    return b"".join(out)


def _bytes(row: Row) -> bytes:
    match row:
        case Rule():
            return ALIGN["L"] + b"-" * COLUMNS + b"\n"
        case Code():
            return ALIGN["C"] + _code(row.payload) + ALIGN["L"]
        case Text():
            return b"".join(_text(row, plain(line)) for line in row.text.splitlines())
        case Pair():
            return _pair(row, plain(row.left), plain(row.right))


def plain(text: str) -> str:
    """A line as a printer's own font has it, as far as it goes."""
    return printable(text.translate(_PLAIN))


def _text(row: Text, line: str) -> bytes:
    if not is_ascii_print(line):
        return _picture(row, line)
    is_large = row.size == "large"
    lines = folded(line, COLUMNS // 2 if is_large else COLUMNS)
    body = b"".join(each.encode("ascii") + b"\n" for each in lines)
    return ALIGN[row.align] + BOLD[row.bold] + TALL[is_large] + body + TALL[False] + BOLD[False]


def _pair(row: Pair, left: str, right: str) -> bytes:
    if not is_ascii_print(left):
        name = _picture(Text(left, bold=row.bold, size=row.size), left)
        return name + (_text(Text(right, align="R", bold=row.bold), right) if right else b"")
    *above, last = folded(left, max(COLUMNS - len(right) - 1, COLUMNS // 3))
    lines = [*above, last + right.rjust(COLUMNS - len(last))]
    return ALIGN["L"] + BOLD[row.bold] + b"".join(each.encode("ascii") + b"\n" for each in lines) + BOLD[False]


def folded(line: str, columns: int) -> list[str]:
    """A line in lines of so many letters at most, broken at spaces where there are any."""
    found: list[str] = []
    while len(line) > columns:
        cut = line.rfind(" ", 1, columns + 1)
        at = cut if cut > 0 else columns
        found.append(line[:at])
        line = line[at:].lstrip()
    return [*found, line]


def _code(payload: str) -> bytes:
    """GS ( k: model 2, modules of six dots, correction M, stored and printed."""
    data = payload.encode("ascii")
    size = len(data) + 3
    return b"".join(
        [
            GS + b"(k\x04\x001A2\x00",
            GS + b"(k\x03\x001C\x06",
            GS + b"(k\x03\x001E1",
            GS + b"(k" + bytes([size % 256, size // 256]) + b"1P0" + data,
            GS + b"(k\x03\x001Q0",
        ]
    )


def _picture(row: Text, line: str) -> bytes:
    """The line in our own fonts, as a raster (GS v 0)."""
    size = SIZES[row.size] * 1.15  # as high as the printer's letters
    width = DOTS * 10 // DOTS_PER_MM
    sheet = Sheet(title="", width=width, height=width)
    lines = sheet.wrapped(line, width=width, size=size, bold=row.bold)
    step = size * POINT * LINE
    sheet.add_page(height=round(len(lines) * step))
    for number, each in enumerate(lines):
        sheet.line(each, x=0, y=number * step, width=width, size=size, bold=row.bold, align=row.align, ink=0)
    dots = rastered(sheet.finished())
    across = DOTS // 8
    header = bytes([across % 256, across // 256, len(dots) % 256, len(dots) // 256])
    return ALIGN["L"] + GS + b"v0\x00" + header + b"".join(dots)


def rastered(pdf: bytes) -> Sequence[bytes]:
    """A page's rows of dots, the leftmost the highest bit, 1 for black."""
    with _PDFIUM:
        document = pypdfium2.PdfDocument(pdf)
        try:
            page = document[0]
            picture = page.render(scale=DOTS / page.get_width(), grayscale=True).to_pil()
        finally:
            document.close()
    black = picture.crop((0, 0, DOTS, picture.height)).point(lambda value: 255 if value < DARK else 0, mode="1")
    flat = black.tobytes()
    across = DOTS // 8
    return [flat[start : start + across] for start in range(0, len(flat), across)]
