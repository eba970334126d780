"""Ballots: by identifier, layer, smesher and ATX; first and last of a range."""

import pytest

from node.base import scale
from node.base.errors import NotFoundError
from node.store import ballots
from node.store.db import LevelDB
from node.store.identities import Malfeasance, put_malfeasance
from node.types.ballot import Ballot
from node.types.ids import NO_BALLOT
from node.types.layer import MAX_LAYER, LayerID
from tests.support.store_records import atx_id, ballot, smesher

FIRST, LAST = LayerID(20), LayerID(29)


def add(db: LevelDB, *added: Ballot) -> None:
    with db.batch(sync=False) as batch:
        for one in added:
            ballots.put_ballot(batch, one)


def test_a_ballot_is_found_by_its_identifier(db: LevelDB) -> None:
    stored = ballot(20)
    add(db, stored)
    assert ballots.get_ballot(db, stored.id) == stored
    assert ballots.find_ballot_blob(db, stored.id) == scale.encode(stored)
    assert ballots.has_ballot(db, stored.id)
    assert ballots.find_ballot(db, NO_BALLOT) is None
    assert not ballots.has_ballot(db, NO_BALLOT)
    with pytest.raises(NotFoundError, match="ballot"):
        ballots.get_ballot(db, NO_BALLOT)


def test_ballots_of_a_layer_come_by_smesher(db: LevelDB) -> None:
    one, two, later = ballot(20, of=1), ballot(20, of=2), ballot(21, of=1)
    add(db, later, two, one)
    assert list(ballots.ballots_in_layer(db, FIRST)) == [one, two]
    assert list(ballots.ballot_ids_in_layer(db, FIRST)) == [one.id, two.id]
    assert list(ballots.ballots_between(db, FIRST, MAX_LAYER)) == [one, two, later]
    assert ballots.count_ballots(db, FIRST) == 2
    assert ballots.find_latest_ballot_layer(db) == 21


def test_without_ballots_there_is_no_latest_layer(db: LevelDB) -> None:
    assert ballots.find_latest_ballot_layer(db) is None


def test_two_ballots_of_a_smesher_in_a_layer_are_seen(db: LevelDB) -> None:
    one, two = ballot(20, number=1), ballot(20, number=2)
    add(db, one, two, ballot(21))
    found = list(ballots.ballot_ids_of_smesher_in_layer(db, smesher(1), FIRST))
    assert found == sorted([one.id, two.id])
    assert list(ballots.ballot_ids_of_smesher_in_layer(db, smesher(2), FIRST)) == []


def test_first_and_last_ballot_stay_in_the_range(db: LevelDB) -> None:
    before, first, last, after = ballot(19), ballot(21), ballot(28), ballot(30)
    add(db, before, first, last, after, ballot(20, of=2))
    assert ballots.find_first_ballot(db, smesher(1), FIRST, LAST) == first
    assert ballots.find_last_ballot(db, smesher(1), FIRST, LAST) == last
    assert ballots.find_first_ballot_of_atx(db, atx_id(1), FIRST, LAST) == first
    assert ballots.find_last_ballot_of_atx(db, atx_id(1), FIRST, LAST) == last
    assert ballots.find_last_ballot(db, smesher(3), FIRST, LAST) is None
    assert ballots.find_first_ballot(db, smesher(1), LayerID(31), MAX_LAYER) is None


def test_every_smesher_has_one_first_ballot(db: LevelDB) -> None:
    one, two = ballot(22, of=1), ballot(21, of=2)
    twin = min(ballot(21, of=3, number=1), ballot(21, of=3, number=2), key=lambda b: b.id)
    add(db, one, two, ballot(23, of=1), ballot(25, of=2), ballot(40, of=4))
    add(db, ballot(21, of=3, number=1), ballot(21, of=3, number=2))
    assert list(ballots.first_ballots(db, FIRST, LAST)) == [two, twin, one]


def test_a_ballot_is_as_malicious_as_its_smesher(db: LevelDB) -> None:
    stored = ballot(20)
    assert not ballots.is_malicious_ballot(db, stored)
    with db.batch(sync=False) as batch:
        put_malfeasance(batch, Malfeasance(smesher=smesher(1), proof=b"p", received_ns=1))
    assert ballots.is_malicious_ballot(db, stored)
