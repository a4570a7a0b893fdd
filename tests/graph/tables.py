"""The rows of the engine's test world: a small salon of its own, in tables whose names nobody else has."""

import enum
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Boolean, Date, DateTime, ForeignKey, Index, Integer, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from salonos.kernel.database import Hundredths, Milli, Paise, enum_column, primary_id


class Base(DeclarativeBase):
    """Apart from the application's tables, so that migrations know nothing of them."""

    type_annotation_map = {  # noqa: RUF012  read by SQLAlchemy as a class attribute
        str: Text(),
        datetime: DateTime(timezone=True),
        date: Date(),
        bool: Boolean(),
        int: Integer(),
        bytes: LargeBinary(),
    }


class BillStatus(enum.Enum):
    """A draft may change, a posted bill is final."""

    DRAFT = "DRAFT"
    POSTED = "POSTED"
    VOID = "VOID"


class PaymentMethod(enum.Enum):
    """How the money came."""

    CASH = "CASH"
    UPI = "UPI"


class Branch(Base):
    """A place where we work."""

    __tablename__ = "world_branches"
    id: Mapped[UUID] = primary_id("branch")
    name: Mapped[str]
    __table_args__ = (Index("world_branches_name", "name", "id"),)


class Customer(Base):
    """A person we serve."""

    __tablename__ = "world_customers"
    id: Mapped[UUID] = primary_id("customer")
    name: Mapped[str]
    first_name: Mapped[str]
    person_key: Mapped[bytes | None]
    phone_sealed: Mapped[bytes | None]
    phone_last_digits: Mapped[str | None]
    phone_hash: Mapped[bytes | None]
    notes: Mapped[str | None]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    __table_args__ = (
        Index("world_customers_name", "name", "id"),
        Index("world_customers_first_name", "first_name", "id"),
    )


class Bill(Base):
    """A sale."""

    __tablename__ = "world_bills"
    id: Mapped[UUID] = primary_id("bill")
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(Branch.id))
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey(Customer.id))
    staff_id: Mapped[UUID]
    original_id: Mapped[UUID | None] = mapped_column(ForeignKey("world_bills.id"))
    number: Mapped[str | None]
    status: Mapped[BillStatus] = enum_column(BillStatus)
    created_at: Mapped[datetime]
    posted_at: Mapped[datetime | None]
    business_date: Mapped[date]
    total_paise: Mapped[int] = mapped_column(Paise)
    paid_paise: Mapped[int] = mapped_column(Paise)
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        Index("world_bills_created", "created_at", "id"),
        Index("world_bills_total", "total_paise", "id"),
        Index("world_bills_customer", "customer_id", "created_at", "id"),
        Index("world_bills_number", "number", unique=True),
    )


class BillLine(Base):
    """One position of a bill."""

    __tablename__ = "world_bill_lines"
    id: Mapped[UUID] = primary_id("line")
    bill_id: Mapped[UUID] = mapped_column(ForeignKey(Bill.id))
    position: Mapped[int]
    description: Mapped[str]
    quantity_milli: Mapped[int] = mapped_column(Milli)
    tax_rate: Mapped[int] = mapped_column(Hundredths)
    total_paise: Mapped[int] = mapped_column(Paise)
    cost_paise: Mapped[int] = mapped_column(Paise)
    __table_args__ = (Index("world_bill_lines_bill", "bill_id", "position", "id"),)


class Payment(Base):
    """Money received: rows without an id that clients see."""

    __tablename__ = "world_payments"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    bill_id: Mapped[UUID] = mapped_column(ForeignKey(Bill.id))
    method: Mapped[PaymentMethod] = enum_column(PaymentMethod)
    amount_paise: Mapped[int] = mapped_column(Paise)
    reference: Mapped[str | None]
    received_at: Mapped[datetime]
    __table_args__ = (Index("world_payments_bill", "bill_id", "received_at", "id"),)
