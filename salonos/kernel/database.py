"""PostgreSQL: how columns are declared, how a process connects, and how a command becomes one transaction.

Two roads lead to the data. Commands use SQLAlchemy sessions on `Database.engine`; reads of one statement use
`Database.readers`, others `Database.pool`: plain asyncpg connections that keep no state between statements. All run as
the role `salonos_app`, which owns nothing and may not change append-only tables.
"""

import asyncio
import enum
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import Any, Self, TypeVar
from uuid import UUID

import asyncpg
from sqlalchemy import BigInteger, Boolean, Date, DateTime, Enum, Integer, LargeBinary, MetaData, Text, Uuid
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, MappedColumn, mapped_column
from sqlalchemy.pool import AsyncAdaptedQueuePool

from salonos.kernel import idempotency
from salonos.kernel.actor import Actor
from salonos.kernel.ids import new_id
from salonos.kernel.readers import Readers
from salonos.kernel.work import StartOver, Work, failpoint

T = TypeVar("T")

APPLICATION_ROLE = "salonos_app"
TRIES_MAX = 5
DURABLE_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit")
_RETRIED_STATES = frozenset({"40001", "40P01"})  # serialization failure, deadlock: the whole transaction starts over
_LOCK_NOT_AVAILABLE = "55P03"


class Paise(BigInteger):
    """BIGINT paise: the only SQL type that Money rests on."""


class Milli(BigInteger):
    """BIGINT thousandths: the only SQL type that Quantity rests on."""


class Hundredths(Integer):
    """INTEGER hundredths of a percent: the only SQL type that Percentage rests on."""


class Base(DeclarativeBase):
    """Every mapped class. Constraint names follow one convention, so that a violated one can be told by its name."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  read by SQLAlchemy as a class attribute
        bool: Boolean(),
        int: Integer(),
        str: Text(),
        bytes: LargeBinary(),
        date: Date(),
        datetime: DateTime(timezone=True),
        UUID: Uuid(),
    }


def primary_id(prefix: str) -> MappedColumn[UUID]:
    """A table's key: a ULID; the prefix is what clients see before it."""
    return mapped_column(Uuid(), primary_key=True, default=new_id, info={"prefix": prefix})


def enum_column(kind: type[enum.Enum], **more: Any) -> MappedColumn[Any]:
    """A column that holds an enum's names as text, with a CHECK named after the enum."""
    name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind.__name__).lstrip("_")
    return mapped_column(Enum(kind, native_enum=False, length=32, create_constraint=True, name=name), **more)


async def _keep_session_state(_: object) -> None:
    """Nothing to reset at release: session state is only ever set within a transaction. Saves a round trip a read."""


def connection_settings() -> dict[str, str]:
    """What every connection of the application asks of the server."""
    return {
        "role": APPLICATION_ROLE,
        "search_path": "public",
        "timezone": "UTC",
        "jit": "off",
        "statement_timeout": "5s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "10s",
        "application_name": "salonos",
    }


def plain_url(url: str) -> str:
    """A database's URL without SQLAlchemy's driver name, as asyncpg and libpq's tools want it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def driver_url(url: str) -> str:
    """A database's URL with SQLAlchemy's asyncpg driver."""
    return make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


class Forgetful(Exception):  # noqa: N818  read by whoever set the server up
    """The server has a setting off without which a power cut loses acknowledged bills; the message names it."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(
            f"PostgreSQL has {' and '.join(names)} off: a power cut would lose bills that were acknowledged. "
            "Turn it on in postgresql.conf (or with ALTER SYSTEM) and start SalonOS again."
        )
        self.names = names


@dataclass(frozen=True)
class PoolUse:
    """Connections that a pool may open, those at work, and who waits for one."""

    size: int
    used: int
    waiting: int


