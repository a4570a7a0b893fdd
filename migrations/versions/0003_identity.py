"""Placeholder until the owner of this migration fills it."""

revision = "0003_identity"
down_revision = "0002_salon"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
