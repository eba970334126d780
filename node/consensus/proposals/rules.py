"""Checks of proposals and ballots, one function for each step of their validation.

Facts come in as arguments.  What is raised decides what happens to the sender, so every
check says which of the two it raises; they are the reference's, check by check.

Source: go-spacemesh, proposals/handler.go and proposals/eligibility_validator.go;
proposals digest sections 5 to 8.
"""

from dataclasses import dataclass
from itertools import pairwise

from node.base import scale
from node.base.errors import IgnoreError, RejectError, WrongObjectError
from node.consensus.atxdata import AtxEntry
from node.consensus.eligibility import voting_vrf_input
from node.consensus.malfeasance.wire import MalfeasanceProof, MultipleBallots, SignedBallot
from node.consensus.proposals.slots import count_slots, eligible_layer
from node.consensus.tortoise.ballots import BallotInfo
from node.crypto.vrf import VrfCheck, verify_vrf
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.ballot import Ballot
from node.types.ids import NO_ATX, NO_BALLOT, AtxID, BallotID, Beacon, BlockID, Hash32, padded
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime
from node.types.metadata import BallotMetadata
from node.types.proposal import Proposal

NO_BEACON = Beacon.zero()


# --- proposals ---


def check_layer(layer: LayerID, *, genesis: LayerID, processed: LayerID, current: LayerID) -> None:
    """Check that a proposal's layer is one that hare may work on.

    Raises:
        IgnoreError: in genesis, counted already, or not begun.
    """
    if layer <= genesis:
        raise IgnoreError(f"proposal before effective genesis: layer {layer}")
    if layer <= processed:
        raise IgnoreError(f"proposal too late: layer {layer}, processed {processed}")
    if layer > current:
        raise IgnoreError(f"proposal from future: layer {layer}, current {current}")


def check_transactions(proposal: Proposal) -> None:
    """Check that a proposal names no transaction twice.

    Raises:
        RejectError: it does.
    """
    if len(set(proposal.inner.tx_ids)) != len(proposal.inner.tx_ids):
        raise RejectError(f"proposal {proposal.id} has a duplicate transaction")


# --- ballots: what their bytes alone show ---


def check_atx_id(ballot: Ballot, golden_atx: AtxID) -> None:
    """Check that a ballot names an ATX that can have weight.

    Raises:
        RejectError: none, or the golden one.
    """
    if ballot.atx_id in (NO_ATX, golden_atx):
        raise RejectError(f"ballot {ballot.id} names atx {ballot.atx_id}")


def check_synced_layer(ballot: Ballot, genesis: LayerID) -> None:
    """Check that a ballot that was fetched is not of genesis.

    Raises:
        RejectError: it is.
    """
    if ballot.layer <= genesis:
        raise RejectError(f"ballot {ballot.id} before effective genesis: layer {ballot.layer}")


def check_epoch_data(ballot: Ballot) -> None:
    """Check that reference ballots have epoch data with a beacon, and others have none.

    Raises:
        RejectError: it is not so.
    """
    data = ballot.inner.epoch_data
    if not ballot.is_reference:
        if data is not None:
            raise RejectError(f"ballot {ballot.id} has epoch data beside its reference ballot")
        return
    if data is None:
        raise RejectError(f"reference ballot {ballot.id} has no epoch data")
    if data.beacon == NO_BEACON:
        raise RejectError(f"reference ballot {ballot.id} has no beacon")


def needs_active_set(ballot: Ballot, current: EpochID, time: LayerTime) -> bool:
    """Tell whether a ballot's active set has to be here: a reference ballot, not an old one."""
    return ballot.is_reference and time.epoch_of(ballot.layer) >= max(0, current - 1)


def check_count(ballot: Ballot) -> None:
    """Check that epoch data has eligibilities: weights are divided by their number.

    Raises:
        RejectError: it has none.
    """
    data = ballot.inner.epoch_data
    if data is not None and not data.eligibility_count:
        raise RejectError(f"reference ballot {ballot.id} has 0 eligibilities")


