"""Stock: items, levels, batches and the moves that make them.

A level is the sum of its moves by construction: a trigger on the moves' own INSERT is the only writer of levels and
batches, whose quantities the application can read but not write. Moves are append-only. A branch's level never goes
below zero unless the branch allows it, and what nothing is worth nothing.

Every item has a level in every branch from the beginning, made by trigger, so that there is always a row to lock.
`products.is_stocked` tells the till without another question which lines take goods off a shelf.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010_inventory"
down_revision = "0009_devices"
branch_labels = None
depends_on = None

MAKE_LEVELS_OF_ITEM = """
create function make_levels_of_item() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    update products set is_stocked = true where id = new.id;
    insert into stock_levels (id, branch_id, product_id, search_name, reorder_point_milli, allows_negative)
    select gen_random_uuid(), branches.id, new.id, products.search_name, new.reorder_point_milli,
           coalesce(policy.allows_negative, false)
    from branches cross join products left join stock_policies as policy on policy.branch_id = branches.id
    where products.id = new.id order by branches.id
    on conflict (branch_id, product_id) do nothing;
    return null;
end $$
"""

MAKE_LEVELS_OF_BRANCH = """
create function make_levels_of_branch() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    insert into stock_levels (id, branch_id, product_id, search_name, reorder_point_milli)
    select gen_random_uuid(), new.id, item.id, products.search_name, item.reorder_point_milli
    from stock_items as item join products on products.id = item.id order by item.id
    on conflict (branch_id, product_id) do nothing;
    return null;
end $$
"""

FOLLOW_ITEM = """
create function follow_item() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    update stock_levels set reorder_point_milli = new.reorder_point_milli where product_id = new.id;
    return null;
end $$
"""

FOLLOW_PRODUCT = """
create function follow_product() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    update stock_levels set search_name = new.search_name where product_id = new.id;
    return null;
end $$
"""

FOLLOW_POLICY = """
create function follow_policy() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    update stock_batches set allows_negative = new.allows_negative where branch_id = new.branch_id;
    update stock_levels set allows_negative = new.allows_negative where branch_id = new.branch_id;
    return null;
end $$
"""

MOVE_STOCK = """
create function move_stock() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    moved record;
begin
    for moved in
        select branch_id, product_id, sum(quantity_milli) as quantity, sum(value_paise) as value
        from new_moves group by branch_id, product_id
        order by product_id, branch_id  -- the order of locks, the same for everybody
    loop
        update stock_levels
        set quantity_milli = quantity_milli + moved.quantity, value_paise = value_paise + moved.value
        where branch_id = moved.branch_id and product_id = moved.product_id;
        if not found then
            raise exception 'product % has no level in branch %', moved.product_id, moved.branch_id
                using errcode = 'foreign_key_violation', constraint = 'stock_moves_level';
        end if;
    end loop;
    update stock_batches as batch set quantity_milli = batch.quantity_milli + moves.quantity
    from (select batch_id, sum(quantity_milli) as quantity from new_moves group by batch_id) as moves
    where batch.id = moves.batch_id;
    return null;
end $$
"""

CHECK_BATCH = """
create function begin_batch() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    new.quantity_milli := 0;
    select coalesce((select allows_negative from stock_policies where branch_id = new.branch_id), false)
    into new.allows_negative;
    return new;
