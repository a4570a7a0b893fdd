"""The writes through the schema: what a client sends, and every way in which it may be answered."""

from typing import Any

import pytest

from salonos.identity import rules
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from tests.identity.asking import GRAPH, Asker
from tests.identity.makers import PASSWORD, House

SIGN_IN = """mutation($input: SignInInput!) { signIn(input: $input) {
    __typename
    ... on SignInSuccess { accessToken refreshToken expiresAt viewer { username permissions devices { isCurrent } } }
    ... on TooManyAttempts { message retryAfter }
    ... on InvalidInput { message issues { path code message } }
    ... on Problem { message }
} }"""
REFRESH = """mutation($input: RefreshTokensInput!) { refreshTokens(input: $input) {
    __typename ... on RefreshTokensSuccess { accessToken refreshToken expiresAt viewer { username } }
    ... on Problem { message }
} }"""
NEXT = "seven green kettles"


@pytest.fixture
def ask(database: Database) -> Asker:
    """Asks the schema."""
    return Asker(database)


async def write(ask: Asker, actor: Actor, name: str, selection: str = "", /, **given: Any) -> Any:
    """One mutation's result."""
    kind = f"{name[0].upper()}{name[1:]}Input"
    text = (
        f"mutation($input: {kind}!) {{ {name}(input: $input) {{ __typename {selection} "
        "... on InvalidInput { issues { path code } } ... on RightsBeyondYours { missing } ... on StaleVersion { currentVersion } } }"
    )
    for absent in ("RightsBeyondYours", "StaleVersion"):
        if absent not in [each.name for each in GRAPH.core.type_map[f"{kind[:-5]}Result"].types]:  # type: ignore[attr-defined]  # a union
            text = text.replace(f"... on {absent} {{ {'missing' if absent[0] == 'R' else 'currentVersion'} }}", "")
    return (await ask.data(text, actor, input=given))[name]


async def test_sign_in_refresh_and_sign_out(house: House, ask: Asker) -> None:
    given = {"username": "owner", "password": PASSWORD, "deviceName": "Office", "deviceId": "office-0123456789"}

    first = (await ask.data(SIGN_IN, input=given))["signIn"]
    again = {"refreshToken": first["refreshToken"], "deviceId": "office-0123456789"}
    second = (await ask.data(REFRESH, input=again))["refreshTokens"]

    assert first["__typename"] == "SignInSuccess"
    assert first["viewer"]["username"] == second["viewer"]["username"] == "owner"
    assert first["viewer"]["devices"] == [{"isCurrent": True}]
    identity = house.identity()
    actor = await identity.authenticate(second["accessToken"])
    assert await write(ask, actor, "signOut", "... on SignOutSuccess { devicesSignedOut }") == {
        "__typename": "SignOutSuccess",
        "devicesSignedOut": 1,
    }
    last = {"refreshToken": second["refreshToken"], "deviceId": "office-0123456789"}
    ended = (await ask.data(REFRESH, input=last))["refreshTokens"]
    assert ended["__typename"] == "SessionEnded"


async def test_sign_out_everywhere_counts_the_devices(house: House, ask: Asker) -> None:
    for _ in range(3):
        await house.sign_in("owner")
    actor = await house.actor("owner")

    done = await write(ask, actor, "signOut", "... on SignOutSuccess { devicesSignedOut }", allDevices=True)

    assert done["devicesSignedOut"] == 4


async def test_every_refused_sign_in_is_answered_in_the_same_words(house: House, ask: Asker) -> None:
    async def answers(username: str) -> list[Any]:
        given = {"username": username, "password": "a wrong one"}
        return [(await ask(SIGN_IN, input=given)) for _ in range(7)]

    known, unknown = await answers("owner"), await answers("nobody")

    assert known == unknown
    assert [each["data"]["signIn"]["__typename"] for each in known] == ["WrongCredentials"] * 5 + [
        "TooManyAttempts"
    ] * 2
    assert known[5]["data"]["signIn"]["retryAfter"] == 1


async def test_a_sign_in_that_can_not_be_right_says_what_is_wrong(house: House, ask: Asker) -> None:
    given = {"username": "owner", "password": "x" * 129, "deviceId": "short"}

    answer = (await ask.data(SIGN_IN, input=given))["signIn"]

    assert [(issue["path"], issue["code"]) for issue in answer["issues"]] == [
        (["deviceId"], "NOT_ACCEPTED"),
        (["password"], "TOO_LONG"),
    ]


