"""Approvals: one person's yes to one thing of another's, good once, and no way around the limits of guessing."""

import dataclasses
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from salonos.identity import commands, rules
from salonos.identity.commands import ApprovalRequest, Given, throttling
from salonos.identity.problems import (
    ApprovalNotValid,
    MayNotApprove,
    PinBlocked,
    TooManyAttempts,
    WrongCredentials,
)
from salonos.identity.rules import ApprovalAction
from salonos.kernel.actor import NOBODY, Actor
from salonos.kernel.ids import new_id
from salonos.kernel.problems import InvalidInput, Unauthenticated
from salonos.kernel.work import Work
from tests.identity.makers import PASSWORD, STRANGER, TABLET, House
from tests.identity.test_pins import PIN, REQUEST, choose_pin, enroll

DISCOUNT = ApprovalAction.BILL_DISCOUNT
STRANGER_NEXT_DOOR = dataclasses.replace(STRANGER, address=TABLET.address)


@dataclasses.dataclass
class Till:
    """Ravi at the till, and a manager who looks over his shoulder."""

    house: House
    ravi: Actor
    manager_id: UUID

    @property
    def branch_id(self) -> UUID:
        return self.house.branch_ids[0]

    async def approve(
        self,
        username: str = "manager",
        password: str | None = PASSWORD,
        *,
        actor: Actor | None = None,
        pin: str | None = None,
        place: int = 0,
        object_id: UUID | None = None,
    ) -> Given:
        """For 500 rupees at most."""
        request = ApprovalRequest(
            action=DISCOUNT, branch_id=self.house.branch_ids[place], object_id=object_id, ceiling_paise=50_000
        )
        secret = commands.Secret(username=username, password=password, pin=pin)
        return await commands.approve(
            self.house.database, actor or self.ravi, request, by=secret, device=commands.Device(address="10.0.0.5")
        )

    async def redeem(self, given: Given, *, actor: Actor | None = None, **other: object) -> UUID:
        """Uses it up."""
        about: dict[str, object] = {"branch_id": self.branch_id, "amount_paise": 50_000, **other}
        return await self.house.database.run(
            actor or self.ravi,
            lambda work: commands.redeem_approval(work, given.approval_id, action=DISCOUNT, **about),  # type: ignore[arg-type]
        )


@pytest.fixture
async def till(house: House) -> Till:
    await house.take_on("RECEPTIONIST", "ravi")
    manager_id = await house.take_on("MANAGER", "manager")
    return Till(house, (await house.sign_in("ravi")).actor, manager_id)


async def test_an_approval_is_good_once(till: Till) -> None:
    given = await till.approve()

    assert await till.redeem(given) == till.manager_id
    with pytest.raises(ApprovalNotValid):
        await till.redeem(given)
    row = await till.house.database.pool.fetchrow("select requester_id, approver_id, used_at from approvals")
    assert (row["requester_id"], row["approver_id"]) == (till.ravi.id, till.manager_id)
    assert row["used_at"] is not None


async def test_what_is_rolled_back_has_not_used_it(till: Till) -> None:
    given = await till.approve()

    async def fail(work: Work) -> None:
        await commands.redeem_approval(
            work, given.approval_id, action=DISCOUNT, branch_id=till.branch_id, amount_paise=1
        )
        raise WrongCredentials

    with pytest.raises(WrongCredentials):
        await till.house.database.run(till.ravi, fail)

    assert await till.redeem(given) == till.manager_id


async def test_it_is_bound_to_person_place_object_and_ceiling(till: Till) -> None:
    await till.house.take_on("RECEPTIONIST", "other", branches=till.house.branch_ids)
    other, bill_id = (await till.house.sign_in("other")).actor, new_id()
    given, about_bill = await till.approve(), await till.approve(object_id=bill_id)

    with pytest.raises(ApprovalNotValid):
        await till.redeem(given, actor=other)
    with pytest.raises(ApprovalNotValid):
        await till.redeem(given, branch_id=till.house.branch_ids[1])
    with pytest.raises(ApprovalNotValid):
        await till.redeem(given, object_id=bill_id)
    with pytest.raises(ApprovalNotValid):
        await till.redeem(given, amount_paise=50_001)
    with pytest.raises(ApprovalNotValid):
        await till.redeem(about_bill)
    with pytest.raises(ApprovalNotValid):
        await till.redeem(dataclasses.replace(given, approval_id=new_id()))
    assert await till.redeem(about_bill, object_id=bill_id) == till.manager_id
    assert await till.redeem(given, amount_paise=1) == till.manager_id


