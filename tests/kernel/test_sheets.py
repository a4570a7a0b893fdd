"""Files of strangers: what spreadsheet programs write is read, everything else is refused within its limits."""

import contextlib
import io
import zipfile
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from salonos.kernel import sheets
from salonos.kernel.sheets import Fault, SheetRefused

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
BOOK = f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="One" sheetId="1" r:id="rId7"/></sheets></workbook>'
RELATIONS = f'<Relationships xmlns="{LINKS}"><Relationship Id="rId7" Target="worksheets/sheet1.xml"/></Relationships>'


def cells_of(content: bytes) -> list[tuple[int, tuple[sheets.Cell, ...]]]:
    """Row numbers and cells."""
    return [(row.number, row.cells) for row in sheets.read(content).rows]


def sheet_xml(rows: str) -> str:
    """A worksheet of rows."""
    return f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def packed(rows: str = "", packing: int = zipfile.ZIP_DEFLATED, **parts: str | bytes) -> bytes:
    """An XLSX by hand; `parts` replace or add to its own, by name without folder and ending."""
    paths = {
        "workbook": "xl/workbook.xml",
        "relations": "xl/_rels/workbook.xml.rels",
        "sheet": "xl/worksheets/sheet1.xml",
        "strings": "xl/sharedStrings.xml",
    }
    held: Mapping[str, str | bytes] = {"workbook": BOOK, "relations": RELATIONS, "sheet": sheet_xml(rows), **parts}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", packing) as archive:
        for name, text in held.items():
            archive.writestr(paths.get(name, f"xl/{name}.xml"), text)
    return target.getvalue()


def code_of(content: bytes) -> str:
    """Why a file is refused."""
    with pytest.raises(SheetRefused) as raised:
        sheets.read(content)
    assert raised.value.message
    return raised.value.code


TABLE = [(1, ("SKU", "Name")), (2, ("A", "x, y")), (4, ("B", "two\nlines"))]


@pytest.mark.parametrize(
    "content",
    [
        b'SKU,Name\nA,"x, y"\n\nB,"two\nlines"\n',
        b'\xef\xbb\xbfSKU;Name;;\r\nA;x, y\r\n;;\r\nB;"two\nlines"',
        b'SKU\tName\nA\t"x, y"\n\t\nB\t"two\nlines"\n',
        b'sep=;\r\nSKU;Name\r\nA;"x, y"\r\n\r\nB;"two\nlines"\r\n',
        'SKU\tName\r\nA\tx, y\r\n\r\nB\t"two\nlines"\r\n'.encode("utf-16"),
    ],
)
def test_csv_is_read_as_spreadsheet_programs_write_it(content: bytes) -> None:
    assert cells_of(content) == TABLE


def test_a_csv_guards_what_would_be_a_formula_and_refuses_one() -> None:
    sheet = sheets.read(b"A,B,C,D,E\n'=1,'+91,'it,-5,=1+1\n")

    assert sheet.rows[1].cells == ("=1", "+91", "'it", "-5")
    assert [(fault.row, fault.column, fault.code) for fault in sheet.faults] == [(2, 4, "FORMULA")]


@pytest.mark.parametrize("memory", [{}, {"constant_memory": True}])
def test_xlsx_is_read_as_spreadsheet_programs_write_it(memory: dict[str, bool]) -> None:
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, memory)
    sheet = book.add_worksheet("Stück")
    bold = book.add_format({"bold": True})
    sheet.write_row(0, 0, ["SKU", "ಹೆಸರು"])
    sheet.write_row(2, 0, ["007", 8901030865123, 0.1 + 0.2, True, False])
    sheet.write_datetime(3, 0, date(2027, 1, 31), book.add_format({"num_format": "dd/mm/yy"}))
    sheet.write_formula(3, 2, "=1+1", None, 2)
    if not memory:
        sheet.write_rich_string(4, 1, "bold ", bold, "name")
    book.add_worksheet("Second").write(0, 0, "not read")
    book.close()

    rows = cells_of(target.getvalue())

    assert rows[:3] == [
        (1, ("SKU", "ಹೆಸರು")),
        (3, ("007", 8901030865123, 0.3, "yes", "no")),
        (4, (46418, "", 2)),
    ]
    assert rows[3:] == ([] if memory else [(5, ("", "bold name"))])


