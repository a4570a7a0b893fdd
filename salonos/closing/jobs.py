"""What closing does in the background: the day's summary when it is due, and a refresh after money moved on that day."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from salonos.bills import events as bills
from salonos.closing import commands, queries, rules
from salonos.kernel.due import DailyJob
from salonos.kernel.jobs import Listener, Task
from salonos.kernel.work import Work


async def summarise(work: Work, branch_id: UUID, day: date) -> None:
    """The day's summary."""
    await commands.summarise_day(work, branch_id, day)


async def finalise(work: Work, branch_id: UUID, day: date) -> None:
    """The day is over: its figures are brought up to date for the last time."""
    await commands.refresh_day(work, branch_id, day)


async def refresh(work: Work, task: Task) -> None:
    """A summary made before is no longer the whole day."""
    if task.branch_id is not None:
        await commands.refresh_day(work, task.branch_id, date.fromisoformat(task.payload["business_date"]))


LISTENERS: Sequence[Listener] = (
    Listener(
        "closing.refresh_day",
        (bills.BillPosted, bills.PaymentTaken, bills.PaymentCorrected, bills.PaymentReturned, bills.BillVoided),
        refresh,
    ),
)
DAILY: Sequence[DailyJob] = (
    DailyJob("closing.summarise_day", rules.SUMMARY_AT, queries.places, summarise),
    DailyJob("closing.finalise_day", rules.FINAL_AT, queries.places, finalise, days_later=1),
)
