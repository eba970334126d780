"""Tasks with an owner: periodic and supervised work, fan-out, helpers of a block.

Every task here belongs to a TaskGroup and is gone when its owner is; an error is never
lost.

Source: style digest section 4.7.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from node.base.errors import SpacemeshError, UnavailableError
from node.runtime.retry import Backoff

T = TypeVar("T")
R = TypeVar("R")

NS_PER_SECOND: Final = 10**9


async def for_each(items: Iterable[T], work: Callable[[T], Awaitable[R]], *, limit: int) -> list[R]:
    """Run ``work`` on every item, up to ``limit`` at once; return results in order.

    Items are taken from their source as workers get free, so an endless source is not
    read ahead.

    Raises:
        ExceptionGroup: ``work`` failed; the others were cancelled.
        ValueError: ``limit`` is below 1.
    """
    if limit < 1:
        raise ValueError(f"limit {limit}, want at least 1")
    numbered = enumerate(items)
    results: dict[int, R] = {}

    async def worker() -> None:
        for number, item in numbered:
            results[number] = await work(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(limit):
            group.create_task(worker())
    return [results[number] for number in sorted(results)]


async def periodic(
    interval_ns: int, work: Callable[[], Awaitable[None]], *, at_once: bool = False
) -> None:
    """Run ``work`` every ``interval_ns``, never twice at the same time; never returns.

    Runs are aligned to the start: a slow one delays none but those it overlaps, and they
    are left out.  An error ends it.
    """
    loop = asyncio.get_running_loop()
    interval = interval_ns / NS_PER_SECOND
    following = loop.time() + (0 if at_once else interval)
    while True:
        await asyncio.sleep(following - loop.time())
        await work()
        following += interval
        late = loop.time() - following
        if late > 0:
            following += interval * (late // interval)


async def supervised(
    work: Callable[[], Awaitable[None]],
    backoff: Backoff,
    *,
    random_below: Callable[[int], int],
    tolerated: tuple[type[SpacemeshError], ...] = (UnavailableError,),
    on_failure: Callable[[SpacemeshError], None] | None = None,
) -> None:
    """Run ``work`` again whenever it fails in a tolerated way; return when it returns.

    A run that lasted longer than the longest delay counts as a recovery: delays begin
    anew and all attempts are there again.

    Args:
        work: the body of a service.
        backoff: how long to wait, and how often to try.
        random_below: see ``Backoff.delays_ns``.
        tolerated: errors that do not end the service.
        on_failure: told of every error that is followed by another run.

    Raises:
        SpacemeshError: not tolerated, or once too often.
    """
    loop = asyncio.get_running_loop()
    delays = backoff.delays_ns(random_below)
    while True:
        started = loop.time()
        try:
            await work()
        except tolerated as error:
            if (loop.time() - started) * NS_PER_SECOND > backoff.limit_ns:
                delays = backoff.delays_ns(random_below)
            delay_ns = next(delays, None)
            if delay_ns is None:
                raise
            if on_failure is not None:
                on_failure(error)
        else:
            return
        await asyncio.sleep(delay_ns / NS_PER_SECOND)


@asynccontextmanager
async def background(*bodies: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run coroutines beside a block and cancel them when it is left.

    Raises:
        ExceptionGroup: the block or one of them failed; all others were cancelled first.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(body) for body in bodies]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
