"""A balance that is given up: once a bill, with a reason and an entry; a credit note or a void takes it back."""

from alembic import op

revision = "0023_write_offs"
down_revision = "0022_documents"
branch_labels = None
depends_on = None

SETTLED = "paid_paise + credited_paise + written_off_paise"
CHECKS = {
    "ck_bills_amounts": (
        "least(gross_paise, discount_paise, taxable_paise, cgst_paise, igst_paise, total_paise, tip_paise, paid_paise,"
        " credited_paise, written_off_paise) >= 0"
        f" and discount_paise <= gross_paise and {SETTLED} <= total_paise + tip_paise"
    ),
    "ck_bills_payment_state_of_paid": (
        f"payment_state = case when {SETTLED} >= total_paise + tip_paise then 'PAID'"
        " when paid_paise = 0 then 'UNPAID' else 'PARTLY_PAID' end"
    ),
    "ck_bills_owed_by_somebody": (
        f"not (status = 'POSTED' and total_paise + tip_paise - ({SETTLED}) > 0)"
        " or (customer_id is not null and tip_paise = 0)"
    ),
    "ck_bills_write_off_is_told": (
        "case when write_off_entry_id is null"
        " then num_nonnulls(write_off_reason, written_off_at, written_off_by_id) = 0 and written_off_paise = 0"
        " else num_nulls(write_off_reason, written_off_at, written_off_by_id) = 0"
        " and status <> 'DRAFT' and kind <> 'CREDIT_NOTE' and (status <> 'VOID' or written_off_paise = 0) end"
    ),
    "ck_bills_write_off_reason": "char_length(write_off_reason) between 1 and 200",
}
BEFORE = {
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
}
DUE = "case status when 'VOID' then 0 else total_paise + tip_paise - paid_paise - credited_paise{written_off} end"

KEEP_POSTED_BILL = """
create or replace function keep_posted_bill() returns trigger language plpgsql as $$
declare
    moving constant text[] := array['paid_paise', 'payment_state', 'version', 'balance_due_paise', 'listed_at', 'number_key',
                                    'credited_paise', 'customer_id']
        || case when tg_op = 'UPDATE' and old.status = 'POSTED' and new.status = 'VOID' and old.kind <> 'CREDIT_NOTE'
                then array['status', 'void_reason', 'voided_at', 'voided_by_id', 'void_entry_id'] else '{{}}' end{once};
begin
    if old.status <> 'DRAFT' and (tg_op = 'DELETE' or old.status = 'VOID'
        or to_jsonb(old) - moving <> to_jsonb(new) - moving
        or old.customer_id is not null and old.customer_id is distinct from new.customer_id) then
        raise exception 'bill % is final', old.number using errcode = 'restrict_violation', constraint = 'bills_final';
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end $$
"""
ONCE = """
        || case when tg_op = 'UPDATE' and old.write_off_entry_id is null and new.written_off_paise = old.balance_due_paise
                then array['written_off_paise', 'write_off_reason', 'written_off_at', 'written_off_by_id', 'write_off_entry_id']
                when tg_op = 'UPDATE' and new.written_off_paise <= old.written_off_paise then array['written_off_paise']
                else '{{}}' end"""


def upgrade() -> None:
    """What was given up, and who said so; it moves once up, and then only down."""
    op.execute("set local lock_timeout = '3s'")
    op.execute(
        "alter table bills add column written_off_paise bigint not null default 0, add column write_off_reason text,"
        " add column written_off_at timestamptz, add column written_off_by_id uuid,"
        " add column write_off_entry_id uuid constraint fk_bills_write_off_entry_id references entries (id)"
    )
    for name, check in CHECKS.items():
        op.execute(f"alter table bills drop constraint if exists {name}")
        op.execute(f"alter table bills add constraint {name} check ({check})")
    op.execute(
        "alter table bills alter column balance_due_paise"
        f" set expression as ({DUE.format(written_off=' - written_off_paise')})"
    )
    op.execute(KEEP_POSTED_BILL.format(once=ONCE.format()))


def downgrade() -> None:
    """Bills as they were; what was given up is owed again."""
    op.execute("set local lock_timeout = '3s'")
    op.execute(KEEP_POSTED_BILL.format(once=""))
    op.execute(f"alter table bills alter column balance_due_paise set expression as ({DUE.format(written_off='')})")
    for name in CHECKS:
        op.execute(f"alter table bills drop constraint {name}")
    for name, check in BEFORE.items():
        op.execute(f"alter table bills add constraint {name} check ({check})")
    op.execute(
        "alter table bills drop column written_off_paise, drop column write_off_reason, drop column written_off_at,"
        " drop column written_off_by_id, drop column write_off_entry_id"
    )
