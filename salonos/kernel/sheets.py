"""Tables that people bring and take as files: CSV and XLSX, read into cells within limits, written so that they harm nobody.

A file of strangers is read here and nowhere else: bounded in bytes packed and unpacked, parts, rows, columns and time,
without entities, macros, links or formulas' text. What a cell means is not known here.
"""

import codecs
import csv
import io
import itertools
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, TypeAlias
from xml.parsers import expat

import xlsxwriter

from salonos.kernel.clock import monotonic_s

BYTES_MAX: Final = 2 * 1024 * 1024
UNPACKED_BYTES_MAX: Final = 32 * 1024 * 1024
PARTS_MAX: Final = 200
ROWS_MAX: Final = 5_001
"""With the row of titles."""

LAST_ROW: Final = 1_048_576
"""Of any spreadsheet."""

COLUMNS_MAX: Final = 60
CHARACTERS_MAX: Final = 1_000
READ_S: Final = 5.0
FAULTS_MAX: Final = 1_000
DIGITS: Final = 15
"""What a spreadsheet program shows of a number: the digits behind them are noise of its arithmetic."""

DELIMITERS: Final = ",;\t"
_GUARDED: Final = ("=", "+", "-", "@", "\t", "\r")
_CHUNK_BYTES: Final = 64 * 1024
_PACKED: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_PACKAGE_LINK: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

Cell: TypeAlias = str | int | float
"""Text, or what an XLSX keeps as a number; empty text is an empty cell."""

Written: TypeAlias = str | Decimal | date | None


