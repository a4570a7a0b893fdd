"""A discount above the limit of who sells is given with the approval of who may, and both stand on the bill."""

from dataclasses import dataclass
from uuid import UUID

import pytest

from salonos.accounting.rules import PaymentMethod
from salonos.bills import commands
from salonos.bills.problems import DiscountNeedsApproval
from salonos.bills.rules import Discount
from salonos.identity import commands as identity
from salonos.identity import rules as identity_rules
from salonos.identity.problems import ApprovalNotValid
from salonos.identity.rules import ApprovalAction
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.problems import StaleVersion
from tests.bills.makers import SYSTEM, Shop, make_shop

PASSWORD = "nine purple umbrellas"
DISCOUNT = {"discount": Discount(50_000), "discount_reason": "A complaint"}
CASH = (PaymentMethod.CASH, 200_000)


@dataclass
class Till:
    """A receptionist who sells, and a manager beside them."""

    shop: Shop
    seller: Actor
    manager_id: UUID

    async def approval(self, ceiling_paise: int = 50_000, *, bill_id: UUID | None = None) -> UUID:
        """The manager's."""
        request = identity.ApprovalRequest(
            action=ApprovalAction.BILL_DISCOUNT,
            branch_id=self.shop.branch_id,
            object_id=bill_id,
            ceiling_paise=ceiling_paise,
        )
        by = identity.Secret(username="manager", password=PASSWORD)
        given = await identity.approve(self.shop.database, self.seller, request, by=by, device=identity.Device())
        return given.approval_id

    async def sell(self, approval_id: UUID | None) -> UUID:
        """With a discount of 500.00 on less than 5,000.00."""
        sale = self.shop.sale(CASH, approval_id=approval_id, **DISCOUNT)
        return await self.shop.database.run(self.seller, lambda work: commands.check_out(work, sale))

    async def is_used(self, approval_id: UUID) -> bool:
        """Whether it is good no longer."""
        used: bool = await self.shop.database.pool.fetchval(
            "select used_at is not null from approvals where id = $1", approval_id
        )
        return used


async def take_on(shop: Shop, username: str, role: str) -> UUID:
    new = identity.NewStaffMember(
        display_name=username.capitalize(),
        username=username,
        password_hash=await identity.new_hash(PASSWORD),
        role_id=identity_rules.BUILT_IN_ROLE_IDS[role],
        branch_ids=(shop.branch_id,),
    )
    return await shop.database.run(SYSTEM, lambda work: identity.create_staff_member(work, new))


@pytest.fixture
async def till(database: Database) -> Till:
    shop = await make_shop(database)
    await take_on(shop, "seller", "RECEPTIONIST")
    manager_id = await take_on(shop, "manager", "MANAGER")
    device = identity.Device(address="10.0.0.5", program="till")
    signed_in = await identity.sign_in(database, username="seller", password=PASSWORD, device=device)
    return Till(shop, signed_in.actor, manager_id)


async def test_a_sale_with_an_approved_discount_names_both_people(till: Till) -> None:
    with pytest.raises(DiscountNeedsApproval):
        await till.sell(None)
    approval_id = await till.approval()

    bill = await till.shop.row("bills", await till.sell(approval_id))

    assert (bill["discount_paise"], bill["status"]) == (50_000, "POSTED")
    assert (bill["created_by_id"], bill["discount_approved_by_id"]) == (till.seller.id, till.manager_id)
    with pytest.raises(ApprovalNotValid):
        await till.sell(approval_id)


async def test_an_approval_of_less_is_not_good_and_not_used_up(till: Till) -> None:
    approval_id = await till.approval(49_999)

    with pytest.raises(ApprovalNotValid):
        await till.sell(approval_id)

    assert not await till.is_used(approval_id)
    assert await till.shop.database.pool.fetchval("select count(*) from bills") == 0


async def test_a_discount_within_the_limit_leaves_the_approval_alone(till: Till) -> None:
    approval_id = await till.approval()
    small = till.shop.sale(CASH, approval_id=approval_id, discount=Discount(100), discount_reason="A regular")

    bill_id = await till.shop.database.run(till.seller, lambda work: commands.check_out(work, small))

    assert (await till.shop.row("bills", bill_id))["discount_approved_by_id"] is None
    assert not await till.is_used(approval_id)


async def test_a_draft_is_approved_by_its_own_id(till: Till) -> None:
    draft_id = await till.shop.create_bill(actor=till.seller)
    version = (await till.shop.row("bills", draft_id))["version"]
    of_branch, of_draft = await till.approval(), await till.approval(bill_id=draft_id)

    async def change(approval_id: UUID) -> None:
        contents = till.shop.draft(approval_id=approval_id, **DISCOUNT)
        await till.shop.database.run(
            till.seller, lambda work: commands.update_bill(work, draft_id, contents, expected_version=version)
        )

    with pytest.raises(ApprovalNotValid):
        await change(of_branch)
    await change(of_draft)
    with pytest.raises(StaleVersion):
        await change(of_draft)

    bill = await till.shop.row("bills", draft_id)
    assert (bill["discount_paise"], bill["discount_approved_by_id"]) == (50_000, till.manager_id)
