"""PINs: good on enrolled tablets only, for five tries; the next person's sign-in is the last one's sign-out."""

import dataclasses
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from salonos.identity import commands, rules
from salonos.identity.commands import SignedIn, tablets, throttling
from salonos.identity.problems import (
    PinBlocked,
    SessionEnded,
    TabletNotEnrolled,
    TooManyAttempts,
    WrongCredentials,
)
from salonos.kernel.actor import Actor
from salonos.kernel.problems import Forbidden, InvalidInput, Unauthenticated
from tests.identity.makers import PASSWORD, STRANGER, House

PIN = "8264"
OTHER_PIN = "902715"
REQUEST = commands.Device(address="10.0.0.8", program="tablet/1")


@dataclasses.dataclass
class Desk:
    """A tablet at the first branch; Ravi, who has a PIN; Meera, who has one too; and the owner."""

    house: House
    owner: Actor
    tablet_id: UUID
    token: str
    ravi_id: UUID
    meera_id: UUID

    async def sign_in(self, username: str, pin: str = PIN, *, token: str | None = None) -> SignedIn:
        """With a PIN."""
        return await commands.sign_in_with_pin(
            self.house.database, username=username, pin=pin, tablet_token=token or self.token, device=REQUEST
        )

    async def refusal(self, username: str, pin: str = "7391") -> Exception:
        """What a PIN is refused with."""
        try:
            await self.sign_in(username, pin)
        except (WrongCredentials, PinBlocked, TooManyAttempts) as problem:
            return problem
        raise AssertionError("a wrong PIN was taken for right")

    async def kinds(self, username: str, times: int) -> list[type[Exception]]:
        """The refusals of so many wrong PINs."""
        return [type(await self.refusal(username)) for _ in range(times)]

    async def live(self, signed_in: SignedIn) -> bool:
        """Whether a session lives."""
        ended_at = await self.house.database.pool.fetchval(
            "select ended_at from sessions where id = $1", signed_in.actor.session_id
        )
        return ended_at is None


async def enroll(house: House, owner: Actor, name: str = "Front desk", place: int = 0) -> tablets.Enrolled:
    return await house.database.run(
        owner, lambda work: commands.enroll_tablet(work, branch_id=house.branch_ids[place], name=name)
    )


async def choose_pin(house: House, username: str, pin: str | None = PIN) -> None:
    actor = (await house.sign_in(username)).actor
    await commands.set_pin(house.database, actor, current_password=PASSWORD, pin=pin)


@pytest.fixture
async def desk(house: House) -> Desk:
    owner = await house.actor("owner")
    enrolled = await enroll(house, owner)
    ravi_id, meera_id = await house.take_on("RECEPTIONIST", "ravi"), await house.take_on("STAFF", "meera")
    await choose_pin(house, "ravi")
    await choose_pin(house, "meera", OTHER_PIN)
    return Desk(house, owner, enrolled.tablet_id, enrolled.token, ravi_id, meera_id)


async def test_a_pin_opens_a_session_on_an_enrolled_tablet(desk: Desk) -> None:
    signed_in = await desk.sign_in("RAVI")

    assert signed_in.actor.id == desk.ravi_id
    row = await desk.house.database.pool.fetchrow(
        "select tablet_id, device_name, is_device_bound from sessions where id = $1", signed_in.actor.session_id
    )
    assert tuple(row) == (desk.tablet_id, "Front desk", True)


async def test_the_next_person_ends_the_session_of_the_last_one_on_that_tablet_only(desk: Desk) -> None:
    other = await enroll(desk.house, desk.owner, "Back room")
    elsewhere = await desk.sign_in("ravi", token=other.token)
    ravi = await desk.sign_in("ravi")

    meera = await desk.sign_in("meera", OTHER_PIN)

    assert [await desk.live(each) for each in (ravi, meera, elsewhere)] == [False, True, True]
    with pytest.raises(Unauthenticated):
        await desk.house.identity().authenticate(ravi.access_token, fresh=True)
    with pytest.raises(SessionEnded):
        await commands.refresh(
            desk.house.database,
            refresh_token=ravi.refresh_token,
            device=dataclasses.replace(REQUEST, id=desk.token),
        )


