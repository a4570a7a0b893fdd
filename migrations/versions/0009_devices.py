"""Shared tablets and their PINs, approvals, notices for the owner, and a write's own look at who writes.

A shared tablet is enrolled by a person and known by a token of its own, so that a PIN, which anybody could guess, is
good for nothing elsewhere. An approval is one person's yes to one thing that another is about to do. `actor_stands` is
asked by a transaction's first statement: what was taken away a moment ago writes nothing any more.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009_devices"
down_revision = "0008_closing"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
PERSONAL_OF_STAFF = "'display_name', 'display_name_key', 'username', 'username_key', 'password_hash'"
ENDS_BEFORE = "'SIGNED_OUT', 'STOLEN', 'PASSWORD_CHANGED', 'DISABLED', 'TOO_MANY_DEVICES'"
ENDS = f"{ENDS_BEFORE}, 'PIN_CHANGED', 'ANOTHER_SIGNED_IN', 'TABLET_REVOKED'"

ACTOR_STANDS = """
create function actor_stands(asked_session uuid, asked_version integer, at timestamptz) returns boolean
language sql stable as $$
    select asked_session is null or exists (
        select from sessions
        join staff on staff.id = sessions.staff_id and staff.is_active and staff.rights_version = asked_version
        where sessions.id = asked_session and sessions.ended_at is null and sessions.expires_at > at
    )
$$
"""


def upgrade() -> None:
    """Tables, columns, the function, and what the application may do."""
    op.execute("set local lock_timeout = '3s'")
    create_tablets()
    extend_staff_and_sessions()
    create_approvals()
    create_security_notices()
    op.execute(ACTOR_STANDS)


def create_tablets() -> None:
    """Tablets on which people sign in with a PIN."""
    op.create_table(
        "tablets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("enrolled_at", INSTANT, nullable=False),
        sa.Column("enrolled_by_id", sa.Uuid(), nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_tablets_branch_id"),
        sa.ForeignKeyConstraint(["enrolled_by_id"], ["staff.id"], name="fk_tablets_enrolled_by_id"),
        sa.PrimaryKeyConstraint("id", name="pk_tablets"),
        sa.UniqueConstraint("token_hash", name="uq_tablets_token_hash"),
    )
    op.create_index("ix_tablets_enrolled_at_id", "tablets", ["enrolled_at", "id"])
    op.create_index("ix_tablets_branch_id_enrolled_at_id", "tablets", ["branch_id", "enrolled_at", "id"])
    op.execute("grant select, insert, update on tablets to salonos_app")
    op.execute(
        "create trigger tablets_audit after insert or update or delete on tablets "
        "for each row execute function audit_change('token_hash')"
    )


def extend_staff_and_sessions() -> None:
    """PINs, the tablet of a session, further reasons for its end, and counts that are kept until the right password."""
    op.add_column("staff", sa.Column("pin_hash", sa.Text(), nullable=True))
    audit_staff(f"{PERSONAL_OF_STAFF}, 'pin_hash'")
    op.add_column("sessions", sa.Column("tablet_id", sa.Uuid(), nullable=True))
    op.create_foreign_key("fk_sessions_tablet_id", "sessions", "tablets", ["tablet_id"], ["id"])
    op.create_index(
        "ix_sessions_tablet_id",
        "sessions",
        ["tablet_id"],
        postgresql_where=sa.text("tablet_id is not null"),
    )
    say_ends(ENDS)
    kept = sa.Column("kept_until", INSTANT, server_default=sa.text("now() + interval '1 day'"), nullable=False)
    op.add_column("sign_in_attempts", kept)
    op.drop_index("ix_sign_in_attempts_last_at", "sign_in_attempts")
    op.create_index("ix_sign_in_attempts_kept_until", "sign_in_attempts", ["kept_until"])


def audit_staff(personal: str) -> None:
    """The audit trail tells that these have changed, never what they hold."""
    op.execute("drop trigger staff_audit on staff")
    op.execute(
        "create trigger staff_audit after insert or update or delete on staff "
        f"for each row execute function audit_change({personal})"
    )


def say_ends(names: str) -> None:
    """Why a session may end."""
    op.drop_constraint(op.f("ck_sessions_session_end"), "sessions", type_="check")
    op.create_check_constraint(op.f("ck_sessions_session_end"), "sessions", f"ended_because in ({names})")


def create_approvals() -> None:
    """One person's yes to one thing of another's; and on the bill, whose it was."""
    op.create_table(
        "approvals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column("ceiling_paise", sa.BigInteger(), nullable=False),
        sa.Column("requester_id", sa.Uuid(), nullable=False),
        sa.Column("approver_id", sa.Uuid(), nullable=False),
        sa.Column("given_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.CheckConstraint("action in ('BILL_DISCOUNT')", name=op.f("ck_approvals_approval_action")),
        sa.CheckConstraint("requester_id <> approver_id", name=op.f("ck_approvals_four_eyes")),
        sa.CheckConstraint("ceiling_paise >= 0", name=op.f("ck_approvals_ceiling")),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_approvals_branch_id"),
        sa.ForeignKeyConstraint(["requester_id"], ["staff.id"], name="fk_approvals_requester_id"),
        sa.ForeignKeyConstraint(["approver_id"], ["staff.id"], name="fk_approvals_approver_id"),
        sa.PrimaryKeyConstraint("id", name="pk_approvals"),
    )
    op.execute("grant select, insert, update on approvals to salonos_app")
    op.execute(
        "create trigger approvals_audit after insert or update or delete on approvals "
        "for each row execute function audit_change()"
    )
    op.add_column("bills", sa.Column("discount_approved_by_id", sa.Uuid(), nullable=True))
    op.create_foreign_key("fk_bills_discount_approved_by_id", "bills", "staff", ["discount_approved_by_id"], ["id"])


def create_security_notices() -> None:
    """What the owner ought to know; nobody takes it back."""
    op.create_table(
        "security_notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.CheckConstraint("kind in ('SESSION_STOLEN', 'PIN_BLOCKED')", name=op.f("ck_security_notices_notice")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_security_notices_staff_id"),
        sa.PrimaryKeyConstraint("id", name="pk_security_notices"),
    )
    op.create_index("ix_security_notices_occurred_at_id", "security_notices", ["occurred_at", "id"])
    op.execute(
        "create trigger security_notices_append_only before update or delete on security_notices "
        "for each row execute function refuse_change()"
    )
    op.execute(
        "create trigger security_notices_no_truncate before truncate on security_notices "
        "for each statement execute function refuse_change()"
    )
    op.execute("grant select, insert on security_notices to salonos_app")


def downgrade() -> None:
    """As it was: sessions that ended for a reason of this release were signed out."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("drop function actor_stands(uuid, integer, timestamptz)")
    op.drop_table("security_notices")
    op.drop_constraint("fk_bills_discount_approved_by_id", "bills", type_="foreignkey")
    op.drop_column("bills", "discount_approved_by_id")
    op.drop_table("approvals")
    op.drop_index("ix_sign_in_attempts_kept_until", "sign_in_attempts")
    op.create_index("ix_sign_in_attempts_last_at", "sign_in_attempts", ["last_at"])
    op.drop_column("sign_in_attempts", "kept_until")
    op.execute(f"update sessions set ended_because = 'SIGNED_OUT' where ended_because not in ({ENDS_BEFORE})")
    say_ends(ENDS_BEFORE)
    op.drop_column("sessions", "tablet_id")
    audit_staff(PERSONAL_OF_STAFF)
    op.drop_column("staff", "pin_hash")
    op.drop_table("tablets")
