"""The label worker's inside: what it answers, and when it ends."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

import msgspec
import pytest

from node.base.errors import DeviceError
from node.post import engine_cpu, engine_worker
from node.post.engine import DeviceClass, Provider
from node.post.engine_messages import (
    LENGTH,
    Failed,
    Labels,
    ListRequest,
    Note,
    Opened,
    RangeRequest,
    Reply,
    Request,
    WorkerOptions,
    decode_reply,
    frame,
)
from node.post.engine_worker import decode_providers, list_providers, open_engine, serve
from node.post.labels import compute_label
from tests.support.post_labels import label_code, real_engine

COMMITMENT = b"\x07" * 32
REFERENCE = WorkerOptions(kind="reference", scrypt_n=2, idle_s=0.05)


@dataclass
class Pipes:
    """A request pipe with both ends, and what was replied."""

    requests: BinaryIO
    to_worker: BinaryIO
    replies: BytesIO

    def answers(self) -> list[Reply]:
        self.replies.seek(0)
        answers = []
        while head := self.replies.read(LENGTH.size):
            answers.append(decode_reply(self.replies.read(LENGTH.unpack(head)[0])))
        return answers


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    """Unbuffered pipes."""
    reading, writing = os.pipe()
    with (
        os.fdopen(reading, "rb", buffering=0) as requests,
        os.fdopen(writing, "wb", buffering=0) as to_worker,
    ):
        yield Pipes(requests, to_worker, BytesIO())


def run_serve(pipes: Pipes, options: WorkerOptions, *requests: Request) -> list[Reply]:
    for request in requests:
        pipes.to_worker.write(frame(request))
    pipes.to_worker.close()
    serve(options, pipes.requests, pipes.replies)
    return pipes.answers()


def test_requests_are_answered_in_turn(pipes: Pipes) -> None:
    labels = [compute_label(COMMITMENT, index, scrypt_n=2) for index in (5, 6)]

    answers = run_serve(
        pipes,
        REFERENCE,
        RangeRequest(COMMITMENT, 5, 2),
        ListRequest((COMMITMENT,), (6,)),
        RangeRequest(COMMITMENT, 2**64 - 1, 2),
    )

    opened, first, second, third = answers
    assert opened == Opened("interpreted Python", 1)
    assert first == Labels(labels[0] + labels[1])
    assert second == Labels(labels[1])
    assert isinstance(third, Failed)
    assert third.code == "smesh.usage"


def test_silence_ends_the_worker(pipes: Pipes) -> None:
    serve(REFERENCE, pipes.requests, pipes.replies)

    assert [type(answer) for answer in pipes.answers()] == [Opened]


@pytest.mark.parametrize("torn", [b"\x01", LENGTH.pack(50) + b"half"])
def test_a_torn_request_ends_the_worker(pipes: Pipes, torn: bytes) -> None:
    pipes.to_worker.write(torn)

    assert len(run_serve(pipes, REFERENCE)) == 1


def test_an_owner_that_has_gone_ends_the_worker(pipes: Pipes) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as nobody:
        serve(REFERENCE, pipes.requests, nobody)


def test_an_engine_that_cannot_be_opened_is_told(pipes: Pipes) -> None:
    (failed,) = run_serve(pipes, WorkerOptions(kind="abacus", scrypt_n=2))

    assert failed == Failed("there is no label engine 'abacus'", "smesh.device", "")


def test_the_processor_engine_is_tested_when_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_cpu, "LabelCode", label_code)
    notes: list[str] = []

    with ExitStack() as held:
        engine = open_engine(WorkerOptions(kind="cpu", scrypt_n=2, threads=2), notes.append, held)

    assert engine.labels(COMMITMENT, 1, 3) == real_engine().labels(COMMITMENT, 1, 3)
    assert notes == []


def test_without_compiler_labels_are_interpreted_and_the_user_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> None:
        raise DeviceError("LLVM cannot compile")

    monkeypatch.setattr(engine_cpu, "LabelCode", refuse)
    notes: list[str] = []

    with ExitStack() as held:
        engine = open_engine(WorkerOptions(kind="cpu", scrypt_n=2), notes.append, held)

    assert engine.description == "interpreted Python"
    assert notes == ["LLVM cannot compile; labels are computed by interpreted Python, very slowly"]


class FakeOpencl:
    """Stands for ``engine_opencl`` and ``opencl_tuning``: a card that computes right labels."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, identity: str) -> None:
        from node.post import engine_opencl, opencl_tuning

        self.identity = lambda: identity
        self.caches: list[object] = []

        def choose(_device: object, _n: int, cache: object, note: Callable[[str], None]) -> None:
            self.caches.append(cache)
            note("tuning")

        monkeypatch.setattr(engine_opencl, "find_devices", lambda _env, *, processors: (self,))
        monkeypatch.setattr(engine_opencl, "pick_device", lambda devices, _id: devices[0])
        monkeypatch.setattr(engine_opencl, "OpenclLabelEngine", lambda *_: real_engine())
        monkeypatch.setattr(opencl_tuning, "choose_shape", choose)


