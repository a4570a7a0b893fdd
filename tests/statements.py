"""Counts SQL statements, on both roads: SQLAlchemy's engine and asyncpg's pool."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event

from salonos.kernel.database import Database


@dataclass
class Statements:
    """Listens to one database's statements; BEGIN and COMMIT are not among them."""

    database: Database
    _asked: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def counted(self) -> Iterator[list[str]]:
        """The texts of the statements that are sent while the block runs."""
        asked: list[str] = []

        def on_engine(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            asked.append(statement)

        pool = self.database.pool
        originals = {name: getattr(pool, name) for name in ("fetch", "fetchrow", "fetchval", "execute")}

        def watched(name: str) -> Any:
            async def call(query: str, *args: Any, **kwargs: Any) -> Any:
                asked.append(query)
                return await originals[name](query, *args, **kwargs)

            return call

        engine = self.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", on_engine)
        for name in originals:
            setattr(pool, name, watched(name))
        try:
            yield asked
        finally:
            event.remove(engine, "before_cursor_execute", on_engine)
            for name in originals:
                delattr(pool, name)
