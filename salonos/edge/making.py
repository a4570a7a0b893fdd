"""Large files of bills, as the worker makes them: page by page with the asker's own rights, kept piece by piece.

A file is read by the list's own operation, so that reach, masks and guards can't differ from what its asker sees. Should
those rights change before the file is whole, there is none: half of it would be of somebody else. The worker loads this
room, and the schema with it, when the first file is asked for.
"""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import lru_cache, partial
from typing import Any, Final
from uuid import UUID

from salonos.bills.commands import ExportedRows
from salonos.bills.graph.exports import COUNT, BillFile, RightsGone, read_bills
from salonos.edge.app import make_graph
from salonos.graph import errors
from salonos.graph.execute import Engine
from salonos.graph.schema import Graph
from salonos.identity.queries import actor_of_staff
from salonos.inventory.commands import FileFormat
from salonos.kernel import clock, exports
from salonos.kernel.actor import Actor
from salonos.kernel.exports import Asked, Progress
from salonos.kernel.jobs import ClaimLost, Effect, Hold, Task
from salonos.kernel.permissions import Permission
from salonos.kernel.streams import CsvStream, TableStream, XlsxStream
from salonos.kernel.tables import ExportFailure
from salonos.kernel.work import Work, failpoint

BILLS_MAX: Final = 1_000_000
PIECE_BILLS: Final = 1_000
PIECE_BYTES: Final = 1 << 20
STEP_S: Final = 10.0
"""A step is taken after so many bills, so many bytes or so long, whichever comes first: far within the lease of a job."""

_EDGE: Final = (
    "query BillAtTheEdge($filter: BillFilter) {{ bills(first: 1, filter: $filter, orderBy: {order}) "
    "{{ nodes {{ businessDate }} }} }}"
)

_log = logging.getLogger(__name__)


class TooLarge(Exception):  # noqa: N818  a state of what was asked for
    """More bills than a file may hold."""


@lru_cache(maxsize=1)
def graph() -> Graph:
    """The schema: made when the first file is asked for, in a thread."""
    return make_graph()


async def make_export(hold: Hold, task: Task) -> Effect:
    """Makes the file that an event asks for; returns the step with which it is there, or will never be.

    Raises: ClaimLost; an outage, after which it is begun anew.
    """
    export_id = task.subject_id
    asked = await hold.step(lambda work: exports.begin(work, export_id, run=hold.fence))
    if asked is None:
        return _nothing
    engine = Engine(await asyncio.to_thread(graph), hold.database)
    making = Making(hold, engine, export_id, asked, Progress(hold.fence, 0, None, 0, 0))
    try:
        rights_version = await making.whole()
    except exports.ExportEnded:
        return _nothing
    except RightsGone:
        return partial(exports.fail, export_id=export_id, failure=ExportFailure.RIGHTS_CHANGED)
    except TooLarge:
        return partial(exports.fail, export_id=export_id, failure=ExportFailure.TOO_LARGE)
    except ClaimLost:
        raise
    except Exception as error:
        if errors.is_outage(error):
            raise
        facts = {"error": type(error).__name__, "frames": "".join(traceback.format_tb(error.__traceback__))}
        _log.exception("an export failed", extra=facts, exc_info=False)
        return partial(exports.fail, export_id=export_id, failure=ExportFailure.FAULT)
    return partial(exports.finish, export_id=export_id, run=hold.fence, rights_version=rights_version)


