"""What falls due once per branch and business date, the summaries of days that come of it, and the demo's stages.

A summary is a picture that a refresh may paint over: its rows may be changed, and nothing else refers to them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008_closing"
down_revision = "0007_bills"
branch_labels = None
depends_on = None

METHODS = "'CASH', 'UPI', 'CARD', 'BANK_TRANSFER', 'ON_ACCOUNT', 'OTHER'"
AMOUNTS = (
    "gross_paise",
    "discount_paise",
    "sales_paise",
    "refund_paise",
    "net_paise",
    "tax_paise",
    "tip_paise",
    "collected_paise",
    "debt_collected_paise",
)


def upgrade() -> None:
    """Runs, summaries, and the lists below a summary."""
    op.execute("set local lock_timeout = '3s'")
    create_period_runs()
    create_day_summaries()
    create_lists()
    op.create_table(
        "demo_stages",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("steps_done", sa.Integer(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_demo_stages"),
    )
    op.execute("grant select, insert, update on period_runs, day_summaries, demo_stages to salonos_app")
    op.execute(
        "grant select, insert, delete on day_payment_totals, day_tax_totals, day_service_sales, day_staff_sales "
        "to salonos_app"
    )


def create_period_runs() -> None:
    """One row per job, branch and business date."""
    op.create_table(
        "period_runs",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("job", "branch_id", "business_date", name="pk_period_runs"),
    )
    op.create_index(
        "ix_period_runs_waiting",
        "period_runs",
        ["job", "business_date", "branch_id"],
        postgresql_where=sa.text("done_at is null"),
    )


def create_day_summaries() -> None:
    """One row per branch and business date."""
    op.create_table(
        "day_summaries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("bill_count", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in AMOUNTS),
        sa.Column("new_customer_count", sa.Integer(), nullable=False),
        sa.Column("returning_customer_count", sa.Integer(), nullable=False),
        sa.Column("is_final", sa.Boolean(), nullable=False),
        sa.Column("generated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_day_summaries"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_day_summaries_branch_id"),
        sa.UniqueConstraint("branch_id", "business_date", name="uq_day_summaries_branch_id_business_date"),
        sa.CheckConstraint("net_paise = sales_paise - refund_paise", name=op.f("ck_day_summaries_net")),
        sa.CheckConstraint("bill_count >= 0", name=op.f("ck_day_summaries_bill_count")),
        sa.CheckConstraint(
            "business_date between '2000-01-01' and '2100-01-01'", name=op.f("ck_day_summaries_business_date")
        ),
    )


def create_lists() -> None:
    """What a summary holds several of."""
    op.create_table(
        "day_payment_totals",
        *_key("method", sa.String(32), "day_payment_totals"),
        sa.Column("amount_paise", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(f"method in ({METHODS})", name=op.f("ck_day_payment_totals_payment_method")),
    )
    op.create_table(
        "day_tax_totals",
        *_key("rate_hundredths", sa.Integer(), "day_tax_totals"),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _TAXES),
    )
    op.create_table(
        "day_service_sales",
        *_key("position", sa.Integer(), "day_service_sales"),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("quantity_milli", sa.BigInteger(), nullable=False),
        sa.Column("amount_paise", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name="fk_day_service_sales_service_id"),
    )
    op.create_table(
        "day_staff_sales",
        *_key("position", sa.Integer(), "day_staff_sales"),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("amount_paise", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_day_staff_sales_staff_id"),
    )


_TAXES = ("taxable_paise", "cgst_paise", "sgst_paise", "igst_paise")


def _key(second: str, kind: "sa.types.TypeEngine[object]", table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("summary_id", sa.Uuid(), nullable=False),
        sa.Column(second, kind, nullable=False),
        sa.PrimaryKeyConstraint("summary_id", second, name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["summary_id"], ["day_summaries.id"], name=f"fk_{table}_summary_id", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    """Everything of closing."""
    op.execute("set local lock_timeout = '3s'")
    for table in ("day_staff_sales", "day_service_sales", "day_tax_totals", "day_payment_totals"):
        op.drop_table(table)
    op.drop_table("day_summaries")
    op.drop_table("period_runs")
    op.drop_table("demo_stages")
