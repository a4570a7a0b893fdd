"""The rows of what suppliers are owed: accounts and their ledger, bills, returns, payments, refunds, what settles what.

Everything here is append-only. Accounts, ledger, and what is settled or returned of a document are written by trigger
only: so the ledger is the sum of its documents, and at commit an account must equal its part of the books.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from salonos.accounting import tables as accounting
from salonos.accounting.rules import PaymentMethod
from salonos.inventory.rules import SupplierLedgerKind
from salonos.inventory.tables.purchases import StockReceiptLine
from salonos.inventory.tables.shelves import StockMove
from salonos.inventory.tables.suppliers import Supplier
from salonos.kernel.database import Base, Hundredths, Milli, Paise, enum_column, primary_id
from salonos.salon import tables as salon


class SupplierAccount(Base):
    """What a branch owes a supplier: by the documents, and by the books. The row that whoever changes it locks first."""

    __tablename__ = "supplier_accounts"
    supplier_id: Mapped[UUID] = mapped_column(ForeignKey(Supplier.id), primary_key=True)
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id), primary_key=True)
    balance_paise: Mapped[int] = mapped_column(Paise, server_default=text("0"))
    booked_paise: Mapped[int] = mapped_column(Paise, server_default=text("0"))


class SupplierBill(Base):
    """A supplier's bill: `billed_on` is its own date, `booked_on` that of its entry."""

    __tablename__ = "supplier_bills"
    id: Mapped[UUID] = primary_id("supplierbill")
    supplier_id: Mapped[UUID] = mapped_column(ForeignKey(Supplier.id))
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    number: Mapped[str]
    number_key: Mapped[str]
    financial_year: Mapped[int]
    billed_on: Mapped[date]
    booked_on: Mapped[date]
    gstin: Mapped[str | None]
    discount_paise: Mapped[int] = mapped_column(Paise)
    taxable_paise: Mapped[int] = mapped_column(Paise)
    cgst_paise: Mapped[int] = mapped_column(Paise)
    sgst_paise: Mapped[int] = mapped_column(Paise)
    igst_paise: Mapped[int] = mapped_column(Paise)
    round_off_paise: Mapped[int] = mapped_column(Paise)
    total_paise: Mapped[int] = mapped_column(Paise)
    settled_paise: Mapped[int] = mapped_column(Paise, server_default=text("0"))
    balance_due_paise: Mapped[int] = mapped_column(Paise, Computed("total_paise - settled_paise", persisted=True))
    entry_id: Mapped[UUID] = mapped_column(ForeignKey(accounting.Entry.id))
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    __table_args__ = (
        UniqueConstraint("supplier_id", "financial_year", "number_key"),
        CheckConstraint("char_length(number) between 1 and 40 and number_key <> ''", name="number"),
        CheckConstraint("billed_on >= '2000-01-01' and billed_on <= booked_on", name="billed_on"),
        CheckConstraint("financial_year = extract(year from billed_on - interval '3 months')", name="financial_year"),
        CheckConstraint(
            "total_paise = taxable_paise + cgst_paise + sgst_paise + igst_paise + round_off_paise", name="sum"
        ),
        CheckConstraint("least(discount_paise, taxable_paise, cgst_paise, igst_paise) >= 0", name="amounts"),
        CheckConstraint("cgst_paise = sgst_paise and (cgst_paise = 0 or igst_paise = 0)", name="one_kind_of_tax"),
        CheckConstraint("abs(round_off_paise) < 100", name="round_off"),
        CheckConstraint("total_paise > 0 and settled_paise between 0 and total_paise", name="settled"),
        Index("ix_supplier_bills_recorded_at_id", "recorded_at", "id"),
        Index("ix_supplier_bills_branch_id_recorded_at_id", "branch_id", "recorded_at", "id"),
        Index("ix_supplier_bills_billed_on_id", "billed_on", "id"),
        Index("ix_supplier_bills_supplier_id_billed_on_id", "supplier_id", "billed_on", "id"),
        Index(
            "ix_supplier_bills_due",
            "branch_id",
            "supplier_id",
            "billed_on",
            "id",
            postgresql_where=text("balance_due_paise > 0"),
        ),
    )


