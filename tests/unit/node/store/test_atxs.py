"""Activations: by identifier, epoch, smesher, coinbase, height, marriage, previous ATX."""

import pytest

from node.base.errors import NotFoundError
from node.store import atxs
from node.store.atxs import AtxPost, Validity, put_atx, put_post
from node.store.db import LevelDB
from node.types.atx import Atx
from node.types.ids import AtxID
from node.types.layer import EpochID
from tests.support.store_records import address, atx, atx_id, smesher

EPOCHS = [EpochID(number) for number in range(10)]


def add(db: LevelDB, *added: Atx, blob: bytes | None = b"atx") -> None:
    with db.batch(sync=False) as batch:
        for one in added:
            put_atx(batch, one, blob=blob)


def post(number: int, previous: AtxID | None, epoch: int, of: int = 1) -> AtxPost:
    return AtxPost(
        atx=atx_id(number),
        smesher=smesher(of),
        previous_atx=previous,
        previous_index=0,
        num_units=4,
        publish_epoch=EpochID(epoch),
    )


def add_posts(db: LevelDB, *added: AtxPost) -> None:
    with db.batch(sync=False) as batch:
        for one in added:
            put_post(batch, one)


def test_a_stored_atx_is_found_with_its_bytes(db: LevelDB) -> None:
    add(db, atx(1))
    assert atxs.get_atx(db, atx_id(1)) == atx(1)
    assert atxs.has_atx(db, atx_id(1))
    assert atxs.get_atx_blob(db, atx_id(1)) == b"atx"
    assert not atxs.is_checkpointed(db, atx_id(1))


def test_an_unknown_atx_is_not_found(db: LevelDB) -> None:
    assert atxs.find_atx(db, atx_id(1)) is None
    assert not atxs.has_atx(db, atx_id(1))
    assert not atxs.is_checkpointed(db, atx_id(1))
    with pytest.raises(NotFoundError, match="atx 0000"):
        atxs.get_atx(db, atx_id(1))
    with pytest.raises(NotFoundError, match="bytes of atx"):
        atxs.get_atx_blob(db, atx_id(1))


def test_an_atx_out_of_a_checkpoint_has_no_bytes(db: LevelDB) -> None:
    add(db, atx(1, received_ns=0, weight=0), blob=None)
    assert atxs.is_checkpointed(db, atx_id(1))
    assert atxs.find_atx_blob(db, atx_id(1)) is None


def test_atxs_of_an_epoch_come_by_identifier(db: LevelDB) -> None:
    add(db, atx(3), atx(1), atx(2, publish_epoch=EPOCHS[2]))
    assert list(atxs.atxs_in_epoch(db, EPOCHS[1])) == [atx(1), atx(3)]
    assert list(atxs.atx_ids_in_epoch(db, EPOCHS[1])) == [atx_id(1), atx_id(3)]
    assert [found.id for found in atxs.atxs_between(db, EPOCHS[0], EPOCHS[2])] == [
        atx_id(1),
        atx_id(3),
        atx_id(2),
    ]


def test_atxs_are_counted_by_epoch_and_in_all(db: LevelDB) -> None:
    assert atxs.count_atxs(db) == 0
    assert atxs.find_latest_epoch(db) is None
    add(db, atx(3), atx(1), atx(2, publish_epoch=EPOCHS[2]))
    assert atxs.count_atxs(db) == 3
    assert atxs.count_atxs(db, EPOCHS[1]) == 2
    assert atxs.count_atxs(db, EPOCHS[5]) == 0
    assert atxs.find_latest_epoch(db) == 2


def test_the_highest_atx_is_the_one_with_most_ticks(db: LevelDB) -> None:
    assert atxs.find_highest_atx(db) is None
    add(db, atx(1, base_tick_height=2**40), atx(2), atx(3, publish_epoch=EPOCHS[2]))
    found = atxs.find_highest_atx(db)
    assert found is not None
    assert found.id == atx_id(1)


def test_a_smeshers_atxs_come_by_epoch_then_by_reception(db: LevelDB) -> None:
    first = atx(5, received_ns=10)
    late = atx(1, publish_epoch=EPOCHS[2], received_ns=99)
    early = atx(9, publish_epoch=EPOCHS[2], received_ns=50)
    add(db, late, early, first, atx(7, smesher=smesher(2), publish_epoch=EPOCHS[8]))
    of = smesher(1)
    ordered = [first.id, early.id, late.id]
    assert list(atxs.atx_ids_of_smesher(db, of)) == ordered
    assert list(atxs.atx_ids_of_smesher(db, of, newest_first=True)) == ordered[::-1]
    assert list(atxs.atx_ids_of_smesher(db, of, before=EPOCHS[2])) == [first.id]
    assert list(atxs.atx_ids_of_smesher_in_epoch(db, of, EPOCHS[2])) == [early.id, late.id]
    assert atxs.find_first_atx(db, of) == first
    assert atxs.find_last_atx(db, of) == late
    assert atxs.find_last_atx(db, of, before=EPOCHS[2]) == first
    assert atxs.find_last_atx(db, of, before=EPOCHS[1]) is None
    assert atxs.find_first_atx(db, smesher(3)) is None
    assert atxs.newest_atxs(db, of, 2) == (late, early)
    assert atxs.newest_atxs(db, of, 9) == (late, early, first)


