"""What a benchmark yields, and how rates are taken."""

import time
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 5
"""A rate is the best of this many rounds: other work on the machine only ever slows one."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure."""

    name: str
    value: float
    unit: str


def rate(function: Callable[[], object], seconds: float) -> float:
    """Return how often a second ``function`` can be called.

    Args:
        function: called repeatedly, at least once a round.
        seconds: time to spend altogether, about.
    """
    best = 0.0
    for _ in range(ROUNDS):
        calls = 0
        start = time.perf_counter()
        end = start + seconds / ROUNDS
        now = start
        while calls == 0 or now < end:
            function()
            calls += 1
            now = time.perf_counter()
        best = max(best, calls / (now - start))
    return best
