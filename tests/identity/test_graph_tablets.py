"""Tablets, PINs, approvals and notices as clients see them."""

from salonos.identity import commands
from salonos.kernel.ids import id_text
from tests.identity.asking import Asker
from tests.identity.makers import PASSWORD, TABLET, House

ENROLL = """mutation($input: EnrollTabletInput!) { enrollTablet(input: $input) {
  ... on EnrollTabletSuccess { tabletToken tablet { id name branch { id } enrolledBy { displayName } } } } }"""
SET_PIN = """mutation($input: SetPinInput!) { setPin(input: $input) { __typename
  ... on SetPinSuccess { viewer { username } } ... on InvalidInput { issues { path code } } } }"""
SIGN_IN = """mutation($input: SignInWithPinInput!) { signInWithPin(input: $input) { __typename
  ... on SignInSuccess { accessToken viewer { username } } ... on Problem { message } } }"""
REVOKE = """mutation($input: RevokeTabletInput!) { revokeTablet(input: $input) {
  ... on RevokeTabletSuccess { tablet { id revokedAt } } } }"""
APPROVE = """mutation($input: ApproveInput!) { approve(input: $input) { __typename
  ... on ApproveSuccess { approvalId approver { displayName } }
  ... on MayNotApprove { permission } ... on InvalidInput { issues { path code } } } }"""
TABLETS = "{ tablets { nodes { name revokedAt } } }"
NOTICES = "{ securityNotices { nodes { kind staffMember { displayName } } } }"


async def test_from_the_enrolment_to_the_end_of_a_tablet(house: House) -> None:
    ask, owner = Asker(house.database), await house.actor("owner")
    branch_id = id_text("branch", house.branch_ids[0])
    enrolled = (await ask.data(ENROLL, owner, input={"branchId": branch_id, "name": "Front desk"}))["enrollTablet"]
    given = {"username": "owner", "pin": "8264", "tabletToken": enrolled["tabletToken"]}
    assert enrolled["tablet"]["branch"] == {"id": branch_id}
    assert enrolled["tablet"]["enrolledBy"] == {"displayName": "Asha Owner"}

    refused = await ask.data(SET_PIN, owner, input={"currentPassword": PASSWORD, "pin": "1234"})
    assert refused["setPin"]["issues"] == [{"path": ["pin"], "code": "TOO_COMMON"}]
    chosen = await ask.data(SET_PIN, owner, input={"currentPassword": PASSWORD, "pin": "8264"})
    assert chosen["setPin"]["viewer"] == {"username": "owner"}
    signed_in = (await ask.data(SIGN_IN, input=given))["signInWithPin"]
    assert signed_in["viewer"] == {"username": "owner"}
    wrong = [(await ask.data(SIGN_IN, input={**given, "pin": "7391"}))["signInWithPin"] for _ in range(6)]
    assert [each["__typename"] for each in wrong] == ["WrongCredentials"] * 5 + ["PinBlocked"]

    notices = (await ask.data(NOTICES, owner))["securityNotices"]["nodes"]
    assert notices == [{"kind": "PIN_BLOCKED", "staffMember": {"displayName": "Asha Owner"}}]
    revoked = await ask.data(REVOKE, owner, input={"tabletId": enrolled["tablet"]["id"]})
    assert revoked["revokeTablet"]["tablet"]["revokedAt"] is not None
    assert (await ask.data(SIGN_IN, input=given))["signInWithPin"]["__typename"] == "TabletNotEnrolled"
    (row,) = (await ask.data(TABLETS, owner))["tablets"]["nodes"]
    assert row["name"] == "Front desk"


async def test_tablets_are_seen_by_who_administers_people_at_their_branch_and_notices_by_the_owner(
    house: House,
) -> None:
    ask, owner = Asker(house.database), await house.actor("owner")
    await house.take_on("MANAGER", "manager")
    await house.take_on("RECEPTIONIST", "ravi")
    for place, branch_id in enumerate(house.branch_ids):
        await house.database.run(
            owner, lambda work, b=branch_id, n=place: commands.enroll_tablet(work, branch_id=b, name=f"Desk {n}")
        )
    manager, ravi = await house.actor("manager"), await house.actor("ravi")

    assert [each["name"] for each in (await ask.data(TABLETS, owner))["tablets"]["nodes"]] == ["Desk 1", "Desk 0"]
    assert [each["name"] for each in (await ask.data(TABLETS, manager))["tablets"]["nodes"]] == ["Desk 0"]
    assert await ask.codes(TABLETS, ravi) == [("Query.tablets", "FORBIDDEN")]
    assert await ask.codes(NOTICES, manager) == [("Query.securityNotices", "FORBIDDEN")]


async def test_an_approval_is_asked_for_with_the_approvers_secret(house: House) -> None:
    ask = Asker(house.database)
    await house.take_on("RECEPTIONIST", "ravi")
    await house.take_on("MANAGER", "manager")
    ravi = (await house.sign_in("ravi", device=TABLET)).actor
    given = {
        "action": "BILL_DISCOUNT",
        "branchId": id_text("branch", house.branch_ids[0]),
        "ceiling": "500.00",
        "username": "manager",
    }

    approved = (await ask.data(APPROVE, ravi, input={**given, "password": PASSWORD}))["approve"]
    assert approved["approvalId"].startswith("approval_")
    assert approved["approver"] == {"displayName": "Manager"}
    own = (await ask.data(APPROVE, ravi, input={**given, "username": "ravi", "password": PASSWORD}))["approve"]
    assert own == {"__typename": "MayNotApprove", "permission": "BILL_DISCOUNT_APPROVE"}
    neither = (await ask.data(APPROVE, ravi, input=given))["approve"]
    assert neither["issues"] == [{"path": ["password"], "code": "ONE_OF"}]
    wrong = (await ask.data(APPROVE, ravi, input={**given, "password": "not the password"}))["approve"]
    assert wrong == {"__typename": "WrongCredentials"}
    assert await ask.codes(APPROVE, input={**given, "password": PASSWORD}) == [("Mutation.approve", "UNAUTHENTICATED")]