def check_votes(ballot: Ballot, *, hdist: int, max_exceptions: int) -> None:
    """Check that a ballot's votes do not contradict each other, and are not too many.

    Hare agrees on one block of a layer, so within hdist layers nobody supports two.

    Args:
        ballot: the ballot.
        hdist: layers in which hare's output is believed.
        max_exceptions: most different blocks that are supported.

    Raises:
        RejectError: they do, or are.
    """
    supported: set[BlockID] = set()
    first: dict[LayerID, BlockID] = {}
    for vote in ballot.votes.support:
        supported.add(vote.block)
        voted = first.setdefault(vote.layer, vote.block)
        if voted != vote.block and vote.layer + hdist > ballot.layer:
            raise RejectError(f"ballot {ballot.id} supports two blocks in layer {vote.layer}")
    for vote in ballot.votes.against:
        if vote.block in supported:
            raise RejectError(f"ballot {ballot.id} votes for and against block {vote.block}")
        first.setdefault(vote.layer, vote.block)
    if len(supported) > max_exceptions:
        raise RejectError(
            f"ballot {ballot.id} supports {len(supported)} blocks, at most {max_exceptions}"
        )
    for layer in ballot.votes.abstain:
        if layer in first:
            raise RejectError(f"ballot {ballot.id} votes and abstains in layer {layer}")


def held_by_sender(ballot: Ballot) -> tuple[bytes, ...]:
    """Return what somebody who sent a ballot must have: its base, its reference, blocks."""
    data = ballot.inner.epoch_data
    ballots = (ballot.votes.base, ballot.inner.ref_ballot)
    return (
        *(padded(identifier) for identifier in ballots if identifier != NO_BALLOT),
        *(() if data is None else (data.active_set_hash,)),
        *(padded(vote.block) for vote in ballot.votes.support),
    )


def rests_on(ballot: Ballot) -> tuple[BallotID, ...]:
    """Return the ballots without which a ballot cannot be judged: base and reference."""
    ballots = (ballot.votes.base, ballot.inner.ref_ballot)
    return tuple(identifier for identifier in ballots if identifier != NO_BALLOT)


# --- eligibility ---


