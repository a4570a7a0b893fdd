"""A bill without a customer turns out to be somebody's."""

from uuid import UUID

from sqlalchemy import or_, update

from salonos.bills import events, problems, queries, rules, tables
from salonos.bills.commands import drafting
from salonos.customers import commands as customers
from salonos.customers import queries as known
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import StaleVersion, invalid, not_found
from salonos.kernel.work import Work


async def assign_customer(work: Work, bill_id: UUID, customer_id: UUID, *, expected_version: int) -> UUID:
    """Names the customer of an anonymous posted bill, and of its credit notes. It happens once; nothing else changes.

    Raises: InvalidInput; StaleVersion; CustomerAssigned.
    """
    work.actor.require(Permission.BILL_CREATE)
    bill = await drafting.bill_in_reach(work, bill_id)
    if bill.status is not rules.BillStatus.POSTED or bill.kind is rules.BillKind.CREDIT_NOTE:
        raise invalid(("billId",), "NOT_POSTED", "Only a posted bill is given its customer; a draft is saved with one.")
    if bill.customer_id is not None:
        raise problems.CustomerAssigned(bill.id)
    if bill.version != expected_version:
        raise StaleVersion(current_version=bill.version)
    if await known.customer_for_bill(work, customer_id) is None:
        raise not_found(("customerId",), "customer")
    row = tables.Bill
    await work.session.execute(
        update(row)
        .where(or_(row.id == bill.id, row.original_id == bill.id))
        .values(customer_id=customer_id, version=row.version + 1)
    )
    lines = await queries.lines_of(work, bill.id)
    shares = await queries.shares_of(work, bill_id)
    served_by = {line.staff_id for line in lines if line.service_id and line.staff_id}
    served_by |= {share.staff_id for line in lines if line.service_id for share in shares.get(line.id, ())}
    await customers.note_service(work, customer_id, served_by, bill.business_date)
    work.announce(events.BillChanged(branch_id=bill.branch_id, subject_id=bill.id, version=expected_version + 1))
    return bill.id