class SupplierBillLine(Base):
    """Goods of a receipt's line as they are billed: quantity and price in the unit in which they came.

    `settled_paise` is how much of the receipt's cost this bill settles. What went back of it is written by trigger.
    """

    __tablename__ = "supplier_bill_lines"
    id: Mapped[UUID] = primary_id("supplierbillline")
    bill_id: Mapped[UUID] = mapped_column(ForeignKey(SupplierBill.id))
    position: Mapped[int]
    receipt_line_id: Mapped[UUID] = mapped_column(ForeignKey(StockReceiptLine.id))
    quantity_milli: Mapped[int] = mapped_column(Milli)
    unit_price_paise: Mapped[int] = mapped_column(Paise)
    discount_paise: Mapped[int] = mapped_column(Paise)
    bill_discount_paise: Mapped[int] = mapped_column(Paise)
    rate_hundredths: Mapped[int] = mapped_column(Hundredths)
    taxable_paise: Mapped[int] = mapped_column(Paise)
    cgst_paise: Mapped[int] = mapped_column(Paise)
    sgst_paise: Mapped[int] = mapped_column(Paise)
    igst_paise: Mapped[int] = mapped_column(Paise)
    is_credited: Mapped[bool]
    settled_paise: Mapped[int] = mapped_column(Paise)
    returned_milli: Mapped[int] = mapped_column(Milli, server_default=text("0"))
    __table_args__ = (
        UniqueConstraint("bill_id", "position"),
        CheckConstraint("quantity_milli > 0 and returned_milli between 0 and quantity_milli", name="quantity"),
        CheckConstraint(
            "least(unit_price_paise, discount_paise, bill_discount_paise, taxable_paise, cgst_paise, igst_paise,"
            " settled_paise) >= 0",
            name="amounts",
        ),
        CheckConstraint("cgst_paise = sgst_paise and (cgst_paise = 0 or igst_paise = 0)", name="one_kind_of_tax"),
        CheckConstraint("rate_hundredths between 0 and 10000", name="rate_hundredths"),
        Index("ix_supplier_bill_lines_receipt_line_id", "receipt_line_id"),
    )


class SupplierReturn(Base):
    """Goods that went back to a supplier, with the debit note's number.

    `settled_paise` is what of its total settled bills or was paid back: written by trigger.
    """

    __tablename__ = "supplier_returns"
    id: Mapped[UUID] = primary_id("supplierreturn")
    supplier_id: Mapped[UUID] = mapped_column(ForeignKey(Supplier.id))
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    number: Mapped[str]
    business_date: Mapped[date]
    reason: Mapped[str]
    taxable_paise: Mapped[int] = mapped_column(Paise)
    cgst_paise: Mapped[int] = mapped_column(Paise)
    sgst_paise: Mapped[int] = mapped_column(Paise)
    igst_paise: Mapped[int] = mapped_column(Paise)
    round_off_paise: Mapped[int] = mapped_column(Paise)
    total_paise: Mapped[int] = mapped_column(Paise)
    settled_paise: Mapped[int] = mapped_column(Paise, server_default=text("0"))
    credit_left_paise: Mapped[int] = mapped_column(Paise, Computed("total_paise - settled_paise", persisted=True))
    entry_id: Mapped[UUID | None] = mapped_column(ForeignKey(accounting.Entry.id))
    returned_at: Mapped[datetime]
    returned_by_id: Mapped[UUID]
    __table_args__ = (
        UniqueConstraint("number"),
        CheckConstraint("char_length(reason) between 1 and 200", name="reason"),
        CheckConstraint(
            "total_paise = taxable_paise + cgst_paise + sgst_paise + igst_paise + round_off_paise", name="sum"
        ),
        CheckConstraint("total_paise >= 0 and settled_paise between 0 and total_paise", name="settled"),
        CheckConstraint("least(taxable_paise, cgst_paise, sgst_paise, igst_paise) >= 0", name="amounts"),
        Index("ix_supplier_returns_returned_at_id", "returned_at", "id"),
        Index("ix_supplier_returns_branch_id_returned_at_id", "branch_id", "returned_at", "id"),
        Index("ix_supplier_returns_supplier_id_returned_at_id", "supplier_id", "returned_at", "id"),
    )


class SupplierReturnLine(Base):
    """Goods of a receipt's line that went back: of a bill's line at its price, or, unbilled, at the receipt's cost."""

    __tablename__ = "supplier_return_lines"
    id: Mapped[UUID] = primary_id("returnline")
    return_id: Mapped[UUID] = mapped_column(ForeignKey(SupplierReturn.id))
    position: Mapped[int]
    receipt_line_id: Mapped[UUID] = mapped_column(ForeignKey(StockReceiptLine.id))
    bill_line_id: Mapped[UUID | None] = mapped_column(ForeignKey(SupplierBillLine.id))
    move_id: Mapped[UUID] = mapped_column(ForeignKey(StockMove.id))
    quantity_milli: Mapped[int] = mapped_column(Milli)
    taxable_paise: Mapped[int] = mapped_column(Paise)
    cgst_paise: Mapped[int] = mapped_column(Paise)
    sgst_paise: Mapped[int] = mapped_column(Paise)
    igst_paise: Mapped[int] = mapped_column(Paise)
    round_off_paise: Mapped[int] = mapped_column(Paise)
    unbilled_paise: Mapped[int] = mapped_column(Paise)
    __table_args__ = (
        UniqueConstraint("return_id", "position"),
        CheckConstraint("quantity_milli > 0", name="quantity"),
        CheckConstraint(
            "least(taxable_paise, cgst_paise, sgst_paise, igst_paise, unbilled_paise) >= 0", name="amounts"
        ),
        CheckConstraint(
            "case when bill_line_id is null"
            " then taxable_paise + cgst_paise + sgst_paise + igst_paise + abs(round_off_paise) = 0"
            " else unbilled_paise = 0 end",
            name="billed_or_not",
        ),
        Index("ix_supplier_return_lines_bill_line_id", "bill_line_id"),
        Index("ix_supplier_return_lines_receipt_line_id", "receipt_line_id"),
    )


