"""Whether the process lives, and whether it can serve: `/readyz` really asks PostgreSQL and Redis."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import orjson
from redis.asyncio import Redis

from salonos.kernel.database import Database

ASK_S = 2.0


async def ready(
    database: Database, redis: "Redis | None", *, is_local: bool, is_stopping: bool = False
) -> tuple[int, bytes]:
    """Status and body: 200 when both answer within two seconds, else 503. Callers on this machine read which.

    A process that stops says so at once: whoever shares out the work gives it no more.
    """
    if is_stopping:
        return 503, b'{"status":"stopping"}'
    asked = {"postgresql": _answers(database.pool.fetchval("select 1"))}
    if redis is not None:
        asked["redis"] = _answers(redis.ping())
    found = dict(zip(asked, await asyncio.gather(*asked.values()), strict=True))
    is_ready = all(found.values())
    body: dict[str, Any] = {"status": "ready" if is_ready else "unavailable"}
    if is_local:
        body["parts"] = {name: "ready" if answers else "unavailable" for name, answers in found.items()}
    return (200 if is_ready else 503), orjson.dumps(body)


async def _answers(asked: Awaitable[Any]) -> bool:
    try:
        async with asyncio.timeout(ASK_S):
            await asked
    except Exception:  # noqa: BLE001  whatever it is, the part does not answer
        return False
    return True
