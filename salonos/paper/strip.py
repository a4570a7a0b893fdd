"""A receipt's strip of 80 mm, said once: centred text, pairs, rules and codes. Printed as PDF and as HTML here."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, TypeAlias

from salonos.paper.scripts import FONTS, Script, printable
from salonos.paper.sheet import LINE, POINT, Sheet, bars, matrix_of

WIDTH, EDGE = 800, 40
"""Tenths of a millimetre; printers reach 72 of the 80 mm."""
CODE_SIDE: Final = 340
GAP: Final = 30
SIZES: Final = {"small": 7.0, "normal": 8.5, "large": 12.0}
FONT_PATH: Final = "/documents/fonts"


@dataclass(frozen=True)
class Text:
    """A line of text, as many as it needs. `size` is small, normal or large."""

    text: str
    align: str = "L"
    bold: bool = False
    size: str = "normal"


@dataclass(frozen=True)
class Pair:
    """A name and an amount at the two edges."""

    left: str
    right: str
    bold: bool = False
    size: str = "normal"


@dataclass(frozen=True)
class Rule:
    """A line across."""


@dataclass(frozen=True)
class Code:
    """A QR code."""

    payload: str


Row: TypeAlias = Text | Pair | Rule | Code


@dataclass(frozen=True)
class Strip:
    """A receipt."""

    title: str
    rows: Sequence[Row]


# --- PDF


@dataclass(frozen=True)
class _Placed:
    y: float
    row: Row
    lines: Sequence[str]


def pdf_of(strip: Strip) -> bytes:
    """One page of 80 mm, as long as it has to be."""
    sheet = Sheet(title=strip.title, width=WIDTH, height=WIDTH)
    inner = WIDTH - 2 * EDGE
    placed: list[_Placed] = []
    y = float(EDGE)
    for row in strip.rows:
        lines = _lines(sheet, row, inner)
        placed.append(_Placed(y, row, lines))
        y += _height(row, lines)
    sheet.add_page(height=round(y) + EDGE)
    for each in placed:
        _draw(sheet, each, inner)
    return sheet.finished()


def _lines(sheet: Sheet, row: Row, inner: float) -> list[str]:
    match row:
        case Text():
            return sheet.wrapped(row.text, width=inner, size=SIZES[row.size], bold=row.bold)
        case Pair():
            size = SIZES[row.size]
            room = inner - sheet.text_width(row.right, size, bold=row.bold) - GAP
            return sheet.wrapped(row.left, width=max(room, inner / 3), size=size, bold=row.bold)
    return []


def _height(row: Row, lines: Sequence[str]) -> float:
    match row:
        case Text() | Pair():
            return len(lines) * SIZES[row.size] * POINT * LINE
        case Code():
            return CODE_SIDE
        case Rule():
            return GAP


def _draw(sheet: Sheet, placed: _Placed, inner: float) -> None:
    row, y = placed.row, placed.y
    match row:
        case Rule():
            sheet.rule(x=EDGE, y=y + GAP / 2, width=inner, ink=120, thick=1.5)
        case Code():
            sheet.code(row.payload, x=(WIDTH - CODE_SIDE) / 2, y=y, side=CODE_SIDE)
        case Text() | Pair():
            size = SIZES[row.size]
            align = row.align if isinstance(row, Text) else "L"
            for number, line in enumerate(placed.lines):
                top = y + number * size * POINT * LINE
                sheet.line(line, x=EDGE, y=top, width=inner, size=size, bold=row.bold, align=align)
            if isinstance(row, Pair):
                sheet.line(row.right, x=EDGE, y=y, width=inner, size=size, bold=row.bold, align="R")


# --- HTML

STYLE: Final = (
    "".join(
        f"@font-face{{font-family:Salon;src:url({FONT_PATH}/{script.value}-Regular.ttf);unicode-range:{points}}}"
        for script, points in (
            (Script.DEVANAGARI, "U+0900-097F,U+1CD0-1CFF,U+200C-200D,U+25CC,U+A8E0-A8FF"),
            (Script.KANNADA, "U+0C80-0CFF"),
        )
    )
    + f"@font-face{{font-family:Salon;src:url({FONT_PATH}/{Script.LATIN.value}-Regular.ttf);unicode-range:U+0-2FF,U+2000-22FF}}"
    "@page{size:80mm auto;margin:0}"
    "body{margin:0 auto;padding:4mm;width:72mm;font:8.5pt/1.35 Salon,sans-serif;color:#141414;background:#fff}"
    "p{margin:0;overflow-wrap:anywhere}hr{border:0;border-top:1px dashed #777;margin:1.5mm 0}"
    ".pair{display:flex;justify-content:space-between;gap:3mm}.pair span+span{white-space:nowrap}"
    ".C{text-align:center}.R{text-align:right}.bold{font-weight:bold}.small{font-size:7pt}.large{font-size:12pt}"
    "svg{display:block;margin:0 auto;width:34mm;height:34mm}"
)
STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; font-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Nothing runs in a receipt: what people wrote can't become more than text even if it got past `escape`."""


def html_of(strip: Strip) -> bytes:
    """One page that asks no other host for anything."""
    body = "\n".join(_html(row) for row in strip.rows)
    title = escape(printable(strip.title))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    ).encode()


def _html(row: Row) -> str:
    match row:
        case Rule():
            return "<hr>"
        case Code():
            return _svg(row.payload)
        case Pair():
            left, right = escape(printable(row.left)), escape(printable(row.right))
            return f'<p class="{_classes("pair", row)}"><span>{left}</span> <span>{right}</span></p>'
        case Text():
            lines = "<br>".join(escape(printable(line)) for line in row.text.splitlines())
            return f'<p class="{_classes(row.align, row)}">{lines}</p>'


def _classes(first: str, row: Text | Pair) -> str:
    return " ".join([first, row.size, *(["bold"] if row.bold else [])])


def _svg(payload: str) -> str:
    rows = matrix_of(payload)
    side = len(rows) + 8
    path = "".join(
        f"M{across + 4} {down + 4}h{length}v1h-{length}z"
        for down, row in enumerate(rows)
        for across, length in bars(row)
    )
    return f'<svg viewBox="0 0 {side} {side}" role="img" aria-label="QR code"><path d="{path}"/></svg>'


def font_file(name: str) -> bytes | None:
    """A font that the page asks for, by the name of its file; None for another name."""
    if name not in {f"{script.value}-Regular.ttf" for script in Script}:
        return None
    return (FONTS / name).read_bytes()
