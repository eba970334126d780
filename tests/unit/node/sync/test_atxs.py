"""The download of an epoch's ATXs, in front of peers."""

import asyncio
from pathlib import Path

import pytest

from node.base.errors import (
    DecodeError,
    IgnoreError,
    NotFoundError,
    RejectError,
    UnavailableError,
)
from node.config.durations import Nanoseconds
from node.config.model.sync import AtxSyncConfig, SyncerConfig
from node.net.fetch.client import GivenUpError
from node.net.fetch.wire import EPOCH_ATXS
from node.store.atxs import has_atx
from node.store.sync_progress import (
    EpochSync,
    find_epoch_sync,
    put_epoch_sync,
    put_wanted_atx,
    wanted_atxs,
)
from node.sync.atxs import outcome_of
from node.sync.epochs import Fetched
from node.types.ids import AtxID
from node.types.layer import EpochID
from tests.support.store_records import atx_id
from tests.support.sync import NS, SyncWorld, epoch_start, key_of

EPOCH = EpochID(1)


def listed(world: SyncWorld) -> list[int]:
    return [peer.count(EPOCH_ATXS) for peer in world.others]


def test_all_that_is_listed_comes_in(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)
    world.give_atxs(1, *range(1, 40))

    async def main() -> None:
        await world.downloads.atxs.download(EPOCH, epoch_start(2))
        assert all(has_atx(world.db, atx_id(number)) for number in range(1, 40))
        state = find_epoch_sync(world.local, EPOCH)
        assert state is not None
        assert (state.total, state.downloaded) == (39, 39)
        assert state.listed_ns == pytest.approx(121 * NS, rel=1e-2)
        assert wanted_atxs(world.local, EPOCH) == {}
        asked = sum(listed(world))
        await world.downloads.atxs.download(EPOCH, epoch_start(2))
        assert sum(listed(world)) == asked

    world.run(main)


def test_those_who_keep_atxs_back_have_no_effect(tmp_path: Path) -> None:
    config = SyncerConfig(atx_sync=AtxSyncConfig(epoch_info_peers=3))
    world = SyncWorld(tmp_path, config=config)
    world.give_atxs(1, 1, 2, 3)
    for silent in world.others[:2]:
        silent.atxs[1] = (atx_id(1),)

    async def main() -> None:
        await world.downloads.atxs.download(EPOCH, epoch_start(2))
        assert all(has_atx(world.db, atx_id(number)) for number in (1, 2, 3))

    world.run(main)
    assert listed(world) == [1, 1, 1]


