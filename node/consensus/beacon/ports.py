"""What the beacon tells components beside it."""

from typing import Protocol

from node.types.ids import Beacon
from node.types.layer import EpochID


class BeaconListener(Protocol):
    """Takes note of an epoch's beacon; the tortoise."""

    def on_beacon(self, epoch: EpochID, beacon: Beacon) -> None:
        """The beacon of ``epoch`` is known, or has changed."""
