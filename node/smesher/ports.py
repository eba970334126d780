"""What building ATXs asks of components beside it."""

from typing import Protocol

from node.types.atx import Atx
from node.types.ids import AtxID, SmesherID
from node.types.layer import EpochID
from node.types.poet import PoetProofMessage


class PositioningAtxs(Protocol):
    """Chooses what an ATX stands on."""

    async def positioning_atx(
        self, publish_epoch: EpochID, smesher: SmesherID, previous: Atx | None
    ) -> AtxID:
        """Return the positioning ATX for an own ATX; the golden ATX where there is none."""


class PoetProofs(Protocol):
    """Stores PoET proofs."""

    async def store(self, message: PoetProofMessage) -> None:
        """Validate and store a proof; one that is known is fine.

        Raises:
            RejectError: it does not hold.
        """
