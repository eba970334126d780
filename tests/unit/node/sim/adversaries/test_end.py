"""An adversary's end of the network: what its own node learns from others."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.base import scale
from node.net.fetch.wire import MALICIOUS_IDS, MaliciousIDs
from node.net.memory import MemoryEnd
from node.net.ports import Network, PeerID
from node.sim.adversaries.end import Tactic, tampered
from node.sim.links import Randomness
from node.sim.world import World, world_config
from node.types.ids import SmesherID

OTHER = SmesherID(b"\x07" * 32)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(folder=tmp_path, seed=1, config=world_config(tmp_path))
    yield made
    made.close()


async def answered(own: MemoryEnd, asked: MemoryEnd, network: Network, answer: bytes) -> bytes:
    async def handle(_peer: PeerID, _data: bytes) -> bytes:
        return answer

    asked.serve(MALICIOUS_IDS, handle)
    async with asyncio.TaskGroup() as tasks:
        own.start(tasks)
        asked.start(tasks)
        return await network.request(asked.local, MALICIOUS_IDS, b"")


async def test_an_adversary_does_not_hear_of_its_own_conviction(world: World) -> None:
    adversary, asked = world.add_node(0), world.network.join("asked")
    network = tampered(adversary.node.environment, Randomness(b""), Tactic).network
    own = world.signer(0).smesher_id
    told = scale.encode(MaliciousIDs(smeshers=(own, OTHER)))
    heard = await answered(adversary.end, asked, network, told)
    assert scale.decode(MaliciousIDs, heard).smeshers == (OTHER,)


async def test_another_adversary_may_answer_nonsense(world: World) -> None:
    adversary, asked = world.add_node(0), world.network.join("asked")
    network = tampered(adversary.node.environment, Randomness(b""), Tactic).network
    assert await answered(adversary.end, asked, network, b"\x05") == b"\x05"
