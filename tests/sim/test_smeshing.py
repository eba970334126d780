"""Smeshing for many epochs: what an identity earns follows from its space, and luck evens out.

An epoch has 500 slots, which identities get by their weights; each slot falls into one layer by
lot.  So an identity's slots in a layer are a sample, drawn without replacement: of the n slots
that fall into a layer, m of M = 500 being its own, it expects n * m / M, with variance
n * p * (1 - p) * (M - n) / (M - 1) for p = m / M.  All slots pay about the same, so that its
share of the layer's reward is the share of its slots: p is expected, with variance
p * (1 - p) / n * (M - n) / (M - 1).  Layers of one epoch only compensate each other, which makes
the mean less uncertain than if they were independent.
"""

from collections import Counter
from dataclasses import replace
from math import sqrt
from pathlib import Path

import msgspec
import pytest

from node.app import Node
from node.consensus.proposals.slots import count_slots
from node.environment import Environment
from node.sim.virtual_time import simulate
from node.store.atxs import atxs_in_epoch
from node.store.ballots import ballots_in_layer
from node.store.rewards import rewards_in_layer
from node.types.ids import SmesherID
from node.types.layer import EpochID, LayerID
from node.vm.rewards import compute_layer_subsidy
from tests.support.scenarios import (
    FIRST_LAYER,
    LAYERS_PER_EPOCH,
    check_equal_states,
    make_world,
    nodes_of,
)

EPOCHS = 5
LAST = FIRST_LAYER + EPOCHS * LAYERS_PER_EPOCH - 1
UNITS = (1, 2, 4)
"""Space of the nodes: each has one identity."""
COMMITTEE = 50
SLOTS = COMMITTEE * LAYERS_PER_EPOCH
DEVIATIONS = 4.5
"""Standard deviations that chance is granted: it takes more once in 100 000 times."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def _with_space(number: int, environment: Environment) -> Environment:
    smeshing = environment.config.smeshing
    opts = msgspec.structs.replace(smeshing.opts, num_units=UNITS[number])
    wanted = msgspec.structs.replace(smeshing, opts=opts)
    config = msgspec.structs.replace(environment.config, smeshing=wanted)
    return replace(environment, config=config)


def _weights(node: Node, epoch: int) -> dict[SmesherID, int]:
    return {atx.smesher: atx.weight for atx in atxs_in_epoch(node.db, EpochID(epoch - 1))}


def _slots_of_layer(node: Node, layer: int) -> Counter[SmesherID]:
    slots: Counter[SmesherID] = Counter()
    for ballot in ballots_in_layer(node.db, LayerID(layer)):
        slots[ballot.smesher] += len(ballot.eligibilities)
    return slots


def _check_slots(node: Node, epoch: int) -> None:
    """Check that everybody used all its slots, and has as many as its weight is worth."""
    weights = _weights(node, epoch)
    assert len(weights) == len(UNITS)
    used: Counter[SmesherID] = Counter()
    for layer in range(epoch * LAYERS_PER_EPOCH, (epoch + 1) * LAYERS_PER_EPOCH):
        used += _slots_of_layer(node, layer)
    for smesher, weight in weights.items():
        assert used[smesher] == SLOTS * weight // sum(weights.values())
        assert used[smesher] == count_slots(
            weight,
            minimum=0,
            total=sum(weights.values()),
            committee=COMMITTEE,
            layers_per_epoch=LAYERS_PER_EPOCH,
        )


def _check_fair(node: Node, smesher: SmesherID) -> None:
    """Check that an identity's mean share of the rewards is what chance allows."""
    deviation = variance = 0.0
    for layer in range(FIRST_LAYER, LAST + 1):
        weights = _weights(node, layer // LAYERS_PER_EPOCH)
        expected = weights[smesher] / sum(weights.values())
        paid = {r.smesher: r.layer_reward for r in rewards_in_layer(node.db, LayerID(layer))}
        drawn = _slots_of_layer(node, layer).total()
        deviation += paid.get(smesher, 0) / sum(paid.values()) - expected
        variance += expected * (1 - expected) / drawn * (SLOTS - drawn) / (SLOTS - 1)
    assert abs(deviation) <= DEVIATIONS * sqrt(variance)


def test_rewards_of_many_epochs_follow_from_the_space(tmp_path: Path) -> None:
    world = make_world(tmp_path, 41, {"post.post-max-numunits": "4"}, adjust=_with_space)

    async def main() -> None:
        for number in range(len(UNITS)):
            world.add_node(number)
        async with world.running():
            await world.until_layer(LAST + 2)

    simulate(main())
    nodes = nodes_of(world)
    check_equal_states(nodes, FIRST_LAYER, LAST)
    node = nodes[0]
    smeshers = [one.environment.identities.signers()[0].smesher_id for one in nodes]
    for epoch in range(2, 2 + EPOCHS):
        weights = _weights(node, epoch)
        assert [weights[smesher] // weights[smeshers[0]] for smesher in smeshers] == list(UNITS)
        _check_slots(node, epoch)
    for smesher in smeshers:
        _check_fair(node, smesher)
    for layer in map(LayerID, range(FIRST_LAYER, LAST + 1)):
        rewards = list(rewards_in_layer(node.db, layer))
        burnt = compute_layer_subsidy(layer, LayerID(FIRST_LAYER - 1)) - sum(
            reward.layer_reward for reward in rewards
        )
        assert 0 <= burnt < len(rewards)
    world.close()


def test_the_bound_is_not_generous() -> None:
    """A share of a third more than is due is no luck in as many layers."""
    layers, drawn = EPOCHS * LAYERS_PER_EPOCH, COMMITTEE
    for units in UNITS:
        share = units / sum(UNITS)
        spread = sqrt(layers * share * (1 - share) / drawn * (SLOTS - drawn) / (SLOTS - 1))
        assert DEVIATIONS * spread < layers * share / 3
