"""The work of a round in its folder: end, checkpoint, stop, resume, damage."""

from pathlib import Path

import pytest
from filelock import FileLock

from node.base import scale
from node.base.errors import PreconditionError, StoreError
from node.poet import proving
from node.poet.engines import make_engine
from node.poet.proving import (
    Checkpoint,
    EndAtLeaves,
    EndAtTime,
    WorkEnd,
    WorkStoppedError,
    WorkTask,
    find_proof,
    run_work,
)
from node.poet.work import ClearEngine, Frontier
from node.runtime.files import write_atomic
from node.types.poet import PoetProof
from scripts.vectors.poet import prove

STATEMENT = b"hello world, this is a challenge"
ENGINE = make_engine()
NS_PER_S = 1_000_000_000


class TimedEngine(ClearEngine):
    """Takes its time by its own clock, which stands still otherwise."""

    def __init__(self, leaves_per_second: int) -> None:
        self.now_ns = 0
        self._ns_per_leaf = NS_PER_S // leaves_per_second

    def extend(self, frontier: Frontier, count: int, keep_from: int) -> dict[int, bytes]:
        self.now_ns += count * self._ns_per_leaf
        return ENGINE.extend(frontier, count, keep_from)


def work(
    folder: Path,
    end: WorkEnd,
    *,
    stop_after: int = 1 << 62,
    leaves_per_second: int = 2000,
    counts: list[int] | None = None,
) -> PoetProof:
    told = [] if counts is None else counts
    engine = TimedEngine(leaves_per_second)
    return run_work(
        WorkTask(directory=folder, statement=STATEMENT, end=end),
        engine,
        expected_leaves=1000,
        now_ns=lambda: engine.now_ns,
        is_stopped=lambda: bool(told) and told[-1] >= stop_after,
        report=told.append,
    )


def checkpoint_of(folder: Path) -> Checkpoint:
    return scale.decode(Checkpoint, (folder / "checkpoint").read_bytes())


@pytest.mark.parametrize("leaf_count", [150, 151, 1000, 4096])
def test_work_in_a_folder_makes_the_proof_of_work_in_memory(
    tmp_path: Path, leaf_count: int
) -> None:
    proof = work(tmp_path / "7", EndAtLeaves(leaf_count))

    assert proof == prove(ENGINE, STATEMENT, leaf_count, 150)


def test_there_are_never_fewer_leaves_than_a_proof_opens(tmp_path: Path) -> None:
    assert work(tmp_path / "a", EndAtLeaves(1)).leaf_count == 150
    assert work(tmp_path / "b", EndAtTime(0)).leaf_count == 160


def test_work_ends_within_a_few_leaves_of_its_time(tmp_path: Path) -> None:
    counts: list[int] = []
    proof = work(tmp_path, EndAtTime(NS_PER_S), counts=counts)

    assert 2000 <= proof.leaf_count < 2016
    assert counts[:3] == [64, 320, 720]


def test_stopped_work_goes_on_from_where_it_was(tmp_path: Path) -> None:
    with pytest.raises(WorkStoppedError, match="stopped after 720 leaves"):
        work(tmp_path, EndAtLeaves(3000), stop_after=700)
    assert checkpoint_of(tmp_path).leaf_count == 720

    counts: list[int] = []
    proof = work(tmp_path, EndAtLeaves(3000), counts=counts)

    assert counts[0] == 720 + 64
    assert proof == prove(ENGINE, STATEMENT, 3000, 150)


def test_killed_work_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    """Layers that were written after the checkpoint do not count."""
    with pytest.raises(WorkStoppedError):
        work(tmp_path, EndAtLeaves(3000), stop_after=500)
    survived = (tmp_path / "checkpoint").read_bytes()
    with pytest.raises(WorkStoppedError):
        work(tmp_path, EndAtLeaves(3000), stop_after=2000)
    (tmp_path / "checkpoint").write_bytes(survived)

    assert work(tmp_path, EndAtLeaves(3000)) == prove(ENGINE, STATEMENT, 3000, 150)


def test_layers_without_any_checkpoint_are_begun_anew(tmp_path: Path) -> None:
    with pytest.raises(WorkStoppedError):
        work(tmp_path, EndAtLeaves(3000), stop_after=500)
    (tmp_path / "checkpoint").unlink()

    assert work(tmp_path, EndAtLeaves(3000)) == prove(ENGINE, STATEMENT, 3000, 150)


def test_checkpoints_are_written_every_five_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def spy(path: Path, data: bytes) -> None:
        if path.name == "checkpoint":
            written.append(scale.decode(Checkpoint, data).leaf_count)
        write_atomic(path, data)

    monkeypatch.setattr("node.poet.proving.write_atomic", spy)
    work(tmp_path, EndAtLeaves(400), leaves_per_second=10)

    assert written == [64, 128, 192, 256, 320, 384, 400]


def test_a_proof_is_made_once(tmp_path: Path) -> None:
    proof = work(tmp_path, EndAtLeaves(200))

    assert work(tmp_path, EndAtLeaves(5000)) == proof
    assert find_proof(tmp_path) == proof


def test_two_processes_do_not_work_in_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "LOCK_WAIT_S", 0)

    with (
        FileLock(tmp_path / "lock"),
        pytest.raises(PreconditionError, match="in use by another process"),
    ):
        work(tmp_path, EndAtLeaves(200))


def test_another_statements_folder_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(WorkStoppedError):
        work(tmp_path, EndAtLeaves(3000), stop_after=100)
    checkpoint = scale.encode(
        Checkpoint(version=1, statement=b"other", keep_from=5, leaf_count=0, parked=b"")
    )
    (tmp_path / "checkpoint").write_bytes(checkpoint)

    with pytest.raises(StoreError, match="belongs to statement 6f74686572"):
        work(tmp_path, EndAtLeaves(3000))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff", id="not a checkpoint"),
        pytest.param(
            scale.encode(
                Checkpoint(version=2, statement=STATEMENT, keep_from=5, leaf_count=0, parked=b"")
            ),
            id="another version",
        ),
        pytest.param(
            scale.encode(
                Checkpoint(version=1, statement=STATEMENT, keep_from=5, leaf_count=1, parked=b"")
            ),
            id="a parked node is missing",
        ),
    ],
)
def test_a_damaged_checkpoint_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "checkpoint").write_bytes(data)

    with pytest.raises(StoreError, match="checkpoint"):
        work(tmp_path, EndAtLeaves(3000))


def test_a_damaged_proof_is_told(tmp_path: Path) -> None:
    (tmp_path / "proof").write_bytes(b"\xff")

    with pytest.raises(StoreError, match="proof"):
        find_proof(tmp_path)
