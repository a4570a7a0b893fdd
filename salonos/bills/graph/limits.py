"""Limits that the house sets: what a customer may owe, and what a role may take off a bill without asking."""

from datetime import date
from typing import Annotated

import strawberry
from sqlalchemy import ColumnElement

from salonos.bills import commands, tables
from salonos.bills.commands import NewDiscountLimit
from salonos.customers.graph import Customer
from salonos.graph.fields import column, extend, field, listing, node, one, ref
from salonos.graph.mutations import mutation
from salonos.graph.problem import InvalidInput
from salonos.graph.roots import Mutation, Node, Query
from salonos.identity.graph import Role
from salonos.kernel.actor import Access
from salonos.kernel.ids import id_value
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.quantity import Percentage
from salonos.kernel.work import Work


def everybody(_: Access) -> ColumnElement[bool] | None:
    """Whoever may read limits at all sees all of them."""
    return None


@node(tables.DiscountLimit, scope=everybody, requires=Permission.BILL_DISCOUNT)
class DiscountLimit(Node):
    """What a role may take off a bill without asking, from a date on: an amount or a share, whichever is less."""

    role: Role | None = one(
        tables.DiscountLimit.role_id,
        "Whose limit it is; null for that of all roles without one, and for those who may not read roles.",
    )
    valid_from: date = column(tables.DiscountLimit.valid_from, "The first date on which it counts.")
    amount: Money = column(tables.DiscountLimit.amount_paise, "At most this, of all discounts on a bill together.")
    percentage: Percentage = column(
        tables.DiscountLimit.share_hundredths, "At most this share of the bill's amount as priced."
    )


@extend(Query)
class LimitReads:
    """Reads of limits."""

    discount_limits: list[DiscountLimit] | None = listing(
        "All limits on discounts by the date on which they begin, at most 500.",
        order_by=tables.DiscountLimit.valid_from,
    )


@strawberry.input(description="How much customers may owe.")
class SetCreditLimitInput:
    """How much customers may owe."""

    customer_id: strawberry.ID | None = field("Who; all who have no limit of their own when left out.")
    limit: Money | None = field("At all branches together, 0.00 or more; taken away when left out.")


@strawberry.type(description="The limit holds from now on.")
class SetCreditLimitSuccess:
    """The limit holds from now on."""

    customer: Customer | None = field("Whose limit it is; null for that of all, and out of reach.")
    limit: Money | None = field("The limit that was set; null where it was taken away.")


@strawberry.input(description="What a role may take off a bill without asking.")
class SetDiscountLimitInput:
    """What a role may take off a bill without asking."""

    role_id: strawberry.ID | None = field("Whose; of all roles without a limit of their own when left out.")
    amount: Money = field("At most this, 0.00 or more.")
    percentage: Percentage = field("At most this share of the bill, 0 to 100. The lesser of both counts.")
    valid_from: date | None = field("The first date on which it counts: today or later; today when left out.")


@strawberry.type(description="The limit counts from its date on.")
class SetDiscountLimitSuccess:
    """The limit counts from its date on."""

    limit: DiscountLimit | None = field("The limit; null for those who may not read it.")


SetCreditLimitResult = Annotated[
    SetCreditLimitSuccess | InvalidInput,
    strawberry.union("SetCreditLimitResult", description="What became of it."),
]
SetDiscountLimitResult = Annotated[
    SetDiscountLimitSuccess | InvalidInput,
    strawberry.union("SetDiscountLimitResult", description="What became of it."),
]


@extend(Mutation)
class LimitWrites:
    """Writes of limits."""

    @mutation("Set how much a customer may owe, or all of them.", requires=Permission.BILL_WRITE_OFF)
    async def set_credit_limit(self, work: Work, input: SetCreditLimitInput) -> SetCreditLimitResult:
        """Sets."""
        customer_id = id_value("customer", input.customer_id) if input.customer_id is not None else None
        await commands.set_credit_limit(work, customer_id=customer_id, limit_paise=input.limit)
        customer = None if customer_id is None else ref(Customer, customer_id)
        return SetCreditLimitSuccess(customer=customer, limit=input.limit)

    @mutation("Set what a role may take off a bill without asking, from a date on.", requires=Permission.ROLE_MANAGE)
    async def set_discount_limit(self, work: Work, input: SetDiscountLimitInput) -> SetDiscountLimitResult:
        """Sets."""
        new = NewDiscountLimit(
            role_id=None if input.role_id is None else id_value("role", input.role_id),
            amount_paise=input.amount,
            share_hundredths=input.percentage,
            valid_from=input.valid_from,
        )
        return SetDiscountLimitSuccess(limit=ref(DiscountLimit, await commands.set_discount_limit(work, new)))