def test_cells_without_a_value_are_faults_of_their_place() -> None:
    rows = '<row r="3"><c r="B3" t="e"><v>#REF!</v></c><c r="D3"><f>A1</f></c><c><f>A1</f><v>2</v></c></row><row><c t="str"><v>x</v></c></row>'

    sheet = sheets.read(packed(rows))

    assert [(row.number, row.cells) for row in sheet.rows] == [(3, ("", "", "", "", 2)), (4, ("x",))]
    assert [(fault.row, fault.column, fault.code) for fault in sheet.faults] == [
        (3, 1, "CELL_ERROR"),
        (3, 3, "FORMULA"),
    ]


def test_texts_come_in_runs_and_what_tells_their_sound_is_left_out() -> None:
    strings = "<sst><si><r><t>Ar</t></r><r><t>gan</t></r><rPh><t>aagan</t></rPh></si><si><t> Oil </t></si></sst>"
    rows = (
        '<row r="1"><c t="s"><v>0</v></c><c t="s"><v>1</v></c>'
        '<c t="inlineStr"><is><t>in</t><rPh><t>no</t></rPh><t>line</t></is></c><c t="d"><v>2027-01-31</v></c></row>'
    )

    assert cells_of(packed(rows, strings=strings)) == [(1, ("Argan", "Oil", "inline", "2027-01-31"))]


def test_a_long_cell_is_a_fault_and_long_lists_of_them_end() -> None:
    long = "x" * (sheets.CHARACTERS_MAX + 1)

    sheet = sheets.read(f"A,B\n{long},1\n".encode())
    many = sheets.read(b"A\n" + b"=,=,=\n" * 400)

    assert sheet.rows[1].cells == ("", "1")
    assert sheet.faults == (Fault(2, 0, "TOO_LONG", "This is longer than 1000 characters."),)
    assert len(many.faults) == sheets.FAULTS_MAX


DOCTYPE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY y "&x;&x;">]>'
STRINGS = "<sst><si><t>x</t></si></sst>"
WIDE = "<row>" + '<c t="str"><v>x</v></c>' * (sheets.COLUMNS_MAX + 1) + "</row>"
REFUSED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "nothing": ("EMPTY", lambda: b""),
    "white space": ("EMPTY", lambda: b" \n ,, \n"),
    "an empty sheet": ("EMPTY", packed),
    "too many bytes": ("TOO_LARGE", lambda: b"x" * (sheets.BYTES_MAX + 1)),
    "another alphabet": ("NOT_UTF8", lambda: "Süß".encode("cp1252")),
    "half a UTF-16": ("NOT_UTF8", lambda: b"\xff\xfeA"),
    "bytes of a program": ("NOT_A_TABLE", lambda: b"MZ\0\0"),
    "an open quotation": ("NOT_A_TABLE", lambda: b'SKU\n"A'),
    "a field without end": ("NOT_A_TABLE", lambda: b'SKU\n"' + b"x" * 200_000 + b'"'),
    "too many rows": ("TOO_MANY_ROWS", lambda: b"x\n" * (sheets.ROWS_MAX + 1)),
    "too many columns": ("TOO_WIDE", lambda: b"x," * sheets.COLUMNS_MAX + b"x\n"),
    "too many rows of XML": ("TOO_MANY_ROWS", lambda: packed('<row><c t="b"><v>1</v></c></row>' * 5_002)),
    "too many columns of XML": ("TOO_WIDE", lambda: packed(WIDE)),
    "a far column": ("TOO_WIDE", lambda: packed('<row><c r="XFD1"><v>1</v></c></row>')),
    "no zip": ("NOT_A_TABLE", lambda: b"PK\x03\x04 and so on"),
    "another zip": ("NOT_A_TABLE", lambda: packed(workbook="<a/>")),
    "no sheet": ("NOT_A_TABLE", lambda: packed(relations="<a/>")),
    "a sheet elsewhere": (
        "NOT_A_TABLE",
        lambda: packed(relations=RELATIONS.replace("Id=", 'TargetMode="External" Id=')),
    ),
    "broken XML": ("NOT_A_TABLE", lambda: packed("<row>")),
    "an entity": ("NOT_A_TABLE", lambda: packed(sheet=DOCTYPE + sheet_xml("<row><c><v>&x;</v></c></row>"))),
    "an entity of the strings": ("NOT_A_TABLE", lambda: packed(strings=DOCTYPE + "<sst/>")),
    "a text that is not there": ("NOT_A_TABLE", lambda: packed('<row><c t="s"><v>5</v></c></row>')),
    "a text before the first": ("NOT_A_TABLE", lambda: packed('<row><c t="s"><v>-1</v></c></row>', strings=STRINGS)),
    "a row beyond the last": ("NOT_A_TABLE", lambda: packed('<row r="1048577"/>')),
    "a row before the first": ("NOT_A_TABLE", lambda: packed('<row r="-1"/>')),
    "a number that is none": ("NOT_A_TABLE", lambda: packed("<row><c><v>nan</v></c></row>")),
    "a large number": ("NOT_A_TABLE", lambda: packed("<row><c><v>1e300</v></c></row>")),
    "a reference that is none": ("NOT_A_TABLE", lambda: packed('<row><c r="AAAA1"><v>1</v></c></row>')),
    "days from 1904": (
        "OTHER_CALENDAR",
        lambda: packed(workbook=BOOK.replace("<sheets>", '<workbookPr date1904="1"/><sheets>')),
    ),
    "a zip bomb": ("TOO_LARGE", lambda: packed(bomb=b"\0" * (sheets.UNPACKED_BYTES_MAX + 1))),
    "a bomb in rows": ("TOO_MANY_ROWS", lambda: packed("<row><c><v>1</v></c></row>" * 600_000)),
    "many parts": ("TOO_LARGE", lambda: packed(**{f"part{number}": "" for number in range(sheets.PARTS_MAX)})),
    "another packing": ("NOT_A_TABLE", lambda: packed("<row/>", zipfile.ZIP_LZMA)),
    "a password": ("LOCKED", lambda: _locked(packed("<row/>"))),
    "a lie about its size": ("NOT_A_TABLE", lambda: _lying(packed("<row><c><v>1</v></c></row>" * 1000))),
}


