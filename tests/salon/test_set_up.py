"""The salon is set up once, and its profile is changed by who manages the settings."""

from uuid import UUID

import pytest

from salonos.kernel.actor import Actor, Reach, access
from salonos.kernel.database import Database
from salonos.kernel.permissions import ROLES
from salonos.kernel.problems import Forbidden, InvalidInput
from salonos.salon import commands, queries
from salonos.salon.commands import NewSalon
from salonos.salon.problems import SalonAlreadySetUp
from tests.salon.asker import actor_of
from tests.salon.makers import make_branch, make_salon

SYSTEM = Actor.system()


def paths(refused: InvalidInput) -> list[tuple[tuple[str | int, ...], str]]:
    return [(issue.path, issue.code) for issue in refused.issues]


async def test_one_deployment_is_one_business(database: Database) -> None:
    await make_salon(database)

    with pytest.raises(SalonAlreadySetUp):
        await make_salon(database)


@pytest.mark.parametrize(
    ("new", "issue"),
    [
        (NewSalon(name=" ", legal_name="x"), ("name", "REQUIRED")),
        (NewSalon(name="x", legal_name="y" * 121), ("legalName", "INVALID_TEXT")),
        (NewSalon(name="x", legal_name="y", time_zone="Nowhere"), ("timeZone", "UNKNOWN_ZONE")),
    ],
)
async def test_what_is_wrong_is_told(database: Database, new: NewSalon, issue: tuple[str, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        await database.run(SYSTEM, lambda work: commands.set_up_salon(work, new))

    assert paths(refused.value) == [((issue[0],), issue[1])]


async def test_a_salon_that_was_not_set_up_is_not_changed(database: Database) -> None:
    with pytest.raises(InvalidInput) as refused:
        await database.run(SYSTEM, lambda work: commands.update_salon(work, name="Mine"))

    assert paths(refused.value) == [((), "NOT_FOUND")]


async def test_a_branch_out_of_reach_is_as_good_as_missing(database: Database) -> None:
    await make_branch(database, "BLR1")
    other = await make_branch(database, "BLR2")
    owner = actor_of("OWNER", UUID(int=5))

    with pytest.raises(InvalidInput) as refused:
        await database.run(owner, lambda work: commands.set_opening_hours(work, other, []))

    assert paths(refused.value) == [(("branchId",), "NOT_FOUND")]


@pytest.mark.parametrize("role", ["MANAGER", "RECEPTIONIST", "STAFF", "ACCOUNTANT"])
async def test_only_the_owner_adds_branches(database: Database, role: str) -> None:
    actor = Actor(UUID(int=7), access(ROLES[role].permissions, ROLES[role].own, Reach.ALL))
    new = commands.NewBranch(name="Mine", code="ME", address="Here", state_code="29")

    with pytest.raises(Forbidden):
        await database.run(actor, lambda work: commands.add_branch(work, new))

    assert await database.pool.fetchval("select count(*) from branches") == 0


async def test_active_branches_come_by_code(database: Database) -> None:
    second, first, closed = [await make_branch(database, code) for code in ("B2", "A1", "C3")]
    await database.run(SYSTEM, lambda work: commands.update_branch(work, closed, expected_version=1, is_active=False))

    found = await database.run(SYSTEM, queries.active_branches)

    assert [branch.id for branch in found] == [first, second]
