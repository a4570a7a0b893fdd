"""Bills as large files: asked for, made by the worker, fetched when they are done; each by its own asker only."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import ColumnElement, Uuid, and_, case, literal_column, select, type_coerce

from salonos.bills import commands
from salonos.bills.commands import ExportedRows
from salonos.bills.graph.exports import COUNT, Info, conditions_of, read_bills
from salonos.bills.graph.filters import BillFilter
from salonos.graph.events import on_event
from salonos.graph.fields import (
    Order,
    actor_value,
    by_id,
    column,
    connection,
    enum_of,
    extend,
    field,
    made,
    node,
    now_value,
    ref,
)
from salonos.graph.mutations import mutation
from salonos.graph.problem import InvalidInput, Problem, problem
from salonos.graph.roots import Connection, Mutation, Node, Query, Subscription
from salonos.graph.scalars import EventCursor
from salonos.identity import tables as identity
from salonos.inventory.commands import FileFormat
from salonos.kernel import clock, exports, tables
from salonos.kernel.actor import Access
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import invalid
from salonos.kernel.tables import ExportFailure, ExportState
from salonos.kernel.work import Work

enum_of(
    ExportState,
    "Where a large file stands.",
    WAITING="Nobody has begun to make it.",
    RUNNING="It is being made.",
    DONE="It can be fetched.",
    FAILED="There will be no file; `failure` says why.",
    EXPIRED="It could be fetched, and is gone.",
)
enum_of(
    ExportFailure,
    "Why there will be no file.",
    RIGHTS_CHANGED="Who asked for it may not take it away any more, or what they may read changed while it was made.",
    TOO_LARGE="More than a million bills: ask for fewer.",
    TOO_LATE="Nobody could make it within six hours.",
    FAULT="A fault of ours; it is in the log.",
)


def own_exports(_: Access) -> ColumnElement[bool]:
    """One's own, whatever the role."""
    return tables.Export.owner_id == actor_value("id", Uuid())


def _is_over() -> ColumnElement[bool]:
    return and_(tables.Export.state == literal_column("'DONE'"), tables.Export.expires_at <= now_value())


def state_now() -> ColumnElement[ExportState]:
    """A file that has expired is gone, whether or not it was cleared away."""
    state = tables.Export.state
    return type_coerce(case((_is_over(), literal_column("'EXPIRED'")), else_=state), state.type)


def is_offered() -> ColumnElement[bool]:
    """Whether it is there, and nothing has changed since in what its owner may read."""
    version = select(identity.Staff.rights_version).where(identity.Staff.id == tables.Export.owner_id)
    is_same = tables.Export.rights_version == version.correlate(tables.Export).scalar_subquery()
    return and_(tables.Export.state == literal_column("'DONE'"), tables.Export.expires_at > now_value(), is_same)


def export_url(values: list[Any], *, access: Access) -> str | None:  # noqa: ARG001  whoever sees the row may fetch it
    """A new link, where there is a file."""
    export_id, offered = values
    return exports.path_of(UUID(export_id), now=clock.utc_now()) if offered else None


@node(tables.Export, scope=own_exports, requires=Permission.REPORT_EXPORT)
class Export(Node):
    """A large file of bills that is made in the background. Only who asked for it sees it."""

    name: str = column(tables.Export.name, "What the file is called.")
    state: ExportState = column(state_now(), "Where it stands.", certain=True)
    failure: ExportFailure | None = column(tables.Export.failure, "Why there will be no file; null unless it failed.")
    bills_done: int = column(tables.Export.items_done, "How many bills are in it so far.")
    bills_in_all: int | None = column(
        tables.Export.items_in_all,
        "How many there are, as counted when it was begun: a few more may have come since. Null until they are counted.",
    )
    requested_at: datetime = column(tables.Export.created_at, "When it was asked for.")
    finished_at: datetime | None = column(
        tables.Export.finished_at, "When it was done, or failed; null while it waits or is being made."
    )
    expires_at: datetime | None = column(
        tables.Export.expires_at, "Until when it is kept: a day; null unless it was done."
    )
    url: str | None = made(
        (tables.Export.id, is_offered()),
        "Where it is fetched, as a path of this server: without signing in, for five minutes; each reading gives a new "
        "one. Null unless it is done, and when your rights changed since it was made.",
        makes=export_url,
    )


@problem(exports.TooManyExports)
class TooManyExports(Problem):
    """So many of your exports wait or are being made already."""

    open_max: int = field("How many may be at a time.")


@extend(Query)
class ExportReads:
    """Reads of exports."""

    export: Export | None = by_id("A large file that you asked for; null for other people's.")
    exports: Connection[Export] | None = connection(
        None,
        "The large files that you asked for, the last first; they are forgotten after thirty days.",
        order=Order(tables.Export.created_at, descending=True),
    )


@strawberry.input(description="Which bills are to be a large file.")
class StartExportInput:
    """Which bills are to be a large file."""

    of: ExportedRows = field("What stands in a row.")
    format: FileFormat = field("What the file is to be.")
    filter: BillFilter | None = field("Which bills, as in the list; all within reach when left out.")


@strawberry.type(description="The file will be made.")
class StartExportSuccess:
    """The file will be made."""

    export: Export | None = field("What to ask after.")


StartExportResult = Annotated[
    StartExportSuccess | TooManyExports | InvalidInput,
    strawberry.union("StartExportResult", description="What became of it."),
]


@extend(Mutation)
class LargeExports:
    """Writes of exports."""

    @mutation(
        "Have a file made of bills or of their lines, however many, in the order of time and with the columns that you may "
        "read when it is made. It goes on without you; `export` tells how far it is.",
        requires=Permission.REPORT_EXPORT,
    )
    async def start_export(self, work: Work, info: Info, input: StartExportInput) -> StartExportResult:
        """Asks for it. What finds nothing is told at once: an id may be wrong, or of what is out of reach."""
        conditions = conditions_of(input.filter)
        export_id = await commands.start_export(work, rows=input.of, file_format=input.format, conditions=conditions)
        counted = await read_bills(info.context.engine, COUNT, work.actor, {"filter": conditions})
        if counted["totalCount"] == 0:
            raise invalid(("filter",), "NO_BILLS", "There are no such bills.")
        return StartExportSuccess(export=ref(Export, export_id))


@strawberry.type(description="A large file has come further, or to an end.")
class ExportChangedEvent:
    """A large file has come further, or to an end."""

    cursor: EventCursor = field("Give it as `after` to resume behind this event.")
    occurred_at: datetime = field("When it had come so far.")
    export: Export | None = field("The file as it is now.")


@extend(Subscription)
class ExportEvents:
    """The facts."""

    export_changed: ExportChangedEvent | None = on_event(
        exports.ExportChanged,
        "A large file that you asked for has come further, or to an end.",
        requires=Permission.REPORT_EXPORT,
        is_of_branch=False,
        payload=lambda event: ExportChangedEvent(
            cursor=EventCursor(event.cursor), occurred_at=event.occurred_at, export=ref(Export, event.subject_id)
        ),
    )
