"""Working towards one opinion of the past, in front of peers."""

from pathlib import Path

import pytest

from node.base.errors import IgnoreError, StoreError, UnavailableError
from node.net.fetch.wire import EPOCH_ATXS, LAYER_DATA, MESH_HASHES, LayerOpinion
from node.store.ballots import count_ballots
from node.sync.forks import LayerHash
from node.types.layer import LayerID
from tests.support import store_records as records
from tests.support.sync import NO_HASH, ScriptedPeer, SyncWorld, key_of, mesh_hash

LAYER, LATEST = LayerID(20), LayerID(21)
FORK = 12


def world_of(folder: Path, *, fork: int = FORK, peers: int = 1) -> SyncWorld:
    """Return a node that differs from its peers after a layer."""
    world = SyncWorld(folder, start_layer=21, peers=peers)
    world.set_hashes(7, 21)
    for peer in world.others:
        differ(peer, fork)
    return world


def differ(peer: ScriptedPeer, fork: int) -> None:
    peer.hashes = {layer: mesh_hash(layer, layer > fork) for layer in range(7, 22)}


async def resolve(world: SyncWorld) -> bool:
    opinions = {
        peer.name: LayerOpinion(
            previous_mesh_hash=peer.hashes.get(LAYER - 1, NO_HASH), certified=None
        )
        for peer in world.others
    }
    if not world.downloads.agreement.differs(LAYER, opinions):
        return False
    await world.downloads.agreement.resolve(LAYER, LATEST, opinions)
    return True


def layers_asked(peer: ScriptedPeer) -> list[int]:
    return [request.layer for protocol, request in peer.asked if protocol == LAYER_DATA]


def test_layers_behind_the_fork_come_from_who_differs(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    world.give_atxs(4, 1)
    world.give_ballots(15)

    async def main() -> None:
        assert await resolve(world)
        assert count_ballots(world.db, LayerID(15)) == 2
        assert await resolve(world)

    world.run(main)
    (peer,) = world.others
    assert layers_asked(peer) == list(range(FORK + 1, LATEST + 1))
    assert peer.count(EPOCH_ATXS) == 1


def test_agreements_end_when_our_mesh_is_about_to_change(tmp_path: Path) -> None:
    world = world_of(tmp_path, peers=2)
    differ(world.others[0], 30)

    async def main() -> None:
        assert await resolve(world)
        finder = world.downloads.agreement.finder
        assert finder.agreement(world.others[0].name) is None
        world.others[1].hashes.clear()
        assert not await resolve(world)

    world.run(main)
    assert world.others[0].asked == []


def test_ballots_that_are_refused_do_not_matter(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    refused, _ = world.give_ballots(15)
    world.refused[key_of(refused)] = IgnoreError("not for us")

    async def main() -> None:
        await resolve(world)

    world.run(main)
    assert layers_asked(world.others[0])[-1] == LATEST
    assert world.downloads.agreement.finder.is_resynced(
        LayerHash(layer=LayerID(19), hash=mesh_hash(19, 1))
    )


def test_ballots_that_cannot_be_stored_end_it(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    failing, _ = world.give_ballots(15)
    world.refused[key_of(failing)] = UnavailableError("busy")

    async def main() -> None:
        await resolve(world)

    world.run(main)
    assert layers_asked(world.others[0])[-1] == 15


def test_a_peer_that_changes_its_mind_is_forgotten(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    world.others[0].hashes[7] = mesh_hash(7, 9)

    async def main() -> None:
        await resolve(world)

    world.run(main)
    assert layers_asked(world.others[0]) == []
    assert world.others[0].count(MESH_HASHES) == 1


def test_our_own_mesh_may_lack_layers(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, start_layer=21, peers=1)
    world.set_hashes(7, 9)
    world.set_hashes(19, 19)
    differ(world.others[0], FORK)

    async def main() -> None:
        await resolve(world)

    world.run(main)
    assert layers_asked(world.others[0]) == []


def test_a_damaged_database_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_of(tmp_path)

    def fail(*_: object) -> None:
        raise StoreError("damaged")

    monkeypatch.setattr(world.downloads.agreement.finder, "start", fail)

    async def main() -> None:
        with pytest.raises(StoreError):
            await resolve(world)

    world.run(main)


def test_peers_without_a_hash_are_passed_over(tmp_path: Path) -> None:
    world = world_of(tmp_path, peers=2)
    world.others[0].hashes.clear()

    async def main() -> None:
        assert await resolve(world)

    world.run(main)
    assert world.others[0].asked == []
    assert layers_asked(world.others[1])


def test_atxs_that_peers_vote_with_are_fetched(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    world.give_atxs(4, 1)
    world.others[0].objects.pop(key_of(records.atx_id(1)))

    async def main() -> None:
        await resolve(world)

    world.run(main)
    assert world.others[0].count(MESH_HASHES) == 0
