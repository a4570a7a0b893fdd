"""What a client asks of the till, and what the commands make of it. A field that was left out is None."""

from collections.abc import Sequence
from typing import Any

import strawberry

from salonos.accounting.rules import PaymentMethod
from salonos.bills import rules
from salonos.bills.commands import NewLine, NewTip
from salonos.graph.fields import field
from salonos.kernel.ids import id_value
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.quantity import Percentage, Quantity

ONE = Quantity(1000)
LINES = "1 to 200 lines, in their order."


@strawberry.input(description="Somebody who shares in a line: by percentage, by amount, or equally with neither.")
class ContributorInput:
    """Somebody who shares in a line."""

    staff_id: strawberry.ID = field("Who.")
    percentage: Percentage | None = field("Above 0; those of a line are 100 together.")
    amount: Money | None = field("Of the line's value without tax; what amounts leave is the line's own staff's.")


@strawberry.input(description="One service or one product to be sold.")
class BillLineInput:
    """One service or one product to be sold."""

    service_id: strawberry.ID | None = field("The service; either this or `productId`.")
    product_id: strawberry.ID | None = field("The product; either this or `serviceId`.")
    staff_id: strawberry.ID | None = field("Who does or sells it.")
    contributors: list[ContributorInput] | None = field(
        "Who shares in it, at most 10: equally, in percent, both with `staffId` among them, or in amounts, without. "
        "`staffId` has all of it when left out."
    )
    quantity: Quantity | None = field("How much, above 0; at most three places.", default=ONE)
    discount: Money | None = field(
        "Taken off this line, as priced; at most its amount.", requires=Permission.BILL_DISCOUNT
    )
    discount_reason: str | None = field(
        "Why it costs something else, at most 200 characters; needed with `discount` and with `unitPrice`."
    )
    unit_price: Money | None = field(
        "The price of one in place of the catalogue's.", requires=Permission.BILL_PRICE_OVERRIDE
    )


@strawberry.input(description="Taken off the whole bill before tax: an amount, or a share of it.", one_of=True)
class DiscountInput:
    """Taken off the whole bill."""

    amount: Money | None = field("As priced, at most the bill's amount.")
    percentage: Percentage | None = field("0 to 100, of the amount after the lines' own discounts.")


@strawberry.input(description="What the customer gives a member of staff on top.")
class TipInput:
    """What the customer gives a member of staff on top."""

    amount: Money = field("Above 0.00.")
    staff_id: strawberry.ID = field("Whose it is.")


@strawberry.input(description="Money handed over.")
class PaymentInput:
    """Money handed over."""

    method: PaymentMethod = field(
        "How. ON_ACCOUNT is no money: in `checkOut` it names the exact rest that the customer will owe."
    )
    amount: Money = field("What is handed over, above 0.00; more than what is due for cash only.")
    reference: str | None = field("The bank's or the slip's number, at most 120 characters.")


def lines_of(given: Sequence[BillLineInput]) -> tuple[NewLine, ...]:
    """The lines as commands take them."""
    return tuple(
        NewLine(
            service_id=None if line.service_id is None else id_value("service", line.service_id),
            product_id=None if line.product_id is None else id_value("product", line.product_id),
            staff_id=None if line.staff_id is None else id_value("staff", line.staff_id),
            quantity_milli=ONE if line.quantity is None else line.quantity,
            discount_paise=line.discount or 0,
            discount_reason=line.discount_reason,
            unit_price_paise=line.unit_price,
            contributors=tuple(
                rules.Contributor(id_value("staff", each.staff_id), each.percentage, each.amount)
                for each in line.contributors or ()
            ),
        )
        for line in given
    )


def contents_of(given: Any) -> dict[str, Any]:
    """All that an input says of a bill's contents, by the names of `BillContents`."""
    discount = given.discount
    return {
        "lines": lines_of(given.lines),
        "customer_id": None if given.customer_id is None else id_value("customer", given.customer_id),
        "discount": None if discount is None else rules.Discount(discount.amount, discount.percentage),
        "discount_reason": given.discount_reason,
        "approval_id": None if given.approval_id is None else id_value("approval", given.approval_id),
        "tips": tuple(NewTip(id_value("staff", tip.staff_id), tip.amount) for tip in given.tips or ()),
        "notes": given.notes,
        "buyer_gstin": given.buyer_gstin,
        "place_of_supply": given.place_of_supply,
    }


def tender_of(given: PaymentInput) -> rules.Tender:
    """A payment as commands take it."""
    return rules.Tender(given.method, given.amount, given.reference)
