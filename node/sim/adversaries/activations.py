"""ATXs that are wrong: their PoST, their PoET, their previous ATX.

From the second ATX of an identity on, so that it has weight to lose.  The adversary's own
node does not keep the wrong ATX either: it has no other one to offer in its place.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace

from node.base import scale
from node.base.errors import DecodeError, IgnoreError
from node.consensus.activation.handler import TOPIC
from node.crypto.ed25519 import Signer, private_key_of
from node.environment import Environment
from node.net.fetch.wire import HASHES, Hint, RequestBatch, ResponseBatch, ResponseMessage
from node.net.ports import PeerID, RequestHandler
from node.poet.client import PoetClient, register
from node.poet.registration import PowParams, SubmitRequest
from node.poet.server import PoetInfo, RoundProof, SubmitReceipt
from node.poet.tree import prove_membership
from node.post.difficulty import count_index_bits
from node.post.rules import pack_indices, unpack_indices
from node.sim.adversaries.end import AdversarialEnd, Stage, Tactic, tampered
from node.sim.adversaries.signing import sign_atx
from node.sim.links import Randomness
from node.store.atxs import atx_ids_of_smesher, get_atx_blob
from node.store.db import Database
from node.store.local import find_challenge
from node.store.poets import get_poet
from node.types.atx_v1 import ActivationTxV1, InnerActivationTxV1, NIPostChallengeV1
from node.types.ids import NO_ATX, Hash32, PoetRef, SmesherID
from node.types.post import NIPost, Post, PostMetadata


class WrongAtxs(Tactic, ABC):
    """Publishes something else in place of every ATX but the first."""

    async def publish(self, end: AdversarialEnd, topic: str, data: bytes) -> None:
        """See Tactic."""
        if topic != TOPIC:
            await end.publish_honestly(topic, data)
            return
        atx = scale.decode(ActivationTxV1, data)
        if atx.inner.challenge.previous_atx == NO_ATX:
            await end.publish_honestly(topic, data)
            return
        wrong = sign_atx(self.spoil(atx), self.stage.signer_of(atx.smesher))
        end.send(end.everybody(), topic, scale.encode(wrong))
        raise IgnoreError("another ATX was published in place of this one")

    @abstractmethod
    def spoil(self, atx: ActivationTxV1) -> InnerActivationTxV1:
        """Return what is published in place of an ATX."""


class WrongPosts(WrongAtxs):
    """Names labels that do not satisfy the proof: whoever computes one of them knows."""

    def spoil(self, atx: ActivationTxV1) -> InnerActivationTxV1:
        """See WrongAtxs."""
        nipost, post, metadata = _proven(atx)
        labels = atx.inner.num_units * metadata.labels_per_unit
        bits = count_index_bits(labels)
        count = self.stage.environment.config.post.k2
        indices = unpack_indices(post.indices, bits)[:count]
        moved = pack_indices(((index + 1) % labels for index in indices), bits)
        return replace(atx.inner, nipost=replace(nipost, post=replace(post, indices=moved)))


class WrongMemberships(WrongAtxs):
    """Claims to have been a member of a PoET's round at a place where it was not."""

    def spoil(self, atx: ActivationTxV1) -> InnerActivationTxV1:
        """See WrongAtxs."""
        nipost, _, _ = _proven(atx)
        membership = nipost.membership
        nodes = (*membership.nodes, Hash32(self.stage.random(Hash32.SIZE)))
        return replace(
            atx.inner, nipost=replace(nipost, membership=replace(membership, nodes=nodes))
        )


class ForgedPoets(WrongAtxs):
    """Refers to a PoET proof of twice the work, which it made up and serves on request."""

    def __init__(self, stage: Stage) -> None:
        """Begin without forgeries."""
        super().__init__(stage)
        self.forged: dict[Hash32, bytes] = {}

    def spoil(self, atx: ActivationTxV1) -> InnerActivationTxV1:
        """See WrongAtxs."""
        nipost, _, metadata = _proven(atx)
        message = get_poet(self.stage.environment.db, PoetRef(metadata.challenge))
        proof = replace(message.proof, leaf_count=2 * message.proof.leaf_count)
        self.forged[Hash32(proof.ref)] = scale.encode(replace(message, proof=proof))
        other = replace(metadata, challenge=bytes(proof.ref))
        return replace(atx.inner, nipost=replace(nipost, post_metadata=other))

    async def answer(
        self, protocol: str, peer: PeerID, data: bytes, honest: RequestHandler
    ) -> bytes:
        """See Tactic."""
        answer = await honest(peer, data)
        if protocol != HASHES:
            return answer
        batch = scale.decode(RequestBatch, data)
        made_up = tuple(
            ResponseMessage(hash=wanted.hash, data=self.forged[wanted.hash])
            for wanted in batch.requests
            if wanted.hint == Hint.POET and wanted.hash in self.forged
        )
        found = scale.decode(ResponseBatch, answer)
        return scale.encode(replace(found, responses=(*found.responses, *made_up)))


