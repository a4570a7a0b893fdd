"""Mutations: rights and guarded inputs first, one transaction, problems as results, keys with one effect."""

import asyncio
from uuid import UUID

import pytest

from salonos.kernel.actor import Actor, Reach, access
from salonos.kernel.permissions import Permission
from tests.graph import people, world
from tests.graph.conftest import Asker
from tests.graph.people import BRANCHES
from tests.graph.seed import customer

POST = """mutation Post($input: PostBillInput!, $x: Boolean = true) { postBill(input: $input) { __typename
  ... on PostBillSuccess { postedAt method b: bill { id status cost number lines { id } }
    bill { number @include(if: $x) customer { phone } } lines { position } warnings { __typename message } }
  ... on Problem { message } ... on BillAlreadyPosted { number bill { status } }
  ... on InvalidInput { issues { path code } } ... on StaleVersion { currentVersion } } }"""
KEY = "key-of-sixteen-chars"


async def draft(ask: Asker, branch: UUID = BRANCHES[0]) -> str:
    (row, *_) = await ask.rows(
        "select id from world_bills where status = 'DRAFT' and branch_id = $1 and customer_id is not null order by id",
        branch,
    )
    return f"bill_{row['id'].hex}"


async def status(ask: Asker, bill_id: str) -> str:
    (row,) = await ask.rows("select status from world_bills where id = $1", UUID(bill_id[5:]))
    return str(row["status"])


async def test_a_payload_is_read_by_a_plan_in_one_statement(ask: Asker) -> None:
    chosen = await draft(ask)

    body = await ask(POST, "RECEPTIONIST", KEY, input={"billId": chosen})

    got = body["data"]["postBill"]
    assert got["__typename"] == "PostBillSuccess"
    assert got["method"] == "CASH"
    assert got["b"]["status"] == "POSTED"
    assert got["b"]["number"] == got["bill"]["number"] == f"B-{chosen[-8:]}"
    assert got["bill"]["customer"].keys() == {"phone"}
    assert got["postedAt"].endswith("Z")
    assert got["warnings"] == []
    assert [error["extensions"]["coordinate"] for error in body["errors"]] == ["Bill.cost"]
    assert body["errors"][0]["path"] == ["postBill", "b", "cost"]
    assert len(ask.sent) == 1


async def test_a_list_of_references_keeps_its_order(ask: Asker) -> None:
    chosen = await draft(ask)
    rows = await ask.rows("select position from world_bill_lines where bill_id = $1", UUID(chosen[5:]))

    got = (await ask.data(POST, "MANAGER", KEY, input={"billId": chosen}))["postBill"]

    assert [line["position"] for line in got["lines"]] == sorted((r["position"] for r in rows), reverse=True)


async def test_a_problem_is_a_member_of_the_union_and_nothing_is_kept(ask: Asker) -> None:
    chosen = await draft(ask)
    await ask(POST, "OWNER", KEY, input={"billId": chosen})

    again = (await ask.data(POST, "RECEPTIONIST", KEY + "1", input={"billId": chosen}))["postBill"]

    number = f"B-{chosen[-8:]}"
    message = "The bill is posted already."
    assert again == {
        "__typename": "BillAlreadyPosted",
        "message": message,
        "number": number,
        "bill": {"status": "POSTED"},
    }
    unknown = (await ask.data(POST, "OWNER", KEY + "2", input={"billId": "bill_" + "0" * 32}))["postBill"]
    assert unknown["issues"] == [{"path": ["billId"], "code": "NOT_FOUND"}]
    stale = (await ask.data(POST, "OWNER", KEY + "3", input={"billId": chosen, "expectedVersion": 7}))["postBill"]
    assert stale["currentVersion"] == 2


async def test_problems_may_be_told_inside_a_success(ask: Asker) -> None:
    got = (await ask.data(POST, "OWNER", KEY, input={"billId": await draft(ask), "note": "warn"}))["postBill"]

    assert got["warnings"] == [{"__typename": "BillAlreadyPosted", "message": "The bill is posted already."}]


async def test_a_denied_mutation_does_nothing(ask: Asker) -> None:
    chosen = await draft(ask)

    body = await ask(POST, "STAFF", KEY, input={"billId": chosen})

    assert body["data"] == {"postBill": None}
    told = {"code": "FORBIDDEN", "permission": "BILL_CREATE", "coordinate": "Mutation.postBill"}
    assert body["errors"][0]["extensions"] == told
    assert await status(ask, chosen) == "DRAFT"
    assert await ask.code(POST, "NOBODY", KEY, input={"billId": chosen}) == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("given", "coordinates"),
    [
        ({"lines": [{"position": 1, "unitPrice": "1.00"}]}, ["LineInput.unitPrice"]),
        ({"status": "VOID"}, ["BillStatus.VOID"]),
        (
            {"status": "VOID", "lines": [{"position": 1}, {"position": 2, "unitPrice": "1.00"}]},
            ["BillStatus.VOID", "LineInput.unitPrice"],
        ),
    ],
)
async def test_a_guarded_input_is_refused_at_its_coordinate_before_any_work(
    ask: Asker, given: dict[str, object], coordinates: list[str]
) -> None:
    chosen = await draft(ask)

    body = await ask(POST, "RECEPTIONIST", KEY, input={"billId": chosen, **given})

    assert body["data"] == {"postBill": None}
    assert sorted(error["extensions"]["coordinate"] for error in body["errors"]) == coordinates
    assert await status(ask, chosen) == "DRAFT"
    allowed = await ask.data(POST, "MANAGER", KEY, input={"billId": chosen, **given})
    assert allowed["postBill"]["__typename"] == "PostBillSuccess"


