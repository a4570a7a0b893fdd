"""Who works here and who is asking: roles, members of staff, sessions, refresh tokens, counted sign-ins.

The five built-in roles are rows from the beginning, and the application can't change them; a release that adds a
permission adds it to them by a migration of its own.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003_identity"
down_revision = "0002_salon"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def names(text: str) -> list[str]:
    """Permissions, one after another."""
    return text.split()


EVERYTHING = names(
    """
    BILL_READ BILL_CREATE PAYMENT_TAKE BILL_POST_ON_ACCOUNT BILL_DISCOUNT BILL_DISCOUNT_APPROVE
    BILL_PRICE_OVERRIDE BILL_VOID BILL_REFUND BILL_WRITE_OFF PAYMENT_CORRECT APPOINTMENT_READ APPOINTMENT_SERVE
    APPOINTMENT_BOOK APPOINTMENT_CHANGE QUEUE_MANAGE CATALOG_READ CATALOG_MANAGE CUSTOMER_READ
    CUSTOMER_CONTACT_READ CUSTOMER_NOTES_READ CUSTOMER_WRITE CUSTOMER_MERGE CUSTOMER_ERASE CUSTOMER_EXPORT
    STOCK_READ STOCK_REQUEST STOCK_RECEIVE STOCK_COUNT PURCHASE_MANAGE SUPPLIER_READ STOCK_APPROVE
    STOCK_TRANSFER COST_READ DRAWER_OPERATE DRAWER_EXPECTED_READ DRAWER_REOPEN DAY_CLOSE DAY_REOPEN
    EXPENSE_RECORD EXPENSE_RECORD_PAYROLL EXPENSE_APPROVE DASHBOARD_READ REVENUE_READ SUMMARY_READ BOOKS_READ
    REPORT_EXPORT GST_RETURN_READ PROFIT_READ JOURNAL_POST GST_RETURN_FILE STAFF_READ STAFF_PROFILE_READ
    STAFF_MANAGE ROLE_MANAGE API_KEY_MANAGE SETTINGS_MANAGE COMMISSION_READ AUDIT_READ SCHEMA_READ
    """
)
NOT_OF_MANAGERS = names(
    """
    CUSTOMER_ERASE CUSTOMER_EXPORT DAY_REOPEN BOOKS_READ REPORT_EXPORT GST_RETURN_READ PROFIT_READ JOURNAL_POST
    GST_RETURN_FILE ROLE_MANAGE API_KEY_MANAGE SETTINGS_MANAGE AUDIT_READ SCHEMA_READ
    """
)
NOT_OF_RECEPTIONISTS = names(
    """
    BILL_DISCOUNT_APPROVE BILL_PRICE_OVERRIDE BILL_VOID BILL_REFUND BILL_WRITE_OFF PAYMENT_CORRECT
    CATALOG_MANAGE CUSTOMER_MERGE STOCK_APPROVE STOCK_TRANSFER COST_READ DRAWER_EXPECTED_READ DRAWER_REOPEN
    DAY_CLOSE EXPENSE_RECORD_PAYROLL EXPENSE_APPROVE REVENUE_READ SUMMARY_READ STAFF_PROFILE_READ STAFF_MANAGE
    COMMISSION_READ
    """
)
OWN_OF_STAFF = names(
    """
    BILL_READ APPOINTMENT_READ APPOINTMENT_SERVE CUSTOMER_READ CUSTOMER_NOTES_READ COMMISSION_READ
    """
)
OF_STAFF = names(
    """
    BILL_READ APPOINTMENT_READ APPOINTMENT_SERVE CATALOG_READ CUSTOMER_READ CUSTOMER_NOTES_READ
    STOCK_READ STOCK_REQUEST STAFF_READ COMMISSION_READ
    """
)
OF_ACCOUNTANTS = names(
    """
    BILL_READ CATALOG_READ CUSTOMER_READ STOCK_READ SUPPLIER_READ COST_READ EXPENSE_RECORD DASHBOARD_READ
    REVENUE_READ SUMMARY_READ BOOKS_READ REPORT_EXPORT GST_RETURN_READ PROFIT_READ JOURNAL_POST GST_RETURN_FILE
    STAFF_READ COMMISSION_READ AUDIT_READ
    """
)
OF_MANAGERS = [name for name in EVERYTHING if name not in NOT_OF_MANAGERS]
OF_RECEPTIONISTS = [name for name in OF_MANAGERS if name not in NOT_OF_RECEPTIONISTS]

BUILT_IN = {
    "OWNER": (EVERYTHING, []),
    "MANAGER": (OF_MANAGERS, []),
    "RECEPTIONIST": (OF_RECEPTIONISTS, []),
    "STAFF": (OF_STAFF, OWN_OF_STAFF),
    "ACCOUNTANT": (OF_ACCOUNTANTS, []),
}

REFUSE_ROLE_CHANGE = """
create function refuse_built_in_role_change() returns trigger language plpgsql as $$
begin
    raise exception 'a built-in role stays as it is' using errcode = 'restrict_violation';
