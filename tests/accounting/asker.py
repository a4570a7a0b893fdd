"""Asks the engine over the books' part of the schema, as somebody of a role with a reach."""

from typing import Any
from uuid import UUID

import orjson

from salonos.accounting import graph as accounting
from salonos.graph.context import RequestFacts
from salonos.graph.execute import Engine
from salonos.graph.schema import make_schema
from salonos.kernel.actor import Actor, Reach, access, reach_of
from salonos.kernel.database import Database
from salonos.kernel.permissions import ROLES
from salonos.salon import graph as salon
from tests.accounting.makers import SYSTEM

GRAPH = make_schema([salon, accounting])
KEY = "a-key-of-thirty-two-characters-0"


def somebody(role: str, *branch_ids: UUID) -> Actor:
    """An actor of a role: of these branches, or of all."""
    rights = ROLES[role]
    reach = reach_of(branch_ids) if branch_ids else Reach.ALL
    return Actor(SYSTEM.id, access(rights.permissions, rights.own, reach), branch_ids)


class Asker:
    """Asks one engine."""

    def __init__(self, database: Database) -> None:
        self.engine = Engine(GRAPH, database, introspection_is_open=True)

    async def __call__(self, actor: Actor, text: str, *, key: str | None = KEY, **variables: Any) -> Any:
        """The decoded body."""
        answer = await self.engine.answer(actor, RequestFacts(id="test", idempotency_key=key), text, None, variables)
        return orjson.loads(answer.body)

    async def data(self, actor: Actor, text: str, *, key: str | None = KEY, **variables: Any) -> Any:
        """The data of an answer without errors."""
        body = await self(actor, text, key=key, **variables)
        assert "errors" not in body, body["errors"]
        return body["data"]
