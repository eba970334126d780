"""The owner of a label worker, with real workers that compute by the specification."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from node.base.errors import DeviceError, UsageError
from node.post import engine_host
from node.post.engine import CPU_PROVIDER_ID, DeviceClass
from node.post.engine_host import EngineWorker, find_providers, providers
from node.post.engine_messages import Labels, Note, Opened, WorkerOptions, frame
from node.post.labels import compute_label

COMMITMENT = b"\x09" * 32
OPTIONS = WorkerOptions(kind="reference", scrypt_n=2)


def label(index: int) -> bytes:
    return compute_label(COMMITMENT, index, scrypt_n=2)


@pytest.fixture
async def worker() -> AsyncIterator[EngineWorker]:
    """A worker that is not started yet."""
    async with EngineWorker(OPTIONS) as worker:
        yield worker


async def test_a_worker_starts_when_it_is_asked_and_answers(worker: EngineWorker) -> None:
    assert not worker.is_running

    assert await worker.labels(COMMITMENT, 3, 2) == label(3) + label(4)
    assert worker.is_running
    assert worker.description == "interpreted Python"
    async with asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(worker.labels_at([COMMITMENT], [index])) for index in (2**40, 1)]
    assert [task.result() for task in both] == [label(2**40), label(1)]

    await worker.close()
    assert not worker.is_running


async def test_a_worker_that_was_idle_is_started_again() -> None:
    async with EngineWorker(WorkerOptions(kind="reference", scrypt_n=2, idle_s=0.01)) as worker:
        await worker.open()
        running = worker._running
        assert running is not None
        await running.process.wait()
        assert not worker.is_running

        assert await worker.labels(COMMITMENT, 8, 1) == label(8)


async def test_a_killed_worker_is_a_message_and_the_next_one_answers(worker: EngineWorker) -> None:
    await worker.open()
    running = worker._running
    assert running is not None
    os.kill(running.process.pid, signal.SIGSTOP)
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(expect_error(worker, "ended with status -9"))
        await asyncio.sleep(0)
        os.kill(running.process.pid, signal.SIGKILL)
    assert asked.result().code == "smesh.device.ended"

    assert await worker.labels(COMMITMENT, 1, 1) == label(1)


async def expect_error(worker: EngineWorker, text: str) -> DeviceError:
    with pytest.raises(DeviceError, match=text) as caught:
        await worker.labels(COMMITMENT, 0, 1)
    return caught.value


async def test_an_engine_that_cannot_be_opened_is_a_message() -> None:
    async with EngineWorker(WorkerOptions(kind="abacus", scrypt_n=2)) as worker:
        with pytest.raises(DeviceError, match="no label engine 'abacus'"):
            await worker.open()
        assert not worker.is_running


async def test_a_cancelled_request_ends_the_worker(worker: EngineWorker) -> None:
    await worker.open()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await worker.labels(COMMITMENT, 0, 100_000)
    assert not worker.is_running

    assert await worker.labels(COMMITMENT, 2, 1) == label(2)


async def test_requests_that_do_not_fit_start_nothing(worker: EngineWorker) -> None:
    with pytest.raises(UsageError):
        await worker.labels(COMMITMENT, 2**64 - 1, 2)
    with pytest.raises(UsageError):
        await worker.labels_at([], [])
    assert not worker.is_running


def script(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Let the worker be another program."""
    spawn = asyncio.create_subprocess_exec

    async def spawn_script(*_: str, **streams: object) -> asyncio.subprocess.Process:
        return await spawn(sys.executable, "-c", text, **streams)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", spawn_script)


def print_frames(*frames: bytes) -> str:
    return f"import sys; sys.stdout.buffer.write({b''.join(frames)!r}); sys.stdout.flush();"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import sys; sys.exit('no driver')", "ended with status 1: no driver"),
        ("import os; os.abort()", "ended with status -6"),
        (print_frames(frame(Labels(b""))), "the label worker answered with Labels"),
        (
            print_frames(frame(Opened("odd", 1)), frame(Opened("odd", 1))) + "input()",
            "the label worker answered with Opened",
        ),
        (
            print_frames(frame(Opened("brief", 1))) + "sys.stdin.buffer.read(1); sys.exit(3)",
            r"\(brief\) ended with status 3",
        ),
    ],
    ids=["exits", "aborts", "labels unasked", "opened twice", "ends while asked"],
)
async def test_a_worker_that_misbehaves_is_a_message(
    monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    script(monkeypatch, text)
    async with EngineWorker(OPTIONS) as worker:
        with pytest.raises(DeviceError, match=message):
            await worker.labels(COMMITMENT, 0, 1)
        assert not worker.is_running


async def test_a_worker_that_keeps_ending_in_peace_is_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script(monkeypatch, print_frames(frame(Opened("brief", 1))) + "sys.stdin.buffer.read(4)")
    async with EngineWorker(OPTIONS) as worker:
        error = await expect_error(worker, r"\(brief\) ended with status 0")
    assert error.code == "smesh.device.ended"


@pytest.mark.parametrize("limit", ["OPEN_LIMIT_S", "ANSWER_LIMIT_S"])
async def test_a_worker_that_hangs_is_a_message(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    opened = frame(Opened("slow", 1)) if limit == "ANSWER_LIMIT_S" else b""
    script(monkeypatch, print_frames(opened) + "import time; time.sleep(60)")
    monkeypatch.setattr(engine_host, limit, 0.3)
    async with EngineWorker(OPTIONS) as worker:
        error = await expect_error(worker, r"did not answer within 0\.3 s")
    assert error.code == "smesh.device.hangs"


async def test_notes_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[str] = []
    frames = (frame(Note("tuning")), frame(Opened("x", 1)), frame(Labels(bytes(32))))
    for listener in (notes.append, None):
        with monkeypatch.context() as patch:
            script(patch, print_frames(*frames) + "sys.stdin.read()")
            async with EngineWorker(OPTIONS, on_note=listener) as worker:
                assert await worker.labels(COMMITMENT, 0, 1) == bytes(32)
    assert notes == ["tuning"]


def test_the_processor_is_always_a_provider() -> None:
    processor = providers()[-1]

    assert (processor.id, processor.name) == (CPU_PROVIDER_ID, "[CPU] scrypt-jane")
    assert processor.device_class is DeviceClass.CPU


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        (b"", r"an OpenCL driver ended the process \(-11\): Segmentation"),
        (b"{}", "ended the process"),
        (None, "did not answer within 30 s"),
    ],
    ids=["crash", "nonsense", "hang"],
)
def test_a_driver_that_crashes_leaves_the_processor(
    monkeypatch: pytest.MonkeyPatch, output: bytes | None, problem: str
) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        if output is None:
            raise subprocess.TimeoutExpired(command, 30)
        return subprocess.CompletedProcess(command, -11, output, b"x\nSegmentation fault\n")

    monkeypatch.setattr(subprocess, "run", run)
    found, told = find_providers()

    assert [provider.id for provider in found] == [CPU_PROVIDER_ID]
    assert re.search(problem, told)
