"""Hare alone: the sessions of one layer on many nodes, some of which equivocate.

Every node has the handler, the service, the machine and the exchange of the daemon; only
links, clock and keys come from the seed.  The proposals are made up, for hare reads no more
of them than who made them; each reaches a node unless the link to it loses it.

Honest nodes must not agree on two different sets.  That some end without one is allowed
where too much is lost: they get the block from the others.

Source: hare digest section 9.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from node.base import scale
from node.config.durations import Nanoseconds
from node.config.model.consensus import Hare4Config, HareConfig
from node.consensus.activesets import ActiveSets, EligibilityOracle
from node.consensus.atxdata import AtxData
from node.consensus.eligibility import Distributions
from node.consensus.hare.exchange import PROTOCOL, FullExchange
from node.consensus.hare.handler import HareHandler
from node.consensus.hare.machine import PREROUND, HareMachine, following
from node.consensus.hare.messages import Content, Version, decode_message, sign_message
from node.consensus.hare.schedule import round_offset_ns, threshold_of
from node.consensus.hare.service import HareService
from node.consensus.hare.wire import (
    HareMessage,
    IterRound,
    MessageV4,
    compute_reference,
)
from node.consensus.malfeasance.guard import EquivocationGuard
from node.consensus.malfeasance.wire import MalfeasanceProof
from node.consensus.proposals.pool import PooledProposal
from node.crypto.ed25519 import Signer, Verifier
from node.events import Bus
from node.layer_ticker import LoopClock
from node.net.memory import MemoryEnd
from node.net.ports import Gossip
from node.sim.links import MILLION, Randomness
from node.sim.smeshers import draw_atx, draw_network, draw_signers
from node.sim.two_faced import TwoFacedGossip
from node.sim.virtual_time import simulate
from node.store.atxs import put_atx
from node.store.beacons import put_beacon
from node.store.db import LevelDB
from node.types.active_set import EpochActiveSet
from node.types.atx import Atx
from node.types.ballot import Ballot, InnerBallot, Votes, VotingEligibility
from node.types.ids import (
    NO_BALLOT,
    BallotID,
    Beacon,
    EdSignature,
    Hash32,
    ProposalID,
    SmesherID,
    VrfSignature,
)
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime
from node.types.proposal import InnerProposal, Proposal

SECOND_NS: Final = 10**9
TIME: Final = LayerTime(
    genesis_ns=1_700_000_000 * SECOND_NS, layer_duration_ns=300 * SECOND_NS, layers_per_epoch=4
)
"""Layers as long as the live network's."""
LAYER: Final = LayerID(TIME.effective_genesis + 1)
EPOCH: Final = TIME.epoch_of(LAYER)
ZDIST: Final = 2
SAMPLE_NS: Final = SECOND_NS // 1000
"""How long before the next round a round is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HarePlan:
    """What is run; it determines everything that happens."""

    version: Version
    nodes: int

    equivocators: int
    """Nodes that say one thing to one half of the others and another thing to the other."""

    lost_per_million: int
    """Messages lost on each link, of a million."""

    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRound:
    """A node after a round."""

    node: str
    messages: int
    """Of this round, that it has heard."""

    seats: int
    """What they weigh."""

    malicious: int
    """Of the messages, those whose sender is known to be malicious."""

    locked: Hash32 | None
    is_hard: bool
    result: Hash32 | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundReport:
    """A round, when everything said in it has arrived that does."""

    iter_round: IterRound

    offset_s: float
    """When it began, after the start of the layer."""

    nodes: tuple[NodeRound, ...]
    """The honest ones whose sessions are not over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an honest node ended with."""

    node: str

    agreed: tuple[ProposalID, ...] | None
    """None: nothing until the last iteration."""

    coin: bool | None
    """The layer's weak coin; None if no preround message was heard."""

    convicted: int
    """Smeshers against whom it has a proof."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HareReport:
    """How a run went."""

    plan: HarePlan

    threshold: int
    """Seats that support something."""

    proposals: tuple[ProposalID, ...]
    """All of the layer, ascending."""

    rounds: tuple[RoundReport, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def sets(self) -> tuple[tuple[ProposalID, ...], ...]:
        """What honest nodes agreed on, most of them first; more than one is a failure."""
        found = Counter(o.agreed for o in self.outcomes if o.agreed is not None)
        return tuple(sorted(found, key=lambda agreed: (-found[agreed], agreed)))

    @property
    def undecided(self) -> tuple[str, ...]:
        """Honest nodes that agreed on nothing."""
        return tuple(o.node for o in self.outcomes if o.agreed is None)

    @property
    def agreed(self) -> bool:
        """Tell whether no two honest nodes have different sets."""
        return len(self.sets) <= 1


@dataclass
class Pool:
    """The proposals that one node has."""

    pooled: list[PooledProposal] = field(default_factory=list)

    def for_hare(self, layer: LayerID) -> Sequence[PooledProposal]:
        """See ProposalSource."""
        return [entry for entry in self.pooled if entry.proposal.layer == layer]


@dataclass
class Witness:
    """Takes what one node's hare tells the components beside it."""

    coin: bool | None = None
    proofs: list[MalfeasanceProof] = field(default_factory=list)

    def on_weak_coin(self, layer: LayerID, *, coin: bool) -> None:
        """See WeakCoinListener."""
        self.coin = coin

    def on_proof(self, proof: MalfeasanceProof) -> None:
        """See EquivocationListener."""
        self.proofs.append(proof)

    def start(self, layer: LayerID) -> None:
        """See LayerPatrol."""

    def complete(self, layer: LayerID) -> None:
        """See LayerPatrol."""


