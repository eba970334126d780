"""Families ``network/hare`` and ``network/hare4``: we take the place of Go nodes in hare.

For every recorded smesher a node of ours is run with that smesher's key, in virtual time:
proposals and the others' hare messages come in when they were recorded.  Signatures and VRF
proofs leave no choice, so that what our node sends must equal what the Go node sent, byte
by byte, in every round, but for the order of a set that Go nodes order at random.  What it
agrees on must make the recorded block, and the weak coins must be the recorded ones; so for
both versions of hare and for the change between them.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from node.base import scale
from node.base.errors import SpacemeshError, UnavailableError
from node.config.durations import Instant
from node.config.genesis import genesis_id
from node.config.model.consensus import HareConfig
from node.config.model.root import NodeConfig
from node.consensus.activesets import ActiveSets, EligibilityOracle
from node.consensus.blocks.make_block import Candidate, ProposalFacts, plan_block
from node.consensus.hare.exchange import PROTOCOL, FullExchange
from node.consensus.hare.handler import HareHandler
from node.consensus.hare.messages import decode_message
from node.consensus.hare.ports import HareOutput
from node.consensus.hare.service import HareService
from node.consensus.hare.wire import (
    BodyV3,
    HareMessage,
    IterRound,
    MessageV3,
    Round,
)
from node.consensus.malfeasance.guard import EquivocationGuard
from node.consensus.malfeasance.wire import MalfeasanceProof
from node.consensus.proposals.pool import PooledProposal, ProposalPool
from node.crypto.ed25519 import Signer, Verifier, private_key_of
from node.events import Bus
from node.layer_ticker import LoopClock
from node.net.ports import GossipHandler, PeerID, RequestHandler
from node.sim.virtual_time import simulate
from node.store.ballots import find_ballot
from node.store.db import LevelDB
from node.store.layers import find_mesh_hash
from node.store.transactions import get_transaction
from node.types.block import Block
from node.types.ids import NO_BLOCK, ProposalID, SmesherID, TransactionID
from node.types.layer import LayerID
from node.types.layer_time import LayerTime
from node.types.proposal import Proposal
from scripts.vectors.family import Case, Family, compare
from scripts.vectors.hare_recording import (
    MS,
    Heard,
    Recording,
    Slot,
    read_recording,
    sure_proposals,
)
from scripts.vectors.proposals import (
    Judge,
    import_without_ballots,
    restore_active_sets,
)

RECORDER = PeerID("recorder")
BEFORE_NS = 3000 * MS
"""How long before the first layer our nodes are started."""


@dataclass
class RecordedNetwork:
    """Peers that say what was recorded, and listen."""

    local: PeerID
    answers: Mapping[bytes, bytes]
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    handlers: dict[str, GossipHandler] = field(default_factory=dict)

    def register(self, topic: str, handler: GossipHandler) -> None:
        """See Gossip."""
        self.handlers[topic] = handler

    async def publish(self, topic: str, data: bytes) -> None:
        """See Gossip."""
        await self.handlers[topic](self.local, data)
        self.sent.append((topic, data))

    def serve(self, protocol: str, handler: RequestHandler) -> None:
        """See Requests."""

    async def request(self, peer: PeerID, protocol: str, data: bytes) -> bytes:
        """See Requests."""
        if protocol != PROTOCOL or data not in self.answers:
            raise UnavailableError(f"peer {peer} was not asked {data.hex()}")
        return self.answers[data]

    def best(self, count: int) -> tuple[PeerID, ...]:
        """Nobody but who delivered a message was asked about it."""
        return ()


@dataclass
class Witness:
    """Takes what hare tells others."""

    coins: dict[LayerID, bool] = field(default_factory=dict)
    proofs: list[MalfeasanceProof] = field(default_factory=list)

    def on_weak_coin(self, layer: LayerID, *, coin: bool) -> None:
        """See WeakCoinListener."""
        self.coins[layer] = coin

    def on_proof(self, proof: MalfeasanceProof) -> None:
        """See EquivocationListener."""
        self.proofs.append(proof)

    def start(self, layer: LayerID) -> None:
        """See LayerPatrol."""

    def complete(self, layer: LayerID) -> None:
        """See LayerPatrol."""


@dataclass
class RecordedPool:
    """The proposals that the recorded node had.

    What came just before the preround was checked by some nodes in time and by others not;
    their preround messages tell which.
    """

    pool: ProposalPool
    clock: LoopClock
    time: LayerTime
    config: HareConfig
    sure: Callable[[ProposalID], bool]
    """Tells of a proposal whether it was there in time for certain."""

    named: Callable[[LayerID], Sequence[ProposalID]]
    """Returns what the smesher names in a layer."""

    def for_hare(self, layer: LayerID) -> list[PooledProposal]:
        """See ProposalSource."""
        pooled = self.pool.for_hare(layer)
        preround_ns = self.time.start_of(layer) + self.config.preround_delay
        if self.clock.now_ns() >= preround_ns + self.config.round_duration:
            return list(pooled)
        named = self.named(layer)
        return [
            entry for entry in pooled if entry.proposal.id in named or self.sure(entry.proposal.id)
        ]


class Replica:
    """Our node in the place of a recorded one."""

    def __init__(self, folder: Path, recording: Recording, smesher: SmesherID) -> None:
        config = recording.config
        self.recording = recording
        self.smesher = smesher
        self.db = LevelDB(folder / "state")
        self.local = LevelDB(folder / "local")
        import_without_ballots(self.db, recording.dump)
        restore_active_sets(self.db, recording.proposals, config.main.layers_per_epoch)
        self.judge = Judge(self.db, config)
        self.time = self.judge.time
        self.first = LayerID(recording.layers[0])
        self.clock = LoopClock(self.time.start_of(self.first) - BEFORE_NS)
        identity = genesis_id(Instant(self.time.genesis_ns), config.genesis.extra_data)
        self.signer = Signer(private_key_of(recording.seeds[smesher]), identity)
        self.verifier = Verifier(identity)
        self.network = RecordedNetwork(recording.peers[smesher], recording.answers)
        self.witness = Witness()
        self.outputs: asyncio.Queue[HareOutput] = asyncio.Queue()
        self.pool = RecordedPool(
            pool=self.judge.pool,
            clock=self.clock,
            time=self.time,
            config=config.hare3,
            sure=sure_proposals(recording).__contains__,
            named=lambda layer: recording.initial(layer, smesher),
        )
        sets = ActiveSets(
            db=self.db,
            atxdata=self.judge.handler.atxdata,
            time=self.time,
            confidence_param=config.hare_eligibility.confidence_param,
        )
        self.oracle = EligibilityOracle(db=self.db, active_sets=sets, time=self.time)
        self.exchange = FullExchange(
            network=self.network, proposals=self.pool, verifier=self.verifier
        )
        hares = (
            self._hare(config, config.hare3, None),
            self._hare(config, config.hare4, self.exchange),
        )
        self.hares = [hare for hare in hares if hare.config.enable]

    def _hare(
        self, config: NodeConfig, section: HareConfig, exchange: FullExchange | None
    ) -> HareService:
        handler = HareHandler(
            config=section,
            verifier=self.verifier,
            oracle=self.oracle,
            atxdata=self.judge.handler.atxdata,
            equivocations=self.witness,
            exchange=exchange,
        )
        self.network.register(section.protocol_name, handler.on_gossip)
        return HareService(
            db=self.db,
            clock=self.clock,
            time=self.time,
            handler=handler,
            network=self.network,
            proposals=self.pool,
            patrol=self.witness,
            coin=self.witness,
            signers=lambda: (self.signer,),
            guard=EquivocationGuard(db=self.db, local=self.local, bus=Bus()),
            is_synced=lambda: True,
            outputs=self.outputs,
            zdist=config.tortoise.zdist,
        )

    async def run(self) -> list[Case]:
        """Live through the recording; return what was not taken as it was by Go nodes."""
        cases = []
        ends_ns = self.time.start_of(LayerID(self.recording.layers[-1] + 1)) - MS
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(hare.run()) for hare in self.hares]
            for heard in self.recording.schedule(self.smesher):
                await self.clock.sleep_until(self.time.genesis_ns + heard.at_ns)
                cases += await self._take(heard)
            await self.clock.sleep_until(ends_ns)
            for task in running:
                task.cancel()
        return cases

    async def _take(self, heard: Heard) -> list[Case]:
        if heard.proposal is not None:
            name = f"{self.smesher} hears proposal {heard.proposal.id}"
            return [Case(name, await self.judge.judge(heard.data, heard.at_ns))]
        if heard.slot is None:
            return await self._answer(heard)
        problem = ""
        try:
            await self.network.handlers[heard.topic](heard.peer, heard.data)
        except SpacemeshError as error:
            problem = str(error)
        return [Case(f"{self.smesher} hears {heard.slot}", problem)]

    async def _answer(self, heard: Heard) -> list[Case]:
        """Answer a question of the recorder, if it was put to this node."""
        if heard.peer != self.network.local:
            return []
        name = f"{self.smesher} is asked for {heard.data.hex()}"
        try:
            ours = await self.exchange.on_request(RECORDER, heard.data)
        except SpacemeshError as error:
            return [Case(name, str(error))]
        return [compare(name, ours, self.recording.answers[heard.data])]

    def agreed(self) -> dict[LayerID, tuple[ProposalID, ...]]:
        """Return what came out so far."""
        found = {}
        while not self.outputs.empty():
            output = self.outputs.get_nowait()
            found[output.layer] = output.proposals
        return found

    def close(self) -> None:
        """Close the databases."""
        self.db.close()
        self.local.close()

    def compare_sent(self) -> Iterator[Case]:
        """Compare what we sent with what the Go node sent."""
        versions = {hare.handler.topic: hare.handler.version for hare in self.hares}
        ours: dict[Slot, HareMessage] = {}
        for topic, data in self.network.sent:
            message = decode_message(versions[topic], data)
            ours[Slot.of(message)] = message
        theirs = {
            heard.slot: decode_message(versions[heard.topic], heard.data)
            for heard in self.recording.heard
            if heard.slot is not None and heard.slot.sender == self.smesher
        }
        for slot in sorted(ours.keys() | theirs.keys(), key=Slot.key):
            yield self._compare_message(slot, ours.get(slot), theirs.get(slot))

    def _compare_message(
        self, slot: Slot, ours: HareMessage | None, theirs: HareMessage | None
    ) -> Case:
        choices = self.recording.choices(slot)
        chosen = {m.body.value.reference for m in (ours, theirs) if m is not None}
        if choices and ours is not None and theirs is not None and chosen <= choices:
            return Case(f"{slot}, one of {len(choices)}")
        return compare(str(slot), ordered(ours), ordered(theirs))


def ordered(message: HareMessage | None) -> object:
    """Return what of a message must be equal.

    Go nodes send the set of a hare 3 preround in a random order, and sign it so.
    """
    match message:
        case MessageV3(body=BodyV3(iter_round=IterRound(round=Round.PREROUND)) as body):
            value = replace(body.value, proposals=tuple(sorted(body.value.proposals)))
            return replace(body, value=value), message.sender
        case _:
            return message


def check(folder: Path, *, name: str) -> Iterator[Case]:
    """Take the place of every smesher of one recording."""
    recording = read_recording(folder, name)
    for smesher in recording.speakers:
        yield from check_place(recording, smesher)


def check_place(recording: Recording, smesher: SmesherID) -> Iterator[Case]:
    """Take the place of one smesher; of the first one's node it is known what it stored."""
    with tempfile.TemporaryDirectory() as target:
        replica = Replica(Path(target), recording, smesher)
        try:
            yield from simulate(replica.run())
            yield from replica.compare_sent()
            if smesher == recording.speakers[0]:
                yield from compare_outputs(replica)
        finally:
            replica.close()


