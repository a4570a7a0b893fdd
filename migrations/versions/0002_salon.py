"""The business: its profile, branches, opening hours, and number series whose counters are locked when a bill is posted.

A number that was drawn stays on record for ever, whatever becomes of its document.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002_salon"
down_revision = "0001_kernel"
branch_labels = None
depends_on = None

SCHEMES = "'REGULAR', 'COMPOSITION', 'UNREGISTERED'"
YEAR_OF = "extract(year from {} - interval '3 months')"
"""The financial year of a date, which begins on 1 April."""

COUNT_ON = """
create function count_on() returns trigger language plpgsql as $$
begin
    if new.last_number <> old.last_number + 1 or new.last_date < old.last_date then
        raise exception 'a number series goes on by one and never back in time' using errcode = 'restrict_violation';
    end if;
    return new;
end $$
"""

DOCUMENTS = "'TAX_INVOICE', 'BILL_OF_SUPPLY', 'CREDIT_NOTE', 'RECEIPT_VOUCHER', 'REFUND_VOUCHER'"


def upgrade() -> None:
    """Profile, branches, hours, series, counters, numbers."""
    op.execute("set local lock_timeout = '3s'")
    create_salons_and_branches()
    create_opening_hours()
    create_number_series()
    for table in ("salons", "branches", "opening_hours", "number_series"):
        op.execute(
            f"create trigger {table}_audit after insert or update or delete on {table} "
            "for each row execute function audit_change()"
        )
    op.execute("grant select, insert, update on salons, branches, number_series, number_counters to salonos_app")
    op.execute("grant select, insert, update, delete on opening_hours to salonos_app")
    op.execute("grant select, insert on drawn_numbers to salonos_app")


def create_salons_and_branches() -> None:
    """The one salon and its branches."""
    op.create_table(
        "salons",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("legal_name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), server_default="INR", nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("is_demo", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_only", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_salons"),
        sa.UniqueConstraint("is_only", name="uq_salons_is_only"),
        sa.CheckConstraint("is_only", name=op.f("ck_salons_is_only")),
        sa.CheckConstraint("currency = 'INR'", name=op.f("ck_salons_currency")),
    )
    op.create_table(
        "branches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("state_code", sa.Text(), nullable=False),
        sa.Column("gstin", sa.Text(), nullable=True),
        sa.Column("tax_scheme", sa.String(32), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_branches"),
        sa.UniqueConstraint("code", name="uq_branches_code"),
        sa.CheckConstraint(f"tax_scheme in ({SCHEMES})", name=op.f("ck_branches_tax_scheme")),
        sa.CheckConstraint("code ~ '^[A-Z0-9]{1,4}$'", name=op.f("ck_branches_code")),
        sa.CheckConstraint("(gstin is null) = (tax_scheme = 'UNREGISTERED')", name=op.f("ck_branches_gstin_by_scheme")),
        sa.CheckConstraint("gstin is null or left(gstin, 2) = state_code", name=op.f("ck_branches_gstin_state")),
        sa.CheckConstraint("gstin is null or time_zone = 'Asia/Kolkata'", name=op.f("ck_branches_gstin_zone")),
    )
    op.create_index("ix_branches_name_id", "branches", ["name", "id"])


def create_opening_hours() -> None:
    """When branches are open."""
    op.create_table(
        "opening_hours",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("opens_at", sa.Time(), nullable=False),
        sa.Column("closes_at", sa.Time(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_opening_hours"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_opening_hours_branch_id"),
        sa.CheckConstraint("weekday between 0 and 6", name=op.f("ck_opening_hours_weekday")),
        sa.CheckConstraint("opens_at < closes_at", name=op.f("ck_opening_hours_order")),
    )
    op.create_index("ix_opening_hours_branch_id_weekday", "opening_hours", ["branch_id", "weekday", "opens_at", "id"])


def create_number_series() -> None:
    """Series, their counters, and the numbers drawn from them."""
    op.create_table(
        "number_series",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("document", sa.String(32), nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("digits", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_number_series"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_number_series_branch_id"),
        sa.UniqueConstraint("branch_id", "document", name="uq_number_series_branch_id_document"),
        sa.CheckConstraint(f"document in ({DOCUMENTS})", name=op.f("ck_number_series_document_kind")),
        sa.CheckConstraint("digits between 1 and 9", name=op.f("ck_number_series_digits")),
    )
    op.create_table(
        "number_counters",
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("financial_year", sa.Integer(), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "financial_year", name="pk_number_counters"),
        sa.ForeignKeyConstraint(["series_id"], ["number_series.id"], name="fk_number_counters_series_id"),
        sa.CheckConstraint("last_number > 0", name=op.f("ck_number_counters_last_number")),
        sa.CheckConstraint(
            f"financial_year = {YEAR_OF.format('last_date')}", name=op.f("ck_number_counters_financial_year")
        ),
    )
    op.create_table(
        "drawn_numbers",
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("financial_year", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("drawn_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "financial_year", "number", name="pk_drawn_numbers"),
        sa.ForeignKeyConstraint(["series_id"], ["number_series.id"], name="fk_drawn_numbers_series_id"),
        sa.UniqueConstraint("text", name="uq_drawn_numbers_text"),
        sa.CheckConstraint("text ~ '^[A-Z1-9][A-Z0-9/-]{0,15}$'", name=op.f("ck_drawn_numbers_text")),
        sa.CheckConstraint(
            f"financial_year = {YEAR_OF.format('drawn_on')}", name=op.f("ck_drawn_numbers_financial_year")
        ),
    )
    op.execute(COUNT_ON)
    op.execute(
        "create trigger number_counters_count_on before update on number_counters "
        "for each row execute function count_on()"
    )
    op.execute(
        "create trigger drawn_numbers_append_only before update or delete on drawn_numbers "
        "for each row execute function refuse_change()"
    )
    op.execute(
        "create trigger drawn_numbers_no_truncate before truncate on drawn_numbers "
        "for each statement execute function refuse_change()"
    )


def downgrade() -> None:
    """Everything of the salon."""
    op.execute("set local lock_timeout = '3s'")
    for table in ("drawn_numbers", "number_counters", "number_series", "opening_hours", "branches", "salons"):
        op.drop_table(table)
    op.execute("drop function count_on()")
