"""The columns of a file of stock: what their cells mean, and a sheet read by its titles. Pure, and slow enough for a thread."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from salonos.catalog import rules as catalog
from salonos.inventory import rules
from salonos.inventory.problems import ImportFault
from salonos.kernel import sheets
from salonos.kernel.permissions import Permission
from salonos.kernel.text import safe_text

FAULTS_MAX: Final = 200
_FIRST_DAY: Final = date(1899, 12, 30)
"""Day 0 of spreadsheets; right from March 1900 on."""

_NUMBER: Final = re.compile(r"(?P<sign>-?)(?P<whole>[0-9]{1,12})(?:\.(?P<places>[0-9]{1,12}))?", re.ASCII)
_GROUPED: Final = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{2,3})*,[0-9]{3}(?:\.[0-9]+)?", re.ASCII)
_CURRENCY: Final = re.compile(r"^(?:₹|Rs\.?|INR)\s*", re.ASCII | re.IGNORECASE)
_DAY_FIRST: Final = re.compile(r"([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{4})", re.ASCII)
_YES, _NO = frozenset({"yes", "y", "true", "1"}), frozenset({"no", "n", "false", "0"})


class Misread(Exception):  # noqa: N818  a cell that means nothing
    """A cell that can't be what its column holds."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass
class Faults:
    """What is wrong with a file, in the order in which it is found: the first of it, and how much there is."""

    first: list[ImportFault] = field(default_factory=list)
    count: int = 0

    def add(self, row: int, column: str, code: str, message: str) -> None:
        """One more."""
        self.count += 1
        if self.count <= FAULTS_MAX:
            self.first.append(ImportFault(row, column, code, message))


@dataclass(frozen=True)
class Column:
    """A column: its title, the name of its value, how a cell is read (None: exports tell it, nobody reads it).

    Without the permission that it requires nobody writes it, nor reads it in an export.
    """

    title: str
    name: str
    read: "Callable[[sheets.Cell], Any] | None"
    meaning: str
    requires: Permission | None = None
    is_opening: bool = False

    @property
    def rights(self) -> tuple[Permission, ...]:
        """What whoever writes it needs beside the right to import."""
        opening = (Permission.STOCK_APPROVE,) if self.is_opening else ()
        return (*opening, *((self.requires,) if self.requires else ()))


@dataclass(frozen=True)
class Line:
    """A row of a file: the values of its cells that are not empty, and the names of those that could not be read."""

    row: int
    values: Mapping[str, Any]
    unread: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Read:
    """A sheet by its columns."""

    lines: tuple[Line, ...]
    columns: frozenset[str]


# --- cells


def _text(characters_max: int) -> Callable[[sheets.Cell], str]:
    def read(cell: sheets.Cell) -> str:
        try:
            return safe_text(_shown(cell), characters_max=characters_max)
        except ValueError as error:
            raise Misread("INVALID_TEXT", str(error)) from error

    return read


def _form(pattern: re.Pattern[str], message: str, *, is_sku: bool = False) -> Callable[[sheets.Cell], str]:
    def read(cell: sheets.Cell) -> str:
        text = catalog.sku_text(_shown(cell)) if is_sku else _shown(cell)
        if pattern.fullmatch(text) is None:
            raise Misread("INVALID_FORM", message)
        return text

    return read


def _number(places_max: int, *, least: int, most: int, message: str) -> Callable[[sheets.Cell], int]:
    """An integer of the smallest part: thousandths of a unit, paise."""

    def read(cell: sheets.Cell) -> int:
        text = _CURRENCY.sub("", _shown(cell))
        found = _NUMBER.fullmatch(text.replace(",", "") if _GROUPED.fullmatch(text) else text)
        if found is None:
            raise Misread("NO_NUMBER", "This is not a number.")
        places = (found["places"] or "").rstrip("0")
        if len(places) > places_max:
            raise Misread("TOO_PRECISE", f"This has more than {places_max} decimal places.")
        number = int(found["whole"] + places.ljust(places_max, "0")) * (-1 if found["sign"] else 1)
        if not least <= number <= most:
            raise Misread("OUT_OF_RANGE", message)
        return number

    return read


