"""Asks the engine over the schema up to bills, as somebody of a role with a reach."""

from typing import Any

import orjson

from salonos.accounting import graph as accounting
from salonos.bills import graph as bills
from salonos.catalog import graph as catalog
from salonos.customers import graph as customers
from salonos.graph.context import RequestFacts
from salonos.graph.execute import Engine
from salonos.graph.schema import make_schema
from salonos.identity import graph as identity
from salonos.inventory import graph as inventory
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.salon import graph as salon
from tests.bills.makers import NOW, SYSTEM

GRAPH = make_schema([salon, identity, customers, catalog, accounting, inventory, bills])


class Asker:
    """Asks one engine whose clock stands still."""

    def __init__(self, database: Database) -> None:
        database.set_clock = NOW
        self.engine = Engine(GRAPH, database, introspection_is_open=True)

    async def __call__(self, text: str, *, actor: Actor = SYSTEM, key: str | None = "", **variables: Any) -> Any:
        """The decoded body. Without a key of its own, each request has a new one; None sends none."""
        facts = RequestFacts(id="test", idempotency_key=new_id().hex if key == "" else key)
        answer = await self.engine.answer(actor, facts, text, None, variables)
        return orjson.loads(answer.body)

    async def data(self, text: str, *, actor: Actor = SYSTEM, key: str | None = "", **variables: Any) -> Any:
        """The data of an answer without errors."""
        body = await self(text, actor=actor, key=key, **variables)
        assert "errors" not in body, body["errors"]
        return body["data"]
