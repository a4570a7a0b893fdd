"""Placeholder until the owner of this migration fills it."""

revision = "0007_bills"
down_revision = "0006_accounting"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
