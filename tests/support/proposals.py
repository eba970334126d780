"""Valid proposals at little cost, and a node that judges them.

The network has four layers an epoch and ten slots a layer; smeshers 1 and 2 have ATXs of
equal weight, so each has twenty slots in epoch 2, which begins with layer 8.

    world = ProposalWorld(folder)        handlers over real stores, on a network of its own
    world.ballot(1)                      smesher 1's valid reference ballot in layer 8
    world.ballot(1, 9, reference=first)  its next one
    propose(ballot)                      the signed proposal around it
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from node.base import scale
from node.base.errors import RejectError
from node.config.model.consensus import EpochWeight, TortoiseConfig
from node.consensus.malfeasance.convictions import Convictions
from node.consensus.proposals.handler import ProposalHandler
from node.consensus.proposals.pool import ProposalPool
from node.consensus.proposals.slots import by_layer, prove_slots
from node.consensus.tortoise.ballots import BallotData
from node.consensus.tortoise.machine import Tortoise
from node.consensus.tortoise.parameters import TortoiseParameters
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer, Verifier
from node.events import Bus
from node.layer_ticker import Clock
from node.net.fetch.client import Fetcher
from node.net.fetch.planner import FetchPlanner
from node.net.fetch.server import FetchServer
from node.net.fetch.wire import Hint
from node.net.memory import MemoryNetwork
from node.net.ports import PeerID
from node.store.activesets import put_active_set
from node.store.beacons import put_beacon
from node.store.blobs import find_blob, has_blob
from node.store.transactions import put_transaction
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.atx import Atx
from node.types.ballot import (
    Ballot,
    EpochData,
    InnerBallot,
    Opinion,
    Votes,
    VotingEligibility,
)
from node.types.ids import (
    NO_BALLOT,
    AtxID,
    BallotID,
    Beacon,
    EdSignature,
    Hash32,
    ProposalID,
    TransactionID,
)
from node.types.layer import EpochID, LayerID
from node.types.proposal import InnerProposal, Proposal
from node.types.transaction import RawTransaction, Transaction
from tests.support.activation import SteppedClock, Told
from tests.support.chain import BEACON, GENESIS, TIME, Chain, atx, signer

EPOCH = EpochID(2)
LAYER = LayerID(8)
"""First layer of the first epoch with ballots."""

COUNTED = LayerID(7)
"""Last layer of genesis."""

LAYER_SIZE = 10
SLOTS = 20
"""Slots of each of two smeshers in an epoch."""

GOLDEN = AtxID(b"golden atx of the test network!!")
MEMBERS = (AtxID(b"\1" * 32), AtxID(b"\2" * 32))
"""ATXs of smeshers 1 and 2."""

CONFIG = TortoiseConfig(hdist=3, zdist=2, window_size=100, max_exceptions=4)
PARAMETERS = TortoiseParameters(
    hdist=3,
    zdist=2,
    window_layers=100,
    max_exceptions=4,
    bad_beacon_delay_layers=4,
    layers_per_epoch=TIME.layers_per_epoch,
    effective_genesis=TIME.effective_genesis,
)


@cache
def slots_of(
    number: int, beacon: Beacon = BEACON, epoch: EpochID = EPOCH, nonce: int = 7, count: int = SLOTS
) -> dict[LayerID, tuple[VotingEligibility, ...]]:
    """Return a smesher's proofs of an epoch by the layer they select."""
    proofs = prove_slots(signer(number).vrf_signer(), beacon, epoch, nonce, range(count))
    return by_layer(proofs, epoch, TIME.layers_per_epoch)


def sign_ballot(
    number: int,
    inner: InnerBallot,
    votes: Votes,
    eligibilities: tuple[VotingEligibility, ...],
    owner: Signer | None = None,
) -> Ballot:
    """Return a ballot signed by smesher ``number``, or by ``owner``."""
    keys = owner or signer(number)
    unsigned = Ballot(
        inner=inner,
        signature=EdSignature.zero(),
        smesher=keys.smesher_id,
        votes=votes,
        eligibilities=eligibilities,
        active_set=(),
    )
    return replace(unsigned, signature=keys.sign(Domain.BALLOT, unsigned.signed_bytes()))


def changed(ballot: Ballot, number: int, **values: object) -> Ballot:
    """Return a ballot with other values in its signed part, signed again."""
    inner = replace(ballot.inner, **values)  # type: ignore[arg-type]
    return sign_ballot(number, inner, ballot.votes, ballot.eligibilities)