async def test_it_is_good_for_five_minutes(till: Till) -> None:
    database = till.house.database
    database.set_clock = start = await database.now()
    early, late = await till.approve(), await till.approve()

    database.set_clock = start + rules.APPROVAL_LIFE - timedelta(microseconds=1)
    await till.redeem(early)
    database.set_clock = start + rules.APPROVAL_LIFE
    with pytest.raises(ApprovalNotValid):
        await till.redeem(late)


async def test_who_may_no_longer_approve_has_not_approved(till: Till) -> None:
    given, owner = await till.approve(), await till.house.actor("owner")
    change = commands.StaffChange(role_id=rules.BUILT_IN_ROLE_IDS["RECEPTIONIST"])
    await till.house.database.run(
        owner, lambda work: commands.update_staff_member(work, till.manager_id, change, expected_version=1)
    )

    with pytest.raises(ApprovalNotValid):
        await till.redeem(given)


async def test_who_was_moved_to_another_branch_has_not_approved(till: Till) -> None:
    given, owner = await till.approve(), await till.house.actor("owner")

    async def move(version: int, **where: object) -> None:
        change = commands.StaffChange(**where)  # type: ignore[arg-type]  # a test's own values
        await till.house.database.run(
            owner, lambda work: commands.update_staff_member(work, till.manager_id, change, expected_version=version)
        )

    await move(1, branch_ids=till.house.branch_ids[1:])
    with pytest.raises(ApprovalNotValid):
        await till.redeem(given)
    await move(2, all_branches=True)
    assert await till.redeem(given) == till.manager_id


async def test_a_pin_approves_where_its_person_works_at_the_tablets_branch(till: Till) -> None:
    house = till.house
    await house.take_on("MANAGER", "far", branches=house.branch_ids[1:])
    both_id = await house.take_on("MANAGER", "both", branches=house.branch_ids)
    await house.take_on("RECEPTIONIST", "mobile", branches=house.branch_ids)
    await choose_pin(house, "far")
    await choose_pin(house, "both")
    enrolled = await enroll(house, await house.actor("owner"))
    mobile = await commands.sign_in(
        house.database, username="mobile", password=PASSWORD, device=REQUEST, tablet_token=enrolled.token
    )

    with pytest.raises(WrongCredentials):
        await till.approve("far", None, pin=PIN, place=1, actor=mobile.actor)
    assert (await till.approve("both", None, pin=PIN, place=1, actor=mobile.actor)).approver_id == both_id


async def test_who_lacks_the_right_the_branch_or_four_eyes_may_not_approve(till: Till) -> None:
    await till.house.take_on("RECEPTIONIST", "meera")
    await till.house.take_on("MANAGER", "far", branches=till.house.branch_ids[1:])
    manager = (await till.house.sign_in("manager")).actor

    for username, actor in (("meera", till.ravi), ("far", till.ravi), ("ravi", till.ravi), ("manager", manager)):
        with pytest.raises(MayNotApprove):
            await till.approve(username, actor=actor)
    assert await till.house.database.pool.fetchval("select count(*) from approvals") == 0


async def test_guesses_here_and_at_the_sign_in_count_together(till: Till) -> None:
    for _ in range(3):
        with pytest.raises(WrongCredentials):
            await till.approve(password="not the password")
    elsewhere = dataclasses.replace(STRANGER, address="")
    for _ in range(2):
        with pytest.raises(WrongCredentials):
            await till.house.sign_in("manager", "not the password", elsewhere)

    with pytest.raises(TooManyAttempts):
        await till.approve()
    with pytest.raises(TooManyAttempts):
        await till.house.sign_in("manager", device=elsewhere)


async def test_a_device_that_the_approver_knows_counts_by_itself(till: Till) -> None:
    await till.house.sign_in("manager", device=TABLET)
    for _ in range(5):
        with pytest.raises(WrongCredentials):
            await till.house.sign_in("manager", "not the password", STRANGER)

    assert (await till.approve()).approver_id == till.manager_id


