"""Nobody learns who works here from how much the database is asked: each wrong guess costs the same statements."""

from collections.abc import Awaitable, Callable

import pytest

from salonos.identity import commands, rules
from salonos.identity.problems import PinBlocked, TooManyAttempts, WrongCredentials
from salonos.kernel.actor import Actor
from tests.identity.makers import STRANGER, House
from tests.identity.test_pins import REQUEST, choose_pin, enroll
from tests.statements import Statements

GUESSES = 6
"""One more than are free."""


async def statements(house: House, guess: Callable[[], Awaitable[object]]) -> list[list[str]]:
    """The statements of each guess, one after the other."""
    found = []
    for _ in range(GUESSES):
        with Statements(house.database).counted() as asked:
            with pytest.raises((WrongCredentials, PinBlocked, TooManyAttempts)):
                await guess()
            found.append([text.split(" WHERE ")[0] for text in asked])
    return found


async def test_every_wrong_guess_costs_the_same_statements(house: House) -> None:
    owner: Actor = await house.actor("owner")
    tablet = await enroll(house, owner)
    await house.take_on("RECEPTIONIST", "ravi")
    await house.take_on("STAFF", "unpinned")
    await choose_pin(house, "ravi")
    ravi = (await house.sign_in("ravi")).actor
    request = commands.ApprovalRequest(
        action=rules.ApprovalAction.BILL_DISCOUNT,
        branch_id=house.branch_ids[0],
        object_id=None,
        ceiling_paise=50_000,
    )

    def ways(username: str) -> dict[str, Callable[[], Awaitable[object]]]:
        secret = commands.Secret(username=username, password="not the password", pin=None)
        return {
            "password": lambda: house.sign_in(username, "not the password", STRANGER),
            "pin": lambda: commands.sign_in_with_pin(
                house.database, username=username, pin="7391", tablet_token=tablet.token, device=REQUEST
            ),
            "approval": lambda: commands.approve(house.database, ravi, request, by=secret, device=commands.Device()),
        }

    for way in ("password", "pin", "approval"):
        asked = {}
        for username in ("ravi", "unpinned", "nobody"):
            await house.database.pool.execute("delete from sign_in_attempts")
            asked[username] = await statements(house, ways(username)[way])
        assert asked["ravi"] == asked["unpinned"] == asked["nobody"], way
        assert all(asked["nobody"])
