"""Builds the tortoise anew from the store when a node starts.

Memory begins at an epoch boundary at most a window below the last applied layer: there the
opinion is taken from the mesh hashes.  What was decided comes from the stored validity of
blocks, and within hdist hare's outputs come from certificates.

One step more than in the reference: beacons are read up to that of the epoch after the running
one, not only up to the last epoch that has an ATX.  An epoch's beacon is decided before its first
ATX is published, and told once: a node that stopped in between would keep the ballots of that
epoch waiting, and could not vote, until it was started again.

Source: go-spacemesh, tortoise (Recover); tortoise digest section 10.
"""

from collections.abc import Iterable
from typing import Protocol

from node.base.errors import IgnoreError
from node.consensus.atxdata import AtxData
from node.consensus.tortoise.ballots import BallotData
from node.consensus.tortoise.machine import Tortoise
from node.consensus.tortoise.parameters import TortoiseParameters
from node.consensus.tortoise.state import RecoveredBlock
from node.types.ids import Beacon, BlockID, Hash32, SmesherID
from node.types.layer import EpochID, LayerID

ZERO_HASH = Hash32.zero()


class RecoverySource(Protocol):
    """What is read of the store.  Iterables may be lazy; each is read once, in order."""

    def last_ballot_layer(self) -> LayerID | None:
        """Return the highest layer with a ballot."""
        ...

    def last_applied_layer(self) -> LayerID:
        """Return the highest layer that is applied to the state."""
        ...

    def last_valid_layer(self) -> LayerID | None:
        """Return the highest layer with a block that is stored as valid."""
        ...

    def mesh_hash(self, layer: LayerID) -> Hash32 | None:
        """Return the opinion under which a layer was applied.

        Zero if the layer has a row without one; None if it has no row.
        """
        ...

    def malicious(self) -> Iterable[SmesherID]:
        """Return all malicious identities."""
        ...

    def beacon(self, epoch: EpochID) -> Beacon | None:
        """Return our beacon of an epoch."""
        ...

    def latest_publish_epoch(self) -> EpochID:
        """Return the highest epoch in which an ATX was published."""
        ...

    def blocks(self, layer: LayerID) -> Iterable[RecoveredBlock]:
        """Return the blocks of a layer."""
        ...

    def hare_output(self, layer: LayerID) -> BlockID | None:
        """Return hare's output by the certificates: the zero id if they conflict, None if none."""
        ...

    def ballots(self, layer: LayerID) -> Iterable[BallotData]:
        """Return the ballots of a layer in the order of the store, with malicious ones marked."""
        ...

    def weak_coin(self, layer: LayerID) -> bool | None:
        """Return the weak coin of a layer."""
        ...


def recover(
    tortoise: Tortoise, atx_data: AtxData, source: RecoverySource, *, clock_layer: LayerID
) -> None:
    """Fill a new tortoise from the store and tally.

    Args:
        tortoise: has not taken any input.
        atx_data: filled; the tortoise's own.
        source: the store.
        clock_layer: the layer that is running; while memory begins after it, nothing is
            tallied.  No beacon is decided yet for more than one epoch after its own.
    """
    _Recovery(tortoise, atx_data, source).run(clock_layer)


def first_of_window(parameters: TortoiseParameters, applied: LayerID) -> LayerID | None:
    """Return the first layer of the epoch in which the window below ``applied`` begins.

    None if the window reaches back to the effective genesis.
    """
    size = parameters.window_at(applied)
    start = (applied - size) // parameters.layers_per_epoch * parameters.layers_per_epoch
    if applied <= size or start <= parameters.effective_genesis + 1:
        return None
    return LayerID(start)


class _Recovery:
    """One run."""

    def __init__(self, tortoise: Tortoise, atx_data: AtxData, source: RecoverySource) -> None:
        self._tortoise = tortoise
        self._parameters = tortoise.parameters
        self._atx_data = atx_data
        self._source = source
        self._loaded: set[EpochID] = set()

    def run(self, clock_layer: LayerID) -> None:
        source, parameters = self._source, self._parameters
        last = source.last_ballot_layer() or LayerID(0)
        start = self._resume_window()
        for smesher in source.malicious():
            self._tortoise.on_malfeasance(smesher)
        genesis = parameters.effective_genesis
        if genesis != 2 * parameters.layers_per_epoch - 1:
            # After a checkpoint the first ATXs are in an epoch whose start is not replayed.
            self._load_epoch(parameters.epoch_of(genesis + 1))
        valid = source.last_valid_layer()
        self._tortoise.resume_progress(verified=valid, last=last)
        for layer in range(start, last + 1):
            self._load_layer(LayerID(layer), last)
        # A beacon may be decided before anybody has published an ATX for its epoch.
        newest = max(source.latest_publish_epoch(), parameters.epoch_of(clock_layer)) + 1
        for epoch in range(parameters.epoch_of(last) + 1, newest + 1):
            self._load_epoch(EpochID(epoch))
        end = min(last, clock_layer)
        if end >= start:
            self._tortoise.tally_votes(end)
            self._find_applied(start, valid)

    def _resume_window(self) -> int:
        """Let memory begin where the window does, if its opinion is known; return the layer."""
        source = self._source
        start = first_of_window(self._parameters, source.last_applied_layer())
        if start is not None:
            opinion = source.mesh_hash(start)
            previous = source.mesh_hash(LayerID(start - 1))
            if opinion is not None and previous is not None:
                self._tortoise.resume_window(start, opinion, previous)
                return start
        return self._parameters.effective_genesis + 1

    def _load_epoch(self, epoch: EpochID) -> None:
        """Take ATXs and beacon of an epoch, once."""
        if epoch in self._loaded:
            return
        self._loaded.add(epoch)
        for atx_id, entry in self._atx_data.atxs(epoch):
            self._tortoise.on_atx(epoch, atx_id, entry)
        beacon = self._source.beacon(epoch)
        if beacon is not None:
            self._tortoise.on_beacon(epoch, beacon)

    def _load_layer(self, layer: LayerID, last: LayerID) -> None:
        source, tortoise = self._source, self._tortoise
        if layer % self._parameters.layers_per_epoch == 0:
            self._load_epoch(self._parameters.epoch_of(layer))
        near = self._parameters.within_hdist(layer, last)
        hare = source.hare_output(layer) if near else None
        tortoise.on_recovered_blocks(layer, tuple(source.blocks(layer)), hare)
        ballots = tuple(source.ballots(layer))
        for ballot in (*filter(_is_reference, ballots), *filter(_has_reference, ballots)):
            try:
                tortoise.on_recovered_ballot(ballot)
            except IgnoreError:
                # A ballot that does not decode any more had no effect before, either.
                continue
        coin = source.weak_coin(layer)
        if coin is not None:
            tortoise.on_weak_coin(layer, coin=coin)

    def _find_applied(self, start: int, valid: LayerID | None) -> None:
        """Tell the tortoise which of the applied layers it still agrees with."""
        for layer in range(valid or 0, start - 1, -1):
            opinion = self._source.mesh_hash(LayerID(layer))
            if opinion not in (None, ZERO_HASH) and self._tortoise.on_applied(
                LayerID(layer), opinion
            ):
                return


def _is_reference(ballot: BallotData) -> bool:
    return ballot.epoch_data is not None


def _has_reference(ballot: BallotData) -> bool:
    return ballot.epoch_data is None
