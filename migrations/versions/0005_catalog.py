"""What the salon sells. Rates of tax have dates, so that a sale finds the rate of its business date.

Search names are collated "C", so that one index serves both the search by prefix and the order of lists.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005_catalog"
down_revision = "0004_customers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tax classes with their rates, services, products."""
    op.execute("set local lock_timeout = '3s'")
    create_tax_classes()
    create_services()
    create_products()
    for table in ("tax_classes", "tax_rates", "services", "products"):
        op.execute(
            f"create trigger {table}_audit after insert or update or delete on {table} "
            "for each row execute function audit_change()"
        )
    op.execute("grant select, insert, update on tax_classes, services, products to salonos_app")
    op.execute("grant select, insert on tax_rates to salonos_app")


def create_tax_classes() -> None:
    """Classes and their dated rates; a rate that was, stays."""
    op.create_table(
        "tax_classes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tax_classes"),
        sa.UniqueConstraint("name", name="uq_tax_classes_name"),
    )
    op.create_index("ix_tax_classes_name_id", "tax_classes", ["name", "id"])
    op.create_table(
        "tax_rates",
        sa.Column("tax_class_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("rate_hundredths", sa.Integer(), nullable=False),
        sa.Column("allows_input_credit", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tax_class_id", "valid_from", name="pk_tax_rates"),
        sa.ForeignKeyConstraint(["tax_class_id"], ["tax_classes.id"], name="fk_tax_rates_tax_class_id"),
        sa.CheckConstraint("rate_hundredths between 0 and 4000", name=op.f("ck_tax_rates_rate")),
        sa.CheckConstraint("valid_from between '2000-01-01' and '2099-12-31'", name=op.f("ck_tax_rates_valid_from")),
    )
    op.execute(
        "create trigger tax_rates_append_only before update or delete on tax_rates "
        "for each row execute function refuse_change()"
    )
    op.execute(
        "create trigger tax_rates_no_truncate before truncate on tax_rates "
        "for each statement execute function refuse_change()"
    )


def create_services() -> None:
    """What we do."""
    op.create_table(
        "services",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("search_name", sa.Text(collation="C"), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("sac_code", sa.Text(), nullable=False),
        sa.Column("tax_class_id", sa.Uuid(), nullable=False),
        sa.Column("price_paise", sa.BigInteger(), nullable=False),
        sa.Column("price_includes_tax", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("duration_minutes", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_services"),
        sa.ForeignKeyConstraint(["tax_class_id"], ["tax_classes.id"], name="fk_services_tax_class_id"),
        sa.CheckConstraint("price_paise between 0 and 1000000000", name=op.f("ck_services_price")),
        sa.CheckConstraint("duration_minutes between 1 and 720", name=op.f("ck_services_duration")),
        sa.CheckConstraint("sac_code ~ '^99[0-9]{4}$'", name=op.f("ck_services_sac")),
    )
    op.create_index("ix_services_search_name_id", "services", ["search_name", "id"])
    op.create_index("ix_services_category_search_name_id", "services", ["category", "search_name", "id"])
    op.create_index("ix_services_price_paise_id", "services", ["price_paise", "id"])


def create_products() -> None:
    """What we sell or use up."""
    op.create_table(
        "products",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("search_name", sa.Text(collation="C"), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("barcode", sa.Text(), nullable=True),
        sa.Column("hsn_code", sa.Text(), nullable=False),
        sa.Column("tax_class_id", sa.Uuid(), nullable=False),
        sa.Column("price_paise", sa.BigInteger(), nullable=False),
        sa.Column("price_includes_tax", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("unit_cost_paise", sa.BigInteger(), nullable=True),
        sa.Column("is_retail", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_products"),
        sa.ForeignKeyConstraint(["tax_class_id"], ["tax_classes.id"], name="fk_products_tax_class_id"),
        sa.UniqueConstraint("sku", name="uq_products_sku"),
        sa.UniqueConstraint("barcode", name="uq_products_barcode"),
        sa.CheckConstraint("price_paise between 0 and 1000000000", name=op.f("ck_products_price")),
        sa.CheckConstraint("unit_cost_paise between 0 and 1000000000", name=op.f("ck_products_unit_cost")),
        sa.CheckConstraint("hsn_code ~ '^[0-9]{4,8}$'", name=op.f("ck_products_hsn")),
        sa.CheckConstraint("is_retail or price_paise = 0", name=op.f("ck_products_only_retail_has_a_price")),
    )
    op.create_index("ix_products_search_name_id", "products", ["search_name", "id"])
    op.create_index("ix_products_category_search_name_id", "products", ["category", "search_name", "id"])
    op.create_index("ix_products_price_paise_id", "products", ["price_paise", "id"])


def downgrade() -> None:
    """Everything of the catalogue."""
    op.execute("set local lock_timeout = '3s'")
    for table in ("products", "services", "tax_rates", "tax_classes"):
        op.drop_table(table)
