"""Counts: what was expected is frozen, what is there is counted without seeing it, and somebody else posts the variance.

Held here, whoever writes: a count goes its legal ways, only an open one takes figures, an item is in one count at a
time, nobody posts what they counted where it is worth something, and stock moves by exactly the variance.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018_stock_counts"
down_revision = "0017_payables"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
COUNT_CHECKS = {
    "stock_count_state": "state in ('OPEN', 'SUBMITTED', 'POSTED', 'CANCELLED')",
    "words": "char_length(words) between 1 and 200",
    "submitted": (
        "num_nonnulls(submitted_by_id, submitted_at) = case state when 'OPEN' then 0 when 'CANCELLED' then"
        " num_nonnulls(submitted_at) * 2 else 2 end"
    ),
    "closed": "num_nonnulls(closed_by_id, closed_at) = case when state in ('POSTED', 'CANCELLED') then 2 else 0 end",
    "posted": (
        "case state when 'POSTED' then num_nonnulls(business_date, value_paise, moved_paise, tax_paise) = 4"
        " else num_nonnulls(business_date, value_paise, moved_paise, tax_paise, entry_id) = 0 end"
    ),
    "by_another": "state <> 'POSTED' or moved_paise = 0 or closed_by_id <> submitted_by_id",
    "value": "moved_paise >= abs(value_paise) and tax_paise >= 0",
}
LINE_CHECKS = {
    "counted": "counted_milli between 0 and 1000000000",
    "counted_by": "num_nonnulls(counted_milli, counted_by_id, counted_at) in (0, 3)",
    "whole": "batch_id is null or not is_whole",
}

KEEP_COUNT = """
create function keep_count() returns trigger language plpgsql as $$
begin
    if old.state in ('POSTED', 'CANCELLED') or (old.state <> new.state and (old.state, new.state) not in (
        ('OPEN', 'SUBMITTED'), ('OPEN', 'CANCELLED'), ('SUBMITTED', 'POSTED'), ('SUBMITTED', 'CANCELLED')
    )) or new.branch_id <> old.branch_id then
        raise exception 'a count does not go from % to %', old.state, new.state
            using errcode = 'restrict_violation', constraint = 'stock_counts_moves';
    end if;
    if new.state = 'POSTED' and new.moved_paise <> 0 and exists (
        select from stock_count_lines where count_id = new.id and counted_by_id = new.closed_by_id and variance_milli <> 0
    ) then
        raise exception 'nobody posts what they counted'
            using errcode = 'check_violation', constraint = 'stock_counts_posted_by_another';
    end if;
    return new;
end $$
"""

FOLLOW_COUNT = """
create function follow_count() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    update stock_count_lines set is_blind = new.state = 'OPEN', is_live = new.state in ('OPEN', 'SUBMITTED')
    where count_id = new.id;
    return null;
end $$
"""

KEEP_LINE = """
create function keep_count_line() returns trigger language plpgsql as $$
begin
    perform from stock_counts where id = new.count_id and state = 'OPEN';
    if not found then
        raise exception 'count % takes no more figures', new.count_id
            using errcode = 'restrict_violation', constraint = 'stock_count_lines_open';
    end if;
    if tg_op = 'UPDATE' and (new.count_id, new.product_id, new.batch_id, new.expected_milli)
        is distinct from (old.count_id, old.product_id, old.batch_id, old.expected_milli) then
        raise exception 'what was expected is frozen' using errcode = 'restrict_violation';
    end if;
    return new;
end $$
"""

CHECK_MOVE = """
create function check_counted_move() returns trigger language plpgsql as $$
begin
    perform from stock_counts where id = new.cause_id and state = 'POSTED' and branch_id = new.branch_id;
    if not found
        or (select sum(quantity_milli) from stock_moves where cause_id = new.cause_id and product_id = new.product_id)
            is distinct from
           (select sum(variance_milli) from stock_count_lines
            where count_id = new.cause_id and product_id = new.product_id)
    then
        raise exception 'move % is no posted variance', new.id
            using errcode = 'check_violation', constraint = 'stock_moves_counted';
    end if;
    return null;
