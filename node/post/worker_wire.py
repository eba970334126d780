"""What a PoST worker process and its owner say to each other.

Frames over the worker's standard input and output: a 4-byte big-endian length, then one
MessagePack value.  Both ends are always the same build, so there are no versions.
"""

import struct
from dataclasses import asdict
from typing import Final, TypeAlias, assert_never, get_args

import msgspec

from node.base.errors import (
    DeviceError,
    PreconditionError,
    RejectError,
    SpacemeshError,
    StoreError,
    UnavailableError,
    UsageError,
)
from node.post.engine_messages import plain_bytes
from node.post.k2pow import ProvingStoppedError
from node.post.proving import DataError, NoProofError, ProofOptions, ProofProgress
from node.post.verifying import All, Fault, Mode, One, PostClaim, ProofParameters, Subset
from node.types.post import Post

LENGTH_SIZE: Final = 4
"""Bytes before every frame."""

MAX_FRAME_SIZE: Final = 1 << 20
"""No message is nearly as long; a longer one means that the streams are out of step."""

_LENGTH: Final = struct.Struct(">I")


class VerifyTask(msgspec.Struct, frozen=True, tag="verify", kw_only=True):
    """Look for a fault in a proof; answered by ``Verified`` or ``Failed``."""

    id: int
    post: Post
    claim: PostClaim
    parameters: ProofParameters

    mode: str
    """``all``, ``one`` or ``subset``."""

    count: int = 0
    """The ordinal of ``one``, the K3 of ``subset``."""

    seed: bytes = b""


class ProveTask(msgspec.Struct, frozen=True, tag="prove", kw_only=True):
    """Make a proof; answered by any number of ``Advanced``, then ``Proved`` or ``Failed``."""

    id: int
    directory: str
    options: ProofOptions

    fast: bool = False
    """Whether RandomX may take 2080 MiB."""

    remote_pow: str = ""
    """URL of a k2pow worker; empty to search here."""


class CancelTask(msgspec.Struct, frozen=True, tag="cancel", kw_only=True):
    """Nobody waits for a task any more; it is answered all the same, or not at all."""

    id: int


class Verified(msgspec.Struct, frozen=True, tag="verified", kw_only=True):
    """A proof was looked at."""

    id: int

    fault: str = ""
    """Name of the fault's class; empty if the proof holds."""

    values: dict[str, int | bytes] = {}
    """Its fields."""


class Advanced(msgspec.Struct, frozen=True, tag="advanced", kw_only=True):
    """How far a proof is."""

    id: int
    progress: ProofProgress


class Proved(msgspec.Struct, frozen=True, tag="proved", kw_only=True):
    """A proof."""

    id: int
    post: Post


class Failed(msgspec.Struct, frozen=True, tag="failed", kw_only=True):
    """An error of ours, to be raised again at the other end."""

    id: int
    kind: str
    code: str
    message: str
    hint: str = ""


Task: TypeAlias = VerifyTask | ProveTask | CancelTask
Answer: TypeAlias = Verified | Advanced | Proved | Failed

_KINDS: Final = {
    kind.__name__: kind
    for kind in (
        DataError,
        DeviceError,
        NoProofError,
        PreconditionError,
        ProvingStoppedError,
        RejectError,
        StoreError,
        UnavailableError,
        UsageError,
    )
}

_FAULTS: Final = {kind.__name__: kind for kind in get_args(Fault)}

_encoder: Final = msgspec.msgpack.Encoder(enc_hook=plain_bytes)
_task_decoder: Final[msgspec.msgpack.Decoder[Task]] = msgspec.msgpack.Decoder(Task)
_answer_decoder: Final[msgspec.msgpack.Decoder[Answer]] = msgspec.msgpack.Decoder(Answer)


def encode_frame(message: Task | Answer) -> bytes:
    """Return a message with its length before it."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def read_length(header: bytes) -> int:
    """Return the length of the body that follows.

    Raises:
        ValueError: it cannot be one.
    """
    (length,) = _LENGTH.unpack(header)
    if length > MAX_FRAME_SIZE:
        raise ValueError(f"a frame of {length} bytes")
    return int(length)


def decode_task(body: bytes) -> Task:
    """Return what the owner sent."""
    return _task_decoder.decode(body)


def decode_answer(body: bytes) -> Answer:
    """Return what the worker sent."""
    return _answer_decoder.decode(body)


def make_verify_task(
    number: int, post: Post, claim: PostClaim, parameters: ProofParameters, mode: Mode
) -> VerifyTask:
    """Return the task of verifying a proof."""
    match mode:
        case All():
            name, count, seed = "all", 0, b""
        case One(ordinal):
            name, count, seed = "one", ordinal, b""
        case Subset(k3, subset):
            name, count, seed = "subset", k3, subset
        case _:
            assert_never(mode)
    return VerifyTask(
        id=number,
        post=post,
        claim=claim,
        parameters=parameters,
        mode=name,
        count=count,
        seed=seed,
    )


def read_mode(task: VerifyTask) -> Mode:
    """Return which indices a task wants checked."""
    match task.mode:
        case "one":
            return One(task.count)
        case "subset":
            return Subset(task.count, task.seed)
        case _:
            return All()


def make_verdict(number: int, fault: Fault | None) -> Verified:
    """Return a fault in a form that can be sent."""
    if fault is None:
        return Verified(id=number)
    return Verified(id=number, fault=type(fault).__name__, values=asdict(fault))


def read_verdict(verdict: Verified) -> Fault | None:
    """Return the fault that was sent, or None if the proof holds."""
    return _FAULTS[verdict.fault](**verdict.values) if verdict.fault else None


def make_failure(number: int, error: SpacemeshError) -> Failed:
    """Return an error in a form that can be sent."""
    return Failed(
        id=number,
        kind=type(error).__name__,
        code=error.code,
        message=str(error),
        hint=error.hint,
    )


def restore_error(failure: Failed) -> SpacemeshError:
    """Return the error that was sent, of the class it had.

    A class that this module's errors do not include comes back as a SpacemeshError with
    the code it had.
    """
    kind = _KINDS.get(failure.kind, SpacemeshError)
    return kind(failure.message, code=failure.code, hint=failure.hint)
