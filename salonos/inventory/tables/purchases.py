"""The rows of what is ordered and of what came: purchases with their lines, receipts with theirs.

Receipts are append-only. What came of an order's line, and what became of a receipt's line, is written by trigger.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from salonos.accounting import tables as accounting
from salonos.inventory.rules import PurchaseStatus, StockUnit
from salonos.inventory.tables.shelves import StockBatch, StockItem, StockMove
from salonos.inventory.tables.suppliers import Supplier
from salonos.kernel.database import Base, Milli, Paise, enum_column, primary_id
from salonos.salon import tables as salon


class Purchase(Base):
    """An order of goods from a supplier. Its number is drawn when it is ordered; a trigger keeps to the legal moves."""

    __tablename__ = "purchases"
    id: Mapped[UUID] = primary_id("purchase")
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    supplier_id: Mapped[UUID] = mapped_column(ForeignKey(Supplier.id))
    status: Mapped[PurchaseStatus] = enum_column(PurchaseStatus)
    number: Mapped[str | None]
    ordered_on: Mapped[date | None]
    expected_on: Mapped[date | None]
    notes: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID]
    __table_args__ = (
        UniqueConstraint("number"),
        CheckConstraint("(number is null) = (ordered_on is null)", name="number_when_ordered"),
        CheckConstraint("number is null or status <> 'DRAFT'", name="draft_has_no_number"),
        CheckConstraint("number is not null or status in ('DRAFT', 'CANCELLED')", name="ordered_has_a_number"),
        CheckConstraint("char_length(notes) between 1 and 1000", name="notes"),
        Index("ix_purchases_created_at_id", "created_at", "id"),
        Index("ix_purchases_branch_id_created_at_id", "branch_id", "created_at", "id"),
        Index("ix_purchases_supplier_id_created_at_id", "supplier_id", "created_at", "id"),
    )


class PurchaseLine(Base):
    """Goods of an order: how many of a unit, the same in the item's own unit, and what one of the unit should cost."""

    __tablename__ = "purchase_lines"
    id: Mapped[UUID] = primary_id("purchaseline")
    purchase_id: Mapped[UUID] = mapped_column(ForeignKey(Purchase.id))
    position: Mapped[int]
    product_id: Mapped[UUID] = mapped_column(ForeignKey(StockItem.id))
    unit: Mapped[StockUnit] = enum_column(StockUnit)
    quantity_milli: Mapped[int] = mapped_column(Milli)
    stock_quantity_milli: Mapped[int] = mapped_column(Milli)
    unit_cost_paise: Mapped[int] = mapped_column(Paise)
    received_milli: Mapped[int] = mapped_column(Milli, server_default=text("0"))
    __table_args__ = (
        UniqueConstraint("purchase_id", "position"),
        CheckConstraint("quantity_milli > 0 and stock_quantity_milli > 0", name="quantity"),
        CheckConstraint("unit_cost_paise >= 0", name="unit_cost"),
        CheckConstraint("received_milli >= 0", name="received"),
    )


class StockReceipt(Base):
    """Goods that came to a branch at one time, with or without an order. Append-only; its moves name it as their cause."""

    __tablename__ = "stock_receipts"
    id: Mapped[UUID] = primary_id("stockreceipt")
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    supplier_id: Mapped[UUID | None] = mapped_column(ForeignKey(Supplier.id))
    purchase_id: Mapped[UUID | None] = mapped_column(ForeignKey(Purchase.id))
    reference: Mapped[str | None]
    business_date: Mapped[date]
    received_at: Mapped[datetime]
    received_by_id: Mapped[UUID]
    entry_id: Mapped[UUID | None] = mapped_column(ForeignKey(accounting.Entry.id))
    __table_args__ = (
        CheckConstraint("char_length(reference) between 1 and 120", name="reference"),
        CheckConstraint("purchase_id is null or supplier_id is not null", name="supplier_of_purchase"),
        Index("ix_stock_receipts_received_at_id", "received_at", "id"),
        Index("ix_stock_receipts_branch_id_received_at_id", "branch_id", "received_at", "id"),
        Index("ix_stock_receipts_supplier_id_received_at_id", "supplier_id", "received_at", "id"),
        Index("ix_stock_receipts_purchase_id_received_at_id", "purchase_id", "received_at", "id"),
    )


class StockReceiptLine(Base):
    """Goods of one batch that came: how many of a unit, and their cost as it stands in *received, not billed*.

    What is billed of it, what went back before it was billed, and how much of the cost is settled by that, in `unit`
    and paise, is written by trigger: never more than came, and all of the cost once all of it is settled.
    """

    __tablename__ = "stock_receipt_lines"
    id: Mapped[UUID] = primary_id("receiptline")
    receipt_id: Mapped[UUID] = mapped_column(ForeignKey(StockReceipt.id))
    position: Mapped[int]
    product_id: Mapped[UUID] = mapped_column(ForeignKey(StockItem.id))
    batch_id: Mapped[UUID] = mapped_column(ForeignKey(StockBatch.id))
    move_id: Mapped[UUID] = mapped_column(ForeignKey(StockMove.id))
    purchase_line_id: Mapped[UUID | None] = mapped_column(ForeignKey(PurchaseLine.id))
    unit: Mapped[StockUnit] = enum_column(StockUnit)
    quantity_milli: Mapped[int] = mapped_column(Milli)
    stock_quantity_milli: Mapped[int] = mapped_column(Milli)
    unit_cost_paise: Mapped[int] = mapped_column(Paise)
    cost_paise: Mapped[int] = mapped_column(Paise)
    billed_milli: Mapped[int] = mapped_column(Milli, server_default=text("0"))
    sent_back_milli: Mapped[int] = mapped_column(Milli, server_default=text("0"))
    settled_paise: Mapped[int] = mapped_column(Paise, server_default=text("0"))
    __table_args__ = (
        UniqueConstraint("receipt_id", "position"),
        CheckConstraint("quantity_milli > 0 and stock_quantity_milli > 0", name="quantity"),
        CheckConstraint("unit_cost_paise >= 0 and cost_paise >= 0", name="cost"),
        CheckConstraint("billed_milli >= 0 and sent_back_milli >= 0", name="settled"),
        CheckConstraint("billed_milli + sent_back_milli <= quantity_milli", name="no_more_than_came"),
        CheckConstraint(
            "case when billed_milli + sent_back_milli = quantity_milli then settled_paise = cost_paise "
            "else settled_paise between 0 and cost_paise end",
            name="settled_cost",
        ),
        Index("ix_stock_receipt_lines_purchase_line_id", "purchase_line_id"),
    )