def test_a_card_belongs_to_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeOpencl(monkeypatch, "test card|1")
    options = WorkerOptions(kind="opencl", scrypt_n=2, cache_directory="/somewhere")
    notes: list[str] = []

    with ExitStack() as held, ExitStack() as other:
        open_engine(options, notes.append, held)
        with pytest.raises(DeviceError, match="test card 1 is in use") as caught:
            open_engine(options, notes.append, other)
        assert caught.value.code == "smesh.device.busy"
    with ExitStack() as held:
        open_engine(WorkerOptions(kind="opencl", scrypt_n=2), notes.append, held)

    assert notes == ["tuning"] * 2
    assert [str(cache) for cache in fake.caches] == ["/somewhere", "None"]


def test_a_machine_without_opencl_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "node.post.engine_opencl", None)

    with ExitStack() as held, pytest.raises(DeviceError, match="OpenCL cannot be loaded"):
        open_engine(WorkerOptions(kind="opencl", scrypt_n=2), lambda _: None, held)
    providers, problem = decode_providers(list_providers())
    assert providers == ()
    assert "engine_opencl" in problem


def test_providers_come_through(monkeypatch: pytest.MonkeyPatch) -> None:
    from node.post import engine_opencl

    card = Provider(id=0, name="[GPU] a/b", device_class=DeviceClass.GPU, memory_bytes=1 << 34)
    device = engine_opencl.OpenclDevice(card, None)  # type: ignore[arg-type]
    monkeypatch.setattr(engine_opencl, "find_devices", lambda _environment: (device,))

    assert decode_providers(list_providers()) == ((card,), "")


@pytest.fixture
def own_output(monkeypatch: pytest.MonkeyPatch) -> BytesIO:
    """What a worker writes to its own stdout."""
    output = BytesIO()
    monkeypatch.setattr(engine_worker, "_own_output", lambda: _Kept(output))
    monkeypatch.setattr(os, "nice", lambda _: 0)
    return output


class _Kept:
    def __init__(self, output: BytesIO) -> None:
        self.output = output

    def __enter__(self) -> BytesIO:
        return self.output

    def __exit__(self, *_: object) -> None:
        return


def test_the_command_line_lists_providers(own_output: BytesIO) -> None:
    assert engine_worker.run(["providers"]) == 0
    assert decode_providers(own_output.getvalue())[0] is not None


def test_the_command_line_runs_a_trial(
    own_output: BytesIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    from node.post import opencl_tuning

    monkeypatch.setattr(opencl_tuning, "run_trial", lambda request: f"tried {request}")

    assert engine_worker.run(["trial", "x"]) == 0
    assert own_output.getvalue() == b"tried x"


def test_the_command_line_serves(own_output: BytesIO, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[WorkerOptions] = []
    monkeypatch.setattr(engine_worker, "serve", lambda options, *_: served.append(options))

    assert engine_worker.run(["serve", msgspec.json.encode(REFERENCE).decode()]) == 0
    assert served == [REFERENCE]


@pytest.mark.parametrize("arguments", [[], ["serve"], ["dance"], ["providers", "x"]])
def test_other_command_lines_are_explained(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert engine_worker.run(arguments) == 2
    assert "usage: serve OPTIONS" in capsys.readouterr().err


def test_what_drivers_print_does_not_reach_the_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    kept = os.dup(1)
    try:
        with engine_worker._own_output() as output:
            os.write(1, b"a driver says hello\n")
            output.write(b"labels")
    finally:
        os.dup2(kept, 1)
        os.close(kept)
    told = capfd.readouterr()

    assert told.out == "labels"
    assert told.err == "a driver says hello\n"


def test_notes_are_replies_too() -> None:
    assert decode_reply(frame(Note("tuning"))[LENGTH.size :]) == Note("tuning")
