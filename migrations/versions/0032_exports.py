"""Large files that are made in the background: what was asked for and how far it is, and the pieces of the file.

The worker writes a piece a transaction; both are forgotten once they have expired.
"""

from alembic import op

revision = "0032_exports"
down_revision = "0031_bill_staff"
branch_labels = None
depends_on = None

EXPORTS = """
create table exports (
    id uuid not null constraint pk_exports primary key,
    owner_id uuid not null,
    name text not null constraint ck_exports_name check (name ~ '^[A-Za-z0-9._-]{1,100}$'),
    media_type text not null,
    state varchar(32) not null
        constraint ck_exports_export_state check (state in ('WAITING', 'RUNNING', 'DONE', 'FAILED', 'EXPIRED')),
    failure varchar(32) constraint ck_exports_export_failure
        check (failure in ('RIGHTS_CHANGED', 'TOO_LARGE', 'TOO_LATE', 'FAULT')),
    file_key bytea not null,
    asked bytea not null,
    run bigint not null default 0,
    items_done integer not null default 0,
    items_in_all integer,
    pieces integer not null default 0,
    size_bytes bigint not null default 0,
    rights_version integer,
    created_at timestamptz not null,
    finished_at timestamptz,
    expires_at timestamptz,
    constraint ck_exports_failed check ((state = 'FAILED') = (failure is not null)),
    constraint ck_exports_finished check ((state in ('WAITING', 'RUNNING')) = (finished_at is null)),
    constraint ck_exports_offered check ((state in ('DONE', 'EXPIRED')) = (expires_at is not null)),
    constraint ck_exports_rights check ((state in ('DONE', 'EXPIRED')) = (rights_version is not null))
)
"""
PIECES = """
create table export_pieces (
    export_id uuid not null constraint fk_export_pieces_export_id references exports (id) on delete cascade,
    run bigint not null,
    position integer not null,
    content bytea not null,
    constraint pk_export_pieces primary key (export_id, run, position)
)
"""


def upgrade() -> None:
    """Two tables. A piece is sealed, so that packing it again is for nothing."""
    op.execute("set local lock_timeout = '3s'")
    op.execute(EXPORTS)
    op.execute("create index ix_exports_owner_id_created_at_id on exports (owner_id, created_at, id)")
    op.execute("create index ix_exports_created_at on exports (created_at)")
    op.execute(PIECES)
    op.execute("alter table export_pieces alter column content set storage external")
    op.execute("grant select, insert, update, delete on exports to salonos_app")
    op.execute("grant select, insert, delete on export_pieces to salonos_app")


def downgrade() -> None:
    """What waits in them is lost, and can be asked for again."""
    op.drop_table("export_pieces")
    op.drop_table("exports")
