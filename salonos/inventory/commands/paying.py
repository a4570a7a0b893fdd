"""Suppliers are paid: the bills that are named, or the oldest first, and never more than is owed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from salonos.accounting import commands as accounting
from salonos.accounting import rules as accounts
from salonos.accounting.commands import NewEntry, NewLine, NewMoneyMove
from salonos.accounting.rules import MoneyDirection, PaymentMethod
from salonos.inventory import problems, queries, rules, tables
from salonos.kernel import clock
from salonos.kernel.checks import Checks
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import not_found
from salonos.kernel.work import Work
from salonos.salon import queries as salon

CAUSE: Final = "supplierpayment"


@dataclass(frozen=True)
class PaidBill:
    """What is paid of one bill."""

    bill_id: UUID
    amount_paise: int


@dataclass(frozen=True)
class NewSupplierPayment:
    """Money for a supplier. Without `bills` it settles the oldest first."""

    branch_id: UUID
    supplier_id: UUID
    method: PaymentMethod
    amount_paise: int
    reference: str | None = None
    bills: tuple[PaidBill, ...] = ()


async def pay_supplier(work: Work, new: NewSupplierPayment) -> UUID:
    """Pays a supplier out of the branch's money. Two who pay at once follow one another behind the account's lock.

    Raises: InvalidInput with every fault; SupplierOverpaid; PeriodClosed.
    """
    work.actor.require(Permission.PURCHASE_MANAGE)
    work.actor.require_branch(new.branch_id)
    branch = await salon.branch_for_sale(work, new.branch_id)
    if branch is None:
        raise not_found(("branchId",), "branch")
    if await queries.supplier(work, new.supplier_id) is None:
        raise not_found(("supplierId",), "supplier")
    reference = _checked(new)
    await queries.supplier_account_for_update(work, new.supplier_id, new.branch_id)
    parts = await _named(work, new) if new.bills else await _oldest_first(work, new)
    payment_id, on = new_id(), clock.business_date(work.now, branch.time_zone)
    entry = NewEntry(
        branch_id=branch.id,
        business_date=on,
        narration="Supplier paid",
        cause_kind=CAUSE,
        cause_id=payment_id,
        lines=(
            NewLine(accounts.SUPPLIERS, new.amount_paise, new.supplier_id),
            NewLine(accounts.account_of(new.method), -new.amount_paise),
        ),
        money=(NewMoneyMove(new.method, new.amount_paise, reference, MoneyDirection.OUT),),
    )
    posted = await accounting.post_entry(work, entry)
    row = tables.SupplierPayment(
        id=payment_id,
        supplier_id=new.supplier_id,
        branch_id=branch.id,
        business_date=on,
        method=new.method,
        amount_paise=new.amount_paise,
        reference=reference,
        money_move_id=posted.money_move_ids[0],
        entry_id=posted.id,
        paid_at=work.now,
        paid_by_id=work.actor.id,
    )
    await _store(work, row, parts)
    return payment_id


async def _store(work: Work, row: tables.SupplierPayment, parts: Sequence[tuple[UUID, int]]) -> None:
    """The payment first, since no mapped relation tells the session that its settlements need it."""
    work.session.add(row)
    await work.session.flush()
    for bill_id, part in parts:
        work.session.add(
            tables.SupplierSettlement(
                id=new_id(), bill_id=bill_id, payment_id=row.id, amount_paise=part, settled_on=row.business_date
            )
        )
    await work.session.flush()


def _checked(new: NewSupplierPayment) -> str | None:
    """The reference made safe.

    Raises: InvalidInput with every fault.
    """
    checks = Checks()
    reference = checks.optional_text(new.reference, ("reference",), rules.REFERENCE_MAX)
    is_money = new.method is not PaymentMethod.ON_ACCOUNT
    checks.require(is_money, ("method",), "NO_MONEY", "A supplier is paid with money.")
    is_within = 0 < new.amount_paise <= rules.PAYMENT_PAISE_MAX
    checks.require(is_within, ("amount",), "OUT_OF_RANGE", "Pay more than 0.00.")
    for place, each in enumerate(new.bills):
        is_part = 0 < each.amount_paise <= new.amount_paise
        checks.require(is_part, ("bills", place, "amount"), "OUT_OF_RANGE", "This is no part of the payment.")
        is_new = each.bill_id not in [other.bill_id for other in new.bills[:place]]
        checks.require(is_new, ("bills", place, "billId"), "TAKEN", "This bill is named already.")
    if new.bills and sum(each.amount_paise for each in new.bills) != new.amount_paise:
        checks.add(("amount",), "PARTS_DIFFER", "What is paid of the bills is not what is paid.")
    many = f"A payment settles at most {rules.LINES_MAX} bills that are named."
    checks.require(len(new.bills) <= rules.LINES_MAX, ("bills",), "TOO_MANY", many)
    checks.finish()
    return reference


async def _named(work: Work, new: NewSupplierPayment) -> list[tuple[UUID, int]]:
    """Raises: InvalidInput for a bill that is not this supplier's at this branch; SupplierOverpaid."""
    owed = await queries.bills_of_account(work, new.supplier_id, new.branch_id, [each.bill_id for each in new.bills])
    for place, each in enumerate(new.bills):
        if each.bill_id not in owed:
            raise not_found(("bills", place, "billId"), "bill of this supplier at this branch")
        if each.amount_paise > owed[each.bill_id]:
            raise problems.SupplierOverpaid(new.supplier_id, each.bill_id)
    return [(each.bill_id, each.amount_paise) for each in new.bills]


async def _oldest_first(work: Work, new: NewSupplierPayment) -> Sequence[tuple[UUID, int]]:
    """Raises: SupplierOverpaid."""
    dues = await queries.bills_due(work, new.supplier_id, new.branch_id)
    owed = sum(row.balance_due_paise for row in dues)
    if new.amount_paise > owed:
        raise problems.SupplierOverpaid(new.supplier_id, None)
    return rules.settled_in_turn(new.amount_paise, [(row.id, row.balance_due_paise) for row in dues])
