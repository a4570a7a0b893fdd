"""Suppliers pay back what a return had left, where no bill of theirs is open that it could settle."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from salonos.accounting import commands as accounting
from salonos.accounting import rules as accounts
from salonos.accounting.commands import NewEntry, NewLine, NewMoneyMove
from salonos.accounting.rules import PaymentMethod
from salonos.inventory import problems, queries, rules, tables
from salonos.kernel import clock
from salonos.kernel.checks import Checks
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import not_found
from salonos.kernel.work import Work
from salonos.salon import queries as salon

CAUSE: Final = "supplierrefund"


@dataclass(frozen=True)
class NewSupplierRefund:
    """Money that a supplier pays back for goods that went back."""

    return_id: UUID
    method: PaymentMethod
    amount_paise: int
    reference: str | None = None


async def record_supplier_refund(work: Work, new: NewSupplierRefund) -> UUID:
    """Takes money in from a supplier: of one return, at most what of it settled no bill and was not paid back yet.

    Waits behind the account's lock, so that a bill recorded meanwhile takes its credit first.

    Raises: InvalidInput with every fault; SupplierRefundedTooMuch; PeriodClosed.
    """
    work.actor.require(Permission.PURCHASE_MANAGE)
    back = await queries.supplier_return(work, new.return_id)
    branch = None if back is None else await salon.branch_for_sale(work, back.branch_id)
    if back is None or branch is None or not work.actor.reaches(back.branch_id):
        raise not_found(("supplierReturnId",), "return to a supplier")
    reference = _checked(new)
    await queries.supplier_account_for_update(work, back.supplier_id, back.branch_id)
    back = await queries.supplier_return(work, new.return_id) or back
    if new.amount_paise > back.credit_left_paise:
        raise problems.SupplierRefundedTooMuch(back.id)
    refund_id, on = new_id(), clock.business_date(work.now, branch.time_zone)
    entry = NewEntry(
        branch_id=branch.id,
        business_date=on,
        narration=f"Supplier paid back {back.number}",
        cause_kind=CAUSE,
        cause_id=refund_id,
        lines=(
            NewLine(accounts.account_of(new.method), new.amount_paise),
            NewLine(accounts.SUPPLIERS, -new.amount_paise, back.supplier_id),
        ),
        money=(NewMoneyMove(new.method, new.amount_paise, reference),),
    )
    posted = await accounting.post_entry(work, entry)
    work.session.add(
        tables.SupplierRefund(
            id=refund_id,
            supplier_id=back.supplier_id,
            branch_id=branch.id,
            return_id=back.id,
            business_date=on,
            method=new.method,
            amount_paise=new.amount_paise,
            reference=reference,
            money_move_id=posted.money_move_ids[0],
            entry_id=posted.id,
            received_at=work.now,
            received_by_id=work.actor.id,
        )
    )
    await work.session.flush()
    return refund_id


def _checked(new: NewSupplierRefund) -> str | None:
    """The reference made safe.

    Raises: InvalidInput with every fault.
    """
    checks = Checks()
    reference = checks.optional_text(new.reference, ("reference",), rules.REFERENCE_MAX)
    is_money = new.method is not PaymentMethod.ON_ACCOUNT
    checks.require(is_money, ("method",), "NO_MONEY", "A supplier pays back with money.")
    is_within = 0 < new.amount_paise <= rules.PAYMENT_PAISE_MAX
    checks.require(is_within, ("amount",), "OUT_OF_RANGE", "More than 0.00 was paid back.")
    checks.finish()
    return reference
