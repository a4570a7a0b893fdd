"""The worker's process: ARQ's settings, the table of what runs when, and a clean end.

ARQ wakes and carries ids. PostgreSQL knows what is to be done: without Redis the same work goes on, found by asking.
"""

import asyncio
import contextlib
import importlib
import json
import logging
import signal
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
from arq.connections import RedisSettings
from arq.cron import cron
from arq.worker import Worker, func

from salonos.closing import jobs as closing_jobs
from salonos.edge import logs
from salonos.kernel import clock, crypto, due, exports, files, idempotency, jobs, outbox
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.due import DailyJob
from salonos.kernel.jobs import Effect, Hold, Listeners, LongListener, Task
from salonos.kernel.outbox import Feed
from salonos.kernel.stopping import end_within
from salonos.kernel.work import Work
from salonos.settings import Settings, SettingWrong
from worker import page
from worker.relay import FUNCTION, REDIS_AWAY, Relay, is_behind


async def make_export(hold: Hold, task: Task) -> Effect:
    """A large file. The schema that it is read by is loaded when the first one is asked for, in a thread."""
    making = await asyncio.to_thread(importlib.import_module, "salonos.edge.making")
    effect: Effect = await making.make_export(hold, task)
    return effect


LONG: Sequence[LongListener] = (LongListener("exports.make", (exports.ExportStarted,), make_export),)
LISTENERS: Listeners = {each.name: each for each in closing_jobs.LISTENERS} | {each.name: each for each in LONG}
"""What follows from events, by the name that job rows carry."""

DAILY: Sequence[DailyJob] = closing_jobs.DAILY
"""What falls due once per branch and business date."""

QUEUE = "salonos:jobs"
TICK_S = 60.0
PURGE_S = 3600.0
RECONNECT_MAX_S = 15.0
STOP_S = 20.0
JOB_S = 30
KEPT_MS = 7 * 24 * 3600 * 1000

_log = logging.getLogger(__name__)


def to_bytes(value: dict[str, Any]) -> bytes:
    """What ARQ writes to Redis: JSON, since whoever can write there must not be able to make us run pickled code."""
    return json.dumps(value, default=str).encode()


def from_bytes(data: bytes) -> dict[str, Any]:
    """What ARQ reads from Redis."""
    read: dict[str, Any] = json.loads(data)
    return read


