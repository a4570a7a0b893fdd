"""A posted bill without a customer may be given one, once."""

from alembic import op

revision = "0012_bill_customer"
down_revision = "0011_refunds"
branch_labels = None
depends_on = None

KEEP_POSTED_BILL = """
create or replace function keep_posted_bill() returns trigger language plpgsql as $$
declare
    moving constant text[] := array['paid_paise', 'payment_state', 'version', 'balance_due_paise', 'listed_at', 'number_key',
                                    'credited_paise'{customer}];
begin
    if old.status <> 'DRAFT' and (tg_op = 'DELETE' or to_jsonb(old) - moving <> to_jsonb(new) - moving{kept}) then
        raise exception 'bill % is final', old.number using errcode = 'restrict_violation', constraint = 'bills_final';
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end $$
"""
KEPT = "\n        or old.customer_id is not null and old.customer_id is distinct from new.customer_id"


def upgrade() -> None:
    """Once, from nobody to somebody."""
    op.execute("set local lock_timeout = '3s'")
    op.execute(KEEP_POSTED_BILL.format(customer=", 'customer_id'", kept=KEPT))


def downgrade() -> None:
    """Never."""
    op.execute("set local lock_timeout = '3s'")
    op.execute(KEEP_POSTED_BILL.format(customer="", kept=""))
