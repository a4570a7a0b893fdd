"""The rows of what people say about stock: requests to correct it, and counts."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from salonos.accounting import tables as accounting
from salonos.inventory.rules import StockAdjustmentReason, StockAdjustmentState, StockCountState
from salonos.inventory.tables.shelves import StockItem
from salonos.kernel.database import Base, Milli, Paise, enum_column, primary_id
from salonos.salon import tables as salon


class StockAdjustment(Base):
    """What somebody asks to correct, and what somebody else decided. A decided row never changes.

    Only what is worth nothing is approved by nobody. `value_paise` is by how much the stock's value changed,
    `tax_paise` the input credit that was lost with it; both are decided together with the request.
    """

    __tablename__ = "stock_adjustments"
    id: Mapped[UUID] = primary_id("stockadjustment")
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    product_id: Mapped[UUID] = mapped_column(ForeignKey(StockItem.id))
    batch_id: Mapped[UUID | None]
    transfer_line_id: Mapped[UUID | None] = mapped_column(ForeignKey("stock_transfer_lines.id"))
    quantity_milli: Mapped[int] = mapped_column(Milli)
    reason: Mapped[StockAdjustmentReason] = enum_column(StockAdjustmentReason)
    words: Mapped[str | None]
    state: Mapped[StockAdjustmentState] = enum_column(StockAdjustmentState)
    requested_by_id: Mapped[UUID]
    requested_at: Mapped[datetime]
    decided_by_id: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    decision_words: Mapped[str | None]
    business_date: Mapped[date | None]
    value_paise: Mapped[int | None] = mapped_column(Paise)
    tax_paise: Mapped[int | None] = mapped_column(Paise)
    entry_id: Mapped[UUID | None] = mapped_column(ForeignKey(accounting.Entry.id))
    __table_args__ = (
        ForeignKeyConstraint(
            ["batch_id", "branch_id", "product_id"],
            ["stock_batches.id", "stock_batches.branch_id", "stock_batches.product_id"],
            name="fk_stock_adjustments_batch_id",
        ),
        CheckConstraint("quantity_milli <> 0 and abs(quantity_milli) <= 1000000000", name="quantity"),
        CheckConstraint(
            "case when quantity_milli > 0 then reason in ('FOUND', 'CORRECTION') else reason <> 'FOUND' end",
            name="reason_fits",
        ),
        CheckConstraint("char_length(words) between 1 and 200", name="words"),
        CheckConstraint("char_length(decision_words) between 1 and 200", name="decision_words"),
        CheckConstraint("transfer_line_id is null or (quantity_milli < 0 and batch_id is null)", name="in_transit"),
        CheckConstraint("decided_by_id <> requested_by_id", name="decided_by_another"),
        CheckConstraint(
            "state <> 'APPROVED' or decided_by_id is not null or value_paise = 0", name="worth_something_needs_another"
        ),
        CheckConstraint(
            "case state when 'PENDING' then num_nonnulls(decided_by_id, decided_at, decision_words) = 0"
            " when 'REJECTED' then num_nonnulls(decided_by_id, decided_at) = 2"
            " else decided_at is not null and decision_words is null end",
            name="decided",
        ),
        CheckConstraint(
            "case state when 'APPROVED' then num_nonnulls(business_date, value_paise, tax_paise) = 3"
            " else num_nonnulls(business_date, value_paise, tax_paise, entry_id) = 0 end",
            name="posted",
        ),
        CheckConstraint(
            "quantity_milli::numeric * value_paise >= 0 and tax_paise between 0 and abs(value_paise)", name="value"
        ),
        Index("ix_stock_adjustments_requested_at_id", "requested_at", "id"),
        Index("ix_stock_adjustments_branch_id_requested_at_id", "branch_id", "requested_at", "id"),
        Index("ix_stock_adjustments_product_id_requested_at_id", "product_id", "requested_at", "id"),
        Index("ix_stock_adjustments_pending", "requested_at", "id", postgresql_where=text("state = 'PENDING'")),
    )


class StockCount(Base):
    """A count of some items in a branch: opened, entered in parts, submitted, and posted or cancelled by another.

    `value_paise` is by how much posting changed the stock's value, `moved_paise` the same without signs.
    """

    __tablename__ = "stock_counts"
    id: Mapped[UUID] = primary_id("stockcount")
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    state: Mapped[StockCountState] = enum_column(StockCountState)
    words: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    opened_by_id: Mapped[UUID]
    opened_at: Mapped[datetime]
    submitted_by_id: Mapped[UUID | None]
    submitted_at: Mapped[datetime | None]
    closed_by_id: Mapped[UUID | None]
    closed_at: Mapped[datetime | None]
    business_date: Mapped[date | None]
    value_paise: Mapped[int | None] = mapped_column(Paise)
    moved_paise: Mapped[int | None] = mapped_column(Paise)
    tax_paise: Mapped[int | None] = mapped_column(Paise)
    entry_id: Mapped[UUID | None] = mapped_column(ForeignKey(accounting.Entry.id))
    __table_args__ = (
        CheckConstraint("char_length(words) between 1 and 200", name="words"),
        CheckConstraint(
            "num_nonnulls(submitted_by_id, submitted_at) = case state when 'OPEN' then 0 when 'CANCELLED' then"
            " num_nonnulls(submitted_at) * 2 else 2 end",
            name="submitted",
        ),
        CheckConstraint(
            "num_nonnulls(closed_by_id, closed_at) = case when state in ('POSTED', 'CANCELLED') then 2 else 0 end",
            name="closed",
        ),
        CheckConstraint(
            "case state when 'POSTED' then num_nonnulls(business_date, value_paise, moved_paise, tax_paise) = 4"
            " else num_nonnulls(business_date, value_paise, moved_paise, tax_paise, entry_id) = 0 end",
            name="posted",
        ),
        CheckConstraint("state <> 'POSTED' or moved_paise = 0 or closed_by_id <> submitted_by_id", name="by_another"),
        CheckConstraint("moved_paise >= abs(value_paise) and tax_paise >= 0", name="value"),
        Index("ix_stock_counts_opened_at_id", "opened_at", "id"),
        Index("ix_stock_counts_branch_id_opened_at_id", "branch_id", "opened_at", "id"),
    )


class StockCountLine(Base):
    """What was expected of an item when the count began, and what was counted; of one batch, or of all of it.

    Without a batch it is the whole item, or where the item is counted by batch, what belongs to none. `is_blind` and
    `is_live` follow the count by trigger; a blind line has no variance.
    """

    __tablename__ = "stock_count_lines"
    id: Mapped[UUID] = primary_id("stockcountline")
    count_id: Mapped[UUID] = mapped_column(ForeignKey(StockCount.id))
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    position: Mapped[int]
    product_id: Mapped[UUID] = mapped_column(ForeignKey(StockItem.id))
    batch_id: Mapped[UUID | None]
    is_whole: Mapped[bool]
    expected_milli: Mapped[int] = mapped_column(Milli)
    counted_milli: Mapped[int | None] = mapped_column(Milli)
    counted_by_id: Mapped[UUID | None]
    counted_at: Mapped[datetime | None]
    is_blind: Mapped[bool] = mapped_column(server_default=text("true"))
    is_live: Mapped[bool] = mapped_column(server_default=text("true"))
    variance_milli: Mapped[int | None] = mapped_column(
        Milli, Computed("case when not is_blind then counted_milli - expected_milli end", persisted=True)
    )
    __table_args__ = (
        ForeignKeyConstraint(
            ["batch_id", "branch_id", "product_id"],
            ["stock_batches.id", "stock_batches.branch_id", "stock_batches.product_id"],
            name="fk_stock_count_lines_batch_id",
        ),
        UniqueConstraint("count_id", "position"),
        UniqueConstraint("count_id", "product_id", "batch_id", postgresql_nulls_not_distinct=True),
        CheckConstraint("counted_milli between 0 and 1000000000", name="counted"),
        CheckConstraint("num_nonnulls(counted_milli, counted_by_id, counted_at) in (0, 3)", name="counted_by"),
        CheckConstraint("batch_id is null or not is_whole", name="whole"),
        Index("ix_stock_count_lines_count_id_position_id", "count_id", "position", "id"),
        Index(
            "uq_stock_count_lines_live",
            "branch_id",
            "product_id",
            unique=True,
            postgresql_where=text("is_live and batch_id is null"),
        ),
    )
