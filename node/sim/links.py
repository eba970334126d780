"""Links between simulated nodes: latency, loss and partitions, all from one seed."""

import itertools
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import shake_256
from typing import Final

from node.base.hashing import hash32
from node.net.ports import PeerID

MILLION = 1_000_000
NUMBERS_AT_ONCE: Final = 1024


@dataclass
class Randomness:
    """A stream of random bytes that a seed determines."""

    seed: bytes
    _counter: int = 0

    def __call__(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        out = bytearray()
        while len(out) < size:
            out += hash32(self.seed, self._counter.to_bytes(8, "little"))
            self._counter += 1
        return bytes(out[:size])

    def below(self, bound: int) -> int:
        """Return a number from 0 to ``bound - 1``."""
        return int.from_bytes(self(8), "little") % bound

    def fractions(self) -> Iterator[float]:
        """Yield numbers from 0 to 1, without 1: a stream of its own, and a quick one."""
        seed = self(32)
        for number in itertools.count():
            block = shake_256(seed + number.to_bytes(8, "little")).digest(NUMBERS_AT_ONCE * 4)
            for word in struct.unpack(f"<{NUMBERS_AT_ONCE}I", block):
                yield word / 2**32


@dataclass
class SeededLinks:
    """Every message takes a random time between two bounds, and may be lost."""

    random: Randomness
    lowest_s: float = 0.005
    highest_s: float = 0.05

    lost_per_million: int = 0
    """Messages lost on a link, of a million; flooding usually finds another way."""

    far_s: Mapping[PeerID, float] = field(default_factory=dict)
    """What a message to or from these nodes takes on top of it."""

    _apart: set[frozenset[PeerID]] = field(default_factory=set)
    _fractions: Iterator[float] = field(init=False)

    def __post_init__(self) -> None:
        """Begin the stream of numbers."""
        self._fractions = self.random.fractions()

    def separate(self, one: PeerID, other: PeerID) -> None:
        """Cut the link between two nodes."""
        self._apart.add(frozenset((one, other)))

    def heal(self) -> None:
        """Mend every link."""
        self._apart.clear()

    def delay_s(self, sender: PeerID, receiver: PeerID) -> float | None:
        """See ``node.net.memory.Links``."""
        if self._apart and frozenset((sender, receiver)) in self._apart:
            return None
        if self.lost_per_million and next(self._fractions) * MILLION < self.lost_per_million:
            return None
        delay_s = self.lowest_s + (self.highest_s - self.lowest_s) * next(self._fractions)
        if self.far_s:
            delay_s += self.far_s.get(sender, 0.0) + self.far_s.get(receiver, 0.0)
        return delay_s
