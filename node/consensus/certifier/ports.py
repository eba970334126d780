"""What the certifier tells components beside it."""

from typing import Protocol

from node.types.ids import BlockID
from node.types.layer import LayerID


class HareOutputListener(Protocol):
    """Takes note of what hare agreed on; the tortoise."""

    def on_hare_output(self, layer: LayerID, block: BlockID) -> None:
        """Hare agreed on ``block`` in ``layer``; zero: on nothing, or on two blocks."""