end $$
"""

PERSONAL_OF_STAFF = "'display_name', 'display_name_key', 'username', 'username_key', 'password_hash'"


def upgrade() -> None:
    """Tables, the built-in roles, the audit triggers and what the application may do."""
    op.execute("set local lock_timeout = '3s'")
    create_roles()
    create_staff()
    create_sessions()
    for table, personal in (("roles", ""), ("staff", PERSONAL_OF_STAFF), ("staff_branches", "")):
        op.execute(
            f"create trigger {table}_audit after insert or update or delete on {table} "
            f"for each row execute function audit_change({personal})"
        )
    op.execute(
        "create trigger sessions_audit after insert or update of ended_at or delete on sessions "
        "for each row execute function audit_change('device_name', 'device_hash')"
    )
    tables = "roles, staff, staff_branches, sessions, refresh_tokens, sign_in_attempts"
    op.execute(f"grant select, insert, update, delete on {tables} to salonos_app")


def create_roles() -> None:
    """Roles, with the built-in five."""
    op.create_table(
        "roles",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("permissions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("own_permissions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("is_built_in", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("own_permissions <@ permissions", name=op.f("ck_roles_own_are_held")),
        sa.PrimaryKeyConstraint("id", name="pk_roles"),
        sa.UniqueConstraint("name_key", name="uq_roles_name_key"),
    )
    insert = sa.text(
        "insert into roles (id, name, name_key, permissions, own_permissions, is_built_in, created_at) "
        "values (cast(:id as uuid), :name, :name_key, cast(:permissions as text[]), cast(:own as text[]), true, now())"
    )
    for number, (name, (permissions, own)) in enumerate(BUILT_IN.items(), start=1):
        row = {"id": f"00000000-0000-7000-8000-{number:012d}", "name": name, "name_key": name.lower()}
        rights = {"permissions": "{" + ",".join(permissions) + "}", "own": "{" + ",".join(own) + "}"}
        op.execute(insert.bindparams(**row, **rights))
    op.execute(REFUSE_ROLE_CHANGE)
    op.execute(
        "create trigger roles_built_in before update or delete on roles for each row "
        "when (old.is_built_in and current_user = 'salonos_app') execute function refuse_built_in_role_change()"
    )


def create_staff() -> None:
    """People and their branches."""
    op.create_table(
        "staff",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("display_name_key", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("username_key", sa.Text(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("all_branches", sa.Boolean(), nullable=False),
        sa.Column("is_service_provider", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("rights_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("signed_in_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "(username is null) = (username_key is null) and (username is null) = (password_hash is null)",
            name=op.f("ck_staff_username_with_password"),
        ),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name="fk_staff_role_id"),
        sa.PrimaryKeyConstraint("id", name="pk_staff"),
        sa.UniqueConstraint("username_key", name="uq_staff_username_key"),
    )
    op.create_index("ix_staff_display_name_key_id", "staff", ["display_name_key", "id"])
    op.create_index(
        "ix_staff_display_name_prefix",
        "staff",
        ["display_name_key"],
        postgresql_ops={"display_name_key": "text_pattern_ops"},
    )
    op.create_index("ix_staff_role_id", "staff", ["role_id"])
    op.create_table(
        "staff_branches",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_staff_branches_staff_id"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_staff_branches_branch_id"),
        sa.PrimaryKeyConstraint("staff_id", "branch_id", name="pk_staff_branches"),
    )
    op.create_index("ix_staff_branches_branch_id", "staff_branches", ["branch_id"])


def create_sessions() -> None:
    """Devices, their chains of refresh tokens, and counted attempts."""
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("device_name", sa.Text(), nullable=False),
        sa.Column("device_hash", sa.LargeBinary(), nullable=False),
        sa.Column("is_device_bound", sa.Boolean(), nullable=False),
        sa.Column("generation", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("last_seen_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("ended_because", sa.String(32), nullable=True),
        sa.CheckConstraint("(ended_at is null) = (ended_because is null)", name=op.f("ck_sessions_ended_with_reason")),
        sa.CheckConstraint(
            "ended_because in ('SIGNED_OUT', 'STOLEN', 'PASSWORD_CHANGED', 'DISABLED', 'TOO_MANY_DEVICES')",
            name=op.f("ck_sessions_session_end"),
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_sessions_staff_id"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_staff_id_last_seen_at", "sessions", ["staff_id", "last_seen_at", "id"])
    op.create_index("ix_sessions_staff_id_device_hash", "sessions", ["staff_id", "device_hash"])
    op.create_table(
        "refresh_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.Column("used_by", sa.LargeBinary(), nullable=True),
        sa.Column("successor_sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(used_at is null) = (used_by is null) and (used_at is null) = (successor_sealed is null)",
            name=op.f("ck_refresh_tokens_used_with_successor"),
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name="fk_refresh_tokens_session_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_refresh_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_refresh_tokens_token_hash"),
        sa.UniqueConstraint("session_id", "generation", name="uq_refresh_tokens_session_id_generation"),
    )
    op.create_index(
        "uq_refresh_tokens_live",
        "refresh_tokens",
        ["session_id"],
        unique=True,
        postgresql_where=sa.text("used_at is null"),
    )
    op.create_index("ix_refresh_tokens_expires_at", "refresh_tokens", ["expires_at"])
    op.create_table(
        "sign_in_attempts",
        sa.Column("bucket", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        sa.Column("retry_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("bucket", name="pk_sign_in_attempts"),
    )
    op.create_index("ix_sign_in_attempts_last_at", "sign_in_attempts", ["last_at"])


def downgrade() -> None:
    """Everything of identity."""
    op.execute("set local lock_timeout = '3s'")
    for table in ("sign_in_attempts", "refresh_tokens", "sessions", "staff_branches", "staff", "roles"):
        op.drop_table(table)
    op.execute("drop function refuse_built_in_role_change()")
