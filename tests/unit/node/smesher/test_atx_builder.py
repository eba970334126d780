"""ATXs of one identity, from the first proof over its space to the second ATX."""

from collections.abc import Iterator
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
from node.events import (
    AtxPublished,
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
from node.smesher.identities import PostState
from node.smesher.nipost import (
    ChallengeExpiredError,
    InvalidInitialPostError,
    PoetTimes,
)
from node.store.atxs import find_first_atx, find_last_atx, get_atx, get_atx_blob
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
from node.types.atx_v1 import ActivationTxV1
from node.types.layer import EpochID
from node.types.post import Post
from tests.support.activation import (
    GOLDEN,
    TICKS,
    coinbase,
    vrf_nonce,
)
from tests.support.chain import NS, TIME
from tests.support.smeshing import (
    CONFIG,
    GAP,
    GRACE,
    NUMBER,
    SHIFT,
    SMESHER,
    ZERO,
    Heard,
    Smesher,
    start,
)


@pytest.fixture
def smesher(tmp_path: Path) -> Iterator[Smesher]:
    smesher = Smesher(tmp_path)
    yield smesher
    smesher.close()


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
    smesher.poets[0].lasts_ns += 3 * NS
    await smesher.first_proof()
    builder = smesher.builder()
    await builder._nipost(await builder._challenge())
    ends = start(2) + SHIFT - GAP + 3 * NS
    assert smesher.clock.now_ns() == ends + GAP * 200 // 10**6


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
    chosen = await builder._poet_proof(pending, times)
    with pytest.raises(NotFoundError, match="PoET proof"):
        await builder._final_post(pending, times)
    smesher.clock.clock.now = start(3)
    with pytest.raises(ChallengeExpiredError, match="is over"):
        await builder._final_post(chosen, times)


async def test_a_space_that_grew_before_its_first_atx_is_proven_anew(smesher: Smesher) -> None:
    await smesher.first_proof()
    builder = smesher.builder()
    pending = await builder._challenge()
    smesher.worker.num_units, smesher.worker.nonce = 2, vrf_nonce(NUMBER, 2)
    with pytest.raises(InvalidInitialPostError):
        await builder._nipost(pending)
    await smesher.run_until(start(5))
    first = find_first_atx(smesher.world.db, SMESHER)
    assert first is not None
    assert first.num_units == 2


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
