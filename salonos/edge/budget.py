"""What each person may ask for: a debt of objects that time pays, so that one client can't starve the others.

Every operation is charged the objects that it asks for and a little for itself, a document that is not known what reading
it costs, a message on a websocket a little. Charging is a look into the process's own dictionary. Twice a second time's
part is taken off, and one round trip to Redis for everybody tells the other processes and learns from them; without
Redis a process's own figures go on alone.
"""

import asyncio
import contextlib
import logging
import math
from collections import defaultdict
from dataclasses import dataclass, field

from redis.asyncio import Redis
from redis.exceptions import RedisError

from salonos.kernel.actor import Actor
from salonos.kernel.clock import monotonic_s
from salonos.kernel.problems import TooMany

BURST_S = 10.0
"""So many seconds' worth may be asked for at once."""
TICK_S = 0.5
DEBTORS_MAX = 10_000

_SHARE = """
local now = redis.call('time')
local at = now[1] + now[2] / 1000000
local rate = tonumber(ARGV[1])
local debts = {}
for place, key in ipairs(KEYS) do
  local kept = redis.call('hmget', key, 'debt', 'at')
  local debt = math.max(0, (tonumber(kept[1]) or 0) - (at - (tonumber(kept[2]) or at)) * rate)
  debt = debt + tonumber(ARGV[1 + place])
  redis.call('hset', key, 'debt', string.format('%.3f', debt), 'at', string.format('%.6f', at))
  redis.call('expire', key, 600)
  debts[place] = string.format('%.3f', debt)
end
return debts
"""

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Budget:
    """The debts of one process. `rate` is what a person may ask for, in objects a second."""

    rate: float
    debts: dict[int | str, float] = field(default_factory=dict)
    """By the person's id as a number, which hashes without Python, or by what pays for a stranger: see `payers`."""
    _untold: dict[int | str, float] = field(default_factory=lambda: defaultdict(float))
    _ticking: asyncio.Task[None] | None = None

    def charge(self, actor: Actor, payer: str, objects: int) -> None:
        """Takes what something costs, before it is done. A large one may be more than is left: only time pays it.

        `payer` pays for whoever is not signed in.

        Raises: TooMany.
        """
        key = actor.id.int if actor.access.signed_in else payer
        debt = self.debts.get(key, 0.0)
        if debt >= self.rate * BURST_S:
            wait_s = math.ceil((debt - self.rate * BURST_S + 1) / self.rate)
            raise TooMany("You ask for too much at once.", retry_after_s=wait_s)
        self.debts[key] = debt + objects
        self._untold[key] += objects

    def is_low(self, payer: str) -> bool:
        """Whether half of what may be asked for at once is spent."""
        return self.debts.get(payer, 0.0) >= self.rate * BURST_S / 2

    def pay(self, seconds: float) -> None:
        """Time's part. Whoever owes nothing is forgotten; of too many the largest debts are kept."""
        left = ((key, debt - self.rate * seconds) for key, debt in self.debts.items())
        owing = [(key, debt) for key, debt in left if debt > 0]
        if len(owing) > DEBTORS_MAX:
            owing = sorted(owing, key=lambda each: each[1])[-DEBTORS_MAX:]
        self.debts = dict(owing)

    # --- with time, and together with the other processes

    def start(self, redis: "Redis | None") -> None:
        """Begins to pay and to share."""
        self._ticking = asyncio.create_task(self._tick(redis), name="budget")

    async def stop(self) -> None:
        """Ends it."""
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking

    async def _tick(self, redis: "Redis | None") -> None:
        paid_s, is_away = monotonic_s(), False
        while True:
            await asyncio.sleep(TICK_S)
            now_s = monotonic_s()
            try:
                if redis is not None:
                    await self.share(redis)
                is_away = False
            except (RedisError, OSError, TimeoutError) as error:
                if not is_away:
                    _log.warning("budgets are this process's own for now", extra={"error": type(error).__name__})
                is_away = True
            self.pay(now_s - paid_s)
            paid_s = now_s

    async def share(self, redis: "Redis") -> None:
        """One round trip: what was asked for here since the last one, and what is owed in all.

        Raises: RedisError, OSError, TimeoutError; what could not be told then stays untold.
        """
        told, self._untold = self._untold, defaultdict(float)
        if not told:
            return
        names = [f"salonos:debt:{key}" for key in told]
        values = [self.rate, *told.values()]
        async with asyncio.timeout(TICK_S):
            owed = await redis.eval(_SHARE, len(names), *names, *map(str, values))  # type: ignore[misc]  # of either kind of client
        for key, debt in zip(told, owed, strict=True):
            self.debts[key] = max(self.debts.get(key, 0.0), float(debt))
