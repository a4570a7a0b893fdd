"""Counts as files: a blind sheet goes out, comes back with what was found, and tells what differed once all is counted."""

import csv
import io
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from salonos.inventory import commands
from salonos.inventory.commands import CountImported, FileFormat
from salonos.inventory.problems import ImportRefused, StockCountMovedOn
from salonos.kernel import files, sheets
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.problems import Forbidden, InvalidInput
from tests.bills.makers import NOW, actor_as
from tests.inventory.asking import Asker
from tests.inventory.control import checker, count_state, counted, enter, maker, open_count, post_count, submit
from tests.inventory.makers import Store, line, make_store
from tests.inventory.sheets import csv_of, upload
from tests.statements import Statements

EXPIRES = date(2027, 6, 30)


async def filled(database: Database) -> Store:
    """Ten serums, and two litres of colour: one of batch A1, one of no batch."""
    store = await make_store(database)
    await store.receive(line(store.serum_id, 10_000, 500_00), line(store.colour_id, 1_000_000, 1_00))
    await store.receive(line(store.colour_id, 1_000_000, 1_00, batch="A1", expires_on=EXPIRES))
    return store


async def sheet_of(
    store: Store, count_id: UUID, form: FileFormat = FileFormat.CSV, *, actor: Actor | None = None
) -> bytes:
    """The file that the link gives."""
    made, _ = await store.database.run(
        actor or maker(store), lambda work: commands.export_stock_count(work, count_id, form), now=NOW
    )
    file_id = files.opened(made.path.removeprefix("/files/"), NOW)
    content: bytes = (await store.database.pool.fetchrow(files.EXPORTED, file_id, NOW))["content"]
    return content


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


async def bring(store: Store, count_id: UUID, content: bytes, **more: Any) -> CountImported:
    actor = more.pop("actor", None) or maker(store)
    file_id = await upload(store.database, content, actor=actor)
    return await store.database.run(
        actor, lambda work: commands.import_stock_count(work, count_id, file_id, **more), now=NOW
    )


async def faults_of(store: Store, count_id: UUID, *rows: Mapping[str, str]) -> list[tuple[int, str, str]]:
    """What is wrong with a file, dry or not; nothing of it is entered."""
    found = []
    for is_dry_run in (True, False):
        with pytest.raises(ImportRefused) as raised:
            await bring(store, count_id, csv_of(*rows), is_dry_run=is_dry_run)
        found.append([(fault.row, fault.column, fault.code) for fault in raised.value.faults])
    assert found[0] == found[1]
    assert await entered(store, count_id) == []
    return found[0]


async def entered(store: Store, count_id: UUID) -> list[tuple[int, int]]:
    rows = await store.database.pool.fetch(
        "select position, counted_milli from stock_count_lines where count_id = $1 and counted_milli is not null "
        "order by position",
        count_id,
    )
    return [(row["position"], row["counted_milli"]) for row in rows]


@pytest.mark.parametrize("form", list(FileFormat))
async def test_a_blind_sheet_is_filled_in_brought_back_and_tells_the_variance_afterwards(
    database: Database, form: FileFormat
) -> None:
    store = await filled(database)
    count_id = await open_count(store, by_batch=True)
    blank = sheets.read(await sheet_of(store, count_id, form))
    assert blank.rows[0].cells == ("SKU", "Barcode", "Name", "Batch", "Expires on", "Counted", "Unit")

    titles = [str(cell) for cell in blank.rows[0].cells]
    rows = [dict(zip(titles, [str(cell) for cell in row.cells], strict=False)) for row in blank.rows[1:]]
    assert [(row["SKU"], row["Batch"], row["Expires on"]) for row in rows] == [
        ("SER-100", "", ""),
        ("COL-60", "", ""),
        ("COL-60", "A1", "2027-06-30"),
    ]
    counts = ("9", "1.9", "")
    back = [
        {**row, "Counted": found, "Unit": "BOTTLE" if found == "1.9" else row["Unit"]}
        for row, found in zip(rows, counts, strict=True)
    ]
    content = (
        csv_of(*back) if form is FileFormat.CSV else sheets.write_xlsx(titles, [list(row.values()) for row in back])
    )
    dry = await bring(store, count_id, content, is_dry_run=True)
    assert await entered(store, count_id) == []
    assert await bring(store, count_id, content) == dry == CountImported(rows=3, entered=2, left=1)
    assert await entered(store, count_id) == [(1, 9000), (2, 950_000)]

    await submit(store, count_id)
    told = rows_of(await sheet_of(store, count_id))
    assert [(row["Counted"], row["Expected"], row["Variance"]) for row in told] == [
        ("9.000", "10.000", "-1.000"),
        ("950.000", "1000.000", "-50.000"),
        ("", "1000.000", ""),
    ]
    await post_count(store, count_id)
    assert await count_state(store, count_id) == "POSTED"
    assert (await store.level(store.serum_id))[0] == 9000


