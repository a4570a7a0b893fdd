"""However many ways somebody has to guess at one account's password, a hundred wrong guesses a day are looked at."""

import dataclasses
import heapq
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from salonos.identity import commands, rules
from salonos.identity.commands import passwords
from salonos.identity.problems import TooManyAttempts, WrongCredentials
from salonos.kernel.actor import Actor
from tests.identity.makers import PASSWORD, STRANGER, TABLET, House
from tests.identity.test_pins import REQUEST, enroll

DAY = timedelta(days=1)
WRONG, NEXT = "not the password", "seven green kettles"
OFFICE = commands.Device(id="office-0123456789abcdef", name="Office", address="10.0.0.6", program="desk/1")
PHONE = commands.Device(id="phone-0123456789abcdef0", name="Phone", address="100.64.0.7", program="phone/1")

Guess = Callable[[str], Awaitable[object]]


@dataclasses.dataclass
class Target:
    """The manager, who is known on three devices; and tablets on which Ravi and Meera work."""

    house: House
    manager: Actor
    tablets: tuple[str, str, str]
    ravi: Actor
    """Signed in on the third tablet."""
    numbers: "itertools.count[int]" = dataclasses.field(default_factory=itertools.count)

    async def by_stranger(self, password: str) -> None:
        """From another address and another device each time."""
        number = next(self.numbers)
        address, device_id = f"198.51.{number // 250}.{number % 250}", f"stranger-{number:020d}"
        device = dataclasses.replace(STRANGER, id=device_id, address=address)
        await self.house.sign_in("manager", password, device)

    def on_tablet(self, place: int) -> Guess:
        """At the sign-in."""

        async def guess(password: str) -> None:
            await commands.sign_in(
                self.house.database,
                username="manager",
                password=password,
                device=REQUEST,
                tablet_token=self.tablets[place],
            )

        return guess

    async def by_approval(self, password: str) -> None:
        """On the third tablet, by who is signed in there."""
        request = commands.ApprovalRequest(
            action=rules.ApprovalAction.BILL_DISCOUNT, branch_id=self.house.branch_ids[0], ceiling_paise=50_000
        )
        secret = commands.Secret(username="manager", password=password)
        await commands.approve(self.house.database, self.ravi, request, by=secret, device=REQUEST)

    def on_device(self, device: commands.Device) -> Guess:
        """One that the manager uses, too."""

        async def guess(password: str) -> None:
            await self.house.sign_in("manager", password, device)

        return guess

    async def in_stolen_session(self, password: str) -> None:
        await commands.change_password(self.house.database, self.manager, current_password=password, new_password=NEXT)

    def without_devices(self) -> dict[str, Guess]:
        """All ways of who has none of the manager's devices or sessions."""
        return {
            "strangers": self.by_stranger,
            "first tablet": self.on_tablet(0),
            "second tablet": self.on_tablet(1),
            "third tablet": self.by_approval,
        }

    def all_ways(self) -> dict[str, Guess]:
        return self.without_devices() | {
            "front desk": self.on_device(TABLET),
            "office": self.on_device(OFFICE),
            "session": self.in_stolen_session,
        }

    async def guess(self, ways: Mapping[str, Guess], *, lasting: timedelta = DAY) -> Counter[str]:
        """How many guesses are looked at, by way, of somebody who tries each way again as soon as it is open."""
        database = self.house.database
        start = await database.now()
        turns = itertools.count()
        due = [(start, next(turns), name) for name in ways]
        looked_at: Counter[str] = Counter()
        while due[0][0] < start + lasting and looked_at.total() < 300:
            now, _, name = due[0]
            database.set_clock = now
            try:
                await ways[name](WRONG)
            except WrongCredentials:
                looked_at[name] += 1
            except TooManyAttempts as refused:
                now += timedelta(seconds=refused.retry_after)
            heapq.heapreplace(due, (now, next(turns), name))
        database.set_clock = start + lasting
        return looked_at


