"""The beacon of an epoch from the ballots that name it, for nodes that did not take part.

Input: on_ballot.  Output: ``decide``.  Invariant: a ballot counts once.

Source: go-spacemesh, beacon/beacon.go, ReportBeaconFromBallot; beacon digest 7.
"""

from dataclasses import dataclass, field

from node.base import fixed
from node.types.ids import BallotID, Beacon
from node.types.layer import EpochID


@dataclass(slots=True)
class _Support:
    """What ballots say of one beacon."""

    ballots: set[BallotID] = field(default_factory=set)
    weight: int = 0
    """Fixed point."""
    units: int = 0


@dataclass
class BeaconMajority:
    """Weights of the beacons that ballots name, by epoch."""

    required_units: int
    """Eligibilities that must have been seen before an epoch is decided."""

    _epochs: dict[EpochID, dict[Beacon, _Support]] = field(default_factory=dict)

    def on_ballot(
        self, epoch: EpochID, ballot: BallotID, beacon: Beacon, weight_per: int, units: int
    ) -> None:
        """Count a ballot whose eligibility was verified.

        Args:
            epoch: the ballot's epoch.
            ballot: its id.
            beacon: the beacon of its reference data.
            weight_per: weight of one eligibility, fixed point.
            units: eligibilities proven by the ballot.
        """
        support = self._epochs.setdefault(epoch, {}).setdefault(beacon, _Support())
        if ballot not in support.ballots:
            support.ballots.add(ballot)
            support.weight += fixed.multiply(weight_per, fixed.from_int(units))
            support.units += units

    def decide(self, epoch: EpochID) -> Beacon | None:
        """Return the heaviest beacon once enough eligibilities were seen.

        One with more than half of the weight is the heaviest in any case; between equal
        ones the smaller is taken, so that the choice does not depend on arrival.
        """
        seen = self._epochs.get(epoch, {})
        if sum(support.units for support in seen.values()) < self.required_units or not seen:
            return None
        return min(seen, key=lambda beacon: (-seen[beacon].weight, beacon))

    def prune(self, before: EpochID) -> None:
        """Forget epochs before ``before``."""
        for epoch in [e for e in self._epochs if e < before]:
            del self._epochs[epoch]
