"""The PoST worker process: verifies and makes proofs for the node that started it.

``python -m node.post.worker``.  Tasks come over standard input, answers go out over
standard output (``worker_wire``).  The process ends when its input does, so it never
outlives its owner, whatever happens to that one.  All its threads share one RandomX
cache; it runs at a lower priority than the node.

Source: post digest sections 11.1 and 17.5; style digest 4.7.
"""

import argparse
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO, Final, TypeVar, assert_never

from node.base.errors import SpacemeshError
from node.post.k2pow import PowSearch, RandomX
from node.post.k2pow_worker import RemotePow
from node.post.proving import ProofProgress, open_space, prove
from node.post.recomputing import RecomputedLabels
from node.post.scan import ScanFactory
from node.post.scan_cpu import choose_scan
from node.post.verifying import LabelLookup, find_fault
from node.post.worker_wire import (
    LENGTH_SIZE,
    Advanced,
    Answer,
    CancelTask,
    Proved,
    ProveTask,
    Task,
    VerifyTask,
    decode_task,
    encode_frame,
    make_failure,
    make_verdict,
    read_length,
    read_mode,
)

T = TypeVar("T")

EXIT_BUG: Final = 70
"""Exit code after an error that nobody expected (sysexits, EX_SOFTWARE)."""

PROGRESS_STEPS: Final = 1000
"""Messages about one reading of the data, at most."""

DEFAULT_NICENESS: Final = 10
"""How far the priority is lowered."""


@dataclass
class Worker:
    """Reads tasks and runs them in threads until the input ends."""

    tasks: BinaryIO
    answers: BinaryIO

    verifiers: int = 1
    """Proofs verified at once."""

    crashed: Callable[[], None] = lambda: os._exit(EXIT_BUG)
    """Called when a task ended with an error that is not ours, after it was printed."""

    ended: Callable[[], None] = lambda: None
    """Called when the input is at its end, before what still runs is waited for."""

    randomx: RandomX = field(default_factory=RandomX)
    """Light RandomX, for all threads."""

    labels: LabelLookup = field(default_factory=RecomputedLabels)
    _stopped: set[int] = field(default_factory=set)
    _ending: bool = False
    _sending: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Serve until the input ends; then stop what is running."""
        with (
            ThreadPoolExecutor(self.verifiers, "post-verify") as verifying,
            ThreadPoolExecutor(1, "post-prove") as proving,
        ):
            running: dict[int, Future[None]] = {}
            while (task := self._receive()) is not None:
                running = {
                    number: future for number, future in running.items() if not future.done()
                }
                match task:
                    case VerifyTask():
                        future = verifying.submit(self._run, task.id, self._verify, task)
                    case ProveTask():
                        future = proving.submit(self._run, task.id, self._prove, task)
                    case CancelTask():
                        self._cancel(task.id, running.get(task.id))
                        continue
                    case _:
                        assert_never(task)
                running[task.id] = future
                future.add_done_callback(self._look_for_bug)
            self._ending = True
            for future in running.values():
                future.cancel()
            self.ended()

    def _cancel(self, number: int, future: Future[None] | None) -> None:
        if future is not None and not future.cancel() and not future.done():
            self._stopped.add(number)

    def _receive(self) -> Task | None:
        """Return the next task, or None at the end of the input."""
        header = self.tasks.read(LENGTH_SIZE)
        if len(header) < LENGTH_SIZE:
            return None
        length = read_length(header)
        body = self.tasks.read(length)
        return decode_task(body) if len(body) == length else None

    def _send(self, answer: Answer) -> None:
        with self._sending:
            try:
                self.answers.write(encode_frame(answer))
                self.answers.flush()
            except BrokenPipeError:
                # The owner is gone; the input ends as well.
                self._ending = True

    def _run(self, number: int, work: Callable[[T], Answer], task: T) -> None:
        try:
            self._send(work(task))
        except SpacemeshError as error:
            self._send(make_failure(number, error))
        finally:
            self._stopped.discard(number)

    def _look_for_bug(self, future: Future[None]) -> None:
        """End the process loudly where a task could not even fail."""
        if future.cancelled():
            return
        error = future.exception()
        if error is not None:
            traceback.print_exception(error)
            self.crashed()

    def _verify(self, task: VerifyTask) -> Answer:
        fault = find_fault(
            task.post,
            task.claim,
            task.parameters,
            read_mode(task),
            labels=self.labels,
            pow_hash=self.randomx.hash,
        )
        return make_verdict(task.id, fault)

    def _prove(self, task: ProveTask) -> Answer:
        reporter = _Reporter(task.id, self._send)
        post = prove(
            open_space(Path(task.directory)),
            task.options,
            pow_search=self._open_search(task),
            scan_factory=self._scan_factory,
            progress=reporter.report,
            stopped=lambda: self._ending or task.id in self._stopped,
        )
        return Proved(id=task.id, post=post)

    def _open_search(self, task: ProveTask) -> PowSearch:
        if task.remote_pow:
            return RemotePow(task.remote_pow)
        # The big data set lives only as long as the proof: one is made in two weeks.
        threads = task.options.threads
        randomx = RandomX(fast=True, threads=threads) if task.fast else self.randomx
        return partial(randomx.search, threads=threads)

    @cached_property
    def _scan_factory(self) -> ScanFactory:
        return choose_scan()


class _Reporter:
    """Sends the progress of a proof, in steps that somebody can see."""

    def __init__(self, number: int, send: Callable[[Answer], None]) -> None:
        self._number = number
        self._send = send
        self._last: ProofProgress | None = None

    def report(self, progress: ProofProgress) -> None:
        """Send what changed, if it is enough."""
        last = self._last
        step = progress.total_bytes // PROGRESS_STEPS
        if (
            last is None
            or (last.first_nonce, last.pows) != (progress.first_nonce, progress.pows)
            or progress.position_bytes >= min(last.position_bytes + step, progress.total_bytes)
        ):
            self._last = progress
            self._send(Advanced(id=self._number, progress=progress))


def main() -> None:
    """Run a worker on this process's standard input and output."""
    parser = argparse.ArgumentParser(prog="python -m node.post.worker", description=__doc__)
    parser.add_argument("--verifiers", type=int, default=1, help="proofs verified at once")
    parser.add_argument("--niceness", type=int, default=DEFAULT_NICENESS, help="added to nice")
    options = parser.parse_args()
    # Ctrl-C in a terminal reaches every process there; the owner decides for this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(options.niceness)
    # Closing sends what is left of an answer; an owner that is gone does not want it.
    with suppress(BrokenPipeError), os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        # What libraries print must not get between the answers.
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        # Nobody wants what is still being computed, some of which cannot be interrupted.
        Worker(
            sys.stdin.buffer,
            answers,
            verifiers=options.verifiers,
            ended=lambda: os._exit(0),
        ).run()


if __name__ == "__main__":
    main()
