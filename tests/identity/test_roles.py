"""Roles: the built-in five as the permissions say, and roles of one's own within one's own rights."""

from uuid import UUID

import pytest

from salonos.identity import commands, rules
from salonos.identity.problems import BuiltInRole, RightsBeyondYours, RoleNameTaken
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import PARTS, ROLES, Permission, RoleRights
from salonos.kernel.problems import Forbidden, InvalidInput, StaleVersion
from tests.identity.makers import House

STAFF = rules.BUILT_IN_ROLE_IDS["STAFF"]


async def create(house: House, by: Actor, **wanted: object) -> UUID:
    new = commands.NewRole(**wanted)  # type: ignore[arg-type]  # a test's own values
    return await house.database.run(by, lambda work: commands.create_role(work, new))


async def update(house: House, by: Actor, role_id: UUID, *, version: int = 1, **change: object) -> None:
    wanted = commands.RoleChange(**change)  # type: ignore[arg-type]  # a test's own values
    await house.database.run(by, lambda work: commands.update_role(work, role_id, wanted, expected_version=version))


async def stored(database: Database, role_id: UUID) -> tuple[set[str], set[str]]:
    row = await database.pool.fetchrow("select permissions, own_permissions from roles where id = $1", role_id)
    return set(row["permissions"]), set(row["own_permissions"])


async def test_the_built_in_roles_are_stored_as_the_permissions_say(database: Database) -> None:
    rows = await database.pool.fetch("select * from roles order by id")

    assert [(row["id"], row["name"], row["is_built_in"]) for row in rows] == [
        (role_id, name, True) for name, role_id in rules.BUILT_IN_ROLE_IDS.items()
    ]
    assert {row["name"]: rules.rights_of(row["permissions"], row["own_permissions"]) for row in rows} == ROLES
    for row in rows:
        assert row["permissions"] == rules.stored(ROLES[row["name"]].permissions)


async def test_the_application_can_not_change_a_built_in_role(database: Database) -> None:
    for attack in (
        "update roles set own_permissions = '{}'",
        "delete from roles",
        "update roles set is_built_in = false",
    ):
        with pytest.raises(Exception, match="stays as it is"):
            await database.pool.execute(attack)


async def test_a_copy_has_the_rights_of_its_original(house: House) -> None:
    owner = await house.actor("owner")

    stylist = await create(house, owner, name="Senior stylist", copy_of=STAFF)
    booking = await create(
        house, owner, name="Booking", copy_of=STAFF, permissions=(Permission.APPOINTMENT_READ, Permission.BILL_READ)
    )

    own = {permission.name for permission in ROLES["STAFF"].own}
    assert await stored(house.database, stylist) == (
        {permission.name for permission in ROLES["STAFF"].permissions},
        own,
    )
    both = {"APPOINTMENT_READ", "BILL_READ"}
    assert await stored(house.database, booking) == (both, both)


async def test_a_changed_role_changes_the_rights_of_its_holders(house: House) -> None:
    owner = await house.actor("owner")
    role = await create(house, owner, name="Desk", permissions=(Permission.CATALOG_READ, Permission.BILL_READ))
    ravi = await house.take_on("STAFF", "ravi")
    change = commands.StaffChange(role_id=role)
    await house.database.run(owner, lambda work: commands.update_staff_member(work, ravi, change, expected_version=1))
    before = await house.actor("ravi")

    await update(house, owner, role, permissions=(Permission.CATALOG_READ,))
    await update(house, owner, role, version=2, name="Front desk")

    after = await house.actor("ravi")
    assert (before.access.permissions - after.access.permissions) == {Permission.BILL_READ}
    assert after.version == before.version + 1
    row = await house.database.pool.fetchrow("select name, version from roles where id = $1", role)
    assert tuple(row) == ("Front desk", 3)


async def test_nobody_makes_a_role_beyond_their_own_rights(house: House) -> None:
    owner = await house.actor("owner")
    rights = (Permission.ROLE_MANAGE, Permission.STAFF_MANAGE, Permission.CATALOG_READ)
    admin = await create(house, owner, name="Administrator", permissions=rights)
    ravi = await house.take_on("STAFF", "ravi", branches=())
    change = commands.StaffChange(role_id=admin)
    await house.database.run(owner, lambda work: commands.update_staff_member(work, ravi, change, expected_version=1))
    actor = await house.actor("ravi")
    mine = await create(house, actor, name="Mine", permissions=(Permission.CATALOG_READ,))
    books = await create(house, owner, name="Books", permissions=(Permission.BOOKS_READ,))

    with pytest.raises(RightsBeyondYours) as refused:
        await create(house, actor, name="More", permissions=(Permission.CATALOG_READ, Permission.BOOKS_READ))
    assert refused.value.missing == (Permission.BOOKS_READ,)
    with pytest.raises(RightsBeyondYours):
        await create(house, actor, name="Copy", copy_of=STAFF)
    with pytest.raises(RightsBeyondYours):
        await update(house, actor, mine, permissions=(Permission.BILL_VOID,))
    with pytest.raises(RightsBeyondYours):
        await update(house, actor, books, permissions=(Permission.CATALOG_READ,))


