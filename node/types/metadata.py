"""What is signed of an ATX, a ballot, a proposal and a hare message.

Malfeasance proofs carry these with two signatures, without the objects themselves.

Source: go-spacemesh, common/types; codec digest sections 3.1 and 4.
"""

from dataclasses import dataclass

from node.base.scale import U32
from node.types.ids import Hash32
from node.types.layer import EpochID, LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class AtxMetadata:
    """Signed in the ATX domain by ATX v1."""

    publish_epoch: EpochID
    message_hash: Hash32
    """The ATX's identifier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BallotMetadata:
    """Signed in the ballot domain, and in the proposal domain with the proposal's hash."""

    layer: LayerID
    message_hash: Hash32
    """Digest of the inner ballot, or of the inner proposal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HareMetadata:
    """Signed in the hare domain."""

    layer: LayerID

    round: U32
    """Absolute round: iteration * 7 + round."""

    message_hash: Hash32
    """Digest of the message's body."""
