"""The worker: tasks in, answers out, in threads of one process."""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from node.post import k2pow, worker
from node.post.k2pow_worker import RemotePow
from node.post.proving import ProofProgress
from node.post.scan import PlainScan
from node.post.verifying import All
from node.post.worker import Worker, _Reporter
from node.post.worker_wire import (
    Advanced,
    Answer,
    CancelTask,
    Failed,
    Proved,
    ProveTask,
    Verified,
    encode_frame,
    make_verdict,
    make_verify_task,
)
from node.types.post import Post
from tests.support.fake_randomx import FakeLibrary
from tests.support.post_proofs import OPTIONS, PARAMETERS, claim, look_up, write_space
from tests.support.post_worker import running_worker

IMPOSSIBLE = replace(OPTIONS, pow_difficulty=bytes(32))
"""Options of a proof that is being made for ever."""


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> FakeLibrary:
    fake = FakeLibrary()
    monkeypatch.setattr(k2pow, "cyrx", fake)
    monkeypatch.setattr(worker, "choose_scan", lambda: PlainScan)
    return fake


def prove_task(directory: Path, number: int = 1, **changes: object) -> ProveTask:
    values: dict[str, object] = {"options": OPTIONS} | changes
    return ProveTask(id=number, directory=str(directory), **values)  # type: ignore[arg-type]


@pytest.fixture
def post(tmp_path: Path) -> Post:
    write_space(tmp_path)
    with running_worker() as running:
        running.send(prove_task(tmp_path))
        answer = running.receive()
    assert isinstance(answer, Proved)
    return answer.post


def test_a_proof_is_made_with_progress_and_verified(tmp_path: Path) -> None:
    write_space(tmp_path)
    with running_worker() as running:
        running.send(prove_task(tmp_path))
        proved = running.receive()
        assert isinstance(proved, Proved)
        assert [one.progress.pows for one in running.advances][:2] == [0, 1]
        running.send(make_verify_task(2, proved.post, claim(), PARAMETERS, All()))
        assert running.receive() == Verified(id=2)


def test_a_fault_is_an_answer(post: Post) -> None:
    with running_worker() as running:
        running.send(make_verify_task(3, replace(post, nonce=4096), claim(), PARAMETERS, All()))
        answer = running.receive()
    assert isinstance(answer, Verified)
    assert answer.fault == "NonceGroupOutOfBounds"


def test_an_error_of_ours_is_an_answer(tmp_path: Path) -> None:
    with running_worker() as running:
        running.send(prove_task(tmp_path / "nothing", number=4))
        answer = running.receive()
    assert isinstance(answer, Failed)
    assert (answer.id, answer.code) == (4, "smesh.post.no_metadata")


def test_verifications_run_beside_each_other_and_beside_a_proof(tmp_path: Path, post: Post) -> None:
    together = threading.Barrier(2, timeout=10)

    def meet(commitment: bytes, indices: Sequence[int], scrypt_n: int) -> Sequence[bytes]:
        together.wait()
        return look_up(commitment, indices, scrypt_n)

    with running_worker(verifiers=2, labels=meet) as running:
        running.send(prove_task(tmp_path, number=9, options=IMPOSSIBLE))
        for number in (1, 2):
            running.send(make_verify_task(number, post, claim(), PARAMETERS, All()))
        assert {running.receive().id, running.receive().id} == {1, 2}


def test_a_cancelled_proof_stops(tmp_path: Path, post: Post) -> None:
    with running_worker() as running:
        running.send(prove_task(tmp_path, number=1, options=IMPOSSIBLE))
        running.send(prove_task(tmp_path, number=2, options=IMPOSSIBLE))
        running.send(CancelTask(id=2))
        running.send(make_verify_task(3, post, claim(), PARAMETERS, All()))
        assert running.receive() == make_verdict(3, None)
        running.send(CancelTask(id=1))
        answer = running.receive()
        assert isinstance(answer, Failed)
        assert (answer.id, answer.code) == (1, "smesh.post.stopped")
        running.send(CancelTask(id=77))
        running.send(make_verify_task(4, post, claim(), PARAMETERS, All()))
        assert running.receive() == make_verdict(4, None)


def test_the_end_of_the_input_stops_everything(tmp_path: Path, post: Post) -> None:
    with running_worker() as running:
        running.send(prove_task(tmp_path, number=1, options=IMPOSSIBLE))
        running.send(prove_task(tmp_path, number=2, options=IMPOSSIBLE))
        running.send(make_verify_task(3, post, claim(), PARAMETERS, All()))
        assert running.receive().id == 3


