"""The unit of work of one command: its session, who acts, the time, and what is announced after the commit.

A command gets a Work, changes rows through `session`, and never commits: `Database.run` does, once.
"""

import os
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from salonos.kernel import idempotency, outbox
from salonos.kernel.actor import Actor

FAILPOINT = "SALONOS_FAILPOINT"
_KILLED = 137

_BEGIN = text("select clock_timestamp(), set_config('salonos.actor_id', :actor_id, true)")


class StartOver(Exception):  # noqa: N818  an instruction, not an error
    """What the transaction decided with is no longer true (the date changed while it waited): run it again."""


def failpoint(name: str) -> None:
    """Ends the process as kill -9 does, when the environment names this point. For tests of recovery."""
    if os.environ.get(FAILPOINT) == name:
        os._exit(_KILLED)


@dataclass
class Work:
    """One command's transaction. `now` is its time in UTC, read once from the database or set."""

    session: AsyncSession
    actor: Actor
    now: datetime
    is_clock_set: bool = False
    claim: idempotency.Claim | None = None
    _events: list[outbox.Event] = field(default_factory=list)

    @classmethod
    async def begin(
        cls, session: AsyncSession, actor: Actor, *, set_now: datetime | None, claim: idempotency.Claim | None
    ) -> Self:
        """Opens a unit of work with the transaction's first statement, which also names the actor to the audit trail.

        Raises: idempotency.Replayed; IdempotencyKeyReused.
        """
        actor_id = str(actor.id)
        if claim is None:
            row = (await session.execute(_BEGIN, {"actor_id": actor_id})).one()
            now = set_now or row[0]
        else:
            now = await idempotency.take(session, claim, actor_id=actor_id, set_now=set_now)
        return cls(session, actor, now, set_now is not None, claim)

    async def read_clock(self) -> datetime:
        """The time right now, which after a lock may be later than `now`."""
        if self.is_clock_set:
            return self.now
        instant: datetime = (await self.session.execute(text("select clock_timestamp()"))).scalar_one()
        return instant

    def announce(self, event: outbox.Event) -> None:
        """Tells whoever is above, after the commit: the event becomes a row of this transaction."""
        self._events.append(event)

    async def record(self, result: dict[str, Any]) -> None:
        """Keeps the result for a repeated request, when the request came with a key."""
        if self.claim is not None:
            await idempotency.record(self.session, self.claim, result)

    async def finish(self) -> None:
        """The last statements before the commit."""
        await self.session.flush()
        if self._events:
            await outbox.insert(self.session, self._events, self.now)
