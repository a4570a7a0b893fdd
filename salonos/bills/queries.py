"""Named reads that commands and jobs need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, Uuid, and_, any_, bindparam, cast, func, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import InstrumentedAttribute, aliased

from salonos.accounting import tables as accounting
from salonos.accounting.rules import MoneyDirection, PaymentMethod
from salonos.bills import rules, tables
from salonos.identity import tables as identity
from salonos.kernel.database import Milli, Paise
from salonos.kernel.work import Work


@dataclass(frozen=True)
class CashTaken:
    """Cash kept already, and from which amount on more is refused; None while no limit is in force.

    `of_customer_here_paise` is what was kept at the actor's branches: all of it that the actor may be told.
    """

    limit_paise: int | None
    of_customer_paise: int
    of_customer_here_paise: int
    of_bills_paise: Mapping[UUID, int]


async def bill_for_update(work: Work, bill_id: UUID) -> tables.Bill | None:
    """A bill, locked so that two tills can't both pay, change or post it."""
    found = select(tables.Bill).where(tables.Bill.id == bill_id).with_for_update()
    return (await work.session.execute(found)).scalar_one_or_none()


async def group_for_update(work: Work, bill_id: UUID) -> Sequence[tables.Bill]:
    """A bill and its companion, locked in their order."""
    is_one = or_(tables.Bill.id == bill_id, tables.Bill.companion_id == bill_id)
    found = select(tables.Bill).where(is_one).order_by(tables.Bill.id).with_for_update()
    return (await work.session.execute(found)).scalars().all()


async def owed_for_update(work: Work, *, customer_id: UUID) -> Sequence[tables.Bill]:
    """The bills on which a customer owes something at the actor's branches, the oldest first, locked."""
    bill = tables.Bill
    found = (
        select(bill)
        .where(
            bill.customer_id == customer_id,
            bill.status == rules.BillStatus.POSTED,
            bill.balance_due_paise > 0,
        )
        .order_by(bill.listed_at, bill.id)
        .with_for_update()
    )
    if not work.actor.is_everywhere:
        found = found.where(bill.branch_id.in_(work.actor.branch_ids))
    return (await work.session.execute(found)).scalars().all()


async def lines_of(work: Work, bill_id: UUID) -> Sequence[tables.BillLine]:
    """A bill's lines in order."""
    found = select(tables.BillLine).where(tables.BillLine.bill_id == bill_id).order_by(tables.BillLine.position)
    return (await work.session.execute(found)).scalars().all()


async def shares_of(work: Work, bill_id: UUID) -> Mapping[UUID, Sequence[tables.LineShare]]:
    """Who shares in a bill's lines, by line, in order."""
    share = tables.LineShare
    rows = (
        await work.session.execute(select(share).where(share.bill_id == bill_id).order_by(share.position))
    ).scalars()
    found: dict[UUID, list[tables.LineShare]] = {}
    for row in rows:
        found.setdefault(row.line_id, []).append(row)
    return found


@dataclass(frozen=True)
class GivenBack:
    """What the credit notes of a bill gave back already; quantities by line."""

    notes: int
    total_paise: int
    by_line: Mapping[UUID, int]


async def given_back(work: Work, bill_id: UUID) -> GivenBack:
    """Sums the credit notes of a bill."""
    note, line = tables.Bill, tables.BillLine
    of_bill = select(func.count(), cast(func.coalesce(func.sum(note.total_paise), 0), Paise())).where(
        note.original_id == bill_id
    )
    notes, total = (await work.session.execute(of_bill)).one()
    of_lines = (
        select(line.original_line_id, cast(func.sum(line.quantity_milli), Milli()))
        .join(note, note.id == line.bill_id)
        .where(note.original_id == bill_id)
        .group_by(line.original_line_id)
    )
    found = (await work.session.execute(of_lines)).all() if notes else ()
    return GivenBack(notes, total, {line_id: quantity for line_id, quantity in found if line_id is not None})


