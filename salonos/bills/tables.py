"""The rows of the till: bills, their lines, payments and tips; and the limits that have dates.

Triggers of the migration do what no mapped class can say: a posted bill keeps its figures, lines and tips for ever, and
at commit its lines, tips and payments sum to what it says. `listed_at`, `number_key` and `balance_due_paise` are
generated, so that lists have an order of columns that are never null.
"""

from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from salonos.accounting import tables as accounting
from salonos.accounting.rules import MoneyDirection, PaymentMethod
from salonos.bills.rules import BillKind, BillStatus, PaymentState
from salonos.catalog import tables as catalog
from salonos.customers import tables as customers
from salonos.identity import tables as identity
from salonos.kernel.database import Base, Hundredths, Milli, Paise, enum_column, primary_id
from salonos.salon import tables as salon

_SETTLED: Final = "paid_paise + credited_paise + written_off_paise"
_OWED: Final = "status = 'POSTED' and balance_due_paise > 0"


class Bill(Base):
    """A sale: a draft until it is posted, final and numbered afterwards.

    `discount_paise` is all that is taken off, as priced; `bill_discount_paise` and `bill_discount_hundredths` are what
    was asked to be taken off the whole bill, one of them at most. While a bill is a draft, `paid_paise` lies in the
    account of advances. The names of seller and buyer, and the seller's address, are taken by a trigger when it is
    posted, for its documents; null where it was posted before there were any. `gstin` and `place_of_supply` are the supplier's registration and the state of that day.

    A credit note corrects `original_id`: its `paid_paise` went back as money, its `credited_paise` lowered the debt. A
    sale's `credited_paise` is the sum of its notes'. `written_off_paise` is what was given up of the debt, once, less what
    notes took back of it.
    """

    __tablename__ = "bills"
    id: Mapped[UUID] = primary_id("bill")
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    kind: Mapped[BillKind] = enum_column(BillKind)
    status: Mapped[BillStatus] = enum_column(BillStatus)
    number: Mapped[str | None]
    number_key: Mapped[str] = mapped_column(Text(collation="C"), Computed("coalesce(number, '')", persisted=True))
    version: Mapped[int]
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey(customers.Customer.id))
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID]
    posted_at: Mapped[datetime | None]
    posted_by_id: Mapped[UUID | None]
    listed_at: Mapped[datetime] = mapped_column(Computed("coalesce(posted_at, created_at)", persisted=True))
    business_date: Mapped[date]
    gstin: Mapped[str | None]
    place_of_supply: Mapped[str]
    buyer_gstin: Mapped[str | None]
    notes: Mapped[str | None]
    bill_discount_paise: Mapped[int | None] = mapped_column(Paise)
    bill_discount_hundredths: Mapped[int | None] = mapped_column(Hundredths)
    discount_reason: Mapped[str | None]
    discount_approved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey(identity.Staff.id))
    gross_paise: Mapped[int] = mapped_column(Paise)
    discount_paise: Mapped[int] = mapped_column(Paise)
    taxable_paise: Mapped[int] = mapped_column(Paise)
    cgst_paise: Mapped[int] = mapped_column(Paise)
    sgst_paise: Mapped[int] = mapped_column(Paise)
    igst_paise: Mapped[int] = mapped_column(Paise)
    round_off_paise: Mapped[int] = mapped_column(Paise)
    total_paise: Mapped[int] = mapped_column(Paise)
    tip_paise: Mapped[int] = mapped_column(Paise)
    paid_paise: Mapped[int] = mapped_column(Paise)
    balance_due_paise: Mapped[int] = mapped_column(
        Paise,
        Computed(
            "case status when 'VOID' then 0"
            " else total_paise + tip_paise - paid_paise - credited_paise - written_off_paise end",
            persisted=True,
        ),
    )
    payment_state: Mapped[PaymentState] = enum_column(PaymentState)
    entry_id: Mapped[UUID | None] = mapped_column(ForeignKey(accounting.Entry.id))
    original_id: Mapped[UUID | None] = mapped_column(ForeignKey("bills.id"))
    companion_id: Mapped[UUID | None] = mapped_column(ForeignKey("bills.id"))
    refund_reason: Mapped[str | None]
    credited_paise: Mapped[int] = mapped_column(Paise, server_default=text("0"))
    written_off_paise: Mapped[int] = mapped_column(Paise, server_default=text("0"))
    write_off_reason: Mapped[str | None]
    written_off_at: Mapped[datetime | None]
    written_off_by_id: Mapped[UUID | None]
    write_off_entry_id: Mapped[UUID | None] = mapped_column(ForeignKey(accounting.Entry.id))
    void_reason: Mapped[str | None]
    voided_at: Mapped[datetime | None]
    voided_by_id: Mapped[UUID | None]
    void_entry_id: Mapped[UUID | None] = mapped_column(ForeignKey(accounting.Entry.id))
    seller_name: Mapped[str | None]
    seller_legal_name: Mapped[str | None]
    seller_address: Mapped[str | None]
    buyer_name: Mapped[str | None]
    __table_args__ = (
        UniqueConstraint("number"),
        UniqueConstraint("entry_id"),
        UniqueConstraint("companion_id"),
        CheckConstraint("companion_id <> id", name="companion"),
        CheckConstraint(
            "total_paise = taxable_paise + cgst_paise + sgst_paise + igst_paise + round_off_paise", name="total"
        ),
        CheckConstraint("cgst_paise = sgst_paise and (igst_paise = 0 or cgst_paise = 0)", name="one_kind_of_tax"),
        CheckConstraint(
            "(kind = 'CREDIT_NOTE' or round_off_paise between -49 and 50) and total_paise % 100 = 0",
            name="whole_rupees",
        ),
        CheckConstraint(
            "least(gross_paise, discount_paise, taxable_paise, cgst_paise, igst_paise, total_paise, tip_paise, paid_paise,"
            " credited_paise, written_off_paise) >= 0"
            f" and discount_paise <= gross_paise and {_SETTLED} <= total_paise + tip_paise",
            name="amounts",
        ),
        CheckConstraint("total_paise <= 1000000000000 and gross_paise <= 1000000000000", name="largest"),
        CheckConstraint(
            "case status when 'DRAFT' then num_nulls(number, posted_at, posted_by_id, entry_id) = 4"
            " when 'POSTED' then num_nulls(number, posted_at, posted_by_id, entry_id) = 0"
            " else num_nulls(number, posted_at, posted_by_id, entry_id) in (0, 4) end",
            name="posted_is_whole",
        ),
        CheckConstraint(
            f"payment_state = case when {_SETTLED} >= total_paise + tip_paise then 'PAID'"
            " when paid_paise = 0 then 'UNPAID' else 'PARTLY_PAID' end",
            name="payment_state_of_paid",
        ),
        CheckConstraint(
            f"not (status = 'POSTED' and total_paise + tip_paise - ({_SETTLED}) > 0)"
            " or (customer_id is not null and tip_paise = 0)",
            name="owed_by_somebody",
        ),
        CheckConstraint("kind <> 'BILL_OF_SUPPLY' or cgst_paise + igst_paise = 0", name="tax_on_invoice"),
        CheckConstraint("num_nonnulls(bill_discount_paise, bill_discount_hundredths) <= 1", name="one_discount"),
        CheckConstraint("version > 0", name="version"),
        CheckConstraint(
            "case when kind = 'CREDIT_NOTE' then original_id is not null and refund_reason is not null"
            " and status = 'POSTED' and tip_paise = 0 and paid_paise + credited_paise = total_paise"
            " else num_nonnulls(original_id, refund_reason) = 0 end",
            name="note_is_settled",
        ),
        CheckConstraint("char_length(refund_reason) between 1 and 200", name="refund_reason"),
        CheckConstraint(
            "case status when 'VOID' then num_nulls(void_reason, voided_at, voided_by_id) = 0 and paid_paise = 0"
            " and credited_paise = 0"
            " else num_nonnulls(void_reason, voided_at, voided_by_id, void_entry_id) = 0 end",
            name="void_is_told",
        ),
        CheckConstraint("char_length(void_reason) between 1 and 200", name="void_reason"),
        CheckConstraint(
            "case when write_off_entry_id is null"
            " then num_nonnulls(write_off_reason, written_off_at, written_off_by_id) = 0 and written_off_paise = 0"
            " else num_nulls(write_off_reason, written_off_at, written_off_by_id) = 0"
            " and status <> 'DRAFT' and kind <> 'CREDIT_NOTE' and (status <> 'VOID' or written_off_paise = 0) end",
            name="write_off_is_told",
        ),
        CheckConstraint("char_length(write_off_reason) between 1 and 200", name="write_off_reason"),
        Index("ix_bills_listed_at_id", "listed_at", "id"),
        Index("ix_bills_branch_id_listed_at_id", "branch_id", "listed_at", "id"),
        Index("ix_bills_customer_id_listed_at_id", "customer_id", "listed_at", "id"),
        Index("ix_bills_status_listed_at_id", "status", "listed_at", "id"),
        Index("ix_bills_payment_state_listed_at_id", "payment_state", "listed_at", "id"),
        Index("ix_bills_created_at_id", "created_at", "id"),
        Index("ix_bills_branch_id_created_at_id", "branch_id", "created_at", "id"),
        Index("ix_bills_total_paise_id", "total_paise", "id"),
        Index("ix_bills_branch_id_total_paise_id", "branch_id", "total_paise", "id"),
        Index("ix_bills_number_key_id", "number_key", "id"),
        Index("ix_bills_branch_id_number_key_id", "branch_id", "number_key", "id"),
        Index("ix_bills_branch_id_business_date", "branch_id", "business_date"),
        Index("ix_bills_owed", "customer_id", postgresql_where=text(_OWED)),
        Index(
            "ix_bills_original_id",
            "original_id",
            "listed_at",
            "id",
            postgresql_where=text("original_id is not null"),
        ),
    )


