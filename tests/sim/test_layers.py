"""Layers that do not go as they should: empty ones, late hare outputs, different meshes."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from node.base import scale
from node.consensus.blocks.ports import MeshState
from node.consensus.hare.messages import Version, decode_message
from node.consensus.hare.ports import HareOutput
from node.consensus.proposals.handler import TOPIC as PROPOSAL_TOPIC
from node.net.ports import PeerID
from node.sim.virtual_time import simulate
from node.sim.world import SimulatedNode, World
from node.store.ballots import ballots_in_layer, count_ballots
from node.store.certificates import find_certified_block, find_hare_output
from node.store.layers import find_applied_block
from node.store.rewards import rewards_in_layer
from node.types.block import AnyReward, Block
from node.types.ids import NO_BLOCK, BlockID, TransactionID
from node.types.layer import LayerID
from node.types.proposal import Proposal
from tests.support.scenarios import (
    FIRST_LAYER,
    applied_blocks,
    check_equal_states,
    hearing,
    make_world,
    nodes_of,
)

HARE_TOPIC = "/h/3.0"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


async def _run(world: World, count: int, last: int) -> None:
    for number in range(count):
        world.add_node(number)
    async with world.running():
        await world.until_layer(last + 1)


def test_layers_in_which_nobody_is_eligible_are_passed_empty(tmp_path: Path) -> None:
    # One slot in a layer on average: about every third has none.  So few votes decide a layer
    # late: hare's outputs must count for long, as on the live network.
    settings = {"main.layer-average-size": "1", "tortoise.tortoise-hdist": "10"}
    world = make_world(tmp_path, 43, settings)
    last = FIRST_LAYER + 14
    simulate(_run(world, 3, last))
    nodes = nodes_of(world)
    settled = last - 4
    check_equal_states(nodes, FIRST_LAYER, settled)
    # In the network's first layer who is not eligible does not know an active set for hare.
    layers = [LayerID(number) for number in range(FIRST_LAYER + 1, settled + 1)]
    node = nodes[0]
    empty = [layer for layer in layers if count_ballots(node.db, layer) == 0]
    assert 1 < len(empty) < len(layers) - 1
    assert node.tortoise.latest_complete > empty[-1]
    for layer in layers:
        block = find_applied_block(node.db, layer)
        assert (block == NO_BLOCK) == (layer in empty)
        assert (list(rewards_in_layer(node.db, layer)) == []) == (layer in empty)
        for one in nodes:
            assert find_hare_output(one.db, layer) == block
            assert find_certified_block(one.db, layer) == block
    world.close()


def test_a_layer_whose_proposals_all_come_too_late_is_empty(tmp_path: Path) -> None:
    late = LayerID(FIRST_LAYER + 3)

    def wait(_peer: PeerID, topic: str, data: bytes) -> float:
        if topic != PROPOSAL_TOPIC:
            return 0.0
        # Hare chose its proposals a second after the layer began, and agrees 0.7 s later.
        return 1.3 if scale.decode(Proposal, data).layer == late else 0.0

    world = make_world(tmp_path, 44, adjust=hearing(wait))
    last = FIRST_LAYER + 8
    simulate(_run(world, 3, last))
    nodes = nodes_of(world)
    check_equal_states(nodes, FIRST_LAYER, last)
    for node in nodes:
        blocks = applied_blocks(node, FIRST_LAYER, last)
        assert [layer for layer, block in blocks.items() if block == NO_BLOCK] == [late]
        assert find_certified_block(node.db, late) == NO_BLOCK
        assert len(list(ballots_in_layer(node.db, late))) == len(nodes)
        assert list(rewards_in_layer(node.db, late)) == []
        assert node.tortoise.latest_complete > late
    world.close()


@dataclass
class Watched:
    """A node's mesh as its block service sees it; remembers how blocks were made."""

    mesh: MeshState
    filtered: set[int] = field(default_factory=set)
    """Layers whose transactions were executed before the block was made."""

    unfiltered: set[int] = field(default_factory=set)

    @property
    def applied(self) -> LayerID:
        """See MeshState."""
        return self.mesh.applied

    @applied.setter
    def applied(self, layer: LayerID) -> None:
        raise NotImplementedError(f"nobody sets this to {layer}")

    def add_block(self, block: Block) -> None:
        """See MeshState."""
        self.unfiltered.add(block.layer)
        self.mesh.add_block(block)

    def execute_optimistically(
        self,
        layer: LayerID,
        tx_ids: Sequence[TransactionID],
        rewards: Sequence[AnyReward],
        make_block: Callable[[tuple[TransactionID, ...]], Block],
    ) -> Block:
        """See MeshState."""
        self.filtered.add(layer)
        return self.mesh.execute_optimistically(layer, tx_ids, rewards, make_block)

    def on_hare_output(self, layer: LayerID, block: BlockID) -> None:
        """See MeshState."""
        self.mesh.on_hare_output(layer, block)


