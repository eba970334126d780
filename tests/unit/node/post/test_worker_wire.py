"""What the worker and its owner say comes out as it went in."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from node.base.errors import (
    ConfigError,
    PreconditionError,
    RejectError,
    SpacemeshError,
    StoreError,
)
from node.post.k2pow import ProvingStoppedError
from node.post.proving import NoProofError, ProofProgress
from node.post.verifying import (
    All,
    Fault,
    InvalidMsb,
    InvalidPow,
    Mode,
    One,
    Subset,
    UnitsTooLarge,
)
from node.post.worker_wire import (
    LENGTH_SIZE,
    Advanced,
    Answer,
    CancelTask,
    Proved,
    ProveTask,
    Task,
    decode_answer,
    decode_task,
    encode_frame,
    make_failure,
    make_verdict,
    make_verify_task,
    read_length,
    read_mode,
    read_verdict,
    restore_error,
)
from node.types.ids import Hash32
from node.types.post import Post
from tests.support.post_proofs import OPTIONS, PARAMETERS, claim

POST = Post(nonce=4095, indices=b"\x01\x02", pow=2**64 - 1)
PROGRESS = ProofProgress(first_nonce=0, end_nonce=16, pows=1, position_bytes=3, total_bytes=9)


@pytest.mark.parametrize(
    "task",
    [
        make_verify_task(1, POST, claim(), PARAMETERS, Subset(3, b"seed")),
        ProveTask(id=2, directory=str(Path("data")), options=OPTIONS, fast=True, remote_pow="u"),
        CancelTask(id=3),
    ],
)
def test_tasks_travel(task: Task) -> None:
    frame = encode_frame(task)
    assert read_length(frame[:LENGTH_SIZE]) == len(frame) - LENGTH_SIZE
    assert decode_task(frame[LENGTH_SIZE:]) == task


def test_identifiers_travel_as_bytes() -> None:
    options = replace(OPTIONS, challenge=Hash32(bytes(range(32))))
    task = decode_task(
        encode_frame(ProveTask(id=7, directory="data", options=options))[LENGTH_SIZE:]
    )
    assert isinstance(task, ProveTask)
    assert task.options == options


def test_what_is_no_bytes_does_not_travel() -> None:
    options = replace(OPTIONS, challenge=cast(bytes, object()))
    with pytest.raises(TypeError, match="a object cannot be sent to a worker"):
        encode_frame(ProveTask(id=7, directory="data", options=options))


@pytest.mark.parametrize(
    "answer", [Advanced(id=4, progress=PROGRESS), Proved(id=5, post=POST), make_verdict(6, None)]
)
def test_answers_travel(answer: Answer) -> None:
    assert decode_answer(encode_frame(answer)[LENGTH_SIZE:]) == answer


@pytest.mark.parametrize("mode", [All(), One(7), Subset(1, b"peer")])
def test_modes_travel(mode: Mode) -> None:
    assert read_mode(make_verify_task(1, POST, claim(), PARAMETERS, mode)) == mode


@pytest.mark.parametrize(
    "fault",
    [
        None,
        InvalidPow(),
        UnitsTooLarge(3, 4),
        InvalidMsb(index=2**40, ordinal=3, msb=255, difficulty_msb=0, label=bytes(16)),
    ],
)
def test_faults_travel(fault: Fault | None) -> None:
    answer = decode_answer(encode_frame(make_verdict(1, fault))[LENGTH_SIZE:])
    assert answer == make_verdict(1, fault)
    assert read_verdict(make_verdict(1, fault)) == fault


@pytest.mark.parametrize(
    "error",
    [
        RejectError("too few labels"),
        NoProofError("none", hint="look"),
        ProvingStoppedError("stopped"),
        PreconditionError("not completed", code="smesh.post.not_completed"),
        StoreError("damaged"),
    ],
)
def test_errors_travel_with_class_code_and_hint(error: SpacemeshError) -> None:
    restored = restore_error(make_failure(1, error))
    assert type(restored) is type(error)
    assert (str(restored), restored.code, restored.hint) == (str(error), error.code, error.hint)


def test_an_error_of_another_class_keeps_its_code() -> None:
    restored = restore_error(make_failure(1, ConfigError("wrong", path="a.b")))
    assert type(restored) is SpacemeshError
    assert (str(restored), restored.code) == ("wrong", "smesh.config")


def test_a_frame_that_is_too_long_means_the_streams_are_out_of_step() -> None:
    with pytest.raises(ValueError, match="a frame of"):
        read_length(b"\xff\xff\xff\xff")
