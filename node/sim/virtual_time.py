"""An event loop on virtual time: days of timers run in the time their callbacks need.

Nothing is ever waited for.  When no callback is ready, the loop's clock moves on to the
next timer; when there is no timer either, every task waits for something that can no
longer happen, and the loop says so instead of hanging.

Sockets and threads live in real time, which this loop cannot see: simulations use
``node.net.memory`` and inline workers.

Source: style digest, appendix B.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

CLOCK_RESOLUTION: Final = 1e-6
"""Seconds; timers that are this close fire together, in their order."""


class DeadlockError(RuntimeError):
    """Every task waits, and no timer is set that could wake one."""


class _JumpingSelector(selectors.SelectSelector):
    """A selector that moves a clock on by the time it was asked to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready at once; where nothing is, the wait is over at once."""
        # One file is the loop's own, by which threads would wake it: nobody does.
        ready = super().select(0) if len(self.get_map()) > 1 else []
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise DeadlockError("no task is ready and no timer is set")
        self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector loop whose ``time()`` starts at 0 and jumps from timer to timer."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        # What the base class adds to the time when it asks whether a timer is due.  Its
        # own value, a nanosecond, is lost in a float after four months: none would be.
        self._clock_resolution = CLOCK_RESOLUTION

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._jumping.now


def simulate(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` to its end in virtual time and return its result.

    Raises:
        DeadlockError: all tasks wait for each other.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
