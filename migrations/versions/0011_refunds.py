"""Credit notes: a bill that corrects another, line by line, and never more than what is left of it.

Held here, whoever writes: what was credited on a bill's debt is the sum of its notes; a note's money and credit are its
total; over all notes of a bill no line and no total is given back twice.
"""

from alembic import op

revision = "0011_refunds"
down_revision = "0010_inventory"
branch_labels = None
depends_on = None

COLUMNS = (
    "bills add column original_id uuid constraint fk_bills_original_id references bills (id)",
    "bills add column refund_reason text",
    "bills add column credited_paise bigint not null default 0",
    "bill_lines add column original_line_id uuid constraint fk_bill_lines_original_line_id references bill_lines (id)",
)
CHECKS = {
    "ck_bills_whole_rupees": "(kind = 'CREDIT_NOTE' or round_off_paise between -49 and 50) and total_paise % 100 = 0",
    "ck_bills_amounts": (
        "least(gross_paise, discount_paise, taxable_paise, cgst_paise, igst_paise, total_paise, tip_paise, paid_paise,"
        " credited_paise) >= 0"
        " and discount_paise <= gross_paise and paid_paise + credited_paise <= total_paise + tip_paise"
    ),
    "ck_bills_payment_state_of_paid": (
        "payment_state = case when paid_paise + credited_paise >= total_paise + tip_paise then 'PAID'"
        " when paid_paise = 0 then 'UNPAID' else 'PARTLY_PAID' end"
    ),
    "ck_bills_owed_by_somebody": (
        "not (status = 'POSTED' and total_paise + tip_paise - paid_paise - credited_paise > 0)"
        " or (customer_id is not null and tip_paise = 0)"
    ),
    "ck_bills_note_is_settled": (
        "case when kind = 'CREDIT_NOTE' then original_id is not null and refund_reason is not null"
        " and status = 'POSTED' and tip_paise = 0 and paid_paise + credited_paise = total_paise"
        " else num_nonnulls(original_id, refund_reason) = 0 end"
    ),
    "ck_bills_refund_reason": "char_length(refund_reason) between 1 and 200",
}
BEFORE = {
    "ck_bills_whole_rupees": "round_off_paise between -49 and 50 and total_paise % 100 = 0",
    "ck_bills_amounts": (
        "least(gross_paise, discount_paise, taxable_paise, cgst_paise, igst_paise, total_paise, tip_paise, paid_paise)"
        " >= 0 and discount_paise <= gross_paise and paid_paise <= total_paise + tip_paise"
    ),
    "ck_bills_payment_state_of_paid": (
        "payment_state = case when paid_paise >= total_paise + tip_paise then 'PAID'"
        " when paid_paise = 0 then 'UNPAID' else 'PARTLY_PAID' end"
    ),
    "ck_bills_owed_by_somebody": (
        "not (status = 'POSTED' and total_paise + tip_paise - paid_paise > 0)"
        " or (customer_id is not null and tip_paise = 0)"
    ),
}

KEEP_POSTED_BILL = """
create or replace function keep_posted_bill() returns trigger language plpgsql as $$
declare
    moving constant text[] := array[{moving}];
begin
    if old.status <> 'DRAFT' and (tg_op = 'DELETE' or to_jsonb(old) - moving <> to_jsonb(new) - moving) then
        raise exception 'bill % is final', old.number using errcode = 'restrict_violation', constraint = 'bills_final';
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end $$
"""
MOVING = "'paid_paise', 'payment_state', 'version', 'balance_due_paise', 'listed_at', 'number_key'"

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
        or paid_paise <> (select coalesce(sum(amount_paise), 0) from payments where bill_id = this)
        {credited}
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
CREDITED = """or kind <> 'CREDIT_NOTE' and credited_paise <>
            (select coalesce(sum(note.credited_paise), 0) from bills as note where note.original_id = this)"""

# The lock makes two notes of one bill follow one another, so that each sees what the other gave back.
CHECK_NOTE = """
create function check_note() returns trigger language plpgsql as $$
declare
    original bills%rowtype;
begin
    select * into original from bills where id = new.original_id for no key update;
    if original.status <> 'POSTED' or original.kind = 'CREDIT_NOTE' or original.branch_id <> new.branch_id then
        raise exception 'bill % can not be credited', original.id
            using errcode = 'check_violation', constraint = 'notes_original';
    end if;
    if original.total_paise < (select sum(total_paise) from bills where original_id = original.id)
        or original.paid_paise - original.tip_paise < (select sum(paid_paise) from bills where original_id = original.id)
        or original.credited_paise <> (select sum(credited_paise) from bills where original_id = original.id)
        or exists (
            select from bill_lines as given
            left join bill_lines as sold on sold.id = given.original_line_id and sold.bill_id = original.id
            where given.bill_id in (select id from bills where original_id = original.id)
            group by sold.id
            having sold.id is null or sum(given.quantity_milli) > min(sold.quantity_milli)
                or sum(given.taxable_paise + given.cgst_paise + given.sgst_paise + given.igst_paise)
                    > min(sold.taxable_paise + sold.cgst_paise + sold.sgst_paise + sold.igst_paise)
        )
    then
        raise exception 'more than what is left of bill %', original.id
            using errcode = 'check_violation', constraint = 'notes_left';
    end if;
    return null;
end $$
"""


def upgrade() -> None:
    """Columns, checks, and the two functions that know of notes."""
    op.execute("set local lock_timeout = '3s'")
    for column in COLUMNS:
        op.execute(f"alter table {column}")
    _check_anew(CHECKS)
    op.execute(
        "alter table bills alter column balance_due_paise"
        " set expression as (total_paise + tip_paise - paid_paise - credited_paise)"
    )
    op.execute("create index ix_bills_original_id on bills (original_id, listed_at, id) where original_id is not null")
    op.execute(
        "create index ix_bill_lines_original_line_id on bill_lines (original_line_id) where original_line_id is not null"
    )
    op.execute(KEEP_POSTED_BILL.format(moving=f"{MOVING}, 'credited_paise'"))
    op.execute(CHECK_BILL.format(credited=CREDITED))
    op.execute(CHECK_NOTE)
    op.execute(
        "create constraint trigger notes_left after insert on bills deferrable initially deferred"
        " for each row when (new.original_id is not null) execute function check_note()"
    )


def downgrade() -> None:
    """Bills as they were; refused while there are notes."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("drop trigger notes_left on bills")
    op.execute("drop function check_note()")
    op.execute(CHECK_BILL.format(credited=""))
    op.execute(KEEP_POSTED_BILL.format(moving=MOVING))
    op.execute(
        "alter table bills alter column balance_due_paise set expression as (total_paise + tip_paise - paid_paise)"
    )
    for name in CHECKS:
        op.execute(f"alter table bills drop constraint {name}")
    for name, check in BEFORE.items():
        op.execute(f"alter table bills add constraint {name} check ({check})")
    op.execute("alter table bill_lines drop column original_line_id")
    op.execute("alter table bills drop column original_id, drop column refund_reason, drop column credited_paise")


def _check_anew(checks: dict[str, str]) -> None:
    for name, check in checks.items():
        op.execute(f"alter table bills drop constraint if exists {name}")
        op.execute(f"alter table bills add constraint {name} check ({check})")
