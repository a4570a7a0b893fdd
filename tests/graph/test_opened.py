"""Leaves that Python finishes: sealed text and computed links, wherever they stand, and only when they are asked for."""

import pytest

from salonos.kernel import crypto
from tests.graph.conftest import Asker
from tests.graph.seed import bill, customer, phone, uid


async def test_a_sealed_leaf_is_opened_wherever_it_stands(ask: Asker) -> None:
    text = """query($a: ID!, $b: ID!) { bills(first: 30) { nodes { customer { phone p2: phone
        bills(first: 1) { edges { node { customer { phone } } } } } } }
        one: customer(id: $a) { phone } none: customer(id: $b) { phone } }"""

    found = await ask.data(text, a=customer(5), b=customer(3))

    assert found["one"]["phone"] == phone(5)
    assert found["none"]["phone"] is None
    people = [node["customer"] for node in found["bills"]["nodes"] if node["customer"]]
    assert any(each["phone"] for each in people)
    for each in people:
        assert each["p2"] == each["phone"] == each["bills"]["edges"][0]["node"]["customer"]["phone"]
    assert len(ask.sent) == 1


async def test_a_sealed_value_moved_to_another_row_does_not_open(ask: Asker) -> None:
    await ask.database.pool.execute(
        """update world_customers set (phone_sealed, person_key) =
        (select phone_sealed, person_key from world_customers where id = $1) where id = $2""",
        uid("customer", 1),
        uid("customer", 2),
    )

    body = await ask("query($id: ID!) { customer(id: $id) { phone } }", id=customer(2))

    assert [error["extensions"]["code"] for error in body["errors"]] == ["INTERNAL"]
    assert phone(1) not in str(body)


async def test_a_person_whose_key_is_gone_has_no_sealed_values(ask: Asker) -> None:
    await ask.database.pool.execute("update world_customers set person_key = null where id = $1", uid("customer", 1))

    assert await ask.data("query($id: ID!) { customer(id: $id) { phone } }", id=customer(1)) == {
        "customer": {"phone": None}
    }


async def test_a_value_under_another_secret_does_not_open(ask: Asker) -> None:
    crypto.configure(crypto.Keyring(b"another secret of more than thirty-two bytes"))

    assert await ask.code("query($id: ID!) { customer(id: $id) { phone } }", id=customer(1)) == "INTERNAL"


async def test_only_operations_with_such_leaves_are_decoded(ask: Asker) -> None:
    await ask.data("{ bills(first: 1) { nodes { id customer { name } } } }")
    await ask.data("{ bills(first: 1) { nodes { upiLink } } }")

    assert [bool(plan.opens) for plan in ask.engine.plans.values()] == [False, True]


async def test_a_link_is_made_of_the_plans_values(ask: Asker) -> None:
    found = (await ask.data("query($id: ID!) { bill(id: $id) { total upiLink } }", id=bill(2)))["bill"]

    paise = found["total"].replace(".", "").lstrip("0") or "0"
    assert found["upiLink"] == f"upi://pay?tr={uid('bill', 2)}&am={paise}"


async def test_openers_of_different_types_are_told_apart(ask: Asker) -> None:
    text = """query($ids: [ID!]!) { nodes(ids: $ids) { __typename
        ... on Bill { x: upiLink customer { y: phone } } ... on Customer { y: phone z: name } ... on Branch { z: name } } }"""
    (row, *_) = await ask.rows("select id, customer_id from world_bills where customer_id is not null order by id")
    (branch, *_) = await ask.rows("select id from world_branches order by id")
    ids = [customer(5), f"bill_{row['id'].hex}", f"branch_{branch['id'].hex}", bill(999), customer(3)]

    found = (await ask.data(text, ids=ids))["nodes"]

    assert found[0] == {"__typename": "Customer", "y": phone(5), "z": 'AshaF "R" 00005'}
    assert found[1]["__typename"] == "Bill"
    assert found[1]["x"].startswith("upi://pay")
    assert found[2] == {"__typename": "Branch", "z": "Branch 0"}
    assert found[3] is None
    assert found[4]["y"] is None


@pytest.mark.parametrize("role", ["OWNER", "STAFF"])
async def test_a_sealed_leaf_in_a_nodes_list_follows_the_rights(ask: Asker, role: str) -> None:
    text = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Customer { phone } } }"

    found = (await ask.data(text, role, ids=[customer(5)]))["nodes"]

    assert found == [{"phone": phone(5) if role == "OWNER" else "••••••0005"}]
