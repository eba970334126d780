"""Time as the node sees it: clocks, and waiting for layers.

A Clock tells an instant in nanoseconds since the Unix epoch and sleeps until one.  The
system's clock may be set while the node runs, so sleeping looks at it once a second; a
simulation's clock follows its event loop and never drifts.

Source: go-spacemesh, timesync; node digest section 5.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final, Protocol

from node.types.layer import LayerID
from node.types.layer_time import LayerTime

NS_PER_SECOND: Final = 10**9

LONGEST_SLEEP_NS: Final = NS_PER_SECOND
"""How late a change of the system's clock may be noticed."""

ROUNDING_NS: Final = 1000
"""A loop's time is a float of seconds: after months, neighbours are this far apart."""


class Clock(Protocol):
    """Where the time comes from."""

    def now_ns(self) -> int:
        """Return the instant, nanoseconds since the Unix epoch."""

    async def sleep_until(self, instant_ns: int) -> None:
        """Return when ``now_ns`` is ``instant_ns`` or later, at once if it is already."""


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """See Clock."""
        return time.time_ns()

    async def sleep_until(self, instant_ns: int) -> None:
        """See Clock."""
        remaining = instant_ns - self.now_ns()
        while remaining > 0:
            await asyncio.sleep(min(remaining, LONGEST_SLEEP_NS) / NS_PER_SECOND)
            remaining = instant_ns - self.now_ns()


class LoopClock:
    """The running event loop's time, counted from a chosen instant.

    On a virtual loop this is the clock of a simulation: exact at every instant that was
    slept for, and the same in every run.
    """

    def __init__(self, base_ns: int = 0) -> None:
        """Let the loop's time 0 be the instant ``base_ns``."""
        self._base_ns = base_ns
        self._reached_ns = base_ns

    def now_ns(self) -> int:
        """See Clock."""
        elapsed = round(asyncio.get_running_loop().time() * NS_PER_SECOND)
        return max(self._reached_ns, self._base_ns + elapsed)

    async def sleep_until(self, instant_ns: int) -> None:
        """See Clock."""
        remaining = instant_ns - self.now_ns()
        while remaining > ROUNDING_NS:
            await asyncio.sleep(remaining / NS_PER_SECOND)
            remaining = instant_ns - self.now_ns()
        self._reached_ns = max(self._reached_ns, instant_ns)


class LayerTicker:
    """Tells which layer it is, and when the next ones start.

    Invariant: one ``ticks`` iterator yields ascending layers, even if the clock is set
    back.
    """

    def __init__(self, clock: Clock, layer_time: LayerTime) -> None:
        self.clock = clock
        self.layer_time = layer_time

    def current_layer(self) -> LayerID:
        """Return the layer running now; 0 before genesis."""
        return self.layer_time.layer_at(self.clock.now_ns())

    async def wait_layer(self, layer: LayerID) -> None:
        """Return when ``layer`` has started, at once if it has already."""
        await self.clock.sleep_until(self.layer_time.start_of(layer))

    async def wait_in_layer(self, layer: LayerID, offset_ns: int) -> None:
        """Return ``offset_ns`` after the start of ``layer``; before it if negative."""
        await self.clock.sleep_until(self.layer_time.start_of(layer) + offset_ns)

    async def ticks(self, first: LayerID | None = None) -> AsyncIterator[LayerID]:
        """Yield layers as they start, from ``first``, by default from the one after now.

        Who is slow gets the layer that runs then; those that went by meanwhile are left
        out.
        """
        following = LayerID(self.current_layer() + 1) if first is None else first
        while True:
            await self.wait_layer(following)
            layer = max(following, self.current_layer())
            yield layer
            following = LayerID(layer + 1)
