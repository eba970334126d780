"""A loop whose clock jumps to the next timer, and unix time that follows it."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
NS_PER_S = 1_000_000_000


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("no task is ready and no timer is set")
        self.now_s += timeout
        return []


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


def run_virtually(main: Callable[[Callable[[], int]], Coroutine[Any, Any, T]]) -> T:
    """Run ``main(now_ns)`` to its end; time starts at 0 and passes only while all wait."""

    async def run() -> T:
        loop = asyncio.get_running_loop()
        return await main(lambda: round(loop.time() * NS_PER_S))

    with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
        return runner.run(run())
