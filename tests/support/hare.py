"""Hare: messages for its machine, and whole nodes on an in-memory network in virtual time."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from node.base import scale
from node.base.hashing import hash32
from node.config.model.consensus import Hare4Config, HareConfig
from node.consensus.activesets import ActiveSets, EligibilityOracle
from node.consensus.hare.exchange import PROTOCOL, FullExchange
from node.consensus.hare.gradecast import BEST_ATX_GRADE, RoundMessage
from node.consensus.hare.handler import HareHandler
from node.consensus.hare.machine import HareMachine, Output
from node.consensus.hare.messages import Content, Version, sign_message
from node.consensus.hare.ports import HareOutput
from node.consensus.hare.service import HareService
from node.consensus.hare.wire import HareEligibility, HareMessage, IterRound
from node.consensus.malfeasance.guard import EquivocationGuard
from node.consensus.malfeasance.wire import MalfeasanceProof
from node.crypto.ed25519 import Signer, Verifier
from node.events import Bus
from node.layer_ticker import Clock, LoopClock
from node.net.memory import MemoryEnd, MemoryNetwork
from node.net.ports import PeerID
from node.store.beacons import put_beacon
from node.store.db import LevelDB
from node.types.ballot import VotingEligibility
from node.types.ids import (
    Beacon,
    EdSignature,
    Hash32,
    ProposalID,
    SmesherID,
    VrfSignature,
)
from node.types.layer import EpochID, LayerID
from node.types.proposal import InnerProposal, Proposal
from tests.support.chain import BEACON, GENESIS, NS, TIME, Chain, atx, ballot, signer

THRESHOLD = 10
LAYER = LayerID(8)
"""First layer with hare; its epoch is 2."""

A, B, C = (ProposalID(bytes([letter]) * 20) for letter in b"ABC")


def at(iteration: int, round_: int) -> IterRound:
    return IterRound(iteration=iteration, round=round_)


def vrf(order: int) -> VrfSignature:
    """Return a proof that stands at place ``order`` among others, with that coin bit."""
    return VrfSignature(order.to_bytes(80, "little"))


def said(
    sender: int,
    when: IterRound,
    *proposals: ProposalID,
    reference: Hash32 | None = None,
    seats: int = 1,
    order: int | None = None,
    malicious: bool = False,
    atx_grade: int = BEST_ATX_GRADE,
) -> RoundMessage:
    """Return what a smesher says in a round."""
    content = repr((when, proposals, reference)).encode()
    return RoundMessage(
        sender=SmesherID(bytes([sender]) * 32),
        iter_round=when,
        proposals=proposals,
        reference=reference,
        proof=vrf(sender if order is None else order),
        seats=seats,
        digest=Hash32(hash32(bytes([sender]), content)),
        signature=EdSignature.zero(),
        malicious=malicious,
        atx_grade=atx_grade,
    )


def run_to(machine: HareMachine, when: IterRound) -> list[Output]:
    """Execute rounds until ``when`` is due; return what came out."""
    outputs: list[Output] = []
    while machine.position != when:
        outputs += machine.on_round()
    return outputs


def proposal(number: int, layer: LayerID = LAYER, *, name: bytes | None = None) -> Proposal:
    """Return the proposal of a smesher; ``name`` is its compact identifier."""
    proof = VrfSignature((name or bytes([number]) * 4).ljust(80, b"\1"))
    made = replace(ballot(number, layer), eligibilities=(VotingEligibility(j=0, sig=proof),))
    return Proposal(
        inner=InnerProposal(ballot=made, tx_ids=(), mesh_hash=Hash32.zero()),
        signature=EdSignature.zero(),
    )


@dataclass(frozen=True)
class Pooled:
    """A proposal as the pool hands it out."""

    proposal: Proposal
    beacon: Beacon = BEACON
    malicious: bool = False


@dataclass
class Pool:
    """An in-memory ProposalSource."""

    pooled: list[Pooled] = field(default_factory=list)

    def for_hare(self, layer: LayerID) -> Sequence[Pooled]:
        return [entry for entry in self.pooled if entry.proposal.layer == layer]


@dataclass
class Witness:
    """Takes what hare tells others."""

    proofs: list[MalfeasanceProof] = field(default_factory=list)
    coins: dict[LayerID, bool] = field(default_factory=dict)
    started: list[LayerID] = field(default_factory=list)
    completed: list[LayerID] = field(default_factory=list)

    def on_proof(self, proof: MalfeasanceProof) -> None:
        self.proofs.append(proof)

    def on_weak_coin(self, layer: LayerID, *, coin: bool) -> None:
        self.coins[layer] = coin

    def start(self, layer: LayerID) -> None:
        self.started.append(layer)

    def complete(self, layer: LayerID) -> None:
        self.completed.append(layer)


def config(version: Version = Version.HARE3, **changed: object) -> HareConfig:
    """Return a schedule that fits the tests' layers: rounds of half a second."""
    kind = HareConfig if version is Version.HARE3 else Hare4Config
    plain = kind(
        enable=True,
        committee=50,
        leaders=5,
        iterations_limit=4,
        preround_delay=NS,  # type: ignore[arg-type]
        round_duration=NS // 2,  # type: ignore[arg-type]
    )
    return replace_config(plain, **changed)