def _locked(content: bytes) -> bytes:
    """The flag of encryption in every entry of the directory."""
    return _patched(content, 8, lambda flags: bytes([flags[0] | 1, flags[1]]), 2)


def _lying(content: bytes) -> bytes:
    """A directory that declares a few bytes for each part."""
    return _patched(content, 24, lambda _: (30).to_bytes(4, "little"), 4)


def _patched(content: bytes, offset: int, change: Callable[[bytes], bytes], length: int) -> bytes:
    made, place = bytearray(content), content.find(b"PK\x01\x02")
    while place >= 0:
        made[place + offset : place + offset + length] = change(content[place + offset : place + offset + length])
        place = content.find(b"PK\x01\x02", place + 4)
    return bytes(made)


@pytest.mark.parametrize("name", list(REFUSED))
def test_a_file_that_is_no_table_of_ours_is_refused(name: str) -> None:
    code, make = REFUSED[name]

    assert code_of(make()) == code


def test_a_file_that_takes_too_long_is_put_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "READ_S", -1.0)

    assert (code_of(b"SKU\nA\n"), code_of(packed("<row/>"))) == ("TOO_SLOW", "TOO_SLOW")


@given(st.binary(max_size=400))
def test_no_bytes_do_anything_but_be_read_or_refused(content: bytes) -> None:
    for each in (content, b"PK\x03\x04" + content):
        with contextlib.suppress(SheetRefused):
            assert len(sheets.read(each).rows) <= sheets.ROWS_MAX


texts = st.text("=+-@',;\"	ಕ€x0", min_size=1, max_size=12).filter(lambda text: text == text.strip())
amounts = st.decimals(0, 10**9, places=2)


@given(texts, texts, amounts)
def test_what_is_written_is_read_again(text: str, other: str, amount: Decimal) -> None:
    content = sheets.write_csv(["A", "B", "C", "D"], [[text, other, amount, None]])

    assert sheets.read(content).rows[1].cells == (text, other, format(amount, "f"))


def test_what_is_written_as_xlsx_keeps_its_kinds() -> None:
    rows = [["=1+1", Decimal("520.10"), Decimal("1.125"), date(2027, 1, 31), None, "007"], ["https://x.y"]]

    content = sheets.write_xlsx(["A", "B", "C", "D", "E", "F"], rows)

    assert cells_of(content)[1:] == [(2, ("=1+1", 520.1, 1.125, 46418, "", "007")), (3, ("https://x.y",))]
    assert sheets.number_text(520.1) == "520.1"
    assert sheets.number_text(46418) == "46418"
    assert b"46418" not in sheets.write_csv(["A"], [[date(2027, 1, 31)]])
