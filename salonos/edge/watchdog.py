"""How long the event loop let everybody wait: switched on to look for stalls, or for proofs that there are none."""

import asyncio
import time
from dataclasses import dataclass

TICK_S = 0.01


@dataclass
class Watchdog:
    """The longest wait beyond a tick since it was last asked, and the longest time at work without a turn."""

    worst_s: float = 0.0
    worst_busy_s: float = 0.0
    """The thread's own processor time between two ticks: what another process took is not in it."""
    _due_s: float = 0.0
    _busy_s: float = 0.0
    _next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """From now on."""
        self._due_s, self._busy_s = time.monotonic() + TICK_S, time.thread_time()
        self._next = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def stop(self) -> None:
        """No more."""
        if self._next is not None:
            self._next.cancel()

    def taken(self) -> tuple[float, float]:
        """The worst wait and the worst work, which are forgotten."""
        found = (self.worst_s, self.worst_busy_s)
        self.worst_s = self.worst_busy_s = 0.0
        return found

    def _tick(self) -> None:
        now_s, busy_s = time.monotonic(), time.thread_time()
        self.worst_s = max(self.worst_s, now_s - self._due_s)
        self.worst_busy_s = max(self.worst_busy_s, busy_s - self._busy_s)
        self._due_s, self._busy_s = now_s + TICK_S, busy_s
        self._next = asyncio.get_running_loop().call_later(TICK_S, self._tick)
