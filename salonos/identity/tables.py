"""People, roles, sessions, the chain of refresh tokens, shared tablets, counted sign-ins, approvals and notices."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from salonos.identity.rules import ApprovalAction, Notice, SessionEnd
from salonos.kernel.database import Base, Paise, enum_column, primary_id
from salonos.salon import tables as salon


class Role(Base):
    """A named set of permissions. `own_permissions` are those of them that hold for the person's own work only."""

    __tablename__ = "roles"
    id: Mapped[UUID] = primary_id("role")
    name: Mapped[str]
    name_key: Mapped[str] = mapped_column(unique=True)
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    own_permissions: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    is_built_in: Mapped[bool]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime]
    __table_args__ = (CheckConstraint("own_permissions <@ permissions", name="own_are_held"),)


class Staff(Base):
    """A person who works here. `version` is the row's; `rights_version` that of what the person may do."""

    __tablename__ = "staff"
    id: Mapped[UUID] = primary_id("staff")
    display_name: Mapped[str]
    display_name_key: Mapped[str]
    username: Mapped[str | None]
    username_key: Mapped[str | None] = mapped_column(unique=True)
    password_hash: Mapped[str | None]
    pin_hash: Mapped[str | None]
    role_id: Mapped[UUID] = mapped_column(ForeignKey(Role.id))
    all_branches: Mapped[bool]
    is_service_provider: Mapped[bool]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    rights_version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime]
    signed_in_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint(
            "(username is null) = (username_key is null) and (username is null) = (password_hash is null)",
            name="username_with_password",
        ),
        Index("ix_staff_display_name_key_id", "display_name_key", "id"),
        Index(
            "ix_staff_display_name_prefix", "display_name_key", postgresql_ops={"display_name_key": "text_pattern_ops"}
        ),
        Index("ix_staff_role_id", "role_id"),
    )


class StaffBranch(Base):
    """A person works at a branch. Who works at all branches has no rows."""

    __tablename__ = "staff_branches"
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(Staff.id), primary_key=True)
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id), primary_key=True)
    __table_args__ = (Index("ix_staff_branches_branch_id", "branch_id"),)


class Tablet(Base):
    """A tablet of the salon's on which people sign in with a PIN. Of its token only the SHA-256 is stored."""

    __tablename__ = "tablets"
    id: Mapped[UUID] = primary_id("tablet")
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    name: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    enrolled_at: Mapped[datetime]
    enrolled_by_id: Mapped[UUID] = mapped_column(ForeignKey(Staff.id))
    revoked_at: Mapped[datetime | None]
    __table_args__ = (
        Index("ix_tablets_enrolled_at_id", "enrolled_at", "id"),
        Index("ix_tablets_branch_id_enrolled_at_id", "branch_id", "enrolled_at", "id"),
    )


class Session(Base):
    """One device on which a person is signed in: a family of refresh tokens.

    `device_hash` is a keyed hash of the device id that the client sent, or else of its address and kind of program;
    `is_device_bound` says which. `generation` is that of the live token. A tablet has one live session.
    """

    __tablename__ = "sessions"
    id: Mapped[UUID] = primary_id("session")
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(Staff.id))
    device_name: Mapped[str]
    device_hash: Mapped[bytes]
    is_device_bound: Mapped[bool]
    generation: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[SessionEnd | None] = enum_column(SessionEnd)
    tablet_id: Mapped[UUID | None] = mapped_column(ForeignKey(Tablet.id))
    __table_args__ = (
        CheckConstraint("(ended_at is null) = (ended_because is null)", name="ended_with_reason"),
        Index("ix_sessions_staff_id_last_seen_at", "staff_id", "last_seen_at", "id"),
        Index("ix_sessions_staff_id_device_hash", "staff_id", "device_hash"),
        Index(
            "ix_sessions_tablet_id",
            "tablet_id",
            postgresql_where=text("tablet_id is not null"),
        ),
    )


class RefreshToken(Base):
    """One link of a session's chain: good for one use. Of the token only its SHA-256 is stored.

    `successor_sealed` opens with the token itself and the server's key, for a client that lost the response.
    """

    __tablename__ = "refresh_tokens"
    id: Mapped[UUID] = primary_id("refresh")
    session_id: Mapped[UUID] = mapped_column(ForeignKey(Session.id, ondelete="CASCADE"))
    generation: Mapped[int]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    used_by: Mapped[bytes | None]
    successor_sealed: Mapped[bytes | None]
    __table_args__ = (
        UniqueConstraint("session_id", "generation"),
        CheckConstraint(
            "(used_at is null) = (used_by is null) and (used_at is null) = (successor_sealed is null)",
            name="used_with_successor",
        ),
        Index(
            "uq_refresh_tokens_live",
            "session_id",
            unique=True,
            postgresql_where=text("used_at is null"),
        ),
        Index("ix_refresh_tokens_expires_at", "expires_at"),
    )


class SignInAttempt(Base):
    """Failed attempts of one bucket: an account from one device, from strangers, or by PIN; an address; a tablet.

    What its columns mean says `rules.Count`.

    The bucket is a keyed hash: what people type as their username is sometimes their password.
    """

    __tablename__ = "sign_in_attempts"
    bucket: Mapped[bytes] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime]
    retry_at: Mapped[datetime]
    kept_until: Mapped[datetime] = mapped_column(server_default=text("now() + interval '1 day'"))
    __table_args__ = (Index("ix_sign_in_attempts_kept_until", "kept_until"),)


class Approval(Base):
    """One person's yes to one thing that another is about to do: good once, for some minutes, up to a ceiling.

    `object_id` is what it is about: a bill, or the branch itself where there is no bill yet.
    """

    __tablename__ = "approvals"
    id: Mapped[UUID] = primary_id("approval")
    action: Mapped[ApprovalAction] = enum_column(ApprovalAction)
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    object_id: Mapped[UUID]
    ceiling_paise: Mapped[int] = mapped_column(Paise)
    requester_id: Mapped[UUID] = mapped_column(ForeignKey(Staff.id))
    approver_id: Mapped[UUID] = mapped_column(ForeignKey(Staff.id))
    given_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("requester_id <> approver_id", name="four_eyes"),
        CheckConstraint("ceiling_paise >= 0", name="ceiling"),
    )


class SecurityNotice(Base):
    """What the owner ought to know about a person's account. Append-only."""

    __tablename__ = "security_notices"
    id: Mapped[UUID] = primary_id("notice")
    kind: Mapped[Notice] = enum_column(Notice)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(Staff.id))
    session_id: Mapped[UUID | None]
    occurred_at: Mapped[datetime]
    __table_args__ = (Index("ix_security_notices_occurred_at_id", "occurred_at", "id"),)
