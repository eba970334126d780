"""The download of ballots and opinions, in front of peers."""

from pathlib import Path

import pytest

from node.base.errors import UnavailableError
from node.net.fetch.client import FetchError
from node.net.fetch.wire import LAYER_DATA, OPINIONS, LayerOpinion
from node.store.ballots import count_ballots
from node.store.blocks import has_block
from node.types.ids import NO_BLOCK, BallotID
from node.types.layer import LayerID
from tests.support import store_records as records
from tests.support.sync import NO_HASH, NS, SyncWorld, key_of

LAYER = LayerID(11)


def certified(world: SyncWorld, number: int, *peers: int) -> bytes:
    """Let some peers have a certificate of a block."""
    block = NO_BLOCK if number == 0 else world.give_block(LAYER, number).id
    for place in peers:
        peer = world.others[place]
        peer.opinions[LAYER] = LayerOpinion(previous_mesh_hash=NO_HASH, certified=block)
        peer.certificates[LAYER, block] = records.certificate(LAYER, block)
    return block


def test_the_ballots_of_all_peers_come_in(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)
    first, second = world.give_ballots(LAYER)
    world.others[0].ballots[LAYER] = (first,)
    world.others[1].ballots[LAYER] = ()
    world.others[2].ballots[LAYER] = (second,)

    async def main() -> None:
        await world.downloads.layers.download(LAYER)
        assert count_ballots(world.db, LAYER) == 2

    world.run(main)


def test_a_layer_without_ballots_is_fine(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)

    async def main() -> None:
        await world.downloads.layers.download(LAYER)

    world.run(main)


def test_only_the_peers_that_are_told_are_asked(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)

    async def main() -> None:
        await world.downloads.layers.download(LAYER, (world.others[1].name,))

    world.run(main)
    assert [peer.count(LAYER_DATA) for peer in world.others] == [0, 1, 0]


def test_one_list_is_enough_if_it_has_ballots(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)
    world.give_ballots(LAYER)
    world.others[0].garbage.add(LAYER_DATA)
    world.others[1].silent.add(LAYER_DATA)

    async def main() -> None:
        await world.downloads.layers.download(LAYER)
        assert count_ballots(world.db, LAYER) == 2
        world.others[2].ballots.clear()
        with pytest.raises(UnavailableError, match="layer 11 could not be listed"):
            await world.downloads.layers.download(LAYER)

    world.run(main)
    assert world.end.has_dropped(world.others[0].name)


def test_without_peers_it_fails(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, peers=0)

    async def main() -> None:
        with pytest.raises(UnavailableError, match="no peers"):
            await world.downloads.layers.download(LAYER)

    world.run(main)


def test_a_peer_that_lists_what_does_not_exist_is_dropped(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)
    world.give_ballots(LAYER)
    world.others[0].ballots[LAYER] = (BallotID(b"\7" * 20),)

    async def main() -> None:
        await world.downloads.layers.download(LAYER)
        assert count_ballots(world.db, LAYER) == 2
        assert world.clock.now_ns() < 121 * NS

    world.run(main)
    assert [world.end.has_dropped(peer.name) for peer in world.others] == [True, False, False]


def test_ballots_that_cannot_be_stored_now_are_told(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)
    late, _ = world.give_ballots(LAYER)
    world.refused[key_of(late)] = UnavailableError("busy")

    async def main() -> None:
        with pytest.raises(FetchError, match="busy"):
            await world.downloads.layers.download(LAYER)

    world.run(main)


def test_the_certificate_that_most_peers_have_comes_first(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)
    certified(world, 1, 0)
    block = certified(world, 2, 1, 2)

    async def main() -> None:
        opinions = await world.downloads.opinions.poll(LAYER)
        assert len(opinions) == 3
        assert world.downloads.opinions.needs_certificate(LAYER)
        assert await world.downloads.opinions.adopt(LAYER, opinions)
        assert not world.downloads.opinions.needs_certificate(LAYER)
        assert has_block(world.db, records.block(LAYER, 2).id)

    world.run(main)
    assert world.outputs == [(LAYER, block)]


def test_a_refused_certificate_gives_way_to_the_next(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)
    world.certifier.refused.add(records.block(LAYER, 1).id)
    certified(world, 1, 0, 1)
    block = certified(world, 2, 2)

    async def main() -> None:
        opinions = await world.downloads.opinions.poll(LAYER)
        assert await world.downloads.opinions.adopt(LAYER, opinions)

    world.run(main)
    assert world.outputs == [(LAYER, block)]


def test_an_empty_layer_can_be_certified(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)
    certified(world, 0, 0, 1, 2)

    async def main() -> None:
        opinions = await world.downloads.opinions.poll(LAYER)
        assert await world.downloads.opinions.adopt(LAYER, opinions)

    world.run(main)
    assert world.outputs == [(LAYER, NO_BLOCK)]


def test_peers_without_an_answer_or_a_certificate_are_passed_over(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)
    block = certified(world, 1, 0, 1)
    world.others[0].certificates.clear()
    other = records.block(LAYER, 2).id
    world.others[1].certificates[LAYER, records.block(LAYER, 1).id] = records.certificate(
        LAYER, other
    )
    world.others[2].silent.add(OPINIONS)

    async def main() -> None:
        opinions = await world.downloads.opinions.poll(LAYER)
        assert [opinion.certified for opinion in opinions.values()] == [block, block]
        assert not await world.downloads.opinions.adopt(LAYER, opinions)

    world.run(main)
    assert world.outputs == []
    assert world.end.has_dropped(world.others[1].name)
