"""Merkle roots of the second ATX version: BLAKE3 nodes, padded with zero nodes.

Values park one to a level until a neighbour arrives.  A value of no bytes does not
count as parked (so the next one takes its place): odd, but the identifiers of malformed
ATXs depend on it.

Source: spacemeshos/merkle-tree, tree.go; codec digest section 5.
"""

from collections.abc import Sequence
from functools import cache

from node.base.hashing import ZERO_NODE, hash_node


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over at least one leaf, of any lengths."""
    parked: list[bytes] = []
    for leaf in leaves:
        _add(parked, leaf)
    carried = b""
    for level, value in enumerate(parked):
        if level == len(parked) - 1 and not carried:
            return value
        if value and carried:
            carried = hash_node(value, carried)
        elif value or carried:
            carried = hash_node(value or carried, ZERO_NODE)
    return carried


def padded_root(leaves: Sequence[bytes], size: int) -> bytes:
    """Return the root over ``leaves`` followed by zero nodes up to ``size``, a power of two.

    Equal to ``merkle_root`` of the padded list, with the all-zero subtrees remembered.
    """
    if not all(leaves):
        return merkle_root([*leaves, *[ZERO_NODE] * (size - len(leaves))])
    level, nodes = 0, list(leaves)
    while size > 1:
        if len(nodes) % 2:
            nodes.append(_zero_root(level))
        nodes = [hash_node(nodes[k], nodes[k + 1]) for k in range(0, len(nodes), 2)]
        size //= 2
        level += 1
    return nodes[0] if nodes else _zero_root(level)


def _add(parked: list[bytes], value: bytes) -> None:
    for level in range(len(parked)):
        if not parked[level]:
            parked[level] = value
            return
        value = hash_node(parked[level], value)
        parked[level] = b""
    parked.append(value)


@cache
def _zero_root(level: int) -> bytes:
    if level == 0:
        return ZERO_NODE
    below = _zero_root(level - 1)
    return hash_node(below, below)
