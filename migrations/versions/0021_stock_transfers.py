"""Transfers: goods on their way between branches, worth what they were when they were sent.

Held here, whoever writes: a transfer goes its legal ways, no more arrives, is lost or comes back than was sent, and a
move of a transfer is exactly what its line says.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021_stock_transfers"
down_revision = "0020_levels_at_once"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
TRANSFER_CHECKS = {
    "stock_transfer_state": "state in ('SENT', 'PARTLY_RECEIVED', 'RECEIVED', 'CANCELLED')",
    "elsewhere": "from_branch_id <> to_branch_id",
    "words": "char_length(words) between 1 and 200",
    "closed": "(closed_at is null) = (state in ('SENT', 'PARTLY_RECEIVED'))",
}
LINE_CHECKS = {
    "sent": "quantity_milli > 0 and value_paise >= 0",
    "quantities": "least(received_milli, lost_milli, returned_milli, in_transit_milli) >= 0",
    "values": "least(received_paise, lost_paise, returned_paise, in_transit_paise) >= 0",
    "nothing_is_worth_nothing": "in_transit_milli > 0 or in_transit_paise = 0",
}
PARTS = ("received", "lost", "returned")

KEEP_TRANSFER = """
create function keep_transfer() returns trigger language plpgsql as $$
begin
    if (old.state, new.state) not in (
        ('SENT', 'PARTLY_RECEIVED'), ('SENT', 'RECEIVED'), ('SENT', 'CANCELLED'),
        ('PARTLY_RECEIVED', 'PARTLY_RECEIVED'), ('PARTLY_RECEIVED', 'RECEIVED')
    ) or to_jsonb(old) - array['state', 'is_in_transit', 'closed_at'] <> to_jsonb(new) - array['state', 'is_in_transit', 'closed_at'] then
        raise exception 'a transfer does not go from % to %', old.state, new.state
            using errcode = 'restrict_violation', constraint = 'stock_transfers_moves';
    end if;
    if new.state in ('RECEIVED', 'CANCELLED')
        and exists (select from stock_transfer_lines where transfer_id = new.id and in_transit_milli > 0) then
        raise exception 'something of transfer % is on its way', new.id
            using errcode = 'check_violation', constraint = 'stock_transfers_arrived';
    end if;
    return new;
end $$
"""

KEEP_LINE = """
create function keep_transfer_line() returns trigger language plpgsql as $$
begin
    if (new.transfer_id, new.position, new.product_id, new.batch_id, new.quantity_milli, new.value_paise)
        is distinct from (old.transfer_id, old.position, old.product_id, old.batch_id, old.quantity_milli, old.value_paise)
        or new.received_milli < old.received_milli or new.lost_milli < old.lost_milli
        or new.returned_milli < old.returned_milli
    then
        raise exception 'what was sent stays sent' using errcode = 'restrict_violation';
    end if;
    return new;
end $$
"""

CHECK_MOVE = """
create function check_transferred_move() returns trigger language plpgsql as $$
begin
    perform from stock_transfer_lines as line join stock_transfers as transfer on transfer.id = line.transfer_id
    where transfer.id = new.cause_id and line.position = new.position and line.product_id = new.product_id
        and (select sum(quantity_milli) from stock_moves as moved
             where moved.cause_id = new.cause_id and moved.position = new.position and moved.branch_id = new.branch_id)
            = case new.branch_id when transfer.to_branch_id then line.received_milli
                                 when transfer.from_branch_id then line.returned_milli - line.quantity_milli end;
    if not found then
        raise exception 'move % is of no transfer', new.id
            using errcode = 'check_violation', constraint = 'stock_moves_transferred';
    end if;
    return null;
