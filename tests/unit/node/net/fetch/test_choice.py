"""Asking peers, and choosing them by how they answered."""

import asyncio

import pytest

from node.base.errors import UnavailableError
from node.net.fetch.choice import PeerChoice
from node.net.memory import MemoryNetwork
from node.net.ports import PeerID, RequestHandler
from node.sim.links import Randomness
from node.sim.virtual_time import simulate

NAMES = ("a", "b", "c")


class World:
    def __init__(self) -> None:
        self.network = MemoryNetwork()
        self.end = self.network.join("self")
        for name, seconds in zip(NAMES, (3, 2, 1), strict=True):
            self.network.join(name).serve("p", self._after(seconds))
        self.choice = PeerChoice(network=self.end, entropy=Randomness(b"choice"))

    def _after(self, seconds: int) -> RequestHandler:
        async def handle(_peer: PeerID, data: bytes) -> bytes:
            await asyncio.sleep(seconds)
            if data == b"fail":
                raise UnavailableError("busy")
            return data

        return handle


def test_the_fastest_come_first() -> None:
    world = World()

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.network.run())
            await asyncio.sleep(0)
            assert world.choice.best(5) == NAMES
            for name in NAMES:
                await world.choice.request(PeerID(name), "p", b"x")
            assert world.choice.best(2) == ("c", "b")
            assert set(world.choice.best_shuffled(2)) == {"b", "c"}
            orders = {world.choice.best_shuffled(3) for _ in range(50)}
            assert len(orders) == 6
            with pytest.raises(UnavailableError, match="busy"):
                await world.choice.request(PeerID("c"), "p", b"fail")
            assert world.choice.best(3) == ("b", "c", "a")
            world.choice.drop(PeerID("b"), "because")
            assert world.choice.best(3) == ("c", "a")
            running.cancel()

    simulate(main())
    assert world.choice.local == "self"


def test_who_takes_too_long_has_failed() -> None:
    world = World()
    world.choice.timeout_s = 2.5

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.network.run())
            await asyncio.sleep(0)
            with pytest.raises(UnavailableError, match=r"peer a did not answer within 2\.5 s"):
                await world.choice.request(PeerID("a"), "p", b"x")
            assert world.choice.best(3)[-1] == "a"
            running.cancel()

    simulate(main())