def test_one_list_is_not_relied_on_after_a_restart(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, peers=2)
    world.give_atxs(1, 1, 2)
    whole, short = world.others  # The last is asked first.
    short.atxs[1] = (atx_id(1),)
    whole.slow[EPOCH_ATXS] = 5.0

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            stopped = tasks.create_task(world.downloads.atxs.download(EPOCH, epoch_start(2)))
            while not has_atx(world.db, atx_id(1)):
                await world.clock.sleep_until(world.clock.now_ns() + NS // 10)
            stopped.cancel()
        assert find_epoch_sync(world.local, EPOCH) is None
        await world.downloads.atxs.download(EPOCH, epoch_start(2))
        assert has_atx(world.db, atx_id(2))

    world.run(main)


def test_an_epoch_that_still_runs_is_listed_until_it_ends(tmp_path: Path) -> None:
    config = SyncerConfig(atx_sync=AtxSyncConfig(epoch_info_request_interval=Nanoseconds(20 * NS)))
    world = SyncWorld(tmp_path, config=config)
    world.give_atxs(2, 1)

    async def main() -> None:
        await world.downloads.atxs.download(EpochID(2), epoch_start(4))
        assert world.clock.now_ns() > epoch_start(4)

    world.run(main)
    assert max(listed(world)) > 2


def test_a_download_goes_on_where_it_was(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)
    world.give_atxs(1, 1, 2)
    with world.local.batch() as batch:
        state = EpochSync(listed_ns=epoch_start(2) + 1, total=2, downloaded=1)
        put_epoch_sync(batch, EPOCH, state)
        put_wanted_atx(batch, EPOCH, atx_id(2), 1)

    async def main() -> None:
        await world.downloads.atxs.download(EPOCH, epoch_start(2))
        assert has_atx(world.db, atx_id(2))
        assert not has_atx(world.db, atx_id(1))
        assert wanted_atxs(world.local, EPOCH) == {}

    world.run(main)
    assert listed(world) == [0, 0, 0]


def test_atxs_that_nobody_has_are_given_up(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, peers=1)
    world.give_atxs(1, 1, 2)
    world.others[0].objects.pop(key_of(atx_id(1)))

    async def main() -> None:
        await world.downloads.atxs.download(EPOCH, epoch_start(2))
        state = find_epoch_sync(world.local, EPOCH)
        assert state is not None
        assert (state.total, state.downloaded) == (2, 1)

    world.run(main)


def test_invalid_atxs_are_not_asked_for_again(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, peers=2)
    world.give_atxs(1, 1)
    world.refused[key_of(atx_id(1))] = RejectError("invalid")

    async def main() -> None:
        await world.downloads.atxs.download(EPOCH, epoch_start(2))
        assert not has_atx(world.db, atx_id(1))

    world.run(main)


def test_a_peer_that_sends_other_atxs_is_replaced(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)
    world.give_atxs(1, 1)
    first = world.others[1]
    first.objects[key_of(atx_id(1))] = b"other"

    async def main() -> None:
        await world.downloads.atxs.download(EPOCH, epoch_start(2))
        assert has_atx(world.db, atx_id(1))

    world.run(main)
    assert world.end.has_dropped(first.name)


def test_who_lists_what_does_not_exist_keeps_nobody_busy(tmp_path: Path) -> None:
    config = SyncerConfig(atx_sync=AtxSyncConfig(epoch_info_peers=3))
    world = SyncWorld(tmp_path, config=config)
    world.give_atxs(1, 1, 2)
    world.others[1].atxs[1] = (atx_id(1), atx_id(9))

    async def main() -> None:
        before_ns = world.clock.now_ns()
        await world.downloads.atxs.download(EPOCH, epoch_start(2))
        assert has_atx(world.db, atx_id(2))
        assert world.clock.now_ns() - before_ns < 5 * NS

    world.run(main)


def test_lists_that_fail_are_asked_of_others(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)
    world.give_atxs(1, 1)
    world.others[0].garbage.add(EPOCH_ATXS)
    world.others[1].silent.add(EPOCH_ATXS)

    async def main() -> None:
        await world.downloads.atxs.download(EPOCH, epoch_start(2))
        assert has_atx(world.db, atx_id(1))

    world.run(main)
    assert world.end.has_dropped(world.others[0].name)
    assert not world.end.has_dropped(world.others[1].name)


def test_without_peers_a_download_fails(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, peers=0)

    async def main() -> None:
        with pytest.raises(UnavailableError, match="no peers"):
            await world.downloads.atxs.download(EPOCH, epoch_start(2))

    world.run(main)


def test_peers_that_go_away_cost_an_atx_no_attempt(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, peers=1)
    world.give_atxs(1, 1)
    with world.local.batch() as batch:
        state = EpochSync(listed_ns=epoch_start(2) + 1, total=1, downloaded=0)
        put_epoch_sync(batch, EPOCH, state)
        put_wanted_atx(batch, EPOCH, atx_id(1), 0)
    world.others[0].end.drop(world.end.local, "for now")

    async def main() -> None:
        async def come_back() -> None:
            await world.clock.sleep_until(world.clock.now_ns() + 30 * NS)
            world.others[0].end._dropped.clear()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(come_back())
            await world.downloads.atxs.download(EPOCH, epoch_start(2))
        assert has_atx(world.db, atx_id(1))

    world.run(main)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, Fetched.STORED),
        (DecodeError("x"), Fetched.INVALID),
        (RejectError("x"), Fetched.INVALID),
        (GivenUpError("x"), Fetched.FAILED),
        (UnavailableError("x"), None),
        (IgnoreError("x"), Fetched.FAILED),
        (NotFoundError("atx", AtxID.zero()), Fetched.FAILED),
    ],
)
def test_errors_mean_different_things(error: None, outcome: Fetched | None) -> None:
    assert outcome_of(error) is outcome
