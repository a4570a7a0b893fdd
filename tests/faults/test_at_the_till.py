"""A salon's tablets over HTTP, body by body: PINs, approvals, and nothing that tells who works here."""

import asyncio
import os
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from salonos.identity import commands, rules
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from tests import servers
from tests.faults import served as serving
from tests.faults.test_enumeration import told
from tests.salon.makers import make_branch

PIN, WRONG_PIN = "8264", "7391"
PROBLEM = "__typename ... on Problem { message } ... on InvalidInput { issues { path code } }"
WRONG = {"__typename": "WrongCredentials", "message": "The username or the PIN is not right."}


@dataclass
class Salon:
    """A served salon with two branches; its desk is at the first."""

    served: serving.Served
    branch_ids: tuple[str, str]
    service_id: str
    desk: str = ""
    far_desk: str = ""

    def reply(self, name: str, selection: str = "", /, *, token: str = "", **given: Any) -> httpx.Response:
        """The reply to one mutation."""
        kind = f"{name[0].upper()}{name[1:]}Input"
        text = f"mutation($input: {kind}!) {{ {name}(input: $input) {{ {PROBLEM} {selection} }} }}"
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return self.served.ask(text, {"input": given}, idempotency_key=secrets.token_hex(16), **headers)

    def ask(self, name: str, selection: str = "", /, *, token: str = "", **given: Any) -> Any:
        """One mutation's result."""
        reply = self.reply(name, selection, token=token, **given)
        body = reply.json()
        assert reply.status_code == 200, body
        assert "errors" not in body, body
        return body["data"][name]

    def pin(self, username: str, pin: str = WRONG_PIN, *, tablet: str = "") -> httpx.Response:
        """A sign-in with a PIN, at the first branch's desk unless said otherwise."""
        selection = "... on SignInSuccess { accessToken } ... on TooManyAttempts { retryAfter }"
        given = {"username": username, "pin": pin, "tabletToken": tablet or self.desk}
        return self.reply("signInWithPin", selection, **given)

    def enroll(self, place: int, name: str) -> str:
        """A tablet's token."""
        selection = "... on EnrollTabletSuccess { tabletToken }"
        owner = self.served.owner
        made = self.ask("enrollTablet", selection, token=owner, branchId=self.branch_ids[place], name=name)
        token: str = made["tabletToken"]
        return token

    def approval(self, token: str, ceiling: str = "100.00", **more: Any) -> Any:
        """What the manager's `approve` is answered for a discount at the first branch."""
        about = {"action": "BILL_DISCOUNT", "branchId": self.branch_ids[0], "ceiling": ceiling, "username": "manager"}
        return self.ask("approve", "... on ApproveSuccess { approvalId }", token=token, **{**about, **more})

    def sell(self, token: str, discount: str, due: str, approval_id: str | None) -> str:
        """How a check-out of one haircut with a discount ends."""
        given = {
            "branchId": self.branch_ids[0],
            "lines": [{"serviceId": self.service_id}],
            "discount": {"amount": discount},
            "discountReason": "They waited",
            "payments": [{"method": "CASH", "amount": due}],
            "approvalId": approval_id,
        }
        ended: str = self.ask("checkOut", token=token, **given)["__typename"]
        return ended


async def people_and_places(url: str) -> tuple[str, str, str]:
    """Two branches and the haircut; receptionists at both, a second manager at the first."""
    database = await Database.open(url)
    first = await database.pool.fetchval("select id from branches")
    second = await make_branch(database, "BLR2")
    service_id = await database.pool.fetchval("select id from services where name = 'Haircut'")
    password_hash = await commands.new_hash(serving.PASSWORD)
    for username, branch_id in (("ravi", first), ("priya", first), ("faraway", second)):
        new = commands.NewStaffMember(
            display_name=username.capitalize(),
            username=username,
            password_hash=password_hash,
            role_id=rules.BUILT_IN_ROLE_IDS["RECEPTIONIST"],
            branch_ids=(branch_id,),
        )
        await database.run(Actor.system(), lambda work, new=new: commands.create_staff_member(work, new))
    await database.close()
    return id_text("branch", first), id_text("branch", second), id_text("service", service_id)


