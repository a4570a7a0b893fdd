"""One operation is one statement: documents of every shape, and values as their scalars write them."""

from uuid import UUID

import pytest

from salonos.graph.scalars import instant_text
from salonos.kernel.actor import NOBODY
from salonos.kernel.money import money_text
from tests.graph.conftest import Asker
from tests.graph.seed import bill, customer, uid


async def test_one_statement_answers_a_nested_query(ask: Asker) -> None:
    text = """{ bills(first: 50) { nodes { id lines { id total } payments { amount }
        customer { name bills(first: 2) { nodes { id lines { position } } } } } } }"""

    found = await ask.data(text)

    assert len(found["bills"]["nodes"]) == 50
    assert len(ask.sent) == 1


@pytest.mark.parametrize("field", ["bills", "customers", "branchPages"])
async def test_a_list_of_one_and_of_many_rows_is_one_statement(ask: Asker, field: str) -> None:
    for first in (1, 50):
        await ask.data(f"query($n: Int) {{ {field}(first: $n) {{ nodes {{ id }} totalCount }} }}", n=first)

        assert len(ask.sent) == 1


async def test_several_roots_share_one_statement_and_keep_their_order(ask: Asker) -> None:
    text = """query($a: ID!, $b: ID!) { a: bill(id: $a) { number } b: bill(id: $b) { number }
        bills(first: 1) { nodes { id } } __typename }"""

    found = await ask.data(text, a=bill(1), b=bill(999))

    assert found["b"] is None
    assert found["__typename"] == "Query"
    assert list(found) == ["a", "b", "bills", "__typename"]
    assert len(ask.sent) == 1


async def test_aliases_and_fragments_on_types_and_interfaces(ask: Asker) -> None:
    text = """query($id: ID!) { bill(id: $id) { ...Head one: total two: total ... on Bill { status } ... { number }
        kids: lines { p: position } lines { position } lines { description } __typename } }
        fragment Head on Bill { id ... on Node { nodeId: id } ...Deep }
        fragment Deep on Bill { branch { name t: __typename } }"""

    found = (await ask.data(text, id=bill(3)))["bill"]

    assert found["one"] == found["two"]
    assert found["nodeId"] == found["id"] == bill(3)
    assert found["branch"]["t"] == "Branch"
    assert list(found)[:3] == ["id", "nodeId", "branch"]
    assert found["__typename"] == "Bill"
    assert all(set(line) == {"position", "description"} for line in found["lines"])


async def test_no_response_name_is_taken_for_a_row_of_the_statement(ask: Asker) -> None:
    names = [
        *(f"anon_{number}" for number in range(1, 12)),
        "t1",
        "t1_page",
        "t1_paged",
        "key_",
        "place_",
        "nth_",
        "cursor_",
    ]
    words = " ".join(f"{name}: number" for name in names)
    lines = " ".join(f"{name}: position" for name in names)
    text = f"""{{ bills(first: 2) {{ totalCount pageInfo {{ hasNextPage }} nodes {{ number {words}
        lines {{ position {lines} }} customer {{ anon_1: name anon_2: name anon_3: name }} }} }} }}"""

    for found in (await ask.data(text))["bills"]["nodes"]:
        assert {found[name] for name in names} == {found["number"]}
        assert all(line[name] == line["position"] for line in found["lines"] for name in names)


async def test_skip_and_include_join_the_plans_key(ask: Asker) -> None:
    text = """query($x: Boolean!, $y: Boolean = false) {
        bills(first: 1) { nodes { id number @include(if: $x) status @skip(if: $y) } } }"""

    keys = [
        set((await ask.data(text, **given))["bills"]["nodes"][0])
        for given in ({"x": True}, {"x": False}, {"x": False, "y": True})
    ]

    assert keys == [{"id", "number", "status"}, {"id", "status"}, {"id"}]


async def test_what_skip_empties_is_an_empty_object(ask: Asker) -> None:
    text = "query($id: ID!, $x: Boolean!) { bill(id: $id) { number @skip(if: $x) lines { total @skip(if: $x) } } }"

    found = await ask.data(text, id=bill(4), x=True)

    assert found == {"bill": {"lines": [{}, {}, {}]}}
    assert await ask.data("query($x: Boolean!) { bills { nodes @skip(if: $x) { id } } }", x=True) == {"bills": {}}
    assert await ask.data("query($x: Boolean!) { bills @skip(if: $x) { totalCount } }", x=True) == {}
    assert ask.sent == []


