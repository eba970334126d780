"""Whole nodes on virtual time: everything is real but links, clock and randomness."""

import asyncio
from pathlib import Path

import pytest

from node.sim.links import Randomness, SeededLinks
from node.sim.virtual_time import simulate
from node.sim.world import World, world_config
from node.store.accounts import find_account
from node.store.atxs import atx_ids_in_epoch, atxs_in_epoch
from node.store.ballots import ballots_in_layer
from node.store.beacons import find_beacon
from node.store.identities import malicious_smeshers
from node.store.layers import find_applied_block, find_state_hash
from node.types.layer import EpochID, LayerID

LAYERS_PER_EPOCH = 10
FIRST_LAYER = 20
"""First layer with ballots: ATXs of epoch 1 are active in epoch 2."""

HARE_4 = {
    "hare3.enable": "false",
    "hare4.enable": "true",
    "hare4.preround-delay": "1s",
    "hare4.round-duration": "100ms",
}


async def _run(world: World, count: int, last_layer: int) -> None:
    for number in range(count):
        world.add_node(number)
    async with world.running():
        await world.until_layer(last_layer)


def _world(folder: Path, seed: int, settings: dict[str, str] | None = None) -> World:
    links = SeededLinks(Randomness(b"links %d" % seed))
    return World(folder=folder, seed=seed, config=world_config(folder, settings), links=links)


def test_a_network_of_one_earns_rewards(tmp_path: Path) -> None:
    world = _world(tmp_path, 5)
    simulate(_run(world, 1, FIRST_LAYER + 4))
    (one,) = world.nodes.values()
    db = one.node.db
    applied = one.node.mesh.applied
    assert applied >= FIRST_LAYER + 2
    assert find_applied_block(db, applied) is not None
    coinbase = one.node.environment.coinbase()
    account = find_account(db, coinbase)
    assert account is not None
    assert account.balance > 0
    world.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("settings", [{}, HARE_4], ids=["hare3", "hare4"])
def test_four_nodes_come_to_the_same_state_in_three_epochs(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    world = _world(tmp_path, 7, settings)
    last = FIRST_LAYER + 3 * LAYERS_PER_EPOCH
    simulate(_run(world, 4, last))
    nodes = [one.node for one in world.nodes.values()]
    first = nodes[0]
    for node in nodes:
        assert node.mesh.applied >= last - 1
        assert len(list(atx_ids_in_epoch(node.db, EpochID(3)))) == len(nodes)
    for number in range(FIRST_LAYER, last - 1):
        layer = LayerID(number)
        roots = {find_state_hash(node.db, layer) for node in nodes}
        assert len(roots) == 1
        assert roots != {None}
        assert find_applied_block(first.db, layer) is not None
    for epoch in (3, 4):
        beacons = {find_beacon(node.db, EpochID(epoch)) for node in nodes}
        assert len(beacons) == 1
        assert beacons != {None}
    for node in nodes:
        smesher = node.environment.identities.signers()[0].smesher_id
        mine = [
            layer
            for layer in range(FIRST_LAYER, last)
            if any(b.smesher == smesher for b in ballots_in_layer(first.db, LayerID(layer)))
        ]
        assert mine
    world.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_node_that_is_killed_and_started_again_says_nothing_twice(tmp_path: Path) -> None:
    world = _world(tmp_path, 11)
    last = FIRST_LAYER + 2 * LAYERS_PER_EPOCH

    async def main() -> None:
        for number in range(3):
            world.add_node(number)
        async with world.running():
            await world.until_layer(4)
            await world.restart("node0")
            await world.until_layer(13)
            await world.restart("node1")
            for layer, seconds in ((21, 0.001), (23, 0.5), (25, 1.25), (27, 1.75), (30, 1.0)):
                await world.until_layer(layer)
                await asyncio.sleep(seconds)
                await world.restart(f"node{layer % 2}")
            await world.until_layer(last)

    simulate(main())
    nodes = [one.node for one in world.nodes.values()]
    for node in nodes:
        assert list(malicious_smeshers(node.db)) == []
        for layer in range(FIRST_LAYER, last):
            smeshers = [ballot.smesher for ballot in ballots_in_layer(node.db, LayerID(layer))]
            assert len(smeshers) == len(set(smeshers))
        for epoch in (1, 2, 3):
            authors = [atx.smesher for atx in atxs_in_epoch(node.db, EpochID(epoch))]
            assert len(authors) == len(set(authors)) == len(nodes)
    for layer in range(FIRST_LAYER, last - 1):
        assert len({find_state_hash(node.db, LayerID(layer)) for node in nodes}) == 1
    world.close()
