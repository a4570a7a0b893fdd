"""The rows of what people say about stock: requests to correct it."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from salonos.accounting import tables as accounting
from salonos.inventory.rules import StockAdjustmentReason, StockAdjustmentState
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