async def test_only_who_manages_roles_may_make_and_change_them(house: House) -> None:
    await house.take_on("MANAGER", "manager", branches=())
    manager = await house.actor("manager")

    with pytest.raises(Forbidden):
        await create(house, manager, name="Mine", permissions=(Permission.CATALOG_READ,))
    with pytest.raises(Forbidden):
        await update(house, manager, STAFF, name="Mine")

    assert await house.database.pool.fetchval("select count(*) from roles") == 5


async def test_a_built_in_role_is_not_changed(house: House) -> None:
    with pytest.raises(BuiltInRole) as refused:
        await update(house, await house.actor("owner"), STAFF, name="Mine")
    assert refused.value.role_id == STAFF


async def test_what_is_wrong_with_a_role_is_said_with_its_path(house: House) -> None:
    owner = await house.actor("owner")

    async def refused(**wanted: object) -> tuple[str, str]:
        with pytest.raises(InvalidInput) as problem:
            await create(house, owner, **wanted)
        (issue,) = problem.value.issues
        return str(issue.path[0]), issue.code

    catalog = (Permission.CATALOG_READ,)
    assert await refused(name="New") == ("permissions", "REQUIRED")
    assert await refused(name="New", permissions=()) == ("permissions", "REQUIRED")
    assert await refused(name="New", copy_of=new_id()) == ("copyOf", "NOT_FOUND")
    assert await refused(name=" ", permissions=catalog) == ("name", "REQUIRED")
    assert await refused(name="x" * 51, permissions=catalog) == ("name", "NOT_ACCEPTED")
    assert await refused(name="New", permissions=catalog, own_permissions=catalog) == ("ownPermissions", "NOT_ACCEPTED")
    own = (Permission.BILL_READ,)
    assert await refused(name="New", permissions=catalog, own_permissions=own) == ("ownPermissions", "NOT_ACCEPTED")


@pytest.mark.parametrize("pair", sorted(PARTS, key=str), ids=lambda pair: "-".join(each.name for each in pair))
async def test_nobody_holds_a_part_more_narrowly_than_its_rows(
    house: House, pair: tuple[Permission, Permission]
) -> None:
    owner, (rows, part) = await house.actor("owner"), pair
    message = f"These reach further than own work: {part.name} for own work needs {rows.name} for own work."

    role = await create(house, owner, name="Both", permissions=pair, own_permissions=pair)
    for refused in (
        create(house, owner, name="Wider", permissions=pair, own_permissions=(part,)),
        update(house, owner, role, own_permissions=(part,)),
    ):
        with pytest.raises(InvalidInput) as problem:
            await refused
        (issue,) = problem.value.issues
        assert (issue.path, issue.code, issue.message) == (("ownPermissions",), "NOT_ACCEPTED", message)

    assert await stored(house.database, role) == ({rows.name, part.name}, {rows.name, part.name})
    await update(house, owner, role, own_permissions=(rows,))
    await update(house, owner, role, version=2, own_permissions=())
    await update(house, owner, role, version=3, permissions=(part,), own_permissions=(part,))
    old = rules.rights_of([rows.name, part.name], [part.name])
    assert old == RoleRights(frozenset({rows}))


async def test_names_are_unique_without_regard_to_case(house: House) -> None:
    owner, catalog = await house.actor("owner"), (Permission.CATALOG_READ,)
    role = await create(house, owner, name="Desk", permissions=catalog)

    for taken in ("DESK", "owner"):
        with pytest.raises(RoleNameTaken) as refused:
            await create(house, owner, name=taken, permissions=catalog)
        assert refused.value.name == taken
    with pytest.raises(RoleNameTaken):
        await update(house, owner, role, name="Manager")
    await update(house, owner, role, name="desk")


async def test_a_change_of_an_older_version_or_of_no_role_is_refused(house: House) -> None:
    owner = await house.actor("owner")
    role = await create(house, owner, name="Desk", permissions=(Permission.CATALOG_READ,))

    with pytest.raises(StaleVersion) as refused:
        await update(house, owner, role, version=2, name="Late")
    assert refused.value.current_version == 1
    with pytest.raises(InvalidInput):
        await update(house, owner, new_id(), name="Nothing")
