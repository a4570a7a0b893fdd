"""The guard: every limit, and that a document of any shape costs as many steps as it has nodes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    execute_sync,
    parse,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from salonos.graph.documents import Documents, Operation
from salonos.graph.limits import TOTAL_OBJECTS, Guard, Limits
from salonos.kernel.problems import QueryTooComplex

SCHEMA: GraphQLSchema = build_schema(
    """
    type Query { bill(id: ID): Bill  nodes(ids: [ID!]!): [Bill]  bills(first: Int = 20, last: Int): BillConnection }
    type BillConnection { nodes: [Bill!]!  edges: [BillEdge!]!  totalCount: Int }
    type BillEdge { node: Bill!  cursor: String! }
    type Bill { id: ID!  total: String  lines: [Line!]!  customer: Customer  original: Bill }
    type Line { id: ID!  bill: Bill }
    type Customer { name: String  bills(first: Int = 20, last: Int): BillConnection }
    """
)


@dataclass(eq=False)
class Asked:
    """As much of an operation as the guard looks at."""

    document: DocumentNode
    prices: dict[object, Any] = field(default_factory=dict)

    @property
    def definition(self) -> OperationDefinitionNode:
        found = self.document.definitions[0]
        assert isinstance(found, OperationDefinitionNode)
        return found

    @property
    def kind(self) -> OperationType:
        return self.definition.operation


def check(text: str, **variables: Any) -> Guard:
    guard = Guard(SCHEMA)
    asked = Asked(parse(text))
    guard.check_document(asked.document, asked.definition)
    guard.check_cost(asked, variables)  # type: ignore[arg-type]  # the part of an operation that is looked at
    return guard


def measure(guard: Guard, text: str) -> int:
    asked = Asked(parse(text))
    return guard.check_document(asked.document, asked.definition)


def nested(levels: int) -> str:
    return "{ bill { " + "original { " * (levels - 2) + "id" + " }" * (levels - 2) + " } }"


def test_what_a_screen_asks_is_let_through() -> None:
    check("{ bills { edges { cursor node { id lines { id } customer { name bills(first: 5) { nodes { id } } } } } } }")


def test_depth_counts_levels_without_the_steps_of_connections() -> None:
    check(nested(12))
    with pytest.raises(QueryTooComplex, match="12 levels"):
        check(nested(13))
    check(
        "{ bills { edges { node { customer { bills { edges { node { customer { bills { nodes { id } } } } } } } } } } }".replace(
            "bills {", "bills(first: 1) {"
        )
    )


def test_aliases_directives_and_operations_are_counted_through_fragments() -> None:
    aliases = " ".join(f"a{n}: id" for n in range(16))
    with pytest.raises(QueryTooComplex, match="30 aliases"):
        check(f"{{ bill {{ ...f ...f }} }} fragment f on Bill {{ {aliases} }}")
    with pytest.raises(QueryTooComplex, match="10 directives"):
        check("{ bill { id " + " ".join(["@skip(if: false)"] * 11) + " } }")
    with pytest.raises(QueryTooComplex, match="5 operations"):
        check("query a { bill { id } } " + " ".join(f"query b{n} {{ bill {{ id }} }}" for n in range(5)))


def bomb(fragments: int) -> str:
    """Each fragment spreads the next one twice: expanded, it doubles with every fragment."""
    parts = [f"fragment f{n} on Bill {{ ...f{n + 1} ...f{n + 1} }}" for n in range(fragments)]
    return "{ bill { ...f0 } } " + " ".join(parts) + f" fragment f{fragments} on Bill {{ id }}"


def test_a_fragment_is_visited_once_however_often_it_is_spread() -> None:
    for fragments in (20, 39):
        guard = Guard(SCHEMA)
        with pytest.raises(QueryTooComplex, match="400 fields"):
            measure(guard, bomb(fragments))
        assert guard.visits == 2 + 2 * fragments + 1
    with pytest.raises(QueryTooComplex, match="40 fragments"):
        check(bomb(60))


def test_what_a_selection_has_already_is_repeated_a_few_times_only() -> None:
    check("{ " + "bill { id } " * 21 + "}")
    with pytest.raises(QueryTooComplex, match="repeats at most 20"):
        check("{ " + "bill { id } " * 22 + "}")
    with pytest.raises(QueryTooComplex, match="repeats at most 20"):
        check("{ bill { ...f } } fragment f on Bill { id " + "... { id } " * 21 + "}")


def test_fields_are_counted_wherever_their_fragment_is_spread() -> None:
    selection = "id total " + "original { id " * 3 + "...f" + " }" * 3
    text = f"{{ bill {{ ...f {selection} }} }} fragment f on Bill {{ {' '.join(f'a{n}: id' for n in range(10))} }}"

    assert measure(Guard(SCHEMA), text) == 1 + 10 + 2 + 6 + 10
    with pytest.raises(QueryTooComplex, match="at most 28 fields"):
        measure(Guard(SCHEMA, Limits(fields_max=28)), text)


def test_a_cycle_of_fragments_ends() -> None:
    guard = Guard(SCHEMA)
    document = parse(
        "{ bill { ...a } } fragment a on Bill { original { ...b } } fragment b on Bill { original { ...a } }"
    )
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)

    guard.check_document(document, operation)

    assert guard.visits < 10


@pytest.mark.parametrize(
    ("text", "variables", "objects"),
    [
        ("{ bill { id } }", {}, 1),
        ("{ bills { nodes { id } } }", {}, 20),
        ("{ bills(first: 100) { nodes { lines { id } } } }", {}, 600),
        ("query($n: Int) { bills(first: $n) { edges { node { id } } } }", {"n": 7}, 7),
        ("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["a", "b"]}, 2),
        ('{ nodes(ids: "a") { id } }', {}, 1),
        ("{ nodes(ids: 40) { id } }", {}, 1),
        ("{ bills(first: null) { nodes { id } } }", {}, 20),
        ("query($n: Int) { bills(first: $n, last: null) { nodes { id } } }", {"n": None}, 20),
        ("{ bills(first: 10) { nodes { ...f } } } fragment f on Bill { customer { bills(first: 3) { nodes { id } } } }", {}, 50),
        ("{ bills(first: 1) { totalCount } }", {}, 1 + TOTAL_OBJECTS),
        ("{ bills(first: 7) { nodes { id } a: totalCount ...f } } fragment f on BillConnection { ... { b: totalCount } }", {}, 7 + 2 * TOTAL_OBJECTS),
        ("{ bills(first: 10) { nodes { customer { bills(first: 3) { totalCount } } } } }", {}, 10 * (1 + 1 + 3 + TOTAL_OBJECTS)),
    ],
)  # fmt: skip
def test_cost_is_the_number_of_objects_asked_for(text: str, variables: dict[str, Any], objects: int) -> None:
    asked = Asked(parse(text))
    exactly = Guard(SCHEMA, Limits(objects_max=objects))
    below = Guard(SCHEMA, Limits(objects_max=objects - 1))

    exactly.check_cost(asked, variables)  # type: ignore[arg-type]  # as above
    with pytest.raises(QueryTooComplex, match="objects"):
        below.check_cost(asked, variables)  # type: ignore[arg-type]  # as above


def test_pages_within_pages_multiply() -> None:
    with pytest.raises(QueryTooComplex, match="20000 objects"):
        check("{ bills(first: 100) { nodes { customer { bills(first: 100) { nodes { customer { name } } } } } } }")


# --- what can come back, told by graphql-core

NUMBERS = st.integers(1, 3)
SIZES = st.tuples(
    st.just("Int"),
    st.one_of(st.just(""), st.just("null"), NUMBERS.map(str)),
    st.one_of(st.just("left out"), st.none(), NUMBERS, NUMBERS.map(float)),
)
IDS = st.tuples(
    st.just("[ID!]!"),
    st.sampled_from(['"x"', '["x", "y"]']),
    st.sampled_from(["left out", "x", ["x"], ["x", "y", "z"]]),
)
"""A variable: its type, its default, and what is sent."""


@dataclass(frozen=True)
class Question:
    """A document with its variables as they come."""

    text: str
    variables: dict[str, Any]


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Pages below ids below pages, each size a literal, null, left out, or a variable of any kind."""

    def page(inner: str) -> str:
        size = st.one_of(st.just(""), st.just("null"), NUMBERS.map(str), st.sampled_from(["$a", "$b", "$c", "$d"]))
        written = [f"{name}: {value}" for name in ("first", "last") if (value := draw(size))]
        return "bills" + (f"({', '.join(written)})" if written else "") + f" {{ nodes {{ id {inner} }} }}"

    ids = draw(st.sampled_from(['"x"', "7", '["x", "y"]', "$i"]))
    inner = page("lines { id }")
    selection = f"{{ {page(f'customer {{ {inner} }}')} nodes(ids: {ids}) {{ lines {{ id }} }} }}"
    declared, variables = [], {}
    for name in "abcdi":
        if f"${name}" in selection:
            kind, default, sent = draw(IDS if name == "i" else SIZES)
            declared.append(f"${name}: {kind}" + (f" = {default}" if default else ""))
            if sent != "left out":
                variables[name] = sent
    return Question((f"query({', '.join(declared)}) " if declared else "") + selection, variables)


