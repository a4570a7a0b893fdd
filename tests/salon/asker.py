"""Asks the engine over some features' schema as somebody of a role, for the tests of the lower features."""

from collections.abc import Iterable
from types import ModuleType
from typing import Any
from uuid import UUID

import orjson

from salonos.graph.context import RequestFacts
from salonos.graph.execute import Engine
from salonos.graph.schema import make_schema
from salonos.kernel.actor import NOBODY, Actor, Reach, access, reach_of
from salonos.kernel.database import Database
from salonos.kernel.permissions import ROLES

SOMEBODY = UUID(int=7)


def actor_of(role: str, *branch_ids: UUID, staff_id: UUID = SOMEBODY) -> Actor:
    """Somebody of a role at some branches; at all of them when none is named."""
    if role == "NOBODY":
        return NOBODY
    rights = ROLES[role]
    reach = reach_of(branch_ids) if branch_ids else Reach.ALL
    return Actor(staff_id, access(rights.permissions, rights.own, reach), branch_ids, name=role.lower())


class Asker:
    """One engine; each call is one request."""

    def __init__(self, database: Database, features: Iterable[ModuleType]) -> None:
        self.engine = Engine(make_schema(features), database, introspection_is_open=True)

    async def __call__(self, text: str, who: str | Actor = "OWNER", **variables: Any) -> Any:
        """The decoded body."""
        actor = who if isinstance(who, Actor) else actor_of(who)
        answer = await self.engine.answer(actor, RequestFacts(id="test"), text, None, variables)
        return orjson.loads(answer.body)

    async def data(self, text: str, who: str | Actor = "OWNER", **variables: Any) -> Any:
        """The data of an answer without errors."""
        body = await self(text, who, **variables)
        assert "errors" not in body, body["errors"]
        return body["data"]

    async def denied(self, text: str, who: str | Actor, **variables: Any) -> list[tuple[str, str]]:
        """Code and coordinate of each error."""
        body = await self(text, who, **variables)
        return [(each["extensions"]["code"], each["extensions"].get("coordinate", "")) for each in body["errors"]]
