"""The unit of work of one command: its session, who acts, the time, and what is announced after the commit.

A command gets a Work, changes rows through `session`, and never commits: `Database.run` does, once.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from sqlalchemy import DateTime, Integer, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from salonos.kernel import idempotency, outbox
from salonos.kernel.actor import Actor
from salonos.kernel.problems import Unauthenticated

FAILPOINT = "SALONOS_FAILPOINT"
_KILLED = 137

_BEGIN = text(
    "select clock_timestamp(), set_config('salonos.actor_id', :actor_id, true), "
    "actor_stands(:session_id, :version, coalesce(:set_now, clock_timestamp()))"
).bindparams(
    bindparam("session_id", type_=Uuid()),
    bindparam("version", type_=Integer()),
    bindparam("set_now", type_=DateTime(timezone=True)),
)


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

        The same statement looks whether the actor's session and rights are still those that the request came with: what
        was taken away since then writes nothing.

        Raises: Unauthenticated; idempotency.Replayed; IdempotencyKeyReused.
        """
        given = {
            "actor_id": str(actor.id),
            "session_id": actor.session_id,
            "version": actor.version,
            "set_now": set_now,
        }
        if claim is None:
            instant, _, stands = (await session.execute(_BEGIN, given)).one()
            if not stands:
                raise Unauthenticated
            now = set_now or instant
        else:
            now = await idempotency.take(session, claim, given)
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

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """A part that may fail by itself: a savepoint; what it announced is forgotten with what it wrote."""
        announced = len(self._events)
        try:
            async with self.session.begin_nested():
                yield
        except BaseException:
            del self._events[announced:]
            raise

    async def record(self, result: dict[str, Any]) -> None:
        """Keeps the result for a repeated request, when the request came with a key."""
        if self.claim is not None:
            await idempotency.record(self.session, self.claim, result)

    async def finish(self) -> None:
        """The last statements before the commit."""
        await self.session.flush()
        if self._events:
            await outbox.insert(self.session, self._events, self.now)
