"""The updater: what it asks for, keeps, hands out and fetches."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from node.base.errors import UnavailableError
from node.checkpoint.bootstrap import BootstrapFiles, BootstrapUpdater
from node.checkpoint.bootstrap_file import EpochUpdate, UpdateKind, encode_update, file_name
from node.config.model.node import BootstrapConfig
from node.layer_ticker import LoopClock
from node.net.fetch.client import FetchError
from node.net.fetch.wire import Hint
from node.runtime.workers import InlineWorkers
from node.sim.virtual_time import simulate
from node.store.activesets import find_active_set
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.ids import AtxID, Beacon, Hash32
from node.types.layer import EpochID
from tests.support.chain import BEACON, NS, TIME, Chain, atx

URL = "http://bootstrap.example/net"
CONFIG = BootstrapConfig(bootstrap_url=URL)
POLL_NS = TIME.layer_duration_ns // 5
ATXS = (atx(1), atx(2))
IDS = tuple(sorted(one.id for one in ATXS))


@dataclass
class Server:
    """Files by name; everything that was asked for."""

    files: dict[str, bytes | UnavailableError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def fetch(self, url: str) -> bytes | None:
        folder, _, name = url.rpartition("/")
        assert folder == URL
        self.asked.append(name)
        answer = self.files.get(name)
        if isinstance(answer, UnavailableError):
            raise answer
        return answer

    def put(
        self,
        epoch: int,
        kind: UpdateKind = UpdateKind.BOTH,
        *,
        beacon: Beacon | None = None,
        atx_ids: tuple[AtxID, ...] = (),
    ) -> bytes:
        update = EpochUpdate(epoch=EpochID(epoch), beacon=beacon, atx_ids=atx_ids)
        data = encode_update(update)
        self.files[file_name(EpochID(epoch), kind)] = data
        return data


@dataclass
class Told:
    """What was handed out."""

    beacons: list[tuple[EpochID, Beacon]] = field(default_factory=list)
    active_sets: list[EpochActiveSet] = field(default_factory=list)


@dataclass
class TellBeacons:
    told: Told

    def on_fallback(self, epoch: EpochID, beacon: Beacon) -> None:
        self.told.beacons.append((epoch, beacon))


@dataclass
class TellSets:
    told: Told

    def on_fallback(self, active_set: EpochActiveSet) -> None:
        self.told.active_sets.append(active_set)


@dataclass
class Fetching:
    """Stores the ATXs that are asked for, after it failed some times."""

    chain: Chain
    failures: int = 0
    asked: list[tuple[Hint, tuple[bytes, ...]]] = field(default_factory=list)

    async def fetch(self, hint: Hint, hashes: Iterable[bytes], *, limited: bool = False) -> None:
        assert limited
        wanted = tuple(hashes)
        self.asked.append((hint, wanted))
        if self.failures:
            self.failures -= 1
            raise FetchError({Hash32(key): UnavailableError("no peers") for key in wanted})
        for one in ATXS:
            if one.id in wanted:
                self.chain.add_atx(one)


@dataclass
class World:
    """An updater and everything around it."""

    folder: Path
    chain: Chain
    server: Server = field(default_factory=Server)
    told: Told = field(default_factory=Told)
    atxs_synced: bool = True
    fetching: Fetching = field(init=False)

    def __post_init__(self) -> None:
        self.fetching = Fetching(self.chain)

    def updater(self, clock: LoopClock) -> BootstrapUpdater:
        return BootstrapUpdater(
            files=BootstrapFiles(source=self.server, folder=self.folder),
            config=CONFIG,
            db=self.chain.db,
            time=TIME,
            clock=clock,
            workers=InlineWorkers(),
            fetcher=self.fetching,
            beacons=TellBeacons(self.told),
            active_sets=(TellSets(self.told), TellSets(self.told)),
            atxs_synced=lambda: self.atxs_synced,
            entropy=bytes,
        )

    def run(self, epoch: int, then: Callable[[LoopClock], Coroutine[Any, Any, None]]) -> None:
        """Let an updater run from the start of an epoch on, as long as ``then`` does."""

        async def main() -> None:
            clock = LoopClock(TIME.epoch_start(EpochID(epoch)))
            async with _running(self.updater(clock)):
                await then(clock)

        simulate(main())

    def kept(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("epoch-*"))


@asynccontextmanager
async def _running(updater: BootstrapUpdater) -> Any:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(updater.run())
        yield
        task.cancel()


async def some_polls(clock: LoopClock) -> None:
    await clock.sleep_until(clock.now_ns() + 5 * POLL_NS // 2)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "bootstrap", Chain(tmp_path / "state"))


def test_nothing_is_asked_for_in_the_first_epoch(world: World) -> None:
    world.run(0, some_polls)
    assert world.server.asked == []


def test_the_one_file_is_asked_for_first_and_then_the_parts(world: World) -> None:
    world.run(1, some_polls)
    assert world.server.asked == 3 * [f"epoch-2-update-{kind}" for kind in ("bs", "bc", "as")]


def test_a_file_that_came_is_kept_and_not_asked_for_again(world: World) -> None:
    data = world.server.put(2, beacon=BEACON)
    world.run(1, some_polls)
    assert world.server.asked == ["epoch-2-update-bs"]
    assert world.told.beacons == [(2, BEACON)]
    kept = world.folder / "2" / "epoch-2-update-bs"
    assert kept.read_bytes() == data
    assert kept.stat().st_mode & 0o777 == 0o400


def test_beacon_and_active_set_may_come_apart(world: World) -> None:
    world.server.put(2, UpdateKind.BEACON, beacon=BEACON)
    world.server.put(2, UpdateKind.ACTIVE_SET, atx_ids=IDS)
    world.run(1, some_polls)
    assert world.server.asked.count("epoch-2-update-bs") == 3
    assert world.server.asked.count("epoch-2-update-bc") == 1
    assert world.server.asked.count("epoch-2-update-as") == 1
    assert world.told.beacons == [(2, BEACON)]
    assert world.told.active_sets == 2 * [EpochActiveSet(epoch=EpochID(2), atx_ids=IDS)]


def test_an_active_set_is_stored_and_its_atxs_are_fetched(world: World) -> None:
    world.chain.add_atx(ATXS[0])
    world.server.put(2, atx_ids=IDS)
    world.run(1, some_polls)
    stored = find_active_set(world.chain.db, active_set_hash(IDS))
    assert stored == EpochActiveSet(epoch=EpochID(2), atx_ids=IDS)
    assert world.fetching.asked == [(Hint.ATX, (ATXS[1].id,))]
    assert world.told.beacons == []


def test_atxs_wait_until_those_of_past_epochs_are_here(world: World) -> None:
    world.atxs_synced = False
    world.server.put(2, atx_ids=IDS)

    async def main(clock: LoopClock) -> None:
        await some_polls(clock)
        assert world.fetching.asked == []
        world.atxs_synced = True
        await some_polls(clock)

    world.run(1, main)
    assert len(world.fetching.asked) == 1


def test_atxs_that_do_not_come_are_asked_for_again(world: World) -> None:
    world.fetching.failures = 2
    world.server.put(2, atx_ids=IDS)

    async def main(clock: LoopClock) -> None:
        await clock.sleep_until(clock.now_ns() + 19 * NS)
        assert len(world.fetching.asked) == 2
        await clock.sleep_until(clock.now_ns() + 2 * NS)

    world.run(1, main)
    assert world.fetching.asked == 3 * [(Hint.ATX, IDS)]


@pytest.mark.parametrize("trouble", [UnavailableError("refused"), b"<html>"])
def test_trouble_ends_a_pass_and_not_the_updater(
    world: World, trouble: bytes | UnavailableError
) -> None:
    world.server.files["epoch-2-update-bs"] = trouble
    world.server.put(3, beacon=BEACON)

    async def main(clock: LoopClock) -> None:
        await some_polls(clock)
        assert world.server.asked == 3 * ["epoch-2-update-bs"]
        assert world.kept() == []
        world.server.put(2, beacon=Beacon(b"late"))
        await some_polls(clock)

    world.run(2, main)
    assert world.told.beacons == [(2, b"late"), (3, BEACON)]


def told(logs: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return level and code of what was logged about passes that failed."""
    return [
        (entry["log_level"], entry["code"])
        for entry in logs
        if entry["event"] == "bootstrap_not_updated"
    ]


