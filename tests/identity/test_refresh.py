"""Staying signed in: a refresh token is good for one use, and a copy of it ends the session."""

import asyncio
import dataclasses
import subprocess
import sys
from datetime import datetime, timedelta

import pytest

from salonos.identity import commands, rules
from salonos.identity.commands import SignedIn
from salonos.identity.problems import SessionEnded
from salonos.kernel.actor import Actor
from salonos.kernel.problems import InvalidInput, Unauthenticated
from tests.conftest import SECRET
from tests.identity.makers import STRANGER, TABLET, House

AT_ONCE = 1_000
UNNAMED = commands.Device(name="Old browser", address="10.0.0.7", program="firefox")


async def refresh(house: House, token: str, device: commands.Device = TABLET) -> SignedIn:
    return await commands.refresh(house.database, refresh_token=token, device=device)


async def is_over(house: House, token: str, device: commands.Device = TABLET) -> bool:
    try:
        await refresh(house, token, device)
    except SessionEnded:
        return True
    return False


async def end_reason(house: House) -> str | None:
    reason: str | None = await house.database.pool.fetchval("select ended_because from sessions")
    return reason


async def set_clock(house: House, later: timedelta, *, since: datetime | None = None) -> datetime:
    house.database.set_clock = (since or await house.database.now()) + later
    return house.database.set_clock


async def test_a_refresh_token_is_answered_with_new_tokens_of_the_same_session(house: House) -> None:
    first = await house.sign_in("owner")

    second = await refresh(house, first.refresh_token)

    assert second.refresh_token != first.refresh_token
    assert second.actor == first.actor
    assert await house.identity().authenticate(second.access_token) == first.actor
    third = await refresh(house, second.refresh_token)
    assert third.actor.session_id == first.actor.session_id


async def test_only_hashes_of_tokens_are_stored(house: House) -> None:
    first = await house.sign_in("owner")
    second = await refresh(house, first.refresh_token)

    stored = str(
        [tuple(row) for row in await house.database.pool.fetch("select t.*, s.* from refresh_tokens t, sessions s")]
    )
    for token in (first.refresh_token, second.refresh_token, TABLET.id or ""):
        assert token not in stored
    assert str(rules.token_hash(second.refresh_token)) in stored


async def test_many_refreshes_of_one_token_at_once_leave_one_live_descendant(house: House) -> None:
    token = (await house.sign_in("owner")).refresh_token
    await set_clock(house, timedelta(0))  # on a slow machine they would outlast the grace

    connections = asyncio.Semaphore(10)

    async def when_connected() -> SignedIn:
        async with connections:
            return await refresh(house, token)

    answers = await asyncio.gather(*(when_connected() for _ in range(AT_ONCE)))

    assert len({answer.refresh_token for answer in answers}) == 1
    rows = await house.database.pool.fetch("select generation, used_at is null as live from refresh_tokens order by 1")
    assert [tuple(row) for row in rows] == [(1, False), (2, True)]
    assert await end_reason(house) is None


async def test_a_lost_response_is_repeated_for_ten_seconds(house: House) -> None:
    token = (await house.sign_in("owner")).refresh_token
    used_at = await set_clock(house, timedelta(0))
    successor = (await refresh(house, token)).refresh_token

    await set_clock(house, timedelta(seconds=10), since=used_at)

    assert (await refresh(house, token)).refresh_token == successor
    assert (await refresh(house, successor)).refresh_token != successor


async def test_a_used_token_after_the_grace_ends_the_session(house: House) -> None:
    token = (await house.sign_in("owner")).refresh_token
    used_at = await set_clock(house, timedelta(0))
    successor = (await refresh(house, token)).refresh_token
    await set_clock(house, timedelta(seconds=10, microseconds=1), since=used_at)

    assert await is_over(house, token)

    assert await is_over(house, successor)
    assert await end_reason(house) == "STOLEN"
    events = await house.database.pool.fetch("select kind, payload::jsonb ->> 'staff_id' as who from outbox_events")
    assert [tuple(row) for row in events] == [("RefreshTokenStolen", house.owner_id.hex)]
    notices = await house.database.pool.fetch("select kind, staff_id from security_notices")
    assert [tuple(row) for row in notices] == [("SESSION_STOLEN", house.owner_id)]


async def test_a_thief_who_comes_first_is_found_out_by_the_victim(house: House) -> None:
    token = (await house.sign_in("owner", device=UNNAMED)).refresh_token
    thiefs = (await refresh(house, token, STRANGER)).refresh_token

    assert await is_over(house, token, UNNAMED)

    assert await is_over(house, thiefs, STRANGER)
    assert await end_reason(house) == "STOLEN"


