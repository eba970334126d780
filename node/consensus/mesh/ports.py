"""What the mesh tells components beside it."""

from collections.abc import Iterable
from typing import Protocol

from node.types.ids import BlockID, TransactionID
from node.types.layer import LayerID
from node.vm.apply import Applied


class TransactionsListener(Protocol):
    """Projects balances and nonces from what is not applied yet; the transactions' pool."""

    def on_block(
        self, layer: LayerID, block: BlockID, transactions: Iterable[TransactionID]
    ) -> None:
        """A block that holds these transactions was stored."""

    def on_applied(self, applied: Applied) -> None:
        """A layer was applied: its accounts start anew from the state."""

    def on_reverted(self, layer: LayerID) -> None:
        """The state is that of ``layer`` again."""
