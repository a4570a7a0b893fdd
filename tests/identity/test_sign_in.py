"""Signing in: who knows the password gets a session; everybody else gets one and the same answer, ever more slowly."""

import dataclasses
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from salonos.identity import commands, rules
from salonos.identity.commands import passwords
from salonos.identity.problems import TooManyAttempts, WrongCredentials
from salonos.kernel import clock
from salonos.kernel.actor import Actor, Reach
from salonos.kernel.permissions import ROLES
from salonos.kernel.problems import InvalidInput
from tests.identity.makers import PASSWORD, STRANGER, TABLET, House


async def fail(house: House, username: str, device: commands.Device = STRANGER) -> WrongCredentials | TooManyAttempts:
    """What a wrong password is answered with."""
    try:
        await house.sign_in(username, "not the password", device)
    except (WrongCredentials, TooManyAttempts) as problem:
        return problem
    raise AssertionError("a wrong password was taken for right")


async def test_the_right_password_opens_a_session_with_the_persons_rights(house: House) -> None:
    before = clock.utc_now()

    signed_in = await house.sign_in("owner")

    actor = signed_in.actor
    assert (actor.id, actor.name, actor.version) == (house.owner_id, "Asha Owner", 1)
    assert actor.access.permissions == ROLES["OWNER"].permissions
    assert (actor.access.reach, actor.branch_ids) == (Reach.ALL, ())
    assert timedelta(minutes=14, seconds=58) < signed_in.expires_at - before <= timedelta(minutes=15, seconds=2)
    assert len(signed_in.refresh_token) == 43
    row = await house.database.pool.fetchrow("select device_name, is_device_bound, ended_at from sessions")
    assert tuple(row) == ("Front desk", True, None)


async def test_one_branch_and_several_are_different_reaches(house: House) -> None:
    await house.take_on("STAFF", "meera")
    await house.take_on("RECEPTIONIST", "ravi", branches=house.branch_ids)

    meera, ravi = await house.actor("meera"), await house.actor("ravi")

    assert (meera.access.reach, meera.branch_ids) == (Reach.ONE_BRANCH, house.branch_ids[:1])
    assert (ravi.access.reach, set(ravi.branch_ids)) == (Reach.BRANCHES, set(house.branch_ids))
    assert meera.access.own == ROLES["STAFF"].own
    assert (await house.actor("meera")).access is meera.access


async def test_a_username_is_the_same_in_every_spelling_of_it(house: House) -> None:
    assert (await house.sign_in("OWNER")).actor.id == house.owner_id
    assert (await house.sign_in("ｏｗｎｅｒ")).actor.id == house.owner_id


async def test_unknown_and_wrong_are_answered_alike_at_every_step(house: House) -> None:
    known = [await fail(house, "owner") for _ in range(7)]
    elsewhere = dataclasses.replace(STRANGER, address="203.0.113.10")
    unknown = [await fail(house, "nobody", elsewhere) for _ in range(7)]

    assert [type(each) for each in known] == [WrongCredentials] * 5 + [TooManyAttempts] * 2
    assert [(type(each), vars(each)) for each in known] == [(type(each), vars(each)) for each in unknown]


async def test_an_unknown_username_costs_the_same_hash(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bool] = []
    usual = passwords.Hashing.is_right

    def watched(self: passwords.Hashing, password: str, known: str | None) -> bool:
        compared.append(known is not None)
        return usual(self, password, known)

    monkeypatch.setattr(passwords.Hashing, "is_right", watched)

    await fail(house, "owner")
    await fail(house, "nobody")

    assert compared == [True, False]
    used = passwords.hashing.nobodys().split("$")[3]
    known_hash = await house.database.pool.fetchval("select password_hash from staff")
    assert known_hash.split("$")[3] == used


async def test_somebody_without_username_and_somebody_disabled_can_not_sign_in(house: House) -> None:
    await house.take_on("STAFF")
    ravi = await house.take_on("RECEPTIONIST", "ravi")
    owner = await house.actor("owner")
    await house.database.run(owner, lambda work: commands.disable_staff_member(work, ravi, expected_version=1))

    with pytest.raises(WrongCredentials):
        await house.sign_in("ravi")
    with pytest.raises(WrongCredentials):
        await house.sign_in("")


async def test_strangers_wait_longer_and_longer_while_a_known_device_signs_in(house: House) -> None:
    await house.sign_in("owner", device=TABLET)
    answers = [await fail(house, "owner", STRANGER) for _ in range(6)]

    assert isinstance(answers[-1], TooManyAttempts)
    assert answers[-1].retry_after == 1
    with pytest.raises(TooManyAttempts):
        await house.sign_in("owner", PASSWORD, STRANGER)
    assert (await house.sign_in("owner", PASSWORD, TABLET)).actor.id == house.owner_id


async def test_a_right_password_takes_its_count_back(house: House) -> None:
    for _ in range(8):
        await house.sign_in("owner", device=STRANGER)

    rows = await house.database.pool.fetch("select failures from sign_in_attempts")
    assert [row["failures"] for row in rows] == [0] * 4, "the address, strangers, known devices, this one"


async def test_a_refused_attempt_is_counted_although_nothing_else_is_written(house: House) -> None:
    await fail(house, "owner")

    rows = await house.database.pool.fetch("select failures from sign_in_attempts order by 1")
    assert [row["failures"] for row in rows] == [1] * 3, "strangers in a row and of the day, and the address"


