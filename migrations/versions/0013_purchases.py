"""Purchases: suppliers, orders, and receipts as documents of their own.

Until now goods came in as moves with a cause that nothing else knew. A receipt's lines now keep what was posted to
*received, not billed*, so that a supplier's bill can settle exactly that. What came of an order's line is counted by the
trigger on the receipts' lines, and an order goes its legal ways only. Every branch gets the two new number series.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013_purchases"
down_revision = "0012_bill_customer"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
UNITS = "unit in ('PIECE', 'ML', 'L', 'G', 'KG', 'BOX', 'BOTTLE')"
DOCUMENTS_BEFORE = "'TAX_INVOICE', 'BILL_OF_SUPPLY', 'CREDIT_NOTE', 'RECEIPT_VOUCHER', 'REFUND_VOUCHER'"
DOCUMENTS = f"{DOCUMENTS_BEFORE}, 'PURCHASE_ORDER', 'DEBIT_NOTE'"
SERIES = (("PURCHASE_ORDER", "{branch}P/{year}/"), ("DEBIT_NOTE", "{branch}D/{year}/"))

KEEP_TO_MOVES = """
create function keep_purchase_moves() returns trigger language plpgsql as $$
begin
    if old.status <> new.status and (old.status, new.status) not in (
        ('DRAFT', 'ORDERED'), ('DRAFT', 'CANCELLED'), ('ORDERED', 'PARTLY_RECEIVED'), ('ORDERED', 'RECEIVED'),
        ('ORDERED', 'CANCELLED'), ('PARTLY_RECEIVED', 'RECEIVED'), ('PARTLY_RECEIVED', 'CANCELLED')
    ) then
        raise exception 'a purchase does not go from % to %', old.status, new.status
            using errcode = 'restrict_violation', constraint = 'purchases_moves';
    end if;
    if new.branch_id <> old.branch_id or (old.number is not null and new.number is distinct from old.number) then
        raise exception 'a purchase keeps its branch and number' using errcode = 'restrict_violation';
    end if;
    return new;
end $$
"""

KEEP_LINES = """
create function keep_purchase_lines() returns trigger language plpgsql as $$
begin
    perform from purchases where id = coalesce(new.purchase_id, old.purchase_id) and status = 'DRAFT';
    if not found then
        raise exception 'the lines of an order do not change' using errcode = 'restrict_violation';
    end if;
    return coalesce(new, old);
end $$
"""

COUNT_RECEIVED = """
create function count_received() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    update purchase_lines set received_milli = received_milli + new.stock_quantity_milli
    where id = new.purchase_line_id;
    return null;
