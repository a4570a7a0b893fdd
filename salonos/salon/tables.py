"""The salon's rows: one profile, branches, opening hours, number series and their counters."""

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Time, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from salonos.kernel.database import Base, enum_column, primary_id
from salonos.salon.rules import DocumentKind, TaxScheme


class Salon(Base):
    """The business. There is one row."""

    __tablename__ = "salons"
    id: Mapped[UUID] = primary_id("salon")
    name: Mapped[str]
    legal_name: Mapped[str]
    currency: Mapped[str] = mapped_column(server_default="INR")
    time_zone: Mapped[str]
    is_demo: Mapped[bool] = mapped_column(server_default=text("false"))
    is_only: Mapped[bool] = mapped_column(server_default=text("true"))
    __table_args__ = (
        CheckConstraint("is_only", name="is_only"),
        UniqueConstraint("is_only"),
        CheckConstraint("currency = 'INR'", name="currency"),
    )


class Branch(Base):
    """A place where the salon works."""

    __tablename__ = "branches"
    id: Mapped[UUID] = primary_id("branch")
    name: Mapped[str]
    code: Mapped[str]
    address: Mapped[str]
    state_code: Mapped[str]
    gstin: Mapped[str | None]
    tax_scheme: Mapped[TaxScheme] = enum_column(TaxScheme)
    time_zone: Mapped[str]
    upi_id: Mapped[str | None]
    splits_bills: Mapped[bool] = mapped_column(server_default=text("false"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("code"),
        CheckConstraint("code ~ '^[A-Z0-9]{1,4}$'", name="code"),
        CheckConstraint("(gstin is null) = (tax_scheme = 'UNREGISTERED')", name="gstin_by_scheme"),
        CheckConstraint("gstin is null or left(gstin, 2) = state_code", name="gstin_state"),
        CheckConstraint("gstin is null or time_zone = 'Asia/Kolkata'", name="gstin_zone"),
        CheckConstraint("upi_id ~ '^[A-Za-z0-9._-]{2,200}@[A-Za-z][A-Za-z0-9]{1,63}$'", name="upi_id"),
        Index("ix_branches_name_id", "name", "id"),
    )


class OpeningHours(Base):
    """One interval of one weekday in which a branch is open, in its own time."""

    __tablename__ = "opening_hours"
    id: Mapped[UUID] = primary_id("hours")
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(Branch.id))
    weekday: Mapped[int]
    opens_at: Mapped[time] = mapped_column(Time())
    closes_at: Mapped[time] = mapped_column(Time())
    __table_args__ = (
        CheckConstraint("weekday between 0 and 6", name="weekday"),
        CheckConstraint("opens_at < closes_at", name="order"),
        Index("ix_opening_hours_branch_id_weekday", "branch_id", "weekday", "opens_at", "id"),
    )


class NumberSeries(Base):
    """How documents of one kind are numbered at one branch."""

    __tablename__ = "number_series"
    id: Mapped[UUID] = primary_id("series")
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(Branch.id))
    document: Mapped[DocumentKind] = enum_column(DocumentKind)
    pattern: Mapped[str]
    digits: Mapped[int]
    __table_args__ = (
        UniqueConstraint("branch_id", "document"),
        CheckConstraint("digits between 1 and 9", name="digits"),
    )


_YEAR_OF = "extract(year from {} - interval '3 months')"


class NumberCounter(Base):
    """The last number of a series in a financial year: the row that a posting locks.

    A trigger lets it go on by one and never back in time, so that numbers and dates of documents have one order.
    """

    __tablename__ = "number_counters"
    series_id: Mapped[UUID] = mapped_column(ForeignKey(NumberSeries.id), primary_key=True)
    financial_year: Mapped[int] = mapped_column(primary_key=True)
    last_number: Mapped[int]
    last_date: Mapped[date]
    __table_args__ = (
        CheckConstraint("last_number > 0", name="last_number"),
        CheckConstraint(f"financial_year = {_YEAR_OF.format('last_date')}", name="financial_year"),
    )


class DrawnNumber(Base):
    """A number that was given to a document, for ever: drawn in the transaction that posted it."""

    __tablename__ = "drawn_numbers"
    series_id: Mapped[UUID] = mapped_column(ForeignKey(NumberSeries.id), primary_key=True)
    financial_year: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    drawn_on: Mapped[date]
    __table_args__ = (
        UniqueConstraint("text"),
        CheckConstraint("text ~ '^[A-Z1-9][A-Z0-9/-]{0,15}$'", name="text"),
        CheckConstraint(f"financial_year = {_YEAR_OF.format('drawn_on')}", name="financial_year"),
        Index("ix_drawn_numbers_drawn_on", "drawn_on"),
    )
