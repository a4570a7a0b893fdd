"""Changing one's own password, resetting another's, and which passwords are accepted."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

import pytest

from salonos.identity import commands
from salonos.identity.commands import passwords
from salonos.identity.problems import RightsBeyondYours, SessionEnded, TooManyAttempts, WrongCredentials
from salonos.kernel.actor import Actor
from salonos.kernel.ids import new_id
from salonos.kernel.problems import InvalidInput, Unauthenticated
from tests.identity.makers import PASSWORD, STRANGER, TABLET, House

NEXT = "seven green kettles"


async def test_a_changed_password_is_the_only_one_and_other_devices_are_signed_out(house: House) -> None:
    here, elsewhere = await house.sign_in("owner"), await house.sign_in("owner", device=STRANGER)

    await commands.change_password(house.database, here.actor, current_password=PASSWORD, new_password=NEXT)

    with pytest.raises(WrongCredentials):
        await house.sign_in("owner")
    assert (await house.sign_in("owner", NEXT)).actor.id == house.owner_id
    assert await house.identity().authenticate(here.access_token) == here.actor
    with pytest.raises(SessionEnded):
        await commands.refresh(house.database, refresh_token=elsewhere.refresh_token, device=STRANGER)


async def test_the_present_password_is_demanded_and_guesses_at_it_are_counted(house: House) -> None:
    owner = await house.actor("owner")

    async def change(current: str) -> str:
        try:
            await commands.change_password(house.database, owner, current_password=current, new_password=NEXT)
        except (WrongCredentials, TooManyAttempts) as problem:
            return type(problem).__name__
        return "changed"

    assert [await change("a guess") for _ in range(6)] == ["WrongCredentials"] * 5 + ["TooManyAttempts"]
    assert await change(PASSWORD) == "TooManyAttempts"
    assert (await house.sign_in("owner")).actor.id == house.owner_id


async def test_a_weak_new_password_changes_nothing(house: House) -> None:
    owner = await house.actor("owner")

    for weak, code in (
        ("short", "TOO_SHORT"),
        ("x" * 129, "TOO_LONG"),
        ("Password@123", "TOO_COMMON"),
        ("Asha Owner 1", "TOO_COMMON"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await commands.change_password(house.database, owner, current_password=PASSWORD, new_password=weak)
        assert [(issue.path, issue.code) for issue in refused.value.issues] == [(("newPassword",), code)]

    assert (await house.sign_in("owner")).actor.id == house.owner_id
    assert await house.database.pool.fetchval("select coalesce(sum(failures), 0)::int from sign_in_attempts") == 0


async def test_a_change_while_the_password_is_reset_loses(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ravi_id = await house.take_on("STAFF", "ravi")
    ravi, owner = await house.actor("ravi"), await house.actor("owner")
    reached, go_on = asyncio.Event(), asyncio.Event()
    usual = passwords.new_hash

    async def slowly(password: str, **more: Any) -> str:
        monkeypatch.setattr(passwords, "new_hash", usual)
        reached.set()
        await go_on.wait()
        return await usual(password, **more)

    monkeypatch.setattr(passwords, "new_hash", slowly)
    changing = asyncio.ensure_future(
        commands.change_password(house.database, ravi, current_password=PASSWORD, new_password=NEXT)
    )
    await reached.wait()
    await commands.reset_password(house.database, owner, ravi_id, new_password="the owner's choice")
    go_on.set()

    with pytest.raises(Unauthenticated):
        await changing
    assert (await house.sign_in("ravi", "the owner's choice")).actor.id == ravi_id


async def test_nobody_is_not_asked_for_a_password(house: House) -> None:
    with pytest.raises(Unauthenticated):
        await commands.change_password(house.database, Actor.system(), current_password=PASSWORD, new_password=NEXT)


async def test_a_reset_password_signs_the_person_out_everywhere(house: House) -> None:
    ravi_id = await house.take_on("RECEPTIONIST", "ravi")
    ravi, owner = await house.sign_in("ravi"), await house.actor("owner")

    await commands.reset_password(house.database, owner, ravi_id, new_password=NEXT)

    with pytest.raises(Unauthenticated):
        await house.identity().authenticate(ravi.access_token)
    with pytest.raises(SessionEnded):
        await commands.refresh(house.database, refresh_token=ravi.refresh_token, device=TABLET)
    assert (await house.sign_in("ravi", NEXT)).actor.id == ravi_id


async def test_a_password_is_reset_of_others_within_ones_rights_only(house: House) -> None:
    owner, meera = await house.actor("owner"), await house.take_on("STAFF")
    await house.take_on("MANAGER", "manager", branches=())
    manager = await house.actor("manager")

    async def code(by: Actor, who: object) -> str:
        with pytest.raises(InvalidInput) as refused:
            await commands.reset_password(house.database, by, who, new_password=NEXT)  # type: ignore[arg-type]  # an id
        return refused.value.issues[0].code

    assert await code(owner, owner.id) == "OWN_PASSWORD"
    assert await code(owner, meera) == "NO_USERNAME"
    assert await code(owner, new_id()) == "NOT_FOUND"
    with pytest.raises(RightsBeyondYours):
        await commands.reset_password(house.database, manager, house.owner_id, new_password=NEXT)


async def test_accents_are_the_same_however_the_keyboard_composes_them(house: House) -> None:
    composed, decomposed = "caf\u00e9 au lait noir", "cafe\u0301 au lait noir"
    owner = await house.actor("owner")
    await commands.change_password(house.database, owner, current_password=PASSWORD, new_password=composed)

    assert (await house.sign_in("owner", decomposed)).actor.id == house.owner_id


async def test_hashes_are_made_two_at_once_and_a_long_queue_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAITING_MAX", 8)
    waiting = [asyncio.ensure_future(passwords.hash_of("a secret")) for _ in range(passwords.WAITING_MAX)]
    await asyncio.sleep(0)

    with pytest.raises(TooManyAttempts) as refused:
        await passwords.hash_of("a secret")

    assert refused.value.retry_after == 2
    assert len(await asyncio.gather(*waiting)) == passwords.WAITING_MAX
    assert passwords.hashing.under_way == 0
    assert passwords.hashing._threads._max_workers == 2


async def test_the_loop_turns_while_a_password_is_hashed() -> None:
    verifying = asyncio.ensure_future(passwords.verify("a guess", None))
    turns = 0
    while not verifying.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 10


async def test_a_hash_that_is_none_is_never_right() -> None:
    assert not await passwords.verify("a guess", "no hash at all")
    assert not await passwords.verify("nobody's password", None)
    assert not await passwords.verify("x" * 129, None)
    assert not await passwords.verify("\ud800 not text", None)


async def test_passwords_are_nowhere_but_in_their_hash(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    canary = "canary-kettle-4711"
    ravi = await house.take_on("STAFF", "ravi")
    owner = await house.actor("owner")

    await commands.reset_password(house.database, owner, ravi, new_password=canary)
    with pytest.raises(WrongCredentials):
        await house.sign_in(canary, canary)
    signed_in = await house.sign_in("ravi", canary)
    with pytest.raises(InvalidInput) as refused:
        await commands.change_password(house.database, signed_in.actor, current_password=canary, new_password="short")

    tables = [
        row[0] for row in await house.database.pool.fetch("select tablename from pg_tables where schemaname = 'public'")
    ]
    stored = [
        str(await house.database.pool.fetch(f'select t::text from "{each}" t'))
        for each in tables
        if each != "alembic_version"
    ]
    for secret in (canary, signed_in.refresh_token, signed_in.access_token):
        assert secret not in caplog.text
        assert secret not in repr(signed_in)
        assert not any(secret in text for text in stored)
    assert canary not in str(refused.value)
    assert canary not in repr(commands.NewOwner(display_name="A", username="a", password=canary))


async def test_passwords_that_became_known_are_refused_wherever_one_is_chosen(house: House) -> None:
    known = passwords.known_passwords()
    owner = await house.actor("owner")

    async def refused(attempt: Awaitable[object]) -> tuple[object, str]:
        with pytest.raises(InvalidInput) as problem:
            await attempt
        (issue,) = problem.value.issues
        return issue.path[0], issue.code

    assert len(known) > 25_000
    for password in ("starwars", "Liverpool#9", "q1w2e3r4t5", "corvette", "1qaz2wsx"):
        assert await refused(commands.new_hash(password)) == ("password", "TOO_COMMON")
    new = commands.NewOwner(display_name="Meera", username="meera", password="samantha")
    take_on = house.database.run(Actor.system(), lambda work: commands.create_owner(work, new))
    assert await refused(take_on) == ("password", "TOO_COMMON")
    change = commands.change_password(house.database, owner, current_password=PASSWORD, new_password="Midnight.7")
    assert await refused(change) == ("newPassword", "TOO_COMMON")
