"""What a process counted and holds, in Prometheus' text. Loaded with the first scrape: the library would delay a start.

Every label is a constant of ours or a name of a trusted document: no text, name or argument of a request is shown.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Protocol

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from salonos.kernel.backlog import Backlog
from salonos.kernel.counts import BOUNDS_S, Counts
from salonos.kernel.database import Database

SIGN_IN = "signIn"


class Cache(Protocol):
    """What is told of a cache."""

    hits: int
    misses: int
    bytes_used: int

    def __len__(self) -> int:
        """Its entries."""


@dataclass(frozen=True)
class Held:
    """What an API process holds at this moment."""

    sockets: int
    subscriptions: int
    groups: int
    caches: Mapping[str, Cache]
    tasks: int = 0
    stalls: tuple[float, float] | None = None
    """The event loop's longest wait and longest work since the last scrape, where it is watched."""


@dataclass(frozen=True, eq=False)
class Scraped:
    """Everything that is told. `held` is None in a worker, `backlog` where the database did not answer."""

    counts: Counts
    database: Database | None
    held: Held | None
    backlog: Backlog | None

    def collect(self) -> Iterator[Metric]:
        """As the library asks for it."""
        yield from _counted(self.counts)
        if self.held is not None:
            yield from _operations(self.counts)
            yield from _held(self.held)
        if self.database is not None:
            yield from _pools(self.database)
        up = GaugeMetricFamily("salonos_database_up", "Whether PostgreSQL answered within a second.")
        up.add_metric([], float(self.backlog is not None))
        yield up
        if self.backlog is not None:
            yield from _backlog(self.backlog)


def text(scraped: Scraped) -> bytes:
    """The page."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(scraped)
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def _operations(counts: Counts) -> Iterator[Metric]:
    done = CounterMetricFamily(
        "salonos_operations", "Operations by trusted name, kind and outcome.", labels=["name", "kind", "outcome"]
    )
    took = HistogramMetricFamily("salonos_operation_seconds", "How long they took.", labels=["name", "kind"])
    for name, kind, series in sorted(counts.operations(), key=lambda each: each[:2]):
        for outcome, number in sorted(series.outcomes.items()):
            done.add_metric([name, kind, outcome], number)
        if not any(series.buckets):
            continue
        total, buckets = 0, []
        for bound, number in zip((*BOUNDS_S, "+Inf"), series.buckets, strict=True):
            total += number
            buckets.append((str(bound), float(total)))
        took.add_metric([name, kind], buckets, series.took_s)
    yield done
    yield took


def _counted(counts: Counts) -> Iterator[Metric]:
    errors = CounterMetricFamily("salonos_errors", "Entries of `errors` in answers, by code.", labels=["code"])
    for code, number in sorted(counts.errors.items()):
        errors.add_metric([code], number)
    yield errors
    problems = CounterMetricFamily(
        "salonos_problems", "Steps that were refused for a reason of the trade.", labels=["mutation", "problem"]
    )
    refused = CounterMetricFamily("salonos_sign_in_refusals", "Sign-ins that were refused.", labels=["problem"])
    for (mutation, problem), number in sorted(counts.problems.items()):
        problems.add_metric([mutation, problem], number)
        if mutation.startswith(SIGN_IN):
            refused.add_metric([problem], number)
    yield problems
    yield refused
    jobs = CounterMetricFamily(
        "salonos_jobs", "Jobs done here, by listener and outcome.", labels=["listener", "outcome"]
    )
    for (listener, outcome), number in sorted(counts.jobs.items()):
        jobs.add_metric([listener, outcome], number)
    yield jobs


def _held(held: Held) -> Iterator[Metric]:
    yield _gauge("salonos_sockets_open", "Open websockets.", held.sockets)
    yield _gauge("salonos_subscriptions_open", "Running subscriptions.", held.subscriptions)
    yield _gauge("salonos_subscription_groups", "Different ones among them, each read once an event.", held.groups)
    yield _gauge("salonos_tasks", "Tasks of the event loop.", held.tasks)
    if held.stalls is not None:
        yield _gauge(
            "salonos_loop_wait_seconds_max", "The longest wait for a turn since the last scrape.", held.stalls[0]
        )
        yield _gauge("salonos_loop_work_seconds_max", "The longest work without a turn, likewise.", held.stalls[1])
    looked = CounterMetricFamily("salonos_cache_lookups", "Look-ups in a cache.", labels=["cache", "found"])
    entries = GaugeMetricFamily("salonos_cache_entries", "What a cache keeps.", labels=["cache"])
    sizes = GaugeMetricFamily("salonos_cache_bytes", "What that takes, as estimated.", labels=["cache"])
    for name, cache in held.caches.items():
        looked.add_metric([name, "hit"], cache.hits)
        looked.add_metric([name, "miss"], cache.misses)
        entries.add_metric([name], len(cache))
        sizes.add_metric([name], cache.bytes_used)
    yield from (looked, entries, sizes)


def _pools(database: Database) -> Iterator[Metric]:
    size = GaugeMetricFamily("salonos_pool_connections_max", "Connections that a pool may open.", labels=["pool"])
    used = GaugeMetricFamily("salonos_pool_connections_used", "Connections at work.", labels=["pool"])
    waiting = GaugeMetricFamily("salonos_pool_waiting", "Who waits for a connection.", labels=["pool"])
    for name, pool in database.pools().items():
        size.add_metric([name], pool.size)
        used.add_metric([name], pool.used)
        waiting.add_metric([name], pool.waiting)
    yield from (size, used, waiting)


def _backlog(backlog: Backlog) -> Iterable[Metric]:
    told = asdict(backlog)
    yield _gauge("salonos_outbox_rows_behind", "Events that have not become jobs yet.", told["events_behind"])
    yield _gauge("salonos_outbox_lag_seconds", "Age of the oldest of them.", told["events_behind_s"])
    yield _gauge("salonos_outbox_rows_held", "Events behind a transaction that is still open.", told["events_held"])
    jobs = GaugeMetricFamily("salonos_jobs_open", "Jobs by status.", labels=["status"])
    for status in ("waiting", "running", "dead"):
        jobs.add_metric([status], told[f"jobs_{status}"])
    yield jobs
    yield _gauge("salonos_jobs_lag_seconds", "How long the oldest waiting job is overdue.", told["jobs_waiting_s"])


def _gauge(name: str, what: str, value: float) -> Metric:
    made = GaugeMetricFamily(name, what)
    made.add_metric([], value)
    return made
