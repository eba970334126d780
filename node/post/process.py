"""The owner's side of the PoST worker process: starts it, asks it, survives it.

One process serves verifications and proofs, so that they share one RandomX cache.  It is
started by the first request, ends when nobody asked for a while (and its memory with it),
and is started again by the next request.  If it dies, what it was working on fails with
UnavailableError and nothing else happens: a caller that wants to may ask again.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from node.base.errors import UnavailableError
from node.post.proving import ProofOptions, ProofProgress
from node.post.verifying import (
    Fault,
    Mode,
    PostClaim,
    ProofParameters,
    check_lengths,
    fault_error,
)
from node.post.worker_wire import (
    LENGTH_SIZE,
    Advanced,
    Answer,
    CancelTask,
    Failed,
    Proved,
    ProveTask,
    Task,
    Verified,
    decode_answer,
    encode_frame,
    make_verify_task,
    read_length,
    read_verdict,
    restore_error,
)
from node.types.post import Post

DEFAULT_IDLE_NS: Final = 180 * 10**9
"""How long an idle worker is kept: longer than the gaps between ATXs that arrive."""

TUNABLES: Final = "GLIBC_TUNABLES"
"""Variable by which glibc is told how to work."""

LARGE_PAGES: Final = "glibc.malloc.hugetlb=1"
"""Ask for large pages wherever they fit."""

ENDING_LIMIT_S: Final = 5.0
"""Seconds a worker has to end by itself before it is killed."""


class Child(Protocol):
    """A running worker."""

    @property
    def answers(self) -> asyncio.StreamReader:
        """What it writes."""
        ...

    def send(self, data: bytes) -> None:
        """Write to its input."""
        ...

    def end(self) -> None:
        """Close its input."""
        ...

    def kill(self) -> None:
        """End it now."""
        ...

    async def wait(self) -> int:
        """Wait for its end; return its exit code."""
        ...


@dataclass(frozen=True, slots=True)
class _Subprocess:
    """A worker as a process of the system."""

    process: asyncio.subprocess.Process
    answers: asyncio.StreamReader
    requests: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        """Write to its input."""
        self.requests.write(data)

    def end(self) -> None:
        """Close its input."""
        self.requests.close()

    def kill(self) -> None:
        """End it now."""
        if self.process.returncode is None:
            self.process.kill()

    async def wait(self) -> int:
        """Wait for its end; return its exit code."""
        return await self.process.wait()


def with_large_pages(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which big memory comes in pages of 2 MiB where it can.

    RandomX reads its cache all over: with small pages the processor spends a third of a
    hash on finding them.  glibc heeds the setting, others do not know it; what an operator
    says of the same setting stands.
    """
    said = environment.get(TUNABLES, "")
    if LARGE_PAGES.partition("=")[0] in said:
        return dict(environment)
    return {**environment, TUNABLES: ":".join(filter(None, (said, LARGE_PAGES)))}


