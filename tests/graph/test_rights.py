"""Who sees what: denials before any SQL, one per coordinate; masks; row scopes on every way in."""

from uuid import UUID

import pytest

from salonos.kernel.actor import Actor, Reach, access
from salonos.kernel.permissions import Permission
from tests.graph.conftest import Asker
from tests.graph.people import BRANCHES, ROLE_NAMES, STAFF, actor
from tests.graph.seed import bill, customer, phone


async def test_a_denied_field_is_null_with_one_error_per_coordinate(ask: Asker) -> None:
    text = """query($id: ID!) { bills(first: 20) { nodes { id a: cost b: cost lines { cost } } } x: bill(id: $id) { cost } }"""

    body = await ask(text, "RECEPTIONIST", id=bill(1))

    told = [error["extensions"] for error in body["errors"]]
    assert told == [
        {"code": "FORBIDDEN", "permission": "COST_READ", "coordinate": "Bill.cost"},
        {"code": "FORBIDDEN", "permission": "COST_READ", "coordinate": "BillLine.cost"},
    ]
    assert "path" not in body["errors"][0]
    assert body["errors"][0]["locations"] == [{"line": 1, "column": 49}]
    assert all(node["a"] is None and node["b"] is None for node in body["data"]["bills"]["nodes"])
    assert "cost_paise" not in ask.sent[0].replace("tail", "")


async def test_a_denial_has_a_path_where_no_list_lies_above(ask: Asker) -> None:
    body = await ask("query($id: ID!) { x: bill(id: $id) { y: cost } }", "RECEPTIONIST", id=bill(1))

    assert body["errors"][0]["path"] == ["x", "y"]


async def test_denials_do_not_depend_on_rows(ask: Asker) -> None:
    body = await ask("query($id: ID!) { bill(id: $id) { lines { cost } } }", "RECEPTIONIST", id=bill(999))

    assert body["data"] == {"bill": None}
    assert [error["extensions"]["coordinate"] for error in body["errors"]] == ["BillLine.cost"]


async def test_what_skip_leaves_out_is_not_denied(ask: Asker) -> None:
    text = "query($x: Boolean!) { bills(first: 1) { nodes { id cost @skip(if: $x) } } }"

    assert "errors" not in await ask(text, "RECEPTIONIST", x=True)
    assert "errors" in await ask(text, "RECEPTIONIST", x=False)


RIGHTS = access(frozenset({Permission.BILL_READ}), frozenset(), Reach.ALL)
BILLS_ONLY = Actor(STAFF[0], RIGHTS)


async def test_a_denied_root_reads_nothing_and_nothing_below_is_reported(ask: Asker) -> None:
    body = await ask("{ customers { nodes { name notes } } }", BILLS_ONLY)

    assert body["data"] == {"customers": None}
    assert len(body["errors"]) == 1
    assert body["errors"][0]["path"] == ["customers"]
    assert body["errors"][0]["extensions"]["permission"] == "CUSTOMER_READ"
    assert "world_customers" not in ask.sent[0]


async def test_a_stranger_is_told_to_sign_in(ask: Asker) -> None:
    for text in ("{ bills { totalCount } }", "{ branches { name } }", f'{{ node(id: "{bill(1)}") {{ id }} }}'):
        assert await ask.code(text, "NOBODY") == "UNAUTHENTICATED"


async def test_node_is_no_way_around_a_types_permission(ask: Asker) -> None:
    text = "query($id: ID!) { node(id: $id) { id ... on Customer { name } } }"

    body = await ask(text, BILLS_ONLY, id=customer(1))

    assert body["data"] == {"node": None}
    assert body["errors"][0]["extensions"]["coordinate"] == "Query.node"
    assert "world_customers" not in ask.sent[0]
    assert (await ask.data(text, "OWNER", id=customer(1)))["node"]["name"].startswith("Asha")


async def test_an_edge_to_a_guarded_type_is_guarded_by_it(ask: Asker) -> None:
    body = await ask("{ bills(first: 2) { nodes { customer { name } } } }", BILLS_ONLY)

    assert [error["extensions"]["coordinate"] for error in body["errors"]] == ["Bill.customer"]
    assert "world_customers" not in ask.sent[0]


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("query($c: ID) { bills(filter: {customerId: $c}) { totalCount } }", {"c": customer(1)}),
        ("query($f: BillFilter) { bills(filter: $f) { totalCount } }", {"f": {"customerId": customer(1)}}),
        ('{ bills(filter: {customerId: "x"}) { totalCount } }', {}),
    ],
)
async def test_a_guarded_filter_makes_the_connection_null(ask: Asker, text: str, variables: dict[str, object]) -> None:
    body = await ask(text, BILLS_ONLY, **variables)

    assert body["data"] == {"bills": None}
    assert body["errors"][0]["extensions"] == {
        "code": "FORBIDDEN",
        "permission": "CUSTOMER_READ",
        "coordinate": "BillFilter.customerId",
    }
    assert "world_bills" not in ask.sent[0]


