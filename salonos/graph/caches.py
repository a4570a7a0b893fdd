"""Caches bounded in entries and in bytes: the least recently used goes first."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """A mapping that forgets. Sizes are estimates given with each value."""

    def __init__(self, *, entries_max: int, bytes_max: int) -> None:
        self.entries_max = entries_max
        self.bytes_max = bytes_max
        self.bytes_used = 0
        self.hits = self.misses = 0
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def values(self) -> list[V]:
        """What is kept, the least recently used first."""
        return [value for value, _ in self._kept.values()]

    def get(self, key: K) -> V | None:
        """What is kept under a key, now the most recently used."""
        found = self._kept.get(key)
        if found is None:
            self.misses += 1
            return None
        self.hits += 1
        self._kept.move_to_end(key)
        return found[0]

    def keep(self, key: K, value: V, *, size: int) -> V:
        """Keeps a value and forgets what does not fit beside it."""
        if key in self._kept:
            self.bytes_used -= self._kept.pop(key)[1]
        self._kept[key] = (value, size)
        self.bytes_used += size
        while len(self._kept) > self.entries_max or (self.bytes_used > self.bytes_max and len(self._kept) > 1):
            _, (_, gone) = self._kept.popitem(last=False)
            self.bytes_used -= gone
        return value

    def clear(self) -> None:
        """Forgets everything."""
        self._kept.clear()
        self.bytes_used = 0
