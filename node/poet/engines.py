"""Which engine does the work: the fast one if it is there, right and faster.

Source: PoET digest section 12.1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from node.base.errors import DeviceError, RejectError
from node.poet.tree import MerkleTree
from node.poet.work import ClearEngine, Engine, Frontier, inner_hash

TEST_STATEMENT: Final = bytes(range(32))
"""Salts the self-test."""
TEST_STARTS: Final = (0, (1 << 33) - 5, 0x155555000)
"""First leaves of the runs that are compared: an empty tree, and a carry through 33 bits,
and half of the slots occupied."""
TEST_RUN: Final = 9
"""Leaves of each of them; the opening is made of as many."""
TIMED_LEAVES: Final = 256
"""Leaves of a speed measurement: 30 ms on hashlib."""
NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine to use, and what it can do."""

    engine: Engine

    leaves_per_second: float
    """As measured on one core when it was chosen."""

    refused: str = ""
    """Why the fast engine is not used; empty if it is."""


class _TestLayers:
    """The complete nodes of a run that began at leaf 0."""

    def __init__(self, layers: dict[int, bytes]) -> None:
        self._layers = layers

    def find_node(self, height: int, index: int) -> bytes | None:
        """See NodeSource."""
        node = self._layers.get(height, b"")[32 * index : 32 * index + 32]
        return node or None


def find_fault(engine: Engine) -> str:
    """Compare an engine with the specification; return what differs, or no text."""
    clear = ClearEngine()
    for start in TEST_STARTS:
        ours, theirs = (Frontier(TEST_STATEMENT, start) for _ in range(2))
        for frontier in (ours, theirs):
            frontier.parked[:] = bytes(k % 251 for k in range(len(frontier.parked)))
        if engine.extend(theirs, TEST_RUN, 0) != clear.extend(ours, TEST_RUN, 0):
            return f"wrong labels from leaf {start} on"
        if ours != theirs:
            return f"wrong parked nodes after leaf {start + TEST_RUN - 1}"
    layers = clear.extend(Frontier(TEST_STATEMENT), TEST_RUN, 0)
    tree = MerkleTree(TEST_RUN, _TestLayers(layers), inner_hash(TEST_STATEMENT))
    indices = (1, 2, 3, TEST_RUN - 1)
    opening = tree.open(indices)
    try:
        labels = engine.opened_labels(
            TEST_STATEMENT, tree.root(), indices, opening.leaves, opening.nodes
        )
    except RejectError as error:
        return f"a good opening is refused: {error}"
    return "" if labels == opening.leaves else "a good opening is not recognised"


def measure_speed(engine: Engine, monotonic_ns: Callable[[], int]) -> float:
    """Return leaves per second of a short run."""
    frontier = Frontier(TEST_STATEMENT, 1 << 32)
    started_ns = monotonic_ns()
    engine.extend(frontier, TIMED_LEAVES, frontier.next_leaf.bit_length())
    return TIMED_LEAVES * NS_PER_S / max(1, monotonic_ns() - started_ns)


def make_fast_engine() -> Engine:
    """Return the compiled engine, tested against the specification.

    Raises:
        DeviceError: this processor cannot run it, or it computes something else.
    """
    # Deferred: some 60 MB that a process without PoET work need not carry.
    from node.poet.engine_llvm import LlvmEngine

    engine = LlvmEngine()
    fault = find_fault(engine)
    if fault:
        raise DeviceError(f"PoET engine {engine.name} fails its self-test: {fault}")
    return engine


def make_engine() -> Engine:
    """Return the fast engine, or where it cannot be used the clear one."""
    try:
        return make_fast_engine()
    except DeviceError:
        return ClearEngine()


def choose_engine(monotonic_ns: Callable[[], int]) -> Choice:
    """Return the fastest engine that computes the right labels, with its speed."""
    clear = ClearEngine()
    slow = Choice(clear, measure_speed(clear, monotonic_ns))
    try:
        fast = make_fast_engine()
    except DeviceError as error:
        return Choice(clear, slow.leaves_per_second, refused=str(error))
    speed = measure_speed(fast, monotonic_ns)
    if speed > slow.leaves_per_second:
        return Choice(fast, speed)
    return Choice(
        clear,
        slow.leaves_per_second,
        refused=f"{fast.name} makes {speed:.0f} leaves/s, {clear.name} more",
    )
