"""A repeated request has one effect: its key is a row of the same transaction as the effect.

The first statement of the transaction inserts the key. A second request with it waits on that row (at most the lock
timeout of two seconds) and then finds the first one's result, or, when the first was rolled back, takes its place.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, LargeBinary, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from salonos.kernel.problems import IdempotencyInProgress, IdempotencyKeyReused

KEPT = timedelta(days=30)

__all__ = ["KEPT", "Claim", "IdempotencyInProgress", "Replayed", "purge", "record", "take"]

_TAKE = text(
    """
    with claimed as (
        insert into idempotency_keys (user_id, key, fingerprint, created_at)
        values (:user_id, :key, :fingerprint, coalesce(:set_now, clock_timestamp()))
        on conflict do nothing
        returning created_at
    )
    select coalesce(:set_now, clock_timestamp()), set_config('salonos.actor_id', :actor_id, true),
           (select count(*) from claimed)
    """
).bindparams(
    bindparam("user_id", type_=Uuid()),
    bindparam("key", type_=Text()),
    bindparam("fingerprint", type_=LargeBinary()),
    bindparam("set_now", type_=DateTime(timezone=True)),
)
_FIND = text("select fingerprint, result from idempotency_keys where user_id = :user_id and key = :key").bindparams(
    bindparam("user_id", type_=Uuid())
)
_RECORD = text(
    "update idempotency_keys set result = cast(:result as jsonb) where user_id = :user_id and key = :key"
).bindparams(bindparam("user_id", type_=Uuid()))


@dataclass(frozen=True)
class Claim:
    """A key of one mutation field of one user, and the fingerprint of what it asked for."""

    user_id: UUID
    key: str
    fingerprint: bytes


class Replayed(Exception):  # noqa: N818  an answer, not an error
    """The claim was answered before: `result` is what was recorded then."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__("answered before")
        self.result = result


async def take(session: AsyncSession, claim: Claim, *, actor_id: str, set_now: datetime | None) -> datetime:
    """Claims the key as the transaction's first statement, and returns the transaction's time.

    Raises: Replayed when the same request was answered; IdempotencyKeyReused when another one was.
    """
    values = {"user_id": claim.user_id, "key": claim.key}
    given = {**values, "fingerprint": claim.fingerprint, "set_now": set_now, "actor_id": actor_id}
    now, _, claimed = (await session.execute(_TAKE, given)).one()
    if claimed:
        instant: datetime = now
        return instant
    found = (await session.execute(_FIND, values)).one_or_none()
    if found is None or found.result is None:
        raise IdempotencyInProgress
    if found.fingerprint != claim.fingerprint:
        raise IdempotencyKeyReused
    raise Replayed(found.result)


async def record(session: AsyncSession, claim: Claim, result: dict[str, Any]) -> None:
    """Keeps what a repeated request is answered with: a type's name, ids and facts, never personal data."""
    await session.execute(_RECORD, {"user_id": claim.user_id, "key": claim.key, "result": json.dumps(result)})


async def purge(session: AsyncSession, now: datetime) -> int:
    """Forgets keys older than thirty days; returns how many."""
    gone = await session.execute(
        text(
            "with gone as (delete from idempotency_keys where created_at < :before returning 1) select count(*) from gone"
        ),
        {"before": now - KEPT},
    )
    count: int = gone.scalar_one()
    return count
