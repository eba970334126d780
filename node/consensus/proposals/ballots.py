"""Takes ballots in: gathers what they rest on, judges, stores, tells.

Ballots come inside proposals, and alone when the mesh is synced.  Of two ballots of one
smesher in a layer both are kept, and convict it.

Source: go-spacemesh, proposals/handler.go and mesh/ballotwriter; proposals digest sections
6 and 7, tortoise digest section 12.5.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from node.base import fixed
from node.base.errors import IgnoreError
from node.config.model.consensus import TortoiseConfig
from node.consensus.atxdata import AtxData
from node.consensus.malfeasance.convictions import Convictions
from node.consensus.malfeasance.wire import MalfeasanceProof
from node.consensus.proposals.active_set_weights import ActiveSetWeights
from node.consensus.proposals.ports import BeaconCollector, MeshView
from node.consensus.proposals.rules import (
    EligibilityFacts,
    JudgedBy,
    check_count,
    check_epoch_data,
    check_proofs,
    check_votes,
    judge_reference,
    make_double_ballot_proof,
    needs_active_set,
    rests_on,
)
from node.consensus.proposals.slots import minimum_weight
from node.consensus.tortoise.ballots import BallotData
from node.consensus.tortoise.decoding import BallotExistsError
from node.consensus.tortoise.machine import Tortoise
from node.crypto.vrf import VrfCheck, verify_vrf
from node.events import BallotStored, Bus
from node.layer_ticker import Clock
from node.net.fetch.client import Fetcher
from node.net.fetch.wire import Hint
from node.store.ballots import ballot_ids_of_smesher_in_layer, get_ballot, put_ballot
from node.store.db import Database
from node.store.identities import Malfeasance, is_malicious
from node.types.ballot import Ballot
from node.types.ids import BallotID
from node.types.layer import EpochID
from node.types.layer_time import LayerTime

PROOFS_AT_ONCE: Final = 100
"""Eligibility proofs verified before others have their turn; some 25 ms."""


@dataclass(kw_only=True)
class BallotIntake:
    """The way of a ballot from bytes that are its own to the tortoise."""

    db: Database
    time: LayerTime
    clock: Clock
    bus: Bus
    config: TortoiseConfig
    fetcher: Fetcher
    atxdata: AtxData
    tortoise: Tortoise
    active_sets: ActiveSetWeights
    mesh: MeshView
    beacons: BeaconCollector
    convictions: Convictions

    layer_size: int
    """Slots in a layer."""

    check_vrf: VrfCheck = verify_vrf

    _waiting: dict[BallotID, tuple[BallotID, ...]] = field(default_factory=dict)
    """What the ballots under way wait for."""

    async def take(self, ballot: Ballot) -> MalfeasanceProof | None:
        """Check and store a ballot whose signature is verified.

        Returns:
            The proof against its smesher, if this is its second ballot in the layer.  It is
            stored and told, but not gossiped.

        Raises:
            BallotExistsError: it is known.
            RejectError: it is provably wrong.
            IgnoreError: it cannot be judged, or a proof in it is wrong.
            FetchError: what it rests on cannot be had.
        """
        if self.tortoise.has_ballot(ballot.id):
            raise BallotExistsError(f"ballot {ballot.id} is known")
        check_epoch_data(ballot)
        weight = await self._active_set_weight(ballot)
        await self._fetch_missing(ballot)
        check_count(ballot)
        self.tortoise.decode_ballot(BallotData.of(ballot))
        check_votes(ballot, hdist=self.config.hdist, max_exceptions=self.config.max_exceptions)
        judged_by = judge_reference(ballot, self._facts(ballot, weight))
        for first in range(0, len(ballot.eligibilities), PROOFS_AT_ONCE):
            if first:
                await asyncio.sleep(0)
            check_proofs(ballot, judged_by, first, first + PROOFS_AT_ONCE, self.check_vrf)
        return self._commit(ballot, judged_by)

    async def _active_set_weight(self, ballot: Ballot) -> int:
        data = ballot.inner.epoch_data
        if data is None or not needs_active_set(ballot, self._current_epoch(), self.time):
            return 0
        return await self.active_sets.weight(data.active_set_hash)

    async def _fetch_missing(self, ballot: Ballot) -> None:
        wanted = tuple(i for i in rests_on(ballot) if not self.tortoise.has_ballot(i))
        if wanted:
            self._check_cycle(ballot.id, wanted)
            self._waiting[ballot.id] = wanted
            try:
                await self.fetcher.fetch(Hint.BALLOT, wanted)
            finally:
                self._waiting.pop(ballot.id, None)
        if self.atxdata.get(self.time.epoch_of(ballot.layer), ballot.atx_id) is None:
            await self.fetcher.fetch(Hint.ATX, (ballot.atx_id,))

    def _check_cycle(self, ballot: BallotID, wanted: Sequence[BallotID]) -> None:
        """Check that nothing we would wait for waits for us.

        A base ballot is not covered by an identifier, so ballots can be made that rest on
        each other.
        """
        reached = list(wanted)
        seen: set[BallotID] = set()
        while reached:
            awaited = reached.pop()
            if awaited == ballot:
                raise IgnoreError(f"ballot {ballot} rests on itself")
            if awaited not in seen:
                seen.add(awaited)
                reached.extend(self._waiting.get(awaited, ()))

    def _current_epoch(self) -> EpochID:
        return self.time.epoch_of(self.time.layer_at(self.clock.now_ns()))

    def _facts(self, ballot: Ballot, active_set_weight: int) -> EligibilityFacts:
        epoch = self.time.epoch_of(ballot.layer)
        return EligibilityFacts(
            epoch=epoch,
            is_current=epoch == self._current_epoch(),
            layers_per_epoch=self.time.layers_per_epoch,
            committee=self.layer_size,
            minimum_weight=minimum_weight(self.config.minimal_active_set_weight, epoch),
            atx=self.atxdata.get(epoch, ballot.atx_id),
            active_set_weight=active_set_weight,
            reference=self.tortoise.find_ballot(ballot.inner.ref_ballot),
        )

    def _commit(self, ballot: Ballot, judged_by: JudgedBy) -> MalfeasanceProof | None:
        """Store a valid ballot; synchronous, so that two ballots of a smesher cannot cross."""
        if self.tortoise.has_ballot(ballot.id):
            raise BallotExistsError(f"ballot {ballot.id} is known")
        # Decoded anew: blocks and ballots may have come while the proofs were verified.
        decoded = self.tortoise.decode_ballot(BallotData.of(ballot))
        malicious = is_malicious(self.db, ballot.smesher)
        proof = None if malicious else self._find_double(ballot)
        conviction: Malfeasance | None = None
        with self.db.batch(sync=False) as batch:
            put_ballot(batch, replace(ballot, active_set=()))
            if proof is not None:
                conviction = self.convictions.convict(batch, ballot.smesher, proof)
        if conviction is not None:
            self.convictions.tell(conviction)
        self._report_beacon(ballot, judged_by)
        self.tortoise.store_ballot(decoded, malicious=malicious or proof is not None)
        self.mesh.on_seen(ballot.layer)
        self.bus.publish(BallotStored(layer=ballot.layer, ballot=ballot.id, smesher=ballot.smesher))
        return proof

    def _find_double(self, ballot: Ballot) -> MalfeasanceProof | None:
        stored = ballot_ids_of_smesher_in_layer(self.db, ballot.smesher, ballot.layer)
        other = next((identifier for identifier in stored if identifier != ballot.id), None)
        return (
            None if other is None else make_double_ballot_proof(get_ballot(self.db, other), ballot)
        )

    def _report_beacon(self, ballot: Ballot, judged_by: JudgedBy) -> None:
        self.beacons.on_ballot(
            judged_by.epoch,
            ballot.id,
            judged_by.beacon,
            fixed.from_ratio(judged_by.atx.weight, judged_by.count),
            len(ballot.eligibilities),
        )
