"""The schema is shown to who may read it and in the demo, and errors quote nothing (A9, A57)."""

import asyncio
import json
import os
from collections.abc import Iterator

import pytest
from graphql import build_client_schema, get_introspection_query

from salonos.kernel.ids import new_id
from tests import servers
from tests.faults import served as serving
from tests.faults.served import Served

SCHEMA = '{ __schema { queryType { name } } __type(name: "Bill") { name } }'
WHOLE = get_introspection_query(
    specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
).replace("fields(includeDeprecated", "isOneOf fields(includeDeprecated", 1)
"""As GraphiQL asks."""
SHOWN = {"data": {"__schema": {"queryType": {"name": "Query"}}, "__type": {"name": "Bill"}}}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A process of a demonstration."""
    name = f"test_{new_id().hex}"
    asyncio.run(servers.create_database(name))
    log = tmp_path_factory.mktemp("demo") / "api.log"
    made = serving.serve(servers.url_of(name), os.environ[servers.REDIS], log, is_demo=True)
    yield made
    made.process.terminate()
    made.process.wait(serving.ANSWER_S)
    asyncio.run(servers.drop_database(name))


def test_the_schema_is_shown_to_who_may_read_it(unharmed: Served) -> None:
    assert unharmed.ask(SCHEMA, authorization=f"Bearer {unharmed.owner}").json() == SHOWN


def test_the_schema_is_shown_to_everybody_in_the_demo(demo: Served) -> None:
    assert demo.ask(SCHEMA).json() == SHOWN


def test_the_playground_s_own_question_is_answered(unharmed: Served, demo: Served) -> None:
    owner, stranger = unharmed.ask(WHOLE, authorization=f"Bearer {unharmed.owner}").json(), demo.ask(WHOLE).json()

    assert owner.keys() == {"data"}
    assert stranger == owner
    assert build_client_schema(owner["data"]).type_map.keys() > {"Bill", "BillFilter", "PostBillResult"}


def test_twelve_aliases_of_the_schema_are_refused_in_the_demo(demo: Served) -> None:
    text = "{ " + " ".join(f"a{n}: __schema {{ types {{ name }} }}" for n in range(12)) + " }"

    assert demo.ask(text).json()["errors"][0]["extensions"] == {"code": "QUERY_TOO_COMPLEX"}


def test_no_name_is_suggested_in_the_demo_either(demo: Served) -> None:
    assert "Did you mean" not in demo.ask("{ vieweer { username } }").text


@pytest.mark.parametrize(
    "variables",
    [
        {"i": {"username": "owner", "password": "a canary", "otp": 1}},
        {"i": {"username": {"name": "a canary"}, "password": "a canary"}},
        {"i": "a canary"},
        {"i": ["a canary"]},
        {"i": {"username": "owner", "password": ["a canary"]}},
    ],
    ids=json.dumps,
)
def test_a_refused_input_is_not_quoted(variables: object, unharmed: Served) -> None:
    query = "mutation($i: SignInInput!) { signIn(input: $i) { __typename } }"

    reply = unharmed.post(json.dumps({"query": query, "variables": variables}).encode())

    assert reply.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert "canary" not in reply.text


def test_a_refused_literal_is_not_quoted(unharmed: Served) -> None:
    query = 'mutation { signIn(input: {username: "owner", password: "a canary", otp: 1}) { __typename } }'

    assert "canary" not in unharmed.ask(query).text
