"""A bill may be taken back on its date: it keeps its number, and the money that went back has payments of its own.

Whichever way money went, what is paid on a bill is the sum of its payments; on a void bill nothing is paid or owed.
"""

from alembic import op

revision = "0014_voids"
down_revision = "0013_purchases"
branch_labels = None
depends_on = None

DUE = "total_paise + tip_paise - paid_paise - credited_paise"
VOID_IS_TOLD = """
case status when 'VOID' then num_nulls(void_reason, voided_at, voided_by_id) = 0 and paid_paise = 0 and credited_paise = 0
    else num_nonnulls(void_reason, voided_at, voided_by_id, void_entry_id) = 0 end
"""

KEEP_POSTED_BILL = """
create or replace function keep_posted_bill() returns trigger language plpgsql as $$
declare
    moving constant text[] := array['paid_paise', 'payment_state', 'version', 'balance_due_paise', 'listed_at', 'number_key',
                                    'credited_paise', 'customer_id']{voiding};
begin
    if old.status <> 'DRAFT' and (tg_op = 'DELETE'{void} or to_jsonb(old) - moving <> to_jsonb(new) - moving
        or old.customer_id is not null and old.customer_id is distinct from new.customer_id) then
        raise exception 'bill % is final', old.number using errcode = 'restrict_violation', constraint = 'bills_final';
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end $$
"""
VOIDING = """
        || case when tg_op = 'UPDATE' and old.status = 'POSTED' and new.status = 'VOID' and old.kind <> 'CREDIT_NOTE'
                then array['status', 'void_reason', 'voided_at', 'voided_by_id', 'void_entry_id'] else '{}' end"""

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
        or paid_paise <> (select coalesce(sum({signed}), 0) from payments where bill_id = this)
        or kind <> 'CREDIT_NOTE' and credited_paise <>
            (select coalesce(sum(note.credited_paise), 0) from bills as note where note.original_id = this)
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
SIGNED = "case when (direction = 'IN') = (kind <> 'CREDIT_NOTE') then amount_paise else -amount_paise end"


def upgrade() -> None:
    """What a void bill says of itself, and which way a payment went."""
    op.execute("set local lock_timeout = '3s'")
    op.execute(
        "alter table bills add column void_reason text, add column voided_at timestamptz, add column voided_by_id uuid,"
        " add column void_entry_id uuid constraint fk_bills_void_entry_id references entries (id)"
    )
    op.execute(f"alter table bills add constraint ck_bills_void_is_told check ({VOID_IS_TOLD})")
    op.execute(
        "alter table bills add constraint ck_bills_void_reason check (char_length(void_reason) between 1 and 200)"
    )
    op.execute(
        "alter table bills alter column balance_due_paise"
        f" set expression as (case status when 'VOID' then 0 else {DUE} end)"
    )
    op.execute("alter table payments add column direction varchar(32) not null default 'IN'")
    op.execute("alter table payments disable trigger payments_append_only")
    op.execute("update payments set direction = 'OUT' from bills where bills.id = bill_id and kind = 'CREDIT_NOTE'")
    op.execute("alter table payments enable trigger payments_append_only")
    op.execute("alter table payments add constraint ck_payments_money_direction check (direction in ('IN', 'OUT'))")
    op.execute(KEEP_POSTED_BILL.replace("{voiding}", VOIDING).replace("{void}", " or old.status = 'VOID'"))
    op.execute(CHECK_BILL.format(signed=SIGNED))


def downgrade() -> None:
    """Bills as they were; refused while one is void."""
    op.execute("set local lock_timeout = '3s'")
    op.execute(CHECK_BILL.format(signed="amount_paise"))
    op.execute(KEEP_POSTED_BILL.replace("{voiding}", "").replace("{void}", ""))
    op.execute("alter table payments drop column direction")
    op.execute(f"alter table bills alter column balance_due_paise set expression as ({DUE})")
    op.execute(
        "alter table bills drop column void_reason, drop column voided_at, drop column voided_by_id,"
        " drop column void_entry_id"
    )
