"""What the digests say of messages: which verdicts a handler may come to.

Written without the handlers' own checks, as far as the bytes alone and the stage decide.
Where the answer takes a computation that only the handler does (a proof of space, an
eligibility), all verdicts of the later checks are allowed.
"""

from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar

from node.base import scale
from node.base.errors import DecodeError
from node.consensus.beacon.wire import (
    BeaconProposalMessage,
    FirstVotesMessage,
    FollowingVotesMessage,
    WeakCoinMessage,
)
from node.consensus.hare.wire import HareMessage, MessageV3, MessageV4
from node.consensus.malfeasance.wire import MalfeasanceGossip
from node.crypto.domains import Domain
from node.net.verdict import Verdict
from node.store.atxs import has_atx
from node.types.atx_v1 import ActivationTxV1
from node.types.ballot import Ballot
from node.types.certificate import CertifyMessage
from node.types.ids import NO_ATX
from node.types.layer import EpochID, LayerID
from node.types.proposal import Proposal
from scripts.fuzzing.scene import EPOCH, Stage

T = TypeVar("T")
Verdicts: TypeAlias = frozenset[Verdict]
Law: TypeAlias = Callable[[Stage, bytes], Verdicts]

ACCEPT: Final = frozenset({Verdict.ACCEPT})
IGNORE: Final = frozenset({Verdict.IGNORE})
REJECT: Final = frozenset({Verdict.REJECT})
ANY: Final = ACCEPT | IGNORE | REJECT

PREROUND: Final = 0
WITHOUT_REFERENCE: Final = frozenset({0, 3})
WITH_REFERENCE: Final = frozenset({6, 7})
LAST_ROUND: Final = 7


def _read(cls: type[T], data: bytes) -> T | None:
    try:
        return scale.decode(cls, data)
    except DecodeError:
        return None


def _current(stage: Stage) -> tuple[LayerID, EpochID]:
    layer = stage.node.time.layer_at(stage.now_ns)
    return layer, stage.node.time.epoch_of(layer)


def of_atx(stage: Stage, data: bytes) -> Verdicts:
    """Activation digest 6.1."""
    atx = _read(ActivationTxV1, data)
    if atx is None:
        return REJECT
    if not stage.node.verifier.verify(Domain.ATX, atx.smesher, atx.signed_bytes(), atx.signature):
        return REJECT
    if has_atx(stage.db, atx.id):
        return IGNORE
    return REJECT if _is_misshapen(atx, _current(stage)[1]) else ANY


def _is_misshapen(atx: ActivationTxV1, current: EpochID) -> bool:
    inner, challenge = atx.inner, atx.inner.challenge
    nipost = inner.nipost
    if nipost is None or nipost.post is None or nipost.post_metadata is None:
        return True
    if challenge.publish_epoch > current + 1 or challenge.positioning_atx == NO_ATX:
        return True
    only_initial = (inner.initial_smesher, challenge.initial_post, challenge.commitment_atx)
    if challenge.previous_atx != NO_ATX:
        return any(part is not None for part in only_initial)
    absent = any(part is None for part in (*only_initial, inner.vrf_nonce))
    return absent or challenge.commitment_atx == NO_ATX or challenge.sequence != 0


def of_proposal(stage: Stage, data: bytes) -> Verdicts:
    """Proposals digest 5."""
    proposal = _read(Proposal, data)
    if proposal is None:
        return REJECT
    node, ballot = stage.node, proposal.ballot
    current, _ = _current(stage)
    lowest = max(node.time.effective_genesis, node.mesh.processed)
    if not lowest < proposal.layer <= current:
        return IGNORE
    verify = node.verifier.verify
    if not verify(
        Domain.PROPOSAL, ballot.smesher, proposal.signed_bytes(), proposal.signature
    ) or not verify(Domain.BALLOT, ballot.smesher, ballot.signed_bytes(), ballot.signature):
        return IGNORE
    if ballot.atx_id in (NO_ATX, node.atx_parameters.golden_atx):
        return REJECT
    return IGNORE if node.proposals.has(proposal.id) else _of_ballot(stage, ballot)


def _of_ballot(stage: Stage, ballot: Ballot) -> Verdicts:
    """Proposals digest 6, as far as the ballot alone decides."""
    if stage.node.tortoise.has_ballot(ballot.id):
        return ANY
    data = ballot.inner.epoch_data
    if not ballot.is_reference:
        return ANY if data is None else REJECT
    return REJECT if data is None or not any(data.beacon) else ANY


def of_beacon_proposal(stage: Stage, data: bytes) -> Verdicts:
    """Beacon digest 5."""
    message = _read(BeaconProposalMessage, data)
    if message is None:
        return REJECT
    if message.epoch != EPOCH or message.smesher not in stage.recording.signers:
        return IGNORE
    return ACCEPT | IGNORE


