"""Which peers answer well: a score for each of how long it takes and how often it fails.

Inputs: ``on_success``, ``on_failure``, ``keep_only``.  Output: ``ranked``.
Invariant: the order depends on what was measured and on the names, on nothing else.

Source: go-spacemesh, fetch/peers; sync digest section 2.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

KIBIBYTE: Final = 1024
PEER_SAMPLES: Final = 10
"""How slowly a peer's average follows its samples."""
ALL_SAMPLES: Final = 25
"""How slowly the average over all peers does."""
STRANGER_SHARE: Final = 0.9
"""A peer that was never asked counts as a little better than the average one."""


@dataclass(slots=True)
class _Record:
    successes: int = 0
    failures: int = 0
    average: float = 0.0

    @property
    def samples(self) -> int:
        return self.successes + self.failures


@dataclass
class PeerScores:
    """What was measured of each peer."""

    _records: dict[str, _Record] = field(default_factory=dict)
    _average: float = 0.0

    def on_success(self, peer: str, seconds: float, size: int) -> None:
        """A peer answered with ``size`` bytes in ``seconds``."""
        self._sample(peer, seconds / max(size // KIBIBYTE, 1)).successes += 1

    def on_failure(self, peer: str, seconds: float) -> None:
        """A peer failed to answer, after ``seconds``."""
        self._sample(peer, seconds).failures += 1

    def score(self, peer: str) -> float:
        """Return seconds a KiB, made worse by failures; less is better."""
        record = self._records.get(peer)
        if record is None:
            return STRANGER_SHARE * self._average
        return record.average + record.failures / record.samples * self._average

    def ranked(self, peers: Iterable[str]) -> list[str]:
        """Return the peers, best first; equal ones by name."""
        return sorted(peers, key=lambda peer: (self.score(peer), peer))

    def keep_only(self, peers: Iterable[str]) -> None:
        """Forget whoever is not connected any more."""
        self._records = {
            peer: self._records[peer] for peer in sorted(set(peers) & self._records.keys())
        }

    def _sample(self, peer: str, latency: float) -> _Record:
        record = self._records.setdefault(peer, _Record())
        if record.samples:
            record.average += (latency - record.average) / PEER_SAMPLES
        else:
            record.average = latency
        if self._average:
            self._average += (latency - self._average) / ALL_SAMPLES
        else:
            self._average = latency
        return record
