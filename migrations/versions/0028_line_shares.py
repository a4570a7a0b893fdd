"""Who shares in a line of a bill, and in how much of it: together exactly what the line is worth without tax."""

from alembic import op

revision = "0028_line_shares"
down_revision = "0027_numbers_by_date"
branch_labels = None
depends_on = None

SHARES = """
create table line_shares (
    line_id uuid not null constraint fk_line_shares_line_id references bill_lines (id) on delete cascade,
    staff_id uuid not null constraint fk_line_shares_staff_id references staff (id),
    bill_id uuid not null constraint fk_line_shares_bill_id references bills (id),
    position integer not null,
    share_hundredths integer,
    amount_paise bigint not null,
    constraint pk_line_shares primary key (line_id, staff_id),
    constraint ck_line_shares_position check (position between 1 and 11),
    constraint ck_line_shares_share check (share_hundredths between 1 and 10000)
)
"""
CHECK_BILL = """
create or replace function check_bill() returns trigger language plpgsql as $$
declare
    this uuid := case tg_table_name when 'bills' then to_jsonb(new) ->> 'id' else to_jsonb(new) ->> 'bill_id' end;
    wrong boolean;
begin
    select coalesce(lines.taxable, 0) <> taxable_paise or coalesce(lines.cgst, 0) <> cgst_paise
        or coalesce(lines.igst, 0) <> igst_paise or coalesce(lines.gross, 0) <> gross_paise
        or coalesce(lines.discount, 0) <> discount_paise
        or tip_paise <> (select coalesce(sum(amount_paise), 0) from tips where bill_id = this)
        or paid_paise <> (select coalesce(sum(case when (direction = 'IN') = (kind <> 'CREDIT_NOTE') then amount_paise
                                                   else -amount_paise end), 0) from payments where bill_id = this)
        or kind <> 'CREDIT_NOTE' and credited_paise <>
            (select coalesce(sum(note.credited_paise), 0) from bills as note where note.original_id = this){shares}
    into wrong
    from bills, (
        select sum(taxable_paise) as taxable, sum(cgst_paise) as cgst, sum(igst_paise) as igst, sum(gross_paise) as gross,
               sum(discount_paise + bill_discount_paise) as discount
        from bill_lines where bill_id = this
    ) as lines
    where bills.id = this;
    if wrong then
        raise exception 'bill % is not the sum of its parts', this
            using errcode = 'check_violation', constraint = 'bills_sum';
    end if;
    return null;
end $$
"""
SHARED = """
        or exists (select from line_shares as share
                   left join bill_lines as line on line.id = share.line_id and line.bill_id = share.bill_id
                   where share.bill_id = this group by share.line_id, line.taxable_paise
                   having sum(share.amount_paise) is distinct from line.taxable_paise)"""


def upgrade() -> None:
    """The table, and what keeps it true."""
    op.execute("set local lock_timeout = '3s'")
    op.execute(SHARES)
    op.execute("create index ix_line_shares_bill_id on line_shares (bill_id)")
    op.execute("create index ix_line_shares_staff_id on line_shares (staff_id)")
    op.execute(CHECK_BILL.format(shares=SHARED))
    op.execute(
        "create trigger line_shares_final before insert or update or delete on line_shares"
        " for each row execute function keep_posted_parts()"
    )
    op.execute(
        "create trigger line_shares_no_truncate before truncate on line_shares"
        " for each statement execute function refuse_change()"
    )
    op.execute("grant select, insert, delete on line_shares to salonos_app")


def downgrade() -> None:
    """Nobody shares in a line."""
    op.execute("set local lock_timeout = '3s'")
    op.execute(CHECK_BILL.format(shares=""))
    op.execute("drop table line_shares")
