"""The work of one round, from its first leaf to its proof, in a folder of its own.

    checkpoint      Checkpoint: how far the work is; replaced atomically
    layer_NN.bin    nodes of the upper layers (see layer_files)
    proof           PoetProof, once it is made
    lock            held by whoever works here

The layers are synced before a checkpoint that counts on them is written, and cut back to
the checkpoint before the work goes on: after a crash at any moment the same labels follow
as without it.  A finished round's proof is read from its file, never made twice.

Source: spacemeshos/poet, prover; PoET digest sections 8 and 12.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TypeAlias

from filelock import FileLock, Timeout

from node.base import scale
from node.base.errors import DecodeError, PreconditionError, SpacemeshError, StoreError
from node.base.scale import U8, U64, Limit
from node.poet.layer_files import LayerFiles, SparseLayers, choose_keep_from
from node.poet.tree import NODE_SIZE, MerkleTree
from node.poet.work import (
    MAX_HEIGHT,
    SECURITY_PARAM,
    Engine,
    Frontier,
    inner_hash,
    select_leaves,
)
from node.runtime.files import make_folder, write_atomic
from node.types.poet import PoetMerkleProof, PoetNode, PoetProof

VERSION: Final = 1
"""Layout of the folder."""
CHECKPOINT_FILE: Final = "checkpoint"
PROOF_FILE: Final = "proof"
LOCK_FILE: Final = "lock"

CHECKPOINT_INTERVAL_NS: Final = 5_000_000_000
"""At most so much work is lost when the process is killed."""
BATCH_NS: Final = 200_000_000
"""Between two looks at the clock."""
FIRST_BATCH: Final = 64
SMALLEST_BATCH: Final = 16
"""Leaves between two looks at the clock shortly before the end: 2 ms on hashlib."""
LARGEST_BATCH: Final = 1 << 16
LOCK_WAIT_S: Final = 30.0
"""How long to wait for a predecessor that was told to stop."""


class WorkStoppedError(SpacemeshError):
    """The work was stopped; it goes on from its checkpoint another time."""

    default_code = "smesh.poet.stopped"


@dataclass(frozen=True, slots=True)
class EndAtTime:
    """Work until an instant."""

    end_ns: int
    """Unix."""


@dataclass(frozen=True, slots=True)
class EndAtLeaves:
    """Work until the tree has so many leaves."""

    leaf_count: int


WorkEnd: TypeAlias = EndAtTime | EndAtLeaves


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTask:
    """What to work on.  The folder belongs to the statement."""

    directory: Path
    statement: bytes

    end: WorkEnd
    """Never before there are as many leaves as a proof opens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far the work is."""

    version: U8
    statement: Annotated[bytes, Limit(1 << 16)]

    keep_from: U8
    """Lowest layer in the folder."""

    leaf_count: U64

    parked: Annotated[bytes, Limit(MAX_HEIGHT * NODE_SIZE)]
    """The parked nodes of all layers, those of empty slots left out."""


class _Pace:
    """How many leaves to do before the next look at the clock."""

    def __init__(self, end: WorkEnd) -> None:
        self._end = end
        self._batch = FIRST_BATCH
        self._leaves_per_ns = 0.0

    def next_batch(self, leaf_count: int, now_ns: int) -> int:
        """Return a number of leaves that takes a fifth of a second, or less at the end."""
        if isinstance(self._end, EndAtLeaves):
            left = max(self._end.leaf_count, SECURITY_PARAM) - leaf_count
        elif self._leaves_per_ns:
            left = max(int(self._leaves_per_ns * (self._end.end_ns - now_ns)), SMALLEST_BATCH)
        else:
            left = FIRST_BATCH
        return min(self._batch, left)

    def on_batch(self, leaves: int, duration_ns: int) -> None:
        """Learn how long a batch took."""
        self._leaves_per_ns = leaves / max(1, duration_ns)
        fitting = int(self._leaves_per_ns * BATCH_NS)
        self._batch = max(SMALLEST_BATCH, min(fitting, LARGEST_BATCH, 4 * self._batch))


class _Work:
    """The tree in a folder, while somebody works on it."""

    def __init__(self, task: WorkTask, frontier: Frontier, files: LayerFiles) -> None:
        self.task = task
        self.frontier = frontier
        self.files = files

    def is_done(self, now_ns: int) -> bool:
        """Return whether the end is reached."""
        leaf_count, end = self.frontier.next_leaf, self.task.end
        if isinstance(end, EndAtLeaves):
            return leaf_count >= max(end.leaf_count, SECURITY_PARAM)
        return leaf_count >= SECURITY_PARAM and now_ns >= end.end_ns

    def write_checkpoint(self) -> None:
        """Make everything so far survive."""
        self.files.sync()
        leaf_count = self.frontier.next_leaf
        parked = b"".join(
            self.frontier.parked_node(height)
            for height in range(leaf_count.bit_length())
            if leaf_count >> height & 1
        )
        checkpoint = Checkpoint(
            version=VERSION,
            statement=self.frontier.statement,
            keep_from=self.files.keep_from,
            leaf_count=leaf_count,
            parked=parked,
        )
        write_atomic(self.task.directory / CHECKPOINT_FILE, scale.encode(checkpoint))

    def open(self, engine: Engine) -> PoetProof:
        """Make the proof of the tree as it is."""
        statement, leaf_count = self.frontier.statement, self.frontier.next_leaf
        layers = SparseLayers(self.files, leaf_count, statement, engine)
        tree = MerkleTree(leaf_count, layers, inner_hash(statement))
        root = tree.root()
        opening = tree.open(select_leaves(root, leaf_count))
        return PoetProof(
            merkle_proof=PoetMerkleProof(
                root=root,
                proven_leaves=tuple(PoetNode(value=leaf) for leaf in opening.leaves),
                proof_nodes=tuple(PoetNode(value=node) for node in opening.nodes),
            ),
            leaf_count=leaf_count,
        )


def run_work(
    task: WorkTask,
    engine: Engine,
    *,
    expected_leaves: int,
    now_ns: Callable[[], int],
    is_stopped: Callable[[], bool],
    report: Callable[[int], None],
) -> PoetProof:
    """Do the work of a round, or the rest of it, and return its proof.

    Blocks until then; ``is_stopped`` is asked every fifth of a second.

    Args:
        task: what to do and where.
        engine: what computes the labels.
        expected_leaves: about how many there will be; decides how much is kept on disk.
        now_ns: the clock that an end in time refers to.
        is_stopped: whether to write a checkpoint and give up now.
        report: told the number of leaves after every batch.

    Raises:
        WorkStoppedError: ``is_stopped`` said so.
        PreconditionError: another process works in the folder.
        StoreError: the folder is damaged or belongs to another statement.
    """
    make_folder(task.directory)
    try:
        with FileLock(task.directory / LOCK_FILE, timeout=LOCK_WAIT_S):
            proof = find_proof(task.directory)
            if proof is not None:
                return proof
            checkpoint = _find_checkpoint(task)
            if checkpoint is None:
                keep_from = choose_keep_from(expected_leaves, engine)
                frontier = Frontier(task.statement)
            else:
                keep_from = checkpoint.keep_from
                frontier = _frontier_of(checkpoint)
            with LayerFiles(task.directory, keep_from) as files:
                files.cut(frontier.next_leaf)
                work = _Work(task, frontier, files)
                _work_until_end(work, engine, now_ns, is_stopped, report)
                proof = work.open(engine)
            write_atomic(task.directory / PROOF_FILE, scale.encode(proof))
            return proof
    except Timeout as error:
        raise PreconditionError(
            f"{task.directory} is in use by another process",
            hint="is another PoET server running on the same data folder?",
        ) from error


def find_proof(directory: Path) -> PoetProof | None:
    """Return the proof that was made in a folder, if one was.

    Raises:
        StoreError: the file is damaged.
    """
    data = _find_file(directory / PROOF_FILE)
    if data is None:
        return None
    try:
        return scale.decode(PoetProof, data)
    except DecodeError as error:
        raise StoreError(f"{directory / PROOF_FILE}: {error}") from error


def _work_until_end(
    work: _Work,
    engine: Engine,
    now_ns: Callable[[], int],
    is_stopped: Callable[[], bool],
    report: Callable[[int], None],
) -> None:
    pace = _Pace(work.task.end)
    before_ns = checkpoint_ns = now_ns()
    while not work.is_done(before_ns):
        if is_stopped():
            work.write_checkpoint()
            raise WorkStoppedError(f"stopped after {work.frontier.next_leaf} leaves")
        batch = pace.next_batch(work.frontier.next_leaf, before_ns)
        work.files.append(engine.extend(work.frontier, batch, work.files.keep_from))
        after_ns = now_ns()
        pace.on_batch(batch, after_ns - before_ns)
        before_ns = after_ns
        if after_ns - checkpoint_ns >= CHECKPOINT_INTERVAL_NS:
            work.write_checkpoint()
            checkpoint_ns = after_ns
        report(work.frontier.next_leaf)
    work.write_checkpoint()


def _find_checkpoint(task: WorkTask) -> Checkpoint | None:
    path = task.directory / CHECKPOINT_FILE
    data = _find_file(path)
    if data is None:
        return None
    try:
        checkpoint = scale.decode(Checkpoint, data)
    except DecodeError as error:
        raise StoreError(f"{path}: {error}") from error
    parked = checkpoint.leaf_count.bit_count() * NODE_SIZE
    if checkpoint.version != VERSION or len(checkpoint.parked) != parked:
        raise StoreError(f"{path} is damaged, or from another version of this program")
    if checkpoint.statement != task.statement:
        raise StoreError(
            f"{path} belongs to statement {checkpoint.statement.hex()}, not {task.statement.hex()}",
            hint="the folder is another server's; choose another one",
        )
    return checkpoint


def _frontier_of(checkpoint: Checkpoint) -> Frontier:
    frontier = Frontier(checkpoint.statement, checkpoint.leaf_count)
    heights = (k for k in range(MAX_HEIGHT) if checkpoint.leaf_count >> k & 1)
    for position, height in enumerate(heights):
        start = position * NODE_SIZE
        frontier.park(height, checkpoint.parked[start : start + NODE_SIZE])
    return frontier


def _find_file(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