@dataclass
class Database:
    """One process's way to one database. `set_clock` replaces the time of every transaction (tests and the demo)."""

    url: str
    engine: AsyncEngine
    pool: "asyncpg.Pool[asyncpg.Record]"
    readers: Readers
    set_clock: datetime | None = None
    _under_way: set[asyncio.Task[Any]] = field(default_factory=set)

    @classmethod
    async def open(cls, url: str, *, pool_size: int = 10, set_clock: datetime | None = None) -> Self:
        """Connects. `pool_size` bounds each of the pools.

        Raises: OSError or asyncpg's errors when the server can't be reached.
        """
        engine = create_async_engine(
            driver_url(url),
            pool_size=pool_size,
            max_overflow=0,
            hide_parameters=True,  # an error's text never quotes what was written
            pool_timeout=3,
            pool_recycle=1800,
            connect_args={
                "command_timeout": 10,
                "prepared_statement_cache_size": 512,
                "server_settings": connection_settings(),
            },
        )
        pool = await asyncpg.create_pool(
            **_plain_connection(url, planning="auto"), min_size=1, max_size=pool_size, reset=_keep_session_state
        )
        opening = partial(asyncpg.connect, **_plain_connection(url, planning="force_generic_plan"))
        return cls(url, engine, pool, Readers(opening, pool_size), set_clock)

    async def close(self) -> None:
        """Lets the transactions under way finish, then disconnects."""
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self.readers.close()
        await self.pool.close()
        await self.engine.dispose()

    async def refuse_forgetful(self) -> None:
        """Refuses a server that may lose what it acknowledged when the power fails.

        Raises: Forgetful.
        """
        rows = await self.pool.fetch(
            "select name from pg_settings where name = any($1) and setting = 'off' order by name", DURABLE_SETTINGS
        )
        if rows:
            raise Forgetful(tuple(row["name"] for row in rows))

    def pools(self) -> dict[str, "PoolUse"]:
        """How the pools are used: commands wait for one of the first, reads for one of the second."""
        queue = self.engine.pool
        if not isinstance(queue, AsyncAdaptedQueuePool):
            raise TypeError("the engine was made with a queue of connections")
        used = queue.checkedout()
        return {
            "commands": PoolUse(queue.size(), used, max(0, len(self._under_way) - used)),
            "reads": PoolUse(self.readers.size, self.readers.working, len(self.readers.waiting)),
            "others": PoolUse(self.pool.get_max_size(), self.pool.get_size() - self.pool.get_idle_size(), 0),
        }

    async def now(self) -> datetime:
        """The database's time, or the set clock's."""
        if self.set_clock is not None:
            return self.set_clock
        instant: datetime = await self.pool.fetchval("select clock_timestamp()")
        return instant

    async def run(
        self,
        actor: Actor,
        command: Callable[[Work], Awaitable[T]],
        *,
        now: datetime | None = None,
        claim: idempotency.Claim | None = None,
    ) -> T:
        """Runs a command as one transaction: all of it, or nothing.

        The command is called again from the start when the database says so (serialization failure, deadlock) and at
        StartOver, so it keeps nothing from one call to the next. A caller that goes away does not interrupt it.

        Raises: whatever the command raises, after a rollback; idempotency.Replayed when `claim` was answered before.
        """
        task = asyncio.ensure_future(self._run(actor, command, now, claim))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _run(
        self,
        actor: Actor,
        command: Callable[[Work], Awaitable[T]],
        now: datetime | None,
        claim: idempotency.Claim | None,
    ) -> T:
        for tries_left in reversed(range(TRIES_MAX)):
            try:
                return await self._attempt(actor, command, now or self.set_clock, claim)
            except StartOver:
                if not tries_left:
                    raise
            except DBAPIError as error:
                if not tries_left or sqlstate(error) not in _RETRIED_STATES:
                    raise
            await asyncio.sleep(random.uniform(0, 0.02) * (TRIES_MAX - tries_left))  # noqa: S311  jitter
        raise AssertionError("the last try returns or raises")

    async def _attempt(
        self,
        actor: Actor,
        command: Callable[[Work], Awaitable[T]],
        set_now: datetime | None,
        claim: idempotency.Claim | None,
    ) -> T:
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            async with session.begin():
                work = await self._begin(session, actor, set_now, claim)
                failpoint("after_claim")
                result = await command(work)
                await work.finish()
                failpoint("before_commit")
            failpoint("after_commit")
            return result

    async def _begin(
        self, session: AsyncSession, actor: Actor, set_now: datetime | None, claim: idempotency.Claim | None
    ) -> Work:
        try:
            return await Work.begin(session, actor, set_now=set_now, claim=claim)
        except DBAPIError as error:
            if claim is not None and sqlstate(error) == _LOCK_NOT_AVAILABLE:
                raise idempotency.IdempotencyInProgress from error
            raise


def _plain_connection(url: str, *, planning: str) -> dict[str, Any]:
    """How asyncpg connects for statements that are prepared once, and planned as `planning` says (plan_cache_mode).

    A plan made anew for each set of values costs as much as the read, and nearly every list of ours has an index in its
    order: the readers plan once. What depends on its values goes through the pool, where PostgreSQL weighs it.
    """
    return {
        "dsn": plain_url(url),
        "statement_cache_size": 512,
        "max_cacheable_statement_size": 65_536,
        "command_timeout": 10,
        "server_settings": {**connection_settings(), "plan_cache_mode": planning},
    }


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's five-character code of an error, however it is wrapped."""
    found: BaseException | None = error
    while found is not None:
        code = getattr(found, "sqlstate", None)
        if isinstance(code, str):
            return code
        found = getattr(found, "orig", None) or found.__cause__
    return None


def constraint_of(error: BaseException) -> str | None:
    """The name of the constraint that an error says was violated."""
    found: BaseException | None = error
    while found is not None:
        name = getattr(found, "constraint_name", None)
        if isinstance(name, str):
            return name
        found = getattr(found, "orig", None) or found.__cause__
    return None