class SheetRefused(Exception):  # noqa: N818  a file that is not read
    """A file that can't be read as a table: a code for programs, a sentence for whoever sent it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Row:
    """Cells of a row that is not empty; `number` is the one a spreadsheet program shows, from 1."""

    number: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Fault:
    """A cell that has no value to be read; `column` counts from 0."""

    row: int
    column: int
    code: str
    message: str


@dataclass(frozen=True)
class Sheet:
    """The first table of a file. The first row holds the titles."""

    rows: tuple[Row, ...]
    faults: tuple[Fault, ...] = ()


def read(content: bytes) -> Sheet:
    """A file's first table: XLSX by its first bytes, else CSV. Takes processor time: call it in a thread.

    Raises: SheetRefused.
    """
    until_s = monotonic_s() + READ_S
    if len(content) > BYTES_MAX:
        raise SheetRefused("TOO_LARGE", "The file is larger than 2 MB.")
    made = _Making(until_s)
    if content.startswith(b"PK\x03\x04"):
        _read_xlsx(content, made)
    else:
        _read_csv(content, made)
    if not made.rows:
        raise SheetRefused("EMPTY", "The file is empty.")
    return Sheet(tuple(made.rows), tuple(made.faults))


def number_text(number: float) -> str:
    """A number as a person would type it: no exponent, no noise behind the fifteenth digit."""
    return format(Decimal(repr(number)), "f")


@dataclass
class _Making:
    """The rows so far. Whoever adds one hears when it is enough."""

    until_s: float
    rows: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def hurry(self) -> None:
        """Ends what takes too long."""
        if monotonic_s() > self.until_s:
            raise SheetRefused("TOO_SLOW", "The file takes too long to read. Divide it.")

    def fault(self, row: int, column: int, code: str, message: str) -> None:
        """One more cell without a value."""
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(Fault(row, column, code, message))

    def add(self, number: int, cells: Sequence[Cell]) -> None:
        """A row, unless nothing stands in it. What is too long to be a value is a fault of its cell."""
        kept = list(cells)
        while kept and kept[-1] == "":
            kept.pop()
        if len(kept) > COLUMNS_MAX:
            raise SheetRefused("TOO_WIDE", f"The table has more than {COLUMNS_MAX} columns.")
        for column, cell in enumerate(kept):
            if isinstance(cell, str) and len(cell) > CHARACTERS_MAX:
                kept[column] = ""
                self.fault(number, column, "TOO_LONG", f"This is longer than {CHARACTERS_MAX} characters.")
        if kept and len(self.rows) >= ROWS_MAX:
            raise SheetRefused("TOO_MANY_ROWS", f"The table has more than {ROWS_MAX - 1} rows. Divide it.")
        if kept:
            self.rows.append(Row(number, tuple(kept)))


# --- CSV


def _read_csv(content: bytes, made: _Making) -> None:
    text = _decoded(content)
    delimiter = ""
    if text[:4].lower() == "sep=" and text[4:5] in DELIMITERS:  # how Excel is told what separates; not a row
        delimiter, text = text[4], text[5:].lstrip("\r\n")
    try:
        delimiter = delimiter or max(DELIMITERS, key=lambda each: len(next(_records(text, each), [])))
        for number, record in enumerate(_records(text, delimiter), start=1):
            made.hurry()
            made.add(number, [_csv_cell(made, number, column, raw) for column, raw in enumerate(record)])
    except csv.Error as error:
        raise SheetRefused("NOT_A_TABLE", "This is neither CSV nor XLSX: a quotation mark is missing.") from error


def _decoded(content: bytes) -> str:
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise SheetRefused("NOT_UTF8", "Save the file as CSV UTF-8, or as XLSX.") from error
    if "\0" in text:
        raise SheetRefused("NOT_A_TABLE", "This is neither CSV nor XLSX.")
    return text


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _csv_cell(made: _Making, row: int, column: int, raw: str) -> Cell:
    """Text without the apostrophe that guards it; a formula has no value here."""
    text = raw.strip()
    if text.startswith("'") and text.lstrip("'").startswith(_GUARDED):
        return text[1:]
    if text.startswith("="):
        made.fault(row, column, "FORMULA", "Write the value, not a formula.")
        return ""
    return text


# --- XLSX


def _read_xlsx(content: bytes, made: _Making) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            _check_parts(parts)
            book = _Workbook()
            _parse(archive, "xl/workbook.xml", book, made)
            links = _Links()
            _parse(archive, "xl/_rels/workbook.xml.rels", links, made)
            strings = _Strings()
            if any(part.filename == "xl/sharedStrings.xml" for part in parts):
                _parse(archive, "xl/sharedStrings.xml", strings, made)
            target = links.targets.get(book.first_link, "")
            path = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
            _parse(archive, path, _Table(strings.texts, made), made)
    except (
        zipfile.BadZipFile,
        zlib.error,
        expat.ExpatError,
        LookupError,
        ValueError,
        EOFError,
        NotImplementedError,
    ) as error:
        raise SheetRefused("NOT_A_TABLE", "This XLSX can't be read. Save it anew, or as CSV UTF-8.") from error


def _check_parts(parts: Sequence[zipfile.ZipInfo]) -> None:
    """What is declared is what is unpacked at most: a part is never read beyond its declared size."""
    if len(parts) > PARTS_MAX or sum(part.file_size for part in parts) > UNPACKED_BYTES_MAX:
        raise SheetRefused("TOO_LARGE", "Unpacked, this file is larger than 32 MB.")
    if any(part.flag_bits & 1 for part in parts):
        raise SheetRefused("LOCKED", "This file has a password. Save it without one.")
    if any(part.compress_type not in _PACKED for part in parts):
        raise SheetRefused("NOT_A_TABLE", "This XLSX is packed in a way that spreadsheet programs don't use.")


class _Reader:
    """Hears the elements of one part, without the prefixes of their namespaces."""

    def start(self, name: str, given: dict[str, str]) -> None:
        """An element begins."""

    def end(self, name: str) -> None:
        """An element ends."""

    def text(self, text: str) -> None:
        """Characters."""


def _parse(archive: zipfile.ZipFile, path: str, reader: _Reader, made: _Making) -> None:
    """A part of the file, in pieces. A document type is where entities come from, and no spreadsheet has one."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _no_document_type
    parser.StartElementHandler = lambda name, given: reader.start(_local(name), given)
    parser.EndElementHandler = lambda name: reader.end(_local(name))
    parser.CharacterDataHandler = reader.text
    with archive.open(path) as part:
        while chunk := part.read(_CHUNK_BYTES):
            made.hurry()
            parser.Parse(chunk, False)
    parser.Parse(b"", True)


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _no_document_type(*_: object) -> None:
    raise SheetRefused("NOT_A_TABLE", "This XLSX holds a document type, which no spreadsheet program writes.")


class _Workbook(_Reader):
    """The link of the first sheet."""

    first_link = ""

    def start(self, name: str, given: dict[str, str]) -> None:
        if name == "workbookPr" and given.get("date1904", "0") not in {"0", "false"}:
            raise SheetRefused("OTHER_CALENDAR", "This file counts days from 1904. Save it as CSV UTF-8.")
        if name == "sheet" and not self.first_link:
            self.first_link = next((value for key, value in given.items() if _local(key) == "id"), "")


class _Links(_Reader):
    """Where the parts are."""

    def __init__(self) -> None:
        self.targets: dict[str, str] = {}

    def start(self, name: str, given: dict[str, str]) -> None:
        if name == "Relationship" and given.get("TargetMode") != "External":
            self.targets[given.get("Id", "")] = given.get("Target", "")


