"""Activation transactions, version 2, with marriages and merged proofs, as on the wire.

The identifier is a Merkle root, so that a malfeasance proof can open single fields.

Source: go-spacemesh, activation/wire/wire_v2; codec digest sections 4.1 and 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final

from node.base import scale
from node.base.hashing import ZERO_NODE, hash32, hash_node
from node.base.merkle import merkle_root, padded_root
from node.base.scale import U32, U64, Limit
from node.types.address import Address
from node.types.ids import AtxID, EdSignature, Hash32, SmesherID
from node.types.layer import EpochID
from node.types.post import Post

MAX_MARRIED: Final = 256
"""Most identities in a marriage, and leaves of the trees over them."""
MAX_NIPOSTS: Final = 4
"""Most PoET proofs a merged ATX may refer to."""
NODE_SIZE: Final = 32


def _number(value: int, size: int) -> bytes:
    """Return a little-endian number in a whole tree node."""
    return value.to_bytes(size, "little").ljust(NODE_SIZE, b"\0")


@dataclass(frozen=True, slots=True, kw_only=True)
class NIPostChallengeV2:
    """What a smesher registers, hashed, at a PoET for an ATX v2."""

    publish_epoch: EpochID
    previous_atx: AtxID
    positioning_atx: AtxID
    initial_post: Post | None

    def challenge_hash(self) -> Hash32:
        """Return the digest that a PoET takes as a member."""
        return Hash32(hash32(b"\0", scale.encode(self)))


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialAtxPartsV2:
    """What only an initial ATX carries."""

    commitment_atx: AtxID
    post: Post

    def root(self) -> bytes:
        """Return the Merkle root that stands for these parts."""
        return hash_node(self.commitment_atx, self.post.root())


@dataclass(frozen=True, slots=True, kw_only=True)
class MarriageCertificate:
    """One identity's consent to join the signer of the ATX that carries it."""

    reference_atx: AtxID
    """An ATX of the joining identity; zero for the signer itself."""

    signature: EdSignature
    """By the joining identity, in the marriage domain, over the signer's id."""

    def root(self) -> bytes:
        """Return the Merkle root that stands for this certificate."""
        return hash_node(self.reference_atx, self.signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipProofV2:
    """One proof for all challenges of a merged ATX in a PoET's statement."""

    nodes: Annotated[tuple[Hash32, ...], Limit(32)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubPostV2:
    """The PoST of one identity inside a merged ATX."""

    marriage_index: U32
    """Position of the identity in its marriage."""

    previous_atx_index: U32
    """Position in ``previous_atxs``."""

    membership_leaf_index: U64
    """Position of this identity's challenge among the PoET's members."""

    post: Post
    num_units: U32

    def root(self, previous_atxs: Sequence[AtxID]) -> bytes:
        """Return the Merkle root, or no bytes where the previous ATX index is out of range."""
        if self.previous_atx_index >= len(previous_atxs):
            return b""
        return merkle_root(
            [
                self.marriage_index.to_bytes(4, "little"),
                previous_atxs[self.previous_atx_index],
                _number(self.membership_leaf_index, 8),
                self.post.root(),
                self.num_units.to_bytes(4, "little"),
            ]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NIPostV2:
    """Membership in one PoET round and the PoSTs made for it."""

    membership: MembershipProofV2

    challenge: Hash32
    """Identifier of the PoET proof."""

    posts: Annotated[tuple[SubPostV2, ...], Limit(MAX_MARRIED)]

    def root(self, previous_atxs: Sequence[AtxID]) -> bytes:
        """Return the Merkle root that stands for this NIPoST."""
        posts = padded_root([post.root(previous_atxs) for post in self.posts], MAX_MARRIED)
        return merkle_root([scale.encode(self.membership), self.challenge, posts])


@dataclass(frozen=True, kw_only=True)
class ActivationTxV2:
    """An activation transaction of version 2, signed over its identifier."""

    publish_epoch: EpochID
    positioning_atx: AtxID
    coinbase: Address
    initial: InitialAtxPartsV2 | None
    previous_atxs: Annotated[tuple[AtxID, ...], Limit(MAX_MARRIED)]
    niposts: Annotated[tuple[NIPostV2, ...], Limit(MAX_NIPOSTS)]
    vrf_nonce: U64
    marriages: Annotated[tuple[MarriageCertificate, ...], Limit(MAX_MARRIED)]

    marriage_atx: AtxID | None
    """Present in a merged ATX: the ATX that married its identities."""

    smesher: SmesherID
    signature: EdSignature

    @cached_property
    def id(self) -> AtxID:
        """Identifier: root over nine leaves, one for each field before the smesher."""
        niposts = [nipost.root(self.previous_atxs) for nipost in self.niposts]
        return AtxID(
            merkle_root(
                [
                    _number(self.publish_epoch, 4),
                    self.positioning_atx,
                    self.coinbase,
                    ZERO_NODE if self.initial is None else self.initial.root(),
                    padded_root(self.previous_atxs, MAX_MARRIED),
                    padded_root(niposts, MAX_NIPOSTS),
                    _number(self.vrf_nonce, 8),
                    self.marriages_root(),
                    ZERO_NODE if self.marriage_atx is None else self.marriage_atx,
                ]
            )
        )

    def marriages_root(self) -> bytes:
        """Return the Merkle root over the marriage certificates."""
        return padded_root([certificate.root() for certificate in self.marriages], MAX_MARRIED)

    def signed_bytes(self) -> bytes:
        """Return what is signed in the ATX domain."""
        return bytes(self.id)
