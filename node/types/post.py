"""Proofs of space-time as ATXs carry them.

Source: go-spacemesh, activation/wire/wire_v1; codec digest section 4.1.
"""

from dataclasses import dataclass
from typing import Annotated

from node.base.hashing import ZERO_NODE, hash_node
from node.base.scale import U32, U64, Limit
from node.types.ids import Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A PoST: which labels satisfy a challenge.

    Wire: 1..5 + length + bytes + 1..9.
    """

    nonce: U32
    """Nonce of the AES ciphers, not of the pow."""

    indices: Annotated[bytes, Limit(800)]
    """K2 label indices, packed with as many bits each as the number of labels needs."""

    pow: U64
    """Nonce of the RandomX proof of work for this nonce group."""

    def root(self) -> bytes:
        """Return the Merkle root that stands for this PoST in ATX v2 identifiers."""
        left = hash_node(self.nonce.to_bytes(4, "little"), self.indices)
        return hash_node(left, hash_node(self.pow.to_bytes(8, "little"), ZERO_NODE))


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipProof:
    """Proof that a challenge was a member of a PoET's statement, ATX v1."""

    nodes: Annotated[tuple[Hash32, ...], Limit(32)]
    """Siblings from leaf to root."""

    leaf_index: U64
    """Position of the challenge among the members."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostMetadata:
    """What a PoST was made for."""

    challenge: Annotated[bytes, Limit(32)]
    """Identifier of the PoET proof, or 32 zero bytes for the initial PoST."""

    labels_per_unit: U64
    """Labels in one space unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NIPost:
    """Non-interactive proof of space-time, ATX v1: PoET membership and a PoST."""

    membership: MembershipProof

    post: Post | None
    """Never absent in a valid ATX."""

    post_metadata: PostMetadata | None
    """Never absent in a valid ATX."""
