"""No name is suggested to whoever does not know it: every name of the schema, left out, cut short or misused (A11)."""

from collections.abc import Iterator

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    parse,
    validate,
)

from salonos.edge.app import make_graph
from salonos.graph.documents import Documents
from salonos.graph.errors import Rejected
from salonos.graph.limits import Guard

GRAPH = make_graph()
SUGGESTS = "Did you mean"


def wrong(kind: GraphQLNamedType) -> Iterator[str]:
    """Documents that nearly know a type."""
    yield f"{{ node(id: 1) {{ ... on {kind.name[:-1]} {{ id }} }} }}"
    yield f"query($a: {kind.name[:-1]}) {{ __typename }}"
    match kind:
        case GraphQLObjectType() | GraphQLInterfaceType():
            for name, field in kind.fields.items():
                selections = [name[:-1], f"{name}(ids_: 1)", f"{name} {{ id }}" if is_leaf(field.type) else name]
                selections += [f"{name}({argument[:-1]}: 1)" for argument in field.args]
                for each in selections:
                    yield f"fragment f on {kind.name} {{ {each} }} {{ ...f }}"
        case GraphQLInputObjectType():
            yield from (f"query($a: {kind.name} = {{{name[:-1]}: 1}}) {{ __typename }}" for name in kind.fields)
        case GraphQLEnumType():
            yield from (f"query($a: {kind.name} = {name[:-1]}) {{ __typename }}" for name in kind.values)
        case _:
            return


def is_leaf(kind: object) -> bool:
    """Whether a field of this type has no selection."""
    return is_leaf_type(get_named_type(kind))  # type: ignore[call-overload]  # an output type


DOCUMENTS = [text for kind in GRAPH.core.type_map.values() if not kind.name.startswith("__") for text in wrong(kind)]


def test_no_error_of_any_document_suggests_a_name() -> None:
    documents = Documents(GRAPH.core, Guard(GRAPH.core))
    told = {}
    for text in DOCUMENTS:
        with pytest.raises(Rejected) as refused:
            documents.read(text, None)
        told[text] = " ".join(each["message"] for each in refused.value.entries)

    assert [text for text, messages in told.items() if SUGGESTS in messages] == []
    assert len(told) > 3_000


def test_graphql_core_alone_suggests() -> None:
    plain = validate(GRAPH.core, parse("{ bills }"), hide_suggestions=True)

    assert [SUGGESTS in each.message for each in plain] == [True]
