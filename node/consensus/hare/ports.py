"""What hare needs from components beside it, and what it tells them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from node.consensus.malfeasance.wire import MalfeasanceProof
from node.types.ids import Beacon, ProposalID
from node.types.layer import LayerID
from node.types.proposal import Proposal


@dataclass(frozen=True, slots=True)
class HareOutput:
    """What hare agreed on in a layer."""

    layer: LayerID
    proposals: tuple[ProposalID, ...]
    """Ascending; none for an empty layer."""


class PooledProposal(Protocol):
    """A valid proposal with what was found out about it when it was checked."""

    @property
    def proposal(self) -> Proposal:
        """The proposal."""

    @property
    def beacon(self) -> Beacon:
        """The beacon its smesher works with: its own ballot's, or its reference ballot's."""

    @property
    def malicious(self) -> bool:
        """Its ballot is known to be one of two of its smesher in the layer."""


class ProposalSource(Protocol):
    """Holds the proposals of the layers hare works on; the proposals' pool."""

    def for_hare(self, layer: LayerID) -> Sequence[PooledProposal]:
        """Return all proposals of a layer that are here, in any order."""


class EquivocationListener(Protocol):
    """Keeps proofs of misbehaviour; the malfeasance component."""

    def on_proof(self, proof: MalfeasanceProof) -> None:
        """Hare met a proof against a smesher that was not known to be malicious.

        It is stored unless there is one already.  It is not gossiped from here, and the
        tortoise is not told: other nodes find out themselves, or ask for it.
        """


class WeakCoinListener(Protocol):
    """Takes note of the weak coin of a layer; the tortoise."""

    def on_weak_coin(self, layer: LayerID, *, coin: bool) -> None:
        """The coin of ``layer`` was thrown, and stored."""


class LayerPatrol(Protocol):
    """Knows which layers hare is responsible for, so that sync leaves them alone."""

    def start(self, layer: LayerID) -> None:
        """Hare works on a layer from now on."""

    def complete(self, layer: LayerID) -> None:
        """Nothing will come of hare's work on a layer; sync may take care of it."""