async def guesses_in_a_day(house: House, *, stop_after: int) -> int:
    """How many guesses at one account are looked at, of strangers who never give up and come from everywhere."""
    passwords.hashing.hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    database, evaluated = house.database, 0
    start = now = await database.now()
    while now < start + timedelta(days=1) and evaluated < stop_after:
        database.set_clock = now
        answer = await fail(house, "nobody", dataclasses.replace(STRANGER, address=f"198.51.100.{evaluated}"))
        if isinstance(answer, TooManyAttempts):
            now += timedelta(seconds=answer.retry_after)
        else:
            evaluated += 1
    return evaluated


async def test_an_account_is_guessed_at_most_a_hundred_times_a_day(house: House) -> None:
    assert 40 < await guesses_in_a_day(house, stop_after=200) <= 100


async def names_tried(house: House, addresses: list[str]) -> int:
    """How many names are looked at, of strangers who try a name of their own from each address at one moment."""
    passwords.hashing.hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    house.database.set_clock = await house.database.now()
    devices = [dataclasses.replace(STRANGER, address=each) for each in addresses]
    answers = [await fail(house, f"nobody{number}", device) for number, device in enumerate(devices)]
    return [type(each) for each in answers].count(WrongCredentials)


async def test_neighbours_of_a_64_are_counted_together(house: House) -> None:
    assert (
        await names_tried(house, [f"2001:db8:1:2::{number:x}" for number in range(1, 46)])
        == rules.ADDRESS_THROTTLE.free
    )


async def test_an_ipv4_address_is_counted_alike_in_ipv6_s_clothes(house: House) -> None:
    assert (
        await names_tried(house, ["203.0.113.7", "::ffff:203.0.113.7", "::ffff:cb00:7107"] * 15)
        == rules.ADDRESS_THROTTLE.free
    )


async def test_neighbours_of_different_64s_are_counted_apart(house: House) -> None:
    assert await names_tried(house, [f"2001:db8:1:{number:x}::1" for number in range(1, 46)]) == 45


def test_a_device_without_an_id_is_the_same_at_every_address_of_its_64() -> None:
    one, other, elsewhere = (
        commands.Device(address=f"2001:db8:1:{each}", program="till/1") for each in ("2::a", "2::b", "3::a")
    )

    assert one.hash == other.hash
    assert one.hash != elsewhere.hash


async def test_attempts_are_forgotten_after_a_day(house: House) -> None:
    now = await house.database.now()
    house.database.set_clock = now
    for _ in range(5):
        await fail(house, "owner")
    house.database.set_clock = now + rules.ACCOUNT_THROTTLE.forgotten_after + timedelta(seconds=1)

    assert isinstance(await fail(house, "owner"), WrongCredentials)
    assert await house.database.pool.fetchval("select max(failures) from sign_in_attempts") == 1


async def test_too_long_a_password_is_refused_before_it_is_hashed(house: House) -> None:
    for username in ("owner", "nobody"):
        with pytest.raises(InvalidInput) as refused:
            await house.sign_in(username, "x" * 129)
        assert [(issue.path, issue.code) for issue in refused.value.issues] == [(("password",), "TOO_LONG")]

    assert await house.database.pool.fetchval("select count(*) from sign_in_attempts") == 0


async def test_what_no_account_can_have_is_refused_with_everything_that_is_wrong(house: House) -> None:
    device = commands.Device(id="short", name="x" * 200)

    with pytest.raises(InvalidInput) as refused:
        await house.sign_in("a\u202eb", "good enough", device)

    assert [issue.path for issue in refused.value.issues] == [("username",), ("deviceName",), ("deviceId",)]


async def test_the_longest_unused_sessions_make_room_for_a_further_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "SESSIONS_MAX", 3)
    for _ in range(5):
        await house.sign_in("owner")

    rows = await house.database.pool.fetch(
        "select ended_because, count(*) from sessions group by 1 order by 1 nulls first"
    )
    assert [tuple(row) for row in rows] == [(None, 3), ("TOO_MANY_DEVICES", 2)]


async def test_an_old_hash_is_renewed_at_the_next_sign_in(house: House) -> None:
    passwords.hashing.hasher = PasswordHasher(time_cost=3, memory_cost=19_456, parallelism=1)

    await house.sign_in("owner")

    assert "$m=19456,t=3,p=1$" in await house.database.pool.fetchval("select password_hash from staff")
    assert (await house.sign_in("owner")).actor.id == house.owner_id


async def test_who_is_disabled_while_their_password_is_verified_is_not_signed_in(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ravi = await house.take_on("STAFF", "ravi")
    usual = passwords.verify

    async def slowly(password: str, password_hash: str | None) -> bool:
        is_right = await usual(password, password_hash)
        await house.database.run(
            Actor.system(), lambda work: commands.disable_staff_member(work, ravi, expected_version=1)
        )
        return is_right

    monkeypatch.setattr(passwords, "verify", slowly)

    with pytest.raises(WrongCredentials):
        await house.sign_in("ravi")
    assert await house.database.pool.fetchval("select count(*) from sessions") == 0


async def test_a_device_name_is_no_part_of_the_audit_trail(house: House) -> None:
    await house.sign_in("owner", device=dataclasses.replace(TABLET, name="Canary tablet"))

    rows = await house.database.pool.fetch("select a::text as entry from audit_log a where table_name = 'sessions'")
    assert len(rows) == 1
    assert "Canary" not in rows[0]["entry"]
