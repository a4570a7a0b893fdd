"""Items and opening stock from a file: all of it, or every fault by row and column."""

import asyncio
from datetime import date
from functools import partial

import pytest

from salonos.inventory import commands
from salonos.inventory.commands import Imported, NewSupplier, columns
from salonos.inventory.problems import ImportFault, ImportRefused
from salonos.inventory.rules import StockUnit
from salonos.kernel import sheets
from salonos.kernel.actor import Actor, Reach, access
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.permissions import ROLES, Permission
from salonos.kernel.problems import Forbidden, InvalidInput
from tests.bills.makers import NOW, SYSTEM, actor_as, book_balance
from tests.catalog.makers import make_product
from tests.inventory.asking import Asker
from tests.inventory.makers import line, make_store
from tests.inventory.sheets import OIL, bring, csv_of, refused, upload
from tests.salon.makers import make_branch
from tests.statements import Statements


async def counts(database: Database) -> tuple[int, int, int]:
    """Products, items, moves."""
    row = await database.pool.fetchrow(
        "select (select count(*) from products), (select count(*) from stock_items), (select count(*) from stock_moves)"
    )
    return row[0], row[1], row[2]


async def test_a_file_brings_items_and_what_lies_on_the_shelves(database: Database) -> None:
    store = await make_store(database)
    colour = {
        "SKU": " mask-1 ",
        "Name": "Hair mask",
        "HSN": "330590",
        "Tax class": "goods 18 %",
        "Retail": "no",
        "Unit": "ml",
        "Further units": "BOTTLE=500; BOX=6000",
        "Supplier": "Loreal",
        "Barcode": "8901030865",
        "Reorder point": "1,000",
        "Reorder quantity": "5,000.5",
        "Unit cost": "Rs. 0.50",
    }
    lot = {"Opening quantity": "1200", "Opening unit cost": "0.55", "Batch": "A", "Expires on": "31/01/2027"}
    oil = {**OIL, "Opening quantity": "3", "Opening unit cost": "400"}

    done = await bring(
        database,
        csv_of(colour | lot, {"SKU": "MASK-1"} | lot | {"Batch": "B", "Opening quantity": "100"}, oil),
        branch_id=store.branch_id,
    )

    assert (done.rows, done.created, done.changed, done.left, done.opened) == (3, 2, 0, 0, 3)
    assert [(change.row, change.sku, change.is_new) for change in done.changes] == [
        (2, "MASK-1", True), (4, "OIL-50", True),
    ]  # fmt: skip
    mask = await database.pool.fetchrow(
        "select product.id, price_paise, is_retail, unit_cost_paise, use, unit, supplier_name, reorder_point_milli, "
        "reorder_quantity_milli from products as product join stock_items using (id) where sku = 'MASK-1'"
    )
    assert tuple(mask)[1:] == (0, False, 50, "PROFESSIONAL", "ML", "Loreal", 1_000_000, 5_000_500)
    assert await store.level(mask["id"]) == (1_300_000, 715_00)
    assert await store.batches(mask["id"]) == [("A", 1_200_000), ("B", 100_000)]
    assert (await book_balance(database, "1200"), await book_balance(database, "1210")) == (1200_00, 715_00)
    assert await book_balance(database, "3000") == -1915_00
    assert await store.drift() == 0


async def test_a_dry_run_says_the_same_and_writes_nothing(database: Database) -> None:
    store = await make_store(database)
    content = csv_of({**OIL, "Opening quantity": "3", "Opening unit cost": "400"})
    before = await counts(database)

    dry = await bring(database, content, branch_id=store.branch_id, is_dry_run=True)
    nothing = await counts(database)
    wet = await bring(database, content, branch_id=store.branch_id)

    assert (dry, nothing) == (wet, before)
    assert await counts(database) == (before[0] + 1, before[1] + 1, before[2] + 1)


