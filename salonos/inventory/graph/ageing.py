"""How long what is owed to suppliers has been owed, as of a date."""

from datetime import date
from typing import Any

import strawberry
from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    Select,
    Text,
    Uuid,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    union_all,
)

from salonos.accounting.graph import in_reach
from salonos.graph.fields import (
    Computed,
    argument,
    argument_value,
    column,
    extend,
    now_value,
    one,
    reading,
    row,
    rows,
)
from salonos.graph.roots import Query
from salonos.inventory import tables
from salonos.inventory.graph.purchases import COST_READ
from salonos.inventory.graph.suppliers import Supplier
from salonos.kernel.actor import Access
from salonos.kernel.database import Paise
from salonos.kernel.money import Money
from salonos.salon import tables as salon
from salonos.salon.rules import INDIA

BUCKETS = ("up_to_30", "up_to_60", "up_to_90", "over_90")


def day() -> ColumnElement[date]:
    """The date asked for, or today in the branch's zone, the salon's without a branch."""
    of_branch = select(salon.Branch.time_zone).where(salon.Branch.id == argument_value("branch_id", Uuid()))
    of_salon = select(salon.Salon.time_zone).limit(1)
    zone = func.coalesce(of_branch.scalar_subquery(), of_salon.scalar_subquery(), literal(INDIA, Text()))
    return func.coalesce(argument_value("as_of", Date()), cast(func.timezone(zone, now_value()), Date), type_=Date())


def _settled(by: Any) -> ColumnElement[int]:
    """What was settled of a document until the date."""
    settlement = tables.SupplierSettlement
    document = tables.SupplierBill if by is settlement.bill_id else tables.SupplierReturn
    found = select(func.coalesce(func.sum(settlement.amount_paise), literal_column("0"))).where(
        by == document.id, settlement.settled_on <= day()
    )
    return found.correlate(document).scalar_subquery()


def _paid_back() -> ColumnElement[int]:
    """What suppliers paid back of a return until the date."""
    refund = tables.SupplierRefund
    found = select(func.coalesce(func.sum(refund.amount_paise), literal_column("0"))).where(
        refund.return_id == tables.SupplierReturn.id, refund.business_date <= day()
    )
    return found.correlate(tables.SupplierReturn).scalar_subquery()


def _here(branch_id: Any, access: Access) -> list[ColumnElement[bool]]:
    branch = argument_value("branch_id", Uuid())
    scope = in_reach(branch_id, access)
    return [or_(branch.is_(None), branch_id == branch), *([] if scope is None else [scope])]


def ageing_rows_of(access: Access) -> Select[*tuple[Any, ...]]:
    """A row for each supplier that is owed something, or owes, at the end of the date."""
    bill, back = tables.SupplierBill, tables.SupplierReturn
    bills = select(
        bill.supplier_id.label("supplier_id"),
        cast(day() - bill.billed_on, Integer).label("days"),
        (bill.total_paise - _settled(tables.SupplierSettlement.bill_id)).label("paise"),
    ).where(bill.booked_on <= day(), *_here(bill.branch_id, access))
    unused = select(
        back.supplier_id,
        cast(null(), Integer),
        back.total_paise - _settled(tables.SupplierSettlement.return_id) - _paid_back(),
    ).where(back.business_date <= day(), *_here(back.branch_id, access))
    open_ = union_all(bills, unused).subquery("open_documents")

    def summed(condition: ColumnElement[bool]) -> ColumnElement[int]:
        amount = case((condition, open_.c.paise), else_=literal_column("0"))
        return cast(func.coalesce(func.sum(amount), literal_column("0")), Paise())

    days = open_.c.days
    return (
        select(
            open_.c.supplier_id.label("supplier_id"),
            tables.Supplier.search_name.label("search_name"),
            summed(days <= literal_column("30")).label("up_to_30"),
            summed(days.between(literal_column("31"), literal_column("60"))).label("up_to_60"),
            summed(days.between(literal_column("61"), literal_column("90"))).label("up_to_90"),
            summed(days > literal_column("90")).label("over_90"),
            summed(days.is_(None)).label("credit"),
        )
        .join_from(open_, tables.Supplier, tables.Supplier.id == open_.c.supplier_id)
        .where(open_.c.paise != literal_column("0"))
        .group_by(open_.c.supplier_id, tables.Supplier.search_name)
    )