async def test_a_guarded_filter_that_is_null_is_not_used(ask: Asker) -> None:
    text = "query($c: ID) { bills(filter: {customerId: $c}) { totalCount } }"

    assert (await ask.data(text, BILLS_ONLY, c=None))["bills"]["totalCount"] == 60


@pytest.mark.parametrize(
    ("text", "variables", "coordinate"),
    [
        ("{ bills(orderBy: OWED) { totalCount } }", {}, "BillOrder.OWED"),
        ("query($o: BillOrder) { bills(orderBy: $o) { totalCount } }", {"o": "OWED"}, "BillOrder.OWED"),
        ("{ bills(filter: {status: VOID}) { totalCount } }", {}, "BillStatus.VOID"),
        ("{ bills(filter: {statuses: [DRAFT, VOID]}) { totalCount } }", {}, "BillStatus.VOID"),
        (
            "query($s: [BillStatus!]) { bills(filter: {statuses: $s}) { totalCount } }",
            {"s": ["VOID"]},
            "BillStatus.VOID",
        ),
        ("query($s: BillStatus!) { bills(filter: {statuses: [$s]}) { totalCount } }", {"s": "VOID"}, "BillStatus.VOID"),
    ],
)
async def test_a_guarded_order_or_enum_value_makes_the_connection_null(
    ask: Asker, text: str, variables: dict[str, object], coordinate: str
) -> None:
    body = await ask(text, BILLS_ONLY, **variables)

    assert body["data"] == {"bills": None}
    assert [error["extensions"]["coordinate"] for error in body["errors"]] == [coordinate]


async def test_an_unguarded_value_of_the_same_variable_has_a_plan_of_its_own(ask: Asker) -> None:
    text = "query($s: [BillStatus!]) { bills(filter: {statuses: $s}) { totalCount } }"

    assert (await ask(text, BILLS_ONLY, s=["VOID"]))["data"] == {"bills": None}
    assert (await ask.data(text, BILLS_ONLY, s=["DRAFT"]))["bills"]["totalCount"] > 0


async def test_the_row_scope_holds_on_every_way_in(ask: Asker) -> None:
    own = await ask.rows("select id from world_bills where staff_id = $1", STAFF[0])
    near = await ask.rows("select id from world_bills where branch_id = $1", BRANCHES[0])
    text = """{ bills(first: 100) { totalCount nodes { id } }
        customers(first: 100) { nodes { bills(first: 100) { totalCount nodes { id } } } } }"""
    for role, rows in (("STAFF", own), ("RECEPTIONIST", near)):
        seen = {f"bill_{row['id'].hex}" for row in rows}

        found = await ask.data(text, role)

        assert {node["id"] for node in found["bills"]["nodes"]} == seen
        assert found["bills"]["totalCount"] == len(seen)
        assert {node["id"] for c in found["customers"]["nodes"] for node in c["bills"]["nodes"]} <= seen
        hidden = next(bill(n) for n in range(60) if bill(n) not in seen)
        asked = "query($id: ID!, $ids: [ID!]!) { bill(id: $id) { id } node(id: $id) { id } nodes(ids: $ids) { id } }"
        assert await ask.data(asked, role, id=hidden, ids=[hidden]) == {"bill": None, "node": None, "nodes": [None]}
        lines = await ask.rows("select id, bill_id from world_bill_lines")
        for row in lines[:40]:
            found = await ask.data("query($id: ID!) { node(id: $id) { id } }", role, id=f"line_{row['id'].hex}")
            assert (found["node"] is not None) is (f"bill_{row['bill_id'].hex}" in seen)


async def test_a_natural_key_stays_within_reach(ask: Asker) -> None:
    (row, *_) = await ask.rows(
        "select number from world_bills where branch_id = $1 and number is not null", BRANCHES[1]
    )

    text = "query($n: String!) { billByNumber(number: $n) { number } }"

    assert await ask.data(text, "RECEPTIONIST", n=row["number"]) == {"billByNumber": None}


