"""Delays between attempts, and the loop around them."""

import asyncio
from itertools import islice

import pytest

from node.base.errors import IgnoreError, SpacemeshError, UnavailableError
from node.runtime.retry import Backoff, Growth, retry
from node.sim.virtual_time import simulate

S = 10**9


def no_spread(_limit: int) -> int:
    return 0


def delays(backoff: Backoff, count: int) -> list[int]:
    return list(islice(backoff.delays_ns(no_spread), count))


@pytest.mark.parametrize(
    ("growth", "expected"),
    [
        (Growth.CONSTANT, [3, 3, 3, 3]),
        (Growth.LINEAR, [3, 6, 9, 10]),
        (Growth.EXPONENTIAL, [3, 6, 10, 10]),
    ],
)
def test_delays_grow_up_to_the_limit(growth: Growth, expected: list[int]) -> None:
    assert delays(Backoff(first_ns=3, growth=growth, limit_ns=10), 4) == expected


def test_growth_never_overflows() -> None:
    endless = Backoff(first_ns=1, limit_ns=10**18)
    assert delays(endless, 10_000)[-1] == 10**18


def test_there_is_no_delay_after_the_last_attempt() -> None:
    assert delays(Backoff(first_ns=1, attempts=1), 9) == []
    assert delays(Backoff(first_ns=1, attempts=3), 9) == [1, 2]


def test_the_spread_is_added_at_random() -> None:
    asked: list[int] = []

    def random_below(limit: int) -> int:
        asked.append(limit)
        return limit - 1

    backoff = Backoff(first_ns=1000, growth=Growth.CONSTANT, attempts=3, spread_percent=50)
    assert list(backoff.delays_ns(random_below)) == [1500, 1500]
    assert asked == [501, 501]


class Flaky:
    """Fails a number of times, then returns its number of calls."""

    def __init__(self, failures: int, error: SpacemeshError) -> None:
        self.calls = 0
        self._failures = failures
        self._error = error

    async def __call__(self) -> int:
        self.calls += 1
        if self.calls <= self._failures:
            raise self._error
        return self.calls


def run(flaky: Flaky, attempts: int | None) -> tuple[int, float, list[SpacemeshError]]:
    seen: list[SpacemeshError] = []

    async def main() -> tuple[int, float]:
        backoff = Backoff(first_ns=S, attempts=attempts)
        done = await retry(flaky, backoff, random_below=no_spread, on_failure=seen.append)
        return done, asyncio.get_running_loop().time()

    return (*simulate(main()), seen)


def test_it_tries_until_it_works() -> None:
    error = UnavailableError("away")
    assert run(Flaky(2, error), 5) == (3, 3, [error, error])
    assert run(Flaky(0, error), 1) == (1, 0, [])


def test_without_a_limit_it_tries_on() -> None:
    assert run(Flaky(20, UnavailableError("away")), None)[0] == 21


def test_the_last_error_is_raised() -> None:
    flaky = Flaky(9, UnavailableError("away"))
    with pytest.raises(UnavailableError, match="away"):
        run(flaky, 3)
    assert flaky.calls == 3


def test_other_errors_are_raised_at_once() -> None:
    flaky = Flaky(9, IgnoreError("late"))
    with pytest.raises(IgnoreError):
        run(flaky, 3)
    assert flaky.calls == 1


def test_failures_need_not_be_told() -> None:
    async def main() -> int:
        flaky = Flaky(1, UnavailableError("away"))
        return await retry(flaky, Backoff(first_ns=1), random_below=no_spread)

    assert simulate(main()) == 2
