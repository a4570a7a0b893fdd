"""Adjustments: somebody asks to correct stock, somebody else decides.

That nobody decides their own request, that a decision stands, and that stock moves by an adjustment only when it was
approved and exactly by what was asked, is held here, whoever writes.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015_stock_adjustments"
down_revision = "0014_voids"
branch_labels = None
depends_on = None

REASONS = "'WASTAGE', 'DAMAGE', 'EXPIRY', 'THEFT', 'GIVEN_AWAY', 'CORRECTION', 'FOUND'"
CHECKS = {
    "stock_adjustment_reason": f"reason in ({REASONS})",
    "stock_adjustment_state": "state in ('PENDING', 'APPROVED', 'REJECTED')",
    "quantity": "quantity_milli <> 0 and abs(quantity_milli) <= 1000000000",
    "reason_fits": "case when quantity_milli > 0 then reason in ('FOUND', 'CORRECTION') else reason <> 'FOUND' end",
    "words": "char_length(words) between 1 and 200",
    "decision_words": "char_length(decision_words) between 1 and 200",
    "decided_by_another": "decided_by_id <> requested_by_id",
    "worth_something_needs_another": "state <> 'APPROVED' or decided_by_id is not null or value_paise = 0",
    "decided": (
        "case state when 'PENDING' then num_nonnulls(decided_by_id, decided_at, decision_words) = 0"
        " when 'REJECTED' then num_nonnulls(decided_by_id, decided_at) = 2"
        " else decided_at is not null and decision_words is null end"
    ),
    "posted": (
        "case state when 'APPROVED' then num_nonnulls(business_date, value_paise, tax_paise) = 3"
        " else num_nonnulls(business_date, value_paise, tax_paise, entry_id) = 0 end"
    ),
    "value": "quantity_milli::numeric * value_paise >= 0 and tax_paise between 0 and abs(value_paise)",
}

KEEP_DECISION = """
create function keep_adjustment() returns trigger language plpgsql as $$
declare
    deciding constant text[] := array['state', 'decided_by_id', 'decided_at', 'decision_words', 'business_date',
                                      'value_paise', 'tax_paise', 'entry_id'];
begin
    if old.state <> 'PENDING' then
        raise exception 'adjustment % is decided', old.id
            using errcode = 'restrict_violation', constraint = 'stock_adjustments_decided_once';
    end if;
    if to_jsonb(old) - deciding <> to_jsonb(new) - deciding then
        raise exception 'a request does not change' using errcode = 'restrict_violation';
    end if;
    return new;
end $$
"""

CHECK_MOVE = """
create function check_adjusting_move() returns trigger language plpgsql as $$
begin
    perform from stock_adjustments as adjustment
    where adjustment.id = new.cause_id and state = 'APPROVED'
        and adjustment.branch_id = new.branch_id and adjustment.product_id = new.product_id
        and (adjustment.quantity_milli, value_paise)
            = (select sum(moved.quantity_milli), sum(moved.value_paise) from stock_moves as moved
               where moved.cause_id = adjustment.id);
    if not found then
        raise exception 'move % is no approved adjustment', new.id
            using errcode = 'check_violation', constraint = 'stock_moves_approved';
    end if;
    return null;
end $$
"""


def upgrade() -> None:
    """The requests, and what keeps them."""
    op.execute("set local lock_timeout = '3s'")
    op.create_table(
        "stock_adjustments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("quantity_milli", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("requested_by_id", sa.Uuid(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_words", sa.Text(), nullable=True),
        sa.Column("business_date", sa.Date(), nullable=True),
        sa.Column("value_paise", sa.BigInteger(), nullable=True),
        sa.Column("tax_paise", sa.BigInteger(), nullable=True),
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_stock_adjustments"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_stock_adjustments_branch_id"),
        sa.ForeignKeyConstraint(["product_id"], ["stock_items.id"], name="fk_stock_adjustments_product_id"),
        sa.ForeignKeyConstraint(
            ["batch_id", "branch_id", "product_id"],
            ["stock_batches.id", "stock_batches.branch_id", "stock_batches.product_id"],
            name="fk_stock_adjustments_batch_id",
        ),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_stock_adjustments_entry_id"),
        *(sa.CheckConstraint(check, name=op.f(f"ck_stock_adjustments_{name}")) for name, check in CHECKS.items()),
    )
    for key in ([], ["branch_id"], ["product_id"]):
        columns = [*key, "requested_at", "id"]
        op.create_index(f"ix_stock_adjustments_{'_'.join(columns)}", "stock_adjustments", columns)
    op.create_index(
        "ix_stock_adjustments_pending",
        "stock_adjustments",
        ["requested_at", "id"],
        postgresql_where=sa.text("state = 'PENDING'"),
    )
    op.execute(KEEP_DECISION)
    op.execute(CHECK_MOVE)
    op.execute(
        "create trigger stock_adjustments_decided before update on stock_adjustments "
        "for each row execute function keep_adjustment()"
    )
    op.execute(
        "create trigger stock_adjustments_kept before delete on stock_adjustments "
        "for each row execute function refuse_change()"
    )
    op.execute(
        "create trigger stock_adjustments_no_truncate before truncate on stock_adjustments "
        "for each statement execute function refuse_change()"
    )
    op.execute(
        "create trigger stock_adjustments_audit after insert or update on stock_adjustments "
        "for each row execute function audit_change()"
    )
    op.execute(
        "create constraint trigger stock_moves_approved after insert on stock_moves deferrable initially deferred "
        "for each row when (new.kind = 'ADJUSTMENT') execute function check_adjusting_move()"
    )
    op.execute("grant select, insert, update on stock_adjustments to salonos_app")


def downgrade() -> None:
    """Everything of adjustments; their moves stay."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("drop trigger stock_moves_approved on stock_moves")
    op.drop_table("stock_adjustments")
    op.execute("drop function keep_adjustment()")
    op.execute("drop function check_adjusting_move()")
