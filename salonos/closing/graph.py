"""Days in numbers: the stored summary of a day, and the live dashboard, which is computed whenever it is read."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy import Date, Select, Uuid, any_, case, cast, func, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import ColumnElement, SQLColumnExpression, Subquery
from sqlalchemy.types import Integer

from salonos.accounting import tables as accounting
from salonos.accounting.rules import MoneyDirection, PaymentMethod
from salonos.bills import events as bill_events
from salonos.bills import tables as bills
from salonos.bills.rules import BillKind, BillStatus
from salonos.catalog.graph import Service
from salonos.closing import rules, tables
from salonos.graph.events import on_change
from salonos.graph.fields import (
    Computed,
    Within,
    actor_value,
    argument,
    argument_value,
    by_key,
    column,
    extend,
    key,
    many,
    node,
    now_value,
    one,
    reading,
    row,
    rows,
)
from salonos.graph.roots import Node, Query, Subscription
from salonos.identity.graph import StaffMember
from salonos.kernel.actor import Access, Reach
from salonos.kernel.database import Milli, Paise
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.quantity import Percentage, Quantity
from salonos.salon import tables as salon
from salonos.salon.graph import Branch

REVENUE = Permission.REVENUE_READ


# --- summaries


def summaries_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Those of the reader's branches."""
    match access.reach:
        case Reach.ALL:
            return None
        case Reach.ONE_BRANCH:
            return tables.DaySummary.branch_id == actor_value("branch_id", Uuid())
        case Reach.BRANCHES:
            return tables.DaySummary.branch_id == any_(actor_value("branch_ids", ARRAY(Uuid())))


@row(
    tables.DayPaymentTotal,
    scope=Within(tables.DayPaymentTotal.summary_id, "DaySummary"),
    requires=Permission.SUMMARY_READ,
)
class PaymentTotal:
    """What a day brought in by one method."""

    method: PaymentMethod = column(tables.DayPaymentTotal.method, "How the money came.")
    amount: Money | None = column(tables.DayPaymentTotal.amount_paise, "How much was kept.", requires=REVENUE)


@row(tables.DayTaxTotal, scope=Within(tables.DayTaxTotal.summary_id, "DaySummary"), requires=Permission.SUMMARY_READ)
class TaxTotal:
    """What a day was taxed at one rate; credit notes of the day are subtracted."""

    rate: Percentage = column(tables.DayTaxTotal.rate_hundredths, "The rate of GST.")
    taxable: Money | None = column(tables.DayTaxTotal.taxable_paise, "The taxable value.", requires=REVENUE)
    cgst: Money | None = column(tables.DayTaxTotal.cgst_paise, "Central tax.", requires=REVENUE)
    sgst: Money | None = column(tables.DayTaxTotal.sgst_paise, "State tax.", requires=REVENUE)
    igst: Money | None = column(tables.DayTaxTotal.igst_paise, "Integrated tax.", requires=REVENUE)


@row(
    tables.DayServiceSales,
    scope=Within(tables.DayServiceSales.summary_id, "DaySummary"),
    requires=Permission.SUMMARY_READ,
)
class DayServiceSales:
    """How much one service brought on a day."""

    position: int = column(tables.DayServiceSales.position, "1 brought the most.")
    service: Service | None = one(tables.DayServiceSales.service_id, "Which. Null without the right to read services.")
    quantity: Quantity = column(tables.DayServiceSales.quantity_milli, "How often it was sold, refunds subtracted.")
    amount: Money | None = column(
        tables.DayServiceSales.amount_paise, "Its taxable value, refunds subtracted.", requires=REVENUE
    )


@row(
    tables.DayStaffSales, scope=Within(tables.DayStaffSales.summary_id, "DaySummary"), requires=Permission.SUMMARY_READ
)
class DayStaffSales:
    """How much one person's work brought on a day."""

    position: int = column(tables.DayStaffSales.position, "1 brought the most.")
    staff: StaffMember | None = one(tables.DayStaffSales.staff_id, "Who. Null when out of reach.")
    line_count: int = column(tables.DayStaffSales.line_count, "How many lines of bills carry the person's name.")
    amount: Money | None = column(
        tables.DayStaffSales.amount_paise, "Their taxable value, refunds subtracted.", requires=REVENUE
    )


