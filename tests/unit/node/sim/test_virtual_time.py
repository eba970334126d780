"""The loop whose clock jumps."""

import asyncio

import pytest

from node.sim.virtual_time import DeadlockError, simulate


def test_hours_pass_in_no_time() -> None:
    async def main() -> float:
        await asyncio.sleep(14 * 24 * 3600)
        return asyncio.get_running_loop().time()

    assert simulate(main()) == 14 * 24 * 3600


def test_years_pass_too() -> None:
    async def main() -> float:
        for _ in range(30):
            await asyncio.sleep(30 * 24 * 3600)
            await asyncio.sleep(0.000_000_001)
        return asyncio.get_running_loop().time()

    assert simulate(main()) == pytest.approx(900 * 24 * 3600)


def test_timers_fire_in_order_at_their_instants() -> None:
    seen: list[tuple[str, float]] = []

    async def wait(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((name, asyncio.get_running_loop().time()))

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(wait("late", 7200))
            group.create_task(wait("early", 60))
            group.create_task(wait("soon", 0))

    simulate(main())
    assert seen == [("soon", 0), ("early", 60), ("late", 7200)]


def test_time_limits_work() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.sleep(7200)
        return asyncio.get_running_loop().time()

    assert simulate(main()) == 3600


def test_waiting_for_what_cannot_happen_is_an_error() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(DeadlockError, match="no timer is set"):
        simulate(main())


def test_a_callback_from_another_thread_is_seen() -> None:
    async def main() -> str:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()
        loop.call_soon_threadsafe(future.set_result, "woken")
        return await future

    assert simulate(main()) == "woken"