async def start_subprocess(verifiers: int) -> Child:
    """Start a worker.

    Raises:
        UnavailableError: the system has no room for it.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", "node.post.worker", "--verifiers", str(verifiers)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=with_large_pages(os.environ),
        )
    except OSError as error:
        raise UnavailableError(
            f"the PoST worker cannot be started: {error.strerror}", code="smesh.post.worker"
        ) from error
    if process.stdin is None or process.stdout is None:
        raise UnavailableError("the PoST worker has no pipes", code="smesh.post.worker")
    return _Subprocess(process, process.stdout, process.stdin)


@dataclass(slots=True, eq=False)
class _Request:
    """Something asked that has no answer yet."""

    task: Task
    answer: asyncio.Future[Answer]
    progress: Callable[[ProofProgress], None] | None
    is_sent: bool = False


@dataclass(slots=True, eq=False)
class PostProcess:
    """Verifies and makes proofs in a process of its own.

    ``run`` must be running as a task of the owner.  As many requests as there are callers
    may wait; each caller holds one.
    """

    verifiers: int = 1
    """Proofs the worker verifies at once; further ones wait in it."""

    idle_ns: int = DEFAULT_IDLE_NS
    """How long the worker is kept without work."""

    start: Callable[[int], Awaitable[Child]] = start_subprocess
    """Starts a worker for so many verifiers."""

    _requests: dict[int, _Request] = field(default_factory=dict)
    _child: Child | None = None
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _last_number: int = 0
    _is_closed: bool = False

    @property
    def is_running(self) -> bool:
        """Whether there is a worker now."""
        return self._child is not None

    async def verify(
        self, post: Post, claim: PostClaim, parameters: ProofParameters, mode: Mode
    ) -> None:
        """Check a proof as a node does.

        Raises:
            InvalidPostError: a label is bad.
            RejectError: the proof fails in any other way.
            UnavailableError: the worker died or was closed.
        """
        check_lengths(post, claim)
        fault = await self.find_fault(post, claim, parameters, mode)
        if fault is not None:
            raise fault_error(fault)

    async def find_fault(
        self, post: Post, claim: PostClaim, parameters: ProofParameters, mode: Mode
    ) -> Fault | None:
        """Return the first fault of a proof, or None; see ``verifying.find_fault``.

        Raises:
            UnavailableError: the worker died or was closed.
        """
        self._last_number += 1
        task = make_verify_task(self._last_number, post, claim, parameters, mode)
        answer = await self._ask(task)
        if not isinstance(answer, Verified):
            raise UnavailableError(f"the PoST worker answered a verification with {answer}")
        return read_verdict(answer)

    async def prove(
        self,
        directory: Path,
        options: ProofOptions,
        *,
        fast: bool = False,
        remote_pow: str = "",
        progress: Callable[[ProofProgress], None] | None = None,
    ) -> Post:
        """Make a proof over a data directory; cancelling this stops the work.

        Args:
            directory: holds a complete space.
            options: what to prove.
            fast: whether RandomX may take 2080 MiB.
            remote_pow: URL of a k2pow worker; empty to search here.
            progress: told now and then, on the loop.

        Raises:
            PreconditionError: the space is not complete.
            UnavailableError: no proof was found, the data cannot be read, or the worker
                died or was closed.
        """
        self._last_number += 1
        task = ProveTask(
            id=self._last_number,
            directory=str(directory),
            options=options,
            fast=fast,
            remote_pow=remote_pow,
        )
        answer = await self._ask(task, progress)
        if not isinstance(answer, Proved):
            raise UnavailableError(f"the PoST worker answered a proof request with {answer}")
        return answer.post

    async def run(self) -> None:
        """Keep a worker while there is something to do; end it on cancellation."""
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                await self._serve()
        finally:
            self._is_closed = True
            self._fail(self._requests, "the PoST worker is closed")

    async def _ask(
        self, task: Task, progress: Callable[[ProofProgress], None] | None = None
    ) -> Answer:
        if self._is_closed:
            raise UnavailableError("the PoST worker is closed", code="smesh.post.worker")
        request = _Request(task, asyncio.get_running_loop().create_future(), progress)
        self._requests[task.id] = request
        self._send(request)
        answer: Answer | None = None
        try:
            answer = await request.answer
        finally:
            self._requests.pop(task.id, None)
            if answer is None and request.is_sent and self._child is not None:
                self._child.send(encode_frame(CancelTask(id=task.id)))
        if isinstance(answer, Failed):
            raise restore_error(answer)
        return answer

    def _send(self, request: _Request) -> None:
        if self._child is None:
            self._wanted.set()
            return
        self._child.send(encode_frame(request.task))
        request.is_sent = True

    async def _serve(self) -> None:
        """Run one worker from its start to its end."""
        if not self._requests:
            return
        try:
            child = await self.start(self.verifiers)
        except UnavailableError as error:
            self._fail(self._requests, str(error))
            return
        self._child = child
        for request in self._requests.values():
            self._send(request)
        try:
            await self._read_answers(child)
        finally:
            self._child = None
            code = await _end(child)
            sent = {number: one for number, one in self._requests.items() if one.is_sent}
            self._fail(sent, f"the PoST worker ended with exit code {code}")

    async def _read_answers(self, child: Child) -> None:
        """Pass answers on until the worker is idle or gone."""
        while True:
            try:
                async with asyncio.timeout(self.idle_ns / 1e9):
                    header = await child.answers.readexactly(LENGTH_SIZE)
                # Only a header may be given up: nothing of it is taken until all is there.
                body = await child.answers.readexactly(read_length(header))
            except TimeoutError:
                if not self._requests:
                    return
                continue
            except asyncio.IncompleteReadError:
                return
            self._pass_on(decode_answer(body))

    def _pass_on(self, answer: Answer) -> None:
        request = self._requests.get(answer.id)
        if request is None:
            return
        if isinstance(answer, Advanced):
            if request.progress is not None:
                request.progress(answer.progress)
        elif not request.answer.done():
            request.answer.set_result(answer)

    def _fail(self, requests: dict[int, _Request], reason: str) -> None:
        for request in requests.values():
            if not request.answer.done():
                error = UnavailableError(reason, code="smesh.post.worker")
                request.answer.set_exception(error)


async def _end(child: Child) -> int:
    """Let a worker end, or kill it; return its exit code."""
    child.end()
    try:
        async with asyncio.timeout(ENDING_LIMIT_S):
            return await child.wait()
    except TimeoutError:
        child.kill()
        return await child.wait()
    except asyncio.CancelledError:
        child.kill()
        raise
