"""The rules of ATX version 1, in the order in which the handler applies them.

    check_signature    signed by its smesher
    check_shape        fields that must or must not be there, epochs
    initial_claims     of an initial ATX: the nonce and PoST to verify
    dependencies       what has to be fetched
    check_facts        against the ATXs it refers to
    nonce_to_check     of a later ATX: the nonce to verify, if any
    post_claim         the PoST to verify
    check_poet         membership in the PoET round
    make_atx           the values derived from all that

Everything that breaks a rule is a reject: the bytes prove it.  Between rejects the order
is free, and what costs nothing comes first.

Source: go-spacemesh, activation/handler_v1.go; activation digest sections 3, 4 and 6.1.
"""

from dataclasses import dataclass
from typing import Final

from node.base.errors import RejectError
from node.consensus.activation.rules import (
    FIRST_VERSION,
    MAX_U64,
    AtxParameters,
    base_height,
    check_membership,
    compute_weight,
    count_ticks,
)
from node.crypto.domains import Domain
from node.crypto.ed25519 import Verifier
from node.post.verifying import PostClaim
from node.types.atx import Atx
from node.types.atx_v1 import ActivationTxV1
from node.types.ids import NO_ATX, AtxID, Hash32, PoetRef
from node.types.layer import EpochID
from node.types.post import NIPost, Post, PostMetadata

INITIAL_CHALLENGE: Final = Hash32.zero()
"""What the first PoST over the labels is made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenSpace:
    """The parts of a NIPoST, known to be there."""

    nipost: NIPost
    post: Post
    metadata: PostMetadata

    poet_ref: PoetRef
    """Identifier of the PoET proof the PoST was made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NonceClaim:
    """A VRF nonce that is to be verified."""

    commitment_atx: AtxID
    num_labels: int
    nonce: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AtxFactsV1:
    """What the store says of the ATXs that one refers to."""

    stored_commitment: AtxID | None
    """What the smesher's labels commit to, by the newest ATX that told; None: none told."""

    commitment: Atx | None
    """The commitment ATX of an initial ATX; None for the golden one and for a missing one."""

    previous: Atx | None

    previous_units: int | None
    """Space units this smesher declared in the previous ATX; None if it has no part in it."""

    positioning: Atx | None
    """None for the golden ATX, and for a missing one."""


def proven_space(atx: ActivationTxV1) -> ProvenSpace:
    """Return the NIPoST of an ATX.

    Raises:
        RejectError: a part of it is absent, or the PoET proof's identifier is not 32 bytes.
    """
    nipost = atx.inner.nipost
    if nipost is None or nipost.post is None or nipost.post_metadata is None:
        raise RejectError(f"atx {atx.id}: nil nipst")
    challenge = nipost.post_metadata.challenge
    if len(challenge) != PoetRef.SIZE:
        raise RejectError(f"atx {atx.id}: PoST challenge of {len(challenge)} bytes")
    return ProvenSpace(
        nipost=nipost,
        post=nipost.post,
        metadata=nipost.post_metadata,
        poet_ref=PoetRef(challenge),
    )


def is_initial(atx: ActivationTxV1) -> bool:
    """Tell whether an ATX is the first of its smesher, by its own account."""
    return atx.inner.challenge.previous_atx == NO_ATX


def check_signature(atx: ActivationTxV1, verifier: Verifier) -> None:
    """Check the signature.

    Raises:
        RejectError: it is not the smesher's.
    """
    if not verifier.verify(Domain.ATX, atx.smesher, atx.signed_bytes(), atx.signature):
        raise RejectError(f"atx {atx.id}: invalid signature")


def check_shape(atx: ActivationTxV1, current_epoch: EpochID) -> None:
    """Check what the ATX itself tells.

    Raises:
        RejectError: a field is absent that must be there, or the reverse; or it is
            published more than an epoch ahead.
    """
    proven_space(atx)
    challenge = atx.inner.challenge
    if challenge.publish_epoch > current_epoch + 1:
        raise RejectError(
            f"atx {atx.id}: publish epoch {challenge.publish_epoch} is too far in the future, "
            f"now is {current_epoch}"
        )
    if challenge.positioning_atx == NO_ATX:
        raise RejectError(f"atx {atx.id}: empty positioning atx")
    if is_initial(atx):
        _check_initial_shape(atx)
    else:
        _check_later_shape(atx)


