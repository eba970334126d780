"""What is fuzzed: every gossip topic of a node, and everything that peers send on request."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from node.app import Node
from node.base.errors import DecodeError
from node.base.hashing import hash32
from node.base.scale import decode, encode
from node.consensus.beacon.wire import (
    BeaconProposalMessage,
    FirstVotesMessage,
    FollowingVotesMessage,
    WeakCoinMessage,
)
from node.consensus.hare.exchange import PROTOCOL as FULL_EXCHANGE
from node.consensus.hare.wire import CompactIDRequest, MessageV3, MessageV4
from node.consensus.malfeasance.rules import culprit_of
from node.consensus.malfeasance.wire import (
    HareEquivocation,
    InvalidPostIndex,
    InvalidPreviousAtx,
    MalfeasanceData,
    MalfeasanceGossip,
    MalfeasanceProof,
    MultipleAtxs,
    MultipleBallots,
    SignedAtx,
    SignedBallot,
    SignedHareMessage,
)
from node.crypto.ed25519 import sign_bytes
from node.net.fetch.client import Validator
from node.net.fetch.wire import (
    ACTIVE_SETS,
    EPOCH_ATXS,
    HASHES,
    LAYER_DATA,
    MALICIOUS_IDS,
    MESH_HASHES,
    OPINIONS,
    EpochRequest,
    Hint,
    LayerRequest,
    MeshHashRequest,
    OpinionRequest,
    RequestBatch,
    RequestMessage,
)
from node.store.activesets import active_sets_in_epoch
from node.store.ballots import ballots_in_layer
from node.store.blobs import find_blob
from node.store.blocks import blocks_in_layer
from node.store.poets import poet_refs
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.atx_v1 import ActivationTxV1
from node.types.ballot import Ballot
from node.types.block import Block
from node.types.certificate import CertifyMessage
from node.types.ids import NO_BLOCK, EdSignature, Hash32, padded
from node.types.layer import LayerID
from node.types.metadata import AtxMetadata, BallotMetadata, HareMetadata
from node.types.poet import PoetProofMessage
from node.types.proposal import Proposal
from node.types.transaction import RawTransaction
from scripts.fuzzing import laws
from scripts.fuzzing.draws import Draws
from scripts.fuzzing.mutations import spoil
from scripts.fuzzing.scene import EPOCH, FIRST, HONEST, SECOND, Stage
from scripts.fuzzing.signing import sign_again

ATX_TOPIC: Final = "ax1"
PROPOSAL_TOPIC: Final = "pp1"
TRANSACTION_TOPIC: Final = "tx1"
MALFEASANCE_TOPIC: Final = "mp1"
HARE3_TOPIC: Final = "/h/3.0"
HARE4_TOPIC: Final = "/h/4.0"

LONGEST_ANSWER: Final = 1 << 20
"""Bytes; all that the recorded network has is less."""

Valid: TypeAlias = Callable[[Stage], tuple[bytes, ...]]
Identify: TypeAlias = Callable[[Any], bytes]
Handle: TypeAlias = Callable[[bytes, bytes], Awaitable[None]]
"""Takes (identifier asked for, message)."""

VALIDATORS: Final[dict[Hint, Callable[[Node], Validator]]] = {
    Hint.ATX: lambda node: node.activation.on_synced,
    Hint.POET: lambda node: node.poet_proofs.on_synced,
    Hint.MALFEASANCE: lambda node: node.malfeasance.on_synced,
    Hint.BLOCK: lambda node: node.block_handler.on_synced,
    Hint.TX: lambda node: node.transaction_handler.on_synced,
    Hint.PROPOSAL: lambda node: node.proposal_handler.on_synced,
    Hint.BALLOT: lambda node: node.proposal_handler.on_synced_ballot,
    Hint.ACTIVE_SET: lambda node: node.proposal_handler.on_synced_active_set,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One handler."""

    name: str
    entry: str | Hint
    """Gossip topic, kind of object that is sent on request, or protocol of requests."""

    cls: type
    """What a message decodes to."""

    law: laws.Law
    valid: Valid
    """Messages to begin with."""

    layer: LayerID = FIRST
    """Where the node stands."""

    before: tuple[str, ...] = ()
    """Topics whose recorded messages the node has heard already."""

    identify: Identify | None = None
    """Tells by which identifier an object is asked for; gossip has none."""

    def handler(self, stage: Stage) -> Handle:
        """Return what hands a message to the node."""
        if isinstance(self.entry, Hint):
            validator = VALIDATORS[self.entry](stage.node)
            return lambda expected, data: validator(Hash32(expected), HONEST, data)
        if self.entry in stage.end.served:
            answer = stage.end.served[self.entry]
            return lambda _, data: _answered(answer(HONEST, data))
        gossip = stage.end.handlers[self.entry]
        return lambda _, data: _as_coroutine(gossip(HONEST, data))

    def expected(self, data: bytes) -> bytes:
        """Return the identifier of a message; of one that does not decode, a made up one."""
        if self.identify is None:
            return b""
        try:
            return padded_to_hash(self.identify(self.read(data)))
        except DecodeError:
            return hash32(data)

    def read(self, data: bytes) -> Any:
        """Return the object in a message.

        Raises:
            DecodeError: it is malformed.
        """
        return RawTransaction.of(data) if self.cls is RawTransaction else decode(self.cls, data)

    def write(self, message: Any) -> bytes:
        """Return the bytes of an object."""
        return message.raw if isinstance(message, RawTransaction) else encode(message)


