"""Clocks that are off: a little is borne; who is off by much is told, and harms nobody.

The reference's scenario: some nodes' clocks are skewed, and the others go on.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from node.base.errors import PreconditionError
from node.environment import Environment
from node.events import WarningRaised
from node.net.peersync import DRIFT
from node.sim.clock import Jump, WrongClock
from node.sim.links import Randomness, SeededLinks
from node.sim.virtual_time import simulate
from node.sim.world import GENESIS_NS, World, world_config
from node.store.ballots import ballots_in_layer
from node.store.layers import find_applied_layer, find_state_hash
from node.types.ids import NO_BLOCK
from node.types.layer import LayerID
from tests.support.scenarios import (
    FIRST_LAYER,
    NETWORK,
    applied_blocks,
    check_equal_states,
    make_world,
    nodes_of,
)

NS_PER_S = 10**9
NS_PER_MS = 10**6
COMPARISON = {
    "time.peersync.disable": "false",
    "time.peersync.round-interval": "6s",
    "time.peersync.max-clock-offset": "2s",
    "time.peersync.max-offset-errors": "3",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_clocks_that_are_a_little_off_are_borne(tmp_path: Path) -> None:
    """They are off by less than a message takes, so that no proposal comes before its layer."""
    skews_ms = (0, 20, -19, 10)
    world = World(
        folder=tmp_path,
        seed=46,
        config=world_config(tmp_path, {**NETWORK, **COMPARISON}),
        links=SeededLinks(Randomness(b"links 46"), lowest_s=0.04, highest_s=0.05),
        skew_ns=lambda number: skews_ms[number] * NS_PER_MS,
    )
    last = FIRST_LAYER + 6
    warnings = []

    async def main() -> None:
        async with AsyncExitStack() as stack:
            for number in range(len(skews_ms)):
                made = world.add_node(number)
                warnings.append(stack.enter_context(made.node.bus.subscribe(WarningRaised)))
            await stack.enter_async_context(world.running())
            await world.until_layer(last + 1)

    simulate(main())
    nodes = nodes_of(world)
    check_equal_states(nodes, FIRST_LAYER, last - 1)
    for block in applied_blocks(nodes[0], FIRST_LAYER, last - 1).values():
        assert block not in {None, NO_BLOCK}
    assert [subscription.take() for subscription in warnings] == [None] * len(nodes)
    offsets = [node.peersync.offset_ns or 0 for node in nodes]
    for offset_ns, skew_ms in zip(offsets, skews_ms, strict=True):
        others = sorted(set(skews_ms) - {skew_ms})
        assert abs(offset_ns - (others[1] - skew_ms) * NS_PER_MS) < 10 * NS_PER_MS
    world.close()


@pytest.mark.parametrize("by_s", [-14, 14])
def test_who_is_far_off_is_told_and_harms_nobody(tmp_path: Path, by_s: int) -> None:
    """The clock of one of four jumps by more than two layers, in the middle of one."""
    jump_layer, last = FIRST_LAYER + 3, FIRST_LAYER + 9
    started_ns = GENESIS_NS - 20 * NS_PER_S
    after_ns = 20 * NS_PER_S + jump_layer * 6 * NS_PER_S + 3 * NS_PER_S
    jump = Jump(after_ns=after_ns, by_ns=by_s * NS_PER_S)

    def adjust(number: int, environment: Environment) -> Environment:
        if number != 3:
            return environment
        return replace(environment, clock=WrongClock(start_ns=started_ns, jumps=(jump,)))

    world = make_world(tmp_path, 47, COMPARISON, adjust)
    stopped: list[PreconditionError] = []
    told: list[WarningRaised] = []

    async def live(name: str) -> None:
        with world.nodes[name].node.bus.subscribe(WarningRaised) as warnings:
            try:
                await world.nodes[name].run()
            except* PreconditionError as group:
                stopped.append(_only(group))
            while (warning := warnings.take()) is not None:
                told.append(warning)

    async def main() -> None:
        for number in range(3):
            world.add_node(number)
        async with asyncio.TaskGroup() as tasks, world.running():
            world.add_node(3)
            tasks.create_task(live("node3"))
            await world.until_layer(last + 1)

    simulate(main())
    *good, bad = nodes_of(world)
    side = "behind" if by_s < 0 else "ahead of"
    (error,) = stopped
    assert (error.code, bool(error.hint)) == (DRIFT, True)
    assert f"s {side} those of the peers, 2 s are allowed" in str(error)
    assert [warning.code for warning in told] == [DRIFT] * 3
    check_equal_states(good, FIRST_LAYER, last)
    for layer, block in applied_blocks(good[0], FIRST_LAYER, last).items():
        assert block not in {None, NO_BLOCK}, layer
    for node in good:
        ends = world.network.ends
        assert not any(end.has_dropped(bad.environment.network.local) for end in ends.values())
        for number in range(FIRST_LAYER, last + 1):
            smeshers = [one.smesher for one in ballots_in_layer(node.db, LayerID(number))]
            assert len(smeshers) == len(set(smeshers))
    reached = find_applied_layer(bad.db) or FIRST_LAYER
    assert reached >= jump_layer
    for number in range(FIRST_LAYER, min(reached, last) + 1):
        layer = LayerID(number)
        assert find_state_hash(bad.db, layer) == find_state_hash(good[0].db, layer)
    world.close()


def _only(group: BaseExceptionGroup[PreconditionError]) -> PreconditionError:
    """Return the one error in nested groups."""
    (error,) = group.exceptions
    return _only(error) if isinstance(error, BaseExceptionGroup) else error
