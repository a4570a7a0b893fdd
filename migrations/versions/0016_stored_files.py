"""Files that people bring and take: rows that expire, since the processes share no disk.

The application writes, reads and forgets them; whatever is in one stands elsewhere as well.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016_stored_files"
down_revision = "0015_stock_adjustments"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table."""
    op.execute("set local lock_timeout = '3s'")
    op.create_table(
        "stored_files",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stored_files"),
        sa.CheckConstraint("kind in ('UPLOAD', 'EXPORT')", name=op.f("ck_stored_files_file_kind")),
        sa.CheckConstraint("octet_length(content) <= 33554432", name=op.f("ck_stored_files_content")),
        sa.CheckConstraint("name ~ '^[A-Za-z0-9._-]{1,100}$'", name=op.f("ck_stored_files_name")),
    )
    op.create_index("ix_stored_files_owner_id_kind_created_at", "stored_files", ["owner_id", "kind", "created_at"])
    op.create_index("ix_stored_files_expires_at", "stored_files", ["expires_at"])
    op.execute("grant select, insert, delete on stored_files to salonos_app")


def downgrade() -> None:
    """What waits in it is lost, and can be uploaded or exported again."""
    op.drop_table("stored_files")
