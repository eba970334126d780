"""A node with one smesher that builds ATXs.

Everything is real but the servers: a PoET that answers at once, a PoST worker that proves
in no time, and a clock that is where somebody sleeps until.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from node.base.errors import (
    NotFoundError,
    UnavailableError,
)
from node.config.durations import Nanoseconds
from node.config.model.consensus import PoetConfig
from node.consensus.malfeasance.guard import EquivocationGuard
from node.events import (
    Bus,
    Event,
)
from node.net.ports import PeerID
from node.poet.registration import PowParams, RegistrationError, SubmitRequest
from node.poet.server import PoetInfo, RoundProof, SubmitReceipt
from node.post.metadata import SpaceMetadata
from node.post.proving import ProofOptions
from node.runtime.workers import InlineWorkers
from node.smesher.atx_builder import AtxBuilder
from node.smesher.identities import Identities, Identity
from node.smesher.poets import PoetService
from node.smesher.post_registry import PostRegistry
from node.store.atxs import find_last_atx
from node.store.db import LevelDB
from node.store.local import (
    InitialPost,
    find_initial_post,
)
from node.types.atx import Atx
from node.types.ids import AtxID, Hash32, PublicKey, SmesherID
from node.types.layer import EpochID
from node.types.post import Post
from tests.support.activation import (
    GOLDEN,
    LABELS_PER_UNIT,
    PARAMETERS,
    TICK_SIZE,
    DirectPostVerifier,
    World,
    coinbase,
    poet_round,
    prove_space,
    vrf_nonce,
)
from tests.support.chain import NS, TIME, signer

NUMBER = 1
SMESHER = signer(NUMBER).smesher_id
ZERO = Hash32.zero()
SHIFT, GAP, GRACE = 20 * NS, 10 * NS, 5 * NS
CONFIG = PoetConfig(
    phase_shift=Nanoseconds(SHIFT), cycle_gap=Nanoseconds(GAP), grace_period=Nanoseconds(GRACE)
)


def start(epoch: int) -> int:
    return TIME.epoch_start(EpochID(epoch))


class EndedError(Exception):
    """The test has seen enough."""


class Ending:
    """The world's clock, as long as a test lasts."""

    def __init__(self, world: World) -> None:
        self.clock = world.clock
        self.ends_ns = start(100)

    def now_ns(self) -> int:
        return self.clock.now_ns()

    async def sleep_until(self, instant_ns: int) -> None:
        if instant_ns > self.ends_ns:
            raise EndedError
        await self.clock.sleep_until(instant_ns)


class Poet:
    """A PoET: rounds end as soon as they are asked for."""

    def __init__(self, clock: Ending, address: str = "poet", leaves: int = 160) -> None:
        self.clock = clock
        self.address = address
        self.leaves = leaves
        self.lasts_ns = GRACE + TIME.epoch_duration_ns - GAP
        self.shift_ns = SHIFT
        self.hangs = False
        self.silence: UnavailableError | None = None
        self.submitted: list[SubmitRequest] = []
        self.refusal: RegistrationError | None = None
        self.proofless: UnavailableError | NotFoundError | None = None
        self.shifted: bytes | None = None

    async def info(self) -> PoetInfo:
        if self.silence is not None:
            raise self.silence
        return PoetInfo(
            service_pubkey=PublicKey(b"\1" * 32),
            phase_shift_ns=self.shift_ns,
            cycle_gap_ns=GAP,
            certifier=None,
        )

    async def pow_params(self) -> PowParams:
        return PowParams(difficulty=0, challenge=b"")

    async def submit(self, request: SubmitRequest) -> SubmitReceipt:
        if self.refusal is not None:
            raise self.refusal
        if self.hangs:
            await asyncio.Event().wait()
        self.submitted.append(request)
        return SubmitReceipt(round_id=str(len(self.submitted)), round_end_ns=self.lasts_ns)

    async def proof(self, round_id: str) -> RoundProof:
        if self.proofless is not None:
            raise self.proofless
        members = (bytes(32), bytes(self.shifted or self.submitted[int(round_id) - 1].challenge))
        proof = poet_round(members, self.leaves).proof
        return RoundProof(proof=proof, members=members, service_pubkey=PublicKey(b"\1" * 32))


