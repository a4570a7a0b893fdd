"""Tables in pieces: what is read back is what went in, and nothing in a cell becomes a formula."""

import io
import zipfile
from datetime import date
from decimal import Decimal

import pytest

from salonos.kernel import sheets, streams
from salonos.kernel.sheets import Written

TITLES = ["Number", "Name", "Date", "Total", "Quantity"]
EVIL = ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\tx", "<b>&amp;", "a\u0001b", "  two  ", "ಕವಿತಾ"]
ROWS: list[list[Written]] = [
    [f"BLR1/{number}", evil, date(2026, 11, 23), Decimal("-12.50"), Decimal("1.125")]
    for number, evil in enumerate(EVIL)
]


def whole(stream: streams.TableStream) -> bytes:
    """All pieces, two rows at a time and nothing in between."""
    pieces = [stream.begin(TITLES), stream.add([])]
    pieces += [stream.add(ROWS[place : place + 2]) for place in range(0, len(ROWS), 2)]
    return b"".join([*pieces, stream.end()])


def test_a_csv_in_pieces_is_the_csv_in_one() -> None:
    assert whole(streams.CsvStream()) == sheets.write_csv(TITLES, ROWS)


def test_an_xlsx_in_pieces_is_read_back() -> None:
    content = whole(streams.XlsxStream())

    found = sheets.read(content)
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    assert list(found.rows[0].cells) == TITLES
    names = [each.cells[1] for each in found.rows[1:]]
    assert names == [each.strip().replace("\u0001", "") for each in EVIL]
    assert {each.cells[2:] for each in found.rows[1:]} == {(46349, -12.5, 1.125)}
    assert found.faults == ()


def test_a_sheet_that_is_full_is_followed_by_another() -> None:
    content = whole(streams.XlsxStream(sheet_rows_max=5))

    parts = zipfile.ZipFile(io.BytesIO(content))
    found = [parts.read(f"xl/worksheets/sheet{number}.xml").decode() for number in (1, 2, 3)]
    assert [each.count("<row>") for each in found] == [5, 5, 2]
    assert all(each.count("Quantity") == 1 for each in found)
    assert parts.read("xl/workbook.xml").decode().count("<sheet ") == 3
    assert "xl/worksheets/sheet4.xml" not in parts.namelist()


@pytest.mark.parametrize("cell", [None, ""])
def test_an_empty_cell_keeps_its_column(cell: Written) -> None:
    stream = streams.XlsxStream()

    content = stream.begin(["A", "B"]) + stream.add([[cell, "x"]]) + stream.end()

    assert sheets.read(content).rows[1].cells == ("", "x")
