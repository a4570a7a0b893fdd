"""An error says what was expected and where, never what was sent: that may be a password, or somebody's phone."""

from typing import Any

import pytest

from salonos.edge.app import make_graph
from salonos.graph.documents import Documents
from salonos.graph.errors import Rejected

GRAPH = make_graph()
SIGN_IN = "mutation($given: SignInInput!) { signIn(input: $given) { __typename } }"
BILLS = "query($given: BillFilter) { bills(filter: $given) { totalCount } }"
ORDERED = "query($given: BillOrder) { bills(orderBy: $given) { totalCount } }"
CUSTOMERS = "query($given: CustomerFilter) { customers(filter: $given) { totalCount } }"


@pytest.mark.parametrize(
    ("text", "given", "said"),
    [
        (
            SIGN_IN,
            "CANARY",
            "Variable '$given' has invalid value: Expected value of type 'SignInInput' to be an object.",
        ),
        (SIGN_IN, {"username": {"a": "CANARY, found: x"}, "password": "CANARY"}, "String cannot represent"),
        (SIGN_IN, {"username": "CANARY", "password": "CANARY", "x": "CANARY"}, "unknown field 'x'."),
        (SIGN_IN, {"username": "CANARY"}, "required field 'password'."),
        (BILLS, {"search": ["CANARY"]}, "has invalid value"),
        (ORDERED, "CANARY\nCANARY", "This value does not exist in 'BillOrder' enum."),
        (CUSTOMERS, {"phone": "CANARY"}, "A PhoneNumber is written as"),
    ],
)
def test_a_variable_is_refused_without_its_value(text: str, given: Any, said: str) -> None:
    operation = Documents(GRAPH.core, None).operation(text, None, is_signed_in=True)

    with pytest.raises(Rejected) as refused:
        operation.coerced(GRAPH.core, {"given": given})

    messages = "\n".join(entry["message"] for entry in refused.value.entries)
    assert said in messages
    assert "CANARY" not in messages


@pytest.mark.parametrize(
    "text",
    [
        'mutation { signIn(input: {username: "CANARY", password: "CANARY", device: "CANARY"}) { __typename } }',
        'mutation { signIn(input: {username: "CANARY", password: 1.5}) { __typename } }',
        '{ bills(first: "CANARY") { totalCount } }',
        '{ bills(orderBy: "CANARY") { totalCount } }',
        '{ customers(filter: {phone: "CANARY"}) { totalCount } }',
        '{ bill(id: {a: "CANARY"}) { id } }',
    ],
)
def test_a_literal_is_refused_without_its_value(text: str) -> None:
    with pytest.raises(Rejected) as refused:
        Documents(GRAPH.core, None).operation(text, None, is_signed_in=True)

    assert refused.value.entries
    assert "CANARY" not in str([entry["message"] for entry in refused.value.entries])