class PostWorker:
    """A connected worker with one space unit."""

    def __init__(self) -> None:
        self.asked: list[Hash32] = []
        self.failure: UnavailableError | None = None
        self.nonce: int | None = vrf_nonce(NUMBER, 1)
        self.given: Post | None = None
        self.num_units = 1

    async def info(self) -> SpaceMetadata:
        return SpaceMetadata(
            smesher=SMESHER,
            commitment_atx=GOLDEN,
            labels_per_unit=LABELS_PER_UNIT,
            num_units=self.num_units,
            max_file_size=1024,
            nonce=self.nonce,
        )

    async def proof(self, challenge: Hash32) -> tuple[Post, SpaceMetadata]:
        self.asked.append(challenge)
        if self.failure is not None:
            raise self.failure
        return self.given or prove_space(NUMBER, challenge, self.num_units), await self.info()


class Checker(DirectPostVerifier):
    """Checks PoSTs as the worker's process does."""

    async def prove(self, directory: Path, options: ProofOptions, **_: object) -> Post:
        raise AssertionError


@dataclass
class Positions:
    """Names the golden ATX, or the previous one."""

    asked: list[tuple[EpochID, AtxID | None, int | None]] = field(default_factory=list)

    async def find_positioning_atx(
        self,
        smesher: SmesherID,
        publish_epoch: EpochID,
        *,
        previous_atx: AtxID | None,
        deadline_ns: int | None = None,
    ) -> AtxID:
        self.asked.append((publish_epoch, previous_atx, deadline_ns))
        return previous_atx or GOLDEN


class Smesher:
    """A node with one smesher; epoch 1 runs."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder, own=(NUMBER,))
        self.local = LevelDB(folder / "local")
        self.clock = Ending(self.world)
        self.poets = [Poet(self.clock)]
        self.worker = PostWorker()
        self.positions = Positions()
        self.identities = Identities()
        self.identities.register(Identity("local.key", signer(NUMBER)))
        self.registry = PostRegistry()
        self.connection = self.registry.connected(SMESHER, self.worker)
        self.connection.__enter__()
        self.synced = True
        self.bus: Bus = self.world.bus
        self.published: list[bytes] = []

    def builder(self, config: PoetConfig = CONFIG) -> AtxBuilder:
        return AtxBuilder(
            signer=signer(NUMBER),
            db=self.world.db,
            local=self.local,
            time=TIME,
            clock=self.clock,
            bus=self.bus,
            network=self.world.end,
            config=config,
            parameters=PARAMETERS.proof,
            golden_atx=GOLDEN,
            identities=self.identities,
            guard=EquivocationGuard(db=self.world.db, local=self.local, bus=self.bus),
            post_registry=self.registry,
            verifier=Checker(),
            poets=[
                PoetService(
                    client=poet,
                    proofs=self.world.poets,
                    clock=self.clock,
                    bus=self.bus,
                    config=config,
                    tick_size=TICK_SIZE,
                    workers=InlineWorkers(),
                )
                for poet in self.poets
            ],
            positioning=self.positions,
            coinbase=lambda: coinbase(NUMBER),
            atxs_synced=lambda: self.synced,
            entropy=bytes,
            retry_interval_ns=NS,
        )

    async def run_until(self, instant_ns: int) -> None:
        """Run a builder until somebody wants to sleep longer."""
        self.clock.ends_ns = instant_ns
        with pytest.raises((EndedError, ExceptionGroup)) as caught:
            await self.builder().run()
        # PoETs are waited for side by side, and so one of several tasks may have ended.
        if isinstance(caught.value, ExceptionGroup):
            assert caught.value.split(EndedError)[1] is None

    async def first_proof(self) -> InitialPost:
        """Make the first proof over the space."""
        await self.builder()._ensure_initial_post()
        initial = find_initial_post(self.local, SMESHER)
        assert initial is not None
        return initial

    def atx(self) -> Atx:
        """Return the newest ATX."""
        found = find_last_atx(self.world.db, SMESHER)
        assert found is not None
        return found

    def fail_topic(self, *errors: Exception) -> None:
        """Let publishing fail some times before our own handler is asked."""
        left = list(errors)

        async def failing(peer: PeerID, data: bytes) -> None:
            self.published.append(data)
            # Otherwise the network takes the next attempt for a copy.
            self.world.end._seen.clear()
            if left:
                raise left.pop(0)
            await self.world.atxs.on_gossip(peer, data)

        self.world.end.register("ax1", failing)

    def close(self) -> None:
        self.world.close()
        self.local.close()


class Heard:
    """Collects what is announced."""

    def __init__(self, bus: Bus) -> None:
        self._subscribed = bus.subscribe(Event)
        self._events = self._subscribed.__enter__()

    def all(self) -> list[Event]:
        found: list[Event] = []
        while (event := self._events.take()) is not None:
            found.append(event)
        return found