async def test_variables_have_defaults(ask: Asker) -> None:
    text = "query($n: Int = 2) { bills(first: $n) { nodes { id } } }"

    counts = [len((await ask.data(text, **given))["bills"]["nodes"]) for given in ({}, {"n": 3}, {"n": None})]

    assert counts == [2, 3, 20]


async def test_a_wrong_variable_is_refused(ask: Asker) -> None:
    body = await ask("query($n: Int!) { bills(first: $n) { nodes { id } } }", n="x")

    assert body["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}
    assert "data" not in body


async def test_introspection_stands_beside_data(ask: Asker) -> None:
    text = (
        """query($id: ID!) { __schema { queryType { name } } bill(id: $id) { id } t: __type(name: "Bill") { name } }"""
    )

    found = await ask.data(text, id=bill(1))

    assert found == {"__schema": {"queryType": {"name": "Query"}}, "bill": {"id": bill(1)}, "t": {"name": "Bill"}}
    assert len(ask.sent) == 1


async def test_introspection_alone_asks_the_database_nothing(ask: Asker) -> None:
    found = await ask.data("{ __schema { types { name fields { name args { name } } } } }")

    assert len(found["__schema"]["types"]) > 30
    assert ask.sent == []


async def test_introspection_needs_schema_read_where_it_is_not_open(ask: Asker) -> None:
    ask.engine.introspection_is_open = False

    assert await ask.code("{ __schema { queryType { name } } }", "MANAGER") == "FORBIDDEN"
    assert await ask.code("{ __schema { queryType { name } } }", NOBODY) == "UNAUTHENTICATED"
    assert (await ask.data("{ __schema { queryType { name } } }", "OWNER"))["__schema"]


async def test_one_plan_serves_all_values(ask: Asker) -> None:
    text = "query($id: ID!, $n: Int!) { bill(id: $id) { id } bills(first: $n) { nodes { id } } }"

    for number in range(1, 9):
        assert (await ask.data(text, "RECEPTIONIST", id=bill(number), n=number))["bills"]["nodes"]

    (plan,) = ask.engine.plans.values()
    assert not any(uid("bill", number).hex in plan.sql.replace("-", "") for number in range(9))


async def test_a_response_name_that_would_be_cut_is_refused(ask: Asker) -> None:
    assert await ask.code("{ bills(first: 1) { nodes { %s: id } } }" % ("a" * 64)) == "BAD_REQUEST"
    assert await ask.data("{ bills(first: 1) { nodes { %s: id } } }" % ("a" * 63))


async def test_more_than_fifty_fields_are_fine(ask: Asker) -> None:
    text = "{ bills(first: 1) { nodes { " + " ".join(f"f{n}: total" for n in range(150)) + " } } }"

    assert len((await ask.data(text))["bills"]["nodes"][0]) == 150


async def test_money_quantity_and_percentage_are_exact_text(ask: Asker) -> None:
    rows = await ask.rows("select id, total_paise, total_paise - paid_paise as due from world_bills")
    nodes = (await ask.data("{ bills(first: 100) { nodes { id total balanceDue isPaid } } }"))["bills"]["nodes"]
    found = {node["id"]: node for node in nodes}

    assert {money_text(row["total_paise"]) for row in rows} >= {"0.00", "0.05", "-0.05", "1180.00"}
    for row in rows:
        node = found[f"bill_{row['id'].hex}"]
        assert node["total"] == money_text(row["total_paise"])
        assert node["balanceDue"] == money_text(row["due"])
        assert node["isPaid"] is (row["due"] == 0)
    lines = (await ask.data("{ bills(first: 100) { nodes { lines { quantity taxRate } } } }"))["bills"]["nodes"]
    assert {line["quantity"] for n in lines for line in n["lines"]} == {"1.000", "1.500", "0.001", "-0.250"}
    assert {line["taxRate"] for n in lines for line in n["lines"]} == {"0", "2.5", "5", "18", "12.25"}


async def test_times_have_six_places_in_utc(ask: Asker) -> None:
    rows = {f"bill_{r['id'].hex}": r for r in await ask.rows("select id, created_at, posted_at from world_bills")}
    nodes = (await ask.data("{ bills(first: 100) { nodes { id createdAt postedAt } } }"))["bills"]["nodes"]

    assert {instant_text(row["created_at"])[-7:] for row in rows.values()} >= {"000000Z", "100000Z", "000005Z"}
    for node in nodes:
        assert node["createdAt"] == instant_text(rows[node["id"]]["created_at"])
        assert (node["postedAt"] is None) == (rows[node["id"]]["posted_at"] is None)


@pytest.mark.parametrize(
    "wrong", ["x", "", f"customer_{UUID(int=5).hex}", "bill_8ZZ", f"bill_{'A' * 32}", "bill_' or 1=1 --", "bill_\0"]
)
async def test_a_wrong_id_is_refused_before_any_statement(ask: Asker, wrong: str) -> None:
    assert await ask.code("query($id: ID!) { bill(id: $id) { id } }", id=wrong) == "BAD_REQUEST"
    assert ask.sent == []


async def test_a_declared_subselect_is_correlated_with_its_own_row(ask: Asker) -> None:
    rows = await ask.rows(
        """select b.id, coalesce(sum(l.cost_paise), 0)::bigint as cost
        from world_bills b left join world_bill_lines l on l.bill_id = b.id group by 1"""
    )
    costs = {f"bill_{row['id'].hex}": money_text(row["cost"]) for row in rows}
    text = """{ bills(first: 100) { nodes { id cost original { id cost original { id cost } }
        customer { bills(first: 3) { nodes { id cost } } } } } }"""

    found = await ask.data(text)

    seen = list(_every(found))
    assert len(seen) > 120
    assert all(cost == costs[row] for row, cost in seen)


def _every(value: object) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        own = [(value["id"], value["cost"])] if "cost" in value else []
        return own + [pair for inner in value.values() for pair in _every(inner)]
    return [pair for inner in value for pair in _every(inner)] if isinstance(value, list) else []


async def test_a_natural_key_reads_its_row(ask: Asker) -> None:
    (row, *_) = await ask.rows("select number from world_bills where number is not null order by id")

    text = "query($n: String!) { billByNumber(number: $n) { number } }"

    assert (await ask.data(text, n=row["number"]))["billByNumber"] == {"number": row["number"]}
    assert (await ask.data(text, n="B-none"))["billByNumber"] is None
    assert await ask.code(text, n="B-\0") == "BAD_REQUEST"


async def test_a_list_at_the_root_and_a_list_of_words(ask: Asker) -> None:
    found = await ask.data("query($id: ID!) { branches { name } customer(id: $id) { tags } }", id=customer(2))

    assert found == {
        "branches": [{"name": "Branch 0"}, {"name": "Branch 1"}],
        "customer": {"tags": ["tag0 'é", "tag1 'é"]},
    }


async def test_a_subscription_and_an_unknown_operation_are_refused(ask: Asker) -> None:
    assert await ask.code("subscription { billPosted { cursor } }") == "BAD_REQUEST"
    assert await ask.code("query a { viewer { id } } query b { viewer { id } }") == "BAD_REQUEST"
    answer = await ask.answer("query a { viewer { id } } query b { branches { id } }", name="b")
    assert b'"branches"' in answer.body


@pytest.mark.parametrize("text", ["", "{", "{ bills { nope } }", "{ bil { id } }", "{ bills { } }"])
async def test_a_document_that_is_not_valid_says_bad_request_and_suggests_nothing(ask: Asker, text: str) -> None:
    body = await ask(text)

    assert {error["extensions"]["code"] for error in body["errors"]} == {"BAD_REQUEST"}
    assert "Did you mean" not in str(body)
    assert "data" not in body


async def test_an_error_inside_sql_is_one_masked_error(ask: Asker) -> None:
    await ask.database.pool.execute("update world_bills set total_paise = 9223372036854775807, paid_paise = -1")

    body = await ask("{ bills(first: 1) { nodes { balanceDue } } branches { name } }")

    assert list(body) == ["errors"]
    assert body["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "bigint" not in str(body)
