"""What a starting tortoise reads of the store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.consensus.mesh.history import StoredHistory
from node.store.beacons import put_beacon
from node.store.blocks import put_block, put_block_validity
from node.store.certificates import put_hare_output
from node.store.identities import Malfeasance, put_malfeasance
from node.store.layers import put_applied_block, put_layer, put_mesh_hash, put_weak_coin
from node.types.ids import Hash32
from node.types.layer import EpochID, LayerID
from tests.support.chain import BEACON, Chain, atx, block, smesher_id

LAYER = LayerID(9)
MESH_HASH = Hash32(b"\x07" * 32)


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    made = Chain(tmp_path)
    yield made
    made.db.close()


def test_an_empty_store_has_no_history(chain: Chain) -> None:
    history = StoredHistory(chain.db)
    assert history.last_ballot_layer() is None
    assert history.last_applied_layer() == 0
    assert history.last_valid_layer() is None
    assert history.mesh_hash(LAYER) is None
    assert list(history.malicious()) == []
    assert history.beacon(EpochID(2)) is None
    assert history.latest_publish_epoch() == 0
    assert list(history.blocks(LAYER)) == []
    assert history.hare_output(LAYER) is None
    assert list(history.ballots(LAYER)) == []
    assert history.weak_coin(LAYER) is None


def test_everything_that_was_stored_is_read(chain: Chain) -> None:
    valid, undecided = block(LAYER, atx(1)), block(LAYER, atx(1), atx(2))
    chain.add_atx(atx(1))
    ballots = {number: chain.add_reference(number, LAYER, [atx(1)]) for number in (1, 2)}
    with chain.db.batch() as batch:
        put_malfeasance(batch, Malfeasance(smesher=smesher_id(2), proof=b"", received_ns=1))
        put_beacon(batch, EpochID(2), BEACON)
        put_block(batch, valid)
        put_block(batch, undecided)
        put_block_validity(batch, LAYER, valid.id, valid=True)
        put_hare_output(batch, LAYER, valid.id, valid=True)
        put_applied_block(batch, LAYER, valid.id)
        put_mesh_hash(batch, LAYER, MESH_HASH)
        put_weak_coin(batch, LAYER, coin=True)
        put_layer(batch, LayerID(LAYER + 1))
    history = StoredHistory(chain.db)
    assert history.last_ballot_layer() == LAYER
    assert history.last_applied_layer() == LAYER
    assert history.last_valid_layer() == LAYER
    assert history.mesh_hash(LAYER) == MESH_HASH
    assert list(history.malicious()) == [smesher_id(2)]
    assert history.beacon(EpochID(2)) == BEACON
    assert history.latest_publish_epoch() == atx(1).publish_epoch
    assert {found.header: found.valid for found in history.blocks(LAYER)} == {
        valid.vote(): True,
        undecided.vote(): False,
    }
    assert history.hare_output(LAYER) == valid.id
    assert {found.id: found.malicious for found in history.ballots(LAYER)} == {
        ballots[1].id: False,
        ballots[2].id: True,
    }
    assert history.weak_coin(LAYER) is True


def test_a_known_layer_without_a_mesh_hash_has_a_zero_one(chain: Chain) -> None:
    with chain.db.batch() as batch:
        put_layer(batch, LAYER)
    assert StoredHistory(chain.db).mesh_hash(LAYER) == Hash32.zero()
