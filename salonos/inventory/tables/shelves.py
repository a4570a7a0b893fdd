"""The rows of stock: items and their units, policies, levels, batches, moves.

Levels and batches are written by the trigger on the moves' INSERT only, so that a level is the sum of its moves.
"""

from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from salonos.catalog import tables as catalog
from salonos.inventory.rules import StockMoveKind, StockUnit, StockUse
from salonos.inventory.tables.suppliers import Supplier
from salonos.kernel.database import Base, Milli, Paise, enum_column, primary_id
from salonos.salon import tables as salon

_A_DATE: Final = "business_date between '2000-01-01' and '2099-12-31'"


class StockItem(Base):
    """A product that is kept in stock; it has the product's id. `use` never changes, `unit` not once there are moves."""

    __tablename__ = "stock_items"
    id: Mapped[UUID] = mapped_column(ForeignKey(catalog.Product.id), primary_key=True, info={"prefix": "stockitem"})
    use: Mapped[StockUse] = enum_column(StockUse)
    unit: Mapped[StockUnit] = enum_column(StockUnit)
    supplier_name: Mapped[str | None]
    supplier_id: Mapped[UUID | None] = mapped_column(ForeignKey(Supplier.id))
    reorder_point_milli: Mapped[int | None] = mapped_column(Milli)
    reorder_quantity_milli: Mapped[int | None] = mapped_column(Milli)
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint("reorder_point_milli between 0 and 1000000000000", name="point"),
        CheckConstraint("reorder_quantity_milli between 1 and 1000000000000", name="quantity"),
        CheckConstraint("char_length(supplier_name) between 1 and 120", name="supplier"),
    )


class StockUnitHeld(Base):
    """Another unit of an item, and how much of the item's own unit one of it holds: a bottle holds 500 ml."""

    __tablename__ = "stock_units"
    item_id: Mapped[UUID] = mapped_column(ForeignKey(StockItem.id, ondelete="CASCADE"), primary_key=True)
    unit: Mapped[StockUnit] = enum_column(StockUnit, primary_key=True)
    holds_milli: Mapped[int] = mapped_column(Milli)
    __table_args__ = (CheckConstraint("holds_milli between 1 and 1000000000", name="holds"),)


class StockPolicy(Base):
    """Whether a branch may issue what it does not have."""

    __tablename__ = "stock_policies"
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id), primary_key=True)
    allows_negative: Mapped[bool]


class StockLevel(Base):
    """What a branch has of an item, and what that is worth: the sums of its moves. Written by trigger only.

    `search_name`, `reorder_point_milli` and `allows_negative` follow product, item and policy by trigger.
    """

    __tablename__ = "stock_levels"
    id: Mapped[UUID] = primary_id("stocklevel")
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    product_id: Mapped[UUID] = mapped_column(ForeignKey(StockItem.id, ondelete="CASCADE"))
    search_name: Mapped[str] = mapped_column(Text(collation="C"))
    quantity_milli: Mapped[int] = mapped_column(Milli, server_default=text("0"))
    value_paise: Mapped[int] = mapped_column(Paise, server_default=text("0"))
    reorder_point_milli: Mapped[int | None] = mapped_column(Milli)
    allows_negative: Mapped[bool] = mapped_column(server_default=text("false"))
    is_low: Mapped[bool] = mapped_column(
        Computed("coalesce(quantity_milli <= reorder_point_milli, false)", persisted=True)
    )
    __table_args__ = (
        UniqueConstraint("branch_id", "product_id"),
        CheckConstraint("quantity_milli >= 0 or allows_negative", name="not_below_zero"),
        CheckConstraint(
            "case when quantity_milli = 0 then value_paise = 0 when quantity_milli > 0 then value_paise >= 0"
            " else value_paise <= 0 end",
            name="value",
        ),
        CheckConstraint("abs(quantity_milli) <= 1000000000000000", name="largest"),
        Index("ix_stock_levels_branch_id_search_name_id", "branch_id", "search_name", "id"),
        Index("ix_stock_levels_search_name_id", "search_name", "id"),
        Index("ix_stock_levels_product_id_search_name_id", "product_id", "search_name", "id"),
        Index("ix_stock_levels_low", "branch_id", "search_name", "id", postgresql_where=text("is_low")),
    )