async def test_a_guarded_input_that_is_null_is_not_used(ask: Asker) -> None:
    given = {"billId": await draft(ask), "lines": [{"position": 1, "unitPrice": None}], "status": None}

    body = await ask(POST, "RECEPTIONIST", KEY, input=given)

    assert body["data"]["postBill"]["__typename"] == "PostBillSuccess"


async def test_a_guarded_value_of_a_payload_is_denied_at_its_coordinate(ask: Asker) -> None:
    text = "mutation($i: PostBillInput!) { postBill(input: $i) { ... on PostBillSuccess { margin m: margin } } }"

    denied = await ask(text, "RECEPTIONIST", KEY, i={"billId": await draft(ask)})
    allowed = await ask.data(text, "MANAGER", KEY + "1", i={"billId": await draft(ask)})

    assert denied["data"]["postBill"] == {"margin": None, "m": None}
    told = {"code": "FORBIDDEN", "permission": "COST_READ", "coordinate": "PostBillSuccess.margin"}
    assert [error["extensions"] for error in denied["errors"]] == [told]
    assert allowed["postBill"] == {"margin": "12.34", "m": "12.34"}


async def test_a_guarded_value_of_a_problem_is_denied_at_its_coordinate(ask: Asker) -> None:
    text = """mutation($i: PostBillInput!) { postBill(input: $i) {
        ... on BillAlreadyPosted { postedBy bill { id } }
        ... on PostBillSuccess { warnings { message ... on BillAlreadyPosted { postedBy } } } } }"""
    told = {"code": "FORBIDDEN", "permission": "STAFF_PROFILE_READ", "coordinate": "BillAlreadyPosted.postedBy"}
    chosen = await draft(ask)
    given = {"billId": chosen, "note": "warn"}

    warned = await ask(text, "RECEPTIONIST", KEY, i=given)
    denied = await ask(text, "RECEPTIONIST", KEY + "1", i=given)
    allowed = await ask.data(text, "MANAGER", KEY + "2", i=given)

    warning = {"message": "The bill is posted already.", "postedBy": None}
    assert warned["data"]["postBill"] == {"warnings": [warning]}
    assert denied["data"]["postBill"] == {"postedBy": None, "bill": {"id": chosen}}
    assert [error["extensions"] for error in warned["errors"] + denied["errors"]] == [told, told]
    assert allowed["postBill"] == {"postedBy": "Asha", "bill": {"id": chosen}}


async def test_an_object_of_a_payload_is_guarded_by_its_type(ask: Asker) -> None:
    text = (
        "mutation($i: PostBillInput!) { postBill(input: $i) { ... on PostBillSuccess { bill { id } lines { id } } } }"
    )
    rights = access(frozenset({Permission.BILL_CREATE}), frozenset(), Reach.ALL)

    body = await ask(text, Actor(people.STAFF[0], rights), KEY, i={"billId": await draft(ask)})

    assert body["data"]["postBill"] == {"bill": None, "lines": None}
    told = [error["extensions"]["coordinate"] for error in body["errors"]]
    assert told == ["PostBillSuccess.bill", "PostBillSuccess.lines"]
    assert "world_bills" not in str(ask.sent)


async def test_a_payload_out_of_reach_is_null(ask: Asker) -> None:
    chosen = await draft(ask, BRANCHES[1])
    text = (
        "mutation($i: PostBillInput!) { postBill(input: $i) { ... on PostBillSuccess { bill { id } lines { id } } } }"
    )

    got = (await ask.data(text, "RECEPTIONIST", KEY, i={"billId": chosen}))["postBill"]

    assert got["bill"] is None
    assert set(map(str, got["lines"])) <= {"None"}


async def test_two_fields_run_in_order_with_keys_of_their_own(ask: Asker) -> None:
    text = """mutation($i: PostBillInput!) { a: postBill(input: $i) { __typename } b: postBill(input: $i) { __typename } }"""

    got = await ask.data(text, "OWNER", KEY, i={"billId": await draft(ask)})

    assert (got["a"]["__typename"], got["b"]["__typename"]) == ("PostBillSuccess", "BillAlreadyPosted")
    assert ask.sent == []


