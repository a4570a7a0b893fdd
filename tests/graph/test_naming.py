"""What linters and Relay ask of a schema, of every type of schema.graphql."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_list_type,
    is_non_null_type,
    is_specified_directive,
)

TEXT = (Path(__file__).resolve().parents[2] / "schema.graphql").read_text()
RELAY_PAGE = {"hasNextPage": "Boolean!", "hasPreviousPage": "Boolean!", "startCursor": "String", "endCursor": "String"}
RELAY_ARGUMENTS = {"first": "Int", "after": "String", "last": "Int", "before": "String"}
KEPT_IDS = {"ApproveSuccess.approvalId", "Branch.upiId", "Entry.causeId"}
"""An approval is no object of the graph, a UPI id is an address of the trade, and an entry's cause is of any type."""
SHARED_SUCCESS = {"signInWithPin": "SignInSuccess"}
"""Signing in gives the same whichever way it was done."""
SCREAMING, CAMEL, PASCAL = "[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*", "[a-z][A-Za-z0-9]*", "[A-Z][A-Za-z0-9]*"
DEPRECATED = r"Use \S.*\. Since \d{4}-\d{2}, removed after \d{4}-\d{2}\."


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema(TEXT)


def types_of(schema: GraphQLSchema, *kinds: type) -> Iterator[Any]:
    """The types that are ours, of some kinds or of all."""
    for name, kind in schema.type_map.items():
        if not name.startswith("__") and (not kinds or isinstance(kind, kinds)):
            yield kind


def members(schema: GraphQLSchema) -> Iterator[tuple[str, Any]]:
    """Everything that has a name in the schema, by its coordinate."""
    for kind in types_of(schema):
        yield kind.name, kind
        for name, value in getattr(kind, "values", {}).items():
            yield f"{kind.name}.{name}", value
        for name, field in getattr(kind, "fields", {}).items():
            yield f"{kind.name}.{name}", field
            for argument, given in getattr(field, "args", {}).items():
                yield f"{kind.name}.{name}({argument}:)", given
    for directive in schema.directives:
        if not is_specified_directive(directive) and directive.name != "oneOf":
            yield f"@{directive.name}", directive
            for argument, given in directive.args.items():
                yield f"@{directive.name}({argument}:)", given


def undescribed(schema: GraphQLSchema) -> list[str]:
    return [where for where, found in members(schema) if not (found.description or "").strip()]


def test_everything_has_a_description(schema: GraphQLSchema) -> None:
    assert undescribed(schema) == []


@pytest.mark.parametrize(
    "where", ["Bill.total", "Bill", "BillStatus.DRAFT", "Query.bills(first:)", "SignInInput.password", "@masked(as:)"]
)
def test_a_description_that_is_missing_is_found(where: str) -> None:
    bare = build_schema(TEXT)
    dict(members(bare))[where].description = " "

    assert undescribed(bare) == [where]


def test_names_are_spelled_as_everybody_does(schema: GraphQLSchema) -> None:
    for where, _ in members(schema):
        last = re.split(r"[.(@]", where.rstrip(":)"))[-1]
        if where in schema.type_map:
            assert re.fullmatch(PASCAL, where), where
        elif isinstance(schema.type_map.get(where.split(".")[0]), GraphQLEnumType):
            assert re.fullmatch(SCREAMING, last), where
        else:
            assert re.fullmatch(CAMEL, last), where
            assert not re.match("(get|fetch|list)[A-Z]", last), where


def test_inputs_say_so_and_nothing_else_does(schema: GraphQLSchema) -> None:
    for kind in types_of(schema):
        is_input = isinstance(kind, GraphQLInputObjectType)
        is_order = isinstance(kind, GraphQLEnumType) and kind.name.endswith("Order")
        if kind.name == "InvalidInput":  # the contract's problem
            continue
        assert (is_input or is_order) == kind.name.endswith(("Input", "Filter", "Order")), kind.name
        assert not re.search("(Type|Enum|Interface|Union|Object|Payload|DTO)$", kind.name), kind.name


def test_a_mutation_takes_one_input_and_says_what_became_of_it(schema: GraphQLSchema) -> None:
    assert schema.mutation_type is not None
    for name, field in schema.mutation_type.fields.items():
        stem = name[0].upper() + name[1:]
        result = get_named_type(field.type)
        assert {key: str(given.type) for key, given in field.args.items()} == {"input": f"{stem}Input!"}, name
        assert str(field.type) == f"{stem}Result", name
        assert isinstance(result, GraphQLUnionType)
        success, *problems = result.types
        assert success.name == SHARED_SUCCESS.get(name, f"{stem}Success"), name
        assert problems, name
        assert all("Problem" in {each.name for each in problem.interfaces} for problem in problems), name