class BillLine(Base):
    """One service or one product on a bill, as it was priced then. `discount_paise` is the line's own.

    A credit note's line gives back some of `original_line_id`.
    `unit_cost_paise` is what one had cost us, where it was known.
    """

    __tablename__ = "bill_lines"
    id: Mapped[UUID] = primary_id("line")
    bill_id: Mapped[UUID] = mapped_column(ForeignKey(Bill.id))
    position: Mapped[int]
    service_id: Mapped[UUID | None] = mapped_column(ForeignKey(catalog.Service.id))
    product_id: Mapped[UUID | None] = mapped_column(ForeignKey(catalog.Product.id))
    staff_id: Mapped[UUID | None] = mapped_column(ForeignKey(identity.Staff.id))
    description: Mapped[str]
    code: Mapped[str]
    quantity_milli: Mapped[int] = mapped_column(Milli)
    unit_price_paise: Mapped[int] = mapped_column(Paise)
    is_price_overridden: Mapped[bool]
    discount_reason: Mapped[str | None]
    rate_hundredths: Mapped[int] = mapped_column(Hundredths)
    is_tax_included: Mapped[bool]
    gross_paise: Mapped[int] = mapped_column(Paise)
    discount_paise: Mapped[int] = mapped_column(Paise)
    bill_discount_paise: Mapped[int] = mapped_column(Paise)
    taxable_paise: Mapped[int] = mapped_column(Paise)
    cgst_paise: Mapped[int] = mapped_column(Paise)
    sgst_paise: Mapped[int] = mapped_column(Paise)
    igst_paise: Mapped[int] = mapped_column(Paise)
    unit_cost_paise: Mapped[int | None] = mapped_column(Paise)
    original_line_id: Mapped[UUID | None] = mapped_column(ForeignKey("bill_lines.id"))
    __table_args__ = (
        UniqueConstraint("bill_id", "position"),
        CheckConstraint("num_nonnulls(service_id, product_id) = 1", name="one_item"),
        CheckConstraint("position between 1 and 200", name="position"),
        CheckConstraint("quantity_milli between 1 and 1000000000", name="quantity"),
        CheckConstraint("rate_hundredths between 0 and 10000", name="rate"),
        CheckConstraint("cgst_paise = sgst_paise and (igst_paise = 0 or cgst_paise = 0)", name="one_kind_of_tax"),
        CheckConstraint(
            "least(unit_price_paise, discount_paise, bill_discount_paise, taxable_paise, cgst_paise, igst_paise) >= 0"
            " and gross_paise <= 1000000000000",
            name="amounts",
        ),
        CheckConstraint(
            "gross_paise - discount_paise - bill_discount_paise = taxable_paise"
            " + case when is_tax_included then cgst_paise + sgst_paise + igst_paise else 0 end",
            name="taxable",
        ),
        Index("ix_bill_lines_staff_id_bill_id", "staff_id", "bill_id"),
        Index("ix_bill_lines_service_id_bill_id", "service_id", "bill_id"),
        Index("ix_bill_lines_product_id_bill_id", "product_id", "bill_id"),
        Index(
            "ix_bill_lines_original_line_id",
            "original_line_id",
            postgresql_where=text("original_line_id is not null"),
        ),
    )