def _stands() -> ColumnElement[bool]:
    """Whether a payment tells how it was: it reverses none, and none reverses it."""
    reversal = aliased(tables.Payment)
    is_reversed = select(reversal.id).where(reversal.reverses_id == tables.Payment.id).exists()
    return and_(tables.Payment.reverses_id.is_(None), ~is_reversed)


async def bill_of_payment(work: Work, payment_id: UUID) -> UUID | None:
    """Which bill a payment settles, or gives back."""
    found = select(tables.Payment.bill_id).where(tables.Payment.id == payment_id)
    return (await work.session.execute(found)).scalar_one_or_none()


@dataclass(frozen=True)
class PaidAt:
    """A payment, and the branch where its money came in or went out: not always the bill's."""

    payment: tables.Payment
    branch_id: UUID


async def payments_of(work: Work, bill_id: UUID) -> Sequence[PaidAt]:
    """A bill's payments that stand, in order."""
    payment, move = tables.Payment, accounting.MoneyMove
    found = (
        select(payment, move.branch_id)
        .join(move, move.id == payment.money_move_id)
        .where(payment.bill_id == bill_id, _stands())
        .order_by(payment.received_at, payment.id)
    )
    return [PaidAt(*row) for row in (await work.session.execute(found)).all()]


async def payment_count(work: Work, bill_id: UUID) -> int:
    """How many payments a bill has."""
    found = select(func.count()).select_from(tables.Payment).where(tables.Payment.bill_id == bill_id)
    count: int = (await work.session.execute(found)).scalar_one()
    return count


async def discount_limit(work: Work, on: date) -> rules.DiscountLimit | None:
    """What the actor's role may take off on a date: the role's own limit, else that of all roles; None without any."""
    limit = tables.DiscountLimit
    role = select(identity.Staff.role_id).where(identity.Staff.id == work.actor.id).scalar_subquery()
    found = (
        select(limit.amount_paise, limit.share_hundredths)
        .where(or_(limit.role_id.is_(None), limit.role_id == role), limit.valid_from <= on)
        .order_by(limit.role_id.is_(None), limit.valid_from.desc())
        .limit(1)
    )
    row = (await work.session.execute(found)).one_or_none()
    return None if row is None else rules.DiscountLimit(row.amount_paise, row.share_hundredths)


async def same_reference(
    work: Work, *, bill_id: UUID | None = None, payment_ids: Sequence[UUID] = ()
) -> Sequence[UUID]:
    """The bills on which another payment has the reference of one of a bill's payments, or of those that are named.

    Paid at the same branch, on the same date and by the same method. The shares of one payment over many bills are one
    payment; one that was reversed is none.
    """
    given = {"bill_id": bill_id, "payment_ids": list(payment_ids)}
    return (await work.session.execute(_same_reference(), given)).scalars().all()


@cache
def _same_reference() -> Select[UUID]:
    """Made once: every sale with a reference asks it, and aliases of mapped classes cost more than the statement."""
    payment, other = tables.Payment, aliased(tables.Payment)
    move, other_move = accounting.MoneyMove, aliased(accounting.MoneyMove)
    reversal = aliased(tables.Payment)
    is_same = and_(
        other.business_date == payment.business_date,
        other.method == payment.method,
        other.reference == payment.reference,
        other.direction == payment.direction,
        other.money_move_id != payment.money_move_id,
    )
    is_asked = or_(
        payment.bill_id == bindparam("bill_id", type_=Uuid()),
        payment.id == any_(bindparam("payment_ids", type_=ARRAY(Uuid()))),
    )
    return (
        select(other.bill_id)
        .distinct()
        .join_from(payment, move, move.id == payment.money_move_id)
        .join(other, is_same)
        .join(other_move, and_(other_move.id == other.money_move_id, other_move.branch_id == move.branch_id))
        .where(
            is_asked,
            other.reverses_id.is_(None),
            ~select(reversal.id).where(reversal.reverses_id == other.id).exists(),
        )
        .order_by(other.bill_id)
        .limit(rules.PAYMENTS_MAX)
    )


