"""Active sets that ballots name: fetched, checked and weighed once."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.base import scale
from node.base.errors import DecodeError, IgnoreError, NotFoundError, RejectError
from node.consensus.proposals import active_set_weights
from node.net.fetch.client import FetchError
from node.net.memory import MemoryNetwork
from node.net.ports import PeerID
from node.sim.virtual_time import simulate
from node.store.activesets import find_active_set
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.ids import AtxID, Hash32
from tests.support.chain import atx
from tests.support.proposals import EPOCH, MEMBERS, ProposalWorld

PEER = PeerID("peer")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ProposalWorld]:
    world = ProposalWorld(tmp_path)
    yield world
    world.close()


def encoded(*ids: AtxID) -> tuple[Hash32, bytes]:
    return active_set_hash(ids), scale.encode(EpochActiveSet(epoch=EPOCH, atx_ids=ids))


async def test_a_set_weighs_what_its_atxs_weigh(world: ProposalWorld) -> None:
    digest = world.add_active_set()
    assert await world.handler.active_sets.weight(digest) == 200


async def test_a_large_set_is_weighed_in_turns(
    world: ProposalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(active_set_weights, "MEMBERS_AT_ONCE", 1)
    digest = world.add_active_set()
    assert await world.handler.active_sets.weight(digest) == 200


async def test_a_set_that_is_gone_is_not_found(world: ProposalWorld) -> None:
    with pytest.raises(NotFoundError, match="active set"):
        await world.handler.active_sets._weigh(Hash32(b"\1" * 32))


async def test_a_weight_is_kept(world: ProposalWorld) -> None:
    digest = world.add_active_set()
    await world.handler.active_sets.weight(digest)
    world.atxdata.evict(EPOCH)
    assert await world.handler.active_sets.weight(digest) == 200


async def test_an_empty_set_is_rejected(world: ProposalWorld) -> None:
    digest = world.add_active_set(())
    with pytest.raises(RejectError, match="is empty"):
        await world.handler.active_sets.weight(digest)


async def test_a_set_with_an_atx_of_another_epoch_is_ignored(world: ProposalWorld) -> None:
    digest = world.add_active_set(epoch=3)
    with pytest.raises(IgnoreError, match="not known in epoch 3"):
        await world.handler.active_sets.weight(digest)


async def test_a_set_that_was_asked_for_is_stored(world: ProposalWorld) -> None:
    digest, data = encoded(*MEMBERS)
    await world.handler.on_synced_active_set(digest, PEER, data)
    found = find_active_set(world.db, digest)
    assert found == EpochActiveSet(epoch=EPOCH, atx_ids=MEMBERS)
    await world.handler.on_synced_active_set(digest, PEER, data)


async def test_malformed_unsorted_and_other_sets_condemn(world: ProposalWorld) -> None:
    digest, data = encoded(*MEMBERS)
    take = world.handler.on_synced_active_set
    with pytest.raises(DecodeError):
        await take(digest, PEER, data[:-1])
    with pytest.raises(RejectError, match="not sorted"):
        await take(*_swapped())
    with pytest.raises(RejectError, match="was sent for"):
        await take(Hash32(b"\1" * 32), PEER, data)
    assert find_active_set(world.db, digest) is None


def _swapped() -> tuple[Hash32, PeerID, bytes]:
    digest, data = encoded(*MEMBERS[::-1])
    return digest, PEER, data


def test_set_and_atxs_are_fetched_once_for_all_who_ask(tmp_path: Path) -> None:
    async def main() -> None:
        network = MemoryNetwork()
        there = ProposalWorld(tmp_path, name="there", network=network, members=(1, 2, 3))
        here = ProposalWorld(tmp_path, name="here", network=network, members=(1,))
        ids = (*MEMBERS, AtxID(b"\3" * 32))
        digest = there.add_active_set(ids)
        here.elsewhere = {Hash32(atx(number).id): atx(number) for number in (2, 3)}
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(t) for t in (network.run(), here.fetcher.run())]
            await asyncio.sleep(0)
            async with asyncio.TaskGroup() as asking:
                asked = [
                    asking.create_task(here.handler.active_sets.weight(digest)) for _ in range(3)
                ]
            for task in running:
                task.cancel()
        assert [task.result() for task in asked] == [300, 300, 300]
        here.close()
        there.close()

    simulate(main())


def test_a_set_whose_atxs_cannot_be_had_is_not_stored(tmp_path: Path) -> None:
    async def main() -> None:
        network = MemoryNetwork()
        there = ProposalWorld(tmp_path, name="there", network=network)
        here = ProposalWorld(tmp_path, name="here", network=network, members=(1,))
        digest = there.add_active_set()
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(t) for t in (network.run(), here.fetcher.run())]
            await asyncio.sleep(0)
            with pytest.raises(FetchError):
                await here.handler.active_sets.weight(digest)
            for task in running:
                task.cancel()
        assert find_active_set(here.db, digest) is None
        here.close()
        there.close()

    simulate(main())
