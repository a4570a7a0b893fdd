"""Asks the engine over everything, as somebody of a role with a reach."""

from typing import Any
from uuid import UUID

import orjson

from salonos.accounting import graph as accounting
from salonos.bills import graph as bills
from salonos.catalog import graph as catalog
from salonos.closing import graph as closing
from salonos.customers import graph as customers
from salonos.graph.context import RequestFacts
from salonos.graph.execute import Engine
from salonos.graph.schema import make_schema
from salonos.identity import graph as identity
from salonos.inventory import graph as inventory
from salonos.kernel.actor import Actor, Reach, access, reach_of
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from salonos.kernel.permissions import ROLES, Permission
from salonos.salon import graph as salon

GRAPH = make_schema([salon, identity, customers, catalog, accounting, inventory, bills, closing])


def somebody(role: str, *branch_ids: UUID, without: Permission | None = None) -> Actor:
    """An actor of a role: of these branches, or of all."""
    rights = ROLES[role]
    reach = reach_of(branch_ids) if branch_ids else Reach.ALL
    return Actor(UUID(int=77), access(rights.permissions - {without}, rights.own, reach), branch_ids)


def branch_text(branch_id: UUID) -> str:
    """A branch's id as clients write it."""
    return id_text("branch", branch_id)


class Asker:
    """Asks one engine."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.engine = Engine(GRAPH, database)

    async def __call__(self, actor: Actor, text: str, **variables: Any) -> Any:
        """The decoded body."""
        return orjson.loads((await self.engine.answer(actor, RequestFacts(id="test"), text, None, variables)).body)

    async def data(self, actor: Actor, text: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        body = await self(actor, text, **variables)
        assert "errors" not in body, body["errors"]
        return body["data"]

    async def denied(self, actor: Actor, text: str, **variables: Any) -> tuple[Any, set[str]]:
        """The data, and the coordinates that were refused."""
        body = await self(actor, text, **variables)
        assert {each["extensions"]["code"] for each in body["errors"]} == {"FORBIDDEN"}
        return body["data"], {each["extensions"]["coordinate"] for each in body["errors"]}
