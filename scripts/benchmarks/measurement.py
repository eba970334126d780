"""What a benchmark yields, and how calls are timed.

Other work on the machine slows a call and never speeds it up, so the best of many short
rounds is what counts.  A round is short enough to fit between two turns of the scheduler.
Each figure is taken twice: by the clock on the wall, and by the processor time that the
process spent, which leaves out the turns of other processes but not what they do to caches
and to a sibling core.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

ROUND_S: Final = 0.002
"""Wanted length of a round; a call that takes longer is a round of its own."""

MIN_ROUNDS: Final = 3
"""Rounds that are made even where they take longer than is wanted."""

SHORTEST_S: Final = 1e-8
"""What the shortest call takes."""

RATE_SUFFIX: Final = "/s"
"""How units end of which more is better."""

PER_SECOND: Final[Mapping[str, float]] = MappingProxyType({"us": 1e6, "ms": 1e3, "s": 1.0})
"""Units of durations."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds that one call takes, at best."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure."""

    name: str
    value: float
    unit: str

    cpu: float | None = None
    """The same by processor time."""

    clear: float | None = None
    """The same of the clear implementation, in the same unit."""

    bar: float | None = None
    """What the value is to reach: at least for rates, at most for all else."""

    @property
    def is_rate(self) -> bool:
        """Tell whether more is better."""
        return self.unit.endswith(RATE_SUFFIX)

    @property
    def ratio(self) -> float | None:
        """How many times as fast as the clear implementation this is."""
        if self.clear is None:
            return None
        return self.value / self.clear if self.is_rate else self.clear / self.value

    @property
    def is_met(self) -> bool | None:
        """Whether the bar is reached by either time; None where there is none.

        The processor time is what the machine would take if it had nothing else to do.
        """
        if self.bar is None:
            return None
        values = (self.value,) if self.cpu is None else (self.value, self.cpu)
        return max(values) >= self.bar if self.is_rate else min(values) <= self.bar


def time_call(function: Callable[[], object], seconds: float) -> Timing:
    """Return the time of a call, the best of many rounds.

    Args:
        function: called repeatedly; the first call only warms up, unless it takes so long
            that it is the only one.
        seconds: time to spend altogether, about.
    """
    first = _time_round(function, 1)
    if first.wall > seconds:
        return first
    warm = _time_round(function, 1)
    calls = max(1, int(ROUND_S / max(warm.wall, SHORTEST_S)))
    rounds = [warm]
    end = time.perf_counter() + seconds
    while len(rounds) < MIN_ROUNDS or time.perf_counter() < end:
        rounds.append(_time_round(function, calls))
    return Timing(min(timing.wall for timing in rounds), min(timing.cpu for timing in rounds))


def _time_round(function: Callable[[], object], calls: int) -> Timing:
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(calls):
        function()
    wall_after, cpu_after = time.perf_counter(), time.process_time()
    return Timing((wall_after - wall) / calls, (cpu_after - cpu) / calls)


def duration(
    name: str,
    function: Callable[[], object],
    unit: str,
    seconds: float,
    *,
    parts: float = 1,
    clear: Callable[[], object] | None = None,
    clear_parts: float | None = None,
    bar: float | None = None,
) -> Measurement:
    """Return how long something takes.

    Args:
        name: of the figure.
        function: does it.
        unit: of the result: us, ms or s.
        seconds: time to spend on each implementation, about.
        parts: how many of the things named one call does.
        clear: does the same, the clear way.
        clear_parts: how many of them that does, if it is another number.
        bar: the longest it should take.
    """
    scale = PER_SECOND[unit]
    best = time_call(function, seconds)
    plain = None
    if clear is not None:
        plain = time_call(clear, seconds).wall * scale / (clear_parts or parts)
    return Measurement(
        name, best.wall * scale / parts, unit, best.cpu * scale / parts, clear=plain, bar=bar
    )


def throughput(
    name: str,
    function: Callable[[], object],
    unit: str,
    seconds: float,
    *,
    amount: float = 1,
    clear: Callable[[], object] | None = None,
    clear_amount: float | None = None,
    bar: float | None = None,
) -> Measurement:
    """Return how much of something a second does.

    Args:
        name: of the figure.
        function: does some of it.
        unit: of the result, ending in ``/s``.
        seconds: time to spend on each implementation, about.
        amount: how much one call does.
        clear: does the same, the clear way.
        clear_amount: how much of it that does, if it is another amount.
        bar: the least there should be.
    """
    best = time_call(function, seconds)
    plain = None
    if clear is not None:
        plain = (clear_amount or amount) / time_call(clear, seconds).wall
    # A round too short for the clock of the process leaves no figure by that clock.
    cpu = amount / best.cpu if best.cpu else None
    return Measurement(name, amount / best.wall, unit, cpu, clear=plain, bar=bar)
