"""Networks that cannot agree on a beacon or an active set, and what they fall back on."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from node.base.errors import UnavailableError
from node.checkpoint.bootstrap_file import UpdateKind
from node.consensus.beacon.handler import FIRST_VOTES, FOLLOWING_VOTES, PROPOSALS, WEAK_COIN
from node.environment import Environment
from node.net.memory import MemoryEnd
from node.net.ports import GossipHandler, PeerID, RequestHandler
from node.sim.links import Randomness, SeededLinks
from node.sim.virtual_time import simulate
from node.sim.world import World, world_config
from node.store.activesets import get_active_set
from node.store.ballots import first_ballots
from node.store.beacons import find_beacon
from node.store.layers import find_applied_block, find_state_hash
from node.types.ballot import Ballot
from node.types.ids import NO_BLOCK, Beacon
from node.types.layer import EpochID, LayerID
from tests.support.bootstrap_server import BootstrapServer, epoch_beacon

LAYERS_PER_EPOCH = 10
NETWORK = {"main.standalone": "false", "syncer.malfeasance-sync.min-sync-peers": "2"}
BEACON_TOPICS = (PROPOSALS, FIRST_VOTES, FOLLOWING_VOTES, WEAK_COIN)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class WithoutBeaconTalk:
    """A network that carries everything but the beacon protocol."""

    end: MemoryEnd

    @property
    def local(self) -> PeerID:
        """See Peers."""
        return self.end.local

    def register(self, topic: str, handler: GossipHandler) -> None:
        """See Gossip."""
        if topic not in BEACON_TOPICS:
            self.end.register(topic, handler)

    async def publish(self, topic: str, data: bytes) -> None:
        """See Gossip."""
        if topic in BEACON_TOPICS:
            raise UnavailableError("nobody listens")
        await self.end.publish(topic, data)

    async def request(self, peer: PeerID, protocol: str, data: bytes) -> bytes:
        """See Questions."""
        return await self.end.request(peer, protocol, data)

    def serve(self, protocol: str, handler: RequestHandler) -> None:
        """See Requests."""
        self.end.serve(protocol, handler)

    def best(self, count: int) -> tuple[PeerID, ...]:
        """See Peers."""
        return self.end.best(count)

    def drop(self, peer: PeerID, reason: str) -> None:
        """See Peers."""
        self.end.drop(peer, reason)


@dataclass
class Scene:
    """A world whose nodes ask a server for bootstrap files."""

    folder: Path
    seed: int
    settings: dict[str, str] = field(default_factory=dict)
    speechless: Callable[[int], bool] = field(default=lambda _number: False)
    """Tells which nodes have no part in the beacon protocol."""

    world: World = field(init=False)
    server: BootstrapServer = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(
            folder=self.folder,
            seed=self.seed,
            config=world_config(self.folder, {**NETWORK, **self.settings}),
            links=SeededLinks(Randomness(b"links %d" % self.seed)),
            adjust=self.adjust,
        )
        self.server = BootstrapServer(self.world)

    def adjust(self, number: int, environment: Environment) -> Environment:
        if self.speechless(number):
            end = environment.network
            assert isinstance(end, MemoryEnd)
            environment = replace(environment, network=WithoutBeaconTalk(end))
        return self.server.give(number, environment, self.folder)

    def run(self, nodes: int, last: int) -> None:
        async def main() -> None:
            for number in range(nodes):
                self.world.add_node(number)
            async with self.world.running():
                await self.world.until_layer(last)

        simulate(main())

    def beacons(self, epoch: int) -> set[Beacon | None]:
        """Return what the nodes hold for the beacon of an epoch."""
        return {find_beacon(one.node.db, EpochID(epoch)) for one in self.world.nodes.values()}

    def references(self, epoch: int) -> list[Ballot]:
        """Return the reference ballots of an epoch."""
        first = LayerID(epoch * LAYERS_PER_EPOCH)
        db = self.world.nodes["node0"].node.db
        return list(first_ballots(db, first, LayerID(first + LAYERS_PER_EPOCH - 1)))

    def applied(self, first: int, last: int) -> int:
        """Return how many of these layers have a block; all nodes agree on their states."""
        dbs = [one.node.db for one in self.world.nodes.values()]
        blocks = 0
        for layer in map(LayerID, range(first, last + 1)):
            assert len({find_state_hash(db, layer) for db in dbs}) == 1
            blocks += bool({find_applied_block(db, layer) for db in dbs} - {None, NO_BLOCK})
        return blocks


def test_where_no_beacon_is_agreed_on_the_one_in_the_file_serves(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 1, speechless=lambda _: True)
    scene.server.kinds = (UpdateKind.BEACON,)
    scene.run(3, 3 * LAYERS_PER_EPOCH + 6)
    for epoch in (2, 3):
        assert scene.beacons(epoch) == {epoch_beacon(epoch)}
        named = [ballot.inner.epoch_data for ballot in scene.references(epoch)]
        assert len(named) == 3
        assert {data and data.beacon for data in named} == {epoch_beacon(epoch)}
    first = 3 * LAYERS_PER_EPOCH
    assert scene.applied(first + 1, first + 4) >= 3
    scene.world.close()


def test_a_node_without_part_in_the_protocol_takes_the_beacon_of_the_ballots(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path, 2, speechless=lambda number: number == 2)
    scene.run(3, 4 * LAYERS_PER_EPOCH)
    (beacon,) = scene.beacons(3)
    assert beacon not in {None, epoch_beacon(3)}
    first = 3 * LAYERS_PER_EPOCH
    assert scene.applied(first + 1, first + 8) >= 7
    scene.world.close()


def test_the_file_overrides_beacon_and_active_set_of_every_node(tmp_path: Path) -> None:
    """As the reference's system test does: a beacon of its own, and some of the ATXs only."""
    scene = Scene(tmp_path, 3)
    scene.server.kinds = (UpdateKind.BOTH,)
    scene.server.choose = lambda atx_ids: atx_ids[: len(atx_ids) * 3 // 4]
    last = 4 * LAYERS_PER_EPOCH + 2
    scene.run(4, last)
    for epoch in (2, 3):
        chosen = scene.server.active_set(epoch)
        assert len(chosen) == 3
        assert scene.beacons(epoch) == {epoch_beacon(epoch)}
        db = scene.world.nodes["node0"].node.db
        for ballot in scene.references(epoch):
            data = ballot.inner.epoch_data
            assert data is not None
            assert data.beacon == epoch_beacon(epoch)
            assert get_active_set(db, data.active_set_hash).atx_ids == chosen
    for one in scene.world.nodes.values():
        # In the first layers of epoch 4 committees are drawn from the set of epoch 3.
        weights = one.node.active_sets.for_layer(LayerID(4 * LAYERS_PER_EPOCH)).weights
        assert len(weights) == 3
    assert scene.applied(3 * LAYERS_PER_EPOCH, last - 3) >= 8
    scene.world.close()


def test_where_no_active_set_can_be_made_the_one_in_the_file_serves(tmp_path: Path) -> None:
    """All ATXs come later than the grading allows, so nobody knows who is active."""
    late = {"main.atx-grade-delay": "20s"}
    scene = Scene(tmp_path, 4, late)
    scene.server.kinds = (UpdateKind.ACTIVE_SET,)
    scene.run(3, 3 * LAYERS_PER_EPOCH + 6)
    for epoch in (2, 3):
        chosen = scene.server.active_set(epoch)
        assert len(chosen) == 3
        db = scene.world.nodes["node0"].node.db
        sets = [ballot.inner.epoch_data for ballot in scene.references(epoch)]
        assert len(sets) == 3
        assert {data and get_active_set(db, data.active_set_hash).atx_ids for data in sets} == {
            chosen
        }
    first = 3 * LAYERS_PER_EPOCH
    assert scene.applied(first + 1, first + 4) >= 3
    scene.world.close()
