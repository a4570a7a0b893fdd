"""Goods through a salon: ordered, received in part, sold, used up, counted, corrected, sent on; the books say what the shelves do."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from salonos.identity import commands as identity
from salonos.identity import rules as identity_rules
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from tests.catalog.makers import make_product
from tests.journeys.client import Client, Subscription
from tests.journeys.house import House
from tests.journeys.test_first_day import PASSWORD, SYSTEM, Salon, furnish, running
from tests.salon.makers import make_branch

__all__ = ["running"]

LOW = """
    subscription { stockLow { level { product { name } quantity reorderPoint branch { code } } } }
"""
LEVELS = """
    query Levels($branch: ID!) {
        stockLevels(branchId: $branch, first: 100) { nodes { quantity value product { name } } }
    }
"""
TRIAL = "{ trialBalance { rows { account { code } debit credit } } }"
FAULT = "... on Problem { message } ... on InvalidInput { issues { path code message } }"


class Person:
    """Somebody at a screen, who writes and expects it to succeed."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def do(self, mutation: str, selection: str = "__typename", **given: Any) -> dict[str, Any]:
        """The success of a mutation."""
        name = mutation[0].upper() + mutation[1:]
        text = f"""
            mutation($input: {name}Input!) {{
                {mutation}(input: $input) {{ __typename {FAULT} ... on {name}Success {{ {selection} }} }}
            }}
        """
        found: dict[str, Any] = (await self.client.data(text, {"input": given}))[mutation]
        assert found["__typename"] == f"{name}Success", found
        return found

    async def levels(self, branch_id: str) -> dict[str, tuple[str, Decimal]]:
        """Quantity and value by product's name."""
        nodes = (await self.client.data(LEVELS, {"branch": branch_id}))["stockLevels"]["nodes"]
        return {each["product"]["name"]: (each["quantity"], Decimal(each["value"])) for each in nodes}


async def furnish_more(url: str, salon: Salon) -> tuple[UUID, UUID]:
    """A second branch, a manager of both, and a colour that is used up at work. Returns the branch and the colour."""
    database = await Database.open(url, set_clock=datetime(2026, 11, 23, 3, tzinfo=UTC))
    branch_id = await make_branch(database, "BLR2")
    colour_id = await make_product(
        database, salon.catalog.goods_class_id, "COL-1", name="Colour", price_paise=0, is_retail=False
    )
    manager = identity.NewStaffMember(
        display_name="Manager Rao",
        username="manager",
        password_hash=await identity.new_hash(PASSWORD),
        role_id=identity_rules.BUILT_IN_ROLE_IDS["MANAGER"],
        branch_ids=(salon.branch_id, branch_id),
        all_branches=False,
        is_service_provider=False,
    )
    await database.run(SYSTEM, lambda work: identity.create_staff_member(work, manager))
    await database.close()
    return branch_id, colour_id


async def test_goods_from_the_order_to_the_balance(running: House) -> None:
    salon = await furnish(running.database_url)
    second_id, colour_id = await furnish_more(running.database_url, salon)
    running.start("serve", "serve")
    await running.until_served()
    one, other = running.addresses
    here, there = id_text("branch", salon.branch_id), id_text("branch", second_id)
    serum, colour = id_text("product", salon.catalog.product_id), id_text("product", colour_id)
    async with Client(one) as a, Client(one) as b, Client(other) as c:
        for client, name in ((a, "receptionist"), (b, "manager"), (c, "owner")):
            await client.sign_in(name, PASSWORD)
        desk, manager, owner = Person(a), Person(b), Person(c)

        await owner.do("stockProduct", productId=serum, unit="PIECE", reorderPoint="5")
        await owner.do("stockProduct", productId=colour, unit="ML", units=[{"unit": "BOTTLE", "holds": "500"}])
        await order_and_receive_in_part(manager, here, serum, colour)
        assert {name: quantity for name, (quantity, _) in (await owner.levels(here)).items()} == {
            "Argan Serum": "6.000",
            "Colour": "1000.000",
        }

        async with c.subscribe(LOW) as events:
            await sell(desk, salon, serum, "1")
            assert await low(events) == ("Argan Serum", "5.000", "5.000", "BLR1")
            await sell(desk, salon, serum, "1")
            await receive(manager, here, serum, "3")
            await sell(desk, salon, serum, "4")
            assert await low(events) == ("Argan Serum", "3.000", "5.000", "BLR1"), "one event for each crossing"

        await use_colour(owner, desk, salon, colour)
        assert (await owner.levels(here))["Colour"][0] == "965.000"
        await count(manager, owner, here, serum)
        await correct(desk, manager, here, colour)
        levels = await owner.levels(here)
        assert (levels["Argan Serum"][0], levels["Colour"][0]) == ("2.000", "945.000")

        await send(manager, here, there, colour)
        assert (await owner.levels(here))["Colour"][0] == "845.000"
        assert {name: quantity for name, (quantity, _) in (await owner.levels(there)).items()} == {
            "Argan Serum": "0.000",
            "Colour": "60.000",
        }

        worth = [value for branch in (here, there) for _, value in (await owner.levels(branch)).values()]
        assert sum(worth) == await balance(c, "1200", "1210") > 0
        assert await balance(c, "1220") == Decimal("24.00"), "40 ml are on their way"
        await nobody_at_the_desk_sees_a_cost(a, here)


