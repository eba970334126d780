"""Numbers that follow from a seed: the same in every run, in any process."""

from collections.abc import Sequence
from typing import Final, TypeVar

from node.base.hashing import hash32

T = TypeVar("T")

MASK: Final = (1 << 64) - 1
STEP: Final = 0x9E3779B97F4A7C15
FIRST_FACTOR: Final = 0xBF58476D1CE4E5B9
SECOND_FACTOR: Final = 0x94D049BB133111EB


class Draws:
    """A stream of numbers (SplitMix64)."""

    def __init__(self, *names: object) -> None:
        """Begin a stream that is named by a seed and whatever it is drawn for."""
        self._state = int.from_bytes(hash32(repr(names).encode())[:8], "little")

    def number(self) -> int:
        """Return the next number of 64 bits."""
        self._state = (self._state + STEP) & MASK
        mixed = self._state
        mixed = (mixed ^ mixed >> 30) * FIRST_FACTOR & MASK
        mixed = (mixed ^ mixed >> 27) * SECOND_FACTOR & MASK
        return mixed ^ mixed >> 31

    def below(self, bound: int) -> int:
        """Return a number from 0 to ``bound - 1``."""
        return self.number() % bound

    def bytes(self, size: int) -> bytes:
        """Return ``size`` bytes."""
        words = (self.number().to_bytes(8, "little") for _ in range(-(-size // 8)))
        return b"".join(words)[:size]

    def choose(self, items: Sequence[T]) -> T:
        """Return one of ``items``."""
        return items[self.below(len(items))]