def compare_outputs(replica: Replica) -> Iterator[Case]:
    """Compare what was agreed on with what the first recorded node stored."""
    agreed = replica.agreed()
    tables = replica.recording.dump.tables
    for layer in map(LayerID, replica.recording.layers):
        coins = [row[1] for row in tables["layers"] if row[0] == layer]
        yield compare(f"weak coin of layer {layer}", [replica.witness.coins.get(layer)], coins)
        made = [make_block(replica, layer, agreed[layer])] if layer in agreed else []
        ids = [NO_BLOCK if block is None else block.id for block in made]
        certified = [row[1] for row in tables["certificates"] if row[0] == layer]
        yield compare(f"hare output of layer {layer}", ids, certified)
        blocks = [scale.encode(block) for block in made if block is not None]
        stored = [row[3] for row in tables["blocks"] if row[1] == layer]
        yield compare(f"block of layer {layer}", blocks, stored)


def make_block(replica: Replica, layer: LayerID, agreed: Sequence[ProposalID]) -> Block | None:
    """Return the block that the agreed proposals make; None without any.

    All transactions of the recording could be executed, so that none is left out.
    """
    if not agreed:
        return None
    proposals = {proposal.id: proposal for proposal in replica.recording.proposals}
    facts = [_facts(replica, layer, proposals[identifier]) for identifier in agreed]
    plan = plan_block(
        layer,
        facts,
        {tx_id: _candidate(replica.db, layer, tx_id) for fact in facts for tx_id in fact.tx_ids},
        own_mesh_hash=find_mesh_hash(replica.db, LayerID(layer - 1)),
        threshold_percent=replica.recording.config.main.optimistic_filtering_threshold,
        gas_limit=replica.recording.config.main.block_gas_limit,
    )
    return plan.block()


