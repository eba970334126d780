"""From hare 3 to hare 4 at a layer: one version speaks on each side, and no layer is lost."""

from pathlib import Path

import pytest

from node.base import scale
from node.consensus.hare.messages import Version, decode_message
from node.net.ports import PeerID
from node.sim.virtual_time import simulate
from node.store.certificates import find_certified_block
from node.types.ids import NO_BLOCK
from node.types.layer import LayerID
from tests.support.scenarios import (
    FIRST_LAYER,
    applied_blocks,
    check_equal_states,
    hearing,
    make_world,
    nodes_of,
)

UPGRADE = FIRST_LAYER + 4
LAST = UPGRADE + 4
TOPICS = {"/h/3.0": Version.HARE3, "/h/4.0": Version.HARE4}
SETTINGS = {
    "hare3.disable-layer": str(UPGRADE),
    "hare4.enable": "true",
    "hare4.enable-layer": str(UPGRADE),
    "hare4.committee": "800",
    "hare4.preround-delay": "1s",
    "hare4.round-duration": "100ms",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_blocks_are_made_on_both_sides_of_the_upgrade(tmp_path: Path) -> None:
    spoken: dict[Version, set[int]] = {version: set() for version in Version}

    def listen(_peer: PeerID, topic: str, data: bytes) -> float:
        if topic in TOPICS:
            message = decode_message(TOPICS[topic], data)
            assert scale.encode(message) == data
            spoken[TOPICS[topic]].add(message.body.layer)
        return 0.0

    world = make_world(tmp_path, 42, SETTINGS, adjust=hearing(listen))

    async def main() -> None:
        for number in range(3):
            world.add_node(number)
        async with world.running():
            await world.until_layer(LAST + 1)

    simulate(main())
    nodes = nodes_of(world)
    check_equal_states(nodes, FIRST_LAYER, LAST)
    assert spoken[Version.HARE3] == set(range(FIRST_LAYER, UPGRADE))
    assert spoken[Version.HARE4] == set(range(UPGRADE, LAST + 1))
    for node in nodes:
        for layer, block in applied_blocks(node, FIRST_LAYER, LAST).items():
            assert block not in {None, NO_BLOCK}
            assert find_certified_block(node.db, LayerID(layer)) == block
    world.close()
