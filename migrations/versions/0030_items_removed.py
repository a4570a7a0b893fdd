"""A product that was stocked by mistake is no item any more: its levels and units go with it, anything else holds it."""

from alembic import op

revision = "0030_items_removed"
down_revision = "0029_bill_groups"
branch_labels = None
depends_on = None

OWN = {
    "stock_levels": ("fk_stock_levels_product_id", "product_id"),
    "stock_units": ("fk_stock_units_item_id", "item_id"),
}
FORGET = """
create function forget_item() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    update products set is_stocked = false where id = old.id;
    return null;
end $$
"""


def upgrade() -> None:
    """A level that nothing was moved in says nothing."""
    op.execute("set local lock_timeout = '3s'")
    for table, (name, column) in OWN.items():
        _refer(table, name, column, " on delete cascade")
    op.execute(FORGET)
    op.execute(
        "create trigger stock_items_forgotten after delete on stock_items for each row execute function forget_item()"
    )
    op.execute("grant delete on stock_items to salonos_app")


def downgrade() -> None:
    """Items stay for ever."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("revoke delete on stock_items from salonos_app")
    op.execute("drop trigger stock_items_forgotten on stock_items")
    op.execute("drop function forget_item")
    for table, (name, column) in OWN.items():
        _refer(table, name, column, "")


def _refer(table: str, name: str, column: str, action: str) -> None:
    op.execute(
        f"alter table {table} drop constraint {name},"
        f" add constraint {name} foreign key ({column}) references stock_items (id){action}"
    )
