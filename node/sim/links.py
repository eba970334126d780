"""Links between simulated nodes: latency, loss and partitions, all from one seed."""

from dataclasses import dataclass, field

from node.base.hashing import hash32
from node.net.ports import PeerID

MILLION = 1_000_000


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


@dataclass
class SeededLinks:
    """Every message takes a random time between two bounds, and may be lost."""

    random: Randomness
    lowest_s: float = 0.005
    highest_s: float = 0.05

    lost_per_million: int = 0
    """Messages lost on a link, of a million; flooding usually finds another way."""

    _apart: set[frozenset[PeerID]] = field(default_factory=set)

    def separate(self, one: PeerID, other: PeerID) -> None:
        """Cut the link between two nodes."""
        self._apart.add(frozenset((one, other)))

    def heal(self) -> None:
        """Mend every link."""
        self._apart.clear()

    def delay_s(self, sender: PeerID, receiver: PeerID) -> float | None:
        """See ``node.net.memory.Links``."""
        if frozenset((sender, receiver)) in self._apart:
            return None
        if self.random.below(MILLION) < self.lost_per_million:
            return None
        span = self.highest_s - self.lowest_s
        return self.lowest_s + span * self.random.below(MILLION) / MILLION
