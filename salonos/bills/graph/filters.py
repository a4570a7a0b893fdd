"""Which bills: the conditions of lists and exports, each guarded as what it would tell, each in an index."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy import (
    ColumnElement,
    DateTime,
    LargeBinary,
    Text,
    Uuid,
    and_,
    cast,
    exists,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.orm import aliased

from salonos.accounting.rules import PaymentMethod
from salonos.bills import tables
from salonos.bills.rules import BillKind, BillStatus, PaymentState
from salonos.customers import queries as customer_queries
from salonos.customers import rules as customer_rules
from salonos.customers import tables as customers
from salonos.customers.graph import customers_in_reach
from salonos.graph.fields import Part, enum_of, where
from salonos.graph.scalars import PhoneNumber
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.salon import tables as salon

enum_of(
    BillStatus,
    "Where a bill stands.",
    DRAFT="It may change, and has no number yet.",
    POSTED="It is final, numbered and in the books.",
    VOID="It was taken back; a number that it had stays on record.",
)
enum_of(
    BillKind,
    "Which document of the law a bill is.",
    TAX_INVOICE="A registered branch's bill, with GST.",
    BILL_OF_SUPPLY="The bill of a branch that takes no GST from customers.",
    CREDIT_NOTE="Gives back a bill or some of it; its amounts are positive, and its kind gives the sign.",
)
enum_of(
    PaymentState,
    "How much of a bill is paid, tips included.",
    UNPAID="Nothing yet.",
    PARTLY_PAID="A part.",
    PAID="All of it; also where nothing is due.",
)

_FIRST_ID: ColumnElement[UUID] = literal_column(f"'{UUID(int=0)}'::uuid", Uuid())


def served_by(bill_id: Any, staff_id: ColumnElement[UUID]) -> ColumnElement[bool]:
    """Bills with a line by a member of staff, or one in which they share."""
    theirs = tables.BillStaff
    return exists(select(theirs.bill_id).where(theirs.bill_id == bill_id, theirs.staff_id == staff_id))


def _from_date(on: ColumnElement[date], day: ColumnElement[date]) -> ColumnElement[bool]:
    """Of the date or later: the date is that of the instant of listing in the branch's zone, which never changes.

    Both are written so that PostgreSQL, which does not know the dates when it plans, follows the index that the list is
    in the order of: it thinks a range of one column narrow and would sort a whole year's bills, and of two indexes it
    would read both.
    """
    return and_(on + literal_column("0") >= day, _listed() >= tuple_(_midnight(day, func.min), _FIRST_ID))


def _until_date(on: ColumnElement[date], day: ColumnElement[date]) -> ColumnElement[bool]:
    return and_(on + literal_column("0") < day, _listed() < tuple_(_midnight(day, func.max), _FIRST_ID))


def _listed() -> ColumnElement[Any]:
    return tuple_(tables.Bill.listed_at, tables.Bill.id)


def _midnight(day: ColumnElement[date], choose: Callable[..., ColumnElement[Any]]) -> ColumnElement[datetime]:
    """When a date begins where it begins first, or last."""
    begins = func.timezone(salon.Branch.time_zone, cast(day, DateTime()), type_=DateTime(timezone=True))
    return select(choose(begins)).correlate(None).scalar_subquery()


def _begins_with(on: ColumnElement[str], low: ColumnElement[str], high: ColumnElement[str]) -> ColumnElement[bool]:
    """A range in the order of code points, which the index on the column serves whatever the plan."""
    return and_(on >= low, on < high)


Reach = ColumnElement[bool] | None


def _of_customer(on: ColumnElement[UUID], customer_id: ColumnElement[UUID], *, reach: Reach) -> ColumnElement[bool]:
    """That a bill is of somebody is told of those only whom the reader may see."""
    if reach is None:
        return on == customer_id
    return and_(on == customer_id, _of_those(on, customers.Customer.id == customer_id, reach=reach))


def _of_those_called(on: ColumnElement[UUID], phone: ColumnElement[bytes], *, reach: Reach) -> ColumnElement[bool]:
    return _of_those(on, customers.Customer.phone_index == phone, reach=reach)


def _of_those_named(
    on: ColumnElement[UUID], low: ColumnElement[str], high: ColumnElement[str], *, reach: Reach
) -> ColumnElement[bool]:
    return _of_those(on, _begins_with(customers.Customer.search_name.expression, low, high), reach=reach)


def _of_those_with_first_name(
    on: ColumnElement[UUID], low: ColumnElement[str], high: ColumnElement[str], *, reach: Reach
) -> ColumnElement[bool]:
    """What may be searched without contact rights: no more than what is seen."""
    return _of_those(on, _begins_with(customers.Customer.search_first_name.expression, low, high), reach=reach)


def _of_those(on: ColumnElement[UUID], who: ColumnElement[bool], *, reach: Reach) -> ColumnElement[bool]:
    """Bills of some customers within reach."""
    found = select(customers.Customer.id).where(who).correlate(None)
    return on.in_(found if reach is None else found.where(reach))


def _at_least(on: ColumnElement[int], paise: ColumnElement[int]) -> ColumnElement[bool]:
    return on >= paise


def _at_most(on: ColumnElement[int], paise: ColumnElement[int]) -> ColumnElement[bool]:
    return on <= paise


def _paid_by(bill_id: Any, method: ColumnElement[PaymentMethod]) -> ColumnElement[bool]:
    """A payment that tells how it was: it reverses none, and none reverses it."""
    payment, reversal = tables.Payment, aliased(tables.Payment)
    is_reversed = exists(select(reversal.id).where(reversal.reverses_id == payment.id).correlate(payment))
    stands = and_(payment.reverses_id.is_(None), ~is_reversed)
    return exists(select(payment.id).where(payment.bill_id == bill_id, payment.method == method, stands))


@strawberry.input(description="Which bills.")
class BillFilter:
    """Which bills."""

    branch_id: strawberry.ID | None = where(tables.Bill.branch_id, "Sold at this branch.", prefix="branch")
    status: BillStatus | None = where(tables.Bill.status, "Where they stand.")
    payment_state: PaymentState | None = where(tables.Bill.payment_state, "How much of them is paid.")
    kind: BillKind | None = where(tables.Bill.kind, "Which documents.")
    since: date | None = where(tables.Bill.business_date, "Of this business date or later.", condition=_from_date)
    until: date | None = where(tables.Bill.business_date, "Of business dates before this one.", condition=_until_date)
    customer_id: strawberry.ID | None = where(
        tables.Bill.customer_id,
        "Of this customer; nothing where they are out of reach.",
        prefix="customer",
        condition=_of_customer,
        requires=Permission.CUSTOMER_READ,
        through=customers_in_reach,
    )
    customer_phone: PhoneNumber | None = where(
        tables.Bill.customer_id,
        "Of everybody with this whole number.",
        parts=(Part(customer_queries.phone_index, LargeBinary()),),
        condition=_of_those_called,
        requires=Permission.CUSTOMER_CONTACT_READ,
        through=customers_in_reach,
    )
    customer_name_prefix: str | None = where(
        tables.Bill.customer_id,
        "Of everybody whose name begins like this, without case. Those who may not read contacts search by the first "
        "name only.",
        parts=(
            Part(lambda typed: customer_rules.name_range(typed)[0], Text()),
            Part(lambda typed: customer_rules.name_range(typed)[1], Text()),
        ),
        condition=_of_those_named,
        masked=(Permission.CUSTOMER_CONTACT_READ, _of_those_with_first_name),
        requires=Permission.CUSTOMER_READ,
        varies=True,
        through=customers_in_reach,
    )
    number_prefix: str | None = where(
        tables.Bill.number_key,
        "Whose number begins like this, capital letters as printed.",
        condition=_begins_with,
        parts=(Part(str, Text()), Part(lambda prefix: prefix + "\U0010ffff", Text())),
        varies=True,
    )
    staff_id: strawberry.ID | None = where(
        tables.Bill.id,
        "With a line by this member of staff, or one in which they share.",
        prefix="staff",
        condition=served_by,
        varies=True,
    )
    total_from: Money | None = where(
        tables.Bill.total_paise, "Of this total or more.", condition=_at_least, varies=True
    )
    total_to: Money | None = where(tables.Bill.total_paise, "Of this total or less.", condition=_at_most, varies=True)
    payment_method: PaymentMethod | None = where(
        tables.Bill.id,
        "With a payment that came, or went back, in this way and was not corrected since. ON_ACCOUNT, which is no money, "
        "finds none.",
        kind=tables.Payment.method.type,
        condition=_paid_by,
    )
