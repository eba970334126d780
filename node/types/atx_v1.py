"""Activation transactions, version 1, as on the wire.

Source: go-spacemesh, activation/wire/wire_v1; codec digest sections 3.1 and 4.1.
"""

from dataclasses import dataclass
from functools import cached_property

from node.base import scale
from node.base.hashing import hash32
from node.base.scale import U32, U64
from node.types.address import Address
from node.types.ids import AtxID, EdSignature, Hash32, SmesherID
from node.types.layer import EpochID
from node.types.metadata import AtxMetadata
from node.types.post import NIPost, Post


@dataclass(frozen=True, slots=True, kw_only=True)
class NIPostChallengeV1:
    """What a smesher registers, hashed, at a PoET."""

    publish_epoch: EpochID

    sequence: U64
    """Number of earlier ATXs of the smesher."""

    previous_atx: AtxID
    """Zero in an initial ATX."""

    positioning_atx: AtxID

    commitment_atx: AtxID | None
    """Present in an initial ATX only: what the labels commit to."""

    initial_post: Post | None
    """Present in an initial ATX only."""

    def challenge_hash(self) -> Hash32:
        """Return the digest that a PoET takes as a member."""
        return Hash32(hash32(b"\0", scale.encode(self)))


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerActivationTxV1:
    """The signed part of an ATX v1; its digest is the ATX's identifier."""

    challenge: NIPostChallengeV1

    coinbase: Address

    num_units: U32
    """Space units proven."""

    nipost: NIPost | None
    """Never absent in a valid ATX."""

    initial_smesher: SmesherID | None
    """Present in an initial ATX only, so that identities do not share identifiers."""

    vrf_nonce: U64 | None
    """Present in an initial ATX, and when the nonce changed."""


@dataclass(frozen=True, kw_only=True)
class ActivationTxV1:
    """An activation transaction of version 1, signed."""

    inner: InnerActivationTxV1

    smesher: SmesherID

    signature: EdSignature

    @cached_property
    def id(self) -> AtxID:
        """Identifier: BLAKE3 of the inner ATX."""
        return AtxID(hash32(scale.encode(self.inner)))

    def signed_bytes(self) -> bytes:
        """Return what is signed in the ATX domain."""
        metadata = AtxMetadata(
            publish_epoch=self.inner.challenge.publish_epoch, message_hash=Hash32(self.id)
        )
        return scale.encode(metadata)
