"""The people the salon serves. What is personal is sealed under a key of each person's own.

The audit trail gets ciphertext of what is sealed; of names, search forms and the person's key it only says that they
changed, so that destroying the key and blanking the row erases a person everywhere.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004_customers"
down_revision = "0003_identity"
branch_labels = None
depends_on = None

NEVER_COPIED = (
    "name",
    "first_name",
    "search_name",
    "search_first_name",
    "gender",
    "person_key",
    "phone_index",
    "phone_last_digits",
    "email_index",
)


def upgrade() -> None:
    """Customers, and who served them last when."""
    op.execute("set local lock_timeout = '3s'")
    op.create_table(
        "customers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=False),
        sa.Column("search_name", sa.Text(collation="C"), nullable=False),
        sa.Column("search_first_name", sa.Text(collation="C"), nullable=False),
        sa.Column("gender", sa.String(32), nullable=True),
        sa.Column("person_key", sa.LargeBinary(), nullable=True),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("phone_index", sa.LargeBinary(), nullable=True),
        sa.Column("phone_last_digits", sa.Text(), nullable=True),
        sa.Column("email_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("email_index", sa.LargeBinary(), nullable=True),
        sa.Column("birth_date_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("address_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("notes_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_customers"),
        sa.CheckConstraint("gender in ('FEMALE', 'MALE', 'OTHER')", name=op.f("ck_customers_gender")),
        sa.CheckConstraint(
            "(phone_sealed is null) = (phone_index is null) and (phone_sealed is null) = (phone_last_digits is null)",
            name=op.f("ck_customers_phone_is_whole"),
        ),
        sa.CheckConstraint("(email_sealed is null) = (email_index is null)", name=op.f("ck_customers_email_is_whole")),
    )
    for column in ("search_name", "search_first_name", "created_at"):
        op.create_index(f"ix_customers_{column}_id", "customers", [column, "id"])
    for column in ("phone_index", "email_index"):
        op.create_index(f"ix_customers_{column}", "customers", [column])
    create_visits()
    never_copied = ", ".join(f"'{column}'" for column in NEVER_COPIED)
    op.execute(
        "create trigger customers_audit after insert or update or delete on customers "
        f"for each row execute function audit_change({never_copied})"
    )
    op.execute("grant select, insert, update on customers, customer_visits to salonos_app")


def create_visits() -> None:
    """Who may see a customer since they served them."""
    op.create_table(
        "customer_visits",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("last_served_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("staff_id", "customer_id", name="pk_customer_visits"),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_customer_visits_staff_id"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_customer_visits_customer_id"),
    )
    op.create_index("ix_customer_visits_customer_id", "customer_visits", ["customer_id"])


def downgrade() -> None:
    """Everything of the customers."""
    op.execute("set local lock_timeout = '3s'")
    op.drop_table("customer_visits")
    op.drop_table("customers")
