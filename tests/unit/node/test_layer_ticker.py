"""Clocks and layers."""

import asyncio
import time

import pytest

from node.layer_ticker import LayerTicker, LoopClock, SystemClock
from node.sim.virtual_time import simulate
from node.types.layer import LayerID
from node.types.layer_time import LayerTime

S = 10**9
GENESIS = 1_700_000_000 * S
TIME = LayerTime(genesis_ns=GENESIS, layer_duration_ns=300 * S, layers_per_epoch=4)


def test_a_loop_clock_begins_at_its_base() -> None:
    async def main() -> tuple[int, int]:
        clock = LoopClock(GENESIS)
        before = clock.now_ns()
        await asyncio.sleep(1.5)
        return before, clock.now_ns()

    assert simulate(main()) == (GENESIS, GENESIS + 15 * S // 10)


def test_a_loop_clock_is_exact_where_it_was_slept_for() -> None:
    async def main() -> list[int]:
        clock, seen = LoopClock(GENESIS), []
        for offset in (1, 3, 7 * S + 333_333_333, 200 * 24 * 3600 * S + 1):
            await clock.sleep_until(GENESIS + offset)
            seen.append(clock.now_ns() - GENESIS - offset)
        return seen

    late = simulate(main())
    assert all(0 <= lateness <= 1000 for lateness in late)


def test_sleeping_into_the_past_returns_at_once() -> None:
    async def main() -> float:
        clock = LoopClock(GENESIS)
        await clock.sleep_until(GENESIS - S)
        assert clock.now_ns() == GENESIS
        return asyncio.get_running_loop().time()

    assert simulate(main()) == 0


class ShiftedClock(SystemClock):
    """A system clock that a test sets."""

    def __init__(self) -> None:
        self.instant = GENESIS

    def now_ns(self) -> int:
        return self.instant


def test_a_system_clock_that_is_set_forward_wakes_the_sleeper() -> None:
    async def main() -> float:
        clock = ShiftedClock()

        async def set_forward() -> None:
            await asyncio.sleep(1.5)
            clock.instant += 3600 * S

        async with asyncio.TaskGroup() as group:
            group.create_task(set_forward())
            group.create_task(clock.sleep_until(GENESIS + 3600 * S))
        return asyncio.get_running_loop().time()

    assert simulate(main()) == 2


async def test_the_system_clock_is_the_machines() -> None:
    clock = SystemClock()
    before = time.time_ns()
    await clock.sleep_until(clock.now_ns() + 1)
    assert before <= clock.now_ns() <= time.time_ns()


def test_a_layer_is_waited_for_until_it_starts() -> None:
    async def main() -> tuple[LayerID, LayerID, float]:
        ticker = LayerTicker(LoopClock(GENESIS), TIME)
        first = ticker.current_layer()
        await ticker.wait_layer(LayerID(2))
        await ticker.wait_layer(LayerID(1))
        return first, ticker.current_layer(), asyncio.get_running_loop().time()

    assert simulate(main()) == (0, 2, 600)


@pytest.mark.parametrize(("offset", "instant"), [(10 * S, 310), (-20 * S, 280)])
def test_an_instant_around_the_start_of_a_layer_is_waited_for(offset: int, instant: float) -> None:
    async def main() -> float:
        ticker = LayerTicker(LoopClock(GENESIS), TIME)
        await ticker.wait_in_layer(LayerID(1), offset)
        return asyncio.get_running_loop().time()

    assert simulate(main()) == instant


def test_ticks_begin_with_the_layer_after_now() -> None:
    async def main() -> list[tuple[LayerID, float]]:
        ticker = LayerTicker(LoopClock(GENESIS + 450 * S), TIME)
        seen = []
        async for layer in ticker.ticks():
            seen.append((layer, asyncio.get_running_loop().time()))
            if layer == 4:
                break
        return seen

    assert simulate(main()) == [(2, 150), (3, 450), (4, 750)]


def test_who_is_slow_gets_the_layer_that_runs() -> None:
    async def main() -> list[LayerID]:
        ticker = LayerTicker(LoopClock(GENESIS), TIME)
        seen = []
        async for layer in ticker.ticks(LayerID(0)):
            seen.append(layer)
            if layer == 1:
                await asyncio.sleep(1000)
            if layer >= 5:
                break
        return seen

    assert simulate(main()) == [0, 1, 4, 5]


def test_no_layer_comes_twice_when_the_clock_is_set_back() -> None:
    async def main() -> list[LayerID]:
        clock = ShiftedClock()
        clock.instant = TIME.start_of(LayerID(5))
        ticker = LayerTicker(clock, TIME)
        ticks = ticker.ticks(LayerID(5))
        seen = [await anext(ticks)]
        clock.instant = TIME.start_of(LayerID(3))
        waiting = asyncio.timeout(10_000)
        with pytest.raises(TimeoutError):
            async with waiting:
                seen.append(await anext(ticks))
        return seen

    assert simulate(main()) == [5]