@dataclass(frozen=True)
class Credit:
    """What a customer owes at all branches, and may owe at most; None without a limit.

    `owed_here_paise` is what they owe at the actor's branches: all of it that the actor may be told.
    """

    limit_paise: int | None
    owed_paise: int
    owed_here_paise: int


def limit_of(customer_id: ColumnElement[UUID] | InstrumentedAttribute[UUID]) -> ColumnElement[int | None]:
    """What a customer may owe: their own limit, else that of all."""
    limit = tables.CreditLimit
    own = select(limit.amount_paise).where(limit.customer_id == customer_id).scalar_subquery()
    return func.coalesce(own, limit_of_all(), type_=Paise())


def limit_of_all() -> ColumnElement[int | None]:
    """What whoever has no limit of their own may owe."""
    limit = tables.CreditLimit
    return select(limit.amount_paise).where(limit.customer_id.is_(None)).scalar_subquery()


async def credit_of(work: Work, customer_id: UUID) -> Credit:
    """What a customer owes and may owe."""
    bill = tables.Bill
    is_here = true() if work.actor.is_everywhere else bill.branch_id.in_(work.actor.branch_ids)
    owed = func.sum(bill.balance_due_paise)
    found = select(
        limit_of(bindparam("customer_id", customer_id, Uuid())),
        cast(func.coalesce(owed, 0), Paise()),
        cast(func.coalesce(owed.filter(is_here), 0), Paise()),
    ).where(bill.customer_id == customer_id, bill.status == rules.BillStatus.POSTED, bill.balance_due_paise > 0)
    limit_paise, owed_paise, owed_here_paise = (await work.session.execute(found)).one()
    return Credit(limit_paise, owed_paise, owed_here_paise)


async def cash_taken(work: Work, *, bill_ids: Sequence[UUID], customer_id: UUID | None, on: date) -> CashTaken:
    """The cash that counts towards the limit of section 269ST: of a person on a date, and of bills on all dates."""
    payment, bill, limit, move = tables.Payment, tables.Bill, tables.CashLimit, accounting.MoneyMove
    in_force = select(limit.amount_paise).where(limit.valid_from <= on).order_by(limit.valid_from.desc()).limit(1)
    is_here = true() if work.actor.is_everywhere else move.branch_id.in_(work.actor.branch_ids)
    cash = func.sum(payment.amount_paise)
    of_customer = (
        select(
            func.coalesce(cash, 0, type_=Paise()).label("everywhere"),
            func.coalesce(cash.filter(is_here), 0, type_=Paise()).label("here"),
        )
        .select_from(payment)
        .join(bill, bill.id == payment.bill_id)
        .join(move, move.id == payment.money_move_id)
        .where(
            payment.method == PaymentMethod.CASH,
            payment.direction == MoneyDirection.IN,
            _stands(),
            # Walk-in customers are nobody, and not all the same person: NULL equals nothing here.
            bill.customer_id == bindparam("customer_id", customer_id, Uuid()),
            bill.status != rules.BillStatus.VOID,
            payment.business_date == on,
        )
        .subquery()
    )
    by_bill = (
        select(payment.bill_id, func.sum(payment.amount_paise).label("paise"))
        .where(
            payment.method == PaymentMethod.CASH,
            payment.direction == MoneyDirection.IN,
            payment.bill_id.in_(bill_ids),
            _stands(),
        )
        .group_by(payment.bill_id)
        .subquery()
    )
    of_bills = select(func.jsonb_object_agg(cast(by_bill.c.bill_id, Text), by_bill.c.paise, type_=JSONB()))
    found = select(in_force.scalar_subquery(), of_customer.c.everywhere, of_customer.c.here, of_bills.scalar_subquery())
    limit_paise, everywhere, here, of_each = (await work.session.execute(found)).one()
    by_id = {UUID(bill_id): paise for bill_id, paise in (of_each or {}).items()}
    return CashTaken(limit_paise, everywhere, here, by_id)
