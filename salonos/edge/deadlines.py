"""Deadlines of requests, looked at by one task twice a second: a timer of its own for each request costs more than its parsing.

A request that is late is cancelled where it waits, and hears of it as TimeoutError. Late by up to half a second more is
as good: these deadlines keep strangers from holding a place, they measure nothing.
"""

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from salonos.kernel.clock import monotonic_s

LOOK_S = 0.5


class Deadline:
    """A block of the current task that ends in time, or by TimeoutError. Used once, with `with`."""

    __slots__ = ("_kept", "_task", "is_late", "until_s")

    def __init__(self, kept: "set[Deadline]", seconds: float) -> None:
        self._kept = kept
        self._task = asyncio.current_task()
        self.until_s = monotonic_s() + seconds
        self.is_late = False

    def __enter__(self) -> Self:
        self._kept.add(self)
        return self

    def expire(self) -> None:
        """Cancels the task where it waits."""
        self.is_late = True
        if self._task is not None:
            self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._kept.discard(self)
        if self.is_late and self._task is not None:
            still = self._task.uncancel()
            if not still and kind is asyncio.CancelledError:
                raise TimeoutError from error


@dataclass
class Deadlines:
    """Those of one process."""

    _kept: set[Deadline] = field(default_factory=set)
    _looking: asyncio.Task[None] | None = None

    def within(self, seconds: float) -> Deadline:
        """`with deadlines.within(10.0): ...` raises TimeoutError once the block has taken so long."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        return Deadline(self._kept, seconds)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            now_s = monotonic_s()
            for each in [each for each in self._kept if each.until_s <= now_s and not each.is_late]:
                each.expire()

    async def stop(self) -> None:
        """Ends the looking."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
            self._looking = None
