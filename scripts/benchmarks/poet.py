"""PoET: the leaf loop and the check of proofs, the fast engine beside the clear one."""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from hashlib import sha256

from node.base.errors import DeviceError
from node.poet.engines import make_fast_engine
from node.poet.tree import Opening, compute_statement
from node.poet.verifying import check_proof
from node.poet.work import ClearEngine, Engine, Frontier, compute_label, inner_hash
from scripts.benchmarks.measurement import Measurement, duration, throughput
from scripts.vectors.poet import prove

SECONDS = 2.0
"""Time for each figure."""

STATEMENT = bytes(range(32))
FIRST_LEAF = 1 << 32
"""Where in a round the leaf loop is timed: 16 parked nodes in the mean, as on mainnet."""

BATCH = 128
CLEAR_BATCH = 16
SMALL_ROUND = 20_000
MAINNET_ROUND = 9_331_200_000
"""Leaves of a thousand mainnet ticks."""

OPENED = 150
MEMBERS = 20_000

LEAVES_BAR = 64_000
PROOF_BAR_MS = 2.5


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


def _extender(engine: Engine, batch: int) -> Callable[[], object]:
    """Return what computes a batch of leaves further on in a round."""
    frontier = Frontier(STATEMENT, FIRST_LEAF)
    return lambda: engine.extend(frontier, batch, 5)


def _opener(engine: Engine, tree: _FreeTree) -> Callable[[], object]:
    """Return what checks an opening of a tree that took mainnet's time."""
    leaves, nodes = tree.opening.leaves, tree.opening.nodes

    def check() -> None:
        if engine.opened_labels(STATEMENT, tree.root, tree.indices, leaves, nodes) != leaves:
            raise AssertionError("the opening made backwards does not verify")

    return check


def measure() -> Iterator[Measurement]:
    """Yield speeds of the fast engine beside the clear one, and of the members' tree."""
    clear = ClearEngine()
    try:
        start = time.perf_counter()
        fast: Engine = make_fast_engine()
        yield Measurement("poet: compile and test", 1000 * (time.perf_counter() - start), "ms")
    except DeviceError as error:
        fast = clear
        yield Measurement(f"poet: no fast engine: {error}", 0.0, "leaves/s")
    yield throughput(
        "poet: leaf loop",
        _extender(fast, BATCH),
        "leaves/s",
        SECONDS,
        amount=BATCH,
        clear=_extender(clear, CLEAR_BATCH),
        clear_amount=CLEAR_BATCH,
        bar=LEAVES_BAR,
    )
    proof = prove(fast, STATEMENT, SMALL_ROUND, OPENED)
    yield duration(
        f"poet: check a proof of {SMALL_ROUND} leaves",
        lambda: check_proof(proof, STATEMENT, fast),
        "ms",
        SECONDS,
        clear=lambda: check_proof(proof, STATEMENT, clear),
        bar=PROOF_BAR_MS,
    )
    tree = _FreeTree(MAINNET_ROUND)
    yield duration(
        f"poet: check an opening of {MAINNET_ROUND} leaves",
        _opener(fast, tree),
        "ms",
        SECONDS,
        clear=_opener(clear, tree),
        bar=PROOF_BAR_MS,
    )
    members = [sha256(b"%d" % k).digest() for k in range(MEMBERS)]
    yield duration(
        f"poet: statement of {MEMBERS} members", lambda: compute_statement(members), "ms", SECONDS
    )