@dataclass(frozen=True, slots=True, kw_only=True)
class EligibilityFacts:
    """What the eligibility of one ballot is judged by."""

    epoch: EpochID
    """The ballot's epoch."""

    is_current: bool
    """That epoch is the one the clock is in."""

    layers_per_epoch: int

    committee: int
    """Slots in a layer."""

    minimum_weight: int
    """Least weight an active set counts with in the epoch."""

    atx: AtxEntry | None
    """The ballot's ATX; None if it is not cached for the epoch."""

    active_set_weight: int
    """Weight of the ballot's own active set; 0 where it was not asked for."""

    reference: BallotInfo | None
    """The reference ballot the ballot names, if the tortoise knows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedBy:
    """What the proofs of one ballot are verified with."""

    epoch: EpochID
    layers_per_epoch: int
    atx: AtxEntry

    beacon: Beacon
    """Of the epoch data or of the reference ballot."""

    count: int
    """Eligibilities of the smesher in the epoch, from the same place."""


def judge_reference(ballot: Ballot, facts: EligibilityFacts) -> JudgedBy:
    """Check what a ballot's proofs rest on; return what they are verified with.

    Raises:
        RejectError: no proofs, another smesher's ATX, wrong epoch data, another ATX,
            smesher or epoch than the reference ballot's.
        IgnoreError: the ATX or the reference ballot is not known.
    """
    if not ballot.eligibilities:
        raise RejectError(f"ballot {ballot.id} has no eligibility proofs")
    atx = facts.atx
    if atx is None:
        raise IgnoreError(f"atx {ballot.atx_id} is not known in epoch {facts.epoch}")
    if atx.smesher != ballot.smesher:
        raise RejectError(
            f"ballot {ballot.id} of {ballot.smesher} names atx {ballot.atx_id} of {atx.smesher}"
        )
    if ballot.inner.epoch_data is not None and facts.is_current:
        beacon, count = _judge_own(ballot, atx, facts)
    else:
        beacon, count = _judge_named(ballot, facts)
    return JudgedBy(
        epoch=facts.epoch,
        layers_per_epoch=facts.layers_per_epoch,
        atx=atx,
        beacon=beacon,
        count=count,
    )


def _judge_own(ballot: Ballot, atx: AtxEntry, facts: EligibilityFacts) -> tuple[Beacon, int]:
    """Check the epoch data of a reference ballot of the current epoch."""
    data = ballot.inner.epoch_data
    if data is None or data.beacon == NO_BEACON:
        raise RejectError(f"reference ballot {ballot.id} has no beacon")
    if not facts.active_set_weight:
        raise RejectError(f"reference ballot {ballot.id} has an active set without weight")
    expected = count_slots(
        atx.weight,
        minimum=facts.minimum_weight,
        total=facts.active_set_weight,
        committee=facts.committee,
        layers_per_epoch=facts.layers_per_epoch,
    )
    if data.eligibility_count != expected:
        raise RejectError(
            f"reference ballot {ballot.id}: eligibility count {data.eligibility_count}, "
            f"expected {expected}"
        )
    return data.beacon, expected


def _judge_named(ballot: Ballot, facts: EligibilityFacts) -> tuple[Beacon, int]:
    """Take an old reference ballot's data as they are, or those of the ballot it names."""
    data, reference = ballot.inner.epoch_data, facts.reference
    if ballot.is_reference:
        if data is None:
            raise RejectError(f"reference ballot {ballot.id} has no epoch data")
        return data.beacon, data.eligibility_count
    if reference is None:
        raise IgnoreError(f"reference ballot {ballot.inner.ref_ballot} is not known")
    for what, named, own in (
        ("atx", reference.atx_id, ballot.atx_id),
        ("smesher", reference.smesher, ballot.smesher),
        ("epoch", reference.layer // facts.layers_per_epoch, facts.epoch),
    ):
        if named != own:
            raise RejectError(
                f"ballot {ballot.id} of {what} {own} names a reference ballot of {named}"
            )
    return reference.beacon, reference.eligibility_count


def check_proofs(
    ballot: Ballot, by: JudgedBy, first: int, last: int, check_vrf: VrfCheck = verify_vrf
) -> None:
    """Check the proofs of a ballot from position ``first`` up to, without, ``last``.

    Each takes a quarter of a millisecond, so many of them are checked in parts.

    Raises:
        RejectError: a slot beyond the count, not in ascending order, or of another layer.
        IgnoreError: a proof that is not the smesher's.
    """
    for place in range(first, min(last, len(ballot.eligibilities))):
        proof = ballot.eligibilities[place]
        if proof.j >= by.count:
            raise RejectError(f"ballot {ballot.id}: slot {proof.j}, of {by.count} in all")
        if place and proof.j <= ballot.eligibilities[place - 1].j:
            raise RejectError(f"ballot {ballot.id}: slot {proof.j} is not in ascending order")
        signed = voting_vrf_input(by.beacon, by.epoch, by.atx.nonce, proof.j)
        if not check_vrf(ballot.smesher, signed, proof.sig):
            raise IgnoreError(f"ballot {ballot.id}: wrong proof of slot {proof.j}")
        layer = eligible_layer(by.epoch, by.layers_per_epoch, proof.sig)
        if layer != ballot.layer:
            raise RejectError(
                f"ballot {ballot.id}: slot {proof.j} is in layer {layer}, not {ballot.layer}"
            )


# --- active sets, double ballots ---


def check_active_set(active_set: EpochActiveSet, expected: Hash32) -> None:
    """Check that an active set is sorted, and is the one that was asked for.

    The epoch is not covered by the digest.

    Raises:
        RejectError: it is not.
    """
    ids = active_set.atx_ids
    if any(later < earlier for earlier, later in pairwise(ids)):
        raise RejectError(f"active set {expected} is not sorted")
    digest = active_set_hash(ids)
    if digest != expected:
        raise WrongObjectError(f"active set {digest} was sent for {expected}")


def make_double_ballot_proof(old: Ballot, new: Ballot) -> MalfeasanceProof:
    """Return the proof that a smesher signed two ballots in one layer."""
    return MalfeasanceProof(
        layer=new.layer, data=MultipleBallots(messages=(_signed(old), _signed(new)))
    )


def _signed(ballot: Ballot) -> SignedBallot:
    return SignedBallot(
        metadata=scale.decode(BallotMetadata, ballot.signed_bytes()),
        smesher=ballot.smesher,
        signature=ballot.signature,
    )
