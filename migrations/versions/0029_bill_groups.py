"""Bill groups: services and goods of one cart as two documents, each the other's companion, where a branch wants it."""

from alembic import op

revision = "0029_bill_groups"
down_revision = "0028_line_shares"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bills of before stand alone, and branches go on with one document."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("alter table branches add column splits_bills boolean not null default false")
    op.execute("alter table bills add column companion_id uuid constraint fk_bills_companion_id references bills (id)")
    op.execute("alter table bills add constraint uq_bills_companion_id unique (companion_id)")
    op.execute("alter table bills add constraint ck_bills_companion check (companion_id <> id)")


def downgrade() -> None:
    """Each document alone."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("alter table bills drop column companion_id")
    op.execute("alter table branches drop column splits_bills")
