"""What the worker process does with its order, its input and its output."""

import os
import sys
from pathlib import Path

import pytest

from node.base import scale
from node.base.errors import PreconditionError
from node.poet import prover_process
from node.poet.prover_process import WorkOrder, make_order, run_order
from node.poet.proving import EndAtLeaves, EndAtTime, WorkTask, find_proof

STATEMENT = b"s" * 32


def do(order: WorkOrder, *, stopped: bool = False) -> tuple[int, list[str]]:
    lines: list[str] = []
    clock = iter(range(0, 10**15, 100_000_000)).__next__
    status = run_order(
        order,
        now_ns=clock,
        monotonic_ns=clock,
        is_stopped=lambda: stopped,
        write=lines.append,
    )
    return status, lines


def test_an_order_carries_the_task(tmp_path: Path) -> None:
    by_time = make_order(
        WorkTask(directory=tmp_path, statement=STATEMENT, end=EndAtTime(17)), niceness=5
    )
    by_leaves = make_order(
        WorkTask(directory=tmp_path, statement=STATEMENT, end=EndAtLeaves(18)), niceness=5
    )

    assert (by_time.end_ns, by_time.leaf_count, by_time.niceness) == (17, None, 5)
    assert (by_leaves.end_ns, by_leaves.leaf_count) == (None, 18)
    assert scale.decode(WorkOrder, scale.encode(by_time)) == by_time
    assert by_time.directory == str(tmp_path)


@pytest.mark.parametrize("end", [EndAtTime(1), EndAtLeaves(700)], ids=["time", "leaves"])
def test_the_proof_is_left_in_the_folder_and_the_leaves_are_told(
    tmp_path: Path, end: EndAtTime | EndAtLeaves
) -> None:
    task = WorkTask(directory=tmp_path, statement=STATEMENT, end=end)
    status, lines = do(make_order(task, niceness=0))

    proof = find_proof(tmp_path)
    assert status == 0
    assert proof is not None
    assert lines[-1] == f"leaves {proof.leaf_count}"
    assert all(line.startswith("leaves ") for line in lines)


def test_stopped_work_is_a_status_of_its_own(tmp_path: Path) -> None:
    task = WorkTask(directory=tmp_path, statement=STATEMENT, end=EndAtLeaves(700))

    assert do(make_order(task, niceness=0), stopped=True) == (3, [])


def test_a_damaged_folder_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").write_bytes(b"\xff")
    task = WorkTask(directory=tmp_path, statement=STATEMENT, end=EndAtLeaves(700))
    status, lines = do(make_order(task, niceness=0))

    assert status == 4
    assert lines[0].startswith("error ")


def test_other_trouble_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PreconditionError("in use")

    monkeypatch.setattr(prover_process, "run_work", refuse)
    task = WorkTask(directory=tmp_path, statement=STATEMENT, end=EndAtLeaves(700))

    assert do(make_order(task, niceness=0)) == (1, ["error in use"])


def test_closed_input_means_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr(prover_process, "STDIN", reading)

    assert not prover_process.is_input_closed()
    os.write(writing, b"x")
    assert not prover_process.is_input_closed()
    os.close(writing)
    assert prover_process.is_input_closed()
    os.close(reading)


def test_lines_to_a_server_that_is_gone_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr(prover_process, "STDOUT", writing)

    prover_process.write_line("leaves 5")
    assert os.read(reading, 100) == b"leaves 5\n"
    os.close(reading)
    prover_process.write_line("leaves 6")
    os.close(writing)


def test_the_command_line_holds_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = WorkTask(directory=tmp_path, statement=STATEMENT, end=EndAtLeaves(150))
    order = scale.encode(make_order(task, niceness=7)).hex()
    lines: list[str] = []
    priorities: list[int] = []
    monkeypatch.setattr(sys, "argv", ["worker", order])
    monkeypatch.setattr(os, "nice", priorities.append)
    monkeypatch.setattr(prover_process, "is_input_closed", lambda: False)
    monkeypatch.setattr(prover_process, "write_line", lines.append)

    assert prover_process.main() == 0
    assert lines[-1] == "leaves 150"
    assert priorities == [7]
