"""PoET: the leaf loop and the check of proofs, the fast engine beside the clear one."""

import time
from bisect import bisect_left
from collections.abc import Iterator
from hashlib import sha256

from node.base.errors import DeviceError
from node.poet.engines import make_fast_engine
from node.poet.tree import Opening, compute_statement
from node.poet.verifying import check_proof
from node.poet.work import ClearEngine, Engine, Frontier, compute_label, inner_hash
from scripts.benchmarks.measurement import Measurement, rate
from scripts.vectors.poet import prove

SECONDS = 2.0
"""Time for each figure."""

STATEMENT = bytes(range(32))
FIRST_LEAF = 1 << 32
"""Where in a round the leaf loop is timed: 16 parked nodes in the mean, as on mainnet."""

BATCH = 4096
CLEAR_BATCH = 256
SMALL_ROUND = 20_000
MAINNET_ROUND = 9_331_200_000
"""Leaves of a thousand mainnet ticks."""

OPENED = 150
MEMBERS = 20_000


class _FreeTree:
    """A tree whose unopened subtrees are arbitrary.

    Only so can an opening of work that would take days be made, from its root down.
    """

    def __init__(self, leaf_count: int) -> None:
        self._inner = inner_hash(STATEMENT)
        self.indices = tuple(sorted({k * (leaf_count // OPENED) + k * k for k in range(OPENED)}))
        self._leaves: list[bytes] = []
        self._nodes: list[bytes] = []
        height = (leaf_count - 1).bit_length()
        self.root = self._walk(height, 0, 0, len(self.indices), ())
        self.opening = Opening(tuple(self._leaves), tuple(self._nodes))

    def _walk(self, height: int, index: int, low: int, high: int, left: tuple[bytes, ...]) -> bytes:
        """Return the node above ``indices[low:high]``; ``left`` are parked, lowest first."""
        if height == 0:
            self._leaves.append(compute_label(STATEMENT, self.indices[low], b"".join(left)))
            return self._leaves[-1]
        middle = bisect_left(self.indices, (2 * index + 1) << (height - 1), low, high)
        free = sha256(b"%d %d" % (height, index)).digest()
        if middle == low:
            right = self._walk(height - 1, 2 * index + 1, low, high, (free, *left))
            self._nodes.append(free)
            return self._inner(free, right)
        first = self._walk(height - 1, 2 * index, low, middle, left)
        if middle == high:
            self._nodes.append(free)
            return self._inner(first, free)
        second = self._walk(height - 1, 2 * index + 1, middle, high, (first, *left))
        return self._inner(first, second)


def _measure_engine(engine: Engine, label: str, batch: int) -> Iterator[Measurement]:
    frontier = Frontier(STATEMENT, FIRST_LEAF)
    speed = rate(lambda: engine.extend(frontier, batch, 5), SECONDS) * batch
    yield Measurement(f"leaf loop{label}", speed, "leaves/s")
    proof = prove(engine, STATEMENT, SMALL_ROUND, OPENED)
    checks = rate(lambda: check_proof(proof, STATEMENT, engine), SECONDS)
    yield Measurement(f"check a proof of {SMALL_ROUND} leaves{label}", 1000 / checks, "ms")
    tree = _FreeTree(MAINNET_ROUND)
    leaves, nodes = tree.opening.leaves, tree.opening.nodes
    if engine.opened_labels(STATEMENT, tree.root, tree.indices, leaves, nodes) != leaves:
        raise AssertionError("the opening made backwards does not verify")
    checks = rate(
        lambda: engine.opened_labels(STATEMENT, tree.root, tree.indices, leaves, nodes), SECONDS
    )
    yield Measurement(f"check an opening of {MAINNET_ROUND} leaves{label}", 1000 / checks, "ms")


def measure() -> Iterator[Measurement]:
    """Yield speeds of both engines, and of the members' tree."""
    try:
        start = time.perf_counter()
        fast = make_fast_engine()
        yield Measurement("compile and test", 1000 * (time.perf_counter() - start), "ms")
        yield from _measure_engine(fast, "", BATCH)
    except DeviceError as error:
        yield Measurement(f"no fast engine: {error}", 0.0, "leaves/s")
    yield from _measure_engine(ClearEngine(), ", clear", CLEAR_BATCH)
    members = [sha256(b"%d" % k).digest() for k in range(MEMBERS)]
    statements = rate(lambda: compute_statement(members), SECONDS)
    yield Measurement(f"statement of {MEMBERS} members", 1000 / statements, "ms")
