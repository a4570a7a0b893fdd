"""The kernel's own tables: announced events and the jobs made of them, idempotency keys, the audit trail, files."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from salonos.kernel.database import Base, enum_column, primary_id
from salonos.kernel.ids import new_id


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name in DDL."""
        return "XID8"


class OutboxEvent(Base):
    """A fact that was announced; see `outbox`."""

    __tablename__ = "outbox_events"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    xid: Mapped[int] = mapped_column(Xid8, server_default=text("pg_current_xact_id()"))
    kind: Mapped[str]
    branch_id: Mapped[UUID | None]
    subject_id: Mapped[UUID]
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    occurred_at: Mapped[datetime]
    __table_args__ = (
        Index("ix_outbox_events_xid_id", "xid", "id"),
        Index("ix_outbox_events_occurred_at", "occurred_at"),
    )


class EventStream(Base):
    """One row: the stream's identity, which a restore changes; up to where it was purged and relayed to jobs."""

    __tablename__ = "event_stream"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    purged_xid: Mapped[int] = mapped_column(Xid8, server_default=text("'0'"))
    purged_id: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    relayed_xid: Mapped[int] = mapped_column(Xid8, server_default=text("'0'"))
    relayed_id: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class JobStatus(enum.Enum):
    """Where a job stands. DEAD: it failed too often and waits for a person."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    DEAD = "DEAD"


class Job(Base):
    """One listener's work for one event, done once. `run_after` also carries the back-off between attempts."""

    __tablename__ = "jobs"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    event_id: Mapped[int] = mapped_column(BigInteger)
    listener: Mapped[str]
    kind: Mapped[str]
    branch_id: Mapped[UUID | None]
    subject_id: Mapped[UUID]
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    occurred_at: Mapped[datetime]
    status: Mapped[JobStatus] = enum_column(JobStatus, server_default="WAITING")
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    run_after: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    failure: Mapped[str | None]
    __table_args__ = (
        UniqueConstraint("event_id", "listener"),
        Index("ix_jobs_status_run_after", "status", "run_after"),
    )


class IdempotencyKey(Base):
    """A mutation field that was answered; see `idempotency`."""

    __tablename__ = "idempotency_keys"
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[datetime]
    __table_args__ = (Index("ix_idempotency_keys_created_at", "created_at"),)


class AuditLog(Base):
    """Who changed what, written by trigger in the transaction of the change. Append-only."""

    __tablename__ = "audit_log"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    occurred_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    actor_id: Mapped[UUID | None]
    action: Mapped[str]
    table_name: Mapped[str]
    row_id: Mapped[UUID | None]
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    __table_args__ = (Index("ix_audit_log_table_name_row_id", "table_name", "row_id", "id"),)


class FileKind(enum.Enum):
    """Whether somebody brought a file, or takes it."""

    UPLOAD = "UPLOAD"
    EXPORT = "EXPORT"


class StoredFile(Base):
    """A file that waits for its mutation, or for whoever has its link: any process can serve it, none for long."""

    __tablename__ = "stored_files"
    id: Mapped[UUID] = primary_id("file")
    owner_id: Mapped[UUID]
    kind: Mapped[FileKind] = enum_column(FileKind)
    name: Mapped[str]
    media_type: Mapped[str]
    content: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint("octet_length(content) <= 33554432", name="content"),
        CheckConstraint("name ~ '^[A-Za-z0-9._-]{1,100}$'", name="name"),
        Index("ix_stored_files_owner_id_kind_created_at", "owner_id", "kind", "created_at"),
        Index("ix_stored_files_expires_at", "expires_at"),
    )


class ExportState(enum.Enum):
    """Where a large file stands."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


class ExportFailure(enum.Enum):
    """Why there will be no file."""

    RIGHTS_CHANGED = "RIGHTS_CHANGED"
    TOO_LARGE = "TOO_LARGE"
    TOO_LATE = "TOO_LATE"
    FAULT = "FAULT"


class Export(Base):
    """A large file that is made in the background; see `exports`. `run` is the attempt that its pieces are of."""

    __tablename__ = "exports"
    id: Mapped[UUID] = primary_id("export")
    owner_id: Mapped[UUID]
    name: Mapped[str]
    media_type: Mapped[str]
    state: Mapped[ExportState] = enum_column(ExportState)
    failure: Mapped[ExportFailure | None] = enum_column(ExportFailure)
    file_key: Mapped[bytes]
    asked: Mapped[bytes]
    run: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    items_done: Mapped[int] = mapped_column(server_default=text("0"))
    items_in_all: Mapped[int | None]
    pieces: Mapped[int] = mapped_column(server_default=text("0"))
    size_bytes: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    rights_version: Mapped[int | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("name ~ '^[A-Za-z0-9._-]{1,100}$'", name="name"),
        CheckConstraint("(state = 'FAILED') = (failure is not null)", name="failed"),
        CheckConstraint("(state in ('WAITING', 'RUNNING')) = (finished_at is null)", name="finished"),
        CheckConstraint("(state in ('DONE', 'EXPIRED')) = (expires_at is not null)", name="offered"),
        CheckConstraint("(state in ('DONE', 'EXPIRED')) = (rights_version is not null)", name="rights"),
        Index("ix_exports_owner_id_created_at_id", "owner_id", "created_at", "id"),
        Index("ix_exports_created_at", "created_at"),
    )


class ExportPiece(Base):
    """A piece of a large file, sealed: the pieces of an attempt in the order of their places are the file."""

    __tablename__ = "export_pieces"
    export_id: Mapped[UUID] = mapped_column(ForeignKey(Export.id, ondelete="CASCADE"), primary_key=True)
    run: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes]
