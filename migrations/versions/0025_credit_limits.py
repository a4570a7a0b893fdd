"""How much a customer may owe: their own limit, else that of all customers, else none."""

from alembic import op

revision = "0025_credit_limits"
down_revision = "0024_payment_corrections"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One row a customer, and one of nobody's for all others."""
    op.execute("set local lock_timeout = '3s'")
    op.execute(
        """
        create table credit_limits (
            id uuid constraint pk_credit_limits primary key,
            customer_id uuid constraint fk_credit_limits_customer_id references customers (id),
            amount_paise bigint not null,
            set_at timestamptz not null,
            set_by_id uuid not null,
            constraint uq_credit_limits_customer_id unique nulls not distinct (customer_id),
            constraint ck_credit_limits_amount check (amount_paise between 0 and 1000000000000)
        )
        """
    )
    op.execute(
        "create trigger credit_limits_audit after insert or update or delete on credit_limits"
        " for each row execute function audit_change()"
    )
    op.execute("grant select, insert, delete on credit_limits to salonos_app")
    op.execute("grant update (amount_paise, set_at, set_by_id) on credit_limits to salonos_app")


def downgrade() -> None:
    """Nobody's debt is limited."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("drop table credit_limits")