def _yes_no(cell: sheets.Cell) -> bool:
    word = _shown(cell).lower()
    if word not in _YES | _NO:
        raise Misread("NO_YES_OR_NO", "Write yes or no.")
    return word in _YES


def _unit(cell: sheets.Cell) -> rules.StockUnit:
    try:
        return rules.StockUnit[_shown(cell).upper()]
    except KeyError as error:
        known = ", ".join(unit.name for unit in rules.StockUnit)
        raise Misread("UNKNOWN_UNIT", f"The units are {known}.") from error


def _units(cell: sheets.Cell) -> dict[rules.StockUnit, int]:
    held: dict[rules.StockUnit, int] = {}
    for part in re.split(r"[;,]", _shown(cell)):
        name, _, holds = part.strip().partition("=")
        unit = _unit(name.strip())
        if unit in held:
            raise Misread("TAKEN", "A unit is named twice.")
        held[unit] = _HOLDS(holds.strip())
    if len(held) > rules.UNITS_MAX:
        raise Misread("TOO_MANY", f"An item has at most {rules.UNITS_MAX} further units.")
    return held


def _date(cell: sheets.Cell) -> date:
    """A day as a spreadsheet counts it, as ISO 8601 writes it, or day first as India does."""
    try:
        if isinstance(cell, int):
            return _FIRST_DAY + timedelta(days=cell)
        text = _shown(cell)
        if found := _DAY_FIRST.fullmatch(text):
            return date(int(found[3]), int(found[2]), int(found[1]))
        return date.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise Misread("NO_DATE", "Write a date as 2027-01-31 or 31/01/2027.") from error


def _shown(cell: sheets.Cell) -> str:
    return cell if isinstance(cell, str) else sheets.number_text(cell)


_MONEY: Final = _number(2, least=0, most=catalog.PRICE_PAISE_MAX, message="An amount is 0.00 to 10000000.00.")
_HOLDS: Final = _number(3, least=1, most=rules.QUANTITY_MAX, message="A unit holds more than 0, at most a million.")
_AMOUNT: Final = _number(3, least=1, most=rules.QUANTITY_MAX, message="This is more than 0 and at most a million.")
_POINT: Final = _number(3, least=0, most=rules.QUANTITY_MAX, message="This is 0 to a million.")