async def test_what_is_there_is_changed_only_where_the_file_says_otherwise(database: Database) -> None:
    await make_store(database)
    supplier = NewSupplier(name="Loreal India", state_code="29")
    supplier_id = await database.run(SYSTEM, lambda work: commands.create_supplier(work, supplier))
    serum = {"SKU": "SER-100", "Price": "2,000.00", "Supplier": "loreal india", "Reorder point": "8", "Name": ""}
    colour = {"SKU": "COL-60", "Unit": "ML", "Further units": "BOTTLE=500", "Name": "Colour 6.0"}

    done = await bring(database, csv_of(serum, colour))
    again = await bring(database, csv_of(colour, {"SKU": "COL-60"}))

    assert (done.created, done.changed, done.left) == (0, 1, 1)
    assert done.changes[0].columns == ("Price", "Reorder point", "Supplier")
    assert (again.changed, again.left) == (0, 1)
    row = await database.pool.fetchrow(
        "select price_paise, name, product.version, supplier_id, item.version as item_version from products as product "
        "join stock_items as item using (id) where sku = 'SER-100'"
    )
    assert tuple(row) == (2000_00, "Argan Serum", 2, supplier_id, 2)


async def test_a_product_that_is_sold_already_becomes_an_item(database: Database) -> None:
    store = await make_store(database)
    product_id = await make_product(database, store.shop.catalog.goods_class_id, "ONLY")

    done = await bring(database, csv_of({"SKU": "ONLY", "Unit": "BOX", "Supplier": "Wella"}))

    assert (done.created, done.changed, done.changes[0].columns) == (0, 1, ("Unit",))
    assert await store.level(product_id) == (0, 0)


LOT = {"Opening quantity": "1", "Opening unit cost": "1.00"}
SERUM = {"SKU": "SER-100"}
WRONG: list[tuple[str, list[dict[str, str]], list[tuple[int, str, str]]]] = [
    ("no SKU", [OIL | {"SKU": ""}], [(2, "SKU", "REQUIRED")]),
    ("no column of SKUs", [{"Name": "Oil"}], [(1, "SKU", "MISSING_COLUMN")]),
    ("an unknown column", [SERUM | {"Colour": "red"}], [(1, "Colour", "UNKNOWN_COLUMN")]),
    (
        "a form",
        [SERUM | {"HSN": "9912", "Barcode": "a b"}],
        [(2, "HSN", "INVALID_FORM"), (2, "Barcode", "INVALID_FORM")],
    ),
    (
        "no number",
        [SERUM | {"Price": "1,5"}, SERUM | {"Price": "1e3"}],
        [(2, "Price", "NO_NUMBER"), (3, "Price", "NO_NUMBER")],
    ),
    ("below zero", [SERUM | {"Reorder point": "-1"}], [(2, "Reorder point", "OUT_OF_RANGE")]),
    ("too precise", [SERUM | {"Price": "1.005"}], [(2, "Price", "TOO_PRECISE")]),
    ("neither yes nor no", [SERUM | {"Retail": "maybe"}], [(2, "Retail", "NO_YES_OR_NO")]),
    ("an unknown unit", [SERUM | {"Unit": "DOZEN"}], [(2, "Unit", "UNKNOWN_UNIT")]),
    ("units", [SERUM | {"Further units": "BOX=0"}], [(2, "Further units", "OUT_OF_RANGE")]),
    ("a unit twice", [SERUM | {"Further units": "BOX=2; BOX=3"}], [(2, "Further units", "TAKEN")]),
    (
        "too many units",
        [SERUM | {"Further units": "; ".join(f"{each.name}=1" for each in StockUnit)}],
        [(2, "Further units", "TOO_MANY")],
    ),
    ("the own unit", [SERUM | {"Further units": "PIECE=2"}], [(2, "Further units", "TAKEN")]),
    ("a long name", [SERUM | {"Name": "x" * 121}], [(2, "Name", "INVALID_TEXT")]),
    ("an unknown tax class", [OIL | {"Tax class": "None"}], [(2, "Tax class", "NOT_FOUND")]),
    (
        "a new product without what it needs",
        [{"SKU": "NEW"}],
        [(2, title, "REQUIRED") for title in ("Name", "HSN", "Tax class", "Price", "Unit")],
    ),
    ("a price of what is not sold", [SERUM | {"Retail": "no"}], [(2, "Price", "NOT_RETAIL")]),
    ("rows that contradict", [OIL, OIL | {"Price": "651.00"}], [(3, "Price", "DIFFERENT")]),
    (
        "a barcode twice",
        [OIL | {"Barcode": "47110"}, SERUM | {"Barcode": "47110"}],
        [(3, "Barcode", "TAKEN")],
    ),
    ("expired goods", [OIL | LOT | {"Expires on": "2026-11-22"}], [(2, "Expires on", "EXPIRED")]),
    ("goods for ever", [OIL | LOT | {"Expires on": "2100-01-01"}], [(2, "Expires on", "OUT_OF_RANGE")]),
    ("no date", [OIL | LOT | {"Expires on": "31.02.2027"}], [(2, "Expires on", "NO_DATE")]),
    ("no cost", [OIL | {"Opening quantity": "1"}], [(2, "Opening unit cost", "REQUIRED")]),
    ("a batch of nothing", [OIL | {"Batch": "A", "Opening unit cost": "1"}], [(2, "Opening quantity", "REQUIRED")]),
    ("an unknown branch", [OIL | LOT | {"Branch": "NOWH"}], [(2, "Branch", "NOT_FOUND")]),
    ("stock that was moved", [SERUM | LOT], [(2, "Opening quantity", "HAS_MOVED")]),
    ("a unit that was counted in", [SERUM | {"Unit": "ML"}], [(2, "Unit", "UNIT_IN_USE")]),
]


