"""Bill groups: where a branch wants it, the services and the goods of one cart become two documents.

Each document rounds itself, and both are paid together. Tips stand with the services.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from salonos.bills import rules
from salonos.bills.commands import storing
from salonos.bills.commands.pricing import NewTip, PricedBill
from salonos.kernel.ids import new_id
from salonos.kernel.work import Work


def documents_of(priced: PricedBill) -> tuple[PricedBill, ...]:
    """What becomes of a cart: one document, or its services and then its goods."""
    services = [place for place, item in enumerate(priced.items) if item.new.service_id]
    goods = [place for place, item in enumerate(priced.items) if item.new.product_id]
    if not (priced.branch.splits_bills and services and goods):
        return (priced,)
    return (_part(priced, services, tips=priced.tips), _part(priced, goods, tips=()))


def _part(priced: PricedBill, places: Sequence[int], *, tips: tuple[NewTip, ...]) -> PricedBill:
    """Some lines of a cart with the figures that they have in it; of an amount off the whole they take their shares."""
    contents, lines = priced.contents, [priced.figures.lines[place] for place in places]
    discount = contents.discount
    if discount is not None and discount.amount_paise is not None:
        discount = rules.Discount(sum(line.bill_discount_paise for line in lines))
    return replace(
        priced,
        items=tuple(priced.items[place] for place in places),
        figures=rules.rounded(lines),
        contents=replace(contents, lines=tuple(contents.lines[place] for place in places), discount=discount),
        tips=tips,
        contributions=tuple(priced.contributions[place] for place in places),
    )


def companions(count: int, *, first_id: UUID | None = None) -> list[tuple[UUID, UUID | None]]:
    """Ids of one or two documents, each with its companion's, which come in their order."""
    ids = [first_id or new_id(), *(new_id() for _ in range(1, count))]
    return list(zip(ids, reversed(ids), strict=True)) if count > 1 else [(ids[0], None)]


async def store(
    work: Work,
    bills: list[storing.Row],
    parts: Sequence[tuple[UUID, PricedBill]],
    *,
    payments: list[storing.Row] | None = None,
) -> None:
    """Inserts rows of bills, and the lines, shares and tips of documents."""
    of_parts = [(bill_id, part, storing.line_rows(bill_id, part)) for bill_id, part in parts]
    await storing.store(
        work,
        bills=bills,
        lines=[line for _, _, lines in of_parts for line in lines],
        shares=[share for _, part, lines in of_parts for share in storing.share_rows(lines, part.contributions)],
        payments=payments,
        tips=[tip for bill_id, part, _ in of_parts for tip in storing.tip_rows(bill_id, part)],
    )
