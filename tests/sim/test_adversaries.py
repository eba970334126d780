"""Nodes that break the protocol: the others agree, go on, and know who it was."""

from pathlib import Path

import pytest

from node.sim.adversaries.registry import ADVERSARIES, Cast
from node.sim.links import Randomness, SeededLinks
from node.sim.virtual_time import simulate
from node.sim.world import SimulatedNode, World, world_config
from node.store.atxs import atx_ids_in_epoch
from node.store.identities import malicious_smeshers
from node.store.layers import find_applied_block, find_state_hash
from node.types.layer import EpochID, LayerID

LAYERS_PER_EPOCH = 10
FIRST_LAYER = 20
HONEST = 3
LIAR = 3
NETWORK = {
    "main.standalone": "false",
    "main.miner-good-atxs-percent": "50",
    "syncer.malfeasance-sync.min-sync-peers": "1",
    "syncer.malfeasance-sync.id-request-interval": "20s",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Outcome:
    """A world with one adversary after some epochs."""

    def __init__(self, folder: Path, name: str, last: int, seed: int = 1) -> None:
        self.cast = Cast(parts={LIAR: name}, seed=seed)
        self.last = last
        self.world = World(
            folder=folder,
            seed=seed,
            config=world_config(folder, NETWORK),
            links=SeededLinks(Randomness(b"links %d" % seed)),
            adjust=self.cast.adjust,
        )
        simulate(self._run())

    async def _run(self) -> None:
        for number in range(HONEST + 1):
            self.world.add_node(number)
        async with self.world.running():
            await self.world.until_layer(self.last)

    @property
    def honest(self) -> list[SimulatedNode]:
        return [one for one in self.world.nodes.values() if self.cast.is_honest(one.number)]

    def check_agreement(self) -> None:
        for one in self.honest:
            assert one.node.mesh.applied >= self.last - 2
        for number in range(FIRST_LAYER, self.last - 1):
            layer = LayerID(number)
            assert len({find_state_hash(one.node.db, layer) for one in self.honest}) == 1
            assert len({find_applied_block(one.node.db, layer) for one in self.honest}) == 1
        for epoch in range(1, self.last // LAYERS_PER_EPOCH):
            atxs = {frozenset(atx_ids_in_epoch(one.node.db, EpochID(epoch))) for one in self.honest}
            assert len(atxs) == 1

    def check_convicted(self) -> None:
        smesher = self.world.signer(LIAR).smesher_id
        expected = [smesher] if ADVERSARIES[self.cast.parts[LIAR]].is_convicted else []
        for one in self.honest:
            assert list(malicious_smeshers(one.node.db)) == expected


@pytest.mark.parametrize("name", sorted(ADVERSARIES))
def test_honest_nodes_agree_whatever_one_of_four_does(tmp_path: Path, name: str) -> None:
    outcome = Outcome(tmp_path, name, FIRST_LAYER + 2 * LAYERS_PER_EPOCH)
    outcome.check_agreement()
    outcome.check_convicted()
    outcome.world.close()