class WrongPrevious(WrongAtxs):
    """Begins anew with every ATX, as if there had been none before.

    Such an ATX needs a challenge of its own in the PoET's round; see ``SecondRegistration``.
    """

    def spoil(self, atx: ActivationTxV1) -> InnerActivationTxV1:
        """See WrongAtxs."""
        environment = self.stage.environment
        first = first_atx(environment.db, atx.smesher)
        challenge = begin_anew(atx.inner.challenge, first)
        nipost, _, metadata = _proven(atx)
        ref = PoetRef(metadata.challenge)
        members = next(
            poet.members[get_poet(environment.db, ref).round_id]
            for poet in environment.poets
            if isinstance(poet, SecondRegistration)
        )
        membership = prove_membership(members, challenge.challenge_hash())
        return replace(
            first.inner, challenge=challenge, nipost=replace(nipost, membership=membership)
        )


@dataclass
class SecondRegistration:
    """A PoET where a second challenge is registered together with every one of the node."""

    poet: PoetClient
    environment: Environment
    random: Randomness

    members: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    """Of the rounds that have ended."""

    @property
    def address(self) -> str:
        """See PoetClient."""
        return self.poet.address

    async def info(self) -> PoetInfo:
        """See PoetClient."""
        return await self.poet.info()

    async def pow_params(self) -> PowParams:
        """See PoetClient."""
        return await self.poet.pow_params()

    async def submit(self, request: SubmitRequest) -> SubmitReceipt:
        """See PoetClient."""
        smesher = SmesherID(request.pubkey)
        pending = find_challenge(self.environment.local, smesher)
        if pending is not None and pending.previous_atx != NO_ATX:
            challenge = NIPostChallengeV1(
                publish_epoch=pending.publish_epoch,
                sequence=pending.sequence,
                previous_atx=pending.previous_atx,
                positioning_atx=pending.positioning_atx,
                commitment_atx=None,
                initial_post=None,
            )
            again = begin_anew(challenge, first_atx(self.environment.db, smesher))
            # A PoET takes one challenge of a key: this one comes under another name.
            own = self.environment.identities.signers()[0]
            nobody = Signer(private_key_of(self.random(32)), own.genesis_id)
            await register(
                self.poet, nobody, again.challenge_hash(), deadline_ns=request.deadline_ns
            )
        return await self.poet.submit(request)

    async def proof(self, round_id: str) -> RoundProof:
        """See PoetClient."""
        answer = await self.poet.proof(round_id)
        self.members[round_id] = answer.members
        return answer


def register_twice(environment: Environment, random: Randomness) -> Environment:
    """Return what a node stands on whose ATXs all name no previous one."""
    poets = tuple(SecondRegistration(poet, environment, random) for poet in environment.poets)
    return tampered(replace(environment, poets=poets), random, WrongPrevious)


def first_atx(db: Database, smesher: SmesherID) -> ActivationTxV1:
    """Return the initial ATX of a smesher."""
    atxs = (
        scale.decode(ActivationTxV1, get_atx_blob(db, one))
        for one in atx_ids_of_smesher(db, smesher)
    )
    return next(atx for atx in atxs if atx.inner.challenge.previous_atx == NO_ATX)


def begin_anew(challenge: NIPostChallengeV1, first: ActivationTxV1) -> NIPostChallengeV1:
    """Return the challenge of an initial ATX for the same epoch."""
    return replace(
        first.inner.challenge,
        publish_epoch=challenge.publish_epoch,
        positioning_atx=challenge.positioning_atx,
    )


def _proven(atx: ActivationTxV1) -> tuple[NIPost, Post, PostMetadata]:
    nipost = atx.inner.nipost
    if nipost is None or nipost.post is None or nipost.post_metadata is None:
        raise DecodeError(f"our own atx {atx.id} has no proof")
    return nipost, nipost.post, nipost.post_metadata
