"""Bills as a file: what is asked for is kept under a link, and read with the asker's own rights while it is fetched."""

import enum
from collections.abc import Mapping
from typing import Any

from salonos.inventory.commands import FileFormat
from salonos.kernel import clock, files
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
    work.actor.require(Permission.REPORT_EXPORT)
    work.actor.require(Permission.BILL_READ)
    if work.actor.session_id is None:
        raise Forbidden("Only somebody who is signed in takes bills away.")
    on = clock.business_date(work.now, salon.INDIA)
    kind = "bills" if rows is ExportedRows.BILLS else "bill-lines"
    asked = {
        "of": rows.name,
        "format": file_format.name,
        "conditions": dict(conditions),
        "session": work.actor.session_id.hex,
    }
    return await files.keep_request(work, name=f"{kind}-{on.isoformat()}.{file_format.value.lower()}", asked=asked)