@pytest.mark.parametrize(
    ("trouble", "level", "code"),
    [
        (UnavailableError("refused"), "info", "smesh.unavailable"),
        (b"<html>", "warning", "smesh.decode"),
    ],
)
def test_trouble_is_told_once_until_it_is_over(
    world: World, trouble: bytes | UnavailableError, level: str, code: str
) -> None:
    name = "epoch-2-update-bs"

    async def main(clock: LoopClock) -> None:
        world.server.files[name] = trouble
        await some_polls(clock)
        del world.server.files[name]
        await some_polls(clock)
        world.server.files[name] = trouble
        await some_polls(clock)

    with capture_logs() as logs:
        world.run(1, main)
    levels = [told_level for told_level, told_code in told(logs) if told_code == code]
    assert [one for one in levels if one != "debug"] == [level] * 2
    assert "debug" in levels


def test_a_folder_that_cannot_be_written_is_told_and_tried_again(world: World) -> None:
    data = world.server.put(2, beacon=BEACON)
    world.folder.write_bytes(b"")

    async def main(clock: LoopClock) -> None:
        await some_polls(clock)
        assert world.told.beacons == []
        world.folder.unlink()
        await some_polls(clock)

    with capture_logs() as logs:
        world.run(1, main)
    code = "smesh.precondition.bootstrap_folder"
    assert told(logs) == [("warning", code), ("debug", code), ("debug", code)]
    (first, *_) = [entry for entry in logs if entry.get("code") == code]
    assert "epoch-2-update-bs cannot be written: " in first["reason"]
    assert "how much space" in first["hint"]
    assert world.told.beacons == [(2, BEACON)]
    assert (world.folder / "2" / "epoch-2-update-bs").read_bytes() == data