def replace_config(plain: HareConfig, **changed: object) -> HareConfig:
    """Return a configuration with some values changed."""
    fields = {name: getattr(plain, name) for name in type(plain).__struct_fields__}
    return type(plain)(**(fields | changed))


class HareNode:
    """One smesher's node: the store it needs, hare, and what comes out."""

    def __init__(
        self,
        folder: Path,
        number: int,
        *,
        members: int,
        network: MemoryNetwork,
        clock: Clock,
        version: Version = Version.HARE3,
        settings: HareConfig | None = None,
    ) -> None:
        self.number = number
        self.chain = Chain(folder / f"node{number}")
        self.local = LevelDB(folder / f"local{number}")
        for member in range(1, members + 1):
            self.chain.add_atx(atx(member))
        with self.chain.db.batch(sync=False) as batch:
            put_beacon(batch, EpochID(2), BEACON)
        self.chain.add_reference(1, LAYER, [atx(member) for member in range(1, members + 1)])
        self.end: MemoryEnd = network.join(f"node{number}")
        self.pool = Pool()
        self.witness = Witness()
        self.keys: list[Signer] = [signer(number)]
        self.synced = True
        self.outputs: asyncio.Queue[HareOutput] = asyncio.Queue(32)
        sets = ActiveSets(
            db=self.chain.db, atxdata=self.chain.atxdata, time=TIME, confidence_param=0
        )
        self.oracle = EligibilityOracle(db=self.chain.db, active_sets=sets, time=TIME)
        verifier = Verifier(GENESIS)
        self.exchange = FullExchange(network=self.end, proposals=self.pool, verifier=verifier)
        self.handler = HareHandler(
            config=settings or config(version),
            verifier=verifier,
            oracle=self.oracle,
            atxdata=self.chain.atxdata,
            equivocations=self.witness,
            exchange=self.exchange if version is Version.HARE4 else None,
        )
        self.end.register(self.handler.topic, self.handler.on_gossip)
        self.end.serve(PROTOCOL, self.exchange.on_request)
        self.service = HareService(
            db=self.chain.db,
            clock=clock,
            time=TIME,
            handler=self.handler,
            network=self.end,
            proposals=self.pool,
            patrol=self.witness,
            coin=self.witness,
            signers=lambda: tuple(self.keys),
            guard=EquivocationGuard(db=self.chain.db, local=self.local, bus=Bus()),
            is_synced=lambda: self.synced,
            outputs=self.outputs,
            zdist=8,
        )

    def offer(self, *proposals: Proposal) -> None:
        """Put proposals into the pool."""
        self.pool.pooled += [Pooled(offered) for offered in proposals]

    def results(self) -> dict[LayerID, tuple[ProposalID, ...]]:
        """Take what came out so far."""
        found = {}
        while not self.outputs.empty():
            output = self.outputs.get_nowait()
            found[output.layer] = output.proposals
        return found

    def close(self) -> None:
        self.chain.db.close()
        self.local.close()


@contextmanager
def closing(*nodes: HareNode) -> Iterator[None]:
    """Close the stores of nodes at the end of a block."""
    try:
        yield
    finally:
        for node in nodes:
            node.close()


@dataclass
class SeededLinks:
    """Delays that look random and are the same in every run."""

    seed: int
    shortest_s: float
    longest_s: float
    sent: int = 0

    def delay_s(self, sender: PeerID, receiver: PeerID) -> float | None:
        self.sent += 1
        drawn = hash32(self.seed.to_bytes(8, "big"), self.sent.to_bytes(8, "big"))
        share = int.from_bytes(drawn[:4], "big") / (1 << 32)
        return self.shortest_s + share * (self.longest_s - self.shortest_s)


class Scene:
    """A node with an open session, and the messages of smesher 1."""

    def __init__(self, folder: Path, version: Version) -> None:
        self.version = version
        self.network = MemoryNetwork()
        self.peer: MemoryEnd = self.network.join("peer")
        # With so many leaders everybody has seats in every round.
        self.node = HareNode(
            folder,
            2,
            members=2,
            network=self.network,
            clock=LoopClock(),
            version=version,
            settings=config(version, leaders=50),
        )
        self.machine = self.node.handler.open(LAYER)

    def eligibility(self, when: IterRound, number: int = 1) -> HareEligibility:
        oracle = self.node.oracle
        proof = signer(number).vrf_sign(oracle.vrf_input(LAYER, when.absolute))
        count = oracle.seats(LAYER, when.absolute, 50, signer(number).smesher_id, proof)
        assert count > 0
        return HareEligibility(proof=proof, count=count)

    def message(
        self, when: IterRound, *proposals: ProposalID, reference: Hash32 | None = None
    ) -> HareMessage:
        content = Content(
            layer=LAYER,
            iter_round=when,
            proposals=proposals,
            reference=reference,
            eligibility=self.eligibility(when),
        )
        return sign_message(self.version, content, signer(1))

    async def send(self, message: HareMessage, peer: str = "peer") -> None:
        await self.node.handler.on_gossip(PeerID(peer), scale.encode(message))
