"""The two loops of catching up."""

from pathlib import Path
from typing import Any

import pytest

from node.base.errors import IgnoreError, UnavailableError
from node.net.fetch.wire import (
    EPOCH_ATXS,
    LAYER_DATA,
    MALICIOUS_IDS,
    MESH_HASHES,
    OPINIONS,
    LayerOpinion,
)
from node.store.atxs import has_atx
from node.store.ballots import count_ballots
from node.store.blocks import has_block
from node.store.identities import is_malicious
from node.types.layer import LayerID
from tests.support import store_records as records
from tests.support.sync import NO_HASH, PlainMesh, SyncWorld, key_of, mesh_hash

ALONE: dict[str, Any] = {"standalone": True}


def test_a_node_is_synced_at_once_in_genesis(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, start_layer=0, peers=0)
    (change,) = world.serve(1)
    assert change.is_synced
    assert change.listens_to_gossip
    assert world.cleared == 1
    assert world.mesh.asked == []


def test_a_node_alone_that_starts_late_listens_before_it_is_synced(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, peers=0, parameters=ALONE)
    assert world.serve(1) == []
    assert world.machine.listens_to_gossip
    assert world.mesh.asked[:3] == [8, 10, 11]


def test_a_node_alone_is_synced_after_a_while(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, peers=0, parameters=ALONE)
    (change,) = world.serve(120)
    assert change.is_synced
    assert world.mesh.processed >= LayerID(20)


def test_layers_in_hares_care_are_left_alone(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, start_layer=10, parameters=ALONE)
    world.patrol.start(LayerID(9))
    world.serve(1)
    assert set(world.mesh.asked) == {8}


def test_hare_is_not_waited_for_longer_than_zdist(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, start_layer=11, parameters=ALONE)
    world.patrol.start(LayerID(9))
    world.serve(1)
    assert set(world.mesh.asked) == {8, 10}


def test_a_layer_that_fails_is_tried_again(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, start_layer=9, mesh=PlainMesh(failing={8}), parameters=ALONE)
    world.serve(6)
    assert world.mesh.asked[:2] == [8, 8]
    assert world.mesh.processed == 8


def test_missing_blocks_are_fetched_and_the_layer_processed_again(tmp_path: Path) -> None:
    block = records.block(8)
    mesh = PlainMesh(missing={8: (block.id,)})
    world = SyncWorld(tmp_path, start_layer=9, mesh=mesh, parameters=ALONE)
    world.give_block(8)
    world.serve(4, then=lambda: check(has_block(world.db, block.id)))
    assert world.mesh.asked[:2] == [8, 8]


def check(holds: bool) -> None:
    assert holds


def test_without_peers_nothing_is_synced(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, peers=0)
    assert world.serve(60) == []
    assert not world.machine.listens_to_gossip
    assert not world.machine.atxs_synced
    assert world.mesh.asked == []


def test_atxs_then_proofs_then_layers_come_from_peers(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)
    world.give_atxs(1, 11, 12)
    world.give_atxs(2, 21)
    world.give_proofs(5)
    for layer in range(8, 30):
        world.give_ballots(layer)

    def then() -> None:
        for number in (11, 12, 21):
            assert has_atx(world.db, records.atx_id(number))
        assert is_malicious(world.db, records.smesher(5))
        assert count_ballots(world.db, LayerID(11)) == 2

    (change,) = world.serve(80, then)
    assert change.is_synced
    assert world.machine.atxs_synced
    first = [protocol for protocol, _ in world.others[0].asked]
    order = [first.index(one) for one in (EPOCH_ATXS, MALICIOUS_IDS, LAYER_DATA)]
    assert order == sorted(order)


def test_ballots_that_are_refused_do_not_stop_it_but_failures_do(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)
    refused, _ = world.give_ballots(8)
    world.refused[key_of(refused)] = IgnoreError("not for us")
    failing, _ = world.give_ballots(10)
    world.refused[key_of(failing)] = UnavailableError("busy")
    world.serve(5)
    assert world.service._last_synced == 9
    assert not world.machine.listens_to_gossip


