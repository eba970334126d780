"""Topic ``ax1``, and ATXs that peers send on request: judged, stored, told.

An ATX that is invalid in a way that convicts its smesher leads to a proof of misbehaviour,
which is stored with it (or instead of it, if its PoST is wrong), told and gossiped.  Of our
own identities no such proof is ever made: the ATX is refused instead.

Version 1 only; ``parameters.atx_parameters`` refuses networks that use another one.

Source: go-spacemesh, activation/handler.go and handler_v1.go; activation digest section 6.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from node.base import scale
from node.base.errors import (
    IgnoreError,
    InvalidPostError,
    PreconditionError,
    RejectError,
    WrongObjectError,
)
from node.consensus.activation.flights import SingleFlight
from node.consensus.activation.poet_handler import PoetHandler
from node.consensus.activation.ports import AtxListener, NonceVerifier
from node.consensus.activation.rules import AtxParameters, decode_atx
from node.consensus.activation.rules_v1 import (
    AtxFactsV1,
    NonceClaim,
    check_facts,
    check_labels_per_unit,
    check_poet,
    check_shape,
    check_signature,
    dependencies,
    initial_claims,
    is_initial,
    make_atx,
    nonce_to_check,
    post_claim,
    proven_space,
)
from node.consensus.atxdata import AtxData
from node.consensus.malfeasance.convictions import Convictions
from node.consensus.malfeasance.ports import PostVerifier
from node.consensus.malfeasance.wire import (
    InvalidPostIndex,
    InvalidPreviousAtx,
    MalfeasanceData,
    MalfeasanceProof,
    MultipleAtxs,
    SignedAtx,
)
from node.crypto.ed25519 import Signer, Verifier
from node.events import AtxStored, Bus
from node.layer_ticker import Clock
from node.net.fetch.client import Fetcher
from node.net.fetch.wire import Hint
from node.net.ports import Network, PeerID
from node.post.verifying import All, Subset
from node.store.atxs import (
    AtxPost,
    Validity,
    atx_ids_after,
    atx_ids_of_smesher_in_epoch,
    find_atx,
    find_commitment_atx,
    find_post,
    find_previous_atx,
    get_atx_blob,
    has_atx,
    put_atx,
    put_post,
    put_validity,
)
from node.store.db import Database
from node.store.identities import is_malicious
from node.types.atx import Atx
from node.types.atx_v1 import ActivationTxV1
from node.types.ids import NO_ATX, AtxID, Hash32, SmesherID
from node.types.layer_time import LayerTime
from node.types.metadata import AtxMetadata

TOPIC: Final = "ax1"

log = structlog.get_logger("atxHandler")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an ATX that breaks no rule, or of one that convicts its smesher."""

    is_known: bool = False
    """It was stored before."""

    proof: MalfeasanceProof | None = None
    """What it proves against its smesher; stored already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """A valid ATX, about to be stored."""

    wire: ActivationTxV1
    blob: bytes
    atx: Atx


@dataclass(kw_only=True)
class ActivationHandler:
    """Decodes, fetches, judges, stores, tells, announces - in that order."""

    db: Database
    atxdata: AtxData
    clock: Clock
    time: LayerTime
    bus: Bus
    network: Network
    fetcher: Fetcher
    verifier: Verifier
    post_verifier: PostVerifier
    nonces: NonceVerifier
    poets: PoetHandler
    convictions: Convictions
    parameters: AtxParameters
    signers: Callable[[], Sequence[Signer]]

    listeners: Sequence[AtxListener] = ()
    """Told of every ATX that is stored: the beacon."""

    weight_listeners: Sequence[AtxListener] = ()
    """Told, after those, of ATXs whose target epoch is still in the cache: the tortoise."""

    _flights: SingleFlight[AtxID, Outcome] = field(default_factory=SingleFlight)

    async def on_gossip(self, peer: PeerID, data: bytes) -> None:
        """Handle a gossiped ATX.

        Raises:
            DecodeError: it is malformed, or of another version than its epoch's.
            RejectError: it breaks a rule.
            IgnoreError: it is known, or convicts its smesher.
            FetchError: something it refers to cannot be had.
            PreconditionError: it would convict one of our own identities.
            UnavailableError: a PoST or nonce could not be checked.
        """
        outcome = await self._handle(None, peer, data)
        if outcome.is_known:
            if peer == self.network.local:
                return
            raise IgnoreError("atx is known")
        if outcome.proof is not None:
            await self.convictions.publish(outcome.proof)
            raise IgnoreError("malicious atx")

    async def on_synced(self, expected: Hash32, peer: PeerID, data: bytes) -> None:
        """Handle an ATX that a peer sent for an identifier; a known one is fine.

        Raises:
            RejectError: it is another ATX, or breaks a rule; else as ``on_gossip``.
        """
        await self._handle(expected, peer, data)

    async def _handle(self, expected: Hash32 | None, peer: PeerID, data: bytes) -> Outcome:
        received_ns = self.clock.now_ns()
        atx = decode_atx(data, self.parameters.versions)
        if expected is not None and bytes(atx.id) != expected:
            raise WrongObjectError(f"peer {peer} sent atx {atx.id}, asked for {expected}")
        if not isinstance(atx, ActivationTxV1):
            raise IgnoreError(f"atx {atx.id} of version 2 cannot be judged by this node")
        return await self._flights.run(atx.id, lambda: self._process(atx, data, peer, received_ns))

    async def _process(
        self, atx: ActivationTxV1, blob: bytes, peer: PeerID, received_ns: int
    ) -> Outcome:
        check_signature(atx, self.verifier)
        if has_atx(self.db, atx.id):
            return Outcome(is_known=True)
        check_shape(atx, self.time.epoch_of(self.time.layer_at(received_ns)))
        await self._check_initial(atx)
        await self._fetch(atx, peer)
        facts = self._gather(atx)
        check_facts(atx, facts, self.parameters)
        await self._check_nonce(atx, nonce_to_check(atx, facts))
        try:
            await self._check_post(atx, facts)
        except InvalidPostError as error:
            return self._convict_of_post(atx, error)
        work = self.poets.find(proven_space(atx).poet_ref)
        if work is None:
            raise RejectError(f"atx {atx.id}: poet proof is not known")
        check_poet(atx, work.statement)
        stored = make_atx(
            atx,
            facts,
            leaf_count=work.leaf_count,
            tick_size=self.parameters.tick_size,
            received_ns=received_ns,
        )
        return self._commit(_Judged(wire=atx, blob=blob, atx=stored))

    async def _check_initial(self, atx: ActivationTxV1) -> None:
        claims = initial_claims(atx)
        if claims is None:
            return
        nonce, post, claim = claims
        check_labels_per_unit(atx, self.parameters)
        await self._check_nonce(atx, nonce)
        await self.post_verifier.verify(post, claim, self.parameters.proof, All())

    async def _check_nonce(self, atx: ActivationTxV1, claim: NonceClaim | None) -> None:
        if claim is not None:
            await self.nonces.check_nonce(
                atx.smesher, claim.commitment_atx, num_labels=claim.num_labels, nonce=claim.nonce
            )

    async def _fetch(self, atx: ActivationTxV1, peer: PeerID) -> None:
        poet = proven_space(atx).poet_ref
        atxs = dependencies(atx, self.parameters.golden_atx)
        self.fetcher.register_holder(peer, [poet, *atxs])
        await self.fetcher.fetch(Hint.POET, [poet])
        # One out of a checkpoint is known, but has no bytes that a peer could ask for.
        await self.fetcher.fetch(Hint.ATX, [one for one in atxs if not has_atx(self.db, one)])

    def _gather(self, atx: ActivationTxV1) -> AtxFactsV1:
        challenge = atx.inner.challenge
        commitment, previous_units = challenge.commitment_atx, None
        if not is_initial(atx):
            part = find_post(self.db, challenge.previous_atx, atx.smesher)
            previous_units = None if part is None else part.num_units
        return AtxFactsV1(
            stored_commitment=find_commitment_atx(self.db, atx.smesher),
            commitment=None if commitment is None else find_atx(self.db, commitment),
            previous=find_atx(self.db, challenge.previous_atx),
            previous_units=previous_units,
            positioning=find_atx(self.db, challenge.positioning_atx),
        )

    async def _check_post(self, atx: ActivationTxV1, facts: AtxFactsV1) -> None:
        # Each node checks labels of its own choice, so that together they check many.
        subset = Subset(self.parameters.k3, self.network.local.encode())
        await self.post_verifier.verify(
            proven_space(atx).post, post_claim(atx, facts), self.parameters.proof, subset
        )

    def _convict_of_post(self, atx: ActivationTxV1, error: InvalidPostError) -> Outcome:
        """Store the proof that a label is wrong; the ATX itself is not stored."""
        if is_malicious(self.db, atx.smesher):
            raise RejectError(f"atx {atx.id}: smesher {atx.smesher} is malicious: {error}")
        proof = self._proof(atx, InvalidPostIndex(atx=atx, invalid_index=error.index))
        self.convictions.store(atx.smesher, proof)
        return Outcome(proof=proof)

    def _commit(self, judged: _Judged) -> Outcome:
        """Store an ATX and tell of it; nothing is awaited."""
        atx = judged.atx
        if has_atx(self.db, atx.id):
            return Outcome(is_known=True)
        was_malicious = is_malicious(self.db, atx.smesher)
        proof = None if was_malicious else self._find_equivocation(judged.wire)
        # No need to wait for the disk: peers have what a power loss takes.  Of our own ATX
        # nobody may have heard yet, and the next one must come after it.
        with self.db.batch(sync=self._is_own(atx.smesher)) as batch:
            put_atx(batch, atx, blob=judged.blob)
            put_post(batch, _part_of(judged.wire))
            if self.parameters.checks_all_labels:
                put_validity(batch, atx.id, Validity.VALID)
            conviction = (
                None if proof is None else self.convictions.convict(batch, atx.smesher, proof)
            )
        if conviction is not None:
            self.convictions.tell(conviction)
        self._tell(atx, malicious=was_malicious or proof is not None)
        return Outcome(proof=proof)

    def _is_own(self, smesher: SmesherID) -> bool:
        return any(signer.smesher_id == smesher for signer in self.signers())

    def _tell(self, atx: Atx, *, malicious: bool) -> None:
        if malicious:
            self.atxdata.mark_malicious(atx.smesher)
        is_cached = self.atxdata.add_atx(atx)
        for listener in self.listeners:
            listener.on_atx(atx, malicious=malicious)
        if is_cached:
            for listener in self.weight_listeners:
                listener.on_atx(atx, malicious=malicious)
        self.bus.publish(AtxStored(atx=atx))
        log.info(
            "atx_stored",
            atx=atx.id,
            smesher=atx.smesher,
            epoch=atx.publish_epoch,
            weight=atx.weight,
            height=atx.tick_height,
        )

    def _find_equivocation(self, atx: ActivationTxV1) -> MalfeasanceProof | None:
        """Return what a new ATX proves against its smesher together with a stored one.

        Raises:
            PreconditionError: it is one of ours.
            NotFoundError: the bytes of the other ATX are not stored.
        """
        return self._find_double_publish(atx) or self._find_wrong_previous(atx)

    def _find_double_publish(self, atx: ActivationTxV1) -> MalfeasanceProof | None:
        epoch = atx.inner.challenge.publish_epoch
        other = next(atx_ids_of_smesher_in_epoch(self.db, atx.smesher, epoch), None)
        if other is None:
            return None
        self._refuse_own(atx.smesher, f"atx {other} was published in epoch {epoch} already")
        first, second = self._signed(self._wire(other)), self._signed(atx)
        return self._proof(atx, MultipleAtxs(messages=(first, second)))

    def _find_wrong_previous(self, atx: ActivationTxV1) -> MalfeasanceProof | None:
        challenge = atx.inner.challenge
        expected = find_previous_atx(self.db, atx.smesher, challenge.publish_epoch)
        if challenge.previous_atx == (expected or NO_ATX):
            return None
        self._refuse_own(
            atx.smesher, f"previous atx {challenge.previous_atx}, expected {expected or NO_ATX}"
        )
        named = None if is_initial(atx) else challenge.previous_atx
        for other in atx_ids_after(self.db, atx.smesher, named):
            proof = InvalidPreviousAtx(atx1=atx, atx2=self._wire(other))
            return self._proof(atx, proof)
        return None

    def _refuse_own(self, smesher: SmesherID, reason: str) -> None:
        if any(signer.smesher_id == smesher for signer in self.signers()):
            raise PreconditionError(
                f"own smesher {smesher} would be convicted: {reason}",
                code="smesh.precondition.key_in_use",
                hint="is the same identity in use on another node?",
            )

    def _wire(self, atx: AtxID) -> ActivationTxV1:
        return scale.decode(ActivationTxV1, get_atx_blob(self.db, atx))

    def _signed(self, atx: ActivationTxV1) -> SignedAtx:
        metadata = AtxMetadata(
            publish_epoch=atx.inner.challenge.publish_epoch, message_hash=Hash32(atx.id)
        )
        return SignedAtx(metadata=metadata, smesher=atx.smesher, signature=atx.signature)

    def _proof(self, atx: ActivationTxV1, data: MalfeasanceData) -> MalfeasanceProof:
        layer = self.time.first_layer(atx.inner.challenge.publish_epoch)
        return MalfeasanceProof(layer=layer, data=data)


def _part_of(atx: ActivationTxV1) -> AtxPost:
    """Return what an ATX declares of its smesher's space."""
    challenge = atx.inner.challenge
    return AtxPost(
        atx=atx.id,
        smesher=atx.smesher,
        previous_atx=None if is_initial(atx) else challenge.previous_atx,
        previous_index=0,
        num_units=atx.inner.num_units,
        publish_epoch=challenge.publish_epoch,
    )
