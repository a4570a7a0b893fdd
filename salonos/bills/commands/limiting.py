"""How much a customer may owe."""

from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from salonos.bills import problems, queries, rules, tables
from salonos.customers import queries as customers
from salonos.kernel.ids import new_id
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import invalid, not_found
from salonos.kernel.work import Work


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


async def check_credit(work: Work, customer_id: UUID, *, owed_paise: int) -> None:
    """Whether a customer may owe so much more. Locks the customer, so that two tills can't both lend the last rupee.

    Raises: CreditLimitExceeded.
    """
    await customers.lock(work, customer_id)
    credit = await queries.credit_of(work, customer_id)
    if credit.limit_paise is not None and credit.owed_paise + owed_paise > credit.limit_paise:
        raise problems.CreditLimitExceeded(
            limit=Money(credit.limit_paise), owed=Money(credit.owed_paise), balance_due=Money(owed_paise)
        )
