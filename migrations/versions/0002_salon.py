"""Placeholder until the owner of this migration fills it."""

revision = "0002_salon"
down_revision = "0001_kernel"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
