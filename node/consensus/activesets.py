"""Which ATXs count in an epoch, and the lottery for seats over them.

``ActiveSets`` finds the set a committee is drawn from; ``EligibilityOracle`` answers how
many seats a VRF proof wins.  Both read the store: they are edges, and rules get their
answers as facts.

Source: go-spacemesh, hare3/eligibility/oracle.go; hare digest 8.2 and 8.4.
"""

from dataclasses import dataclass, field
from typing import Final

from node.base.errors import IgnoreError, NotFoundError
from node.base.lru import LruMap
from node.consensus.atxdata import AtxData
from node.consensus.eligibility import (
    Distributions,
    Lottery,
    check_seats,
    committee_vrf_input,
    count_seats,
)
from node.crypto.vrf import VrfCheck, verify_vrf
from node.store.activesets import get_active_set
from node.store.ballots import find_first_ballot_of_atx, first_ballots
from node.store.beacons import find_beacon, get_beacon
from node.store.blocks import get_block
from node.store.db import Reader
from node.store.layers import find_first_applied_block
from node.types.active_set import EpochActiveSet
from node.types.ballot import Ballot
from node.types.ids import AtxID, BlockID, SmesherID, VrfSignature
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime

CACHED_EPOCHS: Final = 5
"""Epochs whose committee weights are kept."""


def first_block_set(db: Reader, time: LayerTime, epoch: EpochID) -> tuple[AtxID, ...]:
    """Return the ATXs that the first applied block of an epoch stands for, ascending.

    They are the ATXs its rewards name, and the active sets in the first ballots of those.
    Nothing while no block of the epoch is applied.

    Raises:
        NotFoundError: a block, a ballot or an active set that is needed is not stored.
    """
    first, last = time.first_layer(epoch), time.last_layer(epoch)
    applied = find_first_applied_block(db, first, last)
    if applied is None:
        return ()
    members: set[AtxID] = set()
    for reward in get_block(db, applied[1]).rewards:
        members.add(reward.atx_id)
        ballot = find_first_ballot_of_atx(db, reward.atx_id, first, last)
        if ballot is None or ballot.inner.epoch_data is None:
            raise NotFoundError("reference ballot of atx", reward.atx_id)
        members.update(get_active_set(db, ballot.inner.epoch_data.active_set_hash).atx_ids)
    return tuple(sorted(members))


def ballots_set(db: Reader, time: LayerTime, epoch: EpochID) -> tuple[AtxID, ...]:
    """Return the union of the active sets in an epoch's reference ballots, ascending.

    Ballots with another beacon than ours do not count, nor those with unknown sets.

    Raises:
        NotFoundError: the epoch's beacon is not known.
    """
    beacon = get_beacon(db, epoch)
    members: set[AtxID] = set()
    for ballot in first_ballots(db, time.first_layer(epoch), time.last_layer(epoch)):
        data = ballot.inner.epoch_data
        if data is not None and data.beacon == beacon:
            members.update(_known_members(db, ballot))
    return tuple(sorted(members))


def _known_members(db: Reader, ballot: Ballot) -> tuple[AtxID, ...]:
    data = ballot.inner.epoch_data
    try:
        return () if data is None else get_active_set(db, data.active_set_hash).atx_ids
    except NotFoundError:
        return ()


@dataclass(frozen=True, slots=True)
class CommitteeWeights:
    """The weight of every smesher that may win seats."""

    weights: dict[SmesherID, int]
    total: int


@dataclass(frozen=True, slots=True)
class _Known:
    weights: CommitteeWeights
    is_final: bool
    first: BlockID | None = None


