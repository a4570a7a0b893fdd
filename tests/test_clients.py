"""What documentation, examples and the tests of public clients ask of the salon is what schema.graphql offers."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode, build_schema, parse, specified_rules, validate
from graphql.validation import NoUnusedFragmentsRule

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
PROGRAMS = (*sorted((ROOT / "tests" / "clients").glob("*.mjs")), *sorted((ROOT / "tests" / "clients").glob("*.py")))
TILL = tuple(sorted((ROOT / "examples" / "till" / "src").glob("*.js*")))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TEMPLATE = re.compile(
    r"(?:\bgql|/\* GraphQL \*/)\s*`((?:[^`$]|\$(?!\{))*)`|\"\"\"(\n(?:query|mutation|subscription) .*?)\"\"\"",
    re.DOTALL,
)
WRONG = frozenset({"Wrong"})
"""What clients ask to be refused."""
RULES = [rule for rule in specified_rules if rule is not NoUnusedFragmentsRule]
"""A fragment may stand in a template of its own."""


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema((ROOT / "schema.graphql").read_text())


def templates(text: str) -> list[str]:
    return [either or other for either, other in TEMPLATE.findall(text)]


def shown(page: Path) -> list[str]:
    """The documents of a page: whole blocks, and those within programs."""
    blocks = FENCE.findall(page.read_text())
    return [text for language, text in blocks if language == "graphql"] + [
        each for language, text in blocks if language != "graphql" for each in templates(text)
    ]


def names(document: DocumentNode) -> Iterator[str]:
    for each in document.definitions:
        if isinstance(each, OperationDefinitionNode):
            yield each.name.value if each.name else ""


def wrong(schema: GraphQLSchema, texts: dict[str, list[str]]) -> list[str]:
    """What doesn't hold, with where it stands."""
    documents = [(place, parse(text)) for place, found in texts.items() for text in found]
    return [
        f"{place}: {error.message}"
        for place, document in documents
        if not set(names(document)) & WRONG
        for error in validate(schema, document, RULES)
    ]


PARTS_SHOWN = 3


def test_every_operation_that_a_page_shows_holds_against_the_schema(schema: GraphQLSchema) -> None:
    texts = {str(page.relative_to(ROOT)): shown(page) for page in PAGES}

    assert wrong(schema, texts) == []
    assert len(texts["docs/clients.md"]) >= PARTS_SHOWN
    assert texts["README.md"]


def test_every_operation_of_the_public_clients_holds_against_the_schema(schema: GraphQLSchema) -> None:
    texts = {program.name: templates(program.read_text()) for program in PROGRAMS}

    assert wrong(schema, texts) == []
    assert {name for name, found in texts.items() if found} >= {
        "apollo.test.mjs",
        "events.test.mjs",
        "gql_client.py",
        "relay.test.mjs",
        "salon.mjs",
        "urql.test.mjs",
        "websocket.test.mjs",
    }


def test_every_operation_of_the_example_till_holds_against_the_schema(schema: GraphQLSchema) -> None:
    texts = {program.name: templates(program.read_text()) for program in TILL}

    assert wrong(schema, texts) == []
    assert len(texts["operations.js"]) == len(
        re.findall("^export const", (TILL[0].parent / "operations.js").read_text(), re.MULTILINE)
    )


def test_a_field_that_is_not_there_is_found(schema: GraphQLSchema) -> None:
    texts = {"page": templates("const A = gql`query A { viewer { nothing } }`\nB = /* GraphQL */ `{ viewer { id } }`")}

    assert len(texts["page"]) == 2
    assert wrong(schema, texts) == ["page: Cannot query field 'nothing' on type 'Viewer'."]