SKU, NAME, BARCODE, HSN, TAX_CLASS, PRICE, RETAIL = (
    "SKU", "Name", "Barcode", "HSN", "Tax class", "Price", "Retail",
)  # fmt: skip
UNIT, UNITS, SUPPLIER, BRANCH, QUANTITY, COST, BATCH, EXPIRES = (
    "Unit", "Further units", "Supplier", "Branch", "Opening quantity", "Opening unit cost", "Batch", "Expires on",
)  # fmt: skip
COLUMNS: Final = (
    Column(
        SKU, "sku", _form(catalog.SKU, "A SKU has 1 to 32 of A-Z 0-9 . _ - and begins with a letter or digit.", is_sku=True),
        "Tells the items apart. Needed in every row; several rows of one SKU bring several batches or branches.",
    ),
    Column(NAME, "name", _text(catalog.NAME_MAX), "At most 120 characters. Needed for a new product."),
    Column("Category", "category", _text(catalog.CATEGORY_MAX), "At most 120 characters."),
    Column(
        BARCODE, "barcode", _form(catalog.BARCODE, "A barcode has 4 to 32 digits, letters or hyphens."),
        "4 to 32 digits, letters or hyphens; no two products share one.",
    ),
    Column(
        HSN, "hsn_code", _form(catalog.HSN, "An HSN has 4, 6 or 8 digits and does not begin with 99."),
        "4, 6 or 8 digits. Needed for a new product.",
    ),
    Column(TAX_CLASS, "tax_class", _text(catalog.NAME_MAX), "The name of a tax class. Needed for a new product."),
    Column(
        PRICE, "price_paise", _MONEY,
        "Two decimal places at most. Needed for a new retail product; 0.00 for what is not sold.",
    ),
    Column("Price includes tax", "price_includes_tax", _yes_no, "yes or no; yes for a new product."),
    Column("Unit cost", "unit_cost_paise", _MONEY, "What one costs us, without tax.", requires=Permission.COST_READ),
    Column(RETAIL, "is_retail", _yes_no, "yes or no; yes for a new product."),
    Column(
        UNIT, "unit", _unit,
        "PIECE, ML, L, G, KG, BOX or BOTTLE. Needed for what is not stocked yet; stays once something was moved.",
    ),
    Column(UNITS, "units", _units, "How much of the unit others hold: `BOTTLE=500; BOX=6000`. Replaces what is there."),
    Column(
        SUPPLIER, "supplier", _text(rules.SUPPLIER_NAME_MAX), "Who delivers it; one of the suppliers where the name is theirs.",
        requires=Permission.SUPPLIER_READ,
    ),
    Column("Reorder point", "reorder_point_milli", _POINT, "At this quantity or below a branch is low."),
    Column("Reorder quantity", "reorder_quantity_milli", _AMOUNT, "How much is ordered at once."),
    Column(BRANCH, "branch", _text(4), "The code of the branch of the opening stock; `branchId` of the import where empty."),
    Column(
        QUANTITY, "quantity_milli", _AMOUNT,
        "What lies there as the books begin, in the item's unit: once, before anything else moves it there.",
        is_opening=True,
    ),
    Column(
        COST, "opening_cost_paise", _MONEY, "What one of it is worth in the books. Needed with an opening quantity.",
        requires=Permission.COST_READ, is_opening=True,
    ),
    Column(BATCH, "batch", _text(rules.BATCH_CODE_MAX), "The batch as printed, at most 40 characters.", is_opening=True),
    Column(
        EXPIRES, "expires_on", _date, "The last date of use, as 2027-01-31 or 31/01/2027: today or later.", is_opening=True
    ),
    Column("In stock", "in_stock", None, "Told by exports, not read: stock changes by what happens to it."),
    Column("Stock value", "stock_value", None, "Told by exports, not read.", Permission.COST_READ),
)  # fmt: skip
"""Of items, in the order of exports."""

COUNTED: Final = "Counted"
COUNT_COLUMNS: Final = (
    Column(
        SKU, "sku", _form(catalog.SKU, "A SKU has 1 to 32 of A-Z 0-9 . _ - and begins with a letter or digit.", is_sku=True),
        "What was counted. This, the barcode or the name is needed in every row.",
    ),
    Column(
        BARCODE, "barcode", _form(catalog.BARCODE, "A barcode has 4 to 32 digits, letters or hyphens."),
        "The same, where there is no SKU.",
    ),
    Column(NAME, "name", _text(catalog.NAME_MAX), "The same, where there is neither, of an item that alone has it."),
    Column(BATCH, "batch", _text(rules.BATCH_CODE_MAX), "The batch as printed, where batches are counted by themselves."),
    Column(EXPIRES, "expires_on", _date, "The batch's last date of use, as 2027-01-31 or 31/01/2027."),
    Column(COUNTED, "counted_milli", _POINT, "How many are there: 0 to a million. A row without it is passed over."),
    Column(UNIT, "unit", _unit, "Of which of the item's units; its own when empty."),
    Column("Expected", "expected_milli", None, "Told by exports once nobody counts any more, not read."),
    Column("Variance", "variance_milli", None, "Told by exports once nobody counts any more, not read."),
)  # fmt: skip
"""Of a count, in the order of exports."""


