"""What closing does in the background: the day's summary when it is due, and a refresh after it was made."""

from collections.abc import Sequence

from salonos.kernel.due import DailyJob
from salonos.kernel.jobs import Listener

LISTENERS: Sequence[Listener] = ()
DAILY: Sequence[DailyJob] = ()
