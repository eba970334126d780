"""The download of malfeasance proofs: which are still wanted, and whose lists are complete.

Inputs: ``on_list``, ``on_fetched``.  Outputs: ``next_batch``, ``complete_peers``.
Invariant: a peer that lists what cannot be had is never complete by that, but does not keep
other peers from being complete either.

Source: go-spacemesh, syncer/malsync; sync digest section 4.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import islice

from node.types.ids import SmesherID


class Fetched(Enum):
    """What became of a proof that was asked for."""

    STORED = auto()
    INVALID = auto()
    """Asking again is of no use."""
    FAILED = auto()


@dataclass(kw_only=True)
class ProofDownload:
    """One download, from however many peers."""

    requests_limit: int
    """Failed requests after which a proof is given up, until it is listed again."""

    _wanted: dict[SmesherID, int] = field(default_factory=dict)
    _invalid: set[SmesherID] = field(default_factory=set)
    _pending: dict[str, set[SmesherID]] = field(default_factory=dict)
    _complete: dict[str, None] = field(default_factory=dict)

    @property
    def complete_peers(self) -> int:
        """Return of how many peers everything that they ever listed was dealt with."""
        return len(self._complete)

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing is wanted."""
        return not self._wanted

    def on_list(self, peer: str, missing: Iterable[SmesherID]) -> None:
        """A peer listed malicious identities; ``missing`` are those not known here."""
        fresh = {smesher: None for smesher in missing if smesher not in self._invalid}
        for smesher in fresh:
            self._wanted.setdefault(smesher, 0)
        self._pending[peer] = set(fresh)
        self._note_complete()

    def next_batch(self, size: int) -> tuple[SmesherID, ...]:
        """Return up to ``size`` identities whose proofs to ask for."""
        return tuple(islice(self._wanted, size))

    def on_fetched(self, results: Mapping[SmesherID, Fetched]) -> None:
        """A batch was asked for; those that failed come last from now on."""
        for smesher, result in results.items():
            failures = self._wanted.pop(smesher, 0)
            if result is not Fetched.FAILED:
                if result is Fetched.INVALID:
                    self._invalid.add(smesher)
                self._settle(smesher)
            elif failures + 1 < self.requests_limit:
                self._wanted[smesher] = failures + 1
            else:
                # Given up: whoever listed it has to list again.
                for peer in [peer for peer, ids in self._pending.items() if smesher in ids]:
                    del self._pending[peer]
        self._note_complete()

    def _settle(self, smesher: SmesherID) -> None:
        for pending in self._pending.values():
            pending.discard(smesher)

    def _note_complete(self) -> None:
        for peer in [peer for peer, ids in self._pending.items() if not ids]:
            del self._pending[peer]
            self._complete[peer] = None
