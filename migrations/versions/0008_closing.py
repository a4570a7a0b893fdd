"""Placeholder until the owner of this migration fills it."""

revision = "0008_closing"
down_revision = "0007_bills"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
