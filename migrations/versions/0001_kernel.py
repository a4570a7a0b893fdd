"""What every feature stands on: the application's role, append-only and audit triggers, outbox, jobs, idempotency.

The application never works as the owner of its tables: it takes the role `salonos_app`, which may only do what each
migration grants it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001_kernel"
down_revision = None
branch_labels = None
depends_on = None

ROLE = """
do $$
begin
    if not exists (select from pg_roles where rolname = 'salonos_app') then
        create role salonos_app nologin;
    end if;
exception when duplicate_object or unique_violation then null;
end $$
"""

REFUSE_CHANGE = """
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$
"""

AUDIT_CHANGE = """
create function audit_change() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    was jsonb := case when tg_op = 'INSERT' then '{}'::jsonb else to_jsonb(old) end;
    becomes jsonb := case when tg_op = 'DELETE' then '{}'::jsonb else to_jsonb(new) end;
    found jsonb;
begin
    select jsonb_object_agg(name, case when name = any(tg_argv) then '"changed"'::jsonb
                                       else jsonb_build_array(was -> name, becomes -> name) end)
    into found
    from (select jsonb_object_keys(was || becomes) as name) as names
    where was -> name is distinct from becomes -> name;
    if found is null then
        return null;
    end if;
    insert into public.audit_log (actor_id, action, table_name, row_id, changes)
    values (nullif(current_setting('salonos.actor_id', true), '')::uuid, tg_op, tg_table_name,
            (coalesce(becomes ->> 'id', was ->> 'id'))::uuid, found);
    return null;
end $$
"""

WAKE_READERS = """
create function wake_event_readers() returns trigger language plpgsql as $$
begin
    perform pg_notify('salonos_events', '');
    return null;
end $$
"""


def upgrade() -> None:
    """The kernel's tables and functions."""
    op.execute("set local lock_timeout = '3s'")
    op.execute(ROLE)
    op.execute("do $$ begin execute format('grant salonos_app to %I', current_user); end $$")
    op.execute("grant usage on schema public to salonos_app")
    op.execute("create extension if not exists btree_gist")
    op.execute(REFUSE_CHANGE)
    create_outbox()
    create_idempotency_keys()
    create_audit_log()


def create_outbox() -> None:
    """Events, their stream, and jobs."""
    op.execute(
        """
        create table outbox_events (
            id bigint generated always as identity constraint pk_outbox_events primary key,
            xid xid8 not null default pg_current_xact_id(),
            kind text not null,
            branch_id uuid,
            subject_id uuid not null,
            payload jsonb not null,
            occurred_at timestamptz not null
        )
        """
    )
    op.create_index("ix_outbox_events_xid_id", "outbox_events", ["xid", "id"])
    op.create_index("ix_outbox_events_occurred_at", "outbox_events", ["occurred_at"])
    op.execute(
        """
        create table event_stream (
            id uuid constraint pk_event_stream primary key,
            purged_xid xid8 not null default '0',
            purged_id bigint not null default 0,
            relayed_xid xid8 not null default '0',
            relayed_id bigint not null default 0
        )
        """
    )
    op.execute("insert into event_stream (id) values (gen_random_uuid())")
    op.execute(WAKE_READERS)
    op.execute(
        "create trigger outbox_events_wake after insert on outbox_events "
        "for each statement execute function wake_event_readers()"
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("listener", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(32), server_default="WAITING", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("run_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.CheckConstraint("status in ('WAITING', 'RUNNING', 'DONE', 'DEAD')", name=op.f("ck_jobs_job_status")),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("event_id", "listener", name="uq_jobs_event_id_listener"),
    )
    op.create_index("ix_jobs_status_run_after", "jobs", ["status", "run_after"])
    op.execute("grant select, insert, delete on outbox_events to salonos_app")
    op.execute("grant select, update on event_stream to salonos_app")
    op.execute("grant select, insert, update, delete on jobs to salonos_app")


def create_idempotency_keys() -> None:
    """Keys of answered mutations."""
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("result", postgresql.JSONB(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.execute("grant select, insert, update, delete on idempotency_keys to salonos_app")


def create_audit_log() -> None:
    """The audit trail: the application may read it, only the trigger writes it."""
    op.execute(
        """
        create table audit_log (
            id bigint generated always as identity constraint pk_audit_log primary key,
            occurred_at timestamptz not null default clock_timestamp(),
            actor_id uuid,
            action text not null,
            table_name text not null,
            row_id uuid,
            changes jsonb not null
        )
        """
    )
    op.create_index("ix_audit_log_table_name_row_id", "audit_log", ["table_name", "row_id", "id"])
    op.execute(AUDIT_CHANGE)
    op.execute(
        "create trigger audit_log_append_only before update or delete on audit_log "
        "for each row execute function refuse_change()"
    )
    op.execute(
        "create trigger audit_log_no_truncate before truncate on audit_log "
        "for each statement execute function refuse_change()"
    )
    op.execute("grant select on audit_log to salonos_app")


def downgrade() -> None:
    """Everything of the kernel but the role, which other databases of the server may use."""
    op.execute("set local lock_timeout = '3s'")
    for table in ("audit_log", "idempotency_keys", "jobs", "event_stream", "outbox_events"):
        op.drop_table(table)
    for function in ("audit_change", "wake_event_readers", "refuse_change"):
        op.execute(f"drop function {function}()")