end $$
"""
FUNCTIONS = {
    "keep_count": KEEP_COUNT,
    "follow_count": FOLLOW_COUNT,
    "keep_count_line": KEEP_LINE,
    "check_counted_move": CHECK_MOVE,
}


def upgrade() -> None:
    """Counts and their lines; then what keeps them."""
    op.execute("set local lock_timeout = '3s'")
    create_counts()
    create_lines()
    for function in FUNCTIONS.values():
        op.execute(function)
    create_triggers()
    op.execute("grant select, insert, update on stock_counts to salonos_app")
    op.execute("grant select, insert on stock_count_lines to salonos_app")
    op.execute("grant update (counted_milli, counted_by_id, counted_at) on stock_count_lines to salonos_app")


def create_counts() -> None:
    """What is counted when and by whom."""
    op.create_table(
        "stock_counts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("opened_by_id", sa.Uuid(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("submitted_by_id", sa.Uuid(), nullable=True),
        sa.Column("submitted_at", INSTANT, nullable=True),
        sa.Column("closed_by_id", sa.Uuid(), nullable=True),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("business_date", sa.Date(), nullable=True),
        sa.Column("value_paise", sa.BigInteger(), nullable=True),
        sa.Column("moved_paise", sa.BigInteger(), nullable=True),
        sa.Column("tax_paise", sa.BigInteger(), nullable=True),
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_stock_counts"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_stock_counts_branch_id"),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_stock_counts_entry_id"),
        *(sa.CheckConstraint(check, name=op.f(f"ck_stock_counts_{name}")) for name, check in COUNT_CHECKS.items()),
    )
    for key in ([], ["branch_id"]):
        columns = [*key, "opened_at", "id"]
        op.create_index(f"ix_stock_counts_{'_'.join(columns)}", "stock_counts", columns)


def create_lines() -> None:
    """What was expected and what was found, of each item or batch."""
    op.create_table(
        "stock_count_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("count_id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("is_whole", sa.Boolean(), nullable=False),
        sa.Column("expected_milli", sa.BigInteger(), nullable=False),
        sa.Column("counted_milli", sa.BigInteger(), nullable=True),
        sa.Column("counted_by_id", sa.Uuid(), nullable=True),
        sa.Column("counted_at", INSTANT, nullable=True),
        sa.Column("is_blind", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("is_live", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "variance_milli",
            sa.BigInteger(),
            sa.Computed("case when not is_blind then counted_milli - expected_milli end", persisted=True),
            nullable=True,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stock_count_lines"),
        sa.ForeignKeyConstraint(["count_id"], ["stock_counts.id"], name="fk_stock_count_lines_count_id"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_stock_count_lines_branch_id"),
        sa.ForeignKeyConstraint(["product_id"], ["stock_items.id"], name="fk_stock_count_lines_product_id"),
        sa.ForeignKeyConstraint(
            ["batch_id", "branch_id", "product_id"],
            ["stock_batches.id", "stock_batches.branch_id", "stock_batches.product_id"],
            name="fk_stock_count_lines_batch_id",
        ),
        sa.UniqueConstraint("count_id", "position", name="uq_stock_count_lines_count_id_position"),
        sa.UniqueConstraint(
            "count_id",
            "product_id",
            "batch_id",
            name="uq_stock_count_lines_count_id_product_id_batch_id",
            postgresql_nulls_not_distinct=True,
        ),
        *(sa.CheckConstraint(check, name=op.f(f"ck_stock_count_lines_{name}")) for name, check in LINE_CHECKS.items()),
    )
    op.create_index("ix_stock_count_lines_count_id_position_id", "stock_count_lines", ["count_id", "position", "id"])
    op.create_index(
        "uq_stock_count_lines_live",
        "stock_count_lines",
        ["branch_id", "product_id"],
        unique=True,
        postgresql_where=sa.text("is_live and batch_id is null"),
    )


def create_triggers() -> None:
    """What keeps counts true whoever writes."""
    op.execute(
        "create trigger stock_counts_moves before update on stock_counts for each row execute function keep_count()"
    )
    op.execute(
        "create trigger stock_counts_follow after update of state on stock_counts "
        "for each row when (old.state <> new.state) execute function follow_count()"
    )
    op.execute(
        "create trigger stock_count_lines_open before insert or update on stock_count_lines "
        "for each row when (pg_trigger_depth() = 0) execute function keep_count_line()"
    )
    op.execute(
        "create constraint trigger stock_moves_counted after insert on stock_moves deferrable initially deferred "
        "for each row when (new.kind = 'COUNT_VARIANCE') execute function check_counted_move()"
    )
    for table in ("stock_counts", "stock_count_lines"):
        op.execute(
            f"create trigger {table}_kept before delete on {table} for each row execute function refuse_change()"
        )
        op.execute(
            f"create trigger {table}_no_truncate before truncate on {table} "
            "for each statement execute function refuse_change()"
        )
        op.execute(
            f"create trigger {table}_audit after {'insert or ' if table == 'stock_counts' else ''}update on {table} "
            "for each row execute function audit_change()"
        )


def downgrade() -> None:
    """Everything of counts; their moves stay."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("drop trigger stock_moves_counted on stock_moves")
    op.drop_table("stock_count_lines")
    op.drop_table("stock_counts")
    for function in FUNCTIONS:
        op.execute(f"drop function {function}()")