@dataclass(kw_only=True)
class ActiveSets:
    """Committee weights by epoch.

    What the ballots name differs from node to node, and holds only until a block of the
    epoch is applied; from then on all draw from the same set.  The reference goes on with
    what it found first, which in short epochs divides the committee for the whole epoch.
    """

    db: Reader
    atxdata: AtxData
    time: LayerTime

    confidence_param: int
    """Layers of an epoch in which the set of the epoch before is still in use."""

    _fallback: dict[EpochID, tuple[AtxID, ...]] = field(default_factory=dict)
    _cache: LruMap[EpochID, _Known] = field(default_factory=lambda: LruMap(CACHED_EPOCHS))

    def on_fallback(self, active_set: EpochActiveSet) -> None:
        """Take a trusted set for an epoch; the first one stays."""
        self._fallback.setdefault(active_set.epoch, active_set.atx_ids)

    def clear(self) -> None:
        """Forget what was computed: the node was out of sync when it was."""
        self._cache.clear()

    def epoch_for(self, layer: LayerID) -> EpochID:
        """Return the epoch whose set a layer's committees are drawn from."""
        epoch = self.time.epoch_of(layer)
        is_early = layer - self.time.first_layer(epoch) < self.confidence_param
        first_epoch = self.time.epoch_of(LayerID(self.time.effective_genesis + 1))
        return EpochID(epoch - 1) if is_early and epoch > first_epoch else epoch

    def for_layer(self, layer: LayerID) -> CommitteeWeights:
        """Return the weights for a layer's committees.

        Raises:
            IgnoreError: there is no active set, or an ATX of it is not known.
            NotFoundError: the epoch's beacon is not known.
        """
        if layer <= self.time.effective_genesis:
            raise IgnoreError(f"empty active set: layer {layer} is in genesis")
        epoch = self.epoch_for(layer)
        known = self._cache.get(epoch)
        if known is not None and (known.is_final or known.first == self._first_block(epoch)):
            return known.weights
        known = self._find(epoch)
        self._cache.put(epoch, known)
        return known.weights

    def _first_block(self, epoch: EpochID) -> BlockID | None:
        first, last = self.time.first_layer(epoch), self.time.last_layer(epoch)
        applied = find_first_applied_block(self.db, first, last)
        return None if applied is None else applied[1]

    def _find(self, epoch: EpochID) -> _Known:
        fallback = self._fallback.get(epoch)
        if fallback:
            return _Known(self._weigh(epoch, fallback), is_final=True)
        first = self._first_block(epoch)
        try:
            of_block = first_block_set(self.db, self.time, epoch)
        except NotFoundError:
            # Not all of the block's references are in yet; the ballots may do.
            of_block = ()
        members = of_block or ballots_set(self.db, self.time, epoch)
        if not members:
            raise IgnoreError(f"empty active set for epoch {epoch}")
        return _Known(self._weigh(epoch, members), is_final=bool(of_block), first=first)

    def _weigh(self, epoch: EpochID, members: tuple[AtxID, ...]) -> CommitteeWeights:
        weights: dict[SmesherID, int] = {}
        for atx_id in members:
            entry = self.atxdata.get(epoch, atx_id)
            if entry is None:
                raise IgnoreError(f"atx {atx_id} of the active set of epoch {epoch} not known")
            weights[entry.smesher] = entry.weight
        return CommitteeWeights(weights, sum(weights.values()))


@dataclass(kw_only=True)
class EligibilityOracle:
    """Seats in the committees of hare and of the certifier."""

    db: Reader
    active_sets: ActiveSets
    time: LayerTime
    distributions: Distributions = field(default_factory=Distributions)
    check_vrf: VrfCheck = verify_vrf

    def vrf_input(self, layer: LayerID, round_: int) -> bytes:
        """Return what a smesher's VRF signs for a committee.

        Raises:
            NotFoundError: the epoch's beacon is not known.
        """
        return committee_vrf_input(get_beacon(self.db, self.time.epoch_of(layer)), layer, round_)

    def has_beacon(self, layer: LayerID) -> bool:
        """Tell whether the beacon of a layer's epoch is known."""
        return find_beacon(self.db, self.time.epoch_of(layer)) is not None

    def seats(
        self, layer: LayerID, round_: int, committee: int, smesher: SmesherID, proof: VrfSignature
    ) -> int:
        """Return the seats that one of our own proofs wins; 0 for a wrong proof.

        Raises:
            IgnoreError: the smesher is not in the active set, or there is none.
            NotFoundError: the epoch's beacon is not known.
        """
        lottery = self._lottery(layer, committee, smesher)
        if not self.check_vrf(smesher, self.vrf_input(layer, round_), proof):
            return 0
        return count_seats(proof, lottery, self.distributions)

    def are_seats(
        self,
        layer: LayerID,
        round_: int,
        committee: int,
        smesher: SmesherID,
        proof: VrfSignature,
        *,
        count: int,
    ) -> bool:
        """Tell whether a proof wins exactly ``count`` seats.

        Raises:
            IgnoreError: the smesher is not in the active set, or there is none.
            NotFoundError: the epoch's beacon is not known.
        """
        lottery = self._lottery(layer, committee, smesher)
        if not self.check_vrf(smesher, self.vrf_input(layer, round_), proof):
            return False
        return check_seats(proof, lottery, count, self.distributions)

    def _lottery(self, layer: LayerID, committee: int, smesher: SmesherID) -> Lottery:
        known = self.active_sets.for_layer(layer)
        weight = known.weights.get(smesher)
        if weight is None:
            raise IgnoreError(f"{smesher} is not active in layer {layer}")
        return Lottery.of(weight, known.total, committee)
