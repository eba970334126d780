"""Builds an identity's ATXs, epoch after epoch: challenge, PoET, PoST, publication.

Every step is stored when it is done, so a restart goes on where it was; the signed ATX is
stored and claimed before it is published, so an epoch never sees a second one.

Source: go-spacemesh, activation/activation.go and nipost.go; activation digest 8.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog

from node.base import scale
from node.base.errors import (
    ConfigError,
    IgnoreError,
    NotFoundError,
    PreconditionError,
    RejectError,
    SpacemeshError,
    StoreError,
    UnavailableError,
)
from node.config.model.consensus import PoetConfig
from node.consensus.malfeasance.guard import EquivocationGuard
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer
from node.events import (
    AtxPublished,
    Bus,
    PoetWindowAwaited,
    PostCompleted,
    PostStarted,
)
from node.layer_ticker import Clock
from node.net.ports import Gossip
from node.post.metadata import SpaceMetadata
from node.post.service import Prover
from node.post.verifying import All, PostClaim, ProofParameters
from node.smesher.identities import Identities, PostState
from node.smesher.nipost import (
    ZERO_CHALLENGE,
    ChallengeExpiredError,
    InvalidInitialPostError,
    PoetTimes,
    PoetUnstableError,
    challenge_of,
    publish_epoch_at,
    round_start_for,
)
from node.smesher.poet_rounds import PoetRounds, Troubles
from node.smesher.poets import PoetService
from node.smesher.ports import PositioningAtxs
from node.smesher.post_registry import PostRegistry
from node.store.atxs import find_atx, find_last_atx
from node.store.db import Database
from node.store.local import (
    FinishedNIPost,
    InitialPost,
    Statement,
    delete_built_atxs,
    delete_initial_post,
    find_built_atx,
    find_challenge,
    find_initial_post,
    find_nipost,
    put_built_atx,
    put_challenge,
    put_initial_post,
    put_nipost,
    reset_progress,
)
from node.types.address import Address
from node.types.atx_v1 import ActivationTxV1, InnerActivationTxV1
from node.types.challenge import PendingChallenge
from node.types.ids import (
    NO_ATX,
    AtxID,
    EdSignature,
    Hash32,
    PoetRef,
    SmesherID,
)
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime
from node.types.post import NIPost, Post, PostMetadata

TOPIC = "ax1"
NS_PER_S = 10**9
SYNC_POLL_NS = NS_PER_S
"""Wait between two looks at whether the ATXs are synced: a PoET round does not wait."""

log = structlog.get_logger("atxBuilder")


@dataclass(kw_only=True)
class AtxBuilder:
    """Builds the ATXs of one identity."""

    signer: Signer
    db: Database
    local: Database
    time: LayerTime
    clock: Clock
    bus: Bus
    network: Gossip
    config: PoetConfig
    parameters: ProofParameters
    golden_atx: AtxID
    identities: Identities
    guard: EquivocationGuard
    post_registry: PostRegistry
    verifier: Prover
    """Checks own proofs, with ``verify``."""

    poets: Sequence[PoetService]
    positioning: PositioningAtxs
    coinbase: Callable[[], Address]
    """Where rewards go: read when an ATX is signed."""

    atxs_synced: Callable[[], bool]
    entropy: Callable[[int], bytes]

    retry_interval_ns: int
    """Wait before another attempt where no PoET was of use; hare's preround delay."""

    rounds: PoetRounds = field(init=False)
    _troubles: Troubles = field(init=False)

    def __post_init__(self) -> None:
        """Begin without any trouble."""
        self._troubles = Troubles(self.smesher, self.bus)
        self.rounds = PoetRounds(
            signer=self.signer,
            local=self.local,
            clock=self.clock,
            bus=self.bus,
            config=self.config,
            poets=self.poets,
            entropy=self.entropy,
            troubles=self._troubles,
        )

    @property
    def smesher(self) -> SmesherID:
        """Whose ATXs these are."""
        return self.signer.smesher_id

    async def run(self) -> None:
        """Build and publish ATXs until cancelled.

        Raises:
            ConfigError: a PoET is not the network's, or none of those we are registered
                with is configured any more.
            StoreError: the disk failed.
        """
        is_certified = False
        while True:
            try:
                self.guard.check_identity(self.smesher)
                await self._ensure_initial_post()
                if not is_certified:
                    await self.rounds.certify()
                    is_certified = True
                await self._publish()
                self._troubles.clear()
            except ChallengeExpiredError as error:
                self._troubles.tell("challenge_expired", error)
                self._reset()
                await self._wait_layer()
            except PoetUnstableError as error:
                self._troubles.tell("poet_unstable", error)
                await self.clock.sleep_until(self.clock.now_ns() + self.retry_interval_ns)
            except InvalidInitialPostError as error:
                self._troubles.tell("initial_post_invalid", error)
                self._reset(initial_post=True)
                await self._wait_layer()
            except (ConfigError, StoreError):
                raise
            except SpacemeshError as error:
                self._troubles.tell("atx_not_built", error)
                await self._wait_layer()

    # The first proof over the space

    async def _ensure_initial_post(self) -> None:
        if find_initial_post(self.local, self.smesher) is not None:
            return
        if find_last_atx(self.db, self.smesher) is not None:
            return
        post, metadata = await self._prove(ZERO_CHALLENGE)
        if metadata.nonce is None:
            raise UnavailableError("the PoST worker has no VRF nonce", code="smesh.post.no_nonce")
        initial = InitialPost(
            post=post,
            num_units=metadata.num_units,
            commitment_atx=AtxID(metadata.commitment_atx),
            vrf_nonce=metadata.nonce,
            challenge=ZERO_CHALLENGE,
        )
        await self._check_stored_post(initial)
        with self.local.batch() as batch:
            put_initial_post(batch, self.smesher, initial)

    async def _check_initial_post(
        self, post: Post, *, commitment_atx: AtxID, num_units: int
    ) -> None:
        claim = PostClaim(
            smesher=self.smesher,
            commitment_atx=commitment_atx,
            challenge=ZERO_CHALLENGE,
            num_units=num_units,
        )
        try:
            await self.verifier.verify(post, claim, self.parameters, All())
        except RejectError as error:
            raise InvalidInitialPostError(str(error)) from error

    async def _check_stored_post(self, initial: InitialPost) -> None:
        await self._check_initial_post(
            initial.post, commitment_atx=initial.commitment_atx, num_units=initial.num_units
        )

    async def _check_against_space(self, post: Post) -> None:
        """Check that the first proof holds for the space as it is now: it may have grown."""
        worker = await self.post_registry.wait(self.smesher)
        space = await worker.info()
        await self._check_initial_post(
            post, commitment_atx=AtxID(space.commitment_atx), num_units=space.num_units
        )

    async def _prove(self, challenge: Hash32) -> tuple[Post, SpaceMetadata]:
        client = await self.post_registry.wait(self.smesher)
        self.bus.publish(PostStarted(smesher=self.smesher, challenge=challenge))
        self.identities.set_state(self.smesher, PostState.PROVING)
        try:
            post, metadata = await client.proof(challenge)
        except UnavailableError as error:
            self.bus.publish(
                PostCompleted(smesher=self.smesher, challenge=challenge, error=str(error))
            )
            raise
        finally:
            self.identities.set_state(self.smesher, PostState.IDLE)
        self.bus.publish(PostCompleted(smesher=self.smesher, challenge=challenge, error=""))
        return post, metadata

    # One ATX

    async def _publish(self) -> None:
        pending = await self._challenge()
        end_ns = self.time.epoch_start(EpochID(pending.publish_epoch + 1))
        nipost = await self._nipost(pending)
        now_ns = self.clock.now_ns()
        if now_ns >= end_ns:
            raise ChallengeExpiredError(f"epoch {pending.publish_epoch} is over")
        blob = find_built_atx(self.local, self.smesher, pending.publish_epoch)
        if blob is None:
            blob = self._build(pending, nipost)
        atx = scale.decode(ActivationTxV1, blob)
        starts_ns = self.time.epoch_start(pending.publish_epoch)
        self.bus.publish(
            AtxPublished(
                smesher=self.smesher,
                atx=atx.id,
                current_epoch=self._epoch(),
                target_epoch=EpochID(pending.publish_epoch + 1),
                wait_ns=max(0, starts_ns - now_ns),
                until_ns=starts_ns,
            )
        )
        await self.clock.sleep_until(starts_ns)
        await self._broadcast(blob, end_ns)
        with self.local.batch() as batch:
            reset_progress(batch, self.local, self.smesher)
            delete_built_atxs(batch, self.local, self.smesher, pending.publish_epoch)

    def _build(self, pending: PendingChallenge, nipost: FinishedNIPost) -> bytes:
        """Sign the ATX and put it on the disk before anyone sees it."""
        challenge = challenge_of(pending)
        is_initial = pending.previous_atx == NO_ATX
        previous = None if is_initial else find_atx(self.db, pending.previous_atx)
        is_new_nonce = previous is None or previous.vrf_nonce != nipost.vrf_nonce
        inner = InnerActivationTxV1(
            challenge=challenge,
            coinbase=self.coinbase(),
            num_units=nipost.num_units,
            nipost=NIPost(
                membership=nipost.membership,
                post=nipost.post,
                post_metadata=PostMetadata(
                    challenge=nipost.poet_ref, labels_per_unit=nipost.labels_per_unit
                ),
            ),
            initial_smesher=self.smesher if is_initial else None,
            vrf_nonce=nipost.vrf_nonce if is_new_nonce else None,
        )
        unsigned = ActivationTxV1(inner=inner, smesher=self.smesher, signature=EdSignature.zero())
        self.guard.claim(Statement.of_atx(self.smesher, challenge.publish_epoch, unsigned.id))
        signature = self.signer.sign(Domain.ATX, unsigned.signed_bytes())
        blob = scale.encode(replace(unsigned, signature=signature))
        with self.local.batch() as batch:
            put_built_atx(batch, self.smesher, challenge.publish_epoch, blob)
        return blob

    async def _broadcast(self, blob: bytes, deadline_ns: int) -> None:
        """Publish until it is taken.

        One that our own store has goes out all the same: a process that died may have
        stored it without telling anyone.
        """
        atx_id = scale.decode(ActivationTxV1, blob).id
        while True:
            try:
                await self.network.publish(TOPIC, blob)
            except RejectError as error:
                raise ChallengeExpiredError(f"our own ATX is not valid: {error}") from error
            except PreconditionError as error:
                self.guard.announce(self.smesher, f"atx {atx_id}", error, once=str(atx_id))
                raise
            except (IgnoreError, UnavailableError, NotFoundError) as error:
                if find_atx(self.db, atx_id) is not None:
                    return
                log.warning("atx_not_published", smesher=self.smesher, reason=str(error))
                if self.clock.now_ns() >= deadline_ns:
                    raise ChallengeExpiredError(str(error)) from error
                await self._wait_layer()
            else:
                return

    # Challenge

    async def _challenge(self) -> PendingChallenge:
        while not self.atxs_synced():
            await self.clock.sleep_until(self.clock.now_ns() + SYNC_POLL_NS)
        stored = find_challenge(self.local, self.smesher)
        if stored is not None:
            if stored.publish_epoch >= self._epoch():
                return stored
            self._reset()
        previous = find_last_atx(self.db, self.smesher)
        publish_epoch = publish_epoch_at(
            self.clock.now_ns(),
            self.time,
            self.config.phase_shift,
            None if previous is None else previous.publish_epoch,
        )
        await self._await_poet_window(publish_epoch)
        initial = find_initial_post(self.local, self.smesher)
        if previous is None:
            if initial is None:
                raise InvalidInitialPostError("there is no initial PoST")
            await self._check_stored_post(initial)
        positioning = await self.positioning.find_positioning_atx(
            self.smesher,
            publish_epoch,
            previous_atx=None if previous is None else previous.id,
            deadline_ns=self._selection_deadline(publish_epoch),
        )
        pending = PendingChallenge(
            publish_epoch=publish_epoch,
            sequence=0 if previous is None else previous.sequence + 1,
            previous_atx=NO_ATX if previous is None else previous.id,
            positioning_atx=positioning,
            commitment_atx=initial.commitment_atx if previous is None and initial else None,
            initial_post=initial.post if previous is None and initial else None,
            poet_ref=None,
            membership=None,
        )
        with self.local.batch() as batch:
            put_challenge(batch, self.smesher, pending)
        return pending

    async def _await_poet_window(self, publish_epoch: EpochID) -> None:
        """Sleep until shortly before the PoET round starts: the later, the better informed."""
        start_ns = round_start_for(publish_epoch, self.time, self.config.phase_shift)
        opens_ns = start_ns - self.config.grace_period
        now_ns = self.clock.now_ns()
        self.bus.publish(
            PoetWindowAwaited(
                smesher=self.smesher,
                current_epoch=self._epoch(),
                publish_epoch=publish_epoch,
                wait_ns=max(0, opens_ns - now_ns),
                until_ns=opens_ns,
            )
        )
        await self.clock.sleep_until(opens_ns)

    def _selection_deadline(self, publish_epoch: EpochID) -> int | None:
        """Return when the search for a positioning ATX has to end, if it has to."""
        timeout_ns = self.config.positioning_atx_selection_timeout
        if timeout_ns == 0:
            return None
        start_ns = round_start_for(publish_epoch, self.time, self.config.phase_shift)
        return start_ns - self.config.grace_period + timeout_ns

    # NIPoST

    async def _nipost(self, pending: PendingChallenge) -> FinishedNIPost:
        times = PoetTimes.of(
            pending.publish_epoch,
            self.time,
            phase_shift_ns=self.config.phase_shift,
            cycle_gap_ns=self.config.cycle_gap,
        )
        stored = find_nipost(self.local, self.smesher)
        if stored is not None:
            return stored
        if pending.poet_ref is None:
            pending = await self._poet_proof(pending, times)
        return await self._final_post(pending, times)

    async def _poet_proof(self, pending: PendingChallenge, times: PoetTimes) -> PendingChallenge:
        """Take the challenge through a PoET round; what comes of it is stored."""
        challenge = challenge_of(pending).challenge_hash()
        registered = await self.rounds.register(pending.publish_epoch, challenge, times)
        if pending.initial_post is not None:
            # It is checked again before the PoST; but a space that has grown shows here while
            # there is time, and after a restart the checker is up when the round ends.
            await self._check_against_space(pending.initial_post)
        best = await self.rounds.best_proof(pending.publish_epoch, registered, times)
        chosen = replace(pending, poet_ref=best.ref, membership=best.membership)
        with self.local.batch() as batch:
            put_challenge(batch, self.smesher, chosen)
        return chosen

    async def _final_post(self, pending: PendingChallenge, times: PoetTimes) -> FinishedNIPost:
        if self.clock.now_ns() >= times.publish_end_ns:
            raise ChallengeExpiredError(f"epoch {pending.publish_epoch} is over")
        if pending.poet_ref is None or pending.membership is None:
            raise NotFoundError("PoET proof of challenge", pending.publish_epoch)
        if pending.initial_post is not None:
            await self._check_against_space(pending.initial_post)
        post, metadata = await self._prove(Hash32(pending.poet_ref))
        if metadata.nonce is None:
            raise UnavailableError("the PoST worker has no VRF nonce", code="smesh.post.no_nonce")
        nipost = FinishedNIPost(
            post=post,
            num_units=metadata.num_units,
            vrf_nonce=metadata.nonce,
            membership=pending.membership,
            poet_ref=PoetRef(pending.poet_ref),
            labels_per_unit=metadata.labels_per_unit,
        )
        with self.local.batch() as batch:
            put_nipost(batch, self.smesher, nipost)
        return nipost

    # Progress and time

    def _reset(self, *, initial_post: bool = False) -> None:
        with self.local.batch() as batch:
            reset_progress(batch, self.local, self.smesher)
            if initial_post:
                delete_initial_post(batch, self.smesher)

    def _epoch(self) -> EpochID:
        return self.time.epoch_of(self.time.layer_at(self.clock.now_ns()))

    async def _wait_layer(self) -> None:
        following = LayerID(self.time.layer_at(self.clock.now_ns()) + 1)
        await self.clock.sleep_until(self.time.start_of(following))
