"""Placeholder until the owner of this migration fills it."""

revision = "0004_customers"
down_revision = "0003_identity"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