end $$
"""
FUNCTIONS = {
    "keep_transfer": KEEP_TRANSFER,
    "keep_transfer_line": KEEP_LINE,
    "check_transferred_move": CHECK_MOVE,
}


def upgrade() -> None:
    """Transfers and their lines, what keeps them, and losses on the way."""
    op.execute("set local lock_timeout = '3s'")
    create_transfers()
    create_lines()
    for function in FUNCTIONS.values():
        op.execute(function)
    create_triggers()
    op.execute("grant select, insert on stock_transfers, stock_transfer_lines to salonos_app")
    op.execute("grant update (state, closed_at) on stock_transfers to salonos_app")
    columns = ", ".join(f"{part}_milli, {part}_paise" for part in PARTS)
    op.execute(f"grant update ({columns}) on stock_transfer_lines to salonos_app")
    op.add_column("stock_adjustments", sa.Column("transfer_line_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_stock_adjustments_transfer_line_id",
        "stock_adjustments",
        "stock_transfer_lines",
        ["transfer_line_id"],
        ["id"],
    )
    op.create_check_constraint(
        op.f("ck_stock_adjustments_in_transit"),
        "stock_adjustments",
        "transfer_line_id is null or (quantity_milli < 0 and batch_id is null)",
    )


def create_transfers() -> None:
    """Who sent something to whom."""
    op.create_table(
        "stock_transfers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("from_branch_id", sa.Uuid(), nullable=False),
        sa.Column("to_branch_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column(
            "is_in_transit",
            sa.Boolean(),
            sa.Computed("state in ('SENT', 'PARTLY_RECEIVED')", persisted=True),
            nullable=False,
        ),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("sent_by_id", sa.Uuid(), nullable=False),
        sa.Column("sent_at", INSTANT, nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_stock_transfers"),
        sa.UniqueConstraint("id", "from_branch_id", name="uq_stock_transfers_id_from_branch_id"),
        sa.ForeignKeyConstraint(["from_branch_id"], ["branches.id"], name="fk_stock_transfers_from_branch_id"),
        sa.ForeignKeyConstraint(["to_branch_id"], ["branches.id"], name="fk_stock_transfers_to_branch_id"),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_stock_transfers_entry_id"),
        *(
            sa.CheckConstraint(check, name=op.f(f"ck_stock_transfers_{name}"))
            for name, check in TRANSFER_CHECKS.items()
        ),
    )
    for key in ([], ["from_branch_id"], ["to_branch_id"]):
        columns = [*key, "sent_at", "id"]
        op.create_index(f"ix_stock_transfers_{'_'.join(columns)}", "stock_transfers", columns)


def create_lines() -> None:
    """What was sent of each batch, and what became of it."""
    parts = [
        sa.Column(f"{part}_{unit}", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
        for part in PARTS
        for unit in ("milli", "paise")
    ]
    rests = [
        sa.Column(
            f"in_transit_{unit}",
            sa.BigInteger(),
            sa.Computed(f"{whole} - received_{unit} - lost_{unit} - returned_{unit}", persisted=True),
            nullable=False,
        )
        for whole, unit in (("quantity_milli", "milli"), ("value_paise", "paise"))
    ]
    op.create_table(
        "stock_transfer_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("from_branch_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("quantity_milli", sa.BigInteger(), nullable=False),
        sa.Column("value_paise", sa.BigInteger(), nullable=False),
        *parts,
        *rests,
        sa.PrimaryKeyConstraint("id", name="pk_stock_transfer_lines"),
        sa.ForeignKeyConstraint(
            ["transfer_id", "from_branch_id"],
            ["stock_transfers.id", "stock_transfers.from_branch_id"],
            name="fk_stock_transfer_lines_transfer_id",
        ),
        sa.ForeignKeyConstraint(
            ["batch_id", "from_branch_id", "product_id"],
            ["stock_batches.id", "stock_batches.branch_id", "stock_batches.product_id"],
            name="fk_stock_transfer_lines_batch_id",
        ),
        sa.ForeignKeyConstraint(["product_id"], ["stock_items.id"], name="fk_stock_transfer_lines_product_id"),
        sa.UniqueConstraint("transfer_id", "position", name="uq_stock_transfer_lines_transfer_id_position"),
        *(
            sa.CheckConstraint(check, name=op.f(f"ck_stock_transfer_lines_{name}"))
            for name, check in LINE_CHECKS.items()
        ),
    )


def create_triggers() -> None:
    """What keeps transfers true whoever writes."""
    op.execute(
        "create trigger stock_transfers_moves before update on stock_transfers "
        "for each row execute function keep_transfer()"
    )
    op.execute(
        "create trigger stock_transfer_lines_sent before update on stock_transfer_lines "
        "for each row execute function keep_transfer_line()"
    )
    op.execute(
        "create constraint trigger stock_moves_transferred after insert on stock_moves deferrable initially deferred "
        "for each row when (new.kind in ('TRANSFER_OUT', 'TRANSFER_IN')) execute function check_transferred_move()"
    )
    for table in ("stock_transfers", "stock_transfer_lines"):
        op.execute(
            f"create trigger {table}_kept before delete on {table} for each row execute function refuse_change()"
        )
        op.execute(
            f"create trigger {table}_no_truncate before truncate on {table} "
            "for each statement execute function refuse_change()"
        )
        op.execute(
            f"create trigger {table}_audit after insert or update on {table} "
            "for each row execute function audit_change()"
        )


def downgrade() -> None:
    """Everything of transfers; their moves stay."""
    op.execute("set local lock_timeout = '3s'")
    op.drop_column("stock_adjustments", "transfer_line_id")
    op.execute("drop trigger stock_moves_transferred on stock_moves")
    op.drop_table("stock_transfer_lines")
    op.drop_table("stock_transfers")
    for function in FUNCTIONS:
        op.execute(f"drop function {function}()")
