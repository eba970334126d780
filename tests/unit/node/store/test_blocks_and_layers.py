"""Blocks with their validity, and the facts of a layer."""

import pytest

from node.base import scale
from node.base.errors import NotFoundError
from node.store import blocks, layers
from node.store.db import LevelDB
from node.types.block import Block
from node.types.ids import NO_BLOCK, Hash32
from node.types.layer import LayerID
from tests.support.store_records import block, block_id, digest

L = [LayerID(number) for number in range(40)]


def add(db: LevelDB, *added: Block) -> None:
    with db.batch(sync=False) as batch:
        for one in added:
            blocks.put_block(batch, one)


def decide(db: LevelDB, decided: Block, *, valid: bool) -> None:
    with db.batch(sync=False) as batch:
        blocks.put_block_validity(batch, decided.layer, decided.id, valid=valid)


def test_a_block_is_found_by_identifier_and_layer(db: LevelDB) -> None:
    one, two, later = block(20, 1), block(20, 2), block(21, 1)
    add(db, one, two, later)
    assert blocks.get_block(db, one.id) == one
    assert blocks.find_block_blob(db, one.id) == scale.encode(one)
    assert blocks.has_block(db, later.id)
    in_layer = sorted([one, two], key=lambda b: b.id)
    assert list(blocks.blocks_in_layer(db, L[20])) == in_layer
    assert list(blocks.block_ids_in_layer(db, L[20])) == [b.id for b in in_layer]
    assert list(blocks.blocks_between(db, L[20], L[39])) == [*in_layer, later]
    assert blocks.find_latest_block_layer(db) == 21


def test_an_unknown_block_is_not_found(db: LevelDB) -> None:
    assert blocks.find_block(db, NO_BLOCK) is None
    assert blocks.find_block_validity(db, NO_BLOCK) is None
    assert blocks.find_latest_block_layer(db) is None
    with pytest.raises(NotFoundError, match="block"):
        blocks.get_block(db, NO_BLOCK)


def test_validity_is_undecided_until_the_tortoise_decides(db: LevelDB) -> None:
    one, two = block(20, 1), block(20, 2)
    add(db, one, two)
    assert blocks.find_block_validity(db, one.id) is None
    assert blocks.find_last_valid_layer(db) is None
    decide(db, one, valid=True)
    decide(db, two, valid=False)
    assert blocks.find_block_validity(db, one.id) is True
    assert blocks.find_block_validity(db, two.id) is False
    assert blocks.block_validities_in_layer(db, L[20]) == {one.id: True, two.id: False}
    assert blocks.find_last_valid_layer(db) == 20


def test_a_changed_decision_replaces_the_old_one(db: LevelDB) -> None:
    one, undecided = block(20, 1), block(20, 3)
    add(db, one, undecided)
    decide(db, one, valid=True)
    decide(db, one, valid=False)
    assert blocks.find_last_valid_layer(db) is None
    assert blocks.block_validities_in_layer(db, L[20]) == {one.id: False, undecided.id: None}


def test_each_fact_of_a_layer_is_kept_by_itself(db: LevelDB) -> None:
    assert layers.find_layer(db, L[7]) is None
    with db.batch(sync=False) as batch:
        layers.put_weak_coin(batch, L[7], coin=False)
    facts = layers.find_layer(db, L[7])
    assert facts is not None
    assert (facts.weak_coin, facts.is_processed, facts.applied_block) == (False, False, None)
    with db.batch(sync=False) as batch:
        layers.put_processed(batch, L[7])
        layers.put_applied_block(batch, L[7], NO_BLOCK)
        layers.put_state_hash(batch, L[7], digest(1))
        layers.put_mesh_hash(batch, L[7], digest(2))
    assert layers.find_layer(db, L[7]) == layers.LayerFacts(
        layer=L[7],
        weak_coin=False,
        is_processed=True,
        applied_block=NO_BLOCK,
        state_hash=digest(1),
        mesh_hash=digest(2),
    )
    assert layers.get_applied_block(db, L[7]) == NO_BLOCK
    assert layers.get_mesh_hash(db, L[7]) == digest(2)