@node(tables.DaySummary, scope=summaries_in_reach, requires=Permission.SUMMARY_READ)
class DaySummary(Node):
    """The figures of one business date at one branch, made at 21:45 of the branch's time and refreshed afterwards."""

    branch: Branch = one(tables.DaySummary.branch_id, "Which branch.", within=True)
    date: "date" = column(tables.DaySummary.business_date, "Which business date.")
    bill_count: int = column(tables.DaySummary.bill_count, "Bills posted that day and not void.")
    gross_total: Money | None = column(
        tables.DaySummary.gross_paise, "Their amounts as priced, before discounts.", requires=REVENUE
    )
    discount_total: Money | None = column(
        tables.DaySummary.discount_paise, "What was taken off them.", requires=REVENUE
    )
    sales_total: Money | None = column(
        tables.DaySummary.sales_paise, "Their totals: with tax, without tips.", requires=REVENUE
    )
    refund_total: Money | None = column(
        tables.DaySummary.refund_paise, "The totals of that day's credit notes.", requires=REVENUE
    )
    net_total: Money | None = column(tables.DaySummary.net_paise, "`salesTotal` less `refundTotal`.", requires=REVENUE)
    tax_total: Money | None = column(
        tables.DaySummary.tax_paise, "CGST, SGST and IGST, credit notes subtracted.", requires=REVENUE
    )
    tax_by_rate: list[TaxTotal] = many(
        tables.DayTaxTotal.summary_id, "By rate, at most 20.", order_by=tables.DayTaxTotal.rate_hundredths, limit=20
    )
    tip_total: Money | None = column(tables.DaySummary.tip_paise, "Tips on that day's bills.", requires=REVENUE)
    collected_total: Money | None = column(
        tables.DaySummary.collected_paise,
        "All money kept that day for whichever bills, with tips, less what was given back: sum of `paymentTotals`.",
        requires=REVENUE,
    )
    debt_collected_total: Money | None = column(
        tables.DaySummary.debt_collected_paise,
        "The part of `collectedTotal` that settled bills of earlier dates, and of other branches.",
        requires=REVENUE,
    )
    payment_totals: list[PaymentTotal] = many(
        tables.DayPaymentTotal.summary_id, "By method, at most 5.", order_by=tables.DayPaymentTotal.method, limit=5
    )
    top_services: list[DayServiceSales] | None = many(
        tables.DayServiceSales.summary_id,
        "The services that brought the most, at most 10. Null without the right to read amounts, which the order tells.",
        order_by=tables.DayServiceSales.position,
        requires=REVENUE,
        limit=rules.TOP_SERVICES_MAX,
    )
    staff_sales: list[DayStaffSales] | None = many(
        tables.DayStaffSales.summary_id,
        "What each person's work brought, the most first, at most 100. Null without the right to read amounts.",
        order_by=tables.DayStaffSales.position,
        requires=REVENUE,
        limit=rules.STAFF_MAX,
    )
    new_customer_count: int = column(
        tables.DaySummary.new_customer_count, "Known customers who were billed for the first time."
    )
    returning_customer_count: int = column(
        tables.DaySummary.returning_customer_count, "Known customers who had been billed on an earlier date."
    )
    is_final: bool = column(
        tables.DaySummary.is_final, "Whether the date was over when the figures were made, so that they stay."
    )
    generated_at: datetime = column(tables.DaySummary.generated_at, "When the figures were made or last refreshed.")


# --- the dashboard


def places(access: Access) -> Subquery:
    """The branches within reach that are asked for, each with its date: the one given, else today's in its zone."""
    branch, asked = argument_value("branch_id", Uuid()), argument_value("date", Date())
    tests: list[ColumnElement[bool]] = [or_(branch.is_(None), salon.Branch.id == branch)]
    if access.reach is Reach.ONE_BRANCH:
        tests.append(salon.Branch.id == actor_value("branch_id", Uuid()))
    elif access.reach is Reach.BRANCHES:
        tests.append(salon.Branch.id == any_(actor_value("branch_ids", ARRAY(Uuid()))))
    today = cast(func.timezone(salon.Branch.time_zone, now_value()), Date)
    day = func.coalesce(asked, today).label("day")
    return select(salon.Branch.id, salon.Branch.time_zone, day).where(*tests).subquery("places")


