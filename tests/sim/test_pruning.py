"""Nodes that remove old data while they run: who comes back finds all that it needs."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from node.app import Node
from node.checkpoint.prune import Pruner
from node.consensus.mesh.history import StoredHistory
from node.consensus.tortoise.machine import Tortoise
from node.consensus.tortoise.parameters import tortoise_parameters
from node.consensus.tortoise.recover import recover
from node.sim.virtual_time import simulate
from node.store import schema
from node.store.activesets import active_sets_in_epoch
from node.store.certificates import find_certified_block, find_hare_output
from node.store.layers import find_applied_block
from node.types.layer import EpochID, LayerID
from tests.support.scenarios import FIRST_LAYER, check_equal_states, make_world, nodes_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

HDIST = 6
SETTINGS = {
    "tortoise.tortoise-hdist": str(HDIST),
    "main.db-prune-interval": "7s",
    "main.prune-activesets-from": "2",
}
"""Something is old at nearly every run: a layer takes 6 s, and an epoch ten layers."""
QUIET_NS = 5 * 10**9
"""From the start of a layer to when hare and certificates are through."""
FIRST_EPOCH = EpochID(2)
"""Of the first active set."""


def _certified(node: Node) -> set[int]:
    """Return the layers of which a node has a certificate."""
    keys = node.db.keys(schema.CERTIFICATE)
    return {schema.number_of(key[: schema.U32_SIZE]) for key in keys}


def _thinks_when_recovered(node: Node, layer: LayerID) -> tuple[object, ...]:
    """Return what a tortoise thinks that is made of a node's store now."""
    tortoise = Tortoise(tortoise_parameters(node.config, node.time), node.atxdata)
    recover(tortoise, node.atxdata, StoredHistory(node.db), clock_layer=layer)
    last = LayerID(layer - 1)
    return (
        tortoise.encode_votes(layer),
        tortoise.results(LayerID(FIRST_LAYER), last),
        [find_hare_output(node.db, LayerID(number)) for number in range(FIRST_LAYER, layer)],
    )


def test_a_node_that_was_away_finds_certificates_with_peers_that_prune(tmp_path: Path) -> None:
    world = make_world(tmp_path, 6, SETTINGS)
    stopped, started, last = 37, 41, 47
    removed: list[int] = []

    async def prune_and_compare(node: Node, layer: LayerID) -> None:
        """Prune once more than the node does, when nothing else goes on."""
        assert node.pruner is not None
        await world.clock.sleep_until(node.time.start_of(layer) + QUIET_NS)
        before = _thinks_when_recovered(node, layer)
        found = await node.pruner.prune()
        assert _thinks_when_recovered(node, layer) == before
        removed.append(found.certificates)

    async def main() -> None:
        for number in range(3):
            world.add_node(number)
        async with world.running():
            for number in range(FIRST_LAYER + 1, last):
                await world.until_layer(number)
                if number == stopped:
                    await world.stop("node1")
                if number == started:
                    world.add_node(1)
                    world.start("node1")
                await prune_and_compare(world.nodes["node0"].node, LayerID(number))
                if number == started:
                    # It was away then, and the others have it still.
                    assert set(range(stopped, started)) <= _certified(world.nodes["node1"].node)
            await world.until_layer(last)

    simulate(main())
    check_equal_states(nodes_of(world), FIRST_LAYER, last - 2)
    assert sum(removed) > 0
    for node in nodes_of(world):
        assert node.sync.is_synced
        kept = _certified(node)
        assert set(range(last - HDIST, last - 1)) <= kept
        assert min(kept) >= last - 1 - HDIST - 2
        assert list(active_sets_in_epoch(node.db, FIRST_EPOCH)) == []
        for epoch in range(FIRST_EPOCH + 1, node.time.epoch_of(LayerID(last)) + 1):
            assert list(active_sets_in_epoch(node.db, EpochID(epoch))) != []
        for layer in map(LayerID, range(FIRST_LAYER + 1, stopped)):
            assert find_hare_output(node.db, layer) == find_applied_block(node.db, layer)
        assert find_certified_block(node.db, LayerID(FIRST_LAYER + 1)) is None
    world.close()


def _configured(folder: Path, settings: Mapping[str, str]) -> Pruner | None:
    """Return what removes old data of a node with these settings."""
    folder.mkdir()
    world = make_world(folder, 6, settings)

    async def build() -> Pruner | None:
        return world.add_node(0).node.pruner

    pruner = simulate(build())
    world.close()
    return pruner


def test_a_node_prunes_as_it_is_configured_or_not_at_all(tmp_path: Path) -> None:
    pruner = _configured(tmp_path / "pruning", SETTINGS)
    assert pruner is not None
    assert pruner.safe_distance == HDIST
    assert pruner.active_sets_from == 2
    assert pruner.interval_ns == 7 * 10**9
    assert _configured(tmp_path / "archive", {"main.db-prune-interval": "0s"}) is None