def test_a_node_that_loses_its_peers_falls_behind(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, start_layer=7)
    for peer in world.others:
        peer.silent.add(LAYER_DATA)
    changes = world.serve(60)
    assert [change.is_synced for change in changes] == [True, False]


def test_the_epoch_that_is_published_is_downloaded_in_the_background(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, start_layer=12)
    world.give_atxs(2, 21)
    world.give_atxs(3, 31)

    def then() -> None:
        assert has_atx(world.db, records.atx_id(31))

    world.serve(60, then)
    asked = [request.epoch for protocol, request in world.others[0].asked if protocol == EPOCH_ATXS]
    assert 3 in asked


def test_a_background_download_without_peers_is_tried_again(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, start_layer=12, peers=1)
    peer = world.others[0]
    world.serve(3)
    assert peer.count(EPOCH_ATXS) >= 2
    again = SyncWorld(tmp_path, start_layer=12, peers=1)
    again.choice.drop(again.others[0].name, "gone")
    again.serve(10)
    assert again.others[0].asked == []


@pytest.mark.parametrize("refused", [False, True])
def test_certificates_of_recent_layers_are_taken_over(tmp_path: Path, refused: bool) -> None:
    world = SyncWorld(tmp_path)
    block = world.give_block(11)
    if refused:
        world.certifier.refused.add(block.id)
    for peer in world.others:
        peer.certificates[11, block.id] = records.certificate(11, block.id)
        peer.opinions[11] = LayerOpinion(previous_mesh_hash=NO_HASH, certified=block.id)
    world.serve(4)
    assert world.outputs == ([] if refused else [(11, block.id)])


def test_a_certified_block_that_cannot_be_had_does_not_stop_it(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path)
    block = records.block(11)
    for peer in world.others:
        peer.certificates[11, block.id] = records.certificate(11, block.id)
        peer.opinions[11] = LayerOpinion(previous_mesh_hash=NO_HASH, certified=block.id)
    world.serve(30)
    assert world.mesh.processed >= 11
    assert world.outputs == []


def test_a_synced_node_looks_for_forks(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, start_layer=7)
    world.set_hashes(7, 20)
    for peer in world.others:
        peer.hashes = {layer: mesh_hash(layer, branch=layer > 8) for layer in range(7, 21)}
        peer.opinions = {
            layer + 1: LayerOpinion(previous_mesh_hash=one, certified=None)
            for layer, one in peer.hashes.items()
        }
    world.serve(60)
    assert any(peer.count(MESH_HASHES) for peer in world.others)


def test_the_next_epoch_replaces_the_one_in_the_background(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, start_layer=8)
    world.give_atxs(1, 11)
    world.give_atxs(2, 21)

    def then() -> None:
        assert has_atx(world.db, records.atx_id(21))

    world.serve(120, then)
    epochs = {
        request.epoch for protocol, request in world.others[0].asked if protocol == EPOCH_ATXS
    }
    assert {1, 2, 3} <= epochs


def test_epochs_that_went_by_while_it_waited_are_downloaded_too(tmp_path: Path) -> None:
    """Peers that list no malicious smeshers keep a node from all else, for longer than epochs."""
    world = SyncWorld(tmp_path, start_layer=12)
    for peer in world.others:
        peer.slow[MALICIOUS_IDS] = 120
    world.give_atxs(3, 31)

    def then() -> None:
        assert has_atx(world.db, records.atx_id(31))

    world.serve(200, then)


def test_processing_that_takes_long_does_not_hold_up_downloading(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, start_layer=12)
    for peer in world.others:
        peer.slow[OPINIONS] = 20
    world.serve(60)
    asked = [request.layer for protocol, request in world.others[0].asked if protocol == LAYER_DATA]
    assert asked[-1] >= 15
