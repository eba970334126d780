"""Provers: inline work, and the dialogue with a worker process (a shell here)."""

import asyncio
from pathlib import Path

import pytest

from node.base.errors import StoreError, UnavailableError, UsageError
from node.poet import prover
from node.poet.engines import make_engine
from node.poet.prover import InlineProver, ProcessProver
from node.poet.proving import EndAtLeaves, EndAtTime, WorkStoppedError, WorkTask
from node.types.poet import PoetProof

ENGINE = make_engine()


def task_in(folder: Path) -> WorkTask:
    return WorkTask(directory=folder, statement=b"s" * 32, end=EndAtLeaves(150))


async def prove_with(script: str, folder: Path) -> tuple[PoetProof, list[int]]:
    """Run a shell script as the worker; its first argument is the order."""
    counts: list[int] = []
    process = ProcessProver(command=("/bin/sh", "-c", script))
    proof = await process.prove(task_in(folder), counts.append)
    return proof, counts


async def test_inline_work_is_done_at_once(tmp_path: Path) -> None:
    counts: list[int] = []
    proof = await InlineProver(ENGINE).prove(task_in(tmp_path), counts.append)

    assert proof.leaf_count == counts[-1] == 150


async def test_inline_work_cannot_end_at_an_instant(tmp_path: Path) -> None:
    task = WorkTask(directory=tmp_path, statement=b"s" * 32, end=EndAtTime(1))

    with pytest.raises(UsageError):
        await InlineProver(ENGINE).prove(task, print)


async def test_a_worker_tells_its_leaves_and_leaves_its_proof(tmp_path: Path) -> None:
    made = await InlineProver(ENGINE).prove(task_in(tmp_path), lambda _: None)
    proof, counts = await prove_with("echo leaves 64; echo leaves 150", tmp_path)

    assert proof == made
    assert counts == [64, 150]


async def test_a_worker_that_is_done_without_a_proof_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="left no proof"):
        await prove_with("exit 0", tmp_path)


async def test_a_dying_worker_is_unavailable_and_its_last_words_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as error:
        await prove_with("echo Traceback; echo leaves many; kill -9 $$", tmp_path)

    assert str(error.value) == "the PoET worker ended with status -9: Traceback\nleaves many"


async def test_a_damaged_folder_is_an_error_of_the_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as error:
        await prove_with("echo error the checkpoint is damaged; exit 4", tmp_path)

    assert str(error.value) == "the checkpoint is damaged"


async def test_a_stopped_worker_says_so(tmp_path: Path) -> None:
    with pytest.raises(WorkStoppedError):
        await prove_with("exit 3", tmp_path)


async def test_cancelling_closes_the_workers_input(tmp_path: Path) -> None:
    """The worker is told to stop, and waited for."""
    script = f"echo leaves 1; read line; touch {tmp_path}/stopped; exit 3"
    started = asyncio.Event()
    process = ProcessProver(command=("/bin/sh", "-c", script))

    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(
            process.prove(task_in(tmp_path), lambda _: started.set()),
        )
        await started.wait()
        work.cancel()

    assert work.cancelled()
    assert (tmp_path / "stopped").exists()


async def test_a_worker_that_does_not_stop_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prover, "STOP_GRACE_S", 0.01)
    started = asyncio.Event()
    process = ProcessProver(command=("/bin/sh", "-c", "echo leaves 1; exec sleep 1000"))

    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(process.prove(task_in(tmp_path), lambda _: started.set()))
        await started.wait()
        work.cancel()

    assert work.cancelled()
