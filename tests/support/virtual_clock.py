"""Unix time in nanoseconds that follows a virtual loop, from 0 on."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from node.sim.virtual_time import simulate

T = TypeVar("T")
NS_PER_S = 1_000_000_000


def run_virtually(main: Callable[[Callable[[], int]], Coroutine[Any, Any, T]]) -> T:
    """Run ``main(now_ns)`` to its end in virtual time."""

    async def run() -> T:
        loop = asyncio.get_running_loop()
        return await main(lambda: round(loop.time() * NS_PER_S))

    return simulate(run())
