"""Malfeasance and marriages."""

import pytest

from node.base.errors import NotFoundError
from node.store import identities
from node.store.db import LevelDB
from node.store.identities import Malfeasance, put_malfeasance, put_marriages
from node.types.ids import EdSignature
from node.types.marriage import Marriage
from tests.support.store_records import atx_id, smesher


def marriage(of: int, atx: int, index: int) -> Marriage:
    return Marriage(
        smesher=smesher(of),
        marriage_atx=atx_id(atx),
        index=index,
        target=smesher(1),
        signature=EdSignature.zero(),
    )


def marry(db: LevelDB, atx: int, *members: int) -> int:
    with db.batch(sync=False) as batch:
        return put_marriages(
            batch, db, [marriage(of, atx, index) for index, of in enumerate(members)]
        )


def members(db: LevelDB, marriage_id: int) -> list[int]:
    return [int.from_bytes(m[1:], "big") for m in identities.married_smeshers(db, marriage_id)]


def test_malfeasance_is_kept_with_proof_and_instant(db: LevelDB) -> None:
    proven = Malfeasance(smesher=smesher(2), proof=b"proof", received_ns=77)
    condemned = Malfeasance(smesher=smesher(1), proof=b"", received_ns=78)
    with db.batch(sync=False) as batch:
        put_malfeasance(batch, proven)
        put_malfeasance(batch, condemned)
    assert identities.is_malicious(db, smesher(1))
    assert identities.get_malfeasance(db, smesher(2)) == proven
    assert list(identities.malicious_smeshers(db)) == [smesher(1), smesher(2)]
    assert list(identities.malfeasances(db)) == [condemned, proven]
    assert identities.find_malfeasance_blob(db, smesher(2)) == b"proof"
    assert identities.find_malfeasance_blob(db, smesher(1)) is None


def test_an_honest_smesher_has_nothing_against_it(db: LevelDB) -> None:
    assert not identities.is_malicious(db, smesher(1))
    assert identities.find_malfeasance_blob(db, smesher(1)) is None
    with pytest.raises(NotFoundError, match="malfeasance of smesher"):
        identities.get_malfeasance(db, smesher(1))


def test_a_marriage_keeps_the_order_of_its_certificates(db: LevelDB) -> None:
    assert marry(db, 100, 5, 1, 3) == 1
    assert members(db, 1) == [5, 1, 3]
    assert identities.find_marriage(db, smesher(3)) == marriage(3, 100, 2)
    assert identities.find_marriage_id(db, smesher(3)) == 1
    assert identities.find_married_at(db, atx_id(100), 1) == smesher(1)
    assert identities.find_married_at(db, atx_id(100), 9) is None
    assert identities.equivocation_set(db, smesher(1)) == tuple(map(smesher, (5, 1, 3)))


def test_an_unmarried_smesher_is_alone(db: LevelDB) -> None:
    assert identities.find_marriage(db, smesher(1)) is None
    assert identities.find_marriage_id(db, smesher(1)) is None
    assert identities.equivocation_set(db, smesher(1)) == (smesher(1),)


def test_sets_get_ascending_numbers(db: LevelDB) -> None:
    assert [marry(db, 100, 1, 2), marry(db, 101, 3), marry(db, 102, 4, 5)] == [1, 2, 3]


def test_a_second_marriage_joins_the_sets_under_the_smallest_number(db: LevelDB) -> None:
    marry(db, 100, 1, 2)
    marry(db, 101, 3, 4)
    marry(db, 102, 5)
    assert marry(db, 103, 6, 4, 5, 7) == 2
    assert members(db, 1) == [1, 2]
    assert members(db, 2) == [3, 4, 5, 6, 7]
    assert members(db, 3) == []
    assert identities.find_marriage(db, smesher(4)) == marriage(4, 101, 1)
    assert [r.marriage_id for r in identities.marriage_records(db)] == [1, 1, 2, 2, 2, 2, 2]
    assert marry(db, 104, 8) == 3
