"""Power that fails between two writes, and what is left when it does."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.base.errors import UnavailableError
from node.net.memory import MemoryNetwork
from node.net.ports import PeerID
from node.sim.power import (
    ALL,
    BetweenWrites,
    Meter,
    Power,
    PoweredDatabase,
    PoweredNetwork,
    PowerLost,
)
from node.sim.virtual_time import simulate
from node.store.db import Database, LevelDB
from node.types.layer import LayerID

PEER = PeerID("peer")


class Scene:
    """A node's power, with two databases on it."""

    def __init__(self, folder: Path, *faults: BetweenWrites) -> None:
        self.lost: list[BetweenWrites] = []
        self.layer = LayerID(5)
        self.meter = Meter(faults=list(faults))
        self.power = Power(meter=self.meter, layer_now=lambda: self.layer, on_lost=self.lost.append)
        self.disks = {name: LevelDB(folder / name) for name in ("state", "local")}
        self.state = PoweredDatabase("state", self.disks["state"], self.power)
        self.local = PoweredDatabase("local", self.disks["local"], self.power)

    def close(self) -> None:
        for disk in self.disks.values():
            disk.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path, fault(2))
    yield scene
    scene.close()


def fault(write: int, kept: int = ALL, layer: int = 5) -> BetweenWrites:
    return BetweenWrites(node=0, layer=LayerID(layer), write=write, unsynced_kept=kept)


def put(database: Database, key: bytes, value: bytes = b"1", *, sync: bool = True) -> None:
    with database.batch(sync=sync) as batch:
        batch.put(key, value)


def test_writes_of_both_databases_are_counted_together(scene: Scene) -> None:
    put(scene.state, b"ab")
    with scene.local.batch(sync=False) as batch:
        batch.put(b"y1", b"")
        batch.delete(b"x1")
    assert [(one.number, one.database, one.sync, one.prefixes) for one in scene.meter.writes] == [
        (0, "state", True, (b"a",)),
        (1, "local", False, (b"x", b"y")),
    ]
    assert scene.power.is_on


def test_at_the_chosen_write_everything_ends(scene: Scene) -> None:
    put(scene.state, b"a")
    put(scene.local, b"b")
    with pytest.raises(PowerLost):
        put(scene.state, b"c")
    assert scene.lost == [fault(2)]
    assert scene.disks["state"].get(b"c") is None
    assert scene.disks["local"].get(b"b") == b"1"
    for database in (scene.state, scene.local):
        with pytest.raises(PowerLost):
            database.get(b"a")
        with pytest.raises(PowerLost):
            database.scan(b"")
        with pytest.raises(PowerLost):
            database.keys(b"")
        with pytest.raises(PowerLost), database.snapshot():
            raise AssertionError
        with pytest.raises(PowerLost):
            put(database, b"d")
    assert len(scene.lost) == 1


def test_reads_and_snapshots_are_those_of_the_disk(scene: Scene) -> None:
    put(scene.state, b"ab", b"old")
    with scene.state.snapshot() as before:
        put(scene.state, b"ab", b"new")
        assert before.get(b"ab") == b"old"
        assert list(before.scan(b"a")) == [(b"b", b"old")]
        assert list(before.keys(b"a")) == [b"b"]
    assert scene.state.get(b"ab") == b"new"


def test_a_new_layer_counts_from_zero_and_late_faults_come_at_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path, fault(7), fault(1, layer=9))
    put(scene.state, b"a")
    scene.layer = LayerID(6)
    with pytest.raises(PowerLost):
        put(scene.state, b"b")
    # The next process of the node has power again, and the next fault before it.
    scene.power.is_on = True
    scene.layer = LayerID(9)
    put(scene.state, b"c")
    with pytest.raises(PowerLost):
        put(scene.state, b"d")
    assert [(one.layer, one.number) for one in scene.meter.writes] == [(5, 0), (9, 0)]
    scene.close()


def test_a_batch_that_fails_is_no_write(scene: Scene) -> None:
    def fail() -> None:
        with scene.state.batch() as batch:
            batch.put(b"a", b"")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert scene.meter.writes == []


@pytest.mark.parametrize(
    ("kept", "left"),
    [
        (ALL, {b"a": b"3", b"b": b"2", b"c": None}),
        (1, {b"a": b"1", b"b": b"2", b"c": b"0"}),
        (0, {b"a": b"1", b"b": None, b"c": b"0"}),
    ],
)
def test_a_machine_keeps_the_oldest_of_what_nobody_waited_for(
    tmp_path: Path, kept: int, left: dict[bytes, bytes | None]
) -> None:
    scene = Scene(tmp_path, fault(5, kept))
    put(scene.state, b"c", b"0", sync=False)
    put(scene.state, b"a", b"1")
    put(scene.state, b"b", b"2", sync=False)
    with scene.state.batch(sync=False) as batch:
        batch.put(b"a", b"3")
        batch.delete(b"c")
    put(scene.local, b"z", sync=False)
    with pytest.raises(PowerLost):
        put(scene.local, b"y")
    assert {key: scene.disks["state"].get(key) for key in left} == left
    assert (scene.disks["local"].get(b"z") is None) == (kept == 0)
    scene.close()


def test_nothing_leaves_a_node_without_power(scene: Scene) -> None:
    heard: list[tuple[PeerID, bytes]] = []
    seen: list[tuple[PeerID, str, bytes]] = []
    memory = MemoryNetwork()
    end, other = memory.join("own"), memory.join("peer")
    network = PoweredNetwork(end, scene.power, lambda *what: seen.append(what))

    async def note(peer: PeerID, data: bytes) -> None:
        heard.append((peer, data))

    async def judge(peer: PeerID, data: bytes) -> None:
        if data == b"overtaken":
            scene.power.is_on = False

    async def answer(peer: PeerID, data: bytes) -> bytes:
        if data == b"overtaken":
            scene.power.is_on = False
        return data * 2

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            end.start(tasks)
            other.start(tasks)
            await network.publish("t", b"one")
            assert await network.request(PEER, "p", b"ab") == b"abab"
            assert await other.request(network.local, "p", b"ab") == b"abab"
            await other.publish("t", b"two")
            await asyncio.sleep(1)
            assert network.best(3) == (PEER,)
            with pytest.raises(PowerLost):
                await network.publish("t", b"overtaken")
            scene.power.is_on = True
            with pytest.raises(UnavailableError, match="gone"):
                await other.request(network.local, "p", b"overtaken")
            for attempt in (
                network.publish("t", b"three"),
                network.request(PEER, "p", b""),
            ):
                with pytest.raises(PowerLost):
                    await attempt
            with pytest.raises(PowerLost):
                network.best(1)
            with pytest.raises(PowerLost):
                network.drop(PEER, "why not")
            with pytest.raises(UnavailableError, match="gone"):
                await other.request(network.local, "p", b"ab")
            scene.power.is_on = True
            network.drop(PEER, "it lied")
            assert network.best(1) == ()

    network.register("t", judge)
    other.register("t", note)
    network.serve("p", answer)
    other.serve("p", answer)
    assert network.local == "own"
    simulate(main())
    assert [data for _, data in heard] == [b"one", b"two"] or sorted(data for _, data in heard) == [
        b"one",
        b"two",
    ]
    assert seen == [(PEER, "t", b"two")]
