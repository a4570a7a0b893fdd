"""Asks identity's part of the schema as the edge would."""

from typing import Any

import orjson

from salonos.graph.context import RequestFacts
from salonos.graph.execute import Engine
from salonos.graph.schema import make_schema
from salonos.identity import graph as identity
from salonos.kernel.actor import NOBODY, Actor
from salonos.kernel.database import Database
from salonos.salon import graph as salon

GRAPH = make_schema([salon, identity])
FACTS = RequestFacts(id="test", address="10.0.0.5", user_agent="tablet/1")


class Asker:
    """One process's engine over a database."""

    def __init__(self, database: Database) -> None:
        self.engine = Engine(GRAPH, database)

    async def __call__(self, text: str, actor: Actor = NOBODY, **variables: Any) -> Any:
        """The decoded body."""
        return orjson.loads((await self.engine.answer(actor, FACTS, text, None, variables)).body)

    async def data(self, text: str, actor: Actor = NOBODY, **variables: Any) -> Any:
        """The data of an answer without errors."""
        body = await self(text, actor, **variables)
        assert "errors" not in body, body["errors"]
        return body["data"]

    async def codes(self, text: str, actor: Actor = NOBODY, **variables: Any) -> list[tuple[str, str]]:
        """Coordinate and code of each error."""
        errors = (await self(text, actor, **variables))["errors"]
        return [(each["extensions"].get("coordinate", ""), each["extensions"]["code"]) for each in errors]
