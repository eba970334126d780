"""Does a proof of misbehaviour convict, and whom?

Every kind is two signed statements of one identity that cannot both be honest, except an
invalid PoST, where a label has to be computed: ``make_post_accusation`` tells which.

Source: go-spacemesh, malfeasance and activation (malfeasance handlers); tortoise digest
section 12.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from node.base import scale
from node.base.errors import RejectError
from node.consensus.malfeasance.wire import (
    HareEquivocation,
    InvalidPostIndex,
    InvalidPreviousAtx,
    MalfeasanceData,
    MultipleAtxs,
    MultipleBallots,
    SignedAtx,
    SignedBallot,
    SignedHareMessage,
)
from node.crypto.domains import Domain
from node.crypto.ed25519 import Verifier
from node.post.verifying import One, PostClaim
from node.types.atx_v1 import ActivationTxV1
from node.types.ids import AtxID, Hash32, SmesherID
from node.types.post import Post

Signed: TypeAlias = SignedAtx | SignedBallot | SignedHareMessage

CHALLENGE_SIZE: Final = 32
"""Bytes of the challenge that a PoST is made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostAccusation:
    """A PoST that must *fail* for the accused to be convicted."""

    post: Post
    claim: PostClaim
    mode: One


def culprit_of(data: MalfeasanceData) -> SmesherID:
    """Return whom a proof accuses."""
    match data:
        case MultipleAtxs() | MultipleBallots() | HareEquivocation():
            return data.messages[0].smesher
        case InvalidPostIndex():
            return data.atx.smesher
        case InvalidPreviousAtx():
            return data.atx1.smesher
        case _:
            assert_never(data)


def check_proof(data: MalfeasanceData, verifier: Verifier, *, is_known: bool) -> SmesherID:
    """Check everything about a proof but the label of an invalid PoST; return the culprit.

    Args:
        data: the proof.
        verifier: of the network.
        is_known: whether the accused has published an ATX; an invalid PoST needs none.

    Raises:
        RejectError: it does not convict.
    """
    match data:
        case MultipleAtxs(messages=messages):
            _check_pair(messages, Domain.ATX, verifier, is_known=is_known)
            first, second = (message.metadata for message in messages)
            same_slot = first.publish_epoch == second.publish_epoch
            _check_conflict(first.message_hash, second.message_hash, same_slot=same_slot)
        case MultipleBallots(messages=ballots):
            _check_pair(ballots, Domain.BALLOT, verifier, is_known=is_known)
            one, other = (ballot.metadata for ballot in ballots)
            same_slot = one.layer == other.layer
            _check_conflict(one.message_hash, other.message_hash, same_slot=same_slot)
        case HareEquivocation(messages=said):
            _check_pair(said, Domain.HARE, verifier, is_known=is_known)
            here, there = (message.metadata for message in said)
            same_slot = (here.layer, here.round) == (there.layer, there.round)
            _check_conflict(here.message_hash, there.message_hash, same_slot=same_slot)
        case InvalidPostIndex(atx=atx):
            _check_atx_signature(atx, verifier)
        case InvalidPreviousAtx():
            _check_previous(data, verifier, is_known=is_known)
        case _:
            assert_never(data)
    return culprit_of(data)


def make_post_accusation(data: InvalidPostIndex, stored_commitment: AtxID | None) -> PostAccusation:
    """Return which label of which PoST is said to be wrong.

    Args:
        data: the proof; its signature is good.
        stored_commitment: what the accused's labels commit to as far as the store knows;
            not looked at where the ATX tells.

    Raises:
        RejectError: the ATX has no PoST, or its commitment is not known.
    """
    inner = data.atx.inner
    nipost = inner.nipost
    if nipost is None or nipost.post is None or nipost.post_metadata is None:
        raise RejectError(f"atx {data.atx.id} of the proof has no PoST")
    challenge = nipost.post_metadata.challenge
    if len(challenge) != CHALLENGE_SIZE:
        raise RejectError(f"atx {data.atx.id} of the proof has a challenge of {len(challenge)}")
    commitment = inner.challenge.commitment_atx or stored_commitment
    if commitment is None:
        raise RejectError(f"commitment of smesher {data.atx.smesher} is not known")
    return PostAccusation(
        post=nipost.post,
        claim=PostClaim(
            smesher=data.atx.smesher,
            commitment_atx=commitment,
            challenge=challenge,
            num_units=inner.num_units,
        ),
        mode=One(data.invalid_index),
    )


def _check_pair(
    messages: Sequence[Signed], domain: Domain, verifier: Verifier, *, is_known: bool
) -> None:
    for message in messages:
        covered = scale.encode(message.metadata)
        if not verifier.verify(domain, message.smesher, covered, message.signature):
            raise RejectError(f"malfeasance proof: invalid signature of {message.smesher}")
    culprit = messages[0].smesher
    if not is_known:
        raise RejectError(f"malfeasance proof: smesher {culprit} has no ATX")
    if any(message.smesher != culprit for message in messages):
        raise RejectError(f"malfeasance proof: signed by {culprit} and by somebody else")


def _check_conflict(first: Hash32, second: Hash32, *, same_slot: bool) -> None:
    if not same_slot or first == second:
        raise RejectError("malfeasance proof: the two messages do not conflict")


def _check_atx_signature(atx: ActivationTxV1, verifier: Verifier) -> None:
    if not verifier.verify(Domain.ATX, atx.smesher, atx.signed_bytes(), atx.signature):
        raise RejectError(f"malfeasance proof: invalid signature of atx {atx.id}")


def _check_previous(data: InvalidPreviousAtx, verifier: Verifier, *, is_known: bool) -> None:
    atx1, atx2 = data.atx1, data.atx2
    if not is_known:
        raise RejectError(f"malfeasance proof: smesher {atx1.smesher} has no ATX")
    _check_atx_signature(atx1, verifier)
    _check_atx_signature(atx2, verifier)
    if atx1.smesher != atx2.smesher:
        raise RejectError(f"malfeasance proof: signed by {atx1.smesher} and by somebody else")
    if atx1.id == atx2.id:
        raise RejectError(f"malfeasance proof: atx {atx1.id} twice")
    if atx1.inner.challenge.previous_atx != atx2.inner.challenge.previous_atx:
        raise RejectError("malfeasance proof: the ATXs name different previous ones")
