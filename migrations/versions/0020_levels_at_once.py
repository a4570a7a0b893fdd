"""Items that come together get their levels together.

The levels of a new item were made by a trigger for each row: a file of 5,000 items took as many statements within one.
Now one statement makes the levels of all items of an INSERT, at all branches.

Moves of a rare kind (what was wasted, what was received) are found by their kind: their page read all that was sold since.
"""

from alembic import op

revision = "0020_levels_at_once"
down_revision = "0019_consumption"
branch_labels = None
depends_on = None

AT_ONCE = """
create or replace function make_levels_of_item() returns trigger language plpgsql security definer
set search_path = pg_catalog, public as $$
begin
    update products set is_stocked = true from new_items where products.id = new_items.id and not products.is_stocked;
    insert into stock_levels (id, branch_id, product_id, search_name, reorder_point_milli, allows_negative)
    select gen_random_uuid(), branches.id, new_items.id, products.search_name, new_items.reorder_point_milli,
           coalesce(policy.allows_negative, false)
    from new_items join products on products.id = new_items.id
    cross join branches left join stock_policies as policy on policy.branch_id = branches.id
    order by new_items.id, branches.id
    on conflict (branch_id, product_id) do nothing;
    return null;
end $$
"""
ROW_BY_ROW = """
create or replace function make_levels_of_item() returns trigger language plpgsql security definer
set search_path = pg_catalog, public as $$
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


def upgrade() -> None:
    """A trigger of the statement in place of the rows'."""
    op.execute("set local lock_timeout = '3s'")
    op.create_index(
        "ix_stock_moves_branch_id_kind_occurred_at_id", "stock_moves", ["branch_id", "kind", "occurred_at", "id"]
    )
    op.execute("drop trigger stock_items_levels on stock_items")
    op.execute(AT_ONCE)
    op.execute(
        "create trigger stock_items_levels after insert on stock_items referencing new table as new_items "
        "for each statement execute function make_levels_of_item()"
    )


def downgrade() -> None:
    """The rows' trigger again."""
    op.execute("set local lock_timeout = '3s'")
    op.drop_index("ix_stock_moves_branch_id_kind_occurred_at_id", "stock_moves")
    op.execute("drop trigger stock_items_levels on stock_items")
    op.execute(ROW_BY_ROW)
    op.execute(
        "create trigger stock_items_levels after insert on stock_items for each row execute function make_levels_of_item()"
    )