async def order_and_receive_in_part(manager: Person, branch_id: str, serum: str, colour: str) -> None:
    """Ten and four are ordered; six and two come."""
    supplier = (await manager.do("createSupplier", "supplier { id }", name="Kaya Traders", stateCode="29"))["supplier"]
    lines = [
        {"productId": serum, "quantity": "10", "unitCost": "500.00"},
        {"productId": colour, "quantity": "4", "unit": "BOTTLE", "unitCost": "300.00"},
    ]
    order = "purchase { id version status lines { id received awaited } }"
    made = (await manager.do("createPurchase", order, branchId=branch_id, supplierId=supplier["id"], lines=lines))[
        "purchase"
    ]
    placed = (await manager.do("placePurchase", order, purchaseId=made["id"], expectedVersion=made["version"]))[
        "purchase"
    ]
    first, second = placed["lines"]
    came = [{"lineId": first["id"], "quantity": "6"}, {"lineId": second["id"], "quantity": "2"}]
    found = (await manager.do("receivePurchase", order, purchaseId=made["id"], lines=came))["purchase"]
    assert (found["status"], [each["awaited"] for each in found["lines"]]) == ("PARTLY_RECEIVED", ["4.000", "1000.000"])


async def sell(desk: Person, salon: Salon, product: str, quantity: str) -> None:
    """At the counter, paid by UPI."""
    total = f"{999 * int(quantity)}.00"
    await desk.do(
        "checkOut",
        branchId=id_text("branch", salon.branch_id),
        lines=[{"productId": product, "quantity": quantity}],
        payments=[{"method": "UPI", "amount": total}],
    )


async def receive(manager: Person, branch_id: str, product: str, quantity: str) -> None:
    """Goods without an order."""
    line = {"productId": product, "quantity": quantity, "unitCost": "500.00"}
    await manager.do("receiveStock", branchId=branch_id, lines=[line])


async def low(events: Subscription) -> tuple[str, str, str, str]:
    """The next item that is low."""
    level = (await events.next())["data"]["stockLow"]["level"]
    return level["product"]["name"], level["quantity"], level["reorderPoint"], level["branch"]["code"]


async def use_colour(owner: Person, desk: Person, salon: Salon, colour: str) -> None:
    """A haircut takes 35 ml."""
    service = id_text("service", salon.catalog.service_id)
    await owner.do(
        "setRecipe", serviceId=service, expectedVersion=0, lines=[{"productId": colour, "quantity": "35", "unit": "ML"}]
    )
    await desk.do(
        "checkOut",
        branchId=id_text("branch", salon.branch_id),
        lines=[{"serviceId": service, "staffId": id_text("staff", salon.stylist_id)}],
        payments=[{"method": "CASH", "amount": "788.00"}],
    )


async def count(manager: Person, owner: Person, branch_id: str, serum: str) -> None:
    """One is missing; who counted does not post it."""
    counting = "count { id state version }"
    opened = (await manager.do("openStockCount", counting, branchId=branch_id, productIds=[serum]))["count"]
    lines = [{"productId": serum, "quantity": "2"}]
    entered = (await manager.do("enterStockCount", counting, countId=opened["id"], lines=lines))["count"]
    await manager.do("submitStockCount", countId=opened["id"], expectedVersion=entered["version"])
    own = await manager.client.data(
        "mutation($input: PostStockCountInput!) { postStockCount(input: $input) { __typename } }",
        {"input": {"countId": opened["id"]}},
    )
    assert own["postStockCount"] == {"__typename": "OwnRequest"}
    posted = (await owner.do("postStockCount", counting, countId=opened["id"]))["count"]
    assert posted["state"] == "POSTED"


async def correct(desk: Person, manager: Person, branch_id: str, colour: str) -> None:
    """The desk says that 20 ml were spilt; the manager agrees."""
    asked = await desk.do(
        "requestStockAdjustment",
        "adjustment { id }",
        branchId=branch_id,
        productId=colour,
        quantity="-20",
        reason="WASTAGE",
        words="Spilt",
    )
    await manager.do("approveStockAdjustment", adjustmentId=asked["adjustment"]["id"])


async def send(manager: Person, here: str, there: str, colour: str) -> None:
    """100 ml go to the second branch; 60 have come."""
    lines = [{"productId": colour, "quantity": "100"}]
    selection = "transfer { id state lines { id inTransit } }"
    sent = (await manager.do("transferStock", selection, fromBranchId=here, toBranchId=there, lines=lines))["transfer"]
    came = [{"lineId": sent["lines"][0]["id"], "quantity": "60"}]
    found = (await manager.do("receiveTransfer", selection, transferId=sent["id"], lines=came))["transfer"]
    assert [each["inTransit"] for each in found["lines"]] == ["40.000"]


async def balance(owner: Client, *codes: str) -> Decimal:
    """What the books say of some accounts."""
    rows = (await owner.data(TRIAL))["trialBalance"]["rows"]
    found = (Decimal(row["debit"]) - Decimal(row["credit"]) for row in rows if row["account"]["code"] in codes)
    return sum(found, Decimal(0))


async def nobody_at_the_desk_sees_a_cost(desk: Client, branch_id: str) -> None:
    """Quantities, no values."""
    answer = await desk.ask(LEVELS, {"branch": branch_id})
    nodes = answer["data"]["stockLevels"]["nodes"]
    assert {each["value"] for each in nodes} == {None}
    assert {each["quantity"] for each in nodes} == {"2.000", "845.000"}
    assert [each["extensions"]["coordinate"] for each in answer["errors"]] == ["StockLevel.value"]
