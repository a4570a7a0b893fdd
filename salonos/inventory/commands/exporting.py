"""Stock as a file: the columns that an import reads, and what lies on the shelves."""

import asyncio
import enum
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from salonos.inventory import queries
from salonos.inventory.commands import columns
from salonos.kernel import clock, files, sheets
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import invalid, not_found
from salonos.kernel.work import Work
from salonos.salon import queries as salon

ROWS_MAX: Final = 20_000
_PAISE: Final = frozenset({"price_paise", "unit_cost_paise", "stock_value"})
_MILLI: Final = frozenset(
    {
        "reorder_point_milli",
        "reorder_quantity_milli",
        "in_stock",
        "counted_milli",
        "expected_milli",
        "variance_milli",
    }
)


class FileFormat(enum.Enum):
    """What a file is."""

    CSV = "CSV"
    XLSX = "XLSX"


async def export_stock(work: Work, branch_id: UUID, file_format: FileFormat) -> tuple[files.Export, int]:
    """A branch's items and levels as a file that an import takes back without a change; and how many rows it has.

    Costs, values and suppliers are columns only for who may see them.

    Raises: InvalidInput for a branch that is not there, and for more items than a file holds.
    """
    work.actor.require(Permission.STOCK_READ)
    work.actor.require(Permission.CATALOG_READ)
    work.actor.require_branch(branch_id)
    branch = await salon.branch_for_sale(work, branch_id)
    if branch is None:
        raise not_found(("branchId",), "branch")
    rows = await queries.stock_to_export(work, branch_id, rows_max=ROWS_MAX + 1)
    if len(rows) > ROWS_MAX:
        raise invalid(("branchId",), "TOO_MANY", f"A file holds at most {ROWS_MAX} items.")
    told = [each for each in columns.COLUMNS if not each.is_opening and _may_see(work, each)]
    on = clock.business_date(work.now, branch.time_zone)
    made = await made_file(work, rows, told, name=f"stock-{branch.code}-{on.isoformat()}", file_format=file_format)
    return made, len(rows)


async def made_file(
    work: Work,
    rows: Sequence[Row[*tuple[Any, ...]]],
    told: Sequence[columns.Column],
    *,
    name: str,
    file_format: FileFormat,
) -> files.Export:
    """A file of rows, whose columns are found by the names of what they tell."""
    content = await asyncio.to_thread(_made, rows, told, file_format)
    media_type = files.XLSX if file_format is FileFormat.XLSX else f"{files.CSV}; charset=utf-8"
    return await files.keep_export(
        work, name=f"{name}.{file_format.value.lower()}", media_type=media_type, content=content
    )


def _may_see(work: Work, column: columns.Column) -> bool:
    return column.requires is None or work.actor.may(column.requires)


def _made(rows: Sequence[Row[*tuple[Any, ...]]], told: Sequence[columns.Column], file_format: FileFormat) -> bytes:
    titles = [column.title for column in told]
    cells = [[_cell(column.name, row._mapping[column.name]) for column in told] for row in rows]  # noqa: SLF001  its API
    return sheets.write_xlsx(titles, cells) if file_format is FileFormat.XLSX else sheets.write_csv(titles, cells)


def _cell(name: str, value: Any) -> sheets.Written:
    if value is None:
        return None
    if name in _PAISE:
        return Decimal(value).scaleb(-2)
    if name in _MILLI:
        return Decimal(value).scaleb(-3)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
