"""A node that tells every second peer something else."""

import asyncio

from node.base.errors import IgnoreError
from node.net.memory import MemoryEnd, MemoryNetwork
from node.net.ports import PeerID
from node.sim.links import Randomness
from node.sim.smeshers import draw_network
from node.sim.two_faced import TwoFacedGossip
from node.sim.virtual_time import simulate

TOPIC = "bf1"


class Late:
    """Tells the others something else, five seconds later; of other topics it says nothing."""

    def other_face(self, topic: str, data: bytes) -> bytes:
        """See Deceit."""
        return data[::-1]

    def delay_s(self, topic: str, link_s: float | None, *, is_other: bool) -> float | None:
        """See Deceit."""
        if topic != TOPIC or link_s is None:
            return None
        return 5.0 + link_s if is_other else link_s


def _joined(network: MemoryNetwork, name: str, heard: list[tuple[str, bytes]]) -> MemoryEnd:
    end = network.join(name)

    async def hear(peer: PeerID, data: bytes) -> None:
        heard.append((name, data))
        raise IgnoreError("others shall not have it from here")

    end.register(TOPIC, hear)
    return end


def test_every_second_peer_is_told_something_else() -> None:
    heard: list[tuple[str, bytes]] = []
    believed: list[bytes] = []

    async def believe(peer: PeerID, data: bytes) -> None:
        believed.append(data)

    async def main() -> None:
        network = draw_network(Randomness(b"two faces"), lost_per_million=0)
        ends = {name: _joined(network, name, heard) for name in ("a", "liar", "b", "c")}
        gossip = TwoFacedGossip(end=ends["liar"], deceit=Late())
        for topic in (TOPIC, "bw1"):
            gossip.register(topic, believe)
        async with asyncio.TaskGroup() as tasks:
            for end in ends.values():
                end.start(tasks)
            await gossip.publish(TOPIC, b"ab")
            await gossip.publish("bw1", b"cd")
            await asyncio.sleep(2)
            assert sorted(heard) == [("a", b"ab"), ("c", b"ab")]
            await asyncio.sleep(5)
            for end in ends.values():
                end.stop()

    simulate(main())
    assert sorted(heard) == [("a", b"ab"), ("b", b"ba"), ("c", b"ab")]
    assert believed == [b"ab", b"cd"]