def posted(at: Subquery) -> tuple[ColumnElement[bool], ...]:
    """Which bills count."""
    return (
        bills.Bill.branch_id == at.c.id,
        bills.Bill.business_date == at.c.day,
        bills.Bill.status == BillStatus.POSTED,
    )


IS_NOTE = bills.Bill.kind == BillKind.CREDIT_NOTE


def paise(amount: SQLColumnExpression[int], *tests: ColumnElement[bool]) -> ColumnElement[int]:
    """A sum of amounts, over the rows for which tests hold; 0 where there are none."""
    total = func.sum(amount)
    return cast(func.coalesce(total.filter(*tests) if tests else total, 0), Paise)


def day_figures(access: Access) -> Select[Any]:
    """One row: bills and payments of the dates; none when no branch is within reach."""
    at = places(access)
    on = select(func.max(at.c.day).label("date")).subquery("asked")
    sold, paid = bills_of(places(access)), payments_of(places(access))
    return (
        select(
            on.c.date,
            *(each for each in sold.c),
            *(each for each in paid.c),
            cast(sold.c.sales - sold.c.refunds, Paise).label("net"),
            cast(func.div(2 * sold.c.sales + sold.c.bill_count, func.nullif(2 * sold.c.bill_count, 0)), Paise).label(
                "average"
            ),
        )
        .select_from(on.join(sold, true()).join(paid, true()))
        .where(on.c.date.is_not(None))
    )


def bills_of(at: Subquery) -> Subquery:
    """What was billed."""
    tax = bills.Bill.cgst_paise + bills.Bill.sgst_paise + bills.Bill.igst_paise
    taxes = paise(tax, ~IS_NOTE) - paise(tax, IS_NOTE)
    return (
        select(
            cast(func.count().filter(~IS_NOTE), Integer).label("bill_count"),
            cast(func.count(bills.Bill.customer_id.distinct()).filter(~IS_NOTE), Integer).label("customer_count"),
            paise(bills.Bill.total_paise, ~IS_NOTE).label("sales"),
            paise(bills.Bill.total_paise, IS_NOTE).label("refunds"),
            cast(taxes, Paise).label("tax"),
        )
        .select_from(at.join(bills.Bill, true()))
        .where(*posted(at))
        .subquery("sold")
    )


def payments_of(at: Subquery) -> Subquery:
    """What was paid at the branches less what was given back there, whichever date and branch the bill has."""
    kept = case(
        (bills.Payment.direction == MoneyDirection.IN, bills.Payment.amount_paise), else_=-bills.Payment.amount_paise
    )
    moves = accounting.MoneyMove
    by = {each: bills.Payment.method == each for each in (PaymentMethod.CASH, PaymentMethod.UPI, PaymentMethod.CARD)}
    return (
        select(
            *(paise(kept, test).label(each.name.lower()) for each, test in by.items()),
            paise(kept).label("collected"),
        )
        .select_from(at.join(moves, true()).join(bills.Payment, bills.Payment.money_move_id == moves.id))
        .where(moves.branch_id == at.c.id, moves.business_date == at.c.day)
        .subquery("paid")
    )


def sales_of_services(access: Access) -> Select[int, UUID | None, int, int]:
    """The services sold most often."""
    at = places(access)
    quantity = func.sum(bills.BillLine.quantity_milli)
    return (
        select(
            cast(func.row_number().over(order_by=(quantity.desc(), bills.BillLine.service_id)), Integer).label(
                "position"
            ),
            bills.BillLine.service_id.label("service_id"),
            cast(quantity, Milli).label("quantity"),
            paise(bills.BillLine.taxable_paise).label("amount"),
        )
        .select_from(at.join(bills.Bill, true()).join(bills.BillLine, bills.BillLine.bill_id == bills.Bill.id))
        .where(*posted(at), ~IS_NOTE, bills.BillLine.service_id.is_not(None))
        .group_by(bills.BillLine.service_id)
        .order_by(quantity.desc(), bills.BillLine.service_id)
        .limit(rules.TOP_SERVICES_MAX)
    )


def sales_of_hours(access: Access) -> Select[int, int, int]:
    """Bills by the hour at which they were posted, in their branch's time."""
    at = places(access)
    hour = cast(func.extract("hour", func.timezone(at.c.time_zone, bills.Bill.posted_at)), Integer)
    return (
        select(
            hour.label("hour"),
            cast(func.count(), Integer).label("bill_count"),
            paise(bills.Bill.total_paise).label("sales"),
        )
        .select_from(at.join(bills.Bill, true()))
        .where(*posted(at), ~IS_NOTE)
        .group_by(hour)
    )


