"""Drafts: begun at the counter, changed until they are posted."""

from uuid import UUID

from sqlalchemy import delete, update

from salonos.bills import events, problems, queries, rules, tables
from salonos.bills.commands import pricing, storing
from salonos.bills.commands.pricing import BillContents, NewBill
from salonos.kernel.checks import Path
from salonos.kernel.ids import new_id
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import StaleVersion, invalid, not_found
from salonos.kernel.work import Work


async def create_bill(work: Work, new: NewBill) -> UUID:
    """Begins a draft, priced at today's prices and rates. Returns its id.

    Raises: InvalidInput; DiscountNeedsApproval; ApprovalNotValid.
    """
    work.actor.require(Permission.BILL_CREATE)
    branch = await pricing.branch_of(work, new.branch_id)
    priced = await pricing.price(work, branch, new)
    bill_id = new_id()
    lines = storing.line_rows(bill_id, priced)
    await storing.store(
        work,
        bills=[storing.draft_row(work, bill_id, priced)],
        lines=lines,
        shares=storing.share_rows(lines, priced.contributions),
        tips=storing.tip_rows(bill_id, priced),
    )
    work.announce(events.BillChanged(branch_id=branch.id, subject_id=bill_id, version=1))
    return bill_id


async def update_bill(work: Work, bill_id: UUID, contents: BillContents, *, expected_version: int) -> UUID:
    """Replaces a draft's contents, priced anew. Locks the bill.

    Raises: InvalidInput; StaleVersion; BillAlreadyPosted; PaymentsExceedTotal below what was paid on it;
    DiscountNeedsApproval; ApprovalNotValid.
    """
    work.actor.require(Permission.BILL_CREATE)
    bill = await draft_for_update(work, bill_id, expected_version=expected_version)
    branch = await pricing.branch_of_bill(work, bill.branch_id)
    priced = await pricing.price(work, branch, contents, bill_id=bill_id)
    if priced.due_paise < bill.paid_paise:
        raise problems.PaymentsExceedTotal(
            due=Money(priced.due_paise),
            offered=Money(bill.paid_paise),
            message="More was paid on this draft than it would come to.",
        )
    for part in (tables.BillLine, tables.Tip):
        await work.session.execute(delete(part).where(part.bill_id == bill_id))
    values = {
        **storing.content_values(priced),
        **storing.paid_values(due_paise=priced.due_paise, paid_paise=bill.paid_paise),
        "version": bill.version + 1,
    }
    await work.session.execute(update(tables.Bill).where(tables.Bill.id == bill_id).values(values))
    lines = storing.line_rows(bill_id, priced)
    shares = storing.share_rows(lines, priced.contributions)
    await storing.store(work, lines=lines, shares=shares, tips=storing.tip_rows(bill_id, priced))
    work.announce(events.BillChanged(branch_id=branch.id, subject_id=bill_id, version=values["version"]))
    return bill_id


async def bill_in_reach(work: Work, bill_id: UUID, *, path: Path = ("billId",), what: str = "bill") -> tables.Bill:
    """A bill, locked. `path` and `what` are what the client named it by.

    Raises: InvalidInput NOT_FOUND for one that is missing or out of reach.
    """
    bill = await queries.bill_for_update(work, bill_id)
    if bill is None or not work.actor.reaches(bill.branch_id):
        raise not_found(path, what)
    return bill


async def draft_for_update(work: Work, bill_id: UUID, *, expected_version: int) -> tables.Bill:
    """A draft, locked.

    Raises: InvalidInput; BillAlreadyPosted; StaleVersion.
    """
    bill = await bill_in_reach(work, bill_id)
    require_draft(bill)
    if bill.version != expected_version:
        raise StaleVersion(current_version=bill.version)
    return bill


def require_draft(bill: tables.Bill) -> None:
    """Raises: BillAlreadyPosted; InvalidInput for a void one."""
    if bill.status is rules.BillStatus.POSTED:
        raise problems.BillAlreadyPosted(bill_id=bill.id, number=bill.number or "")
    if bill.status is rules.BillStatus.VOID:
        raise invalid(("billId",), "VOID", "This bill was taken back.")