async def _answered(waited: Awaitable[bytes]) -> None:
    answer = await waited
    if len(answer) > LONGEST_ANSWER:
        raise AssertionError(f"an answer of {len(answer)} bytes")


async def _as_coroutine(waited: Awaitable[None]) -> None:
    await waited


def padded_to_hash(identifier: bytes) -> bytes:
    """Return an identifier in the form in which it is asked for."""
    return identifier.ljust(Hash32.SIZE, b"\0")


def spoil_signed(draws: Draws, data: bytes, keys: tuple[bytes, ...], genesis_id: bytes) -> bytes:
    """Return a transaction whose body was changed and signed again by one of the wallets."""
    _, body = spoil(draws, data[: -EdSignature.SIZE], ())
    return body + sign_bytes(draws.choose(keys), genesis_id + body)


def _heard(topic: str) -> Valid:
    return lambda stage: stage.recording.messages[topic]


def _in_layer(layer: LayerID) -> Valid:
    """Proposals of a layer."""
    return lambda stage: tuple(
        data
        for data in stage.recording.messages[PROPOSAL_TOPIC]
        if decode(Proposal, data).layer == layer
    )


def _hare(cls: type[MessageV3 | MessageV4], topic: str, layer: LayerID) -> Valid:
    return lambda stage: tuple(
        data for data in stage.recording.messages[topic] if decode(cls, data).body.layer == layer
    )


def _transactions(stage: Stage) -> tuple[bytes, ...]:
    return stage.recording.transactions