@dataclass(frozen=True)
class Table:
    """A kind of file: its columns, and those of which every row needs one."""

    columns: tuple[Column, ...]
    keys: tuple[str, ...]

    @property
    def by_title(self) -> Mapping[str, Column]:
        """By the title as it is compared."""
        return {known(each.title): each for each in self.columns}

    def title(self, name: str) -> str:
        """The title of a value."""
        return next(each.title for each in self.columns if each.name == name)


ITEMS: Final = Table(COLUMNS, ("sku",))
COUNTS: Final = Table(COUNT_COLUMNS, ("sku", "barcode", "name"))

ITEM_NAMES: Final = tuple(each.name for each in COLUMNS[:15])
TITLES: Final[Mapping[str, str]] = {each.name: each.title for each in COLUMNS}


def known(title: str) -> str:
    """A title as it is compared: letters and digits, without case."""
    return re.sub(r"[^a-z0-9]", "", title.lower())


def markdown(table: Table = ITEMS) -> str:
    """The table of the documentation."""
    told = [f"| {each.title} | {each.meaning} | {', '.join(p.value for p in each.rights)} |" for each in table.columns]
    return "\n".join(["| column | what stands in it | needs |", "|---|---|---|", *told])


# --- sheets


def read(sheet: sheets.Sheet, faults: Faults, table: Table = ITEMS) -> Read:
    """The rows by their titles. What is wrong with a title, a cell or a row's key is a fault."""
    header, *rows = sheet.rows
    layout = dict(_layout(header, faults, table.by_title))
    for each in sheet.faults:
        title = layout[each.column].title if each.column in layout else letters(each.column)
        faults.add(each.row, title, each.code, each.message)
    unread = {(each.row, each.column) for each in sheet.faults}
    lines = [_line(row, layout, unread, faults, table) for row in rows]
    if not rows:
        faults.add(header.number, "", "EMPTY", "There are no rows below the titles.")
    found = frozenset(column.name for column in layout.values())
    if found.isdisjoint(table.keys):
        titles = [table.title(key) for key in table.keys]
        faults.add(header.number, titles[0], "MISSING_COLUMN", f"There is no column {' or '.join(titles)}.")
        return Read((), found)
    return Read(tuple(line for line in lines if not line.values.keys().isdisjoint(table.keys)), found)


def letters(column: int) -> str:
    """A column as spreadsheets name it: A, B … Z, AA."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def _layout(header: sheets.Row, faults: Faults, by_title: Mapping[str, Column]) -> Iterable[tuple[int, Column]]:
    seen: set[str] = set()
    for place, cell in enumerate(header.cells):
        title = _shown(cell)
        column = by_title.get(known(title))
        if column is None:
            # An empty title is a fault only where something stands below it, and there it has a letter.
            if title:
                faults.add(header.number, title[:80], "UNKNOWN_COLUMN", "There is no such column.")
        elif column.name in seen:
            faults.add(header.number, column.title, "TAKEN", "This column stands twice.")
        else:
            seen.add(column.name)
            yield place, column


def _line(
    row: sheets.Row, layout: Mapping[int, Column], unread: set[tuple[int, int]], faults: Faults, table: Table
) -> Line:
    values: dict[str, Any] = {}
    failed = {column.name for place, column in layout.items() if (row.number, place) in unread}
    for place, cell in enumerate(row.cells):
        column = layout.get(place)
        if column is None or column.read is None or cell == "":
            continue
        try:
            values[column.name] = column.read(cell)
        except Misread as misread:
            faults.add(row.number, column.title, misread.code, misread.message)
            failed.add(column.name)
    is_known = any(key in values or key in failed for key in table.keys)
    if not is_known and any(column.name in table.keys for column in layout.values()):
        faults.add(row.number, table.title(table.keys[0]), "REQUIRED", "This can't be empty.")
    return Line(row.number, values, frozenset(failed))
