import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from node.base.errors import PreconditionError
from node.events import Bus, SyncChanged
from node.layer_ticker import LoopClock
from node.net.fetch.client import Fetcher
from node.net.fetch.planner import FetchPlanner
from node.net.fetch.wire import Hint
from node.net.memory import MemoryNetwork
from node.net.ports import PeerID
from node.sim.virtual_time import simulate
from node.sync.patrol import LayerPatrol
from node.sync.service import SyncService
from node.sync.state import SyncMachine
from node.types.ids import BlockID, Hash32
from node.types.layer import LayerID
from node.types.layer_time import LayerTime

NS = 10**9
TIME = LayerTime(genesis_ns=0, layer_duration_ns=10 * NS, layers_per_epoch=4)
EFFECTIVE_GENESIS = LayerID(7)


@dataclass
class PlainMesh:
    """Processes layers, but for blocks that are missing and failures that are asked for."""

    processed: LayerID = EFFECTIVE_GENESIS
    applied: LayerID = EFFECTIVE_GENESIS
    asked: list[int] = field(default_factory=list)
    missing: dict[int, tuple[BlockID, ...]] = field(default_factory=dict)
    failing: set[int] = field(default_factory=set)

    def process_layer(self, layer: LayerID) -> tuple[BlockID, ...]:
        self.asked.append(layer)
        if layer in self.failing:
            self.failing.remove(layer)
            raise PreconditionError("not yet")
        missing = self.missing.pop(layer, ())
        if not missing:
            self.processed = max(self.processed, layer)
        return missing


class World:
    def __init__(self, mesh: PlainMesh, start_layer: int) -> None:
        self.mesh = mesh
        self.clock = LoopClock(start_layer * TIME.layer_duration_ns)
        self.bus = Bus()
        self.patrol = LayerPatrol()
        self.cleared = 0
        self.got: list[Hash32] = []
        network = MemoryNetwork()
        self.ends = (network.join("self"), network.join("other"))
        self.network = network
        self.fetcher = Fetcher(
            network=self.ends[0],
            planner=FetchPlanner(entropy=bytes),
            has=lambda _hint, _key: False,
            batch_timeout_s=0.1,
        )
        self.fetcher.register(Hint.BLOCK, self._take)
        self.machine = SyncMachine(time=TIME, out_of_sync_layers=3, gossip_duration_ns=30 * NS)
        self.service = SyncService(
            machine=self.machine,
            mesh=mesh,
            patrol=self.patrol,
            fetcher=self.fetcher,
            time=TIME,
            clock=self.clock,
            bus=self.bus,
            interval_ns=5 * NS,
            zdist=2,
            tally_layers=2,
            on_synced=self._clear,
        )

    async def _take(self, expected: Hash32, _peer: PeerID, _data: bytes) -> None:
        self.got.append(expected)

    def _clear(self) -> None:
        self.cleared += 1

    def run(self, seconds: float, then: Callable[[], None] | None = None) -> list[SyncChanged]:
        """Run for a time; return what was announced."""

        async def main() -> list[SyncChanged]:
            with self.bus.subscribe(SyncChanged) as changes:
                async with asyncio.TaskGroup() as tasks:
                    running = [
                        tasks.create_task(self.service.run()),
                        tasks.create_task(self.fetcher.run()),
                    ]
                    await asyncio.sleep(seconds)
                    if then is not None:
                        then()
                    for task in running:
                        task.cancel()
                seen = []
                while (event := changes.take()) is not None:
                    seen.append(event)
                return seen

        return simulate(main())


def test_a_node_is_synced_at_once_in_genesis() -> None:
    world = World(PlainMesh(), 0)
    (change,) = world.run(1)
    assert change.is_synced
    assert change.listens_to_gossip
    assert world.cleared == 1
    assert world.mesh.asked == []


def test_a_node_that_starts_late_listens_before_it_is_synced() -> None:
    world = World(PlainMesh(), 12)
    assert world.run(1) == []
    assert world.machine.listens_to_gossip
    assert world.mesh.asked == [8, 10, 11]
    again = World(PlainMesh(), 12)
    (change,) = again.run(120)
    assert change.is_synced
    assert again.mesh.processed >= LayerID(20)


def test_layers_in_hares_care_are_left_alone() -> None:
    world = World(PlainMesh(), 10)
    world.patrol.start(LayerID(9))
    world.run(1)
    assert world.mesh.asked == [8]


def test_hare_is_not_waited_for_longer_than_zdist() -> None:
    world = World(PlainMesh(), 11)
    world.patrol.start(LayerID(9))
    world.run(1)
    assert world.mesh.asked == [8, 10]


def test_a_layer_that_fails_is_tried_again() -> None:
    world = World(PlainMesh(failing={8}), 9)
    world.run(1)
    assert world.mesh.asked == [8]
    again = World(PlainMesh(failing={8}), 9)
    again.run(6)
    assert again.mesh.asked == [8, 8]


def test_missing_blocks_are_fetched() -> None:
    block = BlockID(b"\x07" * 20)
    world = World(PlainMesh(missing={8: (block,)}), 9)
    world.run(4)
    assert world.mesh.asked[0] == 8
