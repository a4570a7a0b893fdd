"""The rows of goods on their way from one branch to another."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from salonos.accounting import tables as accounting
from salonos.inventory.rules import StockTransferState
from salonos.inventory.tables.shelves import StockItem
from salonos.kernel.database import Base, Milli, Paise, enum_column, primary_id
from salonos.salon import tables as salon


class StockTransfer(Base):
    """Goods that one branch sent to another. `entry_id` is the sending's; receipts have entries in both branches."""

    __tablename__ = "stock_transfers"
    id: Mapped[UUID] = primary_id("stocktransfer")
    from_branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    to_branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    state: Mapped[StockTransferState] = enum_column(StockTransferState)
    is_in_transit: Mapped[bool] = mapped_column(Computed("state in ('SENT', 'PARTLY_RECEIVED')", persisted=True))
    words: Mapped[str | None]
    sent_by_id: Mapped[UUID]
    sent_at: Mapped[datetime]
    business_date: Mapped[date]
    closed_at: Mapped[datetime | None]
    entry_id: Mapped[UUID | None] = mapped_column(ForeignKey(accounting.Entry.id))
    __table_args__ = (
        UniqueConstraint("id", "from_branch_id"),
        CheckConstraint("from_branch_id <> to_branch_id", name="elsewhere"),
        CheckConstraint("char_length(words) between 1 and 200", name="words"),
        CheckConstraint("(closed_at is null) = (state in ('SENT', 'PARTLY_RECEIVED'))", name="closed"),
        Index("ix_stock_transfers_sent_at_id", "sent_at", "id"),
        Index("ix_stock_transfers_from_branch_id_sent_at_id", "from_branch_id", "sent_at", "id"),
        Index("ix_stock_transfers_to_branch_id_sent_at_id", "to_branch_id", "sent_at", "id"),
    )


class StockTransferLine(Base):
    """Goods of one batch that were sent, at what they were worth then; and what became of them.

    Received, lost or returned; the rest is on its way. `batch_id` is the sender's batch.
    """

    __tablename__ = "stock_transfer_lines"
    id: Mapped[UUID] = primary_id("transferline")
    transfer_id: Mapped[UUID]
    from_branch_id: Mapped[UUID]
    position: Mapped[int]
    product_id: Mapped[UUID] = mapped_column(ForeignKey(StockItem.id))
    batch_id: Mapped[UUID]
    quantity_milli: Mapped[int] = mapped_column(Milli)
    value_paise: Mapped[int] = mapped_column(Paise)
    received_milli: Mapped[int] = mapped_column(Milli, server_default=text("0"))
    received_paise: Mapped[int] = mapped_column(Paise, server_default=text("0"))
    lost_milli: Mapped[int] = mapped_column(Milli, server_default=text("0"))
    lost_paise: Mapped[int] = mapped_column(Paise, server_default=text("0"))
    returned_milli: Mapped[int] = mapped_column(Milli, server_default=text("0"))
    returned_paise: Mapped[int] = mapped_column(Paise, server_default=text("0"))
    in_transit_milli: Mapped[int] = mapped_column(
        Milli, Computed("quantity_milli - received_milli - lost_milli - returned_milli", persisted=True)
    )
    in_transit_paise: Mapped[int] = mapped_column(
        Paise, Computed("value_paise - received_paise - lost_paise - returned_paise", persisted=True)
    )
    __table_args__ = (
        ForeignKeyConstraint(
            ["transfer_id", "from_branch_id"],
            ["stock_transfers.id", "stock_transfers.from_branch_id"],
            name="fk_stock_transfer_lines_transfer_id",
        ),
        ForeignKeyConstraint(
            ["batch_id", "from_branch_id", "product_id"],
            ["stock_batches.id", "stock_batches.branch_id", "stock_batches.product_id"],
            name="fk_stock_transfer_lines_batch_id",
        ),
        UniqueConstraint("transfer_id", "position"),
        CheckConstraint("quantity_milli > 0 and value_paise >= 0", name="sent"),
        CheckConstraint("least(received_milli, lost_milli, returned_milli, in_transit_milli) >= 0", name="quantities"),
        CheckConstraint("least(received_paise, lost_paise, returned_paise, in_transit_paise) >= 0", name="values"),
        CheckConstraint("in_transit_milli > 0 or in_transit_paise = 0", name="nothing_is_worth_nothing"),
    )
