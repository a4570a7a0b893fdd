"""A full queue of hashes is nobody's wrong guess: who comes then is asked to come again, and nothing is counted."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from salonos.identity import commands, rules
from salonos.identity.commands import passwords
from salonos.identity.problems import TooManyAttempts, WrongCredentials
from salonos.kernel.actor import Actor
from tests.identity.makers import PASSWORD, STRANGER, TABLET, House
from tests.identity.test_pins import PIN, REQUEST, choose_pin, enroll

NEXT = "seven green kettles"


@dataclass
class Rush:
    """A manager with a PIN, who is known on one device; a receptionist on a tablet; and a queue that may be full."""

    house: House
    ravi: Actor
    manager: Actor
    tablet_token: str

    async def by_password(self, device: commands.Device = TABLET) -> None:
        """At a device that the manager uses, unless said otherwise."""
        await self.house.sign_in("manager", device=device)

    async def by_password_on_the_tablet(self) -> None:
        await commands.sign_in(
            self.house.database, username="owner", password=PASSWORD, device=REQUEST, tablet_token=self.tablet_token
        )

    async def by_pin(self) -> None:
        await commands.sign_in_with_pin(
            self.house.database, username="manager", pin=PIN, tablet_token=self.tablet_token, device=REQUEST
        )

    async def approve(self, *, password: str | None = None, pin: str | None = None) -> None:
        request = commands.ApprovalRequest(
            action=rules.ApprovalAction.BILL_DISCOUNT, branch_id=self.house.branch_ids[0], ceiling_paise=50_000
        )
        secret = commands.Secret(username="manager", password=password, pin=pin)
        device = commands.Device(address="10.0.0.5")
        await commands.approve(self.house.database, self.ravi, request, by=secret, device=device)

    async def approve_by_password(self) -> None:
        await self.approve(password=PASSWORD)

    async def approve_by_pin(self) -> None:
        await self.approve(pin=PIN)

    async def change_password(self) -> None:
        await commands.change_password(self.house.database, self.manager, current_password=PASSWORD, new_password=NEXT)

    async def set_pin(self) -> None:
        await commands.set_pin(self.house.database, self.manager, current_password=PASSWORD, pin="902715")

    async def failures(self) -> int:
        """All that was counted."""
        found: int = await self.house.database.pool.fetchval(
            "select coalesce(sum(failures), 0)::int from sign_in_attempts"
        )
        return found


WAYS = {
    "password": Rush.by_password,
    "password on a tablet": Rush.by_password_on_the_tablet,
    "pin": Rush.by_pin,
    "approval by password": Rush.approve_by_password,
    "approval by pin": Rush.approve_by_pin,
    "another password": Rush.change_password,
    "another pin": Rush.set_pin,
}


@pytest.fixture
async def rush(house: House) -> Rush:
    await house.take_on("MANAGER", "manager")
    await house.take_on("RECEPTIONIST", "ravi")
    await choose_pin(house, "manager")
    token = (await enroll(house, await house.actor("owner"))).token
    ravi = await commands.sign_in(
        house.database, username="ravi", password=PASSWORD, device=REQUEST, tablet_token=token
    )
    return Rush(house, ravi.actor, await house.actor("manager"), token)


@pytest.mark.parametrize("way", WAYS)
async def test_who_finds_the_queue_full_has_not_guessed(rush: Rush, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    with monkeypatch.context() as full:
        full.setattr(passwords.hashing, "under_way", passwords.WAITING_MAX)
        for _ in range(7):
            with pytest.raises(TooManyAttempts) as refused:
                await WAYS[way](rush)
            assert refused.value.retry_after == 2

    assert await rush.failures() == 0
    await WAYS[way](rush)
    assert passwords.hashing.under_way == 0


async def test_strangers_leave_places_for_devices_that_the_account_knows(
    rush: Rush, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = passwords.WAITING_MAX - passwords.KEPT_FOR_KNOWN
    monkeypatch.setattr(passwords.hashing, "under_way", taken)

    for username in ("manager", "nobody"):
        with pytest.raises(TooManyAttempts):
            await rush.house.sign_in(username, device=STRANGER)
    await rush.approve_by_password()
    await rush.approve_by_pin()
    await rush.by_password()
    await rush.by_password_on_the_tablet()
    await rush.by_pin()
    await rush.change_password()

    assert passwords.hashing.under_way == taken
    assert await rush.failures() == 0


async def test_the_last_place_of_strangers_is_given_back_however_the_guess_ends(
    rush: Rush, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "WAITING_MAX", passwords.KEPT_FOR_KNOWN + 1)

    for username in ("manager", "nobody", "owner"):
        with pytest.raises(WrongCredentials):
            await rush.house.sign_in(username, "not the password", STRANGER)

    assert passwords.hashing.under_way == 0


def test_a_place_is_one_place_and_none_once_its_guest_has_gone() -> None:
    with passwords.place() as place:
        for _ in range(2):
            place.take(is_known=False)
        assert passwords.hashing.under_way == 1
    assert passwords.hashing.under_way == 0

    with pytest.raises(TooManyAttempts):
        place.take(is_known=True)
    place.leave()
    assert passwords.hashing.under_way == 0


async def test_without_a_place_before_the_count_a_full_queue_is_a_wrong_guess(
    rush: Rush, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = passwords.verify

    async def late(password: str, password_hash: str | None) -> bool:
        if passwords.hashing.under_way >= passwords.WAITING_MAX:
            raise TooManyAttempts(retry_after=2)
        return await usual(password, password_hash)

    monkeypatch.setattr(passwords.Place, "take", lambda _place, **_: None)
    monkeypatch.setattr(passwords, "verify", late)
    proof: Callable[..., Awaitable[None]] = test_who_finds_the_queue_full_has_not_guessed

    with pytest.raises(AssertionError):
        await proof(rush, monkeypatch, "password")