@dataclass
class Making:
    """One attempt. What it holds in memory is a page, and a piece that is not full yet."""

    hold: Hold
    engine: Engine
    export_id: UUID
    asked: Asked
    progress: Progress
    rights_version: int | None = None
    stepped_at_s: float = field(default_factory=clock.monotonic_s)

    async def whole(self) -> int:
        """Counts, then writes all pieces; returns the version of the rights that all of it was read with.

        Raises: RightsGone; TooLarge; ExportEnded; ClaimLost.
        """
        await self.count()
        piece, bills = bytearray(), 0
        async for content, more in self.contents():
            piece += content
            bills += more
            if bills >= PIECE_BILLS or len(piece) >= PIECE_BYTES or self.is_time():
                await self.keep(bytes(piece), bills)
                piece, bills = bytearray(), 0
        await self.keep(bytes(piece), bills)
        return (await self.asker()).version

    async def contents(self) -> AsyncIterator[tuple[bytes, int]]:
        """The file, page by page, with how many bills each is of; packing happens in a thread.

        Raises: RightsGone.
        """
        what = self.asked.what
        is_xlsx = FileFormat[what["format"]] is FileFormat.XLSX
        stream: TableStream = XlsxStream() if is_xlsx else CsvStream()
        bill_file, after = BillFile.of(ExportedRows[what["of"]], await self.asker()), None
        yield stream.begin(bill_file.titles), 0
        while True:
            page = await self.read(bill_file.query, {"filter": what["conditions"], "after": after})
            rows = bill_file.rows(page["nodes"])
            yield await asyncio.to_thread(stream.add, rows), len(page["nodes"])
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        yield await asyncio.to_thread(stream.end), 0

    async def keep(self, content: bytes, bills: int) -> None:
        """A step: a piece, and how far that is.

        Raises: TooLarge; ExportEnded; ClaimLost.
        """
        was = self.progress
        done = was.items_done + bills
        if done > BILLS_MAX:
            raise TooLarge
        seal = partial(exports.sealed, self.asked, self.export_id, run=was.run, position=was.pieces, content=content)
        sealed = await asyncio.to_thread(seal)
        in_all = None if was.items_in_all is None else max(was.items_in_all, done)
        size = was.size_bytes + len(content)
        self.progress = Progress(was.run, done, in_all, was.pieces + 1, size)
        await self.hold.step(lambda work: exports.keep_piece(work, self.export_id, self.progress, sealed))
        self.stepped_at_s = clock.monotonic_s()
        failpoint("export_half_way")

    async def read(self, text: str, variables: Mapping[str, Any]) -> Any:
        """What the list answers to the asker now.

        Raises: RightsGone.
        """
        return await read_bills(self.engine, text, await self.asker(), variables)

    async def asker(self) -> Actor:
        """Whoever asked, with the rights of the beginning.

        Raises: RightsGone, also when those are others by now.
        """
        actor = await actor_of_staff(self.engine.database, self.asked.owner_id)
        if actor is None or not actor.may(Permission.REPORT_EXPORT):
            raise RightsGone
        if self.rights_version is None:
            self.rights_version = actor.version
        if actor.version != self.rights_version:
            raise RightsGone
        return actor

    async def count(self) -> None:
        """Notes how many bills there are, for those who watch.

        The list counts no further than it has to, so that many are counted over parts of their time.

        Raises: RightsGone; TooLarge; ExportEnded; ClaimLost.
        """
        conditions = self.asked.what["conditions"]
        in_all = await self.counted(conditions)
        if in_all is None:
            since, until = await self.edge("OLDEST"), await self.edge("NEWEST")
            in_all = await self.counted_between(conditions, since, until + timedelta(days=1))
        if in_all is not None and in_all > BILLS_MAX:
            raise TooLarge
        await self.tell(in_all)

    async def counted_between(self, conditions: Mapping[str, Any], since: date, until: date) -> int | None:
        """The bills of some dates; None when one date alone has more than are counted."""
        if self.is_time():
            await self.tell(None)
        between = {**conditions, "since": since.isoformat(), "until": until.isoformat()}
        found = await self.counted(between)
        half = since + (until - since) // 2
        if found is not None or half == since:
            return found
        parts = [await self.counted_between(conditions, *each) for each in ((since, half), (half, until))]
        return None if None in parts else sum(each or 0 for each in parts)

    async def counted(self, conditions: Mapping[str, Any]) -> int | None:
        """The bills of some conditions; None when they are more than are counted."""
        found: int | None = (await self.read(COUNT, {"filter": conditions}))["totalCount"]
        return found

    async def edge(self, order: str) -> date:
        """The date of the first bill, or of the last."""
        page = await self.read(_EDGE.format(order=order), {"filter": self.asked.what["conditions"]})
        return date.fromisoformat(page["nodes"][0]["businessDate"])

    async def tell(self, in_all: int | None) -> None:
        """A step without a piece.

        Raises: ExportEnded; ClaimLost.
        """
        self.progress = replace(self.progress, items_in_all=in_all)
        await self.hold.step(lambda work: exports.note(work, self.export_id, self.progress))
        self.stepped_at_s = clock.monotonic_s()

    def is_time(self) -> bool:
        """Whether the last step was long ago."""
        return clock.monotonic_s() - self.stepped_at_s >= STEP_S


async def _nothing(_: Work) -> None:
    """The job is over, and has nothing to tell."""
