"""Taking people on, changing and disabling them: never beyond one's own rights, and never the last owner."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from salonos.identity import commands, queries, rules
from salonos.identity.problems import (
    LastOwner,
    RightsBeyondYours,
    SessionEnded,
    UsernameTaken,
    WrongCredentials,
)
from salonos.kernel.actor import Actor
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import Forbidden, InvalidInput, StaleVersion, Unauthenticated
from salonos.kernel.work import Work
from tests.identity.makers import TABLET, House

MANAGER, OWNER, STAFF = (rules.BUILT_IN_ROLE_IDS[name] for name in ("MANAGER", "OWNER", "STAFF"))


async def update(house: House, by: Actor, who: UUID, **change: object) -> None:
    """The change, at the version that there is."""
    wanted = commands.StaffChange(**change)  # type: ignore[arg-type]  # a test's own values
    version = await house.version(who)
    await house.database.run(by, lambda work: commands.update_staff_member(work, who, wanted, expected_version=version))


async def disable(house: House, by: Actor, who: UUID) -> None:
    version = await house.version(who)
    await house.database.run(by, lambda work: commands.disable_staff_member(work, who, expected_version=version))


def new(**more: object) -> commands.NewStaffMember:
    given: dict[str, object] = {"display_name": "Meera", "role_id": STAFF, "all_branches": True}
    return commands.NewStaffMember(**{**given, **more})  # type: ignore[arg-type]  # a test's own values


async def issues(attempt: Awaitable[object]) -> list[tuple[str, str]]:
    """What an input is refused for: the first step of each path, and the code."""
    with pytest.raises(InvalidInput) as refused:
        await attempt
    return [(str(issue.path[0]), issue.code) for issue in refused.value.issues]


async def test_a_new_person_works_at_their_branches(house: House) -> None:
    meera = await house.take_on("STAFF", "meera", branches=house.branch_ids)

    row = await house.database.pool.fetchrow("select * from staff where id = $1", meera)
    assert (row["display_name"], row["username"], row["is_active"], row["version"]) == ("Meera", "meera", True, 1)
    branches = await house.database.pool.fetch("select branch_id from staff_branches where staff_id = $1", meera)
    assert {each["branch_id"] for each in branches} == set(house.branch_ids)


@pytest.mark.parametrize("role", ["RECEPTIONIST", "STAFF", "ACCOUNTANT"])
async def test_only_who_manages_staff_may_write(house: House, role: str) -> None:
    await house.take_on(role, "somebody")
    actor = await house.actor("somebody")
    writes: list[Callable[[Work], Awaitable[object]]] = [
        lambda work: commands.create_staff_member(work, new()),
        lambda work: commands.update_staff_member(work, actor.id, commands.StaffChange(), expected_version=1),
        lambda work: commands.disable_staff_member(work, actor.id, expected_version=1),
        lambda work: commands.enable_staff_member(work, actor.id, expected_version=1),
    ]

    for write in writes:
        with pytest.raises(Forbidden) as refused:
            await house.database.run(actor, write)
        assert refused.value.extensions["permission"] == "STAFF_MANAGE"
    with pytest.raises(Forbidden):
        await commands.reset_password(house.database, actor, house.owner_id, new_password="entirely new words")

    assert await house.database.pool.fetchval("select count(*) from staff") == 2
    assert await house.version(actor.id) == 1


async def test_what_is_wrong_with_a_new_person_is_said_with_its_path(house: House) -> None:
    owner = await house.actor("owner")

    async def refused(**more: object) -> list[tuple[str, str]]:
        return await issues(house.database.run(owner, lambda work: commands.create_staff_member(work, new(**more))))

    hashed = await commands.new_hash("quite a good one")
    assert await refused(display_name=" ") == [("displayName", "TOO_SHORT")]
    assert await refused(display_name="x" * 101, username="a b", password_hash=hashed) == [
        ("displayName", "NOT_ACCEPTED"),
        ("username", "NOT_ACCEPTED"),
    ]
    assert await refused(username="ab", password_hash=hashed) == [("username", "TOO_SHORT")]
    assert await refused(username="meera") == [("password", "REQUIRED")]
    assert await refused(password_hash=hashed) == [("password", "REQUIRED")]
    assert await refused(role_id=new_id()) == [("roleId", "NOT_FOUND")]
    assert await refused(all_branches=False) == [("branchIds", "REQUIRED")]
    assert await refused(branch_ids=house.branch_ids) == [("branchIds", "CONFLICT")]
    assert await refused(all_branches=False, branch_ids=(house.branch_ids[0], new_id())) == [("branchIds", "NOT_FOUND")]
    assert await refused(all_branches=False, branch_ids=(new_id(),) * 101) == [("branchIds", "TOO_MANY")]
    assert await house.database.pool.fetchval("select count(*) from staff") == 1


async def test_a_username_is_taken_in_every_spelling_of_it(house: House) -> None:
    owner, hashed = await house.actor("owner"), await commands.new_hash("quite a good one")
    ravi = await house.take_on("STAFF", "ravi")
    taken = new(username="Ｏwner", password_hash=hashed)

    with pytest.raises(UsernameTaken) as refused:
        await house.database.run(owner, lambda work: commands.create_staff_member(work, taken))
    assert refused.value.username == "Ｏwner"
    with pytest.raises(UsernameTaken):
        await update(house, owner, ravi, username="OWNER")
    await update(house, owner, ravi, username="RAVI")

    assert await house.database.pool.fetchval("select username from staff where id = $1", ravi) == "RAVI"


async def test_two_people_who_want_one_username_at_once_are_told_apart(house: House) -> None:
    owner, hashed = await house.actor("owner"), await commands.new_hash("quite a good one")
    wanted = new(username="meera", password_hash=hashed)

    answers = await asyncio.gather(
        *(house.database.run(owner, lambda work: commands.create_staff_member(work, wanted)) for _ in range(5)),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in answers) == ["UUID"] + ["UsernameTaken"] * 4


async def test_a_manager_grants_what_managers_have_and_no_more(house: House) -> None:
    await house.take_on("MANAGER", "manager", branches=())
    manager = await house.actor("manager")
    ravi = await house.take_on("RECEPTIONIST", "ravi", by=manager)
    await house.take_on("MANAGER", by=manager)

    with pytest.raises(RightsBeyondYours) as refused:
        await house.take_on("OWNER", by=manager)
    assert Permission.ROLE_MANAGE in refused.value.missing
    with pytest.raises(RightsBeyondYours):
        await house.take_on("ACCOUNTANT", by=manager)
    with pytest.raises(RightsBeyondYours):
        await update(house, manager, ravi, role_id=OWNER)


async def test_a_manager_touches_nobody_who_may_do_more(house: House) -> None:
    await house.take_on("MANAGER", "manager", branches=())
    manager = await house.actor("manager")

    for attempt in (
        update(house, manager, house.owner_id, display_name="Nobody"),
        disable(house, manager, house.owner_id),
        commands.reset_password(house.database, manager, house.owner_id, new_password="mine from now on"),
    ):
        with pytest.raises(RightsBeyondYours):
            await attempt

    assert await house.version(house.owner_id) == 1


async def test_a_branch_manager_administers_people_of_that_branch_only(house: House) -> None:
    first, second = house.branch_ids
    await house.take_on("MANAGER", "manager", branches=(first,))
    manager = await house.actor("manager")
    here, there = await house.take_on("STAFF"), await house.take_on("STAFF", branches=(second,))
    both, everywhere = await house.take_on("STAFF", branches=(first, second)), await house.take_on("STAFF", branches=())

    await update(house, manager, here, display_name="Changed")
    assert await issues(update(house, manager, there, display_name="Changed")) == [("staffId", "NOT_FOUND")]
    for who in (both, everywhere):
        with pytest.raises(RightsBeyondYours) as refused:
            await update(house, manager, who, display_name="Changed")
        assert refused.value.missing == ()
    assert await issues(update(house, manager, here, branch_ids=(second,))) == [("branchIds", "NOT_FOUND")]
    with pytest.raises(RightsBeyondYours):
        await update(house, manager, here, all_branches=True)
    assert await issues(update(house, manager, new_id(), display_name="x")) == [("staffId", "NOT_FOUND")]


async def test_a_change_holds_for_what_was_named_and_nothing_else(house: House) -> None:
    owner, ravi = await house.actor("owner"), await house.take_on("STAFF", "ravi")

    await update(house, owner, ravi, display_name="Ravi K.", is_service_provider=True)

    row = await house.database.pool.fetchrow("select * from staff where id = $1", ravi)
    assert (row["display_name"], row["display_name_key"], row["username"]) == ("Ravi K.", "ravi k.", "ravi")
    assert (row["is_service_provider"], row["version"], row["rights_version"]) == (True, 2, 1)


async def test_other_branches_and_another_role_are_other_rights(house: House) -> None:
    owner, ravi = await house.actor("owner"), await house.take_on("STAFF", "ravi")

    await update(house, owner, ravi, branch_ids=house.branch_ids[1:])
    await update(house, owner, ravi, branch_ids=house.branch_ids[1:])
    await update(house, owner, ravi, role_id=MANAGER)
    await update(house, owner, ravi, all_branches=True)

    assert await house.database.pool.fetchval("select rights_version from staff where id = $1", ravi) == 4
    assert await house.database.pool.fetchval("select count(*) from staff_branches") == 0
    actor = await house.actor("ravi")
    assert (actor.access.reach.name, actor.version) == ("ALL", 4)


async def test_somebody_without_a_sign_in_is_given_one(house: House) -> None:
    owner, meera = await house.actor("owner"), await house.take_on("STAFF")

    assert await issues(update(house, owner, meera, username="meera")) == [("password", "REQUIRED")]
    hashed = await commands.new_hash("nine purple umbrellas")
    await update(house, owner, meera, username="meera", password_hash=hashed)

    assert (await house.actor("meera")).id == meera


async def test_a_password_of_somebody_who_has_one_is_not_replaced_by_a_change(house: House) -> None:
    owner, ravi = await house.actor("owner"), await house.take_on("STAFF", "ravi")

    await update(house, owner, ravi, username="ravi2", password_hash=await commands.new_hash("another of mine"))

    assert (await house.actor("ravi2")).id == ravi


async def test_a_change_of_an_older_version_is_refused(house: House) -> None:
    owner, ravi = await house.actor("owner"), await house.take_on("STAFF", "ravi")
    await update(house, owner, ravi, display_name="Ravi K.")
    database, change = house.database, commands.StaffChange(display_name="Late")
    writes: list[Callable[[Work], Awaitable[object]]] = [
        lambda work: commands.update_staff_member(work, ravi, change, expected_version=1),
        lambda work: commands.disable_staff_member(work, ravi, expected_version=1),
        lambda work: commands.enable_staff_member(work, ravi, expected_version=1),
    ]

    for write in writes:
        with pytest.raises(StaleVersion) as refused:
            await database.run(owner, write)
        assert refused.value.current_version == 2


async def test_who_is_disabled_is_out_at_once_and_may_come_back(house: House) -> None:
    owner, ravi = await house.actor("owner"), await house.take_on("STAFF", "ravi")
    signed_in = await house.sign_in("ravi")

    await disable(house, owner, ravi)

    assert await queries.actor_of_session(house.database, signed_in.actor.session_id or new_id()) is None
    with pytest.raises(SessionEnded):
        await commands.refresh(house.database, refresh_token=signed_in.refresh_token, device=TABLET)
    with pytest.raises(WrongCredentials):
        await house.sign_in("ravi")
    assert await house.database.run(owner, lambda work: queries.staff_exist(work, [ravi, owner.id])) == {owner.id}
    await house.database.run(owner, lambda work: commands.enable_staff_member(work, ravi, expected_version=2))
    assert (await house.actor("ravi")).id == ravi


async def test_the_last_owner_can_be_neither_disabled_nor_demoted_nor_confined(house: House) -> None:
    owner = await house.actor("owner")
    await house.take_on("OWNER", "half", branches=house.branch_ids[:1])
    await house.take_on("OWNER", branches=())

    for attempt in (
        disable(house, owner, house.owner_id),
        update(house, owner, house.owner_id, role_id=MANAGER),
        update(house, owner, house.owner_id, branch_ids=house.branch_ids),
    ):
        with pytest.raises(LastOwner):
            await attempt

    await house.take_on("OWNER", "second", branches=())
    await update(house, owner, house.owner_id, role_id=MANAGER)


async def test_two_owners_can_not_remove_one_another_at_once(house: House) -> None:
    for round_number in range(4):
        name = f"rival{round_number}"
        rival_id = await house.take_on("OWNER", name, branches=())
        owner, rival = await house.actor("owner"), await house.actor(name)

        answers = await asyncio.gather(
            disable(house, rival, owner.id), disable(house, owner, rival_id), return_exceptions=True
        )

        # The later one is the last owner's removal, or was itself removed when it began.
        refused = [each for each in answers if isinstance(each, LastOwner | Unauthenticated)]
        assert (len(refused), len([each for each in answers if isinstance(each, BaseException)])) == (1, 1)
        assert await house.database.pool.fetchval("select count(*) from staff where is_active") == 1
        await house.database.pool.execute(
            "update staff set is_active = true, version = version + 1 where username = 'owner'"
        )
        await house.database.pool.execute("update staff set is_active = false where username <> 'owner'")


async def test_every_change_is_audited_without_names_or_passwords(house: House) -> None:
    owner = await house.actor("owner")
    ravi = await house.take_on("STAFF", "ravi", by=owner)
    await update(house, owner, ravi, display_name="Canary Name", role_id=MANAGER)
    await disable(house, owner, ravi)

    rows = await house.database.pool.fetch(
        "select action, actor_id, changes::text from audit_log where row_id = $1 order by id", ravi
    )
    assert [(row["action"], row["actor_id"]) for row in rows] == [("INSERT", owner.id)] + [("UPDATE", owner.id)] * 3
    everything = str([tuple(row) for row in await house.database.pool.fetch("select a::text from audit_log a")])
    for personal in ("Canary", "canary", "Ravi", "ravi", "$argon2id$"):
        assert personal not in everything
