"""What proposals need of components beside and above them."""

from collections.abc import Iterable
from typing import Final, Protocol

from node.types.ids import BallotID, Beacon, ProposalID, TransactionID
from node.types.layer import EpochID, LayerID

TOPIC: Final = "pp1"
"""Gossip topic of proposals."""


class MeshView(Protocol):
    """How far the mesh has come."""

    @property
    def processed(self) -> LayerID:
        """Highest layer up to which all votes are counted."""

    def on_seen(self, layer: LayerID) -> None:
        """Something of ``layer`` was stored."""


class BeaconCollector(Protocol):
    """Learns beacons from ballots; the beacon's handler."""

    def on_ballot(
        self, epoch: EpochID, ballot: BallotID, beacon: Beacon, weight_per: int, units: int
    ) -> None:
        """A ballot's eligibility was verified.

        Args:
            epoch: the ballot's.
            ballot: its identifier.
            beacon: the one its smesher works with.
            weight_per: weight of one eligibility, fixed point.
            units: eligibilities it proves.
        """


class ProposedTransactions(Protocol):
    """Knows which transactions are on offer; the transactions' pool."""

    def on_proposal(
        self, layer: LayerID, proposal: ProposalID, transactions: Iterable[TransactionID]
    ) -> None:
        """A proposal that offers these transactions was stored."""
