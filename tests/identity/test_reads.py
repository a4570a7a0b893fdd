"""What is read of people: by whom, in one statement each."""

from typing import Any

import pytest

from salonos.identity import commands, rules
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from salonos.kernel.permissions import PARTS, ROLES, Permission
from tests.identity.asking import Asker
from tests.identity.makers import STRANGER, House
from tests.statements import Statements

VIEWER = """{
    viewer {
        id username displayName role { name isBuiltIn permissions } permissions ownPermissions
        branches { name } devices { deviceName isCurrent endedAt }
    }
}"""
STAFF = """query($filter: StaffFilter, $first: Int) {
    staff(filter: $filter, first: $first) { nodes { displayName } totalCount }
}"""
PROFILE = """query($id: ID!) {
    staffMember(id: $id) {
        displayName isServiceProvider isActive version
        username allBranches createdAt signedInAt role { name } branches { code } devices { deviceName }
    }
}"""


@pytest.fixture
def ask(database: Database) -> Asker:
    """Asks the schema."""
    return Asker(database)


async def names(ask: Asker, actor: Actor, **given: Any) -> list[str]:
    """The names on a page of staff."""
    page = (await ask.data(STAFF, actor, filter=given))["staff"]
    assert page["totalCount"] == len(page["nodes"])
    return [node["displayName"] for node in page["nodes"]]


async def test_the_viewer_is_who_is_signed_in(house: House, ask: Asker) -> None:
    await house.take_on("STAFF", "meera", branches=house.branch_ids)
    await house.sign_in("meera", device=STRANGER)
    actor = await house.actor("meera")

    viewer = (await ask.data(VIEWER, actor))["viewer"]

    assert viewer["id"] == id_text("staff", actor.id)
    assert (viewer["username"], viewer["displayName"]) == ("meera", "Meera")
    held = rules.stored(ROLES["STAFF"].permissions)
    assert viewer["role"] == {"name": "STAFF", "isBuiltIn": True, "permissions": held}
    assert (viewer["permissions"], viewer["ownPermissions"]) == (held, rules.stored(ROLES["STAFF"].own))
    assert viewer["branches"] == [{"name": "Branch BLR1"}, {"name": "Branch BLR2"}]
    assert viewer["devices"] == [
        {"deviceName": "Front desk", "isCurrent": True, "endedAt": None},
        {"deviceName": "A device", "isCurrent": False, "endedAt": None},
    ]


async def test_the_viewer_sees_the_rights_that_hold_of_those_that_a_role_has_stored(
    house: House, ask: Asker, database: Database
) -> None:
    new = commands.NewRole(name="Desk", permissions=(Permission.BILL_READ,))
    owner = await house.actor("owner")
    role_id = await database.run(owner, lambda work: commands.create_role(work, new))
    await house.take_on(role_id, "meera")
    whole, part = min((rows.name, part.name) for rows, part in PARTS)
    text = "update roles set permissions = $1, own_permissions = $2 where id = $3"
    await database.pool.execute(text, [whole, part, "TELEPORT"], [part], role_id)

    found = (await ask.data("{ viewer { permissions ownPermissions } }", await house.actor("meera")))["viewer"]

    assert found == {"permissions": [whole], "ownPermissions": []}


async def test_nobody_is_no_viewer(house: House, ask: Asker) -> None:
    assert await ask.data(VIEWER) == {"viewer": None}
    assert await ask.data(VIEWER, Actor.system()) == {"viewer": None}


async def test_who_works_everywhere_works_at_every_branch(house: House, ask: Asker) -> None:
    viewer = (await ask.data("{ viewer { branches { code } } }", await house.actor("owner")))["viewer"]

    assert viewer["branches"] == [{"code": "BLR1"}, {"code": "BLR2"}]


async def test_staff_is_found_by_name_branch_and_work(house: House, ask: Asker) -> None:
    first, second = (id_text("branch", each) for each in house.branch_ids)
    await house.take_on("STAFF", "meera")
    await house.take_on("STAFF", "MEENA", branches=house.branch_ids[1:])
    ravi = await house.take_on("RECEPTIONIST", "ravi")
    owner = await house.actor("owner")
    await house.database.run(owner, lambda work: commands.disable_staff_member(work, ravi, expected_version=1))

    assert await names(ask, owner) == ["Asha Owner", "Meena", "Meera", "Ravi"]
    assert await names(ask, owner, search="mee") == ["Meena", "Meera"]
    assert await names(ask, owner, search="ＭＥＥＲ") == ["Meera"]
    assert await names(ask, owner, search="%") == []
    assert await names(ask, owner, branchId=first) == ["Asha Owner", "Meera", "Ravi"]
    assert await names(ask, owner, branchId=second) == ["Asha Owner", "Meena"]
    assert await names(ask, owner, isActive=False) == ["Ravi"]
    assert await names(ask, owner, isServiceProvider=True) == []
    assert await names(ask, owner, search="mee", branchId=first, isActive=True) == ["Meera"]