@pytest.fixture
async def target(house: House) -> Target:
    passwords.hashing.hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    house.database.set_clock = await house.database.now()
    await house.take_on("MANAGER", "manager")
    await house.take_on("RECEPTIONIST", "ravi")
    owner = await house.actor("owner")
    first, second, third = [(await enroll(house, owner, f"Tablet {number}")).token for number in range(3)]
    ravi = await commands.sign_in(
        house.database, username="ravi", password=PASSWORD, device=REQUEST, tablet_token=third
    )
    for device in (OFFICE, PHONE):
        await house.sign_in("manager", device=device)
    return Target(house, await house.actor("manager"), (first, second, third), ravi.actor)


async def test_all_ways_together_have_a_hundred_guesses_a_day(target: Target) -> None:
    looked_at = await target.guess(target.all_ways())

    assert 90 < looked_at.total() <= 100
    assert set(looked_at) == set(target.all_ways())
    assert looked_at["strangers"] <= 44
    assert looked_at["first tablet"] + looked_at["second tablet"] + looked_at["third tablet"] <= 17


async def test_nobody_without_a_device_of_the_persons_shuts_these_out(target: Target) -> None:
    await target.guess(target.without_devices(), lasting=timedelta(hours=6, minutes=30))

    with pytest.raises(TooManyAttempts):
        await target.by_stranger(PASSWORD)
    with pytest.raises(TooManyAttempts):
        await target.on_tablet(0)(PASSWORD)
    await target.on_device(PHONE)(PASSWORD)
    await target.in_stolen_session(PASSWORD)
    await target.on_device(PHONE)(NEXT)


async def test_who_has_got_hold_of_one_device_leaves_the_others_alone(target: Target) -> None:
    looked_at = await target.guess({"office": target.on_device(OFFICE)}, lasting=timedelta(hours=1))

    assert looked_at == {"office": 10}
    with pytest.raises(TooManyAttempts):
        await target.on_device(OFFICE)(PASSWORD)
    await target.on_device(PHONE)(PASSWORD)
    await target.in_stolen_session(PASSWORD)


async def test_a_right_password_in_between_washes_no_guess_off_the_day(target: Target) -> None:
    office = target.on_device(OFFICE)
    start, looked_at = await target.house.database.now(), 0
    for hours in range(24):
        target.house.database.set_clock = start + timedelta(hours=hours)
        for password in (WRONG, WRONG, WRONG, PASSWORD):
            try:
                await office(password)
            except WrongCredentials:
                looked_at += 1
            except TooManyAttempts:
                continue

    assert 10 < looked_at <= 19
    await target.on_device(PHONE)(PASSWORD)


async def test_guesses_are_forgotten_with_the_password_that_they_were_at(target: Target) -> None:
    await target.guess(target.all_ways(), lasting=timedelta(hours=1))
    owner = await target.house.actor("owner")

    await commands.reset_password(target.house.database, owner, target.manager.id, new_password=NEXT)

    for way in (target.by_stranger, target.on_tablet(1), target.on_device(OFFICE), target.by_approval):
        await way(NEXT)


@pytest.mark.parametrize("name", ["STRANGERS_A_DAY", "TABLETS_A_DAY", "KNOWN_A_DAY"])
async def test_without_one_of_the_quotas_the_day_has_more(
    target: Target, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(rules, name, rules.Quota(at_once=1_000, a_day=1_000))

    assert (await target.guess(target.all_ways())).total() > 100


async def test_without_a_devices_own_quota_it_shuts_the_others_out(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "DEVICE_A_DAY", rules.Quota(at_once=1_000, a_day=1_000))
    await target.guess({"office": target.on_device(OFFICE)}, lasting=timedelta(hours=6, minutes=30))

    with pytest.raises(TooManyAttempts):
        await target.on_device(PHONE)(PASSWORD)


def test_the_quotas_of_an_account_add_up_to_a_hundred() -> None:
    quotas = (rules.STRANGERS_A_DAY, rules.TABLETS_A_DAY, rules.KNOWN_A_DAY)

    assert sum(quota.at_once + quota.a_day - 1 for quota in quotas) == 100
