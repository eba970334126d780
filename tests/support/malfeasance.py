"""Proofs of misbehaviour of every kind against smesher 1; the signatures are left empty."""

from node.consensus.malfeasance.wire import (
    HareEquivocation,
    InvalidPostIndex,
    InvalidPreviousAtx,
    MultipleAtxs,
    MultipleBallots,
    SignedAtx,
    SignedBallot,
    SignedHareMessage,
)
from node.types.ids import EdSignature, Hash32
from node.types.layer import EpochID, LayerID
from node.types.metadata import AtxMetadata, BallotMetadata, HareMetadata
from tests.support.activation import initial_atx, next_atx
from tests.support.chain import signer

FIRST = Hash32(b"a" * 32)
SECOND = Hash32(b"b" * 32)
SMESHER = signer(1).smesher_id


def multiple_atxs() -> MultipleAtxs:
    """Return two ATXs of epoch 3."""

    def one(digest: Hash32) -> SignedAtx:
        metadata = AtxMetadata(publish_epoch=EpochID(3), message_hash=digest)
        return SignedAtx(metadata=metadata, smesher=SMESHER, signature=EdSignature.zero())

    return MultipleAtxs(messages=(one(FIRST), one(SECOND)))


def multiple_ballots() -> MultipleBallots:
    """Return two ballots of layer 9."""

    def one(digest: Hash32) -> SignedBallot:
        metadata = BallotMetadata(layer=LayerID(9), message_hash=digest)
        return SignedBallot(metadata=metadata, smesher=SMESHER, signature=EdSignature.zero())

    return MultipleBallots(messages=(one(FIRST), one(SECOND)))


def hare_equivocation() -> HareEquivocation:
    """Return two messages of layer 9, round 2."""

    def one(digest: Hash32) -> SignedHareMessage:
        metadata = HareMetadata(layer=LayerID(9), round=2, message_hash=digest)
        return SignedHareMessage(metadata=metadata, smesher=SMESHER, signature=EdSignature.zero())

    return HareEquivocation(messages=(one(FIRST), one(SECOND)))


def invalid_post_index() -> InvalidPostIndex:
    """Return an ATX whose label 2 is called wrong."""
    return InvalidPostIndex(atx=initial_atx(1).atx, invalid_index=2)


def invalid_previous_atx() -> InvalidPreviousAtx:
    """Return two ATXs on one previous ATX."""
    first = initial_atx(1)
    return InvalidPreviousAtx(atx1=next_atx(first, epoch=3).atx, atx2=next_atx(first).atx)