def test_the_nonce_of_an_epoch_is_that_of_the_last_atx_before_it(db: LevelDB) -> None:
    add(db, atx(1, vrf_nonce=11), atx(2, publish_epoch=EPOCHS[3], vrf_nonce=22))
    assert atxs.find_vrf_nonce(db, smesher(1), EPOCHS[1]) is None
    assert atxs.find_vrf_nonce(db, smesher(1), EPOCHS[3]) == 11
    assert atxs.find_vrf_nonce(db, smesher(1), EPOCHS[4]) == 22


def test_the_commitment_is_the_newest_that_was_declared(db: LevelDB) -> None:
    assert atxs.find_commitment_atx(db, smesher(1)) is None
    add(
        db,
        atx(1, commitment_atx=atx_id(77)),
        atx(2, publish_epoch=EPOCHS[2], commitment_atx=atx_id(88)),
        atx(3, publish_epoch=EPOCHS[3]),
    )
    assert atxs.find_commitment_atx(db, smesher(1)) == atx_id(88)


def test_atxs_are_found_by_coinbase(db: LevelDB) -> None:
    add(db, atx(1), atx(2, coinbase=address(2)), atx(3, publish_epoch=EPOCHS[0]))
    assert list(atxs.atx_ids_with_coinbase(db, address(1))) == [atx_id(3), atx_id(1)]
    assert list(atxs.atx_ids_with_coinbase(db, address(3))) == []


def test_merged_atxs_are_found_by_their_marriage(db: LevelDB) -> None:
    with db.batch(sync=False) as batch:
        put_atx(batch, atx(1), blob=b"atx", marriage_atx=atx_id(50))
        put_atx(batch, atx(2, publish_epoch=EPOCHS[2]), blob=b"atx", marriage_atx=atx_id(50))
        put_atx(batch, atx(3), blob=b"atx")
    assert list(atxs.atx_ids_with_marriage(db, atx_id(50), EPOCHS[1])) == [atx_id(1)]
    assert atxs.find_marriage_atx(db, atx_id(1)) == atx_id(50)
    assert atxs.find_marriage_atx(db, atx_id(3)) is None
    assert atxs.find_marriage_atx(db, atx_id(4)) is None


def test_all_smeshers_are_listed_once(db: LevelDB) -> None:
    last = type(smesher(1))(b"\xff" * 32)
    add(db, atx(1), atx(2), atx(3, smesher=smesher(9)), atx(4, smesher=last))
    assert list(atxs.smeshers_with_atxs(db)) == [smesher(1), smesher(9), last]


def test_validity_is_unknown_until_it_is_recorded(db: LevelDB) -> None:
    assert atxs.find_validity(db, atx_id(1)) is Validity.UNKNOWN
    for validity in (Validity.VALID, Validity.INVALID, Validity.UNKNOWN):
        with db.batch(sync=False) as batch:
            atxs.put_validity(batch, atx_id(1), validity)
        assert atxs.find_validity(db, atx_id(1)) is validity


def test_units_are_those_of_one_identity_in_one_atx(db: LevelDB) -> None:
    own, other = post(1, None, 1), post(1, atx_id(9), 1, of=2)
    add_posts(db, own, other)
    assert atxs.get_post(db, atx_id(1), smesher(2)) == other
    assert list(atxs.posts_in_atx(db, atx_id(1))) == [own, other]
    assert atxs.find_post(db, atx_id(2), smesher(1)) is None
    with pytest.raises(NotFoundError, match="post of smesher"):
        atxs.get_post(db, atx_id(2), smesher(1))


def test_the_previous_atx_is_the_newest_of_lower_epochs_with_a_post(db: LevelDB) -> None:
    add_posts(db, post(1, None, 1), post(2, atx_id(1), 2), post(3, atx_id(2), 4, of=2))
    assert atxs.find_previous_atx(db, smesher(1), EPOCHS[1]) is None
    assert atxs.find_previous_atx(db, smesher(1), EPOCHS[2]) == atx_id(1)
    assert atxs.find_previous_atx(db, smesher(1), EPOCHS[9]) == atx_id(2)
    assert list(atxs.atx_ids_with_post(db, smesher(1), EPOCHS[2])) == [atx_id(2)]


def test_atxs_that_name_the_same_previous_one_are_found(db: LevelDB) -> None:
    add_posts(db, post(1, None, 1), post(2, atx_id(1), 2), post(3, atx_id(1), 3), post(4, None, 1))
    assert list(atxs.atx_ids_after(db, smesher(1), atx_id(1))) == [atx_id(2), atx_id(3)]
    assert list(atxs.atx_ids_after(db, smesher(1), None)) == [atx_id(1), atx_id(4)]
    assert list(atxs.atx_ids_after(db, smesher(2), None)) == []