@pytest.fixture(scope="module")
def salon() -> Iterator[Salon]:
    """A process of this module's own: wrong guesses are counted by address."""
    name = f"test_{new_id().hex}"
    url = servers.url_of(name)
    asyncio.run(servers.create_database(name))
    asyncio.run(serving.furnish(url))
    first, second, service_id = asyncio.run(people_and_places(url))
    with tempfile.TemporaryDirectory(prefix="salonos-") as folder:
        served = serving.serve(url, os.environ[servers.REDIS], Path(folder) / "api.log")
        try:
            served.owner = served.sign_in("owner")
            made = Salon(served, (first, second), service_id)
            made.desk, made.far_desk = made.enroll(0, "Front desk"), made.enroll(1, "Other desk")
            for username in ("ravi", "priya", "faraway"):
                given = {"currentPassword": serving.PASSWORD, "pin": PIN}
                assert made.ask("setPin", token=served.sign_in(username), **given)["__typename"] == "SetPinSuccess"
            yield made
            assert "Traceback" not in served.written()
        finally:
            served.process.kill()
            served.process.wait()
    asyncio.run(servers.drop_database(name))


def test_a_pin_opens_its_own_branchs_tablets_only(salon: Salon) -> None:
    spare = salon.enroll(0, "Spare desk")
    (tablet,) = salon.served.ask(
        "{ tablets(first: 1) { nodes { id } } }", authorization=f"Bearer {salon.served.owner}"
    ).json()["data"]["tablets"]["nodes"]

    assert salon.pin("ravi", PIN, tablet=spare).json()["data"]["signInWithPin"]["__typename"] == "SignInSuccess"
    replies = [
        salon.pin("ravi", PIN, tablet=salon.far_desk),
        salon.pin("faraway", PIN),
        salon.pin("nobody", PIN),
        salon.pin("manager", PIN),  # works here, and has none
    ]
    assert [told(each) for each in replies] == [told(replies[0])] * 4
    assert replies[0].json() == {"data": {"signInWithPin": WRONG}}
    revoked = salon.ask("revokeTablet", token=salon.served.owner, tabletId=tablet["id"])
    assert revoked["__typename"] == "RevokeTabletSuccess"
    not_enrolled = [salon.pin("ravi", PIN, tablet=each) for each in (spare, "x" * 43, "é" * 43)]
    assert [told(each) for each in not_enrolled] == [told(not_enrolled[0])] * 3
    assert not_enrolled[0].json()["data"]["signInWithPin"]["__typename"] == "TabletNotEnrolled"


def test_a_locked_pin_is_the_same_for_somebody_and_for_nobody(salon: Salon) -> None:
    people = ("priya", "nobody2", "stylist")  # with a PIN, unknown, without a PIN
    desks = [salon.enroll(0, f"Desk of {username}") for username in people]  # each has a count of its own
    tried = {
        username: [told(salon.pin(username, tablet=desk)) for _ in range(6)]
        for username, desk in zip(people, desks, strict=True)
    }

    assert tried["priya"] == tried["nobody2"] == tried["stylist"]
    assert tried["priya"][:5] == [tried["priya"][0]] * 5
    assert "WrongCredentials" in tried["priya"][0][2]
    assert "PinBlocked" in tried["priya"][5][2]
    right = salon.pin("priya", PIN, tablet=salon.desk)
    assert told(right) == told(salon.pin("nobody2", PIN, tablet=salon.desk)) == tried["priya"][5]
    salon.served.sign_in("priya")  # a password opens it again
    assert salon.pin("priya", PIN).json()["data"]["signInWithPin"]["__typename"] == "SignInSuccess"


def test_an_approval_is_for_its_seller_its_amount_and_one_bill(salon: Salon) -> None:
    ravi, priya = salon.served.sign_in("ravi"), salon.served.sign_in("priya")
    given = salon.approval(ravi, password=serving.PASSWORD)["approvalId"]

    assert salon.sell(ravi, "100.00", "683.00", None) == "DiscountNeedsApproval"
    assert salon.sell(ravi, "101.00", "681.00", given) == "ApprovalNotValid"
    assert salon.sell(priya, "100.00", "683.00", given) == "ApprovalNotValid"
    assert salon.sell(ravi, "100.00", "683.00", id_text("approval", new_id())) == "ApprovalNotValid"
    assert salon.sell(ravi, "99.00", "684.00", given) == "CheckOutSuccess"
    assert salon.sell(ravi, "99.00", "684.00", given) == "ApprovalNotValid"


