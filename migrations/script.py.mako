"""${message}: why this change is needed.

Works with the previous release's code: say how.
"""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is new."""
    op.execute("set local lock_timeout = '3s'")
    ${upgrades if upgrades else ""}


def downgrade() -> None:
    """The way back."""
    op.execute("set local lock_timeout = '3s'")
    ${downgrades if downgrades else ""}