async def test_everybody_sees_the_names_of_those_they_work_with_and_no_profile(house: House, ask: Asker) -> None:
    meera = await house.take_on("STAFF", "meera")
    other = await house.take_on("STAFF", "other", branches=house.branch_ids[1:])
    actor = await house.actor("meera")

    assert await names(ask, actor) == ["Asha Owner", "Meera"]
    body = await ask(PROFILE, actor, id=id_text("staff", meera))
    member = body["data"]["staffMember"]
    assert member == {
        **dict.fromkeys(("username", "allBranches", "createdAt", "signedInAt", "role", "branches", "devices")),
        "displayName": "Meera",
        "isServiceProvider": False,
        "isActive": True,
        "version": 1,
    }
    assert {each["extensions"]["coordinate"] for each in body["errors"]} == {
        f"StaffMember.{name}"
        for name in ("username", "allBranches", "createdAt", "signedInAt", "role", "branches", "devices")
    }
    assert await ask.data("query($id: ID!) { staffMember(id: $id) { id } }", actor, id=id_text("staff", other)) == {
        "staffMember": None
    }


async def test_who_works_at_several_branches_sees_the_people_of_each(house: House, ask: Asker) -> None:
    await house.take_on("STAFF", "meera")
    await house.take_on("STAFF", "other", branches=house.branch_ids[1:])
    await house.take_on("MANAGER", "manager", branches=house.branch_ids)
    await house.take_on("STAFF", "nowhere")
    await house.database.pool.execute(
        "delete from staff_branches using staff where username = 'nowhere' and id = staff_id"
    )

    assert await names(ask, await house.actor("manager")) == ["Asha Owner", "Manager", "Meera", "Other"]
    assert await names(ask, await house.actor("nowhere")) == ["Asha Owner"]


async def test_a_manager_sees_the_profiles_of_their_branches(house: House, ask: Asker) -> None:
    meera = await house.take_on("STAFF", "meera")
    await house.take_on("MANAGER", "manager")
    await house.sign_in("meera")

    member = (await ask.data(PROFILE, await house.actor("manager"), id=id_text("staff", meera)))["staffMember"]

    assert (member["username"], member["allBranches"], member["role"]) == ("meera", False, {"name": "STAFF"})
    assert (member["branches"], member["devices"]) == ([{"code": "BLR1"}], [{"deviceName": "Front desk"}])
    assert member["signedInAt"] is not None


async def test_a_device_is_seen_by_its_person_and_by_those_who_administer_them(house: House, ask: Asker) -> None:
    await house.take_on("STAFF", "meera")
    await house.take_on("STAFF", "colleague")
    await house.take_on("MANAGER", "manager")
    await house.take_on("MANAGER", "elsewhere", branches=house.branch_ids[1:])
    meera = await house.actor("meera")
    question = "query($id: ID!) { node(id: $id) { ... on Device { deviceName } } }"
    device = id_text("session", meera.session_id or meera.id)

    seen = {
        name: (await ask.data(question, await house.actor(name), id=device))["node"] is not None
        for name in ("meera", "colleague", "manager", "elsewhere", "owner")
    }

    assert seen == {"meera": True, "colleague": False, "manager": True, "elsewhere": False, "owner": True}


async def test_roles_are_read_by_those_who_see_profiles(house: House, ask: Asker) -> None:
    await house.take_on("RECEPTIONIST", "ravi")
    owner, ravi = await house.actor("owner"), await house.actor("ravi")

    roles = (await ask.data("{ roles { name isBuiltIn version permissions ownPermissions } }", owner))["roles"]

    assert [role["name"] for role in roles] == sorted(ROLES)
    assert {role["name"]: role["ownPermissions"] for role in roles}["STAFF"] == rules.stored(ROLES["STAFF"].own)
    assert await ask.codes("{ roles { name } }", ravi) == [("Query.roles", "FORBIDDEN")]


@pytest.mark.parametrize(
    "question", ["{ staff { totalCount } }", "{ roles { name } }", '{ staffMember(id: "x") { id } }']
)
async def test_strangers_read_nothing(ask: Asker, question: str) -> None:
    assert [code for _, code in await ask.codes(question)] == ["UNAUTHENTICATED"]


async def test_every_read_is_one_statement_at_1_and_at_50_people(
    house: House, ask: Asker, statements: Statements
) -> None:
    owner = await house.actor("owner")
    everything = """{
        staff(first: 100) { nodes { displayName username role { name permissions } branches { code } devices { deviceName } } }
        roles { name } viewer { role { name } branches { code } devices { deviceName } }
    }"""

    async def count() -> tuple[int, int]:
        await ask.data(everything, owner)
        with statements.counted() as asked:
            people = (await ask.data(everything, owner))["staff"]["nodes"]
        return len(people), len(asked)

    assert await count() == (1, 1)
    for _ in range(49):
        await house.take_on("STAFF")
    assert await count() == (50, 1)
