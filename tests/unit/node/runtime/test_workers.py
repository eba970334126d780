"""Functions off the loop."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor

import pytest

from node.base.errors import UnavailableError
from node.runtime.workers import (
    InlineWorkers,
    PooledWorkers,
    prepare_worker,
    process_workers,
    thread_workers,
)
from node.sim.virtual_time import simulate


def divide(dividend: int, divisor: int = 1) -> float:
    return dividend / divisor


@pytest.fixture
def threads() -> Iterator[PooledWorkers]:
    with thread_workers(2, name="test") as workers:
        yield workers


def test_inline_workers_run_at_once_also_in_virtual_time() -> None:
    workers = InlineWorkers()
    assert simulate(workers.run(divide, 7, divisor=2)) == 3.5
    with pytest.raises(ZeroDivisionError):
        simulate(workers.run(divide, 7, 0))


async def test_threads_return_results_and_raise_errors(threads: PooledWorkers) -> None:
    assert await threads.run(divide, 7, divisor=2) == 3.5
    with pytest.raises(ZeroDivisionError):
        await threads.run(divide, 7, 0)


async def test_threads_are_not_the_loops(threads: PooledWorkers) -> None:
    name = await threads.run(lambda: threading.current_thread().name)
    assert name.startswith("test")


async def test_closing_twice_is_harmless_and_work_goes_on(threads: PooledWorkers) -> None:
    threads.close()
    threads.close()
    assert await threads.run(divide, 4) == 4


class DyingExecutor(ThreadPoolExecutor):
    """An executor whose worker dies at once."""

    def submit(self, *_args: object, **_kwargs: object) -> Future[object]:  # type: ignore[override]
        future: Future[object] = Future()
        future.set_exception(BrokenExecutor("killed"))
        return future


async def test_a_dead_worker_is_told_and_replaced() -> None:
    made: list[Executor] = []

    def make() -> Executor:
        made.append(DyingExecutor(1) if not made else ThreadPoolExecutor(1))
        return made[-1]

    with PooledWorkers(make) as workers:
        with pytest.raises(UnavailableError, match="a worker died") as caught:
            await workers.run(divide, 1)
        assert "memory" in caught.value.hint
        assert await workers.run(divide, 1) == 1
    assert len(made) == 2


async def test_a_late_victim_leaves_the_new_pool_alone() -> None:
    made: list[Executor] = []

    def make() -> Executor:
        made.append(ThreadPoolExecutor(1) if made else DyingExecutor(1))
        return made[-1]

    with PooledWorkers(make) as workers:

        async def victim() -> None:
            with pytest.raises(UnavailableError):
                await workers.run(divide, 1)

        first = victim()
        first.send(None)
        workers.close()
        assert await workers.run(divide, 2) == 2
        replacement = workers._executor
        with pytest.raises(StopIteration):
            first.send(None)
        assert workers._executor is replacement


def test_a_worker_process_steps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(os, "nice", asked.append)
    monkeypatch.setattr(signal, "signal", lambda *arguments: asked.append(arguments))
    prepare_worker(7)
    assert asked == [7, (signal.SIGINT, signal.SIG_IGN)]


@pytest.mark.slow
async def test_processes_run_beside_this_one() -> None:
    with process_workers(1, niceness=1) as workers:
        assert await workers.run(os.getpid) != os.getpid()
        assert await workers.run(divmod, 7, 2) == (3, 1)


@pytest.mark.slow
async def test_a_killed_process_is_replaced() -> None:
    with process_workers(1, niceness=0) as workers:
        with pytest.raises(UnavailableError):
            await workers.run(os._exit, 1)
        assert await workers.run(divmod, 7, 2) == (3, 1)