async def test_a_person_is_taken_on_changed_disabled_and_enabled(house: House, ask: Asker) -> None:
    owner = await house.actor("owner")
    role, branch = id_text("role", rules.BUILT_IN_ROLE_IDS["STAFF"]), id_text("branch", house.branch_ids[0])
    member = "staffMember { id displayName isActive version role { name } branches { code } }"

    made = await write(
        ask,
        owner,
        "createStaffMember",
        f"... on CreateStaffMemberSuccess {{ {member} }}",
        displayName="Meera",
        roleId=role,
        branchIds=[branch],
        username="meera",
        password=PASSWORD,
    )
    who = made["staffMember"]["id"]
    changed = await write(
        ask,
        owner,
        "updateStaffMember",
        f"... on UpdateStaffMemberSuccess {{ {member} }}",
        staffId=who,
        expectedVersion=1,
        displayName="Meera N",
        allBranches=True,
    )
    disabled = await write(
        ask,
        owner,
        "disableStaffMember",
        f"... on DisableStaffMemberSuccess {{ {member} }}",
        staffId=who,
        expectedVersion=2,
    )
    stale = await write(ask, owner, "enableStaffMember", staffId=who, expectedVersion=2)
    enabled = await write(
        ask,
        owner,
        "enableStaffMember",
        f"... on EnableStaffMemberSuccess {{ {member} }}",
        staffId=who,
        expectedVersion=3,
    )

    common = {"id": who, "role": {"name": "STAFF"}}
    assert made["staffMember"] == common | {
        "displayName": "Meera",
        "isActive": True,
        "version": 1,
        "branches": [{"code": "BLR1"}],
    }
    everywhere = common | {"displayName": "Meera N", "branches": [{"code": "BLR1"}, {"code": "BLR2"}]}
    assert changed["staffMember"] == everywhere | {"isActive": True, "version": 2}
    assert disabled["staffMember"] == everywhere | {"isActive": False, "version": 3}
    assert stale == {"__typename": "StaleVersion", "currentVersion": 3}
    assert enabled["staffMember"] == everywhere | {"isActive": True, "version": 4}


async def test_what_stands_against_a_write_is_a_member_of_its_union(house: House, ask: Asker) -> None:
    owner = await house.actor("owner")
    me, owner_role = id_text("staff", owner.id), id_text("role", rules.BUILT_IN_ROLE_IDS["OWNER"])
    await house.take_on("MANAGER", "manager", branches=())
    manager = await house.actor("manager")

    beyond = await write(ask, manager, "createStaffMember", displayName="X", roleId=owner_role, allBranches=True)
    last = await write(ask, owner, "disableStaffMember", staffId=me, expectedVersion=1)
    taken = await write(
        ask,
        owner,
        "createStaffMember",
        "... on UsernameTaken { username }",
        displayName="X",
        roleId=owner_role,
        allBranches=True,
        username="OWNER",
        password=PASSWORD,
    )
    missing = await write(ask, owner, "disableStaffMember", staffId=id_text("staff", new_id()), expectedVersion=1)
    built_in = await write(
        ask,
        owner,
        "updateRole",
        "... on BuiltInRole { role { name } }",
        roleId=owner_role,
        expectedVersion=1,
        name="Boss",
    )
    name = await write(
        ask, owner, "createRole", "... on RoleNameTaken { name }", name="Owner", permissions=["BILL_READ"]
    )

    assert (beyond["__typename"], "ROLE_MANAGE" in beyond["missing"]) == ("RightsBeyondYours", True)
    assert last == {"__typename": "LastOwner"}
    assert taken == {"__typename": "UsernameTaken", "username": "OWNER"}
    assert missing == {"__typename": "InvalidInput", "issues": [{"path": ["staffId"], "code": "NOT_FOUND"}]}
    assert built_in == {"__typename": "BuiltInRole", "role": {"name": "OWNER"}}
    assert name == {"__typename": "RoleNameTaken", "name": "Owner"}


async def test_passwords_are_changed_and_reset(house: House, ask: Asker) -> None:
    ravi_id = await house.take_on("RECEPTIONIST", "ravi")
    owner, ravi = await house.actor("owner"), await house.actor("ravi")

    changed = await write(
        ask,
        ravi,
        "changePassword",
        "... on ChangePasswordSuccess { viewer { username } }",
        currentPassword=PASSWORD,
        newPassword=NEXT,
    )
    wrong = await write(ask, ravi, "changePassword", currentPassword=PASSWORD, newPassword=NEXT)
    reset = await write(
        ask,
        owner,
        "resetPassword",
        "... on ResetPasswordSuccess { staffMember { username } }",
        staffId=id_text("staff", ravi_id),
        newPassword=PASSWORD,
    )
    weak = await write(ask, owner, "resetPassword", staffId=id_text("staff", ravi_id), newPassword="password")

    assert changed == {"__typename": "ChangePasswordSuccess", "viewer": {"username": "ravi"}}
    assert wrong == {"__typename": "WrongCredentials"}
    assert reset == {"__typename": "ResetPasswordSuccess", "staffMember": {"username": "ravi"}}
    assert weak["issues"] == [{"path": ["newPassword"], "code": "TOO_COMMON"}]
    assert (await house.actor("ravi")).id == ravi_id


