"""The numbers that were given in a period are read for the return."""

from alembic import op

revision = "0027_numbers_by_date"
down_revision = "0026_bills_by_method"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A month is found among the years."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("create index ix_drawn_numbers_drawn_on on drawn_numbers (drawn_on)")


def downgrade() -> None:
    """Nothing is lost with it."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("drop index ix_drawn_numbers_drawn_on")
