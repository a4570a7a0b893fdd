"""Bills as files: which columns, read by which selection, and the mutation that gives the link.

A file holds what the list of the same filter shows its asker: it is read by the same operation, page by page, so that
reach, masks and guards can't differ. A column that they may not read is not in it.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

import orjson
import strawberry
from strawberry.utils.str_converters import to_camel_case

from salonos.bills import commands, problems
from salonos.bills.commands import ExportedRows
from salonos.bills.graph.filters import BillFilter
from salonos.graph.context import Context
from salonos.graph.execute import Engine
from salonos.graph.fields import enum_of, extend, field
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.pages import COUNTED_MAX
from salonos.graph.problem import InvalidInput, Problem, problem
from salonos.graph.roots import Mutation
from salonos.inventory.commands import FileFormat
from salonos.kernel.actor import Actor
from salonos.kernel.money import money_text
from salonos.kernel.permissions import Permission
from salonos.kernel.sheets import Written
from salonos.kernel.work import Work

PAGE_ROWS: Final = 100
COUNT: Final = "query CountedBills($filter: BillFilter) { bills(filter: $filter) { totalCount } }"
Info = strawberry.Info[Context, None]
Cell = Callable[[Any], Written]

enum_of(
    ExportedRows,
    "What stands in a row of a file of bills.",
    BILLS="A bill: its number, date, customer and totals.",
    LINES="A line of a bill, with the bill's number and date.",
)


def _text(value: Any) -> Written:
    return None if value is None else str(value)


def _number(value: Any) -> Written:
    return None if value is None else Decimal(str(value))


def _day(value: Any) -> Written:
    return None if value is None else date.fromisoformat(value)


@dataclass(frozen=True)
class FileColumn:
    """A column: its title, where its value stands in the answer, how it is written, and whom it is for."""

    title: str
    path: str
    cell: Cell = _text
    requires: tuple[Permission, ...] = ()

    def is_for(self, actor: Actor) -> bool:
        """Whether somebody may have it."""
        return all(actor.may(each) for each in self.requires)

    def value(self, row: Any) -> Written:
        """The cell of a row of the answer; empty where something on the way to it is null."""
        for step in self.path.split("."):
            if row is None:
                return None
            row = row[step]
        return self.cell(row)


_BILL: Final = (
    FileColumn("Number", "number"),
    FileColumn("Kind", "kind"),
    FileColumn("Status", "status"),
    FileColumn("Date", "businessDate", _day),
    FileColumn("Branch", "branch.code"),
)
_CUSTOMER: Final = (
    FileColumn("Customer", "customer.name", requires=(Permission.CUSTOMER_READ,)),
    FileColumn("Phone", "customer.phone", requires=(Permission.CUSTOMER_READ, Permission.CUSTOMER_EXPORT)),
    FileColumn("Buyer GSTIN", "buyerGstin"),
    FileColumn("Place of supply", "placeOfSupply"),
)
_TOTALS: Final = tuple(
    FileColumn(title, path, _number)
    for title, path in (
        ("Gross", "grossTotal"),
        ("Discount", "discountTotal"),
        ("Taxable", "taxableTotal"),
        ("CGST", "cgstTotal"),
        ("SGST", "sgstTotal"),
        ("IGST", "igstTotal"),
        ("Round-off", "roundOff"),
        ("Total", "total"),
        ("Tips", "tipTotal"),
        ("Paid", "amountPaid"),
        ("Credited", "creditedTotal"),
        ("Written off", "writtenOffTotal"),
        ("Balance due", "balanceDue"),
    )
)
BILL_COLUMNS: Final = (
    *_BILL,
    *_CUSTOMER,
    *_TOTALS,
    FileColumn("Payment", "paymentState"),
    FileColumn("Credit note for", "original.number"),
)
_LINE: Final = (
    FileColumn("Line", "position", _number),
    FileColumn("Description", "description"),
    FileColumn("HSN/SAC", "code"),
    FileColumn("Staff", "staff.displayName", requires=(Permission.STAFF_READ,)),
    *[
        FileColumn(title, path, _number)
        for title, path in (
            ("Quantity", "quantity"),
            ("Price", "unitPrice"),
            ("Discount", "discount"),
            ("GST %", "taxRate"),
            ("Taxable", "taxable"),
            ("CGST", "cgst"),
            ("SGST", "sgst"),
            ("IGST", "igst"),
            ("Total", "total"),
        )
    ],
    FileColumn("Unit cost", "unitCost", _number, requires=(Permission.COST_READ,)),
    FileColumn("Cost", "cost", _number, requires=(Permission.COST_READ,)),
)


@dataclass(frozen=True)
class BillFile:
    """A file as somebody may have it: its titles, what is asked for a page of it, and the rows of an answer."""

    bill_columns: Sequence[FileColumn]
    line_columns: Sequence[FileColumn]

    @classmethod
    def of(cls, rows: ExportedRows, actor: Actor) -> "BillFile":
        """The columns that an actor may have."""
        of_bill, of_line = (BILL_COLUMNS, ()) if rows is ExportedRows.BILLS else (_BILL, _LINE)
        return cls(*[[each for each in some if each.is_for(actor)] for some in (of_bill, of_line)])

    @property
    def titles(self) -> list[str]:
        """The first row."""
        return [each.title for each in (*self.bill_columns, *self.line_columns)]

    @property
    def query(self) -> str:
        """The operation for a page."""
        lines = f" lines {{ {_selection(self.line_columns)} }}" if self.line_columns else ""
        return (
            "query ExportedBills($filter: BillFilter, $after: String) { "
            f"bills(first: {PAGE_ROWS}, after: $after, filter: $filter, orderBy: OLDEST) {{ "
            f"nodes {{ {_selection(self.bill_columns)}{lines} }} pageInfo {{ hasNextPage endCursor }} }} }}"
        )

    def rows(self, bills: Sequence[Any]) -> list[list[Written]]:
        """The rows of a page."""
        made = []
        for bill in bills:
            told = [each.value(bill) for each in self.bill_columns]
            if self.line_columns:
                made += [[*told, *[each.value(line) for each in self.line_columns]] for line in bill["lines"]]
            else:
                made.append(told)
        return made


class RightsGone(Exception):  # noqa: N818  a state of whoever asked
    """Who asked may not take these bills away any more."""


async def read_bills(engine: Engine, text: str, actor: Actor, variables: Mapping[str, Any]) -> Any:
    """What the list answers to somebody.

    Raises: RightsGone when something of it may not be read.
    """
    operation = engine.documents.operation(text, None, is_signed_in=True)
    values = operation.coerced(engine.graph.core, variables)
    body = orjson.loads(await engine.read_roots(operation, values, actor))
    if "errors" in body:
        raise RightsGone
    return body["data"]["bills"]


def _selection(columns: Sequence[FileColumn]) -> str:
    """Fields of one object are asked for together."""
    inner: dict[str, list[str]] = {}
    for each in columns:
        name, _, below = each.path.partition(".")
        inner.setdefault(name, []).extend([below] if below else [])
    return " ".join(f"{name} {{ {' '.join(below)} }}" if below else name for name, below in inner.items())


def conditions_of(chosen: BillFilter | None) -> Mapping[str, Any]:
    """A filter as a client would write it in variables."""
    if chosen is None:
        return {}
    given = {each.name: getattr(chosen, each.name) for each in fields(chosen)}
    return {to_camel_case(name): _written(value) for name, value in given.items() if value is not None}


def _written(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, date):
        return value.isoformat()
    return money_text(value) if isinstance(value, int) else str(value)


@problem(problems.ExportTooLarge)
class ExportTooLarge(Problem):
    """So many bills are not made a file of while it is fetched: `startExport` has it made."""

    bills_max: int = field("How many may be.")


@strawberry.input(description="Which bills are to be a file.")
class ExportBillsInput:
    """Which bills are to be a file."""

    of: ExportedRows = field("What stands in a row.")
    format: FileFormat = field("What the file is to be.")
    filter: BillFilter | None = field("Which bills, as in the list; all within reach when left out.")


@strawberry.type(description="The file can be fetched.")
class ExportBillsSuccess:
    """The file can be fetched."""

    name: str = field("What it is called.")
    url: str = field(
        "Where it is fetched, on this server, by whoever has the link, while you stay signed in: `/files/…`. It is made "
        "while it is fetched."
    )
    expires_at: datetime = field("Until when fetching may begin: five minutes.")


ExportBillsResult = Annotated[
    ExportBillsSuccess | ExportTooLarge | InvalidInput,
    strawberry.union("ExportBillsResult", description="What became of it."),
]


@extend(Mutation)
class BillExports:
    """Bills as files."""

    @mutation(
        "Make a file of bills or of their lines, in the order of time, with the columns that you may read: at most 10,000 "
        "bills, to be fetched at once. `startExport` makes files of any size.",
        requires=Permission.REPORT_EXPORT,
        idempotency=Idempotency.IGNORED,
    )
    async def export_bills(self, work: Work, info: Info, input: ExportBillsInput) -> ExportBillsResult:
        """Gives the link."""
        conditions = conditions_of(input.filter)
        made = await commands.export_bills(work, rows=input.of, file_format=input.format, conditions=conditions)
        counted = await read_bills(info.context.engine, COUNT, work.actor, {"filter": conditions})
        if counted["totalCount"] is None:
            raise problems.ExportTooLarge(COUNTED_MAX)
        return ExportBillsSuccess(name=made.name, url=made.path, expires_at=made.expires_at)
