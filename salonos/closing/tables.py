"""Summaries of days, and the lists below each."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from salonos.accounting.rules import PaymentMethod
from salonos.catalog import tables as catalog
from salonos.identity import tables as identity
from salonos.kernel.database import Base, Hundredths, Milli, Paise, enum_column, primary_id
from salonos.salon import tables as salon


class DaySummary(Base):
    """The figures of one business date at one branch, as they stood at `generated_at`. Amounts are in paise."""

    __tablename__ = "day_summaries"
    id: Mapped[UUID] = primary_id("summary")
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    business_date: Mapped[date]
    bill_count: Mapped[int]
    gross_paise: Mapped[int] = mapped_column(Paise)
    discount_paise: Mapped[int] = mapped_column(Paise)
    sales_paise: Mapped[int] = mapped_column(Paise)
    refund_paise: Mapped[int] = mapped_column(Paise)
    net_paise: Mapped[int] = mapped_column(Paise)
    tax_paise: Mapped[int] = mapped_column(Paise)
    tip_paise: Mapped[int] = mapped_column(Paise)
    collected_paise: Mapped[int] = mapped_column(Paise)
    debt_collected_paise: Mapped[int] = mapped_column(Paise)
    new_customer_count: Mapped[int]
    returning_customer_count: Mapped[int]
    is_final: Mapped[bool]
    generated_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("branch_id", "business_date"),
        CheckConstraint("net_paise = sales_paise - refund_paise", name="net"),
        CheckConstraint("bill_count >= 0", name="bill_count"),
        CheckConstraint("business_date between '2000-01-01' and '2100-01-01'", name="business_date"),
    )


class DayPaymentTotal(Base):
    """What a day brought in by one method."""

    __tablename__ = "day_payment_totals"
    summary_id: Mapped[UUID] = mapped_column(ForeignKey(DaySummary.id, ondelete="CASCADE"), primary_key=True)
    method: Mapped[PaymentMethod] = enum_column(PaymentMethod, primary_key=True)
    amount_paise: Mapped[int] = mapped_column(Paise)


class DayTaxTotal(Base):
    """What a day was taxed at one rate, less what its credit notes took back."""

    __tablename__ = "day_tax_totals"
    summary_id: Mapped[UUID] = mapped_column(ForeignKey(DaySummary.id, ondelete="CASCADE"), primary_key=True)
    rate_hundredths: Mapped[int] = mapped_column(Hundredths, primary_key=True)
    taxable_paise: Mapped[int] = mapped_column(Paise)
    cgst_paise: Mapped[int] = mapped_column(Paise)
    sgst_paise: Mapped[int] = mapped_column(Paise)
    igst_paise: Mapped[int] = mapped_column(Paise)


class DayServiceSales(Base):
    """One of the services that brought the most on a day."""

    __tablename__ = "day_service_sales"
    summary_id: Mapped[UUID] = mapped_column(ForeignKey(DaySummary.id, ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    service_id: Mapped[UUID] = mapped_column(ForeignKey(catalog.Service.id))
    quantity_milli: Mapped[int] = mapped_column(Milli)
    amount_paise: Mapped[int] = mapped_column(Paise)


class DayStaffSales(Base):
    """What a member of staff's work brought on a day."""

    __tablename__ = "day_staff_sales"
    summary_id: Mapped[UUID] = mapped_column(ForeignKey(DaySummary.id, ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(identity.Staff.id))
    line_count: Mapped[int]
    amount_paise: Mapped[int] = mapped_column(Paise)
