"""What block generation asks of components beside it."""

from collections.abc import Sequence
from typing import Protocol

from node.types.ids import BlockID, ProposalID
from node.types.layer import LayerID
from node.types.proposal import Proposal


class ProposalSource(Protocol):
    """Holds the proposals of the layers hare works on; the proposals' pool."""

    def get_many(self, layer: LayerID, ids: Sequence[ProposalID]) -> tuple[Proposal, ...]:
        """Return those that are here, in the order of ``ids``."""


class Certifier(Protocol):
    """Vouches for what hare agreed on."""

    async def certify(self, layer: LayerID, block: BlockID) -> None:
        """Register our own hare output, and vouch for it where we have seats."""


class LayerPatrol(Protocol):
    """Knows which layers hare is responsible for."""

    def complete(self, layer: LayerID) -> None:
        """Hare's work on a layer is done; sync may take care of it from now on."""
