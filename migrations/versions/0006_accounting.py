"""Placeholder until the owner of this migration fills it."""

revision = "0006_accounting"
down_revision = "0005_catalog"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
