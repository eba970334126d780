"""The process that computes labels: one engine, requests on stdin, labels on stdout.

It runs at low priority, tests its engine before it answers, ends when nobody asked for a
while, and ends when its owner does.  A driver that aborts or hangs takes this process
with it and nothing else.

    python -m node.post.engine_worker serve OPTIONS
    python -m node.post.engine_worker providers
    python -m node.post.engine_worker trial TRIAL
"""

import hashlib
import json
import os
import select
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import filelock
import msgspec

from node.base.errors import DeviceError, SpacemeshError
from node.post.engine import LabelEngine, Provider, ReferenceEngine, self_test
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
    decode_request,
    frame,
)

PRIORITY: Final = 10
"""How nice a worker is to the other processes of the machine."""

_COMMAND_ARGUMENTS: Final = {"serve": 1, "providers": 0, "trial": 1}


def run(arguments: list[str]) -> int:
    """Carry out a command line; return the exit status."""
    if not arguments or _COMMAND_ARGUMENTS.get(arguments[0]) != len(arguments) - 1:
        sys.stderr.write("usage: serve OPTIONS | providers | trial TRIAL\n")
        return 2
    os.nice(PRIORITY)
    with _own_output() as output:
        match arguments:
            case ["serve", options]:
                with os.fdopen(0, "rb", buffering=0, closefd=False) as requests:
                    serve(msgspec.json.decode(options, type=WorkerOptions), requests, output)
            case ["providers"]:
                output.write(list_providers())
            case ["trial", request]:
                from node.post.opencl_tuning import run_trial

                output.write(run_trial(request).encode())
    return 0


@contextmanager
def _own_output() -> Iterator[BinaryIO]:
    """Yield the real stdout; what drivers print there goes to stderr instead."""
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(own, "wb", buffering=0) as output:
        yield output


def list_providers() -> bytes:
    """Return the GPUs as JSON, or the reason why they cannot be listed."""
    try:
        from node.post.engine_opencl import find_devices

        providers = [device.provider for device in find_devices(os.environ)]
        return msgspec.json.encode({"providers": providers, "problem": ""})
    except (ImportError, OSError, DeviceError) as error:
        return msgspec.json.encode({"providers": [], "problem": str(error)})


def decode_providers(text: bytes) -> tuple[tuple[Provider, ...], str]:
    """Return the GPUs, and the problem with listing them, from ``list_providers``."""
    content = json.loads(text)
    providers = msgspec.convert(content["providers"], tuple[Provider, ...])
    return providers, str(content["problem"])


def serve(options: WorkerOptions, requests: BinaryIO, replies: BinaryIO) -> None:
    """Open an engine and answer requests until there are no more.

    Args:
        options: what to compute with.
        requests: framed requests, unbuffered; its end, or silence for ``idle_s``, ends the
            worker.
        replies: where the answers go, unbuffered; its end ends the worker too.
    """

    def reply(message: Reply) -> None:
        rest = memoryview(frame(message))
        while rest:
            rest = rest[replies.write(rest) :]

    try:
        with ExitStack() as held:
            try:
                engine = open_engine(options, lambda text: reply(Note(text)), held)
            except SpacemeshError as error:
                reply(Failed(str(error), error.code, error.hint))
                return
            reply(Opened(engine.description, engine.lanes))
            while (request := _next_request(requests, options.idle_s)) is not None:
                reply(_answer(engine, request))
    except BrokenPipeError:
        # The owner has gone; nobody is there to be told.
        return


def open_engine(
    options: WorkerOptions, note: Callable[[str], None], held: ExitStack
) -> LabelEngine:
    """Return an engine that computes known labels right.

    Args:
        options: what to compute with.
        note: told what a person may want to read.
        held: gets what the engine keeps from other processes.

    Raises:
        DeviceError: there is none.
    """
    match options.kind:
        case "reference":
            return ReferenceEngine(options.scrypt_n)
        case "opencl":
            engine = _open_opencl(options, note, held)
        case "cpu":
            try:
                engine = _open_cpu(options)
            except (ImportError, OSError, DeviceError) as error:
                note(f"{error}; labels are computed by interpreted Python, very slowly")
                return ReferenceEngine(options.scrypt_n)
        case other:
            raise DeviceError(f"there is no label engine {other!r}")
    self_test(engine, options.scrypt_n)
    return engine


def _open_cpu(options: WorkerOptions) -> LabelEngine:
    from node.post.engine_cpu import CpuLabelEngine

    threads = options.threads or len(os.sched_getaffinity(0))
    return CpuLabelEngine(options.scrypt_n, threads=threads)


def _open_opencl(
    options: WorkerOptions, note: Callable[[str], None], held: ExitStack
) -> LabelEngine:
    try:
        from node.post.engine_opencl import OpenclLabelEngine, find_devices, pick_device
        from node.post.opencl_tuning import choose_shape
    except (ImportError, OSError) as error:
        raise DeviceError(
            f"OpenCL cannot be loaded: {error}",
            code="smesh.device.driver",
            hint="install the driver of the card, or use the processor",
        ) from error
    device = pick_device(find_devices(os.environ, processors=options.processors), options.provider)
    _reserve_device(device.identity(), held)
    cache = Path(options.cache_directory) if options.cache_directory else None
    shape = choose_shape(device, options.scrypt_n, cache, note)
    return OpenclLabelEngine(device, shape, options.scrypt_n)


def _reserve_device(identity: str, held: ExitStack) -> None:
    """Keep a device for this process until it ends: an engine takes nearly all its memory.

    Raises:
        DeviceError: another worker has it.
    """
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    lock = filelock.FileLock(Path(tempfile.gettempdir()) / f"spacemesh-device-{digest}.lock")
    try:
        held.enter_context(lock.acquire(blocking=False))
    except filelock.Timeout as error:
        raise DeviceError(
            f"{identity.replace('|', ' ')} is in use by another initialisation",
            code="smesh.device.busy",
            hint="wait for it, or choose another provider",
        ) from error


def _answer(engine: LabelEngine, request: Request) -> Reply:
    try:
        match request:
            case RangeRequest():
                return Labels(engine.labels(request.commitment, request.start, request.count))
            case ListRequest():
                return Labels(engine.labels_at(request.commitments, request.indices))
    except SpacemeshError as error:
        return Failed(str(error), error.code, error.hint)


def _next_request(requests: BinaryIO, idle_s: float) -> Request | None:
    """Return the next request, or None at the end of the pipe or of patience."""
    ready, _, _ = select.select([requests], [], [], idle_s)
    if not ready:
        return None
    head = _read_exactly(requests, LENGTH.size)
    if head is None:
        return None
    (length,) = LENGTH.unpack(head)
    body = _read_exactly(requests, length)
    return None if body is None else decode_request(body)


def _read_exactly(requests: BinaryIO, count: int) -> bytes | None:
    """Return so many bytes of an unbuffered pipe, or None if it ends before."""
    parts = bytearray()
    while len(parts) < count:
        part = requests.read(count - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
