"""The sequential work: labels, the tree that grows with them, the choice of leaves.

Layouts (S = statement, usually 32 bytes; H = SHA-256; integers big-endian):

    label of leaf i     H applied 400 times, first to S | i (8 bytes) | parked nodes
    parked nodes        for each set bit k of i, ascending: the node of height k to the
                        left of the path of leaf i, whose index is (i >> k) - 1
    inner node          H(S | left | right)
    choice of leaves    H(root | counter (4 bytes)), first 8 bytes, modulo the leaf count

:class:`ClearEngine` is the specification that faster engines are compared with.

Source: spacemeshos/poet, hash and shared; PoET digest section 3.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Protocol

from node.poet.tree import NODE_SIZE, climb

SECURITY_PARAM: Final = 150
"""Leaves that a proof opens (the reference's T)."""
LABEL_HASHES: Final = 400
"""Hashes of one label, each over the one before."""
MAX_HEIGHT: Final = 64
"""Leaf numbers have 64 bits: no tree is higher."""
COUNTER_MODULUS: Final = 1 << 32
"""The counter of the choice of leaves wraps here."""
DRAW_SIZE: Final = 8
"""Bytes of a digest that make one draw."""


def compute_label(statement: bytes, index: int, parked: bytes) -> bytes:
    """Return the label of leaf ``index``, given its parked nodes one after the other."""
    digest = sha256(statement + index.to_bytes(8, "big") + parked).digest()
    for _ in range(LABEL_HASHES - 1):
        digest = sha256(digest).digest()
    return digest


def inner_hash(statement: bytes) -> Callable[[bytes, bytes], bytes]:
    """Return the hash of inner nodes under a statement."""
    salted = sha256(statement)

    def inner(left: bytes, right: bytes) -> bytes:
        hasher = salted.copy()
        hasher.update(left)
        hasher.update(right)
        return hasher.digest()

    return inner


def select_leaves(
    root: bytes, leaf_count: int, security_param: int = SECURITY_PARAM
) -> tuple[int, ...]:
    """Return the leaves that the root itself chooses, ascending.

    All of them where there are fewer than ``security_param``.
    """
    if security_param > leaf_count:
        return tuple(range(leaf_count))
    chosen: set[int] = set()
    counter = 0
    while len(chosen) < security_param:
        digest = sha256(root + counter.to_bytes(4, "big")).digest()
        chosen.add(int.from_bytes(digest[:DRAW_SIZE], "big") % leaf_count)
        counter = (counter + 1) % COUNTER_MODULUS
    return tuple(sorted(chosen))


@dataclass(slots=True)
class Frontier:
    """The growing edge of a work tree: all that is needed to go on from here."""

    statement: bytes

    next_leaf: int = 0
    """Leaves added so far."""

    parked: bytearray = field(default_factory=lambda: bytearray(MAX_HEIGHT * NODE_SIZE))
    """Slot k holds the node of height k that waits for its right sibling, if bit k of
    ``next_leaf`` is set; otherwise old bytes without meaning."""

    def parked_node(self, height: int) -> bytes:
        """Return slot ``height``."""
        return bytes(self.parked[height * NODE_SIZE : (height + 1) * NODE_SIZE])

    def park(self, height: int, node: bytes) -> None:
        """Set slot ``height``."""
        self.parked[height * NODE_SIZE : (height + 1) * NODE_SIZE] = node


class Engine(Protocol):
    """Computes labels; every engine computes the same ones."""

    name: str
    """What logs and benchmarks call it."""

    deepest_layer: int
    """Lowest layer worth keeping on disk: what lies below is computed again at the end,
    which takes security parameter x 2^layer labels."""

    def extend(self, frontier: Frontier, count: int, keep_from: int) -> dict[int, bytes]:
        """Add ``count`` leaves and move the frontier.

        Returns:
            For each layer from ``keep_from`` on that gained nodes: the new ones, in order,
            32 bytes each, one after the other.
        """

    def opened_labels(
        self,
        statement: bytes,
        root: bytes,
        indices: Sequence[int],
        leaves: Sequence[bytes],
        nodes: Sequence[bytes],
    ) -> tuple[bytes, ...] | None:
        """Return the labels that opened leaves must have.

        One for each leaf that the way to the root comes by; None if the opening does not
        lead to ``root``.

        Raises:
            RejectError: see :func:`node.poet.tree.check_indices`.
        """


class ClearEngine:
    """The specification, on hashlib: a sixth to an eighth of the speed of SHA hardware."""

    name = "hashlib"
    deepest_layer = 7

    def extend(self, frontier: Frontier, count: int, keep_from: int) -> dict[int, bytes]:
        """See Engine."""
        inner = inner_hash(frontier.statement)
        grown: dict[int, bytearray] = {}
        for index in range(frontier.next_leaf, frontier.next_leaf + count):
            waiting = b"".join(
                frontier.parked_node(k) for k in range(index.bit_length()) if index >> k & 1
            )
            node = compute_label(frontier.statement, index, waiting)
            height = 0
            while True:
                if height >= keep_from:
                    grown.setdefault(height, bytearray()).extend(node)
                if not index >> height & 1:
                    break
                node = inner(frontier.parked_node(height), node)
                height += 1
            frontier.park(height, node)
        frontier.next_leaf += count
        return {height: bytes(nodes) for height, nodes in grown.items()}

    def opened_labels(
        self,
        statement: bytes,
        root: bytes,
        indices: Sequence[int],
        leaves: Sequence[bytes],
        nodes: Sequence[bytes],
    ) -> tuple[bytes, ...] | None:
        """See Engine."""
        way = climb(indices, leaves, nodes, inner_hash(statement))
        if way.root != root:
            return None
        return tuple(
            compute_label(statement, index, parked)
            for index, parked in zip(indices, way.parked, strict=False)
        )
