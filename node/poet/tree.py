"""Merkle trees of any number of leaves, openings of several leaves, membership.

A tree over n leaves has the height ceil(log2 n).  Where a subtree has no leaf at all, one
zero node stands for it at the height where it hangs; zero nodes are never hashed into
larger ones.  The same shape serves the work (SHA-256 salted with the statement) and the
members of a round (BLAKE3): the hash of an inner node is an argument.

Source: spacemeshos/merkle-tree 0.2; PoET digest sections 3 and 5.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from node.base.errors import NotFoundError, RejectError
from node.base.hashing import ZERO_NODE, hash_node
from node.types.ids import Hash32
from node.types.post import MembershipProof

NODE_SIZE: Final = 32
"""Bytes of a node."""

InnerHash: TypeAlias = Callable[[bytes, bytes], bytes]
"""Makes a parent of a left and a right child."""


class NodeSource(Protocol):
    """Keeps the complete nodes of a tree: those whose leaves are all there."""

    def find_node(self, height: int, index: int) -> bytes | None:
        """Return a complete node, or None if it is not kept; leaves are always found."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Several leaves of a tree, with what is needed to recompute the root from them."""

    leaves: tuple[bytes, ...]
    """In ascending order of their indices."""

    nodes: tuple[bytes, ...]
    """The missing siblings, in the order in which :func:`climb` asks for them."""


@dataclass(frozen=True, slots=True)
class Climb:
    """Where an opening leads."""

    root: bytes

    parked: tuple[bytes, ...]
    """For each leaf that was reached: the left siblings on its path, lowest first,
    concatenated.  A label is salted with exactly these nodes."""


class CachedLayers:
    """Every complete node of a tree, in memory."""

    def __init__(self, leaves: Sequence[bytes], inner: InnerHash) -> None:
        self._layers = [list(leaves)]
        while len(self._layers[-1]) > 1:
            below = self._layers[-1]
            self._layers.append(
                [inner(below[k], below[k + 1]) for k in range(0, len(below) - 1, 2)]
            )

    def find_node(self, height: int, index: int) -> bytes | None:
        """See NodeSource."""
        if height < len(self._layers) and index < len(self._layers[height]):
            return self._layers[height][index]
        return None


class MerkleTree:
    """A tree with its right edge filled up, over whatever keeps its complete nodes."""

    def __init__(self, leaf_count: int, source: NodeSource, inner: InnerHash) -> None:
        self.leaf_count = leaf_count
        self.height = (leaf_count - 1).bit_length() if leaf_count else 0
        self._source = source
        self._inner = inner
        self._edge: dict[tuple[int, int], bytes] = {}

    def root(self) -> bytes:
        """Return the root; no bytes for a tree without leaves."""
        return self.node(self.height, 0) if self.leaf_count else b""

    def node(self, height: int, index: int) -> bytes:
        """Return any node, computing those that are incomplete or not kept."""
        if index << height >= self.leaf_count:
            return ZERO_NODE
        kept = self._source.find_node(height, index)
        if kept is not None:
            return kept
        key = (height, index)
        if key not in self._edge:
            left = self.node(height - 1, 2 * index)
            self._edge[key] = self._inner(left, self.node(height - 1, 2 * index + 1))
        return self._edge[key]

    def open(self, indices: Sequence[int]) -> Opening:
        """Return the opening of the leaves at ``indices``, which ascend."""
        siblings: list[bytes] = []

        def walk(height: int, index: int, low: int, high: int) -> None:
            """Visit the node above ``indices[low:high]``."""
            if height == 0:
                return
            middle = bisect_left(indices, (2 * index + 1) << (height - 1), low, high)
            if middle > low:
                walk(height - 1, 2 * index, low, middle)
            if middle < high:
                walk(height - 1, 2 * index + 1, middle, high)
            if middle == low:
                siblings.append(self.node(height - 1, 2 * index))
            elif middle == high:
                siblings.append(self.node(height - 1, 2 * index + 1))

        walk(self.height, 0, 0, len(indices))
        return Opening(tuple(self.node(0, index) for index in indices), tuple(siblings))