@dataclass(kw_only=True)
class SharedOracle(EligibilityOracle):
    """The lottery, drawn once for all nodes, which have the same ATXs and the same beacon."""

    known: dict[tuple[int, int, SmesherID, bytes, int], bool] = field(default_factory=dict)

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
        """See EligibilityOracle."""
        key = (round_, committee, smesher, bytes(proof), count)
        if key not in self.known:
            self.known[key] = super().are_seats(
                layer, round_, committee, smesher, proof, count=count
            )
        return self.known[key]


@dataclass(kw_only=True)
class WatchedHandler(HareHandler):
    """A handler whose session can be looked at."""

    machine: HareMachine | None = None

    def open(self, layer: LayerID) -> HareMachine:
        """See HareHandler."""
        self.machine = super().open(layer)
        return self.machine


@dataclass(frozen=True, kw_only=True)
class HareDeceit:
    """Tells some that there is no first proposal.

    The other message leaves it out, or names the set without it, so that the two halves could
    agree on different sets.
    """

    signer: Signer
    pool: Pool
    version: Version
    exchange: FullExchange | None

    def delay_s(self, topic: str, link_s: float | None, *, is_other: bool) -> float | None:
        """See Deceit."""
        return link_s

    def other_face(self, topic: str, data: bytes) -> bytes:
        """See Deceit."""
        body = decode_message(self.version, data).body
        rest = self._known()[1:]
        has_reference = body.value.reference is not None
        content = Content(
            layer=body.layer,
            iter_round=body.iter_round,
            proposals=() if has_reference else rest,
            reference=compute_reference(rest) if has_reference else None,
            eligibility=body.eligibility,
        )
        message = sign_message(self.version, content, self.signer)
        return scale.encode(self._on_the_wire(message))

    def _on_the_wire(self, message: HareMessage) -> HareMessage:
        is_compact = message.body.iter_round == PREROUND
        if self.exchange is not None and isinstance(message, MessageV4) and is_compact:
            return self.exchange.compact(message)
        return message

    def _known(self) -> tuple[ProposalID, ...]:
        return tuple(sorted(entry.proposal.id for entry in self.pool.pooled))


