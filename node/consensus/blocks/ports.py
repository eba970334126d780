"""What block generation asks of components beside it."""

from collections.abc import Callable, Sequence
from typing import Protocol

from node.types.block import AnyReward, Block
from node.types.ids import BlockID, ProposalID, TransactionID
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


class MeshState(Protocol):
    """Keeps blocks, and the state that follows them; the mesh."""

    applied: LayerID
    """Last layer in the state."""

    def add_block(self, block: Block) -> None:
        """Store a block whose transactions and ATXs are here; known ones are let be."""

    def execute_optimistically(
        self,
        layer: LayerID,
        tx_ids: Sequence[TransactionID],
        rewards: Sequence[AnyReward],
        make_block: Callable[[tuple[TransactionID, ...]], Block],
    ) -> Block:
        """Apply an ordered list of transactions, and make a block of those that were charged.

        Raises:
            PreconditionError: the layer is not the next one to apply.
            NotFoundError: a transaction or an ATX is not here.
        """

    def on_hare_output(self, layer: LayerID, block: BlockID) -> None:
        """Hare agreed on a block, or on none."""


class LayerPatrol(Protocol):
    """Knows which layers hare is responsible for."""

    def complete(self, layer: LayerID) -> None:
        """Hare's work on a layer is done; sync may take care of it from now on."""
