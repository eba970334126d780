"""Fan-out, periodic and supervised work, helpers of a block."""

import asyncio
from collections.abc import Iterator

import pytest

from node.base.errors import IgnoreError, SpacemeshError, UnavailableError
from node.runtime.retry import Backoff
from node.runtime.tasks import background, for_each, periodic, supervised
from node.sim.virtual_time import simulate

S = 10**9


def now() -> float:
    return asyncio.get_running_loop().time()


def no_spread(_limit: int) -> int:
    return 0


def test_results_come_in_the_order_of_the_items() -> None:
    async def work(item: int) -> int:
        await asyncio.sleep(10 - item)
        return item * item

    assert simulate(for_each(range(5), work, limit=3)) == [0, 1, 4, 9, 16]
    assert simulate(for_each([], work, limit=3)) == []


def test_no_more_run_at_once_than_allowed() -> None:
    running: list[int] = []
    most = 0

    async def work(item: int) -> None:
        nonlocal most
        running.append(item)
        most = max(most, len(running))
        await asyncio.sleep(1)
        running.remove(item)

    async def main() -> float:
        await for_each(range(10), work, limit=4)
        return now()

    assert simulate(main()) == 3
    assert most == 4


def test_items_are_taken_as_workers_get_free() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    async def work(item: int) -> None:
        if item == 2:
            raise UnavailableError("two")

    with pytest.raises(ExceptionGroup) as caught:
        simulate(for_each(items(), work, limit=1))
    assert [str(error) for error in caught.value.exceptions] == ["two"]
    assert taken == [0, 1, 2]


def test_a_limit_below_one_is_refused() -> None:
    async def work(_item: int) -> None:
        return

    with pytest.raises(ValueError, match="limit 0"):
        simulate(for_each([1], work, limit=0))


def collect_periodic(durations: list[float], *, at_once: bool) -> list[float]:
    seen: list[float] = []

    async def work() -> None:
        seen.append(now())
        if len(seen) > len(durations):
            raise UnavailableError("enough")
        await asyncio.sleep(durations[len(seen) - 1])

    with pytest.raises(UnavailableError):
        simulate(periodic(10 * S, work, at_once=at_once))
    return seen


def test_periodic_work_keeps_its_instants() -> None:
    assert collect_periodic([3, 9, 0], at_once=False) == [10, 20, 30, 40]
    assert collect_periodic([1], at_once=True) == [0, 10]


def test_a_slow_run_leaves_out_those_it_overlaps() -> None:
    assert collect_periodic([25, 0, 10], at_once=False) == [10, 35, 40, 50]


def test_supervised_work_runs_again_after_a_tolerated_error() -> None:
    seen: list[float] = []
    told: list[SpacemeshError] = []

    async def work() -> None:
        seen.append(now())
        if len(seen) < 4:
            raise UnavailableError("away")

    async def main() -> None:
        backoff = Backoff(first_ns=S, attempts=9)
        await supervised(work, backoff, random_below=no_spread, on_failure=told.append)

    simulate(main())
    assert seen == [0, 1, 3, 7]
    assert len(told) == 3


def test_a_long_run_begins_the_delays_anew() -> None:
    seen: list[float] = []

    async def work() -> None:
        seen.append(now())
        if len(seen) == 6:
            return
        await asyncio.sleep(100 if len(seen) == 3 else 0)
        raise UnavailableError("away")

    async def main() -> None:
        backoff = Backoff(first_ns=S, limit_ns=50 * S, attempts=4)
        await supervised(work, backoff, random_below=no_spread)

    simulate(main())
    assert seen == [0, 1, 3, 104, 106, 110]


def test_supervision_ends_when_the_attempts_are_used_up() -> None:
    calls = 0

    async def work() -> None:
        nonlocal calls
        calls += 1
        raise UnavailableError("away")

    async def main() -> None:
        await supervised(work, Backoff(first_ns=1, attempts=3), random_below=no_spread)

    with pytest.raises(UnavailableError):
        simulate(main())
    assert calls == 3


def test_an_error_that_is_not_tolerated_ends_supervision() -> None:
    async def work() -> None:
        raise IgnoreError("not this one")

    with pytest.raises(IgnoreError):
        simulate(supervised(work, Backoff(first_ns=1), random_below=no_spread))


def test_background_work_ends_with_the_block() -> None:
    ended: list[str] = []

    async def body(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async def main() -> list[str]:
        async with background(body("one"), body("two")):
            await asyncio.sleep(1)
            assert ended == []
        return ended

    assert simulate(main()) == ["one", "two"]


def test_a_failing_body_ends_the_block() -> None:
    async def fail() -> None:
        await asyncio.sleep(1)
        raise UnavailableError("away")

    async def main() -> None:
        async with background(fail()):
            await asyncio.sleep(100)

    with pytest.raises(ExceptionGroup) as caught:
        simulate(main())
    assert caught.group_contains(UnavailableError, match="away")


def test_a_failing_block_ends_its_background() -> None:
    ended: list[float] = []

    async def body() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            ended.append(now())

    async def main() -> None:
        async with background(body()):
            await asyncio.sleep(1)
            raise IgnoreError("block")

    with pytest.raises(ExceptionGroup) as caught:
        simulate(main())
    assert caught.group_contains(IgnoreError)
    assert ended == [1]