end $$
"""

FUNCTIONS = {
    "make_levels_of_item": MAKE_LEVELS_OF_ITEM,
    "make_levels_of_branch": MAKE_LEVELS_OF_BRANCH,
    "follow_item": FOLLOW_ITEM,
    "follow_product": FOLLOW_PRODUCT,
    "follow_policy": FOLLOW_POLICY,
    "move_stock": MOVE_STOCK,
    "begin_batch": CHECK_BATCH,
}
KINDS = (
    "RECEIVE", "SALE", "CONSUMPTION", "ADJUSTMENT", "COUNT_VARIANCE", "TRANSFER_OUT", "TRANSFER_IN", "SUPPLIER_RETURN",
    "CUSTOMER_RETURN",
)  # fmt: skip


def upgrade() -> None:
    """Items, policies, levels, batches, moves; then what keeps them true."""
    op.execute("set local lock_timeout = '3s'")
    op.add_column("products", sa.Column("is_stocked", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    create_items()
    create_policies()
    create_levels()
    create_batches()
    create_moves()
    for function in FUNCTIONS.values():
        op.execute(function)
    create_triggers()
    op.execute("grant select, insert, update on stock_items to salonos_app")
    op.execute("grant select, insert, update, delete on stock_units to salonos_app")
    op.execute("grant select, insert, update on stock_policies to salonos_app")
    op.execute("grant select, insert on stock_moves to salonos_app")
    op.execute("grant insert (id, branch_id, product_id, code, expires_on, created_at) on stock_batches to salonos_app")
    op.execute("grant select on stock_batches, stock_levels to salonos_app")
    # FOR UPDATE needs the right to update some column; the trigger refuses what the application would write there.
    op.execute("grant update (allows_negative) on stock_levels to salonos_app")


def create_items() -> None:
    """What is kept on shelves, with the units in which it is bought and used."""
    op.create_table(
        "stock_items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("use", sa.String(32), nullable=False),
        sa.Column("unit", sa.String(32), nullable=False),
        sa.Column("supplier_name", sa.Text(), nullable=True),
        sa.Column("reorder_point_milli", sa.BigInteger(), nullable=True),
        sa.Column("reorder_quantity_milli", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stock_items"),
        sa.ForeignKeyConstraint(["id"], ["products.id"], name="fk_stock_items_id"),
        sa.CheckConstraint("use in ('RETAIL', 'PROFESSIONAL')", name=op.f("ck_stock_items_stock_use")),
        sa.CheckConstraint(
            "unit in ('PIECE', 'ML', 'L', 'G', 'KG', 'BOX', 'BOTTLE')", name=op.f("ck_stock_items_stock_unit")
        ),
        sa.CheckConstraint("reorder_point_milli between 0 and 1000000000000", name=op.f("ck_stock_items_point")),
        sa.CheckConstraint("reorder_quantity_milli between 1 and 1000000000000", name=op.f("ck_stock_items_quantity")),
        sa.CheckConstraint("char_length(supplier_name) between 1 and 120", name=op.f("ck_stock_items_supplier")),
    )
    op.create_table(
        "stock_units",
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("unit", sa.String(32), nullable=False),
        sa.Column("holds_milli", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("item_id", "unit", name="pk_stock_units"),
        sa.ForeignKeyConstraint(["item_id"], ["stock_items.id"], name="fk_stock_units_item_id"),
        sa.CheckConstraint(
            "unit in ('PIECE', 'ML', 'L', 'G', 'KG', 'BOX', 'BOTTLE')", name=op.f("ck_stock_units_stock_unit")
        ),
        sa.CheckConstraint("holds_milli between 1 and 1000000000", name=op.f("ck_stock_units_holds")),
    )


def create_policies() -> None:
    """Which branches may sell what they do not have."""
    op.create_table(
        "stock_policies",
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("allows_negative", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("branch_id", name="pk_stock_policies"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_stock_policies_branch_id"),
    )


def create_levels() -> None:
    """What a branch has of an item, and what that is worth."""
    op.create_table(
        "stock_levels",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("search_name", sa.Text(collation="C"), nullable=False),
        sa.Column("quantity_milli", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("value_paise", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("reorder_point_milli", sa.BigInteger(), nullable=True),
        sa.Column("allows_negative", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "is_low",
            sa.Boolean(),
            sa.Computed("coalesce(quantity_milli <= reorder_point_milli, false)", persisted=True),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stock_levels"),
        sa.UniqueConstraint("branch_id", "product_id", name="uq_stock_levels_branch_id_product_id"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_stock_levels_branch_id"),
        sa.ForeignKeyConstraint(["product_id"], ["stock_items.id"], name="fk_stock_levels_product_id"),
        sa.CheckConstraint("quantity_milli >= 0 or allows_negative", name=op.f("ck_stock_levels_not_below_zero")),
        sa.CheckConstraint(
            "case when quantity_milli = 0 then value_paise = 0 when quantity_milli > 0 then value_paise >= 0"
            " else value_paise <= 0 end",
            name=op.f("ck_stock_levels_value"),
        ),
        sa.CheckConstraint("abs(quantity_milli) <= 1000000000000000", name=op.f("ck_stock_levels_largest")),
    )
    op.create_index("ix_stock_levels_branch_id_search_name_id", "stock_levels", ["branch_id", "search_name", "id"])
    op.create_index("ix_stock_levels_search_name_id", "stock_levels", ["search_name", "id"])
    op.create_index("ix_stock_levels_product_id_search_name_id", "stock_levels", ["product_id", "search_name", "id"])
    op.create_index(
        "ix_stock_levels_low",
        "stock_levels",
        ["branch_id", "search_name", "id"],
        postgresql_where=sa.text("is_low"),
    )


def create_batches() -> None:
    """What came together and expires together, in one branch."""
    op.create_table(
        "stock_batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column(
            "expires_key",
            sa.Date(),
            sa.Computed("coalesce(expires_on, '2100-01-01'::date)", persisted=True),
            nullable=False,
        ),
        sa.Column("quantity_milli", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("allows_negative", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stock_batches"),
        sa.UniqueConstraint(
            "branch_id",
            "product_id",
            "code",
            "expires_on",
            name="uq_stock_batches_branch_id_product_id_code_expires_on",
            postgresql_nulls_not_distinct=True,
        ),
        sa.UniqueConstraint("id", "branch_id", "product_id", name="uq_stock_batches_id_branch_id_product_id"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_stock_batches_branch_id"),
        sa.ForeignKeyConstraint(["product_id"], ["stock_items.id"], name="fk_stock_batches_product_id"),
        sa.CheckConstraint("quantity_milli >= 0 or allows_negative", name=op.f("ck_stock_batches_not_below_zero")),
        sa.CheckConstraint("char_length(code) between 1 and 40", name=op.f("ck_stock_batches_code")),
        sa.CheckConstraint(
            "expires_on between '2000-01-01' and '2099-12-31'", name=op.f("ck_stock_batches_expires_on")
        ),
    )
    op.create_index("ix_stock_batches_branch_id_expires_key_id", "stock_batches", ["branch_id", "expires_key", "id"])
    op.create_index("ix_stock_batches_expires_key_id", "stock_batches", ["expires_key", "id"])
    op.create_index("ix_stock_batches_product_id_expires_key_id", "stock_batches", ["product_id", "expires_key", "id"])


def create_moves() -> None:
    """What came, went, and what it was worth."""
    op.create_table(
        "stock_moves",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("quantity_milli", sa.BigInteger(), nullable=False),
        sa.Column("value_paise", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("cause_kind", sa.Text(), nullable=False),
        sa.Column("cause_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("returns_id", sa.Uuid(), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stock_moves"),
        sa.ForeignKeyConstraint(
            ["batch_id", "branch_id", "product_id"],
            ["stock_batches.id", "stock_batches.branch_id", "stock_batches.product_id"],
            name="fk_stock_moves_batch_id",
        ),
        sa.ForeignKeyConstraint(["product_id"], ["stock_items.id"], name="fk_stock_moves_product_id"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_stock_moves_branch_id"),
        sa.ForeignKeyConstraint(["returns_id"], ["stock_moves.id"], name="fk_stock_moves_returns_id"),
        sa.CheckConstraint(
            f"kind in ({', '.join(repr(kind) for kind in KINDS)})", name=op.f("ck_stock_moves_stock_move_kind")
        ),
        sa.CheckConstraint("quantity_milli <> 0", name=op.f("ck_stock_moves_quantity")),
        sa.CheckConstraint("quantity_milli::numeric * value_paise >= 0", name=op.f("ck_stock_moves_value")),
        sa.CheckConstraint("(returns_id is null) = (kind <> 'CUSTOMER_RETURN')", name=op.f("ck_stock_moves_returns")),
        sa.CheckConstraint("char_length(reason) between 1 and 200", name=op.f("ck_stock_moves_reason")),
        sa.CheckConstraint("cause_kind ~ '^[a-z]{1,16}$'", name=op.f("ck_stock_moves_cause_kind")),
        sa.CheckConstraint(
            "business_date between '2000-01-01' and '2099-12-31'", name=op.f("ck_stock_moves_business_date")
        ),
    )
    op.create_index("ix_stock_moves_occurred_at_id", "stock_moves", ["occurred_at", "id"])
    op.create_index("ix_stock_moves_branch_id_occurred_at_id", "stock_moves", ["branch_id", "occurred_at", "id"])
    op.create_index("ix_stock_moves_product_id_occurred_at_id", "stock_moves", ["product_id", "occurred_at", "id"])
    op.create_index("ix_stock_moves_cause_id", "stock_moves", ["cause_id"])
    op.create_index(
        "ix_stock_moves_returns_id", "stock_moves", ["returns_id"], postgresql_where=sa.text("returns_id is not null")
    )


def create_triggers() -> None:
    """What keeps stock true whoever writes."""
    op.execute(
        "create trigger stock_moves_append_only before update or delete on stock_moves "
        "for each row execute function refuse_change()"
    )
    op.execute(
        "create trigger stock_moves_levels after insert on stock_moves referencing new table as new_moves "
        "for each statement execute function move_stock()"
    )
    op.execute(
        "create trigger stock_levels_by_trigger_only before insert or update or delete on stock_levels "
        "for each row when (pg_trigger_depth() = 0) execute function refuse_change()"
    )
    op.execute(
        "create trigger stock_batches_by_trigger_only before update or delete on stock_batches "
        "for each row when (pg_trigger_depth() = 0) execute function refuse_change()"
    )
    op.execute(
        "create trigger stock_batches_begin before insert on stock_batches for each row execute function begin_batch()"
    )
    for table in ("stock_moves", "stock_levels", "stock_batches"):
        op.execute(
            f"create trigger {table}_no_truncate before truncate on {table} "
            "for each statement execute function refuse_change()"
        )
    op.execute(
        "create trigger stock_items_levels after insert on stock_items "
        "for each row execute function make_levels_of_item()"
    )
    op.execute(
        "create trigger branches_levels after insert on branches for each row execute function make_levels_of_branch()"
    )
    op.execute(
        "create trigger stock_items_follow after update of reorder_point_milli on stock_items "
        "for each row execute function follow_item()"
    )
    op.execute(
        "create trigger products_follow after update of search_name on products "
        "for each row when (new.is_stocked and old.search_name <> new.search_name) execute function follow_product()"
    )
    op.execute(
        "create trigger stock_policies_follow after insert or update on stock_policies "
        "for each row execute function follow_policy()"
    )
    for table in ("stock_items", "stock_units", "stock_policies"):
        op.execute(
            f"create trigger {table}_audit after insert or update or delete on {table} "
            "for each row execute function audit_change()"
        )


def downgrade() -> None:
    """Everything of stock."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("drop trigger branches_levels on branches")
    op.execute("drop trigger products_follow on products")
    for table in ("stock_moves", "stock_batches", "stock_levels", "stock_policies", "stock_units", "stock_items"):
        op.drop_table(table)
    for function in FUNCTIONS:
        op.execute(f"drop function {function}()")
    op.drop_column("products", "is_stocked")
