"""ATXs of one identity, from the first proof over its space to the second ATX.

Everything is real but the servers: a PoET that answers at once, a PoST worker that proves
in no time, and a clock that is where somebody sleeps until.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from node.base import scale
from node.base.errors import (
    IgnoreError,
    NotFoundError,
    PreconditionError,
    RejectError,
    StoreError,
    UnavailableError,
)
from node.config.durations import Nanoseconds
from node.config.model.consensus import PoetConfig
from node.consensus.malfeasance.guard import EquivocationGuard
from node.events import (
    AtxPublished,
    Bus,
    Event,
    PoetProofChosen,
    PoetProofDownloaded,
    PoetRegistered,
    PoetRoundAwaited,
    PoetWindowAwaited,
    PostCompleted,
    PostStarted,
    PublicationRefused,
)
from node.net.ports import PeerID
from node.poet.registration import PowParams, Refusal, RegistrationError, SubmitRequest
from node.poet.server import PoetInfo, RoundProof, SubmitReceipt
from node.post.metadata import SpaceMetadata
from node.post.proving import ProofOptions
from node.smesher.atx_builder import AtxBuilder
from node.smesher.identities import Identities, Identity, PostState
from node.smesher.nipost import (
    ChallengeExpiredError,
    InvalidInitialPostError,
    PoetTimes,
    PoetUnstableError,
)
from node.smesher.post_registry import PostRegistry
from node.store.atxs import find_last_atx, get_atx, get_atx_blob
from node.store.db import LevelDB
from node.store.identities import Malfeasance, put_malfeasance
from node.store.local import (
    Duty,
    InitialPost,
    claims_of,
    delete_initial_post,
    delete_nipost,
    find_built_atx,
    find_challenge,
    find_initial_post,
    find_nipost,
    put_initial_post,
    registrations,
)
from node.types.address import Address
from node.types.atx import Atx
from node.types.atx_v1 import ActivationTxV1
from node.types.ids import AtxID, Hash32, PublicKey, SmesherID
from node.types.layer import EpochID
from node.types.post import Post
from tests.support.activation import (
    GOLDEN,
    LABELS_PER_UNIT,
    PARAMETERS,
    TICKS,
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
        self.lasts_ns = SHIFT
        self.submitted: list[SubmitRequest] = []
        self.refusal: RegistrationError | None = None
        self.proofless: UnavailableError | NotFoundError | None = None
        self.shifted: bytes | None = None

    async def info(self) -> PoetInfo:
        raise AssertionError

    async def pow_params(self) -> PowParams:
        return PowParams(difficulty=0, challenge=b"")

    async def submit(self, request: SubmitRequest) -> SubmitReceipt:
        if self.refusal is not None:
            raise self.refusal
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

    async def info(self) -> SpaceMetadata:
        return SpaceMetadata(
            smesher=SMESHER,
            commitment_atx=GOLDEN,
            labels_per_unit=LABELS_PER_UNIT,
            num_units=1,
            max_file_size=1024,
            nonce=self.nonce,
        )

    async def proof(self, challenge: Hash32) -> tuple[Post, SpaceMetadata]:
        self.asked.append(challenge)
        if self.failure is not None:
            raise self.failure
        return self.given or prove_space(NUMBER, challenge, 1), await self.info()


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
            poets=self.poets,
            poet_proofs=self.world.poets,
            positioning=self.positions,
            coinbase=lambda: coinbase(NUMBER),
            atxs_synced=lambda: self.synced,
            entropy=bytes,
            retry_interval_ns=NS,
        )

    async def run_until(self, instant_ns: int) -> None:
        """Run a builder until somebody wants to sleep longer."""
        self.clock.ends_ns = instant_ns
        with pytest.raises(EndedError):
            await self.builder().run()

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


@pytest.fixture
def smesher(tmp_path: Path) -> Iterator[Smesher]:
    smesher = Smesher(tmp_path)
    yield smesher
    smesher.close()


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


# --- the whole way ---


async def test_a_first_atx_is_built_and_taken_by_our_own_handler(smesher: Smesher) -> None:
    heard = Heard(smesher.bus)
    await smesher.run_until(start(2) + SHIFT)
    atx = smesher.atx()
    assert (atx.publish_epoch, atx.sequence, atx.num_units) == (2, 0, 1)
    assert (atx.coinbase, atx.commitment_atx) == (coinbase(NUMBER), GOLDEN)
    assert (atx.tick_count, atx.vrf_nonce) == (TICKS, vrf_nonce(NUMBER, 1))
    assert smesher.positions.asked[0] == (2, None, None)
    (request,) = smesher.poets[0].submitted[:1]
    assert request.pubkey == SMESHER
    assert request.deadline_ns == start(3) - GAP
    own = (
        PostStarted,
        PostCompleted,
        PoetWindowAwaited,
        PoetRegistered,
        PoetRoundAwaited,
        PoetProofDownloaded,
        PoetProofChosen,
        AtxPublished,
    )
    kinds = [type(event) for event in heard.all() if isinstance(event, own)]
    assert kinds[:10] == [
        PostStarted,
        PostCompleted,
        PoetWindowAwaited,
        PoetRegistered,
        PoetRoundAwaited,
        PoetProofDownloaded,
        PoetProofChosen,
        PostStarted,
        PostCompleted,
        AtxPublished,
    ]


async def test_the_second_atx_stands_on_the_first(smesher: Smesher) -> None:
    await smesher.run_until(start(3) + SHIFT)
    second = smesher.atx()
    first = get_atx(smesher.world.db, second.previous_atx)
    assert (first.publish_epoch, second.publish_epoch) == (2, 3)
    assert (second.sequence, second.commitment_atx) == (1, None)
    assert second.base_tick_height == first.tick_height
    built = scale.decode(ActivationTxV1, get_atx_blob(smesher.world.db, second.id))
    assert built.inner.vrf_nonce is None
    assert built.inner.initial_smesher is None
    assert [epoch for epoch, _, _ in smesher.positions.asked[:2]] == [2, 3]


async def test_each_step_happens_at_its_time(smesher: Smesher) -> None:
    await smesher.first_proof()
    builder = smesher.builder()
    pending = await builder._challenge()
    assert smesher.clock.now_ns() == start(1) + SHIFT - GRACE
    await builder._nipost(pending)
    jitter = GAP * 200 // 10**6
    assert smesher.clock.now_ns() == start(2) + SHIFT - GAP + jitter
    await builder._publish()
    assert smesher.clock.now_ns() == start(2) + SHIFT - GAP + jitter
    assert find_challenge(smesher.local, SMESHER) is None
    assert find_nipost(smesher.local, SMESHER) is None
    assert registrations(smesher.local, SMESHER) == ()


async def test_a_poet_that_says_its_round_ends_later_is_believed(smesher: Smesher) -> None:
    smesher.poets[0].lasts_ns = 2 * SHIFT
    await smesher.first_proof()
    builder = smesher.builder()
    await builder._nipost(await builder._challenge())
    registered = start(1) + SHIFT - GRACE
    assert smesher.clock.now_ns() == registered + 2 * SHIFT + GAP * 200 // 10**6


async def test_an_atx_is_not_published_before_its_epoch(smesher: Smesher) -> None:
    smesher.poets[0].lasts_ns = NS
    await smesher.first_proof()
    early = PoetConfig(
        phase_shift=Nanoseconds(SHIFT),
        cycle_gap=Nanoseconds(3 * GAP),
        grace_period=CONFIG.grace_period,
    )
    heard = Heard(smesher.bus)
    await smesher.builder(early)._publish()
    (published,) = [event for event in heard.all() if isinstance(event, AtxPublished)]
    assert published.wait_ns > 0
    assert smesher.clock.now_ns() == published.until_ns == start(2)


async def test_a_space_that_grew_a_new_nonce_says_so(smesher: Smesher) -> None:
    await smesher.run_until(start(2) + SHIFT - GRACE)
    other = next(nonce for nonce in range(64) if nonce != vrf_nonce(NUMBER, 1))
    smesher.worker.nonce = other
    builder = smesher.builder()
    smesher.clock.ends_ns = start(100)
    pending = await builder._challenge()
    nipost = await builder._nipost(pending)
    built = scale.decode(ActivationTxV1, builder._build(pending, nipost))
    assert built.inner.vrf_nonce == other


async def test_the_search_for_a_positioning_atx_may_have_an_end(smesher: Smesher) -> None:
    await smesher.first_proof()
    config = PoetConfig(
        phase_shift=Nanoseconds(SHIFT),
        cycle_gap=Nanoseconds(GAP),
        grace_period=Nanoseconds(GRACE),
        positioning_atx_selection_timeout=Nanoseconds(NS),
    )
    await smesher.builder(config)._challenge()
    assert smesher.positions.asked == [(2, None, start(1) + SHIFT - GRACE + NS)]


# --- the first proof ---


async def test_the_first_proof_is_made_checked_and_kept(smesher: Smesher) -> None:
    initial = await smesher.first_proof()
    assert (initial.num_units, initial.commitment_atx) == (1, GOLDEN)
    assert (initial.vrf_nonce, initial.challenge) == (vrf_nonce(NUMBER, 1), ZERO)
    assert smesher.worker.asked == [ZERO]
    await smesher.first_proof()
    assert smesher.worker.asked == [ZERO]
    assert smesher.identities.state(SMESHER) is PostState.IDLE


async def test_a_smesher_with_an_atx_makes_no_first_proof(smesher: Smesher) -> None:
    await smesher.run_until(start(2) + SHIFT - GRACE)
    smesher.worker.asked.clear()
    with smesher.local.batch() as batch:
        delete_initial_post(batch, SMESHER)
    await smesher.builder()._ensure_initial_post()
    assert smesher.worker.asked == []


async def test_a_wrong_first_proof_is_dropped_and_made_anew(smesher: Smesher) -> None:
    smesher.worker.given = Post(nonce=0, indices=b"\0" * 4, pow=0)
    with pytest.raises(InvalidInitialPostError):
        await smesher.builder()._ensure_initial_post()
    assert find_initial_post(smesher.local, SMESHER) is None


async def test_a_first_proof_that_holds_no_more_is_made_anew(smesher: Smesher) -> None:
    initial = await smesher.first_proof()
    wrong = InitialPost(
        post=Post(nonce=0, indices=b"\0" * 4, pow=0),
        num_units=initial.num_units,
        commitment_atx=initial.commitment_atx,
        vrf_nonce=initial.vrf_nonce,
        challenge=initial.challenge,
    )
    with smesher.local.batch() as batch:
        put_initial_post(batch, SMESHER, wrong)
    await smesher.run_until(start(4))
    assert smesher.atx().publish_epoch >= 2
    assert smesher.worker.asked[:2] == [ZERO, ZERO]


async def test_without_a_first_proof_there_is_no_challenge(smesher: Smesher) -> None:
    with pytest.raises(InvalidInitialPostError, match="no initial PoST"):
        await smesher.builder()._challenge()


async def test_a_worker_that_fails_is_asked_again_a_layer_later(smesher: Smesher) -> None:
    smesher.worker.failure = UnavailableError("the disk is away")
    heard = Heard(smesher.bus)
    await smesher.run_until(start(1) + TIME.layer_duration_ns)
    assert smesher.worker.asked == [ZERO, ZERO]
    failed = [event for event in heard.all() if isinstance(event, PostCompleted)]
    assert [event.error for event in failed] == ["the disk is away"] * 2
    assert smesher.identities.state(SMESHER) is PostState.IDLE


async def test_a_space_without_a_nonce_is_of_no_use(smesher: Smesher) -> None:
    smesher.worker.nonce = None
    with pytest.raises(UnavailableError, match="no VRF nonce"):
        await smesher.builder()._ensure_initial_post()
    smesher.worker.nonce = 1
    await smesher.first_proof()
    smesher.worker.nonce = None
    builder = smesher.builder()
    pending = await builder._challenge()
    with pytest.raises(UnavailableError, match="no VRF nonce"):
        await builder._nipost(pending)


# --- the challenge ---


async def test_nothing_is_built_before_the_atxs_are_synced(smesher: Smesher) -> None:
    smesher.synced = False
    await smesher.run_until(start(2))
    assert find_challenge(smesher.local, SMESHER) is None


async def test_a_node_that_is_synced_just_before_a_round_still_registers(smesher: Smesher) -> None:
    await smesher.first_proof()
    builder = smesher.builder()
    round_start_ns = start(1) + SHIFT
    builder.atxs_synced = lambda: smesher.clock.now_ns() >= round_start_ns - 2 * NS
    pending = await builder._challenge()
    assert pending.publish_epoch == 2
    assert smesher.clock.now_ns() < round_start_ns


async def test_a_stored_challenge_is_taken_up_again(smesher: Smesher) -> None:
    await smesher.first_proof()
    pending = await smesher.builder()._challenge()
    assert await smesher.builder()._challenge() == pending
    assert len(smesher.positions.asked) == 1


async def test_a_challenge_of_the_past_is_made_anew(smesher: Smesher) -> None:
    await smesher.first_proof()
    old = await smesher.builder()._challenge()
    smesher.world.start_epoch(4)
    new = await smesher.builder()._challenge()
    assert (old.publish_epoch, new.publish_epoch) == (2, 5)


# --- the PoET ---


async def test_of_several_poets_the_one_with_the_most_work_counts(smesher: Smesher) -> None:
    smesher.poets = [
        Poet(smesher.clock, "low", 160),
        Poet(smesher.clock, "high", 320),
        Poet(smesher.clock, "refuses"),
        Poet(smesher.clock, "silent"),
    ]
    smesher.poets[2].refusal = RegistrationError(Refusal.UNAUTHENTICATED, "no")
    smesher.poets[3].proofless = UnavailableError("gone")
    heard = Heard(smesher.bus)
    await smesher.run_until(start(2) + SHIFT - GRACE)
    chosen = [event for event in heard.all() if isinstance(event, PoetProofChosen)]
    assert [(event.address, event.ticks) for event in chosen] == [("high", 320)]
    assert smesher.atx().tick_count == 2 * TICKS


async def test_a_registration_is_kept_over_a_restart(smesher: Smesher) -> None:
    await smesher.first_proof()
    pending = await smesher.builder()._challenge()
    times = PoetTimes.of(EpochID(2), TIME, phase_shift_ns=SHIFT, cycle_gap_ns=GAP)
    first = await smesher.builder()._register(pending, times)
    smesher.clock.clock.now = times.round_start_ns + 1
    assert await smesher.builder()._register(pending, times) == first
    assert len(smesher.poets[0].submitted) == 1


async def test_without_any_poet_it_is_tried_again_until_the_round_starts(
    smesher: Smesher,
) -> None:
    smesher.poets[0].refusal = RegistrationError(Refusal.UNAUTHENTICATED, "no")
    await smesher.first_proof()
    builder = smesher.builder()
    with pytest.raises(PoetUnstableError, match="no PoET took"):
        await builder._nipost(await builder._challenge())
    smesher.clock.clock.now = start(1) + SHIFT
    with pytest.raises(ChallengeExpiredError, match="started without us"):
        await builder._nipost(await builder._challenge())
    smesher.poets[0].refusal = None
    await smesher.run_until(start(3) + SHIFT - GRACE)
    assert smesher.atx().publish_epoch == 3


async def test_an_unstable_poet_costs_a_moment_only(smesher: Smesher) -> None:
    smesher.poets[0].refusal = RegistrationError(Refusal.UNAUTHENTICATED, "no")
    await smesher.run_until(start(1) + SHIFT - GRACE + 3 * NS)
    assert smesher.clock.now_ns() == start(1) + SHIFT - GRACE + 3 * NS


async def test_without_a_proof_of_the_round_there_is_no_atx(smesher: Smesher) -> None:
    smesher.poets[0].proofless = NotFoundError("proof of round", b"1")
    await smesher.first_proof()
    builder = smesher.builder()
    pending = await builder._challenge()
    with pytest.raises(PoetUnstableError, match="has a proof"):
        await builder._nipost(pending)
    smesher.clock.clock.now = start(3) - GAP
    with pytest.raises(ChallengeExpiredError, match="too late"):
        await builder._nipost(pending)


async def test_a_proof_we_are_not_a_member_of_is_of_no_use(smesher: Smesher) -> None:
    smesher.poets[0].shifted = b"\7" * 32
    await smesher.first_proof()
    builder = smesher.builder()
    with pytest.raises(PoetUnstableError):
        await builder._nipost(await builder._challenge())


async def test_a_poet_that_left_the_configuration_is_not_asked(smesher: Smesher) -> None:
    await smesher.first_proof()
    builder = smesher.builder()
    pending = await builder._challenge()
    times = PoetTimes.of(EpochID(2), TIME, phase_shift_ns=SHIFT, cycle_gap_ns=GAP)
    await builder._register(pending, times)
    smesher.poets = []
    with pytest.raises(PoetUnstableError):
        await smesher.builder()._nipost(pending)


# --- PoST and publication ---


async def test_each_finished_step_is_taken_up_again(smesher: Smesher) -> None:
    await smesher.first_proof()
    smesher.worker.failure = None
    pending = await smesher.builder()._challenge()
    nipost = await smesher.builder()._nipost(pending)
    asked = len(smesher.worker.asked)
    known = find_challenge(smesher.local, SMESHER)
    assert known is not None
    assert known.poet_ref == nipost.poet_ref
    assert await smesher.builder()._nipost(known) == nipost
    assert len(smesher.worker.asked) == asked
    with smesher.local.batch() as batch:
        delete_nipost(batch, SMESHER)
    smesher.poets = []
    assert await smesher.builder()._nipost(known) == nipost
    assert len(smesher.worker.asked) == asked + 1


async def test_a_post_that_comes_too_late_is_of_no_use(smesher: Smesher) -> None:
    await smesher.first_proof()
    builder = smesher.builder()
    pending = await builder._challenge()
    times = PoetTimes.of(EpochID(2), TIME, phase_shift_ns=SHIFT, cycle_gap_ns=GAP)
    chosen = await builder._poet_proof(pending, await builder._register(pending, times), times)
    with pytest.raises(NotFoundError, match="PoET proof"):
        await builder._final_post(pending, times)
    smesher.clock.clock.now = start(3)
    with pytest.raises(ChallengeExpiredError, match="is over"):
        await builder._final_post(chosen, times)


async def test_an_epoch_that_is_over_ends_the_attempt(smesher: Smesher) -> None:
    await smesher.first_proof()
    builder = smesher.builder()
    pending = await builder._challenge()
    await builder._nipost(pending)

    async def late(_: object) -> object:
        smesher.clock.clock.now = start(3)
        return None

    builder._nipost = late  # type: ignore[method-assign, assignment]
    with pytest.raises(ChallengeExpiredError, match="is over"):
        await builder._publish()


async def test_a_built_atx_is_claimed_and_published_again_as_it_is(smesher: Smesher) -> None:
    await smesher.first_proof()
    smesher.fail_topic(StoreError("the disk is gone"))
    with pytest.raises(StoreError):
        await smesher.builder().run()
    blob = find_built_atx(smesher.local, SMESHER, EpochID(2))
    assert blob is not None
    claimed = dict(claims_of(smesher.local, Duty.ATX, SMESHER))[2]
    assert claimed == scale.decode(ActivationTxV1, blob).id
    await smesher.builder()._publish()
    assert smesher.published == [blob, blob]
    assert smesher.atx().id == claimed


async def test_an_atx_that_was_stored_but_perhaps_not_sent_goes_out_again(
    smesher: Smesher,
) -> None:
    await smesher.first_proof()
    judge = smesher.world.atxs.on_gossip

    async def die_after_the_commit(peer: PeerID, data: bytes) -> None:
        await judge(peer, data)
        raise StoreError("the process was killed")

    smesher.world.end.register("ax1", die_after_the_commit)
    with pytest.raises(StoreError):
        await smesher.builder().run()
    stored = smesher.atx()
    smesher.world.end._seen.clear()
    smesher.fail_topic()
    await smesher.builder()._publish()
    assert smesher.published == [get_atx_blob(smesher.world.db, stored.id)]


async def test_an_atx_that_peers_gave_back_counts_as_published(smesher: Smesher) -> None:
    await smesher.first_proof()
    builder = smesher.builder()
    await builder._publish()
    blob = get_atx_blob(smesher.world.db, smesher.atx().id)
    published_ns = smesher.clock.now_ns()
    with pytest.raises(IgnoreError, match="published before"):
        await smesher.world.end.publish("ax1", blob)
    await builder._broadcast(blob, start(3))
    assert smesher.clock.now_ns() == published_ns


async def test_another_atx_of_an_epoch_is_never_signed(smesher: Smesher) -> None:
    await smesher.first_proof()
    builder = smesher.builder()
    pending = await builder._challenge()
    nipost = await builder._nipost(pending)
    builder._build(pending, nipost)
    builder.coinbase = lambda: Address(bytes(24))
    with pytest.raises(PreconditionError, match="must not sign"):
        builder._build(pending, nipost)


async def test_publication_is_tried_again_every_layer(smesher: Smesher) -> None:
    smesher.fail_topic(UnavailableError("no peers"), IgnoreError("not now"))
    await smesher.run_until(start(3))
    assert len(smesher.published) == 3
    assert len(set(smesher.published)) == 1
    assert smesher.atx().publish_epoch == 2


async def test_publication_is_given_up_at_the_end_of_the_epoch(smesher: Smesher) -> None:
    smesher.fail_topic(*(UnavailableError("no peers") for _ in range(100)))
    await smesher.run_until(start(3) + TIME.layer_duration_ns)
    assert find_last_atx(smesher.world.db, SMESHER) is None
    assert find_challenge(smesher.local, SMESHER) is None


async def test_an_atx_that_our_own_handler_rejects_is_given_up(smesher: Smesher) -> None:
    smesher.fail_topic(RejectError("wrong"))
    await smesher.first_proof()
    with pytest.raises(ChallengeExpiredError, match="not valid"):
        await smesher.builder()._publish()


async def test_an_atx_that_is_known_is_as_good_as_published(smesher: Smesher) -> None:
    await smesher.run_until(start(2) + SHIFT - GRACE)
    smesher.fail_topic(RejectError("never asked"))
    blob = get_atx_blob(smesher.world.db, smesher.atx().id)
    await smesher.builder()._broadcast(blob, start(3))
    assert smesher.published == []


async def test_an_atx_that_would_condemn_us_is_not_published_and_observers_learn_why(
    smesher: Smesher,
) -> None:
    await smesher.first_proof()
    code = "smesh.precondition.key_in_use"
    smesher.fail_topic(PreconditionError("own smesher would be convicted", code=code, hint="stop"))
    with smesher.bus.subscribe(PublicationRefused) as refused:
        with pytest.raises(PreconditionError):
            await smesher.builder()._publish()
        event = refused.take()
    assert event is not None
    assert (event.smesher, event.code, event.hint) == (SMESHER, code, "stop")
    assert event.what.startswith("atx ")


async def test_a_convicted_identity_builds_nothing(smesher: Smesher) -> None:
    await smesher.first_proof()
    with smesher.world.db.batch() as batch:
        put_malfeasance(batch, Malfeasance(smesher=SMESHER, proof=b"proof", received_ns=1))
    with smesher.bus.subscribe(PublicationRefused) as refused:
        await smesher.run_until(start(3))
        event = refused.take()
        assert refused.take() is None
    assert event is not None
    assert event.code == "smesh.precondition.convicted"
    assert find_challenge(smesher.local, SMESHER) is None
    assert smesher.published == []
