"""Relays everything there is, however late it becomes readable.

The snapshot horizon is the server's: a transaction of another test's database holds it back for a moment.
"""

import asyncio
from datetime import UTC, datetime

from salonos.kernel.actor import Actor
from worker.relay import Relay, is_behind

_FAR = datetime(2100, 1, 1, tzinfo=UTC)


async def relay_all(relay: Relay) -> int:
    """How many jobs were made of all events announced so far."""
    made = await relay.relay()
    async with asyncio.timeout(30):
        while await relay.database.run(Actor.system(), lambda work: is_behind(work, before=_FAR)):
            await asyncio.sleep(0.02)
            made += await relay.relay()
    return made
