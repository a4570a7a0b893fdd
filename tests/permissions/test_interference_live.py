"""The two salons once more: what happens in both is told to somebody byte for byte alike, or in both not at all."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson
import pytest
from graphql import get_named_type

from salonos.graph.assemble import DEFINITION
from salonos.graph.compiler import Compiler
from salonos.graph.directives import RequiresPermission
from salonos.graph.errors import Rejected
from salonos.graph.events import OnEvent
from salonos.graph.execute import Engine
from salonos.graph.reads import READ
from salonos.kernel.actor import NOBODY, Actor
from salonos.kernel.outbox import Position, Stored
from tests.permissions.test_interference import FACTS, Differs, Twins, twins
from tests.permissions.test_matrix import GRAPH, selectable
from tests.permissions.test_payloads import ANSWERS, selection

__all__ = ["twins"]

AT_EACH_BRANCH = 8
"""Events of a subscription's kinds."""

ALIKE = {"ExportChanged": "ExportStarted"}
"""Of the house's files nobody has begun to make one: what happened of the same subject."""

BREAKS = [
    ("RECEPTIONIST", Compiler, "reach", lambda *_, **__: []),
    ("STAFF", Compiler, "reach", lambda *_, **__: []),
    ("RECEPTIONIST", RequiresPermission, "denial", lambda *_: None),
]


async def happened(engine: Engine, kinds: Sequence[str]) -> list[Stored]:
    """What the first salon's outbox holds, as if it happened now: some at each branch."""
    feed = await engine.live.start()
    by_branch: dict[UUID | None, list[Stored]] = defaultdict(list)
    for each in await feed.read(Position(0, 0), kinds=[ALIKE.get(kind, kind) for kind in kinds]):
        by_branch[each.branch_id].append(replace(each, kind=kinds[0]))
    assert by_branch, f"no event of {kinds} happened"
    chosen = [each for several in by_branch.values() for each in several[-AT_EACH_BRANCH:]]
    return [replace(each, position=Position(2**60, place)) for place, each in enumerate(chosen, 1)]


async def heard(engine: Engine, actor: Actor, text: str, events: Sequence[Stored] | None) -> list[bytes | None]:
    """What a subscription is told of each event, where silence is None; of figures, which have no events, at once."""
    taken: list[bytes] = []
    stream = engine.subscribe(actor, FACTS, text, outlet=lambda body: not taken.append(body))  # type: ignore[func-returns-value]
    first = asyncio.ensure_future(anext(stream))
    while not first.done() and not engine.live.subscribers:  # noqa: ASYNC110  turns of the loop
        await asyncio.sleep(0)
    found: list[bytes | None] = [await answer_of(first)] if first.done() or events is None else []
    for event in events or ():
        before = len(taken)
        await engine.live.deliver(event)
        found += taken[before:] or [None]
    first.cancel()
    await asyncio.wait([first])
    await stream.aclose()
    return found


async def answer_of(first: "asyncio.Future[bytes]") -> bytes:
    """What comes at once: a body, or why there is none."""
    try:
        return await asyncio.wait_for(first, 20)
    except Rejected as rejected:
        return orjson.dumps(rejected.entries)


async def compared(twins: Twins) -> tuple[int, int]:
    """Subscribes to everything in both salons. Returns how often something was told, and how often nothing.

    Raises: Differs.
    """
    bodies: list[bytes | None] = []
    root: Any = GRAPH.core.subscription_type
    try:
        for name, definition in root.fields.items():
            read = definition.extensions[DEFINITION].metadata[READ]
            kind = get_named_type(definition.type).name
            body = selection(kind) if kind in ANSWERS else " ".join(selectable(kind).values())
            events = await happened(twins.one, read.kinds) if isinstance(read, OnEvent) else None
            for text in (f"subscription {{ {name} {{ {each} }} }}" for each in ("__typename", body)):
                one, other = [await heard(each, twins.actor, text, events) for each in (twins.one, twins.other)]
                if one != other:
                    raise Differs(text, one, other)
                bodies += one
    finally:
        for engine in (twins.one, twins.other):
            await engine.live.stop()
    return sum(each is not None for each in bodies), sum(each is None for each in bodies)


async def test_what_is_hidden_changes_no_byte_of_any_event(twins: Twins, request: pytest.FixtureRequest) -> None:
    told, untold = await compared(twins)

    print(f"\n{request.node.callspec.id}: {told} told, {untold} not")  # noqa: T201  the figures of the proof
    assert told > 20 or twins.actor is NOBODY
    assert (untold > 5) == (twins.actor.name not in {"OWNER", "ACCOUNTANT"})


@pytest.mark.parametrize(("twins", "broken", "attribute", "by"), BREAKS, indirect=["twins"])
async def test_the_proof_of_events_fails_when_the_engine_forgets_its_rules(
    twins: Twins, monkeypatch: pytest.MonkeyPatch, broken: type[Any], attribute: str, by: Any
) -> None:
    monkeypatch.setattr(broken, attribute, by)

    with pytest.raises(Differs):
        await compared(twins)