def test_what_a_layer_lacks_is_not_found(db: LevelDB) -> None:
    assert layers.find_weak_coin(db, L[1]) is None
    assert layers.find_state_hash(db, L[1]) is None
    assert layers.find_latest_state_hash(db) is None
    assert layers.find_processed_layer(db) is None
    assert layers.find_applied_layer(db) is None
    with pytest.raises(NotFoundError, match="applied block of layer 1"):
        layers.get_applied_block(db, L[1])
    with pytest.raises(NotFoundError, match="mesh hash of layer 1"):
        layers.get_mesh_hash(db, L[1])


def apply(db: LevelDB, layer: int, number: int) -> None:
    with db.batch(sync=False) as batch:
        applied = NO_BLOCK if number == 0 else block_id(number)
        layers.put_applied_block(batch, L[layer], applied)
        layers.put_state_hash(batch, L[layer], digest(layer))
        layers.put_mesh_hash(batch, L[layer], digest(layer))
        layers.put_processed(batch, L[layer])


def test_reverting_clears_what_was_applied_and_keeps_the_rest(db: LevelDB) -> None:
    for layer in range(20, 25):
        apply(db, layer, layer)
    assert layers.find_applied_layer(db) == 24
    assert layers.find_latest_state_hash(db) == (24, digest(24))
    with db.batch(sync=False) as batch:
        layers.clear_applied(batch, db, L[22])
    assert layers.find_applied_layer(db) == 21
    assert layers.find_latest_state_hash(db) == (21, digest(21))
    assert layers.find_processed_layer(db) == 24
    assert layers.has_layer(db, L[23])
    assert layers.find_mesh_hash(db, L[23]) is None


def test_the_first_applied_block_of_a_range_is_not_an_empty_one(db: LevelDB) -> None:
    apply(db, 20, 0)
    assert layers.find_first_applied_block(db, L[20], L[29]) is None
    apply(db, 22, 5)
    apply(db, 23, 6)
    assert layers.find_first_applied_block(db, L[20], L[29]) == (22, block_id(5))
    assert list(layers.applied_blocks(db, L[20], L[22])) == [(20, NO_BLOCK), (22, block_id(5))]


def test_mesh_hashes_come_by_step_and_end_with_the_last(db: LevelDB) -> None:
    for layer in range(20, 31):
        apply(db, layer, layer)
    assert layers.mesh_hashes(db, L[20], L[27], 3) == tuple(map(digest, (20, 23, 26, 27)))
    assert layers.mesh_hashes(db, L[20], L[26], 3) == tuple(map(digest, (20, 23, 26)))
    assert layers.mesh_hashes(db, L[20], L[20], 1) == (digest(20),)


def test_a_layer_without_hash_gives_zeros_and_an_unknown_one_an_error(db: LevelDB) -> None:
    with db.batch(sync=False) as batch:
        layers.put_layer(batch, L[20])
    assert layers.mesh_hashes(db, L[20], L[20], 1) == (Hash32.zero(),)
    with pytest.raises(NotFoundError, match="layers from 20 to 21 by 1"):
        layers.mesh_hashes(db, L[20], L[21], 1)


def test_layers_of_a_range_come_in_either_order(db: LevelDB) -> None:
    for layer in (20, 22, 25):
        apply(db, layer, layer)
    assert [facts.layer for facts in layers.layers_between(db, L[20], L[24])] == [20, 22]
    newest = layers.layers_between(db, L[0], L[39], newest_first=True)
    assert [facts.layer for facts in newest] == [25, 22, 20]


def test_the_restore_layer_tells_a_recovered_database(db: LevelDB) -> None:
    assert layers.find_restore_layer(db) is None
    with db.batch(sync=False) as batch:
        layers.put_restore_layer(batch, L[30])
    assert layers.find_restore_layer(db) == 30