class SupplierPayment(Base):
    """Money that was paid to a supplier. All of it settles bills."""

    __tablename__ = "supplier_payments"
    id: Mapped[UUID] = primary_id("supplierpayment")
    supplier_id: Mapped[UUID] = mapped_column(ForeignKey(Supplier.id))
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    business_date: Mapped[date]
    method: Mapped[PaymentMethod] = enum_column(PaymentMethod)
    amount_paise: Mapped[int] = mapped_column(Paise)
    reference: Mapped[str | None]
    money_move_id: Mapped[UUID] = mapped_column(ForeignKey(accounting.MoneyMove.id))
    entry_id: Mapped[UUID] = mapped_column(ForeignKey(accounting.Entry.id))
    paid_at: Mapped[datetime]
    paid_by_id: Mapped[UUID]
    __table_args__ = (
        CheckConstraint("amount_paise > 0", name="amount"),
        CheckConstraint("method <> 'ON_ACCOUNT'", name="is_money"),
        CheckConstraint("char_length(reference) between 1 and 120", name="reference"),
        Index("ix_supplier_payments_paid_at_id", "paid_at", "id"),
        Index("ix_supplier_payments_branch_id_paid_at_id", "branch_id", "paid_at", "id"),
        Index("ix_supplier_payments_supplier_id_paid_at_id", "supplier_id", "paid_at", "id"),
    )


class SupplierRefund(Base):
    """Money that a supplier paid back of what a return had left."""

    __tablename__ = "supplier_refunds"
    id: Mapped[UUID] = primary_id("supplierrefund")
    supplier_id: Mapped[UUID] = mapped_column(ForeignKey(Supplier.id))
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    return_id: Mapped[UUID] = mapped_column(ForeignKey(SupplierReturn.id))
    business_date: Mapped[date]
    method: Mapped[PaymentMethod] = enum_column(PaymentMethod)
    amount_paise: Mapped[int] = mapped_column(Paise)
    reference: Mapped[str | None]
    money_move_id: Mapped[UUID] = mapped_column(ForeignKey(accounting.MoneyMove.id))
    entry_id: Mapped[UUID] = mapped_column(ForeignKey(accounting.Entry.id))
    received_at: Mapped[datetime]
    received_by_id: Mapped[UUID]
    __table_args__ = (
        CheckConstraint("amount_paise > 0", name="amount"),
        CheckConstraint("method <> 'ON_ACCOUNT'", name="is_money"),
        CheckConstraint("char_length(reference) between 1 and 120", name="reference"),
        Index("ix_supplier_refunds_return_id", "return_id", "received_at", "id"),
    )


class SupplierSettlement(Base):
    """What a payment or a return settles of a bill, from a date on: the later one of both documents' dates."""

    __tablename__ = "supplier_settlements"
    id: Mapped[UUID] = primary_id("settlement")
    bill_id: Mapped[UUID] = mapped_column(ForeignKey(SupplierBill.id))
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey(SupplierPayment.id))
    return_id: Mapped[UUID | None] = mapped_column(ForeignKey(SupplierReturn.id))
    amount_paise: Mapped[int] = mapped_column(Paise)
    settled_on: Mapped[date]
    __table_args__ = (
        CheckConstraint("num_nonnulls(payment_id, return_id) = 1", name="by_one"),
        CheckConstraint("amount_paise > 0", name="amount"),
        Index("ix_supplier_settlements_bill_id", "bill_id"),
        Index("ix_supplier_settlements_payment_id", "payment_id"),
        Index("ix_supplier_settlements_return_id", "return_id"),
    )


class SupplierLedgerLine(Base):
    """One document in a supplier's ledger at a branch: above zero what we owe more. It has the document's id.

    `balance_paise` is what the branch owed the supplier then, in the order in which documents were written.
    """

    __tablename__ = "supplier_ledger"
    id: Mapped[UUID] = primary_id("supplierledger")
    supplier_id: Mapped[UUID] = mapped_column(ForeignKey(Supplier.id))
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    kind: Mapped[SupplierLedgerKind] = enum_column(SupplierLedgerKind)
    bill_id: Mapped[UUID | None] = mapped_column(ForeignKey(SupplierBill.id))
    return_id: Mapped[UUID | None] = mapped_column(ForeignKey(SupplierReturn.id))
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey(SupplierPayment.id))
    refund_id: Mapped[UUID | None] = mapped_column(ForeignKey(SupplierRefund.id))
    business_date: Mapped[date]
    amount_paise: Mapped[int] = mapped_column(Paise)
    balance_paise: Mapped[int] = mapped_column(Paise)
    entry_id: Mapped[UUID] = mapped_column(ForeignKey(accounting.Entry.id))
    written_at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint("num_nonnulls(bill_id, return_id, payment_id, refund_id) = 1", name="one_document"),
        CheckConstraint("amount_paise <> 0", name="amount"),
        Index("ix_supplier_ledger_supplier_id_written_at_id", "supplier_id", "written_at", "id"),
    )
