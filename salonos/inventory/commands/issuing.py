"""Goods that leave for somebody else's document, and come back from it. The caller posts the lines in its own entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from salonos.accounting import rules as accounts
from salonos.accounting.commands import CreditReversed, NewLine
from salonos.inventory import problems, queries, rules
from salonos.inventory.commands import consuming
from salonos.inventory.commands.consuming import ServiceDone
from salonos.inventory.commands.shelves import Amounts, Cause, Shelves
from salonos.kernel.money import half_up
from salonos.kernel.quantity import Quantity
from salonos.kernel.work import Work


@dataclass(frozen=True)
class Issue:
    """Goods that are sold: `position` is the line of the document, `staff_id` who sells them."""

    product_id: UUID
    quantity_milli: int
    position: int
    staff_id: UUID | None = None


@dataclass(frozen=True)
class Cost:
    """What goods that left cost: lines for the caller's entry, and the input credit that is given back with them."""

    lines: tuple[NewLine, ...] = ()
    credit_reversed: tuple[CreditReversed, ...] = ()


async def issue(
    work: Work,
    *,
    branch_id: UUID,
    cause_kind: str,
    cause_id: UUID,
    on: date,
    goods: Sequence[Issue] = (),
    services: Sequence[ServiceDone] = (),
) -> Cost:
    """Takes sold goods, and what services use up by their recipes, off a branch's shelves.

    Returns their cost, which belongs into the caller's entry. Products that are not stocked are passed over. Locks levels
    in the order of their items, all at once and before the books: a transaction calls this once, before it posts; or
    `hold` before it calls this for each of several documents. Three statements, none without goods and services; one
    more for recipes where services are given.

    Raises: StockTooLow.
    """
    uses = await consuming.expected(work, branch_id, services, on)
    wanted = {each.product_id for each in goods} | {use.product_id for use in uses}
    if not wanted:
        return Cost()
    shelves = await Shelves.lock(work, branch_id, Cause(cause_kind, cause_id, on), wanted)
    amounts = Amounts()
    for each in goods:
        shelf = shelves.by_product.get(each.product_id)
        if shelf is None:
            continue
        cost = shelves.issue(
            each.product_id,
            each.quantity_milli,
            rules.StockMoveKind.SALE,
            position=each.position,
            staff_id=each.staff_id,
        )
        amounts.add(accounts.COST_OF_GOODS, rules.account_of(shelf.use), cost)
    consuming.take(shelves, amounts, uses)
    if shelves.move_rows:
        await shelves.store()
    return Cost(amounts.lines(), amounts.credit_reversed)


async def hold(
    work: Work, *, branch_id: UUID, on: date, goods: Sequence[Issue], services: Sequence[ServiceDone]
) -> None:
    """Locks at once what several documents of one transaction will `issue`, so that nobody waits for it crosswise."""
    uses = await consuming.expected(work, branch_id, services, on)
    wanted = {each.product_id for each in goods} | {use.product_id for use in uses}
    if wanted:
        await queries.levels_for_update(work, branch_id, wanted)


async def bring_back(
    work: Work, *, sold_id: UUID, position: int, quantity_milli: int, cause_kind: str, cause_id: UUID, on: date
) -> tuple[NewLine, ...]:
    """Puts sold goods of one line back into the very batches they came from, at the cost they were issued at.

    Of several batches the one that was taken last gets its goods first. Returns the lines for the caller's entry. A
    part's cost is cumulative, so that all parts together bring back exactly what was issued.

    Raises: ReturnedTooMuch.
    """
    moves = await queries.issued(work, sold_id, position)
    if not moves:
        return ()
    branch_id, product_id = moves[0].branch_id, moves[0].product_id
    shelves = await Shelves.lock(work, branch_id, Cause(cause_kind, cause_id, on), {product_id})
    moves = await queries.issued(work, sold_id, position)  # again, behind the lock: another refund may have come first
    returnable = sum(move.quantity_milli - move.returned_milli for move in moves)
    if not 0 < quantity_milli <= returnable:
        raise problems.ReturnedTooMuch(product_id=product_id, returnable=Quantity(returnable))
    shelf, amounts, rest = shelves.by_product[product_id], Amounts(), quantity_milli
    for move in moves:
        back = min(rest, move.quantity_milli - move.returned_milli)
        if not back:
            continue
        until_now = half_up(move.value_paise * (move.returned_milli + back), move.quantity_milli)
        cost = until_now - move.returned_paise
        worth = shelves.take_in(
            shelf,
            move.batch_id,
            back,
            cost,
            rules.StockMoveKind.CUSTOMER_RETURN,
            position=position,
            returns_id=move.id,
        )
        amounts.take_in(shelf.use, accounts.COST_OF_GOODS, cost_paise=cost, worth_paise=worth)
        rest -= back
    await shelves.store()
    return amounts.lines()