def rows_of(question: Question) -> int:
    """How many objects graphql-core makes of it, when every page is full."""
    made = 0

    def some(number: int) -> list[dict[str, Any]]:
        nonlocal made
        made += number
        return [{"id": "x"}] * number

    def resolved(source: Any, info: GraphQLResolveInfo, **given: Any) -> Any:
        match info.field_name:
            case "bills":
                return {"nodes": some(given.get("last") or given.get("first") or 20)}
            case "nodes" if info.parent_type.name == "Query":
                return some(len(given["ids"]))
            case "lines":
                return some(Limits().list_typical)
            case "customer":
                return some(1)[0]
            case name:
                return source[name]

    found = execute_sync(SCHEMA, parse(question.text), variable_values=question.variables, field_resolver=resolved)
    assert found.errors is None
    return made


def cost_of(question: Question, *, coerced: bool = True) -> int:
    guard = Guard(SCHEMA)
    operation: Operation = Documents(SCHEMA, guard).read(question.text, None)
    values: Mapping[str, Any] = operation.coerced(SCHEMA, question.variables).coerced
    return guard.check_cost(operation, values if coerced else question.variables)


@settings(max_examples=100, deadline=None)
@given(questions())
def test_no_more_comes_back_than_is_counted(question: Question) -> None:
    assert cost_of(question) >= rows_of(question)


@pytest.mark.parametrize("variables", [{}, {"n": 100.0}], ids=["a default", "a float"])
def test_variables_as_they_came_would_count_too_little(variables: dict[str, Any]) -> None:
    asked = Question("query($n: Int = 100) { bills(first: $n) { nodes { id } } }", variables)

    assert (rows_of(asked), cost_of(asked), cost_of(asked, coerced=False)) == (100, 100, 20)
