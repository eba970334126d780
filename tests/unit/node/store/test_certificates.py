"""Hare outputs and certificates of a layer."""

import pytest

from node.base.errors import NotFoundError
from node.store import certificates
from node.store.db import LevelDB
from node.types.ids import NO_BLOCK
from node.types.layer import LayerID
from tests.support.store_records import block_id, certificate

LAYER, LATER = LayerID(20), LayerID(21)
ONE, TWO = block_id(1), block_id(2)


def output(db: LevelDB, layer: LayerID, number: int, *, valid: bool = True) -> None:
    with db.batch(sync=False) as batch:
        certificates.put_hare_output(batch, layer, block_id(number), valid=valid)


def certify(db: LevelDB, layer: LayerID, number: int) -> None:
    with db.batch(sync=False) as batch:
        certificates.put_certificate(batch, layer, certificate(layer, block_id(number)))


def test_the_hare_output_is_the_one_valid_row(db: LevelDB) -> None:
    assert certificates.find_hare_output(db, LAYER) is None
    output(db, LAYER, 1)
    output(db, LAYER, 2, valid=False)
    assert certificates.find_hare_output(db, LAYER) == ONE
    assert certificates.find_certified_block(db, LAYER) is None


def test_two_valid_rows_contradict_each_other(db: LevelDB) -> None:
    output(db, LAYER, 1)
    output(db, LAYER, 2)
    assert certificates.find_hare_output(db, LAYER) == NO_BLOCK


def test_a_certificate_makes_its_row_valid(db: LevelDB) -> None:
    output(db, LAYER, 1, valid=False)
    certify(db, LAYER, 1)
    assert certificates.find_certified_block(db, LAYER) == ONE
    assert certificates.get_certificate(db, LAYER, ONE) == certificate(LAYER, ONE)
    (row,) = certificates.certificate_rows(db, LAYER)
    assert (row.block, row.is_valid) == (ONE, True)


def test_an_invalid_row_keeps_its_certificate(db: LevelDB) -> None:
    certify(db, LAYER, 1)
    with db.batch(sync=False) as batch:
        certificates.put_certificate_validity(batch, LAYER, ONE, valid=False)
    assert certificates.find_certified_block(db, LAYER) is None
    assert certificates.find_certificate(db, LAYER, ONE) is not None


def test_a_missing_certificate_is_not_found(db: LevelDB) -> None:
    with pytest.raises(NotFoundError, match="certificate in layer 20 of block"):
        certificates.get_certificate(db, LAYER, ONE)


def test_the_first_certified_block_of_a_range_is_not_empty(db: LevelDB) -> None:
    certify(db, LAYER, 0)
    assert certificates.find_first_certified_block(db, LAYER, LayerID(30)) is None
    certify(db, LATER, 2)
    assert certificates.find_first_certified_block(db, LAYER, LayerID(30)) == (LATER, TWO)
    assert certificates.find_first_certified_block(db, LAYER, LAYER) is None


def test_pruning_deletes_certificates_and_keeps_rows(db: LevelDB) -> None:
    certify(db, LAYER, 1)
    certify(db, LATER, 2)
    assert certificates.prune_certificates(db, LATER, limit=9).rows == 1
    assert certificates.find_certificate(db, LAYER, ONE) is None
    assert certificates.find_certificate(db, LATER, TWO) is not None
    assert certificates.find_hare_output(db, LAYER) == ONE
    assert [row.layer for row in certificates.certificate_rows_between(db, LAYER, LATER)] == [
        LAYER,
        LATER,
    ]
