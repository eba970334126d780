"""Adversaries by name, and who plays which part."""

from pathlib import Path

import pytest

from node.base.errors import UsageError
from node.environment import Environment
from node.net.memory import MemoryEnd
from node.sim.adversaries.end import AdversarialEnd
from node.sim.adversaries.registry import ADVERSARIES, Cast, draw_cast
from node.sim.world import World, world_config


def test_a_seed_draws_the_last_nodes_as_adversaries() -> None:
    cast = draw_cast(3, nodes=7, adversaries=2)
    assert cast == draw_cast(3, nodes=7, adversaries=2)
    assert set(cast.parts) == {5, 6}
    assert set(cast.parts.values()) <= ADVERSARIES.keys()
    assert (
        len({tuple(draw_cast(seed, nodes=4, adversaries=1).parts.items()) for seed in range(50)})
        > 5
    )


@pytest.mark.parametrize("name", sorted(ADVERSARIES))
async def test_every_adversary_joins_a_world(tmp_path: Path, name: str) -> None:
    assert ADVERSARIES[name].name == name
    assert ADVERSARIES[name].does
    cast = Cast(parts={1: name}, seed=1)
    world = World(folder=tmp_path, seed=1, config=world_config(tmp_path), adjust=cast.adjust)
    honest, liar = world.add_node(0), world.add_node(1)
    assert cast.is_honest(0)
    assert not cast.is_honest(1)
    assert isinstance(honest.node.environment.network, MemoryEnd)
    assert isinstance(liar.node.environment.network, AdversarialEnd)
    world.close()


async def test_adversaries_need_a_network_in_memory(tmp_path: Path) -> None:
    def twice(number: int, environment: Environment) -> Environment:
        return cast.adjust(number, cast.adjust(number, environment))

    cast = Cast(parts={0: "spam"}, seed=1)
    world = World(folder=tmp_path, seed=1, config=world_config(tmp_path), adjust=twice)
    with pytest.raises(UsageError, match="in memory"):
        world.add_node(0)
    world.close()
