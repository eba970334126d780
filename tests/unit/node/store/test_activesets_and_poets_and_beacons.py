"""Active sets, PoET proofs and beacons."""

import pytest

from node.base import scale
from node.base.errors import NotFoundError
from node.store import activesets, beacons, poets
from node.store.db import LevelDB
from node.types.active_set import EpochActiveSet
from node.types.ids import Beacon, PoetRef
from node.types.layer import EpochID
from tests.support.store_records import atx_id, digest, poet


def active_set(epoch: int, *numbers: int) -> EpochActiveSet:
    return EpochActiveSet(epoch=EpochID(epoch), atx_ids=tuple(map(atx_id, numbers)))


def test_an_active_set_is_found_by_its_digest(db: LevelDB) -> None:
    with db.batch(sync=False) as batch:
        activesets.put_active_set(batch, digest(1), active_set(3, 1, 2))
    assert activesets.get_active_set(db, digest(1)) == active_set(3, 1, 2)
    assert activesets.find_active_set_blob(db, digest(1)) == scale.encode(active_set(3, 1, 2))
    assert activesets.has_active_set(db, digest(1))
    assert activesets.find_active_set(db, digest(2)) is None
    with pytest.raises(NotFoundError, match="active set"):
        activesets.get_active_set(db, digest(2))


def test_old_active_sets_are_pruned(db: LevelDB) -> None:
    with db.batch(sync=False) as batch:
        for number in range(1, 5):
            activesets.put_active_set(batch, digest(number), active_set(number, 1))
    assert activesets.prune_active_sets(db, EpochID(3), limit=9).rows == 2
    assert [activesets.has_active_set(db, digest(n)) for n in range(1, 5)] == [0, 0, 1, 1]
    assert list(activesets.active_sets_in_epoch(db, EpochID(3))) == [digest(3)]
    assert list(activesets.active_sets_in_epoch(db, EpochID(1))) == []


def test_a_poet_proof_is_found_by_reference_and_by_round(db: LevelDB) -> None:
    first, second = poet(1, round_id="1"), poet(2, b"short", "11")
    with db.batch(sync=False) as batch:
        poets.put_poet(batch, first)
        poets.put_poet(batch, second)
    assert poets.get_poet(db, first.proof.ref) == first
    assert poets.find_poet_blob(db, second.proof.ref) == scale.encode(second)
    assert poets.has_poet(db, first.proof.ref)
    assert poets.find_poet_of_round(db, b"s" * 32, "1") == first.proof.ref
    assert poets.find_poet_of_round(db, b"short", "11") == second.proof.ref
    assert poets.find_poet_of_round(db, b"shor", "t11") is None
    assert sorted(poets.poet_refs(db)) == sorted([first.proof.ref, second.proof.ref])


def test_an_unknown_poet_proof_is_not_found(db: LevelDB) -> None:
    assert poets.find_poet(db, PoetRef.zero()) is None
    with pytest.raises(NotFoundError, match="poet proof"):
        poets.get_poet(db, PoetRef.zero())


def test_beacons_are_kept_by_epoch_and_can_be_replaced(db: LevelDB) -> None:
    with db.batch(sync=False) as batch:
        beacons.put_beacon(batch, EpochID(300), Beacon(b"late"))
        beacons.put_beacon(batch, EpochID(2), Beacon(b"abcd"))
    with db.batch(sync=False) as batch:
        beacons.put_beacon(batch, EpochID(2), Beacon(b"next"))
    assert beacons.get_beacon(db, EpochID(2)) == b"next"
    assert list(beacons.beacons(db)) == [(2, b"next"), (300, b"late")]
    assert beacons.find_beacon(db, EpochID(3)) is None
    with pytest.raises(NotFoundError, match="beacon of epoch 3"):
        beacons.get_beacon(db, EpochID(3))
