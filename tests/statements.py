"""Counts SQL statements, on both roads: SQLAlchemy's engine and asyncpg's connections."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import event

from salonos.kernel.database import Database
from salonos.kernel.readers import Readers


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

        ours = (self.database.pool, self.database.readers)
        ways = [(asyncpg.Pool, name) for name in ("fetch", "fetchrow", "fetchval", "execute")] + [(Readers, "fetchrow")]
        originals = {way: getattr(*way) for way in ways}

        def watched(way: tuple[type, str]) -> Any:
            async def call(road: Any, query: str, *args: Any, **kwargs: Any) -> Any:
                if road in ours:
                    asked.append(query)
                return await originals[way](road, query, *args, **kwargs)

            return call

        engine = self.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", on_engine)
        for way in ways:
            setattr(*way, watched(way))
        try:
            yield asked
        finally:
            event.remove(engine, "before_cursor_execute", on_engine)
            for way, original in originals.items():
                setattr(*way, original)