class LineShare(Base):
    """Who shares in a line, and in how much of its value without tax; of a line without shares its staff has all.

    `share_hundredths` is what was asked for, null for an amount, for equal parts and on credit notes.
    """

    __tablename__ = "line_shares"
    line_id: Mapped[UUID] = mapped_column(ForeignKey(BillLine.id, ondelete="CASCADE"), primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(identity.Staff.id), primary_key=True)
    bill_id: Mapped[UUID] = mapped_column(ForeignKey(Bill.id))
    position: Mapped[int]
    share_hundredths: Mapped[int | None] = mapped_column(Hundredths)
    amount_paise: Mapped[int] = mapped_column(Paise)
    __table_args__ = (
        CheckConstraint("position between 1 and 11", name="position"),
        CheckConstraint("share_hundredths between 1 and 10000", name="share"),
        Index("ix_line_shares_bill_id", "bill_id"),
        Index("ix_line_shares_staff_id", "staff_id"),
    )


class BillStaff(Base):
    """Who worked on a bill: by a line of theirs, or by their share of one. Written by trigger only."""

    __tablename__ = "bill_staff"
    bill_id: Mapped[UUID] = mapped_column(ForeignKey(Bill.id), primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(identity.Staff.id), primary_key=True)
    __table_args__ = (Index("ix_bill_staff_staff_id_bill_id", "staff_id", "bill_id"),)