async def test_a_row_names_its_item_by_barcode_or_name_too_and_replaces_what_was_entered(database: Database) -> None:
    store = await filled(database)
    await database.pool.execute("update products set barcode = '8901234567890' where id = $1", store.serum_id)
    count_id = await open_count(store, store.serum_id)
    await enter(store, count_id, counted(store.serum_id, 1000))
    assert (await bring(store, count_id, csv_of({"barcode": "8901234567890", "counted": "0"}))).entered == 1
    assert await entered(store, count_id) == [(1, 0)]
    name = await database.pool.fetchval("select name from products where id = $1", store.serum_id)
    assert (await bring(store, count_id, csv_of({"Name": name.upper(), "Counted": "4"}))).entered == 1
    assert await entered(store, count_id) == [(1, 4000)]
    await database.run(checker(store), lambda work: commands.cancel_stock_count(work, count_id), now=NOW)
    await database.pool.execute("update products set name = '=Same(1)'")
    both = await open_count(store)
    assert await faults_of(store, both, {"Name": "=Same(1)", "Counted": "1"}, {"Name": "Other", "Counted": "1"}) == [
        (2, "Name", "NOT_UNIQUE"),
        (3, "Name", "NOT_COUNTED"),
    ]


async def test_every_fault_of_a_count_is_told_by_row_and_column(database: Database) -> None:
    store = await filled(database)
    whole = await open_count(store, store.serum_id)
    assert await faults_of(
        store,
        whole,
        {"SKU": "COL-60", "Counted": "1"},
        {"SKU": "SER-100", "Counted": "-1"},
        {"SKU": "SER-100", "Counted": "0.0001"},
        {"SKU": "SER-100", "Counted": "NaN"},
        {"SKU": "SER-100", "Counted": "1", "Unit": "KG"},
        {"SKU": "SER-100", "Counted": "1", "Unit": "SPOON"},
        {"SKU": "SER-100", "Counted": "2", "Batch": "A1"},
        {"SKU": "SER-100", "Counted": "2", "Expires on": "soon"},
        {"SKU": "", "Counted": "2"},
        {"SKU": "SER-100", "Counted": "3"},
    ) == [
        (3, "Counted", "OUT_OF_RANGE"),
        (4, "Counted", "TOO_PRECISE"),
        (5, "Counted", "NO_NUMBER"),
        (7, "Unit", "UNKNOWN_UNIT"),
        (9, "Expires on", "NO_DATE"),
        (10, "SKU", "REQUIRED"),
        (2, "SKU", "NOT_COUNTED"),
        (6, "Unit", "UNKNOWN_UNIT"),
        (7, "SKU", "TAKEN"),
        (8, "Batch", "WHOLE"),
        (11, "SKU", "TAKEN"),
    ]
    assert await faults_of(store, whole, {"Batch": "A1", "Counted": "1"}) == [(1, "SKU", "MISSING_COLUMN")]
    assert await faults_of(store, whole, {"SKU": "SER-100", "Counted": "", "Unit": "PIECE"}) == [
        (1, "Counted", "EMPTY")
    ]
    by_batch = await open_count(store, store.colour_id, by_batch=True)
    colour = {"SKU": "COL-60", "Counted": "1"}
    assert await faults_of(
        store, by_batch, {**colour, "Batch": "B2"}, {**colour, "Batch": "A1", "Expires on": "2027-07-01"}
    ) == [(2, "Batch", "NOT_COUNTED"), (3, "Batch", "NOT_COUNTED")]


