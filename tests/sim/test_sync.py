"""Nodes that were away, or come late: they end with the same state as those that were there."""

from pathlib import Path

import pytest

from node.sim.virtual_time import simulate
from node.sim.world import World, world_config
from node.store.layers import find_state_hash
from node.types.layer import LayerID

LAYERS_PER_EPOCH = 10
FIRST_LAYER = 20
NETWORK = {
    "main.standalone": "false",
    "syncer.malfeasance-sync.min-sync-peers": "2",
}


def _world(folder: Path, seed: int, settings: dict[str, str] | None = None) -> World:
    config = world_config(folder, {**NETWORK, **(settings or {})})
    return World(folder=folder, seed=seed, config=config)


def _same_states(world: World, first: int, last: int) -> bool:
    nodes = [one.node for one in world.nodes.values()]
    for number in range(first, last + 1):
        roots = {find_state_hash(node.db, LayerID(number)) for node in nodes}
        if len(roots) != 1 or None in roots:
            return False
    return True


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_node_that_joins_three_epochs_late_comes_to_the_same_state(tmp_path: Path) -> None:
    world = _world(tmp_path, 3)
    join, last = FIRST_LAYER + 3 * LAYERS_PER_EPOCH, FIRST_LAYER + 4 * LAYERS_PER_EPOCH

    async def main() -> None:
        for number in range(3):
            world.add_node(number)
        async with world.running():
            await world.until_layer(join)
            world.add_node(3)
            world.start("node3")
            await world.until_layer(last)

    simulate(main())
    late = world.nodes["node3"].node
    assert late.sync.is_synced
    assert late.mesh.applied >= last - 1
    assert _same_states(world, FIRST_LAYER, last - 1)
    world.close()
