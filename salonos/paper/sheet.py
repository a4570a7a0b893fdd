"""A PDF document: text placed to a tenth of a millimetre, in as many scripts as it needs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import segno
from fpdf import FPDF
from fpdf.fonts import TTFFont

from salonos.paper.scripts import FONTS, INDIC, Run, Script, runs_of

UNIT: Final = 72 / 254
"""Points in a tenth of a millimetre: the unit of every length here."""
POINT: Final = 254 / 72
"""Tenths of a millimetre in a point: font sizes are in points."""
SIZE_MIN: Final = 4.5
LINE: Final = 1.35
"""A line's height in font sizes: Devanagari's and Kannada's marks need the room."""
INK, PALE, LIGHT = 20, 110, 200
SHAPING_TABLES: Final = frozenset({"GDEF", "GPOS", "GSUB"})
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Sheet:
    """One document. Coordinates are from the page's upper left corner; `y` is a line's top."""

    def __init__(self, *, title: str, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.pdf = FPDF(unit=UNIT, format=(width, height))
        self.pdf.set_auto_page_break(False)
        self.pdf.set_margin(0)
        self.pdf.c_margin = 0
        self.pdf.set_title(title)
        self.pdf.set_creator("SalonOS")
        self.pdf.set_creation_date(_EPOCH)  # the same bill is the same file
        self._known: set[tuple[Script, str]] = set()
        self._widths: dict[tuple[str, float, bool], float] = {}

    def add_page(self, height: int | None = None) -> None:
        """A further page."""
        self.pdf.add_page(format=(self.width, height or self.height))

    # --- text

    def text_width(self, text: str, size: float, *, bold: bool = False) -> float:
        """How wide a line is."""
        key = (text, size, bold)
        if key not in self._widths:
            self._widths[key] = sum(self._width(run, size, bold=bold) for run in runs_of(text))
        return self._widths[key]

    def line(  # noqa: PLR0913  where, what and how
        self,
        text: str,
        *,
        x: float,
        y: float,
        width: float,
        size: float,
        bold: bool = False,
        align: str = "L",
        ink: int = INK,
    ) -> None:
        """One line in a box, smaller where it would not fit."""
        wide = self.text_width(text, size, bold=bold)
        fitting = size if wide <= width else max(SIZE_MIN, size * width / wide)
        wide = wide * fitting / size
        at = x + {"L": 0.0, "C": (width - wide) / 2, "R": width - wide}[align]
        self.pdf.set_text_color(ink)
        for run in runs_of(text):
            self._font(run.script, fitting, bold=bold)
            advance = self.pdf.get_string_width(run.text)
            self.pdf.set_xy(at, y + (size - fitting) * POINT * LINE / 2)
            self.pdf.cell(w=advance, h=fitting * POINT * LINE, text=run.text)
            at += advance
        self.pdf.set_text_shaping(use_shaping_engine=False)

    def wrapped(self, text: str, *, width: float, size: float, bold: bool = False) -> list[str]:
        """The text's lines, broken at spaces, and within a word that is wider than a line."""
        found: list[str] = []
        for paragraph in text.splitlines() or [""]:
            line = ""
            for word in paragraph.split():
                longer = f"{line} {word}" if line else word
                if self.text_width(longer, size, bold=bold) <= width:
                    line = longer
                    continue
                if line:
                    found.append(line)
                *full, line = self._pieces(word, width, size, bold=bold)
                found += full
            found.append(line)
        return found

    def _pieces(self, word: str, width: float, size: float, *, bold: bool) -> list[str]:
        found, piece = [], ""
        for character in word:
            if piece and self.text_width(piece + character, size, bold=bold) > width:
                found.append(piece)
                piece = ""
            piece += character
        return [*found, piece]

    def _font(self, script: Script, size: float, *, bold: bool) -> None:
        """Fonts are opened when they are needed. Shaping costs time and changes nothing in Latin letters."""
        style = "B" if bold and script is Script.LATIN else ""
        if (script, style) not in self._known:
            self._known.add((script, style))
            weight = "Bold" if style else "Regular"
            self.pdf.add_font(script.value, style, FONTS / f"{script.value}-{weight}.ttf")
        self.pdf.set_text_shaping(use_shaping_engine=script in INDIC)
        self.pdf.set_font(script.value, style, size)

    def _width(self, run: Run, size: float, *, bold: bool) -> float:
        self._font(run.script, size, bold=bold)
        found: float = self.pdf.get_string_width(run.text)
        return found

    # --- shapes

    def rule(self, *, x: float, y: float, width: float, ink: int = LIGHT, thick: float = 2) -> None:
        """A horizontal line."""
        self.pdf.set_draw_color(ink)
        self.pdf.set_line_width(thick)
        self.pdf.line(x, y, x + width, y)

    def shade(self, *, x: float, y: float, width: float, height: float, ink: int = 240) -> None:
        """A filled box."""
        self.pdf.set_fill_color(ink)
        self.pdf.rect(x, y, width, height, style="F")

    def code(self, payload: str, *, x: float, y: float, side: float) -> None:
        """A QR code with its quiet zone of four modules."""
        rows = matrix_of(payload)
        module = side / (len(rows) + 8)
        self.pdf.set_fill_color(0)
        for down, row in enumerate(rows):
            for across, length in bars(row):
                self.pdf.rect(x + (across + 4) * module, y + (down + 4) * module, length * module, module, style="F")

    def finished(self) -> bytes:
        """The file. The fonts' files are closed with it.

        Their tables of shaping are thrown away before: nobody who shows the file needs them, and reading them in order
        to leave them out takes most of the time that drawing takes.
        """
        fonts = [font.ttfont for font in self.pdf.fonts.values() if isinstance(font, TTFFont)]
        for font in fonts:
            for table in SHAPING_TABLES & set(font.keys()):
                del font[table]
        try:
            return bytes(self.pdf.output())
        finally:
            for font in fonts:
                font.close()


def matrix_of(payload: str) -> Sequence[bytes]:
    """A QR code's rows, a byte for each module, without a quiet zone."""
    found: Any = segno.make_qr(payload, error="m").matrix
    return list(found)


def bars(row: Sequence[int]) -> list[tuple[int, int]]:
    """Where dark modules begin in a row, and how many follow one another."""
    found: list[tuple[int, int]] = []
    for place, module in enumerate(row):
        if not module:
            continue
        if found and sum(found[-1]) == place:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((place, 1))
    return found
