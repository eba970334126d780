"""The download of the ATXs of an epoch: what is still wanted, and when it is complete.

Inputs: ``on_list``, ``on_all_asked``, ``on_fetched``.  Outputs: ``next_batch``,
``is_complete``, and what of it changed since the last save.  Invariants: an epoch is complete
only after a list that was told after ``until_ns``, so that late ATXs are not missed; and only
when all peers whose turn it was have been asked, so that one who keeps ATXs back has no effect
(the reference believes the first who answers).

Source: go-spacemesh, syncer/atxsync; sync digest section 4.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import islice

from node.types.ids import AtxID


class Fetched(Enum):
    """What became of an ATX that was asked for."""

    STORED = auto()
    INVALID = auto()
    """Asking again is of no use."""
    FAILED = auto()


@dataclass(kw_only=True)
class EpochDownload:
    """One epoch."""

    until_ns: int
    """A list has to be told after this instant, nanoseconds since the Unix epoch."""

    requests_limit: int
    """Failed requests after which an ATX is given up."""

    wanted: dict[AtxID, int] = field(default_factory=dict)
    """ATXs that are listed and not here, with the requests that failed."""

    listed_ns: int | None = None
    """When the last list was told; None: never."""

    total: int = 0
    """ATXs that were listed."""

    downloaded: int = 0
    """Those of them that are here."""

    _are_all_asked: bool = field(init=False)
    _listed_by: dict[AtxID, tuple[str, ...]] = field(default_factory=dict)
    _changed: dict[AtxID, None] = field(default_factory=dict)
    _given_up: set[AtxID] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Go on with an epoch that was listed: nobody has to be asked again."""
        self._are_all_asked = self.is_listed

    @property
    def is_listed(self) -> bool:
        """Tell whether a list was told after ``until_ns``."""
        return self.listed_ns is not None and self.listed_ns > self.until_ns

    @property
    def is_asking(self) -> bool:
        """Tell whether a list was told after ``until_ns``, and others have yet to tell theirs."""
        return self.is_listed and not self._are_all_asked

    @property
    def is_complete(self) -> bool:
        """Tell whether nothing is left to do."""
        return self.is_listed and not self.is_asking and not self.wanted

    def on_list(self, peer: str, count: int, missing: Iterable[AtxID], now_ns: int) -> None:
        """A peer listed the epoch's ATXs.

        Args:
            peer: which.
            count: how many.
            missing: those of them that are not here; all are tried anew.
            now_ns: the instant.
        """
        for atx in missing:
            self._given_up.discard(atx)
            peers = self._listed_by.get(atx, ())
            if peer not in peers:
                self._listed_by[atx] = (*peers, peer)
            if self.wanted.get(atx) != 0:
                self.wanted[atx] = 0
                self._changed[atx] = None
        self.listed_ns = now_ns
        self.total = max(self.total, count)
        self._count()

    def on_all_asked(self) -> None:
        """All peers whose turn it was have been asked, and have told their lists or failed to."""
        self._are_all_asked = self.is_listed

    def next_batch(self, size: int) -> tuple[AtxID, ...]:
        """Return up to ``size`` ATXs to ask for."""
        return tuple(islice(self.wanted, size))

    def listed_by(self, atxs: Iterable[AtxID]) -> dict[str, list[AtxID]]:
        """Return which of these each peer has listed: nobody else need have them."""
        found: dict[str, list[AtxID]] = {}
        for atx in atxs:
            for peer in self._listed_by.get(atx, ()):
                found.setdefault(peer, []).append(atx)
        return found

    def on_fetched(self, results: Mapping[AtxID, Fetched]) -> None:
        """A batch was asked for; those that failed come last from now on."""
        for atx, result in results.items():
            failures = self.wanted.pop(atx, None)
            if failures is None:
                continue
            self._changed[atx] = None
            if result is Fetched.FAILED and failures + 1 < self.requests_limit:
                self.wanted[atx] = failures + 1
                continue
            self._listed_by.pop(atx, None)
            if result is not Fetched.STORED:
                self._given_up.add(atx)
        self._count()

    def take_changes(self) -> dict[AtxID, int | None]:
        """Return the wanted ATXs whose failures changed, None for one no longer wanted."""
        changes = {atx: self.wanted.get(atx) for atx in self._changed}
        self._changed.clear()
        return changes

    def _count(self) -> None:
        self.downloaded = max(0, self.total - len(self.wanted) - len(self._given_up))