async def test_only_who_counts_at_the_branch_brings_a_file_and_only_while_people_count(database: Database) -> None:
    store = await filled(database)
    count_id = await open_count(store, store.serum_id)
    found = csv_of({"SKU": "SER-100", "Counted": "9"})
    elsewhere = actor_as("MANAGER", new_id())
    with pytest.raises(InvalidInput) as raised:
        await bring(store, count_id, found, actor=elsewhere)
    assert [(issue.path, issue.code) for issue in raised.value.issues] == [(("countId",), "NOT_FOUND")]
    with pytest.raises(InvalidInput):
        await sheet_of(store, count_id, actor=elsewhere)
    with pytest.raises(Forbidden):
        await bring(store, count_id, found, actor=actor_as("STAFF", store.branch_id))
    theirs = await upload(database, found, actor=checker(store))
    with pytest.raises(InvalidInput) as raised:
        await database.run(maker(store), lambda work: commands.import_stock_count(work, count_id, theirs), now=NOW)
    assert [(issue.path, issue.code) for issue in raised.value.issues] == [(("fileId",), "NOT_FOUND")]

    await bring(store, count_id, found)
    await submit(store, count_id)
    with pytest.raises(StockCountMovedOn):
        await bring(store, count_id, found)


async def test_a_name_that_would_be_a_formula_is_guarded_in_a_sheet(database: Database) -> None:
    store = await filled(database)
    await database.pool.execute("update products set name = '=HYPERLINK(1)' where id = $1", store.serum_id)
    count_id = await open_count(store, store.serum_id)
    assert [row["Name"] for row in rows_of(await sheet_of(store, count_id))] == ["'=HYPERLINK(1)"]
    assert sheets.read(await sheet_of(store, count_id, FileFormat.XLSX)).rows[1].cells[2] == "=HYPERLINK(1)"


SHEET = """
    mutation($input: ExportStockCountInput!) {
        exportStockCount(input: $input) { ... on ExportStockCountSuccess { name url expiresAt rows } }
    }
"""
BRING = """
    mutation($input: ImportStockCountInput!) {
        importStockCount(input: $input) {
            __typename
            ... on ImportStockCountSuccess { isDryRun rows entered left count { state version } }
            ... on StockImportRefused { faultCount faults { row column code } }
        }
    }
"""


async def test_a_count_by_file_through_the_schema_takes_as_many_statements_for_one_row_as_for_two(
    database: Database, statements: Statements
) -> None:
    store, ask = await filled(database), Asker(database)
    count_id = await open_count(store)
    name = id_text("stockcount", count_id)
    made = (await ask.data(SHEET, input={"countId": name, "format": "CSV"}))["exportStockCount"]
    assert (made["name"], made["rows"]) == ("count-BLR1-2026-11-23.csv", 2)
    assert made["expiresAt"] == f"{(NOW + timedelta(minutes=5)).isoformat()[:19]}.000000Z"

    asked = []
    one, two = {"SKU": "SER-100", "Counted": "9"}, {"SKU": "COL-60", "Counted": "2000"}
    for rows in ([one], [one, two]):
        file_id = id_text("file", await upload(database, csv_of(*rows)))
        with statements.counted() as counted_statements:
            done = await ask.data(BRING, input={"countId": name, "fileId": file_id, "dryRun": False})
        asked.append(len(counted_statements))
    assert done["importStockCount"] == {
        "__typename": "ImportStockCountSuccess",
        "isDryRun": False,
        "rows": 2,
        "entered": 2,
        "left": 0,
        "count": {"state": "OPEN", "version": 3},
    }
    assert asked[0] == asked[1]
    wrong = id_text("file", await upload(database, csv_of({"SKU": "NO", "Counted": "9"})))
    refusal = (await ask.data(BRING, input={"countId": name, "fileId": wrong, "dryRun": True}))["importStockCount"]
    assert refusal["faults"] == [{"row": 2, "column": "SKU", "code": "NOT_COUNTED"}]