def _proofs(stage: Stage) -> tuple[MalfeasanceProof, ...]:
    """Make one proof of every kind against the recorded smeshers."""
    signers = tuple(stage.recording.signers.values())
    atxs = [decode(ActivationTxV1, data) for data in stage.recording.messages[ATX_TOPIC]]
    made: list[MalfeasanceData] = []
    hashes = (Hash32(hash32(b"one")), Hash32(hash32(b"other")))
    for number, signer in enumerate(signers):
        who, none = signer.smesher_id, EdSignature.zero()
        atx_data = [AtxMetadata(publish_epoch=EPOCH, message_hash=one) for one in hashes]
        ballot_data = [BallotMetadata(layer=FIRST, message_hash=one) for one in hashes]
        hare_data = [HareMetadata(layer=FIRST, round=3, message_hash=one) for one in hashes]
        first, second = (SignedAtx(metadata=m, smesher=who, signature=none) for m in atx_data)
        made.append(MultipleAtxs(messages=(first, second)))
        one, other = (SignedBallot(metadata=m, smesher=who, signature=none) for m in ballot_data)
        made.append(MultipleBallots(messages=(one, other)))
        here, there = (
            SignedHareMessage(metadata=m, smesher=who, signature=none) for m in hare_data
        )
        made.append(HareEquivocation(messages=(here, there)))
        atx = next(atx for atx in atxs if atx.smesher == who)
        made.append(InvalidPostIndex(atx=_with_wrong_post(atx), invalid_index=number))
        changed = replace(atx, inner=replace(atx.inner, num_units=atx.inner.num_units + 1))
        made.append(InvalidPreviousAtx(atx1=atx, atx2=changed))
    proofs = (MalfeasanceProof(layer=FIRST, data=data) for data in made)
    return tuple(sign_again(proof, stage.recording.signers) for proof in proofs)


def _with_wrong_post(atx: ActivationTxV1) -> ActivationTxV1:
    nipost = atx.inner.nipost
    if nipost is None or nipost.post is None:
        raise ValueError(f"atx {atx.id} has no PoST")
    wrong = bytes(byte ^ 1 for byte in nipost.post.indices)
    changed = replace(nipost, post=replace(nipost.post, indices=wrong))
    return replace(atx, inner=replace(atx.inner, nipost=changed))


def _gossiped_proofs(stage: Stage) -> tuple[bytes, ...]:
    return tuple(
        encode(MalfeasanceGossip(proof=proof, eligibility=None)) for proof in _proofs(stage)
    )


def _fetched_proofs(stage: Stage) -> tuple[bytes, ...]:
    return tuple(encode(proof) for proof in _proofs(stage))


def _requests(*messages: object) -> Valid:
    data = tuple(map(encode, messages))
    return lambda _: data


def _batches(stage: Stage) -> tuple[bytes, ...]:
    ballot = next(ballots_in_layer(stage.honest.db, FIRST))
    proposal = decode(Proposal, stage.recording.messages[PROPOSAL_TOPIC][0])
    wanted = {
        Hint.ATX: Hash32(ballot.atx_id),
        Hint.BALLOT: padded(ballot.id),
        Hint.BLOCK: padded(next(blocks_in_layer(stage.honest.db, FIRST)).id),
        Hint.POET: Hash32(next(poet_refs(stage.honest.db))),
        Hint.PROPOSAL: padded(proposal.id),
        Hint.TX: Hash32(RawTransaction.of(stage.recording.transactions[0]).id),
        Hint.MALFEASANCE: Hash32(ballot.smesher),
    }
    requests = tuple(RequestMessage(hint=hint, hash=Hash32(key)) for hint, key in wanted.items())
    return tuple(
        encode(RequestBatch(id=Hash32.zero(), requests=requests[:count]))
        for count in (1, len(requests))
    )


def _full_exchange(stage: Stage) -> tuple[bytes, ...]:
    heard = _hare(MessageV4, HARE4_TOPIC, SECOND)(stage)
    ids = (decode(MessageV4, data).hash for data in heard)
    return tuple(encode(CompactIDRequest(message_id=one)) for one in ids)


def _active_set_batches(stage: Stage) -> tuple[bytes, ...]:
    digests = active_sets_in_epoch(stage.honest.db, EPOCH)
    requests = (RequestMessage(hint=Hint.ACTIVE_SET, hash=digest) for digest in digests)
    return tuple(encode(RequestBatch(id=Hash32.zero(), requests=(one,))) for one in requests)