async def test_a_scope_value_is_a_parameter_of_a_shared_plan(ask: Asker) -> None:
    text = "{ bills(first: 100) { totalCount } }"
    rights = access(frozenset({Permission.BILL_READ}), frozenset(), Reach.BRANCHES)

    both = await ask.data(text, Actor(STAFF[1], rights, tuple(BRANCHES)))
    none = await ask.data(text, Actor(STAFF[1], rights, ()))

    assert (both["bills"]["totalCount"], none["bills"]["totalCount"]) == (60, 0)
    assert len(ask.engine.plans) == 1


async def test_one_branch_is_compared_and_all_branches_are_not_tested(ask: Asker) -> None:
    text = "{ bills(first: 100) { nodes { id } } }"
    plans = dict.fromkeys(("OWNER", "RECEPTIONIST", "MANAGER"), "")
    for role in plans:
        await ask.data(text, role)
        plans[role] = ask.sent[0]

    assert "branch_id = ANY" in plans["MANAGER"]
    assert "branch_id = $" in plans["RECEPTIONIST"]
    assert "branch_id = " not in plans["OWNER"]


async def test_equal_rights_share_a_plan_and_other_rights_do_not(ask: Asker) -> None:
    for number in range(4):
        rights = access(frozenset({Permission.BILL_READ}), frozenset(), Reach.ALL)
        await ask.data("{ bills { totalCount } }", Actor(UUID(int=number), rights))
    assert len(ask.engine.plans) == 1

    for role in ROLE_NAMES:
        await ask.data("{ bills { totalCount } }", role)

    assert len(ask.engine.plans) == 6


async def test_a_masked_value_is_cut_before_it_leaves_the_database(ask: Asker) -> None:
    text = "query($id: ID!) { customer(id: $id) { name phone } }"

    masked = await ask.data(text, "STAFF", id=customer(5))
    statement = ask.sent[0]
    whole = await ask.data(text, "RECEPTIONIST", id=customer(5))

    assert masked["customer"] == {"name": "AshaF", "phone": "••••••0005"}
    assert "phone_sealed" not in statement
    assert "first_name" in statement
    assert whole["customer"] == {"name": 'AshaF "R" 00005', "phone": phone(5)}
    assert (await ask.data(text, "STAFF", id=customer(3)))["customer"]["phone"] is None


async def test_a_masked_field_is_ordered_and_searched_by_its_masked_value(ask: Asker) -> None:
    await ask.database.pool.execute("update world_customers set first_name = 'Same'")
    text = (
        "query($s: String) { customers(first: 100, filter: {search: $s}) { nodes { id } edges { cursor } totalCount } }"
    )

    masked = (await ask.data(text, "ACCOUNTANT"))["customers"]
    full = (await ask.data(text, "RECEPTIONIST"))["customers"]

    assert [node["id"] for node in masked["nodes"]] == sorted(customer(n) for n in range(12))
    assert masked["edges"] != full["edges"]
    assert (await ask.data(text, "ACCOUNTANT", s="Asha"))["customers"]["totalCount"] == 0
    assert (await ask.data(text, "RECEPTIONIST", s="Asha"))["customers"]["totalCount"] == 12
    assert (await ask.data(text, "RECEPTIONIST", s=phone(5)))["customers"]["nodes"] == [{"id": customer(5)}]
    assert (await ask.data(text, "ACCOUNTANT", s=phone(5)))["customers"]["nodes"] == []


async def test_two_worlds_that_differ_in_a_hidden_value_answer_alike(ask: Asker) -> None:
    text = """{ bills(first: 100) { nodes { id total cost lines { cost total } customer { name phone notes } } totalCount }
        customers(first: 100) { nodes { name phone bills { totalCount } } edges { cursor } } }"""
    before = (await ask.answer(text, "ACCOUNTANT")).body
    costs = (await ask.answer(text, "RECEPTIONIST")).body
    await ask.database.pool.execute(
        "update world_customers set name = first_name || ' canary', notes = 'canary', phone_sealed = null, phone_hash = null"
    )

    assert (await ask.answer(text, "ACCOUNTANT")).body == before

    await ask.database.pool.execute("update world_customers c set name = 'x'")
    changed = (await ask.answer(text, "RECEPTIONIST")).body
    await ask.database.pool.execute("update world_bill_lines set cost_paise = 123456")
    assert changed != costs
    assert (await ask.answer(text, "RECEPTIONIST")).body == changed


async def test_every_role_is_an_actor_of_its_reach() -> None:
    assert [actor(role).access.reach for role in ROLE_NAMES] == [
        Reach.ALL,
        Reach.BRANCHES,
        Reach.ONE_BRANCH,
        Reach.ONE_BRANCH,
        Reach.ALL,
    ]
