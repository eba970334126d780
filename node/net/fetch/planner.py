"""Which hashes to ask of which peers: batching and retries, without I/O.

Inputs: ``want``, ``plan``, ``on_answered``, ``on_missing``, ``on_failed``.
Invariant: a hash is wanted once, however many callers wait for it.

Source: go-spacemesh, fetch/fetch.go; sync digest section 2.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from node.base.hashing import hash32
from node.base.lru import LruMap
from node.base.scale import encode_sequence
from node.net.fetch.wire import Hint, RequestBatch, RequestMessage
from node.types.ids import Hash32

REDUNDANT_PEERS: Final = 5
"""Peers among which a hash without known holders is asked."""
BATCH_SIZE: Final = 10
"""Requests in one batch, by default."""
MAX_RETRIES: Final = 100
"""Answers without the object after which a hash is given up, by default."""
KNOWN_HOLDERS: Final = 1000
"""Hashes whose holders are remembered."""


@dataclass(slots=True)
class Wanted:
    """One hash under way."""

    hint: Hint
    hash: Hash32
    retries: int = 0

    from_holders: bool = False
    """Whether it does not exist if those who spoke of it do not have it."""

    holders: int = 0
    """How many of those were connected when it was sent last."""

    first: int = 0
    """Which of them has the first turn: not always the best one."""


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """Requests to send to one peer."""

    peer: str
    wanted: tuple[Wanted, ...]

    def message(self) -> RequestBatch:
        """Return the batch as on the wire."""
        requests = tuple(RequestMessage(hint=w.hint.value, hash=w.hash) for w in self.wanted)
        return RequestBatch(id=Hash32(hash32(encode_sequence(requests))), requests=requests)


@dataclass
class FetchPlanner:
    """Remembers what is wanted and who has what."""

    entropy: Callable[[int], bytes]
    """Random bytes: which of several equal peers is asked."""

    batch_size: int = BATCH_SIZE
    max_retries: int = MAX_RETRIES

    _unsent: dict[Hash32, Wanted] = field(default_factory=dict)
    _sent: dict[Hash32, Wanted] = field(default_factory=dict)
    _holders: LruMap[bytes, tuple[str, ...]] = field(default_factory=lambda: LruMap(KNOWN_HOLDERS))

    @property
    def unsent(self) -> int:
        """Number of hashes that wait to be sent."""
        return len(self._unsent)

    def want(self, hint: Hint, wanted_hash: Hash32, *, from_holders: bool = False) -> None:
        """Ask for a hash, unless it is under way already.

        Args:
            hint: what kind of object it names.
            wanted_hash: the hash.
            from_holders: give it up once everybody who spoke of it was asked for it.
        """
        if wanted_hash not in self._unsent and wanted_hash not in self._sent:
            self._unsent[wanted_hash] = Wanted(
                hint, wanted_hash, from_holders=from_holders, first=self._draw()
            )

    def register_holder(self, peer: str, hashes: Iterable[bytes]) -> None:
        """Remember that a peer spoke of these hashes, so it will have them."""
        for known in hashes:
            holders = self._holders.get(known) or ()
            if peer not in holders:
                self._holders.put(known, (*holders, peer))

    def plan(self, peers: Sequence[str]) -> tuple[PlannedBatch, ...]:
        """Distribute everything unsent over peers, best first; active sets go alone."""
        chosen: dict[str, list[Wanted]] = {}
        candidates = peers[:REDUNDANT_PEERS]
        if not candidates:
            return ()
        for wanted in self._unsent.values():
            holders = self._holders.get(wanted.hash) or ()
            known = [peer for peer in peers if peer in holders]
            # Holders that do not have it after all must not keep others from being asked.
            turn, wanted.holders = wanted.retries, len(known)
            if turn < len(known):
                peer = known[(wanted.first + turn) % len(known)]
            else:
                peer = candidates[self._draw() % len(candidates)]
            chosen.setdefault(peer, []).append(wanted)
        self._sent.update(self._unsent)
        self._unsent.clear()
        batches: list[PlannedBatch] = []
        for peer, items in chosen.items():
            alone = [w for w in items if w.hint is Hint.ACTIVE_SET]
            rest = [w for w in items if w.hint is not Hint.ACTIVE_SET]
            batches += (PlannedBatch(peer, (w,)) for w in alone)
            batches += (
                PlannedBatch(peer, tuple(rest[k : k + self.batch_size]))
                for k in range(0, len(rest), self.batch_size)
            )
        return tuple(batches)

    def on_answered(self, wanted_hash: Hash32) -> None:
        """The object came; whether it is valid is not our business."""
        self._sent.pop(wanted_hash, None)

    def on_missing(self, wanted_hash: Hash32) -> bool:
        """The peer does not have it: ask again later; False when that was tried enough."""
        wanted = self._sent.pop(wanted_hash, None)
        if wanted is None or wanted.retries >= self.max_retries:
            return False
        wanted.retries += 1
        if wanted.from_holders and 0 < wanted.holders <= wanted.retries:
            return False
        self._unsent[wanted_hash] = wanted
        return True

    def take_unsent(self) -> tuple[Hash32, ...]:
        """Forget the hashes that wait to be sent, and return them."""
        taken = tuple(self._unsent)
        self._unsent.clear()
        return taken

    def on_failed(self, wanted_hash: Hash32) -> None:
        """The peer could not be asked: whoever waits is told, nothing is retried here."""
        self._sent.pop(wanted_hash, None)
        self._unsent.pop(wanted_hash, None)

    def _draw(self) -> int:
        return int.from_bytes(self.entropy(4), "little")
