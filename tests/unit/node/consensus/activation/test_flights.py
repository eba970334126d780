"""Work that is under way is shared."""

import asyncio

import pytest

from node.base.errors import RejectError
from node.consensus.activation.flights import SingleFlight
from node.sim.virtual_time import simulate


class Job:
    """Takes a second, and says how often it was begun."""

    def __init__(self, *, fails: bool = False) -> None:
        self.begun = 0
        self.fails = fails

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        await asyncio.sleep(1)
        if self.fails:
            raise RejectError("bad")
        return number


def test_all_who_ask_get_the_same_result() -> None:
    async def main() -> None:
        flights: SingleFlight[str, int] = SingleFlight()
        job = Job()
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(flights.run("key", job)) for _ in range(3)]
        assert [task.result() for task in running] == [1, 1, 1]
        assert await flights.run("key", job) == 2

    simulate(main())


def test_different_things_fly_apart() -> None:
    async def main() -> None:
        flights: SingleFlight[str, int] = SingleFlight()
        job = Job()
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(flights.run(key, job)) for key in "ab"]
        assert [task.result() for task in running] == [1, 2]

    simulate(main())


def test_errors_are_shared() -> None:
    async def main() -> None:
        flights: SingleFlight[str, int] = SingleFlight()
        job = Job(fails=True)

        async def ask() -> None:
            with pytest.raises(RejectError, match="bad"):
                await flights.run("key", job)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(3):
                tasks.create_task(ask())
        assert job.begun == 1

    simulate(main())


def test_the_next_one_takes_over_from_one_that_is_cancelled() -> None:
    async def main() -> None:
        flights: SingleFlight[str, int] = SingleFlight()
        job = Job()
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(flights.run("key", job))
            second = tasks.create_task(flights.run("key", job))
            third = tasks.create_task(flights.run("key", job))
            await asyncio.sleep(0.5)
            first.cancel()
        assert first.cancelled()
        assert (second.result(), third.result()) == (2, 2)

    simulate(main())
