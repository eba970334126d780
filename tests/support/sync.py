"""A node that catches up in front of peers that say what a test lets them say."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from node.base import scale
from node.base.errors import PreconditionError, RejectError, UnavailableError, WrongObjectError
from node.config.model.sync import AtxSyncConfig, MalfeasanceSyncConfig, SyncerConfig
from node.consensus.atxdata import AtxData
from node.events import Bus, SyncChanged
from node.layer_ticker import LoopClock
from node.net.fetch.choice import PeerChoice
from node.net.fetch.client import Fetcher
from node.net.fetch.planner import FetchPlanner
from node.net.fetch.server import FetchServer
from node.net.fetch.wire import (
    EPOCH_ATXS,
    LAYER_DATA,
    MALICIOUS_IDS,
    MESH_HASHES,
    OPINIONS,
    EpochAtxs,
    EpochRequest,
    Hint,
    LayerBallots,
    LayerOpinion,
    LayerRequest,
    MaliciousIDs,
    MeshHashes,
    MeshHashRequest,
    OpinionRequest,
)
from node.net.memory import MemoryEnd, MemoryNetwork
from node.net.ports import PeerID
from node.sim.virtual_time import simulate
from node.store.atxs import has_atx, put_atx
from node.store.ballots import has_ballot, put_ballot
from node.store.blocks import has_block, put_block
from node.store.certificates import put_certificate
from node.store.identities import Malfeasance, is_malicious, put_malfeasance
from node.store.layers import put_mesh_hash
from node.store.migrate import open_local, open_state
from node.sync.downloads import Downloads
from node.sync.patrol import LayerPatrol
from node.sync.service import SyncParameters, SyncService
from node.sync.state import SyncMachine
from node.types.ballot import Ballot
from node.types.block import Block
from node.types.certificate import Certificate
from node.types.ids import AtxID, BallotID, BlockID, Hash32, SmesherID
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime
from tests.support import store_records as records

NS = 10**9
TIME = LayerTime(genesis_ns=0, layer_duration_ns=10 * NS, layers_per_epoch=4)
GENESIS = LayerID(7)
NO_HASH = Hash32.zero()


def zeros(size: int) -> bytes:
    return bytes(size)


def key_of(identifier: bytes) -> Hash32:
    """Return an identifier as it is asked for."""
    return Hash32(identifier.ljust(32, b"\0"))


def mesh_hash(layer: int, branch: int = 0) -> Hash32:
    return Hash32(bytes([branch + 1]) + layer.to_bytes(31, "big"))


@dataclass
class ScriptedPeer:
    """Answers what is in its lists, and any object of ``objects``."""

    end: MemoryEnd
    atxs: dict[int, tuple[AtxID, ...]] = field(default_factory=dict)
    ballots: dict[int, tuple[BallotID, ...]] = field(default_factory=dict)
    malicious: tuple[SmesherID, ...] = ()
    opinions: dict[int, LayerOpinion] = field(default_factory=dict)
    certificates: dict[tuple[int, BlockID], Certificate] = field(default_factory=dict)
    hashes: dict[int, Hash32] = field(default_factory=dict)
    objects: dict[Hash32, bytes] = field(default_factory=dict)

    garbage: set[str] = field(default_factory=set)
    """Protocols it answers with rubbish."""

    silent: set[str] = field(default_factory=set)
    """Protocols it does not answer."""

    slow: dict[str, float] = field(default_factory=dict)
    """Seconds that its answers take."""

    asked: list[tuple[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        FetchServer(dict.fromkeys(Hint, self.objects.get)).register(self.end)
        for protocol, cls, answer in (
            (EPOCH_ATXS, EpochRequest, self._atxs),
            (LAYER_DATA, LayerRequest, self._ballots),
            (MESH_HASHES, MeshHashRequest, self._hashes),
            (OPINIONS, OpinionRequest, self._opinion),
        ):
            self.end.serve(protocol, self._handler(protocol, cls, answer))
        self.end.serve(MALICIOUS_IDS, self._on_malicious)

    @property
    def name(self) -> PeerID:
        return self.end.local

    def count(self, protocol: str) -> int:
        return sum(asked == protocol for asked, _ in self.asked)

    def _handler(
        self, protocol: str, cls: Any, answer: Callable[[Any], bytes]
    ) -> Callable[[PeerID, bytes], Awaitable[bytes]]:
        async def handle(_: PeerID, data: bytes) -> bytes:
            request = scale.decode(cls, data)
            self._note(protocol, request)
            await asyncio.sleep(self.slow.get(protocol, 0))
            return b"\xff" if protocol in self.garbage else answer(request)

        return handle

    def _note(self, protocol: str, request: Any) -> None:
        self.asked.append((protocol, request))
        if protocol in self.silent:
            raise UnavailableError("silent")

    async def _on_malicious(self, _: PeerID, data: bytes) -> bytes:
        self._note(MALICIOUS_IDS, data)
        await asyncio.sleep(self.slow.get(MALICIOUS_IDS, 0))
        if MALICIOUS_IDS in self.garbage:
            return b"\xff"
        return scale.encode(MaliciousIDs(smeshers=self.malicious))

    def _atxs(self, request: EpochRequest) -> bytes:
        return scale.encode(EpochAtxs(atx_ids=self.atxs.get(request.epoch, ())))

    def _ballots(self, request: LayerRequest) -> bytes:
        return scale.encode(LayerBallots(ballots=self.ballots.get(request.layer, ())))

    def _hashes(self, request: MeshHashRequest) -> bytes:
        layers = [*range(request.first, request.last, request.step), request.last]
        return scale.encode(MeshHashes(hashes=tuple(self.hashes[layer] for layer in layers)))

    def _opinion(self, request: OpinionRequest) -> bytes:
        if request.block is None:
            nothing = LayerOpinion(previous_mesh_hash=NO_HASH, certified=None)
            return scale.encode(self.opinions.get(request.layer, nothing))
        found = self.certificates.get((request.layer, request.block))
        return b"" if found is None else scale.encode(found)


@dataclass
class PlainMesh:
    """Processes layers, but for blocks that are missing and failures that are asked for."""

    latest: LayerID = GENESIS
    processed: LayerID = GENESIS
    applied: LayerID = GENESIS
    undecided: LayerID | None = None
    asked: list[int] = field(default_factory=list)
    missing: dict[int, tuple[BlockID, ...]] = field(default_factory=dict)
    failing: set[int] = field(default_factory=set)

    @property
    def verified(self) -> LayerID:
        return self.processed if self.undecided is None else LayerID(self.undecided - 1)

    def process_layer(self, layer: LayerID, *, first: LayerID | None = None) -> tuple[BlockID, ...]:
        self.asked.append(layer)
        if layer in self.failing:
            self.failing.remove(layer)
            raise PreconditionError("not yet")
        missing = self.missing.pop(layer, ())
        if not missing and (layer if first is None else first) <= self.processed + 1:
            self.processed = max(self.processed, layer)
        return missing


@dataclass
class PlainCertifier:
    """Stores certificates, unless told to refuse."""

    world: "SyncWorld"
    refused: set[BlockID] = field(default_factory=set)

    async def on_certificate(self, layer: LayerID, certificate: Certificate) -> None:
        if certificate.block_id in self.refused:
            raise RejectError("too few seats")
        with self.world.db.batch() as batch:
            put_certificate(batch, layer, certificate)


class SyncWorld:
    """The node, and its peers."""

    def __init__(
        self,
        folder: Path,
        *,
        start_layer: int = 12,
        peers: int = 3,
        mesh: PlainMesh | None = None,
        config: SyncerConfig | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> None:
        self.stack = ExitStack()
        self.db = self.stack.enter_context(open_state(folder))
        self.local = self.stack.enter_context(open_local(folder))
        self.clock = LoopClock(start_layer * TIME.layer_duration_ns)
        self.bus = Bus()
        self.network = MemoryNetwork()
        self.end = self.network.join("self")
        self.others = [ScriptedPeer(self.network.join(f"peer{number}")) for number in range(peers)]
        self.choice = PeerChoice(network=self.end, entropy=zeros)
        self.fetcher = Fetcher(
            network=self.choice,
            planner=FetchPlanner(entropy=zeros),
            has=self._has,
            batch_timeout_s=0.05,
        )
        for hint in Hint:
            self.fetcher.register(hint, self._validator(hint))
        self.mesh = mesh or PlainMesh()
        self.patrol = LayerPatrol()
        self.certifier = PlainCertifier(self)
        self.outputs: list[tuple[int, BlockID]] = []
        self.refused: dict[Hash32, Exception] = {}
        self.cleared = 0
        self.atxdata = AtxData()
        self.config = config or SyncerConfig(
            atx_sync=AtxSyncConfig(requests_limit=2),
            malfeasance_sync=MalfeasanceSyncConfig(requests_limit=2),
        )
        self.downloads = Downloads(
            db=self.db,
            local=self.local,
            time=TIME,
            clock=self.clock,
            atxdata=self.atxdata,
            peers=self.choice,
            fetcher=self.fetcher,
            certifier=self.certifier,
            on_hare_output=lambda layer, block: self.outputs.append((layer, block)),
            config=self.config,
            min_peers=20,
            entropy=zeros,
        )
        self.machine = SyncMachine(time=TIME, out_of_sync_layers=3, gossip_duration_ns=30 * NS)
        plain = SyncParameters(
            interval_ns=5 * NS,
            epoch_end_fraction=0.5,
            hdist=2,
            zdist=2,
            tally_layers=2,
            standalone=False,
            disable_mesh_agreement=False,
        )
        self.service = SyncService(
            machine=self.machine,
            mesh=self.mesh,
            patrol=self.patrol,
            peers=self.choice,
            fetcher=self.fetcher,
            downloads=self.downloads,
            time=TIME,
            clock=self.clock,
            bus=self.bus,
            parameters=replace(plain, **(parameters or {})),
            on_synced=self._clear,
        )

    def _clear(self) -> None:
        self.cleared += 1

    # The store

    def _has(self, hint: Hint, key: Hash32) -> bool:
        match hint:
            case Hint.ATX:
                return has_atx(self.db, AtxID(key))
            case Hint.BALLOT:
                return has_ballot(self.db, BallotID(key[:20]))
            case Hint.BLOCK:
                return has_block(self.db, BlockID(key[:20]))
            case Hint.MALFEASANCE:
                return is_malicious(self.db, SmesherID(key))
            case _:
                return False

    def _validator(self, hint: Hint) -> Callable[[Hash32, PeerID, bytes], Awaitable[None]]:
        async def take(key: Hash32, peer: PeerID, data: bytes) -> None:
            if data == b"other":
                raise WrongObjectError(f"{peer} sent another object")
            if key in self.refused:
                raise self.refused[key]
            with self.db.batch() as batch:
                match hint:
                    case Hint.ATX:
                        number = int.from_bytes(key, "big")
                        put_atx(batch, records.atx(number), blob=data)
                    case Hint.BALLOT:
                        put_ballot(batch, scale.decode(Ballot, data))
                    case Hint.BLOCK:
                        put_block(batch, scale.decode(Block, data))
                    case Hint.MALFEASANCE:
                        proof = Malfeasance(smesher=SmesherID(key), proof=data, received_ns=1)
                        put_malfeasance(batch, proof)

        return take

    # What peers have

    def give_atxs(self, epoch: int, *numbers: int) -> None:
        for peer in self.others:
            peer.atxs[epoch] = tuple(records.atx_id(number) for number in numbers)
            peer.objects.update({Hash32(records.atx_id(number)): b"atx" for number in numbers})

    def give_ballots(self, layer: int, count: int = 2) -> tuple[BallotID, ...]:
        made = [records.ballot(layer, of) for of in range(1, count + 1)]
        for peer in self.others:
            peer.ballots[layer] = tuple(ballot.id for ballot in made)
            peer.objects.update({key_of(ballot.id): scale.encode(ballot) for ballot in made})
        return tuple(ballot.id for ballot in made)

    def give_block(self, layer: int, number: int = 0) -> Block:
        block = records.block(layer, number)
        for peer in self.others:
            peer.objects[key_of(block.id)] = scale.encode(block)
        return block

    def give_proofs(self, *numbers: int) -> None:
        for peer in self.others:
            peer.malicious = tuple(records.smesher(number) for number in numbers)
            peer.objects.update({Hash32(records.smesher(number)): b"proof" for number in numbers})

    def set_hashes(self, first: int, last: int, branch: int = 0) -> None:
        with self.db.batch() as batch:
            for layer in range(first, last + 1):
                put_mesh_hash(batch, LayerID(layer), mesh_hash(layer, branch))

    # Running

    def run(self, main: Callable[[], Awaitable[Any]]) -> Any:
        """Run something with the network and the fetcher running."""

        async def within() -> Any:
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(self.network.run()),
                    tasks.create_task(self.fetcher.run()),
                ]
                await asyncio.sleep(0)
                try:
                    return await main()
                finally:
                    for task in running:
                        task.cancel()

        try:
            return simulate(within())
        finally:
            self.stack.close()

    def serve(self, seconds: float, then: Callable[[], None] = lambda: None) -> list[SyncChanged]:
        """Run the service for a time; return what was announced."""

        async def main() -> list[SyncChanged]:
            with self.bus.subscribe(SyncChanged) as changes:
                async with asyncio.TaskGroup() as tasks:
                    service = tasks.create_task(self.service.run())
                    await asyncio.sleep(seconds)
                    then()
                    service.cancel()
                seen = []
                while (event := changes.take()) is not None:
                    seen.append(event)
                return seen

        found: list[SyncChanged] = self.run(main)
        return found


def epoch_start(epoch: int) -> int:
    return TIME.epoch_start(EpochID(epoch))
