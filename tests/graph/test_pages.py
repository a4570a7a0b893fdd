"""Connections: each row once, in order, forwards and backwards, also over ties."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest

from tests.graph.conftest import Asker
from tests.graph.seed import customer, uid

SQL_ORDERS = {
    "NEWEST": "created_at desc, id desc",
    "OLDEST": "created_at, id",
    "LARGEST": "total_paise desc, id desc",
}
FORWARD = """query($o: BillOrder, $after: String) { bills(first: 7, after: $after, orderBy: $o) {
    edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage endCursor startCursor }
    nodes { id } totalCount } }"""
BACKWARD = """query($o: BillOrder, $before: String) { bills(last: 7, before: $before, orderBy: $o) {
    edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage endCursor startCursor } nodes { id } } }"""


async def ids_in_order(ask: Asker, order: str) -> list[str]:
    rows = await ask.rows(f"select id from world_bills order by {SQL_ORDERS[order]}")
    return [f"bill_{row['id'].hex}" for row in rows]


def check_page(page: dict[str, Any]) -> list[str]:
    ids = [node["id"] for node in page["nodes"]]
    assert [edge["node"]["id"] for edge in page["edges"]] == ids
    assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
    assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]
    return ids


@pytest.mark.parametrize("order", list(SQL_ORDERS))
async def test_pages_forwards_visit_each_row_once_in_order(ask: Asker, order: str) -> None:
    seen: list[str] = []
    after, pages = None, 0
    while True:
        page = (await ask.data(FORWARD, o=order, after=after))["bills"]
        assert len(ask.sent) == 1
        assert page["totalCount"] == 60
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        seen += check_page(page)
        pages += 1
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert seen == await ids_in_order(ask, order)
    assert pages == 9


@pytest.mark.parametrize("order", list(SQL_ORDERS))
async def test_pages_backwards_visit_each_row_once_in_order(ask: Asker, order: str) -> None:
    seen: list[str] = []
    before, pages = None, 0
    while True:
        page = (await ask.data(BACKWARD, o=order, before=before))["bills"]
        assert page["pageInfo"]["hasNextPage"] is (before is not None)
        seen = check_page(page) + seen
        pages += 1
        before = page["pageInfo"]["startCursor"]
        if not page["pageInfo"]["hasPreviousPage"]:
            break

    assert seen == await ids_in_order(ask, order)
    assert pages == 9


async def test_only_nodes_backwards_are_in_the_same_order(ask: Asker) -> None:
    found = await ask.data("{ bills(last: 3, orderBy: OLDEST) { nodes { id } } }")

    assert [node["id"] for node in found["bills"]["nodes"]] == (await ids_in_order(ask, "OLDEST"))[-3:]


async def test_both_marks_bound_a_page(ask: Asker) -> None:
    edges = (await ask.data("{ bills(first: 20) { edges { cursor node { id } } } }"))["bills"]["edges"]
    text = """query($a: String, $b: String) { bills(first: 100, after: $a, before: $b) {
        nodes { id } pageInfo { hasNextPage hasPreviousPage } } }"""

    page = (await ask.data(text, a=edges[2]["cursor"], b=edges[8]["cursor"]))["bills"]

    assert [node["id"] for node in page["nodes"]] == [edge["node"]["id"] for edge in edges[3:8]]
    assert page["pageInfo"] == {"hasNextPage": True, "hasPreviousPage": True}


async def test_the_end_exactly_at_the_page_has_no_next(ask: Asker) -> None:
    for first, more in ((60, False), (59, True)):
        page = (await ask.data("query($n: Int) { bills(first: $n) { pageInfo { hasNextPage } } }", n=first))["bills"]

        assert page["pageInfo"]["hasNextPage"] is more


async def test_an_empty_page_says_so(ask: Asker) -> None:
    last = (await ask.data("{ bills(first: 100) { pageInfo { endCursor } } }"))["bills"]["pageInfo"]["endCursor"]
    text = """query($a: String) { bills(after: $a) { nodes { id } edges { cursor } totalCount
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""

    page = (await ask.data(text, a=last))["bills"]

    info = {"hasNextPage": False, "hasPreviousPage": True, "startCursor": None, "endCursor": None}
    assert page == {"nodes": [], "edges": [], "totalCount": 60, "pageInfo": info}


async def test_total_alone_reads_no_rows_twice(ask: Asker) -> None:
    assert await ask.data("{ bills(first: 5) { totalCount } }") == {"bills": {"totalCount": 60}}
    assert await ask.data("{ bills(first: 5) { __typename } }") == {"bills": {"__typename": "BillConnection"}}
    found = await ask.data("{ bills(first: 5) { pageInfo { hasNextPage __typename } t: totalCount u: totalCount } }")
    assert found == {"bills": {"pageInfo": {"hasNextPage": True, "__typename": "PageInfo"}, "t": 60, "u": 60}}


async def test_total_is_null_above_ten_thousand(ask: Asker) -> None:
    await ask.database.pool.execute(
        """insert into world_branches (id, name) select gen_random_uuid(), 'B' || n from generate_series(1, $1) n""",
        9_998,
    )
    assert (await ask.data("{ branchPages { totalCount } }"))["branchPages"]["totalCount"] == 10_000

    await ask.database.pool.execute("insert into world_branches (id, name) values (gen_random_uuid(), 'one more')")

    assert (await ask.data("{ branchPages { totalCount } }"))["branchPages"]["totalCount"] is None


def encoded(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!!",
        "4pyTfA==",
        encoded("NEWEST||"),
        encoded(f"2|NEWEST|2026-11-01T09:00:00.000000Z|{uid('bill', 1)}"),
        encoded(f"1|NEWEST|yesterday|{uid('bill', 1)}"),
        encoded(f"1|NEWEST|2026-11-01T09:00:00.000000Z|{uid('bill', 1).hex}"),
        encoded(f"1|LARGEST|99|{uid('bill', 1)}"),
        encoded("1|NEWEST|\0|x"),
    ],
)
async def test_a_cursor_that_we_did_not_write_is_refused(ask: Asker, cursor: str) -> None:
    assert await ask.code("query($a: String) { bills(after: $a) { nodes { id } } }", a=cursor) == "BAD_CURSOR"
    assert ask.sent == []


async def test_a_number_in_a_cursor_fits_the_column(ask: Asker) -> None:
    cursor = encoded(f"1|LARGEST|{'9' * 30}|{uid('bill', 1)}")

    code = await ask.code("query($a: String) { bills(after: $a, orderBy: LARGEST) { nodes { id } } }", a=cursor)

    assert code == "BAD_CURSOR"


async def test_a_cursor_belongs_to_its_order_and_not_to_its_filter(ask: Asker) -> None:
    page = (await ask.data("{ bills(first: 1) { pageInfo { endCursor } } }"))["bills"]["pageInfo"]

    wrong = "query($a: String) { bills(after: $a, orderBy: LARGEST) { nodes { id } } }"
    right = "query($a: String) { bills(after: $a, filter: {status: DRAFT}) { nodes { status } } }"

    assert await ask.code(wrong, a=page["endCursor"]) == "BAD_CURSOR"
    nodes = (await ask.data(right, a=page["endCursor"]))["bills"]["nodes"]
    assert {node["status"] for node in nodes} == {"DRAFT"}


@pytest.mark.parametrize(
    "arguments", ["first: 0", "first: -1", "first: 101", "last: 0", "last: 101", "first: 1, last: 1"]
)
async def test_a_page_size_out_of_bounds_is_refused(ask: Asker, arguments: str) -> None:
    assert await ask.code(f"{{ bills({arguments}) {{ nodes {{ id }} }} }}") == "BAD_REQUEST"
    assert ask.sent == []


async def test_filters_by_literal_by_variable_and_in_part(ask: Asker) -> None:
    rows = await ask.rows("select id from world_bills where status = 'POSTED' and customer_id = $1", uid("customer", 2))
    expected = {f"bill_{row['id'].hex}" for row in rows}
    whole = "query($f: BillFilter) { bills(first: 100, filter: $f) { totalCount nodes { id } } }"
    part = "query($c: ID) { bills(first: 100, filter: {status: POSTED, customerId: $c}) { totalCount nodes { id } } }"

    by_variable = (await ask.data(whole, f={"status": "POSTED", "customerId": customer(2)}))["bills"]
    in_part = (await ask.data(part, c=customer(2)))["bills"]

    assert expected
    assert {node["id"] for node in by_variable["nodes"]} == expected
    assert by_variable == in_part
    assert by_variable["totalCount"] == len(expected)
    assert (await ask.data(part))["bills"]["totalCount"] > len(expected)
    assert (await ask.data(whole, f=None))["bills"]["totalCount"] == 60


async def test_filters_by_instant_by_list_and_by_a_line(ask: Asker) -> None:
    text = "query($f: BillFilter) { bills(filter: $f) { totalCount } }"
    since = await ask.rows("select count(*) n from world_bills where created_at >= '2026-11-01T09:00:10Z'")
    final = await ask.rows("select count(*) n from world_bills where status in ('POSTED', 'DRAFT')")
    third = await ask.rows("select count(distinct bill_id) n from world_bill_lines where position = 3")

    counts = [
        (await ask.data(text, f=each))["bills"]["totalCount"]
        for each in (
            {"since": "2026-11-01T14:30:10+05:30"},
            {"statuses": ["POSTED", "DRAFT"]},
            {"statuses": []},
            {"line": "Cut 2 äß€"},
        )
    ]

    assert counts == [since[0]["n"], final[0]["n"], 0, third[0]["n"]]


async def test_a_nested_connection_of_a_higher_feature(ask: Asker) -> None:
    text = """{ customers(first: 100) { nodes { id name bills(first: 2, orderBy: LARGEST) {
        totalCount nodes { id total } pageInfo { hasNextPage } } } } }"""

    found = (await ask.data(text))["customers"]["nodes"]

    assert len(ask.sent) == 1
    assert len(found) == 12
    for each in found:
        rows = await ask.rows(
            "select id from world_bills where 'customer_' || encode(uuid_send(customer_id), 'hex') = $1 "
            "order by total_paise desc, id desc",
            each["id"],
        )
        ids = [f"bill_{row['id'].hex}" for row in rows]
        assert [node["id"] for node in each["bills"]["nodes"]] == ids[:2]
        assert each["bills"]["totalCount"] == len(ids)
        assert each["bills"]["pageInfo"]["hasNextPage"] is (len(ids) > 2)