async def test_every_fault_is_told_by_row_and_column_and_nothing_is_written(database: Database) -> None:
    store = await make_store(database)
    await store.receive(line(store.serum_id, 1000, 1_00))
    before, found = await counts(database), {}

    for name, rows, _ in WRONG:
        for is_dry_run in (True, False):
            told = await refused(database, csv_of(*rows), branch_id=store.branch_id, is_dry_run=is_dry_run)
            found[name, is_dry_run] = told

    assert found == {(name, dry): faults for name, _, faults in WRONG for dry in (True, False)}
    assert await counts(database) == before
    assert await refused(database, b'SKU,Name,SKU\n=1+1,"x",A\n') == [(1, "SKU", "TAKEN"), (2, "SKU", "FORMULA")]
    assert await refused(database, b"SKU,\nSER-100,=1\n") == [(2, "B", "FORMULA")]
    dated = sheets.write_xlsx([*OIL, *LOT, "Expires on"], [[*OIL.values(), *LOT.values(), date(2026, 11, 22)]])
    assert await refused(database, dated, branch_id=store.branch_id) == [(2, "Expires on", "EXPIRED")]
    assert await refused(database, b"SKU,Name\n") == [(1, "", "EMPTY")]
    assert await refused(database, csv_of(OIL | LOT)) == [(2, "Branch", "REQUIRED")]
    assert await refused(database, csv_of(OIL | {"Barcode": "8901030"}, OIL | {"SKU": "B", "Barcode": "8901030"})) == [
        (3, "Barcode", "TAKEN")
    ]


async def test_of_many_faults_the_first_are_told_and_all_are_counted(database: Database) -> None:
    await make_store(database)

    with pytest.raises(ImportRefused) as raised:
        await bring(database, csv_of(*({"SKU": f"N{number}", "Price": "x"} for number in range(300))))

    assert (raised.value.fault_count, len(raised.value.faults)) == (300 * 5, columns.FAULTS_MAX)
    assert raised.value.faults[0] == ImportFault(2, "Price", "NO_NUMBER", "This is not a number.")


async def test_the_statements_do_not_grow_with_the_rows(database: Database, statements: Statements) -> None:
    store = await make_store(database)
    other = await make_branch(database, "MYS1")
    asked = []

    for size in (2, 400):
        rows = [
            {**OIL, **LOT, "SKU": f"S{size}-{number}", "Branch": ("BLR1", "MYS1")[number % 2], "Further units": "BOX=6"}
            for number in range(size)
        ]
        file_id = await upload(database, csv_of(*rows, SERUM | {"Category": f"C{size}", "Reorder point": f"{size}"}))
        with statements.counted() as seen:
            command = partial(commands.import_stock_items, file_id=file_id)
            done = await database.run(SYSTEM, command, now=NOW)
        asked.append((done.created, done.opened, len(seen)))

    assert asked == [(2, 2, STATEMENTS), (400, 400, STATEMENTS)]
    assert await store.drift() == 0
    assert await store.drift(other) == 0


STATEMENTS = 18
"""The clock and the actor, the file, three for what is there, five for what changes, three a branch, two for entries."""