def _watch(made: SimulatedNode) -> Watched:
    watched = Watched(made.node.mesh)
    made.node.block_service.mesh = watched
    return watched


async def _carry(
    node: SimulatedNode, kept: "asyncio.Queue[HareOutput]", wait_s: dict[int, float]
) -> None:
    """Give a node's hare outputs to its block service, some of them late."""
    async with asyncio.TaskGroup() as tasks:

        async def hand_over(output: HareOutput) -> None:
            await asyncio.sleep(wait_s.get(output.layer, 0.0))
            await kept.put(output)

        while True:
            tasks.create_task(hand_over(await node.node.outputs.get()))


LATE, NEVER = FIRST_LAYER + 2, FIRST_LAYER + 5


def _deaf(_peer: PeerID, topic: str, data: bytes) -> float | None:
    """Hear nothing of hare in one layer: its session ends without an agreement."""
    if topic == HARE_TOPIC and decode_message(Version.HARE3, data).body.layer == NEVER:
        return None
    return 0.0


@pytest.mark.parametrize("threshold", [60, 90])
def test_hare_outputs_that_one_node_has_late_or_never(tmp_path: Path, threshold: int) -> None:
    """It adopts what the others certified; the others filter as the threshold allows.

    In the layer after a late output a quarter of the proposers do not know the mesh: three
    quarters suffice for a threshold of 60 %, not for 90 %.
    """
    settings = {"main.optimistic-filtering-threshold": str(threshold)}
    world = make_world(tmp_path, 45, settings, adjust=hearing(_deaf, 3))
    last = FIRST_LAYER + 9
    behind: list[tuple[int, int]] = []
    certified: list[BlockID | None] = []

    async def main() -> list[Watched]:
        watched = [_watch(world.add_node(number)) for number in range(4)]
        slow = world.nodes["node3"]
        kept: asyncio.Queue[HareOutput] = asyncio.Queue()
        slow.node.block_service.outputs = kept
        async with asyncio.TaskGroup() as tasks:
            carrier = tasks.create_task(_carry(slow, kept, {LATE: 8.0}))
            async with world.running():
                for layer in (LATE, NEVER):
                    await world.until_layer(layer + 1)
                    prompt = world.nodes["node0"].node.mesh.applied
                    behind.append((prompt, slow.node.mesh.applied))
                    # The late output came 3.7 s into this layer.
                    await asyncio.sleep(3.9)
                    certified.append(find_certified_block(slow.node.db, LayerID(layer)))
                await world.until_layer(last + 1)
            carrier.cancel()
        return watched

    watched = simulate(main())
    nodes = nodes_of(world)
    assert behind == [(LATE, LATE - 1), (NEVER, NEVER - 1)]
    # At once: of messages that came before the output in the one case, by sync in the other.
    assert certified == [find_applied_block(nodes[0].db, LayerID(n)) for n in (LATE, NEVER)]
    # Who makes no block of its own may be a layer behind.
    settled = last - 1
    check_equal_states(nodes, FIRST_LAYER, settled)
    for layer, block in applied_blocks(nodes[0], FIRST_LAYER, settled).items():
        assert block not in {None, NO_BLOCK}
        for node in nodes:
            assert find_certified_block(node.db, LayerID(layer)) == block
    layers = set(range(FIRST_LAYER, last + 1))
    unsure = {LATE + 1, NEVER + 1}
    for prompt in watched[:3]:
        filtered = {60: layers, 90: layers - unsure}[threshold]
        assert prompt.filtered == filtered
        assert prompt.unfiltered == layers - filtered
    slow = watched[3]
    assert NEVER not in slow.filtered | slow.unfiltered
    if threshold == 60:
        # It cannot tell whether what the others agree on is so: it makes no block of its own.
        assert not unsure & (slow.filtered | slow.unfiltered)
    world.close()