class _Climber:
    """The state of one climb: which leaves and siblings are used up."""

    def __init__(
        self,
        indices: Sequence[int],
        leaves: Sequence[bytes],
        nodes: Sequence[bytes],
        inner: InnerHash,
    ) -> None:
        self._indices = indices
        self._leaves = leaves
        self._nodes = nodes
        self._inner = inner
        self._next_leaf = 0
        self._next_node = 0

    def climb(self, stop_height: int | None) -> tuple[bytes, list[bytearray]]:
        """Climb from the next leaf to ``stop_height``, or until the siblings run out."""
        index, node = self._indices[self._next_leaf], self._leaves[self._next_leaf]
        self._next_leaf += 1
        height = 0
        parked = [bytearray()]
        while height != stop_height:
            beside: list[bytearray] = []
            if self._is_next_leaf_below(height, index ^ 1):
                sibling, beside = self.climb(height)
            elif self._next_node < len(self._nodes):
                sibling = self._nodes[self._next_node]
                self._next_node += 1
            else:
                break
            if index & 1:
                for path in parked:
                    path.extend(sibling)
                node = self._inner(sibling, node)
            else:
                for path in beside:
                    path.extend(node)
                parked += beside
                node = self._inner(node, sibling)
            index >>= 1
            height += 1
        return node, parked

    def _is_next_leaf_below(self, height: int, index: int) -> bool:
        return (
            self._next_leaf < len(self._indices)
            and self._indices[self._next_leaf] >> height == index
        )


def check_indices(indices: Sequence[int], leaves: Sequence[bytes]) -> None:
    """Check what a climb needs of its leaves.

    Raises:
        RejectError: there is no leaf, or not one for each index, or the indices do not
            ascend; the texts are the reference's.
    """
    if len(indices) != len(leaves):
        raise RejectError(
            f"number of leaves ({len(leaves)}) must equal number of indices ({len(indices)})"
        )
    if not leaves:
        raise RejectError("at least one leaf is required for validation")
    if list(indices) != sorted(indices):
        raise RejectError("leafIndices are not sorted")
    if len(set(indices)) != len(indices):
        raise RejectError("leafIndices contain duplicates")


def climb(
    indices: Sequence[int], leaves: Sequence[bytes], nodes: Sequence[bytes], inner: InnerHash
) -> Climb:
    """Recompute a root from some leaves and the missing siblings.

    The climb ends when the siblings run out: neither the height nor the lengths of nodes
    are compared with anything, and leaves that the climb does not come by are not looked
    at.  Both are the reference's rule and part of the consensus.

    Raises:
        RejectError: see :func:`check_indices`.
    """
    check_indices(indices, leaves)
    root, parked = _Climber(indices, leaves, nodes, inner).climb(None)
    return Climb(root, tuple(map(bytes, parked)))


def compute_statement(members: Sequence[bytes]) -> bytes:
    """Return the root over the members of a round; no bytes if there are none.

    The order is the caller's; servers put members in the order of their identities.
    """
    return MerkleTree(len(members), CachedLayers(members, hash_node), hash_node).root()


def members_of_round(members: Sequence[bytes]) -> tuple[Hash32, ...]:
    """Return members as nodes read them: cut, or filled with zeros, to 32 bytes."""
    return tuple(Hash32(member[:NODE_SIZE].ljust(NODE_SIZE, b"\0")) for member in members)


def prove_membership(members: Sequence[bytes], challenge: bytes) -> MembershipProof:
    """Return the path from a challenge to the statement.

    Raises:
        NotFoundError: the challenge is no member.
    """
    if challenge not in members:
        raise NotFoundError("member of the PoET proof", challenge)
    index = members.index(challenge)
    tree = MerkleTree(len(members), CachedLayers(members, hash_node), hash_node)
    nodes = tree.open([index]).nodes
    return MembershipProof(nodes=tuple(map(Hash32, nodes)), leaf_index=index)