@dataclass
class Process:
    """One worker over one database. `stop` ends it after what is under way."""

    database: Database
    redis_url: str | None
    listeners: Listeners = field(default_factory=lambda: LISTENERS)
    daily: Sequence[DailyJob] = field(default_factory=lambda: DAILY)
    queue_name: str = QUEUE
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    relay: Relay = field(init=False)
    _ticking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.relay = Relay(self.database, dict(self.listeners))

    def stop(self) -> None:
        """Asks for the end."""
        self.stopping.set()

    async def run(self) -> None:
        """Until `stop`: the relay, the clock and, while Redis is there, ARQ."""
        parts = (
            self.relay.follow(),
            self._listen(),
            self._carry(),
            self._every(TICK_S, self.tick),
            self._every(PURGE_S, self.purge),
        )
        tasks: list[asyncio.Future[Any]] = [asyncio.ensure_future(part) for part in parts]
        ending = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait([*tasks, ending], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            tasks.append(ending)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.relay.leave()

    async def tick(self) -> None:
        """Does what has fallen due. A tick that meets another one of this process leaves it to that."""
        if self._ticking.locked():
            return
        async with self._ticking:
            await due.tick(self.database, self.daily)

    async def purge(self) -> None:
        """Forgets what nobody can ask for any more."""
        await self.database.run(Actor.system(), _purge)

    async def _every(self, seconds: float, ask: Any) -> None:
        while True:
            try:
                await ask()
            except Exception as error:  # noqa: BLE001  whatever happened, the next round finds the same rows
                _log.warning("scheduled work was interrupted", extra={"error": type(error).__name__})
            await asyncio.sleep(seconds)

    async def _listen(self) -> None:
        """Wakes the relay when an event was committed."""
        while True:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                feed = await Feed.start(self.database)
                async for _ in feed.follow():
                    self.relay.woken.set()
            await asyncio.sleep(1)

    async def _carry(self) -> None:
        """Runs ARQ for as long as Redis lets us, and again when it is back."""
        if self.redis_url is None:
            await asyncio.Event().wait()
        wait_s = 0.5
        while True:
            worker = self.arq_worker()
            started_s = clock.monotonic_s()
            try:
                await worker.async_run()
            except REDIS_AWAY as error:
                _log.warning("Redis can't be reached", extra={"error": type(error).__name__})
            finally:
                self.relay.queue = None
                await _close(worker)
            wait_s = 0.5 if clock.monotonic_s() - started_s > TICK_S else min(wait_s * 2, RECONNECT_MAX_S)
            await asyncio.sleep(wait_s)

    def arq_worker(self) -> Worker:
        """ARQ, told to be no more than a carrier: no retries, no results, no pickles, no arguments but ids."""

        async def on_startup(ctx: dict[str, Any]) -> None:
            self.relay.queue = ctx["redis"]

        async def run_job(ctx: dict[str, Any], *args: Any, **_: Any) -> None:
            _log.debug("carried by ARQ", extra={"job_id": ctx["job_id"]})
            await self.relay.run_job(UUID(hex=args[0]))

        async def tick(ctx: dict[str, Any], *_: Any, **__: Any) -> None:
            _log.debug("ticked by ARQ", extra={"job_id": ctx["job_id"]})
            await self.tick()

        settings = RedisSettings.from_dsn(self.redis_url or "")
        settings.conn_retries = 0
        return Worker(
            functions=[func(run_job, name=FUNCTION, max_tries=1, keep_result=0)],
            cron_jobs=[
                cron(tick, name="tick", second=0, run_at_startup=True, unique=True, timeout=JOB_S, keep_result=0)
            ],
            redis_settings=settings,
            queue_name=self.queue_name,
            on_startup=on_startup,
            handle_signals=False,
            job_completion_wait=int(STOP_S),
            max_jobs=4,
            job_timeout=JOB_S,
            max_tries=1,
            keep_result=0,
            health_check_interval=30,
            job_serializer=to_bytes,
            job_deserializer=from_bytes,
            expires_extra_ms=KEPT_MS,
            timezone=ZoneInfo("Asia/Kolkata"),  # type: ignore[arg-type]  # declared too narrowly: any tzinfo works
            log_results=False,
        )


async def _purge(work: Work) -> None:
    """After a long time off, events wait until they have become jobs."""
    if not await is_behind(work, before=work.now - outbox.KEPT):
        await outbox.purge(work.session, work.now)
    await idempotency.purge(work.session, work.now)
    await jobs.purge(work)
    await files.purge(work)
    await exports.purge(work)


async def _close(worker: Worker) -> None:
    """Lets ARQ's jobs end by themselves for a while, then puts away its connections.

    What is cut off here is no loss: its row's lease runs out, and another worker takes it over.
    """
    worker.allow_pick_jobs = False
    if worker.tasks:
        await asyncio.wait(worker.tasks.values(), timeout=STOP_S)
    for task in worker.tasks.values():
        task.cancel()
    await asyncio.gather(*worker.tasks.values(), return_exceptions=True)
    if worker._pool is not None:  # noqa: SLF001  `Worker.close` calls what redis has deprecated, and leaves it open on errors
        with contextlib.suppress(*REDIS_AWAY):
            await worker.pool.aclose(close_connection_pool=True)


def run(settings: Settings) -> None:
    """Runs a worker until SIGTERM or SIGINT.

    Raises: SettingWrong without a database; Forgetful for one that loses acknowledged writes at a power cut.
    """
    if settings.database_url is None:
        raise SettingWrong("DATABASE_URL is missing: a worker needs it.")
    logs.configure()
    crypto.configure(crypto.Keyring(settings.secret.encode()))
    asyncio.run(_serve(settings, settings.database_url))


async def _serve(settings: Settings, database_url: str) -> None:
    """Until a signal comes. A database that is not there yet is waited for, and so is one that goes away."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        end_within()
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    opening = asyncio.ensure_future(_open(settings, database_url))
    ending = asyncio.ensure_future(stopping.wait())
    await asyncio.wait([opening, ending], return_when=asyncio.FIRST_COMPLETED)
    ending.cancel()
    if not opening.done():
        opening.cancel()
        return
    database = opening.result()
    try:
        if not settings.is_forgetful_allowed:
            await database.refuse_forgetful()
        async with page.served(database, settings), traced(database, settings) as listeners:
            await Process(database, settings.redis_url, listeners, stopping=stopping).run()
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def traced(database: Database, settings: Settings) -> AsyncIterator[Listeners]:
    """The listeners, whose jobs are spans if the settings say so."""
    if not settings.is_traced:
        yield LISTENERS
        return
    traces = importlib.import_module("salonos.edge.tracing").start("salonos-worker")
    traces.watch_database(database)
    try:
        yield traces.listeners(LISTENERS)
    finally:
        await traces.stop()


async def _open(settings: Settings, database_url: str) -> Database:
    wait_s = 0.5
    while True:
        try:
            return await Database.open(
                database_url, pool_size=settings.database_pool_size, set_clock=settings.set_clock
            )
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            _log.warning("the database can't be reached yet", extra={"error": type(error).__name__})
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, RECONNECT_MAX_S)