def of_first_votes(stage: Stage, data: bytes) -> Verdicts:
    """Beacon digest 5."""
    return _of_votes(stage, _read(FirstVotesMessage, data), Domain.BEACON_FIRST_MESSAGE)


def of_following_votes(stage: Stage, data: bytes) -> Verdicts:
    """Beacon digest 5."""
    message = _read(FollowingVotesMessage, data)
    if message is not None and message.body.round not in {0, 1}:
        return IGNORE
    return _of_votes(stage, message, Domain.BEACON_FOLLOWUP_MESSAGE)


def _of_votes(
    stage: Stage, message: FirstVotesMessage | FollowingVotesMessage | None, domain: Domain
) -> Verdicts:
    if message is None:
        return REJECT
    is_signed = stage.node.verifier.verify(
        domain, message.smesher, message.signed_bytes(), message.signature
    )
    is_member = message.smesher in stage.recording.signers
    return ACCEPT | IGNORE if is_signed and is_member and message.body.epoch == EPOCH else IGNORE


def of_weak_coin(_: Stage, data: bytes) -> Verdicts:
    """Beacon digest 6.1."""
    message = _read(WeakCoinMessage, data)
    if message is None:
        return REJECT
    if message.epoch not in {EPOCH, EPOCH + 1} or message.round > LAST_ROUND:
        return IGNORE
    return ACCEPT | IGNORE


def of_certify_message(stage: Stage, data: bytes) -> Verdicts:
    """Certifier digest 4.3."""
    message = _read(CertifyMessage, data)
    if message is None:
        return REJECT
    node, layer = stage.node, message.content.layer
    current, _ = _current(stage)
    buffer = node.certifier.buffer_layers
    start = current - (buffer + 1) if current > buffer + 1 else node.time.effective_genesis
    if node.beacon.find_beacon(node.time.epoch_of(layer)) is None:
        return IGNORE
    if not start <= layer <= current + buffer:
        return IGNORE
    if node.certifier.machine.is_done(layer, message.content.block_id):
        return ACCEPT
    is_signed = node.verifier.verify(
        Domain.HARE, message.smesher, message.signed_bytes(), message.signature
    )
    return ACCEPT | IGNORE if is_signed else REJECT


def of_transaction(_stage: Stage, _data: bytes) -> Verdicts:
    """VM digest 10.1: peers are never blamed for a transaction."""
    return ACCEPT | IGNORE


def of_hare3(stage: Stage, data: bytes) -> Verdicts:
    """Hare digest 5."""
    message = _read(MessageV3, data)
    if message is None:
        return REJECT
    return _before_signature(stage, message) or _after_signature(stage, message)


def of_hare4(stage: Stage, data: bytes) -> Verdicts:
    """Hare digest 5 and 5.1: the signature covers what the compact names stand for."""
    message = _read(MessageV4, data)
    if message is None:
        return REJECT
    early = _before_signature(stage, message)
    if early is not None:
        return early
    if message.body.iter_round.round == PREROUND:
        return ANY
    return _after_signature(stage, message)


def _before_signature(stage: Stage, message: HareMessage) -> Verdicts | None:
    round_ = message.body.iter_round.round
    has_reference = message.body.value.reference is not None
    if round_ in WITH_REFERENCE | WITHOUT_REFERENCE and has_reference != (round_ in WITH_REFERENCE):
        return REJECT
    is_open = message.body.layer == _current(stage)[0]
    return None if is_open and round_ <= LAST_ROUND else IGNORE


def _after_signature(stage: Stage, message: HareMessage) -> Verdicts:
    is_signed = stage.node.verifier.verify(
        Domain.HARE, message.sender, message.signed_bytes(), message.signature
    )
    if not is_signed:
        return REJECT
    return ACCEPT | IGNORE if message.sender in stage.recording.signers else IGNORE


def of_malfeasance(_: Stage, data: bytes) -> Verdicts:
    """Tortoise digest 12: a proof convicts, or whoever sent it is at fault."""
    gossip = _read(MalfeasanceGossip, data)
    if gossip is None or gossip.eligibility is not None:
        return REJECT
    return ACCEPT | REJECT


def of_fetched(cls: type[object]) -> Law:
    """Every digest: what is malformed, or not what was asked for, condemns who sent it."""

    def law(_: Stage, data: bytes) -> Verdicts:
        return REJECT if _read(cls, data) is None else ANY

    return law


def any_fetched(_stage: Stage, _data: bytes) -> Verdicts:
    """Transactions of blocks are stored whatever they are, if they are those asked for."""
    return ANY


def of_request(cls: type[object]) -> Law:
    """Sync digest 1: what can be decoded is answered, if only with the text of an error."""

    def law(_: Stage, data: bytes) -> Verdicts:
        return REJECT if _read(cls, data) is None else ACCEPT | IGNORE

    return law


def of_any_request(_stage: Stage, _data: bytes) -> Verdicts:
    """Whatever a request for malicious identities says, it is answered."""
    return ACCEPT
