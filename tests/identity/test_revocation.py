"""Whatever takes rights away ends every token that was issued with them: writes at once, reads within two seconds."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import pytest

from salonos.identity import commands, rules
from salonos.identity.commands import SignedIn
from salonos.identity.problems import SessionEnded, SessionRevoked, TokenExpired
from salonos.kernel.actor import Actor
from salonos.kernel.permissions import Permission
from tests.identity.makers import PASSWORD, STRANGER, TABLET, House
from tests.statements import Statements


@dataclass(frozen=True)
class Case:
    """Ravi, signed in on two devices, and the owner."""

    house: House
    ravi_id: UUID
    role_id: UUID
    ravi: SignedIn
    elsewhere: SignedIn
    owner: Actor

    async def change(self, **change: object) -> None:
        """The owner changes Ravi."""
        wanted = commands.StaffChange(**change)  # type: ignore[arg-type]  # a test's own values
        await self.house.database.run(
            self.owner, lambda work: commands.update_staff_member(work, self.ravi_id, wanted, expected_version=1)
        )


async def sign_out(case: Case) -> None:
    await case.house.database.run(case.ravi.actor, commands.sign_out)


async def sign_out_everywhere(case: Case) -> None:
    await case.house.database.run(case.elsewhere.actor, lambda work: commands.sign_out(work, is_everywhere=True))


async def sign_out_the_device(case: Case) -> None:
    session_id = case.ravi.actor.session_id or case.ravi_id
    await case.house.database.run(case.owner, lambda work: commands.sign_out_device(work, session_id))


async def disable(case: Case) -> None:
    await case.house.database.run(
        case.owner, lambda work: commands.disable_staff_member(work, case.ravi_id, expected_version=1)
    )


async def demote(case: Case) -> None:
    await case.change(role_id=rules.BUILT_IN_ROLE_IDS["STAFF"])


async def move(case: Case) -> None:
    await case.change(branch_ids=case.house.branch_ids[1:])


async def narrow_the_role(case: Case) -> None:
    change = commands.RoleChange(permissions=(Permission.CATALOG_READ,))
    await case.house.database.run(
        case.owner, lambda work: commands.update_role(work, case.role_id, change, expected_version=1)
    )


async def reset_the_password(case: Case) -> None:
    await commands.reset_password(case.house.database, case.owner, case.ravi_id, new_password="seven green kettles")


async def change_the_password_elsewhere(case: Case) -> None:
    await commands.change_password(
        case.house.database, case.elsewhere.actor, current_password=PASSWORD, new_password="seven green kettles"
    )


async def steal_the_refresh_token(case: Case) -> None:
    with pytest.raises(SessionEnded):
        await commands.refresh(case.house.database, refresh_token=case.ravi.refresh_token, device=STRANGER)


ENDS = [
    sign_out,
    sign_out_everywhere,
    sign_out_the_device,
    disable,
    reset_the_password,
    change_the_password_elsewhere,
    steal_the_refresh_token,
]
CHANGES = [demote, move, narrow_the_role]


@pytest.fixture
async def case(house: House) -> Case:
    """Ravi has a role of his own making."""
    owner = await house.actor("owner")
    new = commands.NewRole(name="Desk", permissions=(Permission.CATALOG_READ, Permission.BILL_READ))
    role_id = await house.database.run(owner, lambda work: commands.create_role(work, new))
    ravi_id = await house.take_on(role_id, "ravi")
    ravi, elsewhere = await house.sign_in("ravi"), await house.sign_in("ravi", device=STRANGER)
    return Case(house, ravi_id, role_id, ravi, elsewhere, owner)


@pytest.mark.parametrize("take_away", [*ENDS, *CHANGES], ids=lambda each: each.__name__)
async def test_a_token_ends_with_what_it_was_issued_for(
    case: Case, take_away: Callable[[Case], Awaitable[None]]
) -> None:
    identity = case.house.identity()
    assert await identity.authenticate(case.ravi.access_token) == case.ravi.actor
    watched = identity.claims(case.ravi.access_token)
    assert await identity.over([watched]) == {}

    await take_away(case)

    with pytest.raises(SessionRevoked):
        await identity.authenticate(case.ravi.access_token, fresh=True)
    ((_, reason),) = (await identity.over([watched])).items()
    assert type(reason) is SessionRevoked
    assert (await identity.authenticate((await case.house.sign_in("owner")).access_token)).id == case.owner.id


@pytest.mark.parametrize("end", ENDS, ids=lambda each: each.__name__)
async def test_a_session_that_ended_is_refreshed_no_more(case: Case, end: Callable[[Case], Awaitable[None]]) -> None:
    await end(case)

    with pytest.raises(SessionEnded):
        await commands.refresh(case.house.database, refresh_token=case.ravi.refresh_token, device=TABLET)


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)
async def test_who_has_other_rights_goes_on_with_them_after_a_refresh(
    case: Case, change: Callable[[Case], Awaitable[None]]
) -> None:
    await change(case)

    renewed = await commands.refresh(case.house.database, refresh_token=case.ravi.refresh_token, device=TABLET)

    actor = await case.house.identity().authenticate(renewed.access_token)
    assert (actor.version, actor.session_id) == (2, case.ravi.actor.session_id)
    assert (actor.access, actor.branch_ids) != (case.ravi.actor.access, case.ravi.actor.branch_ids)


async def test_many_tokens_are_looked_at_in_one_statement(case: Case, statements: Statements) -> None:
    identity = case.house.identity()
    owner = await case.house.sign_in("owner")
    tokens = [identity.claims(each.access_token) for each in (case.ravi, case.elsewhere, owner)]
    await sign_out(case)

    with statements.counted() as asked:
        over = await identity.over(tokens)

    assert (len(asked), list(over)) == (1, tokens[:1])


async def test_a_watched_token_ends_with_its_time(case: Case) -> None:
    identity = case.house.identity()
    watched = identity.claims(case.ravi.access_token)
    case.house.database.set_clock = watched.expires_at

    ((_, reason),) = (await identity.over([watched])).items()

    assert type(reason) is TokenExpired
