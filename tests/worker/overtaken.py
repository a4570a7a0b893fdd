"""A worker that is slow: somebody else does all there is to do just before its effect."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from salonos.kernel.actor import Actor
from salonos.kernel.database import Database


@dataclass
class Overtaken:
    """Runs commands as a database does; `overtake` happens after so many of them."""

    database: Database
    overtake: Callable[[], Awaitable[object]]
    calls_before: int
    calls: int = 0

    async def run(self, actor: Actor, command: Any, **more: Any) -> Any:
        """A command."""
        self.calls += 1
        if self.calls == self.calls_before + 1:
            await self.overtake()
        return await self.database.run(actor, command, **more)
