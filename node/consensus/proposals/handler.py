"""Topic ``pp1``; proposals, ballots and active sets that peers send for a hash.

Of the checks, only those of the format, of identifiers, of the ATX named and of repeated
transactions condemn the sender of a proposal, together with those of the ballot inside;
even a wrong signature does not.

Source: go-spacemesh, proposals/handler.go; proposals digest sections 5, 6 and 8.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from node.base import scale
from node.base.errors import IgnoreError, NotFoundError, RejectError, WrongObjectError
from node.config.model.consensus import TortoiseConfig
from node.consensus.atxdata import AtxData
from node.consensus.malfeasance.convictions import Convictions
from node.consensus.malfeasance.wire import MalfeasanceProof
from node.consensus.proposals import ports
from node.consensus.proposals.active_set_weights import ActiveSetWeights
from node.consensus.proposals.ballots import BallotIntake
from node.consensus.proposals.pool import KnownProposalError, PooledProposal, ProposalPool
from node.consensus.proposals.ports import BeaconCollector, MeshView, ProposedTransactions
from node.consensus.proposals.rules import (
    check_atx_id,
    check_layer,
    check_synced_layer,
    check_transactions,
    held_by_sender,
)
from node.consensus.proposals.slots import check_minimum_weights
from node.consensus.tortoise.decoding import BallotExistsError
from node.consensus.tortoise.machine import Tortoise
from node.crypto.domains import Domain
from node.crypto.ed25519 import Verifier
from node.events import Bus, ProposalReceived
from node.layer_ticker import Clock
from node.net.fetch.client import Fetcher, Validator
from node.net.fetch.wire import Hint
from node.net.ports import PeerID
from node.store.ballots import get_ballot
from node.store.db import Database
from node.store.identities import is_malicious
from node.types.ballot import Ballot
from node.types.ids import AtxID, Beacon, Hash32, padded
from node.types.layer_time import LayerTime
from node.types.proposal import Proposal

TOPIC: Final = ports.TOPIC


class MaliciousProposalError(IgnoreError):
    """The proposal convicted its smesher: it is kept, but not passed on."""

    default_code = "smesh.ignore.malicious_proposal"


@dataclass(kw_only=True)
class ProposalHandler:
    """Decodes, checks, fetches, stores, tells, announces - in that order."""

    db: Database
    time: LayerTime
    clock: Clock
    bus: Bus
    config: TortoiseConfig
    verifier: Verifier
    fetcher: Fetcher
    atxdata: AtxData
    tortoise: Tortoise
    pool: ProposalPool
    mesh: MeshView
    beacons: BeaconCollector
    convictions: Convictions
    transactions: ProposedTransactions

    transaction_validator: Validator
    """Takes transactions that are fetched for a proposal."""

    golden_atx: AtxID

    layer_size: int
    """Slots in a layer; ``layer-average-size``."""

    active_sets: ActiveSetWeights = field(init=False)
    ballots: BallotIntake = field(init=False)

    def __post_init__(self) -> None:
        """Make the parts.

        Raises:
            ConfigError: the minimal weights of active sets are not in order.
        """
        check_minimum_weights(self.config.minimal_active_set_weight)
        self.active_sets = ActiveSetWeights(db=self.db, atxdata=self.atxdata, fetcher=self.fetcher)
        self.ballots = BallotIntake(
            db=self.db,
            time=self.time,
            clock=self.clock,
            bus=self.bus,
            config=self.config,
            fetcher=self.fetcher,
            atxdata=self.atxdata,
            tortoise=self.tortoise,
            active_sets=self.active_sets,
            mesh=self.mesh,
            beacons=self.beacons,
            convictions=self.convictions,
            layer_size=self.layer_size,
            check_vrf=self.verifier.verify_vrf,
        )

    async def on_gossip(self, peer: PeerID, data: bytes) -> None:
        """Handle one gossiped proposal.

        Raises:
            DecodeError: malformed.
            RejectError: provably wrong.
            IgnoreError: too early, too late, known, wrongly signed, not to be judged, or its
                smesher is convicted by it.
            FetchError: something it refers to cannot be had.
            NotFoundError: its reference ballot is not stored.
        """
        proposal = scale.decode(Proposal, data)
        self._check_received(proposal)
        await self._take(peer, proposal)

    async def on_synced(self, expected: Hash32, peer: PeerID, data: bytes) -> None:
        """Take a proposal that was asked for; a known one is fine.

        Raises:
            SpacemeshError: as ``on_gossip``.
            RejectError: another one than was asked for.
        """
        proposal = scale.decode(Proposal, data)
        self._check_received(proposal)
        if padded(proposal.id) != expected:
            raise WrongObjectError(f"proposal {proposal.id} was sent for {expected}")
        with suppress(KnownProposalError):
            await self._take(peer, proposal)

    async def on_synced_ballot(self, expected: Hash32, peer: PeerID, data: bytes) -> None:
        """Take a ballot that was asked for; a known one is fine.

        Raises:
            DecodeError: malformed.
            RejectError: provably wrong, or another one than was asked for.
            IgnoreError: it cannot be judged.
            FetchError: something it rests on cannot be had.
        """
        ballot = scale.decode(Ballot, data)
        check_synced_layer(ballot, self.time.effective_genesis)
        if not self._is_signed(ballot):
            raise RejectError(f"ballot {ballot.id} of {ballot.smesher}: wrong signature")
        if padded(ballot.id) != expected:
            raise WrongObjectError(f"ballot {ballot.id} was sent for {expected}")
        check_atx_id(ballot, self.golden_atx)
        self.fetcher.register_holder(peer, held_by_sender(ballot))
        with suppress(BallotExistsError):
            await self.ballots.take(ballot)

    async def on_synced_active_set(self, expected: Hash32, peer: PeerID, data: bytes) -> None:
        """Take an active set that was asked for; see ``ActiveSetWeights.on_synced``."""
        await self.active_sets.on_synced(expected, peer, data)

    def _check_received(self, proposal: Proposal) -> None:
        check_layer(
            proposal.layer,
            genesis=self.time.effective_genesis,
            processed=self.mesh.processed,
            current=self.time.layer_at(self.clock.now_ns()),
        )
        ballot = proposal.ballot
        if not self.verifier.verify(
            Domain.PROPOSAL, ballot.smesher, proposal.signed_bytes(), proposal.signature
        ):
            raise IgnoreError(f"proposal {proposal.id} of {ballot.smesher}: wrong signature")
        if not self._is_signed(ballot):
            raise IgnoreError(f"ballot {ballot.id} of {ballot.smesher}: wrong signature")

    def _is_signed(self, ballot: Ballot) -> bool:
        return self.verifier.verify(
            Domain.BALLOT, ballot.smesher, ballot.signed_bytes(), ballot.signature
        )

    async def _take(self, peer: PeerID, proposal: Proposal) -> None:
        ballot, tx_ids = proposal.ballot, proposal.inner.tx_ids
        check_atx_id(ballot, self.golden_atx)
        if self.pool.has(proposal.id):
            raise KnownProposalError(f"proposal {proposal.id} is known")
        self.fetcher.register_holder(peer, (*held_by_sender(ballot), *tx_ids))
        proof: MalfeasanceProof | None = None
        with suppress(BallotExistsError):
            # One ballot may come in several proposals.
            proof = await self.ballots.take(ballot)
        check_transactions(proposal)
        await self.fetcher.fetch(Hint.TX, tx_ids, validator=self.transaction_validator)
        self._commit(proposal)
        if proof is not None:
            await self.convictions.publish(proof)
            raise MaliciousProposalError(
                f"proposal {proposal.id}: {ballot.smesher} has two ballots"
            )

    def _commit(self, proposal: Proposal) -> None:
        ballot = proposal.ballot
        self.pool.add(
            PooledProposal(
                proposal=proposal,
                beacon=self._beacon(ballot),
                malicious=is_malicious(self.db, ballot.smesher),
            )
        )
        self.transactions.on_proposal(proposal.layer, proposal.id, proposal.inner.tx_ids)
        self.mesh.on_seen(proposal.layer)
        self.bus.publish(ProposalReceived(proposal=proposal))

    def _beacon(self, ballot: Ballot) -> Beacon:
        data = ballot.inner.epoch_data
        if data is None:
            data = get_ballot(self.db, ballot.inner.ref_ballot).inner.epoch_data
        if data is None:
            raise NotFoundError("epoch data of ballot", ballot.inner.ref_ballot)
        return data.beacon