async def test_a_password_on_the_tablet_switches_too(desk: Desk) -> None:
    ravi = await desk.sign_in("ravi")

    owner = await commands.sign_in(
        desk.house.database, username="owner", password=PASSWORD, device=REQUEST, tablet_token=desk.token
    )

    assert [await desk.live(each) for each in (ravi, owner)] == [False, True]


async def test_who_leaves_a_tablet_alone_for_twelve_hours_is_signed_out(desk: Desk) -> None:
    database = desk.house.database
    database.set_clock = start = await database.now()
    first, device = await desk.sign_in("ravi"), dataclasses.replace(REQUEST, id=desk.token)
    database.set_clock = start + timedelta(hours=11, minutes=59)
    second = await commands.refresh(database, refresh_token=first.refresh_token, device=device)

    database.set_clock += rules.SHARED_DEVICE_IDLE

    with pytest.raises(SessionEnded):
        await commands.refresh(database, refresh_token=second.refresh_token, device=device)


async def test_after_five_wrong_pins_only_the_password_helps(desk: Desk) -> None:
    assert await desk.kinds("ravi", 7) == [WrongCredentials] * 5 + [PinBlocked] * 2
    other = await enroll(desk.house, desk.owner, "Back room")
    with pytest.raises(PinBlocked):
        await desk.sign_in("ravi", token=other.token)
    desk.house.database.set_clock = await desk.house.database.now() + timedelta(days=365)
    await desk.house.sign_in("owner")  # sweeps old counts away
    with pytest.raises(PinBlocked):
        await desk.sign_in("ravi")

    await desk.house.sign_in("ravi", device=STRANGER)

    assert (await desk.sign_in("ravi")).actor.id == desk.ravi_id


async def test_the_owner_is_told_of_a_blocked_pin_once(desk: Desk) -> None:
    await desk.kinds("ravi", 7)

    rows = await desk.house.database.pool.fetch("select kind, staff_id from security_notices")
    assert [tuple(row) for row in rows] == [("PIN_BLOCKED", desk.ravi_id)]
    events = await desk.house.database.pool.fetch("select subject_id from outbox_events where kind = 'PinBlocked'")
    assert [row["subject_id"] for row in events] == [desk.ravi_id]


async def test_a_right_pin_takes_the_wrong_ones_back(desk: Desk) -> None:
    for _ in range(2):
        assert await desk.kinds("ravi", 4) == [WrongCredentials] * 4
        await desk.sign_in("ravi")


async def test_who_tries_four_pins_before_each_right_one_blocks_it_and_the_owner_is_told(desk: Desk) -> None:
    for _ in range(2):
        await desk.kinds("ravi", 4)
        await desk.sign_in("ravi")
    desk.house.database.set_clock = await desk.house.database.now() + timedelta(hours=3, minutes=59)

    assert await desk.kinds("ravi", 5) == [WrongCredentials] * 4 + [PinBlocked]
    with pytest.raises(PinBlocked):
        await desk.sign_in("ravi")
    rows = await desk.house.database.pool.fetch("select kind, staff_id from security_notices")
    assert [tuple(row) for row in rows] == [("PIN_BLOCKED", desk.ravi_id)]
    desk.house.database.set_clock += timedelta(days=365)
    with pytest.raises(PinBlocked):
        await desk.sign_in("ravi")
    await desk.house.sign_in("ravi", device=STRANGER)
    assert await desk.kinds("ravi", 4) == [WrongCredentials] * 4
    assert (await desk.sign_in("ravi")).actor.id == desk.ravi_id