def _facts(replica: Replica, layer: LayerID, proposal: Proposal) -> ProposalFacts:
    ballot = proposal.ballot
    entry = replica.judge.handler.atxdata.get(replica.time.epoch_of(layer), ballot.atx_id)
    reference = (
        ballot if ballot.inner.epoch_data else find_ballot(replica.db, ballot.inner.ref_ballot)
    )
    data = None if reference is None else reference.inner.epoch_data
    if entry is None or data is None:
        raise ValueError(f"atx or epoch data of proposal {proposal.id} not known")
    return ProposalFacts(
        id=proposal.id,
        atx_id=ballot.atx_id,
        atx_weight=entry.weight,
        base_tick_height=entry.base_height,
        eligibility_count=data.eligibility_count,
        eligibilities=len(ballot.eligibilities),
        tx_ids=proposal.inner.tx_ids,
        mesh_hash=proposal.inner.mesh_hash,
    )


def _candidate(db: LevelDB, layer: LayerID, tx_id: TransactionID) -> Candidate:
    stored = get_transaction(db, tx_id)
    if stored.transaction.header is None:
        raise ValueError(f"transaction {tx_id} without a header")
    return Candidate(
        id=tx_id,
        header=stored.transaction.header,
        is_applied=stored.result is not None and stored.result.layer < layer,
    )


def _family(name: str, prefix: str) -> Family:
    parts = ("gossip.jsonl*", "state-node0.jsonl*", "meta.json*", "requests.jsonl*")
    files = tuple(f"network/{prefix}{part}" for part in parts)
    return Family(name, files, partial(check, name=prefix))


FAMILIES = (
    _family("network/hare", ""),
    _family("network/hare4", "hare4-"),
)
