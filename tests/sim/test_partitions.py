"""Networks that are split and healed: all nodes end with the same states.

While two halves are apart neither has the two thirds that verifying mode wants, so every
tortoise goes over to full mode.  Healed, each half gets the ballots of the other.  With these
the margins of the blocks of the split are about zero; all let the same weak coin decide their
votes, and once they vote alike, weight gathers for or against until every layer is decided.
Verifying mode comes back when its own count has caught up with that.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from node.consensus.tortoise.state import Mode
from node.net.ports import PeerID
from node.sim.links import Randomness, SeededLinks
from node.sim.virtual_time import simulate
from node.sim.world import World, world_config
from node.store.ballots import ballots_in_layer
from node.store.identities import malicious_smeshers
from node.store.layers import find_applied_block, find_mesh_hash, find_state_hash
from node.types.ids import BallotID, Hash32
from node.types.layer import LayerID

NETWORK = {
    "main.standalone": "false",
    "syncer.malfeasance-sync.min-sync-peers": "1",
}
HDIST = 2
CUT = 31
"""A layer after which all votes and ATXs of an epoch are out, so that only layers are at stake."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass
class Split:
    """A network whose links are cut and mended, and what is seen of its nodes meanwhile."""

    folder: Path
    seed: int
    nodes: int = 4
    modes: list[dict[str, Mode]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the world."""
        self.links = SeededLinks(Randomness(b"links %d" % self.seed))
        self.world = World(
            folder=self.folder,
            seed=self.seed,
            config=world_config(self.folder, NETWORK),
            links=self.links,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Make the nodes and let them run for the length of the block."""
        for number in range(self.nodes):
            self.world.add_node(number)
        async with self.world.running():
            yield

    def peer(self, number: int) -> PeerID:
        return self.world.nodes[f"node{number}"].end.local

    def cut(self, *sides: Sequence[int]) -> None:
        for place, side in enumerate(sides):
            for other in sides[place + 1 :]:
                for one in side:
                    for another in other:
                        self.links.separate(self.peer(one), self.peer(another))

    async def live(self, first: int, last: int) -> None:
        """Live through layers; note at the end of each what mode everybody is in."""
        for layer in range(first, last + 1):
            await self.world.until_layer(layer + 1)
            self.modes.append(
                {name: one.node.tortoise.mode for name, one in self.world.nodes.items()}
            )

    async def live_until_healed(self, first: int, last: int) -> int:
        """Live until all agree on the state and are back in verifying mode; return the layer."""
        for layer in range(first, last + 1):
            await self.live(layer, layer)
            if set(self.modes[-1].values()) == {Mode.VERIFYING} and self.agree(layer - 2):
                return layer
        pytest.fail(f"not healed by layer {last}, modes {self.modes[-1]}, seed {self.seed}")

    def agree(self, layer: int) -> bool:
        """Tell whether all have a layer verified, and in the same state."""
        nodes = [one.node for one in self.world.nodes.values()]
        roots = {find_state_hash(node.db, LayerID(layer)) for node in nodes}
        return (
            len(roots) == 1
            and None not in roots
            and all(node.tortoise.latest_complete >= layer - 1 for node in nodes)
        )

    def ballots(self, name: str, layer: int) -> frozenset[BallotID]:
        db = self.world.nodes[name].node.db
        return frozenset(ballot.id for ballot in ballots_in_layer(db, LayerID(layer)))

    def seen(self, layer: int) -> set[frozenset[BallotID]]:
        """Return the different sets of ballots that nodes have of a layer."""
        return {self.ballots(name, layer) for name in self.world.nodes}

    def roots(self, layer: int) -> dict[str, Hash32 | None]:
        nodes = self.world.nodes.items()
        return {name: find_state_hash(one.node.db, LayerID(layer)) for name, one in nodes}

    def check_equal(self, first: int, last: int) -> None:
        for number in range(first, last + 1):
            layer = LayerID(number)
            for find in (find_state_hash, find_applied_block, find_mesh_hash):
                found = {find(one.node.db, layer) for one in self.world.nodes.values()}
                assert len(found) == 1
                assert None not in found
        for one in self.world.nodes.values():
            assert one.node.sync.is_synced
            assert list(malicious_smeshers(one.node.db)) == []


def test_even_halves_get_each_others_ballots_and_heal_in_full_mode(tmp_path: Path) -> None:
    split = Split(tmp_path, 1)
    mended = CUT + 5
    apart: dict[str, Hash32 | None] = {}

    async def main() -> int:
        async with split.running():
            await split.world.until_layer(CUT)
            split.cut((0, 1), (2, 3))
            await split.live(CUT, mended - 1)
            assert any(len(split.seen(layer)) == 2 for layer in range(CUT + 1, mended))
            apart.update(split.roots(CUT))
            split.links.heal()
            return await split.live_until_healed(mended, mended + 25)

    healed = simulate(main())
    assert set(split.modes[mended - CUT - 1].values()) == {Mode.FULL}
    assert healed > mended + HDIST
    assert all(len(split.seen(layer)) == 1 for layer in range(CUT, healed - 2))
    # One half had applied what did not stand.
    assert sum(apart[name] not in (None, root) for name, root in split.roots(CUT).items()) == 2
    split.check_equal(CUT - 1, healed - 2)
    split.world.close()


def test_the_smaller_side_comes_round_to_the_larger_even_restarted(tmp_path: Path) -> None:
    split = Split(tmp_path, 9)
    mended = CUT + 6
    alone = []

    async def main() -> int:
        async with split.running():
            await split.world.until_layer(CUT)
            split.cut((0, 1, 2), (3,))
            await split.live(CUT, mended - 1)
            alone.append(split.world.nodes["node3"].node.tortoise.latest_complete)
            await split.world.restart("node3")
            split.links.heal()
            return await split.live_until_healed(mended, mended + 25)

    healed = simulate(main())
    assert split.modes[mended - CUT - 1]["node3"] is Mode.FULL
    assert alone[0] < CUT + HDIST
    # What the larger side decided without the smaller one it need not hear of any more.
    for layer in range(CUT, healed - 2):
        assert split.ballots("node0", layer) <= split.ballots("node3", layer)
    split.check_equal(CUT - 1, healed - 2)
    split.world.close()


def test_three_sides_heal_too(tmp_path: Path) -> None:
    split = Split(tmp_path, 1)
    mended = CUT + 3

    async def main() -> int:
        async with split.running():
            await split.world.until_layer(CUT)
            split.cut((0, 1), (2,), (3,))
            await split.live(CUT, mended - 1)
            split.links.heal()
            return await split.live_until_healed(mended, mended + 30)

    healed = simulate(main())
    split.check_equal(CUT - 1, healed - 2)
    split.world.close()


def test_a_network_that_is_split_again_and_otherwise_heals_again(tmp_path: Path) -> None:
    split = Split(tmp_path, 2)
    layer = CUT

    async def main() -> int:
        nonlocal layer
        async with split.running():
            for sides in (((0, 1), (2, 3)), ((0, 2), (1, 3))):
                await split.world.until_layer(layer)
                split.cut(*sides)
                await split.live(layer, layer + 2)
                split.links.heal()
                layer = await split.live_until_healed(layer + 3, layer + 30) + 1
            return layer - 1

    healed = simulate(main())
    split.check_equal(CUT - 1, healed - 2)
    split.world.close()