class Payment(Base):
    """The share of a money move that settles a bill: what was kept, or what went back. Append-only.

    One that was recorded wrongly has another that reverses it, and one that stands in its place.
    """

    __tablename__ = "payments"
    id: Mapped[UUID] = primary_id("payment")
    bill_id: Mapped[UUID] = mapped_column(ForeignKey(Bill.id))
    money_move_id: Mapped[UUID] = mapped_column(ForeignKey(accounting.MoneyMove.id))
    direction: Mapped[MoneyDirection] = enum_column(MoneyDirection, server_default="IN")
    method: Mapped[PaymentMethod] = enum_column(PaymentMethod)
    amount_paise: Mapped[int] = mapped_column(Paise)
    tendered_paise: Mapped[int | None] = mapped_column(Paise)
    change_paise: Mapped[int | None] = mapped_column(Paise)
    reference: Mapped[str | None]
    business_date: Mapped[date]
    received_at: Mapped[datetime]
    received_by_id: Mapped[UUID]
    reverses_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments.id"))
    replaces_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments.id"))
    __table_args__ = (
        UniqueConstraint("reverses_id"),
        UniqueConstraint("replaces_id"),
        CheckConstraint("num_nonnulls(reverses_id, replaces_id) <= 1", name="one_correction"),
        CheckConstraint("amount_paise > 0", name="amount"),
        CheckConstraint("method <> 'ON_ACCOUNT'", name="is_money"),
        CheckConstraint(
            "case when method = 'CASH' then change_paise >= 0 and tendered_paise = amount_paise + change_paise"
            " else num_nulls(tendered_paise, change_paise) = 2 end",
            name="change_of_cash",
        ),
        Index("ix_payments_bill_id_received_at_id", "bill_id", "received_at", "id"),
        Index("ix_payments_money_move_id", "money_move_id"),
        Index("ix_payments_business_date_method", "business_date", "method"),
        Index("ix_payments_method_bill_id", "method", "bill_id"),
    )


class Tip(Base):
    """What a customer gave a member of staff on top of a bill."""

    __tablename__ = "tips"
    bill_id: Mapped[UUID] = mapped_column(ForeignKey(Bill.id), primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(identity.Staff.id), primary_key=True)
    amount_paise: Mapped[int] = mapped_column(Paise)
    __table_args__ = (
        CheckConstraint("amount_paise > 0", name="amount"),
        Index("ix_tips_staff_id", "staff_id"),
    )


class DiscountLimit(Base):
    """What a role may take off a bill without asking, from a date on; of all roles where `role_id` is null."""

    __tablename__ = "discount_limits"
    id: Mapped[UUID] = primary_id("discountlimit")
    role_id: Mapped[UUID | None] = mapped_column(ForeignKey(identity.Role.id))
    valid_from: Mapped[date]
    amount_paise: Mapped[int] = mapped_column(Paise)
    share_hundredths: Mapped[int] = mapped_column(Hundredths)
    __table_args__ = (
        UniqueConstraint("role_id", "valid_from", postgresql_nulls_not_distinct=True),
        CheckConstraint("amount_paise >= 0 and share_hundredths between 0 and 10000", name="limit"),
    )


class CashLimit(Base):
    """From which amount on cash of one person in a day, or for one bill, is refused; from a date on."""

    __tablename__ = "cash_limits"
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    amount_paise: Mapped[int] = mapped_column(Paise)
    __table_args__ = (CheckConstraint("amount_paise > 0", name="amount"),)


class CreditLimit(Base):
    """How much a customer may owe at all branches; of all who have no row of their own where `customer_id` is null."""

    __tablename__ = "credit_limits"
    id: Mapped[UUID] = primary_id("creditlimit")
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey(customers.Customer.id))
    amount_paise: Mapped[int] = mapped_column(Paise)
    set_at: Mapped[datetime]
    set_by_id: Mapped[UUID]
    __table_args__ = (
        UniqueConstraint("customer_id", postgresql_nulls_not_distinct=True),
        CheckConstraint("amount_paise between 0 and 1000000000000", name="amount"),
    )
