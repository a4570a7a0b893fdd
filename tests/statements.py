"""Counts SQL statements, on both roads: SQLAlchemy's engine and asyncpg's pool."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import event

from salonos.kernel.database import Database


@dataclass
class Statements:
    """Listens to one database's statements; BEGIN and COMMIT are not among them."""

    database: Database

    @contextlib.contextmanager
    def counted(self) -> Iterator[list[str]]:
        """The texts of the statements that are sent while the block runs."""
        asked: list[str] = []

        def on_engine(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            asked.append(statement)

        ours = self.database.pool
        originals = {name: getattr(asyncpg.Pool, name) for name in ("fetch", "fetchrow", "fetchval", "execute")}

        def watched(name: str) -> Any:
            async def call(pool: Any, query: str, *args: Any, **kwargs: Any) -> Any:
                if pool is ours:
                    asked.append(query)
                return await originals[name](pool, query, *args, **kwargs)

            return call

        engine = self.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", on_engine)
        for name in originals:
            setattr(asyncpg.Pool, name, watched(name))
        try:
            yield asked
        finally:
            event.remove(engine, "before_cursor_execute", on_engine)
            for name, original in originals.items():
                setattr(asyncpg.Pool, name, original)
