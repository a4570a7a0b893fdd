"""A transaction looks for itself whether its actor may still write: no sign-out slips in after the look at the token."""

import asyncpg
import pytest

from salonos.identity import commands, rules
from salonos.kernel.database import Database, plain_url
from salonos.kernel.idempotency import Claim
from salonos.kernel.problems import Unauthenticated
from salonos.kernel.work import Work
from tests.identity.makers import House

CLAIM_KEY = "a-key-of-this-test"


async def write(house: House, work: Work) -> None:
    """Something that leaves a row."""
    new = commands.NewStaffMember(
        display_name="Too late", role_id=rules.BUILT_IN_ROLE_IDS["STAFF"], branch_ids=house.branch_ids[:1]
    )
    await commands.create_staff_member(work, new)


async def written(database: Database) -> int:
    found: int = await database.pool.fetchval("select count(*) from staff where display_name = 'Too late'")
    return found


@pytest.mark.parametrize("key", [None, CLAIM_KEY])
async def test_who_was_signed_out_since_the_token_was_looked_at_writes_nothing(house: House, key: str | None) -> None:
    token = (await house.sign_in("owner")).access_token
    actor = await house.identity().authenticate(token, fresh=True)
    claim = None if key is None else Claim(actor.id, key, b"fingerprint")
    await house.database.run(actor, commands.sign_out)

    with pytest.raises(Unauthenticated):
        await house.database.run(actor, lambda work: write(house, work), claim=claim)

    assert await written(house.database) == 0
    assert await house.database.pool.fetchval("select count(*) from idempotency_keys") == 0


async def test_who_was_demoted_since_then_writes_nothing(house: House) -> None:
    await house.take_on("OWNER", "second", branches=())
    second, owner = await house.actor("second"), await house.actor("owner")
    change = commands.StaffChange(role_id=rules.BUILT_IN_ROLE_IDS["STAFF"])
    await house.database.run(
        owner, lambda work: commands.update_staff_member(work, second.id, change, expected_version=1)
    )

    with pytest.raises(Unauthenticated):
        await house.database.run(second, lambda work: write(house, work))

    assert await written(house.database) == 0


async def test_a_first_answer_is_not_repeated_to_who_was_signed_out(house: House) -> None:
    actor = await house.actor("owner")
    claim = Claim(actor.id, CLAIM_KEY, b"fingerprint")

    async def once(work: Work) -> None:
        await work.record({"secret": True})

    await house.database.run(actor, once, claim=claim)
    await house.database.run(actor, commands.sign_out)

    with pytest.raises(Unauthenticated):
        await house.database.run(actor, once, claim=claim)


async def test_without_the_look_the_late_write_goes_through(house: House) -> None:
    owner = await asyncpg.connect(plain_url(house.database.url))
    await owner.execute(
        "create or replace function actor_stands(asked_session uuid, asked_version integer, at timestamptz) "
        "returns boolean language sql stable as 'select true'"
    )
    await owner.close()

    with pytest.raises(pytest.fail.Exception):
        await test_who_was_demoted_since_then_writes_nothing(house)

    assert await written(house.database) == 1
