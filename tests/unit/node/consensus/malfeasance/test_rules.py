"""What convicts, and what does not."""

from dataclasses import replace
from typing import Any

import pytest

from node.base import scale
from node.base.errors import RejectError
from node.consensus.malfeasance.rules import check_proof, culprit_of, make_post_accusation
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
from node.post.verifying import One
from node.types.ids import Hash32
from node.types.layer import EpochID, LayerID
from node.types.metadata import AtxMetadata, BallotMetadata, HareMetadata
from node.types.post import PostMetadata
from tests.support.activation import GOLDEN, initial_atx, next_atx, signed
from tests.support.chain import GENESIS, signer

VERIFIER = Verifier(GENESIS)
HASHES = (Hash32(b"a" * 32), Hash32(b"b" * 32))


def multiple_atxs(
    epochs: tuple[int, int] = (3, 3),
    hashes: tuple[Hash32, Hash32] = HASHES,
    owners: tuple[int, int] = (1, 1),
) -> MultipleAtxs:
    def one(place: int) -> SignedAtx:
        metadata = AtxMetadata(publish_epoch=EpochID(epochs[place]), message_hash=hashes[place])
        owner = signer(owners[place])
        return SignedAtx(
            metadata=metadata,
            smesher=owner.smesher_id,
            signature=owner.sign(Domain.ATX, scale.encode(metadata)),
        )

    return MultipleAtxs(messages=(one(0), one(1)))


def multiple_ballots(
    layers: tuple[int, int] = (9, 9), hashes: tuple[Hash32, Hash32] = HASHES
) -> MultipleBallots:
    def one(place: int) -> SignedBallot:
        metadata = BallotMetadata(layer=LayerID(layers[place]), message_hash=hashes[place])
        return SignedBallot(
            metadata=metadata,
            smesher=signer(1).smesher_id,
            signature=signer(1).sign(Domain.BALLOT, scale.encode(metadata)),
        )

    return MultipleBallots(messages=(one(0), one(1)))


def hare_equivocation(
    slots: tuple[tuple[int, int], tuple[int, int]] = ((9, 2), (9, 2)),
    hashes: tuple[Hash32, Hash32] = HASHES,
) -> HareEquivocation:
    def one(place: int) -> SignedHareMessage:
        layer, number = slots[place]
        metadata = HareMetadata(layer=LayerID(layer), round=number, message_hash=hashes[place])
        return SignedHareMessage(
            metadata=metadata,
            smesher=signer(1).smesher_id,
            signature=signer(1).sign(Domain.HARE, scale.encode(metadata)),
        )

    return HareEquivocation(messages=(one(0), one(1)))


FIRST = initial_atx(1)
SECOND = next_atx(FIRST)
THIRD = next_atx(FIRST, epoch=3)
PREVIOUS = InvalidPreviousAtx(atx1=THIRD.atx, atx2=SECOND.atx)
POST = InvalidPostIndex(atx=FIRST.atx, invalid_index=2)
SAME = (HASHES[0], HASHES[0])


@pytest.mark.parametrize(
    "data", [multiple_atxs(), multiple_ballots(), hare_equivocation(), PREVIOUS, POST]
)
def test_every_kind_convicts_its_signer(data: MalfeasanceData) -> None:
    assert check_proof(data, VERIFIER, is_known=True) == signer(1).smesher_id
    assert culprit_of(data) == signer(1).smesher_id


@pytest.mark.parametrize("data", [multiple_atxs(), multiple_ballots(), hare_equivocation()])
def test_a_forged_signature_convicts_nobody(data: MultipleAtxs) -> None:
    first, second = data.messages
    forged = replace(second, signature=first.signature)
    with pytest.raises(RejectError, match="invalid signature"):
        check_proof(replace(data, messages=(first, forged)), VERIFIER, is_known=True)


@pytest.mark.parametrize(
    "data", [multiple_atxs(), multiple_ballots(), hare_equivocation(), PREVIOUS]
)
def test_who_has_no_atx_is_not_convicted(data: MalfeasanceData) -> None:
    with pytest.raises(RejectError, match="has no ATX"):
        check_proof(data, VERIFIER, is_known=False)


def test_a_wrong_label_convicts_even_in_the_first_atx() -> None:
    assert check_proof(POST, VERIFIER, is_known=False) == signer(1).smesher_id


@pytest.mark.parametrize(
    "data",
    [
        multiple_atxs(epochs=(3, 4)),
        multiple_atxs(hashes=SAME),
        multiple_ballots(layers=(8, 9)),
        multiple_ballots(hashes=SAME),
        hare_equivocation(slots=((8, 2), (9, 2))),
        hare_equivocation(slots=((9, 2), (9, 3))),
        hare_equivocation(hashes=SAME),
    ],
)
def test_messages_of_different_slots_or_the_same_message_do_not_conflict(
    data: MalfeasanceData,
) -> None:
    with pytest.raises(RejectError, match="do not conflict"):
        check_proof(data, VERIFIER, is_known=True)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (multiple_atxs(owners=(1, 2)), "somebody else"),
        (replace(PREVIOUS, atx1=initial_atx(2).atx), "somebody else"),
        (replace(PREVIOUS, atx1=SECOND.atx), "twice"),
        (replace(PREVIOUS, atx1=FIRST.atx), "different previous"),
        (
            replace(PREVIOUS, atx1=replace(THIRD.atx, signature=FIRST.atx.signature)),
            "invalid signature of atx",
        ),
        (
            replace(PREVIOUS, atx2=replace(SECOND.atx, signature=FIRST.atx.signature)),
            "invalid signature of atx",
        ),
        (
            replace(POST, atx=replace(FIRST.atx, signature=SECOND.atx.signature)),
            "invalid signature of atx",
        ),
    ],
)
def test_what_proves_nothing_is_rejected(data: MalfeasanceData, problem: str) -> None:
    with pytest.raises(RejectError, match=problem):
        check_proof(data, VERIFIER, is_known=True)


def test_an_accusation_names_the_label_of_the_nipost() -> None:
    accusation = make_post_accusation(POST, None)
    assert accusation.mode == One(2)
    assert accusation.claim.challenge == FIRST.poet.proof.ref
    assert accusation.claim.commitment_atx == GOLDEN
    assert accusation.claim.num_units == FIRST.atx.inner.num_units
    later = InvalidPostIndex(atx=SECOND.atx, invalid_index=0)
    assert make_post_accusation(later, GOLDEN).claim.commitment_atx == GOLDEN


def without(**fields: Any) -> InvalidPostIndex:
    nipost = FIRST.atx.inner.nipost
    assert nipost is not None
    inner = replace(FIRST.atx.inner, nipost=replace(nipost, **fields))
    return InvalidPostIndex(atx=signed(1, inner), invalid_index=0)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (InvalidPostIndex(atx=SECOND.atx, invalid_index=0), "commitment of smesher"),
        (without(post=None), "has no PoST"),
        (without(post_metadata=None), "has no PoST"),
        (
            without(post_metadata=PostMetadata(challenge=b"short", labels_per_unit=1)),
            "challenge of 5",
        ),
        (
            InvalidPostIndex(atx=signed(1, replace(FIRST.atx.inner, nipost=None)), invalid_index=0),
            "has no PoST",
        ),
    ],
)
def test_an_accusation_without_a_post_is_rejected(data: InvalidPostIndex, problem: str) -> None:
    with pytest.raises(RejectError, match=problem):
        make_post_accusation(data, None)
