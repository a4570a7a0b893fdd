"""Bills as a file, read with the asker's own rights: while it is fetched, or by the worker where there are many."""

import enum
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from salonos.inventory.commands import FileFormat
from salonos.kernel import clock, exports, files
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import Forbidden
from salonos.kernel.work import Work
from salonos.salon import rules as salon


class ExportedRows(enum.Enum):
    """What stands in a row of the file."""

    BILLS = "BILLS"
    LINES = "LINES"


async def export_bills(
    work: Work, *, rows: ExportedRows, file_format: FileFormat, conditions: Mapping[str, Any]
) -> files.Export:
    """A link to a file of all bills of some conditions, in the form in which clients write them.

    The file is made anew each time it is fetched, of what the asker may read at that moment, and only while they are
    signed in on the device that asked.
    """
    _require(work)
    if work.actor.session_id is None:
        raise Forbidden("Only somebody who is signed in takes bills away.")
    asked = {**_asked(rows, file_format, conditions), "session": work.actor.session_id.hex}
    return await files.keep_request(work, name=_name(work, rows, file_format), asked=asked)


async def start_export(
    work: Work, *, rows: ExportedRows, file_format: FileFormat, conditions: Mapping[str, Any]
) -> UUID:
    """Has the worker make a file of all bills of some conditions, with the rights that the asker has when it is made.

    Raises: exports.TooManyExports.
    """
    _require(work)
    media_type = files.XLSX if file_format is FileFormat.XLSX else files.CSV
    what = _asked(rows, file_format, conditions)
    return await exports.start(work, name=_name(work, rows, file_format), media_type=media_type, what=what)


def _require(work: Work) -> None:
    work.actor.require(Permission.REPORT_EXPORT)
    work.actor.require(Permission.BILL_READ)


def _asked(rows: ExportedRows, file_format: FileFormat, conditions: Mapping[str, Any]) -> dict[str, Any]:
    return {"of": rows.name, "format": file_format.name, "conditions": dict(conditions)}


def _name(work: Work, rows: ExportedRows, file_format: FileFormat) -> str:
    on = clock.business_date(work.now, salon.INDIA)
    kind = "bills" if rows is ExportedRows.BILLS else "bill-lines"
    return f"{kind}-{on.isoformat()}.{file_format.value.lower()}"