def _poets(stage: Stage) -> tuple[bytes, ...]:
    refs = tuple(poet_refs(stage.honest.db))
    return tuple(find_blob(stage.honest.db, Hint.POET, Hash32(ref)) or b"" for ref in refs)


def _blocks(stage: Stage) -> tuple[bytes, ...]:
    layers = (FIRST, SECOND)
    found = (block for layer in layers for block in blocks_in_layer(stage.honest.db, layer))
    return tuple(encode(block) for block in found)


def _ballots(stage: Stage) -> tuple[bytes, ...]:
    return tuple(encode(ballot) for ballot in ballots_in_layer(stage.honest.db, FIRST))


def _active_sets(stage: Stage) -> tuple[bytes, ...]:
    digests = tuple(active_sets_in_epoch(stage.honest.db, EPOCH))
    return tuple(find_blob(stage.honest.db, Hint.ACTIVE_SET, one) or b"" for one in digests)


TARGETS: Final = (
    Target(
        name="atx", entry=ATX_TOPIC, cls=ActivationTxV1, law=laws.of_atx, valid=_heard(ATX_TOPIC)
    ),
    Target(
        name="proposal",
        entry=PROPOSAL_TOPIC,
        cls=Proposal,
        law=laws.of_proposal,
        valid=_in_layer(FIRST),
    ),
    Target(
        name="later-proposal",
        entry=PROPOSAL_TOPIC,
        cls=Proposal,
        law=laws.of_proposal,
        valid=_in_layer(SECOND),
        layer=SECOND,
    ),
    Target(
        name="beacon-proposal",
        entry="bp1",
        cls=BeaconProposalMessage,
        law=laws.of_beacon_proposal,
        valid=_heard("bp1"),
    ),
    Target(
        name="first-votes",
        entry="bf1",
        cls=FirstVotesMessage,
        law=laws.of_first_votes,
        valid=_heard("bf1"),
        before=("bp1",),
    ),
    Target(
        name="following-votes",
        entry="bo1",
        cls=FollowingVotesMessage,
        law=laws.of_following_votes,
        valid=_heard("bo1"),
        before=("bp1", "bf1"),
    ),
    Target(
        name="weak-coin",
        entry="bw1",
        cls=WeakCoinMessage,
        law=laws.of_weak_coin,
        valid=_heard("bw1"),
    ),
    Target(
        name="certify",
        entry="bc1",
        cls=CertifyMessage,
        law=laws.of_certify_message,
        valid=_heard("bc1"),
        before=(PROPOSAL_TOPIC,),
    ),
    Target(
        name="transaction",
        entry=TRANSACTION_TOPIC,
        cls=RawTransaction,
        law=laws.of_transaction,
        valid=_transactions,
    ),
    Target(
        name="hare3",
        entry=HARE3_TOPIC,
        cls=MessageV3,
        law=laws.of_hare3,
        valid=_hare(MessageV3, HARE3_TOPIC, FIRST),
        before=(PROPOSAL_TOPIC,),
    ),
    Target(
        name="hare4",
        entry=HARE4_TOPIC,
        cls=MessageV4,
        law=laws.of_hare4,
        valid=_hare(MessageV4, HARE4_TOPIC, SECOND),
        layer=SECOND,
        before=(PROPOSAL_TOPIC,),
    ),
    Target(
        name="malfeasance",
        entry=MALFEASANCE_TOPIC,
        cls=MalfeasanceGossip,
        law=laws.of_malfeasance,
        valid=_gossiped_proofs,
    ),
    Target(
        name="fetched-atx",
        entry=Hint.ATX,
        cls=ActivationTxV1,
        law=laws.of_fetched(ActivationTxV1),
        valid=_heard(ATX_TOPIC),
        identify=lambda atx: atx.id,
    ),
    Target(
        name="fetched-poet",
        entry=Hint.POET,
        cls=PoetProofMessage,
        law=laws.of_fetched(PoetProofMessage),
        valid=_poets,
        identify=lambda message: message.proof.ref,
    ),
    Target(
        name="fetched-malfeasance",
        entry=Hint.MALFEASANCE,
        cls=MalfeasanceProof,
        law=laws.of_fetched(MalfeasanceProof),
        valid=_fetched_proofs,
        identify=lambda proof: culprit_of(proof.data),
    ),
    Target(
        name="fetched-block",
        entry=Hint.BLOCK,
        cls=Block,
        law=laws.of_fetched(Block),
        valid=_blocks,
        identify=lambda block: block.id,
    ),
    Target(
        name="fetched-transaction",
        entry=Hint.TX,
        cls=RawTransaction,
        law=laws.any_fetched,
        valid=_transactions,
        identify=lambda raw: raw.id,
    ),
    Target(
        name="fetched-proposal",
        entry=Hint.PROPOSAL,
        cls=Proposal,
        law=laws.of_fetched(Proposal),
        valid=_in_layer(FIRST),
        identify=lambda proposal: proposal.id,
    ),
    Target(
        name="fetched-ballot",
        entry=Hint.BALLOT,
        cls=Ballot,
        law=laws.of_fetched(Ballot),
        valid=_ballots,
        identify=lambda ballot: ballot.id,
    ),
    Target(
        name="fetched-active-set",
        entry=Hint.ACTIVE_SET,
        cls=EpochActiveSet,
        law=laws.of_fetched(EpochActiveSet),
        valid=_active_sets,
        identify=lambda active_set: active_set_hash(active_set.atx_ids),
    ),
    Target(
        name="asked-hashes",
        entry=HASHES,
        cls=RequestBatch,
        law=laws.of_request(RequestBatch),
        valid=_batches,
        layer=SECOND,
    ),
    Target(
        name="asked-active-set",
        entry=ACTIVE_SETS,
        cls=RequestBatch,
        law=laws.of_request(RequestBatch),
        valid=_active_set_batches,
        layer=SECOND,
    ),
    Target(
        name="asked-epoch",
        entry=EPOCH_ATXS,
        cls=EpochRequest,
        law=laws.of_request(EpochRequest),
        valid=_requests(EpochRequest(epoch=EPOCH)),
        layer=SECOND,
    ),
    Target(
        name="asked-layer",
        entry=LAYER_DATA,
        cls=LayerRequest,
        law=laws.of_request(LayerRequest),
        valid=_requests(LayerRequest(layer=FIRST)),
        layer=SECOND,
    ),
    Target(
        name="asked-mesh-hashes",
        entry=MESH_HASHES,
        cls=MeshHashRequest,
        law=laws.of_request(MeshHashRequest),
        valid=_requests(
            MeshHashRequest(first=LayerID(18), last=FIRST, step=1),
            MeshHashRequest(first=LayerID(17), last=FIRST, step=3),
        ),
        layer=SECOND,
    ),
    Target(
        name="asked-opinion",
        entry=OPINIONS,
        cls=OpinionRequest,
        law=laws.of_request(OpinionRequest),
        valid=_requests(
            OpinionRequest(layer=FIRST, block=None),
            OpinionRequest(layer=FIRST, block=NO_BLOCK),
        ),
        layer=SECOND,
    ),
    Target(
        name="asked-full-exchange",
        entry=FULL_EXCHANGE,
        cls=CompactIDRequest,
        law=laws.of_request(CompactIDRequest),
        valid=_full_exchange,
        layer=SECOND,
        before=(PROPOSAL_TOPIC, HARE4_TOPIC),
    ),
    Target(
        name="asked-malicious",
        entry=MALICIOUS_IDS,
        cls=LayerRequest,
        law=laws.of_any_request,
        valid=_requests(LayerRequest(layer=FIRST)),
        layer=SECOND,
    ),
)


def find_target(name: str) -> Target:
    """Return a target by its name."""
    return next(target for target in TARGETS if target.name == name)