async def test_a_device_is_signed_out_by_its_person_or_by_a_manager_and_by_nobody_else(
    house: House, ask: Asker
) -> None:
    await house.take_on("STAFF", "meera")
    await house.take_on("STAFF", "colleague")
    await house.take_on("MANAGER", "manager")
    tablet, phone = await house.actor("meera"), await house.actor("meera")
    manager, colleague, owner = [await house.actor(name) for name in ("manager", "colleague", "owner")]
    success = "... on SignOutDeviceSuccess { device { endedAt } }"

    async def sign_out(by: Actor, of: Actor) -> Any:
        return await write(ask, by, "signOutDevice", success, deviceId=id_text("session", of.session_id or of.id))

    unknown = {"__typename": "InvalidInput", "issues": [{"path": ["deviceId"], "code": "NOT_FOUND"}]}
    assert await sign_out(colleague, tablet) == unknown
    assert await write(ask, owner, "signOutDevice", deviceId=id_text("session", new_id())) == unknown
    assert (await sign_out(manager, owner))["__typename"] == "RightsBeyondYours"
    own = await sign_out(tablet, phone)
    by_manager = await sign_out(manager, tablet)

    assert own["device"]["endedAt"] is not None
    assert by_manager["device"]["endedAt"] is not None
    ended = await house.database.pool.fetchval("select count(*) from sessions where ended_at is not null")
    assert ended == 2


async def test_roles_are_made_and_changed(house: House, ask: Asker) -> None:
    owner = await house.actor("owner")
    role = "role { id name version permissions ownPermissions }"

    made = await write(
        ask,
        owner,
        "createRole",
        f"... on CreateRoleSuccess {{ {role} }}",
        name="Senior",
        copyOf=id_text("role", rules.BUILT_IN_ROLE_IDS["STAFF"]),
        permissions=["BILL_READ", "CATALOG_READ"],
    )
    changed = await write(
        ask,
        owner,
        "updateRole",
        f"... on UpdateRoleSuccess {{ {role} }}",
        roleId=made["role"]["id"],
        expectedVersion=1,
        ownPermissions=[],
    )

    common = {"id": made["role"]["id"], "name": "Senior", "permissions": ["BILL_READ", "CATALOG_READ"]}
    assert made["role"] == common | {"version": 1, "ownPermissions": ["BILL_READ"]}
    assert changed["role"] == common | {"version": 2, "ownPermissions": []}


GUARDED = {
    "createStaffMember": {"displayName": "X", "roleId": "role_" + "0" * 32},
    "updateStaffMember": {"staffId": "staff_" + "0" * 32, "expectedVersion": 1},
    "disableStaffMember": {"staffId": "staff_" + "0" * 32, "expectedVersion": 1},
    "enableStaffMember": {"staffId": "staff_" + "0" * 32, "expectedVersion": 1},
    "resetPassword": {"staffId": "staff_" + "0" * 32, "newPassword": "nine purple umbrellas"},
    "createRole": {"name": "X"},
    "updateRole": {"roleId": "role_" + "0" * 32, "expectedVersion": 1},
}


@pytest.mark.parametrize("name", GUARDED)
async def test_a_guarded_write_is_refused_before_anything_is_done(house: House, ask: Asker, name: str) -> None:
    await house.take_on("RECEPTIONIST", "ravi")
    ravi = await house.actor("ravi")
    kind = f"{name[0].upper()}{name[1:]}Input"
    text = f"mutation($input: {kind}!) {{ {name}(input: $input) {{ __typename }} }}"
    before = await house.database.pool.fetchval("select count(*) from audit_log")

    forbidden = await ask.codes(text, ravi, input=GUARDED[name])
    strangers = await ask.codes(text, input=GUARDED[name])

    assert forbidden == [(f"Mutation.{name}", "FORBIDDEN")]
    assert strangers == [(f"Mutation.{name}", "UNAUTHENTICATED")]
    assert await house.database.pool.fetchval("select count(*) from audit_log") == before


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("signOut", {}),
        ("signOutDevice", {"deviceId": "session_" + "0" * 32}),
        ("changePassword", {"currentPassword": "a", "newPassword": "b"}),
    ],
)
async def test_strangers_have_nothing_to_end_or_to_change(ask: Asker, name: str, given: dict[str, Any]) -> None:
    kind = f"{name[0].upper()}{name[1:]}Input"
    text = f"mutation($input: {kind}!) {{ {name}(input: $input) {{ __typename }} }}"

    assert await ask.codes(text, input=given) == [(f"Mutation.{name}", "UNAUTHENTICATED")]


def test_every_update_of_a_row_names_the_version_that_was_seen() -> None:
    for name in ("UpdateStaffMemberInput", "DisableStaffMemberInput", "EnableStaffMemberInput", "UpdateRoleInput"):
        assert str(GRAPH.core.type_map[name].fields["expectedVersion"].type) == "Int!"  # type: ignore[attr-defined]  # an input
