"""What services use up by their recipes. It knows nothing of bills: a cause, its lines, the services done on them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from salonos.accounting import rules as accounts
from salonos.inventory import problems, queries, rules
from salonos.inventory.commands.shelves import Amounts, Shelf, Shelves
from salonos.kernel.ids import new_id
from salonos.kernel.money import half_up
from salonos.kernel.quantity import Quantity
from salonos.kernel.work import Work


@dataclass(frozen=True)
class ServiceDone:
    """A service with a recipe that was done: `position` is the line of the document, `staff_id` who did it."""

    service_id: UUID
    quantity_milli: int
    position: int
    staff_id: UUID | None = None


@dataclass(frozen=True)
class Use:
    """What a service done uses up of an item. `tax_rate_hundredths` is that of input credit to be reversed."""

    done: ServiceDone
    product_id: UUID
    quantity_milli: int
    tax_rate_hundredths: int


async def expected(work: Work, branch_id: UUID, services: Sequence[ServiceDone], on: date) -> tuple[Use, ...]:
    """What services use up by their recipes on a date, line by line. One statement, none without services."""
    if not services:
        return ()
    recipes = await queries.recipes(work, branch_id, {each.service_id for each in services}, on=on)
    found = [
        Use(done, part.product_id, half_up(done.quantity_milli * part.quantity_milli, 1000), part.tax_rate_hundredths)
        for done in services
        for part in recipes.get(done.service_id, ())
    ]
    return tuple(use for use in found if use.quantity_milli)


def take(shelves: Shelves, amounts: Amounts, uses: Iterable[Use]) -> None:
    """Takes what is expected off the shelves, and notes it as the consumption of its line.

    Raises: StockTooLow.
    """
    for use in uses:
        shelf = shelves.by_product[use.product_id]
        if use.quantity_milli > rules.QUANTITY_MAX:
            usable = rules.available(shelf.batches, shelves.cause.on)
            raise problems.StockTooLow(product_id=use.product_id, available=Quantity(max(usable, 0)))
        value = shelves.issue(
            use.product_id,
            use.quantity_milli,
            rules.StockMoveKind.CONSUMPTION,
            position=use.done.position,
            staff_id=use.done.staff_id,
        )
        tax = reverse_credit(amounts, shelf, use.quantity_milli, value, rate_hundredths=use.tax_rate_hundredths)
        amounts.add(accounts.CONSUMPTION, rules.account_of(shelf.use), value)
        shelves.consumption_rows.append(
            {
                "id": new_id(),
                "branch_id": shelves.branch_id,
                "cause_kind": shelves.cause.kind,
                "cause_id": shelves.cause.id,
                "position": use.done.position,
                "service_id": use.done.service_id,
                "product_id": use.product_id,
                "staff_id": use.done.staff_id,
                "expected_milli": use.quantity_milli,
                "actual_milli": use.quantity_milli,
                "expected_cost_paise": value + tax,
                "cost_paise": value + tax,
                "tax_paise": tax,
                "tax_rate_hundredths": use.tax_rate_hundredths,
                "version": 1,
                "business_date": shelves.cause.on,
                "occurred_at": shelves.work.now,
            }
        )


def reverse_credit(
    amounts: Amounts, shelf: Shelf, quantity_milli: int, value_paise: int, *, rate_hundredths: int
) -> int:
    """Input credit of goods that earn none after all, given back half to each of CGST and SGST. Returns both.

    Source: section 17(5)(h) and rule 42 of the CGST law: what a supply without credit uses up carries none.
    """
    half = rules.half_of_credit(value_paise, rate_hundredths=rate_hundredths)
    amounts.give_back_credit(
        accounts.CONSUMPTION, shelf.goods, quantity_milli, value_paise, rate_hundredths=rate_hundredths, half_paise=half
    )
    return 2 * half
