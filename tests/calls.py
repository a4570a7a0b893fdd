"""Counts the Python calls of a piece of work: the same number on every run, however fast the machine is.

The database answers from what it answered before, so that nothing waits and only our own road is counted: functions of
Python and of C, ours and those of the libraries that we call.
"""

import gc
import logging
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Any

from salonos.edge.logs import Lines
from salonos.kernel.database import Database
from salonos.kernel.readers import Readers

TRIES = 5
SLACK_HUNDREDTHS = 3
"""What another patch release of Python or of a library may add without being asked."""


@dataclass
class Cost:
    """What a piece of work took: statements, calls, and the calls of each function."""

    statements: int
    calls: int
    by: Counter[str]

    def shown(self) -> str:
        """The functions that are called most."""
        return "\n".join(f"{count:6} {name}" for name, count in self.by.most_common(40))


@dataclass
class Replayed:
    """Readers that ask the database once, and answer the same question from memory from then on."""

    readers: Readers
    statements: int = 0
    known: dict[Any, Any] = field(default_factory=dict)

    async def fetchrow(self, sql: str, *values: Any) -> Any:
        """As theirs."""
        self.statements += 1
        key = (sql, repr(values))
        if key not in self.known:
            self.known[key] = await self.readers.fetchrow(sql, *values)
        return self.known[key]


def replayed(database: Database) -> tuple[Database, Replayed]:
    """A database for reads whose answers come from memory the second time, and what it reads with."""
    readers = Replayed(database.readers)
    return Database(database.url, database.engine, database.pool, readers, database.set_clock), readers  # type: ignore[arg-type]  # as much of them as reads use


async def cost(readers: Replayed, work: Callable[[], Awaitable[Any]]) -> Cost:
    """The least of some runs: a clock's turn or a cache's second may add to one of them.

    Whatever is done once only has been done before: by a run that is not counted.
    """
    logger, handler = logging.getLogger("salonos"), logging.StreamHandler(StringIO())
    handler.setFormatter(Lines())
    kept = logger.level, logger.handlers[:], logger.propagate
    logger.handlers[:], logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    try:
        await work()
        return min([await _counted(readers, work) for _ in range(TRIES)], key=lambda each: each.calls)
    finally:
        logger.handlers[:], logger.propagate = kept[1:]
        logger.setLevel(kept[0])


async def _counted(readers: Replayed, work: Callable[[], Awaitable[Any]]) -> Cost:
    by: Counter[Any] = Counter()

    def on_event(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            by[frame.f_code] += 1
        elif event == "c_call":
            by[argument] += 1

    before = readers.statements
    gc.disable()  # what it calls when it runs is not ours
    sys.setprofile(on_event)
    try:
        await work()
    finally:
        sys.setprofile(None)
        gc.enable()
    named: Counter[str] = Counter()
    for called, count in by.items():
        named[_name(called)] += count
    return Cost(readers.statements - before, sum(named.values()), named)


def _name(called: Any) -> str:
    code = getattr(called, "co_qualname", None)
    if code is not None:
        return f"{Path(called.co_filename).parent.name}/{Path(called.co_filename).name}: {code}"
    return f"{getattr(called, '__module__', None) or 'builtins'}: {getattr(called, '__qualname__', called)}"


def hold(found: Cost, *, what: str, statements: int, calls: int) -> None:
    """The guard: neither more statements nor more calls than were recorded.

    Raises: AssertionError, which says what is called and what to do.
    """
    most = calls + calls * SLACK_HUNDREDTHS // 100
    if found.statements == statements and found.calls <= most:
        return
    raise AssertionError(
        f"{what}: {found.statements} statements and {found.calls} Python calls where {statements} and {calls} were "
        f"recorded (up to {most} are let through).\nEvery call costs each request some 50 ns, and 200 calls a tenth of "
        "what a request may take beyond its SQL. Look below for what is new: work that is the same for every request "
        "belongs into the plan, the operation, the actor or start-up. Write a higher number only for what a request "
        "must do each time, and say in the commit what that buys; write the lower one whenever it has become less.\n"
        f"{found.shown()}"
    )
