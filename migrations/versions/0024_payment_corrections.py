"""A payment that was recorded wrongly: its reversal and what stands in its place, each of a payment once."""

from alembic import op

revision = "0024_payment_corrections"
down_revision = "0023_write_offs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Both point at the payment that was wrong."""
    op.execute("set local lock_timeout = '3s'")
    for column in ("reverses_id", "replaces_id"):
        op.execute(
            f"alter table payments add column {column} uuid"
            f" constraint fk_payments_{column} references payments (id)"
            f" constraint uq_payments_{column} unique"
        )
    op.execute(
        "alter table payments add constraint ck_payments_one_correction check (num_nonnulls(reverses_id, replaces_id) <= 1)"
    )


def downgrade() -> None:
    """Payments as they were; what corrected others stays as money in and out."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("alter table payments drop column reverses_id, drop column replaces_id")
