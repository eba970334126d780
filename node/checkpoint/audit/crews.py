"""Who does the work of an audit: this thread alone, or processes and threads beside it."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import contextmanager
from functools import cache
from typing import Final, Protocol, Self, TypeAlias

from node.base.errors import UnavailableError
from node.checkpoint.audit.work import Tools, Work, do_work, is_native
from node.runtime.workers import LOW_PRIORITY, prepare_worker

Await: TypeAlias = Callable[[], list[str]]
"""Waits for the verdicts on what was begun, in its order."""

PORTION: Final = 32
"""Pieces of work that go to a process at once: signatures take 2 ms, the way there 0.5."""
LARGE_FILE: Final = 16 << 20
"""Bytes of a file that is worth starting processes for."""


class Crew(Protocol):
    """Does work."""

    def begin(self, works: Sequence[Work]) -> Await:
        """Begin some work; return what waits for the verdicts.

        Waiting raises UnavailableError where work cannot be done.
        """

    def do(self, work: Work) -> str:
        """Do a piece of work here and now."""


class SingleCrew:
    """Does all work on the calling thread, when somebody waits for it."""

    def __init__(self, tools: Tools | None = None) -> None:
        self._tools = tools or Tools()

    def begin(self, works: Sequence[Work]) -> Await:
        """See Crew."""
        return lambda: [self.do(work) for work in works]

    def do(self, work: Work) -> str:
        """See Crew."""
        return do_work(work, self._tools)


class RememberingCrew(SingleCrew):
    """Does no work twice: for many audits of nearly the same file."""

    def __init__(self, tools: Tools | None = None) -> None:
        super().__init__(tools)
        self._verdicts: dict[Work, str] = {}

    def do(self, work: Work) -> str:
        """See Crew."""
        known = self._verdicts.get(work)
        if known is None:
            known = self._verdicts[work] = super().do(work)
        return known


class ParallelCrew:
    """Does work on several processors; a context manager that ends what it started.

    Labels and RandomX are code that does not hold the interpreter's lock: threads do them,
    which share one RandomX cache.  The rest goes to processes.
    """

    def __init__(
        self,
        jobs: int,
        *,
        tools: Tools | None = None,
        make_processes: Callable[[int], Executor] | None = None,
    ) -> None:
        """Take how many to work at once; processes are started at the first use.

        Args:
            jobs: processes and, beside them, threads.
            tools: of the threads, and of ``do``.
            make_processes: makes the pool that stands for processes.
        """
        self._tools = tools or Tools()
        self._processes = (make_processes or start_processes)(jobs)
        self._threads = ThreadPoolExecutor(jobs, "audit")

    def begin(self, works: Sequence[Work]) -> Await:
        """See Crew."""
        native = [place for place, work in enumerate(works) if is_native(work)]
        others = [place for place, work in enumerate(works) if not is_native(work)]
        begun: list[tuple[list[int], Future[list[str]]]] = [
            ([place], self._threads.submit(_do_all, [works[place]], self._tools))
            for place in native
        ]
        for first in range(0, len(others), PORTION):
            places = others[first : first + PORTION]
            portion = [works[place] for place in places]
            begun.append((places, self._processes.submit(do_portion, portion)))
        return lambda: _collect(begun, len(works))

    def do(self, work: Work) -> str:
        """See Crew."""
        return do_work(work, self._tools)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._processes.shutdown(wait=True, cancel_futures=True)


@contextmanager
def make_crew(jobs: int, size_bytes: int = LARGE_FILE) -> Iterator[Crew]:
    """Lend a crew.

    Args:
        jobs: processors to work on; 0 stands for all of this machine's.
        size_bytes: of the file; 0 jobs are one job for a file that is done before other
            processes have begun.
    """
    if not jobs:
        jobs = len(os.sched_getaffinity(0)) if size_bytes >= LARGE_FILE else 1
    if jobs == 1:
        yield SingleCrew()
        return
    with ParallelCrew(jobs) as crew:
        yield crew


def start_processes(jobs: int, niceness: int = LOW_PRIORITY) -> Executor:
    """Return a pool of processes that begin anew, without this one's threads and files."""
    return ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=prepare_worker,
        initargs=(niceness,),
    )


def do_portion(works: Sequence[Work]) -> list[str]:
    """Do some work with the tools of this process."""
    return _do_all(works, _own_tools())


@cache
def _own_tools() -> Tools:
    return Tools()


def _do_all(works: Sequence[Work], tools: Tools) -> list[str]:
    return [do_work(work, tools) for work in works]


def _collect(begun: Sequence[tuple[list[int], Future[list[str]]]], number: int) -> list[str]:
    verdicts = [""] * number
    try:
        for places, future in begun:
            for place, verdict in zip(places, future.result(), strict=True):
                verdicts[place] = verdict
    except BrokenExecutor as error:
        raise UnavailableError(
            "a process of the audit died", hint="the machine may have run out of memory"
        ) from error
    return verdicts