def test_every_problem_is_some_mutations(schema: GraphQLSchema) -> None:
    told = {each.name for union in types_of(schema, GraphQLUnionType) for each in union.types}
    problems = {each.name for each in schema.get_implementations(schema.type_map["Problem"]).objects}  # type: ignore[arg-type]  # it is one

    assert problems - told == set()


def test_references_are_objects(schema: GraphQLSchema) -> None:
    ids = {
        f"{kind.name}.{name}"
        for kind in types_of(schema, GraphQLObjectType)
        for name in kind.fields
        if name.endswith(("Id", "Ids"))
    }

    assert ids == KEPT_IDS


def test_lists_have_no_holes(schema: GraphQLSchema) -> None:
    allowed = {"Query.nodes"}  # Relay's: null where an id is nobody's
    for where, found in members(schema):
        kind = getattr(found, "type", None)
        kind = kind.of_type if is_non_null_type(kind) else kind
        if is_list_type(kind) and where not in allowed:
            assert is_non_null_type(kind.of_type), where


def test_what_is_guarded_below_the_root_is_nullable(schema: GraphQLSchema) -> None:
    roots = {schema.query_type, schema.mutation_type, schema.subscription_type}
    for kind in types_of(schema, GraphQLObjectType, GraphQLInterfaceType):
        for name, field in kind.fields.items():
            own = permission_of(field.ast_node)
            inner = get_named_type(field.type)
            is_open = any(each.name.value in {"public", "authenticated"} for each in field.ast_node.directives or ())
            needed = None if is_open else own or permission_of(inner.ast_node)
            if kind not in roots and needed and needed != permission_of(kind.ast_node):
                passes = kind.name.endswith(("Connection", "Edge")) and not own
                assert passes or not is_non_null_type(field.type), f"{kind.name}.{name}"


def permission_of(node: Any) -> str | None:
    """Which permission a definition asks for."""
    for each in (node.directives or ()) if node else ():
        if each.name.value == "requiresPermission":
            return str(each.arguments[0].value.value)
    return None


def test_what_goes_says_what_comes(schema: GraphQLSchema) -> None:
    for where, found in members(schema):
        reason = getattr(found, "deprecation_reason", None)
        assert reason is None or re.fullmatch(DEPRECATED, reason), where


def test_relay_finds_objects_by_their_id(schema: GraphQLSchema) -> None:
    node = schema.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    assert schema.query_type is not None
    one, many = schema.query_type.fields["node"], schema.query_type.fields["nodes"]

    assert {name: str(field.type) for name, field in node.fields.items()} == {"id": "ID!"}
    assert (str(one.type), {name: str(each.type) for name, each in one.args.items()}) == ("Node", {"id": "ID!"})
    assert (str(many.type), {name: str(each.type) for name, each in many.args.items()}) == (
        "[Node]",
        {"ids": "[ID!]!"},
    )


def test_relay_finds_pages(schema: GraphQLSchema) -> None:
    page = schema.type_map["PageInfo"]
    assert isinstance(page, GraphQLObjectType)
    assert {name: str(field.type) for name, field in page.fields.items()} == RELAY_PAGE
    for kind in types_of(schema):
        if not kind.name.endswith("Connection"):
            continue
        row = kind.name.removesuffix("Connection")
        fields = {name: str(field.type) for name, field in kind.fields.items()}
        edge = {name: str(field.type) for name, field in schema.type_map[f"{row}Edge"].fields.items()}  # type: ignore[attr-defined]  # an object
        assert (fields["pageInfo"], fields["edges"]) == ("PageInfo!", f"[{row}Edge!]!")
        assert fields["nodes"] == f"[{row}!]!"
        assert edge == {"cursor": "String!", "node": f"{row}!"}


def test_relay_pages_both_ways(schema: GraphQLSchema) -> None:
    found = []
    for kind in types_of(schema, GraphQLObjectType, GraphQLInterfaceType):
        for name, field in kind.fields.items():
            if get_named_type(field.type).name.endswith("Connection"):
                found.append(f"{kind.name}.{name}")
                paging = {key: str(each.type) for key, each in field.args.items() if key in RELAY_ARGUMENTS}
                assert paging == RELAY_ARGUMENTS, found[-1]
                others = {key for key, each in field.args.items() if not is_non_null_type(each.type)}
                assert others <= {*RELAY_ARGUMENTS, "filter", "orderBy"}, found[-1]

    assert "Query.bills" in found
    assert len(found) >= 9
