"""What a role may take off a bill without asking is set from a date on: for one role, or for all without their own."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from salonos.bills import commands, problems
from salonos.bills.commands import NewDiscountLimit
from salonos.bills.rules import Discount
from salonos.identity import commands as identity
from salonos.identity.rules import BUILT_IN_ROLE_IDS
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.problems import Forbidden, InvalidInput
from tests.bills.asking import Asker
from tests.bills.makers import NOW, SYSTEM, TODAY, UPI, Shop, actor_as, make_shop
from tests.bills.test_approved_discount import PASSWORD, take_on

SET = """
    mutation($input: SetDiscountLimitInput!) {
        setDiscountLimit(input: $input) {
            __typename
            ... on InvalidInput { issues { path code } }
            ... on SetDiscountLimitSuccess { limit { amount percentage validFrom role { name } } }
        }
    }
"""
LIMITS = "{ discountLimits { amount percentage } }"
DESK = BUILT_IN_ROLE_IDS["RECEPTIONIST"]


async def limit(shop: Shop, amount: int, share: int, *, actor: Any = SYSTEM, **more: Any) -> UUID:
    new = NewDiscountLimit(**{"role_id": DESK, "amount_paise": amount, "share_hundredths": share, **more})
    return await shop.database.run(actor, lambda work: commands.set_discount_limit(work, new), now=NOW)


async def test_the_owner_sets_what_the_desk_may_give_from_a_date_on(database: Database) -> None:
    shop = await make_shop(database)
    ask, owner = Asker(database), actor_as("OWNER", shop.branch_id)
    wanted = {"roleId": id_text("role", DESK), "amount": "300.00", "percentage": "15", "validFrom": "2026-11-24"}

    first = await ask.data(SET, actor=owner, input=wanted)
    again = await ask.data(SET, actor=owner, input={**wanted, "percentage": "20"})
    late = await ask.data(SET, actor=owner, input={**wanted, "validFrom": "2026-11-22"})
    found = await ask.data(LIMITS, actor=actor_as("RECEPTIONIST", shop.branch_id))

    limited = {"amount": "300.00", "percentage": "15", "validFrom": "2026-11-24", "role": {"name": "RECEPTIONIST"}}
    assert first["setDiscountLimit"] == {"__typename": "SetDiscountLimitSuccess", "limit": limited}
    assert again["setDiscountLimit"]["limit"]["percentage"] == "20"
    assert late["setDiscountLimit"]["issues"] == [{"path": ["validFrom"], "code": "OUT_OF_RANGE"}]
    assert [(each["amount"], each["percentage"]) for each in found["discountLimits"]] == [
        ("500.00", "10"),
        ("300.00", "20"),
    ]


async def test_the_lesser_of_amount_and_share_counts_for_the_role_and_the_date(database: Database) -> None:
    shop = await make_shop(database)
    await take_on(shop, "desk", "RECEPTIONIST")
    device = identity.Device(address="10.0.0.5", program="till")
    desk = (await identity.sign_in(database, username="desk", password=PASSWORD, device=device)).actor
    await limit(shop, 10_000, 5_000, valid_from=TODAY + timedelta(days=1))

    async def sell(paise: int, *, days: int = 0) -> UUID:
        off = {"discount": Discount(paise), "discount_reason": "x", "actor": desk}
        return await shop.check_out((UPI, 178_700 - paise - 10_000), now=NOW + timedelta(days=days), **off)

    with pytest.raises(problems.PaymentsDoNotAddUp):
        await sell(17_400)
    with pytest.raises(problems.DiscountNeedsApproval):
        await sell(17_500)
    with pytest.raises(problems.PaymentsDoNotAddUp):
        await sell(10_000, days=1)
    with pytest.raises(problems.DiscountNeedsApproval) as raised:
        await sell(10_100, days=1)
    assert raised.value.limit == 10_000


async def test_what_can_not_be_a_limit_is_refused(database: Database) -> None:
    shop = await make_shop(database)
    for role in ("MANAGER", "RECEPTIONIST", "STAFF", "ACCOUNTANT"):
        with pytest.raises(Forbidden):
            await limit(shop, 1, 1, actor=actor_as(role, shop.branch_id))
    for wrong, path in (
        ({"amount": -1}, "amount"),
        ({"share": 10_001}, "percentage"),
        ({"role_id": new_id()}, "roleId"),
        ({"valid_from": date(2026, 11, 22)}, "validFrom"),
    ):
        given: dict[str, Any] = {"amount": 1, "share": 1, **wrong}
        with pytest.raises(InvalidInput) as raised:
            await limit(shop, given.pop("amount"), given.pop("share"), **given)
        assert [issue.path for issue in raised.value.issues] == [(path,)]
    assert await database.pool.fetchval("select count(*) from discount_limits") == 1