class _Strings(_Reader):
    """The texts that cells refer to by number. A text may come in runs; what tells how to pronounce it is left out."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._runs: list[str] = []
        self._is_text = self._is_spoken = False

    def start(self, name: str, given: dict[str, str]) -> None:  # noqa: ARG002  as every reader hears it
        self._is_text = name == "t" and not self._is_spoken
        self._is_spoken = self._is_spoken or name == "rPh"

    def end(self, name: str) -> None:
        self._is_text = False
        if name == "rPh":
            self._is_spoken = False
        if name == "si":
            self.texts.append("".join(self._runs))
            self._runs.clear()

    def text(self, text: str) -> None:
        if self._is_text:
            self._runs.append(text)


class _Table(_Reader):
    """The rows of a sheet. A cell that a formula makes counts by the value that was saved with it."""

    def __init__(self, texts: Sequence[str], made: _Making) -> None:
        self._texts = texts
        self._made = made
        self._row = self._column = 0
        self._cells: list[Cell] = []
        self._kind = ""
        self._value: list[str] = []
        self._is_value = self._has_formula = self._is_spoken = False

    def start(self, name: str, given: dict[str, str]) -> None:
        if name == "row":
            self._row = _within(int(given.get("r") or self._row + 1), 1, LAST_ROW)
            self._column, self._cells = -1, []
        elif name == "c":
            reference = given.get("r", "").rstrip("0123456789")
            self._column = _column_number(reference) if reference else self._column + 1
            self._kind, self._value, self._has_formula = given.get("t", "n"), [], False
        elif name == "f":
            self._has_formula = True
        elif name == "rPh":
            self._is_spoken = True
        self._is_value = name in {"v", "t"} and not self._is_spoken

    def end(self, name: str) -> None:
        self._is_value = False
        if name == "rPh":
            self._is_spoken = False
        elif name == "c":
            self._put(self._cell())
        elif name == "row":
            self._made.add(self._row, self._cells)

    def text(self, text: str) -> None:
        if self._is_value:
            self._value.append(text)

    def _put(self, cell: Cell) -> None:
        if cell == "":
            return
        if self._column >= COLUMNS_MAX:
            raise SheetRefused("TOO_WIDE", f"The table has more than {COLUMNS_MAX} columns.")
        self._cells += [""] * (self._column + 1 - len(self._cells))
        self._cells[self._column] = cell

    def _cell(self) -> Cell:
        raw = "".join(self._value)
        if self._has_formula and not raw:
            self._fault("FORMULA", "This formula was saved without its value. Write the value.")
            return ""
        if self._kind == "e":
            self._fault("CELL_ERROR", "The spreadsheet program could not work this cell out.")
            return ""
        if self._kind == "s":
            return self._texts[_within(int(raw), 0, len(self._texts) - 1)].strip()
        if self._kind == "b":
            return "yes" if raw.strip() == "1" else "no"
        if self._kind != "n" or not raw.strip():
            return raw.strip()
        return _number(float(raw))

    def _fault(self, code: str, message: str) -> None:
        self._made.fault(self._row, max(self._column, 0), code, message)


def _within(number: int, least: int, most: int) -> int:
    if not least <= number <= most:
        raise ValueError("nothing stands there")
    return number


def _column_number(letters: str) -> int:
    """Counted from 0: A, B … Z, AA. At most three letters, as spreadsheets have."""
    if not letters.isascii() or not letters.isupper() or len(letters) > 3:  # noqa: PLR2004
        raise ValueError("no reference of a cell")
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _number(value: float) -> Cell:
    shown = float(f"{value:.{DIGITS}g}")
    if shown != shown or abs(shown) >= 10**DIGITS:  # noqa: PLR0124  NaN is not itself
        raise ValueError("no number of a spreadsheet")
    return int(shown) if shown.is_integer() else shown


# --- writing


def write_csv(titles: Sequence[str], rows: Iterable[Sequence[Written]]) -> bytes:
    """A table as Excel opens it: UTF-8 with its mark, CRLF. Text that a program would take for a formula is guarded."""
    return codecs.BOM_UTF8 + csv_lines([titles]) + csv_lines(rows)


def csv_lines(rows: Iterable[Sequence[Written]]) -> bytes:
    """Rows of such a table."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    for row in rows:
        writer.writerow([_csv_text(cell) for cell in row])
    return text.getvalue().encode()


def _csv_text(cell: Written) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return format(cell, "f")
    if isinstance(cell, date):
        return cell.isoformat()
    return f"'{cell}" if cell.lstrip("'").startswith(_GUARDED) else cell


def write_xlsx(titles: Sequence[str], rows: Iterable[Sequence[Written]]) -> bytes:
    """The same as XLSX: text stays text whatever it begins with, numbers and dates are such. Call it in a thread."""
    target = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(target, options)
    sheet = book.add_worksheet()
    as_date = book.add_format({"num_format": "yyyy-mm-dd"})
    as_number = {places: book.add_format({"num_format": f"0.{'0' * places}"}) for places in (2, 3)}
    for number, row in enumerate(itertools.chain([titles], rows)):
        for column, cell in enumerate(row):
            if isinstance(cell, Decimal):
                places = min(max(-int(cell.as_tuple().exponent), 2), 3)
                sheet.write_number(number, column, float(cell), as_number[places])
            elif isinstance(cell, date):
                sheet.write_datetime(number, column, cell, as_date)
            elif cell is not None:
                sheet.write_string(number, column, cell)
    sheet.freeze_panes(1, 0)
    book.close()
    return target.getvalue()
