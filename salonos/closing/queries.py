"""The statements behind a day's summary: what is computed of bills and payments, and what is stored of it.

Figures follow M7: sales are posted bills that are not void, with tax, without tips; credit notes are subtracted where
a figure is net. A line's amount is what was taxed: after discounts, before tax, without tips.
"""

from sqlalchemy import Boolean, Date, DateTime, Uuid, bindparam, text

from salonos.kernel import clock
from salonos.kernel.due import Place
from salonos.kernel.work import Work
from salonos.salon import queries as salon

_DAY = (bindparam("branch_id", type_=Uuid()), bindparam("on", type_=Date()))

LOCK = text("select id from day_summaries where branch_id = :branch_id and business_date = :on for update").bindparams(
    *_DAY
)
"""So that two refreshes of one day follow one another."""

EMPTY = text(
    """
    with payments as (delete from day_payment_totals where summary_id = :id),
         taxes as (delete from day_tax_totals where summary_id = :id),
         services as (delete from day_service_sales where summary_id = :id)
    delete from day_staff_sales where summary_id = :id
    """
).bindparams(bindparam("id", type_=Uuid()))
"""Takes away the lists of a summary."""

STORE = text(
    """
    with day_bills as materialized (
        select bills.*, case kind when 'CREDIT_NOTE' then -1 else 1 end as sign from bills
        where branch_id = :branch_id and business_date = :on and status = 'POSTED'
    ),
    day_lines as materialized (
        select bill_lines.*, day_bills.sign from bill_lines join day_bills on day_bills.id = bill_lines.bill_id
    ),
    day_payments as materialized (
        select payments.method,
               case payments.direction when 'IN' then payments.amount_paise else -payments.amount_paise end as amount_paise,
               bills.status = 'POSTED' and (bills.business_date < :on or bills.branch_id <> :branch_id) as is_of_debt
        from money_moves as move join payments on payments.money_move_id = move.id
        join bills on bills.id = payments.bill_id
        where move.branch_id = :branch_id and move.business_date = :on
    ),
    day_work as materialized (
        select day_lines.sign, coalesce(share.staff_id, day_lines.staff_id) as staff_id,
               coalesce(share.amount_paise, day_lines.taxable_paise) as amount_paise
        from day_lines left join line_shares as share on share.line_id = day_lines.id
    ),
    guests as (
        select distinct customer_id,
               exists (select from bills as earlier
                       where earlier.customer_id = day_bills.customer_id and earlier.status = 'POSTED'
                         and earlier.kind <> 'CREDIT_NOTE' and earlier.business_date < :on) as is_returning
        from day_bills where customer_id is not null and sign = 1
    ),
    figures as (
        select count(*) filter (where sign = 1) as bill_count,
               coalesce(sum(gross_paise) filter (where sign = 1), 0) as gross,
               coalesce(sum(discount_paise) filter (where sign = 1), 0) as discount,
               coalesce(sum(total_paise) filter (where sign = 1), 0) as sales,
               coalesce(sum(total_paise) filter (where sign = -1), 0) as refund,
               coalesce(sum(sign * (cgst_paise + sgst_paise + igst_paise)), 0) as tax,
               coalesce(sum(tip_paise) filter (where sign = 1), 0) as tip
        from day_bills
    ),
    summary as (
        insert into day_summaries as stored (
            id, branch_id, business_date, bill_count, gross_paise, discount_paise, sales_paise, refund_paise, net_paise,
            tax_paise, tip_paise, collected_paise, debt_collected_paise, new_customer_count, returning_customer_count,
            is_final, generated_at)
        select :id, :branch_id, :on, bill_count, gross, discount, sales, refund, sales - refund, tax, tip,
               (select coalesce(sum(amount_paise), 0) from day_payments),
               (select coalesce(sum(amount_paise), 0) from day_payments where is_of_debt),
               (select count(*) from guests where not is_returning), (select count(*) from guests where is_returning),
               :is_final, :now
        from figures
        on conflict (branch_id, business_date) do update set
            bill_count = excluded.bill_count, gross_paise = excluded.gross_paise,
            discount_paise = excluded.discount_paise, sales_paise = excluded.sales_paise,
            refund_paise = excluded.refund_paise, net_paise = excluded.net_paise, tax_paise = excluded.tax_paise,
            tip_paise = excluded.tip_paise, collected_paise = excluded.collected_paise,
            debt_collected_paise = excluded.debt_collected_paise, new_customer_count = excluded.new_customer_count,
            returning_customer_count = excluded.returning_customer_count, is_final = excluded.is_final,
            generated_at = excluded.generated_at
        returning id
    ),
    payments_stored as (
        insert into day_payment_totals (summary_id, method, amount_paise)
        select summary.id, method, sum(amount_paise) from day_payments, summary group by summary.id, method
    ),
    taxes_stored as (
        insert into day_tax_totals (summary_id, rate_hundredths, taxable_paise, cgst_paise, sgst_paise, igst_paise)
        select summary.id, rate_hundredths, sum(sign * taxable_paise), sum(sign * cgst_paise), sum(sign * sgst_paise),
               sum(sign * igst_paise)
        from day_lines, summary group by summary.id, rate_hundredths
    ),
    services_stored as (
        insert into day_service_sales (summary_id, position, service_id, quantity_milli, amount_paise)
        select summary.id, row_number() over (order by amount desc, service_id), service_id, quantity, amount
        from summary, (select service_id, sum(sign * quantity_milli) as quantity, sum(sign * taxable_paise) as amount
                       from day_lines where service_id is not null group by service_id
                       order by amount desc, service_id limit :services_max) as best
    ),
    staff_stored as (
        insert into day_staff_sales (summary_id, position, staff_id, line_count, amount_paise)
        select summary.id, row_number() over (order by amount desc, staff_id), staff_id, lines, amount
        from summary, (select staff_id, count(*) filter (where sign = 1) as lines, sum(sign * amount_paise) as amount
                       from day_work where staff_id is not null group by staff_id
                       order by amount desc, staff_id limit :staff_max) as best
    )
    select id from summary
    """
).bindparams(
    *_DAY,
    bindparam("id", type_=Uuid()),
    bindparam("is_final", type_=Boolean()),
    bindparam("now", type_=DateTime(timezone=True)),
)
"""Computes a day and stores it, by the index on (branch, business date). The lists must be empty before."""


async def places(work: Work) -> list[Place]:
    """Where days fall due: the branches in business, since the day they were added."""
    return [
        Place(branch.id, branch.time_zone, clock.business_date(branch.created_at, branch.time_zone))
        for branch in await salon.active_branches(work)
    ]
