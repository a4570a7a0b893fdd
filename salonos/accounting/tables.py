"""The rows of the books: chart, entries and their lines, balances, the tax register, money moves, closed periods.

Triggers of the migration do what no mapped class can say: entries get their number and are refused in a closed period,
lines move the balances, entries balance at commit, and nothing here is ever changed.
"""

from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from salonos.accounting.rules import (
    AccountBound,
    AccountKind,
    CreditKind,
    MoneyDirection,
    PaymentMethod,
    SupplyDirection,
)
from salonos.kernel.database import Base, Hundredths, Milli, Paise, enum_column, primary_id
from salonos.salon import tables as salon
from salonos.salon.rules import DocumentKind

_A_DATE: Final = "business_date between '2000-01-01' and '2099-12-31'"


class Account(Base):
    """A position of the chart, the same for all branches.

    `needs_party` makes it the control account of a sub-ledger: every line names whose it is. `bound` is the side that
    its balance may not leave in any branch.
    """

    __tablename__ = "accounts"
    id: Mapped[UUID] = primary_id("account")
    code: Mapped[str]
    name: Mapped[str]
    kind: Mapped[AccountKind] = enum_column(AccountKind)
    needs_party: Mapped[bool] = mapped_column(server_default=text("false"))
    bound: Mapped[AccountBound | None] = enum_column(AccountBound, nullable=True)
    __table_args__ = (
        UniqueConstraint("code"),
        CheckConstraint("code ~ '^[1-9][0-9]{3}$'", name="code"),
        CheckConstraint("char_length(name) between 1 and 120", name="name"),
    )


class EntrySeries(Base):
    """The last entry number of a branch in a financial year: the row that is locked last. Written by trigger only."""

    __tablename__ = "entry_series"
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id), primary_key=True)
    financial_year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_number: Mapped[int]
    __table_args__ = (CheckConstraint("last_number > 0", name="last_number"),)


class Entry(Base):
    """One balanced posting. Append-only.

    `number` and `financial_year` are given by trigger, without gaps per branch and year. `cause_kind` is the prefix of
    the cause's id, without a foreign key, since causes stand above the books. `line_count` lets the foreign key of the
    lines refuse any line beyond those the entry was posted with.
    """

    __tablename__ = "entries"
    id: Mapped[UUID] = primary_id("entry")
    number: Mapped[int]
    financial_year: Mapped[int]
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    business_date: Mapped[date]
    narration: Mapped[str]
    cause_kind: Mapped[str]
    cause_id: Mapped[UUID]
    reverses_id: Mapped[UUID | None] = mapped_column(ForeignKey("entries.id"))
    line_count: Mapped[int]
    total_paise: Mapped[int] = mapped_column(Paise)
    posted_at: Mapped[datetime]
    posted_by_id: Mapped[UUID]
    __table_args__ = (
        UniqueConstraint("branch_id", "financial_year", "number"),
        UniqueConstraint("reverses_id"),
        UniqueConstraint("id", "branch_id", "business_date", "line_count"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(_A_DATE, name="business_date"),
        CheckConstraint("line_count between 2 and 1000", name="line_count"),
        CheckConstraint("total_paise >= 0", name="total_paise"),
        CheckConstraint("char_length(narration) between 1 and 500", name="narration"),
        CheckConstraint("cause_kind ~ '^[a-z]{1,16}$'", name="cause_kind"),
        CheckConstraint("reverses_id <> id", name="reverses_another"),
        Index("ix_entries_cause_id", "cause_id"),
        Index("ix_entries_posted_at_id", "posted_at", "id"),
        Index("ix_entries_branch_id_posted_at_id", "branch_id", "posted_at", "id"),
        Index("ix_entries_branch_id_business_date_id", "branch_id", "business_date", "id"),
        Index("ix_entries_business_date_id", "business_date", "id"),
    )


class EntryLine(Base):
    """One account's part in an entry: signed paise, debits positive. Append-only, and written before its entry.

    `party_id` says whose sub-ledger it belongs to: a customer's on Customers, later a supplier's on Suppliers.
    """

    __tablename__ = "entry_lines"
    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    branch_id: Mapped[UUID]
    business_date: Mapped[date]
    line_count: Mapped[int]
    account_id: Mapped[UUID] = mapped_column(ForeignKey(Account.id))
    amount_paise: Mapped[int] = mapped_column(Paise)
    party_id: Mapped[UUID | None]
    __table_args__ = (
        ForeignKeyConstraint(
            ["entry_id", "branch_id", "business_date", "line_count"],
            ["entries.id", "entries.branch_id", "entries.business_date", "entries.line_count"],
            name="fk_entry_lines_entry_id",
            deferrable=True,
            initially="DEFERRED",
        ),
        CheckConstraint("position between 1 and line_count", name="position"),
        CheckConstraint("abs(amount_paise) < 100000000000000", name="amount_paise"),
        Index("ix_entry_lines_account_id_branch_id_business_date", "account_id", "branch_id", "business_date"),
        Index(
            "ix_entry_lines_party_id_account_id",
            "party_id",
            "account_id",
            postgresql_where=text("party_id is not null"),
        ),
    )


class DailyBalance(Base):
    """What an account moved on one date in one branch: the sum of its lines. Written by trigger only."""

    __tablename__ = "daily_balances"
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id), primary_key=True)
    business_date: Mapped[date] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(Account.id), primary_key=True)
    amount_paise: Mapped[int] = mapped_column(Paise)
    __table_args__ = (
        Index("ix_daily_balances_account_id_branch_id_business_date", "account_id", "branch_id", "business_date"),
    )


