"""Placeholder until the owner of this migration fills it."""

revision = "0005_catalog"
down_revision = "0004_customers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