async def test_a_right_pin_as_the_twelfth_try_blocks_nothing(desk: Desk) -> None:
    for wrong in (4, 4, 3):
        await desk.kinds("ravi", wrong)
        await desk.sign_in("ravi")
    await desk.sign_in("ravi")

    assert await desk.house.database.pool.fetchval("select count(*) from security_notices") == 0


async def test_without_the_days_count_a_colleague_tries_pins_for_ever(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "PINS_A_DAY", dataclasses.replace(rules.PINS_A_DAY, at_once=1_000))

    with pytest.raises(AssertionError):
        await test_who_tries_four_pins_before_each_right_one_blocks_it_and_the_owner_is_told(desk)


async def test_nobody_learns_who_works_here_or_has_a_pin(desk: Desk) -> None:
    await desk.house.take_on("STAFF", "unpinned")
    await desk.house.take_on("STAFF", "elsewhere", branches=desk.house.branch_ids[1:])
    await choose_pin(desk.house, "elsewhere")

    answers = {}
    for username in ("ravi", "nobody", "unpinned", "elsewhere"):
        # The tablet's own count is of all of them together.
        await desk.house.database.pool.execute("delete from sign_in_attempts")
        refused = [await desk.refusal(username) for _ in range(6)]
        answers[username] = [(type(each), vars(each)) for each in refused]

    assert len({repr(each) for each in answers.values()}) == 1
    assert [kind for kind, _ in answers["nobody"]] == [WrongCredentials] * 5 + [PinBlocked]


async def test_a_right_pin_of_another_branch_is_a_wrong_one(desk: Desk) -> None:
    there = await enroll(desk.house, desk.owner, "Other branch", 1)

    with pytest.raises(WrongCredentials):
        await desk.sign_in("ravi", token=there.token)


async def test_a_tablet_that_tries_everybodys_pins_waits(desk: Desk) -> None:
    kinds = [type(await desk.refusal(f"nobody{number}")) for number in range(25)]

    assert kinds == [WrongCredentials] * 20 + [TooManyAttempts] * 5
    assert (await desk.house.sign_in("ravi")).actor.id == desk.ravi_id


async def test_a_tablet_that_tries_everybodys_passwords_waits(desk: Desk) -> None:
    async def guess(number: int) -> type[Exception]:
        with pytest.raises((WrongCredentials, TooManyAttempts)) as refused:
            await commands.sign_in(
                desk.house.database,
                username=f"nobody{number}",
                password="not the password",
                device=REQUEST,
                tablet_token=desk.token,
            )
        return refused.type

    kinds = [await guess(number) for number in range(25)]

    assert kinds == [WrongCredentials] * 20 + [TooManyAttempts] * 5
    assert type(await desk.refusal("meera")) is TooManyAttempts
    assert (await desk.house.sign_in("ravi")).actor.id == desk.ravi_id


