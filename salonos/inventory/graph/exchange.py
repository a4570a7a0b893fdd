"""Stock as files: items, opening stock and counts come in, items, levels and sheets of counts go out."""

from datetime import datetime
from typing import Annotated

import strawberry

from salonos.accounting.graph import PeriodClosed
from salonos.graph.fields import enum_of, extend, field, ref
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.problem import InvalidInput
from salonos.graph.roots import Mutation
from salonos.inventory import commands
from salonos.inventory.commands import FileFormat
from salonos.inventory.graph.counts import StockCount, StockCountMovedOn
from salonos.inventory.graph.problems import StockImportRefused
from salonos.kernel.ids import id_value
from salonos.kernel.permissions import Permission
from salonos.kernel.work import Work

enum_of(
    FileFormat,
    "What a file is.",
    CSV="Text with commas, UTF-8 with its mark, as Excel opens it. Text that would be a formula has an apostrophe before it.",
    XLSX="A workbook of one sheet.",
)


@strawberry.input(description="A file of items that was uploaded.")
class ImportStockItemsInput:
    """A file of items that was uploaded."""

    file_id: strawberry.ID = field("What `POST /files` answered; it waits for an hour, for the person who uploaded it.")
    branch_id: strawberry.ID | None = field("Where opening stock lies whose row names no branch.")
    dry_run: bool = field("Whether to find every fault and write nothing.")


@strawberry.type(description="What becomes of one item.")
class StockImportChange:
    """What becomes of one item."""

    row: int = field("Its first row in the file.")
    sku: str = field("Which.")
    is_new: bool = field("Whether it is a new product.")
    columns: list[str] = field("The titles of what is changed; empty for a new product.")


@strawberry.type(description="The file was imported; or would be, in a dry run.")
class ImportStockItemsSuccess:
    """The file was imported; or would be, in a dry run."""

    is_dry_run: bool = field("Whether nothing was written.")
    rows: int = field("How many rows the file has below its titles.")
    created: int = field("How many products are new.")
    changed: int = field("How many products were changed.")
    left: int = field("How many were as the file says already.")
    opened: int = field("How many lots of opening stock were put on the shelves.")
    changes: list[StockImportChange] = field("The first 200 items that are new or changed, in the file's order.")


@strawberry.input(description="Which stock is to be a file.")
class ExportStockInput:
    """Which stock is to be a file."""

    branch_id: strawberry.ID = field("Of which branch.")
    format: FileFormat = field("What the file is to be.")


@strawberry.type(description="The file is made.")
class ExportStockSuccess:
    """The file is made."""

    name: str = field("What it is called.")
    url: str = field("Where it is fetched, on this server, by whoever has the link: `/files/…`.")
    expires_at: datetime = field("Until when the link works: five minutes.")
    rows: int = field("How many items it holds.")


@strawberry.input(description="A file of what was counted.")
class ImportStockCountInput:
    """A file of what was counted."""

    count_id: strawberry.ID = field("Of which count: an open one.")
    file_id: strawberry.ID = field("What `POST /files` answered; it waits for an hour, for the person who uploaded it.")
    dry_run: bool = field("Whether to find every fault and write nothing.")


@strawberry.type(description="The figures are kept; or would be, in a dry run.")
class ImportStockCountSuccess:
    """The figures are kept; or would be, in a dry run."""

    count: StockCount | None = field("The count as it is now.")
    is_dry_run: bool = field("Whether nothing was written.")
    rows: int = field("How many rows the file has below its titles.")
    entered: int = field("How many lines of the count have a figure in it; one that was entered before is replaced.")
    left: int = field("How many rows have no figure and were passed over.")


@strawberry.input(description="Which count is to be a file.")
class ExportStockCountInput:
    """Which count is to be a file."""

    count_id: strawberry.ID = field("Which.")
    format: FileFormat = field("What the file is to be.")


@strawberry.type(description="The file is made.")
class ExportStockCountSuccess:
    """The file is made."""

    name: str = field("What it is called.")
    url: str = field("Where it is fetched, on this server, by whoever has the link: `/files/…`.")
    expires_at: datetime = field("Until when the link works: five minutes.")
    rows: int = field("How many lines it holds.")


ImportStockCountResult = Annotated[
    ImportStockCountSuccess | InvalidInput | StockImportRefused | StockCountMovedOn,
    strawberry.union("ImportStockCountResult", description="What became of it."),
]
ExportStockCountResult = Annotated[
    ExportStockCountSuccess | InvalidInput,
    strawberry.union("ExportStockCountResult", description="What became of it."),
]
ImportStockItemsResult = Annotated[
    ImportStockItemsSuccess | InvalidInput | StockImportRefused | PeriodClosed,
    strawberry.union("ImportStockItemsResult", description="What became of it."),
]
ExportStockResult = Annotated[
    ExportStockSuccess | InvalidInput,
    strawberry.union("ExportStockResult", description="What became of it."),
]


@extend(Mutation)
class ExchangeWrites:
    """Stock as files."""

    @mutation(
        "Make and change products that are kept in stock, and begin with what lies on the shelves, from a file: all of "
        "it, or nothing.",
        requires=Permission.CATALOG_MANAGE,
        idempotency=Idempotency.REQUIRED,
    )
    async def import_stock_items(self, work: Work, input: ImportStockItemsInput) -> ImportStockItemsResult:
        """Imports a file."""
        done = await commands.import_stock_items(
            work,
            id_value("file", input.file_id),
            branch_id=id_value("branch", input.branch_id) if input.branch_id else None,
            is_dry_run=input.dry_run,
        )
        changes = [
            StockImportChange(row=each.row, sku=each.sku, is_new=each.is_new, columns=list(each.columns))
            for each in done.changes
        ]
        return ImportStockItemsSuccess(
            is_dry_run=input.dry_run,
            rows=done.rows,
            created=done.created,
            changed=done.changed,
            left=done.left,
            opened=done.opened,
            changes=changes,
        )

    @mutation(
        "Make a file of a branch's items and levels, which an import takes back without a change.",
        requires=Permission.STOCK_READ,
        idempotency=Idempotency.IGNORED,
    )
    async def export_stock(self, work: Work, input: ExportStockInput) -> ExportStockResult:
        """Makes a file."""
        made, rows = await commands.export_stock(work, id_value("branch", input.branch_id), input.format)
        return ExportStockSuccess(name=made.name, url=made.path, expires_at=made.expires_at, rows=rows)

    @mutation("Enter what a file says was counted: all of it, or nothing.", requires=Permission.STOCK_COUNT)
    async def import_stock_count(self, work: Work, input: ImportStockCountInput) -> ImportStockCountResult:
        """Enters a file."""
        count_id, file_id = id_value("stockcount", input.count_id), id_value("file", input.file_id)
        done = await commands.import_stock_count(work, count_id, file_id, is_dry_run=input.dry_run)
        return ImportStockCountSuccess(
            count=ref(StockCount, count_id),
            is_dry_run=input.dry_run,
            rows=done.rows,
            entered=done.entered,
            left=done.left,
        )

    @mutation(
        "Make a sheet of a count, to be filled in and brought back. What is expected is in it once nobody counts any more.",
        requires=Permission.STOCK_READ,
        idempotency=Idempotency.IGNORED,
    )
    async def export_stock_count(self, work: Work, input: ExportStockCountInput) -> ExportStockCountResult:
        """Makes a sheet."""
        made, rows = await commands.export_stock_count(work, id_value("stockcount", input.count_id), input.format)
        return ExportStockCountSuccess(name=made.name, url=made.path, expires_at=made.expires_at, rows=rows)