async def test_a_thief_who_comes_second_is_found_out_at_once(house: House) -> None:
    token = (await house.sign_in("owner", device=UNNAMED)).refresh_token
    victims = (await refresh(house, token, UNNAMED)).refresh_token

    assert await is_over(house, token, STRANGER)

    assert await is_over(house, victims, UNNAMED)


async def test_a_grandparent_is_no_lost_response_even_within_the_grace(house: House) -> None:
    grandparent = (await house.sign_in("owner")).refresh_token
    parent = (await refresh(house, grandparent)).refresh_token
    live = (await refresh(house, parent)).refresh_token

    assert await is_over(house, grandparent)

    assert await is_over(house, live)
    assert await end_reason(house) == "STOLEN"


async def test_a_session_that_began_with_a_device_id_is_bound_to_it(house: House) -> None:
    token = (await house.sign_in("owner")).refresh_token

    assert await is_over(house, token, dataclasses.replace(TABLET, id=STRANGER.id))

    assert await is_over(house, token)
    assert await end_reason(house) == "STOLEN"


async def test_a_bound_device_may_move_to_another_network(house: House) -> None:
    token = (await house.sign_in("owner")).refresh_token

    moved = dataclasses.replace(TABLET, address="100.64.3.2", program="tablet/2")

    assert not await is_over(house, token, moved)


async def test_a_device_that_is_not_used_for_seven_days_is_signed_out(house: House) -> None:
    now = await set_clock(house, timedelta(0))
    token = (await house.sign_in("owner")).refresh_token

    await set_clock(house, timedelta(days=7), since=now)

    assert await is_over(house, token)
    assert await end_reason(house) is None


async def test_a_device_that_is_used_daily_signs_in_again_after_thirty_days(house: House) -> None:
    start = await set_clock(house, timedelta(0))
    token = (await house.sign_in("owner")).refresh_token
    for day in range(1, 30):
        await set_clock(house, timedelta(days=day), since=start)
        token = (await refresh(house, token)).refresh_token

    await set_clock(house, timedelta(days=30), since=start)

    assert await is_over(house, token)


async def test_what_is_no_refresh_token_is_answered_as_one_that_is_over(house: House) -> None:
    signed_in = await house.sign_in("owner")

    for token in ("", "x", "\u0000", "\ud800", "é" * 5000, signed_in.access_token):
        assert await is_over(house, token)
    with pytest.raises(InvalidInput):
        await refresh(house, signed_in.refresh_token, dataclasses.replace(TABLET, id="short"))
    with pytest.raises(Unauthenticated):
        await house.identity().authenticate(signed_in.refresh_token)
    assert not await is_over(house, signed_in.refresh_token)


async def test_who_is_disabled_is_refreshed_no_more(house: House) -> None:
    ravi = await house.take_on("RECEPTIONIST", "ravi")
    token = (await house.sign_in("ravi")).refresh_token
    owner = await house.actor("owner")

    await house.database.run(owner, lambda work: commands.disable_staff_member(work, ravi, expected_version=1))

    assert await is_over(house, token)


async def test_a_process_killed_between_the_commit_and_the_answer_signs_nobody_out(house: House) -> None:
    token = (await house.sign_in("owner")).refresh_token
    program = f"""
import asyncio
from salonos.identity import commands
from salonos.kernel import crypto
from salonos.kernel.database import Database

async def main():
    crypto.configure(crypto.Keyring({SECRET!r}))
    database = await Database.open({house.database.url!r})
    await commands.refresh(database, refresh_token={token!r}, device=commands.Device(**{vars(TABLET)!r}))

asyncio.run(main())
"""
    killed = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], env={"SALONOS_FAILPOINT": "after_refresh"}, check=False
    )

    assert killed.returncode == 137
    assert not await is_over(house, token)


async def test_old_sessions_and_tokens_are_forgotten(house: House) -> None:
    start = await set_clock(house, timedelta(0))
    token = (await house.sign_in("owner")).refresh_token
    await refresh(house, token)
    await set_clock(house, timedelta(days=91), since=start)

    await house.sign_in("owner")

    assert await house.database.pool.fetchval("select count(*) from sessions") == 1
    assert await house.database.pool.fetchval("select count(*) from refresh_tokens") == 1
    assert Actor.system().session_id is None
