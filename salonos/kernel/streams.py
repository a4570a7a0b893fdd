"""Tables that leave in pieces: CSV and XLSX of any length, of which a process holds a piece at a time.

What goes into a cell is written as `sheets` writes it: text stays text whatever it begins with. An XLSX is a zip that is
packed while it is sent; a sheet that is full is followed by another.
"""

import codecs
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Final, Protocol
from xml.sax.saxutils import escape

from salonos.kernel import sheets
from salonos.kernel.sheets import Written

SHEET_ROWS_MAX: Final = 500_000
"""Of one sheet. A spreadsheet program takes twice as many; a part of a zip must stay below 2 GB unpacked."""

PLACES_OF_MONEY: Final = 2
_FIRST_DAY: Final = date(1899, 12, 30)
"""What spreadsheets count days from, since the nineteen-hundreds of theirs have a leap day too many."""

_NO_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATED: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_TYPES: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_SHEET: Final = (
    f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>'
)
_STYLES: Final = (
    f'<styleSheet xmlns="{_MAIN}"><numFmts count="3"><numFmt numFmtId="164" formatCode="0.00"/>'
    '<numFmt numFmtId="165" formatCode="0.000"/><numFmt numFmtId="166" formatCode="yyyy\\-mm\\-dd"/></numFmts>'
    '<fonts count="1"><font/></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill>'
    '<patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="4"><xf/>'
    '<xf numFmtId="164" applyNumberFormat="1"/><xf numFmtId="165" applyNumberFormat="1"/>'
    '<xf numFmtId="166" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


class TableStream(Protocol):
    """A table that is made of pieces, to be sent one after the other."""

    def begin(self, titles: Sequence[str]) -> bytes:
        """The first piece."""

    def add(self, rows: Iterable[Sequence[Written]]) -> bytes:
        """Some rows; the piece may be empty while they are packed with those that follow."""

    def end(self) -> bytes:
        """The last piece."""


class CsvStream:
    """As `sheets.write_csv` writes it."""

    def begin(self, titles: Sequence[str]) -> bytes:
        """The mark of UTF-8 and the titles."""
        return codecs.BOM_UTF8 + sheets.csv_lines([titles])

    def add(self, rows: Iterable[Sequence[Written]]) -> bytes:
        """Some rows."""
        return sheets.csv_lines(rows)

    def end(self) -> bytes:
        """Nothing stands below the rows."""
        return b""


class _Outlet(io.RawIOBase):
    """Where a zip is written to: bytes that are taken away as they come, and never come back."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        given = bytes(data)  # type: ignore[call-overload]  # any buffer
        self.waiting += given
        return len(given)

    def taken(self) -> bytes:
        """What was written since."""
        found = bytes(self.waiting)
        self.waiting.clear()
        return found


class XlsxStream:
    """A workbook. Packing takes processor time: call it in a thread."""

    def __init__(self, *, sheet_rows_max: int = SHEET_ROWS_MAX) -> None:
        self._outlet = _Outlet()
        self._zip = zipfile.ZipFile(self._outlet, "w", zipfile.ZIP_DEFLATED)
        self._sheet_rows_max = sheet_rows_max
        self._titles: Sequence[str] = ()
        self._sheets = 0
        self._rows = 0

    def begin(self, titles: Sequence[str]) -> bytes:
        """The first sheet with its titles."""
        self._titles = titles
        self._open()
        return self._outlet.taken()

    def add(self, rows: Iterable[Sequence[Written]]) -> bytes:
        """Some rows."""
        written: list[str] = []
        for row in rows:
            if self._rows >= self._sheet_rows_max:
                self._part.write("".join(written).encode())
                written = []
                self._close()
                self._open()
            written.append(_row(row))
            self._rows += 1
        self._part.write("".join(written).encode())
        return self._outlet.taken()

    def end(self) -> bytes:
        """What says that these parts are a workbook."""
        self._close()
        for name, content in _parts(self._sheets):
            self._zip.writestr(_named(name), _HEAD + content)
        self._zip.close()
        return self._outlet.taken()

    def _open(self) -> None:
        self._sheets += 1
        self._part = self._zip.open(_named(f"xl/worksheets/sheet{self._sheets}.xml"), "w")
        self._part.write((_SHEET + _row(self._titles)).encode())
        self._rows = 1

    def _close(self) -> None:
        self._part.write(b"</sheetData></worksheet>")
        self._part.close()


def _named(name: str) -> zipfile.ZipInfo:
    """A part without a date, so that the same table is the same file."""
    made = zipfile.ZipInfo(name)
    made.compress_type = zipfile.ZIP_DEFLATED
    return made


def _row(cells: Sequence[Written]) -> str:
    return f"<row>{''.join([_cell(each) for each in cells])}</row>"


def _cell(cell: Written) -> str:
    if cell is None or cell == "":
        return "<c/>"
    if isinstance(cell, Decimal):
        style = 1 if int(cell.as_tuple().exponent) >= -PLACES_OF_MONEY else 2
        return f'<c s="{style}"><v>{cell:f}</v></c>'
    if isinstance(cell, date):
        return f'<c s="3"><v>{(cell - _FIRST_DAY).days}</v></c>'
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(_NO_XML.sub("", cell))}</t></is></c>'


def _parts(sheets_count: int) -> list[tuple[str, str]]:
    numbers = range(1, sheets_count + 1)
    listed = "".join(f'<sheet name="Sheet{each}" sheetId="{each}" r:id="rId{each}"/>' for each in numbers)
    targets = [("worksheet", f"worksheets/sheet{each}.xml") for each in numbers] + [("styles", "styles.xml")]
    kinds = {f"/xl/worksheets/sheet{each}.xml": "worksheet" for each in numbers}
    kinds |= {"/xl/workbook.xml": "sheet.main", "/xl/styles.xml": "styles"}
    types = "".join(f'<Override PartName="{part}" ContentType="{_TYPES}.{kind}+xml"/>' for part, kind in kinds.items())
    known = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    return [
        ("xl/styles.xml", _STYLES),
        ("xl/workbook.xml", f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATED}"><sheets>{listed}</sheets></workbook>'),
        ("xl/_rels/workbook.xml.rels", _relationships(targets)),
        ("_rels/.rels", _relationships([("officeDocument", "xl/workbook.xml")])),
        ("[Content_Types].xml", f'<Types xmlns="{_PACKAGE}/content-types">{known}{types}</Types>'),
    ]


def _relationships(targets: Sequence[tuple[str, str]]) -> str:
    each = "".join(
        f'<Relationship Id="rId{number}" Type="{_RELATED}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{each}</Relationships>'
