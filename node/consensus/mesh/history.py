"""The store as the tortoise reads it when a node starts.

Source: go-spacemesh, tortoise (Recover); tortoise digest section 10.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from node.consensus.tortoise.ballots import BallotData
from node.consensus.tortoise.state import RecoveredBlock
from node.store.atxs import find_latest_epoch
from node.store.ballots import (
    ballots_in_layer,
    find_latest_ballot_layer,
    is_malicious_ballot,
)
from node.store.beacons import find_beacon
from node.store.blocks import block_validities_in_layer, blocks_in_layer, find_last_valid_layer
from node.store.certificates import find_hare_output
from node.store.db import Reader
from node.store.identities import malicious_smeshers
from node.store.layers import find_applied_layer, find_mesh_hash, find_weak_coin, has_layer
from node.types.ids import Beacon, BlockID, Hash32, SmesherID
from node.types.layer import EpochID, LayerID


@dataclass(frozen=True, slots=True)
class StoredHistory:
    """Implements the tortoise's RecoverySource."""

    db: Reader

    def last_ballot_layer(self) -> LayerID | None:
        """See RecoverySource."""
        return find_latest_ballot_layer(self.db)

    def last_applied_layer(self) -> LayerID:
        """See RecoverySource."""
        return find_applied_layer(self.db) or LayerID(0)

    def last_valid_layer(self) -> LayerID | None:
        """See RecoverySource."""
        return find_last_valid_layer(self.db)

    def mesh_hash(self, layer: LayerID) -> Hash32 | None:
        """See RecoverySource."""
        if not has_layer(self.db, layer):
            return None
        return find_mesh_hash(self.db, layer) or Hash32.zero()

    def malicious(self) -> Iterator[SmesherID]:
        """See RecoverySource."""
        return malicious_smeshers(self.db)

    def beacon(self, epoch: EpochID) -> Beacon | None:
        """See RecoverySource."""
        return find_beacon(self.db, epoch)

    def latest_publish_epoch(self) -> EpochID:
        """See RecoverySource."""
        return find_latest_epoch(self.db) or EpochID(0)

    def blocks(self, layer: LayerID) -> Iterator[RecoveredBlock]:
        """See RecoverySource."""
        validities = block_validities_in_layer(self.db, layer)
        for block in blocks_in_layer(self.db, layer):
            yield RecoveredBlock(header=block.vote(), valid=bool(validities[block.id]))

    def hare_output(self, layer: LayerID) -> BlockID | None:
        """See RecoverySource."""
        return find_hare_output(self.db, layer)

    def ballots(self, layer: LayerID) -> Iterator[BallotData]:
        """See RecoverySource."""
        for ballot in ballots_in_layer(self.db, layer):
            yield BallotData.of(ballot, malicious=is_malicious_ballot(self.db, ballot))

    def weak_coin(self, layer: LayerID) -> bool | None:
        """See RecoverySource."""
        return find_weak_coin(self.db, layer)
