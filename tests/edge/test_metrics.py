"""What `/metrics` says and to whom: counts in Prometheus' text, never a word of a client's."""

import asyncio
from collections.abc import Iterator

import pytest

from salonos.edge import exposition
from salonos.edge.gate import Incoming
from salonos.edge.metrics import Metrics
from salonos.graph.caches import Bounded
from salonos.kernel import backlog, counts
from salonos.kernel.actor import Actor
from salonos.kernel.counts import Counts
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.kernel.outbox import Event
from salonos.kernel.work import Work

TOKEN = "sixteen letters and more"
NOTHING = backlog.Backlog(0, 0.0, 0, 0, 0, 0, 0.0)
HELD = exposition.Held(sockets=3, subscriptions=2, groups=1, caches={})


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counts:
    """The process's counts, as after a start."""
    made = Counts()
    monkeypatch.setattr(counts, "process", made)
    return made


def lines(scraped: exposition.Scraped) -> list[str]:
    return [line for line in exposition.text(scraped).decode().splitlines() if not line.startswith("#")]


def of(scraped: exposition.Scraped, family: str) -> list[str]:
    return [line for line in lines(scraped) if line.startswith(family)]


def test_operations_are_told_by_trusted_name_kind_and_outcome(counted: Counts) -> None:
    counted.operation("LatestBills", "query", "answered", 0.004)
    counted.operation("LatestBills", "query", "answered", 0.03)
    counted.operation("LatestBills", "query", "rejected", 60.0)
    counted.operation(None, "mutation", "answered", 0.001)
    counted.operation(None, "mutation", "answered", 0.001)
    counted.subscription("LatestBills", "answered")

    scraped = exposition.Scraped(counted, None, HELD, NOTHING)

    assert of(scraped, "salonos_operations_total") == [
        'salonos_operations_total{kind="query",name="LatestBills",outcome="answered"} 2.0',
        'salonos_operations_total{kind="query",name="LatestBills",outcome="rejected"} 1.0',
        'salonos_operations_total{kind="subscription",name="LatestBills",outcome="answered"} 1.0',
        'salonos_operations_total{kind="mutation",name="other",outcome="answered"} 2.0',
    ]
    assert of(scraped, 'salonos_operation_seconds_bucket{kind="query",') == [
        f'salonos_operation_seconds_bucket{{kind="query",le="{bound}",name="LatestBills"}} {number}'
        for bound, number in [
            ("0.001", 0.0), ("0.0025", 0.0), ("0.005", 1.0), ("0.01", 1.0), ("0.025", 1.0), ("0.05", 2.0), ("0.1", 2.0),
            ("0.25", 2.0), ("0.5", 2.0), ("1.0", 2.0), ("2.5", 2.0), ("5.0", 2.0), ("10.0", 2.0), ("+Inf", 3.0),
        ]
    ]  # fmt: skip
    assert of(scraped, "salonos_operation_seconds_count") == [
        'salonos_operation_seconds_count{kind="query",name="LatestBills"} 3.0',
        'salonos_operation_seconds_count{kind="mutation",name="other"} 2.0',
    ]
    assert of(scraped, 'salonos_operation_seconds_sum{kind="query"') == [
        'salonos_operation_seconds_sum{kind="query",name="LatestBills"} 60.034'
    ]


def test_errors_problems_sign_ins_and_jobs_are_told(counted: Counts) -> None:
    counted.errors["FORBIDDEN"] += 2
    counted.problems["signIn", "WrongCredentials"] += 3
    counted.problems["checkOut", "DrawerClosed"] += 1
    counted.jobs["summary", "done"] += 4

    found = lines(exposition.Scraped(counted, None, None, None))

    for line in (
        'salonos_errors_total{code="FORBIDDEN"} 2.0',
        'salonos_problems_total{mutation="checkOut",problem="DrawerClosed"} 1.0',
        'salonos_problems_total{mutation="signIn",problem="WrongCredentials"} 3.0',
        'salonos_sign_in_refusals_total{problem="WrongCredentials"} 3.0',
        'salonos_jobs_total{listener="summary",outcome="done"} 4.0',
        "salonos_database_up 0.0",
    ):
        assert line in found
    assert [line for line in found if line.startswith("salonos_sign_in")] == [
        'salonos_sign_in_refusals_total{problem="WrongCredentials"} 3.0'
    ]


def test_a_cache_tells_its_hits_misses_and_size(counted: Counts) -> None:
    plans: Bounded[str, str] = Bounded(entries_max=2, bytes_max=1_000)
    assert plans.get("one") is None
    plans.keep("one", "plan", size=70)
    assert [plans.get("one"), plans.get("one")] == ["plan", "plan"]

    scraped = exposition.Scraped(counted, None, exposition.Held(0, 0, 0, {"plans": plans}), NOTHING)

    assert of(scraped, "salonos_cache") == [
        'salonos_cache_lookups_total{cache="plans",found="hit"} 2.0',
        'salonos_cache_lookups_total{cache="plans",found="miss"} 1.0',
        'salonos_cache_entries{cache="plans"} 1.0',
        'salonos_cache_bytes{cache="plans"} 70.0',
    ]