def _check_initial_shape(atx: ActivationTxV1) -> None:
    challenge, inner = atx.inner.challenge, atx.inner
    if challenge.initial_post is None:
        raise RejectError(f"atx {atx.id}: no previous atx, and no initial post")
    if inner.initial_smesher is None:
        raise RejectError(f"atx {atx.id}: no previous atx, and no node id")
    if inner.vrf_nonce is None:
        raise RejectError(f"atx {atx.id}: no previous atx, and no vrf nonce")
    if challenge.commitment_atx is None:
        raise RejectError(f"atx {atx.id}: no previous atx, and no commitment atx")
    if challenge.commitment_atx == NO_ATX:
        raise RejectError(f"atx {atx.id}: empty commitment atx")
    if challenge.sequence != 0:
        raise RejectError(f"atx {atx.id}: no previous atx, and sequence {challenge.sequence}")


def _check_later_shape(atx: ActivationTxV1) -> None:
    challenge = atx.inner.challenge
    if atx.inner.initial_smesher is not None:
        raise RejectError(f"atx {atx.id}: previous atx, and a node id")
    if challenge.initial_post is not None:
        raise RejectError(f"atx {atx.id}: previous atx, and an initial post")
    if challenge.commitment_atx is not None:
        raise RejectError(f"atx {atx.id}: previous atx, and a commitment atx")


def check_labels_per_unit(atx: ActivationTxV1, parameters: AtxParameters) -> None:
    """Check the size of a space unit that the ATX tells.

    Raises:
        RejectError: it is smaller than the network's.
    """
    told, least = proven_space(atx).metadata.labels_per_unit, parameters.proof.labels_per_unit
    if told < least:
        raise RejectError(f"atx {atx.id}: {told} labels per unit, want at least {least}")


def initial_claims(atx: ActivationTxV1) -> tuple[NonceClaim, Post, PostClaim] | None:
    """Return what to verify of an initial ATX before anything is fetched, else None.

    The PoST is verified in full; ``check_shape`` has passed.
    """
    challenge, inner = atx.inner.challenge, atx.inner
    commitment, post, nonce = challenge.commitment_atx, challenge.initial_post, inner.vrf_nonce
    if not is_initial(atx) or commitment is None or post is None or nonce is None:
        return None
    claim = PostClaim(
        smesher=atx.smesher,
        commitment_atx=commitment,
        challenge=INITIAL_CHALLENGE,
        num_units=inner.num_units,
    )
    return _nonce_claim(atx, commitment, nonce), post, claim


def dependencies(atx: ActivationTxV1, golden_atx: AtxID) -> tuple[AtxID, ...]:
    """Return the ATXs that must be known before this one can be judged, each once."""
    challenge = atx.inner.challenge
    named = (challenge.previous_atx, challenge.positioning_atx, challenge.commitment_atx)
    wanted = (one for one in named if one is not None and one not in {NO_ATX, golden_atx})
    return tuple(dict.fromkeys(wanted))


def commitment_of(atx: ActivationTxV1, facts: AtxFactsV1) -> AtxID:
    """Return what the labels commit to.

    Raises:
        RejectError: neither this ATX tells, nor an earlier one.
    """
    commitment = atx.inner.challenge.commitment_atx or facts.stored_commitment
    if commitment is None:
        raise RejectError(f"atx {atx.id}: commitment atx of smesher {atx.smesher} is not known")
    return commitment


def check_facts(atx: ActivationTxV1, facts: AtxFactsV1, parameters: AtxParameters) -> None:
    """Check an ATX against those it refers to.

    Raises:
        RejectError: one is missing, or is not what it has to be.
    """
    challenge, golden = atx.inner.challenge, parameters.golden_atx
    commitment_of(atx, facts)
    if not is_initial(atx):
        _check_previous(atx, facts)
    elif challenge.commitment_atx != golden:
        _check_earlier(atx, "commitment", facts.commitment)
    if challenge.positioning_atx != golden:
        _check_earlier(atx, "positioning", facts.positioning)
    units, proof = atx.inner.num_units, parameters.proof
    if not proof.min_num_units <= units <= proof.max_num_units:
        raise RejectError(
            f"atx {atx.id}: {units} units, want {proof.min_num_units} to {proof.max_num_units}"
        )
    check_labels_per_unit(atx, parameters)


