"""One key on two nodes: the second one hears the first, and keeps silent."""

from dataclasses import replace
from pathlib import Path

import pytest

from node.environment import Environment
from node.events import ProposalPublished, PublicationRefused
from node.sim.links import Randomness, SeededLinks
from node.sim.virtual_time import simulate
from node.sim.world import World, world_config
from node.smesher.identities import Identities, Identity
from node.store.identities import malicious_smeshers
from node.store.rewards import rewards_of_smesher
from node.types.layer import LayerID

FIRST_LAYER = 20
JOINS = 23
LAST = 30
OWNER, TWIN = 0, 2
NETWORK = {"main.standalone": "false", "syncer.malfeasance-sync.min-sync-peers": "1"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_node_that_is_started_with_a_key_in_use_says_nothing(tmp_path: Path) -> None:
    def adjust(number: int, environment: Environment) -> Environment:
        if number != TWIN:
            return environment
        twins = Identities()
        twins.register(Identity("copy.key", world.signer(OWNER)))
        return replace(environment, identities=twins)

    world = World(
        folder=tmp_path,
        seed=1,
        config=world_config(tmp_path, NETWORK),
        links=SeededLinks(Randomness(b"links")),
        adjust=adjust,
    )
    smesher = world.signer(OWNER).smesher_id

    async def main() -> None:
        for number in (0, 1):
            world.add_node(number)
        async with world.running():
            await world.until_layer(JOINS)
            twin = world.add_node(TWIN)
            with (
                twin.node.bus.subscribe(PublicationRefused) as refused,
                twin.node.bus.subscribe(ProposalPublished) as published,
            ):
                world.start(twin.name)
                await world.until_layer(LAST)
                assert twin.node.sync.is_synced
                event = refused.take()
                assert event is not None
                assert event.smesher == smesher
                assert event.code == "smesh.precondition.key_in_use"
                assert event.hint.startswith("stop the other node")
                assert published.take() is None

    simulate(main())
    for one in world.nodes.values():
        assert list(malicious_smeshers(one.node.db)) == []
    owner = world.nodes["node0"].node.db
    paid = rewards_of_smesher(owner, smesher, LayerID(JOINS + 2), LayerID(LAST))
    assert len(list(paid)) >= LAST - JOINS - 4
    world.close()
