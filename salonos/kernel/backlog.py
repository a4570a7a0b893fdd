"""How far background work is behind, read in one statement: for whoever watches the processes, not for their work.

Counts stop at BEHIND_MAX: from there on more is no news, and counting must stay cheap when everything else is not.
"""

from dataclasses import dataclass

import asyncpg

ASK_S = 1.0
BEHIND_MAX = 10_000

_ASK = """
    with stream as materialized (select relayed_xid, relayed_id from event_stream),
    behind as (
        select event.occurred_at
        from stream join outbox_events as event on (event.xid, event.id) > (stream.relayed_xid, stream.relayed_id)
        where event.xid < pg_snapshot_xmin(pg_current_snapshot())
        order by event.xid, event.id limit $1
    ),
    held as (
        select from outbox_events where xid >= pg_snapshot_xmin(pg_current_snapshot()) limit $1
    ),
    work as (
        select status, count(*) as jobs, min(run_after) as oldest
        from (select status, run_after from jobs where status = 'WAITING' order by run_after limit $1) as waiting
        group by status
        union all
        select status, count(*), min(run_after)
        from (select status, run_after from jobs where status in ('RUNNING', 'DEAD') limit $1) as others
        group by status
    )
    select (select count(*) from behind) as events_behind,
           (select extract(epoch from clock_timestamp() - min(occurred_at))::float8 from behind) as events_behind_s,
           (select count(*) from held) as events_held,
           coalesce((select jobs from work where status = 'WAITING'), 0) as jobs_waiting,
           coalesce((select jobs from work where status = 'RUNNING'), 0) as jobs_running,
           coalesce((select jobs from work where status = 'DEAD'), 0) as jobs_dead,
           (select extract(epoch from clock_timestamp() - oldest)::float8 from work where status = 'WAITING')
               as jobs_waiting_s
"""


@dataclass(frozen=True)
class Backlog:
    """Rows, and the age of the oldest in seconds (0 where there is none).

    Events are behind while they have not become jobs, and held while a transaction that began before them is open.
    """

    events_behind: int
    events_behind_s: float
    events_held: int
    jobs_waiting: int
    jobs_running: int
    jobs_dead: int
    jobs_waiting_s: float


async def read(pool: "asyncpg.Pool[asyncpg.Record]") -> Backlog:
    """What the database says now.

    Raises: asyncpg's errors, OSError; TimeoutError after a second.
    """
    row = await pool.fetchrow(_ASK, BEHIND_MAX, timeout=ASK_S)
    if row is None:
        raise RuntimeError("a select of figures has a row")
    found = dict(row)
    for name in ("events_behind_s", "jobs_waiting_s"):
        found[name] = max(0.0, found[name] or 0.0)
    return Backlog(**found)
