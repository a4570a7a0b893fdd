"""Writes of closing: a day's summary, made once, repainted by refreshes."""

from datetime import date
from uuid import UUID

from salonos.closing import events, queries, rules
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import not_found
from salonos.kernel.work import Work
from salonos.salon import queries as salon


async def summarise_day(work: Work, branch_id: UUID, day: date) -> UUID:
    """Makes a day's summary, announces it, and brings those of the seven days before up to date.

    A summary that is there already is refreshed and not announced again.

    Raises: InvalidInput NOT_FOUND.
    """
    for earlier in rules.refreshed_days(day):
        await refresh_day(work, branch_id, earlier)
    refreshed = await refresh_day(work, branch_id, day)
    if refreshed is not None:
        return refreshed
    summary_id = new_id()
    await _store(work, summary_id, branch_id, day)
    work.announce(events.DaySummarised(branch_id=branch_id, subject_id=summary_id, business_date=day))
    return summary_id


async def refresh_day(work: Work, branch_id: UUID, day: date) -> UUID | None:
    """Brings a day's stored summary up to date; None where none is stored. Locks it until the commit.

    Raises: InvalidInput NOT_FOUND.
    """
    work.actor.require(Permission.DAY_CLOSE)
    work.actor.require_branch(branch_id)
    found = await work.session.execute(queries.LOCK, {"branch_id": branch_id, "on": day})
    summary_id: UUID | None = found.scalar_one_or_none()
    if summary_id is None:
        return None
    await work.session.execute(queries.EMPTY, {"id": summary_id})
    await _store(work, summary_id, branch_id, day)
    return summary_id


async def _store(work: Work, summary_id: UUID, branch_id: UUID, day: date) -> None:
    branch = await salon.branch_for_sale(work, branch_id)
    if branch is None:
        raise not_found(("branchId",), "branch")
    given = {
        "id": summary_id,
        "branch_id": branch_id,
        "on": day,
        "is_final": rules.is_final(day, zone_name=branch.time_zone, now=work.now),
        "now": work.now,
        "services_max": rules.TOP_SERVICES_MAX,
        "staff_max": rules.STAFF_MAX,
    }
    await work.session.execute(queries.STORE, given)
