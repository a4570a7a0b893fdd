"""Files of stock as people send them, and the commands that take them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest

from salonos.inventory import commands
from salonos.inventory.commands import Imported
from salonos.inventory.problems import ImportRefused
from salonos.kernel import files, sheets
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from tests.bills.makers import NOW, SYSTEM

OIL: Mapping[str, str] = {
    "SKU": "OIL-50",
    "Name": "Argan oil 50 ml",
    "HSN": "330590",
    "Tax class": "Goods 18 %",
    "Price": "650.00",
    "Unit": "PIECE",
}
"""A product that is not there yet."""


def csv_of(*rows: Mapping[str, str]) -> bytes:
    """A CSV of rows, whose columns are those that any of them has."""
    titles = list(dict.fromkeys(title for row in rows for title in row))
    return sheets.write_csv(titles, [[row.get(title, "") for title in titles] for row in rows])


async def upload(database: Database, content: bytes, *, actor: Actor = SYSTEM) -> UUID:
    """What the edge does with a file that comes in."""
    sheet = sheets.read(content)
    return await database.run(actor, lambda work: files.keep_upload(work, sheet), now=NOW)


async def bring(database: Database, content: bytes, *, actor: Actor = SYSTEM, **more: Any) -> Imported:
    """Uploads a file and imports it."""
    file_id = await upload(database, content, actor=actor)
    return await database.run(actor, lambda work: commands.import_stock_items(work, file_id, **more), now=NOW)


async def refused(database: Database, content: bytes, **more: Any) -> Sequence[tuple[int, str, str]]:
    """The faults of a file that is not imported."""
    with pytest.raises(ImportRefused) as raised:
        await bring(database, content, **more)
    return [(fault.row, fault.column, fault.code) for fault in raised.value.faults]