service_sales = Computed("service_sales", sales_of_services)
hour_sales = Computed("hour_sales", sales_of_hours)
dashboards = Computed("dashboards", day_figures)


@row(service_sales, requires=Permission.DASHBOARD_READ)
class ServiceSales:
    """How often one service was sold."""

    service: Service | None = one(service_sales.c.service_id, "Which. Null without the right to read services.")
    quantity: Quantity = column(service_sales.c.quantity, "How often.", certain=True)
    amount: Money | None = column(service_sales.c.amount, "Its taxable value.", requires=REVENUE)


@row(hour_sales, requires=Permission.DASHBOARD_READ)
class HourSales:
    """The bills of one hour."""

    hour: int = column(hour_sales.c.hour, "0 to 23, in the branch's time.", certain=True)
    bill_count: int = column(hour_sales.c.bill_count, "How many bills were posted in it.", certain=True)
    sales_total: Money | None = column(hour_sales.c.sales, "Their totals.", requires=REVENUE)


@row(dashboards, requires=Permission.DASHBOARD_READ)
class Dashboard:
    """A day in numbers, as it stands at this moment."""

    date: "date" = column(dashboards.c.date, "Which business date; of several branches the latest.", certain=True)
    bill_count: int = column(dashboards.c.bill_count, "Bills posted and not void.", certain=True)
    customer_count: int = column(dashboards.c.customer_count, "Different known customers on them.", certain=True)
    sales_total: Money | None = column(dashboards.c.sales, "Their totals: with tax, without tips.", requires=REVENUE)
    refund_total: Money | None = column(dashboards.c.refunds, "The totals of credit notes.", requires=REVENUE)
    net_total: Money | None = column(dashboards.c.net, "`salesTotal` less `refundTotal`.", requires=REVENUE)
    tax_total: Money | None = column(
        dashboards.c.tax, "CGST, SGST and IGST, credit notes subtracted.", requires=REVENUE
    )
    collected_total: Money | None = column(
        dashboards.c.collected,
        "All money kept here, whichever bills it was for, other branches' among them; tips included.",
        requires=REVENUE,
    )
    cash_total: Money | None = column(dashboards.c.cash, "Of that in cash.", requires=REVENUE)
    upi_total: Money | None = column(dashboards.c.upi, "Of that by UPI.", requires=REVENUE)
    card_total: Money | None = column(dashboards.c.card, "Of that by card.", requires=REVENUE)
    average_bill: Money | None = column(
        dashboards.c.average,
        "`salesTotal` by `billCount`, half up to the paisa; null without a bill.",
        requires=REVENUE,
    )
    top_services: list[ServiceSales] = rows(
        "The services sold most often, at most 10.", order_by=service_sales.c.position, limit=rules.TOP_SERVICES_MAX
    )
    by_hour: list[HourSales] = rows("Hours with a bill, at most 24.", order_by=hour_sales.c.hour, limit=24)


@extend(Query)
class ClosingReads:
    """The roots of closing."""

    day_summary: DaySummary | None = by_key(
        "A day's summary; null until it was made, and out of reach.",
        branch_id=key(tables.DaySummary.branch_id, "Which branch.", prefix="branch"),
        date=key(tables.DaySummary.business_date, "Which business date.", annotation=date),
    )
    dashboard: Dashboard | None = reading(
        "A day in numbers; null for a branch out of reach.",
        branch_id=argument(strawberry.ID | None, "Only this branch; all within reach when left out.", prefix="branch"),
        date=argument(date | None, "Which business date; each branch's today when left out."),
    )


@extend(Subscription)
class ClosingEvents:
    """What closing tells as it happens."""

    dashboard_changed: Dashboard | None = on_change(
        (
            bill_events.BillPosted,
            bill_events.PaymentTaken,
            bill_events.PaymentCorrected,
            bill_events.PaymentReturned,
            bill_events.BillVoided,
        ),
        "Today in numbers: at once, then after every change; the newest only, at most one a second.",
        requires=Permission.DASHBOARD_READ,
        branch_id=argument(strawberry.ID | None, "Only this branch; all within reach when left out.", prefix="branch"),
    )
