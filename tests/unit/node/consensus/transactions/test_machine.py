"""Queues of accounts, and what a proposal offers."""

import pytest

from node.base.errors import IgnoreError
from node.consensus.transactions.machine import AccountQueue, Candidate, predict, select
from node.types.address import NO_ADDRESS, Address
from node.types.ids import TransactionID
from node.types.layer import LayerID
from node.types.transaction import LayerLimits, TransactionHeader


def candidate(
    name: int,
    nonce: int = 0,
    *,
    fee: int = 10,
    spend: int = 0,
    gas: int = 10,
    received: int = 0,
    account: int = 0,
) -> Candidate:
    header = TransactionHeader(
        principal=Address(bytes([account]) * 24),
        template=NO_ADDRESS,
        method=16,
        nonce=nonce,
        layer_limits=LayerLimits(min=0, max=0),
        max_gas=gas,
        gas_price=fee // gas,
        max_spend=spend,
    )
    return Candidate(TransactionID(bytes([name]) * 32), header, received)


def names(candidates: list[Candidate]) -> list[int]:
    return [c.id[0] for c in candidates]


def test_candidates_stand_by_nonce_with_the_balance_behind_them() -> None:
    queue = AccountQueue(next_nonce=5, balance=100)
    assert queue.projected == (5, 100)
    queue.add(candidate(2, 7, spend=20))
    queue.add(candidate(1, 5, spend=30))
    assert names(queue.candidates) == [1, 2]
    assert [c.balance_after for c in queue.candidates] == [60, 30]
    assert queue.projected == (8, 30)


def test_used_nonces_and_low_balances_are_refused() -> None:
    queue = AccountQueue(next_nonce=5, balance=100)
    with pytest.raises(IgnoreError, match="bad nonce"):
        queue.add(candidate(1, 4))
    with pytest.raises(IgnoreError, match="insufficient balance"):
        queue.add(candidate(1, 5, spend=91))
    queue.add(candidate(1, 5, spend=80))
    with pytest.raises(IgnoreError, match="insufficient balance"):
        queue.add(candidate(2, 6, spend=1))


def test_the_better_of_one_nonce_stays() -> None:
    queue = AccountQueue(next_nonce=0, balance=1000)
    queue.add(candidate(1, fee=10, received=5))
    queue.add(candidate(2, fee=10, received=6))
    assert names(queue.candidates) == [1]
    queue.add(candidate(3, fee=10, received=4))
    queue.add(candidate(4, fee=20, received=9))
    assert names(queue.candidates) == [4]


def test_what_can_no_longer_be_paid_waits_in_the_store() -> None:
    queue = AccountQueue(next_nonce=0, balance=100)
    queue.add(candidate(2, 1, spend=60))
    queue.add(candidate(1, 0, spend=50))
    assert names(queue.candidates) == [1]
    assert queue.has_more


def test_a_hundred_nonces_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.consensus.transactions.machine.MAX_NONCES", 2)
    queue = AccountQueue(next_nonce=0, balance=1000)
    queue.add(candidate(1, 1))
    queue.add(candidate(2, 2))
    queue.add(candidate(3, 3))
    assert (names(queue.candidates), queue.has_more) == ([1, 2], True)
    queue.add(candidate(4, 0))
    assert names(queue.candidates) == [4, 1]


def test_what_is_in_a_proposal_is_not_offered_again() -> None:
    queue = AccountQueue(next_nonce=0, balance=1000)
    for nonce in range(3):
        queue.add(candidate(nonce, nonce))
    assert queue.mark(TransactionID(b"\0" * 32), LayerID(9))
    assert queue.mark(TransactionID(b"\0" * 32), LayerID(7))
    assert queue.candidates[0].layer == 7
    assert names(queue.offered()) == [1, 2]
    assert not queue.mark(TransactionID(b"\x09" * 32), LayerID(7))
    for name in (1, 2):
        queue.mark(TransactionID(bytes([name]) * 32), LayerID(9))
    assert queue.offered() == []


def test_the_best_paying_come_first_in_nonce_order() -> None:
    queues = {
        Address(b"\0" * 24): [candidate(1, 0, fee=10), candidate(2, 1, fee=90)],
        Address(b"\1" * 24): [candidate(3, 0, fee=50, account=1)],
        Address(b"\2" * 24): [],
    }
    assert names(predict(queues, 1000)) == [3, 1, 2]
    assert names(predict(queues, 20)) == [3, 1]
    assert predict(queues, 0) == []


def test_an_account_that_does_not_fit_drops_out() -> None:
    queues = {
        Address(b"\0" * 24): [candidate(1, 0, fee=100, gas=50), candidate(2, 1, fee=90)],
        Address(b"\1" * 24): [candidate(3, 0, fee=50, account=1)],
    }
    assert names(predict(queues, 30)) == [3]


def test_a_sample_keeps_the_nonce_order() -> None:
    queue = [candidate(nonce, nonce, fee=10 * (10 - nonce)) for nonce in range(5)]
    counter = iter(range(100))

    def entropy(size: int) -> bytes:
        return next(counter).to_bytes(size, "little")

    assert [tx_id[0] for tx_id in select(queue, 5, entropy)] == [0, 1, 2, 3, 4]
    assert [tx_id[0] for tx_id in select(queue, 3, entropy)] == [0, 1, 2]
