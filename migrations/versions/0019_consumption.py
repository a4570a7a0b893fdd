"""Recipes of services, and what services used up: expected by recipe, and actual as it was entered.

`services.has_recipe` tells the till without another question which services take goods off the shelves; a trigger on the
lines of recipes is its only writer. What was expected never changes; what was used changes with a version.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019_consumption"
down_revision = "0018_stock_counts"
branch_labels = None
depends_on = None

FOLLOW_RECIPE = """
create function follow_recipe() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    update services set has_recipe = exists (select from recipe_lines where recipe_id = services.id)
    where id in (select recipe_id from changed_lines)
      and has_recipe <> exists (select from recipe_lines where recipe_id = services.id);
    return null;
end $$
"""
KEPT = "'actual_milli', 'cost_paise', 'tax_paise', 'version', 'recorded_at', 'recorded_by_id'"
KEEP_EXPECTED = f"""
create function keep_consumption() returns trigger language plpgsql set search_path = pg_catalog, public as $$
declare
    moving constant text[] := array[{KEPT}];
begin
    if tg_op = 'DELETE' or to_jsonb(old) - moving <> to_jsonb(new) - moving or new.version <> old.version + 1 then
        raise exception 'consumption % keeps what was expected', old.id
            using errcode = 'restrict_violation', constraint = 'consumptions_final';
    end if;
    return new;
end $$
"""


def upgrade() -> None:
    """Recipes, consumption, and what keeps them true."""
    op.execute("set local lock_timeout = '3s'")
    op.add_column("services", sa.Column("has_recipe", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    create_recipes()
    create_consumptions()
    op.execute(FOLLOW_RECIPE)
    op.execute(KEEP_EXPECTED)
    for event, rows in (("insert", "new"), ("delete", "old")):
        op.execute(
            f"create trigger recipe_lines_{event} after {event} on recipe_lines referencing {rows} table as changed_lines "
            "for each statement execute function follow_recipe()"
        )
    op.execute(
        "create trigger consumptions_keep before update or delete on consumptions "
        "for each row execute function keep_consumption()"
    )
    op.execute(
        "create trigger consumptions_no_truncate before truncate on consumptions "
        "for each statement execute function refuse_change()"
    )
    op.execute(
        "create trigger consumptions_audit after update on consumptions for each row execute function audit_change()"
    )
    for table in ("recipes", "recipe_lines"):
        op.execute(
            f"create trigger {table}_audit after insert or update or delete on {table} "
            "for each row execute function audit_change()"
        )
    op.execute("grant select, insert, update on recipes to salonos_app")
    op.execute("grant select, insert, delete on recipe_lines to salonos_app")
    op.execute("grant select, insert on consumptions to salonos_app")
    columns = KEPT.replace("'", "")
    op.execute(f"grant update ({columns}) on consumptions to salonos_app")


def create_recipes() -> None:
    """What one of a service uses up."""
    op.create_table(
        "recipes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recipes"),
        sa.ForeignKeyConstraint(["id"], ["services.id"], name="fk_recipes_id"),
    )
    op.create_table(
        "recipe_lines",
        sa.Column("recipe_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("quantity_milli", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("recipe_id", "product_id", name="pk_recipe_lines"),
        sa.ForeignKeyConstraint(["recipe_id"], ["recipes.id"], name="fk_recipe_lines_recipe_id"),
        sa.ForeignKeyConstraint(["product_id"], ["stock_items.id"], name="fk_recipe_lines_product_id"),
        sa.CheckConstraint("quantity_milli between 1 and 10000000", name=op.f("ck_recipe_lines_quantity")),
        sa.CheckConstraint("position between 1 and 20", name=op.f("ck_recipe_lines_position")),
    )
    op.create_index("ix_recipe_lines_product_id", "recipe_lines", ["product_id"])


def create_consumptions() -> None:
    """What a service used up of an item, for a line of a document."""
    op.create_table(
        "consumptions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("cause_kind", sa.Text(), nullable=False),
        sa.Column("cause_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("expected_milli", sa.BigInteger(), nullable=False),
        sa.Column("actual_milli", sa.BigInteger(), nullable=False),
        sa.Column("expected_cost_paise", sa.BigInteger(), nullable=False),
        sa.Column("cost_paise", sa.BigInteger(), nullable=False),
        sa.Column("tax_paise", sa.BigInteger(), nullable=False),
        sa.Column("tax_rate_hundredths", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_by_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_consumptions"),
        sa.UniqueConstraint("cause_id", "position", "product_id", name="uq_consumptions_cause_id_position_product_id"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_consumptions_branch_id"),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name="fk_consumptions_service_id"),
        sa.ForeignKeyConstraint(["product_id"], ["stock_items.id"], name="fk_consumptions_product_id"),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_consumptions_staff_id"),
        sa.CheckConstraint("cause_kind ~ '^[a-z]{1,16}$'", name=op.f("ck_consumptions_cause_kind")),
        sa.CheckConstraint("expected_milli between 1 and 1000000000", name=op.f("ck_consumptions_expected")),
        sa.CheckConstraint("actual_milli between 0 and 1000000000", name=op.f("ck_consumptions_actual")),
        sa.CheckConstraint(
            "tax_paise between 0 and cost_paise and expected_cost_paise >= 0 and (actual_milli > 0 or cost_paise = 0)",
            name=op.f("ck_consumptions_cost"),
        ),
        sa.CheckConstraint("tax_rate_hundredths between 0 and 4000", name=op.f("ck_consumptions_tax_rate")),
        sa.CheckConstraint(
            "business_date between '2000-01-01' and '2099-12-31'", name=op.f("ck_consumptions_business_date")
        ),
        sa.CheckConstraint(
            "(recorded_at is null) = (version = 1) and (recorded_at is null) = (recorded_by_id is null)",
            name=op.f("ck_consumptions_recorded"),
        ),
    )
    op.create_index("ix_consumptions_occurred_at_id", "consumptions", ["occurred_at", "id"])
    op.create_index("ix_consumptions_branch_id_occurred_at_id", "consumptions", ["branch_id", "occurred_at", "id"])
    op.create_index("ix_consumptions_branch_id_business_date", "consumptions", ["branch_id", "business_date"])


def downgrade() -> None:
    """Everything of recipes and consumption."""
    op.execute("set local lock_timeout = '3s'")
    for table in ("consumptions", "recipe_lines", "recipes"):
        op.drop_table(table)
    op.execute("drop function follow_recipe()")
    op.execute("drop function keep_consumption()")
    op.drop_column("services", "has_recipe")