def propose(ballot: Ballot, *tx_ids: TransactionID, number: int = 1) -> Proposal:
    """Return a proposal signed by smesher ``number``."""
    inner = InnerProposal(ballot=ballot, tx_ids=tx_ids, mesh_hash=Hash32.zero())
    unsigned = Proposal(inner=inner, signature=EdSignature.zero())
    signature = signer(number).sign(Domain.PROPOSAL, unsigned.signed_bytes())
    return replace(unsigned, signature=signature)


def transaction(number: int) -> RawTransaction:
    """Return bytes that stand for a transaction."""
    return RawTransaction.of(bytes([number]) * 10)


@dataclass
class MeshAt:
    """How far the mesh has come, and what it is told."""

    processed: LayerID = COUNTED
    seen: list[LayerID] = field(default_factory=list)

    def on_seen(self, layer: LayerID) -> None:
        """See MeshView."""
        self.seen.append(layer)


@dataclass
class Collected:
    """Beacons that ballots named."""

    reports: list[tuple[EpochID, BallotID, Beacon, int, int]] = field(default_factory=list)

    def on_ballot(
        self, epoch: EpochID, ballot: BallotID, beacon: Beacon, weight_per: int, units: int
    ) -> None:
        """See BeaconCollector."""
        self.reports.append((epoch, ballot, beacon, weight_per, units))


@dataclass
class Offered:
    """Transactions that proposals offer."""

    proposals: list[tuple[LayerID, ProposalID, tuple[TransactionID, ...]]] = field(
        default_factory=list
    )

    def on_proposal(
        self, layer: LayerID, proposal: ProposalID, transactions: Iterable[TransactionID]
    ) -> None:
        """See ProposedTransactions."""
        self.proposals.append((layer, proposal, tuple(transactions)))


