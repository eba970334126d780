"""Where a peer's mesh and ours part: a search by mesh hashes, and what is remembered of it.

Two meshes agree up to some layer and differ after it.  ``ForkSearch`` asks one peer for the
hashes of evenly spaced layers between one that agrees and one that differs, keeps the two
neighbours between which the difference begins, and asks again until they are adjacent.
``ForkFinder`` remembers the last agreement with each peer, so that the next search is
short, and which differences were dealt with.

Inputs: ``agree``, ``start``, ``on_hashes``, ``on_resynced``, the purges.  Outputs: the next
request, then the fork.  Invariant: the distance of the neighbours shrinks with every
answer, so a search of n layers takes at most log n / log 99 requests, rounded up.

Source: go-spacemesh, syncer/find_fork.go; sync digest section 5.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from node.base.errors import PreconditionError
from node.net.fetch.rules import asked_layers, make_mesh_hash_request
from node.net.fetch.wire import MeshHashRequest
from node.types.ids import Hash32
from node.types.layer import LayerID
from node.types.layer_time import LayerTime


class PeerMeshChangedError(PreconditionError):
    """The peer answers otherwise than before; what was remembered of it is worthless."""

    default_code = "smesh.precondition.peer_mesh_changed"


class OwnMeshChangedError(PreconditionError):
    """Our own mesh moved during the search; nothing that was remembered holds."""

    default_code = "smesh.precondition.own_mesh_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerHash:
    """A layer with its mesh hash."""

    layer: LayerID
    hash: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A layer of which a peer thought as we did."""

    at: LayerHash

    made_ns: int
    """When, nanoseconds since the Unix epoch."""


@dataclass(kw_only=True)
class ForkSearch:
    """One search with one peer."""

    same: LayerHash
    """Highest layer known to agree."""

    different: LayerHash
    """Lowest layer known to differ, with the peer's hash."""

    @property
    def fork(self) -> LayerID | None:
        """Return the last layer that agrees, None as long as there is more to ask."""
        return self.same.layer if self.same.layer + 1 == self.different.layer else None

    def request(self) -> MeshHashRequest:
        """Return what to ask next."""
        return make_mesh_hash_request(self.same.layer, self.different.layer)

    def on_hashes(self, theirs: Sequence[Hash32], own: Sequence[Hash32]) -> None:
        """Narrow the search down.

        Args:
            theirs: the peer's answer to ``request``.
            own: our hashes of the same layers.

        Raises:
            PeerMeshChangedError: the peer's ends are not those that the search began with.
            OwnMeshChangedError: ours are not.
        """
        layers = asked_layers(self.request())
        if not len(layers) == len(theirs) == len(own):
            raise PeerMeshChangedError(f"{len(theirs)} hashes of {len(layers)} layers")
        if theirs[0] != self.same.hash or theirs[-1] != self.different.hash:
            raise PeerMeshChangedError("peer mesh changed")
        first = next(
            (n for n, hashes in enumerate(zip(theirs, own, strict=True)) if hashes[0] != hashes[1]),
            0,
        )
        if first == 0:
            raise OwnMeshChangedError("own mesh changed")
        self.same = LayerHash(layer=layers[first - 1], hash=theirs[first - 1])
        self.different = LayerHash(layer=layers[first], hash=theirs[first])


@dataclass
class ForkFinder:
    """What is remembered between searches."""

    time: LayerTime
    _agreements: dict[str, Agreement] = field(default_factory=dict)
    _resynced: dict[LayerHash, int] = field(default_factory=dict)

    def agree(self, peer: str, at: LayerHash, now_ns: int) -> None:
        """A peer thinks of a layer as we do."""
        known = self._agreements.get(peer)
        if known is None or known.at != at:
            self._agreements[peer] = Agreement(at=at, made_ns=now_ns)

    def agreement(self, peer: str) -> Agreement | None:
        """Return the last agreement with a peer, or None."""
        return self._agreements.get(peer)

    def start(
        self, peer: str, different: LayerHash, own_hash: Callable[[LayerID], Hash32 | None]
    ) -> ForkSearch:
        """Begin a search, at the last agreement with the peer if that is of use.

        Args:
            peer: whom to ask.
            different: a layer after genesis with the peer's hash, which is not ours.
            own_hash: returns our hash of a layer, or None.

        Raises:
            PreconditionError: not even the genesis layer has a hash here.
        """
        known = self._agreements.get(peer)
        if (
            known is not None
            and known.at.layer < different.layer
            and own_hash(known.at.layer) == known.at.hash
        ):
            return ForkSearch(same=known.at, different=different)
        genesis = self.time.effective_genesis
        own = own_hash(genesis)
        if own is None or different.layer <= genesis:
            raise PreconditionError(f"no fork can be looked for below layer {different.layer}")
        return ForkSearch(same=LayerHash(layer=genesis, hash=own), different=different)

    def forget(self, peer: str) -> None:
        """A peer's mesh changed."""
        self._agreements.pop(peer, None)

    def is_resynced(self, at: LayerHash) -> bool:
        """Tell whether the layers behind a different hash were downloaded already."""
        return at in self._resynced

    def on_resynced(self, at: LayerHash, now_ns: int) -> None:
        """The layers behind a different hash were downloaded: our mesh will change."""
        self._resynced[at] = now_ns
        self._agreements.clear()

    def purge_all(self) -> None:
        """Our own mesh changed."""
        self._agreements.clear()
        self._resynced.clear()

    def purge_stale(self, before_ns: int, kept: Collection[str]) -> None:
        """Forget what is older than an instant; agreements with ``kept`` peers stay."""
        self._agreements = {
            peer: agreement
            for peer, agreement in self._agreements.items()
            if peer in kept or agreement.made_ns >= before_ns
        }
        self._resynced = {at: ns for at, ns in self._resynced.items() if ns >= before_ns}
