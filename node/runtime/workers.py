"""Work for the processor, off the event loop: ``await workers.run(function, arguments)``.

Threads suit native code that releases the interpreter's lock for long (OpenCL, RandomX);
processes suit everything else that takes milliseconds.  Simulations run inline, because
virtual time does not wait for either.

Source: style digest section 4.7; pitfalls 9 and 14.
"""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, Protocol, Self, TypeVar

from node.base.errors import UnavailableError

P = ParamSpec("P")
R = TypeVar("R")

LOW_PRIORITY: Final = 10
"""Niceness of worker processes: the event loop's process comes first."""


class Workers(Protocol):
    """Runs functions off the loop, a limited number at once; the rest wait their turn."""

    async def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what ``function`` returns, and raise what it raises."""


class InlineWorkers:
    """Runs everything at once, on the loop itself: for simulations and tests."""

    async def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """See Workers."""
        return function(*args, **kwargs)


class PooledWorkers:
    """Workers over threads or processes; a context manager that waits for what still runs."""

    def __init__(self, make_executor: Callable[[], Executor]) -> None:
        """Take how to make the pool; it is made at the first call, and after a break-down."""
        self._make_executor = make_executor
        self._executor: Executor | None = None

    async def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """See Workers.

        Raises:
            UnavailableError: a worker process died; the next call starts new ones.
        """
        executor = self._executor or self._make_executor()
        self._executor = executor
        call = partial(function, *args, **kwargs)
        try:
            return await asyncio.get_running_loop().run_in_executor(executor, call)
        except BrokenExecutor as error:
            # Another caller may have met the same and have a new pool already.
            if self._executor is executor:
                self.close()
            raise UnavailableError(
                f"a worker died during {function!r}",
                hint="the machine may have run out of memory",
            ) from error

    def close(self) -> None:
        """Drop what has not begun, wait for the rest."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def thread_workers(count: int, *, name: str = "worker") -> PooledWorkers:
    """Return workers that are threads of this process."""
    return PooledWorkers(partial(ThreadPoolExecutor, count, thread_name_prefix=name))


def process_workers(count: int, *, niceness: int = LOW_PRIORITY) -> PooledWorkers:
    """Return workers that are processes of their own, at lower priority.

    Functions are found by module and name there, so they must be importable; arguments
    and results are pickled.
    """
    return PooledWorkers(
        partial(
            ProcessPoolExecutor,
            count,
            # A forked copy of a process with threads and sockets may lock up.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=prepare_worker,
            initargs=(niceness,),
        )
    )


def prepare_worker(niceness: int) -> None:
    """Set a new worker process up: lower priority, and interrupts are the parent's business."""
    os.nice(niceness)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
