"""How much a customer may owe: their own limit, else that of all, else none; over all branches, and two tills at once."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from salonos.bills import commands, problems
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.problems import Forbidden, InvalidInput
from tests.bills.asking import Asker
from tests.bills.makers import NOW, ON_ACCOUNT, SYSTEM, UPI, Shop, actor_as, book_balance, make_shop
from tests.customers.makers import make_customer
from tests.salon.makers import make_branch

SET = """
    mutation($input: SetCreditLimitInput!) {
        setCreditLimit(input: $input) {
            __typename
            ... on InvalidInput { issues { path code } }
            ... on SetCreditLimitSuccess { limit customer { creditLimit balanceDue } }
        }
    }
"""
SELL = """
    mutation($input: CheckOutInput!) {
        checkOut(input: $input) { __typename ... on CreditLimitExceeded { limit owed balanceDue } }
    }
"""


async def owe(shop: Shop, paise: int, **more: Any) -> UUID:
    payments = [(UPI, 178_700 - paise), (ON_ACCOUNT, paise)]
    paid = [each for each in payments if each[1]]
    return await shop.check_out(*paid, **{"customer_id": shop.customer_id, **more})


async def limit(shop: Shop, paise: int | None, *, of_all: bool = False, actor: Any = SYSTEM) -> None:
    customer_id = None if of_all else shop.customer_id
    await shop.database.run(
        actor, lambda work: commands.set_credit_limit(work, customer_id=customer_id, limit_paise=paise), now=NOW
    )


async def test_more_than_the_limit_is_not_lent(database: Database) -> None:
    shop = await make_shop(database)
    ask, manager, desk = (
        Asker(database),
        actor_as("MANAGER", shop.branch_id),
        actor_as("RECEPTIONIST", shop.branch_id),
    )
    customer = id_text("customer", shop.customer_id)
    sale = {
        "branchId": id_text("branch", shop.branch_id),
        "customerId": customer,
        "lines": [{"productId": id_text("product", shop.catalog.product_id)}],
        "payments": [{"method": "ON_ACCOUNT", "amount": "999.00"}],
    }

    said = await ask.data(SET, actor=manager, input={"customerId": customer, "limit": "1500.00"})
    first = await ask.data(SELL, actor=desk, input=sale)
    second = await ask.data(SELL, actor=desk, input=sale)
    gone = await ask.data(SET, actor=manager, input={"customerId": customer})
    third = await ask.data(SELL, actor=desk, input=sale)

    assert said["setCreditLimit"] == {
        "__typename": "SetCreditLimitSuccess",
        "limit": "1500.00",
        "customer": {"creditLimit": "1500.00", "balanceDue": "0.00"},
    }
    assert first["checkOut"] == {"__typename": "CheckOutSuccess"}
    assert second["checkOut"] == {
        "__typename": "CreditLimitExceeded",
        "limit": "1500.00",
        "owed": "999.00",
        "balanceDue": "999.00",
    }
    assert gone["setCreditLimit"]["customer"] == {"creditLimit": None, "balanceDue": "999.00"}
    assert third["checkOut"] == {"__typename": "CheckOutSuccess"}


async def test_a_customers_own_limit_goes_before_that_of_all(database: Database) -> None:
    shop = await make_shop(database)
    await limit(shop, 0, of_all=True)
    with pytest.raises(problems.CreditLimitExceeded):
        await owe(shop, 100)

    await limit(shop, 50_000)
    await owe(shop, 50_000)
    await limit(shop, 60_000)
    with pytest.raises(problems.CreditLimitExceeded):
        await owe(shop, 10_100)
    await owe(shop, 10_000)


async def test_a_draft_is_not_posted_above_the_limit_and_keeps_its_money(database: Database) -> None:
    shop = await make_shop(database)
    await limit(shop, 100_000, of_all=True)
    bill_id = await shop.create_bill(customer_id=shop.customer_id)

    async def post() -> UUID:
        return await database.run(SYSTEM, lambda work: commands.post_bill(work, bill_id, expected_version=1), now=NOW)

    with pytest.raises(problems.CreditLimitExceeded):
        await post()
    assert (await shop.row("bills", bill_id))["status"] == "DRAFT"
    await limit(shop, 178_700)
    await post()
    assert await book_balance(database, "1100") == 178_700


async def test_two_tills_of_two_branches_do_not_both_lend_the_last_rupee(database: Database) -> None:
    shop = await make_shop(database)
    elsewhere = await make_branch(database, "BLR2")
    for round_ in range(1, 11):
        await limit(shop, round_ * 50_000)

        both = (owe(shop, 50_000, branch_id=branch_id) for branch_id in (shop.branch_id, elsewhere) * 2)
        outcomes = await asyncio.gather(*both, return_exceptions=True)

        assert Counter(type(each).__name__ for each in outcomes) == {"UUID": 1, "CreditLimitExceeded": 3}
        assert await book_balance(database, "1100") == round_ * 50_000


async def test_who_may_not_sets_no_limit(database: Database) -> None:
    shop = await make_shop(database)
    for role in ("RECEPTIONIST", "STAFF", "ACCOUNTANT"):
        with pytest.raises(Forbidden):
            await limit(shop, 1, actor=actor_as(role, shop.branch_id))
    with pytest.raises(InvalidInput):
        await limit(shop, -1)
    with pytest.raises(InvalidInput):
        await database.run(
            SYSTEM, lambda work: commands.set_credit_limit(work, customer_id=new_id(), limit_paise=1), now=NOW
        )
    assert await database.pool.fetchval("select count(*) from credit_limits") == 0


LIMITS = "{ customers(first: 10) { totalCount nodes { name creditLimit } pageInfo { hasNextPage } } }"


async def test_a_list_tells_each_customers_own_limit(database: Database) -> None:
    shop, ask = await make_shop(database), Asker(database)
    await make_customer(database, name="Zara", phone=None)
    await limit(shop, 200_000, of_all=True)
    await limit(shop, 150_000)
    nodes = (await ask.data(LIMITS))["customers"]["nodes"]
    assert {each["name"]: each["creditLimit"] for each in nodes} == {"Asha Rao": "1500.00", "Zara": "2000.00"}
