"""Trying again: how long to wait between attempts, and a loop around it.

Source: style digest section 4.7; activation digest section 8.4 for the PoET's rule.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import count, islice
from typing import Final, TypeVar, assert_never

from node.base.errors import SpacemeshError, UnavailableError

T = TypeVar("T")

NS_PER_SECOND: Final = 10**9
PERCENT: Final = 100


class Growth(Enum):
    """How the delay grows from attempt to attempt."""

    CONSTANT = auto()
    LINEAR = auto()
    EXPONENTIAL = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait between attempts."""

    first_ns: int
    """After the first failure."""

    growth: Growth = Growth.EXPONENTIAL

    limit_ns: int = 60 * NS_PER_SECOND
    """No delay is longer, before the spread is added."""

    attempts: int | None = None
    """How often to try in all; None: without end."""

    spread_percent: int = 0
    """Up to this part of the delay is added at random, so that nodes do not come in step."""

    def delays_ns(self, random_below: Callable[[int], int]) -> Iterator[int]:
        """Yield the wait after each failure; ends when there is no further attempt.

        Args:
            random_below: returns a random number from 0 up to, not including, its argument.
        """
        waits = map(self._delay_ns, count())
        for delay in waits if self.attempts is None else islice(waits, self.attempts - 1):
            yield delay + random_below(delay * self.spread_percent // PERCENT + 1)

    def _delay_ns(self, failures: int) -> int:
        match self.growth:
            case Growth.CONSTANT:
                factor = 1
            case Growth.LINEAR:
                factor = failures + 1
            case Growth.EXPONENTIAL:
                # No more doublings than it takes to reach the limit from 1 ns.
                factor = 1 << min(failures, self.limit_ns.bit_length())
            case _:
                assert_never(self.growth)
        return min(self.first_ns * factor, self.limit_ns)


async def retry(
    attempt: Callable[[], Awaitable[T]],
    backoff: Backoff,
    *,
    random_below: Callable[[int], int],
    on: tuple[type[SpacemeshError], ...] = (UnavailableError,),
    on_failure: Callable[[SpacemeshError], None] | None = None,
) -> T:
    """Call ``attempt`` until it returns, and return what it returns.

    Args:
        attempt: what to do.
        backoff: how long to wait, and how often to try.
        random_below: see ``Backoff.delays_ns``.
        on: errors after which another attempt makes sense.
        on_failure: told of every error that is followed by another attempt.

    Raises:
        SpacemeshError: the last error, when the attempts are used up; any error that is
            not among ``on``, at once.
    """
    for delay_ns in backoff.delays_ns(random_below):
        try:
            return await attempt()
        except on as error:
            if on_failure is not None:
                on_failure(error)
        await asyncio.sleep(delay_ns / NS_PER_SECOND)
    return await attempt()
