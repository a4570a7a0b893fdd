"""The customers' rows.

What is sealed names its column with `_sealed`; the columns beside it that serve search and masks are personal data too
and are blanked when a person is erased.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from salonos.customers.rules import Gender
from salonos.identity import tables as identity
from salonos.kernel.database import Base, enum_column, primary_id


class Customer(Base):
    """A person we serve. `person_key` is their own key, wrapped; without it nothing sealed opens ever again."""

    __tablename__ = "customers"
    id: Mapped[UUID] = primary_id("customer")
    name: Mapped[str]
    first_name: Mapped[str]
    search_name: Mapped[str] = mapped_column(Text(collation="C"))
    search_first_name: Mapped[str] = mapped_column(Text(collation="C"))
    gender: Mapped[Gender | None] = enum_column(Gender, nullable=True)
    person_key: Mapped[bytes | None]
    phone_sealed: Mapped[bytes | None]
    phone_index: Mapped[bytes | None]
    phone_last_digits: Mapped[str | None]
    email_sealed: Mapped[bytes | None]
    email_index: Mapped[bytes | None]
    birth_date_sealed: Mapped[bytes | None]
    address_sealed: Mapped[bytes | None]
    notes_sealed: Mapped[bytes | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint(
            "(phone_sealed is null) = (phone_index is null) and (phone_sealed is null) = (phone_last_digits is null)",
            name="phone_is_whole",
        ),
        CheckConstraint("(email_sealed is null) = (email_index is null)", name="email_is_whole"),
        Index("ix_customers_search_name_id", "search_name", "id"),
        Index("ix_customers_search_first_name_id", "search_first_name", "id"),
        Index("ix_customers_created_at_id", "created_at", "id"),
        Index("ix_customers_phone_index", "phone_index"),
        Index("ix_customers_email_index", "email_index"),
    )


class CustomerVisit(Base):
    """When a member of staff last served a customer: who may see them. Not a history; the bills are that."""

    __tablename__ = "customer_visits"
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(identity.Staff.id), primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(Customer.id), primary_key=True)
    last_served_on: Mapped[date]
    __table_args__ = (Index("ix_customer_visits_customer_id", "customer_id"),)
