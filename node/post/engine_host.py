"""The owner's side of a label worker: start it, ask it, survive its end.

Nothing heavy is imported here: the compiler and the drivers live in the worker.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import IO, Final, Self, cast

import msgspec

from node.base.errors import DeviceError
from node.post.engine import (
    CPU_PROVIDER_ID,
    CPU_PROVIDER_NAME,
    DeviceClass,
    Provider,
    check_pairs,
    check_range,
)
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
from node.post.engine_worker import decode_providers

OPEN_LIMIT_S: Final = 1800
"""Opening an engine may include tuning a device; after this it hangs."""

ANSWER_LIMIT_S: Final = 900
"""A request is meant to take a second; after this the driver hangs."""

LIST_LIMIT_S: Final = 30
"""Listing devices takes a second; after this a driver hangs."""

WORKER_MODULE: Final = "node.post.engine_worker"


def providers() -> tuple[Provider, ...]:
    """Return the GPUs of this machine and, last, its processor.

    A driver that fails leaves the processor alone in the list; ``find_providers`` tells
    why.
    """
    return find_providers()[0]


def find_providers() -> tuple[tuple[Provider, ...], str]:
    """Return the providers, and the problem with listing GPUs; empty if there was none."""
    processor = Provider(id=CPU_PROVIDER_ID, name=CPU_PROVIDER_NAME, device_class=DeviceClass.CPU)
    command = [sys.executable, "-P", "-m", WORKER_MODULE, "providers"]
    try:
        # The command is ours from the first word to the last.
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, timeout=LIST_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return (processor,), f"an OpenCL driver did not answer within {LIST_LIMIT_S} s"
    try:
        gpus, problem = decode_providers(done.stdout)
    except (ValueError, KeyError):
        last = _last_line(done.stderr)
        return (processor,), f"an OpenCL driver ended the process ({done.returncode}): {last}"
    return (*gpus, processor), problem


@dataclass(frozen=True, slots=True)
class _Running:
    """A worker that was started."""

    process: asyncio.subprocess.Process
    requests: asyncio.StreamWriter
    replies: asyncio.StreamReader
    errors: IO[bytes]
    """What it writes to stderr."""


class EngineWorker:
    """A label source in a process of its own, started when first asked.

    The worker ends when it is idle and is started again when needed.  Requests wait for
    each other.  A cancelled request ends the worker, because its answer is still to come.
    """

    def __init__(
        self, options: WorkerOptions, *, on_note: Callable[[str], None] | None = None
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            options: what to compute with.
            on_note: told what a person may want to read while an engine is opened.
        """
        self.options = options
        self.description = ""
        self._on_note = on_note
        self._running: _Running | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._running is not None and self._running.process.returncode is None

    async def open(self) -> None:
        """Start the worker now, to learn of trouble before there is work.

        Raises:
            DeviceError: its engine cannot be used.
        """
        async with self._turn, self._ending_unless_done():
            await self._start()

    async def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        """Return ``count`` labels from index ``start`` on, 32 bytes each.

        Raises:
            DeviceError: the worker failed; the next request starts another one.
        """
        check_range(start, count)
        check_pairs([commitment], [start])
        return await self._ask(RangeRequest(commitment, start, count))

    async def labels_at(self, commitments: Sequence[bytes], indices: Sequence[int]) -> bytes:
        """Return one label, 32 bytes, for every pair of commitment and index.

        Raises:
            DeviceError: the worker failed; the next request starts another one.
        """
        check_pairs(commitments, indices)
        return await self._ask(ListRequest(tuple(commitments), tuple(indices)))

    async def close(self) -> None:
        """End the worker; it is started again if it is asked again."""
        async with self._turn:
            await self._stop()

    async def _ask(self, request: Request) -> bytes:
        async with self._turn, self._ending_unless_done():
            running = await self._start()
            try:
                return await self._exchange(running, request)
            except asyncio.IncompleteReadError:
                if await running.process.wait() != 0:
                    raise self._ended(running) from None
            # It had ended in peace, being idle, when the request was on its way.
            running = await self._start()
            try:
                return await self._exchange(running, request)
            except asyncio.IncompleteReadError:
                await running.process.wait()
                raise self._ended(running) from None

    @asynccontextmanager
    async def _ending_unless_done(self) -> AsyncIterator[None]:
        """End the worker if what is inside does not come to its end."""
        is_done = False
        try:
            yield
            is_done = True
        finally:
            if not is_done:
                await self._stop()

    async def _start(self) -> _Running:
        if self._running is not None and self.is_running:
            return self._running
        await self._stop()
        running = self._running = await self._spawn()
        try:
            async with asyncio.timeout(OPEN_LIMIT_S):
                reply = await self._read_answer(running)
        except asyncio.IncompleteReadError:
            await running.process.wait()
            raise self._ended(running) from None
        except TimeoutError:
            raise self._hangs(OPEN_LIMIT_S) from None
        if not isinstance(reply, Opened):
            raise _refused(reply)
        self.description = reply.description
        return running

    async def _spawn(self) -> _Running:
        with ExitStack() as stack:
            errors = stack.enter_context(tempfile.TemporaryFile())
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                WORKER_MODULE,
                "serve",
                msgspec.json.encode(self.options).decode(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                # Ctrl-C is for the owner alone: it decides when its worker ends.
                start_new_session=True,
            )
            stack.pop_all()
        # Both pipes are there because they were asked for.
        requests = cast("asyncio.StreamWriter", process.stdin)
        replies = cast("asyncio.StreamReader", process.stdout)
        return _Running(process, requests, replies, errors)

    async def _exchange(self, running: _Running, request: Request) -> bytes:
        try:
            running.requests.write(frame(request))
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await running.requests.drain()
                reply = await self._read_answer(running)
        except ConnectionError:
            raise asyncio.IncompleteReadError(b"", None) from None
        except TimeoutError:
            raise self._hangs(ANSWER_LIMIT_S) from None
        if not isinstance(reply, Labels):
            raise _refused(reply)
        return reply.data

    async def _read_answer(self, running: _Running) -> Reply:
        """Return the next reply that is no note."""
        while True:
            head = await running.replies.readexactly(LENGTH.size)
            reply = decode_reply(await running.replies.readexactly(LENGTH.unpack(head)[0]))
            if not isinstance(reply, Note):
                return reply
            if self._on_note is not None:
                self._on_note(reply.text)

    async def _stop(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        # The whole group, with the trials a tuning worker has started.
        with suppress(ProcessLookupError):
            os.killpg(running.process.pid, signal.SIGKILL)
        await running.process.communicate()
        running.errors.close()

    def _hangs(self, limit_s: int) -> DeviceError:
        return DeviceError(
            f"the label worker ({self._name()}) did not answer within {limit_s} s",
            code="smesh.device.hangs",
            hint="restart the machine or update the driver; the data is safe",
        )

    def _ended(self, running: _Running) -> DeviceError:
        running.errors.seek(0)
        said = _last_line(running.errors.read())
        return DeviceError(
            f"the label worker ({self._name()}) ended with status {running.process.returncode}"
            + (f": {said}" if said else ""),
            code="smesh.device.ended",
            hint="update the driver, or use the processor; the data is safe",
        )

    def _name(self) -> str:
        return self.description or f"{self.options.kind} {self.options.provider}"


def _refused(reply: Reply) -> DeviceError:
    if isinstance(reply, Failed):
        return DeviceError(reply.message, code=reply.code, hint=reply.hint)
    return DeviceError(f"the label worker answered with {type(reply).__name__}")


def _last_line(text: bytes) -> str:
    return text.decode(errors="replace").strip().rpartition("\n")[2]