async def test_whoever_may_not_see_costs_or_suppliers_neither_writes_nor_probes_them(database: Database) -> None:
    store = await make_store(database)
    rights = ROLES["MANAGER"].permissions - {Permission.COST_READ, Permission.SUPPLIER_READ, Permission.STOCK_APPROVE}
    actor = Actor(new_id(), access(frozenset(rights), frozenset(), Reach.ONE_BRANCH), (store.branch_id,))
    hidden = {"Unit cost": "1.00", "Supplier": "Wella", **LOT}

    told = await refused(database, csv_of(SERUM | hidden), actor=actor, branch_id=store.branch_id, is_dry_run=True)
    done = await bring(database, csv_of(SERUM | {"Price": "100"}), actor=actor)

    assert set(told) == {
        *((1, title, "FORBIDDEN") for title in ("Unit cost", "Supplier", "Opening quantity", "Opening unit cost")),
    }
    assert done.changed == 1
    with pytest.raises(Forbidden):
        await bring(database, csv_of(SERUM), actor=actor_as("RECEPTIONIST", store.branch_id))


async def test_another_branchs_opening_stock_and_another_persons_file_are_not_there(database: Database) -> None:
    store = await make_store(database)
    other = await make_branch(database, "MYS1")
    manager = actor_as("MANAGER", store.branch_id)

    told = await refused(database, csv_of(OIL | LOT | {"Branch": "MYS1"}), actor=manager)
    with pytest.raises(InvalidInput) as no_branch:
        await bring(database, csv_of(OIL | LOT), actor=manager, branch_id=other)
    with pytest.raises(InvalidInput) as nowhere:
        await bring(database, csv_of(OIL), branch_id=new_id())
    file_id = await upload(database, csv_of(OIL))
    with pytest.raises(InvalidInput) as no_file:
        await database.run(manager, lambda work: commands.import_stock_items(work, file_id), now=NOW)

    assert told == [(2, "Branch", "NOT_FOUND")]
    paths = [raised.value.issues[0].path for raised in (no_branch, nowhere, no_file)]
    assert paths == [("branchId",), ("branchId",), ("fileId",)]


async def test_of_two_who_bring_the_same_new_products_the_second_changes_nothing(database: Database) -> None:
    store = await make_store(database)
    rows = csv_of(*({**OIL, **LOT, "SKU": f"S{number}"} for number in range(20)))
    without_stock = csv_of(*({**OIL, "SKU": f"S{number}"} for number in range(20)))

    outcomes = await asyncio.gather(
        bring(database, rows, branch_id=store.branch_id),
        bring(database, without_stock, branch_id=store.branch_id),
        bring(database, without_stock, branch_id=store.branch_id),
        return_exceptions=True,
    )

    created = [each.created for each in outcomes if isinstance(each, Imported)]
    assert max(created) == 20
    assert sum(created) == 20
    assert await store.drift() == 0


async def test_a_file_is_imported_through_the_schema_once_for_a_key(database: Database) -> None:
    store = await make_store(database)
    ask = Asker(database)
    given = {
        "fileId": id_text("file", await upload(database, csv_of({**OIL, **LOT}))),
        "branchId": id_text("branch", store.branch_id),
        "dryRun": False,
    }

    first = await ask(IMPORT, key="k" * 16, input=given)
    again = await ask(IMPORT, key="k" * 16, input=given)
    wrong = id_text("file", await upload(database, csv_of({**OIL, **LOT})))
    refusal = (await ask.data(IMPORT, input={**given, "fileId": wrong}))["importStockItems"]

    assert first["data"] == again["data"]
    assert again["extensions"]["idempotency"] == {"replayed": True}
    assert first["data"]["importStockItems"] == {
        "__typename": "ImportStockItemsSuccess",
        "rows": 1,
        "created": 1,
        "changed": 0,
        "left": 0,
        "opened": 1,
        "isDryRun": False,
        "changes": [{"row": 2, "sku": "OIL-50", "isNew": True, "columns": []}],
    }
    assert refusal == {
        "__typename": "StockImportRefused",
        "faultCount": 1,
        "faults": [{"row": 2, "column": "Opening quantity", "code": "HAS_MOVED"}],
    }


IMPORT = """
mutation ($input: ImportStockItemsInput!) { importStockItems(input: $input) { __typename
  ... on ImportStockItemsSuccess { isDryRun rows created changed left opened changes { row sku isNew columns } }
  ... on StockImportRefused { faultCount faults { row column code } }
  ... on InvalidInput { issues { path code } } } }
"""
