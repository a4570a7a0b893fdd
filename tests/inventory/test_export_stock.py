"""Stock as a file: what is exported can be imported without a change, and shows nobody more than they may see."""

import csv
import io
from decimal import Decimal

import pytest

from salonos.inventory import commands
from salonos.inventory.commands import FileFormat, NewSupplier
from salonos.kernel import files, sheets
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from tests.bills.makers import NOW, SYSTEM, actor_as
from tests.inventory.asking import Asker
from tests.inventory.makers import Store, line, make_store
from tests.inventory.sheets import OIL, bring, csv_of
from tests.statements import Statements

EVIL = ("=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "'=1", "'-x", "'s Oil")


async def exported(store: Store, file_format: FileFormat, *, actor: Actor = SYSTEM) -> bytes:
    """The bytes behind the link."""
    made, _ = await store.database.run(
        actor, lambda work: commands.export_stock(work, store.branch_id, file_format), now=NOW
    )
    file_id = files.opened(made.path.removeprefix("/files/"), NOW)
    row = await store.database.pool.fetchrow(files.EXPORTED, file_id, NOW)
    assert (row["name"], made.name) == (f"stock-BLR1-2026-11-23.{file_format.value.lower()}", row["name"])
    content: bytes = row["content"]
    return content


async def full(database: Database) -> Store:
    """A store with names that programs would take for formulas, a supplier, batches and fractions."""
    store = await make_store(database)
    await database.run(SYSTEM, lambda work: commands.create_supplier(work, NewSupplier(name="Wella", state_code="29")))
    rows = [
        OIL
        | {"SKU": f"E{number}", "Category": evil, "Barcode": f"00{number}-77", "Supplier": ("Wella", evil)[number % 2]}
        | {"Unit cost": "0.10", "Reorder point": "1.5", "Reorder quantity": "0.125", "Further units": "L=0.5; BOX=12"}
        for number, evil in enumerate(EVIL)
    ]
    named = [row | {"Name": row["Category"]} for row in rows]
    content = sheets.write_xlsx(list(named[0]), [list(row.values()) for row in named])
    assert (await bring(database, content)).created == len(EVIL)
    await store.receive(line(store.serum_id, 1250, 100_10), line(store.colour_id, 1_000_000, 33))
    return store


@pytest.mark.parametrize("file_format", list(FileFormat))
async def test_what_is_exported_is_imported_without_a_change(database: Database, file_format: FileFormat) -> None:
    store = await full(database)

    done = await bring(database, await exported(store, file_format), branch_id=store.branch_id)

    assert (done.rows, done.created, done.changed, done.left, done.opened) == (2 + len(EVIL), 0, 0, 2 + len(EVIL), 0)


async def test_text_that_would_be_a_formula_is_guarded_in_a_csv_and_text_in_an_xlsx(database: Database) -> None:
    store = await full(database)

    text = (await exported(store, FileFormat.CSV)).decode("utf-8-sig")
    sheet = sheets.read(await exported(store, FileFormat.XLSX))

    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    names = {row["SKU"]: row["Name"] for row in rows}
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert [names[f"E{number}"] for number in range(len(EVIL))] == [
        "'=HYPERLINK(1)", "'+1", "'-1", "'@SUM(1)", "''=1", "''-x", "'s Oil",
    ]  # fmt: skip
    assert {row.cells[1] for row in sheet.rows} >= set(EVIL)
    assert sheet.faults == ()


async def test_a_row_tells_what_is_there(database: Database) -> None:
    store = await full(database)

    rows = list(csv.DictReader(io.StringIO((await exported(store, FileFormat.CSV)).decode("utf-8-sig"), newline="")))

    serum = next(row for row in rows if row["SKU"] == "SER-100")
    assert {title: serum[title] for title in ("Name", "Price", "Unit", "Branch", "In stock", "Stock value")} == {
        "Name": "Argan Serum",
        "Unit": "PIECE",
        "Branch": "BLR1",
        "In stock": "1.250",
        "Stock value": "125.13",
        "Price": serum["Price"],
    }
    assert Decimal(serum["Price"]) > 0


@pytest.mark.parametrize(
    ("role", "hidden"),
    [
        ("MANAGER", set()),
        ("RECEPTIONIST", {"Unit cost", "Stock value"}),
        ("STAFF", {"Unit cost", "Stock value", "Supplier"}),
    ],
)
async def test_a_file_has_the_columns_that_its_reader_may_see(database: Database, role: str, hidden: set[str]) -> None:
    store = await full(database)

    content = await exported(store, FileFormat.CSV, actor=actor_as(role, store.branch_id))

    titles = set(content.decode("utf-8-sig").splitlines()[0].split(","))
    assert {"Unit cost", "Stock value", "Supplier"} - titles == hidden


async def test_a_file_of_many_is_made_by_as_many_statements_as_one_of_few(
    database: Database, statements: Statements
) -> None:
    store, asked = await make_store(database), []

    for size in (1, 300):
        await bring(database, csv_of(*({**OIL, "SKU": f"S{size}-{number}"} for number in range(size))))
        with statements.counted() as seen:
            command = lambda work: commands.export_stock(work, store.branch_id, FileFormat.XLSX)
            _, rows = await database.run(SYSTEM, command, now=NOW)
        asked.append((rows, len(seen)))

    assert asked == [(3, 4), (303, 4)]


async def test_a_link_is_given_through_the_schema(database: Database) -> None:
    store = await make_store(database)
    ask, branch = Asker(database), id_text("branch", store.branch_id)

    made = (await ask.data(EXPORT, input={"branchId": branch, "format": "XLSX"}))["exportStock"]
    elsewhere = await ask.data(
        EXPORT,
        actor=actor_as("MANAGER", store.shop.catalog.goods_class_id),
        input={"branchId": branch, "format": "CSV"},
    )

    assert (made["name"], made["rows"], made["expiresAt"]) == (
        "stock-BLR1-2026-11-23.xlsx",
        2,
        "2026-11-23T06:35:00.000000Z",
    )
    assert made["url"].startswith("/files/")
    assert elsewhere["exportStock"] == {"issues": [{"path": ["branchId"], "code": "NOT_FOUND"}]}


EXPORT = """
mutation ($input: ExportStockInput!) { exportStock(input: $input) {
  ... on ExportStockSuccess { name url expiresAt rows } ... on InvalidInput { issues { path code } } } }
"""