async def test_a_pin_approves_on_an_enrolled_tablet_only(till: Till) -> None:
    await choose_pin(till.house, "manager")
    with pytest.raises(InvalidInput) as refused:
        await till.approve(password=None, pin=PIN)
    assert refused.value.issues[0].code == "NOT_HERE"

    enrolled = await enroll(till.house, await till.house.actor("owner"))
    ravi = await commands.sign_in(
        till.house.database, username="ravi", password=PASSWORD, device=REQUEST, tablet_token=enrolled.token
    )
    given = await till.approve(password=None, pin=PIN, actor=ravi.actor)

    assert await till.redeem(given, actor=ravi.actor) == till.manager_id
    for _ in range(5):
        with pytest.raises(WrongCredentials):
            await till.approve(password=None, pin="7391", actor=ravi.actor)
    with pytest.raises(PinBlocked):
        await till.approve(password=None, pin=PIN, actor=ravi.actor)


async def test_a_tablet_that_asks_everybody_for_approval_waits(till: Till) -> None:
    enrolled = await enroll(till.house, await till.house.actor("owner"))
    ravi = await commands.sign_in(
        till.house.database, username="ravi", password=PASSWORD, device=REQUEST, tablet_token=enrolled.token
    )

    async def guess(number: int) -> type[Exception]:
        with pytest.raises((WrongCredentials, TooManyAttempts)) as refused:
            await till.approve(f"nobody{number}", "not the password", actor=ravi.actor)
        return refused.type

    assert [await guess(number) for number in range(25)] == [WrongCredentials] * 20 + [TooManyAttempts] * 5
    assert (await till.approve()).approver_id == till.manager_id


@pytest.fixture
async def shared(till: Till, monkeypatch: pytest.MonkeyPatch) -> commands.Device:
    """What three people have signed in with, without an id. At its address six guesses are free."""
    monkeypatch.setattr(rules, "ADDRESS_THROTTLE", dataclasses.replace(rules.ADDRESS_THROTTLE, free=6))
    device = dataclasses.replace(TABLET, id=None)
    for username in ("manager", "owner", "ravi"):
        await till.house.sign_in(username, device=device)
    return device


async def test_a_device_without_an_id_is_counted_at_its_address_although_it_is_known(
    till: Till, shared: commands.Device
) -> None:
    till.ravi = (await till.house.sign_in("ravi", device=shared)).actor
    for _ in range(3):
        with pytest.raises(WrongCredentials):
            await till.house.sign_in("manager", "not the password", shared)
        with pytest.raises(WrongCredentials):
            await till.approve("owner", "not the password")

    with pytest.raises(TooManyAttempts):
        await till.house.sign_in("ravi", device=shared)
    with pytest.raises(TooManyAttempts):
        await till.approve()
    with pytest.raises(TooManyAttempts):
        await till.house.sign_in("nobody", device=STRANGER_NEXT_DOOR)
    await till.house.sign_in("ravi")


async def test_without_the_addresss_count_a_neighbour_guesses_at_everybody(
    till: Till, shared: commands.Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = throttling.buckets

    def trusting(account: str, origin: throttling.Origin, **given: Any) -> throttling.Counted:
        return usual(account, dataclasses.replace(origin, is_bound=True), **given)

    monkeypatch.setattr(throttling, "buckets", trusting)

    with pytest.raises(pytest.fail.Exception):
        await test_a_device_without_an_id_is_counted_at_its_address_although_it_is_known(till, shared)


async def test_unknown_names_are_answered_as_known_ones(till: Till) -> None:
    answers = []
    for username in ("manager", "nobody"):
        kinds: list[object] = []
        for _ in range(6):
            try:
                await till.approve(username, "not the password")
            except (WrongCredentials, TooManyAttempts) as problem:
                kinds.append((type(problem), vars(problem)))
        answers.append(kinds)
        await till.house.database.pool.execute("delete from sign_in_attempts")

    assert answers[0] == answers[1]
    assert str(answers[0]).count("TooManyAttempts") == 1


async def test_what_can_not_be_right_is_refused_before_anything_is_counted(till: Till) -> None:
    counted = "select coalesce(sum(failures), 0)::int from sign_in_attempts"
    with pytest.raises(InvalidInput):
        await till.approve(password=None)
    with pytest.raises(InvalidInput):
        await till.approve(pin=PIN)
    with pytest.raises(InvalidInput):
        await till.approve(place=1)
    with pytest.raises(Unauthenticated):
        await till.approve(actor=NOBODY)
    assert await till.house.database.pool.fetchval(counted) == 0
