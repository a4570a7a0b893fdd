"""A reference that was given twice on a day: the till is told, and asks."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from salonos.bills import queries, rules
from salonos.bills.graph.reads import Bill
from salonos.graph.fields import ref
from salonos.kernel.work import Work

SAME_REFERENCE: Final = (
    "A warning: bills of the branch and the date on which another payment by the same method has the same reference, at "
    "most 50, without those that you may not see. The money is kept all the same."
)
HAS_SAME_REFERENCE: Final = (
    "Whether there is such a bill, though it be one that you may not see; false when all is well."
)


async def with_same_reference(
    work: Work, tenders: Sequence[rules.Tender], *, bill_id: UUID | None = None, payment_ids: Sequence[UUID] = ()
) -> list[Bill]:
    """The bills to be told of, for a new bill or for payments that were just taken; none for money without reference."""
    if not any(tender.reference for tender in tenders):
        return []
    return [ref(Bill, each) for each in await queries.same_reference(work, bill_id=bill_id, payment_ids=payment_ids)]
