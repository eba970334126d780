"""Hare without messages: whole layers in virtual time."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from node.base.errors import ConfigError
from node.consensus.hare.messages import Version
from node.consensus.hare.ports import HareOutput
from node.consensus.hare.turbo import COIN, TurboHareService
from node.layer_ticker import LoopClock
from node.runtime.tasks import background
from node.sim.virtual_time import simulate
from node.store.beacons import put_beacon
from node.store.db import LevelDB
from node.store.layers import find_weak_coin
from node.types.ids import Beacon, ProposalID
from node.types.layer import EpochID, LayerID
from node.types.proposal import Proposal
from tests.support.chain import BEACON, NS, TIME
from tests.support.hare import LAYER, Pool, Pooled, Witness, config, proposal

START_NS = TIME.start_of(LAYER) - NS
"""A second before the first layer with hare."""

NEXT = LayerID(LAYER + 1)
AFTER = LayerID(LAYER + 2)
LAYER_S = TIME.layer_duration_ns // NS

ALL = tuple(proposal(number) for number in (3, 1, 4, 2))
IDS = tuple(sorted(made.id for made in ALL))


@dataclass(kw_only=True)
class DatedWitness(Witness):
    """Takes what is told, and when."""

    clock: LoopClock
    db: LevelDB
    thrown_ns: list[int] = field(default_factory=list)

    def on_weak_coin(self, layer: LayerID, *, coin: bool) -> None:
        assert find_weak_coin(self.db, layer) is coin, "stored before it is told"
        super().on_weak_coin(layer, coin=coin)
        self.thrown_ns.append(self.clock.now_ns())


@dataclass
class Scene:
    """A node as far as turbo hare needs it."""

    db: LevelDB
    clock: LoopClock
    pool: Pool = field(default_factory=Pool)
    outputs: asyncio.Queue[HareOutput] = field(default_factory=lambda: asyncio.Queue(32))
    synced: bool = True

    def __post_init__(self) -> None:
        with self.db.batch() as batch:
            put_beacon(batch, EpochID(2), BEACON)
        self.witness = DatedWitness(clock=self.clock, db=self.db)

    def service(self, *, version: Version = Version.HARE3, **changed: object) -> TurboHareService:
        return TurboHareService(
            db=self.db,
            clock=self.clock,
            time=TIME,
            version=version,
            config=config(version, **({"disable_layer": AFTER} | changed)),
            proposals=self.pool,
            patrol=self.witness,
            coin=self.witness,
            is_synced=lambda: self.synced,
            outputs=self.outputs,
            zdist=8,
        )

    def offer(self, *proposals: Proposal) -> None:
        self.pool.pooled += [Pooled(offered) for offered in proposals]

    def results(self) -> list[tuple[LayerID, tuple[ProposalID, ...]]]:
        """Take what came out, in its order."""
        found = []
        while not self.outputs.empty():
            output = self.outputs.get_nowait()
            found.append((output.layer, output.proposals))
        return found


@contextmanager
def scene(folder: Path, start_ns: int = START_NS) -> Iterator[Scene]:
    with LevelDB(folder / "state") as db:
        yield Scene(db, LoopClock(start_ns))


async def go_through(service: TurboHareService, seconds: float = 4.0 * LAYER_S) -> None:
    async with background(service.run()):
        await asyncio.sleep(seconds)


def test_a_layer_ends_with_all_known_proposals_in_order(tmp_path: Path) -> None:
    with scene(tmp_path) as node:
        node.offer(*ALL, proposal(9, NEXT))
        simulate(go_through(node.service()))
        assert node.results() == [(LAYER, IDS), (NEXT, (proposal(9, NEXT).id,))]
        assert node.witness.started == [LAYER, NEXT]
        # Whoever makes the block ends the care for the layer.
        assert node.witness.completed == []
        assert node.witness.coins == {LAYER: COIN, NEXT: COIN}


def test_a_layer_without_proposals_ends_with_none(tmp_path: Path) -> None:
    with scene(tmp_path) as node:
        simulate(go_through(node.service()))
        assert node.results() == [(LAYER, ()), (NEXT, ())]


@pytest.mark.parametrize("delay_ns", [NS, LAYER_S * NS + NS], ids=["in the layer", "in the next"])
def test_it_ends_after_the_delay_of_the_preround(tmp_path: Path, delay_ns: int) -> None:
    with scene(tmp_path) as node:
        node.offer(ALL[0])

        async def main() -> None:
            async with background(node.service(preround_delay=delay_ns).run()):
                await node.clock.sleep_until(TIME.start_of(LAYER) + delay_ns - 1_000_000)
                assert node.results() == []
                node.offer(ALL[1])
                await asyncio.sleep(0.002)
                node.offer(ALL[2])
                await asyncio.sleep(4 * LAYER_S)

        simulate(main())
        known = tuple(sorted(made.id for made in ALL[:2]))
        assert node.results() == [(LAYER, known), (NEXT, ())]
        assert node.witness.thrown_ns == [
            TIME.start_of(layer) + delay_ns for layer in (LAYER, NEXT)
        ]


def test_nothing_comes_of_a_layer_without_being_synced(tmp_path: Path) -> None:
    with scene(tmp_path) as node:
        node.offer(*ALL, proposal(9, NEXT))
        node.synced = False

        async def main() -> None:
            async with background(node.service().run()):
                await node.clock.sleep_until(TIME.start_of(LAYER) + 3 * NS)
                node.synced = True
                await asyncio.sleep(4 * LAYER_S)

        simulate(main())
        assert [layer for layer, _ in node.results()] == [NEXT]
        assert node.witness.started == [NEXT]
        assert find_weak_coin(node.db, LAYER) is None


@pytest.mark.parametrize("beacon", [None, Beacon.zero()])
def test_nothing_comes_of_a_layer_without_a_beacon(tmp_path: Path, beacon: Beacon | None) -> None:
    late = LayerID(LAYER + TIME.layers_per_epoch)
    with scene(tmp_path, TIME.start_of(late) - NS) as node:
        node.offer(proposal(1, late))
        if beacon is not None:
            with node.db.batch() as batch:
                put_beacon(batch, TIME.epoch_of(late), beacon)
        simulate(go_through(node.service(disable_layer=late + 1)))
        assert node.results() == []
        assert node.witness.started == []
        assert node.witness.coins == {}


@pytest.mark.parametrize(
    ("start_ns", "first", "end", "layers"),
    [
        (START_NS, NEXT, AFTER, [NEXT]),
        (START_NS, 0, NEXT, [LAYER]),
        (START_NS + NS, 0, AFTER, [NEXT]),
    ],
    ids=["enabled late", "disabled early", "started late"],
)
def test_only_layers_of_the_version_after_the_start_are_ended(
    tmp_path: Path, start_ns: int, first: int, end: int, layers: list[LayerID]
) -> None:
    with scene(tmp_path, start_ns) as node:
        simulate(go_through(node.service(enable_layer=first, disable_layer=end)))
        assert [layer for layer, _ in node.results()] == layers


def test_a_layer_waits_for_room_in_the_queue(tmp_path: Path) -> None:
    with scene(tmp_path) as node:
        node.outputs = asyncio.Queue(1)

        async def main() -> None:
            async with background(node.service().run()):
                await asyncio.sleep(4 * LAYER_S)
                assert (await node.outputs.get()).layer == LAYER
                assert (await node.outputs.get()).layer == NEXT

        simulate(main())


@pytest.mark.parametrize("version", list(Version))
def test_a_schedule_that_messages_could_not_keep_is_refused(
    tmp_path: Path, version: Version
) -> None:
    with (
        scene(tmp_path) as node,
        pytest.raises(ConfigError, match=f"{version.section}: hare terminates later"),
    ):
        node.service(version=version, round_duration=20 * NS)
