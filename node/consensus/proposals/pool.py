"""The pool: the proposals of the layers hare works on, in memory only.

It holds a few layers up to the current one.  Proposals of the layer in which the node was
started, and of those before, are not taken: hare was not there from their beginning.

Source: go-spacemesh, proposals/store; proposals digest section 9.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from node.base.errors import IgnoreError
from node.types.ids import Beacon, ProposalID
from node.types.layer import LayerID
from node.types.proposal import Proposal


class KnownProposalError(IgnoreError):
    """The proposal is in the pool already."""

    default_code = "smesh.ignore.known_proposal"


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledProposal:
    """A valid proposal with what was found out about it; see hare's ports."""

    proposal: Proposal

    beacon: Beacon
    """Of its own ballot, or of the reference ballot."""

    malicious: bool
    """Its smesher was convicted by the time it came in, perhaps by this very ballot."""


@dataclass(kw_only=True)
class ProposalPool:
    """Proposals by layer and identifier.

    Invariant: every layer with proposals is above ``evicted``.
    """

    capacity: int
    """Layers that are kept."""

    evicted: LayerID
    """Highest layer that is no longer kept; at the start, the layer that runs."""

    _layers: dict[LayerID, dict[ProposalID, PooledProposal]] = field(default_factory=dict)
    _places: dict[ProposalID, LayerID] = field(default_factory=dict)

    def on_layer(self, layer: LayerID) -> None:
        """A layer started: forget those that are too old."""
        if layer < self.evicted + self.capacity:
            return
        self.evicted = LayerID(layer - self.capacity)
        for old in [known for known in self._layers if known <= self.evicted]:
            for identifier in self._layers.pop(old):
                del self._places[identifier]

    def add(self, pooled: PooledProposal) -> None:
        """Keep a proposal.

        Raises:
            KnownProposalError: it is here.
            IgnoreError: its layer is no longer kept.
        """
        proposal = pooled.proposal
        if proposal.layer <= self.evicted:
            raise IgnoreError(
                f"proposal {proposal.id} of layer {proposal.layer}: the pool begins "
                f"after layer {self.evicted}"
            )
        if proposal.id in self._places:
            raise KnownProposalError(f"proposal {proposal.id} is known")
        self._layers.setdefault(proposal.layer, {})[proposal.id] = pooled
        self._places[proposal.id] = proposal.layer

    def has(self, identifier: ProposalID) -> bool:
        """Tell whether a proposal is here."""
        return identifier in self._places

    def get(self, layer: LayerID, identifier: ProposalID) -> Proposal | None:
        """Return a proposal of a layer, or None."""
        pooled = self._layers.get(layer, {}).get(identifier)
        return None if pooled is None else pooled.proposal

    def find(self, identifier: ProposalID) -> Proposal | None:
        """Return a proposal, or None; for peers that fetch it."""
        layer = self._places.get(identifier)
        return None if layer is None else self.get(layer, identifier)

    def get_many(self, layer: LayerID, ids: Sequence[ProposalID]) -> tuple[Proposal, ...]:
        """Return those of a layer's proposals that are here, in the order of ``ids``."""
        found = (self.get(layer, identifier) for identifier in ids)
        return tuple(proposal for proposal in found if proposal is not None)

    def for_hare(self, layer: LayerID) -> tuple[PooledProposal, ...]:
        """Return all proposals of a layer, in the order they came."""
        return tuple(self._layers.get(layer, {}).values())

    def count(self, layer: LayerID) -> int:
        """Return how many proposals of a layer are here."""
        return len(self._layers.get(layer, {}))
