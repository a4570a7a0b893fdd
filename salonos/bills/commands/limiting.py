"""How much a customer may owe, and how much a role may take off a bill alone."""

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from salonos.bills import problems, queries, rules, tables
from salonos.customers import queries as customers
from salonos.identity import queries as identity
from salonos.kernel import clock
from salonos.kernel.checks import Checks
from salonos.kernel.ids import new_id
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import invalid, not_found
from salonos.kernel.work import Work
from salonos.salon import rules as salon_rules

WHOLE: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class NewDiscountLimit:
    """The lesser of an amount and a share of the bill; of all roles without a limit of their own where `role_id` is None."""

    role_id: UUID | None
    amount_paise: int
    share_hundredths: int
    valid_from: date | None = None


async def set_credit_limit(work: Work, *, customer_id: UUID | None, limit_paise: int | None) -> None:
    """Sets what one customer may owe at all branches together, or all who have no limit of their own (None).

    A limit of None is taken away: then the limit of all customers holds, or there is none.

    Raises: InvalidInput.
    """
    work.actor.require(Permission.BILL_WRITE_OFF)
    if limit_paise is not None and not 0 <= limit_paise <= rules.AMOUNT_MAX:
        raise invalid(("limit",), "OUT_OF_RANGE", "A limit is 0.00 or more.")
    if customer_id is not None and await customers.customer_for_update(work, customer_id) is None:
        raise not_found(("customerId",), "customer")
    limit = tables.CreditLimit
    if limit_paise is None:
        await work.session.execute(delete(limit).where(limit.customer_id.is_not_distinct_from(customer_id)))
        return
    said = {"amount_paise": limit_paise, "set_at": work.now, "set_by_id": work.actor.id}
    row = insert(limit).values(id=new_id(), customer_id=customer_id, **said)
    await work.session.execute(row.on_conflict_do_update(constraint="uq_credit_limits_customer_id", set_=said))


async def set_discount_limit(work: Work, new: NewDiscountLimit) -> UUID:
    """Sets what a role may take off a bill without asking, from a date on. Returns the limit's id.

    Dates that are over keep their limits; a limit of the same role and date is replaced.

    Raises: InvalidInput with every fault.
    """
    work.actor.require(Permission.ROLE_MANAGE)
    checks = Checks()
    today = clock.business_date(work.now, salon_rules.INDIA)
    valid_from = new.valid_from or today
    checks.require(valid_from >= today, ("validFrom",), "OUT_OF_RANGE", "A limit begins today or later.")
    is_amount = 0 <= new.amount_paise <= rules.AMOUNT_MAX
    checks.require(is_amount, ("amount",), "OUT_OF_RANGE", "A limit is 0.00 or more.")
    is_share = 0 <= new.share_hundredths <= WHOLE
    checks.require(is_share, ("percentage",), "OUT_OF_RANGE", "A discount is 0 to 100 percent.")
    if new.role_id is not None and not await identity.role_exists(work, new.role_id):
        checks.add(("roleId",), "NOT_FOUND", "There is no such role.")
    checks.finish()
    limit = tables.DiscountLimit
    said = {"amount_paise": new.amount_paise, "share_hundredths": new.share_hundredths}
    row = insert(limit).values(id=new_id(), role_id=new.role_id, valid_from=valid_from, **said)
    stored = row.on_conflict_do_update(constraint="uq_discount_limits_role_id_valid_from", set_=said)
    found: UUID = (await work.session.execute(stored.returning(limit.id))).scalar_one()
    return found


async def check_credit(work: Work, customer_id: UUID, *, owed_paise: int) -> None:
    """Whether a customer may owe so much more. Locks the customer, so that two tills can't both lend the last rupee.

    The limit counts all branches; whoever is refused is told of the debts at their own branches only.

    Raises: CreditLimitExceeded.
    """
    await customers.lock(work, customer_id)
    credit = await queries.credit_of(work, customer_id)
    if credit.limit_paise is not None and credit.owed_paise + owed_paise > credit.limit_paise:
        raise problems.CreditLimitExceeded(
            limit=Money(credit.limit_paise), owed=Money(credit.owed_here_paise), balance_due=Money(owed_paise)
        )
