"""Drafts: begun at the counter, changed until they are posted."""

from uuid import UUID

from sqlalchemy import delete, update

from salonos.bills import events, problems, queries, rules, tables
from salonos.bills.commands import dividing, pricing, storing
from salonos.bills.commands.pricing import BillContents, NewBill
from salonos.kernel.checks import Path
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import StaleVersion, invalid, not_found
from salonos.kernel.work import Work


async def create_bill(work: Work, new: NewBill) -> UUID:
    """Begins a draft, priced at today's prices and rates, or a group of two. Returns the id of the first.

    Raises: InvalidInput; DiscountNeedsApproval; ApprovalNotValid.
    """
    work.actor.require(Permission.BILL_CREATE)
    branch = await pricing.branch_of(work, new.branch_id)
    parts = dividing.documents_of(await pricing.price(work, branch, new))
    ids = dividing.companions(len(parts))
    rows = [
        storing.draft_row(work, bill_id, part, companion_id=companion_id)
        for (bill_id, companion_id), part in zip(ids, parts, strict=True)
    ]
    await dividing.store(work, rows, [(row["id"], part) for row, part in zip(rows, parts, strict=True)])
    for row in rows:
        work.announce(events.BillChanged(branch_id=branch.id, subject_id=row["id"], version=1))
    return ids[0][0]


async def update_bill(work: Work, bill_id: UUID, contents: BillContents, *, expected_version: int) -> UUID:
    """Replaces a draft's contents, priced anew. Locks the bill.

    Goods that come to services, or services to goods, become a draft of their own where the branch splits its bills:
    unless money was paid on this one already, or it has that other draft.

    Raises: InvalidInput; StaleVersion; BillAlreadyPosted; PaymentsExceedTotal below what was paid on it;
    DiscountNeedsApproval; ApprovalNotValid.
    """
    work.actor.require(Permission.BILL_CREATE)
    bill = await draft_for_update(work, bill_id, expected_version=expected_version)
    branch = await pricing.branch_of_bill(work, bill.branch_id)
    whole = await pricing.price(work, branch, contents, bill_id=bill_id)
    parts = (whole,) if bill.paid_paise else dividing.documents_of(whole)
    if len(parts) > 1 and bill.companion_id is not None:
        raise invalid(("lines",), "MIXED", "Services and goods stand on two documents here: change each of them.")
    (_, companion_id), *others = dividing.companions(len(parts), first_id=bill_id)
    priced = parts[0]
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
    rows = [
        storing.draft_row(work, other_id, part, companion_id=first_id)
        for (other_id, first_id), part in zip(others, parts[1:], strict=True)
    ]
    await dividing.store(work, rows, list(zip([bill_id, *(row["id"] for row in rows)], parts, strict=True)))
    if companion_id is not None:
        values["companion_id"] = companion_id
    await work.session.execute(update(tables.Bill).where(tables.Bill.id == bill_id).values(values))
    for changed_id, version in [(bill_id, values["version"]), *((row["id"], 1) for row in rows)]:
        work.announce(events.BillChanged(branch_id=branch.id, subject_id=changed_id, version=version))
    return bill_id


async def bill_in_reach(work: Work, bill_id: UUID, *, path: Path = ("billId",), what: str = "bill") -> tables.Bill:
    """A bill, locked. `path` and `what` are what the client named it by.

    Raises: InvalidInput NOT_FOUND for one that is missing or out of reach.
    """
    bill = await queries.bill_for_update(work, bill_id)
    if bill is None or not work.actor.reaches(bill.branch_id):
        raise not_found(path, what)
    return bill


async def group_in_reach(work: Work, bill_id: UUID) -> list[tables.Bill]:
    """A bill, and its companion after it where it has one, both locked.

    Raises: InvalidInput NOT_FOUND for one that is missing or out of reach.
    """
    found = await queries.group_for_update(work, bill_id)
    if not found or not work.actor.reaches(found[0].branch_id):
        raise not_found(("billId",), "bill")
    return sorted(found, key=lambda bill: bill.id != bill_id)


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
