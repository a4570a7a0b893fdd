"""Expected failures of the books. An unbalanced entry is none of them: it is a mistake in our code, or an InvalidInput."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from salonos.kernel.problems import Problem


@dataclass(eq=False)
class PeriodClosed(Problem):
    """The business date lies in a period that was closed. `closed_until` is the first date that is open."""

    closed_until: date
    message: str = "This period is closed. Post at a later date, or have the period reopened."


@dataclass(eq=False)
class AccountOverdrawn(Problem):
    """More would go out of an account than came into it, where the chart forbids that (advances, gift cards)."""

    message: str = "More would be taken from this account than it holds."


@dataclass(eq=False)
class EntryAlreadyReversed(Problem):
    """An entry is reversed once."""

    entry_id: UUID
    message: str = "This entry was reversed already."
