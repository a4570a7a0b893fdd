"""What a process has done, in plain integers that only ever grow; whoever wants to see them reads them when asked.

A request pays for an addition or two, not for a metrics library. Every label is a word of ours: an operation has a
name here when it is a trusted document's, the name that the manifest gives it, so that no client can make the process
keep, or show, its own words.
"""

from bisect import bisect_left
from collections import Counter

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram's buckets; a last bucket takes what is slower."""

OTHER = "other"


class Series:
    """The operations of one name and kind: how many had which outcome, and how long they took."""

    __slots__ = ("buckets", "outcomes", "took_s")

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.buckets = [0] * (len(BOUNDS_S) + 1)
        self.took_s = 0.0


class Counts:
    """One process's counts since it started. A `name` is a trusted operation's; whoever has none is among the others."""

    __slots__ = ("_series", "errors", "jobs", "problems")

    def __init__(self) -> None:
        self._series: dict[tuple[str, str], Series] = {}
        self.errors: Counter[str] = Counter()
        """Entries of `errors` by their code."""
        self.problems: Counter[tuple[str, str]] = Counter()
        """Refused steps by mutation and problem."""
        self.jobs: Counter[tuple[str, str]] = Counter()
        """Jobs by listener and outcome."""

    def operation(self, name: str | None, kind: str, outcome: str, took_s: float) -> None:
        """An operation that was answered, or would have been."""
        found = self._series_of(name, kind)
        found.outcomes[outcome] += 1
        found.buckets[bisect_left(BOUNDS_S, took_s)] += 1
        found.took_s += took_s

    def _series_of(self, name: str | None, kind: str) -> Series:
        key = (name or OTHER, kind)
        found = self._series.get(key)
        if found is None:
            found = self._series[key] = Series()
        return found

    def subscription(self, name: str | None, outcome: str) -> None:
        """A subscription that began, or was refused: how long it lasts says nothing, so it has no place in time."""
        self._series_of(name, "subscription").outcomes[outcome] += 1

    def operations(self) -> list[tuple[str, str, Series]]:
        """Name, kind and counts."""
        return [(name, kind, series) for (name, kind), series in self._series.items()]


process = Counts()
"""Those of this process."""
