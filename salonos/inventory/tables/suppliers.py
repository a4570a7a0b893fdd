"""The rows of suppliers."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from salonos.kernel.database import Base, primary_id


class Supplier(Base):
    """Who sells goods to the salon. A supplier without a GSTIN charges no GST."""

    __tablename__ = "suppliers"
    id: Mapped[UUID] = primary_id("supplier")
    name: Mapped[str]
    search_name: Mapped[str] = mapped_column(Text(collation="C"))
    gstin: Mapped[str | None]
    state_code: Mapped[str]
    phone: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("gstin"),
        CheckConstraint("char_length(name) between 1 and 120", name="name"),
        CheckConstraint("state_code ~ '^[0-9]{2}$'", name="state_code"),
        CheckConstraint("gstin is null or left(gstin, 2) = state_code", name="gstin_state"),
        Index("ix_suppliers_search_name_id", "search_name", "id"),
    )