async def test_pools_tell_who_works_and_who_waits(counted: Counts, database_url: str) -> None:
    small = await Database.open(database_url, pool_size=1)
    holding, done = asyncio.Event(), asyncio.Event()

    async def hold(_: Work) -> None:
        holding.set()
        await done.wait()

    tasks = [asyncio.create_task(small.run(Actor.system(), hold)) for _ in range(3)]
    await holding.wait()
    told = of(exposition.Scraped(counted, small, HELD, NOTHING), "salonos_pool")
    done.set()
    await asyncio.gather(*tasks)
    await small.close()

    assert told == [
        'salonos_pool_connections_max{pool="commands"} 1.0',
        'salonos_pool_connections_max{pool="reads"} 1.0',
        'salonos_pool_connections_max{pool="others"} 1.0',
        'salonos_pool_connections_used{pool="commands"} 1.0',
        'salonos_pool_connections_used{pool="reads"} 0.0',
        'salonos_pool_connections_used{pool="others"} 0.0',
        'salonos_pool_waiting{pool="commands"} 2.0',
        'salonos_pool_waiting{pool="reads"} 0.0',
        'salonos_pool_waiting{pool="others"} 0.0',
    ]


class Announced(Event):
    """A fact that nobody listens to."""


async def backlog_with(database: Database, *, held: int) -> backlog.Backlog:
    """The backlog once nobody but this test holds events back: transactions of other databases do so for a moment."""
    async with asyncio.timeout(20):
        while (found := await backlog.read(database.pool)).events_held > held:  # noqa: ASYNC110  the database is asked
            await asyncio.sleep(0)
    return found


async def test_the_backlog_is_events_behind_held_events_and_jobs(database: Database) -> None:
    async def announce(work: Work) -> None:
        work.announce(Announced(branch_id=None, subject_id=new_id()))

    assert await backlog.read(database.pool) == NOTHING
    for _ in range(3):
        await database.run(Actor.system(), announce)
    behind = await backlog_with(database, held=0)
    async with database.pool.acquire() as open_one, open_one.transaction():
        await open_one.execute("select pg_current_xact_id()")
        await database.run(Actor.system(), announce)
        held = await backlog_with(database, held=1)
    await database.pool.execute("""
        insert into jobs (id, event_id, listener, kind, subject_id, payload, occurred_at, run_after, status)
        select gen_random_uuid(), n, 'nobody', 'Announced', gen_random_uuid(), '{}', now(),
               clock_timestamp() - interval '1 minute',
               case when n <= 2 then 'WAITING' when n = 3 then 'RUNNING' when n = 4 then 'DEAD' else 'DONE' end
        from generate_series(1, 9) as n
    """)
    jobs = await backlog_with(database, held=0)

    assert (behind.events_behind, behind.events_held) == (3, 0)
    assert (held.events_behind, held.events_held) == (3, 1)
    assert (jobs.events_behind, jobs.events_held) == (4, 0)
    assert jobs.events_behind_s > 0
    assert (jobs.jobs_waiting, jobs.jobs_running, jobs.jobs_dead) == (2, 1, 1)
    assert 60 <= jobs.jobs_waiting_s < 120


async def test_the_database_is_asked_once_in_a_while(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    real = backlog.read

    async def read(pool: object) -> backlog.Backlog:
        nonlocal asked
        asked += 1
        return await real(database.pool)

    monkeypatch.setattr(backlog, "read", read)
    page = Metrics(database)

    pages = await asyncio.gather(*[page.text() for _ in range(5)])

    assert asked == 1
    assert all(b"\nsalonos_database_up 1.0\n" in each for each in pages)


async def test_without_a_database_the_page_says_so(database_url: str) -> None:
    gone = await Database.open(database_url)
    page = Metrics(gone)
    await gone.close()

    told = (await page.text()).decode()

    assert "\nsalonos_database_up 0.0\n" in told
    assert "salonos_outbox" not in told
    assert "\nprocess_resident_memory_bytes " in told


def callers() -> Iterator[tuple[str, list[tuple[bytes, bytes]], str | None, bool]]:
    bearer = (b"authorization", f"Bearer {TOKEN}".encode())
    for address in ("127.0.0.1", "::1"):
        yield address, [], None, True
        yield address, [(b"x-forwarded-for", b"203.0.113.9")], None, False
        yield address, [(b"x-forwarded-for", b"127.0.0.1")], None, False
        yield address, [(b"x-forwarded-for", b"")], None, False
        yield address, [(b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-for", b"127.0.0.1")], None, False
        yield address, [(b"forwarded", b"for=203.0.113.9")], TOKEN, False
        yield address, [(b"x-real-ip", b"203.0.113.9"), bearer], TOKEN, True
    for address in ("192.168.1.20", "", "127.0.0.1.example", "::ffff:192.168.1.20"):
        yield address, [], None, False
        yield address, [], TOKEN, False
        yield address, [bearer], TOKEN, True
        yield address, [bearer], None, False
        yield address, [(b"authorization", b"Bearer ")], None, False
        yield address, [(b"authorization", b"Bearer " + TOKEN.upper().encode())], TOKEN, False
        yield address, [(b"authorization", TOKEN.encode())], TOKEN, False


@pytest.mark.parametrize(("address", "headers", "token", "may"), list(callers()))
async def test_the_page_is_for_this_machine_or_the_token(
    database: Database, address: str, headers: list[tuple[bytes, bytes]], token: str | None, *, may: bool
) -> None:
    assert Metrics(database, token).may_read(address, Incoming(headers)) is may
