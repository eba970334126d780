"""Active sets of committees, and seats over them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.base.errors import IgnoreError, NotFoundError
from node.consensus.activesets import ActiveSets, EligibilityOracle
from node.consensus.eligibility import CERTIFY_ROUND
from node.store.activesets import prune_active_sets
from node.store.beacons import put_beacon
from node.store.blocks import put_block
from node.store.layers import put_applied_block
from node.types.active_set import EpochActiveSet
from node.types.ids import AtxID, Beacon, VrfSignature
from node.types.layer import EpochID, LayerID
from tests.support.chain import BEACON, TIME, Chain, atx, block, signer, smesher_id

LAYER = LayerID(9)
EPOCH = EpochID(2)


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    chain = Chain(tmp_path)
    for number in (1, 2, 3):
        chain.add_atx(atx(number, weight=100 * number))
    yield chain
    chain.db.close()


def sets(chain: Chain, confidence: int = 0) -> ActiveSets:
    return ActiveSets(db=chain.db, atxdata=chain.atxdata, time=TIME, confidence_param=confidence)


def set_beacon(chain: Chain, beacon: Beacon = BEACON) -> None:
    with chain.db.batch(sync=False) as batch:
        put_beacon(batch, EPOCH, beacon)


def test_genesis_has_no_active_set(chain: Chain) -> None:
    with pytest.raises(IgnoreError, match="in genesis"):
        sets(chain).for_layer(TIME.effective_genesis)


def test_the_first_layers_of_an_epoch_use_the_set_before(chain: Chain) -> None:
    active = sets(chain, confidence=2)
    assert [active.epoch_for(LayerID(layer)) for layer in (8, 9, 12, 13, 14)] == [2, 2, 2, 2, 3]


def test_reference_ballots_with_our_beacon_make_the_set(chain: Chain) -> None:
    set_beacon(chain)
    chain.add_reference(1, 8, [atx(1), atx(2)])
    chain.add_reference(3, 9, [atx(3)], beacon=Beacon(b"evil"))
    known = sets(chain).for_layer(LAYER)
    assert known.weights == {smesher_id(1): 100, smesher_id(2): 200}
    assert known.total == 300


def test_without_a_beacon_ballots_say_nothing(chain: Chain) -> None:
    with pytest.raises(NotFoundError, match="beacon"):
        sets(chain).for_layer(LAYER)


def test_without_ballots_there_is_no_set(chain: Chain) -> None:
    set_beacon(chain)
    with pytest.raises(IgnoreError, match="empty active set for epoch 2"):
        sets(chain).for_layer(LAYER)


def test_the_first_applied_block_comes_before_ballots(chain: Chain) -> None:
    set_beacon(chain)
    chain.add_reference(1, 8, [atx(2)])
    content = block(8, atx(1))
    with chain.db.batch(sync=False) as batch:
        put_block(batch, content)
        put_applied_block(batch, LayerID(8), content.id)
    assert set(sets(chain).for_layer(LAYER).weights) == {smesher_id(1), smesher_id(2)}


def test_what_ballots_say_holds_until_a_block_is_applied(chain: Chain) -> None:
    set_beacon(chain)
    chain.add_reference(1, 8, [atx(2)])
    chain.add_reference(3, 8, [atx(3)])
    active = sets(chain)
    assert set(active.for_layer(LAYER).weights) == {smesher_id(2), smesher_id(3)}
    content = block(8, atx(1))
    with chain.db.batch(sync=False) as batch:
        put_block(batch, content)
        put_applied_block(batch, LayerID(8), content.id)
    assert set(active.for_layer(LAYER).weights) == {smesher_id(1), smesher_id(2)}
    chain.add_reference(2, 8, [atx(3)])
    assert set(active.for_layer(LAYER).weights) == {smesher_id(1), smesher_id(2)}


def test_a_block_whose_ballot_is_unknown_leaves_it_to_ballots(chain: Chain) -> None:
    set_beacon(chain)
    chain.add_reference(1, 8, [atx(2)])
    content = block(8, atx(3))
    with chain.db.batch(sync=False) as batch:
        put_block(batch, content)
        put_applied_block(batch, LayerID(8), content.id)
    assert set(sets(chain).for_layer(LAYER).weights) == {smesher_id(2)}


def test_without_its_active_sets_an_epoch_has_no_committees_any_more(chain: Chain) -> None:
    set_beacon(chain)
    chain.add_reference(1, 8, [atx(2)])
    content = block(8, atx(1))
    with chain.db.batch(sync=False) as batch:
        put_block(batch, content)
        put_applied_block(batch, LayerID(8), content.id)
    active = sets(chain)
    known = active.for_layer(LAYER)
    assert prune_active_sets(chain.db, EpochID(EPOCH + 1), limit=9).rows == 1
    assert active.for_layer(LAYER) is known
    with pytest.raises(IgnoreError, match="empty active set for epoch 2"):
        sets(chain).for_layer(LAYER)


def test_a_trusted_set_comes_first_and_stays(chain: Chain) -> None:
    active = sets(chain)
    active.on_fallback(EpochActiveSet(epoch=EPOCH, atx_ids=(atx(3).id,)))
    active.on_fallback(EpochActiveSet(epoch=EPOCH, atx_ids=(atx(1).id,)))
    assert set(active.for_layer(LAYER).weights) == {smesher_id(3)}


def test_a_set_with_an_unknown_atx_is_of_no_use_yet(chain: Chain) -> None:
    active = sets(chain)
    active.on_fallback(EpochActiveSet(epoch=EPOCH, atx_ids=(AtxID(b"\x09" * 32),)))
    with pytest.raises(IgnoreError, match="not known"):
        active.for_layer(LAYER)


def test_what_was_computed_out_of_sync_is_forgotten(chain: Chain) -> None:
    set_beacon(chain)
    chain.add_reference(1, 8, [atx(1)])
    active = sets(chain)
    active.for_layer(LAYER)
    chain.add_reference(2, 8, [atx(2)])
    assert len(active.for_layer(LAYER).weights) == 1
    active.clear()
    assert len(active.for_layer(LAYER).weights) == 2


def test_reference_ballots_with_unknown_sets_do_not_count(chain: Chain) -> None:
    set_beacon(chain)
    chain.add_reference(1, 8, [atx(1)])
    other = chain.add_reference(2, 8, [atx(2)])
    assert other.inner.epoch_data is not None
    chain.db._db.delete(b"VI" + other.inner.epoch_data.active_set_hash)
    assert set(sets(chain).for_layer(LAYER).weights) == {smesher_id(1)}


def oracle(chain: Chain) -> EligibilityOracle:
    set_beacon(chain)
    chain.add_reference(1, 8, [atx(1), atx(2)])
    return EligibilityOracle(db=chain.db, active_sets=sets(chain), time=TIME)


def test_seats_are_those_of_the_proof(chain: Chain) -> None:
    judge = oracle(chain)
    assert judge.has_beacon(LAYER)
    assert not judge.has_beacon(LayerID(12))
    proof = signer(1).vrf_sign(judge.vrf_input(LAYER, CERTIFY_ROUND))
    seats = judge.seats(LAYER, CERTIFY_ROUND, 40, smesher_id(1), proof)
    assert seats > 0
    assert judge.are_seats(LAYER, CERTIFY_ROUND, 40, smesher_id(1), proof, count=seats)
    assert not judge.are_seats(LAYER, CERTIFY_ROUND, 40, smesher_id(1), proof, count=seats + 1)


def test_wrong_proofs_win_nothing_and_strangers_are_not_asked(chain: Chain) -> None:
    judge = oracle(chain)
    wrong = VrfSignature.zero()
    assert judge.seats(LAYER, 1, 40, smesher_id(1), wrong) == 0
    assert not judge.are_seats(LAYER, 1, 40, smesher_id(1), wrong, count=0)
    with pytest.raises(IgnoreError, match="not active"):
        judge.seats(LAYER, 1, 40, smesher_id(3), wrong)
