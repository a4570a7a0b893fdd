"""Bills are found by how they were paid."""

from alembic import op

revision = "0026_bills_by_method"
down_revision = "0025_credit_limits"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The rare methods are found by the index; the common ones by looking at each bill."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("create index ix_payments_method_bill_id on payments (method, bill_id)")


def downgrade() -> None:
    """Nothing is lost with it."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("drop index ix_payments_method_bill_id")
