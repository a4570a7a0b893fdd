"""G17 for reads: every id that a root of queries or subscriptions takes, made from the schema.

An id out of reach is answered as one that does not exist, to the byte; and a connection that many people use one after
the other keeps nothing of the last.
"""

import itertools
from dataclasses import replace
from typing import Any

import orjson
import pytest
from graphql import get_named_type, is_required_argument

from salonos.graph.assemble import DEFINITION
from salonos.graph.compiler import Compiler
from salonos.graph.events import OnEvent
from salonos.graph.execute import Engine
from salonos.graph.reads import READ
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, id_value, new_id
from tests.permissions.expected import RULES
from tests.permissions.test_ids_of_writes import (
    FACTS,
    OF_EVERYBODY,
    Asking,
    Place,
    asking,
    by_reach,
    filled,
    ids_below,
)
from tests.permissions.test_interference_live import happened, heard
from tests.permissions.test_matrix import GRAPH, house, selectable

__all__ = ["asking", "house"]

ACTORS = 1_000
NODES = {"node", "nodes"}

EVERYBODY_READS = {"discountlimit", "export", "notice", "recipe", "stockitem"}
"""What no branch narrows, besides what a mutation takes. Files are their asker's own, and the house has one of these."""

OTHER_ENDS = {"stockTransfers.filter.fromBranchId", "stockTransfers.filter.toBranchId"}
"""Goods on their way are seen from both ends, and each sees which the other one is."""


def kind_of(root: str, name: str) -> str:
    """The prefix of the rows of a root field that takes their `id`."""
    return GRAPH.sources[RULES.target(root, name)].prefix or ""


def places() -> list[tuple[str, Place]]:
    """Each id that a root takes; `id` is of what the root reads, and `node` and `nodes` take every kind."""
    found = []
    for root in (GRAPH.core.query_type, GRAPH.core.subscription_type):
        assert root is not None
        for name, definition in root.fields.items():
            for argument, each in definition.args.items():
                if argument in {"id", "ids"}:
                    kinds = GRAPH.by_prefix if name in {"node", "nodes"} else [kind_of(root.name, name)]
                    found += [(root.name, Place(name, (argument,), prefix)) for prefix in kinds]
                    continue
                below = ids_below(each.type, argument, (root.name,))
                found += [(root.name, Place(name, (argument, *steps), prefix)) for steps, prefix in below]
    return found


PLACES = places()


def asked(asking: Asking, root: str, place: Place, planted: str) -> tuple[str, dict[str, Any]]:
    """An operation that takes the planted id and all that its field must have, and its variables."""
    kind = GRAPH.core.type_map[root]
    definition = kind.fields[place.mutation]  # type: ignore[attr-defined]  # a root
    given = {
        name: filled(
            each.type, name, asking.ids, place.steps[1:] if name == place.steps[0] else ("nowhere",), planted, ()
        )
        for name, each in definition.args.items()
        if is_required_argument(each) or name == place.steps[0]
    }
    head = ", ".join(f"${name}: {definition.args[name].type}" for name in given)
    body = " ".join(selectable(get_named_type(definition.type).name).values()) if place.mutation not in NODES else "id"
    passed = ", ".join(f"{name}: ${name}" for name in given)
    return f"{root.lower()}({head}) {{ {place.mutation}({passed}) {{ {body} }} }}", given


async def answer(asking: Asking, place: Place, planted: str) -> bytes:
    """The answer's body, where the planted id is told by a word."""
    text, given = asked(asking, "Query", place, planted)
    found = await asking.house.engine.answer(asking.actor, FACTS, text, None, given)
    return found.body.replace(planted.encode(), b"IT")


async def test_an_id_out_of_reach_is_read_as_one_that_does_not_exist(asking: Asking) -> None:
    checked, of_everybody = set(), set()
    for place in (place for root, place in PLACES if root == "Query"):
        foreign = [each for each, is_own in await by_reach(asking.house, place.prefix, asking.actor) if not is_own]
        if not foreign:
            of_everybody.add(place.prefix)
            continue
        there = await answer(asking, place, foreign[0])
        missing = await answer(asking, place, id_text(place.prefix, new_id()))
        assert (there == missing) != (str(place) in OTHER_ENDS), place
        assert "data" in orjson.loads(there), (place, there)
        checked.add(place)
    assert of_everybody == OF_EVERYBODY | EVERYBODY_READS
    assert len(checked) == len(
        [place for root, place in PLACES if root == "Query" and place.prefix not in of_everybody]
    )


async def test_the_proof_of_reads_fails_when_reach_is_forgotten(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place("bill", ("id",), "bill")
    foreign = [each for each, is_own in await by_reach(asking.house, "bill", asking.actor) if not is_own]
    missing = await answer(asking, place, id_text("bill", new_id()))
    assert await answer(asking, place, foreign[0]) == missing
    asking.house.engine.plans.clear()
    monkeypatch.setattr(Compiler, "reach", lambda *_, **__: [])

    assert await answer(asking, place, foreign[0]) != missing


async def test_a_subscription_to_a_branch_out_of_reach_is_as_silent_as_one_to_none(asking: Asking) -> None:
    engine = asking.house.engine
    root: Any = GRAPH.core.subscription_type
    names = [place.mutation for kind, place in PLACES if kind == "Subscription"]
    assert len(names) == 5
    for name in names:
        read = root.fields[name].extensions[DEFINITION].metadata[READ]
        events = await happened(engine, read.kinds) if isinstance(read, OnEvent) else None
        told = [
            await heard(
                engine, asking.actor, f'subscription {{ {name}(branchId: "{branch}") {{ __typename }} }}', events
            )
            for branch in (asking.ids["toBranchId"], id_text("branch", new_id()))
        ]
        assert told[0] == told[1], name
        assert set(told[0]) == ({None} if events else {orjson.dumps({"data": {name: None}})})
    await engine.live.stop()


async def test_a_connection_keeps_nothing_of_who_asked_before(asking: Asking) -> None:
    database = await Database.open(asking.house.engine.database.url, pool_size=1)
    engine = Engine(GRAPH, database)
    branches = [id_value("branch", each) for each in (asking.ids["branch"], asking.ids["toBranchId"])]
    actors = [replace(asking.actor, branch_ids=(each,)) for each in branches]
    text = "{ bills(first: 100) { nodes { branch { id } } } }"

    for actor in itertools.islice(itertools.cycle(actors), ACTORS):
        body = orjson.loads((await engine.answer(actor, FACTS, text, None, None)).body)
        seen = {each["branch"]["id"] for each in body["data"]["bills"]["nodes"]}
        assert seen == {id_text("branch", actor.branch_id)}
    await database.close()
