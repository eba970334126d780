"""Transactions: pending, applied, reverted; in blocks and proposals."""

from dataclasses import replace

import pytest

from node.base.errors import NotFoundError
from node.store import schema, transactions
from node.store.db import LevelDB
from node.types.layer import LayerID
from node.types.transaction import Transaction
from tests.support.store_records import (
    address,
    block_id,
    header,
    proposal_id,
    result,
    transaction,
    transaction_id,
)

L = [LayerID(number) for number in range(40)]


def add(db: LevelDB, *added: Transaction, at: int = 100) -> None:
    with db.batch(sync=False) as batch:
        for number, one in enumerate(added):
            transactions.put_transaction(batch, one, at + number)


def apply(db: LevelDB, layer: int, applied: Transaction, *touched: int) -> None:
    with db.batch(sync=False) as batch:
        transactions.put_transaction_result(batch, applied, result(layer, *touched))


def pending_numbers(db: LevelDB, principal: int, from_nonce: int = 0) -> list[bytes]:
    found = transactions.pending_transactions(db, address(principal), from_nonce)
    return [stored.transaction.raw.raw for stored in found]


def test_a_new_transaction_is_pending(db: LevelDB) -> None:
    one = transaction(1, nonce=4)
    add(db, one)
    stored = transactions.get_transaction(db, one.raw.id)
    assert (stored.transaction, stored.received_ns, stored.result) == (one, 100, None)
    assert transactions.has_transaction(db, one.raw.id)
    assert transactions.find_transaction_blob(db, one.raw.id) == one.raw.raw
    assert transactions.find_applied_layer_of(db, one.raw.id) is None
    assert list(transactions.unapplied_transaction_ids(db)) == [one.raw.id]
    assert list(transactions.principals_with_pending(db)) == [(address(1), 4)]


def test_an_unknown_transaction_is_not_found(db: LevelDB) -> None:
    assert transactions.find_transaction(db, transaction_id(1)) is None
    assert transactions.find_transaction_blob(db, transaction_id(1)) is None
    with pytest.raises(NotFoundError, match="transaction"):
        transactions.get_transaction(db, transaction_id(1))


def test_a_transaction_without_header_is_unapplied_but_not_pending(db: LevelDB) -> None:
    raw = transaction(1, parsed=False)
    add(db, raw)
    assert list(transactions.unapplied_transaction_ids(db)) == [raw.raw.id]
    assert list(transactions.principals_with_pending(db)) == []
    with db.batch(sync=False) as batch:
        transactions.put_transaction_header(batch, raw.raw.id, header(2, 3))
    assert list(transactions.principals_with_pending(db)) == [(address(2), 3)]
    assert transactions.get_transaction(db, raw.raw.id).transaction.header == header(2, 3)


def test_pending_transactions_come_by_nonce_then_by_reception(db: LevelDB) -> None:
    late, early = transaction(1, nonce=300), transaction(2, nonce=300)
    low, other = transaction(3, nonce=2), transaction(4, principal=2, nonce=0)
    add(db, late, at=900)
    add(db, early, at=10)
    add(db, low, other)
    assert pending_numbers(db, 1) == [low.raw.raw, early.raw.raw, late.raw.raw]
    assert pending_numbers(db, 1, 3) == [early.raw.raw, late.raw.raw]
    assert list(transactions.principals_with_pending(db)) == [(address(1), 2), (address(2), 0)]


def test_an_applied_transaction_is_found_by_layer_and_address(db: LevelDB) -> None:
    one, two = transaction(1), transaction(2, nonce=1)
    add(db, one, two)
    apply(db, 20, one, 1, 5)
    apply(db, 21, two, 1)
    assert transactions.find_applied_layer_of(db, one.raw.id) == 20
    assert transactions.get_transaction(db, one.raw.id).result == result(20, 1, 5)
    assert list(transactions.unapplied_transaction_ids(db)) == []
    assert pending_numbers(db, 1) == []
    ids = [one.raw.id, two.raw.id]
    assert list(transactions.transaction_ids_applied(db, L[20], L[21])) == ids
    newest = transactions.transaction_ids_applied(db, L[20], L[21], newest_first=True)
    assert list(newest) == ids[::-1]
    touched = transactions.transaction_ids_of_address(db, address(1), L[0], L[39])
    assert list(touched) == ids
    assert list(transactions.transaction_ids_of_address(db, address(5), L[20], L[20])) == ids[:1]
    assert sorted(transactions.transaction_ids(db)) == sorted(ids)


def test_a_transaction_cannot_be_applied_without_header(db: LevelDB) -> None:
    with db.batch(sync=False) as batch, pytest.raises(ValueError, match="without a header"):
        transactions.put_transaction_result(batch, transaction(1, parsed=False), result(20))


def test_reverting_makes_transactions_pending_again(db: LevelDB) -> None:
    one, two = transaction(1), transaction(2, nonce=1)
    raw = transaction(3, parsed=False)
    add(db, one, two, raw)
    apply(db, 20, one, 1)
    apply(db, 21, two, 1, 2)
    apply(db, 22, replace(raw, header=header(3, 0)), 3)
    with db.batch(sync=False) as batch:
        transactions.revert_transactions(batch, db, L[20])
    assert transactions.find_applied_layer_of(db, one.raw.id) == 20
    assert transactions.find_transaction_result(db, two.raw.id) is None
    assert pending_numbers(db, 1) == [two.raw.raw]
    assert pending_numbers(db, 3) == [raw.raw.raw]
    assert list(transactions.transaction_ids_applied(db, L[0], L[39])) == [one.raw.id]
    assert list(transactions.transaction_ids_of_address(db, address(2), L[0], L[39])) == []
    assert set(transactions.unapplied_transaction_ids(db)) == {two.raw.id, raw.raw.id}


def test_blocks_and_proposals_of_a_transaction_come_by_layer(db: LevelDB) -> None:
    ids = [transaction_id(1), transaction_id(2)]
    with db.batch(sync=False) as batch:
        transactions.put_in_block(batch, ids, L[22], block_id(2))
        transactions.put_in_block(batch, ids[:1], L[21], block_id(1))
        transactions.put_in_proposal(batch, ids, L[21], proposal_id(1))
        transactions.put_in_proposal(batch, ids, L[20], proposal_id(2))
    assert list(transactions.blocks_with(db, ids[0])) == [(21, block_id(1)), (22, block_id(2))]
    assert list(transactions.blocks_with(db, ids[0], after=L[21])) == [(22, block_id(2))]
    assert list(transactions.proposals_with(db, ids[1])) == [
        (20, proposal_id(2)),
        (21, proposal_id(1)),
    ]
    assert list(transactions.proposals_with(db, ids[1], after=L[20])) == [(21, proposal_id(1))]


def test_old_links_of_proposals_are_pruned(db: LevelDB) -> None:
    ids = [transaction_id(1), transaction_id(2)]
    with db.batch(sync=False) as batch:
        transactions.put_in_proposal(batch, ids, L[20], proposal_id(1))
        transactions.put_in_proposal(batch, ids, L[21], proposal_id(2))
    assert transactions.prune_proposal_links(db, L[21], limit=9).rows == 2
    assert list(transactions.proposals_with(db, ids[0])) == [(21, proposal_id(2))]
    assert transactions.prune_proposal_links(db, L[22], limit=9).rows == 2
    assert list(db.keys(schema.TRANSACTION_IN_PROPOSAL)) == []