class StockBatch(Base):
    """What came together and expires together in one branch. Its quantity is written by trigger only."""

    __tablename__ = "stock_batches"
    id: Mapped[UUID] = primary_id("stockbatch")
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    product_id: Mapped[UUID] = mapped_column(ForeignKey(StockItem.id))
    code: Mapped[str | None]
    expires_on: Mapped[date | None]
    expires_key: Mapped[date] = mapped_column(Computed("coalesce(expires_on, '2100-01-01'::date)", persisted=True))
    quantity_milli: Mapped[int] = mapped_column(Milli, server_default=text("0"))
    allows_negative: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("branch_id", "product_id", "code", "expires_on", postgresql_nulls_not_distinct=True),
        UniqueConstraint("id", "branch_id", "product_id"),
        CheckConstraint("quantity_milli >= 0 or allows_negative", name="not_below_zero"),
        CheckConstraint("char_length(code) between 1 and 40", name="code"),
        CheckConstraint("expires_on between '2000-01-01' and '2099-12-31'", name="expires_on"),
        Index("ix_stock_batches_branch_id_expires_key_id", "branch_id", "expires_key", "id"),
        Index("ix_stock_batches_expires_key_id", "expires_key", "id"),
        Index("ix_stock_batches_product_id_expires_key_id", "product_id", "expires_key", "id"),
    )


class StockMove(Base):
    """What came or went, and what it was worth: positive in, negative out. Append-only.

    `cause_kind` is the prefix of the cause's id (`bill`), without a foreign key, since causes stand above stock;
    `position` is the cause's line. `returns_id` is the move whose goods came back.
    """

    __tablename__ = "stock_moves"
    id: Mapped[UUID] = primary_id("stockmove")
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    product_id: Mapped[UUID] = mapped_column(ForeignKey(StockItem.id))
    batch_id: Mapped[UUID]
    kind: Mapped[StockMoveKind] = enum_column(StockMoveKind)
    quantity_milli: Mapped[int] = mapped_column(Milli)
    value_paise: Mapped[int] = mapped_column(Paise)
    reason: Mapped[str | None]
    cause_kind: Mapped[str]
    cause_id: Mapped[UUID]
    position: Mapped[int]
    returns_id: Mapped[UUID | None] = mapped_column(ForeignKey("stock_moves.id"))
    staff_id: Mapped[UUID | None]
    business_date: Mapped[date]
    occurred_at: Mapped[datetime]
    made_by_id: Mapped[UUID]
    __table_args__ = (
        ForeignKeyConstraint(
            ["batch_id", "branch_id", "product_id"],
            ["stock_batches.id", "stock_batches.branch_id", "stock_batches.product_id"],
            name="fk_stock_moves_batch_id",
        ),
        CheckConstraint("quantity_milli <> 0", name="quantity"),
        CheckConstraint("quantity_milli::numeric * value_paise >= 0", name="value"),
        CheckConstraint("(returns_id is null) = (kind <> 'CUSTOMER_RETURN')", name="returns"),
        CheckConstraint("char_length(reason) between 1 and 200", name="reason"),
        CheckConstraint("cause_kind ~ '^[a-z]{1,16}$'", name="cause_kind"),
        CheckConstraint(_A_DATE, name="business_date"),
        Index("ix_stock_moves_occurred_at_id", "occurred_at", "id"),
        Index("ix_stock_moves_branch_id_occurred_at_id", "branch_id", "occurred_at", "id"),
        Index("ix_stock_moves_branch_id_kind_occurred_at_id", "branch_id", "kind", "occurred_at", "id"),
        Index("ix_stock_moves_product_id_occurred_at_id", "product_id", "occurred_at", "id"),
        Index("ix_stock_moves_cause_id", "cause_id"),
        Index("ix_stock_moves_returns_id", "returns_id", postgresql_where=text("returns_id is not null")),
    )