class BoundedBalance(Base):
    """What a branch holds in an account that has a bound, counted on its lawful side. Written by trigger only."""

    __tablename__ = "bounded_balances"
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(Account.id), primary_key=True)
    held_paise: Mapped[int] = mapped_column(Paise)
    __table_args__ = (CheckConstraint("held_paise >= 0", name="held_paise"),)


class TaxRegisterLine(Base):
    """One line of a document as the GST returns need it. Append-only; a reversal repeats it with negative amounts.

    Credit that is given back has a line without a document: `document_id` is then the cause of its entry.
    """

    __tablename__ = "tax_register"
    entry_id: Mapped[UUID] = mapped_column(ForeignKey(Entry.id), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    supply: Mapped[SupplyDirection] = enum_column(SupplyDirection)
    document_kind: Mapped[DocumentKind | None] = enum_column(DocumentKind, nullable=True)
    document_id: Mapped[UUID]
    document_number: Mapped[str | None]
    document_date: Mapped[date]
    gstin: Mapped[str | None]
    party_gstin: Mapped[str | None]
    place_of_supply: Mapped[str | None]
    code: Mapped[str]
    quantity_milli: Mapped[int] = mapped_column(Milli)
    unit: Mapped[str]
    rate_hundredths: Mapped[int] = mapped_column(Hundredths)
    taxable_paise: Mapped[int] = mapped_column(Paise)
    cgst_paise: Mapped[int] = mapped_column(Paise)
    sgst_paise: Mapped[int] = mapped_column(Paise)
    igst_paise: Mapped[int] = mapped_column(Paise)
    credit_kind: Mapped[CreditKind | None] = enum_column(CreditKind, nullable=True)
    __table_args__ = (
        CheckConstraint("supply = 'INWARD' or cgst_paise = sgst_paise", name="cgst_is_sgst"),
        CheckConstraint("igst_paise = 0 or cgst_paise = 0 and sgst_paise = 0", name="one_kind_of_tax"),
        CheckConstraint("(credit_kind is null) = (supply = 'OUTWARD')", name="credit_of_inward"),
        CheckConstraint(
            "(document_kind is null) = (coalesce(credit_kind, '') = 'REVERSED')"
            " and (document_kind is null) = (document_number is null)",
            name="document_unless_reversed",
        ),
        CheckConstraint("rate_hundredths between 0 and 10000", name="rate_hundredths"),
        CheckConstraint("document_date between '2000-01-01' and '2099-12-31'", name="document_date"),
        Index("ix_tax_register_gstin_document_date", "gstin", "document_date"),
        Index("ix_tax_register_document_id", "document_id"),
    )


class MoneyMove(Base):
    """Money that came in or went out, with the entry that tells of it. Append-only."""

    __tablename__ = "money_moves"
    id: Mapped[UUID] = primary_id("moneymove")
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    business_date: Mapped[date]
    direction: Mapped[MoneyDirection] = enum_column(MoneyDirection)
    method: Mapped[PaymentMethod] = enum_column(PaymentMethod)
    amount_paise: Mapped[int] = mapped_column(Paise)
    reference: Mapped[str | None]
    entry_id: Mapped[UUID] = mapped_column(ForeignKey(Entry.id))
    drawer_id: Mapped[UUID | None]
    received_at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint("amount_paise > 0", name="amount_paise"),
        CheckConstraint("method <> 'ON_ACCOUNT'", name="is_money"),
        CheckConstraint("char_length(reference) between 1 and 120", name="reference"),
        Index("ix_money_moves_entry_id", "entry_id"),
        Index("ix_money_moves_branch_id_business_date", "branch_id", "business_date"),
    )


class ClosedPeriod(Base):
    """Up to where a branch's books are closed: `closed_until` is the first date that still takes entries."""

    __tablename__ = "closed_periods"
    id: Mapped[UUID] = primary_id("closedperiod")
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    closed_until: Mapped[date]
    __table_args__ = (
        UniqueConstraint("branch_id"),
        CheckConstraint("closed_until between '2000-01-01' and '2100-01-01'", name="closed_until"),
    )
