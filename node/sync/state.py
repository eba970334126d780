"""The sync states: not synced, listening to gossip, synced.

Inputs: on_run_start, on_run_end, on_atxs_synced.  Output: whether the node listens and
takes part.  Invariant: a node that lags goes through the gossip state for a while before
it is synced again, so that it has heard everything of the layers it then acts in.

Source: go-spacemesh, syncer/syncer.go; sync digest section 3.
"""

from dataclasses import dataclass
from enum import IntEnum

from node.types.layer import LayerID
from node.types.layer_time import LayerTime


class SyncState(IntEnum):
    """How far along a node is; the order matters."""

    NOT_SYNCED = 0
    GOSSIP = 1
    SYNCED = 2


@dataclass(kw_only=True)
class SyncMachine:
    """State of one node."""

    time: LayerTime

    out_of_sync_layers: int
    """Lag at which a synced node stops to be one."""

    gossip_duration_ns: int
    """How long a node listens before it is synced."""

    state: SyncState = SyncState.NOT_SYNCED

    atxs_synced: bool = False
    """All ATXs of past epochs are here; never goes back."""

    _gossip_until_ns: int = 0

    @property
    def listens_to_gossip(self) -> bool:
        """Tell whether ballots, proposals, transactions, certificates and votes are taken."""
        return self.state >= SyncState.GOSSIP

    @property
    def is_synced(self) -> bool:
        """Tell whether the node proposes and takes part in hare and beacon."""
        return self.state is SyncState.SYNCED

    def on_start(self, current: LayerID) -> None:
        """The process starts: in genesis there is nothing to catch up with."""
        if current <= self.time.effective_genesis:
            self.state = SyncState.SYNCED

    def on_run_start(self, current: LayerID, last_synced: LayerID) -> None:
        """A round of catching up begins."""
        if current <= self.time.effective_genesis:
            self.state = SyncState.SYNCED
            self.atxs_synced |= self.time.epoch_of(current) == 0
        elif current - last_synced >= self.out_of_sync_layers:
            self.state = SyncState.NOT_SYNCED

    def on_atxs_synced(self) -> None:
        """All ATXs of past epochs are here."""
        self.atxs_synced = True

    def on_run_end(
        self,
        current: LayerID,
        last_synced: LayerID,
        now_ns: int,
        *,
        succeeded: bool,
        state_synced: bool,
    ) -> None:
        """A round of catching up is over.

        Args:
            current: layer running now.
            last_synced: last layer whose data are here.
            now_ns: the instant.
            succeeded: nothing failed.
            state_synced: the mesh has processed the layer before without an error.
        """
        data_synced = current <= 1 or last_synced >= current - 1
        complete = succeeded and data_synced and state_synced
        if self.state is SyncState.SYNCED:
            if not succeeded and current - last_synced >= self.out_of_sync_layers:
                self.state = SyncState.NOT_SYNCED
        elif not complete:
            # A node that listens has to do so for a whole while without a failure.
            self._gossip_until_ns = now_ns + self.gossip_duration_ns
        elif self.state is SyncState.NOT_SYNCED:
            self.state = SyncState.GOSSIP
            self._gossip_until_ns = now_ns + self.gossip_duration_ns
        elif now_ns >= self._gossip_until_ns:
            self.state = SyncState.SYNCED
