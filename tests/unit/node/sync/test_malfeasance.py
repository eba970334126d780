"""The download of malfeasance proofs, in front of peers."""

import asyncio
from pathlib import Path

import pytest

from node.base.errors import IgnoreError, RejectError, UnavailableError
from node.net.fetch.wire import MALICIOUS_IDS
from node.store.identities import is_malicious
from node.store.sync_progress import find_malfeasance_sync, put_malfeasance_sync
from tests.support.store_records import smesher
from tests.support.sync import NS, SyncWorld, epoch_start, key_of

LENGTH = 40 * NS


def test_the_proofs_of_three_peers_are_enough(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, peers=5)
    world.give_proofs(1, 2)

    async def main() -> None:
        await world.downloads.proofs.ensure(epoch_start(3), LENGTH)
        assert is_malicious(world.db, smesher(2))
        assert find_malfeasance_sync(world.local) == world.clock.now_ns()
        await world.downloads.proofs.ensure(epoch_start(3), LENGTH)

    world.run(main)
    assert sum(peer.count(MALICIOUS_IDS) for peer in world.others) == 3


@pytest.mark.parametrize("before_ns", [epoch_start(3) - 1, epoch_start(3) + 1])
def test_old_proofs_are_not_enough(tmp_path: Path, before_ns: int) -> None:
    world = SyncWorld(tmp_path, start_layer=14)
    with world.local.batch() as batch:
        put_malfeasance_sync(batch, before_ns)

    async def main() -> None:
        await world.downloads.proofs.ensure(epoch_start(3), LENGTH)

    world.run(main)
    assert world.others[0].count(MALICIOUS_IDS) == 1


def test_peers_that_do_not_answer_are_asked_again(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)
    world.others[0].silent.add(MALICIOUS_IDS)

    async def main() -> None:
        async def speak() -> None:
            await asyncio.sleep(70)
            world.others[0].silent.clear()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(speak())
            await world.downloads.proofs.ensure(epoch_start(3), LENGTH)

    world.run(main)
    assert world.others[0].count(MALICIOUS_IDS) == 3


def test_where_the_best_peers_do_not_tell_others_are_asked_at_once(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, peers=8)
    world.give_proofs(1)

    async def main() -> None:
        best = world.choice.best(3)
        for peer in world.others:
            if peer.name in best[:2]:
                peer.garbage.add(MALICIOUS_IDS)
            if peer.name == best[2]:
                # Nobody has this one.
                peer.malicious += (smesher(9),)
        before_ns = world.clock.now_ns()
        await world.downloads.proofs.ensure(epoch_start(3), LENGTH)
        assert world.clock.now_ns() - before_ns < 5 * NS
        assert is_malicious(world.db, smesher(1))

    world.run(main)


def test_without_peers_it_fails(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, peers=0)

    async def main() -> None:
        with pytest.raises(UnavailableError, match="no peers"):
            await world.downloads.proofs.ensure(epoch_start(3), LENGTH)

    world.run(main)


def test_what_cannot_be_stored_is_given_up(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, peers=4)
    world.give_proofs(1, 2, 3)
    world.refused[key_of(smesher(1))] = IgnoreError("later")
    world.refused[key_of(smesher(2))] = RejectError("invalid")
    world.others[0].garbage.add(MALICIOUS_IDS)

    async def main() -> None:
        async with asyncio.timeout(100):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(90):
                    await world.downloads.proofs.ensure(epoch_start(3), LENGTH)
        assert is_malicious(world.db, smesher(3))

    world.run(main)
    assert world.end.has_dropped(world.others[0].name)


def test_the_loop_asks_from_time_to_time(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)
    world.give_proofs(1)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2 * 1800 + 60):
                await world.downloads.proofs.run()
        assert is_malicious(world.db, smesher(1))
        assert find_malfeasance_sync(world.local) is not None

    world.run(main)
    assert world.others[0].count(MALICIOUS_IDS) == 2


def test_a_loop_without_peers_goes_on(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, peers=0)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2000):
                await world.downloads.proofs.run()
        assert find_malfeasance_sync(world.local) is None

    world.run(main)
