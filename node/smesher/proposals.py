"""Builds and publishes the proposals of our own smeshers, layer by layer.

What a smesher fixed in its reference ballot holds for the whole epoch, so it is read back
from the store: a restart goes on as if nothing had happened.  Own proposals get into the
store through our own handler, as everybody's do.

The active set and the eligibility proofs of an epoch are made ready before it begins.

Source: go-spacemesh, miner/proposal_builder.go; proposals digest section 4.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from node.base import scale
from node.base.errors import PreconditionError, SpacemeshError, StoreError
from node.config.model.consensus import ActiveSetPreparationConfig, TortoiseConfig
from node.consensus.atxdata import AtxData
from node.consensus.malfeasance.guard import EquivocationGuard
from node.consensus.proposals.ports import TOPIC
from node.consensus.proposals.slots import (
    by_layer,
    check_minimum_weights,
    count_slots,
    minimum_weight,
    prove_slots,
)
from node.consensus.tortoise.machine import Tortoise
from node.consensus.transactions.pool import TransactionPool
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer
from node.events import Bus, EligibilitiesKnown, LayerSlots, ProposalPublished, SlotMissed
from node.layer_ticker import Clock, LayerTicker
from node.net.ports import Gossip
from node.smesher.active_set import ActiveSetBuilder
from node.store.activesets import put_active_set
from node.store.ballots import find_first_ballot_of_atx, find_last_ballot_of_atx
from node.store.beacons import find_beacon
from node.store.certificates import find_hare_output
from node.store.db import Database
from node.store.layers import NO_HASH, find_mesh_hash
from node.store.local import PreparedActiveSet, Statement
from node.types.active_set import EpochActiveSet
from node.types.ballot import (
    Ballot,
    EpochData,
    InnerBallot,
    Opinion,
    VotingEligibility,
)
from node.types.ids import NO_BALLOT, AtxID, BallotID, Beacon, EdSignature, Hash32, SmesherID
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime
from node.types.proposal import InnerProposal, Proposal

PROOFS_AT_ONCE: Final = 50
"""Eligibility proofs made before others have their turn; some 12 ms."""
NO_BEACON: Final = Beacon.zero()

log = structlog.get_logger("proposalBuilder")


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFacts:
    """What all our smeshers share in an epoch."""

    epoch: EpochID
    beacon: Beacon
    active_set: PreparedActiveSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What one smesher proposes with in an epoch."""

    atx_id: AtxID
    nonce: int

    reference: BallotID | None
    """Its first ballot of the epoch, if it has one; this fixes the next two."""

    beacon: Beacon
    count: int
    """Slots in the epoch."""

    last_layer: LayerID | None
    """Layer of its newest ballot in the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochSlots:
    """The proofs of one smesher in one epoch, and what they were made with."""

    atx_id: AtxID
    beacon: Beacon
    count: int
    layers: dict[LayerID, tuple[VotingEligibility, ...]]

    def fit(self, standing: Standing) -> bool:
        """Tell whether the proofs are those of a standing."""
        made_with = (self.atx_id, self.beacon, self.count)
        return made_with == (standing.atx_id, standing.beacon, standing.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFacts:
    """What all proposals of a layer say alike."""

    layer: LayerID
    opinion: Opinion
    mesh_hash: Hash32


@dataclass(kw_only=True)
class ProposalBuilder:
    """The clock edge of proposing."""

    db: Database
    clock: Clock
    time: LayerTime
    bus: Bus
    network: Gossip
    config: TortoiseConfig
    preparation: ActiveSetPreparationConfig
    signers: Callable[[], Sequence[Signer]]
    guard: EquivocationGuard
    is_synced: Callable[[], bool]
    atxdata: AtxData
    tortoise: Tortoise
    transactions: TransactionPool
    active_sets: ActiveSetBuilder

    layer_size: int
    """Slots in a layer; ``layer-average-size``."""

    transactions_per_slot: int
    """Transactions offered for each slot; ``txs-per-proposal``."""

    _epochs: dict[EpochID, EpochFacts] = field(default_factory=dict)
    _slots: dict[EpochID, dict[SmesherID, EpochSlots]] = field(default_factory=dict)
    _layer: LayerFacts | None = None

    def __post_init__(self) -> None:
        """Check the configuration.

        Raises:
            ConfigError: the minimal weights of active sets are not in order.
        """
        check_minimum_weights(self.config.minimal_active_set_weight)

    async def run(self) -> None:
        """Propose in every layer from the next one on, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._prepare_epochs())
            async for layer in LayerTicker(self.clock, self.time).ticks():
                await self.on_layer(layer)

    async def on_layer(self, layer: LayerID) -> None:
        """Build and publish the proposals of a layer that has just begun.

        What goes wrong for one smesher is logged and announced; the others go on.
        """
        if layer <= self.time.effective_genesis:
            return
        epoch = self.time.epoch_of(layer)
        self._forget_before(epoch)
        if not self.is_synced():
            self._miss_all(layer, "the node is not synced")
            return
        try:
            facts = await self._epoch_facts(layer, epoch)
        except StoreError:
            raise
        except SpacemeshError as error:
            log.warning("proposals_not_built", layer=layer, reason=str(error))
            self._miss_all(layer, str(error))
            return
        async with asyncio.TaskGroup() as tasks:
            for signer in self.signers():
                tasks.create_task(self._take_part(signer, layer, facts))

    # Ahead of an epoch

    async def _prepare_epochs(self) -> None:
        if not self.preparation.tries or not self.preparation.retry_interval:
            return
        while True:
            epoch = EpochID(self.time.epoch_of(self._current_layer()) + 1)
            start_ns = self.time.epoch_start(epoch)
            await self.clock.sleep_until(start_ns - self.preparation.window)
            if self.time.first_layer(epoch) > self.time.effective_genesis:
                await self._prepare_patiently(epoch)
            await self.clock.sleep_until(start_ns)

    async def _prepare_patiently(self, epoch: EpochID) -> None:
        for attempt in range(self.preparation.tries):
            if attempt:
                await self.clock.sleep_until(self.clock.now_ns() + self.preparation.retry_interval)
            try:
                await self._prepare(epoch)
            except StoreError:
                raise
            except SpacemeshError as error:
                log.info("epoch_not_prepared", epoch=epoch, attempt=attempt, reason=str(error))
            else:
                return

    async def _prepare(self, epoch: EpochID) -> None:
        """Make the active set of an epoch, and the proofs if its beacon is known."""
        if not self.is_synced():
            raise PreconditionError("the node is not synced: ATXs may be missing")
        await self.active_sets.generate(self._current_layer(), epoch)
        facts = await self._epoch_facts(self._current_layer(), epoch)
        for signer in self.signers():
            standing = self._find_standing(signer.smesher_id, facts)
            if standing is not None:
                await self._slots_of(signer, standing, facts)

    def _current_layer(self) -> LayerID:
        return self.time.layer_at(self.clock.now_ns())

    # What an epoch fixes

    def _forget_before(self, epoch: EpochID) -> None:
        for old in [known for known in self._epochs if known < epoch]:
            del self._epochs[old]
        for old in [known for known in self._slots if known < epoch]:
            del self._slots[old]

    async def _epoch_facts(self, current: LayerID, epoch: EpochID) -> EpochFacts:
        """Return what is shared in an epoch; it is found once.

        Raises:
            PreconditionError: no beacon, or no active set.
            NotFoundError: something that the first block refers to is not stored.
        """
        known = self._epochs.get(epoch)
        if known is not None:
            return known
        beacon = find_beacon(self.db, epoch)
        if beacon is None or beacon == NO_BEACON:
            raise PreconditionError(f"missing beacon for epoch {epoch}")
        active_set = await self.active_sets.generate(current, epoch)
        made = EpochFacts(epoch=epoch, beacon=beacon, active_set=active_set)
        return self._epochs.setdefault(epoch, made)

    def _find_standing(self, smesher: SmesherID, facts: EpochFacts) -> Standing | None:
        """Return what a smesher proposes with; None if no ATX of it targets the epoch.

        Raises:
            PreconditionError: its first ballot of the epoch is no reference ballot.
        """
        found = self.atxdata.find_by_smesher(facts.epoch, smesher)
        if found is None:
            return None
        atx_id, atx = found
        layers = self.time.first_layer(facts.epoch), self.time.last_layer(facts.epoch)
        first = find_first_ballot_of_atx(self.db, atx_id, *layers)
        last = find_last_ballot_of_atx(self.db, atx_id, *layers)
        if first is None:
            beacon, count = facts.beacon, self._count_slots(atx.weight, facts)
        elif first.inner.epoch_data is None:
            raise PreconditionError(f"first ballot {first.id} of the epoch has no epoch data")
        else:
            data = first.inner.epoch_data
            beacon, count = data.beacon, data.eligibility_count
        return Standing(
            atx_id=atx_id,
            nonce=atx.nonce,
            reference=None if first is None else first.id,
            beacon=beacon,
            count=count,
            last_layer=None if last is None else last.layer,
        )

    def _count_slots(self, weight: int, facts: EpochFacts) -> int:
        return count_slots(
            weight,
            minimum=minimum_weight(self.config.minimal_active_set_weight, facts.epoch),
            total=facts.active_set.weight,
            committee=self.layer_size,
            layers_per_epoch=self.time.layers_per_epoch,
        )

    async def _slots_of(self, signer: Signer, standing: Standing, facts: EpochFacts) -> EpochSlots:
        """Return the proofs of a smesher; they are made once for an epoch."""
        slots = self._slots.setdefault(facts.epoch, {})
        known = slots.get(signer.smesher_id)
        if known is not None and known.fit(standing):
            return known
        proofs: list[VotingEligibility] = []
        for first in range(0, standing.count, PROOFS_AT_ONCE):
            numbers = range(first, min(first + PROOFS_AT_ONCE, standing.count))
            proofs += prove_slots(
                signer.vrf_signer(), standing.beacon, facts.epoch, standing.nonce, numbers
            )
            await asyncio.sleep(0)
        # Preparation and the first layer of the epoch may have been at it together.
        known = slots.get(signer.smesher_id)
        if known is not None and known.fit(standing):
            return known
        made = EpochSlots(
            atx_id=standing.atx_id,
            beacon=standing.beacon,
            count=standing.count,
            layers=by_layer(proofs, facts.epoch, self.time.layers_per_epoch),
        )
        slots[signer.smesher_id] = made
        self._announce(signer.smesher_id, made, facts)
        return made

    def _announce(self, smesher: SmesherID, slots: EpochSlots, facts: EpochFacts) -> None:
        log.info("eligibilities_known", smesher=smesher, epoch=facts.epoch, slots=slots.count)
        self.bus.publish(
            EligibilitiesKnown(
                smesher=smesher,
                epoch=facts.epoch,
                beacon=slots.beacon,
                atx=slots.atx_id,
                active_set_size=len(facts.active_set.atx_ids),
                layers=tuple(
                    LayerSlots(layer=layer, count=len(proofs))
                    for layer, proofs in slots.layers.items()
                ),
            )
        )

    # One layer

    async def _take_part(self, signer: Signer, layer: LayerID, facts: EpochFacts) -> None:
        """Propose for one smesher if it has slots in the layer."""
        smesher = signer.smesher_id
        try:
            standing = self._find_standing(smesher, facts)
            if standing is None:
                log.debug("no_atx", smesher=smesher, epoch=facts.epoch)
                return
            slots = await self._slots_of(signer, standing, facts)
            proofs = slots.layers.get(layer)
            if proofs is None:
                log.debug("not_eligible", smesher=smesher, layer=layer)
                return
            if standing.last_layer is not None and layer <= standing.last_layer:
                log.info("already_built", smesher=smesher, layer=layer, last=standing.last_layer)
                return
            await self._publish(signer, self._build(signer, standing, proofs, layer, facts))
        except StoreError:
            raise
        except SpacemeshError as error:
            log.warning("proposal_not_published", smesher=smesher, layer=layer, reason=str(error))
            self.bus.publish(SlotMissed(smesher=smesher, layer=layer, reason=str(error)))

    def _build(
        self,
        signer: Signer,
        standing: Standing,
        proofs: tuple[VotingEligibility, ...],
        layer: LayerID,
        facts: EpochFacts,
    ) -> Proposal:
        """Return a signed proposal.

        Raises:
            PreconditionError: the tortoise cannot vote now.
        """
        shared = self._layer_facts(layer)
        data: EpochData | None = None
        if standing.reference is None:
            active = facts.active_set
            data = EpochData(
                active_set_hash=active.digest,
                beacon=standing.beacon,
                eligibility_count=standing.count,
            )
            # Peers will ask for it as soon as they see the ballot.
            with self.db.batch() as batch:
                stored = EpochActiveSet(epoch=facts.epoch, atx_ids=active.atx_ids)
                put_active_set(batch, active.digest, stored)
        ballot = _signed_ballot(
            signer,
            InnerBallot(
                layer=layer,
                atx_id=standing.atx_id,
                opinion_hash=shared.opinion.hash,
                ref_ballot=standing.reference or NO_BALLOT,
                epoch_data=data,
            ),
            shared.opinion,
            proofs,
        )
        wanted = len(proofs) * self.transactions_per_slot
        return _signed_proposal(
            signer,
            InnerProposal(
                ballot=ballot,
                tx_ids=self.transactions.select(wanted),
                mesh_hash=shared.mesh_hash,
            ),
        )

    async def _publish(self, signer: Signer, proposal: Proposal) -> None:
        """Claim the slot on the disk, then publish.

        Raises:
            PreconditionError: the guard does not let it pass.
            SpacemeshError: our own handler does not accept it.
        """
        smesher, layer = signer.smesher_id, proposal.layer
        self.guard.claim(Statement.of_ballot(smesher, layer, proposal.ballot.id))
        await self.network.publish(TOPIC, scale.encode(proposal))
        log.info(
            "proposal_published",
            smesher=smesher,
            layer=layer,
            proposal=proposal.id,
            slots=len(proposal.ballot.eligibilities),
            transactions=len(proposal.inner.tx_ids),
        )
        self.bus.publish(ProposalPublished(smesher=smesher, layer=layer, proposal=proposal.id))

    def _layer_facts(self, layer: LayerID) -> LayerFacts:
        """Return votes and mesh hash of a layer; the tortoise counts once for all smeshers."""
        if self._layer is None or self._layer.layer != layer:
            self.tortoise.tally_votes(layer)
            opinion = self.tortoise.encode_votes(layer)
            self._layer = LayerFacts(layer=layer, opinion=opinion, mesh_hash=self._mesh_hash(layer))
        return self._layer

    def _mesh_hash(self, layer: LayerID) -> Hash32:
        """Return our mesh hash of the layer before; zero where we have no view of our own."""
        oldest = max(layer - self.config.hdist - 1, self.time.effective_genesis)
        if self.tortoise.latest_complete < oldest:
            return NO_HASH
        for recent in range(oldest + 1, layer):
            if find_hare_output(self.db, LayerID(recent)) is None:
                return NO_HASH
        return find_mesh_hash(self.db, LayerID(layer - 1)) or NO_HASH

    def _miss_all(self, layer: LayerID, reason: str) -> None:
        """Announce the slots that are known to pass."""
        for smesher, slots in self._slots.get(self.time.epoch_of(layer), {}).items():
            if layer in slots.layers:
                self.bus.publish(SlotMissed(smesher=smesher, layer=layer, reason=reason))


def _signed_ballot(
    signer: Signer,
    inner: InnerBallot,
    opinion: Opinion,
    proofs: tuple[VotingEligibility, ...],
) -> Ballot:
    def with_signature(signature: EdSignature) -> Ballot:
        return Ballot(
            inner=inner,
            signature=signature,
            smesher=signer.smesher_id,
            votes=opinion.votes,
            eligibilities=proofs,
            active_set=(),
        )

    unsigned = with_signature(EdSignature.zero())
    return with_signature(signer.sign(Domain.BALLOT, unsigned.signed_bytes()))


def _signed_proposal(signer: Signer, inner: InnerProposal) -> Proposal:
    unsigned = Proposal(inner=inner, signature=EdSignature.zero())
    signature = signer.sign(Domain.PROPOSAL, unsigned.signed_bytes())
    return Proposal(inner=inner, signature=signature)
