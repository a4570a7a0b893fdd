"""The till's documents are trusted as clients send them: as the template stands, as urql prints it, as Apollo changes it."""

import functools
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from graphql import parse, print_ast

from salonos.documents import manifest_of
from salonos.edge.app import make_graph
from salonos.edge.budget import Budget
from salonos.graph.context import RequestFacts
from salonos.graph.execute import CHARACTERS_AN_OBJECT, REQUEST_COST, Engine
from salonos.graph.limits import Guard
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.kernel.problems import Forbidden, TooMany
from tests.bills.makers import actor_as

TILL = Path(__file__).resolve().parents[2] / "examples" / "till"
FACTS = RequestFacts(id="test")
GRAPH = functools.cache(make_graph)
ONLY = frozenset({"RECEPTIONIST"})
NAMES = ["Earlier", "Latest", "Me", "Menu", "Posted", "Refresh", "Sell", "SignIn", "SignOut", "Today"]


def templates() -> dict[str, str]:
    """What stands in the till's file, by the operation's name."""
    found = re.findall(r"gql`(.*?)`", (TILL / "src" / "operations.js").read_text(), re.DOTALL)
    return {text.split()[1].split("(")[0]: text for text in found}


def as_written(name: str) -> str:
    """What a client sends that takes its templates for texts."""
    return templates()[name]


def as_urql_prints(name: str) -> str:
    """urql's printer sets no spaces inside of an object's braces, where graphql-js and graphql-core do."""
    return re.sub(r": \{ ?(.*?) ?\}", r": {\1}", print_ast(parse(templates()[name])))


def receptionist() -> Actor:
    return replace(actor_as("RECEPTIONIST", new_id()), role="RECEPTIONIST")


@pytest.fixture
def engine(database: Database) -> Engine:
    """A process with the till's manifest; receptionists send nothing else."""
    made = Engine(GRAPH(), database, limits=Guard(GRAPH().core))
    made.trust(manifest_of(TILL, ONLY))
    return made


@pytest.mark.parametrize("sending", [as_written, as_urql_prints])
@pytest.mark.parametrize("name", NAMES)
def test_each_document_is_trusted_as_the_till_sends_it(
    engine: Engine, name: str, sending: Callable[[str], str]
) -> None:
    sent = sending(name)

    found = engine.operation(receptionist(), FACTS, sent, None)

    assert found.trusted_name == name
    assert engine.operation(receptionist(), FACTS, sent, name) is found


@pytest.mark.parametrize(
    ("sending", "refused"), [(as_written, NAMES), (as_urql_prints, ["Earlier", "Latest", "Menu", "SignOut"])]
)
def test_the_proof_fails_without_the_canonical_form(
    engine: Engine, sending: Callable[[str], str], refused: list[str]
) -> None:
    engine.documents._canonical.clear()

    found = []
    for name in templates():
        try:
            engine.operation(receptionist(), FACTS, sending(name), None)
        except Forbidden:
            found.append(name)

    assert sorted(found) == refused
    assert sorted(templates()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_document_is_trusted_as_apollo_sends_it_under_a_manifest_with_typename(
    database: Database, name: str
) -> None:
    plain, added = Engine(GRAPH(), database), Engine(GRAPH(), database)
    plain.trust(manifest_of(TILL, ONLY))
    added.trust(manifest_of(TILL, ONLY, adds_typename=True))
    (sent,) = [each.text for each in manifest_of(TILL, adds_typename=True).documents if each.name == name]
    sent = sent.replace("\n", " ")

    assert added.operation(receptionist(), FACTS, sent, name).trusted_name == name
    if name != "SignOut":  # which asks for nothing but __typename
        with pytest.raises(Forbidden):
            plain.operation(receptionist(), FACTS, sent, name)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("displayName", "displayName username"),
        lambda text: text.replace("query Me", "query Mine"),
        lambda text: text + " query Other { viewer { username } }",
        lambda text: text.replace("salon {", "shop: salon {"),
        lambda text: text[:-1],
    ],
)
def test_a_document_that_says_anything_else_is_not_trusted(engine: Engine, change: object) -> None:
    text = as_written("Me").strip()
    assert callable(change)

    with pytest.raises(Forbidden):
        engine.operation(receptionist(), FACTS, change(text), None)
    with pytest.raises(Forbidden):
        engine.operation(receptionist(), FACTS, text, "Mine")


def test_a_text_is_compared_once_and_looking_is_paid_for(database: Database) -> None:
    engine = Engine(GRAPH(), database, limits=Guard(GRAPH().core), budget=Budget(1_000.0))
    engine.trust(manifest_of(TILL, ONLY))
    budget, who = engine.budget, receptionist()
    assert isinstance(budget, Budget)
    sent = as_written("Menu")

    engine.operation(who, FACTS, sent, None)
    once = dict(budget.debts)
    for _ in range(3):
        engine.operation(who, FACTS, sent, None)

    assert budget.debts == once == {who.id.int: REQUEST_COST + len(sent) // CHARACTERS_AN_OBJECT}
    budget.debts[who.id.int] = 10_000.0
    with pytest.raises(TooMany):
        engine.operation(who, FACTS, sent + " ", None)
