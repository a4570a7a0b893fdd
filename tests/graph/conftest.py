"""The engine's test world: a database with its tables and rows, an engine over it, and somebody of each role."""

import json
from typing import Any

import orjson
import pytest

from salonos.graph.context import RequestFacts
from salonos.graph.execute import Answer, Engine
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from tests.graph import people, seed
from tests.graph.world import GRAPH


class CountedReaders:
    """Readers that keep the statements of planned reads."""

    def __init__(self, readers: Any, sent: list[str]) -> None:
        self._readers = readers
        self._sent = sent
        self.everything: list[str] = []

    async def fetchrow(self, query: str, *values: Any) -> Any:
        """As the readers, and counted."""
        self._sent.append(query)
        self.everything.append(query)
        return await self._readers.fetchrow(query, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._readers, name)


class Asker:
    """Asks the engine as somebody, and counts the statements."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.engine = Engine(GRAPH, database, introspection_is_open=True)
        self.sent: list[str] = []
        self.readers = CountedReaders(database.readers, self.sent)
        database.readers = self.readers  # type: ignore[assignment]  # it does what they do

    async def answer(
        self, text: str, role: str | Actor = "OWNER", key: str | None = None, name: str | None = None, **variables: Any
    ) -> Answer:
        """The engine's answer."""
        actor = people.actor(role) if isinstance(role, str) else role
        self.sent.clear()
        facts = RequestFacts(id="test", idempotency_key=key)
        return await self.engine.answer(actor, facts, text, name, variables)

    async def __call__(self, text: str, role: str | Actor = "OWNER", key: str | None = None, **variables: Any) -> Any:
        """The decoded body."""
        return orjson.loads((await self.answer(text, role, key, **variables)).body)

    async def data(self, text: str, role: str | Actor = "OWNER", key: str | None = None, **variables: Any) -> Any:
        """The data of an answer without errors."""
        body = await self(text, role, key, **variables)
        assert "errors" not in body, json.dumps(body["errors"], indent=1)
        return body["data"]

    async def code(self, text: str, role: str | Actor = "OWNER", key: str | None = None, **variables: Any) -> str:
        """The code of an answer's only error."""
        (error,) = (await self(text, role, key, **variables))["errors"]
        return str(error["extensions"]["code"])

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Rows as the database has them."""
        return [dict(each) for each in await self.database.pool.fetch(query, *values)]


@pytest.fixture
async def ask(database: Database) -> Asker:
    """Asks in a world of twelve customers and sixty bills."""
    await seed.build(database.url, customers=12, bills=60)
    return Asker(database)