def ageing_of(access: Access) -> Select[*tuple[Any, ...]]:
    """The date and the sums; no row for a branch out of reach."""
    branch = argument_value("branch_id", Uuid())
    scope = in_reach(salon.Branch.id, access)
    here = exists(select(salon.Branch.id).where(salon.Branch.id == branch, *([] if scope is None else [scope])))
    found = ageing_rows_of(access).subquery("ageing")
    return select(
        day().label("as_of"),
        *(
            cast(select(func.coalesce(func.sum(found.c[name]), literal_column("0"))).scalar_subquery(), Paise()).label(
                name
            )
            for name in (*BUCKETS, "credit")
        ),
    ).where(or_(branch.is_(None), here))


ageing_rows = Computed("ageing_rows", ageing_rows_of)
ageings = Computed("ageings", ageing_of)


def owed(source: Computed) -> ColumnElement[int]:
    """All buckets, less the credit."""
    c = source.c
    return cast(c.up_to_30 + c.up_to_60 + c.up_to_90 + c.over_90 - c.credit, Paise())


@row(ageing_rows, requires=COST_READ)
class SupplierAgeingRow:
    """What is owed to one supplier, by how old its bills are."""

    supplier: Supplier | None = one(ageing_rows.c.supplier_id, "To whom.")
    up_to_30_days: Money = column(ageing_rows.c.up_to_30, "On bills of at most 30 days.", certain=True)
    up_to_60_days: Money = column(ageing_rows.c.up_to_60, "On bills of 31 to 60 days.", certain=True)
    up_to_90_days: Money = column(ageing_rows.c.up_to_90, "On bills of 61 to 90 days.", certain=True)
    over_90_days: Money = column(ageing_rows.c.over_90, "On older bills.", certain=True)
    credit: Money = column(
        ageing_rows.c.credit, "What returns have not settled, and was not paid back yet.", certain=True
    )
    total: Money = column(owed(ageing_rows), "What is owed, less the credit.", certain=True)


@row(ageings, requires=COST_READ)
class SupplierAgeing:
    """What is owed to suppliers at the end of a date, by how old their bills are."""

    as_of: date = column(ageings.c.as_of, "At the end of this business date.", certain=True)
    suppliers: list[SupplierAgeingRow] = rows(
        "Those with a balance by name, at most 500.", order_by=(ageing_rows.c.search_name, ageing_rows.c.supplier_id)
    )
    up_to_30_days: Money = column(ageings.c.up_to_30, "On bills of at most 30 days.", certain=True)
    up_to_60_days: Money = column(ageings.c.up_to_60, "On bills of 31 to 60 days.", certain=True)
    up_to_90_days: Money = column(ageings.c.up_to_90, "On bills of 61 to 90 days.", certain=True)
    over_90_days: Money = column(ageings.c.over_90, "On older bills.", certain=True)
    credit: Money = column(ageings.c.credit, "What returns have not settled, and was not paid back yet.", certain=True)
    total: Money = column(
        owed(ageings), "What is owed, less the credit: the balance of the account Suppliers then.", certain=True
    )


@extend(Query)
class AgeingReads:
    """The root."""

    supplier_ageing: SupplierAgeing | None = reading(
        "What is owed to suppliers, by age of their bills; null for a branch out of reach.",
        branch_id=argument(
            strawberry.ID | None, "Only this branch's; all within reach when left out.", prefix="branch"
        ),
        as_of=argument(date | None, "Today when left out."),
    )