class ProposalWorld(Chain):
    """A node that judges proposals and ballots; layer 8 runs, layer 7 is counted."""

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "self",
        network: MemoryNetwork | None = None,
        members: Sequence[int] = (1, 2),
        weights: tuple[EpochWeight, ...] = (),
        clock: Clock | None = None,
    ) -> None:
        super().__init__(folder / name)
        self.network = network or MemoryNetwork()
        self.end = self.network.join(name)
        self.stepped = SteppedClock(TIME.start_of(LAYER))
        self.clock: Clock = clock or self.stepped
        self.bus = Bus()
        self.told = Told()
        self.mesh = MeshAt()
        self.beacons = Collected()
        self.offered = Offered()
        self.pool = ProposalPool(capacity=CONFIG.zdist + 1, evicted=COUNTED)
        self.accusations: list[bytes] = []
        self.elsewhere: dict[Hash32, Atx] = {}
        """ATXs that are known once they are fetched."""

        self.tortoise = Tortoise(PARAMETERS, self.atxdata)
        self.tortoise.on_beacon(EPOCH, BEACON)
        for number in members:
            self.add_atx(atx(number))
        with self.db.batch(sync=False) as batch:
            put_beacon(batch, EPOCH, BEACON)
        self.fetcher = Fetcher(
            network=self.end,
            planner=FetchPlanner(entropy=bytes),
            has=self.has,
            batch_timeout_s=0.0,
        )
        self.convictions = Convictions(
            db=self.db,
            atxdata=self.atxdata,
            clock=self.clock,
            bus=self.bus,
            network=self.end,
            signers=tuple,
            listeners=[self.tortoise, self.told],
        )
        self.handler = ProposalHandler(
            db=self.db,
            time=TIME,
            clock=self.clock,
            bus=self.bus,
            config=_configured(weights),
            verifier=Verifier(GENESIS),
            fetcher=self.fetcher,
            atxdata=self.atxdata,
            tortoise=self.tortoise,
            pool=self.pool,
            mesh=self.mesh,
            beacons=self.beacons,
            convictions=self.convictions,
            transactions=self.offered,
            transaction_validator=self.on_transaction,
            golden_atx=GOLDEN,
            layer_size=LAYER_SIZE,
        )
        self._connect()

    def _connect(self) -> None:
        self.fetcher.register(Hint.BALLOT, self.handler.on_synced_ballot)
        self.fetcher.register(Hint.ACTIVE_SET, self.handler.on_synced_active_set)
        self.fetcher.register(Hint.ATX, self.on_atx)
        self.end.register("pp1", self.handler.on_gossip)
        self.end.register("mp1", self.on_accusation)
        served = (Hint.BALLOT, Hint.ACTIVE_SET, Hint.ATX, Hint.TX)
        FetchServer({hint: self._finder(hint) for hint in served}).register(self.end)

    def _finder(self, hint: Hint) -> Callable[[Hash32], bytes | None]:
        return lambda key: find_blob(self.db, hint.value, key)

    def has(self, hint: Hint, key: Hash32) -> bool:
        """Tell whether an object is stored."""
        return has_blob(self.db, hint.value, key)

    async def on_accusation(self, peer: PeerID, data: bytes) -> None:
        """Take a gossiped proof of misbehaviour."""
        self.accusations.append(data)

    async def on_atx(self, expected: Hash32, peer: PeerID, data: bytes) -> None:
        """Take a fetched ATX if it is one of those elsewhere."""
        if expected not in self.elsewhere:
            raise RejectError(f"no atx {expected}")
        self.add_atx(self.elsewhere[expected])

    async def on_transaction(self, expected: Hash32, peer: PeerID, data: bytes) -> None:
        """Take a fetched transaction."""
        self.add_transaction(RawTransaction.of(data))

    def add_transaction(self, raw: RawTransaction) -> TransactionID:
        """Store a transaction; return its identifier."""
        with self.db.batch(sync=False) as batch:
            put_transaction(batch, Transaction(raw=raw, header=None), 1)
        return raw.id

    def start_layer(self, layer: int, *, counted: int | None = None) -> None:
        """Move the clock, and the mesh to the layer before or to ``counted``."""
        self.stepped.now = TIME.start_of(LayerID(layer))
        self.mesh.processed = LayerID(layer - 1 if counted is None else counted)
        self.tortoise.tally_votes(self.mesh.processed)

    def add_active_set(self, members: Sequence[AtxID] = MEMBERS, epoch: int = EPOCH) -> Hash32:
        """Store an active set; return its digest."""
        digest = active_set_hash(members)
        with self.db.batch(sync=False) as batch:
            put_active_set(
                batch, digest, EpochActiveSet(epoch=EpochID(epoch), atx_ids=tuple(members))
            )
        return digest

    def opinion(self, layer: int) -> Opinion:
        """Return the votes of our tortoise."""
        return self.tortoise.encode_votes(LayerID(layer))

    def ballot(
        self,
        number: int = 1,
        layer: int = LAYER,
        *,
        reference: Ballot | None = None,
        members: Sequence[AtxID] = MEMBERS,
        opinion: Opinion | None = None,
        beacon: Beacon = BEACON,
    ) -> Ballot:
        """Return a valid ballot: a reference ballot unless one is named."""
        voted = opinion or self.opinion(layer)
        epoch = TIME.epoch_of(LayerID(layer))
        data = None
        if reference is None:
            data = EpochData(
                active_set_hash=self.add_active_set(members, epoch),
                beacon=beacon,
                eligibility_count=SLOTS,
            )
        inner = InnerBallot(
            layer=LayerID(layer),
            atx_id=AtxID(bytes([number]) * 32),
            opinion_hash=voted.hash,
            ref_ballot=NO_BALLOT if reference is None else reference.id,
            epoch_data=data,
        )
        proofs = slots_of(number, beacon, epoch)[LayerID(layer)]
        return sign_ballot(number, inner, voted.votes, proofs)

    def hold(self, ballot: Ballot) -> Ballot:
        """Let store and tortoise have a ballot, unchecked."""
        self.add_ballot(ballot)
        self.tortoise.on_ballot(BallotData.of(ballot))
        return ballot

    async def gossip(self, proposal: Proposal, peer: str = "peer") -> None:
        """Let a peer gossip a proposal to us."""
        await self.handler.on_gossip(PeerID(peer), scale.encode(proposal))

    async def sync(self, ballot: Ballot, peer: str = "peer") -> None:
        """Let a peer answer with a ballot we asked for."""
        expected = Hash32(ballot.id.ljust(Hash32.SIZE, b"\0"))
        await self.handler.on_synced_ballot(expected, PeerID(peer), scale.encode(ballot))

    def close(self) -> None:
        """Close the store."""
        self.db.close()


def _configured(weights: tuple[EpochWeight, ...]) -> TortoiseConfig:
    if not weights:
        return CONFIG
    return TortoiseConfig(
        hdist=CONFIG.hdist,
        zdist=CONFIG.zdist,
        window_size=CONFIG.window_size,
        max_exceptions=CONFIG.max_exceptions,
        minimal_active_set_weight=weights,
    )