async def test_without_its_own_count_a_tablet_tries_everybodys_passwords(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = throttling.buckets

    def forgetful(account: str, origin: throttling.Origin, **given: Any) -> throttling.Counted:
        return usual(account, dataclasses.replace(origin, tablet_id=None), **given)

    monkeypatch.setattr(throttling, "buckets", forgetful)

    with pytest.raises(AssertionError):
        await test_a_tablet_that_tries_everybodys_passwords_waits(desk)


async def test_a_pin_is_good_for_nothing_elsewhere(desk: Desk) -> None:
    for token in ("", "x", desk.token[:-1], "\ud800", "é" * 50):
        with pytest.raises(TabletNotEnrolled):
            await desk.sign_in("ravi", token=token or "-")
    with pytest.raises(WrongCredentials):
        await desk.house.sign_in("ravi", PIN)


async def test_a_revoked_tablet_is_out_with_whoever_uses_it(desk: Desk) -> None:
    ravi = await desk.sign_in("ravi")

    for _ in range(2):
        await desk.house.database.run(desk.owner, lambda work: commands.revoke_tablet(work, desk.tablet_id))

    assert not await desk.live(ravi)
    with pytest.raises(TabletNotEnrolled):
        await desk.sign_in("ravi")
    with pytest.raises(InvalidInput) as refused:
        await commands.sign_in(
            desk.house.database, username="ravi", password=PASSWORD, device=REQUEST, tablet_token=desk.token
        )
    assert refused.value.issues[0].path == ("tabletToken",)
    kinds = await desk.house.database.pool.fetch("select kind from outbox_events where kind like 'Tablet%' order by id")
    assert [row["kind"] for row in kinds] == ["TabletEnrolled", "TabletRevoked"]


async def test_a_tablet_is_enrolled_by_who_administers_people_at_its_branch(desk: Desk) -> None:
    house = desk.house
    await house.take_on("MANAGER", "manager")
    manager, ravi = await house.actor("manager"), await house.actor("ravi")

    own = await enroll(house, manager, "Mine")
    with pytest.raises(InvalidInput):
        await enroll(house, manager, "Theirs", 1)
    with pytest.raises(InvalidInput):
        await enroll(house, manager, " ")
    with pytest.raises(Forbidden):
        await enroll(house, ravi)
    there = await enroll(house, desk.owner, "Theirs", 1)
    with pytest.raises(InvalidInput):
        await house.database.run(manager, lambda work: commands.revoke_tablet(work, there.tablet_id))
    with pytest.raises(Forbidden):
        await house.database.run(ravi, lambda work: commands.revoke_tablet(work, own.tablet_id))


async def test_only_hashes_of_tokens_and_pins_are_stored(desk: Desk) -> None:
    rows = await desk.house.database.pool.fetch(
        "select t.*::text as t, s.*::text as s from tablets t, staff s where pin_hash is not null"
    )
    stored = str([tuple(row) for row in rows])

    assert desk.token not in stored
    assert "$argon2id$" in stored
    audit = await desk.house.database.pool.fetch("select changes::text as c from audit_log")
    assert not [row for row in audit if "argon2" in row["c"] or desk.token in row["c"]]
    assert [row for row in audit if '"pin_hash": "changed"' in row["c"]]


async def test_another_pin_ends_sessions_on_tablets_and_needs_the_password(desk: Desk) -> None:
    on_tablet, at_home = await desk.sign_in("ravi"), await desk.house.sign_in("ravi", device=STRANGER)
    with pytest.raises(WrongCredentials):
        await commands.set_pin(desk.house.database, at_home.actor, current_password="wrong wrong", pin="9073")

    await commands.set_pin(desk.house.database, at_home.actor, current_password=PASSWORD, pin="9073")

    assert [await desk.live(each) for each in (on_tablet, at_home)] == [False, True]
    assert type(await desk.refusal("ravi", PIN)) is WrongCredentials
    await desk.sign_in("ravi", "9073")
    await choose_pin(desk.house, "ravi", None)
    assert type(await desk.refusal("ravi", "9073")) is WrongCredentials


async def test_who_gets_a_new_password_has_no_pin_any_more(desk: Desk) -> None:
    await commands.reset_password(desk.house.database, desk.owner, desk.ravi_id, new_password="seven green kettles")

    assert type(await desk.refusal("ravi", PIN)) is WrongCredentials


@pytest.mark.parametrize(
    "pin",
    [
        *("123", "1234567", "12a4", "१२३४", "12 4", ""),
        *("1234", "0000", "4321", "7890", "1212", "1122", "2580", "1998", "2024", "3112", "1231", "0101", "6969"),
        *("123456", "654321", "111111", "121212", "123123", "112233", "150892", "920815", "147258", "081592"),
    ],
)
async def test_what_others_would_try_first_is_no_pin(pin: str) -> None:
    assert rules.pin_fault(pin) is not None


def test_most_pins_are_good() -> None:
    good = sum(rules.pin_fault(f"{number:04d}") is None for number in range(10_000))
    assert good > 7_500
    assert rules.pin_fault("902715") is None
    assert rules.pin_fault("84629") is None
