"""The numbers of documents that were given in a period, and those that were cancelled: the table that GSTR-1 asks for.

A number is given for ever. It is cancelled where its bill was taken back: the bill keeps it.
"""

from datetime import date
from typing import Any, Final

import strawberry
from sqlalchemy import ColumnElement, Date, Integer, Select, Uuid, and_, cast, exists, func, literal_column, or_, select

from salonos.accounting.graph import in_reach
from salonos.bills import tables
from salonos.bills.graph.reads import Bill
from salonos.graph.fields import Computed, argument, argument_value, column, extend, one, reading, row, rows
from salonos.graph.roots import Query
from salonos.kernel.actor import Access
from salonos.kernel.permissions import Permission
from salonos.salon import tables as salon
from salonos.salon.graph import Branch, today
from salonos.salon.rules import DocumentKind

GST_RETURN_READ = Permission.GST_RETURN_READ
CANCELLED_MAX: Final = 500
OUTWARD: Final = (
    DocumentKind.TAX_INVOICE,
    DocumentKind.BILL_OF_SUPPLY,
    DocumentKind.CREDIT_NOTE,
    DocumentKind.RECEIPT_VOUCHER,
    DocumentKind.REFUND_VOUCHER,
)
"""Documents to customers. What goes to suppliers has numbers too, and no place in the return."""


def _since() -> ColumnElement[date]:
    """The date asked for, or the first of the month under way."""
    first = cast(func.date_trunc(literal_column("'month'"), today()), Date())
    return func.coalesce(argument_value("since", Date()), first, type_=Date())


def _until() -> ColumnElement[date]:
    """The date asked for, or tomorrow."""
    return func.coalesce(argument_value("until", Date()), today() + literal_column("1", Integer()), type_=Date())


def _in_period(on: Any) -> ColumnElement[bool]:
    return and_(on >= _since(), on < _until())


def _here(branch_id: Any, access: Access) -> list[ColumnElement[bool]]:
    branch, scope = argument_value("branch_id", Uuid()), in_reach(branch_id, access)
    return [or_(branch.is_(None), branch_id == branch), *([] if scope is None else [scope])]


def _is_cancelled() -> ColumnElement[bool]:
    return tables.Bill.status == literal_column("'VOID'")


def _counted(what: ColumnElement[Any] | None = None) -> ColumnElement[int]:
    count = func.count()
    return cast(count if what is None else count.filter(what), Integer())


def issued_of(access: Access) -> Select[*tuple[Any, ...]]:
    """A row for each series, financial year and look of its numbers: a series that was changed is told as two."""
    drawn, series, bill = salon.DrawnNumber, salon.NumberSeries, tables.Bill
    is_outward = or_(*[series.document == literal_column(f"'{kind.name}'") for kind in OUTWARD])
    look = func.regexp_replace(drawn.text, literal_column("'[0-9]+$'"), literal_column("''"))
    in_order = drawn.text.collate("C")
    return (
        select(
            series.branch_id.label("branch_id"),
            salon.Branch.code.label("code"),
            series.document.label("document"),
            func.min(in_order).label("first"),
            func.max(in_order).label("last"),
            _counted().label("total"),
            _counted(_is_cancelled()).label("cancelled"),
        )
        .join_from(drawn, series, series.id == drawn.series_id)
        .join(salon.Branch, salon.Branch.id == series.branch_id)
        .outerjoin(bill, bill.number == drawn.text)
        .where(_in_period(drawn.drawn_on), is_outward, *_here(series.branch_id, access))
        .group_by(
            series.id,
            series.branch_id,
            salon.Branch.code,
            series.document,
            drawn.financial_year,
            look,
            func.length(drawn.text),
        )
    )


def cancelled_of(access: Access) -> Select[*tuple[Any, ...]]:
    """The bills that were taken back after they had a number. That is done on their own date only."""
    bill = tables.Bill
    return select(
        bill.id.label("bill_id"),
        bill.number_key.label("number"),
        bill.business_date.label("on"),
    ).where(_is_cancelled(), bill.number.is_not(None), _in_period(bill.business_date), *_here(bill.branch_id, access))


def period_of(access: Access) -> Select[*tuple[Any, ...]]:
    """The period; no row for a branch out of reach."""
    branch, scope = argument_value("branch_id", Uuid()), in_reach(salon.Branch.id, access)
    here = exists(select(salon.Branch.id).where(salon.Branch.id == branch, *([] if scope is None else [scope])))
    found = issued_of(access).subquery("issued")
    total, cancelled = [
        cast(select(func.coalesce(func.sum(each), literal_column("0"))).scalar_subquery(), Integer())
        for each in (found.c.total, found.c.cancelled)
    ]
    return select(
        _since().label("since"),
        _until().label("until"),
        total.label("total"),
        cancelled.label("cancelled"),
    ).where(or_(branch.is_(None), here))


issued = Computed("issued_numbers", issued_of)
cancelled = Computed("cancelled_numbers", cancelled_of)
periods = Computed("documents_issued", period_of)


@row(issued, requires=GST_RETURN_READ)
class IssuedNumbers:
    """What a series gave in the period: consecutive numbers, the cancelled among them."""

    branch: Branch | None = one(issued.c.branch_id, "Whose documents.")
    document: DocumentKind = column(issued.c.document, "Which documents.", certain=True)
    first_number: str = column(issued.c.first, "The first.", certain=True)
    last_number: str = column(issued.c.last, "The last.", certain=True)
    total_count: int = column(issued.c.total, "How many.", certain=True)
    cancelled_count: int = column(issued.c.cancelled, "How many of them were cancelled.", certain=True)
    net_count: int = column(issued.c.total - issued.c.cancelled, "How many of them stand.", certain=True)


@row(cancelled, requires=GST_RETURN_READ)
class CancelledNumber:
    """A number whose bill was taken back."""

    number: str = column(cancelled.c.number, "Which.", certain=True)
    cancelled_on: date = column(cancelled.c.on, "On which business date it was given, and cancelled.", certain=True)
    bill: Bill | None = one(cancelled.c.bill_id, "Its bill, which says why.")


@row(periods, requires=GST_RETURN_READ)
class DocumentsIssued:
    """The documents that were issued to customers in a period, as GSTR-1 asks for them."""

    since: date = column(periods.c.since, "From this business date.", certain=True)
    until: date = column(periods.c.until, "To before this one.", certain=True)
    total_count: int = column(periods.c.total, "How many numbers were given.", certain=True)
    cancelled_count: int = column(periods.c.cancelled, "How many of them were cancelled.", certain=True)
    series: list[IssuedNumbers] = rows(
        "Each series that gave numbers, by branch and document, at most 500.",
        order_by=(issued.c.code, issued.c.document, issued.c.first),
    )
    cancelled: list[CancelledNumber] = rows(
        "The cancelled numbers in order, at most 500: ask for a shorter period where `cancelledCount` is larger.",
        order_by=cancelled.c.number,
        limit=CANCELLED_MAX,
    )


@extend(Query)
class NumberReads:
    """The root."""

    documents_issued: DocumentsIssued | None = reading(
        "Which numbers documents to customers got in a period, and which were cancelled; null for a branch out of reach.",
        since=argument(date | None, "From this business date; the first of this month when left out."),
        until=argument(date | None, "To before this one; tomorrow when left out."),
        branch_id=argument(
            strawberry.ID | None, "Only this branch's; all within reach when left out.", prefix="branch"
        ),
    )