def test_a_torn_task_is_the_end_of_the_input() -> None:
    with running_worker() as running:
        running.write(encode_frame(CancelTask(id=1))[:-1])


def test_an_error_that_is_not_ours_ends_the_process_loudly(
    tmp_path: Path, post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(commitment: bytes, indices: Sequence[int], scrypt_n: int) -> Sequence[bytes]:
        raise ZeroDivisionError("a bug")

    with running_worker(labels=fail) as running:
        running.send(make_verify_task(1, post, claim(), PARAMETERS, All()))
    assert running.crashes == [None]
    assert "ZeroDivisionError: a bug" in capsys.readouterr().err


def test_an_owner_that_is_gone_is_no_error(tmp_path: Path, post: Post) -> None:
    tasks_read, tasks_write = os.pipe()
    answers_read, answers_write = os.pipe()
    os.close(answers_read)
    with os.fdopen(tasks_write, "wb") as tasks:
        tasks.write(encode_frame(make_verify_task(1, post, claim(), PARAMETERS, All())))
    with os.fdopen(tasks_read, "rb") as reading:
        writing = os.fdopen(answers_write, "wb", buffering=0)
        Worker(reading, writing, randomx=k2pow.RandomX(flags=8), labels=look_up).run()
        writing.close()


def test_the_fast_mode_has_a_data_set_for_one_proof(tmp_path: Path, library: FakeLibrary) -> None:
    write_space(tmp_path)
    with running_worker() as running:
        running.send(prove_task(tmp_path, options=replace(OPTIONS, threads=2), fast=True))
        assert isinstance(running.receive(), Proved)
    assert len(library.dataset_parts) == 2


def test_pows_can_come_from_another_machine(
    tmp_path: Path, library: FakeLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_space(tmp_path)
    asked: list[str] = []

    def answer(remote: RemotePow, *_: object, stopped: Callable[[], bool]) -> int:
        asked.append(remote._prefix)
        return 5

    monkeypatch.setattr(RemotePow, "__call__", answer)
    with running_worker() as running:
        running.send(prove_task(tmp_path, remote_pow="http://127.0.0.1:1/k2"))
        proved = running.receive()
    assert isinstance(proved, Proved)
    assert proved.post.pow == 5
    assert set(asked) == {"/k2"}
    assert library.caches == 0


def test_progress_is_sent_in_visible_steps() -> None:
    sent: list[Answer] = []
    reporter = _Reporter(7, sent.append)
    total = 1_000_000
    for position in (0, 400, 900, 1000, 1900, 2500, 999_999, total):
        reporter.report(
            ProofProgress(
                first_nonce=0, end_nonce=16, pows=1, position_bytes=position, total_bytes=total
            )
        )
    positions = [one.progress.position_bytes for one in sent if isinstance(one, Advanced)]
    assert positions == [0, 1000, 2500, 999_999, total]


def test_main_serves_standard_streams(
    tmp_path: Path, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    added: list[int] = []
    codes: list[int] = []
    stdin, stdout = tmp_path / "in", tmp_path / "out"
    stdin.write_bytes(
        encode_frame(make_verify_task(1, replace(post, nonce=4096), claim(), PARAMETERS, All()))
    )
    monkeypatch.setattr("sys.argv", ["worker", "--niceness", "3", "--verifiers", "2"])
    monkeypatch.setattr("os.nice", added.append)
    monkeypatch.setattr("os._exit", codes.append)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with stdin.open() as reading, stdout.open("w") as writing, (tmp_path / "err").open("w") as err:
        monkeypatch.setattr("sys.stdin", reading)
        monkeypatch.setattr("sys.stdout", writing)
        monkeypatch.setattr("sys.stderr", err)
        worker.main()
    assert (added, codes) == ([3], [0])


def test_main_ends_quietly_when_its_owner_was_killed(
    tmp_path: Path, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = tmp_path / "in"
    stdin.write_bytes(encode_frame(make_verify_task(1, post, claim(), PARAMETERS, All())))
    answers_read, answers_write = os.pipe()
    os.close(answers_read)
    monkeypatch.setattr("sys.argv", ["worker"])
    monkeypatch.setattr("os.nice", lambda _: None)
    monkeypatch.setattr("os._exit", lambda _: None)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with (
        stdin.open() as reading,
        os.fdopen(answers_write, "w") as writing,
        (tmp_path / "err").open("w") as err,
    ):
        monkeypatch.setattr("sys.stdin", reading)
        monkeypatch.setattr("sys.stdout", writing)
        monkeypatch.setattr("sys.stderr", err)
        worker.main()
    assert (tmp_path / "err").read_bytes() == b""