@dataclass(kw_only=True)
class HareNode:
    """One smesher's node, as far as hare goes."""

    name: str
    is_honest: bool
    end: MemoryEnd
    pool: Pool
    witness: Witness
    handler: WatchedHandler
    service: HareService

    def outcome(self) -> Outcome:
        """Return what the node ended with."""
        agreed = None
        with suppress(asyncio.QueueEmpty):
            agreed = self.service.outputs.get_nowait().proposals
        return Outcome(
            node=self.name,
            agreed=agreed,
            coin=self.witness.coin,
            convicted=len(self.witness.proofs),
        )

    def look(self, iter_round: IterRound) -> NodeRound | None:
        """Return the node's state after a round, None if its session was over before."""
        machine = self.handler.machine
        if machine is None or machine.position != following(iter_round):
            return None
        state = machine.state()
        heard = [stats for stats in machine.stats() if stats.iter_round == iter_round]
        return NodeRound(
            node=self.name,
            messages=sum(stats.messages for stats in heard),
            seats=sum(stats.seats for stats in heard),
            malicious=sum(stats.malicious for stats in heard),
            locked=state.locked,
            is_hard=state.is_hard,
            result=state.result,
        )


class HareSimulation:
    """All nodes of a run, with a store that holds what they all know."""

    def __init__(self, plan: HarePlan, folder: Path) -> None:
        """Make the nodes.

        Args:
            plan: what to run.
            folder: empty; takes the databases.
        """
        self.plan = plan
        self.config = hare_config(plan.version)
        self.random = Randomness(b"hare %d" % plan.seed)
        self.signers = draw_signers(self.random, plan.nodes)
        self.atxs = [draw_atx(self.random, one, EpochID(EPOCH - 1)) for one in self.signers]
        self.proposals = [self._proposal(atx) for atx in self.atxs]
        self.beacon = Beacon(self.random(Beacon.SIZE))
        self.db = LevelDB(folder / "state")
        self.local = LevelDB(folder / "local")
        with self.db.batch(sync=False) as batch:
            put_beacon(batch, EPOCH, self.beacon)
            for atx in self.atxs:
                put_atx(batch, atx, blob=None)
        self.clock = LoopClock(TIME.start_of(LAYER) - SECOND_NS)
        self.verifier = Verifier(self.signers[0].genesis_id)
        self.network = draw_network(self.random, plan.lost_per_million)
        self.oracle = self._oracle()
        self.nodes = [self._node(number) for number in range(plan.nodes)]

    def close(self) -> None:
        """Close the databases."""
        self.db.close()
        self.local.close()

    async def run(self) -> HareReport:
        """Hold the sessions of one layer."""
        rounds: list[RoundReport] = []
        async with asyncio.TaskGroup() as tasks:
            for node in self.nodes:
                node.end.start(tasks)
            async with asyncio.TaskGroup() as sessions:
                for node in self.nodes:
                    sessions.create_task(node.service.run())
                sessions.create_task(self._watch(rounds))
            for node in self.nodes:
                node.end.stop()
        honest = [node for node in self.nodes if node.is_honest]
        return HareReport(
            plan=self.plan,
            threshold=threshold_of(self.config, LAYER),
            proposals=tuple(sorted(proposal.id for proposal in self.proposals)),
            rounds=tuple(rounds),
            outcomes=tuple(node.outcome() for node in honest),
        )

    async def _watch(self, rounds: list[RoundReport]) -> None:
        """Look at the honest nodes at the end of every round, until all are through."""
        start_ns = TIME.start_of(LAYER)
        due = PREROUND
        while due.iteration < self.config.iterations_limit:
            upcoming = following(due)
            next_ns = start_ns + round_offset_ns(self.config, upcoming)
            await self.clock.sleep_until(next_ns - SAMPLE_NS)
            seen = (node.look(due) for node in self.nodes if node.is_honest)
            nodes = tuple(state for state in seen if state is not None)
            if not nodes:
                return
            offset_s = round_offset_ns(self.config, due) / SECOND_NS
            rounds.append(RoundReport(iter_round=due, offset_s=offset_s, nodes=nodes))
            due = upcoming

    def _oracle(self) -> SharedOracle:
        """Return the lottery; for that nobody is malicious: hare counts such votes itself."""
        atxdata = AtxData()
        for atx in self.atxs:
            atxdata.add_atx(atx)
        sets = ActiveSets(db=self.db, atxdata=atxdata, time=TIME, confidence_param=0)
        ids = tuple(sorted(atx.id for atx in self.atxs))
        sets.on_fallback(EpochActiveSet(epoch=EPOCH, atx_ids=ids))
        return SharedOracle(db=self.db, active_sets=sets, time=TIME, distributions=Distributions())

    def _node(self, number: int) -> HareNode:
        name = f"node{number}"
        end = self.network.join(name)
        atxdata = AtxData()
        for atx in self.atxs:
            atxdata.add_atx(atx)
        pool = self._pool(number)
        witness = Witness()
        exchange = None
        if self.plan.version is Version.HARE4:
            exchange = FullExchange(network=end, proposals=pool, verifier=self.verifier)
            end.serve(PROTOCOL, exchange.on_request)
        handler = WatchedHandler(
            config=self.config,
            verifier=self.verifier,
            oracle=self.oracle,
            atxdata=atxdata,
            equivocations=witness,
            exchange=exchange,
        )
        signer = self.signers[number]
        is_honest = number >= self.plan.equivocators
        gossip: Gossip = end
        if not is_honest:
            deceit = HareDeceit(
                signer=signer,
                pool=pool,
                version=self.plan.version,
                exchange=exchange,
            )
            gossip = TwoFacedGossip(end=end, deceit=deceit)
        gossip.register(handler.topic, handler.on_gossip)
        service = HareService(
            db=self.db,
            clock=self.clock,
            time=TIME,
            handler=handler,
            network=gossip,
            proposals=pool,
            patrol=witness,
            coin=witness,
            signers=lambda: (signer,),
            guard=EquivocationGuard(db=self.db, local=self.local, bus=Bus()),
            is_synced=lambda: True,
            outputs=asyncio.Queue(),
            zdist=ZDIST,
        )
        return HareNode(
            name=name,
            is_honest=is_honest,
            end=end,
            pool=pool,
            witness=witness,
            handler=handler,
            service=service,
        )

    def _pool(self, number: int) -> Pool:
        """Return the proposals of a node: its own, and what was not lost on the way."""
        return Pool(
            [
                PooledProposal(proposal=proposal, beacon=self.beacon, malicious=False)
                for maker, proposal in enumerate(self.proposals)
                if maker == number or self.random.below(MILLION) >= self.plan.lost_per_million
            ]
        )

    def _proposal(self, atx: Atx) -> Proposal:
        proof = VrfSignature(self.random(VrfSignature.SIZE))
        ballot = Ballot(
            inner=InnerBallot(
                layer=LAYER,
                atx_id=atx.id,
                opinion_hash=Hash32.zero(),
                ref_ballot=NO_BALLOT,
                epoch_data=None,
            ),
            signature=EdSignature.zero(),
            smesher=atx.smesher,
            votes=Votes(base=BallotID.zero(), support=(), against=(), abstain=()),
            eligibilities=(VotingEligibility(j=0, sig=proof),),
            active_set=(),
        )
        return Proposal(
            inner=InnerProposal(ballot=ballot, tx_ids=(), mesh_hash=Hash32.zero()),
            signature=EdSignature.zero(),
        )


def hare_config(version: Version) -> HareConfig:
    """Return the live network's parameters, for one layer."""
    kind = HareConfig if version is Version.HARE3 else Hare4Config
    return kind(
        enable=True,
        enable_layer=LAYER,
        disable_layer=LayerID(LAYER + 1),
        committee=50,
        leaders=5,
        iterations_limit=4,
        preround_delay=Nanoseconds(25 * SECOND_NS),
        round_duration=Nanoseconds(12 * SECOND_NS),
    )


def run_hare(plan: HarePlan, folder: Path) -> HareReport:
    """Run a plan to its end.

    Args:
        plan: what to run.
        folder: empty; takes the databases.
    """
    simulation = HareSimulation(plan, folder)
    try:
        return simulate(simulation.run())
    finally:
        simulation.close()
