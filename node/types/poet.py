"""PoET proofs as nodes store and exchange them.

Source: go-spacemesh, common/types/poet; poet, shared; codec digest section 4.5.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, TypeAlias

from node.base import scale
from node.base.hashing import hash32
from node.base.scale import U64, Limit
from node.types.ids import EdSignature, Hash32, PoetRef

TreeNode: TypeAlias = Annotated[bytes, Limit(32)]
"""A node of the work tree; each carries its own length on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetNode:
    """One node of a PoET's Merkle tree: a length and up to 32 bytes."""

    value: TreeNode


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetMerkleProof:
    """Multi-proof over the leaves of the sequential work."""

    root: TreeNode

    proven_leaves: Annotated[tuple[PoetNode, ...], Limit(150)]
    """Leaves that the Fiat-Shamir challenge selected, in ascending order."""

    proof_nodes: Annotated[tuple[PoetNode, ...], Limit(5400)]
    """Siblings needed to recompute the root."""


@dataclass(frozen=True, kw_only=True)
class PoetProof:
    """Proof of sequential work over a statement."""

    merkle_proof: PoetMerkleProof

    leaf_count: U64
    """Leaves of the work; the ticks of an ATX come from it."""

    @cached_property
    def ref(self) -> PoetRef:
        """Identifier: BLAKE3 of the encoded proof, without the envelope around it."""
        return PoetRef(hash32(scale.encode(self)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetProofMessage:
    """A PoET proof with the service and round it comes from; what peers exchange."""

    proof: PoetProof

    poet_service_id: Annotated[bytes, Limit(32)]

    round_id: Annotated[str, Limit(32)]

    statement: Hash32
    """Root of the members' tree."""

    signature: EdSignature
