"""A repeated request has one effect: its key is a row of the same transaction as the effect.

The first statement of the transaction inserts the key. A second request with it waits on that row (at most the lock
timeout of two seconds) and then finds the first one's result, or, when the first was rolled back, takes its place.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Integer, LargeBinary, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from salonos.kernel.problems import IdempotencyInProgress, IdempotencyKeyReused, Unauthenticated

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
           (select count(*) from claimed),
           actor_stands(:session_id, :version, coalesce(:set_now, clock_timestamp()))
    """
).bindparams(
    bindparam("session_id", type_=Uuid()),
    bindparam("version", type_=Integer()),
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


async def take(session: AsyncSession, claim: Claim, given: Mapping[str, Any]) -> datetime:
    """Claims the key as the transaction's first statement, and returns the transaction's time.

    `given` says who acts and when: `actor_id`, `session_id`, `version`, `set_now`.

    Raises: Unauthenticated when the actor's session is over; Replayed when the same request was answered;
    IdempotencyKeyReused when another one was.
    """
    values = {"user_id": claim.user_id, "key": claim.key}
    found_now = await session.execute(_TAKE, {**given, **values, "fingerprint": claim.fingerprint})
    now, _, claimed, stands = found_now.one()
    if not stands:
        raise Unauthenticated
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