def _check_previous(atx: ActivationTxV1, facts: AtxFactsV1) -> None:
    previous, sequence = facts.previous, atx.inner.challenge.sequence
    _check_earlier(atx, "previous", previous)
    if previous is None or facts.previous_units is None:
        raise RejectError(f"atx {atx.id}: previous atx proves no space of {atx.smesher}")
    if previous.smesher != atx.smesher:
        raise RejectError(f"atx {atx.id}: previous atx is of smesher {previous.smesher}")
    if previous.sequence + 1 != sequence:
        raise RejectError(
            f"atx {atx.id}: sequence {sequence} is not one more than {previous.sequence}"
        )


def _check_earlier(atx: ActivationTxV1, role: str, other: Atx | None) -> None:
    if other is None:
        raise RejectError(f"atx {atx.id}: {role} atx is not known")
    if other.publish_epoch >= atx.inner.challenge.publish_epoch:
        raise RejectError(
            f"atx {atx.id}: {role} atx is of epoch {other.publish_epoch}, not before "
            f"{atx.inner.challenge.publish_epoch}"
        )


def nonce_to_check(atx: ActivationTxV1, facts: AtxFactsV1) -> NonceClaim | None:
    """Return the nonce of a later ATX that is to be verified: a new one, or of grown space."""
    previous = facts.previous
    if previous is None:
        return None
    if atx.inner.vrf_nonce is None and atx.inner.num_units <= previous.num_units:
        return None
    return _nonce_claim(atx, commitment_of(atx, facts), nonce_of(atx, facts))


def nonce_of(atx: ActivationTxV1, facts: AtxFactsV1) -> int:
    """Return the smesher's VRF nonce: the ATX's own, or that of the previous one.

    Raises:
        RejectError: there is neither.
    """
    carried, previous = atx.inner.vrf_nonce, facts.previous
    if carried is not None:
        return carried
    if previous is None:
        raise RejectError(f"atx {atx.id}: no vrf nonce")
    return previous.vrf_nonce


def _nonce_claim(atx: ActivationTxV1, commitment: AtxID, nonce: int) -> NonceClaim:
    labels_per_unit = proven_space(atx).metadata.labels_per_unit
    # The ATX's own number of labels in a unit, in 64-bit arithmetic: the reference's rule.
    num_labels = atx.inner.num_units * labels_per_unit & MAX_U64
    return NonceClaim(commitment_atx=commitment, num_labels=num_labels, nonce=nonce)


def post_claim(atx: ActivationTxV1, facts: AtxFactsV1) -> PostClaim:
    """Return what the PoST of the NIPoST claims."""
    return PostClaim(
        smesher=atx.smesher,
        commitment_atx=commitment_of(atx, facts),
        challenge=proven_space(atx).poet_ref,
        num_units=atx.inner.num_units,
    )


def check_poet(atx: ActivationTxV1, statement: bytes) -> None:
    """Check that the ATX's challenge was a member of the PoET round.

    Raises:
        RejectError: it was not.
    """
    membership = proven_space(atx).nipost.membership
    challenge = atx.inner.challenge.challenge_hash()
    check_membership(statement, [membership.leaf_index], [challenge], membership.nodes)


def make_atx(
    atx: ActivationTxV1,
    facts: AtxFactsV1,
    *,
    leaf_count: int,
    tick_size: int,
    received_ns: int,
) -> Atx:
    """Return what the node keeps of an ATX.

    Args:
        atx: valid by all other rules.
        facts: what it refers to.
        leaf_count: of its PoET proof.
        tick_size: PoET leaves in a tick.
        received_ns: when it came, nanoseconds since the Unix epoch.

    Raises:
        RejectError: the weight does not fit 64 bits.
    """
    inner, units = atx.inner, atx.inner.num_units
    if facts.previous_units is not None:
        units = min(units, facts.previous_units)
    ticks = count_ticks(leaf_count, tick_size)
    return Atx(
        id=atx.id,
        smesher=atx.smesher,
        publish_epoch=inner.challenge.publish_epoch,
        sequence=inner.challenge.sequence,
        commitment_atx=inner.challenge.commitment_atx,
        previous_atx=inner.challenge.previous_atx,
        coinbase=inner.coinbase,
        num_units=units,
        vrf_nonce=nonce_of(atx, facts),
        base_tick_height=base_height(facts.positioning),
        tick_count=ticks,
        weight=compute_weight(units, ticks),
        received_ns=received_ns,
        version=FIRST_VERSION,
    )