end $$
"""

FUNCTIONS = {
    "keep_purchase_moves": KEEP_TO_MOVES,
    "keep_purchase_lines": KEEP_LINES,
    "count_received": COUNT_RECEIVED,
}


def upgrade() -> None:
    """Tables, then what keeps them true, then the series."""
    op.execute("set local lock_timeout = '3s'")
    create_suppliers()
    create_purchases()
    create_receipts()
    for function in FUNCTIONS.values():
        op.execute(function)
    create_triggers()
    op.execute("grant select, insert, update on suppliers, purchases to salonos_app")
    op.execute("grant select, delete on purchase_lines to salonos_app")
    op.execute(
        "grant insert (id, purchase_id, position, product_id, unit, quantity_milli, stock_quantity_milli, unit_cost_paise) "
        "on purchase_lines to salonos_app"
    )
    op.execute("grant select, insert on stock_receipts to salonos_app")
    op.execute("grant select on stock_receipt_lines to salonos_app")
    op.execute(
        "grant insert (id, receipt_id, position, product_id, batch_id, move_id, purchase_line_id, unit, quantity_milli, "
        "stock_quantity_milli, unit_cost_paise, cost_paise) on stock_receipt_lines to salonos_app"
    )
    # FOR UPDATE needs the right to update some column; the trigger refuses what the application would write there.
    op.execute("grant update (settled_paise) on stock_receipt_lines to salonos_app")
    change_documents(DOCUMENTS)
    for document, pattern in SERIES:
        op.execute(
            "insert into number_series (id, branch_id, document, pattern, digits) "
            f"select gen_random_uuid(), id, '{document}', '{pattern}', 5 from branches"
        )


def create_suppliers() -> None:
    """Who sells to the salon, and the link from what is kept."""
    op.create_table(
        "suppliers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("search_name", sa.Text(collation="C"), nullable=False),
        sa.Column("gstin", sa.Text(), nullable=True),
        sa.Column("state_code", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_suppliers"),
        sa.UniqueConstraint("gstin", name="uq_suppliers_gstin"),
        sa.CheckConstraint("char_length(name) between 1 and 120", name=op.f("ck_suppliers_name")),
        sa.CheckConstraint("state_code ~ '^[0-9]{2}$'", name=op.f("ck_suppliers_state_code")),
        sa.CheckConstraint("gstin is null or left(gstin, 2) = state_code", name=op.f("ck_suppliers_gstin_state")),
    )
    op.create_index("ix_suppliers_search_name_id", "suppliers", ["search_name", "id"])
    op.add_column("stock_items", sa.Column("supplier_id", sa.Uuid(), nullable=True))
    op.create_foreign_key("fk_stock_items_supplier_id", "stock_items", "suppliers", ["supplier_id"], ["id"])


def create_purchases() -> None:
    """Orders and their lines."""
    op.create_table(
        "purchases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("supplier_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("ordered_on", sa.Date(), nullable=True),
        sa.Column("expected_on", sa.Date(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_purchases"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_purchases_branch_id"),
        sa.ForeignKeyConstraint(["supplier_id"], ["suppliers.id"], name="fk_purchases_supplier_id"),
        sa.UniqueConstraint("number", name="uq_purchases_number"),
        sa.CheckConstraint(
            "status in ('DRAFT', 'ORDERED', 'PARTLY_RECEIVED', 'RECEIVED', 'CANCELLED')",
            name=op.f("ck_purchases_purchase_status"),
        ),
        sa.CheckConstraint("(number is null) = (ordered_on is null)", name=op.f("ck_purchases_number_when_ordered")),
        sa.CheckConstraint("number is null or status <> 'DRAFT'", name=op.f("ck_purchases_draft_has_no_number")),
        sa.CheckConstraint(
            "number is not null or status in ('DRAFT', 'CANCELLED')", name=op.f("ck_purchases_ordered_has_a_number")
        ),
        sa.CheckConstraint("char_length(notes) between 1 and 1000", name=op.f("ck_purchases_notes")),
    )
    op.create_index("ix_purchases_created_at_id", "purchases", ["created_at", "id"])
    op.create_index("ix_purchases_branch_id_created_at_id", "purchases", ["branch_id", "created_at", "id"])
    op.create_index("ix_purchases_supplier_id_created_at_id", "purchases", ["supplier_id", "created_at", "id"])
    op.create_table(
        "purchase_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("purchase_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("unit", sa.String(32), nullable=False),
        sa.Column("quantity_milli", sa.BigInteger(), nullable=False),
        sa.Column("stock_quantity_milli", sa.BigInteger(), nullable=False),
        sa.Column("unit_cost_paise", sa.BigInteger(), nullable=False),
        sa.Column("received_milli", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_purchase_lines"),
        sa.ForeignKeyConstraint(["purchase_id"], ["purchases.id"], name="fk_purchase_lines_purchase_id"),
        sa.ForeignKeyConstraint(["product_id"], ["stock_items.id"], name="fk_purchase_lines_product_id"),
        sa.UniqueConstraint("purchase_id", "position", name="uq_purchase_lines_purchase_id_position"),
        sa.CheckConstraint(UNITS, name=op.f("ck_purchase_lines_stock_unit")),
        sa.CheckConstraint("quantity_milli > 0 and stock_quantity_milli > 0", name=op.f("ck_purchase_lines_quantity")),
        sa.CheckConstraint("unit_cost_paise >= 0", name=op.f("ck_purchase_lines_unit_cost")),
        sa.CheckConstraint("received_milli >= 0", name=op.f("ck_purchase_lines_received")),
    )


def create_receipts() -> None:
    """What came, and what is known of each batch of it."""
    op.create_table(
        "stock_receipts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("supplier_id", sa.Uuid(), nullable=True),
        sa.Column("purchase_id", sa.Uuid(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("received_by_id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_stock_receipts"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_stock_receipts_branch_id"),
        sa.ForeignKeyConstraint(["supplier_id"], ["suppliers.id"], name="fk_stock_receipts_supplier_id"),
        sa.ForeignKeyConstraint(["purchase_id"], ["purchases.id"], name="fk_stock_receipts_purchase_id"),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_stock_receipts_entry_id"),
        sa.CheckConstraint("char_length(reference) between 1 and 120", name=op.f("ck_stock_receipts_reference")),
        sa.CheckConstraint(
            "purchase_id is null or supplier_id is not null", name=op.f("ck_stock_receipts_supplier_of_purchase")
        ),
    )
    for key in ("branch_id", "supplier_id", "purchase_id"):
        op.create_index(f"ix_stock_receipts_{key}_received_at_id", "stock_receipts", [key, "received_at", "id"])
    op.create_index("ix_stock_receipts_received_at_id", "stock_receipts", ["received_at", "id"])
    op.create_table(
        "stock_receipt_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("receipt_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("move_id", sa.Uuid(), nullable=False),
        sa.Column("purchase_line_id", sa.Uuid(), nullable=True),
        sa.Column("unit", sa.String(32), nullable=False),
        sa.Column("quantity_milli", sa.BigInteger(), nullable=False),
        sa.Column("stock_quantity_milli", sa.BigInteger(), nullable=False),
        sa.Column("unit_cost_paise", sa.BigInteger(), nullable=False),
        sa.Column("cost_paise", sa.BigInteger(), nullable=False),
        sa.Column("billed_milli", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("sent_back_milli", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("settled_paise", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stock_receipt_lines"),
        sa.ForeignKeyConstraint(["receipt_id"], ["stock_receipts.id"], name="fk_stock_receipt_lines_receipt_id"),
        sa.ForeignKeyConstraint(["product_id"], ["stock_items.id"], name="fk_stock_receipt_lines_product_id"),
        sa.ForeignKeyConstraint(["batch_id"], ["stock_batches.id"], name="fk_stock_receipt_lines_batch_id"),
        sa.ForeignKeyConstraint(["move_id"], ["stock_moves.id"], name="fk_stock_receipt_lines_move_id"),
        sa.ForeignKeyConstraint(
            ["purchase_line_id"], ["purchase_lines.id"], name="fk_stock_receipt_lines_purchase_line_id"
        ),
        sa.UniqueConstraint("receipt_id", "position", name="uq_stock_receipt_lines_receipt_id_position"),
        sa.CheckConstraint(UNITS, name=op.f("ck_stock_receipt_lines_stock_unit")),
        sa.CheckConstraint(
            "quantity_milli > 0 and stock_quantity_milli > 0", name=op.f("ck_stock_receipt_lines_quantity")
        ),
        sa.CheckConstraint("unit_cost_paise >= 0 and cost_paise >= 0", name=op.f("ck_stock_receipt_lines_cost")),
        sa.CheckConstraint("billed_milli >= 0 and sent_back_milli >= 0", name=op.f("ck_stock_receipt_lines_settled")),
        sa.CheckConstraint(
            "billed_milli + sent_back_milli <= quantity_milli", name=op.f("ck_stock_receipt_lines_no_more_than_came")
        ),
        sa.CheckConstraint(
            "case when billed_milli + sent_back_milli = quantity_milli then settled_paise = cost_paise "
            "else settled_paise between 0 and cost_paise end",
            name=op.f("ck_stock_receipt_lines_settled_cost"),
        ),
    )
    op.create_index("ix_stock_receipt_lines_purchase_line_id", "stock_receipt_lines", ["purchase_line_id"])


def create_triggers() -> None:
    """What keeps purchases true whoever writes."""
    op.execute(
        "create trigger purchases_moves before update on purchases for each row execute function keep_purchase_moves()"
    )
    op.execute(
        "create trigger purchase_lines_of_drafts before insert or update or delete on purchase_lines "
        "for each row when (pg_trigger_depth() = 0) execute function keep_purchase_lines()"
    )
    op.execute(
        "create trigger stock_receipts_append_only before update or delete on stock_receipts "
        "for each row execute function refuse_change()"
    )
    op.execute(
        "create trigger stock_receipt_lines_by_trigger_only before update or delete on stock_receipt_lines "
        "for each row when (pg_trigger_depth() = 0) execute function refuse_change()"
    )
    op.execute(
        "create trigger stock_receipt_lines_count after insert on stock_receipt_lines "
        "for each row when (new.purchase_line_id is not null) execute function count_received()"
    )
    for table in ("purchases", "purchase_lines", "stock_receipts", "stock_receipt_lines"):
        op.execute(
            f"create trigger {table}_no_truncate before truncate on {table} "
            "for each statement execute function refuse_change()"
        )
    for table in ("suppliers", "purchases"):
        op.execute(
            f"create trigger {table}_audit after insert or update or delete on {table} "
            "for each row execute function audit_change()"
        )


def change_documents(kinds: str) -> None:
    """Which kinds of documents have numbers and stand in the register."""
    for table, column in (("number_series", "document"), ("tax_register", "document_kind")):
        op.drop_constraint(op.f(f"ck_{table}_document_kind"), table, type_="check")
        op.create_check_constraint(op.f(f"ck_{table}_document_kind"), table, f"{column} in ({kinds})")


def downgrade() -> None:
    """Everything of purchases."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("delete from number_series where document in ('PURCHASE_ORDER', 'DEBIT_NOTE')")
    change_documents(DOCUMENTS_BEFORE)
    for table in ("stock_receipt_lines", "stock_receipts", "purchase_lines", "purchases"):
        op.drop_table(table)
    op.drop_constraint("fk_stock_items_supplier_id", "stock_items", type_="foreignkey")
    op.drop_column("stock_items", "supplier_id")
    op.drop_table("suppliers")
    for function in FUNCTIONS:
        op.execute(f"drop function {function}()")
