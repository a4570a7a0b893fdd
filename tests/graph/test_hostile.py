"""Whatever values and texts come in, the answer is data or a refusal: never a bug's entry, never an exception."""

import random  # noqa: TID251  seeded, so that a failure can be made again
from typing import Any

import orjson
import pytest

from salonos.graph.execute import Status
from tests.graph import people
from tests.graph.conftest import Asker
from tests.graph.generate import Writer
from tests.graph.test_differential import FACTS, values_of
from tests.graph.world import GRAPH

HOSTILE: list[Any] = [
    *(None, "", 0, -1, 2**31, 2**63, 1e308, True, [], {}, [None], [[1]], ["x"], {"a": 1}),
    *("\0", "' or 1=1 --", "%", "_", "a" * 5_000, "\u0663", "\u202e", "NaN", "-1.00", "99999999999999.99"),
    *("bill_" + "0" * 32, "bill_" + "g" * 32, "9999-12-31", "2026-11-23T00:00:00Z", "MXxORVdFU1R8fA"),
]
SCRAPS = ['"', "{", "}", "$x", "...", "@skip", "null", "\0", "é", "first: 101", 'after: "zz"', "#", '"""']


def mutated(dice: random.Random, value: Any) -> Any:
    """A value with something else somewhere inside."""
    if isinstance(value, dict) and value and dice.random() < 0.7:
        name = dice.choice(list(value))
        return {**value, name: mutated(dice, value[name])}
    if isinstance(value, list) and value and dice.random() < 0.5:
        return [mutated(dice, value[0]), *value[1:]]
    return dice.choice(HOSTILE)


@pytest.mark.parametrize("role", ["OWNER", "STAFF", "NOBODY"])
async def test_hostile_values_and_texts_are_answered_or_refused(ask: Asker, role: str) -> None:
    values, actor = await values_of(ask.database, GRAPH), people.actor(role)
    answered = 0
    for number in range(150):
        dice = random.Random(f"{role} {number}")
        asked = Writer(GRAPH, values, dice).operation()
        variables = {
            name: mutated(dice, value) if dice.random() < 0.2 else value for name, value in asked.variables.items()
        }
        text = asked.text
        if dice.random() < 0.1:
            at = dice.randrange(len(text))
            text = text[:at] + dice.choice(SCRAPS) + text[at + dice.randrange(3) :]

        answer = await ask.engine.answer(actor, FACTS, text, None, variables)

        assert answer.status in {Status.ANSWERED, Status.REJECTED}, (text, variables, answer.body)
        codes = {error["extensions"]["code"] for error in orjson.loads(answer.body).get("errors", [])}
        assert codes <= {"BAD_REQUEST", "BAD_CURSOR", "FORBIDDEN", "UNAUTHENTICATED"}, (text, variables, answer.body)
        answered += answer.status is Status.ANSWERED

    assert answered > 20
