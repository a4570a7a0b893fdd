"""Items and opening stock from a file: all of it in one transaction, or every fault that is in it.

A file is read into lines (`columns`), the lines are held against what is there, and only a plan without a fault is
carried out. The statements of it do not grow with the rows.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Text, bindparam, text
from sqlalchemy.exc import IntegrityError

from salonos.accounting import commands as accounting
from salonos.accounting import rules as accounts
from salonos.accounting.commands import NewEntry
from salonos.inventory import problems, queries, rules
from salonos.inventory.commands import columns
from salonos.inventory.commands.columns import Faults, Line
from salonos.inventory.commands.shelves import Amounts, Cause, Shelves
from salonos.kernel import clock, files, sheets
from salonos.kernel.database import constraint_of
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import not_found
from salonos.kernel.text import search_key
from salonos.kernel.work import StartOver, Work

CAUSE: Final = "stockimport"
REASON: Final = "Opening stock"
CHANGES_MAX: Final = 200
_RACED: Final = frozenset({"uq_products_sku", "uq_products_barcode", "pk_stock_items"})
_PRODUCT: Final = (
    "name", "category", "barcode", "hsn_code", "tax_class_id", "price_paise", "price_includes_tax", "unit_cost_paise",
    "is_retail",
)  # fmt: skip
_ITEM: Final = ("unit", "supplier_name", "supplier_id", "reorder_point_milli", "reorder_quantity_milli")
_NEEDED: Final = ("name", "hsn_code", "tax_class")


@dataclass(frozen=True)
class Change:
    """What becomes of an item: new where `is_new`, else the titles of what is changed. `row` is its first one."""

    row: int
    sku: str
    is_new: bool
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Imported:
    """What became of a file, or would. `changes` are the first of it; `opened` counts the moves of opening stock."""

    rows: int
    created: int
    changed: int
    left: int
    opened: int
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Known:
    """What the file is held against."""

    by_sku: Mapping[str, Any]
    by_barcode: Mapping[str, Any]
    moved: frozenset[tuple[UUID, UUID]]
    tax_classes: Mapping[str, UUID]
    suppliers: Mapping[str, UUID]
    branches: Mapping[str, tuple[UUID, date]]
    """By code, with today's business date; only those within the actor's reach."""

    default_branch: str | None


@dataclass
class Wanted:
    """The lines of one SKU, put together."""

    sku: str
    row: int
    values: dict[str, Any] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    lots: list[Line] = field(default_factory=list)

    def lacks(self, name: str) -> bool:
        """Whether nobody said it; what could not be read is a fault already."""
        return name not in self.values and name not in self.unread


@dataclass
class Plan:
    """Rows to be written."""

    products: list[dict[str, Any]] = field(default_factory=list)
    new_products: list[dict[str, Any]] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)
    new_items: list[dict[str, Any]] = field(default_factory=list)
    units: dict[UUID, Mapping[str, int]] = field(default_factory=dict)
    lots: dict[tuple[UUID, date], list[tuple[UUID, Line]]] = field(default_factory=dict)
    """Opening stock by branch and business date: product and line."""

    changes: list[Change] = field(default_factory=list)
    left: int = 0


async def import_stock_items(
    work: Work, file_id: UUID, *, branch_id: UUID | None = None, is_dry_run: bool = False
) -> Imported:
    """Makes and changes products that are kept in stock, and puts their opening stock on the shelves and in the books.

    An empty cell leaves what is there. A dry run finds the same faults and writes nothing.

    Raises: InvalidInput for a file or branch that is not there; ImportRefused with every fault; PeriodClosed.
    """
    work.actor.require(Permission.CATALOG_MANAGE)
    if branch_id is not None:
        work.actor.require_branch(branch_id)
    sheet = await files.uploaded(work, file_id)
    if sheet is None:
        raise not_found(("fileId",), "file: upload it again, it waits for an hour")
    faults = Faults()
    read = await asyncio.to_thread(columns.read, sheet, faults)
    refuse_hidden(work, sheet, read, faults)
    known = await known_of(work, read.lines, branch_id)
    plan = await asyncio.to_thread(planned, read, known, faults)
    if faults.count:
        raise problems.ImportRefused(faults.count, tuple(faults.first))
    if not is_dry_run:
        await carry_out(work, plan)
    created = len(plan.new_products)
    return Imported(
        rows=len(sheet.rows) - 1,
        created=created,
        changed=len(plan.changes) - created,
        left=plan.left,
        opened=sum(len(lots) for lots in plan.lots.values()),
        changes=tuple(plan.changes[:CHANGES_MAX]),
    )


def refuse_hidden(work: Work, sheet: sheets.Sheet, read: columns.Read, faults: Faults) -> None:
    """A dry run must not tell what its asker may not see; and stock out of nothing needs somebody who may approve it."""
    for column in columns.COLUMNS:
        if column.read is None or column.name not in read.columns:
            continue
        if not all(work.actor.may(right) for right in column.rights):
            faults.add(sheet.rows[0].number, column.title, "FORBIDDEN", "You may not see or set this.")


async def known_of(work: Work, lines: Sequence[Line], branch_id: UUID | None) -> Known:
    """What is there of what the lines name, in three statements. Products are locked, in the order of their ids.

    Raises: InvalidInput for a branch that is not there.
    """
    rows = await queries.products_to_import(work, skus=_values(lines, "sku"), barcodes=_values(lines, "barcode"))
    moved = await queries.moved_levels(work, [row.id for row in rows])
    names = await queries.names_to_import(
        work,
        tax_classes={name.lower() for name in _values(lines, "tax_class")},
        suppliers={search_key(name) for name in _values(lines, "supplier")},
    )
    branches = [row for row in names if row.kind == "branch" and work.actor.reaches(row.id)]
    default = next((row.name for row in branches if row.id == branch_id), None)
    if branch_id is not None and default is None:
        raise not_found(("branchId",), "branch")
    return Known(
        by_sku={row.sku: row for row in rows},
        by_barcode={row.barcode: row for row in rows if row.barcode},
        moved=moved,
        tax_classes={name: row.id for row in names if row.kind == "tax class" for name in (row.name.lower(), row.name)},
        suppliers={row.name: row.id for row in names if row.kind == "supplier"},
        branches={row.name: (row.id, clock.business_date(work.now, row.zone)) for row in branches},
        default_branch=default,
    )


def _values(lines: Sequence[Line], name: str) -> set[str]:
    return {line.values[name] for line in lines if name in line.values}


# --- planning


def planned(read: columns.Read, known: Known, faults: Faults) -> Plan:
    """What is to be written. Pure; every fault is found."""
    plan, barcodes = Plan(), dict[str, int]()
    for wanted in _together(read.lines, faults):
        there = known.by_sku.get(wanted.sku)
        values = _resolved(wanted, known, faults)
        if "barcode" in values:
            _check_barcode(wanted, known, barcodes, faults)
        if there is None:
            product_id = _plan_new(plan, wanted, values, faults)
        else:
            product_id = there.id
            _plan_change(plan, wanted, values, there, known, faults)
        for line in wanted.lots:
            _plan_lot(plan, line, product_id, known, faults)
    return plan


def _together(lines: Sequence[Line], faults: Faults) -> list[Wanted]:
    """The lines by SKU, in the order of their first ones. What they say of the item they must say alike."""
    found: dict[str, Wanted] = {}
    for line in lines:
        sku = line.values["sku"]
        wanted = found.setdefault(sku, Wanted(sku, line.row))
        wanted.unread |= line.unread
        for name in columns.ITEM_NAMES:
            if name not in line.values:
                continue
            if wanted.values.setdefault(name, line.values[name]) != line.values[name]:
                faults.add(line.row, columns.TITLES[name], "DIFFERENT", f"Row {wanted.row} says otherwise of this SKU.")
        if any(column.is_opening and column.name in line.values for column in columns.COLUMNS):
            wanted.lots.append(line)
    return list(found.values())


def _resolved(wanted: Wanted, known: Known, faults: Faults) -> dict[str, Any]:
    """The values with ids in place of names."""
    values = dict(wanted.values)
    tax_class = values.pop("tax_class", None)
    if tax_class is not None:
        values["tax_class_id"] = known.tax_classes.get(tax_class) or known.tax_classes.get(tax_class.lower())
        if values["tax_class_id"] is None:
            faults.add(wanted.row, columns.TAX_CLASS, "NOT_FOUND", "There is no such tax class.")
    return values


def _check_barcode(wanted: Wanted, known: Known, barcodes: dict[str, int], faults: Faults) -> None:
    barcode = wanted.values["barcode"]
    holder = known.by_barcode.get(barcode)
    if holder is not None and holder.sku != wanted.sku:
        faults.add(wanted.row, columns.BARCODE, "TAKEN", f"{holder.sku} has this barcode.")
    elif barcodes.setdefault(barcode, wanted.row) != wanted.row:
        faults.add(wanted.row, columns.BARCODE, "TAKEN", f"Row {barcodes[barcode]} has this barcode.")


def _plan_new(plan: Plan, wanted: Wanted, values: Mapping[str, Any], faults: Faults) -> UUID:
    """A product that is not there yet."""
    product_id, is_retail = new_id(), values.get("is_retail", True)
    for name in _NEEDED:
        if wanted.lacks(name):
            faults.add(wanted.row, columns.TITLES[name], "REQUIRED", "A new product needs this.")
    if is_retail and wanted.lacks("price_paise") and "is_retail" not in wanted.unread:
        faults.add(wanted.row, columns.PRICE, "REQUIRED", "A new retail product needs this.")
    _check_price(wanted, is_retail=is_retail, price_paise=values.get("price_paise", 0), faults=faults)
    given = {name: values.get(name) for name in _PRODUCT}
    plan.new_products.append(
        given
        | {
            "id": product_id,
            "sku": wanted.sku,
            "search_name": search_key(given["name"] or ""),
            "category": given["category"] or "",
            "price_paise": given["price_paise"] or 0,
            "price_includes_tax": values.get("price_includes_tax", True),
            "is_retail": is_retail,
        }
    )
    _plan_item(plan, wanted, values, product_id, is_retail=is_retail, faults=faults)
    plan.changes.append(Change(wanted.row, wanted.sku, is_new=True, columns=()))
    return product_id


def _plan_change(
    plan: Plan, wanted: Wanted, values: Mapping[str, Any], there: Any, known: Known, faults: Faults
) -> None:
    """A product that is there: what the file says otherwise."""
    product = {name: values[name] for name in _PRODUCT if name in values and values[name] != getattr(there, name)}
    is_retail = values.get("is_retail", there.is_retail)
    price_paise = values.get("price_paise", there.price_paise)
    _check_price(wanted, is_retail=is_retail, price_paise=price_paise, faults=faults)
    if product:
        whole = {name: getattr(there, name) for name in _PRODUCT} | product
        plan.products.append(whole | {"id": there.id, "search_name": search_key(whole["name"])})
    names = list(product)
    if not there.is_stocked:
        _plan_item(plan, wanted, values, there.id, is_retail=is_retail, faults=faults)
        names.append("unit")
    else:
        names += _plan_item_change(plan, wanted, values, there, known, faults)
    if names:
        titles = tuple(columns.TITLES.get(name, columns.TAX_CLASS) for name in names)
        plan.changes.append(Change(wanted.row, wanted.sku, is_new=False, columns=titles))
    else:
        plan.left += 1


def _check_price(wanted: Wanted, *, is_retail: bool, price_paise: int, faults: Faults) -> None:
    if not is_retail and price_paise:
        faults.add(wanted.row, columns.PRICE, "NOT_RETAIL", "A product that is not sold has the price 0.00.")


def _plan_item(
    plan: Plan, wanted: Wanted, values: Mapping[str, Any], product_id: UUID, *, is_retail: bool, faults: Faults
) -> None:
    """A product that begins to be kept in stock."""
    unit = values.get("unit")
    if wanted.lacks("unit"):
        faults.add(wanted.row, columns.UNIT, "REQUIRED", "What is kept in stock is counted in something.")
    _check_units(wanted, values, unit, faults)
    use = rules.StockUse.RETAIL if is_retail else rules.StockUse.PROFESSIONAL
    plan.new_items.append(
        {
            "id": product_id,
            "use": use.name,
            "unit": unit.name if unit else None,
            "supplier_name": values.get("supplier"),
            "reorder_point_milli": values.get("reorder_point_milli"),
            "reorder_quantity_milli": values.get("reorder_quantity_milli"),
        }
    )
    if values.get("units"):
        plan.units[product_id] = {each.name: holds for each, holds in values["units"].items()}


def _plan_item_change(
    plan: Plan, wanted: Wanted, values: Mapping[str, Any], there: Any, known: Known, faults: Faults
) -> list[str]:
    """An item that is kept: what the file says otherwise. Returns the names of it."""
    changed: dict[str, Any] = {}
    unit = values.get("unit", rules.StockUnit[there.unit])
    if unit.name != there.unit:
        changed["unit"] = unit.name
        if any(product_id == there.id for product_id, _ in known.moved):
            faults.add(wanted.row, columns.UNIT, "UNIT_IN_USE", f"It was counted in {there.unit} already.")
    for name in ("reorder_point_milli", "reorder_quantity_milli"):
        if name in values and values[name] != getattr(there, name):
            changed[name] = values[name]
    if "supplier" in values and values["supplier"] != there.supplier:
        changed["supplier"] = values["supplier"]
    _check_units(wanted, values, unit, faults)
    if changed:
        whole = {name: getattr(there, name) for name in _ITEM} | changed
        if "supplier" in changed:
            name = whole.pop("supplier")
            whole |= {"supplier_name": name, "supplier_id": known.suppliers.get(search_key(name))}
        plan.items.append(whole | {"id": there.id})
    units = {each.name: holds for each, holds in values.get("units", {}).items()}
    if "units" in values and units != there.units:
        plan.units[there.id] = units
        changed["units"] = units
    return list(changed)


def _check_units(wanted: Wanted, values: Mapping[str, Any], unit: rules.StockUnit | None, faults: Faults) -> None:
    if unit is not None and unit in values.get("units", {}):
        faults.add(wanted.row, columns.UNITS, "TAKEN", "The item's own unit is none of the further ones.")


def _plan_lot(plan: Plan, line: Line, product_id: UUID, known: Known, faults: Faults) -> None:
    """Opening stock of one batch at one branch."""
    values = line.values
    for name in ("quantity_milli", "opening_cost_paise"):
        if name not in values and name not in line.unread:
            faults.add(line.row, columns.TITLES[name], "REQUIRED", "Opening stock needs this.")
    code = str(values.get("branch", known.default_branch or "")).upper()
    if code not in known.branches:
        problem = ("NOT_FOUND", "There is no such branch.") if code else ("REQUIRED", "Opening stock lies at a branch.")
        faults.add(line.row, columns.BRANCH, *problem)
        return
    branch_id, today = known.branches[code]
    expires_on = values.get("expires_on")
    if expires_on is not None and expires_on < today:
        faults.add(line.row, columns.EXPIRES, "EXPIRED", "These goods have expired.")
    if expires_on is not None and expires_on.year >= rules.YEAR_MAX:
        faults.add(line.row, columns.EXPIRES, "OUT_OF_RANGE", "Goods expire before the year 2100.")
    if (product_id, branch_id) in known.moved:
        faults.add(line.row, columns.QUANTITY, "HAS_MOVED", "Something was moved there already: count or receive it.")
    plan.lots.setdefault((branch_id, today), []).append((product_id, line))


# --- writing

_WRITE = {
    "new_products": """
        insert into products (id, name, search_name, category, sku, barcode, hsn_code, tax_class_id, price_paise,
            price_includes_tax, unit_cost_paise, is_retail, is_active, is_stocked, version, created_at)
        select id, name, search_name, category, sku, barcode, hsn_code, tax_class_id, price_paise, price_includes_tax,
            unit_cost_paise, is_retail, true, true, 1, cast(:now as timestamptz)
        from jsonb_populate_recordset(null::products, cast(:rows as jsonb))
    """,
    "products": """
        update products as product set name = given.name, search_name = given.search_name, category = given.category,
            barcode = given.barcode, hsn_code = given.hsn_code, tax_class_id = given.tax_class_id,
            price_paise = given.price_paise, price_includes_tax = given.price_includes_tax,
            unit_cost_paise = given.unit_cost_paise, is_retail = given.is_retail, version = product.version + 1
        from jsonb_populate_recordset(null::products, cast(:rows as jsonb)) as given
        where product.id = given.id
    """,
    "new_items": """
        insert into stock_items (id, use, unit, supplier_name, supplier_id, reorder_point_milli, reorder_quantity_milli,
            version, created_at)
        select id, use, unit, supplier_name, supplier_id, reorder_point_milli, reorder_quantity_milli, 1,
            cast(:now as timestamptz)
        from jsonb_populate_recordset(null::stock_items, cast(:rows as jsonb))
    """,
    "items": """
        update stock_items as item set unit = given.unit, supplier_name = given.supplier_name,
            supplier_id = given.supplier_id, reorder_point_milli = given.reorder_point_milli,
            reorder_quantity_milli = given.reorder_quantity_milli, version = item.version + 1
        from jsonb_populate_recordset(null::stock_items, cast(:rows as jsonb)) as given
        where item.id = given.id
    """,
    "units": """
        with gone as (
            delete from stock_units where item_id in (
                select item_id from jsonb_to_recordset(cast(:rows as jsonb)) as given (item_id uuid))
              and (item_id, unit) not in (
                select item_id, unit from jsonb_populate_recordset(null::stock_units, cast(:rows as jsonb)))
        )
        insert into stock_units (item_id, unit, holds_milli)
        select item_id, unit, holds_milli from jsonb_populate_recordset(null::stock_units, cast(:rows as jsonb))
        on conflict (item_id, unit) do update set holds_milli = excluded.holds_milli
    """,
}


async def carry_out(work: Work, plan: Plan) -> None:
    """Writes a plan: products, items, units, each in a statement at most; then opening stock, four more and two a branch.

    Raises: StartOver where somebody else made one of the products meanwhile; PeriodClosed.
    """
    held = [
        {"item_id": item_id, "unit": unit, "holds_milli": holds}
        for item_id, units in plan.units.items()
        for unit, holds in units.items()
    ]
    written = (
        ("new_products", plan.new_products),
        ("products", plan.products),
        ("new_items", plan.new_items),
        ("items", plan.items),
        ("units", held),
    )
    try:
        for name, rows in written:
            if rows:
                await _write(work, name, rows)
    except IntegrityError as error:
        if constraint_of(error) in _RACED:
            raise StartOver from error
        raise
    await _open_stock(work, plan)


async def _write(work: Work, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    given: dict[str, Any] = {"rows": orjson.dumps(rows, default=str).decode()}
    statement = text(_WRITE[name]).bindparams(bindparam("rows", type_=Text()))
    if ":now" in _WRITE[name]:
        given["now"] = work.now
    await work.session.execute(statement, given)


async def _open_stock(work: Work, plan: Plan) -> None:
    """Goods on the shelves as the books begin: their value is the owner's capital."""
    import_id, entries = new_id(), []
    for (branch_id, on), lots in sorted(plan.lots.items(), key=lambda each: each[0]):
        codes = {line.values["batch"] for _, line in lots if "batch" in line.values}
        cause = Cause(CAUSE, import_id, on, REASON)
        shelves = await Shelves.lock(work, branch_id, cause, {product_id for product_id, _ in lots}, codes=codes)
        amounts = Amounts()
        for product_id, line in lots:
            shelf, values = shelves.by_product[product_id], line.values
            cost = rules.value_of(values["quantity_milli"], values["opening_cost_paise"])
            batch_id = shelves.batch(shelf, values.get("batch"), values.get("expires_on"))
            worth = shelves.take_in(
                shelf, batch_id, values["quantity_milli"], cost, rules.StockMoveKind.RECEIVE, position=line.row
            )
            amounts.take_in(shelf.use, accounts.CAPITAL, cost_paise=cost, worth_paise=worth)
        await shelves.store()
        if amounts.lines():
            entries.append(NewEntry(branch_id, on, REASON, CAUSE, import_id, amounts.lines()))
    if entries:
        await accounting.post_entries(work, entries)