def test_a_kept_file_that_cannot_be_read_does_not_stop_the_updater(world: World) -> None:
    path = world.folder / "2" / "epoch-2-update-bs"
    path.mkdir(parents=True)
    world.server.put(2, beacon=BEACON)
    with capture_logs() as logs:
        world.run(1, some_polls)
    assert [entry["path"] for entry in logs if entry["event"] == "bootstrap_file_damaged"] == [
        str(path)
    ]
    assert told(logs)[0] == ("warning", "smesh.precondition.bootstrap_folder")


def test_a_folder_that_cannot_be_listed_is_left_for_the_next_pass(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path, _pattern: str) -> Iterator[Path]:
        raise PermissionError

    monkeypatch.setattr(Path, "glob", refuse)
    world.run(1, some_polls)
    assert world.server.asked[-1] == "epoch-2-update-as"


def test_after_a_restart_what_is_kept_is_told_again_and_not_asked_for(world: World) -> None:
    world.server.put(2, beacon=BEACON, atx_ids=IDS)
    world.run(1, some_polls)
    world.server.asked.clear()
    world.told.beacons.clear()
    world.told.active_sets.clear()
    world.run(1, some_polls)
    assert world.server.asked == []
    assert world.told.beacons == [(2, BEACON)]
    assert len(world.told.active_sets) == 2


def test_a_damaged_file_is_fetched_anew(world: World) -> None:
    world.server.put(2, beacon=BEACON)
    damaged = world.folder / "2" / "epoch-2-update-bs"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"{")
    world.run(1, some_polls)
    assert world.told.beacons == [(2, BEACON)]
    assert damaged.read_bytes() == world.server.files["epoch-2-update-bs"]


def test_files_of_past_epochs_are_removed(world: World) -> None:
    for epoch in (2, 3, 4, 5):
        world.server.put(epoch, beacon=BEACON)
    world.run(3, some_polls)
    assert [name[:1] for name in world.kept()] == ["2", "3", "4"]
    world.run(4, some_polls)
    assert [name[:1] for name in world.kept()] == ["3", "4", "5"]