async def test_a_wrong_id_or_scalar_is_a_bad_request(ask: Asker) -> None:
    text = "mutation($i: PostBillInput!) { postBill(input: $i) { __typename } }"

    assert await ask.code(text, "OWNER", KEY, i={"billId": customer(1)}) == "BAD_REQUEST"
    price = {"billId": customer(1), "lines": [{"position": 1, "unitPrice": "1e3"}]}
    assert await ask.code(text, "OWNER", KEY, i=price) == "BAD_REQUEST"
    assert await ask.code(text, "OWNER", KEY, i={"billId": await draft(ask), "note": "\0"}) == "BAD_REQUEST"
    assert await ask.code(text, "OWNER", KEY, i={"billId": customer(1), "unknown": 1}) == "BAD_REQUEST"


async def test_a_bug_is_masked_with_an_error_id(ask: Asker) -> None:
    body = await ask('mutation { fail(input: {username: "canary"}) { __typename } }', "NOBODY")

    (error,) = body["errors"]
    assert body["data"] == {"fail": None}
    assert error["extensions"]["code"] == "INTERNAL"
    assert len(error["extensions"]["errorId"]) == 32
    assert "secret" not in str(body)
    assert "canary" not in str(body)


async def test_a_payload_may_be_read_with_the_rights_of_another_actor(ask: Asker) -> None:
    world.SIGNED_IN.update({role: people.actor(role) for role in people.ROLE_NAMES})
    text = 'mutation { signIn(input: {username: "%s"}) { viewer { id permissions branches { name } } } }'

    got = {role: (await ask.data(text % role, "NOBODY"))["signIn"]["viewer"] for role in ("OWNER", "STAFF")}

    assert got["STAFF"]["branches"] == [{"name": "Branch 0"}]
    assert "COST_READ" in got["OWNER"]["permissions"]
    assert "COST_READ" not in got["STAFF"]["permissions"]


# --- Idempotency-Key


async def test_a_key_is_demanded_and_checked(ask: Asker) -> None:
    given = {"billId": await draft(ask)}

    assert await ask.code(POST, "OWNER", None, input=given) == "IDEMPOTENCY_KEY_REQUIRED"
    for wrong in ("short", "x" * 65, "key with spaces in it", "ключключключключ"):
        assert await ask.code(POST, "OWNER", wrong, input=given) == "BAD_REQUEST"
    assert await status(ask, given["billId"]) == "DRAFT"


async def test_a_repeated_request_is_answered_again_and_has_one_effect(ask: Asker) -> None:
    given = {"billId": await draft(ask), "note": "warn"}
    first = await ask(POST, "RECEPTIONIST", KEY, input=given)

    second = await ask(POST, "RECEPTIONIST", KEY, input=given)

    assert first["data"] == second["data"]
    assert "extensions" not in first
    assert second["extensions"] == {"idempotency": {"replayed": True}}
    (events,) = await ask.rows("select count(*) as n from outbox_events")
    assert events["n"] == 1


async def test_a_replay_is_read_with_the_rights_of_today(ask: Asker) -> None:
    given = {"billId": await draft(ask)}
    owner, accountant = people.actor("OWNER"), people.actor("ACCOUNTANT")
    assert owner.id == accountant.id
    await ask(POST, "OWNER", KEY, input=given)

    body = await ask(POST, "RECEPTIONIST", KEY, input=given)

    assert body["extensions"] == {"idempotency": {"replayed": True}}
    assert body["data"]["postBill"]["b"]["cost"] is None


async def test_a_key_is_bound_to_its_request(ask: Asker) -> None:
    given = {"billId": await draft(ask)}
    await ask(POST, "OWNER", KEY, input=given)

    assert await ask.code(POST, "OWNER", KEY, input={**given, "note": "other"}) == "IDEMPOTENCY_KEY_REUSED"
    assert await ask.code(POST + "\nfragment X on Bill { id }", "OWNER", KEY, input=given) == "BAD_REQUEST"
    spaced = POST.replace("{ number", "{    number") + "  # a comment"
    assert (await ask(spaced, "OWNER", KEY, input=given))["extensions"] == {"idempotency": {"replayed": True}}


async def test_a_failed_request_leaves_its_key_free(ask: Asker) -> None:
    given = {"billId": await draft(ask), "expectedVersion": 9}

    await ask(POST, "OWNER", KEY, input=given)

    (kept,) = await ask.rows("select count(*) as n from idempotency_keys")
    assert kept["n"] == 0


async def test_many_requests_with_one_key_have_one_effect(ask: Asker) -> None:
    given = {"billId": await draft(ask)}
    text = "mutation($input: PostBillInput!) { postBill(input: $input) { __typename } }"

    bodies = await asyncio.gather(*[ask(text, "OWNER", KEY, input=given) for _ in range(20)])

    assert {body["data"]["postBill"]["__typename"] for body in bodies} == {"PostBillSuccess"}
    assert sum("extensions" not in body for body in bodies) == 1
