"""A reference that comes twice on a day is told to the till: the money is kept, and somebody asks."""

from datetime import timedelta
from typing import Any

from salonos.kernel.actor import Actor, access, reach_of
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.permissions import ROLES, Permission
from tests.bills.asking import Asker
from tests.bills.makers import NOW, ON_ACCOUNT, UPI, Shop, actor_as, make_shop
from tests.salon.makers import make_branch

SAME = "billsWithSameReference { number } hasSameReference"
SELL = f"""
    mutation($input: CheckOutInput!) {{
        checkOut(input: $input) {{ __typename ... on CheckOutSuccess {{ bill {{ number }} {SAME} }} }}
    }}
"""
PAY = f"""
    mutation($input: AddPaymentInput!) {{
        addPayment(input: $input) {{ __typename ... on AddPaymentSuccess {{ {SAME} }} }}
    }}
"""
COLLECT = f"""
    mutation($input: CollectBalanceInput!) {{
        collectBalance(input: $input) {{ __typename ... on CollectBalanceSuccess {{ payments {{ amount }} {SAME} }} }}
    }}
"""


class Till:
    """The desk of a shop."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.ask = Asker(shop.database)
        self.desk = actor_as("RECEPTIONIST", shop.branch_id)

    async def do(self, text: str, **given: Any) -> Any:
        (found,) = (await self.ask.data(text, actor=self.desk, input=given)).values()
        return found

    def serum(self, *payments: tuple[str, str, str | None]) -> dict[str, Any]:
        """The input of a sale of a serum."""
        return {
            "branchId": id_text("branch", self.shop.branch_id),
            "lines": [{"productId": id_text("product", self.shop.catalog.product_id)}],
            "payments": [
                {"method": method, "amount": amount, "reference": reference} for method, amount, reference in payments
            ],
        }

    async def sell(self, *payments: tuple[str, str, str | None]) -> list[str]:
        """A serum of 999.00. The numbers of the bills that it is warned of."""
        found = await self.do(SELL, **self.serum(*payments))
        numbers = [each["number"] for each in found["billsWithSameReference"]]
        assert found["hasSameReference"] == bool(numbers)
        return numbers


async def test_the_till_is_told_of_a_reference_that_was_given_before(database: Database) -> None:
    shop = await make_shop(database)
    till = Till(shop)

    assert await till.sell(("UPI", "999.00", "4123")) == []
    assert await till.sell(("UPI", "999.00", "4123")) == ["BLR1/2627/00001"]
    assert await till.sell(("CARD", "999.00", "4123")) == [], "another way of paying"
    assert await till.sell(("UPI", "999.00", None)) == []
    assert await till.sell(("UPI", "500.00", "77"), ("UPI", "499.00", "77")) == ["BLR1/2627/00005"], "on one bill too"


async def test_another_day_or_branch_has_references_of_its_own(database: Database) -> None:
    shop = await make_shop(database)
    other = Till(Shop(database, await make_branch(database, "BLR2"), shop.catalog, shop.customer_id, shop.staff_ids))
    till = Till(shop)
    await till.sell(("UPI", "999.00", "4123"))

    assert await other.sell(("UPI", "999.00", "4123")) == []
    database.set_clock = NOW + timedelta(days=1)
    assert await till.sell(("UPI", "999.00", "4123")) == []


async def test_payments_towards_bills_are_looked_at_too_and_shares_of_one_are_one(database: Database) -> None:
    shop = await make_shop(database)
    till = Till(shop)
    for _ in range(2):
        await shop.check_out((UPI, 100_000), (ON_ACCOUNT, 78_700), customer_id=shop.customer_id)
    draft_id = await shop.create_bill()
    payment = {"method": "UPI", "amount": "1000.00", "reference": "9"}
    at = {"branchId": id_text("branch", shop.branch_id), "customerId": id_text("customer", shop.customer_id)}

    first = await till.do(COLLECT, **at, payment=payment)
    second = await till.do(PAY, billId=id_text("bill", draft_id), expectedVersion=1, payment=payment)
    third = await till.do(COLLECT, **at, payment={**payment, "amount": "574.00"})

    assert (len(first["payments"]), first["billsWithSameReference"]) == (2, [])
    assert second["billsWithSameReference"] == [{"number": "BLR1/2627/00001"}, {"number": "BLR1/2627/00002"}]
    assert third["billsWithSameReference"] == [
        {"number": "BLR1/2627/00001"},
        {"number": "BLR1/2627/00002"},
        {"number": None},
    ]


async def test_a_warning_tells_nothing_of_bills_that_its_reader_may_not_see(database: Database) -> None:
    shop = await make_shop(database)
    own, none = Till(shop), Till(shop)
    rights = ROLES["RECEPTIONIST"].permissions
    reach = reach_of((shop.branch_id,))
    own.desk = Actor(shop.staff_ids[1], access(rights, frozenset({Permission.BILL_READ}), reach), (shop.branch_id,))
    none.desk = Actor(new_id(), access(rights - {Permission.BILL_READ}, frozenset(), reach), (shop.branch_id,))
    await Till(shop).sell(("UPI", "999.00", "4123"))

    warned = await own.do(SELL, **own.serum(("UPI", "999.00", "4123")))
    refused = await none.ask(SELL, actor=none.desk, input=none.serum(("UPI", "999.00", "4123")))
    well = await own.do(SELL, **own.serum(("UPI", "999.00", "4124")))

    assert (warned["billsWithSameReference"], warned["hasSameReference"]) == ([], True)
    told = refused["data"]["checkOut"]
    assert (told["billsWithSameReference"], told["hasSameReference"]) == (None, True)
    assert {each["extensions"]["code"] for each in refused["errors"]} == {"FORBIDDEN"}
    assert (well["billsWithSameReference"], well["hasSameReference"]) == ([], False)