def test_a_manager_approves_with_their_own_secret_only(salon: Salon) -> None:
    ravi = salon.served.sign_in("ravi")
    on_tablet = salon.pin("ravi", PIN).json()["data"]["signInWithPin"]["accessToken"]
    stranger = salon.reply("approve", **{**_about(salon), "username": "manager", "password": serving.PASSWORD})

    assert [each["extensions"]["code"] for each in stranger.json()["errors"]] == ["UNAUTHENTICATED"]
    own = salon.approval(ravi, username="ravi", password=serving.PASSWORD)
    assert own["__typename"] == "MayNotApprove"
    far = salon.approval(ravi, branchId=salon.branch_ids[1], password=serving.PASSWORD)
    assert far["issues"] == [{"path": ["branchId"], "code": "NOT_FOUND"}]
    both = salon.approval(ravi, password=serving.PASSWORD, pin=PIN)
    assert both["issues"] == [{"path": ["password"], "code": "ONE_OF"}]
    assert salon.approval(on_tablet, pin=WRONG_PIN) == WRONG


def test_guesses_at_an_approver_are_the_same_for_somebody_and_for_nobody(salon: Salon) -> None:
    ravi = salon.served.sign_in("ravi")
    selection = "... on TooManyAttempts { retryAfter }"

    def guesses(username: str) -> list[Any]:
        guess = {**_about(salon), "username": username, "password": "not the password"}
        return [told(salon.reply("approve", selection, token=ravi, **guess)) for _ in range(6)]

    stylist, nobody = guesses("stylist"), guesses("nobody3")

    assert stylist == nobody
    assert "WrongCredentials" in stylist[0][2]
    assert "TooManyAttempts" in stylist[5][2]


def _about(salon: Salon) -> dict[str, str]:
    return {"action": "BILL_DISCOUNT", "branchId": salon.branch_ids[0], "ceiling": "100.00"}


def test_a49_a58_what_is_hidden_is_neither_counted_nor_found(salon: Salon) -> None:
    stylist = salon.served.sign_in("stylist")
    reads = {
        "A58 counts": "{ bills(first: 5) { totalCount nodes { id } } customers(first: 5) { totalCount nodes { id } } }",
        "A49 a telephone number": '{ customers(first: 5, filter: { phone: "+919845012345" }) { totalCount } }',
        "A49 an address": '{ customers(first: 5, filter: { email: "meera@example.in" }) { totalCount } }',
        "A49 a search": '{ customers(first: 5, filter: { search: "+919845012345" }) { totalCount } }',
    }

    def seen() -> dict[str, Any]:
        return {name: told(salon.served.ask(text, authorization=f"Bearer {stylist}")) for name, text in reads.items()}

    before = seen()
    person = {"name": "Meera Iyer", "phone": "+919845012345", "email": "meera@example.in"}
    assert salon.ask("createCustomer", token=salon.served.owner, **person)["__typename"] == "CreateCustomerSuccess"
    assert salon.sell(salon.served.owner, "100.00", "683.00", None) == "CheckOutSuccess"

    assert seen() == before
    assert '"totalCount":0' in before["A58 counts"][2]
    for name in ("A49 a telephone number", "A49 an address"):
        assert '"code":"FORBIDDEN","permission":"CUSTOMER_CONTACT_READ"' in before[name][2]


def test_a51_a_bill_is_posted_and_taken_back_once(salon: Salon) -> None:
    owner = salon.served.owner
    assert salon.sell(owner, "100.00", "683.00", None) == "CheckOutSuccess"
    query = "{ bills(first: 1) { nodes { id version } } }"
    reply = salon.served.ask(query, authorization=f"Bearer {owner}").json()
    (bill,) = reply["data"]["bills"]["nodes"]
    at = {"billId": bill["id"], "expectedVersion": bill["version"]}

    assert salon.ask("postBill", token=owner, **at)["__typename"] == "BillAlreadyPosted"
    voided = [salon.ask("voidBill", token=owner, **at, reason="Rung up twice") for _ in range(2)]
    assert [each["__typename"] for each in voided] == ["VoidBillSuccess", "InvalidInput"]
    (issue,) = voided[1]["issues"]
    assert issue["path"] == ["billId"]
    void_again = {**at, "expectedVersion": bill["version"] + 1}
    assert salon.ask("postBill", token=owner, **void_again)["__typename"] == "InvalidInput"


def test_a54_guesses_from_many_devices_are_counted_together(salon: Salon) -> None:
    def guess(number: int, password: str) -> str:
        device = {"deviceId": secrets.token_hex(16), "deviceName": f"Guess {number}"}
        ended: str = salon.ask("signIn", username="owner", password=password, **device)["__typename"]
        return ended

    endings = [guess(number, "not the password") for number in range(6)]

    assert endings == ["WrongCredentials"] * 5 + ["TooManyAttempts"]
    assert guess(7, serving.PASSWORD) == "TooManyAttempts"
