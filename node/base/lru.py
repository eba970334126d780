"""Bounded maps: when one is full, the entry used longest ago leaves."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LruMap(Generic[K, V]):
    """A map of at most ``capacity`` entries.

    Reading with ``get`` and writing with ``put`` make an entry the most recent one;
    ``in`` and iteration do not.

    Invariants: never more than ``capacity`` entries; iteration goes from the entry that
    leaves next to the most recent one.
    """

    __slots__ = ("_entries", "capacity")

    def __init__(self, capacity: int) -> None:
        """Raise ValueError unless there is room for one entry."""
        if capacity < 1:
            raise ValueError(f"capacity {capacity}, want at least 1")
        self.capacity = capacity
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return the value and make it the most recent, or None."""
        entry = self._entries.get(key)
        if entry is None and key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, key: K, value: V) -> None:
        """Set the value and make it the most recent; the oldest leaves if there is no room."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self.capacity:
            self._entries.popitem(last=False)

    def pop(self, key: K) -> V | None:
        """Remove an entry and return its value, or None if there is none."""
        return self._entries.pop(key, None)

    def clear(self) -> None:
        """Remove every entry."""
        self._entries.clear()

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[K]:
        return iter(self._entries)
