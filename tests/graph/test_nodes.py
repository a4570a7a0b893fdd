"""`node` and `nodes`: the prefix of an id chooses its table; no value of a request stays in a plan."""

import pytest

from tests.graph.conftest import Asker
from tests.graph.seed import bill, customer


async def test_node_reads_one_table_by_prefix(ask: Asker) -> None:
    text = """query($id: ID!) { node(id: $id) { __typename id ... on Bill { total } ... on Customer { name } ...L } }
        fragment L on BillLine { position }"""

    of_bill = (await ask.data(text, id=bill(1)))["node"]
    assert of_bill["__typename"] == "Bill"
    assert "world_customers" not in ask.sent[0]
    of_customer = (await ask.data(text, id=customer(1)))["node"]
    assert set(of_customer) == {"__typename", "id", "name"}
    assert "world_bills" not in ask.sent[0]
    literal = f'{{ node(id: "{bill(1)}") {{ ... on Bill {{ number }} }} }}'
    assert set((await ask.data(literal))["node"]) == {"number"}


async def test_nodes_keep_their_order_and_duplicates(ask: Asker) -> None:
    ids = [customer(1), bill(7), bill(999), customer(1), bill(2)]
    text = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Bill { total } ... on Customer { notes } } }"

    found = (await ask.data(text, ids=ids))["nodes"]

    assert [node and node["id"] for node in found] == [ids[0], ids[1], None, ids[3], ids[4]]
    assert "total" in found[1]
    assert "notes" not in found[1]
    assert len(ask.sent) == 1


@pytest.mark.parametrize("count", [0, 51])
async def test_nodes_takes_one_to_fifty_ids(ask: Asker, count: int) -> None:
    text = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"

    assert await ask.code(text, ids=[bill(1)] * count) == "BAD_REQUEST"


@pytest.mark.parametrize("wrong", ["planet_" + "0" * 32, "bill", "bill_1", "'; drop table x"])
async def test_an_id_of_no_type_is_refused(ask: Asker, wrong: str) -> None:
    assert await ask.code("query($id: ID!) { node(id: $id) { id } }", id=wrong) == "BAD_REQUEST"
    assert await ask.code("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[bill(1), wrong]) == "BAD_REQUEST"


async def test_a_denied_type_among_nodes_is_null_and_the_others_are_read(ask: Asker) -> None:
    text = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Customer { phone } } }"
    from tests.graph.test_rights import BILLS_ONLY  # noqa: PLC0415  one actor for both files

    body = await ask(text, BILLS_ONLY, ids=[customer(1), bill(1)])

    assert body["data"]["nodes"] == [None, {"id": bill(1)}]
    assert [error["extensions"]["coordinate"] for error in body["errors"]] == ["Query.nodes"]


async def test_variables_inside_a_list_literal_are_parameters(ask: Asker) -> None:
    text = "query($a: ID!, $b: ID!) { nodes(ids: [$a, $b]) { id } }"
    for a, b in ((bill(1), bill(2)), (bill(3), bill(4)), (customer(1), bill(5))):
        assert [node["id"] for node in (await ask.data(text, a=a, b=b))["nodes"]] == [a, b]


async def test_variables_inside_an_object_literal_are_parameters(ask: Asker) -> None:
    text = """query($s: BillStatus, $since: DateTime) {
        bills(first: 100, filter: {status: $s, since: $since}) { nodes { status } totalCount } }"""
    for status in ("DRAFT", "POSTED", "VOID"):
        nodes = (await ask.data(text, s=status))["bills"]["nodes"]
        assert {node["status"] for node in nodes} == {status}

    counts = [
        (await ask.data(text, since=f"2026-11-01T09:00:{second:02d}Z"))["bills"]["totalCount"] for second in (0, 10, 19)
    ]

    assert counts[0] > counts[1] > counts[2]


async def test_ids_of_other_types_make_another_plan(ask: Asker) -> None:
    text = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename } }"

    kinds = [
        [node["__typename"] for node in (await ask.data(text, ids=ids))["nodes"]]
        for ids in ([bill(1)], [customer(1)], [bill(2), customer(2)], [customer(3), bill(3)])
    ]

    assert kinds == [["Bill"], ["Customer"], ["Bill", "Customer"], ["Customer", "Bill"]]
    assert len(ask.engine.plans) == 3
